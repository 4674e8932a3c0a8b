//! Polls a URL that answers with JSON and gives its prices as market data.
//!
//! Comes in: one answer each round. Goes out: a quote, and a trade where the answer names a new price.
//! What the answer lacks is an error of the round, and the next round asks again. Deliberately absent:
//! more than one instrument, and any guess at prices that are not there.

use wickd_sdk::exchange::{Json, Rounding};
use wickd_sdk::http::Request;
use wickd_sdk::prelude::*;
use wickd_sdk::{Feed, Out, Runtime};

/// What an operator can set. A path leads to a value by names and places: `data.0.bid`.
#[derive(Params)]
pub struct Config {
    /// What to ask.
    #[param(default = "http://127.0.0.1:8080/price", max = 1024)]
    url: String,
    /// Milliseconds between two answers.
    #[param(default = 1000, min = 10, max = 60000)]
    every_ms: u32,
    /// Path to the bid; empty: no quotes.
    #[param(default = "bid", max = 256)]
    bid: String,
    /// Path to the ask; empty: no quotes.
    #[param(default = "ask", max = 256)]
    ask: String,
    /// Path to the price of the last trade; empty: no trades.
    #[param(default = "", max = 256)]
    price: String,
    /// Path to the time of it all, in milliseconds since 1970; empty: when it was asked.
    #[param(default = "", max = 256)]
    time: String,
    /// Size of each side and of each trade, in base units: an answer with prices alone says none.
    #[param(default = "1", min = "0.000001", max = "1000000", step = "0.000001")]
    size: Decimal,
}

/// The plugin.
pub struct JsonFeed {
    config: Config,
    instrument: Instrument,
    size: Qty,
    /// Time and price of the last trade given: the same again is no new one.
    traded: Option<(Option<TsNs>, Px)>,
    trades: u64,
}

impl Feed for JsonFeed {
    type Params = Config;

    fn new(config: Config, instruments: Vec<Instrument>) -> Result<Self, Vec<Issue>> {
        if !config.url.starts_with("https://") && !config.url.starts_with("http://") {
            return Err(issue("url", "start it with https://"));
        }
        if config.bid.is_empty() != config.ask.is_empty() {
            return Err(issue("ask", "a quote needs both `bid` and `ask`"));
        }
        if config.bid.is_empty() && config.price.is_empty() {
            return Err(issue("price", "without quotes and trades there is nothing to give"));
        }
        let Ok([instrument]) = <[Instrument; 1]>::try_from(instruments) else {
            return Err(issue("instruments", "name exactly one instrument"));
        };
        let Some(size) = instrument.qty(config.size).filter(|size| *size > Qty::ZERO) else {
            return Err(issue("size", "it is less than a step of the instrument"));
        };
        Ok(Self { config, instrument, size, traded: None, trades: 0 })
    }

    fn run(&mut self, ctx: &Runtime, out: &mut Out) -> Result<Duration, String> {
        let answer = Request::get(&self.config.url).send().map_err(|error| error.to_string())?;
        if !(200..300).contains(&answer.status) {
            return Err(format!("the server answers {}", answer.status));
        }
        self.give(&answer.body, ctx.now(), out)?;
        Ok(Duration::from_millis(self.config.every_ms.into()))
    }
}

impl JsonFeed {
    fn give(&mut self, body: &[u8], now: TsNs, out: &mut Out) -> Result<(), String> {
        let answer = Json::parse(body).map_err(|error| error.to_string())?;
        let said = match self.config.time.as_str() {
            "" => None,
            path => Some(at(answer, path)?.ms().map_err(|error| format!("`{path}`: {error}"))?),
        };
        let (id, ts) = (self.instrument.id, said.unwrap_or(now));
        if !self.config.bid.is_empty() {
            // Each away from the other: a finer price than the instrument's never crosses them.
            let bid = self.price(answer, &self.config.bid, Rounding::Down)?;
            let ask = self.price(answer, &self.config.ask, Rounding::Up)?;
            if !out.quote(id, ts, (bid, self.size), (ask, self.size)) {
                return Err("the answer's quote cannot be: crossed, or not above zero".to_owned());
            }
        }
        if !self.config.price.is_empty() {
            let price = self.price(answer, &self.config.price, Rounding::Down)?;
            if self.traded != Some((said, price)) {
                self.traded = Some((said, price));
                self.trades += 1;
                if !out.trade(id, ts, price, self.size, (Aggressor::None, self.trades)) {
                    return Err("the answer's price cannot be: it is not above zero".to_owned());
                }
            }
        }
        Ok(())
    }

    fn price(&self, answer: Json<'_>, path: &str, rounding: Rounding) -> Result<Px, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("`{path}`: {error}");
        let exact = at(answer, path)?.exact().map_err(|error| wrong(&error))?;
        exact.at(self.instrument.price_scale, rounding).map(Px).map_err(|error| wrong(&error))
    }
}

/// The value at a path.
fn at<'a>(answer: Json<'a>, path: &str) -> Result<Json<'a>, String> {
    let mut value = answer;
    for name in path.split('.') {
        let next = match value.is_list() {
            true => {
                let items = value.list().map_err(|error| error.to_string())?;
                name.parse().ok().and_then(|place: usize| items.get(place).copied())
            }
            false => value.object().ok().and_then(|fields| fields.get(name)),
        };
        value = next.ok_or_else(|| format!("the answer has no `{name}` of `{path}`"))?;
    }
    Ok(value)
}

wickd_sdk::export_feed!(JsonFeed);

#[cfg(test)]
mod tests;
