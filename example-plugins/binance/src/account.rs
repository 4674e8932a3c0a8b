//! Orders, fills, balances and positions, as replies and as events of the user stream.
//!
//! Comes in: objects of Binance. Goes out: reports of the contract. Deliberately absent: any memory
//! of orders; the host's journal has it.

use wickd_sdk::exchange::json::{Malformed, Object};
use wickd_sdk::exchange::{
    Balance, Failure, FillReport, Holding, Market, Markets, OrderReport, Reply, Wire, every,
};
use wickd_sdk::{OrderReason, OrderStatus, Product, Side};

use crate::is_usdm;

/// States of an order; a word that is not here is a state nobody has taught this adapter.
fn status(word: &str, filled: i64) -> OrderStatus {
    match word {
        "PENDING_NEW" => OrderStatus::Pending,
        "NEW" => OrderStatus::Open,
        "PARTIALLY_FILLED" => OrderStatus::PartlyFilled,
        // A cancel that is on its way has not happened.
        "PENDING_CANCEL" if filled > 0 => OrderStatus::PartlyFilled,
        "PENDING_CANCEL" => OrderStatus::Open,
        "FILLED" => OrderStatus::Filled,
        "CANCELED" => OrderStatus::Cancelled,
        "REJECTED" => OrderStatus::Rejected,
        "EXPIRED" | "EXPIRED_IN_MATCH" => OrderStatus::Expired,
        _ => OrderStatus::Unknown,
    }
}

fn reason(status: OrderStatus, tif: &str) -> OrderReason {
    match (status, tif) {
        (OrderStatus::Cancelled, _) => OrderReason::Requested,
        (OrderStatus::Rejected, _) => OrderReason::VenueRule,
        (OrderStatus::Expired, "GTX") => OrderReason::WouldTake,
        (OrderStatus::Expired, "IOC" | "FOK") => OrderReason::Unfilled,
        (OrderStatus::Expired, _) => OrderReason::VenueRule,
        _ => OrderReason::None,
    }
}

fn side(of: &Object<'_>, name: &str) -> Result<Side, Malformed> {
    match of.text(name)?.as_ref() {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        other => Err(Malformed(format!("`{name}`: `{other}` is no side"))),
    }
}

/// The answer to a new, amended or cancelled order. It tells the state too, but so does the stream;
/// what only this answer has is the venue's number.
pub(crate) fn accepted(market: &Market, body: &[u8]) -> Result<Reply, Failure> {
    let order = Object::parse(body)?;
    let symbol = order.text("symbol")?;
    if symbol != market.native {
        return Err(Failure::Malformed(format!("`symbol`: `{symbol}` was not asked")));
    }
    Ok(Reply::Accepted(order.whole("orderId")?.to_string()))
}

/// An order as `order`, `openOrders` and `allOrders` show it.
pub(crate) fn order(market: &Market, from: &Object<'_>) -> Result<OrderReport, Malformed> {
    let size = market.qty(from, "origQty")?;
    let filled = market.qty(from, "executedQty")?;
    let status = status(&from.text("status")?, filled);
    let ts_event = match from.get("updateTime") {
        Some(time) => time.ms()?,
        None => from.ms("time")?,
    };
    Ok(OrderReport {
        instrument: market.instrument,
        client_id: from.text("clientOrderId")?.into_owned(),
        venue_id: from.whole("orderId")?.to_string(),
        side: side(from, "side")?,
        status,
        reason: reason(status, &from.text_or_empty("timeInForce")),
        filled,
        remaining: rest(size, filled)?,
        ts_event,
    })
}

fn rest(size: i64, filled: i64) -> Result<i64, Malformed> {
    let rest = size.checked_sub(filled).filter(|rest| *rest >= 0);
    rest.ok_or_else(|| Malformed(format!("{filled} filled of {size}")))
}

/// A fill as `myTrades` and `userTrades` show it; they do not repeat the client's id.
pub(crate) fn fill(market: &Market, from: &Object<'_>) -> Result<FillReport, Malformed> {
    let side = match from.truth("isBuyer")? {
        Some(true) => Side::Buy,
        Some(false) => Side::Sell,
        None => side(from, "side")?,
    };
    Ok(FillReport {
        instrument: market.instrument,
        client_id: String::new(),
        venue_id: from.whole("orderId")?.to_string(),
        trade_id: from.whole("id")?.to_string(),
        side,
        price: market.fill_px(from, "price", side)?,
        size: market.qty(from, "qty")?,
        fee: from.decimal("commission")?,
        fee_asset: from.text("commissionAsset")?.into_owned(),
        ts_event: from.ms("time")?,
    })
}

/// An asset with what is free and what is locked.
pub(crate) fn spot_balance(from: &Object<'_>, names: [&str; 3]) -> Result<Balance, Malformed> {
    let [asset, free, locked] = names;
    let (free, locked) = (from.exact(free)?, from.exact(locked)?);
    let total =
        free.plus(locked).ok_or_else(|| Malformed("a balance beyond 38 digits".to_owned()))?;
    Ok(Balance {
        asset: from.word(asset)?.into_owned(),
        total: total.text(),
        available: free.text(),
    })
}

/// A position in one-way mode; `names` of its side, size and entry.
pub(crate) fn holding(
    market: &Market,
    from: &Object<'_>,
    names: [&str; 3],
) -> Result<Holding, Malformed> {
    let [side, size, entry] = names;
    let mode = from.text_or_empty(side);
    if !matches!(mode.as_ref(), "" | "BOTH") {
        let why = format!("`{side}`: `{mode}`: the account is in hedge mode; set it to one-way");
        return Err(Malformed(why));
    }
    let size = market.qty(from, size)?;
    Ok(Holding { instrument: market.instrument, size, entry: market.entry(from, entry, size)? })
}

/// One event of a user stream.
pub(crate) fn event(
    markets: &Markets,
    wire: &mut Wire,
    event: &Object<'_>,
) -> Result<(), Malformed> {
    match event.text("e")?.as_ref() {
        "executionReport" => {
            let spot = |product| product == Product::Spot;
            execution(markets.named(&event.text("s")?, spot), wire, event, event)
        }
        "ORDER_TRADE_UPDATE" => {
            let order = event.object("o")?;
            execution(markets.named(&order.text("s")?, is_usdm), wire, &order, event)
        }
        "outboundAccountPosition" => every(event.list("B")?, |row| {
            wire.balance(&spot_balance(&row.object()?, ["a", "f", "l"])?);
            Ok(())
        }),
        "ACCOUNT_UPDATE" => account_update(markets, wire, &event.object("a")?),
        // What they tell is in the position of the account too, or is nothing of ours.
        "balanceUpdate" | "TRADE_LITE" | "ACCOUNT_CONFIG_UPDATE" | "listStatus" => Ok(()),
        other => {
            wire.unknown(&format!("account event {other}"));
            Ok(())
        }
    }
}

/// `order` holds the order's fields, `event` the times; on spot both are one.
fn execution(
    market: Option<&Market>,
    wire: &mut Wire,
    order: &Object<'_>,
    event: &Object<'_>,
) -> Result<(), Malformed> {
    let Some(market) = market else { return Ok(()) };
    // A cancel has an id of its own in `c`; `C` is the order's.
    let original = order.text_or_empty("C");
    let client_id = if original.is_empty() { order.text("c")? } else { original };
    let (size, filled) = (market.qty(order, "q")?, market.qty(order, "z")?);
    let word = order.text("X")?;
    let status = status(&word, filled);
    if status == OrderStatus::Unknown {
        wire.unknown(&format!("order status {word}"));
    }
    let report = OrderReport {
        instrument: market.instrument,
        client_id: client_id.into_owned(),
        venue_id: order.whole("i")?.to_string(),
        side: side(order, "S")?,
        status,
        reason: reason(status, &order.text_or_empty("f")),
        filled,
        remaining: rest(size, filled)?,
        ts_event: event.ms("T")?,
    };
    // `CALCULATED` is what the venue did to a position by itself: a liquidation, or ADL.
    if matches!(order.text("x")?.as_ref(), "TRADE" | "CALCULATED") {
        let fee_asset = order.text_or_empty("N");
        wire.fill(&FillReport {
            instrument: market.instrument,
            client_id: report.client_id.clone(),
            venue_id: report.venue_id.clone(),
            trade_id: order.whole("t")?.to_string(),
            side: report.side,
            price: market.fill_px(order, "L", report.side)?,
            size: market.qty(order, "l")?,
            // USD-M leaves both fields out where nothing was charged.
            fee: if fee_asset.is_empty() { "0".to_owned() } else { order.decimal("n")? },
            fee_asset: fee_asset.into_owned(),
            ts_event: report.ts_event,
        });
    }
    wire.order(&report);
    Ok(())
}

fn account_update(
    markets: &Markets,
    wire: &mut Wire,
    update: &Object<'_>,
) -> Result<(), Malformed> {
    let positions = every(update.list("P")?, |row| {
        let row = row.object()?;
        if let Some(market) = markets.named(&row.text("s")?, is_usdm) {
            wire.holding(holding(market, &row, ["ps", "pa", "ep"])?);
        }
        Ok(())
    });
    let balances = every(update.list("B")?, |row| {
        let row = row.object()?;
        // `cw` is what is left without the margin of isolated positions.
        wire.balance(&Balance {
            asset: row.text("a")?.into_owned(),
            total: row.decimal("wb")?,
            available: row.decimal("cw")?,
        });
        Ok(())
    });
    positions.and(balances)
}
