//! Public reads.
//!
//! Comes in: parameters. Goes out: instruments, tickers, books, trades and bars (newest first),
//! funding. Deliberately absent: open interest, index and mark bars.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{self, SYMBOL, number};
use super::{Answer, Params, wrong};
use crate::engine::{Candle, Engine, Funding, Product, Trade};
use crate::hub::View;

pub(super) fn time(hub: &View<'_>, _: &Params) -> Answer {
    let now_ms = hub.now_ms();
    Ok(json!({"timeSecond": (now_ms / 1_000).to_string(), "timeNano": format!("{now_ms}000000")}))
}

pub(super) fn instruments(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.product()?;
    params.symbol()?;
    let rules = hub.engine(|engine| engine.rules(product).clone());
    let (step, most) = (number(rules.step), number(rules.max_qty));
    let (tick, notional) = (number(rules.tick), number(rules.min_notional));
    let instrument = match product {
        Product::Spot => {
            json!({"symbol": SYMBOL, "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0",
            "status": "Trading", "marginTrading": "none",
            "lotSizeFilter": {"basePrecision": step, "quotePrecision": "0.0000001", "minOrderQty": step,
                "maxOrderQty": most, "minOrderAmt": notional, "maxOrderAmt": "9000000"},
            "priceFilter": {"tickSize": tick}})
        }
        Product::Perp => {
            json!({"symbol": SYMBOL, "contractType": "LinearPerpetual", "status": "Trading",
            "baseCoin": "BTC", "quoteCoin": "USDT", "launchTime": "1584230400000", "deliveryTime": "0",
            "priceScale": "1", "settleCoin": "USDT", "fundingInterval": Funding::EVERY_MS / 60_000,
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "20", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": tick, "maxPrice": "1999999.8", "tickSize": tick},
            "lotSizeFilter": {"qtyStep": step, "minOrderQty": step, "maxOrderQty": most,
                "maxMktOrderQty": most, "minNotionalValue": notional}})
        }
    };
    let mut list = vec![instrument];
    if params.get("symbol").is_none() {
        list.push(not_trading(list[0].clone()));
    }
    Ok(json!({"category": words::category(product), "list": list, "nextPageCursor": ""}))
}

/// A market that is listed and does not trade.
fn not_trading(mut instrument: Value) -> Value {
    for (name, value) in [("symbol", "OLDUSDT"), ("baseCoin", "OLD"), ("status", "Closed")] {
        instrument[name] = value.into();
    }
    instrument
}

/// A ticker as the REST read and the topic show it.
pub(super) fn ticker(engine: &Engine, product: Product) -> Value {
    let (day, quote) = (engine.day(product), engine.quote(product));
    let change = (day.close - day.open).checked_div(day.open).unwrap_or_default();
    let mut ticker = json!({"symbol": SYMBOL, "lastPrice": number(day.close),
        "prevPrice24h": number(day.open), "price24hPcnt": change.round_dp(4).normalize().to_string(),
        "highPrice24h": number(day.high), "lowPrice24h": number(day.low),
        "turnover24h": number(day.turnover), "volume24h": number(day.volume)});
    for (name, value) in [
        ("bid1Price", quote.as_ref().map(|quote| quote.bid)),
        ("bid1Size", quote.as_ref().map(|quote| quote.bid_qty)),
        ("ask1Price", quote.as_ref().map(|quote| quote.ask)),
        ("ask1Size", quote.as_ref().map(|quote| quote.ask_qty)),
    ] {
        ticker[name] = value.map_or_else(String::new, number).into();
    }
    if product == Product::Perp {
        // By open interest clients tell a linear ticker from one of spot.
        let open = engine.account().position.qty.abs();
        ticker["openInterest"] = number(open).into();
        ticker["openInterestValue"] = number(open * engine.mark(product)).into();
        merge(&mut ticker, marks(engine.mark(product), engine.now_ms));
    }
    ticker
}

/// The part of a linear ticker that the mark price moves.
pub(super) fn marks(mark: Decimal, now_ms: i64) -> Value {
    json!({"symbol": SYMBOL, "markPrice": number(mark), "indexPrice": number(mark),
        "fundingRate": number(Funding::RATE), "nextFundingTime": Funding::next_ms(now_ms).to_string()})
}

/// Puts the fields of one object into another.
pub(super) fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}

pub(super) fn tickers(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.product()?;
    params.symbol()?;
    let list = hub.engine(|engine| [ticker(engine, product)]);
    Ok(json!({"category": words::category(product), "list": list}))
}

pub(super) fn orderbook(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.need_symbol()?;
    let limit = params.limit(if product == Product::Spot { 1 } else { 25 }, 500)?;
    let (number, update_id, mut bids, mut asks) = hub.engine(|engine| engine.snapshot(product));
    bids.truncate(limit);
    asks.truncate(limit);
    Ok(
        json!({"s": SYMBOL, "b": words::levels(&bids), "a": words::levels(&asks), "ts": hub.now_ms(),
        "u": number, "seq": update_id, "cts": hub.now_ms()}),
    )
}

pub(super) fn trades(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.need_symbol()?;
    let limit = params.limit(if product == Product::Spot { 60 } else { 500 }, 1_000)?;
    let render = |trade: &Trade| {
        json!({"execId": words::trade_id(product, trade.id), "symbol": SYMBOL,
            "price": number(trade.price), "size": number(trade.qty), "side": words::side(trade.taker),
            "time": trade.time_ms.to_string(), "isBlockTrade": false, "seq": trade.id.to_string()})
    };
    let trades = hub.engine(|engine| engine.trades(product, limit));
    let list: Value = trades.iter().rev().map(render).collect();
    Ok(json!({"category": words::category(product), "list": list}))
}

/// A bar as a row: open time, prices, volume, turnover.
fn row(candle: &Candle) -> [String; 7] {
    let texts =
        [candle.open, candle.high, candle.low, candle.close, candle.volume, candle.turnover];
    let [open, high, low, close, volume, turnover] = texts.map(number);
    [candle.open_ms.to_string(), open, high, low, close, volume, turnover]
}

pub(super) fn kline(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.need_symbol()?;
    let minutes = words::minutes(params.need("interval")?).ok_or_else(|| wrong("interval"))?;
    let limit = params.limit(200, 1_000)?;
    let (start_ms, end_ms) = (params.number("start")?, params.number("end")?);
    let candles = hub.engine(|engine| engine.candles(product, minutes));
    let wanted = candles.iter().rev().filter(|candle| {
        start_ms.is_none_or(|start| candle.open_ms >= start)
            && end_ms.is_none_or(|end| candle.open_ms <= end)
    });
    let list: Vec<_> = wanted.take(limit).map(row).collect();
    Ok(json!({"category": words::category(product), "symbol": SYMBOL, "list": list}))
}

pub(super) fn funding_history(hub: &View<'_>, params: &Params) -> Answer {
    if params.need_symbol()? != Product::Perp {
        return Err(wrong("category"));
    }
    let limit = params.limit(200, 200)?;
    let past =
        Funding::past(hub.now_ms(), params.number("startTime")?, params.number("endTime")?, limit);
    let render = |(at_ms, rate): (i64, Decimal)| json!({"symbol": SYMBOL, "fundingRate": number(rate), "fundingRateTimestamp": at_ms.to_string()});
    Ok(json!({"category": "linear", "list": past.rev().map(render).collect::<Value>()}))
}
