//! The risk gate: the one place where an order request becomes an order or a denial.
//!
//! Comes in: a request, the slot's book, and what the call may still do. Goes out: nothing, or the
//! first rule that refused. Deliberately absent: state, allocation, I/O; the book counts, the gate
//! only reads.
//!
//! The rules run in this order, so that the same request is always refused under the same code:
//!
//! 1. `intents-per-call`, `trading-disabled`, `halted`: may this call trade at all?
//! 2. `instrument-unknown`, `venue-halted`, `stale-data`: is there a market to decide on?
//! 3. `price-step`, `qty-step`, `below-min`, `above-max`, `notional`: is it an order?
//! 4. `not-reducing`, `reduce-only-mode`, `no-price`, `loss-limit`, `drawdown-limit`, `daily-loss`,
//!    `position-differs`, `account-loss`: must it reduce, and does it?
//! 5. `price-band`, `position-limit`, `self-trade`: does it do harm where it lands?
//! 6. `order-count`, `rate`: is there room for it? Last, so that a denied order costs no room.

use wickd_model::{
    CASH_SCALE, Deny, Instrument, IntentId, Kind, Mode, OrderRequest, Risk, Side, TsNs,
};

use super::book::{Book, OPEN_ORDERS_BOUND};
use super::clearance::{Clearance, Passes};
use super::line::Touch;

/// Hundredths of a percent in a whole.
const BPS: i128 = 10_000;

/// What the call in progress may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    /// Event time.
    pub(crate) now: TsNs,
    /// The slot's `limits.intents_per_call`.
    pub(crate) intents_max: u32,
    /// Shadow, catch-up or stop: nothing may be staged.
    pub(crate) muted: bool,
}

/// Decides whether `request` may be staged.
///
/// # Errors
/// The first rule, in the order above, that refuses it.
pub(crate) fn check(request: &OrderRequest, book: &Book, call: Call) -> Result<(), Deny> {
    may_trade(book, call)?;
    deny_if(book.risk.mode == Mode::Halt, Deny::Halted)?;
    let (instrument, touch) = book.market(request.instrument).ok_or(Deny::InstrumentUnknown)?;
    let clearance = book.clearance(request.instrument).ok_or(Deny::InstrumentUnknown)?;
    deny_if(clearance.passes() == Passes::Nothing, Deny::VenueHalted)?;
    let live = touch.feed == wickd_model::FeedState::Live;
    let middle_twice = touch.middle_twice().filter(|_| live).ok_or(Deny::StaleData)?;
    well_formed(request, instrument, clearance, touch, &book.risk)?;
    reducing(request, book)?;
    harmless(request, instrument, middle_twice, book)?;
    let room = book.risk.open_orders_max.min(OPEN_ORDERS_BOUND) as usize;
    deny_if(book.open_orders().len() >= room, Deny::OrderCount)?;
    deny_if(!book.rate.fits(call.now), Deny::Rate)
}

/// Decides whether a cancel of `intent` may be staged. A halted slot may still take orders back.
///
/// # Errors
/// `intents-per-call`, `trading-disabled`, `unknown-intent`, `not-open` (done, or being cancelled
/// already), `rate`, in this order.
pub(crate) fn check_cancel(intent: IntentId, book: &Book, call: Call) -> Result<(), Deny> {
    may_trade(book, call)?;
    deny_if(intent == 0 || intent > book.last_intent(), Deny::UnknownIntent)?;
    let open = book.open_order(intent).ok_or(Deny::NotOpen)?;
    deny_if(open.cancelling, Deny::NotOpen)?;
    deny_if(!book.rate.fits(call.now), Deny::Rate)
}

fn may_trade(book: &Book, call: Call) -> Result<(), Deny> {
    deny_if(book.actions() >= call.intents_max as usize, Deny::IntentsPerCall)?;
    deny_if(call.muted, Deny::TradingDisabled)
}

/// Price, size and value on their own, against the instrument and the order limits.
fn well_formed(
    request: &OrderRequest,
    instrument: &Instrument,
    clearance: &Clearance,
    touch: Touch,
    risk: &Risk,
) -> Result<(), Deny> {
    let on_step = |value: i64, step: i64| value > 0 && value % step.max(1) == 0;
    let priced = match request.kind {
        Kind::Market => request.price == 0,
        Kind::Limit => on_step(request.price, instrument.price_step),
    };
    deny_if(!priced, Deny::PriceStep)?;
    deny_if(!on_step(request.size, instrument.qty_step), Deny::QtyStep)?;
    let min_qty = instrument.min_qty.max(clearance.min_qty());
    deny_if(request.size < min_qty, Deny::BelowMin)?;
    let too_large = |most: i64| !within(request.size, instrument.size_scale, most);
    deny_if(risk.order_size_max.is_some_and(too_large), Deny::AboveMax)?;
    let price = match (request.kind, request.side) {
        (Kind::Limit, _) => request.price,
        (Kind::Market, Side::Buy) => touch.ask,
        (Kind::Market, Side::Sell) => touch.bid,
    };
    let notional = instrument.notional(price, request.size).ok_or(Deny::Notional)?;
    let min_notional = instrument.min_notional.max(clearance.min_notional());
    deny_if(notional < min_notional, Deny::BelowMin)?;
    deny_if(risk.order_notional_max.is_some_and(|most| notional > most), Deny::Notional)
}

/// Whether `size` at `scale` is at most `most` at scale 8, exactly.
fn within(size: i64, scale: u8, most: i64) -> bool {
    let up = |value: i64, by: u8| i128::from(value) * 10i128.pow(u32::from(by));
    up(size, CASH_SCALE.saturating_sub(scale)) <= up(most, scale.saturating_sub(CASH_SCALE))
}

/// An order that must reduce may at most close what open orders of its side leave to close.
fn reducing(request: &OrderRequest, book: &Book) -> Result<(), Deny> {
    let must = request
        .reduce_only
        .then_some(Deny::NotReducing)
        .or_else(|| book.reducing_only(request.instrument));
    let Some(deny) = must else { return Ok(()) };
    let left = -i128::from(request.side.sign()) * book.worst(request.instrument, request.side);
    deny_if(i128::from(request.size) > left, deny)
}

/// The order against the market, the position it could lead to, and the slot's own orders.
fn harmless(
    request: &OrderRequest,
    instrument: &Instrument,
    middle_twice: i128,
    book: &Book,
) -> Result<(), Deny> {
    if request.kind == Kind::Limit {
        let away = (2 * i128::from(request.price) - middle_twice).abs();
        let band = i128::from(book.risk.price_band_bps) * middle_twice;
        deny_if(away * BPS > band, Deny::PriceBand)?;
    }
    if let Some(most) = book.risk.position_notional_max {
        let sign = i128::from(request.side.sign());
        let worst = book.worst(request.instrument, request.side) + sign * i128::from(request.size);
        // A position that stays on the other side is being reduced, whatever its value.
        let size = i64::try_from((sign * worst).max(0)).map_err(|_| Deny::PositionLimit)?;
        let price = i64::try_from(middle_twice / 2).map_err(|_| Deny::PositionLimit)?;
        let price = price.max(request.price);
        let value = instrument.notional(price, size).ok_or(Deny::PositionLimit)?;
        deny_if(value > most, Deny::PositionLimit)?;
    }
    deny_if(meets_own(request, instrument, book), Deny::SelfTrade)
}

/// Whether the order could trade with a resting limit order of the same slot. A market order is
/// taken to reach the far touch; market orders of the slot do not rest, so nothing can meet them.
fn meets_own(request: &OrderRequest, instrument: &Instrument, book: &Book) -> bool {
    let far = |touch: Touch| match request.side {
        Side::Buy => touch.ask,
        Side::Sell => touch.bid,
    };
    let reach = match request.kind {
        Kind::Limit => request.price,
        Kind::Market => book.market(instrument.id).map_or(0, |(_, touch)| far(touch)),
    };
    book.open_orders().iter().map(|open| &open.order.request).any(|own| {
        own.instrument == request.instrument
            && own.side != request.side
            && own.kind == Kind::Limit
            && match request.side {
                Side::Buy => own.price <= reach,
                Side::Sell => own.price >= reach,
            }
    })
}

fn deny_if(refuses: bool, deny: Deny) -> Result<(), Deny> {
    if refuses { Err(deny) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
