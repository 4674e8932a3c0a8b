//! A lane: one OS thread that owns its slots, their guests, their accounts and the paper venue, and
//! takes them all through one market event after the other.
//!
//! Comes in: market events and mail, each over a bounded ring. Goes out: entries for the desk and
//! reports for control. Between two events it takes its mail; that is the only place where a
//! generation can change. Deliberately absent: files, the wall clock (but for measuring), compiling,
//! dropping a guest, and every decision about whether to swap, restart or quarantine.

mod account;
mod body;
mod closing;
mod denied;
mod emits;
mod ends;
mod gauge;
mod history;
mod message;
mod node;

mod seat;
mod share;
mod slot;
mod stops;
mod tick;
mod twin;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wickd_model::{Event, InstrumentId, TsNs};
use wickd_sandbox::Batch;
use wickd_store::VenueRecord;

pub use account::Account;
pub use body::{Body, Wants};
pub(crate) use emits::{Emits, Refusals, Unemitted};
pub use gauge::{Count, Gauge, Spread};
pub use history::HISTORY_EVENTS;
pub use message::{
    Accounts, DayBegan, Finish, FromLane, OnFailure, Refusal, Retired, Role, Saved, SavedBeside,
    SavedInput, SlotSetup, ToLane, Trial, Verdict,
};
pub(crate) use node::{IndicatorNode, Kind as NodeKind, SignalNode};
pub use node::{Node, NodeId};
pub(crate) use seat::InputView;
pub use seat::Seat;
pub(crate) use share::Share;
pub use share::{Overuse, Strike};

use crate::desk::Outbox;
use crate::market::BarBuilder;
use crate::orders::{Joint, PaperVenue};
use crate::venue::News;
use seat::InputTable;
use slot::Slot;
use twin::{Offered, Twinned};

/// Market events between feed and lane: half a second at 100,000 a second. When it is full the feed
/// waits, because a replay can; nothing is dropped.
pub(crate) const FEED_EVENTS: usize = 1 << 16;
/// Mail and reports under way.
pub(crate) const MAIL_ENTRIES: usize = 1 << 10;
/// Shared inputs of a lane.
pub(crate) const NODES_MAX: usize = 64;
/// A lane's stack: far more than the guest's own, which ends first.
const STACK_BYTES: usize = 4 << 20;
/// Looks at an empty ring before the lane sleeps.
const SPINS_MAX: u32 = 2_000;
/// Longest sleep; a producer wakes it sooner.
const IDLE: Duration = Duration::from_millis(1);

/// Lets others wake a lane that sleeps.
#[derive(Clone)]
pub(crate) struct Waker {
    asleep: Arc<AtomicBool>,
    thread: Arc<std::sync::OnceLock<std::thread::Thread>>,
}

impl Waker {
    pub(crate) fn new() -> Self {
        Self { asleep: Arc::default(), thread: Arc::default() }
    }

    #[inline]
    pub(crate) fn wake(&self) {
        if self.asleep.load(Ordering::Acquire)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

/// What a lane is made of.
pub(crate) struct LaneParts {
    pub(crate) feed: rtrb::Consumer<Event>,
    pub(crate) mail: rtrb::Consumer<ToLane>,
    pub(crate) reports: rtrb::Producer<FromLane>,
    pub(crate) outbox: Outbox,
    pub(crate) venue: PaperVenue,
    pub(crate) waker: Waker,
    /// News of orders at real venues, a ring for each.
    pub(crate) news: Vec<rtrb::Consumer<News>>,
    /// By instrument: its orders go to a real venue.
    pub(crate) live: Vec<bool>,
    /// Every account with loss stops.
    pub(crate) accounts: Vec<Arc<Joint>>,
    /// The journal's epoch of this run.
    pub(crate) epoch: u32,
    /// Last market event before this run.
    pub(crate) start_seq: u64,
    /// Event time of the first one of this run.
    pub(crate) start_ts: TsNs,
}

/// The lane's state; its own thread is the only one that ever sees it.
pub(crate) struct Lane {
    feed: rtrb::Consumer<Event>,
    mail: rtrb::Consumer<ToLane>,
    reports: Reports,
    outbox: Outbox,
    venue: PaperVenue,
    /// What the venue did and its ledger does not have yet.
    truth: Vec<VenueRecord>,
    /// The journal takes nothing: nothing is sent any more, ticks go on.
    blocked: bool,
    waker: Waker,
    news: Vec<rtrb::Consumer<News>>,
    live: Vec<bool>,
    epoch: u32,
    accounts: stops::Accounts,
    /// When an order of the host's own may go, in event time.
    closing_due: TsNs,
    slots: Vec<Slot>,
    nodes: Vec<Node>,
    table: Option<InputTable>,
    bars: Vec<(InstrumentId, u32, BarBuilder)>,
    history: history::History,
    batch: Batch,
    now: TsNs,
    seq: u64,
    /// Counts events and rounds of news: calls of the same turn share a budget.
    turn: u64,
    finishing: Option<Finish>,
}

/// Reports, with room for what did not fit at once.
struct Reports {
    ring: rtrb::Producer<FromLane>,
    waiting: VecDeque<FromLane>,
}

impl Reports {
    /// Reports; keeps it for later where control is slow. What waits is bounded by what can happen to
    /// the lane's slots before control answers.
    fn push(&mut self, report: FromLane) {
        self.flush();
        if self.waiting.is_empty() {
            if let Err(rtrb::PushError::Full(report)) = self.ring.push(report) {
                self.waiting.push_back(report);
            }
        } else {
            self.waiting.push_back(report);
        }
    }

    /// Reports what may be lost.
    fn push_or_drop(&mut self, report: FromLane) {
        self.flush();
        if self.waiting.is_empty() {
            let _ = self.ring.push(report);
        }
    }

    /// Hands over what waits, oldest first, as far as there is room.
    fn flush(&mut self) {
        while let Some(report) = self.waiting.pop_front() {
            if let Err(rtrb::PushError::Full(report)) = self.ring.push(report) {
                self.waiting.push_front(report);
                return;
            }
        }
    }
}

impl Lane {
    /// Starts the lane's thread.
    pub(crate) fn start(
        name: String,
        parts: LaneParts,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        let thread = parts.waker.thread.clone();
        let builder = std::thread::Builder::new().name(name).stack_size(STACK_BYTES);
        builder.spawn(move || {
            let _ = thread.set(std::thread::current());
            Lane::new(parts).run();
        })
    }

    pub(crate) fn new(parts: LaneParts) -> Self {
        Self {
            feed: parts.feed,
            mail: parts.mail,
            reports: Reports { ring: parts.reports, waiting: VecDeque::new() },
            outbox: parts.outbox,
            venue: parts.venue,
            truth: Vec::new(),
            blocked: false,
            waker: parts.waker,
            news: parts.news,
            live: parts.live,
            epoch: parts.epoch,
            accounts: stops::Accounts::new(parts.accounts),
            closing_due: TsNs::MAX,
            slots: Vec::new(),
            nodes: Vec::new(),
            table: Some(vec![InputView::default(); NODES_MAX].into_boxed_slice()),
            bars: Vec::new(),
            history: history::History::new(),
            batch: Batch::default(),
            now: parts.start_ts,
            seq: parts.start_seq,
            turn: 0,
            finishing: None,
        }
    }

    fn run(mut self) {
        let mut spins = 0;
        let finish = loop {
            while let Ok(mail) = self.mail.pop() {
                self.take(mail);
            }
            if let Some(finish) = self.finishing.take() {
                break finish;
            }
            self.hear_news();
            // Not only when there is nothing else to do: a lane behind its feed is never idle.
            self.reports.flush();
            match self.feed.pop() {
                Ok(event) => {
                    self.tick(&event);
                    spins = 0;
                }
                Err(_) => self.idle(&mut spins),
            }
        };
        self.finish(finish);
    }

    /// Nothing to do: look again a while, then sleep.
    fn idle(&mut self, spins: &mut u32) {
        *spins += 1;
        if *spins < SPINS_MAX {
            return std::hint::spin_loop();
        }
        self.waker.asleep.store(true, Ordering::SeqCst);
        // What came between the last look and the flag is seen here.
        let quiet = self.news.iter().all(|ring| ring.is_empty());
        if quiet && self.feed.is_empty() && self.mail.is_empty() {
            std::thread::park_timeout(IDLE);
        }
        self.waker.asleep.store(false, Ordering::SeqCst);
    }

    /// Takes one piece of mail, between two events.
    pub(crate) fn take(&mut self, mail: ToLane) {
        match mail {
            ToLane::Slot(setup) => self.take_slot(Slot::new(*setup)),
            ToLane::Node(id, node) => self.take_node(id, *node),
            ToLane::Bars(instrument, step_secs, in_progress) => {
                let known = |(id, secs, _): &(_, _, _)| (*id, *secs) == (instrument, step_secs);
                if !self.bars.iter().any(known)
                    && let Some(mut builder) = BarBuilder::new(instrument, step_secs)
                {
                    in_progress.into_iter().for_each(|bar| builder.resume(bar));
                    self.history.iter().for_each(|event| builder.heard_before(event));
                    self.bars.push((instrument, step_secs, builder));
                }
            }
            ToLane::Seat { key, body, heard_seq, restored } => {
                self.seat(key, body, heard_seq, restored);
            }
            ToLane::Offer { key, body, trial, carry, heard_seq, warm_up_events } => {
                self.offer(key, body, (trial, carry), heard_seq, warm_up_events);
            }
            ToLane::Past(events) => self.take_past(&events),
            ToLane::Save(key) => self.save(key),
            ToLane::Metrics(key) => self.show_metrics(key),
            ToLane::RollBack(key) => self.roll_back(key),
            ToLane::Stop(key) => {
                if let Some(place) = self.place(key) {
                    self.stop(place, true);
                    self.reports.push(FromLane::Stopped(key));
                }
            }
            ToLane::History(mut into) => {
                self.history.copy_latest(&mut into);
                self.reports.push(FromLane::History(into, self.seq));
            }
            ToLane::Close { key, instrument } => {
                if let Some(place) = self.place(key) {
                    self.begin_closing(place, Some(instrument));
                }
            }
            ToLane::Finish(finish) => self.finishing = Some(finish),
        }
    }

    fn place(&self, key: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.key == key)
    }

    fn take_node(&mut self, id: NodeId, node: Node) {
        let place = id as usize;
        if place == self.nodes.len() && place < NODES_MAX {
            if let Some(table) = &mut self.table {
                table[place] = node.view;
            }
            self.nodes.push(node);
        } else if let Some(known) = self.nodes.get_mut(place) {
            let mut node = node;
            node.take_over(known);
            if let (NodeKind::Down, Some(table)) = (&node.kind, &mut self.table) {
                table[place] = InputView::default();
            }
            let old = std::mem::replace(known, node);
            self.reports.push(FromLane::Retired(Retired::Node(Box::new(old))));
        }
    }

    /// Seats a generation in a slot that has none.
    fn seat(&mut self, key: u32, mut body: Box<Body>, heard_seq: u64, restored: bool) {
        let digest = body.digest;
        let Some(place) = self.place(key) else {
            return self.refuse(key, Refusal::NoSlot, body);
        };
        body.guest.begin_event();
        if let Err(refusal) = self.catch_up(&mut body, heard_seq) {
            return self.refuse(key, refusal, body);
        }
        body.guest.set_now(self.now);
        // What the slot holds is the new generation's from here.
        self.end_closing(place);
        let slot = &mut self.slots[place];
        let Some(account) = &mut slot.account else { return };
        account.begin(self.now, self.seq, body.generation);
        if let Err(fault) = body.start(restored, false, &mut slot.account) {
            return self.refuse(key, Refusal::Failed(fault), body);
        }
        let generation = body.generation;
        slot.market_seq = self.seq;
        if let Some(old) = slot.seat(body) {
            self.reports.push(FromLane::Retired(Retired::Body(old)));
        }
        let accounts =
            Accounts { to: digest, generation, cut_seq: self.seq, ..Accounts::default() };
        self.reports.push(FromLane::Seated { key, accounts });
        self.pass_on_log(place);
    }

    /// Starts the shadow run of a candidate; one without a shadow run is cut over at once.
    fn offer(
        &mut self,
        key: u32,
        mut body: Box<Body>,
        (trial, carry): (Trial, bool),
        heard_seq: u64,
        warm_up_events: u64,
    ) {
        let digest = body.digest;
        let Some(place) = self.place(key) else {
            return self.refuse(key, Refusal::NoSlot, body);
        };
        if self.slots[place].live.is_none() {
            return self.seat(key, body, heard_seq, false);
        }
        body.guest.begin_event();
        if let Err(refusal) = self.catch_up(&mut body, heard_seq) {
            return self.refuse(key, refusal, body);
        }
        self.turn += 1;
        self.slots[place].begin_turn(self.turn);
        // A candidate before this one gives way, and a generation on probation has passed.
        if let Some(twin) = self.slots[place].twin.take() {
            if twin.kind == Twinned::Previous {
                let accounts = Accounts { verdict: Verdict::Kept, ..twin.accounts };
                self.reports.push(FromLane::Swapped(key, accounts));
            }
            self.reports.push(FromLane::Retired(Retired::Body(twin.body)));
        }
        let refusal = match self.slots[place].offer(body, trial, carry, warm_up_events) {
            Ok(()) if trial.shadow_events == 0 => return self.verdict(place),
            Ok(()) => return,
            Err(Offered::Refused(reason, body)) => (Refusal::State(reason), body),
            Err(Offered::NewFailed(fault, body)) => (Refusal::Failed(fault), body),
            Err(Offered::OldFailed(fault, body, dead)) => {
                self.tell_fault(place, Role::Live, fault, dead, Some(digest));
                return self.seat(key, body, 0, false);
            }
        };
        let (refusal, body) = refusal;
        self.refuse(key, refusal, body);
    }

    /// Hands a generation back that does not go live.
    pub(super) fn refuse(&mut self, key: u32, refusal: Refusal, mut body: Box<Body>) {
        body.guest.leave_lane();
        let digest = body.digest;
        self.reports.push(FromLane::Refused { key, digest, refusal, body: Some(body) });
    }

    /// Feeds it what came since it was warmed up. By its pace so far that must fit into the budget of
    /// one event, or it is done again where nobody waits.
    fn catch_up(&mut self, body: &mut Body, heard_seq: u64) -> Result<(), Refusal> {
        if heard_seq == 0 || heard_seq >= self.seq {
            return Ok(());
        }
        let behind = self.seq - heard_seq;
        let missed: Vec<Event> = match self.history.since(heard_seq) {
            Some(missed) if body.fuel_for(behind) <= body.guest.event_fuel() => {
                missed.copied().collect()
            }
            _ => return Err(Refusal::Behind(behind)),
        };
        body.catch_up(&missed, &mut self.batch).map_err(Refusal::Failed)?;
        Ok(())
    }

    /// The gauges of the live generation.
    fn show_metrics(&mut self, key: u32) {
        let Some(place) = self.place(key) else { return };
        let Some(live) = &self.slots[place].live else { return };
        let metrics = live.guest.metrics();
        if !metrics.is_empty() {
            self.reports.push_or_drop(FromLane::Metrics(key, metrics.to_vec()));
        }
    }

    fn roll_back(&mut self, key: u32) {
        let Some(place) = self.place(key) else { return };
        match self.slots[place].roll_back() {
            Some((gone, accounts)) => {
                self.reports.push(FromLane::Swapped(key, accounts));
                self.reports.push(FromLane::Retired(Retired::Body(gone)));
            }
            None => {
                let digest = self.slots[place].last_digest;
                let refusal = Refusal::NoSlot;
                self.reports.push(FromLane::Refused { key, digest, refusal, body: None });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_had_to_wait_goes_out_before_the_next_one() {
        let (ring, mut control) = rtrb::RingBuffer::new(2);
        let mut reports = Reports { ring, waiting: VecDeque::new() };
        (0..4).for_each(|key| reports.push(FromLane::Stopped(key)));
        let mut heard = Vec::new();
        let mut hear = |reports: &mut Reports, next| {
            while let Ok(FromLane::Stopped(key)) = control.pop() {
                heard.push(key);
            }
            reports.push(FromLane::Stopped(next));
            heard.clone()
        };
        assert_eq!(hear(&mut reports, 4), [0, 1]);
        // A lane that is never idle tells what waits all the same.
        assert_eq!(hear(&mut reports, 5), [0, 1, 2, 3]);
        assert_eq!(hear(&mut reports, 6), [0, 1, 2, 3, 4, 5]);
        assert!(reports.waiting.is_empty());
    }
}
