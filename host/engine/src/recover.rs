//! What is on disk at the start: opened, read, and brought into one truth.
//!
//! Comes in: the state folder. Goes out: stores, saved states, and the orders as journal and venue
//! agree on them; what either lacked is written before anything else happens. Deliberately absent:
//! running.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wickd_model::{
    CASH_SCALE, ClientId, Instrument, InstrumentId, IntentId, Order, Reason, SlotName,
};
use wickd_store::{Folder, Journal, Ledger, Record, StoreError, VenueRecord};

use crate::control::Records;
use crate::events::{Notice, Notices, RunEvent, SlotEvent};
use crate::house::{HouseError, UNASSIGNED};
use crate::lane::{Account, Saved};
use crate::orders::{UnderWay, live_orders, reconcile};
use crate::plan::Plan;
use crate::venue::{Fine, Taken, units};

/// Its number where there is no journal to give it one, and no order leaves.
const UNASSIGNED_ELSE: usize = 1 << 20;

/// What was found on disk.
#[derive(Default)]
pub(crate) struct Recovered {
    pub(crate) journal: Vec<Record>,
    pub(crate) truth: Vec<VenueRecord>,
    pub(crate) disputed: Vec<ClientId>,
    pub(crate) cancels: Vec<(ClientId, Reason)>,
    /// What goes on where it was, between slots and the paper venue.
    pub(crate) under_way: UnderWay,
    pub(crate) cursor: u64,
    /// Slots that traded an instrument on paper before and are to trade it for real now, or the other
    /// way round: their position would be neither.
    pub(crate) mixed: BTreeSet<u32>,
}

impl Recovered {
    /// Every order of a slot, in the order of the journal.
    pub(crate) fn orders_of(&self, slot: u32) -> Vec<Order> {
        let orders = self.journal.iter().filter_map(|record| match record {
            Record::Intent { order, .. } | Record::Adopted(order) => Some(*order),
            _ => None,
        });
        orders.filter(|order| order.id.slot == slot).collect()
    }

    /// Every order that left for a real venue and was not done when the last run ended.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let live = live_orders(&self.journal);
        let mut open: BTreeMap<ClientId, Taken> = BTreeMap::new();
        for record in &self.journal {
            match record {
                Record::Intent { order, .. } if live.contains(&order.id) => {
                    let taken = Taken { order: *order, heard: Vec::new(), cancel: None };
                    open.insert(order.id, taken);
                }
                Record::Cancel { id, reason, .. } => {
                    if let Some(taken) = open.get_mut(id) {
                        taken.cancel = Some(*reason);
                    }
                }
                Record::Event(event) if event.status.is_final() => {
                    open.remove(&event.id);
                }
                Record::Event(event) => {
                    if let Some(taken) = open.get_mut(&event.id) {
                        taken.heard.push(*event);
                    }
                }
                _ => {}
            }
        }
        open.into_values().collect()
    }

    /// A slot's orders, fills and adjustments, in the journal's order of each.
    pub(crate) fn fill(&self, key: u32, account: &mut Account) {
        let (mut orders, mut events, mut adjusted) = (Vec::new(), Vec::new(), Vec::new());
        for record in &self.journal {
            match record {
                Record::Intent { order, .. } | Record::Adopted(order) if order.id.slot == key => {
                    orders.push(*order);
                }
                Record::Event(event) if event.id.slot == key => events.push(*event),
                Record::Adjusted(of) if of.slot == key => adjusted.push(*of),
                _ => {}
            }
        }
        account.recover(&orders, &events, &adjusted);
    }

    /// What the fills and adjustments of live instruments add up to, by slot and instrument: of slots
    /// that are not configured any more as well.
    pub(crate) fn owned(&self, instruments: &[Instrument]) -> BTreeMap<(u32, InstrumentId), Fine> {
        let live = live_orders(&self.journal);
        let mut owned: BTreeMap<(u32, InstrumentId), Fine> = BTreeMap::new();
        let scale = |id: InstrumentId| instruments.get(id as usize).map(|of| of.size_scale);
        for record in &self.journal {
            match record {
                Record::Event(event) if event.last_size > 0 && live.contains(&event.id) => {
                    let Some(scale) = scale(event.at.instrument) else { continue };
                    let amount = units(event.side.sign() * event.last_size, scale)
                        - units(event.fee_base, CASH_SCALE);
                    *owned.entry((event.id.slot, event.at.instrument)).or_default() += amount;
                }
                Record::Adjusted(of) => {
                    let Some(scale) = scale(of.instrument) else { continue };
                    let amount = units(of.size, scale) + units(of.rest, CASH_SCALE);
                    *owned.entry((of.slot, of.instrument)).or_default() += amount;
                }
                _ => {}
            }
        }
        owned
    }

    /// The greatest number that each slot has given an order.
    pub(crate) fn last_intents(&self) -> BTreeMap<u32, IntentId> {
        let mut last: BTreeMap<u32, IntentId> = BTreeMap::new();
        for record in &self.journal {
            if let Record::Intent { order, .. } | Record::Adopted(order) = record {
                let known = last.entry(order.id.slot).or_default();
                *known = (*known).max(order.id.intent);
            }
        }
        last
    }

    fn find_mixed(&mut self, live: &[bool], notices: &Notices) {
        for record in &self.journal {
            let Record::Intent { order, by } = record else { continue };
            let now = live.get(order.request.instrument as usize) == Some(&true);
            if now != by.live && self.mixed.insert(order.id.slot) {
                let event = SlotEvent::Mixed { slot: order.id.slot, live: now };
                notices.publish(Notice::of(event));
            }
        }
    }
}

/// The journal against the venue's truth, without changing either.
///
/// # Errors
/// Either cannot be read.
pub fn verify(journal: &Journal, ledger: &Ledger) -> Result<Vec<String>, StoreError> {
    let journal = journal.replay()?;
    let mut truth = Vec::new();
    ledger.for_each(|_, record| truth.push(record))?;
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for record in &journal {
        if let Record::Intent { order, .. } = record
            && !seen.insert(order.id)
        {
            findings.push(format!("client id {} was given twice", order.id));
        }
    }
    // What goes on where it was lacks nothing.
    let (journal, truth) = UnderWay::find(&journal, &truth).without(&journal, &truth);
    let repairs = reconcile(&journal, &truth);
    findings.extend(repairs.disputed.iter().map(|id| format!("{id}: the two contradict")));
    findings.extend(repairs.journal.iter().map(|record| format!("journal lacks {record:?}")));
    findings.extend(repairs.ledger.iter().map(|record| format!("venue lacks {record:?}")));
    Ok(findings)
}

pub(crate) fn open_state(plan: &Plan, notices: &Notices) -> Result<Option<Folder>, HouseError> {
    match Folder::open(&plan.state_dir) {
        Ok(folder) => Ok(Some(folder)),
        Err(error @ StoreError::InUse { .. }) => Err(HouseError::State(error)),
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

impl Stores {
    pub(crate) fn open(folder: Option<&Folder>, notices: &Notices) -> Self {
        let Some(folder) = folder else {
            return Self::default();
        };
        let journal = told(folder.journal(), "journal", notices).map(Arc::new);
        let ledger = told(folder.ledger(), "venue ledger", notices).map(Arc::new);
        let records = Records {
            journal: journal.clone(),
            snapshots: told(folder.snapshots(), "snapshots", notices),
        };
        Self { journal, ledger, records, audit: told(folder.audit(), "audit log", notices) }
    }

    /// The journal's own number; without a journal no order is sent, and any will do.
    pub(crate) fn house(&self) -> u32 {
        let draw = || RandomState::new().build_hasher().finish() as u32;
        let drawn = self.journal.as_ref().and_then(|journal| journal.house(draw).ok());
        drawn.unwrap_or(0)
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

    /// Replays the journal, asks the venue, writes what either lacks, finds the place in the market.
    pub(crate) fn recover(
        &self,
        stream: u32,
        saved: &BTreeMap<SlotName, Saved>,
        live: &[bool],
        notices: &Notices,
    ) -> Result<Recovered, HouseError> {
        let (Some(journal), Some(ledger)) = (&self.journal, &self.ledger) else {
            return Ok(Recovered::default());
        };
        let mut found = Recovered {
            journal: journal.replay().map_err(HouseError::Recover)?,
            ..Recovered::default()
        };
        ledger.for_each(|_, record| found.truth.push(record)).map_err(HouseError::Recover)?;
        let known = ledger.cursor(stream).map_err(HouseError::Recover)?;
        if known > 0 {
            found.under_way = UnderWay::find(&found.journal, &found.truth);
        }
        let (journal_so_far, truth_so_far) = found.under_way.without(&found.journal, &found.truth);
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
        found.truth.extend(repairs.ledger);
        found.journal.extend(repairs.journal);
        found.cancels = repairs.cancels;
        found.find_mixed(live, notices);
        found.disputed = repairs.disputed;
        if known > 0 {
            let decided = found.journal.iter().filter_map(|record| match record {
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
    let mut text = format!("{:?}{:?}{:?}", plan.feeds, plan.instruments, venues);
    for feed in &plan.plugin_feeds {
        text.push_str(&format!("{}{:?}", feed.post.name, feed.instruments));
    }
    let digest = Sha256::digest(text);
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}
