//! Bringing the journal and the venue's truth together after a restart.
//!
//! Comes in: everything both remember. Goes out: the records each of them lacks. Deliberately
//! absent: sending. No order is ever sent again: one that the venue never saw is closed as never
//! sent, because its moment has passed.
//!
//! Both logs are prefixes of one history. So what one lacks the other gives, and the union is the
//! history; where the two contradict each other no rule can say who is right, and the order is
//! reported as disputed for a person to settle.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::{ClientId, Order, OrderEvent, Reason, Stamp, Status};
use wickd_store::{Record, VenueRecord};

/// What both sides lack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Repairs {
    /// To append to the journal, in this order, and to apply to the books.
    pub(crate) journal: Vec<Record>,
    /// To append to the paper venue's ledger, in this order.
    pub(crate) ledger: Vec<VenueRecord>,
    /// Orders that are open although a cancel was journalled: cancelling again is harmless.
    pub(crate) cancels: Vec<(ClientId, Reason)>,
    /// Orders on which the two contradict each other. Their slots must not trade.
    pub(crate) disputed: Vec<ClientId>,
}

/// What is known of one order.
#[derive(Default)]
struct Known {
    order: Option<Order>,
    in_journal: bool,
    in_ledger: bool,
    never_sent: bool,
    heard: Vec<OrderEvent>,
    truth: Vec<OrderEvent>,
    cancel: Option<Reason>,
}

/// Compares everything the journal and the ledger remember.
pub(crate) fn reconcile(journal: &[Record], ledger: &[VenueRecord]) -> Repairs {
    // Real venues are asked themselves, and have no ledger here.
    let live = live_orders(journal);
    let paper = journal.iter().filter(|record| !id_of(record).is_some_and(|id| live.contains(&id)));
    let journal: Vec<Record> = paper.copied().collect();
    let known = gather(&journal, ledger);
    let mut repairs = Repairs::default();
    let disputed = known.iter().filter(|(_, known)| known.is_disputed()).map(|(id, _)| *id);
    let disputed: BTreeSet<ClientId> = disputed.collect();
    for record in ledger.iter().filter(|record| !disputed.contains(&record.id())) {
        let of = &known[&record.id()];
        match record {
            VenueRecord::Order(order) if !of.in_journal => {
                repairs.journal.push(Record::Adopted(*order));
            }
            VenueRecord::Event(event) if !holds(&of.heard, event) => {
                repairs.journal.push(Record::Event(OrderEvent { reconciled: true, ..*event }));
            }
            _ => {}
        }
    }
    let mut arrived = BTreeSet::new();
    for record in &journal {
        match record {
            Record::Event(event) if is_venues(event) && !disputed.contains(&event.id) => {
                let of = &known[&event.id];
                if let (false, Some(order), true) =
                    (of.in_ledger, of.order, arrived.insert(event.id))
                {
                    repairs.ledger.push(VenueRecord::Order(order));
                }
                if !holds(&of.truth, event) {
                    let event = OrderEvent { reconciled: false, ..*event };
                    repairs.ledger.push(VenueRecord::Event(event));
                }
            }
            _ => {}
        }
    }
    for (id, known) in known.iter().filter(|(id, _)| !disputed.contains(id)) {
        match (known.order, known.cancel) {
            (Some(order), _) if known.is_lost() => {
                repairs.journal.push(Record::Event(never_sent(&order)));
            }
            (_, Some(reason)) if !known.is_done() => repairs.cancels.push((*id, reason)),
            _ => {}
        }
    }
    repairs.disputed = disputed.into_iter().collect();
    repairs
}

/// The orders that left for real venues.
pub(crate) fn live_orders(journal: &[Record]) -> BTreeSet<ClientId> {
    let live = journal.iter().filter_map(|record| match record {
        Record::Intent { order, by } => by.live.then_some(order.id),
        _ => None,
    });
    live.collect()
}

/// Which order a record is about.
fn id_of(record: &Record) -> Option<ClientId> {
    match record {
        Record::Intent { order, .. } | Record::Adopted(order) => Some(order.id),
        Record::Cancel { id, .. } => Some(*id),
        Record::Event(event) => Some(event.id),
        Record::Adjusted(_) | Record::Note { .. } => None,
    }
}

fn gather(journal: &[Record], ledger: &[VenueRecord]) -> BTreeMap<ClientId, Known> {
    let mut all: BTreeMap<ClientId, Known> = BTreeMap::new();
    for record in journal {
        match record {
            Record::Intent { order, .. } | Record::Adopted(order) => {
                let known = all.entry(order.id).or_default();
                (known.order, known.in_journal) = (Some(*order), true);
            }
            Record::Event(event) => {
                let known = all.entry(event.id).or_default();
                known.never_sent |= is_never_sent(event);
                if is_venues(event) {
                    known.heard.push(*event);
                }
            }
            Record::Cancel { id, reason, .. } => {
                all.entry(*id).or_default().cancel = Some(*reason);
            }
            Record::Adjusted(_) | Record::Note { .. } => {}
        }
    }
    for record in ledger {
        let known = all.entry(record.id()).or_default();
        match record {
            VenueRecord::Order(order) => {
                known.in_ledger = true;
                known.order = known.order.or(Some(*order));
            }
            VenueRecord::Event(event) => known.truth.push(*event),
        }
    }
    all
}

impl Known {
    /// The journal has it, the venue never saw it, and that was not noted yet.
    fn is_lost(&self) -> bool {
        self.in_journal && !self.in_ledger && self.heard.is_empty() && !self.never_sent
    }

    fn is_done(&self) -> bool {
        self.never_sent || self.heard.iter().chain(&self.truth).any(|event| event.status.is_final())
    }

    /// The union of both sides is not one history: fills that do not add up, a last event that is
    /// not last, or an order called never sent that the venue has.
    fn is_disputed(&self) -> bool {
        if self.never_sent {
            return self.in_ledger || !self.heard.is_empty();
        }
        let lacking = self.heard.iter().filter(|event| !holds(&self.truth, event));
        let mut events: Vec<&OrderEvent> = self.truth.iter().chain(lacking).collect();
        if self.order.is_none() {
            return !events.is_empty();
        }
        events.sort_by_key(|event| (event.filled, event.status.is_final()));
        let mut filled = 0;
        for (place, event) in events.iter().enumerate() {
            let early = event.status.is_final() && place + 1 < events.len();
            if early || event.filled.checked_sub(event.last_size) != Some(filled) {
                return true;
            }
            filled = event.filled;
        }
        false
    }
}

/// The venue said it; unknown and pending are the host's own words, and so is never sent.
fn is_venues(event: &OrderEvent) -> bool {
    !matches!(event.status, Status::Pending | Status::Unknown) && !is_never_sent(event)
}

/// A venue rejects for reasons of its own; rejected by the host means it never left.
pub(crate) fn is_never_sent(event: &OrderEvent) -> bool {
    event.status == Status::Rejected && event.reason == Reason::Host
}

fn never_sent(order: &Order) -> OrderEvent {
    OrderEvent {
        id: order.id,
        at: Stamp {
            instrument: order.request.instrument,
            seq: order.seq,
            ts_event: order.ts_event,
            ts_init: order.ts_event,
        },
        side: order.request.side,
        status: Status::Rejected,
        reason: Reason::Host,
        filled: 0,
        remaining: order.request.size,
        last_price: 0,
        last_size: 0,
        fee: 0,
        trade_id: 0,
        fee_base: 0,
        reconciled: true,
    }
}

/// Whether `events` has this one. The venue's fill id and the filled size name it; times do not,
/// because the two sides saw it at different ones.
fn holds(events: &[OrderEvent], event: &OrderEvent) -> bool {
    let key = |event: &OrderEvent| (event.status, event.filled, event.trade_id);
    events.iter().any(|other| key(other) == key(event))
}

#[cfg(test)]
mod tests;
