//! Lanes as a run begins with them: what an earlier one left of their slots is put back first.
//!
//! Comes in: the plan, what was recovered and saved. Goes out: threads that run, and slots without a
//! plugin in them. Deliberately absent: reading the state folder, and seating plugins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use wickd_model::{Digest, Mode, Risk, SlotName};
use wickd_store::{Note, Record};

use crate::control::{LaneControl, SlotControl, currency_of};
use crate::desk::Outbox;
use crate::house::{HouseError, UNASSIGNED};
use crate::lane::{
    Account, FEED_EVENTS, Gauge, Lane, LaneParts, MAIL_ENTRIES, OnFailure, Saved, SlotSetup,
    ToLane, Waker,
};
use crate::orders::PaperVenue;
use crate::plan::{Plan, SlotPlan};
use crate::pump::{Stream, Tap};
use crate::recover::{Recovered, Stores};
use crate::venue::Wiring;

/// Lanes that run and have their slots, which are empty still.
pub(crate) struct Started {
    pub(crate) lanes: Vec<LaneControl>,
    pub(crate) threads: Vec<JoinHandle<()>>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) slots: Vec<SlotControl>,
}

/// Starts every lane with the venue's truth of its slots, and gives it its slots.
pub(crate) fn start_lanes(
    plan: &Plan,
    outboxes: Vec<Outbox>,
    recovered: &Recovered,
    stream: &Stream,
    stores: &Stores,
    mut saved: BTreeMap<SlotName, Saved>,
    wiring: &mut Wiring,
) -> Result<Started, HouseError> {
    let (mut lanes, mut threads, mut taps) = (Vec::new(), Vec::new(), Vec::new());
    for (number, outbox) in outboxes.into_iter().enumerate() {
        let (lane, thread, tap) =
            start_lane(number, plan, outbox, recovered, stream, stores, wiring)?;
        lanes.push(lane);
        threads.push(thread);
        taps.push(tap);
    }
    if wiring.live().contains(&true) {
        let setup = unassigned(plan, recovered, stores, wiring);
        lanes[0].send(ToLane::Slot(Box::new(setup)));
    }
    let mut slots = Vec::new();
    for (number, slot) in plan.slots.iter().enumerate() {
        let (key, lane) = (stores.key(&slot.name, number), number % lanes.len());
        let saved = saved.remove(&slot.name);
        let (mut setup, control) = set_up_slot(slot, key, lane, plan, recovered, stores, saved);
        setup.account.resume_orders(
            &recovered.orders_of(key),
            &recovered.under_way,
            stream.start_ts(),
        );
        setup.account.clear(wiring.clearances());
        wiring.accounts().join(&slot.name, &mut setup.account);
        lanes[lane].send(ToLane::Slot(Box::new(setup)));
        slots.push(control);
    }
    for lane in &mut lanes {
        lane.send(ToLane::Past(stream.past.iter().copied().collect()));
    }
    Ok(Started { lanes, threads, taps, slots })
}

fn start_lane(
    number: usize,
    plan: &Plan,
    outbox: Outbox,
    recovered: &Recovered,
    stream: &Stream,
    stores: &Stores,
    wiring: &mut Wiring,
) -> Result<(LaneControl, JoinHandle<()>, Tap), HouseError> {
    let (feed_in, feed) = rtrb::RingBuffer::new(FEED_EVENTS);
    let (mail_in, mail) = rtrb::RingBuffer::new(MAIL_ENTRIES);
    let (reports, reports_out) = rtrb::RingBuffer::new(MAIL_ENTRIES);
    let waker = Waker::new();
    let mut venue = PaperVenue::new(plan.paper, &plan.instruments);
    let mine: Vec<u32> = plan
        .slots
        .iter()
        .enumerate()
        .filter(|(place, _)| place % plan.lanes.max(1) as usize == number)
        .map(|(place, slot)| stores.key(&slot.name, place))
        .collect();
    let carried = recovered.history.paper.iter().filter(|of| mine.contains(&of.slot));
    carried.for_each(|of| venue.carry_on(of));
    venue.follow(recovered.history.trade_id);
    for record in recovered.history.truth.iter().filter(|record| mine.contains(&record.id().slot)) {
        venue.restore(record);
    }
    venue.resume(recovered.cursor);
    for (id, reason) in recovered.cancels.iter().filter(|(id, _)| mine.contains(&id.slot)) {
        venue.cancel(*id, *reason, 0);
    }
    venue.resume_under_way(&recovered.under_way, |id| mine.contains(&id.slot));
    let parts = LaneParts {
        feed,
        mail,
        reports,
        outbox,
        venue,
        news: wiring.lane(&waker),
        live: wiring.live().to_vec(),
        epoch: stores.records.epoch,
        accounts: wiring.accounts().joints(),
        waker: waker.clone(),
        start_seq: recovered.cursor,
        start_ts: stream.start_ts(),
    };
    let thread = Lane::start(format!("lane-{number}"), parts)?;
    let tap = Tap::new(feed_in, waker.clone());
    let lane = LaneControl::new(mail_in, reports_out, waker, tap.gauge.clone());
    Ok((lane, thread, tap))
}

/// What no slot owns is owned by a slot without a plugin: shown, and counted in the account's stops.
fn unassigned(plan: &Plan, recovered: &Recovered, stores: &Stores, wiring: &Wiring) -> SlotSetup {
    let key = stores.unassigned();
    let live = plan.instruments.iter().filter(|of| wiring.live()[of.id as usize]);
    let instruments: Vec<_> = live.cloned().collect();
    let last = stores.journal.as_ref().and_then(|journal| journal.last_intent(key).ok());
    let risk = Risk { mode: Mode::ReduceOnly, ..Risk::default() };
    let mut account = Account::new(key, &instruments, risk, 1, last.unwrap_or(0));
    recovered.fill(key, &mut account);
    account.clear(wiring.clearances());
    if let Ok(name) = UNASSIGNED.parse() {
        wiring.accounts().join(&name, &mut account);
    }
    SlotSetup {
        key,
        config: Digest([0; 32]),
        account: Box::new(account),
        gauge: Arc::default(),
        on_failure: OnFailure::Keep,
    }
}

fn set_up_slot(
    slot: &SlotPlan,
    key: u32,
    lane: usize,
    plan: &Plan,
    recovered: &Recovered,
    stores: &Stores,
    saved: Option<Saved>,
) -> (SlotSetup, SlotControl) {
    let instruments: Vec<_> = slot
        .instruments
        .iter()
        .chain(&slot.holds)
        .filter_map(|id| plan.instruments.get(*id as usize).cloned())
        .collect();
    let last_intent = stores
        .journal
        .as_ref()
        .and_then(|journal| journal.last_intent(key).ok())
        .unwrap_or(0)
        .max(saved.as_ref().map_or(0, |saved| saved.intents));
    let limits = slot.limits.over(plan.limits);
    let mut account =
        Account::new(key, &instruments, slot.risk, limits.intents_per_call, last_intent);
    account.retire(&slot.holds);
    recovered.fill(key, &mut account);
    if let Some(saved) = &saved {
        account.restore_timers(&saved.beside.timers);
    }
    let days = recovered.history.journal.iter().filter_map(|record| match record {
        Record::Note { slot, note: Note::DayBegan { day, instrument, worth }, .. } => {
            (*slot == key).then_some((*day, *instrument, *worth))
        }
        _ => None,
    });
    account.recover_day(&days.collect::<Vec<_>>());
    let disputed = recovered.disputed.iter().any(|id| id.slot == key);
    let mut named = slot.instruments.iter().chain(&slot.holds);
    if disputed
        || named.any(|id| recovered.doubted.contains(id))
        || recovered.mixed.contains(&key)
        || stores.journal.is_none()
        || stores.ledger.is_none()
    {
        account.block();
    }
    let gauge = Arc::new(Gauge::default());
    let setup = SlotSetup {
        key,
        config: slot.config,
        account: Box::new(account),
        gauge: gauge.clone(),
        on_failure: slot.on_failure,
    };
    let quotes = slot.instruments.iter().filter_map(|id| plan.instruments.get(*id as usize));
    let currency = currency_of(quotes.map(|instrument| &instrument.quote[..]));
    (setup, SlotControl::new(slot.clone(), key, lane, currency, gauge, saved))
}
