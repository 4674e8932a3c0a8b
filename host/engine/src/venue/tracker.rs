//! What became of each order at a venue: a state machine that never guesses and never sends twice.
//!
//! Comes in: orders whose intent is durable, and everything a venue lets on: answers, reports and
//! fills of streams, in any order, doubled, or not at all. Goes out: operations to be carried out, and
//! order events for the slots, each fill once and in sequence. Deliberately absent: sockets, bytes,
//! clocks; the time comes in with every call.
//!
//! The rules:
//! * An answer that did not come is not a failure. The order is `unknown`, and the venue is asked by
//!   client id until it says what it has. Only where no request with this id can still be accepted
//!   (`settle_ns` after it was last sent), and the venue has twice said that it knows no such order,
//!   was it never there.
//! * What surely was not processed may be sent again, under the same client id.
//! * A fill counts once by the venue's id of it. A final status waits for the fills it includes.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::{ClientId, Instrument, Order, OrderEvent, Product, Reason, Status, TsNs};
use wickd_sandbox::exchange::nouns::{Failure, FillReport, Operation, OrderReport, Reply};

mod order;

use order::{Stage, Tracked};

use super::convert;

const NS_PER_MS: u64 = 1_000_000;
/// What came of an operation.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The venue answered, and the adapter understood.
    Reply(Reply),
    /// The venue answered no, or the adapter did not understand.
    Failure(Failure),
    /// No byte of the request left the house.
    Unsent,
    /// It left, and no answer came.
    Lost,
}

/// Every order of one venue that is not done.
pub(crate) struct Tracker {
    orders: BTreeMap<ClientId, Tracked>,
    ids: BTreeMap<String, ClientId>,
    instruments: Vec<Instrument>,
    /// By instrument: its reduce-only is passed on.
    reduces: Vec<bool>,
    /// From when on a request that was sent can no longer be accepted.
    settle_ns: u64,
    /// Fills that cannot be, and why.
    pub(crate) impossible: Vec<(ClientId, &'static str)>,
}

impl Tracker {
    /// For all `instruments` of the house, by id; `sole` says which of them exactly one slot trades.
    ///
    /// Reduce-only is passed on for those alone, and nowhere on spot, which does not know it. A venue
    /// holds it against the account, the sum of all slots: where one is long and another short, it
    /// would refuse or cut what truly reduces one of them. The gate holds it against what the slot
    /// owns in any case.
    pub(crate) fn new(instruments: Vec<Instrument>, sole: &[bool], settle_ms: u64) -> Self {
        let alone = |id: usize| sole.get(id) == Some(&true);
        let reduces = |(id, of): (usize, &Instrument)| of.product != Product::Spot && alone(id);
        Self {
            orders: BTreeMap::new(),
            ids: BTreeMap::new(),
            reduces: instruments.iter().enumerate().map(reduces).collect(),
            instruments,
            settle_ns: settle_ms * NS_PER_MS,
            impossible: Vec::new(),
        }
    }

    /// Orders that are not done.
    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    /// An order whose intent is durable and that was never sent.
    pub(crate) fn send(&mut self, order: Order, text: String, now: TsNs) {
        self.take_in(order, text, Stage::Send, now);
    }

    /// An order of an earlier run, with what the journal heard of it. Whether it was sent is not
    /// known, so the venue is asked, and nothing is sent.
    pub(crate) fn adopt(
        &mut self,
        order: Order,
        text: String,
        heard: &[OrderEvent],
        cancel: Option<Reason>,
        now: TsNs,
    ) {
        let id = order.id;
        self.take_in(order, text, Stage::Unknown, now);
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        (tracked.cancel, tracked.asked) = (cancel, cancel);
        tracked.last_sent = now;
        for event in heard {
            tracked.told = event.status;
            tracked.filled = tracked.filled.max(event.filled);
            if event.last_size > 0 {
                tracked.trades.insert(event.trade_id);
            }
        }
    }

    fn take_in(&mut self, order: Order, text: String, stage: Stage, now: TsNs) {
        self.ids.insert(text.clone(), order.id);
        let tracked = Tracked {
            order,
            text,
            venue_id: String::new(),
            told: Status::Pending,
            filled: 0,
            trades: BTreeSet::new(),
            stage,
            closing: None,
            lacks_fills: false,
            cancel: None,
            asked: None,
            last_sent: now,
            sends: 0,
            absent: 0,
            tries: 0,
            busy: false,
            due: now,
            reduce_only: order.request.reduce_only
                && self.reduces.get(order.request.instrument as usize) == Some(&true),
        };
        self.orders.insert(order.id, tracked);
    }

    /// Whether the venue has said how it stands with this order, and all of it was told.
    pub(crate) fn is_settled(&self, id: ClientId) -> bool {
        self.orders.get(&id).is_none_or(|tracked| {
            tracked.stage == Stage::Live && !tracked.lacks_fills && tracked.closing.is_none()
        })
    }

    /// The slot, or the host for it, wants it back.
    pub(crate) fn cancel(&mut self, id: ClientId, reason: Reason, now: TsNs) {
        if let Some(tracked) = self.orders.get_mut(&id) {
            (tracked.cancel, tracked.asked) = (Some(reason), Some(reason));
            tracked.due = now;
        }
    }

    /// Whether something asked to be taken back has not been.
    pub(crate) fn is_cancelling(&self) -> bool {
        self.orders.values().any(|tracked| tracked.cancel.is_some())
    }

    /// When the next operation is due.
    pub(crate) fn next_due(&self) -> Option<TsNs> {
        self.orders.values().filter(|tracked| !tracked.busy).map(|tracked| tracked.due).min()
    }

    /// The operations due by `now`, each to be carried out and settled.
    pub(crate) fn due(&mut self, now: TsNs, into: &mut Vec<(ClientId, Operation)>) {
        for (id, tracked) in &mut self.orders {
            if tracked.busy || tracked.due > now {
                continue;
            }
            tracked.busy = true;
            into.push((*id, tracked.next_operation(now)));
        }
    }

    /// The outcome of an operation about one order.
    pub(crate) fn settle(
        &mut self,
        id: ClientId,
        operation: &Operation,
        outcome: Outcome,
        now: TsNs,
        out: &mut Vec<OrderEvent>,
    ) {
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        tracked.busy = false;
        match (operation, outcome) {
            (Operation::Create(_), outcome) => tracked.created(outcome, now, out),
            (_, Outcome::Reply(Reply::Orders(reports))) if !reports.is_empty() => {
                for report in &reports {
                    self.report(report, now, out);
                }
            }
            (_, Outcome::Reply(Reply::Fills(fills))) => {
                tracked.lacks_fills = false;
                tracked.retry(now);
                for fill in &fills {
                    self.fill(fill, now, out);
                }
            }
            (Operation::Order(_), Outcome::Reply(_) | Outcome::Failure(Failure::NotFound(_))) => {
                tracked.denied(self.settle_ns, now, out);
            }
            (Operation::Cancel(_), outcome) => tracked.cancelled(&outcome, now),
            _ => tracked.retry(now),
        }
        self.forget(id);
    }

    /// What the venue says of an order, from wherever; false where nobody here knows it, or it is done.
    pub(crate) fn report(
        &mut self,
        report: &OrderReport,
        now: TsNs,
        out: &mut Vec<OrderEvent>,
    ) -> bool {
        let Some(id) = self.find(&report.client_id, &report.venue_id) else { return false };
        if let Some(tracked) = self.orders.get_mut(&id) {
            tracked.reported(report, now, out);
        }
        self.forget(id);
        true
    }

    /// A fill the venue tells of, from wherever; false where nobody here knows its order, or it is done.
    pub(crate) fn fill(&mut self, fill: &FillReport, now: TsNs, out: &mut Vec<OrderEvent>) -> bool {
        let Some(id) = self.find(&fill.client_id, &fill.venue_id) else { return false };
        if let Some(tracked) = self.orders.get_mut(&id) {
            let instrument = self.instruments.get(tracked.order.request.instrument as usize);
            let fee = instrument.map_or(0, |instrument| convert::fee(fill, instrument));
            if let Err(why) = tracked.filled_by(fill, fee, now, out) {
                self.impossible.push((id, why));
            }
        }
        self.forget(id);
        true
    }

    /// The stream was away: whatever it would have said must be asked for.
    pub(crate) fn ask_all(&mut self, now: TsNs) {
        for tracked in self.orders.values_mut().filter(|tracked| tracked.stage == Stage::Live) {
            tracked.due = tracked.due.min(now);
            tracked.lacks_fills = true;
        }
    }

    fn find(&self, text: &str, venue_id: &str) -> Option<ClientId> {
        if let Some(id) = self.ids.get(text) {
            return Some(*id);
        }
        let known = |tracked: &&Tracked| !venue_id.is_empty() && tracked.venue_id == venue_id;
        self.orders.values().find(known).map(|tracked| tracked.order.id)
    }

    fn forget(&mut self, id: ClientId) {
        if let Some(tracked) = self.orders.get(&id)
            && tracked.told.is_final()
        {
            self.ids.remove(&tracked.text);
            self.orders.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests;
