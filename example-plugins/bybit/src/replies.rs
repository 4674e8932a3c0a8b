//! Replies of the REST interface.
//!
//! Comes in: the envelope of a success. Goes out: the reply of the contract, lists oldest first.
//! Deliberately absent: failures; `errors` has seen them before.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Book, Candle, Failure, Funding, Levels, Listing, Market, Markets, Operation, Print, Range,
    Reply, Rounding, Top, number,
};
use wickd_sdk::{Aggressor, Product, TsNs};

use crate::{account, is_linear};

/// Millionths.
pub(crate) const PPM_SCALE: u8 = 6;
const MS_NS: u64 = 1_000_000;
const HOUR_SECS: u64 = 3_600;

pub(crate) fn parse(
    markets: &Markets,
    operation: &Operation,
    envelope: &Object<'_>,
    now: TsNs,
) -> Result<Reply, Failure> {
    let result = envelope.object("result")?;
    let of = |range: &Range| markets.get(range.instrument);
    Ok(match operation {
        Operation::Create(_) | Operation::Amend(_) | Operation::Cancel(_) => {
            Reply::Accepted(result.text("orderId")?.into_owned())
        }
        Operation::Order(order) => order_asked(markets.get(order.instrument)?, &result)?,
        Operation::OpenOrders(instrument) => {
            let market = markets.get(*instrument)?;
            Reply::Orders(oldest_first(&result, |row| account::order(market, &row.object()?))?)
        }
        Operation::OrderHistory(range) => {
            let market = of(range)?;
            Reply::Orders(oldest_first(&result, |row| account::order(market, &row.object()?))?)
        }
        Operation::Fills(range) => {
            let market = of(range)?;
            let fills = oldest_first(&result, |row| account::fill(market, &row.object()?))?;
            Reply::Fills(fills.into_iter().flatten().collect())
        }
        Operation::OrderFills(order) => {
            let market = markets.get(order.instrument)?;
            let fills = oldest_first(&result, |row| account::fill(market, &row.object()?))?;
            Reply::Fills(fills.into_iter().flatten().collect())
        }
        Operation::Balances(_) => Reply::Balances(account::balances(&only(&result)?)?),
        Operation::Positions(_) => {
            Reply::Positions(account::positions(markets, &result.list("list")?)?)
        }
        Operation::ServerTime => Reply::Time(result.whole("timeNano")?),
        Operation::Instruments(product) => Reply::Listings(listings(*product, &result)?),
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
            let mut trades = oldest_first(&result, |row| {
                print(market, &row.object()?, ["time", "side", "size", "price", "execId"])
            })?;
            // The venue sends the latest; what is older was not asked for.
            trades.retain(|trade| trade.ts_event >= range.since);
            Reply::Trades(trades)
        }
        Operation::Bars(bars) => {
            let market = of(&bars.range)?;
            Reply::Bars(oldest_first(&result, |row| candle(market, bars.step_secs, row, now))?)
        }
        Operation::FundingRate(instrument) => {
            let market = markets.get(*instrument)?;
            Reply::Funding(vec![rate(market, &only(&result)?, envelope.ms("time")?)?])
        }
        Operation::FundingHistory(range) => {
            let market = of(range)?;
            Reply::Funding(oldest_first(&result, |row| past_rate(market, &row.object()?))?)
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

/// Lists come newest first.
fn oldest_first<T>(
    result: &Object<'_>,
    read: impl FnMut(Json<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    result.list("list")?.into_iter().rev().map(read).collect()
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
        rate_ppm: row.rounded("fundingRate", PPM_SCALE, Rounding::ToZero)?,
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
        rate_ppm: row.rounded("fundingRate", PPM_SCALE, Rounding::ToZero)?,
        next: 0,
        interval_secs: 0,
    })
}

fn listings(product: Product, result: &Object<'_>) -> Result<Vec<Listing>, Malformed> {
    let mut all = Vec::new();
    for row in result.list("list")? {
        let row = row.object()?;
        // The linear list also holds dated futures.
        if is_linear(product) && row.text_or_empty("contractType") != "LinearPerpetual" {
            continue;
        }
        all.push(listing(product, &row).map_err(|Malformed(error)| {
            Malformed(format!("{}: {error}", row.text_or_empty("symbol")))
        })?);
    }
    Ok(all)
}

fn listing(product: Product, row: &Object<'_>) -> Result<Listing, Malformed> {
    let (base, quote) = (row.text("baseCoin")?, row.text("quoteCoin")?);
    let lot = row.object("lotSizeFilter")?;
    let (step, notional, settle) = match is_linear(product) {
        true => ("qtyStep", "minNotionalValue", row.text("settleCoin")?),
        false => ("basePrecision", "minOrderAmt", quote.clone()),
    };
    Ok(Listing {
        symbol: format!("{base}-{quote}"),
        native: row.text("symbol")?.into_owned(),
        product,
        settle: settle.into_owned(),
        base: base.into_owned(),
        quote: quote.into_owned(),
        price_step: row.object("priceFilter")?.decimal("tickSize")?,
        size_step: lot.decimal(step)?,
        min_size: lot.decimal("minOrderQty")?,
        min_notional: match lot.get(notional) {
            Some(_) => lot.decimal(notional)?,
            None => "0".to_owned(),
        },
        contract_size: "1".to_owned(),
        tradable: row.text("status")? == "Trading",
        expires: 0,
        strike: "0".to_owned(),
    })
}
