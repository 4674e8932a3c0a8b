//! The audit log: what the house decided about plugins, for people.
//!
//! Comes in: entries with a time, a kind and details. Goes out: the latest of them. Deliberately
//! absent: orders, which the journal keeps whole.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wickd_model::TsNs;

use crate::StoreError;
use crate::database::Database;

/// Entries kept: some weeks of a busy house in about 100 MB; the oldest leave first.
const ENTRIES_MAX: u64 = 100_000;
/// Bytes of one entry's details. Longer ones are cut and wrapped, never lost whole.
const DETAIL_BYTES_MAX: usize = 8 << 10;
/// Bytes of an entry's kind and subject.
const NAME_BYTES_MAX: usize = 128;

/// One thing that happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When, by the caller's clock.
    pub ts_ns: TsNs,
    /// What kind: `intake-refused`, `swapped`, `quarantined`, … The writer's own stable words.
    pub kind: String,
    /// Which slot or plugin; empty where it was the house itself.
    pub subject: String,
    /// The details.
    pub detail: serde_json::Value,
}

impl AuditEntry {
    fn bounded(&self) -> Self {
        let name = |text: &str| wickd_model::printable(text.as_bytes(), NAME_BYTES_MAX);
        let text = self.detail.to_string();
        let detail = match text.len() <= DETAIL_BYTES_MAX {
            true => self.detail.clone(),
            // Half of the bound leaves room for the escapes of the text inside a text.
            false => serde_json::json!({
                "cut": wickd_model::printable(text.as_bytes(), DETAIL_BYTES_MAX / 2),
                "bytes": text.len(),
            }),
        };
        Self { ts_ns: self.ts_ns, kind: name(&self.kind), subject: name(&self.subject), detail }
    }
}

/// The audit log.
#[derive(Debug)]
pub struct Audit {
    db: Database,
    entries_max: u64,
}

impl Audit {
    /// Opens or makes the log at `path`.
    ///
    /// # Errors
    /// The file cannot be opened, or is damaged beyond its own repair.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Database::open(path)?, entries_max: ENTRIES_MAX })
    }

    /// Writes the entries in one durable commit; returns the number of the first. Details beyond
    /// 8 KiB are cut, and the oldest entries beyond 100,000 leave.
    ///
    /// # Errors
    /// A disk error closes the log.
    pub fn append(&self, entries: &[AuditEntry]) -> Result<u64, StoreError> {
        let entries: Vec<AuditEntry> = entries.iter().map(AuditEntry::bounded).collect();
        self.db.write(|txn| {
            let first = self.db.push(txn, &entries)?;
            let next = first + entries.len() as u64;
            self.db.drop_below(txn, next.saturating_sub(self.entries_max))?;
            Ok(first)
        })
    }

    /// The last `count` entries with their numbers, oldest first.
    ///
    /// # Errors
    /// The disk refuses, or [`StoreError::Damaged`].
    pub fn tail(&self, count: u64) -> Result<Vec<(u64, AuditEntry)>, StoreError> {
        let (first, last) = self.db.read(|txn| self.db.span(txn))?;
        let mut entries = Vec::new();
        let from = first.max((last + 1).saturating_sub(count));
        self.db.for_each(from, |number, entry| entries.push((number, entry)))?;
        Ok(entries)
    }

    /// How many entries left because newer ones came.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn dropped(&self) -> Result<u64, StoreError> {
        self.db.read(|txn| Ok(self.db.span(txn)?.0 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ts_ns: TsNs) -> AuditEntry {
        let detail = serde_json::json!({ "reason": "x" });
        AuditEntry { ts_ns, kind: "swapped".into(), subject: "slot-a".into(), detail }
    }

    fn audit(entries_max: u64) -> (tempfile::TempDir, Audit) {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::open(&dir.path().join("audit.redb")).unwrap();
        (dir, Audit { entries_max, ..audit })
    }

    #[test]
    fn the_oldest_leave_with_a_count_and_numbers_never_repeat() {
        let (_dir, audit) = audit(3);
        for ts_ns in 1..=5 {
            assert_eq!(audit.append(&[entry(ts_ns)]).unwrap(), ts_ns);
        }
        assert_eq!(audit.dropped().unwrap(), 2);
        assert_eq!(audit.tail(2).unwrap(), [(4, entry(4)), (5, entry(5))]);
        assert_eq!(audit.tail(u64::MAX).unwrap().len(), 3);
        assert_eq!(audit.tail(0).unwrap(), []);
    }

    #[test]
    fn what_is_too_long_or_could_move_a_cursor_is_cut_and_escaped() {
        let (_dir, audit) = audit(9);
        let long = "\"\u{1b}".repeat(DETAIL_BYTES_MAX);
        let kind = "\u{1b}[31m".repeat(99);
        audit.append(&[AuditEntry { kind, detail: long.into(), ..entry(1) }]).unwrap();
        let (_, read) = audit.tail(1).unwrap().remove(0);
        assert!(read.detail.to_string().len() <= DETAIL_BYTES_MAX);
        assert!(read.detail["cut"].is_string());
        assert!(
            read.kind.len() <= NAME_BYTES_MAX + '…'.len_utf8() && !read.kind.contains('\u{1b}')
        );
    }
}
