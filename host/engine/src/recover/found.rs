//! What was found on disk: one truth of journal and venue, and what each part of the engine takes from
//! it.
//!
//! Comes in: a history in which both agree. Goes out: orders, fills, holdings and numbers, by slot.
//! Deliberately absent: reading it, and bringing the two together.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::{CASH_SCALE, ClientId, Instrument, InstrumentId, IntentId, Order, Reason};
use wickd_store::Record;

use crate::events::{Notice, Notices, SlotEvent};
use crate::identity::History;
use crate::lane::Account;
use crate::orders::{UnderWay, live_orders};
use crate::venue::{Fine, Taken, units};

/// What was found on disk.
#[derive(Default)]
pub(crate) struct Recovered {
    pub(crate) history: History,
    pub(crate) disputed: Vec<ClientId>,
    pub(crate) cancels: Vec<(ClientId, Reason)>,
    /// What goes on where it was, between slots and the paper venue.
    pub(crate) under_way: UnderWay,
    pub(crate) cursor: u64,
    /// Slots that traded an instrument on paper before and are to trade it for real now, or the other
    /// way round: their position would be neither.
    pub(crate) mixed: BTreeSet<u32>,
    /// Instruments whose scales are in doubt: what holds or trades them does not trade.
    pub(crate) doubted: BTreeSet<InstrumentId>,
}

impl Recovered {
    /// Every order of a slot, in the order of the journal.
    pub(crate) fn orders_of(&self, slot: u32) -> Vec<Order> {
        let orders = self.history.journal.iter().filter_map(|record| match record {
            Record::Intent { order, .. } | Record::Adopted(order) => Some(*order),
            _ => None,
        });
        orders.filter(|order| order.id.slot == slot).collect()
    }

    /// Every order that left for a real venue and was not done when the last run ended.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let live = live_orders(&self.history.journal);
        let mut open: BTreeMap<ClientId, Taken> = BTreeMap::new();
        for record in &self.history.journal {
            match record {
                Record::Intent { order, by } if live.contains(&order.id) => {
                    let (order, epoch) = (*order, by.epoch);
                    let taken = Taken { order, heard: Vec::new(), cancel: None, epoch };
                    open.insert(taken.order.id, taken);
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
        for record in &self.history.journal {
            match record {
                Record::Intent { order, .. } | Record::Adopted(order) if order.id.slot == key => {
                    orders.push(*order);
                }
                Record::Event(event) if event.id.slot == key => events.push(*event),
                Record::Adjusted(of) if of.slot == key => adjusted.push(*of),
                _ => {}
            }
        }
        let held = self.history.positions.iter().filter(|of| of.slot == key).copied();
        account.recover(&held.collect::<Vec<_>>(), &orders, &events, &adjusted);
    }

    /// What the fills and adjustments of live instruments add up to, by slot and instrument: of slots
    /// that are not configured any more as well.
    pub(crate) fn owned(&self, instruments: &[Instrument]) -> BTreeMap<(u32, InstrumentId), Fine> {
        let live = live_orders(&self.history.journal);
        let mut owned: BTreeMap<(u32, InstrumentId), Fine> = BTreeMap::new();
        let scale = |id: InstrumentId| instruments.get(id as usize).map(|of| of.size_scale);
        for of in &self.history.positions {
            let Some(scale) = scale(of.instrument) else { continue };
            if self.history.traded.contains(&(of.slot, of.instrument, false)) {
                continue;
            }
            let amount = units(of.size, scale) + units(of.rest, CASH_SCALE);
            *owned.entry((of.slot, of.instrument)).or_default() += amount;
        }
        for record in &self.history.journal {
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
        let mut last = self.history.intents.clone();
        for record in &self.history.journal {
            if let Record::Intent { order, .. } | Record::Adopted(order) = record {
                let known = last.entry(order.id.slot).or_default();
                *known = (*known).max(order.id.intent);
            }
        }
        last
    }

    /// Tells which slots trade for real what they held on paper, or the other way round.
    pub(super) fn find_mixed(&mut self, live: &[bool], notices: &Notices) {
        for (slot, instrument, was_live) in self.history.traded() {
            let now = live.get(instrument as usize) == Some(&true);
            if now != was_live && self.mixed.insert(slot) {
                let event = SlotEvent::Mixed { slot, live: now };
                notices.publish(Notice::of(event));
            }
        }
    }
}
