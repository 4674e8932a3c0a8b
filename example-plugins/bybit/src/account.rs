//! Orders, fills, balances and positions, as replies and as events of the private socket.
//!
//! Comes in: rows of Bybit. Goes out: reports of the contract. Deliberately absent: any memory of
//! orders; the host's journal has it.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{
    Balance, Exact, FillReport, Holding, Market, Markets, OrderReport, Wire, every, readable,
};
use wickd_sdk::{OrderReason, OrderStatus, Product, Side};

use crate::is_linear;

/// States of an order; a word that is not here is a state nobody has taught this adapter.
fn status(word: &str) -> OrderStatus {
    match word {
        // Conditional orders, which are not ours, wait for their trigger.
        "Created" | "Untriggered" | "Triggered" => OrderStatus::Pending,
        "New" => OrderStatus::Open,
        "PartiallyFilled" => OrderStatus::PartlyFilled,
        "Filled" => OrderStatus::Filled,
        "Cancelled" | "PartiallyFilledCanceled" | "Deactivated" => OrderStatus::Cancelled,
        "Rejected" => OrderStatus::Rejected,
        _ => OrderStatus::Unknown,
    }
}

fn reason(status: OrderStatus, row: &Object<'_>) -> OrderReason {
    if !matches!(status, OrderStatus::Cancelled | OrderStatus::Rejected) {
        return OrderReason::None;
    }
    match row.text_or_empty("rejectReason").as_ref() {
        "EC_PostOnlyWillTakeLiquidity" => return OrderReason::WouldTake,
        "EC_NoImmediateQtyToFill" | "EC_NoEnoughQtyToFill" => return OrderReason::Unfilled,
        "EC_PerCancelRequest" | "EC_CancelByUser" => return OrderReason::Requested,
        _ => {}
    }
    match (row.text_or_empty("cancelType").as_ref(), row.text_or_empty("timeInForce").as_ref()) {
        ("CancelByUser", _) => OrderReason::Requested,
        (_, "IOC" | "FOK") => OrderReason::Unfilled,
        _ => OrderReason::VenueRule,
    }
}

fn side(word: &str) -> Result<Side, Malformed> {
    match word {
        "Buy" => Ok(Side::Buy),
        "Sell" => Ok(Side::Sell),
        other => Err(Malformed(format!("`side`: `{other}` is no side"))),
    }
}

pub(crate) fn order(market: &Market, row: &Object<'_>) -> Result<OrderReport, Malformed> {
    let filled = market.qty(row, "cumExecQty")?;
    let status = match status(&row.text("orderStatus")?) {
        // What was filled before it was turned away stands.
        OrderStatus::Rejected if filled > 0 => OrderStatus::Cancelled,
        status => status,
    };
    let side = side(&row.text("side")?)?;
    // Somebody's spot market buy counts in the quote asset unless it says otherwise: what is left of
    // it is not known in base units.
    let unit = match row.text_or_empty("marketUnit").as_ref() {
        "" | "quoteCoin" => true,
        "baseCoin" => false,
        other => return Err(Malformed(format!("`marketUnit`: `{other}` is no unit"))),
    };
    let in_quote = unit
        && !is_linear(market.product)
        && row.text_or_empty("orderType") == "Market"
        && side == Side::Buy;
    let remaining = match in_quote {
        true => 0,
        false => {
            let size = market.qty(row, "qty")?;
            let rest = size.checked_sub(filled).filter(|rest| *rest >= 0);
            rest.ok_or_else(|| Malformed(format!("{filled} filled of {size}")))?
        }
    };
    Ok(OrderReport {
        instrument: market.instrument,
        client_id: row.text("orderLinkId")?.into_owned(),
        venue_id: row.text("orderId")?.into_owned(),
        side,
        status,
        reason: reason(status, row),
        filled,
        remaining,
        ts_event: row.ms("updatedTime")?,
    })
}

/// A fill; none where the row tells of funding or a settlement.
pub(crate) fn fill(market: &Market, row: &Object<'_>) -> Result<Option<FillReport>, Malformed> {
    match row.text("execType")?.as_ref() {
        "Trade" | "AdlTrade" | "BustTrade" | "BlockTrade" => {}
        "Funding" | "Settle" | "Delivery" | "SessionSettlePnL" | "MovePosition"
        | "FutureSpread" => return Ok(None),
        // It may be a fill: the host has to ask what became of the order.
        other => return Err(Malformed(format!("`execType`: `{other}` is not known"))),
    }
    let trade_id = row.text("execId")?;
    if trade_id.is_empty() {
        return Err(Malformed("`execId` is empty".to_owned()));
    }
    let side = side(&row.text("side")?)?;
    // Where it is not named, spot takes the fee from what was bought, perpetuals from what settles.
    let asset = match row.text_or_empty("feeCurrency") {
        named if !named.is_empty() => named.into_owned(),
        _ if side == Side::Buy && !is_linear(market.product) => market.base.clone(),
        _ => market.quote.clone(),
    };
    Ok(Some(FillReport {
        instrument: market.instrument,
        client_id: row.text("orderLinkId")?.into_owned(),
        venue_id: row.text("orderId")?.into_owned(),
        trade_id: trade_id.into_owned(),
        side,
        price: market.fill_px(row, "execPrice", side)?,
        size: market.qty(row, "execQty")?,
        fee: row.decimal("execFee")?,
        fee_asset: asset,
        ts_event: row.ms("execTime")?,
    }))
}

/// The coins of a unified account.
pub(crate) fn balances(wire: &mut Wire, account: &Object<'_>) -> Result<Vec<Balance>, Malformed> {
    readable(wire, "balances", account.list("coin")?, |row| balance(row).map(Some))
}

/// What of a coin is the account's own: the wallet without what was borrowed into it. What orders and
/// positions hold is not available.
fn balance(row: Json<'_>) -> Result<Balance, Malformed> {
    let row = row.object()?;
    let without = |from: Exact, name: &str| match row.text_or_empty(name).is_empty() {
        true => Ok(from),
        false => {
            let huge = || Malformed(format!("`{name}`: beyond 38 digits"));
            from.plus(-row.exact(name)?).ok_or_else(huge)
        }
    };
    // Older replies do not tell the borrowings of spot apart.
    let borrowed = if row.get("spotBorrow").is_some() { "spotBorrow" } else { "borrowAmount" };
    let total = without(row.exact("walletBalance")?, borrowed)?;
    let held = ["locked", "totalOrderIM", "totalPositionIM"];
    let available = held.into_iter().try_fold(total, without)?;
    Ok(Balance {
        asset: row.word("coin")?.into_owned(),
        total: total.text(),
        available: available.text(),
    })
}

/// Positions in one-way mode; those of markets that are not traded here are left out.
pub(crate) fn positions(
    markets: &Markets,
    wire: &mut Wire,
    rows: &[Json<'_>],
) -> Result<Vec<Holding>, Malformed> {
    readable(wire, "positions", rows.iter().copied(), |row| holding(markets, row))
}

fn holding(markets: &Markets, row: Json<'_>) -> Result<Option<Holding>, Malformed> {
    let row = row.object()?;
    let Some(market) = markets.named(&row.word("symbol")?, is_linear) else { return Ok(None) };
    if row.whole("positionIdx")? != 0 {
        let why = "`positionIdx`: the account is in hedge mode; set it to one-way";
        return Err(Malformed(why.to_owned()));
    }
    let size = market.qty(&row, "size")?;
    let size = match row.text_or_empty("side").as_ref() {
        "Buy" => size,
        "Sell" => size.saturating_neg(),
        // Flat.
        _ if size == 0 => 0,
        other => return Err(Malformed(format!("`side`: `{other}` is no side"))),
    };
    let name = if row.get("avgPrice").is_some() { "avgPrice" } else { "entryPrice" };
    let entry = market.entry(&row, name, size)?;
    Ok(Some(Holding { instrument: market.instrument, size, entry }))
}

/// The market of a row of a private topic; none where it is not traded here.
fn market<'m>(markets: &'m Markets, row: &Object<'_>) -> Result<Option<&'m Market>, Malformed> {
    let category = row.text("category")?;
    let fits = |product: Product| category == crate::category(product);
    Ok(markets.named(&row.text("symbol")?, fits))
}

/// Rows of a private topic.
pub(crate) fn events(
    markets: &Markets,
    wire: &mut Wire,
    topic: &str,
    rows: &[Json<'_>],
) -> Result<(), Malformed> {
    let rows = rows.iter().copied();
    match topic {
        "order" => every(rows, |row| {
            let row = row.object()?;
            let Some(market) = market(markets, &row)? else { return Ok(()) };
            let report = order(market, &row)?;
            if report.status == OrderStatus::Unknown {
                wire.unknown(&format!("order status {}", row.text_or_empty("orderStatus")));
            }
            wire.order(&report);
            Ok(())
        }),
        "execution" => every(rows, |row| {
            let row = row.object()?;
            let Some(market) = market(markets, &row)? else { return Ok(()) };
            fill(market, &row)?.iter().for_each(|report| wire.fill(report));
            Ok(())
        }),
        "wallet" => every(rows, |row| {
            every(row.object()?.list("coin")?, |row| {
                wire.balance(&balance(row)?);
                Ok(())
            })
        }),
        "position" => every(rows, |row| {
            holding(markets, row)?.into_iter().for_each(|holding| wire.holding(holding));
            Ok(())
        }),
        other => {
            wire.unknown(&format!("topic {other}"));
            Ok(())
        }
    }
}
