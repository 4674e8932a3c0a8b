//! Replies of the REST interfaces.
//!
//! Comes in: the body of a success. Goes out: the reply of the contract. Deliberately absent:
//! failures; `errors` has seen them before.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Balance, BarRange, Book, Candle, Failure, Funding, Levels, Listing, Market, Markets, Operation,
    Print, Reply, Rounding, Top,
};
use wickd_sdk::{Aggressor, Product, TsNs};

use crate::account;
use crate::is_usdm;

/// Millionths.
const PPM_SCALE: u8 = 6;

pub(crate) fn parse(
    markets: &Markets,
    operation: &Operation,
    body: &[u8],
    now: TsNs,
) -> Result<Reply, Failure> {
    match operation {
        Operation::Create(order) => account::accepted(markets.get(order.instrument)?, body),
        Operation::Amend(change) => account::accepted(markets.get(change.order.instrument)?, body),
        Operation::Cancel(order) => account::accepted(markets.get(order.instrument)?, body),
        Operation::Order(order) => {
            let market = markets.get(order.instrument)?;
            Ok(Reply::Orders(vec![account::order(market, &Object::parse(body)?)?]))
        }
        Operation::OpenOrders(instrument) => {
            let market = markets.get(*instrument)?;
            Ok(Reply::Orders(each(body, |row| account::order(market, &row.object()?))?))
        }
        Operation::OrderHistory(range) => {
            let market = markets.get(range.instrument)?;
            Ok(Reply::Orders(each(body, |row| account::order(market, &row.object()?))?))
        }
        Operation::Fills(range) => {
            let market = markets.get(range.instrument)?;
            Ok(Reply::Fills(each(body, |row| account::fill(market, &row.object()?))?))
        }
        Operation::OrderFills(order) => {
            let market = markets.get(order.instrument)?;
            Ok(Reply::Fills(each(body, |row| account::fill(market, &row.object()?))?))
        }
        Operation::Balances(product) => balances(*product, body),
        Operation::Positions(_) => positions(markets, body),
        Operation::OpenSession(_) => {
            Ok(Reply::Session(Object::parse(body)?.text("listenKey")?.into_owned()))
        }
        Operation::KeepSession(token) => Ok(Reply::Session(token.clone())),
        public => public_reply(markets, public, body, now),
    }
}

fn public_reply(
    markets: &Markets,
    operation: &Operation,
    body: &[u8],
    now: TsNs,
) -> Result<Reply, Failure> {
    match operation {
        Operation::ServerTime => Ok(Reply::Time(Object::parse(body)?.ms("serverTime")?)),
        Operation::Instruments(product) => listings(*product, body),
        Operation::Ticker(instrument) => {
            let market = markets.get(*instrument)?;
            let top = Object::parse(body)?;
            // Spot does not date its best prices.
            let ts_event = if is_usdm(market.product) { top.ms("time")? } else { now };
            let names = ["bidPrice", "askPrice", "bidQty", "askQty"];
            Ok(Reply::Ticker(best(market, &top, names, ts_event)?))
        }
        Operation::Book(asked) => {
            let market = markets.get(asked.instrument)?;
            let book = Object::parse(body)?;
            let ts_event = if is_usdm(market.product) { book.ms("T")? } else { now };
            let (bids, asks) = levels(market, &book, ["bids", "asks"])?.sides();
            let sequence = book.whole("lastUpdateId")?;
            let instrument = market.instrument;
            Ok(Reply::Book(Book { instrument, ts_event, sequence, bids, asks }))
        }
        Operation::Trades(range) => {
            let market = markets.get(range.instrument)?;
            Ok(Reply::Trades(each(body, |row| print(market, &row.object()?))?))
        }
        Operation::Bars(bars) => {
            let market = markets.get(bars.range.instrument)?;
            Ok(Reply::Bars(each(body, |row| candle(market, bars, row, now))?))
        }
        Operation::FundingRate(instrument) => {
            let market = markets.get(*instrument)?;
            let index = Object::parse(body)?;
            let names = ["lastFundingRate", "time", "nextFundingTime"];
            Ok(Reply::Funding(vec![funding(market, &index, names)?]))
        }
        Operation::FundingHistory(range) => {
            let market = markets.get(range.instrument)?;
            let past =
                |row: Json<'_>| funding(market, &row.object()?, ["fundingRate", "fundingTime", ""]);
            Ok(Reply::Funding(each(body, past)?))
        }
        other => Err(other.unsupported()),
    }
}

fn each<T>(
    body: &[u8],
    read: impl FnMut(Json<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    Json::parse(body)?.list()?.into_iter().map(read).collect()
}

/// Best prices; `names` of bid, ask, and their sizes.
pub(crate) fn best(
    market: &Market,
    from: &Object<'_>,
    names: [&str; 4],
    ts_event: TsNs,
) -> Result<Top, Malformed> {
    let [bid, ask, bid_qty, ask_qty] = names;
    Ok(Top {
        instrument: market.instrument,
        ts_event,
        bid: market.px(from, bid)?,
        ask: market.px(from, ask)?,
        bid_qty: market.qty(from, bid_qty)?,
        ask_qty: market.qty(from, ask_qty)?,
    })
}

/// Both sides of a book, or of its changes.
pub(crate) fn levels(
    market: &Market,
    from: &Object<'_>,
    [bids, asks]: [&str; 2],
) -> Result<Levels, Malformed> {
    let side = |name: &str, words: &mut Vec<i64>| {
        from.need(name)?.pairs(|price, size| {
            words.push(price.scaled(market.price_scale)?);
            words.push(size.scaled(market.size_scale)?);
            Ok(())
        })
    };
    Levels::read(|words| side(bids, words), |words| side(asks, words))
}

/// A public trade: what one order took at one price.
pub(crate) fn print(market: &Market, from: &Object<'_>) -> Result<Print, Malformed> {
    Ok(Print {
        instrument: market.instrument,
        ts_event: from.ms("T")?,
        price: market.px(from, "p")?,
        size: market.qty(from, "q")?,
        // `m`: the buyer was the maker.
        aggressor: if from.flag("m") { Aggressor::Seller } else { Aggressor::Buyer },
        trade_id: from.whole("a")?,
    })
}

/// `[open ms, open, high, low, close, volume, close ms, …]`.
fn candle(market: &Market, bars: &BarRange, row: Json<'_>, now: TsNs) -> Result<Candle, Malformed> {
    let row = row.list()?;
    let [open_ms, open, high, low, close, volume, close_ms, ..] = row.as_slice() else {
        return Err(Malformed(format!("a bar of {} columns", row.len())));
    };
    let px = |column: &Json<'_>| column.scaled(market.price_scale);
    let close_time = close_ms.ms()?;
    Ok(Candle {
        instrument: market.instrument,
        step_secs: bars.step_secs,
        open_time: open_ms.ms()?,
        close_time,
        open: px(open)?,
        high: px(high)?,
        low: px(low)?,
        close: px(close)?,
        volume: volume.scaled(market.size_scale)?,
        closed: close_time < now,
    })
}

/// A funding rate; `names` of the rate, its time, and the next time, empty where there is none.
pub(crate) fn funding(
    market: &Market,
    from: &Object<'_>,
    [rate, time, next]: [&str; 3],
) -> Result<Funding, Malformed> {
    Ok(Funding {
        instrument: market.instrument,
        ts_event: from.ms(time)?,
        rate_ppm: from.rounded(rate, PPM_SCALE, Rounding::ToZero)?,
        next: if next.is_empty() { 0 } else { from.ms(next)? },
        // None of these messages says it, and it differs from contract to contract.
        interval_secs: 0,
    })
}

fn listings(product: Product, body: &[u8]) -> Result<Reply, Failure> {
    let mut all = Vec::new();
    for row in Object::parse(body)?.list("symbols")? {
        let row = row.object()?;
        // The USD-M list also holds dated futures.
        if product == Product::Perpetual && row.text_or_empty("contractType") != "PERPETUAL" {
            continue;
        }
        all.push(listing(product, &row).map_err(|Malformed(error)| {
            Failure::Malformed(format!("{}: {error}", row.text_or_empty("symbol")))
        })?);
    }
    Ok(Reply::Listings(all))
}

fn listing(product: Product, row: &Object<'_>) -> Result<Listing, Malformed> {
    let filters = row.list("filters")?;
    let filters = filters.into_iter().map(Json::object).collect::<Result<Vec<_>, _>>()?;
    let filter = |name: &str| filters.iter().find(|f| f.text_or_empty("filterType") == name);
    let need = |name: &str| filter(name).ok_or_else(|| Malformed(format!("`{name}` is missing")));
    let (base, quote) = (row.text("baseAsset")?, row.text("quoteAsset")?);
    // Spot has NOTIONAL or MIN_NOTIONAL with `minNotional`, USD-M has `notional`.
    let notional = filter("NOTIONAL").or_else(|| filter("MIN_NOTIONAL"));
    let notional = notional.map(|f| match f.get("minNotional") {
        Some(_) => f.decimal("minNotional"),
        None => f.decimal("notional"),
    });
    let settle = match product {
        Product::Spot => quote.clone(),
        _ => row.text("marginAsset")?,
    };
    Ok(Listing {
        symbol: format!("{base}-{quote}"),
        native: row.text("symbol")?.into_owned(),
        product,
        price_step: need("PRICE_FILTER")?.decimal("tickSize")?,
        size_step: need("LOT_SIZE")?.decimal("stepSize")?,
        min_size: need("LOT_SIZE")?.decimal("minQty")?,
        min_notional: notional.transpose()?.unwrap_or_else(|| "0".to_owned()),
        contract_size: "1".to_owned(),
        tradable: row.text("status")? == "TRADING",
        base: base.into_owned(),
        quote: quote.into_owned(),
        settle: settle.into_owned(),
        expires: 0,
        strike: "0".to_owned(),
    })
}

fn balances(product: Product, body: &[u8]) -> Result<Reply, Failure> {
    let spot = |row: Json<'_>| -> Result<Balance, Malformed> {
        let row = row.object()?;
        account::spot_balance(&row, ["asset", "free", "locked"])
    };
    let usdm = |row: Json<'_>| -> Result<Balance, Malformed> {
        let row = row.object()?;
        Ok(Balance {
            asset: row.text("asset")?.into_owned(),
            total: row.decimal("balance")?,
            available: row.decimal("availableBalance")?,
        })
    };
    let all: Result<Vec<_>, _> = match product {
        Product::Spot => Object::parse(body)?.list("balances")?.into_iter().map(spot).collect(),
        _ => each(body, usdm),
    };
    Ok(Reply::Balances(all?))
}

fn positions(markets: &Markets, body: &[u8]) -> Result<Reply, Failure> {
    let mut all = Vec::new();
    for row in Json::parse(body)?.list()? {
        let row = row.object()?;
        let Some(market) = markets.named(&row.text("symbol")?, is_usdm) else {
            continue; // Of a market that is not traded here.
        };
        all.push(account::holding(market, &row, ["positionSide", "positionAmt", "entryPrice"])?);
    }
    Ok(Reply::Positions(all))
}
