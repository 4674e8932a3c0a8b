//! Orders, fills, balances and positions, as replies and as events of the private socket.
//!
//! Comes in: rows of OKX. Goes out: reports of the contract. Deliberately absent: any memory of
//! orders; the host's journal has it.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Balance, FillReport, Holding, Market, Markets, OrderReport, Wire, every, readable,
};
use wickd_sdk::{OrderReason, OrderStatus, Side};

/// States of an order; a word that is not here is a state nobody has taught this adapter.
fn status(word: &str) -> OrderStatus {
    match word {
        "live" => OrderStatus::Open,
        "partially_filled" => OrderStatus::PartlyFilled,
        "filled" => OrderStatus::Filled,
        "canceled" | "mmp_canceled" => OrderStatus::Cancelled,
        _ => OrderStatus::Unknown,
    }
}

fn reason(status: OrderStatus, row: &Object<'_>) -> OrderReason {
    let (kind, source) = (row.text_or_empty("ordType"), row.text_or_empty("cancelSource"));
    match (status, kind.as_ref(), source.as_ref()) {
        (OrderStatus::Cancelled, "post_only", "31") => OrderReason::WouldTake,
        (OrderStatus::Cancelled, "ioc" | "fok" | "market" | "optimal_limit_ioc", _) => {
            OrderReason::Unfilled
        }
        (OrderStatus::Cancelled, _, "" | "1") => OrderReason::Requested,
        (OrderStatus::Cancelled, ..) => OrderReason::VenueRule,
        _ => OrderReason::None,
    }
}

fn side(row: &Object<'_>) -> Result<Side, Malformed> {
    match row.text("side")?.as_ref() {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        other => Err(Malformed(format!("`side`: `{other}` is no side"))),
    }
}

pub(crate) fn order(market: &Market, row: &Object<'_>) -> Result<OrderReport, Malformed> {
    let filled = market.contracts(row, "accFillSz")?;
    let status = status(&row.text("state")?);
    // Somebody's market buy may count in the quote asset: what is left of it is not known in base.
    let remaining = match row.text_or_empty("tgtCcy").as_ref() {
        "quote_ccy" => 0,
        "" | "base_ccy" => {
            let size = market.contracts(row, "sz")?;
            let rest = size.checked_sub(filled).filter(|rest| *rest >= 0);
            rest.ok_or_else(|| Malformed(format!("{filled} filled of {size}")))?
        }
        other => return Err(Malformed(format!("`tgtCcy`: `{other}` is no unit"))),
    };
    Ok(OrderReport {
        instrument: market.instrument,
        client_id: row.text("clOrdId")?.into_owned(),
        venue_id: row.text("ordId")?.into_owned(),
        side: side(row)?,
        status,
        reason: reason(status, row),
        filled,
        remaining,
        ts_event: row.ms("uTime")?,
    })
}

/// A fill as `fills-history` shows it.
pub(crate) fn fill(market: &Market, row: &Object<'_>) -> Result<FillReport, Malformed> {
    named_fill(market, row, ["fee", "feeCcy"])
}

/// A fill; `names` of the fee and its asset. A fee that is not said has no asset either.
fn named_fill(
    market: &Market,
    row: &Object<'_>,
    [fee, fee_asset]: [&str; 2],
) -> Result<FillReport, Malformed> {
    let trade_id = row.text("tradeId")?;
    if trade_id.is_empty() {
        return Err(Malformed("`tradeId` is empty".to_owned()));
    }
    // The venue writes what it takes as a negative number.
    let (fee, fee_asset) = match row.text(fee)?.is_empty() {
        true => ("0".to_owned(), String::new()),
        false => ((-row.exact(fee)?).text(), row.text(fee_asset)?.into_owned()),
    };
    let side = side(row)?;
    let is_dated = !row.text_or_empty("fillTime").is_empty();
    Ok(FillReport {
        instrument: market.instrument,
        client_id: row.text("clOrdId")?.into_owned(),
        venue_id: row.text("ordId")?.into_owned(),
        trade_id: trade_id.into_owned(),
        side,
        price: market.fill_px(row, "fillPx", side)?,
        size: market.contracts(row, "fillSz")?,
        fee,
        fee_asset,
        // `ts` is when it was booked.
        ts_event: row.ms(if is_dated { "fillTime" } else { "ts" })?,
    })
}

pub(crate) fn balances(wire: &mut Wire, account: &Object<'_>) -> Result<Vec<Balance>, Malformed> {
    readable(wire, "balances", account.list("details")?, |row| balance(row).map(Some))
}

fn balance(row: Json<'_>) -> Result<Balance, Malformed> {
    let row = row.object()?;
    Ok(Balance {
        asset: row.word("ccy")?.into_owned(),
        total: row.decimal("cashBal")?,
        available: row.decimal("availBal")?,
    })
}

/// Positions in net mode; those of markets that are not traded here are left out.
pub(crate) fn positions(
    markets: &Markets,
    wire: &mut Wire,
    rows: &[Json<'_>],
) -> Result<Vec<Holding>, Malformed> {
    readable(wire, "positions", rows.iter().copied(), |row| holding(markets, row))
}

fn holding(markets: &Markets, row: Json<'_>) -> Result<Option<Holding>, Malformed> {
    let row = row.object()?;
    let Some(market) = markets.named(&row.word("instId")?, |_| true) else { return Ok(None) };
    let mode = row.text("posSide")?;
    if mode != "net" {
        let why = format!("`posSide`: `{mode}`: the account is in long-short mode; set it to net");
        return Err(Malformed(why));
    }
    let size = market.contracts(&row, "pos")?;
    let entry = market.entry(&row, "avgPx", size)?;
    Ok(Some(Holding { instrument: market.instrument, size, entry }))
}

/// Rows of a private channel.
pub(crate) fn events(
    markets: &Markets,
    wire: &mut Wire,
    channel: &str,
    rows: &[Json<'_>],
) -> Result<(), Malformed> {
    match channel {
        "orders" => every(rows.iter().copied(), |row| order_event(markets, wire, &row.object()?)),
        "account" => every(rows.iter().copied(), |row| {
            every(row.object()?.list("details")?, |row| {
                wire.balance(&balance(row)?);
                Ok(())
            })
        }),
        "positions" => every(rows.iter().copied(), |row| {
            holding(markets, row)?.into_iter().for_each(|holding| wire.holding(holding));
            Ok(())
        }),
        other => {
            wire.unknown(&format!("channel {other}"));
            Ok(())
        }
    }
}

fn order_event(markets: &Markets, wire: &mut Wire, row: &Object<'_>) -> Result<(), Malformed> {
    let Some(market) = markets.named(&row.text("instId")?, |_| true) else { return Ok(()) };
    let report = order(market, row)?;
    if report.status == OrderStatus::Unknown {
        wire.unknown(&format!("order state {}", row.text_or_empty("state")));
    }
    // Every row tells of a fill, or has no number of a trade. Where a fill's fee is not said, the host
    // sees from the order that it lacks a fill, and asks for it.
    let is_whole = !row.text_or_empty("fillFee").is_empty();
    let fill = match row.text_or_empty("tradeId").is_empty() {
        false if is_whole => named_fill(market, row, ["fillFee", "fillFeeCcy"]).map(Some),
        _ => Ok(None),
    };
    if let Ok(Some(fill)) = &fill {
        wire.fill(fill);
    }
    wire.order(&report);
    fill.map(drop)?;
    if let Some(why) = amendment_refused(row) {
        wire.unknown(&why);
    }
    Ok(())
}

/// Why an amendment that was acknowledged was not made after all: its outcome comes later, here.
fn amendment_refused(row: &Object<'_>) -> Option<String> {
    let refused = row.text_or_empty("amendResult") == "-1";
    refused.then(|| {
        let (id, code) = (row.text_or_empty("clOrdId"), row.text_or_empty("code"));
        format!("order {id} was not amended: {code} {}", row.text_or_empty("msg"))
    })
}
