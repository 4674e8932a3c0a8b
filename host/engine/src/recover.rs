//! What is on disk at the start: opened, read, and brought into one truth.
//!
//! Comes in: the state folder. Goes out: stores, saved states, and the orders as journal and venue
//! agree on them; what either lacked is written before anything else happens. Deliberately absent:
//! running.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wickd_model::{Instrument, SlotName, TsNs};
use wickd_store::{Checkpoint, Folder, Journal, Ledger, Record, StoreError};

use crate::control::Records;
use crate::events::{Notice, Notices, RunEvent, SlotEvent, StateEvent};
use crate::house::{HouseError, UNASSIGNED};
use crate::identity::{Held, History, Resolved, is_due, resolve, settle, tell};
use crate::lane::Saved;
use crate::orders::{Repairs, UnderWay, is_never_sent, reconcile};
use crate::plan::Plan;
use crate::venue::ClientIds;
pub(crate) use found::Recovered;

mod found;

/// Its number where there is no journal to give it one, and no order leaves.
const UNASSIGNED_ELSE: usize = 1 << 20;

/// How journal and venue stand to each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// What cannot both be: for a person to settle.
    pub contradictions: Vec<String>,
    /// What only one of them has, as after any kill: the next start settles it.
    pub unsettled: Vec<String>,
}

/// The journal against the venue's truth, without changing either.
///
/// # Errors
/// Either cannot be read.
pub fn verify(journal: &Journal, ledger: &Ledger) -> Result<Verified, StoreError> {
    let mut history = History::read(journal, ledger)?;
    history.forget_done();
    let History { journal, truth, .. } = history;
    let mut contradictions = Vec::new();
    let mut seen = BTreeSet::new();
    for record in &journal {
        if let Record::Intent { order, .. } = record
            && !seen.insert(order.id)
        {
            contradictions.push(format!("client id {} was given twice", order.id));
        }
    }
    // What goes on where it was lacks nothing.
    let (journal, truth) = UnderWay::find(&journal, &truth).without(&journal, &truth);
    let repairs = reconcile(&journal, &truth);
    let disputed = repairs.disputed.iter();
    contradictions.extend(disputed.map(|id| format!("order {id}: journal and venue contradict")));
    let of_journal = repairs.journal.iter().map(|record| match record {
        Record::Adopted(order) => format!("order {} is known to the venue only", order.id),
        Record::Event(event) if is_never_sent(event) => {
            format!("order {} was written down and never left", event.id)
        }
        Record::Event(event) => {
            format!("news of order {} did not get from the venue to the journal", event.id)
        }
        Record::Intent { .. }
        | Record::Cancel { .. }
        | Record::Adjusted(_)
        | Record::Note { .. } => String::new(),
    });
    let of_venue = repairs.ledger.iter();
    let of_venue =
        of_venue.map(|record| format!("the venue's ledger lacks news of order {}", record.id()));
    Ok(Verified { contradictions, unsettled: of_journal.chain(of_venue).collect() })
}

pub(crate) fn open_state(plan: &Plan, notices: &Notices) -> Result<Option<Folder>, HouseError> {
    match Folder::open(&plan.state_dir) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if !plan.degraded || matches!(error, StoreError::InUse { .. }) => {
            Err(HouseError::State(error))
        }
        Err(error) => {
            let event = RunEvent::StateMissing { why: crate::intake::chain(&error) };
            notices.publish(Notice::of(event).place(plan.state_dir.display()));
            Ok(None)
        }
    }
}

/// What is kept on disk; each part may be missing.
#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) ledger: Option<Arc<Ledger>>,
    pub(crate) records: Records,
    pub(crate) audit: Option<wickd_store::Audit>,
}

impl Records {
    /// While a run goes on: adds up what the journal has, where that is much.
    pub(crate) fn add_up(&self, all: &[Instrument], ts_ns: TsNs) -> Result<u64, StoreError> {
        let (Some(journal), Some(ledger), Some(archive)) =
            (&self.journal, &self.ledger, &self.archive)
        else {
            return Ok(0);
        };
        if !is_due(journal)? {
            return Ok(0);
        }
        let upto = journal.last()?;
        let mut history = History::read_to(journal, ledger, upto)?;
        history.forget_done();
        // The ledger is written meanwhile; it is cleared when the run ends.
        settle(&history, all, (journal, None, archive), upto, ts_ns)
    }
}

impl Stores {
    /// Before the first event: adds up what earlier runs wrote, where that is much, or where amounts are
    /// under other numbers now than in their records.
    pub(crate) fn add_up(
        &self,
        history: &History,
        all: &[Instrument],
        converted: bool,
        ts_ns: TsNs,
    ) -> Result<(), StoreError> {
        let (Some(journal), Some(ledger), Some(archive)) =
            (&self.journal, &self.ledger, &self.records.archive)
        else {
            return Ok(());
        };
        if converted || is_due(journal)? {
            let upto = journal.last()?;
            settle(history, all, (journal, Some(ledger), archive), upto, ts_ns)?;
        }
        Ok(())
    }

    /// Opens what the folder has. Without journal or ledger no order is sent, so such a run is refused
    /// unless it is wished for.
    pub(crate) fn open(
        folder: Option<&Folder>,
        degraded: bool,
        notices: &Notices,
    ) -> Result<Self, HouseError> {
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        let (journal, ledger) = match degraded {
            true => (
                told(folder.journal(), "journal", notices),
                told(folder.ledger(), "venue ledger", notices),
            ),
            false => (
                Some(folder.journal().map_err(HouseError::State)?),
                Some(folder.ledger().map_err(HouseError::State)?),
            ),
        };
        let (journal, ledger) = (journal.map(Arc::new), ledger.map(Arc::new));
        let records = Records {
            journal: journal.clone(),
            ledger: ledger.clone(),
            archive: told(folder.archive(), "archive", notices),
            snapshots: told(folder.snapshots(), "snapshots", notices),
            epoch: 0,
        };
        let audit = told(folder.audit(), "audit log", notices);
        let mut stores = Self { journal, ledger, records, audit };
        stores.begin(folder)?;
        Ok(stores)
    }

    /// What stands in client ids; without a journal no order is sent, and anything will do.
    pub(crate) fn ids(&self) -> ClientIds {
        let Some(journal) = &self.journal else { return ClientIds::default() };
        ClientIds {
            house: journal.house(drawn).unwrap_or(0),
            epoch: self.records.epoch,
            earlier: journal.epochs().unwrap_or_default(),
        }
    }

    /// A run begins: the files must belong together, and the journal gets a new epoch.
    fn begin(&mut self, folder: &Folder) -> Result<(), HouseError> {
        let (Some(journal), Some(ledger), Some(snapshots)) =
            (&self.journal, &self.ledger, &self.records.snapshots)
        else {
            return Ok(());
        };
        let draw = || RandomState::new().build_hasher().finish();
        folder.stamp(journal, snapshots, ledger, false, draw).map_err(HouseError::State)?;
        self.records.epoch = journal.begin_epoch(drawn).map_err(HouseError::Recover)?;
        Ok(())
    }

    /// The number of the slot that owns what no other owns.
    pub(crate) fn unassigned(&self) -> u32 {
        let known = UNASSIGNED.parse().ok().map(|name| self.key(&name, UNASSIGNED_ELSE));
        known.unwrap_or(UNASSIGNED_ELSE as u32)
    }

    pub(crate) fn key(&self, slot: &SlotName, number: usize) -> u32 {
        let known = self.journal.as_ref().map(|journal| journal.slot_number(slot));
        // Without a journal no order is sent, so any number will do.
        known.and_then(Result::ok).unwrap_or(number as u32 + 1)
    }

    pub(crate) fn saved(&self, plan: &Plan, notices: &Notices) -> BTreeMap<SlotName, Saved> {
        let mut all = BTreeMap::new();
        let Some(snapshots) = &self.records.snapshots else { return all };
        for slot in &plan.slots {
            let Some(found) = told(snapshots.latest(&slot.name), "snapshots", notices) else {
                continue;
            };
            for aside in found.set_aside {
                let event = SlotEvent::StateDamaged { why: aside.reason };
                notices.publish(Notice::of(event).slot(&slot.name));
            }
            if let Some(snapshot) = found.snapshot {
                let saved = Saved {
                    digest: snapshot.digest,
                    version: snapshot.plugin_version.into(),
                    state_version: snapshot.state_version,
                    seq: snapshot.slot_seq,
                    market_seq: snapshot.market_seq,
                    intents: snapshot.intent_counter,
                    bytes: snapshot.bytes,
                    beside: snapshot.beside,
                };
                all.insert(slot.name.clone(), saved);
            }
        }
        all
    }

    /// Brings the plan under the journal's numbers, which are for ever, and tells what no line has any
    /// more.
    pub(crate) fn identify(&self, plan: Plan, notices: &Notices) -> Result<Resolved, HouseError> {
        let Some(journal) = &self.journal else {
            // Without a journal no order is sent, so places will do.
            return Ok(resolve(plan, Vec::new(), BTreeMap::new(), History::default()));
        };
        let mut history = match &self.ledger {
            Some(ledger) => History::read(journal, ledger).map_err(HouseError::Recover)?,
            None => History::default(),
        };
        if journal.is_unnumbered().map_err(HouseError::Recover)? {
            history = self.leave_places_behind(history, notices)?;
        }
        for slot in &plan.slots {
            journal.slot_number(&slot.name).map_err(HouseError::Recover)?;
        }
        let slots = journal.slots().map_err(HouseError::Recover)?;
        let named = |(name, key): (String, u32)| Some((name.parse().ok()?, key));
        let known = journal.instruments().map_err(HouseError::Recover)?;
        let resolved = resolve(plan, known, slots.into_iter().filter_map(named).collect(), history);
        journal.put_instruments(&resolved.plan.instruments).map_err(HouseError::Recover)?;
        tell(&resolved, notices);
        Ok(resolved)
    }

    /// A journal of version 0.1 knows instruments by their places only. Where nothing is held and no order
    /// open, it does not matter what they were; otherwise nobody but the operator knows.
    fn leave_places_behind(
        &self,
        history: History,
        notices: &Notices,
    ) -> Result<History, HouseError> {
        let Some(journal) = &self.journal else { return Ok(history) };
        let held: Vec<_> =
            history.holdings(&[]).into_iter().filter(|(_, held)| held.matters()).collect();
        if !held.is_empty() {
            let slots = journal.slots().map_err(HouseError::Recover)?;
            let each = held.iter().map(|((key, place), held)| {
                let slot = slots.iter().find(|(_, number)| number == key);
                let slot = slot.map_or("?", |(name, _)| name.as_str());
                let Held { size, open, .. } = held;
                format!("slot {slot} has {size} units of the instrument in place {place}, {open} orders open")
            });
            return Err(HouseError::Unnumbered(each.collect::<Vec<_>>().join("; ")));
        }
        let upto = journal.last().map_err(HouseError::Recover)?;
        let slots = journal.slots().map_err(HouseError::Recover)?;
        let last = |(_, key): (String, u32)| Ok((key, journal.last_intent(key)?));
        let intents: Vec<_> =
            slots.into_iter().map(last).collect::<Result<_, _>>().map_err(HouseError::Recover)?;
        let checkpoint = Checkpoint { upto, intents: intents.clone(), ..Checkpoint::default() };
        if let Some(snapshots) = &self.records.snapshots {
            // A plugin may have saved places, and nothing says what they meant.
            snapshots.set_all_aside().map_err(HouseError::Recover)?;
        }
        journal.leave_places(&checkpoint).map_err(HouseError::Recover)?;
        notices.publish(Notice::of(StateEvent::Numbered {}));
        let intents = intents.into_iter().collect();
        Ok(History { truth: history.truth, intents, ..History::default() })
    }

    /// Asks the venue, writes what journal or ledger lack, finds the place in the market.
    pub(crate) fn recover(
        &self,
        history: History,
        stream: u32,
        saved: &BTreeMap<SlotName, Saved>,
        live: &[bool],
        notices: &Notices,
    ) -> Result<Recovered, HouseError> {
        let (Some(journal), Some(ledger)) = (&self.journal, &self.ledger) else {
            return Ok(Recovered::default());
        };
        let mut found = Recovered { history, ..Recovered::default() };
        found.history.forget_done();
        let known = ledger.cursor(stream).map_err(HouseError::Recover)?;
        if known > 0 {
            found.under_way = UnderWay::find(&found.history.journal, &found.history.truth);
        }
        let (journal_so_far, truth_so_far) =
            found.under_way.without(&found.history.journal, &found.history.truth);
        let repairs = reconcile(&journal_so_far, &truth_so_far);
        if !repairs.ledger.is_empty() {
            ledger.append(&repairs.ledger, stream, known).map_err(HouseError::Recover)?;
        }
        if !repairs.journal.is_empty() {
            journal.append(&repairs.journal).map_err(HouseError::Recover)?;
            let event = RunEvent::Reconciled { records: repairs.journal.len() };
            notices.publish(Notice::of(event));
        }
        for id in &repairs.disputed {
            notices.publish(Notice::of(RunEvent::OrderDisputed { order: *id }));
        }
        found.history.truth.extend(repairs.ledger);
        found.history.journal.extend(repairs.journal);
        found.cancels = repairs.cancels;
        found.find_mixed(live, notices);
        found.disputed = repairs.disputed;
        if known > 0 {
            let decided = found.history.journal.iter().filter_map(|record| match record {
                Record::Intent { order, .. } => Some(order.seq),
                Record::Cancel { seq, .. } => Some(*seq),
                _ => None,
            });
            let saved = saved.values().map(|saved| saved.market_seq);
            found.cursor = decided.chain(saved).max().unwrap_or(0).max(known);
            // The first run of a stream registers it with 1, before any event had an effect.
            if found.cursor == 1 {
                found.cursor = 0;
            }
        } else {
            ledger.append(&[], stream, 1).map_err(HouseError::Recover)?;
        }
        Ok(found)
    }
}

/// A run has ended in good order: what it wrote is added up, and whoever puts an older file back is
/// noticed.
pub(crate) fn close(folder: &Folder, ts_ns: TsNs) -> Result<(), StoreError> {
    let (journal, snapshots, ledger) = (folder.journal()?, folder.snapshots()?, folder.ledger()?);
    if is_due(&journal)? {
        let mut history = History::read(&journal, &ledger)?;
        history.forget_done();
        let under_way = UnderWay::find(&history.journal, &history.truth);
        let (journal_so_far, truth_so_far) = under_way.without(&history.journal, &history.truth);
        let repairs = reconcile(&journal_so_far, &truth_so_far);
        // What only one of them has is settled by the next start, and added up then.
        if repairs == Repairs::default() {
            let (all, upto) = (journal.instruments()?, journal.last()?);
            settle(&history, &all, (&journal, Some(&ledger), &folder.archive()?), upto, ts_ns)?;
        }
    }
    let draw = || RandomState::new().build_hasher().finish();
    folder.stamp(&journal, &snapshots, &ledger, false, draw)
}

fn drawn() -> u32 {
    RandomState::new().build_hasher().finish() as u32
}

pub(crate) fn told<T>(
    opened: Result<T, StoreError>,
    what: &'static str,
    notices: &Notices,
) -> Option<T> {
    match opened {
        Ok(opened) => Some(opened),
        Err(error) => {
            let event = RunEvent::StateDegraded { part: what, why: crate::intake::chain(&error) };
            notices.publish(Notice::of(event));
            None
        }
    }
}

/// A number for the market stream: other feeds have other numbers, and their events other meanings.
pub(crate) fn stream_id(plan: &Plan) -> u32 {
    let venues: Vec<_> = plan.venues.iter().map(|venue| (&venue.name, venue.streams)).collect();
    let mut text = format!("{:?}{venues:?}", plan.feeds);
    for feed in &plan.plugin_feeds {
        text.push_str(&format!("{}{:?}", feed.post.name, feed.instruments));
    }
    let digest = Sha256::digest(text);
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}
