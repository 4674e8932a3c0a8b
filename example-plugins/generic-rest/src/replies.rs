//! Replies in the words of the parameters.
//!
//! Comes in: a response. Goes out: the reply of the contract, or a failure by its status: plain
//! venues have no common list of codes. Deliberately absent: guesses.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Balance, Book, Failure, FillReport, Levels, Listing, Market, Markets, Operation, OrderReport,
    Rejection, Reply, Response, Top, Wire, readable,
};
use wickd_sdk::{OrderReason, OrderStatus, Product, Side, TsNs};

use crate::place::at;
use crate::{Config, Listed, Words};

/// States in the order in which the parameter names them.
pub(crate) const STATES: [OrderStatus; 6] = [
    OrderStatus::Open,
    OrderStatus::PartlyFilled,
    OrderStatus::Filled,
    OrderStatus::Cancelled,
    OrderStatus::Rejected,
    OrderStatus::Expired,
];
/// Longest part of a refusal that is shown, in bytes.
const MESSAGE_BYTES_MAX: usize = 256;

/// Passes a success on.
///
/// # Errors
/// The venue refused, or what it did is not known.
pub(crate) fn check(operation: &Operation, response: &Response) -> Result<(), Failure> {
    let body = String::from_utf8_lossy(&response.body);
    let message = body[..body.floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned();
    let wait_ms = response.retry_after_ms();
    Err(match response.status {
        200..300 => return Ok(()),
        401 | 403 => Failure::Login(message),
        404 if matches!(operation, Operation::Order(_) | Operation::Cancel(_)) => {
            Failure::NotFound(message)
        }
        409 if matches!(operation, Operation::Create(_)) => Failure::Duplicate(message),
        418 => Failure::Banned(wait_ms),
        429 => Failure::RateLimited(wait_ms),
        // A timeout that the venue tells of, too.
        408 | 500.. if operation.writes() => Failure::OutcomeUnknown(message),
        408 | 500.. => Failure::Unavailable(message),
        // The request was not understood, or breaks a rule; of any other word nobody knows what it means.
        status @ (400 | 405 | 413 | 415 | 422) => rejected(status, message),
        status if !operation.writes() => rejected(status, message),
        _ => Failure::OutcomeUnknown(message),
    })
}

fn rejected(status: u16, message: String) -> Failure {
    let (code, reason) = (status.to_string(), OrderReason::VenueRule);
    Failure::Rejected(Rejection { code, message, reason })
}

pub(crate) fn parse(
    markets: &Markets,
    config: &Config,
    wire: &mut Wire,
    operation: &Operation,
    body: &[u8],
) -> Result<Reply, Failure> {
    let now = wire.now();
    let (words, whole) = (&config.order, Json::parse(body)?);
    Ok(match operation {
        Operation::Ticker(instrument) => {
            let (market, names) = (markets.get(*instrument)?, &config.market);
            Reply::Ticker(Top {
                instrument: market.instrument,
                ts_event: dated(config, whole, now)?,
                bid: at(whole, &names.bid)?.scaled(market.price_scale)?,
                ask: at(whole, &names.ask)?.scaled(market.price_scale)?,
                bid_qty: at(whole, &names.bid_size)?.scaled(market.size_scale)?,
                ask_qty: at(whole, &names.ask_size)?.scaled(market.size_scale)?,
            })
        }
        Operation::Book(asked) => {
            let market = markets.get(asked.instrument)?;
            let (bids, asks) = levels(market, config, whole)?.sides();
            let (instrument, ts_event) = (market.instrument, dated(config, whole, now)?);
            Reply::Book(Book { instrument, ts_event, sequence: 0, bids, asks })
        }
        Operation::Instruments(product) => {
            let rows = at(whole, &config.listing.list)?.list()?;
            let read = |row: Json<'_>| listing(&config.listing, *product, &row.object()?).map(Some);
            Reply::Listings(readable(wire, "listings", rows, read)?)
        }
        Operation::Balances(_) => {
            let rows = at(whole, &words.balances)?.list()?;
            Reply::Balances(readable(wire, "balances", rows, |row| {
                let row = row.object()?;
                Ok(Some(Balance {
                    asset: row.word(&words.asset)?.into_owned(),
                    total: row.decimal(&words.total)?,
                    available: row.decimal(&words.available)?,
                }))
            })?)
        }
        Operation::Create(_) | Operation::Cancel(_) => {
            Reply::Accepted(whole.object()?.text(&words.id)?.into_owned())
        }
        Operation::Order(asked) => {
            Reply::Orders(vec![order(markets.get(asked.instrument)?, words, whole)?])
        }
        Operation::OpenOrders(instrument) => {
            let market = markets.get(*instrument)?;
            let rows = at(whole, &words.orders)?.list()?;
            let read = |row: Json<'_>| order(market, words, row).map(Some);
            Reply::Orders(readable(wire, "orders", rows, read)?)
        }
        Operation::OrderFills(asked) => {
            let market = markets.get(asked.instrument)?;
            let rows = at(whole, &config.fill.list)?.list()?;
            let read = |row: Json<'_>| fill(market, config, &row.object()?).map(Some);
            Reply::Fills(readable(wire, "fills", rows, read)?)
        }
        other => return Err(other.unsupported()),
    })
}

/// The time a reply tells, or that of its arrival.
fn dated(config: &Config, whole: Json<'_>, now: TsNs) -> Result<TsNs, Malformed> {
    match config.market.time.as_str() {
        "" => Ok(now),
        place => at(whole, place)?.ms(),
    }
}

fn levels(market: &Market, config: &Config, whole: Json<'_>) -> Result<Levels, Malformed> {
    let side = |place: &str, words: &mut Vec<i64>| {
        at(whole, place)?.pairs(|price, size| {
            words.push(price.scaled(market.price_scale)?);
            words.push(size.scaled(market.size_scale)?);
            Ok(())
        })
    };
    let names = &config.market;
    Levels::read(|words| side(&names.bids, words), |words| side(&names.asks, words))
}

fn order(market: &Market, words: &Words, row: Json<'_>) -> Result<OrderReport, Malformed> {
    let row = row.object()?;
    let (size, filled) = (market.qty(&row, &words.size)?, market.qty(&row, &words.filled)?);
    let state = row.text(&words.status)?;
    let known = words.states.split(',').position(|word| word == state);
    let status = known.and_then(|at| STATES.get(at)).copied().unwrap_or(OrderStatus::Unknown);
    let side = side(words, &row)?;
    let remaining = size.checked_sub(filled).filter(|rest| *rest >= 0);
    Ok(OrderReport {
        instrument: market.instrument,
        client_id: row.text(&words.client_id)?.into_owned(),
        venue_id: row.text(&words.id)?.into_owned(),
        side,
        status,
        reason: match status {
            OrderStatus::Cancelled => OrderReason::Requested,
            OrderStatus::Rejected | OrderStatus::Expired => OrderReason::VenueRule,
            _ => OrderReason::None,
        },
        filled,
        remaining: remaining.ok_or_else(|| Malformed(format!("{filled} filled of {size}")))?,
        ts_event: row.ms(&words.time)?,
    })
}

fn side(words: &Words, row: &Object<'_>) -> Result<Side, Malformed> {
    match row.text(&words.side)? {
        word if word == words.buy => Ok(Side::Buy),
        word if word == words.sell => Ok(Side::Sell),
        word => Err(Malformed(format!("`{}`: `{word}` is no side", words.side))),
    }
}

fn listing(names: &Listed, product: Product, row: &Object<'_>) -> Result<Listing, Malformed> {
    let (base, quote) = (row.word(&names.base)?, row.word(&names.quote)?);
    Ok(Listing {
        symbol: format!("{base}-{quote}"),
        native: row.word(&names.name)?.into_owned(),
        product,
        settle: quote.clone().into_owned(),
        base: base.into_owned(),
        quote: quote.into_owned(),
        price_step: row.decimal(&names.price_step)?,
        size_step: row.decimal(&names.size_step)?,
        min_size: row.decimal(&names.min_size)?,
        min_notional: match names.min_notional.as_str() {
            "" => "0".to_owned(),
            name => row.decimal(name)?,
        },
        contract_size: "1".to_owned(),
        tradable: row.text(&names.status)? == names.trading,
        expires: 0,
        strike: "0".to_owned(),
    })
}

fn fill(market: &Market, config: &Config, row: &Object<'_>) -> Result<FillReport, Malformed> {
    let names = &config.fill;
    let trade_id = row.text(&names.id)?;
    if trade_id.is_empty() {
        return Err(Malformed(format!("`{}` is empty", names.id)));
    }
    let side = side(&config.order, row)?;
    Ok(FillReport {
        instrument: market.instrument,
        client_id: row.text(&names.client_id)?.into_owned(),
        venue_id: row.text(&names.order_id)?.into_owned(),
        trade_id: trade_id.into_owned(),
        side,
        price: market.fill_px(row, &names.price, side)?,
        size: market.qty(row, &names.size)?,
        fee: row.decimal(&names.fee)?,
        fee_asset: row.text(&names.fee_asset)?.into_owned(),
        ts_event: row.ms(&names.time)?,
    })
}
