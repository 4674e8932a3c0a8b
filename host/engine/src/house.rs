//! The house as a whole: started from a plan, watched while it runs, summed up when it ends.
//!
//! Starting is recovering: the journal is replayed, compared with the venue's truth, and what either
//! lacks is written, before the first event. Comes in: a [`Plan`]. Goes out: notices, gauges and a
//! [`Summary`]. Deliberately absent: the way of a tick and the way of a file, which are the lanes'
//! and intake's.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wickd_model::{Amount, Digest, Mode, Risk, SlotName};
use wickd_sandbox::{Batch, Runtime, RuntimeError};
use wickd_store::{AcceptedBytes, Folder, Note, Record, StoreError};

use crate::clock::WallClock;
use crate::control::{
    Acceptance, AcceptedRecord, Control, Lag, LaneControl, Opening, Registry, SlotControl, Source,
    Standing, ToControl, Upkeep, currency_of,
};
use crate::desk::{Desk, IntentHashes, Outbox};
use crate::edges::Edges;
use crate::ending::Ending;
use crate::events::{
    AuditQueue, AuditWriter, Notice, Notices, OwnedEvent, RunEvent, StateEvent, Subscription,
};
use crate::handle::EngineHandle;
use crate::intake::{Admission, Intake};
use crate::io::{FeedSummary, Tier, UtilitySummary};
use crate::lane::{
    Account, Accounts, FEED_EVENTS, Gauge, Lane, LaneParts, MAIL_ENTRIES, OnFailure, Saved,
    SlotSetup, ToLane, Waker,
};
use crate::market::FeedError;
use crate::orders::PaperVenue;
use crate::plan::{Plan, SlotPlan};
use crate::pump::{PumpGauge, Stream, Tap};
use crate::recover::{Recovered, Stores, close, open_state, stream_id, told};
use crate::venue::{Running, Start, WireError, Wiring};

/// Notices under way to whoever started the run.
const SCREEN_NOTICES_MAX: usize = 4096;
/// The slot without a plugin that owns what no other slot owns.
pub const UNASSIGNED: &str = "unassigned";

/// The house does not start.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// No engine.
    #[error("the sandbox does not start")]
    Runtime(#[from] RuntimeError),
    /// Another daemon has the state folder.
    #[error("the state folder cannot be used")]
    State(#[source] StoreError),
    /// What is written cannot be read.
    #[error("the state folder cannot be recovered")]
    Recover(#[source] StoreError),
    /// Version 0.1 wrote it, and what its places meant is not known.
    #[error(
        "the journal knows instruments by their places in a configuration of version 0.1 only: {0}"
    )]
    Unnumbered(String),
    /// No market.
    #[error("a feed does not start")]
    Feed(#[from] FeedError),
    /// A venue cannot be connected to at all.
    #[error("a venue does not start")]
    Venue(#[from] WireError),
    /// No thread.
    #[error("a thread does not start")]
    Thread(#[from] std::io::Error),
}

/// A slot as it can be shown at any time.
#[derive(Clone)]
pub struct SlotShow {
    /// Its name.
    pub name: SlotName,
    /// Its plugin's name.
    pub plugin: String,
    /// What its amounts are counted in.
    pub currency: String,
    /// Its numbers.
    pub gauge: Arc<Gauge>,
    standing: Arc<Mutex<Standing>>,
}

impl SlotShow {
    /// How it is now.
    pub fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A running house.
pub struct House {
    /// The slots, in the order of the configuration.
    pub slots: Vec<SlotShow>,
    own: Sender<ToControl>,
    control: JoinHandle<Vec<SlotControl>>,
    intake: Intake,
    lanes: Vec<JoinHandle<()>>,
    desk: Desk,
    venues: Running,
    tier: crate::io::Running,
    pump: Arc<OnceLock<Arc<PumpGauge>>>,
    ending: Ending,
    runtime: Runtime,
    notices: Notices,
    audit: Option<AuditWriter>,
    clock: WallClock,
    // Released last: another daemon may start once it is gone.
    folder: Option<Folder>,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Market events given to the lanes.
    pub events: u64,
    /// The slots.
    pub slots: Vec<SlotSummary>,
    /// Those whose data a plugin brought.
    pub feeds: Vec<FeedSummary>,
    /// What heard of it all.
    pub utilities: Vec<UtilitySummary>,
}

/// How a slot ended.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the gauge's")]
pub struct SlotSummary {
    pub name: String,
    pub plugin: String,
    pub version: String,
    pub digest: Option<Digest>,
    pub state: &'static str,
    pub why: String,
    pub generation: u64,
    pub events: u64,
    pub call_ns_p50: u64,
    pub call_ns_p99: u64,
    pub fuel_per_event: u64,
    pub fuel_max: u64,
    pub intents: u64,
    pub denials: u64,
    pub last_denial: Option<&'static str>,
    pub fills: u64,
    pub faults: u64,
    /// Realised and unrealised profit and loss after fees; none where it is not known.
    pub pnl: Option<Amount>,
    /// SHA-256 over every committed intent, in order.
    pub intents_hash: Option<Digest>,
    /// SHA-256 of the last saved state.
    pub state_hash: Option<Digest>,
    /// The gauges its plugin has set.
    pub metrics: BTreeMap<String, f64>,
    pub swaps: Vec<Accounts>,
    pub last_fault: Option<Box<wickd_model::Fault>>,
}

impl House {
    /// Starts everything. Notices come over the receiver from the first moment.
    ///
    /// # Errors
    /// Only what no house can run without; a disk that takes no writes only blocks orders.
    pub fn start(plan: Plan, edges: Edges) -> Result<(Self, Subscription), HouseError> {
        let (clock, pump) = (edges.clock.clone(), Arc::new(OnceLock::new()));
        let notices = Notices::new(clock.clone(), pump.clone());
        let (heard, _) = notices.subscribe("the screen", SCREEN_NOTICES_MAX);
        let audit = AuditQueue::open(&notices);
        let (runtime, ending) = (Runtime::start()?, Ending::default());
        let folder = open_state(&plan, &notices)?;
        let mut stores = Stores::open(folder.as_ref(), &notices)?;
        let audit = audit.write(stores.audit.take(), &notices)?;
        let resolved = stores.identify(plan, &notices)?;
        let doubted = resolved.conflicts.iter().map(|of| of.number).collect();
        let converted = !resolved.converted.is_empty();
        let (plan, history) = (resolved.plan, resolved.history);
        let stream_id = stream_id(&plan);
        let saved = stores.saved(&plan, &notices);
        if !plan.slots.is_empty() && !plan.has_loss_stop() {
            notices.publish(Notice::of(OwnedEvent::NoLossStop {}));
        }
        let mut wiring = Wiring::new(&plan);
        let recovered = stores.recover(history, stream_id, &saved, wiring.live(), &notices)?;
        let recovered = Recovered { doubted, ..recovered };
        stores
            .add_up(&recovered.history, &plan.instruments, converted, clock.now_ns())
            .map_err(HouseError::Recover)?;
        let stream = match wiring.market() {
            Some(events) => Stream::live(events, plan.feeds.clone(), recovered.cursor, &clock)?,
            None => Stream::open(plan.feeds.clone(), recovered.cursor, &notices)?,
        };
        let lanes = plan.lanes.max(1) as usize;
        let (journal, ledger) = (stores.journal.clone(), stores.ledger.clone());
        let keys = plan.slots.iter().enumerate();
        let keys = keys.map(|(place, slot)| (stores.key(&slot.name, place), slot.name.clone()));
        let tier = Tier::new(&plan, keys.collect());
        tier.subscribers().for_each(|inbox| notices.add(inbox));
        let (routes, fills) = (wiring.routes(), tier.fill_ears());
        let (desk, outboxes) = Desk::start(journal, ledger, lanes, stream_id, routes, fills)?;
        let (own, mail) = channel();
        let (lane_count, resumes) = (lanes, !stream.is_live());
        let started =
            start_lanes(&plan, outboxes, &recovered, &stream, &stores, saved, &mut wiring)?;
        let Started { lanes, threads, taps, slots } = started;
        let unassigned = stores.unassigned();
        let mut names: BTreeMap<u32, String> =
            slots.iter().map(|slot| (slot.key, slot.plan.name.to_string())).collect();
        names.insert(unassigned, UNASSIGNED.to_owned());
        let (ears, market, taken) = (wiring.ears(), wiring.publishes(), recovered.taken());
        let venues = wiring.start(Start {
            plan: &plan,
            runtime: &runtime,
            edges: &edges,
            notices: &notices,
            lanes: slots.iter().map(|slot| (slot.key, slot.lane)).collect(),
            ids: stores.ids(),
            taken,
            slots: names,
            unassigned,
            owned: recovered.owned(&plan.instruments),
            last_intents: recovered.last_intents(),
        })?;
        let bars = tier.bar_ears(&plan.instruments);
        let (tier, workers) = tier.start(&plan, market, &runtime, &edges, &notices)?;
        let shown = slots.iter().map(show).collect();
        let wanted = plan.wanted();
        let accepted = accepted(folder.as_ref(), &notices);
        let folders = folder.as_ref();
        let admission =
            Admission::for_plan(&plan, &runtime, folders, accepted.clone(), &clock, &notices);
        let acceptance = Acceptance::new(accepted);
        let control = Control {
            runtime: runtime.clone(),
            ending: ending.clone(),
            instruments: plan.instruments,
            limits: plan.limits,
            notices: notices.clone(),
            clock: clock.clone(),
            jumps: Default::default(),
            lanes,
            slots,
            records: stores.records,
            mail,
            own: own.clone(),
            source: Some(Source { stream, taps, bars, speed: plan.speed }),
            pump: None,
            pump_gauge: pump.clone(),
            registry: Registry::keeping(acceptance.holders()),
            acceptance,
            batch: Batch::default(),
            venues: ears,
            workers,
            seating: 0,
            opening: Opening::since(clock.now_ns()),
            lag: Lag::new(lane_count, plan.speed),
            resumes,
            state_dir: plan.state_dir.clone(),
            disk_free_min: plan.disk_free_min,
            upkeep: Upkeep::new(plan.disk_free_min, &clock),
            finishing: None,
            hurried: false,
        };
        let thread = std::thread::Builder::new().name("control".into());
        let control = thread.spawn(move || control.run())?;
        let intake = Intake::start(
            admission,
            plan.folders,
            plan.settle_ms,
            plan.rescan_ms,
            wanted,
            notices.clone(),
            own.clone(),
        )?;
        let house = Self {
            slots: shown,
            own,
            control,
            intake,
            lanes: threads,
            desk,
            venues,
            tier,
            pump,
            ending,
            runtime,
            notices,
            audit,
            clock,
            folder,
        };
        Ok((house, heard))
    }

    /// Market events given to the lanes so far, and the event time of the last one.
    pub fn progress(&self) -> (u64, u64) {
        use std::sync::atomic::Ordering::Relaxed;
        self.pump
            .get()
            .map_or((0, 0), |pump| (pump.events.load(Relaxed), pump.ts_event.load(Relaxed)))
    }

    /// Whether the run is over by itself.
    pub fn is_over(&self) -> bool {
        self.control.is_finished()
    }

    /// The thread that has ended though nothing told it to. The engine cannot go on without it, and
    /// most of what it would do to end in order is as likely to wait for that thread for ever.
    pub fn ended_early(&self) -> Option<String> {
        let threads = self.lanes.iter().chain(self.desk.thread()).chain([self.intake.thread()]);
        let threads = threads.chain(self.venues.threads()).chain(self.tier.threads());
        let control = self.control.is_finished().then(|| self.control.thread());
        let ended = threads.filter(|thread| thread.is_finished()).map(JoinHandle::thread);
        let ended =
            ended.chain(control).next().map(|thread| thread.name().unwrap_or("?").to_owned());
        let epoch = (!self.runtime.is_ticking()).then(|| "epoch".to_owned());
        // Asked last: a thread that was told to end was told after that was noted.
        self.ending.early(ended.or(epoch))
    }

    /// Asks and changes the running engine, from any thread.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle::new(self.own.clone())
    }

    /// Asks the run to end; [`Self::end`] waits for it.
    pub fn stop(&self) {
        let _ = self.own.send(ToControl::Stop);
    }

    /// Returns a slot to its previous generation, or to an older version.
    pub fn roll_back(&self, slot: SlotName) {
        let _ = self.own.send(ToControl::RollBack(slot));
    }

    /// Tells of what happened outside control: a journal that takes nothing any more.
    pub fn check(&self) {
        if let Some(error) = self.desk.take_error() {
            let why = crate::intake::chain(&error);
            self.notices.publish(Notice::of(RunEvent::OrdersBlocked { why }));
        }
    }

    /// Brings the run to its end: every slot stops, everything durable is written.
    pub fn end(mut self) -> Summary {
        self.ending.begin();
        self.stop();
        self.intake.stop();
        // A thread that panicked has nothing left to say.
        let slots = self.control.join().unwrap_or_default();
        for lane in self.lanes {
            let _ = lane.join();
        }
        self.desk.stop();
        self.venues.end();
        // Last, so that it hears the end.
        let (feeds, utilities) = self.tier.end();
        let hashes = self.desk.hashes();
        let events = self.pump.get().map_or(0, |pump| pump.events.load(Ordering::Relaxed));
        if let Some(audit) = self.audit.take() {
            audit.end();
        }
        if let Some(folder) = self.folder.take()
            && let Err(error) = close(&folder, self.clock.now_ns())
        {
            let why = crate::intake::chain(&error);
            self.notices.publish(Notice::of(StateEvent::NotClosed { why }));
        }
        let slots = slots.iter().map(|slot| sum_up(slot, &hashes)).collect();
        Summary { events, slots, feeds, utilities }
    }
}

/// Lanes that run and have their slots, which are empty still.
struct Started {
    lanes: Vec<LaneControl>,
    threads: Vec<JoinHandle<()>>,
    taps: Vec<Tap>,
    slots: Vec<SlotControl>,
}

fn start_lanes(
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

/// What was accepted in earlier runs. Without a state folder it is remembered for this run; a record
/// that cannot be read is told, and then no place takes anything that has to be accepted.
fn accepted(folder: Option<&Folder>, notices: &Notices) -> AcceptedRecord {
    let record = match folder {
        None => AcceptedBytes::in_memory(),
        Some(folder) => told(folder.accepted(), "record of accepted bytes", notices)?,
    };
    Some(Arc::new(Mutex::new(record)))
}

fn show(slot: &SlotControl) -> SlotShow {
    SlotShow {
        name: slot.plan.name.clone(),
        plugin: slot.plan.plugin.to_string(),
        currency: slot.currency.clone(),
        gauge: slot.gauge.clone(),
        standing: slot.standing.clone(),
    }
}

fn sum_up(slot: &SlotControl, hashes: &IntentHashes) -> SlotSummary {
    let standing = slot.standing();
    let gauge = &slot.gauge;
    let events = gauge.events.get();
    SlotSummary {
        name: slot.plan.name.to_string(),
        plugin: slot.plan.plugin.to_string(),
        version: standing.version,
        digest: standing.digest,
        state: standing.state,
        why: standing.why,
        generation: u64::from(slot.generations),
        events,
        call_ns_p50: gauge.call_ns.quantile_ns(0.5),
        call_ns_p99: gauge.call_ns.quantile_ns(0.99),
        fuel_per_event: gauge.fuel_total.get() / events.max(1),
        fuel_max: gauge.fuel_max.get(),
        intents: gauge.intents.get(),
        denials: gauge.denials.get(),
        last_denial: gauge.last_denial().map(wickd_model::Deny::code),
        fills: gauge.fills.get(),
        faults: gauge.faults.get(),
        pnl: gauge.known_pnl().map(|pnl| Amount::of(pnl, &slot.currency)),
        intents_hash: hashes.get(&slot.key).map(|(_, hash)| *hash),
        state_hash: slot
            .saved
            .as_ref()
            .filter(|saved| saved.state_version > 0)
            .map(|saved| Digest(Sha256::digest(&saved.bytes).into())),
        metrics: standing.metrics,
        swaps: slot.swaps.clone(),
        last_fault: slot.last_fault.clone(),
    }
}
