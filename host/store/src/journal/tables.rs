//! What stands in the journal beside its records: the instruments' numbers, and the checkpoint.
//!
//! Comes in: instruments under their numbers, checkpoints. Goes out: the same; what a checkpoint speaks for
//! goes to the archive. Deliberately absent: which line of a configuration has which number, and what
//! records add up to, which the engine knows.

use redb::{ReadableTable, TableDefinition};
use wickd_model::{Instrument, TsNs};

use super::Journal;
use crate::archive::{ARCHIVE_BYTES_MAX, Archive};
use crate::{Checkpoint, StoreError, checkpoint};

/// Instruments as JSON, by number.
pub(super) const INSTRUMENTS: TableDefinition<'static, u32, &str> =
    TableDefinition::new("instruments");
/// Most instruments a journal ever numbers: each new scale or symbol takes a number, and every
/// number costs a few hundred bytes in each part that indexes by it.
const NUMBERS_MAX: usize = 4_096;
/// Number of the last record whose instruments are places, as version 0.1 wrote them.
const PLACES: TableDefinition<'static, (), u64> = TableDefinition::new("places");
/// Records dropped in one commit: orders wait for it, so it has to be short.
const DROPPED_MAX: u64 = 2_000;

impl Journal {
    /// Every instrument that has a number, in the order of the numbers, which begin at 0 and have no
    /// gap.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where a number is missing or cannot be read; the disk refuses.
    pub fn instruments(&self) -> Result<Vec<Instrument>, StoreError> {
        self.db.read(|txn| {
            let table = txn.open_table(INSTRUMENTS).map_err(self.db.at("open the instruments"))?;
            let items = table.iter().map_err(self.db.at("read the instruments"))?;
            let read = |(expected, item): (u32, Result<(_, redb::AccessGuard<'_, &str>), _>)| {
                let (number, text): (redb::AccessGuard<'_, u32>, _) =
                    item.map_err(self.db.at("read the instruments"))?;
                let damaged = |reason: String| self.db.damaged(u64::from(expected), reason);
                let of: Instrument = serde_json::from_str(text.value())
                    .map_err(|error| damaged(error.to_string()))?;
                match number.value() == expected && of.id == expected {
                    true => Ok(of),
                    false => Err(damaged("an instrument has another's number".to_owned())),
                }
            };
            (0..).zip(items).map(read).collect()
        })
    }

    /// Writes what the numbers stand for: today's rules of those that are known, and new ones at the
    /// end.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond 4,096 numbers; the disk refuses.
    pub fn put_instruments(&self, all: &[Instrument]) -> Result<(), StoreError> {
        if all.len() > NUMBERS_MAX {
            return Err(StoreError::TooLarge {
                what: "the journal's table of instruments (in numbers)".to_owned(),
                bytes: all.len() as u64,
                bytes_max: NUMBERS_MAX as u64,
                key: "NUMBERS_MAX",
            });
        }
        self.db.write(|txn| {
            let mut table =
                txn.open_table(INSTRUMENTS).map_err(self.db.at("open the instruments"))?;
            for (number, of) in (0u32..).zip(all) {
                let of = Instrument { id: number, ..of.clone() };
                let text = serde_json::to_string(&of).map_err(|error| StoreError::Database {
                    what: "encode an instrument",
                    path: self.db.path().to_owned(),
                    source: error.into(),
                })?;
                let known = table.get(number).map_err(self.db.at("read the instruments"))?;
                if known.is_some_and(|known| known.value() == text) {
                    continue;
                }
                table.insert(number, text.as_str()).map_err(self.db.at("number an instrument"))?;
            }
            Ok(())
        })
    }

    /// Whether its records name instruments by numbers that nothing explains: version 0.1 wrote their
    /// place in the configuration.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn is_unnumbered(&self) -> Result<bool, StoreError> {
        Ok(self.instruments()?.is_empty() && self.last()? > self.checkpoint()?.upto)
    }

    /// What the records up to a number came to; empty where every record is to be read.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], or the disk refuses.
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        self.db.read(|txn| checkpoint::read(&self.db, txn))
    }

    /// The records up to here are of version 0.1, and what their places meant is not known and does not
    /// matter: a checkpoint begins without them.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn leave_places(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.db.write(|txn| {
            let mut table = txn.open_table(PLACES).map_err(self.db.at("open the places"))?;
            table.insert((), checkpoint.upto).map_err(self.db.at("leave the places"))?;
            checkpoint::write(&self.db, txn, checkpoint)
        })
    }

    /// Number of the last record that names places instead of instruments; 0 where there is none.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn places(&self) -> Result<u64, StoreError> {
        self.db.read(|txn| {
            let table = match txn.open_table(PLACES) {
                Ok(table) => table,
                Err(redb::TableError::TableDoesNotExist(_)) => return Ok(0),
                Err(error) => return Err(self.db.at("open the places")(error)),
            };
            let found = table.get(()).map_err(self.db.at("read the places"))?;
            Ok(found.map_or(0, |upto| upto.value()))
        })
    }

    /// Puts a checkpoint in the place of the one before it, and moves the records that it speaks for to
    /// the archive; gives how many of the archive's oldest files left for want of room.
    ///
    /// # Errors
    /// The disk refuses; then the checkpoint before it stands, or records stay that are archived already.
    pub fn put_checkpoint(
        &self,
        checkpoint: &Checkpoint,
        archive: &Archive,
        ts_ns: TsNs,
    ) -> Result<u64, StoreError> {
        let upto = checkpoint.upto;
        let mut next = self.first()?;
        archive.put(next, ts_ns, |each| {
            self.for_each(next, |number, record| {
                if number <= upto {
                    each(number, record);
                }
            })
        })?;
        self.db.write(|txn| checkpoint::write(&self.db, txn, checkpoint))?;
        // The last one stays: the next number follows it.
        while next < upto {
            next = (next + DROPPED_MAX).min(upto);
            self.db.write(|txn| self.db.drop_below(txn, next))?;
        }
        archive.prune(ARCHIVE_BYTES_MAX)
    }

    /// Number of the first record that is not in the archive alone.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn first(&self) -> Result<u64, StoreError> {
        self.db.read(|txn| Ok(self.db.span(txn)?.0))
    }
}
