//! Public reads.
//!
//! Comes in: parameters. Goes out: instruments, tickers, books, trades, bars (newest first),
//! funding. Deliberately absent: index prices and open interest.

use serde_json::{Value, json};

use super::words::{self, number, size};
use super::{Answer, Fail, Params};
use crate::engine::{Candle, Engine, Funding, Product, Trade};
use crate::hub::View;

pub(super) fn time(hub: &View<'_>, _: &Params, _: &Value) -> Answer {
    Ok(json!([{"ts": hub.now_ms().to_string()}]).into())
}

fn instrument(engine: &Engine, product: Product) -> Value {
    let rules = engine.rules(product);
    let lot = size(product, rules.step);
    let most = size(product, rules.max_qty);
    let (settle, value, multiplier, unit, kind) = match product {
        Product::Spot => ("", "", "", "", ""),
        Product::Perp => ("USDT", "0.01", "1", "BTC", "linear"),
    };
    let (base, quote) = if product == Product::Spot { ("BTC", "USDT") } else { ("", "") };
    let family = if product == Product::Spot { "" } else { "BTC-USDT" };
    json!({"instType": words::kind_of(product), "instId": words::instrument(product), "uly": family,
        "instFamily": family, "baseCcy": base, "quoteCcy": quote, "settleCcy": settle,
        "ctVal": value, "ctMult": multiplier, "ctValCcy": unit, "ctType": kind, "optType": "",
        "stk": "", "listTime": "1611907686000", "expTime": "", "lever": "20",
        "tickSz": number(rules.tick), "lotSz": lot, "minSz": lot, "maxLmtSz": most, "maxMktSz": most,
        "state": "live", "alias": "", "ruleType": "normal"})
}

pub(super) fn instruments(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    params.need("instType")?;
    let wanted: Vec<_> =
        Product::ALL.into_iter().filter(|product| params.wants(*product)).collect();
    let rows = |engine: &mut Engine| {
        let all = wanted.iter().flat_map(|product| {
            let row = instrument(engine, *product);
            let others = params.get("instId").is_none().then(|| others(&row, *product));
            std::iter::once(row).chain(others.into_iter().flatten())
        });
        all.collect::<Value>()
    };
    Ok(hub.engine(rows).into())
}

/// Markets that are listed and do not trade: one that is suspended, and one that has not opened, whose
/// numbers are empty.
fn others(row: &Value, product: Product) -> [Value; 2] {
    let tail = if product == Product::Spot { "" } else { "-SWAP" };
    let renamed = |name: &str, state: &str| {
        let mut row = row.clone();
        row["instId"] = format!("{name}-USDT{tail}").into();
        row["state"] = state.into();
        match product {
            Product::Spot => row["baseCcy"] = name.into(),
            Product::Perp => {
                row["uly"] = format!("{name}-USDT").into();
                row["instFamily"] = row["uly"].clone();
            }
        }
        row
    };
    let mut unopened = renamed("NEW", "preopen");
    for name in ["tickSz", "lotSz", "minSz", "maxLmtSz", "maxMktSz", "ctVal", "ctMult"] {
        unopened[name] = "".into();
    }
    [renamed("OLD", "suspend"), unopened]
}

/// A ticker as the REST read and the channel show it.
pub(super) fn ticker_of(engine: &Engine, product: Product) -> Value {
    let (day, quote) = (engine.day(product), engine.quote(product));
    let last = engine.trades(product, 1).pop();
    let price = |value: Option<_>| value.map_or_else(String::new, number);
    let quantity = |value: Option<_>| value.map_or_else(String::new, |qty| size(product, qty));
    let turnover = if product == Product::Spot { day.turnover } else { day.volume };
    json!({"instType": words::kind_of(product), "instId": words::instrument(product),
        "last": number(last.as_ref().map_or(day.close, |trade| trade.price)),
        "lastSz": quantity(last.as_ref().map(|trade| trade.qty)),
        "bidPx": price(quote.as_ref().map(|quote| quote.bid)),
        "bidSz": quantity(quote.as_ref().map(|quote| quote.bid_qty)),
        "askPx": price(quote.as_ref().map(|quote| quote.ask)),
        "askSz": quantity(quote.as_ref().map(|quote| quote.ask_qty)),
        "open24h": number(day.open), "high24h": number(day.high), "low24h": number(day.low),
        "vol24h": size(product, day.volume), "volCcy24h": number(turnover),
        "ts": engine.now_ms.to_string()})
}

pub(super) fn ticker(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let product = params.product()?;
    Ok(json!([hub.engine(|engine| ticker_of(engine, product))]).into())
}

pub(super) fn tickers(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    params.need("instType")?;
    let wanted = Product::ALL.into_iter().filter(|product| params.wants(*product));
    Ok(hub
        .engine(|engine| wanted.map(|product| ticker_of(engine, product)).collect::<Value>())
        .into())
}

pub(super) fn books(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let product = params.product()?;
    let count = params.number("sz")?.unwrap_or(1).clamp(1, 400);
    let (update_id, bids, asks) =
        hub.engine(|engine| engine.depth(product, usize::try_from(count).unwrap_or(1)));
    Ok(json!([{"asks": words::levels(product, &asks), "bids": words::levels(product, &bids),
        "ts": hub.now_ms().to_string(), "seqId": update_id}])
    .into())
}

/// A public trade as the REST read and the channel show it.
pub(super) fn trade(trade: &Trade) -> Value {
    json!({"instId": words::instrument(trade.product), "tradeId": trade.id.to_string(),
        "px": number(trade.price), "sz": size(trade.product, trade.qty),
        "side": words::side(trade.taker), "ts": trade.time_ms.to_string()})
}

pub(super) fn trades(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let (product, limit) = (params.product()?, params.limit(100, 500)?);
    let trades = hub.engine(|engine| engine.trades(product, limit));
    Ok(trades.iter().rev().map(trade).collect::<Value>().into())
}

/// A bar as a row: open time, prices, size, base or quote volume, quote volume, whether it is closed.
pub(super) fn row(product: Product, candle: &Candle, closed: bool) -> Value {
    let base_or_quote = if product == Product::Spot { candle.turnover } else { candle.volume };
    json!([
        candle.open_ms.to_string(),
        number(candle.open),
        number(candle.high),
        number(candle.low),
        number(candle.close),
        size(product, candle.volume),
        number(base_or_quote),
        number(candle.turnover),
        if closed { "1" } else { "0" }
    ])
}

/// Newest first; `after` asks for older bars than a time, `before` for newer ones.
pub(super) fn candles(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let (product, limit) = (params.product()?, params.limit(100, 300)?);
    let bar = params.get("bar").unwrap_or("1m");
    let minutes = words::minutes(bar).ok_or_else(|| super::wrong("bar"))?;
    let (after, before) = (params.number("after")?, params.number("before")?);
    let candles = hub.engine(|engine| engine.candles(product, minutes));
    let newest_ms = candles.last().map_or(0, |candle| candle.open_ms);
    let wanted = candles.iter().rev().filter(|candle| {
        after.is_none_or(|after| candle.open_ms < after)
            && before.is_none_or(|before| candle.open_ms > before)
    });
    let rows = wanted.take(limit).map(|candle| row(product, candle, candle.open_ms < newest_ms));
    Ok(rows.collect::<Value>().into())
}

fn need_swap(params: &Params) -> Result<(), Fail> {
    match params.product()? {
        Product::Perp => Ok(()),
        Product::Spot => Err(Fail::new(51001, "Instrument ID doesn't exist.")),
    }
}

/// The running funding as the REST read and the channel show it.
pub(super) fn funding(now_ms: i64) -> Value {
    let next_ms = Funding::next_ms(now_ms);
    json!({"instType": "SWAP", "instId": words::instrument(Product::Perp), "method": "current_period",
        "fundingRate": number(Funding::RATE), "nextFundingRate": "", "fundingTime": next_ms.to_string(),
        "nextFundingTime": (next_ms + Funding::EVERY_MS).to_string(), "minFundingRate": "-0.00375",
        "maxFundingRate": "0.00375", "settState": "settled", "ts": now_ms.to_string()})
}

pub(super) fn funding_rate(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    need_swap(params)?;
    Ok(json!([funding(hub.now_ms())]).into())
}

pub(super) fn funding_history(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    need_swap(params)?;
    let (after, before) = (params.number("after")?, params.number("before")?);
    let past = Funding::past(
        hub.now_ms(),
        before.map(|before| before + 1),
        after.map(|after| after - 1),
        params.limit(400, 400)?,
    );
    let render = |(at_ms, rate): (i64, _)| {
        json!({"instType": "SWAP", "instId": words::instrument(Product::Perp),
            "fundingRate": number(rate), "realizedRate": number(rate),
            "fundingTime": at_ms.to_string(), "method": "current_period"})
    };
    Ok(past.rev().map(render).collect::<Value>().into())
}

pub(super) fn mark_price(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let wanted = Product::ALL.into_iter().filter(|product| params.wants(*product));
    let now_ms = hub.now_ms();
    let marks = hub.engine(|engine| {
        wanted.map(|product| mark(product, engine.mark(product), now_ms)).collect::<Value>()
    });
    Ok(marks.into())
}

/// A mark price as the REST read and the channel show it.
pub(super) fn mark(product: Product, price: rust_decimal::Decimal, now_ms: i64) -> Value {
    json!({"instType": words::kind_of(product), "instId": words::instrument(product),
        "markPx": number(price), "ts": now_ms.to_string()})
}
