//! Replies of the REST interface.
//!
//! Comes in: the rows of a success. Goes out: the reply of the contract, lists oldest first.
//! Deliberately absent: failures; `errors` has seen them before.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Book, Candle, Exact, Failure, Funding, Levels, Listing, Market, Markets, Operation, OrderRef,
    Page, Print, Reply, Top, Wire, number, readable,
};
use wickd_sdk::{Aggressor, Product, TsNs};

use crate::requests::{PENDING, ROWS_MAX, after_cursor, list_of, since_cursor};
use crate::{account, is_perpetual};

const MS_NS: u64 = 1_000_000;

pub(crate) fn parse(
    markets: &Markets,
    wire: &mut Wire,
    operation: &Operation,
    rows: &[Json<'_>],
) -> Result<Reply, Failure> {
    let now = wire.now();
    let all = |range: &wickd_sdk::exchange::Range| markets.get(range.instrument);
    Ok(match operation {
        Operation::Create(_) | Operation::Amend(_) | Operation::Cancel(_) => {
            Reply::Accepted(only(rows)?.text("ordId")?.into_owned())
        }
        Operation::Order(order) if Page::of(order).is_some() => {
            orders(markets.get(order.instrument)?, wire, order, ROWS_MAX, rows)?
        }
        Operation::Order(order) => {
            Reply::Orders(vec![account::order(markets.get(order.instrument)?, &only(rows)?)?])
        }
        Operation::OpenOrders(instrument) => {
            let market = markets.get(*instrument)?;
            orders(market, wire, &list_of(*instrument, PENDING), ROWS_MAX, rows)?
        }
        Operation::OrderHistory(range) => {
            let from = list_of(range.instrument, &since_cursor(range));
            orders(all(range)?, wire, &from, range.limit, rows)?
        }
        Operation::Fills(range) => {
            let from = list_of(range.instrument, &since_cursor(range));
            fills(all(range)?, wire, &from, range.limit, rows)?
        }
        Operation::OrderFills(order) => {
            fills(markets.get(order.instrument)?, wire, order, ROWS_MAX, rows)?
        }
        Operation::Balances(_) => Reply::Balances(account::balances(wire, &only(rows)?)?),
        Operation::Positions(_) => Reply::Positions(account::positions(markets, wire, rows)?),
        Operation::ServerTime => Reply::Time(only(rows)?.ms("ts")?),
        Operation::Instruments(product) => Reply::Listings(listings(wire, *product, rows)?),
        Operation::Ticker(instrument) => {
            Reply::Ticker(ticker(markets.get(*instrument)?, &only(rows)?)?)
        }
        Operation::Book(asked) => {
            let (market, book) = (markets.get(asked.instrument)?, only(rows)?);
            let (bids, asks) = levels(market, &book)?.sides();
            // Older servers do not number the books they reply with.
            let sequence = if book.get("seqId").is_some() { book.whole("seqId")? } else { 0 };
            let (instrument, ts_event) = (market.instrument, book.ms("ts")?);
            Reply::Book(Book { instrument, ts_event, sequence, bids, asks })
        }
        Operation::Trades(range) => {
            let market = all(range)?;
            let mut trades =
                oldest_first(wire, "trades", rows, |row| print(market, &row.object()?))?;
            // The venue sends the latest; what is older was not asked for.
            trades.retain(|trade| trade.ts_event >= range.since);
            Reply::Trades(trades)
        }
        Operation::Bars(bars) => {
            let market = all(&bars.range)?;
            let step_secs = bars.step_secs;
            Reply::Bars(oldest_first(wire, "bars", rows, |row| candle(market, step_secs, &row))?)
        }
        Operation::FundingRate(instrument) => {
            let market = markets.get(*instrument)?;
            Reply::Funding(vec![funding(market, &only(rows)?, now)?])
        }
        Operation::FundingHistory(range) => {
            let market = all(range)?;
            let read = |row: Json<'_>| past_funding(market, &row.object()?);
            Reply::Funding(oldest_first(wire, "fundings", rows, read)?)
        }
        other => return Err(other.unsupported()),
    })
}

/// The one row of a reply that has one.
fn only<'a>(rows: &[Json<'a>]) -> Result<Object<'a>, Malformed> {
    match rows {
        [row] => row.object(),
        rows => Err(Malformed(format!("`data` has {} rows where one should stand", rows.len()))),
    }
}

/// The rows of a list that can be read. Lists come newest first.
fn oldest_first<'a, T>(
    wire: &mut Wire,
    what: &str,
    rows: &[Json<'a>],
    mut read: impl FnMut(Json<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    readable(wire, what, rows.iter().rev().copied(), |row| read(row).map(Some))
}

/// Asks for the page behind a full one, which begins before the row that `id` names.
fn turn_page(
    wire: &mut Wire,
    list: fn(OrderRef) -> Operation,
    asked: &OrderRef,
    limit: u32,
    (rows, id): (&[Json<'_>], &str),
) -> Result<(), Malformed> {
    let last = rows.last().filter(|_| rows.len() >= limit.clamp(1, ROWS_MAX) as usize);
    if let Some(last) = last {
        let known = Page::of(asked).map_or("", |page| page.cursor);
        let cursor = after_cursor(known, &last.object()?.text(id)?);
        Page::next(wire, list, asked, &cursor);
    }
    Ok(())
}

fn orders(
    market: &Market,
    wire: &mut Wire,
    asked: &OrderRef,
    limit: u32,
    rows: &[Json<'_>],
) -> Result<Reply, Malformed> {
    let read = |row: Json<'_>| account::order(market, &row.object()?);
    let found = oldest_first(wire, "orders", rows, read)?;
    // Nobody waits for the reply to a page that the adapter asked for: the wire tells it.
    if Page::of(asked).is_some_and(|page| page.number > 0) {
        found.iter().for_each(|order| wire.order(order));
    }
    turn_page(wire, Operation::Order, asked, limit, (rows, "ordId"))?;
    Ok(Reply::Orders(found))
}

fn fills(
    market: &Market,
    wire: &mut Wire,
    asked: &OrderRef,
    limit: u32,
    rows: &[Json<'_>],
) -> Result<Reply, Malformed> {
    let read = |row: Json<'_>| account::fill(market, &row.object()?);
    let found = oldest_first(wire, "fills", rows, read)?;
    if Page::of(asked).is_some_and(|page| page.number > 0) {
        found.iter().for_each(|fill| wire.fill(fill));
    }
    turn_page(wire, Operation::OrderFills, asked, limit, (rows, "billId"))?;
    Ok(Reply::Fills(found))
}

pub(crate) fn ticker(market: &Market, from: &Object<'_>) -> Result<Top, Malformed> {
    Ok(Top {
        instrument: market.instrument,
        ts_event: from.ms("ts")?,
        bid: market.px(from, "bidPx")?,
        ask: market.px(from, "askPx")?,
        bid_qty: market.contracts(from, "bidSz")?,
        ask_qty: market.contracts(from, "askSz")?,
    })
}

/// Both sides of a book, or of its changes. Rows are price, size, a zero, number of orders.
pub(crate) fn levels(market: &Market, from: &Object<'_>) -> Result<Levels, Malformed> {
    let side = |name: &str, words: &mut Vec<i64>| {
        from.need(name)?.pairs(|price, size| {
            words.push(price.scaled(market.price_scale)?);
            words.push(match market.contract == Exact::ONE {
                true => size.scaled(market.size_scale)?,
                false => market.from_contracts(size.exact()?)?,
            });
            Ok(())
        })
    };
    Levels::read(|words| side("bids", words), |words| side("asks", words))
}

pub(crate) fn print(market: &Market, from: &Object<'_>) -> Result<Print, Malformed> {
    Ok(Print {
        instrument: market.instrument,
        ts_event: from.ms("ts")?,
        price: market.px(from, "px")?,
        size: market.contracts(from, "sz")?,
        aggressor: match from.text("side")?.as_ref() {
            "buy" => Aggressor::Buyer,
            "sell" => Aggressor::Seller,
            _ => Aggressor::None,
        },
        trade_id: number::trade_id(&from.text("tradeId")?),
    })
}

/// `[open ms, open, high, low, close, volume, …, closed]`, the volume in contracts.
pub(crate) fn candle(market: &Market, step_secs: u32, row: &Json<'_>) -> Result<Candle, Malformed> {
    let row = row.list()?;
    let [open_ms, open, high, low, close, volume, _, _, confirm, ..] = row.as_slice() else {
        return Err(Malformed(format!("a bar of {} columns", row.len())));
    };
    let px = |column: &Json<'_>| column.scaled(market.price_scale);
    let open_time = open_ms.ms()?;
    Ok(Candle {
        instrument: market.instrument,
        step_secs,
        open_time,
        // The venue's other times are in milliseconds, so the last one of the bar.
        close_time: open_time
            .saturating_add((u64::from(step_secs) * 1_000).saturating_sub(1) * MS_NS),
        open: px(open)?,
        high: px(high)?,
        low: px(low)?,
        close: px(close)?,
        volume: market.from_contracts(volume.exact()?)?,
        closed: confirm.whole()? == 1,
    })
}

/// The rate of the payment to come. The distance to the one after it is the interval.
pub(crate) fn funding(market: &Market, from: &Object<'_>, now: TsNs) -> Result<Funding, Malformed> {
    let next = from.ms("fundingTime")?;
    let later = if from.text_or_empty("nextFundingTime").is_empty() {
        next
    } else {
        from.ms("nextFundingTime")?
    };
    let interval = later.saturating_sub(next) / 1_000_000_000;
    Ok(Funding {
        instrument: market.instrument,
        ts_event: if from.get("ts").is_some() { from.ms("ts")? } else { now },
        rate_ppm: from.millionths("fundingRate")?,
        next,
        interval_secs: u32::try_from(interval).unwrap_or(0),
    })
}

fn past_funding(market: &Market, from: &Object<'_>) -> Result<Funding, Malformed> {
    // What was paid can differ from what was foretold.
    let realized = !from.text_or_empty("realizedRate").is_empty();
    let name = if realized { "realizedRate" } else { "fundingRate" };
    Ok(Funding {
        instrument: market.instrument,
        ts_event: from.ms("fundingTime")?,
        rate_ppm: from.millionths(name)?,
        next: 0,
        interval_secs: 0,
    })
}

fn listings(
    wire: &mut Wire,
    product: Product,
    rows: &[Json<'_>],
) -> Result<Vec<Listing>, Malformed> {
    readable(wire, "listings", rows.iter().copied(), |row| {
        let row = row.object()?;
        // A contract that is an amount of quote has no fixed size in base units.
        if is_perpetual(product) {
            match row.text("ctType")?.as_ref() {
                "linear" => {}
                "inverse" => return Ok(None),
                other => return Err(Malformed(format!("`ctType`: `{other}` is not known"))),
            }
        }
        let named = |Malformed(why)| Malformed(format!("{}: {why}", row.text_or_empty("instId")));
        listing(product, &row).map(Some).map_err(named)
    })
}

fn listing(product: Product, row: &Object<'_>) -> Result<Listing, Malformed> {
    let native = row.word("instId")?;
    let huge = || Malformed("a contract beyond 38 digits".to_owned());
    let (base, quote, settle, contract) = if is_perpetual(product) {
        let mut words = native.split('-');
        let (base, quote) = words.next().zip(words.next()).ok_or_else(|| {
            Malformed("`instId` does not name a base and a quote asset".to_owned())
        })?;
        let contract = row.exact("ctVal")?.times(row.exact("ctMult")?).ok_or_else(huge)?;
        (base.to_owned(), quote.to_owned(), row.word("settleCcy")?.into_owned(), contract)
    } else {
        let quote = row.word("quoteCcy")?.into_owned();
        (row.word("baseCcy")?.into_owned(), quote.clone(), quote, Exact::ONE)
    };
    let in_base = |name: &str| -> Result<String, Malformed> {
        Ok(row.exact(name)?.times(contract).ok_or_else(huge)?.text())
    };
    Ok(Listing {
        symbol: format!("{base}-{quote}"),
        product,
        base,
        quote,
        settle,
        price_step: row.decimal("tickSz")?,
        size_step: in_base("lotSz")?,
        min_size: in_base("minSz")?,
        min_notional: "0".to_owned(),
        contract_size: contract.text(),
        tradable: row.text("state")? == "live",
        expires: 0,
        strike: "0".to_owned(),
        native: native.into_owned(),
    })
}
