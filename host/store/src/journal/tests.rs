//! The journal over files, over memory that loses power, and over disks that fail.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use wickd_model::{Kind, OrderRequest, Side, Stamp, Status, Tif};

use super::*;
use crate::Checkpoint;

fn order(slot: u32, intent: u64, size: i64) -> Order {
    let request = OrderRequest {
        instrument: 0,
        side: Side::Buy,
        kind: Kind::Limit,
        price: i64::MAX - size,
        size,
        tif: Tif::Gtc,
        post_only: false,
        reduce_only: false,
        tag: 7,
    };
    Order { id: ClientId { slot, intent }, request, ts_event: u64::MAX, seq: intent, generation: 3 }
}

fn intent(slot: u32, number: u64) -> Record {
    let by =
        Provenance { component: Digest([1; 32]), config: Digest([2; 32]), live: false, epoch: 3 };
    Record::Intent { order: order(slot, number, 5), by }
}

fn event(slot: u32, number: u64, last_price: i64) -> Record {
    Record::Event(OrderEvent {
        id: ClientId { slot, intent: number },
        at: Stamp { instrument: 1, seq: number, ts_event: 5, ts_init: 6 },
        side: Side::Sell,
        status: Status::PartlyFilled,
        reason: Reason::None,
        filled: 1,
        remaining: i64::MIN,
        last_price,
        last_size: 1,
        fee: -3,
        trade_id: u64::MAX,
        fee_base: 0,
        reconciled: false,
    })
}

/// Memory that keeps apart what was written and what was synced, and fails a sync on demand.
#[derive(Clone, Default, Debug)]
struct Disk {
    written: Arc<Mutex<Vec<u8>>>,
    synced: Arc<Mutex<Vec<u8>>>,
    syncs: Arc<AtomicUsize>,
    fails: Arc<AtomicBool>,
}

impl Disk {
    /// The disk as it is after the power went: only what was synced.
    fn after_power_cut(&self) -> Self {
        let synced = self.synced.lock().unwrap().clone();
        Self { written: Arc::new(Mutex::new(synced)), ..Self::default() }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().unwrap().len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let start = offset as usize;
        out.copy_from_slice(&self.written.lock().unwrap()[start..start + out.len()]);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.written.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.syncs.fetch_add(1, Ordering::SeqCst);
        *self.synced.lock().unwrap() = self.written.lock().unwrap().clone();
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = offset as usize;
        self.written.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn journal_on(disk: &Disk) -> Journal {
    Journal::over(Database::on(disk.clone()).unwrap()).unwrap()
}

#[test]
fn numbers_of_slots_are_durable_and_never_given_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.redb");
    let name = |text: &str| text.parse::<SlotName>().unwrap();
    {
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.slot_number(&name("b")).unwrap(), 1);
        assert_eq!(journal.slot_number(&name("a")).unwrap(), 2);
    }
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.slot_number(&name("a")).unwrap(), 2);
    assert_eq!(journal.slot_number(&name("b")).unwrap(), 1);
    assert_eq!(journal.slot_number(&name("c")).unwrap(), 3);
}

#[test]
fn a_checkpoint_moves_records_to_the_archive_and_every_one_is_still_read() {
    let dir = tempfile::tempdir().unwrap();
    let archive = crate::Archive::open(&dir.path().join("archive")).unwrap();
    let journal = journal_on(&Disk::default());
    let mut all = Vec::new();
    for stretch in 0..3u64 {
        let batch: Vec<Record> = (1..=3_000).map(|n| intent(1, stretch * 3_000 + n)).collect();
        journal.append(&batch).unwrap();
        all.extend(batch);
        let open = vec![intent(1, stretch * 3_000 + 7)];
        let upto = journal.last().unwrap() - 10;
        let checkpoint = Checkpoint { upto, open: open.clone(), ..Checkpoint::default() };
        assert_eq!(journal.put_checkpoint(&checkpoint, &archive, 1).unwrap(), 0);
        assert_eq!(journal.replay().unwrap(), [open, all[all.len() - 10..].to_vec()].concat());
    }
    assert_eq!((journal.first().unwrap(), journal.last().unwrap()), (8_990, 9_000));
    for from in [1, 2_990, 2_991, 5_000, 8_990] {
        let mut read = Vec::new();
        archive.for_each(from, |number, record| read.push((number, record))).unwrap();
        assert_eq!(read.first().unwrap(), &(from, all[from as usize - 1]));
        assert_eq!(read.last().unwrap().0, 8_990);
        assert!(read.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
    }
    assert!(archive.prune(0).unwrap() == 3);
}

#[test]
fn an_epoch_is_never_drawn_twice_whatever_is_drawn() {
    let journal = journal_on(&Disk::default());
    let mut drawn = [0u32, 5, 5, 5, 9].into_iter().chain(std::iter::repeat(5));
    let mut draw = || drawn.next().unwrap();
    let epochs: Vec<u32> = (0..3).map(|_| journal.begin_epoch(&mut draw).unwrap()).collect();
    assert_eq!(epochs, [5, 9, 10]);
    assert_eq!(journal.epochs().unwrap(), epochs);
}

#[test]
fn an_intent_that_does_not_rise_refuses_its_whole_batch_and_nothing_else() {
    let journal = journal_on(&Disk::default());
    journal.append(&[intent(1, 4), intent(2, 1)]).unwrap();
    let refused = journal.append(&[intent(2, 2), intent(1, 4)]).unwrap_err();
    assert!(matches!(refused, StoreError::IntentReused { last: 4, .. }), "{refused}");
    assert_eq!(journal.last_intent(2).unwrap(), 1);
    assert_eq!(journal.append(&[intent(1, 5)]).unwrap(), 3);
    assert_eq!(journal.last_intent(1).unwrap(), 5);
    assert_eq!(journal.last().unwrap(), 3);
}

#[test]
fn what_append_acknowledged_survives_a_power_cut_and_a_torn_commit_does_not_count() {
    let disk = Disk::default();
    let journal = journal_on(&disk);
    let mut acknowledged = Vec::new();
    for number in 1..40 {
        let batch = [intent(1, number), event(1, number, 9)];
        journal.append(&batch).unwrap();
        acknowledged.extend(batch);
        assert_eq!(journal_on(&disk.after_power_cut()).replay().unwrap(), acknowledged);
    }
    disk.fails.store(true, Ordering::SeqCst);
    assert!(journal.append(&[intent(1, 99)]).is_err());
    let after = journal_on(&disk.after_power_cut());
    assert_eq!(after.replay().unwrap(), acknowledged);
    assert_eq!(after.last_intent(1).unwrap(), 39);
}

#[test]
fn one_failed_sync_closes_the_journal_even_when_the_disk_recovers() {
    let disk = Disk::default();
    let journal = journal_on(&disk);
    journal.append(&[intent(1, 1)]).unwrap();
    disk.fails.store(true, Ordering::SeqCst);
    assert!(matches!(journal.append(&[intent(1, 2)]), Err(StoreError::Database { .. })));
    disk.fails.store(false, Ordering::SeqCst);
    assert!(matches!(journal.append(&[intent(1, 3)]), Err(StoreError::Broken { .. })));
    assert!(matches!(journal.append(&[]), Err(StoreError::Broken { .. })));
}

#[test]
fn a_batch_costs_no_more_syncs_than_one_record() {
    let disk = Disk::default();
    let journal = journal_on(&disk);
    journal.append(&[intent(1, 1)]).unwrap();
    let syncs = |batch: &[Record]| {
        let before = disk.syncs.load(Ordering::SeqCst);
        journal.append(batch).unwrap();
        disk.syncs.load(Ordering::SeqCst) - before
    };
    let one = syncs(&[intent(1, 2)]);
    let many: Vec<Record> = (3..67).map(|number| intent(1, number)).collect();
    assert!(one >= 1);
    assert_eq!(syncs(&many), one);
}

#[test]
fn a_damaged_record_is_named_and_those_before_it_are_read() {
    let journal = journal_on(&Disk::default());
    journal.append(&[intent(1, 1), event(1, 1, 2), event(1, 1, 3)]).unwrap();
    let table: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
    journal
        .db
        .write(|txn| {
            let mut records = txn.open_table(table).unwrap();
            let mut bytes = records.get(2).unwrap().unwrap().value().to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            records.insert(2, &bytes[..]).unwrap();
            Ok(())
        })
        .unwrap();
    let mut read = Vec::new();
    let error = journal.for_each(1, |number, _| read.push(number)).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { number: 2, .. }), "{error}");
    assert_eq!(read, [1]);
    journal
        .db
        .write(|txn| {
            txn.open_table(table).unwrap().remove(2).unwrap();
            Ok(())
        })
        .unwrap();
    let error = journal.replay().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { number: 2, .. }), "{error}");
}

fn a_record() -> impl Strategy<Value = Record> {
    let note = Record::Note { slot: 1, generation: 2, ts_event: 3, note: Note::Halted };
    prop_oneof![
        (any::<u32>(), any::<u64>(), any::<i64>()).prop_map(|(s, n, p)| event(s, n, p)),
        (any::<u32>(), any::<u64>(), any::<i64>()).prop_map(|(s, n, size)| Record::Adopted(order(
            s,
            n,
            size.max(0)
        ))),
        (any::<u64>(), any::<u64>()).prop_map(|(ts_event, seq)| Record::Cancel {
            id: ClientId { slot: 1, intent: 1 },
            reason: Reason::Host,
            ts_event,
            seq
        }),
        Just(note),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn replay_is_what_was_appended(batches in prop::collection::vec(
        prop::collection::vec(a_record(), 0..6), 0..8,
    )) {
        let disk = Disk::default();
        let journal = journal_on(&disk);
        let mut next = 1;
        for batch in &batches {
            prop_assert_eq!(journal.append(batch).unwrap(), next);
            next += batch.len() as u64;
        }
        drop(journal);
        prop_assert_eq!(journal_on(&disk).replay().unwrap(), batches.concat());
    }

    #[test]
    fn bytes_changed_on_disk_never_panic_and_never_invent_a_record(
        spots in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..64),
        cut in any::<prop::sample::Index>(), truncates: bool,
    ) {
        let disk = Disk::default();
        let journal = journal_on(&disk);
        let written: Vec<Record> = (1..20).map(|number| intent(1, number)).collect();
        journal.append(&written).unwrap();
        drop(journal);
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = disk.synced.lock().unwrap().clone();
        for (at, value) in &spots {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if truncates {
            bytes.truncate(cut.index(bytes.len()));
        }
        std::fs::write(file.path(), &bytes).unwrap();
        if let Ok(journal) = Journal::open(file.path()) {
            let mut read = Vec::new();
            let _ = journal.for_each(1, |_, record| read.push(record));
            prop_assert_eq!(&read[..], &written[..read.len()]);
        }
    }
}
