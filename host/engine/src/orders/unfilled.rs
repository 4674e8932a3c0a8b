//! News of an order that brings no fill.
//!
//! Comes in: the order, where it stands, and why. Goes out: the event that says so. Deliberately
//! absent: fills, which have a price, a size and a fee beside it.

use wickd_model::{Order, OrderEvent, Reason, Stamp, Status, TsNs};

/// An event that is not a fill; `filled` before it, and told at `at`.
pub(crate) fn unfilled(
    order: &Order,
    filled: i64,
    at: Stamp,
    status: Status,
    reason: Reason,
) -> OrderEvent {
    OrderEvent {
        id: order.id,
        at,
        side: order.request.side,
        status,
        reason,
        filled,
        remaining: order.request.size.saturating_sub(filled).max(0),
        last_price: 0,
        last_size: 0,
        fee: 0,
        trade_id: 0,
        fee_base: 0,
        reconciled: false,
    }
}

/// An order that a full venue did not take in.
#[cold]
pub(crate) fn not_taken(order: &Order, now: TsNs) -> OrderEvent {
    let instrument = order.request.instrument;
    let at = Stamp { instrument, seq: order.seq, ts_event: now, ts_init: now };
    unfilled(order, 0, at, Status::Rejected, Reason::VenueFault)
}
