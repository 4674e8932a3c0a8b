//! Streams of market data, by subscription, and which session is behind a path.
//!
//! Comes in: clients' messages and the engine's events. Goes out: the venue's stream messages.
//! Deliberately absent: partial-book streams, bars of other than one minute (silent when asked for),
//! and what an account is told; that is `users`.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Params;
use super::users::{PerpUser, SpotUser};
use super::words::{self, SYMBOL, number};
use crate::engine::{Candle, Depth, Event, Funding, MINUTE_MS, Product, Quote, Side, Trade};
use crate::faults::Route;
use crate::hub::Hub;
use crate::socket::{Said, Session};

/// Streams of one connection: the smaller of the venue's two bounds.
const STREAMS_MAX: usize = 200;

/// What a public socket serves. Each address of the perpetuals has its own streams since the split
/// of 2026-03; asking at the wrong one is acknowledged, and nothing ever comes.
const SPOT: &[&str] = &["trade", "aggTrade", "bookTicker", "depth", "kline", "ticker"];
const PERP_PUBLIC: &[&str] = &["bookTicker", "depth"];
const PERP_MARKET: &[&str] = &["aggTrade", "markPrice", "kline", "ticker"];

/// The session behind a path; streams can stand in the path or in the query.
pub(super) fn session(hub: &Hub, path: &str, query: &str) -> Option<Box<dyn Session>> {
    if path == "/ws-api/v3" {
        return Some(Box::new(SpotUser::default()));
    }
    let params = Params::of(query, "");
    let (product, serves, rest) = [
        ("/public", Product::Perp, PERP_PUBLIC),
        ("/market", Product::Perp, PERP_MARKET),
        ("/private", Product::Perp, &[]),
        ("", Product::Spot, SPOT),
    ]
    .into_iter()
    .find_map(|(prefix, product, serves)| Some((product, serves, path.strip_prefix(prefix)?)))?;
    let (is_combined, listed) = match rest {
        "/ws" => (false, ""),
        "/stream" => (true, ""),
        _ => (false, rest.strip_prefix("/ws/")?),
    };
    if path.starts_with("/private") {
        let key = params.get("listenKey").unwrap_or(listed).to_owned();
        let now_ms = hub.now_ms();
        let lives = hub.listen_keys(|keys| keys.get(&key).is_some_and(|ends_ms| *ends_ms > now_ms));
        return lives.then(|| Box::new(PerpUser::new(key)) as Box<dyn Session>);
    }
    let listed = if is_combined { params.get("streams").unwrap_or_default() } else { listed };
    let streams = listed.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some(Box::new(Public { product, serves, is_combined, streams }))
}

/// Market data of one product.
struct Public {
    product: Product,
    serves: &'static [&'static str],
    is_combined: bool,
    streams: BTreeSet<String>,
}

impl Public {
    /// The subscribed names of a topic, where this address serves it: only of the symbol there is.
    fn names(&self, topic: &str) -> Vec<&String> {
        let of_topic = |name: &&String| {
            name.split_once('@').is_some_and(|(symbol, stream)| {
                let (of, detail) = split(stream);
                symbol == "btcusdt" && of == topic && is_served(topic, detail)
            })
        };
        if self.serves.contains(&topic) {
            self.streams.iter().filter(of_topic).collect()
        } else {
            Vec::new()
        }
    }

    fn say(&self, topic: &str, data: impl Fn() -> Value) -> Vec<String> {
        let names = self.names(topic);
        let wrap = |name: &&String| match self.is_combined {
            true => json!({"stream": name, "data": data()}).to_string(),
            false => data().to_string(),
        };
        names.iter().map(wrap).collect()
    }
}

/// Whether a name has the form of a stream. More the venue does not look at: a symbol that nobody knows,
/// or a topic that is served elsewhere, is acknowledged, and nothing ever comes.
fn is_well_formed(name: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_@!".contains(&b))
    };
    name.split_once('@').is_some_and(|(symbol, stream)| word(symbol) && word(stream))
}

/// Whether a topic comes in this variant.
fn is_served(topic: &str, detail: &str) -> bool {
    match topic {
        "kline" => detail == "1m",
        "depth" => matches!(detail, "" | "100ms"),
        "markPrice" => matches!(detail, "" | "1s"),
        _ => detail.is_empty(),
    }
}

/// Topic and detail of a stream: `depth@100ms`, `kline_1m`.
fn split(stream: &str) -> (&str, &str) {
    stream.split_once(['@', '_']).unwrap_or((stream, ""))
}

impl Session for Public {
    fn route(&self) -> Route {
        Route::WsPublic
    }

    fn messages_per_s(&self) -> u64 {
        if self.product == Product::Spot { 5 } else { 10 }
    }

    fn hear(&mut self, _: &Hub, text: &str) -> Said {
        let Ok(asked) = serde_json::from_str::<Value>(text) else {
            return Said::one(json!({"error": {"code": 3, "msg": "Invalid JSON: expected value"}}));
        };
        let id = &asked["id"];
        let refuse = |msg: &str| {
            Said::one(
                json!({"error": {"code": 2, "msg": format!("Invalid request: {msg}")}, "id": id}),
            )
        };
        let names = asked["params"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
        let Some(names) = names else { return refuse("params must be text") };
        match asked["method"].as_str() {
            Some("SUBSCRIBE") => {
                if !names.iter().all(|name| is_well_formed(name)) {
                    return refuse("invalid stream");
                }
                if self.streams.len() + names.len() > STREAMS_MAX {
                    return refuse("too many streams");
                }
                self.streams.extend(names.into_iter().map(str::to_owned));
                Said::one(json!({"result": null, "id": id}))
            }
            Some("UNSUBSCRIBE") => {
                names.iter().for_each(|name| {
                    self.streams.remove(*name);
                });
                Said::one(json!({"result": null, "id": id}))
            }
            Some("LIST_SUBSCRIPTIONS") => Said::one(json!({"result": self.streams, "id": id})),
            _ => refuse("unknown method"),
        }
    }

    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String> {
        match event {
            Event::Trade(trade) if trade.product == self.product => {
                let mut said = self.say("trade", || public_trade(trade, false));
                said.extend(self.say("aggTrade", || public_trade(trade, true)));
                said
            }
            Event::Quote(quote) if quote.product == self.product => {
                self.say("bookTicker", || book_ticker(quote))
            }
            Event::Depth(depth) if depth.product == self.product => {
                self.say("depth", || difference(depth))
            }
            Event::Candle(product, candle, closed) if *product == self.product => {
                let now_ms = hub.now_ms();
                let mut said = self.say("kline", || kline(*product, candle, *closed, now_ms));
                if !self.names("ticker").is_empty() {
                    let day = hub.engine(|engine| engine.day(*product));
                    said.extend(self.say("ticker", || day_ticker(*product, &day, now_ms)));
                }
                said
            }
            Event::Mark(mark, at_ms) if self.product == Product::Perp => {
                self.say("markPrice", || mark_price(*mark, *at_ms))
            }
            _ => Vec::new(),
        }
    }
}

fn public_trade(trade: &Trade, aggregate: bool) -> Value {
    let text = |value| number(trade.product, value);
    let mut json = json!({"e": "trade", "E": trade.time_ms, "s": SYMBOL, "p": text(trade.price),
        "q": text(trade.qty), "T": trade.time_ms, "m": trade.taker == Side::Sell});
    if trade.product == Product::Spot {
        json["M"] = true.into();
    }
    if aggregate {
        json["e"] = "aggTrade".into();
        for name in ["a", "f", "l"] {
            json[name] = trade.id.into();
        }
    } else {
        json["t"] = trade.id.into();
    }
    json
}

fn book_ticker(quote: &Quote) -> Value {
    let text = |value| number(quote.product, value);
    let mut json = json!({"u": quote.update_id, "s": SYMBOL, "b": text(quote.bid),
        "B": text(quote.bid_qty), "a": text(quote.ask), "A": text(quote.ask_qty)});
    if quote.product == Product::Perp {
        json["e"] = "bookTicker".into();
        json["E"] = quote.time_ms.into();
        json["T"] = quote.time_ms.into();
    }
    json
}

fn difference(depth: &Depth) -> Value {
    let mut json = json!({"e": "depthUpdate", "E": depth.time_ms, "s": SYMBOL, "U": depth.first,
        "u": depth.last, "b": words::levels(depth.product, &depth.bids),
        "a": words::levels(depth.product, &depth.asks)});
    if depth.product == Product::Perp {
        json["T"] = depth.time_ms.into();
        json["pu"] = depth.previous.into();
    }
    json
}

fn kline(product: Product, candle: &Candle, closed: bool, now_ms: i64) -> Value {
    let text = |value| number(product, value);
    json!({"e": "kline", "E": now_ms, "s": SYMBOL, "k": {"t": candle.open_ms,
        "T": candle.open_ms + MINUTE_MS - 1, "s": SYMBOL, "i": "1m", "f": -1, "L": -1,
        "o": text(candle.open), "c": text(candle.close), "h": text(candle.high), "l": text(candle.low),
        "v": text(candle.volume), "n": candle.trades, "x": closed, "q": text(candle.turnover),
        "V": text(candle.taker_buy), "Q": text(candle.taker_buy * candle.close), "B": "0"}})
}

fn day_ticker(product: Product, day: &Candle, now_ms: i64) -> Value {
    let text = |value| number(product, value);
    let change = day.close - day.open;
    let percent = (change * Decimal::ONE_HUNDRED).checked_div(day.open).unwrap_or_default();
    json!({"e": "24hrTicker", "E": now_ms, "s": SYMBOL, "p": text(change),
        "P": percent.round_dp(3).to_string(), "c": text(day.close), "o": text(day.open),
        "h": text(day.high), "l": text(day.low), "v": text(day.volume), "q": text(day.turnover),
        "O": day.open_ms, "C": now_ms, "n": day.trades})
}

fn mark_price(mark: Decimal, at_ms: i64) -> Value {
    let mark = number(Product::Perp, mark);
    json!({"e": "markPriceUpdate", "E": at_ms, "s": SYMBOL, "p": mark, "i": mark, "P": mark,
        "r": format!("{:.8}", Funding::RATE), "T": Funding::next_ms(at_ms)})
}
