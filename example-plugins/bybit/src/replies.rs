//! Replies of the REST interface.
//!
//! Comes in: the envelope of a success. Goes out: the reply of the contract, lists oldest first.
//! Deliberately absent: failures; `errors` has seen them before.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Book, Candle, Failure, Funding, Levels, Listing, Market, Markets, Operation, OrderRef, Page,
    Print, Range, Reply, Top, Wire, number, readable,
};
use wickd_sdk::{Aggressor, Product, TsNs};

use crate::requests::{OPEN, list_of, next_cursor, since_cursor};
use crate::{account, is_linear};

const MS_NS: u64 = 1_000_000;
const HOUR_SECS: u64 = 3_600;

pub(crate) fn parse(
    markets: &Markets,
    wire: &mut Wire,
    operation: &Operation,
    envelope: &Object<'_>,
) -> Result<Reply, Failure> {
    let now = wire.now();
    let result = envelope.object("result")?;
    let of = |range: &Range| markets.get(range.instrument);
    Ok(match operation {
        Operation::Create(_) | Operation::Amend(_) | Operation::Cancel(_) => {
            Reply::Accepted(result.text("orderId")?.into_owned())
        }
        Operation::Order(order) if Page::of(order).is_some() => {
            orders(markets.get(order.instrument)?, wire, order, &result)?
        }
        Operation::Order(order) => order_asked(markets.get(order.instrument)?, &result)?,
        Operation::OpenOrders(instrument) => {
            let market = markets.get(*instrument)?;
            orders(market, wire, &list_of(*instrument, OPEN), &result)?
        }
        Operation::OrderHistory(range) => {
            orders(of(range)?, wire, &list_of(range.instrument, &since_cursor(range)), &result)?
        }
        Operation::Fills(range) => {
            fills(of(range)?, wire, &list_of(range.instrument, &since_cursor(range)), &result)?
        }
        Operation::OrderFills(order) => {
            fills(markets.get(order.instrument)?, wire, order, &result)?
        }
        Operation::Balances(_) => Reply::Balances(account::balances(wire, &only(&result)?)?),
        Operation::Positions(_) => {
            tell_cut(wire, "positions", &result);
            Reply::Positions(account::positions(markets, wire, &result.list("list")?)?)
        }
        Operation::ServerTime => Reply::Time(result.whole("timeNano")?),
        Operation::Instruments(product) => {
            tell_cut(wire, "listings", &result);
            Reply::Listings(listings(wire, *product, &result)?)
        }
        Operation::Ticker(instrument) => {
            let (market, row) = (markets.get(*instrument)?, only(&result)?);
            Reply::Ticker(Top {
                instrument: market.instrument,
                ts_event: envelope.ms("time")?,
                bid: market.px(&row, "bid1Price")?,
                ask: market.px(&row, "ask1Price")?,
                bid_qty: market.qty(&row, "bid1Size")?,
                ask_qty: market.qty(&row, "ask1Size")?,
            })
        }
        Operation::Book(asked) => {
            let market = markets.get(asked.instrument)?;
            let (bids, asks) = levels(market, &result)?.sides();
            let (instrument, ts_event) = (market.instrument, result.ms("ts")?);
            Reply::Book(Book { instrument, ts_event, sequence: result.whole("u")?, bids, asks })
        }
        Operation::Trades(range) => {
            let market = of(range)?;
            let mut trades = oldest_first(wire, "trades", &result, |row| {
                print(market, &row.object()?, ["time", "side", "size", "price", "execId"])
            })?;
            // The venue sends the latest; what is older was not asked for.
            trades.retain(|trade| trade.ts_event >= range.since);
            Reply::Trades(trades)
        }
        Operation::Bars(bars) => {
            let market = of(&bars.range)?;
            let read = |row: Json<'_>| candle(market, bars.step_secs, row, now);
            Reply::Bars(oldest_first(wire, "bars", &result, read)?)
        }
        Operation::FundingRate(instrument) => {
            let market = markets.get(*instrument)?;
            Reply::Funding(vec![rate(market, &only(&result)?, envelope.ms("time")?)?])
        }
        Operation::FundingHistory(range) => {
            let market = of(range)?;
            let read = |row: Json<'_>| past_rate(market, &row.object()?);
            let mut paid = oldest_first(wire, "fundings", &result, read)?;
            // The window holds more rows where they are paid more often than every eight hours.
            paid.truncate(range.limit.max(1) as usize);
            Reply::Funding(paid)
        }
        other => return Err(other.unsupported()),
    })
}

/// An order asked for by its id; the venue answers an empty list where it knows none.
fn order_asked(market: &Market, result: &Object<'_>) -> Result<Reply, Failure> {
    if result.list("list")?.is_empty() {
        return Err(Failure::NotFound("no order in the list".to_owned()));
    }
    Ok(Reply::Orders(vec![account::order(market, &only(result)?)?]))
}

/// The one row of a list that has one.
fn only<'a>(result: &Object<'a>) -> Result<Object<'a>, Malformed> {
    match result.list("list")?.as_slice() {
        [row] => row.object(),
        rows => Err(Malformed(format!("`list` has {} rows where one should stand", rows.len()))),
    }
}

/// The rows of a list that can be read. Lists come newest first.
fn oldest_first<T>(
    wire: &mut Wire,
    what: &str,
    result: &Object<'_>,
    mut read: impl FnMut(Json<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    readable(wire, what, result.list("list")?.into_iter().rev(), |row| read(row).map(Some))
}

/// Tells that a list has another page, where nothing can ask for it.
fn tell_cut(wire: &mut Wire, what: &str, result: &Object<'_>) {
    if !result.text_or_empty("nextPageCursor").is_empty() {
        wire.unknown(&format!("there are more {what} than one page holds: the rest is not read"));
    }
}

/// Asks for the page that the venue's cursor names.
fn turn_page(
    wire: &mut Wire,
    list: fn(OrderRef) -> Operation,
    asked: &OrderRef,
    result: &Object<'_>,
) {
    let cursor = result.text_or_empty("nextPageCursor");
    if !cursor.is_empty() {
        let known = Page::of(asked).map_or("", |page| page.cursor);
        Page::next(wire, list, asked, &next_cursor(known, &cursor));
    }
}

fn orders(
    market: &Market,
    wire: &mut Wire,
    asked: &OrderRef,
    result: &Object<'_>,
) -> Result<Reply, Malformed> {
    let read = |row: Json<'_>| account::order(market, &row.object()?);
    let found = oldest_first(wire, "orders", result, read)?;
    // Nobody waits for the reply to a page that the adapter asked for: the wire tells it.
    if Page::of(asked).is_some_and(|page| page.number > 0) {
        found.iter().for_each(|order| wire.order(order));
    }
    turn_page(wire, Operation::Order, asked, result);
    Ok(Reply::Orders(found))
}

fn fills(
    market: &Market,
    wire: &mut Wire,
    asked: &OrderRef,
    result: &Object<'_>,
) -> Result<Reply, Malformed> {
    let rows = result.list("list")?.into_iter().rev();
    let found = readable(wire, "fills", rows, |row| account::fill(market, &row.object()?))?;
    if Page::of(asked).is_some_and(|page| page.number > 0) {
        found.iter().for_each(|fill| wire.fill(fill));
    }
    turn_page(wire, Operation::OrderFills, asked, result);
    Ok(Reply::Fills(found))
}

/// Both sides of a book, or of its changes.
pub(crate) fn levels(market: &Market, from: &Object<'_>) -> Result<Levels, Malformed> {
    let side = |name: &str, words: &mut Vec<i64>| {
        from.need(name)?.pairs(|price, size| {
            words.push(price.scaled(market.price_scale)?);
            words.push(size.scaled(market.size_scale)?);
            Ok(())
        })
    };
    Levels::read(|words| side("b", words), |words| side("a", words))
}

/// A public trade; `names` of its time, side, size, price and id.
pub(crate) fn print(
    market: &Market,
    from: &Object<'_>,
    [time, side, size, price, id]: [&str; 5],
) -> Result<Print, Malformed> {
    Ok(Print {
        instrument: market.instrument,
        ts_event: from.ms(time)?,
        price: market.px(from, price)?,
        size: market.qty(from, size)?,
        aggressor: match from.text(side)?.as_ref() {
            "Buy" => Aggressor::Buyer,
            "Sell" => Aggressor::Seller,
            _ => Aggressor::None,
        },
        trade_id: number::trade_id(&from.text(id)?),
    })
}

/// `[open ms, open, high, low, close, volume, turnover]`.
fn candle(market: &Market, step_secs: u32, row: Json<'_>, now: TsNs) -> Result<Candle, Malformed> {
    let row = row.list()?;
    let [open_ms, open, high, low, close, volume, ..] = row.as_slice() else {
        return Err(Malformed(format!("a bar of {} columns", row.len())));
    };
    let px = |column: &Json<'_>| column.scaled(market.price_scale);
    let open_time = open_ms.ms()?;
    // As the stream dates it: the last millisecond of the bar.
    let close_time =
        open_time.saturating_add((u64::from(step_secs) * 1_000).saturating_sub(1) * MS_NS);
    Ok(Candle {
        instrument: market.instrument,
        step_secs,
        open_time,
        close_time,
        open: px(open)?,
        high: px(high)?,
        low: px(low)?,
        close: px(close)?,
        volume: volume.scaled(market.size_scale)?,
        closed: close_time < now,
    })
}

/// The rate of the payment to come, from a ticker.
fn rate(market: &Market, row: &Object<'_>, ts_event: TsNs) -> Result<Funding, Malformed> {
    Ok(Funding {
        instrument: market.instrument,
        ts_event,
        rate_ppm: row.millionths("fundingRate")?,
        next: row.ms("nextFundingTime")?,
        interval_secs: interval_secs(row)?.unwrap_or(0),
    })
}

/// The funding interval where a ticker tells it; older ones do not.
pub(crate) fn interval_secs(row: &Object<'_>) -> Result<Option<u32>, Malformed> {
    if row.text_or_empty("fundingIntervalHour").is_empty() {
        return Ok(None);
    }
    let secs = row.whole("fundingIntervalHour")?.saturating_mul(HOUR_SECS);
    Ok(u32::try_from(secs).ok())
}

fn past_rate(market: &Market, row: &Object<'_>) -> Result<Funding, Malformed> {
    Ok(Funding {
        instrument: market.instrument,
        ts_event: row.ms("fundingRateTimestamp")?,
        rate_ppm: row.millionths("fundingRate")?,
        next: 0,
        interval_secs: 0,
    })
}

fn listings(
    wire: &mut Wire,
    product: Product,
    result: &Object<'_>,
) -> Result<Vec<Listing>, Malformed> {
    readable(wire, "listings", result.list("list")?, |row| {
        let row = row.object()?;
        // The linear list also holds dated futures.
        if is_linear(product) {
            match row.text("contractType")?.as_ref() {
                "LinearPerpetual" => {}
                "LinearFutures" => return Ok(None),
                other => return Err(Malformed(format!("`contractType`: `{other}` is not known"))),
            }
        }
        let named = |Malformed(why)| Malformed(format!("{}: {why}", row.text_or_empty("symbol")));
        listing(product, &row).map(Some).map_err(named)
    })
}

fn listing(product: Product, row: &Object<'_>) -> Result<Listing, Malformed> {
    let (base, quote) = (row.word("baseCoin")?, row.word("quoteCoin")?);
    let lot = row.object("lotSizeFilter")?;
    let (step, notional, settle) = match is_linear(product) {
        true => ("qtyStep", "minNotionalValue", row.word("settleCoin")?),
        false => ("basePrecision", "minOrderAmt", quote.clone()),
    };
    Ok(Listing {
        symbol: format!("{base}-{quote}"),
        native: row.word("symbol")?.into_owned(),
        product,
        settle: settle.into_owned(),
        base: base.into_owned(),
        quote: quote.into_owned(),
        price_step: row.object("priceFilter")?.decimal("tickSize")?,
        size_step: lot.decimal(step)?,
        min_size: lot.decimal("minOrderQty")?,
        min_notional: match lot.has(notional) {
            true => lot.decimal(notional)?,
            false => "0".to_owned(),
        },
        contract_size: "1".to_owned(),
        tradable: row.text("status")? == "Trading",
        expires: 0,
        strike: "0".to_owned(),
    })
}
