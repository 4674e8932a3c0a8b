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

use wickd_model::SlotName;
use wickd_sandbox::{Batch, Runtime, RuntimeError};
use wickd_store::{AcceptedBytes, Folder, StoreError};

use crate::clock::WallClock;
use crate::control::{
    Acceptance, AcceptedRecord, Control, Lag, Opening, Registry, SlotControl, Source, Standing,
    ToControl, Unmet, Upkeep,
};
use crate::desk::Desk;
use crate::edges::Edges;
use crate::ending::Ending;
use crate::events::{
    AuditQueue, AuditWriter, Notice, Notices, OwnedEvent, RunEvent, StateEvent, Subscription,
};
use crate::handle::EngineHandle;
use crate::intake::{Admission, Intake};
use crate::io::Tier;
use crate::lane::Gauge;
use crate::market::FeedError;
use crate::plan::Plan;
use crate::pump::{PumpGauge, Stream};
use crate::recover::{Recovered, Stores, close, open_state, stream_id, told};
use crate::repeats::Repeats;
use crate::starting::{Started, start_lanes};
use crate::summary::{Summary, sum_up};
use crate::troubles::Troubles;
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
    troubles: Arc<Troubles>,
    audit: Option<AuditWriter>,
    clock: WallClock,
    // Released last: another daemon may start once it is gone.
    folder: Option<Folder>,
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
        let troubles = Arc::new(Troubles::default());
        notices.add(troubles.clone());
        let audit = AuditQueue::open(&notices);
        let (runtime, ending) = (Runtime::start()?, Ending::default());
        let folder = open_state(&plan, &notices)?;
        let mut stores = Stores::open(folder.as_ref(), plan.degraded, &notices)?;
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
        let unmet = Unmet::new(stream.brings());
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
            unmet,
            opening: Opening::since(clock.now_ns()),
            lag: Lag::new(lane_count, plan.speed),
            resumes,
            state_dir: plan.state_dir.clone(),
            disk_free_min: plan.disk_free_min,
            upkeep: Upkeep::new(plan.disk_free_min, &clock),
            finishing: None,
            hurried: false,
            unwritten: Repeats::default(),
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
            troubles,
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

    /// Has an event of the process told with all others.
    pub fn tell(&self, event: RunEvent) {
        self.notices.publish(Notice::of(event));
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
        let summary = Summary { events, slots, feeds, utilities, troubles: Vec::new() };
        summary.find_troubles(self.troubles.told())
    }
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
