//! The paper venue's own truth: which orders it took in and what became of each.
//!
//! Comes in: the venue simulation's records, in the order it made them. Goes out: the same records,
//! all of them or those of one order. Deliberately absent: anything this host believes, which is
//! the journal's. A real exchange would keep this file on its own disk.

use std::collections::BTreeSet;
use std::path::Path;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use wickd_model::{ClientId, Order, OrderEvent};

use crate::StoreError;
use crate::database::Database;
use crate::stamp::Member;

/// Record numbers by order: slot, intent, number.
const BY_ORDER: TableDefinition<'static, (u32, u64, u64), ()> = TableDefinition::new("by-order");
/// Last market sequence number whose effects are in the ledger, by stream.
const CURSORS: TableDefinition<'static, u32, u64> = TableDefinition::new("cursors");

/// One thing the venue did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VenueRecord {
    /// The order arrived. What the venue made of it follows as events.
    Order(Order),
    /// The order's state changed; `at.ts_event` is the venue's time of it.
    Event(OrderEvent),
}

impl VenueRecord {
    /// Of which order.
    pub fn id(&self) -> ClientId {
        match self {
            Self::Order(order) => order.id,
            Self::Event(event) => event.id,
        }
    }
}

/// The paper venue's ledger.
#[derive(Debug)]
pub struct Ledger {
    db: Database,
}

impl Ledger {
    /// Opens or makes the ledger at `path`.
    ///
    /// # Errors
    /// The file cannot be opened, or is damaged beyond its own repair.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Database::open(path)?;
        db.write(|txn| {
            txn.open_table(BY_ORDER).map_err(db.at("make the table"))?;
            txn.open_table(CURSORS).map_err(db.at("make the table"))?;
            Ok(())
        })?;
        Ok(Self { db })
    }

    /// Writes the batch in one durable commit, and with it that `stream` was followed up to
    /// `market_seq`. A stream is whatever the caller numbers its market events by.
    ///
    /// # Errors
    /// [`StoreError::DuplicateOrder`] refuses the batch whole where an order's client id is known:
    /// ask [`Ledger::order`] what became of it. A disk error closes the ledger.
    pub fn append(
        &self,
        records: &[VenueRecord],
        stream: u32,
        market_seq: u64,
    ) -> Result<(), StoreError> {
        self.db.write(|txn| {
            let mut by_order = txn.open_table(BY_ORDER).map_err(self.db.at("open the index"))?;
            let first = self.db.push(txn, records)?;
            for (number, record) in (first..).zip(records) {
                let id = record.id();
                let key = |number| (id.slot, id.intent, number);
                if matches!(record, VenueRecord::Order(_)) {
                    let known = by_order.range(key(0)..=key(u64::MAX));
                    if known.map_err(self.db.at("read the index"))?.next().is_some() {
                        return Err(StoreError::DuplicateOrder { id });
                    }
                }
                by_order.insert(key(number), ()).map_err(self.db.at("index a record"))?;
            }
            self.raise_cursor(txn, stream, market_seq)
        })
    }

    fn raise_cursor(
        &self,
        txn: &WriteTransaction,
        stream: u32,
        market_seq: u64,
    ) -> Result<(), StoreError> {
        let mut cursors = txn.open_table(CURSORS).map_err(self.db.at("open the cursors"))?;
        let found = cursors.get(stream).map_err(self.db.at("read the cursor"))?;
        let last = found.map_or(0, |seq| seq.value());
        cursors.insert(stream, market_seq.max(last)).map_err(self.db.at("raise the cursor"))?;
        Ok(())
    }

    /// Last market sequence number of `stream` whose effects are here; 0 where there is none.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn cursor(&self, stream: u32) -> Result<u64, StoreError> {
        self.db.read(|txn| {
            let cursors = txn.open_table(CURSORS).map_err(self.db.at("open the cursors"))?;
            let found = cursors.get(stream).map_err(self.db.at("read the cursor"))?;
            Ok(found.map_or(0, |seq| seq.value()))
        })
    }

    /// Everything the venue knows of one order, in order; empty where it never saw it.
    ///
    /// # Errors
    /// The disk refuses, or [`StoreError::Damaged`].
    pub fn order(&self, id: ClientId) -> Result<Vec<VenueRecord>, StoreError> {
        self.db.read(|txn| {
            let numbers = self.numbers(txn, id)?;
            numbers.into_iter().map(|number| self.db.record(txn, number)).collect()
        })
    }

    fn numbers(&self, txn: &ReadTransaction, id: ClientId) -> Result<BTreeSet<u64>, StoreError> {
        let index = txn.open_table(BY_ORDER).map_err(self.db.at("open the index"))?;
        let keys = (id.slot, id.intent, 0)..=(id.slot, id.intent, u64::MAX);
        let found = index.range(keys).map_err(self.db.at("read the index"))?;
        found
            .map(|item| item.map(|(key, _)| key.value().2).map_err(self.db.at("read the index")))
            .collect()
    }

    pub(crate) fn member(&self) -> Result<Member<'_>, StoreError> {
        let used = self.db.read(|txn| {
            let cursors = txn.open_table(CURSORS).map_err(self.db.at("open the cursors"))?;
            Ok(cursors.first().map_err(self.db.at("read the cursor"))?.is_some())
        })?;
        Ok(Member { name: "venue.redb", db: &self.db, used })
    }

    /// Hands every record to `each`, in the order the venue made them, with its number from 1.
    ///
    /// # Errors
    /// The disk refuses, or [`StoreError::Damaged`].
    pub fn for_each(&self, each: impl FnMut(u64, VenueRecord)) -> Result<(), StoreError> {
        let first = self.db.read(|txn| Ok(self.db.span(txn)?.0))?;
        self.db.for_each(first, each)
    }

    /// Drops what it has of orders that are done: all but those in `open`.
    ///
    /// # Errors
    /// The disk refuses, or [`StoreError::Damaged`]; nothing changed.
    pub fn keep_only(&self, open: &BTreeSet<ClientId>) -> Result<(), StoreError> {
        let mut kept = Vec::new();
        self.for_each(|_, record| {
            if open.contains(&record.id()) {
                kept.push(record);
            }
        })?;
        self.db.write(|txn| {
            let mut by_order = txn.open_table(BY_ORDER).map_err(self.db.at("open the index"))?;
            by_order.retain(|_, ()| false).map_err(self.db.at("clear the index"))?;
            let first = self.db.push(txn, &kept)?;
            self.db.drop_below(txn, first)?;
            for (number, record) in (first..).zip(&kept) {
                let ClientId { slot, intent } = record.id();
                let key = (slot, intent, number);
                by_order.insert(key, ()).map_err(self.db.at("index a record"))?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_model::{Kind, OrderRequest, Reason, Side, Stamp, Status, Tif};

    fn order(slot: u32, intent: u64) -> VenueRecord {
        let request = OrderRequest {
            instrument: 0,
            side: Side::Buy,
            kind: Kind::Market,
            price: 0,
            size: 5,
            tif: Tif::Ioc,
            post_only: false,
            reduce_only: false,
            tag: 0,
        };
        let id = ClientId { slot, intent };
        VenueRecord::Order(Order { id, request, ts_event: 1, seq: 1, generation: 1 })
    }

    fn fill(slot: u32, intent: u64) -> VenueRecord {
        VenueRecord::Event(OrderEvent {
            id: ClientId { slot, intent },
            at: Stamp::default(),
            side: Side::Buy,
            status: Status::Filled,
            reason: Reason::None,
            filled: 5,
            remaining: 0,
            last_price: 10,
            last_size: 5,
            fee: 1,
            trade_id: intent,
            fee_base: 0,
            reconciled: false,
        })
    }

    #[test]
    fn an_order_is_found_by_its_client_id_with_all_that_became_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("venue.redb");
        {
            let ledger = Ledger::open(&path).unwrap();
            ledger.append(&[order(1, 1), order(1, 2), fill(1, 1)], 0, 40).unwrap();
            ledger.append(&[fill(1, 2)], 0, 39).unwrap();
            ledger.append(&[], 7, 5).unwrap();
        }
        let ledger = Ledger::open(&path).unwrap();
        let id = |intent| ClientId { slot: 1, intent };
        assert_eq!(ledger.order(id(2)).unwrap(), [order(1, 2), fill(1, 2)]);
        assert_eq!(ledger.order(id(3)).unwrap(), []);
        let cursors = [0, 7, 1].map(|stream| ledger.cursor(stream).unwrap());
        assert_eq!(cursors, [40, 5, 0], "a cursor fell or was mixed up");
        let mut all = Vec::new();
        ledger.for_each(|number, record| all.push((number, record))).unwrap();
        let expected = [order(1, 1), order(1, 2), fill(1, 1), fill(1, 2)];
        assert_eq!(all, (1..).zip(expected).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_kept_is_found_again_and_numbers_go_on() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("venue.redb")).unwrap();
        ledger.append(&[order(1, 1), order(1, 2), fill(1, 1)], 4, 40).unwrap();
        let open = ClientId { slot: 1, intent: 2 };
        ledger.keep_only(&[open].into()).unwrap();
        ledger.append(&[fill(1, 2)], 4, 41).unwrap();
        let mut all = Vec::new();
        ledger.for_each(|_, record| all.push(record)).unwrap();
        assert_eq!(all, [order(1, 2), fill(1, 2)]);
        assert_eq!((ledger.order(open).unwrap().len(), ledger.cursor(4).unwrap()), (2, 41));
        assert_eq!(ledger.order(ClientId { slot: 1, intent: 1 }).unwrap(), []);
    }

    #[test]
    fn a_client_id_is_taken_once_and_a_refused_batch_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("venue.redb")).unwrap();
        ledger.append(&[order(1, 1), fill(1, 1)], 0, 1).unwrap();
        for batch in [vec![order(1, 9), order(1, 1)], vec![order(1, 9), order(1, 9)]] {
            let refused = ledger.append(&batch, 0, 2).unwrap_err();
            assert!(matches!(refused, StoreError::DuplicateOrder { .. }), "{refused}");
        }
        assert_eq!(ledger.order(ClientId { slot: 1, intent: 9 }).unwrap(), []);
        assert_eq!(ledger.cursor(0).unwrap(), 1);
        ledger.append(&[order(1, 9)], 0, 2).unwrap();
    }
}
