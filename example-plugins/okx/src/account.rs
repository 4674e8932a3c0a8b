//! Orders, fills, balances and positions, as replies and as events of the private socket.
//!
//! Comes in: rows of OKX. Goes out: reports of the contract. Deliberately absent: any memory of
//! orders; the host's journal has it.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{Balance, FillReport, Holding, Market, Markets, OrderReport, Wire};
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
    let remaining = match row.text_or_empty("tgtCcy") == "quote_ccy" {
        true => 0,
        false => {
            let size = market.contracts(row, "sz")?;
            let rest = size.checked_sub(filled).filter(|rest| *rest >= 0);
            rest.ok_or_else(|| Malformed(format!("{filled} filled of {size}")))?
        }
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

/// A fill as `fills` shows it.
pub(crate) fn fill(market: &Market, row: &Object<'_>) -> Result<FillReport, Malformed> {
    named_fill(market, row, ["fee", "feeCcy", "ts"])
}

/// A fill; `names` of the fee, its asset, and the time.
fn named_fill(
    market: &Market,
    row: &Object<'_>,
    [fee, fee_asset, time]: [&str; 3],
) -> Result<FillReport, Malformed> {
    let trade_id = row.text("tradeId")?;
    if trade_id.is_empty() {
        return Err(Malformed("`tradeId` is empty".to_owned()));
    }
    Ok(FillReport {
        instrument: market.instrument,
        client_id: row.text("clOrdId")?.into_owned(),
        venue_id: row.text("ordId")?.into_owned(),
        trade_id: trade_id.into_owned(),
        side: side(row)?,
        price: market.px(row, "fillPx")?,
        size: market.contracts(row, "fillSz")?,
        // The venue writes what it takes as a negative number.
        fee: (-row.exact(fee)?).text(),
        fee_asset: row.text(fee_asset)?.into_owned(),
        ts_event: row.ms(time)?,
    })
}

pub(crate) fn balances(account: &Object<'_>) -> Result<Vec<Balance>, Malformed> {
    let details = account.list("details")?;
    let balance = |row: Json<'_>| {
        let row = row.object()?;
        Ok(Balance {
            asset: row.text("ccy")?.into_owned(),
            total: row.decimal("cashBal")?,
            available: row.decimal("availBal")?,
        })
    };
    details.into_iter().map(balance).collect()
}

/// Positions in net mode; those of markets that are not traded here are left out.
pub(crate) fn positions(markets: &Markets, rows: &[Json<'_>]) -> Result<Vec<Holding>, Malformed> {
    let mut all = Vec::new();
    for row in rows {
        let row = row.object()?;
        let Some(market) = markets.named(&row.text("instId")?, |_| true) else { continue };
        let mode = row.text("posSide")?;
        if mode != "net" {
            let why =
                format!("`posSide`: `{mode}`: the account is in long-short mode; set it to net");
            return Err(Malformed(why));
        }
        let size = market.contracts(&row, "pos")?;
        let entry = market.entry(&row, "avgPx", size)?;
        all.push(Holding { instrument: market.instrument, size, entry });
    }
    Ok(all)
}

/// Rows of a private channel.
pub(crate) fn events(
    markets: &Markets,
    wire: &mut Wire,
    channel: &str,
    rows: &[Json<'_>],
) -> Result<(), Malformed> {
    match channel {
        "orders" => rows.iter().try_for_each(|row| order_event(markets, wire, &row.object()?)),
        "account" => {
            for row in rows {
                balances(&row.object()?)?.iter().for_each(|balance| wire.balance(balance));
            }
            Ok(())
        }
        "positions" => {
            positions(markets, rows)?.into_iter().for_each(|holding| wire.holding(holding));
            Ok(())
        }
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
    // Every row tells of a fill, or has no number of a trade.
    if !row.text_or_empty("tradeId").is_empty() {
        wire.fill(&named_fill(market, row, ["fillFee", "fillFeeCcy", "fillTime"])?);
    }
    wire.order(&report);
    Ok(())
}
