//! Checkpoints: what the records came to, so that starts, memory and disk do not grow with age.
//!
//! Comes in: the history. Goes out: a checkpoint in the journal, its records in the archive, the done orders
//! out of the ledger. Deliberately absent: when that is due, which the caller knows.
//!
//! Fills of orders that are still open stay records, and count after those of orders that are done. What a
//! position is worth in all is exact; how that is split into earned and open may shift a little.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::{ClientId, Instrument, InstrumentId, IntentId, TsNs};
use wickd_store::{Archive, Checkpoint, Journal, Ledger, Note, PaperCarried, Record, StoreError};

use super::{History, order_of};
use crate::orders::{PaperConfig, PaperVenue};

impl History {
    /// Which slot ever traded which instrument, and whether for real.
    pub(crate) fn traded(&self) -> BTreeSet<(u32, InstrumentId, bool)> {
        let intents = self.journal.iter().filter_map(|record| match record {
            Record::Intent { order, by } => {
                Some((order.id.slot, order.request.instrument, by.live))
            }
            _ => None,
        });
        self.traded.iter().copied().chain(intents).collect()
    }
}

/// Records after a checkpoint that call for the next one: a start reads so many in about a second.
const RECORDS_MAX: u64 = 50_000;

/// Whether so much was written since the last checkpoint that there should be another one.
pub(crate) fn is_due(journal: &Journal) -> Result<bool, StoreError> {
    Ok(journal.last()?.saturating_sub(journal.checkpoint()?.upto) > RECORDS_MAX)
}

/// Puts a checkpoint of all the journal has up to record `upto`; gives how many files the archive dropped
/// for want of room.
///
/// # Errors
/// The disk refuses.
pub(crate) fn settle(
    history: &History,
    all: &[Instrument],
    (journal, ledger, archive): (&Journal, Option<&Ledger>, &Archive),
    upto: u64,
    ts_ns: TsNs,
) -> Result<u64, StoreError> {
    let (checkpoint, open) = checkpoint(history, all, upto);
    let dropped = journal.put_checkpoint(&checkpoint, archive, ts_ns)?;
    if let Some(ledger) = ledger {
        ledger.keep_only(&open)?;
    }
    Ok(dropped)
}

/// What the history came to, and which orders are open.
fn checkpoint(
    history: &History,
    all: &[Instrument],
    upto: u64,
) -> (Checkpoint, BTreeSet<ClientId>) {
    let books = history.books(all);
    let open: BTreeSet<ClientId> =
        books.values().flat_map(|book| book.open_orders()).map(|open| open.order.id).collect();
    let done = History {
        journal: history.journal.iter().filter(|of| !is_of(of, &open)).copied().collect(),
        positions: history.positions.clone(),
        ..History::default()
    };
    let positions = done.books(all).into_values();
    let mut days: BTreeMap<(u32, InstrumentId), (u64, Record)> = BTreeMap::new();
    let mut intents: BTreeMap<u32, IntentId> = history.intents.clone();
    for record in &history.journal {
        if let Record::Note { slot, note: Note::DayBegan { day, instrument, .. }, .. } = record {
            days.insert((*slot, *instrument), (*day, *record));
        }
        if let Some(id) = order_of(record) {
            let last = intents.entry(id.slot).or_default();
            *last = id.intent.max(*last);
        }
    }
    let before = |id: ClientId| intents.get(&id.slot).is_some_and(|last| id.intent <= *last);
    let (paper, trade_id) = paper(history, all, |id| before(id) && !open.contains(&id));
    let checkpoint = Checkpoint {
        upto,
        positions: positions.flat_map(|book| book.carried().collect::<Vec<_>>()).collect(),
        open: days
            .into_values()
            .map(|(_, note)| note)
            .chain(history.journal.iter().filter(|of| is_of(of, &open)).copied())
            .collect(),
        intents: intents.into_iter().collect(),
        paper,
        trade_id,
        traded: history.traded().into_iter().collect(),
    };
    (checkpoint, open)
}

/// What every slot has at the paper venue by orders that are done.
fn paper(
    history: &History,
    all: &[Instrument],
    done: impl Fn(ClientId) -> bool,
) -> (Vec<PaperCarried>, u64) {
    let mut venue = PaperVenue::new(PaperConfig { funds: None, ..PaperConfig::default() }, all);
    history.paper.iter().for_each(|of| venue.carry_on(of));
    history.truth.iter().filter(|of| done(of.id())).for_each(|record| venue.restore(record));
    venue.follow(history.trade_id);
    venue.carried()
}

/// Whether a record is of one of these orders.
fn is_of(record: &Record, orders: &BTreeSet<ClientId>) -> bool {
    match record {
        Record::Intent { order, .. } | Record::Adopted(order) => orders.contains(&order.id),
        Record::Cancel { id, .. } => orders.contains(id),
        Record::Event(event) => orders.contains(&event.id),
        Record::Adjusted(_) | Record::Note { .. } => false,
    }
}
