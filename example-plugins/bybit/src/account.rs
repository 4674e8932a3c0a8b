//! Orders, fills, balances and positions, as replies and as events of the private socket.
//!
//! Comes in: rows of Bybit. Goes out: reports of the contract. Deliberately absent: any memory of
//! orders; the host's journal has it.

use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{Balance, FillReport, Holding, Market, Markets, OrderReport, Wire};
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
    let status = status(&row.text("orderStatus")?);
    let side = side(&row.text("side")?)?;
    // Somebody's spot market buy counts in the quote asset unless it says otherwise: what is left of
    // it is not known in base units.
    let in_quote = !is_linear(market.product)
        && row.text_or_empty("orderType") == "Market"
        && side == Side::Buy
        && row.text_or_empty("marketUnit") != "baseCoin";
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
    if !matches!(row.text("execType")?.as_ref(), "Trade" | "AdlTrade" | "BustTrade" | "BlockTrade")
    {
        return Ok(None);
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
        price: market.px(row, "execPrice")?,
        size: market.qty(row, "execQty")?,
        fee: row.decimal("execFee")?,
        fee_asset: asset,
        ts_event: row.ms("execTime")?,
    }))
}

/// The coins of a unified account. What orders and positions hold is not available.
pub(crate) fn balances(account: &Object<'_>) -> Result<Vec<Balance>, Malformed> {
    let coin = |row: Json<'_>| {
        let row = row.object()?;
        let total = row.exact("walletBalance")?;
        let mut available = total;
        for name in ["locked", "totalOrderIM", "totalPositionIM"] {
            if !row.text_or_empty(name).is_empty() {
                let huge = || Malformed(format!("`{name}`: beyond 38 digits"));
                available = available.plus(-row.exact(name)?).ok_or_else(huge)?;
            }
        }
        Ok(Balance {
            asset: row.text("coin")?.into_owned(),
            total: total.text(),
            available: available.text(),
        })
    };
    account.list("coin")?.into_iter().map(coin).collect()
}

/// Positions in one-way mode; those of markets that are not traded here are left out.
pub(crate) fn positions(markets: &Markets, rows: &[Json<'_>]) -> Result<Vec<Holding>, Malformed> {
    let mut all = Vec::new();
    for row in rows {
        let row = row.object()?;
        let Some(market) = markets.named(&row.text("symbol")?, is_linear) else { continue };
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
        all.push(Holding { instrument: market.instrument, size, entry });
    }
    Ok(all)
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
    match topic {
        "order" => rows.iter().try_for_each(|row| {
            let row = row.object()?;
            let Some(market) = market(markets, &row)? else { return Ok(()) };
            let report = order(market, &row)?;
            if report.status == OrderStatus::Unknown {
                wire.unknown(&format!("order status {}", row.text_or_empty("orderStatus")));
            }
            wire.order(&report);
            Ok(())
        }),
        "execution" => rows.iter().try_for_each(|row| {
            let row = row.object()?;
            let Some(market) = market(markets, &row)? else { return Ok(()) };
            fill(market, &row)?.iter().for_each(|report| wire.fill(report));
            Ok(())
        }),
        "wallet" => rows.iter().try_for_each(|row| {
            balances(&row.object()?)?.iter().for_each(|balance| wire.balance(balance));
            Ok(())
        }),
        "position" => {
            positions(markets, rows)?.into_iter().for_each(|holding| wire.holding(holding));
            Ok(())
        }
        other => {
            wire.unknown(&format!("topic {other}"));
            Ok(())
        }
    }
}
