//! One order of a book that is not done, and what news of it changes.
//!
//! Comes in: what the venue said. Goes out: whether that was news, and whether the order is done.
//! Deliberately absent: money, and other orders.

use wickd_model::{Order, OrderEvent, Status};

/// An order that is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OpenOrder {
    /// The order.
    pub(crate) order: Order,
    /// Where it stands; pending until the venue answers.
    pub(crate) status: Status,
    /// Filled so far.
    pub(crate) filled: i64,
    /// Still staged by the call in progress.
    pub(crate) staged: bool,
    /// A cancel is staged or under way.
    pub(crate) cancelling: bool,
    /// Of its last fill; 0 where there is none.
    last_trade_id: u64,
    /// A final status came before the fills it counts.
    closing: Option<i64>,
}

impl OpenOrder {
    /// An order that the venue has not answered yet.
    pub(super) fn new(order: Order, staged: bool) -> Self {
        Self {
            order,
            status: Status::Pending,
            filled: 0,
            staged,
            cancelling: false,
            last_trade_id: 0,
            closing: None,
        }
    }

    /// What can still fill.
    pub(crate) fn remaining(&self) -> i64 {
        self.order.request.size.saturating_sub(self.filled).max(0)
    }

    /// Takes in what the venue said of it. The money of a fill that is news is the book's.
    pub(super) fn apply(&mut self, event: &OrderEvent) -> Applied {
        match event.last_size > 0 {
            true => self.apply_fill(event),
            false => self.apply_status(event),
        }
    }

    /// Whether it is done, and every fill that its final status counts has come.
    pub(super) fn is_complete(&self) -> bool {
        self.closing.is_some_and(|filled| self.filled >= filled)
    }

    fn apply_fill(&mut self, event: &OrderEvent) -> Applied {
        let known = event.trade_id != 0 && event.trade_id == self.last_trade_id;
        if known || event.filled <= self.filled {
            return Applied::Old;
        }
        if event.filled != self.filled.saturating_add(event.last_size) {
            return Applied::Gap;
        }
        self.filled = event.filled;
        self.last_trade_id = event.trade_id;
        if event.status.is_final() {
            self.closing = Some(event.filled);
        } else if self.closing.is_none() {
            self.status = event.status;
        }
        Applied::Changed
    }

    fn apply_status(&mut self, event: &OrderEvent) -> Applied {
        if self.closing.is_some() {
            return Applied::Old;
        }
        if event.status.is_final() {
            self.closing = Some(event.filled);
            // The venue counts fills that did not arrive yet; the order waits for them.
            return if event.filled > self.filled { Applied::Gap } else { Applied::Changed };
        }
        // An order does not go back from resting to pending, nor lose its fills.
        let back = event.filled < self.filled || event.status == Status::Pending;
        if back || self.status == event.status {
            return Applied::Old;
        }
        self.status = event.status;
        Applied::Changed
    }
}

/// What an order event did to the book.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Applied {
    /// It was news.
    Changed,
    /// It was known; nothing changed.
    Old,
    /// A fill before it is missing; no money moved, and the order stays open. Ask the venue.
    Gap,
    /// The order was never in this book; nothing changed. Reconcile.
    Unknown,
}
