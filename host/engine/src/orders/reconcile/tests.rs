//! Logs cut anywhere come together again, once.

use proptest::prelude::*;
use wickd_model::{Digest, Side};
use wickd_store::Provenance;

use super::super::samples::{Step, a_day, limit, live, order, venue};
use super::super::{Applied, Book, PaperConfig, PaperVenue};
use super::*;

const BY: Provenance =
    Provenance { component: Digest([1; 32]), config: Digest([2; 32]), live: false, epoch: 0 };

fn intent(order: Order) -> Record {
    Record::Intent { order, by: BY }
}

/// A day's two logs: every intent before the venue has it, every event as it is told.
fn logs(day: &[(u64, Step)]) -> (Vec<Record>, Vec<VenueRecord>) {
    let (sent, truth, told) = live(&mut venue(PaperConfig::default()), day, |_, _, _| {});
    let mut journal: Vec<Record> = Vec::new();
    let mut sent = sent.into_iter().peekable();
    for event in told {
        while let Some(order) = sent.next_if(|order| order.id <= event.id) {
            journal.push(intent(order));
        }
        journal.push(Record::Event(event));
    }
    journal.extend(sent.map(intent));
    (journal, truth)
}

/// What a log says of each order: filled size, and whether it is done.
fn standing<'a>(events: impl Iterator<Item = &'a OrderEvent>) -> BTreeMap<ClientId, (i64, bool)> {
    let mut standing = BTreeMap::new();
    for event in events {
        let (filled, done): &mut (i64, bool) = standing.entry(event.id).or_default();
        *filled += event.last_size;
        *done |= event.status.is_final();
    }
    standing
}

fn of_journal(journal: &[Record]) -> BTreeMap<ClientId, (i64, bool)> {
    standing(journal.iter().filter_map(|record| match record {
        Record::Event(event) if !is_never_sent(event) => Some(event),
        _ => None,
    }))
}

fn of_ledger(ledger: &[VenueRecord]) -> BTreeMap<ClientId, (i64, bool)> {
    standing(ledger.iter().filter_map(|record| match record {
        VenueRecord::Event(event) => Some(event),
        VenueRecord::Order(_) => None,
    }))
}

/// A book rebuilt from the journal alone.
fn book_of(journal: &[Record]) -> Book {
    let instrument = super::super::samples::instrument(0);
    let mut book = Book::new(1, &[instrument], wickd_model::Risk::default(), 0);
    for record in journal {
        match record {
            Record::Intent { order, .. } | Record::Adopted(order) => book.restore(order),
            Record::Event(event) => assert_eq!(book.apply(event), Applied::Changed, "{event:?}"),
            Record::Cancel { .. } | Record::Adjusted(_) | Record::Note { .. } => {}
        }
    }
    book
}

#[test]
fn an_order_the_venue_never_saw_is_closed_and_never_sent_again() {
    let journal = vec![intent(order(1, limit(Side::Buy, 100_000, 50)))];
    let repairs = reconcile(&journal, &[]);
    let [Record::Event(event)] = repairs.journal[..] else { panic!("{repairs:?}") };
    assert_eq!((event.status, event.reason), (Status::Rejected, Reason::Host));
    assert!(event.reconciled && repairs.ledger.is_empty());
}

#[test]
fn a_timeout_is_not_an_answer() {
    let sent = order(1, limit(Side::Buy, 100_000, 50));
    let unknown = OrderEvent { status: Status::Unknown, reconciled: false, ..never_sent(&sent) };
    let journal = vec![intent(sent), Record::Event(unknown)];
    let open = OrderEvent { status: Status::Open, reason: Reason::None, ..unknown };
    let ledger = vec![VenueRecord::Order(sent), VenueRecord::Event(open)];
    let found = reconcile(&journal, &ledger);
    assert_eq!(found.journal, [Record::Event(OrderEvent { reconciled: true, ..open })]);
    let lost = reconcile(&journal, &[]);
    assert_eq!(lost.journal, [Record::Event(never_sent(&sent))]);
}

#[test]
fn a_cancel_that_did_not_arrive_is_asked_for_again() {
    let sent = order(1, limit(Side::Buy, 100_000, 50));
    let open = OrderEvent {
        status: Status::Open,
        reason: Reason::None,
        fee_base: 0,
        reconciled: false,
        ..never_sent(&sent)
    };
    let cancel = Record::Cancel { id: sent.id, reason: Reason::Requested, ts_event: 1, seq: 1 };
    let journal = vec![intent(sent), cancel];
    let mut ledger = vec![VenueRecord::Order(sent), VenueRecord::Event(open)];
    assert_eq!(reconcile(&journal, &ledger).cancels, [(sent.id, Reason::Requested)]);
    let done = OrderEvent { status: Status::Cancelled, reason: Reason::Requested, ..open };
    ledger.push(VenueRecord::Event(done));
    assert_eq!(reconcile(&journal, &ledger).cancels, []);
}

#[test]
fn two_different_ends_are_for_a_person_to_settle() {
    let sent = order(1, limit(Side::Buy, 100_000, 50));
    let end = |status| OrderEvent {
        status,
        reason: Reason::Requested,
        fee_base: 0,
        reconciled: false,
        ..never_sent(&sent)
    };
    let journal = vec![intent(sent), Record::Event(end(Status::Cancelled))];
    let ledger = vec![VenueRecord::Order(sent), VenueRecord::Event(end(Status::Expired))];
    let repairs = reconcile(&journal, &ledger);
    assert_eq!(
        (repairs.disputed, repairs.journal, repairs.ledger),
        (vec![sent.id], vec![], vec![])
    );
    let closed = vec![intent(sent), Record::Event(never_sent(&sent))];
    assert_eq!(reconcile(&closed, &ledger).disputed, [sent.id]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn logs_cut_anywhere_agree_after_one_repair_and_need_no_second(
        day in a_day(), journal_at in any::<prop::sample::Index>(),
        ledger_at in any::<prop::sample::Index>(), cuts in 0u8..4,
    ) {
        let (mut journal, mut ledger) = logs(&day);
        if cuts & 1 == 1 && !journal.is_empty() {
            journal.truncate(journal_at.index(journal.len()));
        }
        if cuts & 2 == 2 && !ledger.is_empty() {
            ledger.truncate(ledger_at.index(ledger.len()));
        }
        // A commit holds an order with its first event, so a ledger never ends between them.
        if matches!(ledger.last(), Some(VenueRecord::Order(_))) {
            ledger.pop();
        }
        let repairs = reconcile(&journal, &ledger);
        prop_assert_eq!(&repairs.disputed, &[]);
        journal.extend(repairs.journal);
        ledger.extend(repairs.ledger);
        prop_assert_eq!(of_journal(&journal), of_ledger(&ledger));
        let again = reconcile(&journal, &ledger);
        prop_assert_eq!((again.journal, again.ledger), (vec![], vec![]));

        // Nothing doubled: every event is news to a book, and book and venue hold the same.
        let book = book_of(&journal);
        let mut paper: PaperVenue = venue(PaperConfig::default());
        ledger.iter().for_each(|record| paper.restore(record));
        prop_assert_eq!(book.position(0).size, paper.account(1, 0).size);
        prop_assert_eq!(book.open_orders().len(), paper.resting_len());
    }
}
