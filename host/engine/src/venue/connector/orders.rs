//! Orders of slots, on their way to the venue and news of them on its way back.
//!
//! Comes in: durable orders. Goes out: tracked ones, or refusals; news to the lanes. Deliberately absent:
//! what becomes of an order, which is the tracker's.

use wickd_model::{ClientId, Order, OrderEvent, Reason, Status, TsNs};

use super::{Connector, Stage, stamp};
use crate::events::{RefusedEvent, VenueEvent};
use crate::venue::client_text;

impl Connector {
    pub(super) fn send(&mut self, order: Order, now: TsNs) {
        // Sent later it would be another decision; and a market that the venue lists otherwise, or not
        // at all, was told at the start. That is the house's to hold, whatever the adapter would do.
        if self.stage != Stage::Running || !self.bound.contains(&order.request.instrument) {
            return self.refuse(&order, now);
        }
        if self.halted.is_some() {
            return self.refuse(&order, now);
        }
        let open = self.tracker.len();
        if open >= self.parts.plan.open_orders_max as usize {
            self.deny("account", RefusedEvent::AccountLimit { open, order: order.id });
            return self.refuse(&order, now);
        }
        let text = self.client_text(order.id);
        self.tracker.send(order, text, now);
    }

    /// No order leaves for this venue any more; cancels do. What was found does not mend itself.
    pub(super) fn halt(&mut self, why: &str) {
        if self.halted.is_some() {
            return;
        }
        self.halted = Some(why.to_owned());
        self.say(VenueEvent::Halted { venue: self.name(), why: why.to_owned() });
    }

    /// Never sent, and it never will be.
    pub(super) fn refuse(&mut self, order: &Order, now: TsNs) {
        let mut refused = blank(order, now);
        (refused.status, refused.reason) = (Status::Rejected, Reason::Host);
        self.tell(refused);
    }

    /// The client id as the venue sees it.
    pub(super) fn client_text(&self, id: ClientId) -> String {
        let prefix = self.client_ids.as_ref().map_or("", |rule| rule.prefix.as_str());
        client_text(prefix, self.parts.house, id.slot, id.intent)
    }

    /// News for a slot, to its lane.
    pub(super) fn tell(&mut self, event: OrderEvent) {
        let Some(lane) = self.parts.lanes.get(&event.id.slot) else { return };
        let tap = &mut self.parts.news[*lane];
        let mut event = event;
        while let Err(rtrb::PushError::Full(back)) = tap.ring.push(event) {
            if tap.ring.is_abandoned() {
                return;
            }
            // A lane takes its news between any two events; none is lost.
            event = back;
            tap.waker.wake();
            std::thread::yield_now();
        }
        tap.waker.wake();
    }

    pub(super) fn tell_all(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        out.drain(..).for_each(|event| self.tell(event));
        self.out = out;
    }
}

fn blank(order: &Order, now: TsNs) -> OrderEvent {
    OrderEvent {
        id: order.id,
        at: stamp(order.request.instrument, now, now),
        side: order.request.side,
        status: Status::Pending,
        reason: Reason::None,
        filled: 0,
        remaining: order.request.size,
        last_price: 0,
        last_size: 0,
        fee: 0,
        trade_id: 0,
        reconciled: false,
    }
}
