//! Orders of slots, on their way to the venue and news of them on its way back.
//!
//! Comes in: durable orders. Goes out: tracked ones, or refusals; news to the lanes. Deliberately absent:
//! what becomes of an order, which is the tracker's.

use wickd_model::{
    CASH_SCALE, ClientId, Instrument, Order, OrderEvent, Reason, Status, TsNs, parse_scaled,
};

use super::{Connector, Stage, stamp};
use crate::events::RefusedEvent;
use crate::orders::unfilled;
use crate::venue::adapter::listed;
use crate::venue::holdings::units;
use crate::venue::tracker::Trouble;
use crate::venue::{News, client_text};

impl Connector {
    pub(super) fn send(&mut self, order: Order, now: TsNs) {
        // Sent later it would be another decision; and a market that the venue lists otherwise, or not
        // at all, was told at the start. That is the house's to hold, whatever the adapter would do.
        let id = order.id;
        let last = self.parts.last_intents.entry(id.slot).or_default();
        *last = (*last).max(id.intent);
        if self.halted.is_some()
            || self.stage != Stage::Running
            || !self.bound.contains(&order.request.instrument)
        {
            return self.refuse(&order, now);
        }
        let open = self.tracker.len();
        if open >= self.parts.plan.open_orders_max as usize {
            self.deny("account", RefusedEvent::AccountLimit { open, order: order.id });
            return self.refuse(&order, now);
        }
        let text = self.client_text(self.parts.ids.epoch, order.id);
        self.tracker.send(order, text, now);
    }

    /// The venue's own least size and value, for the gates.
    pub(super) fn set_least(&self, instrument: &Instrument) {
        let Some(of) = listed(instrument, &self.listings) else { return };
        let Some(clearance) = self.parts.clearances.get(instrument.id as usize) else { return };
        let min_qty = parse_scaled(&of.min_size, instrument.size_scale).unwrap_or(0);
        clearance.set_least(min_qty, parse_scaled(&of.min_notional, CASH_SCALE).unwrap_or(0));
    }

    /// Never sent, and it never will be.
    pub(super) fn refuse(&mut self, order: &Order, now: TsNs) {
        let at = stamp(order.request.instrument, now, now);
        self.tell(unfilled(order, 0, at, Status::Rejected, Reason::Host));
    }

    /// The client id as the venue sees it.
    pub(super) fn client_text(&self, epoch: u32, id: ClientId) -> String {
        let prefix = self.client_ids.as_ref().map_or("", |rule| rule.prefix.as_str());
        client_text(prefix, self.parts.ids.house, epoch, id.slot, id.intent)
    }

    /// An order of an earlier run that the venue was not asked for yet is taken back once it was.
    pub(super) fn cancel(&mut self, id: ClientId, reason: Reason, now: TsNs) {
        match self.parts.taken.iter_mut().find(|taken| taken.order.id == id) {
            Some(taken) => taken.cancel = Some(reason),
            None => self.tracker.cancel(id, reason, now),
        }
    }

    /// News for a slot, to its lane.
    pub(super) fn tell(&mut self, event: OrderEvent) {
        if event.last_size > 0
            && let Some(of) = self.parts.instruments.get(event.at.instrument as usize)
        {
            let size = units(event.side.sign() * event.last_size, of.size_scale);
            let amount = size - units(event.fee_base, CASH_SCALE);
            self.holdings.changed(event.id.slot, event.at.instrument, amount, event.at.ts_init);
        }
        self.send_news(event.id.slot, News::Order(event));
    }

    /// To the lane of a slot; of one that is not configured any more, to the first lane, which writes
    /// it down.
    pub(super) fn send_news(&mut self, slot: u32, news: News) {
        let lane = self.parts.lanes.get(&slot).copied().unwrap_or(0);
        let Some(tap) = self.parts.news.get_mut(lane) else { return };
        let mut news = news;
        while let Err(rtrb::PushError::Full(back)) = tap.ring.push(news) {
            if tap.ring.is_abandoned() {
                return;
            }
            // A lane takes its news between any two events; none is lost.
            news = back;
            tap.waker.wake();
            std::thread::yield_now();
        }
        tap.waker.wake();
    }

    pub(super) fn tell_all(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        out.drain(..).for_each(|event| self.tell(event));
        self.out = out;
        for (id, trouble) in std::mem::take(&mut self.tracker.troubles) {
            self.trouble(id, trouble);
        }
        if !self.tracker.paid.is_empty() {
            self.take_paid(self.parts.clock.now_ns());
        }
    }

    /// What the venue does with an order and a person has to know.
    fn trouble(&mut self, id: ClientId, trouble: Trouble) {
        let (order, bounded) = (format!("order {id}"), |text: &str, bytes| {
            wickd_model::printable(text.as_bytes(), bytes)
        });
        match trouble {
            Trouble::Impossible(why) => {
                self.deny(&order, RefusedEvent::Fill { why: why.to_owned() });
            }
            Trouble::Overfilled => {
                self.deny(&order, RefusedEvent::Overfilled {});
                self.halt(&format!("it has filled more of order {id} than was asked for"));
            }
            Trouble::CancelRefused(why) => {
                self.deny(&order, RefusedEvent::Cancel { why: bounded(&why, 200) });
            }
            Trouble::FeeEstimated { amount, asset } => {
                let (amount, asset) = (bounded(&amount, 40), bounded(&asset, 16));
                let target = asset.clone();
                self.deny(&target, RefusedEvent::FeeEstimated { amount, asset });
            }
            Trouble::Missing => self.deny(&order, RefusedEvent::OrderMissing {}),
        }
    }
}
