//! The slots' saved states: the last few of each, checked when they are read.
//!
//! Comes in: what a plugin saved, with where in the stream it was. Goes out: the latest that is
//! whole. Deliberately absent: the meaning of the bytes, which is the plugin's own.

use std::path::Path;

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wickd_model::{Digest, IntentId, SlotName};

use crate::database::Database;
use crate::stamp::Member;
use crate::{StoreError, seal};

/// Snapshots kept per slot: the latest, one before it in case it is damaged, and one for luck.
const KEPT: u64 = 3;
/// Sealed snapshots by slot and ordinal.
const STATES: TableDefinition<'static, (&str, u64), &[u8]> = TableDefinition::new("states");
/// The same, once found damaged. Never deleted: somebody may want to know why.
const ASIDE: TableDefinition<'static, (&str, u64), &[u8]> = TableDefinition::new("set-aside");

/// A plugin's saved state and where in the streams it was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The component that saved it.
    pub digest: Digest,
    /// Its version, for people.
    pub plugin_version: String,
    /// The author's own version of the state's layout.
    pub state_version: u32,
    /// The last market event it had seen.
    pub market_seq: u64,
    /// The last sequence number of the slot's own event stream.
    pub slot_seq: u64,
    /// The last intent the slot had given out.
    pub intent_counter: IntentId,
    /// Journal number of the last order event it had heard.
    pub event_number: u64,
    /// What `save` returned; nothing where the plugin keeps no state.
    pub bytes: Vec<u8>,
    /// What belongs to the slot beside it: without these a restart decides differently.
    pub beside: Beside,
}

/// What a slot needs beside its plugin's own state to go on as if nothing had been.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Beside {
    /// Timers that are set: event time and the plugin's own number.
    pub timers: Vec<(u64, u32)>,
    /// The shared inputs it reads, and those that they read.
    pub inputs: Vec<InputState>,
    /// Bars in progress that it or its inputs wait for.
    pub bars: Vec<OpenBar>,
}

/// Which market something is of, by what it is: places in a configuration change.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MarketName {
    /// The venue.
    pub venue: String,
    /// The symbol there.
    pub symbol: String,
    /// Spot or a kind of contract.
    pub product: String,
    /// Decimals of prices and sizes that numbers beside it count in.
    pub scales: (u8, u8),
}

/// A shared input as it stood.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct InputState {
    /// The plugin's name.
    pub plugin: String,
    /// Of which market.
    pub market: MarketName,
    /// From what it is computed, in words.
    pub source: String,
    /// Its parameters, in words.
    pub config: String,
    /// The author's own version of the state's layout; 0 where it keeps none.
    pub state_version: u32,
    /// The instance's count of events.
    pub seq: u64,
    /// Whether it had seen its warm-up.
    pub ready: bool,
    /// The bits of its latest values.
    pub values: Vec<u64>,
    /// What `save` returned.
    #[serde(with = "hexed")]
    pub bytes: Vec<u8>,
}

/// A bar in progress.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OpenBar {
    /// Of which market.
    pub market: MarketName,
    /// Its length.
    pub step_secs: u32,
    /// When it began.
    pub open_time: u64,
    /// Open, high, low, close, volume.
    pub numbers: [i64; 5],
    /// Trades in it.
    pub trades: u32,
}

/// Bytes as text of the head.
mod hexed {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Snapshot {
    /// SHA-256 of the state's bytes: equal sums mean an unbroken state.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

/// The part of a snapshot that is stored as text before the bytes.
#[derive(Serialize, Deserialize)]
struct Head {
    digest: Digest,
    plugin_version: String,
    state_version: u32,
    market_seq: u64,
    slot_seq: u64,
    intent_counter: IntentId,
    event_number: u64,
    /// Version 0.1 wrote nothing beside the state.
    #[serde(default)]
    beside: Beside,
}

/// One snapshot to write.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotPut<'a> {
    /// Whose.
    pub slot: &'a SlotName,
    /// What.
    pub snapshot: &'a Snapshot,
    /// The slot's `limits.state_bytes`.
    pub bytes_max: u32,
}

/// A damaged snapshot that was moved out of the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAside {
    /// Its ordinal among the slot's snapshots.
    pub ordinal: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What a slot can be restored from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The latest whole snapshot.
    pub snapshot: Option<Snapshot>,
    /// Later ones that were damaged: a notice for the operator.
    pub set_aside: Vec<SetAside>,
}

/// The slots' saved states.
#[derive(Debug)]
pub struct Snapshots {
    db: Database,
}

impl Snapshots {
    /// Opens or makes the file at `path`.
    ///
    /// # Errors
    /// The file cannot be opened, or is damaged beyond its own repair.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Database::open(path)?;
        db.write(|txn| {
            txn.open_table(STATES).map_err(db.at("make the table"))?;
            txn.open_table(ASIDE).map_err(db.at("make the table"))?;
            Ok(())
        })?;
        Ok(Self { db })
    }

    /// Writes all of them in one durable commit, and drops what is older than each slot's last
    /// three.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] refuses them all and changes nothing. A disk error closes the file.
    pub fn put(&self, puts: &[SnapshotPut<'_>]) -> Result<(), StoreError> {
        for put in puts {
            let bytes = put.snapshot.bytes.len() as u64;
            if bytes > u64::from(put.bytes_max) {
                return Err(StoreError::TooLarge {
                    what: format!("the state of slot `{}`", put.slot),
                    bytes,
                    bytes_max: put.bytes_max.into(),
                    key: "limits.state_bytes",
                });
            }
        }
        self.db.write(|txn| puts.iter().try_for_each(|put| self.put_one(txn, put)))
    }

    fn put_one(&self, txn: &WriteTransaction, put: &SnapshotPut<'_>) -> Result<(), StoreError> {
        let slot = put.slot.as_str();
        let mut states = txn.open_table(STATES).map_err(self.db.at("open the states"))?;
        let mut held = Vec::new();
        for item in states.range((slot, 0)..=(slot, u64::MAX)).map_err(self.db.at("list states"))? {
            held.push(item.map_err(self.db.at("list states"))?.0.value().1);
        }
        // A number that was set aside is not given again, or the next damage would overwrite it.
        let aside = txn.open_table(ASIDE).map_err(self.db.at("open what was set aside"))?;
        let mut found = aside.range((slot, 0)..=(slot, u64::MAX)).map_err(self.db.at("list"))?;
        let last_aside = match found.next_back() {
            Some(item) => item.map_err(self.db.at("list"))?.0.value().1,
            None => 0,
        };
        let ordinal = held.last().copied().unwrap_or(0).max(last_aside) + 1;
        let sealed = encode(ordinal, put.snapshot);
        states.insert((slot, ordinal), &sealed[..]).map_err(self.db.at("add a state"))?;
        let excess = (held.len() as u64 + 1).saturating_sub(KEPT) as usize;
        for old in &held[..excess] {
            states.remove((slot, *old)).map_err(self.db.at("drop an old state"))?;
        }
        Ok(())
    }

    /// The latest whole snapshot of a slot. Damaged ones after it are moved aside, durably.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn latest(&self, slot: &SlotName) -> Result<Found, StoreError> {
        let name = slot.as_str();
        let mut found = Found::default();
        self.db.read(|txn| {
            let states = txn.open_table(STATES).map_err(self.db.at("open the states"))?;
            let range = states.range((name, 0)..=(name, u64::MAX));
            for item in range.map_err(self.db.at("list states"))?.rev() {
                let (key, sealed) = item.map_err(self.db.at("read a state"))?;
                let ordinal = key.value().1;
                match decode(ordinal, sealed.value()) {
                    Ok(snapshot) => {
                        found.snapshot = Some(snapshot);
                        break;
                    }
                    Err(reason) => found.set_aside.push(SetAside { ordinal, reason }),
                }
            }
            Ok(())
        })?;
        if !found.set_aside.is_empty() {
            self.db.write(|txn| self.set_aside(txn, name, &found.set_aside))?;
        }
        Ok(found)
    }

    pub(crate) fn member(&self) -> Result<Member<'_>, StoreError> {
        let used = self.db.read(|txn| {
            let states = txn.open_table(STATES).map_err(self.db.at("open the states"))?;
            Ok(states.first().map_err(self.db.at("read a state"))?.is_some())
        })?;
        Ok(Member { name: "state.redb", db: &self.db, used })
    }

    /// Sets every state aside: none of them is found any more.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn set_all_aside(&self) -> Result<(), StoreError> {
        self.db.write(|txn| {
            let mut states = txn.open_table(STATES).map_err(self.db.at("open the states"))?;
            let mut aside = txn.open_table(ASIDE).map_err(self.db.at("open what was set aside"))?;
            while let Some((key, bytes)) =
                states.pop_first().map_err(self.db.at("take out a state"))?
            {
                aside
                    .insert(key.value(), bytes.value())
                    .map_err(self.db.at("set a state aside"))?;
            }
            Ok(())
        })
    }

    fn set_aside(
        &self,
        txn: &WriteTransaction,
        slot: &str,
        damaged: &[SetAside],
    ) -> Result<(), StoreError> {
        let mut states = txn.open_table(STATES).map_err(self.db.at("open the states"))?;
        let mut aside = txn.open_table(ASIDE).map_err(self.db.at("open what was set aside"))?;
        for SetAside { ordinal, .. } in damaged {
            let key = (slot, *ordinal);
            if let Some(bytes) = states.remove(key).map_err(self.db.at("take out a state"))? {
                aside.insert(key, bytes.value()).map_err(self.db.at("set a state aside"))?;
            }
        }
        Ok(())
    }
}

/// Payload: length of the head (four bytes, big endian), the head as JSON, the state's bytes.
fn encode(ordinal: u64, snapshot: &Snapshot) -> Vec<u8> {
    let head = serde_json::json!(Head {
        digest: snapshot.digest,
        plugin_version: snapshot.plugin_version.clone(),
        state_version: snapshot.state_version,
        market_seq: snapshot.market_seq,
        slot_seq: snapshot.slot_seq,
        intent_counter: snapshot.intent_counter,
        event_number: snapshot.event_number,
        beside: snapshot.beside.clone(),
    })
    .to_string();
    let mut payload = Vec::with_capacity(4 + head.len() + snapshot.bytes.len());
    payload.extend_from_slice(&(head.len() as u32).to_be_bytes());
    payload.extend_from_slice(head.as_bytes());
    payload.extend_from_slice(&snapshot.bytes);
    seal::seal(ordinal, &payload)
}

fn decode(ordinal: u64, sealed: &[u8]) -> Result<Snapshot, String> {
    let short = || "it ends too early".to_owned();
    let payload = seal::open(ordinal, sealed)?;
    let (length, rest) = payload.split_first_chunk::<4>().ok_or_else(short)?;
    let (head, bytes) =
        rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(short)?;
    let head: Head = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    Ok(Snapshot {
        digest: head.digest,
        plugin_version: head.plugin_version,
        state_version: head.state_version,
        market_seq: head.market_seq,
        slot_seq: head.slot_seq,
        intent_counter: head.intent_counter,
        event_number: head.event_number,
        bytes: bytes.to_vec(),
        beside: head.beside,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn snapshot(market_seq: u64) -> Snapshot {
        Snapshot {
            digest: Digest([9; 32]),
            plugin_version: "1.2.3".to_owned(),
            state_version: 4,
            market_seq,
            slot_seq: u64::MAX,
            intent_counter: 6,
            event_number: 7,
            bytes: market_seq.to_be_bytes().to_vec(),
            beside: beside(),
        }
    }

    fn beside() -> Beside {
        let market =
            MarketName { venue: "paper".into(), symbol: "A-B".into(), ..MarketName::default() };
        let input = InputState {
            plugin: "rsi".into(),
            market: market.clone(),
            values: vec![0.1f64.to_bits()],
            bytes: vec![0, 255, 7],
            ..InputState::default()
        };
        let bar =
            OpenBar { market, step_secs: 60, numbers: [-1, 2, 3, 4, 5], ..OpenBar::default() };
        Beside { timers: vec![(u64::MAX, 3)], inputs: vec![input], bars: vec![bar] }
    }

    fn put(snapshots: &Snapshots, slot: &str, market_seq: u64) -> Result<(), StoreError> {
        let slot = slot.parse().unwrap();
        let snapshot = &snapshot(market_seq);
        snapshots.put(&[SnapshotPut { slot: &slot, snapshot, bytes_max: 8 }])
    }

    fn opened() -> (tempfile::TempDir, Snapshots) {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::open(&dir.path().join("state.redb")).unwrap();
        (dir, snapshots)
    }

    fn ordinals(snapshots: &Snapshots, table: TableDefinition<'_, (&str, u64), &[u8]>) -> Vec<u64> {
        let read = |txn: &redb::ReadTransaction| {
            let table = txn.open_table(table).unwrap();
            Ok(table.iter().unwrap().map(|item| item.unwrap().0.value().1).collect())
        };
        snapshots.db.read(read).unwrap()
    }

    fn damage(snapshots: &Snapshots, slot: &str, ordinal: u64) {
        let write = |txn: &WriteTransaction| {
            let mut states = txn.open_table(STATES).unwrap();
            let mut bytes = states.get((slot, ordinal)).unwrap().unwrap().value().to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            states.insert((slot, ordinal), &bytes[..]).unwrap();
            Ok(())
        };
        snapshots.db.write(write).unwrap();
    }

    #[test]
    fn the_last_three_of_each_slot_are_kept_and_the_latest_is_found() {
        let (_dir, snapshots) = opened();
        (1..=5).for_each(|seq| put(&snapshots, "a", seq).unwrap());
        put(&snapshots, "b", 9).unwrap();
        assert_eq!(ordinals(&snapshots, STATES), [3, 4, 5, 1]);
        let found = snapshots.latest(&"a".parse().unwrap()).unwrap();
        assert_eq!(found, Found { snapshot: Some(snapshot(5)), set_aside: vec![] });
        assert_eq!(snapshots.latest(&"c".parse().unwrap()).unwrap(), Found::default());
    }

    #[test]
    fn a_damaged_one_is_set_aside_for_good_and_the_one_before_it_serves() {
        let (_dir, snapshots) = opened();
        (1..=3).for_each(|seq| put(&snapshots, "a", seq).unwrap());
        damage(&snapshots, "a", 3);
        let found = snapshots.latest(&"a".parse().unwrap()).unwrap();
        assert_eq!(found.snapshot, Some(snapshot(2)));
        assert_eq!(found.set_aside[0].ordinal, 3);
        let again = snapshots.latest(&"a".parse().unwrap()).unwrap();
        assert_eq!(again, Found { snapshot: Some(snapshot(2)), set_aside: vec![] });
        put(&snapshots, "a", 4).unwrap();
        damage(&snapshots, "a", 4);
        assert_eq!(snapshots.latest(&"a".parse().unwrap()).unwrap().snapshot, Some(snapshot(2)));
        assert_eq!(ordinals(&snapshots, ASIDE), [3, 4]);
    }

    #[test]
    fn what_was_set_aside_as_a_whole_is_kept_and_no_longer_found() {
        let (_dir, snapshots) = opened();
        put(&snapshots, "a", 1).unwrap();
        put(&snapshots, "b", 2).unwrap();
        snapshots.set_all_aside().unwrap();
        assert_eq!(snapshots.latest(&"a".parse().unwrap()).unwrap(), Found::default());
        assert_eq!(ordinals(&snapshots, ASIDE), [1, 1]);
        put(&snapshots, "a", 3).unwrap();
        assert_eq!(ordinals(&snapshots, STATES), [2]);
    }

    #[test]
    fn a_state_above_its_quota_is_refused_with_the_setting() {
        let (_dir, snapshots) = opened();
        let (slot, large) = ("a".parse().unwrap(), Snapshot { bytes: vec![0; 9], ..snapshot(1) });
        let refused = snapshots.put(&[SnapshotPut { slot: &slot, snapshot: &large, bytes_max: 8 }]);
        assert!(refused.unwrap_err().to_string().contains("limits.state_bytes"));
        assert_eq!(snapshots.latest(&slot).unwrap(), Found::default());
    }

    proptest! {
        #[test]
        fn no_stored_bytes_panic(payload: Vec<u8>) {
            let _ = decode(1, &seal::seal(1, &payload));
        }
    }
}
