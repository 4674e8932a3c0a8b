//! Loss stops on their lane: days that begin, stops that are reached, orders that are taken back.
//!
//! Comes in: what the books and the shared accounts say after an event. Goes out: staged cancels and
//! reports. Deliberately absent: the limits, which are the books' and the accounts', and the denial
//! of orders, which is the gate's.

use std::sync::Arc;

use wickd_model::{Reason, TsNs};

use super::Lane;
use super::message::{DayBegan, FromLane};
use super::slot::Slot;
use crate::orders::{AccountStop, DAY_NS, Joint, Stop};

/// The accounts with loss stops, and the day.
pub(super) struct Accounts {
    /// Each with the stop that this lane has acted on.
    known: Vec<(Arc<Joint>, Option<Stop>)>,
    day: u64,
    day_ends: TsNs,
}

impl Accounts {
    pub(super) fn new(accounts: Vec<Arc<Joint>>) -> Self {
        let known = accounts.into_iter().map(|joint| (joint, None)).collect();
        Self { known, day: 0, day_ends: 0 }
    }

    /// When event time comes to another day.
    #[inline]
    pub(super) fn day_ends(&self) -> TsNs {
        self.day_ends
    }
}

impl Lane {
    /// A slot, empty still.
    pub(super) fn take_slot(&mut self, mut slot: Slot) {
        if let Some(account) = slot.account.as_mut().filter(|_| self.accounts.day_ends > 0) {
            account.book.day_begins(self.accounts.day);
        }
        self.slots.push(slot);
    }

    /// Event time has come to another day. It never goes back to an earlier one.
    #[cold]
    pub(super) fn day_begins(&mut self) {
        let day = self.now / DAY_NS;
        (self.accounts.day, self.accounts.day_ends) = (day, (day + 1).saturating_mul(DAY_NS));
        self.accounts.known.iter().for_each(|(joint, _)| joint.day_begins(day));
        for slot in &mut self.slots {
            if let Some(account) = &mut slot.account {
                account.book.day_begins(day);
            }
        }
    }

    /// After an event has reached the books: whether a stop holds that did not before. `news`: a book
    /// of this lane has something to say.
    #[inline]
    pub(super) fn judge(&mut self, news: bool) {
        for place in 0..self.accounts.known.len() {
            let (joint, acted) = &self.accounts.known[place];
            let reached = joint.judge(self.accounts.day);
            if reached.is_some() || joint.stop(self.accounts.day) != *acted {
                self.account_changed(place, reached);
            }
        }
        if news {
            self.slots_changed();
        }
    }

    #[cold]
    fn account_changed(&mut self, place: usize, reached: Option<AccountStop>) {
        let (joint, acted) = &mut self.accounts.known[place];
        *acted = joint.stop(self.accounts.day);
        let (joint, stopped) = (joint.clone(), acted.is_some());
        if stopped {
            (0..self.slots.len()).for_each(|slot| self.take_back(slot, Some(&joint)));
        }
        if let Some(reached) = reached {
            self.reports.push(FromLane::AccountStop(Box::new(reached)));
        }
    }

    #[cold]
    fn slots_changed(&mut self) {
        let mut days = Vec::new();
        for place in 0..self.slots.len() {
            let slot = &mut self.slots[place];
            let key = slot.key;
            let Some(account) = &mut slot.account else { continue };
            if let Some((day, worth)) = account.book.take_day() {
                let of = |(instrument, worth)| DayBegan { key, day, instrument, worth };
                days.extend(worth.into_iter().map(of));
            }
            if let Some(reached) = account.book.take_stop() {
                self.take_back(place, None);
                self.reports.push(FromLane::SlotStop(key, reached));
            }
        }
        if !days.is_empty() {
            self.reports.push(FromLane::DayBegan(days));
        }
    }

    /// The host takes back what would increase a position while a stop holds.
    fn take_back(&mut self, place: usize, of: Option<&Joint>) {
        let slot = &mut self.slots[place];
        let Some(account) = slot.account.as_mut().filter(|account| !account.blocked) else {
            return;
        };
        account.begin(self.now, self.seq, 0);
        account.book.stage_cancel_increasing(Reason::Host, of);
        if account.has_staged() {
            self.commit(place);
        }
    }
}
