//! What durable records name, against what the configuration names.
//!
//! Records know an instrument and a slot by a number, which is theirs for ever. Comes in: a plan whose
//! instruments have the places of their lines, the journal's tables, and what its records say is held and
//! open. Goes out: the same plan with durable numbers, with the slots and instruments that no line has any
//! more but something is held of, and what the operator must know of it. Deliberately absent: the disk and
//! the notices, which are the caller's.
//!
//! The rules:
//! * An instrument is its venue, symbol, kind of market and scales. Where its line stands means nothing.
//! * Other scales are another number. Amounts are converted where every one of them is exact. Where one is
//!   not and something is held or open, the journal's scales stay, and what they touch does not trade.
//! * What no line has any more is *retired*: nothing increases it, and it goes on being counted.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::{ClientId, Instrument, InstrumentId, IntentId, Product, Risk, SlotName};
use wickd_store::{Carried, Journal, Ledger, Note, PaperCarried, Record, StoreError, VenueRecord};

use crate::house::UNASSIGNED;
use crate::market::FeedKind;
use crate::orders::Book;
use crate::plan::{Plan, SlotPlan};
use rescale::{Rescale, rescaled};

mod checkpoint;
mod rescale;
mod told;

pub(crate) use checkpoint::{is_due, settle};
pub(crate) use told::tell;

/// What the disk remembers of orders and positions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct History {
    /// Positions at the checkpoint.
    pub(crate) positions: Vec<Carried>,
    /// Balances at the paper venue at the checkpoint.
    pub(crate) paper: Vec<PaperCarried>,
    /// Orders that were open at the checkpoint, and every record after it.
    pub(crate) journal: Vec<Record>,
    /// The paper venue's own.
    pub(crate) truth: Vec<VenueRecord>,
    /// Each slot's last intent at the checkpoint.
    pub(crate) intents: BTreeMap<u32, IntentId>,
    /// Which slot had traded which instrument at the checkpoint, and whether for real.
    pub(crate) traded: BTreeSet<(u32, InstrumentId, bool)>,
    /// The highest number of a fill at the paper venue at the checkpoint.
    pub(crate) trade_id: u64,
}

/// What a slot has of an instrument by the records alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Held {
    /// Held; negative when short.
    pub(crate) size: i64,
    /// Orders that are not done.
    pub(crate) open: u32,
    /// It was traded on the last day that the slot began.
    pub(crate) today: bool,
}

impl Held {
    /// Something may still be gained or lost with it.
    pub(crate) fn matters(&self) -> bool {
        self.size != 0 || self.open > 0
    }
}

/// By slot and instrument.
pub(crate) type Holdings = BTreeMap<(u32, InstrumentId), Held>;

/// A plan by durable numbers, and what became of those that no line has.
pub(crate) struct Resolved {
    pub(crate) plan: Plan,
    pub(crate) history: History,
    pub(crate) holdings: Holdings,
    /// Slots' numbers by name.
    pub(crate) slots: BTreeMap<SlotName, u32>,
    /// Instruments whose line has scales that what is held does not fit.
    pub(crate) conflicts: Vec<Conflict>,
    /// Instruments that were written with other scales before.
    pub(crate) converted: Vec<(InstrumentId, InstrumentId)>,
}

/// A line whose scales do not fit what is held under the journal's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Conflict {
    /// The number that goes on.
    pub(crate) number: InstrumentId,
    /// The line as it stands.
    pub(crate) line: Instrument,
}

impl History {
    /// Everything the journal and the ledger remember.
    pub(crate) fn read(journal: &Journal, ledger: &Ledger) -> Result<Self, StoreError> {
        Self::read_to(journal, ledger, u64::MAX)
    }

    /// The same, as far as the journal's record `upto`.
    pub(crate) fn read_to(
        journal: &Journal,
        ledger: &Ledger,
        upto: u64,
    ) -> Result<Self, StoreError> {
        let checkpoint = journal.checkpoint()?;
        let mut truth = Vec::new();
        ledger.for_each(|_, record| truth.push(record))?;
        let mut records = checkpoint.open;
        journal.for_each(checkpoint.upto + 1, |number, record| {
            if number <= upto {
                records.push(record);
            }
        })?;
        Ok(Self {
            positions: checkpoint.positions,
            paper: checkpoint.paper,
            intents: checkpoint.intents.into_iter().collect(),
            traded: checkpoint.traded.into_iter().collect(),
            trade_id: checkpoint.trade_id,
            journal: records,
            truth,
        })
    }

    /// Leaves out what the ledger still has of orders that were done at the checkpoint.
    pub(crate) fn forget_done(&mut self) {
        let in_journal: BTreeSet<ClientId> = self.journal.iter().filter_map(order_of).collect();
        let intents = &self.intents;
        let done = |id: &ClientId| {
            intents.get(&id.slot).is_some_and(|last| id.intent <= *last) && !in_journal.contains(id)
        };
        self.truth.retain(|record| !done(&record.id()));
    }

    /// What every slot has of every instrument it ever traded; `all` says what the numbers stand for.
    pub(crate) fn holdings(&self, all: &[Instrument]) -> Holdings {
        let mut holdings = Holdings::new();
        for (key, book) in self.books(all) {
            for held in book.positions() {
                let own = holdings.entry((key, held.instrument)).or_default();
                own.size = held.size;
            }
            for open in book.open_orders() {
                holdings.entry((key, open.order.request.instrument)).or_default().open += 1;
            }
        }
        let mut days = BTreeMap::new();
        for record in &self.journal {
            if let Record::Note { slot, note: Note::DayBegan { day, instrument, .. }, .. } = record
            {
                days.insert((*slot, *instrument), *day);
            }
        }
        for ((slot, instrument), day) in &days {
            let last = days.iter().filter(|((of, _), _)| of == slot).map(|(_, day)| *day).max();
            holdings.entry((*slot, *instrument)).or_default().today = last == Some(*day);
        }
        holdings
    }

    /// Every slot's book as its records add up.
    fn books(&self, all: &[Instrument]) -> BTreeMap<u32, Book> {
        let mut traded: BTreeMap<u32, BTreeSet<InstrumentId>> = BTreeMap::new();
        let mut note = |slot, instrument| traded.entry(slot).or_default().insert(instrument);
        for of in &self.positions {
            note(of.slot, of.instrument);
        }
        for record in &self.journal {
            if let Record::Intent { order, .. } | Record::Adopted(order) = record {
                note(order.id.slot, order.request.instrument);
            }
            if let Record::Adjusted(of) = record {
                note(of.slot, of.instrument);
            }
        }
        let of = |id: &InstrumentId| match all.get(*id as usize) {
            Some(known) => Instrument { id: *id, ..known.clone() },
            None => unexplained(*id),
        };
        let book = |(key, ids): (u32, BTreeSet<InstrumentId>)| {
            let instruments: Vec<Instrument> = ids.iter().map(of).collect();
            (key, Book::new(key, &instruments, Risk::default(), 0))
        };
        let mut books: BTreeMap<u32, Book> = traded.into_iter().map(book).collect();
        for held in &self.positions {
            books.entry(held.slot).and_modify(|book| book.carry_on(held));
        }
        for record in &self.journal {
            if let Record::Intent { order, .. } | Record::Adopted(order) = record {
                books.entry(order.id.slot).and_modify(|book| book.restore(order));
            }
        }
        for record in &self.journal {
            if let Record::Event(event) = record
                && let Some(book) = books.get_mut(&event.id.slot)
            {
                book.apply(event);
            }
        }
        for record in &self.journal {
            if let Record::Adjusted(of) = record
                && let Some(book) = books.get_mut(&of.slot)
            {
                book.adjust(of);
            }
        }
        books
    }
}

/// What a number stands for that no table explains; sizes add up without it.
fn unexplained(id: InstrumentId) -> Instrument {
    Instrument {
        id,
        epoch: 0,
        venue: String::new(),
        symbol: format!("instrument {id}"),
        product: Product::default(),
        base: String::new(),
        quote: String::new(),
        price_scale: 0,
        size_scale: 0,
        price_step: 1,
        qty_step: 1,
        min_qty: 0,
        min_notional: 0,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
    }
}

fn order_of(record: &Record) -> Option<ClientId> {
    match record {
        Record::Intent { order, .. } | Record::Adopted(order) => Some(order.id),
        Record::Cancel { .. } | Record::Event(_) | Record::Adjusted(_) | Record::Note { .. } => {
            None
        }
    }
}

/// Finds every line's number, and brings plan and history under them.
pub(crate) fn resolve(
    plan: Plan,
    known: Vec<Instrument>,
    slots: BTreeMap<SlotName, u32>,
    history: History,
) -> Resolved {
    let mut numbering = Numbering::new(known, history);
    let numbers: Vec<InstrumentId> =
        plan.instruments.iter().map(|line| numbering.number(line)).collect();
    let Numbering { all, history, conflicts, converted } = numbering;
    let holdings = history.holdings(&all);
    let mut plan = renumbered(plan, &numbers, all);
    retire(&mut plan, &slots, &holdings);
    Resolved { plan, history, holdings, slots, conflicts, converted }
}

struct Numbering {
    all: Vec<Instrument>,
    history: History,
    conflicts: Vec<Conflict>,
    converted: Vec<(InstrumentId, InstrumentId)>,
}

impl Numbering {
    fn new(all: Vec<Instrument>, history: History) -> Self {
        Self { all, history, conflicts: Vec::new(), converted: Vec::new() }
    }

    /// The number of a line: the one it had, or a new one where it is new or has other scales.
    fn number(&mut self, line: &Instrument) -> InstrumentId {
        let same: Vec<Instrument> =
            self.all.iter().filter(|of| of.is_market(line)).cloned().collect();
        let own = same.iter().find(|of| of.has_scales(line)).map(|of| of.id);
        let number = own.unwrap_or(self.all.len() as InstrumentId);
        let line = Instrument { id: number, ..line.clone() };
        let mut moved: Option<History> = None;
        let others: Vec<&Instrument> =
            same.iter().filter(|of| of.id != number && self.is_used(of.id)).collect();
        for of in &others {
            let history = moved.as_ref().unwrap_or(&self.history);
            match rescaled(history, of.id, &Rescale::new(of, &line)) {
                Some(history) => moved = Some(history),
                None if self.matters(of.id) => {
                    self.conflicts.push(Conflict { number: of.id, line });
                    return of.id;
                }
                // It is flat and done: its records stay what they are.
                None => {}
            }
        }
        if let Some(history) = moved {
            self.history = history;
            self.converted.extend(others.iter().map(|of| (of.id, number)));
        }
        match self.all.get_mut(number as usize) {
            Some(known) => *known = line,
            None => self.all.push(line),
        }
        number
    }

    fn is_used(&self, number: InstrumentId) -> bool {
        self.history.holdings(&self.all).keys().any(|(_, instrument)| *instrument == number)
    }

    fn matters(&self, number: InstrumentId) -> bool {
        let holdings = self.history.holdings(&self.all);
        holdings.iter().any(|((_, instrument), held)| *instrument == number && held.matters())
    }
}

/// The plan with `numbers` in the place of places.
fn renumbered(mut plan: Plan, numbers: &[InstrumentId], all: Vec<Instrument>) -> Plan {
    let by_place = |ids: &mut Vec<InstrumentId>| {
        ids.iter_mut().for_each(|id| *id = numbers.get(*id as usize).copied().unwrap_or(*id));
    };
    plan.slots.iter_mut().for_each(|slot| by_place(&mut slot.instruments));
    plan.venues.iter_mut().for_each(|venue| by_place(&mut venue.instruments));
    plan.plugin_feeds.iter_mut().for_each(|feed| by_place(&mut feed.instruments));
    let of = |instrument: &mut Instrument| {
        let number = numbers.get(instrument.id as usize);
        if let Some(known) = number.and_then(|number| all.get(*number as usize)) {
            *instrument = known.clone();
        }
    };
    for feed in &mut plan.feeds {
        match &mut feed.kind {
            FeedKind::Replay(replay) => of(&mut replay.instrument),
            FeedKind::Synthetic(walk) => walk.instruments.iter_mut().for_each(of),
        }
    }
    plan.configured = numbers.iter().copied().collect();
    plan.instruments = all;
    plan
}

/// Gives every slot what it holds beside its line, venues what is held there, and slots that no line has
/// any more a place without a plugin.
fn retire(plan: &mut Plan, slots: &BTreeMap<SlotName, u32>, holdings: &Holdings) {
    let of_slot = |key: u32| {
        let own = holdings.range((key, 0)..=(key, InstrumentId::MAX));
        own.filter(|(_, held)| held.matters() || held.today).map(|((_, id), _)| *id)
    };
    for slot in &mut plan.slots {
        let Some(key) = slots.get(&slot.name) else { continue };
        slot.holds = of_slot(*key).filter(|id| !slot.instruments.contains(id)).collect();
    }
    let configured: BTreeSet<SlotName> = plan.slots.iter().map(|slot| slot.name.clone()).collect();
    // What no slot owns has an owner that no line names.
    let named = slots.iter().filter(|(name, _)| name.as_str() != UNASSIGNED);
    for (name, key) in named.filter(|(name, _)| !configured.contains(*name)) {
        let holds: Vec<InstrumentId> = of_slot(*key).collect();
        if !holds.is_empty() {
            plan.slots.extend(SlotPlan::retired(name.clone(), holds, plan.retired));
        }
    }
    let held = holdings.iter().filter(|(_, held)| held.matters() || held.today);
    let held: BTreeSet<InstrumentId> = held.map(|((_, id), _)| *id).collect();
    for venue in &mut plan.venues {
        let there = |id: &&InstrumentId| {
            plan.instruments.get(**id as usize).is_some_and(|of| of.venue == venue.name)
                && !plan.configured.contains(*id)
        };
        venue.instruments.extend(held.iter().filter(there));
    }
}

#[cfg(test)]
mod tests;
