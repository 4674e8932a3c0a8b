//! The host's own orders: closing what a slot holds, with an end.
//!
//! Comes in: positions, what the venue takes, and what became of each order. Goes out: the next order,
//! when it may go, and what is left when there is nothing more to do. Every order that the host itself
//! decides comes from here. Deliberately absent: sending, and cancels, which come before.
//!
//! A refusal that would repeat (a rule, the funds) ends an instrument at once. Anything else is tried
//! again, ever later, and ends after [`TRIES_MAX`] tries in which nothing was filled.

use wickd_model::{
    Cash, Instrument, InstrumentId, IntentId, Kind, OrderEvent, OrderRequest, Product, Reason,
    Side, Status, Tif, TsNs,
};

use super::clearance::Clearance;
use super::line::Touch;

const NS_PER_MS: u64 = 1_000_000;
/// Orders without a fill, for one instrument.
const TRIES_MAX: u32 = 8;
/// Wait before the second one, in event time; doubled each time.
const WAIT_MS: u64 = 250;
/// The longest such wait.
const WAIT_MAX_MS: u64 = 30_000;
/// How long orders of before may still be open: what cannot be taken back could change the position.
const OPEN_ORDERS_MS_MAX: u64 = 60_000;
/// How often they are looked at, whatever the time: where only bars come, an order meets the market at
/// the next bar, and its answer the slot at the one after.
const LOOKS_MIN: u32 = 4;

/// Why something is left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is less than the smallest order, or less worth.
    BelowMin {
        /// The smallest size.
        min_qty: i64,
        /// The smallest value; 0 for none.
        min_notional: Cash,
    },
    /// The venue refused, and would again.
    Refused(Reason),
    /// So many orders brought nothing.
    Tries(u32),
    /// Other orders of the slot are open still.
    OrdersOpen,
    /// Somebody else minds the slot now, or the run ends.
    Over,
}

/// What is left of one instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Negative when short.
    pub size: i64,
    /// Owned beside it, less than one unit of the size, times `10^8`.
    pub rest: Cash,
    /// Why.
    pub why: Why,
}

/// The closing of one slot's positions.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    /// Only this instrument.
    only: Option<InstrumentId>,
    began: TsNs,
    /// When open orders were looked at last, and how often since `began`.
    looked: TsNs,
    looks: u32,
    orders_open: bool,
    each: Vec<One>,
}

/// One instrument of it.
#[derive(Clone, Copy, Debug)]
struct One {
    instrument: InstrumentId,
    tries: u32,
    due: TsNs,
    sent: IntentId,
    ended: Option<Why>,
}

impl Closing {
    pub(crate) fn new(only: Option<InstrumentId>, now: TsNs) -> Self {
        let (looked, looks, orders_open) = (now, 0, false);
        Self { only, began: now, looked, looks, orders_open, each: Vec::new() }
    }

    pub(crate) fn is_of(&self, instrument: InstrumentId) -> bool {
        self.only.is_none_or(|only| only == instrument)
    }

    /// Orders of before that are open still: whether they are waited for.
    pub(crate) fn waits_for_orders(&mut self, now: TsNs) -> bool {
        if now > self.looked {
            (self.looked, self.looks) = (now, self.looks.saturating_add(1));
        }
        self.looks < LOOKS_MIN || now < self.began.saturating_add(OPEN_ORDERS_MS_MAX * NS_PER_MS)
    }

    /// When the next order may go; at once where none waits.
    pub(crate) fn due(&self) -> TsNs {
        self.each.iter().filter(|one| one.ended.is_none()).map(|one| one.due).min().unwrap_or(0)
    }

    /// Why an instrument is not closed any further.
    pub(crate) fn ended(&self, instrument: InstrumentId) -> Option<Why> {
        if self.orders_open {
            return Some(Why::OrdersOpen);
        }
        self.each.iter().find(|one| one.instrument == instrument)?.ended
    }

    /// The order that closes `size` of an instrument; none where it has to wait, or has ended.
    pub(crate) fn next(
        &mut self,
        size: i64,
        instrument: &Instrument,
        touch: Touch,
        clearance: &Clearance,
        now: TsNs,
    ) -> Option<OrderRequest> {
        if !self.is_of(instrument.id) || size == 0 || self.orders_open {
            return None;
        }
        let one = self.one(instrument.id);
        if one.ended.is_some() || now < one.due {
            return None;
        }
        match closing_order(size, instrument, touch, clearance) {
            Ok(order) => Some(order),
            Err(why) => {
                one.ended = Some(why);
                None
            }
        }
    }

    /// That order has gone under this number.
    pub(crate) fn sent(&mut self, instrument: InstrumentId, intent: IntentId, now: TsNs) {
        (self.began, self.looked, self.looks) = (now, now, 0);
        self.one(instrument).sent = intent;
    }

    pub(crate) fn has_sent(&self) -> bool {
        !self.each.is_empty()
    }

    /// What cannot be taken back stays, and nothing is sent beside it.
    pub(crate) fn orders_open(&mut self) {
        self.orders_open = true;
    }

    /// News of an order of the slot.
    pub(crate) fn heard(&mut self, event: &OrderEvent, now: TsNs) {
        let Some(one) = self.each.iter_mut().find(|one| one.sent == event.id.intent) else {
            return;
        };
        if event.last_size > 0 {
            (one.tries, one.due) = (0, now);
        }
        if !event.status.is_final() || event.status == Status::Filled {
            return;
        }
        one.sent = 0;
        match event.reason {
            Reason::VenueRule | Reason::InsufficientFunds | Reason::WouldTake
                if event.status == Status::Rejected =>
            {
                one.ended = Some(Why::Refused(event.reason));
            }
            _ => {
                one.tries += 1;
                if one.tries >= TRIES_MAX {
                    one.ended = Some(Why::Tries(TRIES_MAX));
                }
                let wait_ms = (WAIT_MS << (one.tries - 1).min(10)).min(WAIT_MAX_MS);
                // Up to a quarter longer, by the order's own number: slots do not return together.
                let jitter_ms = event.id.intent.wrapping_mul(0x9e37_79b9) % (wait_ms / 4 + 1);
                one.due = now.saturating_add((wait_ms + jitter_ms) * NS_PER_MS);
            }
        }
    }

    fn one(&mut self, instrument: InstrumentId) -> &mut One {
        let known = self.each.iter().position(|one| one.instrument == instrument);
        let place = known.unwrap_or_else(|| {
            self.each.push(One { instrument, tries: 0, due: 0, sent: 0, ended: None });
            self.each.len() - 1
        });
        &mut self.each[place]
    }
}

/// A market order against `size`, as large as the venue takes.
fn closing_order(
    size: i64,
    instrument: &Instrument,
    touch: Touch,
    clearance: &Clearance,
) -> Result<OrderRequest, Why> {
    let step = instrument.qty_step.max(1);
    let whole = size.saturating_abs() / step * step;
    let min_qty = instrument.min_qty.max(clearance.min_qty());
    let min_notional = instrument.min_notional.max(clearance.min_notional());
    let side = if size > 0 { Side::Sell } else { Side::Buy };
    let price = if side == Side::Sell { touch.bid } else { touch.ask };
    let value = instrument.notional(price, whole);
    // Venues of derivatives let any size reduce.
    let valued = matches!(instrument.product, Product::Spot | Product::Margin) && price > 0;
    if whole == 0 || whole < min_qty || valued && value.is_some_and(|value| value < min_notional) {
        return Err(Why::BelowMin { min_qty: min_qty.max(step), min_notional });
    }
    Ok(OrderRequest {
        instrument: instrument.id,
        side,
        kind: Kind::Market,
        price: 0,
        size: whole,
        tif: Tif::Ioc,
        post_only: false,
        reduce_only: true,
        tag: 0,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wickd_model::{FeedState, OrderEvent};

    use super::super::samples::{fill, instrument};
    use super::*;

    const TOUCH: Touch =
        Touch { bid: 100_000, ask: 100_100, feed: FeedState::Live, quoted: true, traded: false };

    fn next(closing: &mut Closing, size: i64, now: TsNs) -> Option<OrderRequest> {
        let order = closing.next(size, &instrument(0), TOUCH, &Clearance::default(), now);
        if order.is_some() {
            closing.sent(0, 7, now);
        }
        order
    }

    fn news(status: Status, reason: Reason) -> OrderEvent {
        let none = fill(7, Side::Sell, 0, 0, 0);
        OrderEvent { status, reason, last_size: 0, last_price: 0, ..none }
    }

    #[test]
    fn a_position_is_closed_down_to_the_step_and_dust_is_named() {
        let mut closing = Closing::new(None, 0);
        let order = next(&mut closing, 1_239, 0).map(|order| (order.side, order.size));
        assert_eq!(order, Some((Side::Sell, 1_230)));
        assert_eq!(next(&mut closing, 9, 0), None);
        assert!(matches!(closing.ended(0), Some(Why::BelowMin { min_qty: 20, .. })));
        // Worth less than the venue takes: 0.0001 at 1,000 is 0.10, and the venue wants 5.
        let clearance = Clearance::default();
        clearance.set_least(0, 500_000_000);
        let mut closing = Closing::new(None, 0);
        assert_eq!(closing.next(100, &instrument(0), TOUCH, &clearance, 0), None);
        assert!(closing.ended(0).is_some());
        let swap = Instrument { product: Product::Perpetual, ..instrument(0) };
        assert!(Closing::new(None, 0).next(-100, &swap, TOUCH, &clearance, 0).is_some());
    }

    #[test]
    fn a_refusal_that_will_repeat_ends_it_at_once() {
        for reason in [Reason::VenueRule, Reason::InsufficientFunds] {
            let mut closing = Closing::new(None, 0);
            assert!(next(&mut closing, 1_000, 0).is_some());
            closing.heard(&news(Status::Rejected, reason), 1);
            assert_eq!(closing.ended(0), Some(Why::Refused(reason)));
            assert_eq!(next(&mut closing, 1_000, TsNs::MAX), None);
        }
    }

    #[test]
    fn open_orders_are_waited_for_over_a_few_events_however_far_apart_those_are() {
        let bar_ns = 86_400_000_000_000;
        let mut closing = Closing::new(None, 0);
        // Looked at twice at one event, it is one look.
        let waits = [1, 2, 2, 3, 4].map(|bars| closing.waits_for_orders(bars * bar_ns));
        assert_eq!(waits, [true, true, true, true, false]);
        closing.sent(0, 7, 5 * bar_ns);
        assert!(closing.waits_for_orders(6 * bar_ns));
        // Where events are dense the time decides.
        let mut closing = Closing::new(None, 0);
        let last = OPEN_ORDERS_MS_MAX * NS_PER_MS;
        assert!((1..last / 1_000_000_000).all(|s| closing.waits_for_orders(s * 1_000_000_000)));
        assert!(!closing.waits_for_orders(last));
    }

    proptest! {
        #[test]
        fn whatever_the_venue_answers_it_ends_after_a_bounded_number_of_orders(
            answers in prop::collection::vec((0u8..4, 1i64..400), 64),
        ) {
            let (mut closing, mut size, mut now, mut orders) = (Closing::new(None, 0), 1_000i64, 0, 0);
            let mut waits = Vec::new();
            for (answer, part) in answers {
                now = now.max(closing.due());
                let Some(order) = next(&mut closing, size, now) else { break };
                orders += 1;
                let event = match answer {
                    0 => news(Status::Rejected, Reason::VenueFault),
                    1 => news(Status::Expired, Reason::Unfilled),
                    2 => news(Status::Cancelled, Reason::VenueFault),
                    _ => {
                        let part = (part / 10 * 10).clamp(10, order.size);
                        size -= part;
                        let event = fill(7, Side::Sell, 100_000, part, part);
                        closing.heard(&event, now);
                        news(Status::Expired, Reason::Unfilled)
                    }
                };
                closing.heard(&event, now);
                waits.push(closing.due().saturating_sub(now) / NS_PER_MS);
            }
            prop_assert!(size < 20 || closing.ended(0).is_some(), "{size} is left, and nobody says why");
            prop_assert!(orders <= 100 * TRIES_MAX);
            prop_assert!(waits.iter().all(|wait| *wait <= WAIT_MAX_MS * 5 / 4));
        }
    }
}
