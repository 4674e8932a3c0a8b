//! What was between slots and the paper venue when a run ended in good order, in the middle of a
//! recording: it goes on where it was.
//!
//! Comes in: the journal and the venue's ledger. Goes out: orders and cancels that had not arrived,
//! answers that had not been heard. Only slots that ended in good order have any: after a crash
//! nobody knows what was decided last, and an order's moment has passed.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::{ClientId, Order, OrderEvent, Reason, TsNs};
use wickd_store::{Note, Record, VenueRecord};

/// A message on its way to the venue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    /// An order.
    Order(Order),
    /// A cancel, and when it was decided.
    Cancel(ClientId, Reason, TsNs),
}

impl Sent {
    /// Of which order.
    pub(crate) fn id(&self) -> ClientId {
        match self {
            Self::Order(order) => order.id,
            Self::Cancel(id, ..) => *id,
        }
    }
}

/// Everything under way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct UnderWay {
    /// To the venue, in the order in which they were sent.
    pub(crate) sent: Vec<Sent>,
    /// To the slots, in the order in which the venue made them.
    pub(crate) answers: Vec<OrderEvent>,
}

impl UnderWay {
    /// What was under way of the slots that ended in good order.
    pub(crate) fn find(journal: &[Record], ledger: &[VenueRecord]) -> Self {
        let ended = ended_in_good_order(journal);
        let mut known: BTreeMap<ClientId, bool> = BTreeMap::new();
        let mut heard = BTreeSet::new();
        for record in ledger {
            let done = matches!(record, VenueRecord::Event(event) if event.status.is_final());
            *known.entry(record.id()).or_default() |= done;
        }
        let mut settled = BTreeSet::new();
        for record in journal {
            if let Record::Event(event) = record {
                heard.insert((event.id, event.filled, event.trade_id, event.status as u8));
                settled.extend(event.status.is_final().then_some(event.id));
            }
        }
        let sent = |record: &Record| match record {
            Record::Intent { order, by } if !by.live => {
                let arrived = known.contains_key(&order.id) || settled.contains(&order.id);
                (!arrived).then_some(Sent::Order(*order))
            }
            Record::Cancel { id, reason, ts_event, .. } => {
                let done = known.get(id) == Some(&true) || settled.contains(id);
                (!done).then_some(Sent::Cancel(*id, *reason, *ts_event))
            }
            _ => None,
        };
        let answers = ledger.iter().filter_map(|record| match record {
            VenueRecord::Event(event) => {
                let key = (event.id, event.filled, event.trade_id, event.status as u8);
                (!heard.contains(&key)).then_some(*event)
            }
            VenueRecord::Order(_) => None,
        });
        let live = super::live_orders(journal);
        let of_ended = |id: ClientId| ended.contains(&id.slot) && !live.contains(&id);
        Self {
            sent: journal.iter().filter_map(sent).filter(|sent| of_ended(sent.id())).collect(),
            answers: answers.filter(|event| of_ended(event.id)).collect(),
        }
    }

    /// Both logs as if what is under way had not been sent or said yet: there is nothing to mend in it.
    pub(crate) fn without(
        &self,
        journal: &[Record],
        ledger: &[VenueRecord],
    ) -> (Vec<Record>, Vec<VenueRecord>) {
        let orders: BTreeSet<ClientId> = self.sent.iter().map(Sent::id).collect();
        let is_sent = |record: &&Record| match record {
            Record::Intent { order, .. } => {
                self.sent.iter().any(|sent| matches!(sent, Sent::Order(of) if of.id == order.id))
            }
            Record::Cancel { id, .. } => orders.contains(id),
            _ => false,
        };
        let journal = journal.iter().filter(|record| !is_sent(record)).copied().collect();
        let unheard = |record: &&VenueRecord| matches!(record, VenueRecord::Event(event) if self.answers.contains(event));
        (journal, ledger.iter().filter(|record| !unheard(record)).copied().collect())
    }
}

/// Slots whose last word in the journal is that they stopped.
fn ended_in_good_order(journal: &[Record]) -> BTreeSet<u32> {
    let mut ended = BTreeSet::new();
    for record in journal {
        match record {
            Record::Note { slot, note: Note::Stopped, .. } => {
                ended.insert(*slot);
            }
            Record::Note { slot, note: Note::Started(_), .. } => {
                ended.remove(slot);
            }
            Record::Intent { order, .. } => {
                ended.remove(&order.id.slot);
            }
            Record::Cancel { id, .. } => {
                ended.remove(&id.slot);
            }
            _ => {}
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::samples::{limit, order};
    use wickd_model::{Digest, Side, Stamp, Status};
    use wickd_store::Provenance;

    const BY: Provenance =
        Provenance { component: Digest([1; 32]), config: Digest([2; 32]), live: false, epoch: 0 };

    fn intent(order: Order) -> Record {
        Record::Intent { order, by: BY }
    }

    fn stopped(slot: u32) -> Record {
        Record::Note { slot, generation: 1, ts_event: 9, note: Note::Stopped }
    }

    fn event(order: &Order, status: Status) -> OrderEvent {
        OrderEvent {
            id: order.id,
            at: Stamp::default(),
            side: order.request.side,
            status,
            reason: Reason::None,
            filled: 0,
            remaining: order.request.size,
            last_price: 0,
            last_size: 0,
            fee: 0,
            fee_base: 0,
            trade_id: 0,
            reconciled: false,
        }
    }

    #[test]
    fn what_a_slot_that_stopped_had_under_way_goes_on_and_nothing_is_mended_for_it() {
        let [sent, open, done] = [1, 2, 3].map(|id| order(id, limit(Side::Buy, 100_000, 50)));
        let cancel = Record::Cancel { id: open.id, reason: Reason::Requested, ts_event: 8, seq: 3 };
        let (opened, cancelled) = (event(&open, Status::Open), event(&done, Status::Cancelled));
        let orders = [open, done, sent].map(intent);
        let journal: Vec<_> = orders.into_iter().chain([cancel, stopped(1)]).collect();
        let ledger = [open, done].map(VenueRecord::Order).into_iter();
        let ledger: Vec<_> = ledger.chain([opened, cancelled].map(VenueRecord::Event)).collect();
        let found = UnderWay::find(&journal, &ledger);
        assert_eq!(found.sent, [Sent::Order(sent), Sent::Cancel(open.id, Reason::Requested, 8)]);
        assert_eq!(found.answers, [opened, cancelled]);
        let (journal, ledger) = found.without(&journal, &ledger);
        let repairs = crate::orders::reconcile(&journal, &ledger);
        assert_eq!(repairs, Default::default());
    }

    #[test]
    fn after_a_crash_nothing_goes_on() {
        let sent = order(1, limit(Side::Buy, 100_000, 50));
        let journal = [stopped(1), intent(sent)];
        assert_eq!(UnderWay::find(&journal, &[]), UnderWay::default());
    }
}
