//! Public reads.
//!
//! Comes in: parameters. Goes out: instruments, books, trades, bars, tickers, funding.
//! Deliberately absent: limits and faults, which came before.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{self, SYMBOL, number};
use super::{Answer, Fail, Params, rules};
use crate::engine::{Candle, Funding, MINUTE_MS, Product, Side, Trade};
use crate::hub::View;

pub(super) fn ping(_: &View<'_>, _: Product, _: &Params) -> Answer {
    Ok(json!({}))
}

pub(super) fn time(hub: &View<'_>, _: Product, _: &Params) -> Answer {
    Ok(json!({"serverTime": hub.now_ms()}))
}

pub(super) fn info(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.symbol()?;
    let of = hub.engine(|engine| engine.rules(product).clone());
    let text = |value| number(product, value);
    let lot = |name| {
        json!({"filterType": name, "minQty": text(of.step), "maxQty": text(of.max_qty),
            "stepSize": text(of.step)})
    };
    let price = json!({"filterType": "PRICE_FILTER", "minPrice": text(of.tick),
        "maxPrice": text(Decimal::from(1_000_000)), "tickSize": text(of.tick)});
    let limits = &hub.config.limits;
    let limit = |kind: &str, interval: &str, number: u64, limit: u64| json!({"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit});
    let mut symbol =
        json!({"symbol": SYMBOL, "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"});
    let (more, rates) = match product {
        Product::Spot => (
            json!({"baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8,
                "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "quoteOrderQtyMarketAllowed": true,
                "isSpotTradingAllowed": true, "isMarginTradingAllowed": false,
                "cancelReplaceAllowed": true, "permissions": [], "permissionSets": [["SPOT"]],
                "baseCommissionPrecision": 8, "quoteCommissionPrecision": 8, "icebergAllowed": false,
                "ocoAllowed": false, "otoAllowed": false, "opoAllowed": false,
                "allowTrailingStop": false, "amendAllowed": false, "pegInstructionsAllowed": false,
                "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
                "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
                "filters": [price, lot("LOT_SIZE"), rules::filters(product)[0],
                    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000",
                    "maxQty": text(of.max_qty), "stepSize": "0.00000000"},
                    {"filterType": "ICEBERG_PARTS", "limit": 10},
                    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
                    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
                    {"filterType": "NOTIONAL",
                    "minNotional": text(of.min_notional), "applyMinToMarket": true,
                    "maxNotional": "9000000.00000000", "applyMaxToMarket": false, "avgPriceMins": 5}]}),
            json!([
                limit("REQUEST_WEIGHT", "MINUTE", 1, limits.binance_spot_weight),
                limit("ORDERS", "SECOND", 10, limits.binance_spot_orders),
                limit("ORDERS", "DAY", 1, limits.binance_spot_orders_day)
            ]),
        ),
        Product::Perp => (
            json!({"pair": SYMBOL, "contractType": "PERPETUAL", "marginAsset": "USDT",
                "pricePrecision": 2, "quantityPrecision": 3, "baseAssetPrecision": 8,
                "quotePrecision": 8, "underlyingType": "COIN", "onboardDate": 1_569_398_400_000_i64,
                "deliveryDate": 4_133_404_800_000_i64, "orderTypes": ["LIMIT", "MARKET"],
                "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
                "filters": [price, lot("LOT_SIZE"), lot("MARKET_LOT_SIZE"), rules::filters(product)[0],
                    {"filterType": "MIN_NOTIONAL", "notional": text(of.min_notional)}]}),
            json!([
                limit("REQUEST_WEIGHT", "MINUTE", 1, limits.binance_perp_weight),
                limit("ORDERS", "SECOND", 10, limits.binance_perp_orders),
                limit("ORDERS", "MINUTE", 1, limits.binance_perp_orders_minute)
            ]),
        ),
    };
    if let (Some(symbol), Value::Object(more)) = (symbol.as_object_mut(), more) {
        symbol.extend(more);
    }
    let symbols = match params.symbol()? {
        Some(_) => json!([symbol]),
        None => json!([symbol, not_trading(symbol.clone(), product)]),
    };
    let mut info = json!({"timezone": "UTC", "serverTime": hub.now_ms(), "rateLimits": rates,
        "exchangeFilters": [], "symbols": symbols});
    if product == Product::Perp {
        info["assets"] = json!([{"asset": "USDT", "marginAvailable": true,
            "autoAssetExchange": "-10000"}]);
    }
    Ok(info)
}

/// A market that is listed and does not trade.
fn not_trading(mut symbol: Value, product: Product) -> Value {
    let status = if product == Product::Spot { "BREAK" } else { "SETTLING" };
    for (name, value) in
        [("symbol", "OLDUSDT"), ("pair", "OLDUSDT"), ("baseAsset", "OLD"), ("status", status)]
    {
        if symbol.get(name).is_some() {
            symbol[name] = value.into();
        }
    }
    symbol
}

pub(super) fn depth(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let limit = params.limit(if product == Product::Spot { 100 } else { 500 }, 5_000)?;
    let (update_id, bids, asks) = hub.engine(|engine| engine.depth(product, limit));
    let mut depth = json!({"lastUpdateId": update_id, "bids": words::levels(product, &bids),
        "asks": words::levels(product, &asks)});
    if product == Product::Perp {
        depth["E"] = hub.now_ms().into();
        depth["T"] = hub.now_ms().into();
    }
    Ok(depth)
}

pub(super) fn trades(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let limit = params.limit(500, 1_000)?;
    let render = |trade: &Trade| {
        let mut row = json!({"id": trade.id, "price": number(product, trade.price),
            "qty": number(product, trade.qty), "quoteQty": number(product, trade.price * trade.qty),
            "time": trade.time_ms, "isBuyerMaker": trade.taker == Side::Sell});
        match product {
            Product::Spot => row["isBestMatch"] = true.into(),
            Product::Perp => row["isRPITrade"] = false.into(),
        }
        row
    };
    Ok(hub.engine(|engine| engine.trades(product, limit)).iter().map(render).collect())
}

/// One aggregate per trade: its id is the trade's.
pub(super) fn agg_trades(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let limit = params.limit(500, 1_000)?;
    let from = params.number("fromId")?.and_then(|id| u64::try_from(id).ok());
    let render = |trade: &Trade| {
        let mut row = json!({"a": trade.id, "p": number(product, trade.price),
            "q": number(product, trade.qty), "f": trade.id, "l": trade.id, "T": trade.time_ms,
            "m": trade.taker == Side::Sell});
        match product {
            Product::Spot => row["M"] = true.into(),
            Product::Perp => row["nq"] = number(product, trade.qty).into(),
        }
        row
    };
    let trades =
        hub.engine(|engine| engine.trades(product, if from.is_some() { 1_000 } else { limit }));
    let trades = trades.iter().filter(|trade| from.is_none_or(|from| trade.id >= from));
    Ok(trades.take(limit).map(render).collect())
}

/// A bar as a row: open time, prices, volume, close time, turnover, trades, taker volumes.
fn row(product: Product, candle: &Candle, minutes: i64) -> Value {
    let text = |value| number(product, value);
    json!([
        candle.open_ms,
        text(candle.open),
        text(candle.high),
        text(candle.low),
        text(candle.close),
        text(candle.volume),
        candle.open_ms + minutes * MINUTE_MS - 1,
        text(candle.turnover),
        candle.trades,
        text(candle.taker_buy),
        text(candle.taker_buy * candle.close),
        "0"
    ])
}

pub(super) fn klines(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let interval = params.need("interval")?;
    let minutes = words::minutes(interval).ok_or_else(|| Fail::new(-1120, "Invalid interval."))?;
    let limit = params.limit(500, if product == Product::Spot { 1_000 } else { 1_500 })?;
    let (start_ms, end_ms) = (params.number("startTime")?, params.number("endTime")?);
    let mut candles = hub.engine(|engine| engine.candles(product, minutes));
    candles.retain(|candle| {
        start_ms.is_none_or(|start| candle.open_ms >= start)
            && end_ms.is_none_or(|end| candle.open_ms <= end)
    });
    // With a start the page begins there, without one it ends at the newest bar.
    let skipped = if start_ms.is_some() { 0 } else { candles.len().saturating_sub(limit) };
    let page = candles.iter().skip(skipped).take(limit);
    Ok(page.map(|candle| row(product, candle, minutes)).collect())
}

/// One object where a symbol was asked for, a list of one where none was.
fn one_or_list(params: &Params, value: Value) -> Answer {
    Ok(if params.symbol()?.is_some() { value } else { json!([value]) })
}

pub(super) fn book_ticker(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.symbol()?;
    let quote = hub.engine(|engine| engine.quote(product));
    let text = |value: Option<Decimal>| number(product, value.unwrap_or_default());
    let mut ticker = json!({"symbol": SYMBOL,
        "bidPrice": text(quote.as_ref().map(|quote| quote.bid)),
        "bidQty": text(quote.as_ref().map(|quote| quote.bid_qty)),
        "askPrice": text(quote.as_ref().map(|quote| quote.ask)),
        "askQty": text(quote.as_ref().map(|quote| quote.ask_qty))});
    if product == Product::Perp {
        ticker["time"] = hub.now_ms().into();
        ticker["lastUpdateId"] = quote.map(|quote| quote.update_id).into();
    }
    one_or_list(params, ticker)
}

pub(super) fn day_ticker(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.symbol()?;
    let day = hub.engine(|engine| engine.day(product));
    let quote = hub.engine(|engine| engine.quote(product));
    let text = |value| number(product, value);
    let change = day.close - day.open;
    let percent = (change * Decimal::ONE_HUNDRED).checked_div(day.open).unwrap_or_default();
    let average = day.turnover.checked_div(day.volume).unwrap_or_default();
    let mut ticker = json!({"symbol": SYMBOL, "priceChange": text(change),
        "priceChangePercent": percent.round_dp(3).to_string(), "weightedAvgPrice": text(average),
        "lastPrice": text(day.close), "openPrice": text(day.open), "highPrice": text(day.high),
        "lowPrice": text(day.low), "volume": text(day.volume), "quoteVolume": text(day.turnover),
        "openTime": day.open_ms, "closeTime": hub.now_ms(), "count": day.trades});
    let trades = hub.engine(|engine| engine.trades(product, 1_000));
    ticker["lastQty"] = text(trades.last().map(|trade| trade.qty).unwrap_or_default()).into();
    ticker["firstId"] = trades.first().map_or(-1, |trade| trade.id as i64).into();
    ticker["lastId"] = trades.last().map_or(-1, |trade| trade.id as i64).into();
    if product == Product::Spot {
        ticker["prevClosePrice"] = text(day.open).into();
    }
    if let Some(quote) = quote.filter(|_| product == Product::Spot) {
        for (name, value) in [
            ("bidPrice", quote.bid),
            ("bidQty", quote.bid_qty),
            ("askPrice", quote.ask),
            ("askQty", quote.ask_qty),
        ] {
            ticker[name] = text(value).into();
        }
    }
    one_or_list(params, ticker)
}

pub(super) fn premium_index(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    let (mark, now_ms) = (hub.engine(|engine| engine.mark(product)), hub.now_ms());
    let mark = number(product, mark);
    one_or_list(
        params,
        json!({"symbol": SYMBOL, "markPrice": mark, "indexPrice": mark,
        "estimatedSettlePrice": mark, "lastFundingRate": format!("{:.8}", Funding::RATE),
        "interestRate": "0.00010000", "nextFundingTime": Funding::next_ms(now_ms), "time": now_ms}),
    )
}

pub(super) fn funding_rate(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.symbol()?;
    let limit = params.limit(100, 1_000)?;
    let (start_ms, end_ms) = (params.number("startTime")?, params.number("endTime")?);
    let mark = number(product, hub.engine(|engine| engine.mark(product)));
    let past = Funding::past(hub.now_ms(), start_ms, end_ms, limit);
    Ok(past
        .map(|(at_ms, rate)| {
            json!({"symbol": SYMBOL, "fundingTime": at_ms,
        "fundingRate": format!("{rate:.8}"), "markPrice": mark})
        })
        .collect())
}

pub(super) fn funding_info(_: &View<'_>, _: Product, _: &Params) -> Answer {
    // Only symbols whose interval or caps differ from the usual are listed, and this one does not.
    Ok(json!([]))
}
