//! What became of each order at a venue: a state machine that never guesses and never sends twice.
//!
//! Comes in: orders whose intent is durable, and everything a venue lets on: answers, reports and
//! fills of streams, in any order, doubled, or not at all. Goes out: operations to be carried out, and
//! order events for the slots, each fill once and in sequence. Deliberately absent: sockets, bytes,
//! clocks; the time comes in with every call.
//!
//! The rules:
//! * An answer that did not come is not a failure. The order is `unknown`, and the venue is asked by
//!   client id until it says what it has. Only where the venue has never confirmed it, no request with
//!   this id can still be accepted ([`Windows`]), and neither the order's own address nor the lists of
//!   open orders, past orders and fills have it, twice, was it never there.
//! * An order that answer or stream has confirmed has no end but the one that the venue tells. What no
//!   read shows any more stays `unknown`, and is told.
//! * A cancel is sent until the order has ended; a refused one is told.
//! * What surely was not processed may be sent again, under the same client id.
//! * A fill counts once by the venue's id of it. A final status waits for the fills it includes.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::{ClientId, Instrument, Order, OrderEvent, Product, Reason, Status, TsNs};
use wickd_sandbox::exchange::nouns::{Failure, FillReport, Operation, OrderReport, Reply};

mod done;
mod order;
mod search;

pub(crate) use done::Whose;
use done::{Done, paid};
use order::{Stage, Tracked};
use search::Search;

use super::fees::Fees;
use super::holdings::Fine;

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

/// How far a venue's word is behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// From when on a request that was sent can no longer be accepted.
    pub(crate) settle_ns: u64,
    /// How old a read may be.
    pub(crate) lag_ns: u64,
}

impl Windows {
    pub(crate) fn new(settle_ms: u64, lag_ms: u64) -> Self {
        Self { settle_ns: settle_ms * NS_PER_MS, lag_ns: lag_ms * NS_PER_MS }
    }
}

/// What a venue did with an order that needs a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// A fill that cannot be, and why.
    Impossible(&'static str),
    /// More was filled than was asked for.
    Overfilled,
    /// A cancel was refused.
    CancelRefused(String),
    /// The venue had confirmed it, and no read shows it.
    Missing,
    /// What a fill's fee is worth is not known.
    FeeEstimated { amount: String, asset: String },
}

/// Every order of one venue that is not done.
pub(crate) struct Tracker {
    orders: BTreeMap<ClientId, Tracked>,
    ids: BTreeMap<String, ClientId>,
    instruments: Vec<Instrument>,
    /// By instrument: its reduce-only is passed on.
    reduces: Vec<bool>,
    windows: Windows,
    pub(crate) fees: Fees,
    /// Amounts of other assets that fills were paid with, fees included; for the connector.
    pub(crate) paid: Vec<(Product, String, Fine)>,
    done: Done,
    /// For the connector to tell.
    pub(crate) troubles: Vec<(ClientId, Trouble)>,
}

impl Tracker {
    /// For all `instruments` of the house, by id; `sole` says which of them exactly one slot trades.
    ///
    /// Reduce-only is passed on for those alone, and nowhere on spot, which does not know it. A venue
    /// holds it against the account, the sum of all slots: where one is long and another short, it
    /// would refuse or cut what truly reduces one of them. The gate holds it against what the slot
    /// owns in any case.
    pub(crate) fn new(instruments: Vec<Instrument>, sole: &[bool], windows: Windows) -> Self {
        let alone = |id: usize| sole.get(id) == Some(&true);
        let reduces = |(id, of): (usize, &Instrument)| of.product != Product::Spot && alone(id);
        Self {
            orders: BTreeMap::new(),
            ids: BTreeMap::new(),
            reduces: instruments.iter().enumerate().map(reduces).collect(),
            fees: Fees::new(instruments.len()),
            paid: Vec::new(),
            done: Done::default(),
            instruments,
            windows,
            troubles: Vec::new(),
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
            tracked.confirmed |= !matches!(event.status, Status::Pending | Status::Unknown);
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
            look_first: false,
            cancel_tries: 0,
            confirmed: false,
            last_sent: now,
            sends: 0,
            search: Search::default(),
            tries: 0,
            fills_asked: 0,
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
            (tracked.look_first, tracked.due) = (false, now);
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
            (Operation::Cancel(_), outcome) => {
                if let Some(why) = tracked.cancelled(&outcome, now) {
                    self.troubles.push((id, Trouble::CancelRefused(why)));
                }
            }
            (_, Outcome::Reply(Reply::Orders(rows))) => self.listed(id, &rows, now, out),
            (_, Outcome::Reply(Reply::Fills(fills))) => self.filled(id, &fills, now, out),
            (Operation::OrderFills(_), _) if tracked.stage == Stage::Live => {
                tracked.lacks_fills = false;
                tracked.retry(now);
            }
            // The venue has no such order, or no such question.
            (
                _,
                Outcome::Failure(
                    Failure::NotFound(_) | Failure::Unsupported(_) | Failure::Inexpressible(_),
                ),
            ) => self.missed(id, now, out),
            _ => tracked.retry(now),
        }
        self.forget(id);
    }

    /// Rows of orders came: of the one that was asked for, or of many.
    fn listed(&mut self, id: ClientId, rows: &[OrderReport], now: TsNs, out: &mut Vec<OrderEvent>) {
        let mine = |row: &&OrderReport| self.find(&row.client_id, &row.venue_id) == Some(id);
        // An order that was amended has several rows in some histories; the last one counts.
        match rows.iter().rfind(mine).cloned() {
            Some(row) => {
                self.report(&row, now, out);
            }
            None => self.missed(id, now, out),
        }
    }

    /// Fills of one order came.
    fn filled(&mut self, id: ClientId, fills: &[FillReport], now: TsNs, out: &mut Vec<OrderEvent>) {
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        let (before, searched) = (tracked.filled, tracked.stage == Stage::Unknown);
        tracked.lacks_fills = false;
        tracked.retry(now);
        fills.iter().for_each(|fill| _ = self.fill(fill, now, out));
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        if tracked.filled == before {
            tracked.fills_asked += 1;
            if searched {
                self.missed(id, now, out);
            }
        }
    }

    fn missed(&mut self, id: ClientId, now: TsNs, out: &mut Vec<OrderEvent>) {
        let windows = self.windows;
        let Some(tracked) = self.orders.get_mut(&id) else { return };
        if tracked.missed(windows, now, out) {
            self.troubles.push((id, Trouble::Missing));
        }
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
            if report.filled > tracked.order.request.size {
                self.troubles.push((id, Trouble::Overfilled));
            }
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
            let of = |instrument| self.fees.of(fill, instrument, &self.instruments);
            let fee = instrument.map(of).unwrap_or_default();
            let before = out.len();
            if let Err(trouble) = tracked.filled_by(fill, fee, now, out) {
                self.troubles.push((id, trouble));
            } else if out.len() > before {
                if fee.estimated {
                    let (amount, asset) = (fill.fee.clone(), fill.fee_asset.clone());
                    self.troubles.push((id, Trouble::FeeEstimated { amount, asset }));
                }
                if let Some(of) = instrument {
                    self.paid.extend(paid(fill, of));
                }
            }
        }
        self.forget(id);
        true
    }

    /// Whose a fill is that no order here takes.
    pub(crate) fn whose(&self, fill: &FillReport) -> Whose {
        self.done.whose(fill)
    }

    /// A fill that was taken in otherwise: it counts once.
    pub(crate) fn remember(&mut self, fill: &FillReport) {
        self.done.remember(fill);
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
            if let Some(tracked) = self.orders.remove(&id) {
                self.done.push(tracked);
            }
        }
    }
}

#[cfg(test)]
mod tests;
