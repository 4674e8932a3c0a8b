//! The order journal: what this host decided and what it heard, in the order it did.
//!
//! Comes in: batches of records from the one thread that talks to venues. Goes out: the same
//! records, in order, for ever. Deliberately absent: updates, deletions, and the venue's own truth,
//! which is the ledger's.
//!
//! The rule that makes it worth having: an order leaves the house only after `append` returned
//! `Ok` for its intent. A batch is one commit and one fsync, so orders that wait together share its
//! cost. After one failed write every later one is refused, so nothing more can be sent.

use std::path::Path;

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use wickd_model::{
    Adjustment, Cash, ClientId, Digest, InstrumentId, IntentId, Order, OrderEvent, Reason,
    SlotName, TsNs,
};

use crate::StoreError;
use crate::database::Database;
use crate::stamp::Member;

/// Records one `append` takes: bounds a commit's size, so that group commit stays in milliseconds.
const BATCH_RECORDS_MAX: usize = 4_096;
/// A slot's number, by name; rising from 1, never given twice.
const SLOTS: TableDefinition<'static, &str, u32> = TableDefinition::new("slots");
/// A slot's last journalled intent, by its number.
const INTENTS: TableDefinition<'static, u32, u64> = TableDefinition::new("intents");

/// Epochs by their ordinal.
const EPOCHS: TableDefinition<'static, u64, u32> = TableDefinition::new("epochs");
/// Epochs kept: orders of older ones are long done at every venue.
const EPOCHS_MAX: u64 = 10_000;
/// Draws before a number is simply counted on: two of 32 bits hardly ever meet.
const EPOCH_DRAWS_MAX: u32 = 64;
/// Most slots a journal ever numbers: three digits to the base 36 in a client id.
const SLOT_NUMBERS_MAX: u32 = 46_655;

/// What tells this journal's orders from those of any other; one entry.
const HOUSE: TableDefinition<'static, (), u32> = TableDefinition::new("house");

/// Which bytes, under which configuration, decided an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Provenance {
    /// SHA-256 of the component.
    pub component: Digest,
    /// SHA-256 of the slot's resolved configuration.
    pub config: Digest,
    /// It left for a real venue; else it was traded on paper.
    #[serde(default)]
    pub live: bool,
    /// The journal's epoch in which it was decided; 0 where version 0.1 wrote it.
    #[serde(default)]
    pub epoch: u32,
}

/// One thing that happened to the orders of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// An order passed the gate and is about to be sent. Generation and market sequence number are
    /// in the order.
    Intent {
        /// The order.
        order: Order,
        /// Who decided it.
        by: Provenance,
    },
    /// A cancel is about to be sent.
    Cancel {
        /// Of which order.
        id: ClientId,
        /// Asked by the plugin or by the host.
        reason: Reason,
        /// Event time of the decision.
        ts_event: TsNs,
        /// Market sequence number of the event that decided it.
        seq: u64,
    },
    /// What the venue said.
    Event(OrderEvent),
    /// An order that the venue has and this journal had not: found while reconciling.
    Adopted(Order),
    /// A position changed without an order of its slot.
    Adjusted(Adjustment),
    /// The life of a slot.
    Note {
        /// The slot's number.
        slot: u32,
        /// Its generation.
        generation: u32,
        /// Event time.
        ts_event: TsNs,
        /// What happened.
        note: Note,
    },
}

impl Record {
    /// Which instrument it speaks of, where it speaks of one.
    pub fn instrument(&self) -> Option<InstrumentId> {
        match self {
            Self::Intent { order, .. } | Self::Adopted(order) => Some(order.request.instrument),
            Self::Event(event) => Some(event.at.instrument),
            Self::Adjusted(of) => Some(of.instrument),
            Self::Note { note: Note::DayBegan { instrument, .. }, .. } => Some(*instrument),
            Self::Cancel { .. } | Self::Note { .. } => None,
        }
    }
}

/// What happened to a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// Its first generation since the daemon started.
    Started(Provenance),
    /// A new generation took over.
    Swapped(Provenance),
    /// An older one took over again.
    RolledBack(Provenance),
    /// It was stopped in good order.
    Stopped,
    /// Its orders were halted by the operator or by a limit.
    Halted,
    /// Its component failed too often.
    Quarantined,
    /// What it had earned with one instrument when a day of event time (UTC) began, or where the
    /// first day began for it: so that a restart does not forget what was lost today.
    DayBegan {
        /// Days since 1970.
        day: u64,
        /// Which instrument.
        instrument: InstrumentId,
        /// Realised and unrealised, less fees, since the journal began.
        worth: Cash,
    },
}

/// The order journal.
#[derive(Debug)]
pub struct Journal {
    db: Database,
}

impl Journal {
    /// Opens or makes the journal at `path`.
    ///
    /// # Errors
    /// The file cannot be opened, or is damaged beyond its own repair.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::over(Database::open(path)?)
    }

    fn over(db: Database) -> Result<Self, StoreError> {
        db.write(|txn| {
            txn.open_table(SLOTS).map_err(db.at("make the table"))?;
            txn.open_table(INTENTS).map_err(db.at("make the table"))?;
            txn.open_table(EPOCHS).map_err(db.at("make the table"))?;
            txn.open_table(tables::INSTRUMENTS).map_err(db.at("make the table"))?;
            Ok(())
        })?;
        Ok(Self { db })
    }

    /// A number that tells this journal's orders from those of any other at the same venue: drawn
    /// once, by `draw`, and kept.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn house(&self, draw: impl FnOnce() -> u32) -> Result<u32, StoreError> {
        self.db.write(|txn| {
            let mut table = txn.open_table(HOUSE).map_err(self.db.at("open the house"))?;
            let known = table.get(()).map_err(self.db.at("read the house"))?;
            if let Some(known) = known.map(|number| number.value()) {
                return Ok(known);
            }
            let drawn = draw();
            table.insert((), drawn).map_err(self.db.at("number the house"))?;
            Ok(drawn)
        })
    }

    /// A new epoch of this journal, which stands in the client id of every order from now on: drawn by
    /// `draw`, and unlike every one before. So no id is given twice, from whatever copy a run began.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn begin_epoch(&self, mut draw: impl FnMut() -> u32) -> Result<u32, StoreError> {
        let known = self.epochs()?;
        let drawn = (0..EPOCH_DRAWS_MAX).map(|_| draw()).find(|of| *of != 0 && !known.contains(of));
        let epoch = drawn.unwrap_or_else(|| known.last().map_or(1, |last| last.wrapping_add(1)));
        self.db.write(|txn| {
            let mut table = txn.open_table(EPOCHS).map_err(self.db.at("open the epochs"))?;
            let last = table.last().map_err(self.db.at("read the epochs"))?;
            let place = last.map_or(0, |(place, _)| place.value()) + 1;
            table.insert(place, epoch).map_err(self.db.at("begin an epoch"))?;
            let first = place.saturating_sub(EPOCHS_MAX - 1);
            table.retain_in(..first, |_, _| false).map_err(self.db.at("drop old epochs"))?;
            Ok(epoch)
        })
    }

    /// The epochs of earlier runs and of this one, in their order; the last 10,000.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn epochs(&self) -> Result<Vec<u32>, StoreError> {
        self.db.read(|txn| {
            let table = txn.open_table(EPOCHS).map_err(self.db.at("open the epochs"))?;
            let items = table.iter().map_err(self.db.at("read the epochs"))?;
            let epoch =
                |item: Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, u32>), _>| {
                    item.map(|(_, epoch)| epoch.value()).map_err(self.db.at("read the epochs"))
                };
            items.map(epoch).collect()
        })
    }

    pub(crate) fn member(&self) -> Result<Member<'_>, StoreError> {
        let used = self.last()? > 0 || !self.slots()?.is_empty();
        Ok(Member { name: "journal.redb", db: &self.db, used })
    }

    /// The durable number of a slot: the one it had, or the next one. It costs a commit the first
    /// time only.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn slot_number(&self, slot: &SlotName) -> Result<u32, StoreError> {
        if let Some((_, number)) = self.slots()?.into_iter().find(|(name, _)| name == slot.as_str())
        {
            return Ok(number);
        }
        self.db.write(|txn| {
            let mut table = txn.open_table(SLOTS).map_err(self.db.at("open the slots"))?;
            let mut last = 0;
            for item in table.iter().map_err(self.db.at("read the slots"))? {
                last = item.map_err(self.db.at("read the slots"))?.1.value().max(last);
            }
            if last == SLOT_NUMBERS_MAX {
                return Err(StoreError::TooLarge {
                    what: "the journal's table of slots (in numbers)".to_owned(),
                    bytes: u64::from(last) + 1,
                    bytes_max: SLOT_NUMBERS_MAX.into(),
                    key: "SLOT_NUMBERS_MAX",
                });
            }
            table.insert(slot.as_str(), last + 1).map_err(self.db.at("number the slot"))?;
            Ok(last + 1)
        })
    }

    /// Every slot that ever had a number, by name.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn slots(&self) -> Result<Vec<(String, u32)>, StoreError> {
        self.db.read(|txn| {
            let table = txn.open_table(SLOTS).map_err(self.db.at("open the slots"))?;
            let items = table.iter().map_err(self.db.at("read the slots"))?;
            items
                .map(|item| {
                    let (name, number) = item.map_err(self.db.at("read the slots"))?;
                    Ok((name.value().to_owned(), number.value()))
                })
                .collect()
        })
    }

    /// Writes the batch in one durable commit; returns the number of its first record. When this
    /// returns `Ok`, its orders may be sent.
    ///
    /// # Errors
    /// [`StoreError::IntentReused`] or [`StoreError::TooLarge`] refuse the batch whole and change
    /// nothing. A disk error is fatal: this and every later call fails, and nothing may be sent.
    pub fn append(&self, records: &[Record]) -> Result<u64, StoreError> {
        if records.len() > BATCH_RECORDS_MAX {
            return Err(StoreError::TooLarge {
                what: "a batch for the journal (in records)".to_owned(),
                bytes: records.len() as u64,
                bytes_max: BATCH_RECORDS_MAX as u64,
                key: "BATCH_RECORDS_MAX",
            });
        }
        self.db.write(|txn| {
            self.raise_intents(txn, records)?;
            self.db.push(txn, records)
        })
    }

    fn raise_intents(&self, txn: &WriteTransaction, records: &[Record]) -> Result<(), StoreError> {
        let mut table = txn.open_table(INTENTS).map_err(self.db.at("open the intents"))?;
        for record in records {
            let id = match record {
                Record::Intent { order, .. } | Record::Adopted(order) => order.id,
                _ => continue,
            };
            let found = table.get(id.slot).map_err(self.db.at("read the intents"))?;
            let last = found.map_or(0, |intent| intent.value());
            let fresh = matches!(record, Record::Intent { .. });
            if fresh && id.intent <= last {
                return Err(StoreError::IntentReused { id, last });
            }
            table.insert(id.slot, id.intent.max(last)).map_err(self.db.at("raise the intents"))?;
        }
        Ok(())
    }

    /// Hands every record from number `from` (1 is the first) on to `each`, in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the first record that is missing or not whole; those before it
    /// were handed over.
    pub fn for_each(&self, from: u64, each: impl FnMut(u64, Record)) -> Result<(), StoreError> {
        self.db.for_each(from.max(1), each)
    }

    /// What a start reads, in order: the open orders of the checkpoint, and every record after it.
    ///
    /// # Errors
    /// As [`Journal::for_each`].
    pub fn replay(&self) -> Result<Vec<Record>, StoreError> {
        let checkpoint = self.checkpoint()?;
        let mut records = checkpoint.open;
        // Those before it are still there where a kill cut their move to the archive short.
        self.for_each(checkpoint.upto + 1, |_, record| records.push(record))?;
        Ok(records)
    }

    /// Number of the last record; 0 where there is none.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn last(&self) -> Result<u64, StoreError> {
        self.db.read(|txn| Ok(self.db.span(txn)?.1))
    }

    /// The slot's last journalled intent; 0 where there is none. Its next one must be greater.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn last_intent(&self, slot: u32) -> Result<IntentId, StoreError> {
        self.db.read(|txn| {
            let table = txn.open_table(INTENTS).map_err(self.db.at("open the intents"))?;
            let found = table.get(slot).map_err(self.db.at("read the intents"))?;
            Ok(found.map_or(0, |intent| intent.value()))
        })
    }
}

mod tables;
#[cfg(test)]
mod tests;
