//! Replies of the REST interfaces.
//!
//! Comes in: the body of a success. Goes out: the reply of the contract. Deliberately absent:
//! failures; `errors` has seen them before.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Balance, BarRange, Book, Candle, Failure, Funding, Levels, Listing, Market, Markets, Operation,
    OrderRef, Page, Print, Reply, Top, Wire, readable,
};
use wickd_sdk::{Aggressor, Product, TsNs};

use crate::account;
use crate::is_usdm;
use crate::reads::ROWS_MAX;

pub(crate) fn parse(
    markets: &Markets,
    wire: &mut Wire,
    operation: &Operation,
    body: &[u8],
) -> Result<Reply, Failure> {
    let now = wire.now();
    match operation {
        Operation::Create(order) => account::accepted(markets.get(order.instrument)?, body),
        Operation::Amend(change) => account::accepted(markets.get(change.order.instrument)?, body),
        Operation::Cancel(order) => account::accepted(markets.get(order.instrument)?, body),
        Operation::Order(order) => {
            let market = markets.get(order.instrument)?;
            Ok(Reply::Orders(vec![account::order(market, &Object::parse(body)?)?]))
        }
        Operation::OpenOrders(instrument) => orders(markets.get(*instrument)?, wire, body),
        Operation::OrderHistory(range) => orders(markets.get(range.instrument)?, wire, body),
        Operation::Fills(range) => {
            let asked = OrderRef {
                instrument: range.instrument,
                client_id: String::new(),
                venue_id: String::new(),
            };
            fills(markets.get(range.instrument)?, wire, &asked, range.limit, body)
        }
        Operation::OrderFills(order) => {
            fills(markets.get(order.instrument)?, wire, order, ROWS_MAX, body)
        }
        Operation::Balances(product) => balances(wire, *product, body),
        Operation::Positions(_) => positions(markets, wire, body),
        Operation::OpenSession(_) => {
            Ok(Reply::Session(Object::parse(body)?.text("listenKey")?.into_owned()))
        }
        Operation::KeepSession(token) => Ok(Reply::Session(token.clone())),
        public => public_reply(markets, wire, public, body, now),
    }
}

fn public_reply(
    markets: &Markets,
    wire: &mut Wire,
    operation: &Operation,
    body: &[u8],
    now: TsNs,
) -> Result<Reply, Failure> {
    match operation {
        Operation::ServerTime => Ok(Reply::Time(Object::parse(body)?.ms("serverTime")?)),
        Operation::Instruments(product) => listings(wire, *product, body),
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
            Ok(Reply::Trades(each(wire, "trades", body, |row| print(market, &row.object()?))?))
        }
        Operation::Bars(bars) => {
            let market = markets.get(bars.range.instrument)?;
            Ok(Reply::Bars(each(wire, "bars", body, |row| candle(market, bars, row, now))?))
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
            Ok(Reply::Funding(each(wire, "fundings", body, past)?))
        }
        other => Err(other.unsupported()),
    }
}

/// The rows of a list that can be read.
fn each<T>(
    wire: &mut Wire,
    what: &str,
    body: &[u8],
    mut read: impl FnMut(Json<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    readable(wire, what, Json::parse(body)?.list()?, |row| read(row).map(Some))
}

fn orders(market: &Market, wire: &mut Wire, body: &[u8]) -> Result<Reply, Failure> {
    let read = |row: Json<'_>| account::order(market, &row.object()?);
    Ok(Reply::Orders(each(wire, "orders", body, read)?))
}

/// Fills by rising number. A full page has another one behind it, which begins after its last fill.
fn fills(
    market: &Market,
    wire: &mut Wire,
    asked: &OrderRef,
    rows_max: u32,
    body: &[u8],
) -> Result<Reply, Failure> {
    let rows = Json::parse(body)?.list()?;
    let (count, last) = (rows.len(), rows.last().copied());
    let found =
        readable(wire, "fills", rows, |row| account::fill(market, &row.object()?).map(Some))?;
    if Page::of(asked).is_some() {
        // Nobody waits for the reply to a page that the adapter asked for: the stream tells it.
        found.iter().for_each(|fill| wire.fill(fill));
    }
    if let Some(last) = last.filter(|_| count >= rows_max.clamp(1, ROWS_MAX) as usize) {
        let from = last.object()?.whole("id")?.saturating_add(1);
        Page::next(wire, Operation::OrderFills, asked, &from.to_string());
    }
    Ok(Reply::Fills(found))
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
        aggressor: match from.truth("m")? {
            Some(true) => Aggressor::Seller,
            Some(false) => Aggressor::Buyer,
            None => Aggressor::None,
        },
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
        rate_ppm: from.millionths(rate)?,
        next: if next.is_empty() { 0 } else { from.ms(next)? },
        // None of these messages says it, and it differs from contract to contract.
        interval_secs: 0,
    })
}

fn listings(wire: &mut Wire, product: Product, body: &[u8]) -> Result<Reply, Failure> {
    let rows = Object::parse(body)?.list("symbols")?;
    Ok(Reply::Listings(readable(wire, "listings", rows, |row| {
        let row = row.object()?;
        // The USD-M list also holds dated futures.
        if product == Product::Perpetual && !is_perpetual(&row.word("contractType")?)? {
            return Ok(None);
        }
        let named = |Malformed(why)| Malformed(format!("{}: {why}", row.text_or_empty("symbol")));
        listing(product, &row).map(Some).map_err(named)
    })?))
}

/// Whether a kind of contract of the USD-M list is traded here.
fn is_perpetual(kind: &str) -> Result<bool, Malformed> {
    match kind {
        "PERPETUAL" => Ok(true),
        "TRADIFI_PERPETUAL"
        | "CURRENT_MONTH"
        | "NEXT_MONTH"
        | "CURRENT_QUARTER"
        | "NEXT_QUARTER"
        | "PERPETUAL DELIVERING"
        | "CURRENT_QUARTER DELIVERING"
        | "NEXT_QUARTER DELIVERING" => Ok(false),
        other => Err(Malformed(format!("`contractType`: `{other}` is not known"))),
    }
}

/// Whether a filter is known to say nothing of an order's least value.
fn is_other(filter: &str) -> bool {
    matches!(
        filter,
        "PRICE_FILTER"
            | "PERCENT_PRICE"
            | "PERCENT_PRICE_BY_SIDE"
            | "LOT_SIZE"
            | "MARKET_LOT_SIZE"
            | "ICEBERG_PARTS"
            | "TRAILING_DELTA"
            | "MAX_POSITION"
            | "POSITION_RISK_CONTROL"
            | "MAX_NUM_ORDERS"
            | "MAX_NUM_ALGO_ORDERS"
            | "MAX_NUM_ICEBERG_ORDERS"
            | "MAX_NUM_ORDER_LISTS"
            | "MAX_NUM_ORDER_AMENDS"
    )
}

fn listing(product: Product, row: &Object<'_>) -> Result<Listing, Malformed> {
    let filters = row.list("filters")?;
    let filters = filters.into_iter().map(Json::object).collect::<Result<Vec<_>, _>>()?;
    for filter in &filters {
        filter.word("filterType")?;
    }
    let filter = |name: &str| filters.iter().find(|f| f.text_or_empty("filterType") == name);
    let need = |name: &str| filter(name).ok_or_else(|| Malformed(format!("`{name}` is missing")));
    let (base, quote) = (row.word("baseAsset")?, row.word("quoteAsset")?);
    // Spot has NOTIONAL or MIN_NOTIONAL with `minNotional`, USD-M has `notional`.
    let notional = filter("NOTIONAL").or_else(|| filter("MIN_NOTIONAL"));
    let name = if product == Product::Spot { "minNotional" } else { "notional" };
    let min_notional = match notional {
        Some(filter) => filter.decimal(name)?,
        None if filters.iter().all(|filter| is_other(&filter.text_or_empty("filterType"))) => {
            "0".to_owned()
        }
        None => return Err(Malformed("a filter that is not known, and no least value".to_owned())),
    };
    let settle = match product {
        Product::Spot => quote.clone(),
        _ => row.text("marginAsset")?,
    };
    Ok(Listing {
        symbol: format!("{base}-{quote}"),
        native: row.word("symbol")?.into_owned(),
        product,
        price_step: need("PRICE_FILTER")?.decimal("tickSize")?,
        size_step: need("LOT_SIZE")?.decimal("stepSize")?,
        min_size: need("LOT_SIZE")?.decimal("minQty")?,
        min_notional,
        contract_size: "1".to_owned(),
        tradable: row.text("status")? == "TRADING",
        base: base.into_owned(),
        quote: quote.into_owned(),
        settle: settle.into_owned(),
        expires: 0,
        strike: "0".to_owned(),
    })
}

fn balances(wire: &mut Wire, product: Product, body: &[u8]) -> Result<Reply, Failure> {
    let rows = match product {
        Product::Spot => Object::parse(body)?.list("balances")?,
        _ => Json::parse(body)?.list()?,
    };
    Ok(Reply::Balances(readable(wire, "balances", rows, |row| {
        let row = row.object()?;
        if product == Product::Spot {
            return account::spot_balance(&row, ["asset", "free", "locked"]).map(Some);
        }
        Ok(Some(Balance {
            asset: row.word("asset")?.into_owned(),
            total: row.decimal("balance")?,
            available: row.decimal("availableBalance")?,
        }))
    })?))
}

fn positions(markets: &Markets, wire: &mut Wire, body: &[u8]) -> Result<Reply, Failure> {
    let names = ["positionSide", "positionAmt", "entryPrice"];
    Ok(Reply::Positions(readable(wire, "positions", Json::parse(body)?.list()?, |row| {
        let row = row.object()?;
        // Of a market that is not traded here.
        let Some(market) = markets.named(&row.word("symbol")?, is_usdm) else { return Ok(None) };
        account::holding(market, &row, names).map(Some)
    })?))
}
