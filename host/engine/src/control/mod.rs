//! Control: the one thread that decides what runs where.
//!
//! Comes in: admitted plugins, reports from lanes, the operator's words, the time. Goes out: mail for
//! lanes, notices, snapshots. Whatever is slow happens here or in intake, never on a lane: making
//! instances, warming them up, writing, dropping. Deliberately absent: ticks.

mod acceptance;
mod inputs;
mod lag;
mod opening;
mod prepare;
mod registry;
mod resume;
mod seating;
mod slot;
mod stops;
mod supervise;
mod unmet;
mod upkeep;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use wickd_model::{Event, Instrument, Limits, SlotName, printable};
use wickd_sandbox::{Batch, Runtime};
use wickd_store::{Archive, Journal, Ledger, Note, Record, Snapshots};

use crate::clock::{Jumps, WallClock};
use crate::ending::Ending;
use crate::events::{Notice, Notices, RunEvent};
use crate::intake::Plugin;
use crate::io::{BarEars, Worker};
use crate::lane::{Finish, FromLane, ToLane, Waker};
use crate::market::Speed;
use crate::pump::{Pump, Stream, Tap, TapGauge};
use crate::repeats::Repeats;
use crate::venue::Ear;

pub(crate) use acceptance::{Acceptance, Record as AcceptedRecord, resolve};
pub use acceptance::{HeldPlugin, NotApproved};
use inputs::NodeControl;
pub(crate) use lag::Lag;
pub(crate) use opening::{Opening, Reading};
pub(crate) use prepare::{Kitchen, Prepared};
pub(crate) use registry::Registry;
use seating::Pending;
pub(crate) use slot::{Sentence, SlotControl, Standing, Supervision, currency_of};
pub(crate) use unmet::Unmet;
pub(crate) use upkeep::Upkeep;

/// How often lanes' reports are looked at while nothing else happens.
const LOOK: Duration = Duration::from_millis(2);
/// How long lanes work through what is in their rings once somebody waits for the end: a full ring of
/// quiet ticks takes a tenth of it.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long a lane may stand still at the end of a run until control goes on without it.
const FINISH_DEADLINE_NS: u64 = 20_000_000_000;

/// How long a market that goes on by itself waits for plugins, and after which it is told what any
/// market waits for: longer than all of a desk's own plugins take to compile.
const PATIENCE_NS: u64 = 10_000_000_000;
/// Files named of those that are waited for.
const AWAITED_SHOWN: usize = 8;

/// What control is told.
pub(crate) enum ToControl {
    /// A plugin passed intake.
    Admitted(Arc<Plugin>),
    /// A file has gone.
    Gone(PathBuf),
    /// What has become of a file that was there at the start.
    Reading(Reading),
    /// A file has another name.
    Moved { from: PathBuf, to: PathBuf },
    /// The feeds have ended.
    FeedsOver,
    /// Return a slot to its previous generation.
    RollBack(SlotName),
    /// A question of the engine's handle, which carries its own way back.
    Ask(Box<dyn FnOnce(&mut Control) + Send>),
    /// End the run.
    Stop,
}

/// A lane as control sees it.
pub(crate) struct LaneControl {
    pub(crate) mail: rtrb::Producer<ToLane>,
    pub(crate) reports: rtrb::Consumer<FromLane>,
    pub(crate) waker: Waker,
    pub(crate) nodes: Vec<NodeControl>,
    /// Who waits for a copy of the history, in the order of the requests.
    pub(crate) awaiting: VecDeque<Pending>,
    pub(crate) finished: bool,
    pub(crate) gauge: Arc<TapGauge>,
}

impl LaneControl {
    pub(crate) fn new(
        mail: rtrb::Producer<ToLane>,
        reports: rtrb::Consumer<FromLane>,
        waker: Waker,
        gauge: Arc<TapGauge>,
    ) -> Self {
        let (nodes, awaiting) = (Vec::new(), VecDeque::new());
        Self { mail, reports, waker, nodes, awaiting, finished: false, gauge }
    }

    /// Hands mail over. A lane takes its mail between any two events, so a full box is a lane that
    /// hangs in a host call, and waiting for it is all that is left.
    pub(crate) fn send(&mut self, mail: ToLane) {
        let mut mail = mail;
        while let Err(rtrb::PushError::Full(back)) = self.mail.push(mail) {
            if self.mail.is_abandoned() {
                return;
            }
            mail = back;
            self.waker.wake();
            std::thread::yield_now();
        }
        self.waker.wake();
    }
}

/// What survives, where the disk allows it.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) ledger: Option<Arc<Ledger>>,
    pub(crate) archive: Option<Archive>,
    pub(crate) snapshots: Option<Snapshots>,
    /// The journal's epoch of this run.
    pub(crate) epoch: u32,
}

/// The market before it is pumped.
pub(crate) struct Source {
    pub(crate) stream: Stream,
    pub(crate) taps: Vec<Tap>,
    pub(crate) bars: BarEars,
    pub(crate) speed: Speed,
}

/// Control's state; its own thread is the only one that ever sees it.
pub(crate) struct Control {
    pub(crate) runtime: Runtime,
    pub(crate) ending: Ending,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) limits: Limits,
    pub(crate) notices: Notices,
    pub(crate) clock: WallClock,
    pub(crate) jumps: Jumps,
    pub(crate) lanes: Vec<LaneControl>,
    pub(crate) slots: Vec<SlotControl>,
    pub(crate) records: Records,
    pub(crate) mail: Receiver<ToControl>,
    pub(crate) own: Sender<ToControl>,
    /// Before the first event: the stream, waiting for the slots.
    pub(crate) source: Option<Source>,
    pub(crate) pump: Option<Pump>,
    pub(crate) pump_gauge: Arc<std::sync::OnceLock<Arc<crate::pump::PumpGauge>>>,
    pub(crate) registry: Registry,
    pub(crate) acceptance: Acceptance,
    pub(crate) batch: Batch,
    /// The ears of the venues, which take adapters.
    pub(crate) venues: Vec<Ear>,
    /// Those of the I/O tier, who take their plugins.
    pub(crate) workers: Vec<Worker>,
    /// Generations sent to empty slots and not confirmed yet.
    pub(crate) seating: u32,
    /// What is wanted and no recording brings.
    pub(crate) unmet: Unmet,
    /// Which files the market still waits for.
    pub(crate) opening: Opening,
    /// Who holds a lane that falls behind.
    pub(crate) lag: Lag,
    /// The next run goes on in the market where this one ends.
    pub(crate) resumes: bool,
    /// Where the state is, and how much must be free there.
    pub(crate) state_dir: PathBuf,
    pub(crate) disk_free_min: u64,
    pub(crate) upkeep: Upkeep,
    /// The run is ending: when the slots last heard something, and how much they had heard.
    pub(crate) finishing: Option<(u64, u64)>,
    /// Somebody waits for the end.
    pub(crate) hurried: bool,
    /// The journal took no notes.
    pub(crate) unwritten: Repeats,
}

impl Control {
    /// Runs until the end of the run; gives back the slots as they ended.
    pub(crate) fn run(mut self) -> Vec<SlotControl> {
        self.slots.iter().for_each(|slot| slot.stand("waiting", "for its plugin"));
        loop {
            match self.mail.recv_timeout(LOOK) {
                Ok(mail) => self.take(mail),
                Err(RecvTimeoutError::Timeout) => self.mind_the_pump(),
                Err(RecvTimeoutError::Disconnected) => self.finish_soon(),
            }
            self.read_reports();
            self.supply_the_slots();
            self.start_the_market();
            self.supervise();
            self.mind_the_clock();
            self.look_after();
            if self.is_over() {
                break;
            }
        }
        self.tell_refused_signals();
        if let Some(pump) = &mut self.pump {
            pump.end();
        }
        self.slots
    }

    /// A pump says that the feeds are over before it ends. One that ended without a word panicked.
    fn mind_the_pump(&mut self) {
        let ended = self.pump.as_ref().is_some_and(Pump::is_finished);
        if !ended || self.finishing.is_some() {
            return;
        }
        match self.mail.try_recv() {
            Ok(mail) => self.take(mail),
            Err(_) => {
                self.ending.early(Some("pump".to_owned()));
                self.finish_soon();
            }
        }
    }

    /// Folders that do not answer hold up the market, and that is told like a file that does.
    fn tell_of_folders(&mut self) {
        let waited = self.clock.now_ns().saturating_sub(self.opening.since_ns);
        if waited > PATIENCE_NS && !self.opening.told {
            self.opening.told = true;
            let files = "the folders, which do not answer".to_owned();
            self.publish(Notice::of(RunEvent::MarketWaits { opens: false, files }));
        }
    }

    fn take(&mut self, mail: ToControl) {
        match mail {
            ToControl::Admitted(plugin) => self.admitted(plugin),
            ToControl::Gone(path) => self.gone(&path),
            ToControl::Reading(reading) => self.opening.take(reading),
            ToControl::Moved { from, to } => self.registry.moved(&from, &to),
            // Asked to end, the feeds end because of that.
            ToControl::FeedsOver if self.finishing.is_some() => {}
            ToControl::FeedsOver => {
                self.publish(Notice::of(RunEvent::FeedsOver {}));
                self.finish(Finish { within: None, resumes: false });
            }
            ToControl::RollBack(name) => self.roll_back(&name),
            ToControl::Ask(question) => question(self),
            ToControl::Stop => self.finish_soon(),
        }
    }

    /// The slots get what there is for them once no file is left that one of them could need: so the
    /// first event of a recording finds the same slots in every run. A market that goes on by itself
    /// waits [`PATIENCE_NS`] for that and no longer; what comes then is seated while it runs.
    fn supply_the_slots(&mut self) {
        if self.opening.supplied || self.finishing.is_some() {
            return;
        }
        let Some(awaited) = self.awaited() else { return self.tell_of_folders() };
        let goes_on = self.source.as_ref().is_some_and(|source| source.stream.is_live());
        let late = self.clock.now_ns().saturating_sub(self.opening.since_ns) > PATIENCE_NS;
        if late && !self.opening.told && !awaited.is_empty() {
            self.opening.told = true;
            let files = list(&awaited);
            self.publish(Notice::of(RunEvent::MarketWaits { opens: goes_on, files }));
        }
        let enough = late && goes_on;
        if !awaited.is_empty() && !enough {
            return;
        }
        self.opening.complete = awaited.is_empty();
        self.consider_all();
        // What a slot turned out to miss may be among the files that nobody seemed to use.
        let awaited = self.awaited().unwrap_or_default();
        if awaited.is_empty() || enough {
            self.opening.supplied = true;
            self.say_who_waits();
        }
    }

    pub(crate) fn awaited(&mut self) -> Option<Vec<PathBuf>> {
        let slots = self.slots.iter();
        let slots =
            slots.flat_map(|slot| [Some(&slot.plan.plugin), slot.misses.as_ref()]).flatten();
        let venues = self.venues.iter().map(|venue| &venue.plugin);
        let workers = self.workers.iter().map(|worker| &worker.plugin);
        let named = slots.chain(venues).chain(workers).cloned().collect();
        self.opening.awaited(named)
    }

    /// The market starts once every slot that can be seated is.
    fn start_the_market(&mut self) {
        let waiting = self.lanes.iter().any(|lane| !lane.awaiting.is_empty());
        if !self.opening.supplied || self.seating > 0 || waiting || self.finishing.is_some() {
            return;
        }
        let Some(Source { stream, taps, bars, speed }) = self.source.take() else { return };
        match stream.pump(taps, bars, speed, self.notices.clone(), self.own.clone()) {
            Ok(pump) => {
                let _ = self.pump_gauge.set(pump.gauge.clone());
                self.pump = Some(pump);
                self.publish(Notice::of(RunEvent::MarketOpen {}));
                self.retire();
            }
            Err(error) => {
                self.publish(Notice::of(RunEvent::MarketFailed { why: error.to_string() }));
            }
        }
    }

    fn read_reports(&mut self) {
        for lane in 0..self.lanes.len() {
            while let Ok(report) = self.lanes[lane].reports.pop() {
                self.reported(lane, report);
            }
        }
    }

    /// Somebody waits for the end: what is in the rings gets a bounded time.
    fn finish_soon(&mut self) {
        let finish = Finish { within: Some(DRAIN_WITHIN), resumes: self.resumes };
        if self.finishing.is_some() && !self.hurried {
            let finish = Finish { resumes: false, ..finish };
            self.lanes.iter_mut().for_each(|lane| lane.send(ToLane::Finish(finish)));
        }
        self.hurried = true;
        self.finish(finish);
    }

    /// A machine whose clock was set: nothing here hangs on it but what people read.
    fn mind_the_clock(&mut self) {
        let Some(moved) = self.jumps.look(&self.clock) else { return };
        let way = if moved < 0 { "back" } else { "ahead" };
        self.publish(Notice::of(RunEvent::ClockJumped {
            way,
            ms: moved.unsigned_abs() / 1_000_000,
        }));
    }

    /// Stops the pump and asks every lane to bring its slots to their end.
    fn finish(&mut self, finish: Finish) {
        if self.finishing.is_some() {
            return;
        }
        self.ending.begin();
        self.finishing = Some((self.clock.now_ns(), 0));
        self.source = None;
        // Before the lanes are told: so all of them end at the same event.
        if let Some(pump) = &mut self.pump {
            pump.end();
        }
        self.lanes.iter_mut().for_each(|lane| lane.send(ToLane::Finish(finish)));
    }

    /// Whether every lane has brought its slots to their end. Lanes that still work through what was
    /// in their rings get the time; one that stands still does not hold up the others.
    fn is_over(&mut self) -> bool {
        let Some((since_ns, events)) = self.finishing else { return false };
        let now_ns = self.clock.now_ns();
        let heard = self.slots.iter().map(|slot| slot.gauge.events.get()).sum();
        if heard != events {
            self.finishing = Some((now_ns, heard));
        }
        let late = now_ns.saturating_sub(since_ns) > FINISH_DEADLINE_NS;
        self.lanes.iter().all(|lane| lane.finished) || late
    }

    pub(crate) fn publish(&self, notice: Notice) {
        self.notices.publish(notice);
    }

    /// A line in the journal about a slot's life.
    pub(crate) fn note(&self, place: usize, note: Note) {
        self.write(&[self.record(place, note)]);
    }

    fn record(&self, place: usize, note: Note) -> Record {
        let slot = &self.slots[place];
        let ts_event = self
            .pump_gauge
            .get()
            .map_or(0, |gauge| gauge.ts_event.load(std::sync::atomic::Ordering::Relaxed));
        Record::Note { slot: slot.key, generation: slot.generations, ts_event, note }
    }

    fn write(&self, records: &[Record]) {
        let Some(journal) = &self.records.journal else { return };
        match journal.append(records) {
            Ok(_) => self.unwritten.over(),
            Err(error) => {
                if let Some(times) = self.unwritten.again() {
                    let why = crate::intake::chain(&error);
                    self.publish(Notice::of(RunEvent::JournalFailed { why, times }));
                }
            }
        }
    }

    pub(crate) fn slot_place(&self, key: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.key == key)
    }

    /// The events a lane's history would hold at the start of this run.
    pub(crate) fn past(&self) -> Vec<Event> {
        self.source
            .as_ref()
            .map_or_else(Vec::new, |source| source.stream.past.iter().copied().collect())
    }
}

/// The first of these files, and how many more there are.
fn list(paths: &[PathBuf]) -> String {
    let names = paths.iter().take(AWAITED_SHOWN);
    let names = names.map(|path| printable(path.as_os_str().as_encoded_bytes(), 120));
    let shown = names.collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(AWAITED_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
