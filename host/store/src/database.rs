//! One database file: opened privately, written in durable commits, closed to writes for ever after
//! one fails.
//!
//! Comes in: a path, and what to do inside a transaction. Goes out: the result of a durable commit.
//! Deliberately absent: what is stored.
//!
//! The fsync rule: a commit returns only after the file was fsynced. If any step of it fails, the
//! kernel may have dropped the dirty pages and reported it once (the "fsyncgate" of 2018), so a
//! retry could claim success over lost data. The file is therefore broken until the process starts
//! again and the database repairs itself from its last good commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{StoreError, disk, seal};

/// Pages kept in memory per file. Journals are written at the end and read once, so little helps.
const CACHE_BYTES: usize = 8 << 20;
/// Numbered records, gap-free.
const RECORDS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("records");

#[derive(Debug)]
pub(crate) struct Database {
    /// Gone only while this is being dropped.
    inner: Option<redb::Database>,
    path: PathBuf,
    broken: AtomicBool,
}

impl Database {
    /// Opens or makes the file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = disk::private_file(path)?;
        if let Some(parent) = path.parent() {
            disk::sync_folder(parent)?;
        }
        Self::build(path, |builder| builder.create_file(file))
    }

    #[cfg(test)]
    pub(crate) fn on(backend: impl redb::StorageBackend) -> Result<Self, StoreError> {
        Self::build(Path::new("backend"), |builder| builder.create_with_backend(backend))
    }

    fn build(
        path: &Path,
        make: impl FnOnce(&mut redb::Builder) -> Result<redb::Database, redb::DatabaseError>,
    ) -> Result<Self, StoreError> {
        let inner = guard(path, "open the database", || {
            let inner = make(redb::Database::builder().set_cache_size(CACHE_BYTES));
            let inner = inner.map_err(at(path, "open the database"))?;
            // Readers may then assume that the table exists.
            let txn = inner.begin_write().map_err(at(path, "begin"))?;
            txn.open_table(RECORDS).map_err(at(path, "make the table"))?;
            txn.commit().map_err(at(path, "commit"))?;
            Ok(inner)
        })?;
        Ok(Self { inner: Some(inner), path: path.to_owned(), broken: AtomicBool::new(false) })
    }

    fn inner(&self) -> Result<&redb::Database, StoreError> {
        self.inner.as_ref().ok_or_else(|| StoreError::Broken { path: self.path.clone() })
    }

    /// Runs `body` in one durable commit. A database error breaks the file; an error that `body`
    /// makes itself only drops the transaction.
    pub(crate) fn write<R>(
        &self,
        body: impl FnOnce(&WriteTransaction) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        if self.broken.load(Ordering::Acquire) {
            return Err(StoreError::Broken { path: self.path.clone() });
        }
        let done = guard(&self.path, "write", || {
            let txn = self.inner()?.begin_write().map_err(at(&self.path, "begin"))?;
            let result = body(&txn)?;
            txn.commit().map_err(at(&self.path, "commit"))?;
            Ok(result)
        });
        if matches!(done, Err(StoreError::Database { .. })) {
            self.broken.store(true, Ordering::Release);
        }
        done
    }

    /// Runs `body` over one consistent view.
    pub(crate) fn read<R>(
        &self,
        body: impl FnOnce(&ReadTransaction) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        guard(&self.path, "read", || {
            let txn = self.inner()?.begin_read().map_err(at(&self.path, "begin to read"))?;
            body(&txn)
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Maps a database error to where it happened.
    pub(crate) fn at<E: Into<redb::Error>>(
        &self,
        what: &'static str,
    ) -> impl FnOnce(E) -> StoreError {
        at(&self.path, what)
    }

    /// Adds records inside a transaction; returns the number of the first. An empty batch returns
    /// the number that the next record will have.
    pub(crate) fn push<T: Serialize>(
        &self,
        txn: &WriteTransaction,
        records: &[T],
    ) -> Result<u64, StoreError> {
        let mut table = txn.open_table(RECORDS).map_err(self.at("open the table"))?;
        let last = table.last().map_err(self.at("find the end"))?.map_or(0, |(key, _)| key.value());
        for (number, record) in (last + 1..).zip(records) {
            let payload = serde_json::to_vec(record).map_err(|error| StoreError::Database {
                what: "encode a record",
                path: self.path.clone(),
                source: error.into(),
            })?;
            let sealed = seal::seal(number, &payload);
            table.insert(number, &sealed[..]).map_err(self.at("add a record"))?;
        }
        Ok(last + 1)
    }

    /// Removes records below `first`.
    pub(crate) fn drop_below(&self, txn: &WriteTransaction, first: u64) -> Result<(), StoreError> {
        let mut table = txn.open_table(RECORDS).map_err(self.at("open the table"))?;
        table.retain_in(..first, |_, _| false).map_err(self.at("drop old records"))
    }

    /// Numbers of the first and the last record; `(1, 0)` where there is none.
    pub(crate) fn span(&self, txn: &ReadTransaction) -> Result<(u64, u64), StoreError> {
        let table = txn.open_table(RECORDS).map_err(self.at("open the table"))?;
        let first = table.first().map_err(self.at("find the start"))?.map(|(key, _)| key.value());
        let last = table.last().map_err(self.at("find the end"))?.map(|(key, _)| key.value());
        Ok((first.unwrap_or(1), last.unwrap_or(0)))
    }

    /// Hands every record from number `from` on to `each`, in order. A missing number, a wrong
    /// checksum and an unreadable payload are damage, reported by number.
    pub(crate) fn for_each<T: DeserializeOwned>(
        &self,
        from: u64,
        mut each: impl FnMut(u64, T),
    ) -> Result<(), StoreError> {
        self.read(|txn| {
            let table = txn.open_table(RECORDS).map_err(self.at("open the table"))?;
            let items = table.range(from..).map_err(self.at("find the start"))?;
            for (expected, item) in (from..).zip(items) {
                let (key, sealed) = item.map_err(self.at("read a record"))?;
                if key.value() != expected {
                    return Err(self.damaged(expected, "it is missing".to_owned()));
                }
                each(expected, self.decode(expected, sealed.value())?);
            }
            Ok(())
        })
    }

    /// One record by its number, which the caller knows to exist.
    pub(crate) fn record<T: DeserializeOwned>(
        &self,
        txn: &ReadTransaction,
        number: u64,
    ) -> Result<T, StoreError> {
        let table = txn.open_table(RECORDS).map_err(self.at("open the table"))?;
        match table.get(number).map_err(self.at("read a record"))? {
            Some(sealed) => self.decode(number, sealed.value()),
            None => Err(self.damaged(number, "it is missing".to_owned())),
        }
    }

    fn decode<T: DeserializeOwned>(&self, number: u64, sealed: &[u8]) -> Result<T, StoreError> {
        let payload = seal::open(number, sealed).map_err(|reason| self.damaged(number, reason))?;
        serde_json::from_slice(payload).map_err(|error| self.damaged(number, error.to_string()))
    }

    pub(crate) fn damaged(&self, number: u64, reason: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), number, reason }
    }
}

impl Drop for Database {
    /// Closing writes too, and on a damaged file the database may panic at that; whatever was
    /// durable is so already, and the next start repairs the file or says why not.
    fn drop(&mut self) {
        let inner = self.inner.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(inner)));
    }
}

fn at<E: Into<redb::Error>>(path: &Path, what: &'static str) -> impl FnOnce(E) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Database { what, path, source: Box::new(error.into()) }
}

/// The database asserts its own structure and may panic on a damaged file; here that is an error
/// like any other.
fn guard<R>(
    path: &Path,
    what: &'static str,
    body: impl FnOnce() -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("the database file is damaged");
        let source = wickd_model::printable(text.as_bytes(), 512).into();
        Err(StoreError::Database { what, path: path.to_owned(), source })
    })
}
