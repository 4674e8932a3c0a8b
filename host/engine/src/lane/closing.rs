//! Positions that the host closes: after a failure, where the slot's policy says so, or on the
//! operator's word.
//!
//! Comes in: failures, words, news of orders, event time. Goes out: cancels, then orders that reduce,
//! and a report of what is left. Deliberately absent: which order goes when, and when there is no more
//! to do; that is [`Closing`]'s.

use wickd_model::{InstrumentId, OrderEvent, Reason, TsNs};

use super::Lane;
use super::message::{FromLane, OnFailure};
use crate::orders::Closing;

/// How often orders that are open still are looked at, in event time.
const LOOK_NS: u64 = 1_000_000_000;

impl Lane {
    /// What the operator wants done with the orders of a slot that nobody minds.
    #[cold]
    pub(super) fn act_on_orders(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let Some(account) = &mut slot.account else { return };
        if slot.on_failure == OnFailure::Keep || account.blocked {
            return;
        }
        if slot.on_failure == OnFailure::Flatten {
            return self.begin_closing(place, None);
        }
        account.begin(self.now, self.seq, 0);
        account.book.stage_cancel_all(Reason::Host);
        self.commit(place);
    }

    /// Takes back the slot's orders, of one instrument or of all, and closes what it holds.
    #[cold]
    pub(super) fn begin_closing(&mut self, place: usize, only: Option<InstrumentId>) {
        let slot = &mut self.slots[place];
        let Some(account) = slot.account.as_mut().filter(|account| !account.blocked) else {
            return;
        };
        account.begin(self.now, self.seq, 0);
        account.book.stage_cancel_of(Reason::Host, only);
        slot.closing = Some(Closing::new(only, self.now));
        self.commit(place);
        self.close_positions(place);
    }

    /// News of an order of a slot.
    #[inline]
    pub(super) fn closing_hears(&mut self, place: usize, event: &OrderEvent) {
        if let Some(closing) = &mut self.slots[place].closing {
            closing.heard(event, self.now);
            self.close_positions(place);
        }
    }

    /// Event time has come to where an order may go.
    #[cold]
    pub(super) fn closings_due(&mut self) {
        self.closing_due = TsNs::MAX;
        (0..self.slots.len()).for_each(|place| self.close_positions(place));
    }

    /// Nobody closes what this slot holds any more; what is left is told.
    pub(super) fn end_closing(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        if let (Some(closing), Some(account)) = (slot.closing.take(), &slot.account) {
            let left = account.left(&closing);
            if closing.has_sent() || !left.is_empty() {
                self.reports.push(FromLane::Closed(slot.key, left));
            }
        }
    }

    /// The next orders, once no order of the slot can change what it holds.
    #[cold]
    fn close_positions(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let (Some(closing), Some(account)) = (&mut slot.closing, &mut slot.account) else { return };
        if account.has_open(closing) {
            if closing.waits_for_orders(self.now) {
                self.closing_due = self.closing_due.min(self.now.saturating_add(LOOK_NS));
                return;
            }
            closing.orders_open();
        }
        account.begin(self.now, self.seq, 0);
        let due = account.stage_closing(closing, self.now, self.seq);
        if account.has_staged() {
            self.closing_due = self.closing_due.min(self.now.saturating_add(LOOK_NS));
            return self.commit(place);
        }
        match due {
            Some(due) => self.closing_due = self.closing_due.min(due),
            None => self.end_closing(place),
        }
    }
}
