//! What control says to a lane, and what a lane says back. Both ways are bounded rings; a lane takes
//! its mail only between two events.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use wickd_model::{Bar, Cash, Deny, Digest, Event, Fault, InstrumentId, TsNs};
use wickd_sandbox::LogLine;
use wickd_store::Beside;

use super::account::Account;
use super::body::Body;
use super::gauge::Gauge;
use super::node::{Node, NodeId};
use super::seat::InputView;
use super::share::Overuse;
use crate::orders::{AccountStop, Left, Reached};

/// What happens to a slot's open orders and positions when it has nobody to mind them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Orders rest, positions stay.
    Keep,
    /// Open orders are cancelled.
    #[default]
    Cancel,
    /// Open orders are cancelled and positions closed at market.
    Flatten,
}

/// How a candidate is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trial {
    /// Events it hears with its orders muted before it goes live.
    pub shadow_events: u32,
    /// Events the previous generation stays warm after.
    pub probation_events: u32,
    /// Only a candidate that decided the same may go live.
    pub agree: bool,
}

/// How a swap ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// In probation still.
    #[default]
    OnProbation,
    /// The new generation stays.
    Kept,
    /// The previous generation is back.
    RolledBack,
}

/// The published accounts of one swap.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Accounts {
    /// The bytes before; none for a first start.
    pub from: Option<Digest>,
    /// The bytes after.
    pub to: Digest,
    /// The new generation's number.
    pub generation: u32,
    /// Last market event before the shadow run.
    pub offered_seq: u64,
    /// Last market event the old generation handled for real. The new one has handled all after it.
    pub cut_seq: u64,
    /// Wall time between the old generation's last call and the new one's readiness.
    pub gap_ns: u64,
    /// State carried; none where the new generation was warmed up instead.
    pub state_bytes: Option<u64>,
    /// Past events it was warmed up with.
    pub warm_up_events: u64,
    /// Calls of the shadow run in which either decided something.
    pub shadow_compared: u64,
    /// Calls of the shadow run in which they decided differently.
    pub shadow_differed: u64,
    /// How it ended.
    pub verdict: Verdict,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            from: None,
            to: Digest([0; 32]),
            generation: 0,
            offered_seq: 0,
            cut_seq: 0,
            gap_ns: 0,
            state_bytes: None,
            warm_up_events: 0,
            shadow_compared: 0,
            shadow_differed: 0,
            verdict: Verdict::OnProbation,
        }
    }
}

/// A slot as control hands it to its lane.
pub struct SlotSetup {
    /// Number in the journal.
    pub key: u32,
    /// SHA-256 of its resolved configuration.
    pub config: Digest,
    /// Orders, positions, timers.
    pub account: Box<Account>,
    /// What it shows.
    pub gauge: Arc<Gauge>,
    /// What happens to its orders when it fails.
    pub on_failure: OnFailure,
}

/// How a lane comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finish {
    /// How long it may work through what is in its ring; without end where nobody waits.
    pub within: Option<Duration>,
    /// The next run goes on at the next event, so orders under way stay under way.
    pub resumes: bool,
}

/// Control to lane.
pub enum ToLane {
    /// A slot, empty still.
    Slot(Box<SlotSetup>),
    /// A shared input for place `NodeId`, new or in place of an older generation.
    Node(NodeId, Box<Node>),
    /// Bars of this instrument and this many seconds are wanted; the one in progress, if it is known.
    Bars(InstrumentId, u32, Option<Bar>),
    /// What the market did before this run, before its first event.
    Past(Vec<Event>),
    /// A generation for an empty slot: it has caught up to `heard_seq` and starts at once.
    Seat {
        /// Slot.
        key: u32,
        /// Generation.
        body: Box<Body>,
        /// Last market event it has heard in its warm-up; 0 for none.
        heard_seq: u64,
        /// Its state came from a snapshot.
        restored: bool,
    },
    /// A new generation for a slot that has one: shadow run, cut, probation.
    Offer {
        /// Slot.
        key: u32,
        /// Generation.
        body: Box<Body>,
        /// How it is tried.
        trial: Trial,
        /// Whether it takes over the state of the live one.
        carry: bool,
        /// Last market event it has heard in its warm-up; 0 where its state is to be carried.
        heard_seq: u64,
        /// Past events it was warmed up with.
        warm_up_events: u64,
    },
    /// Take a snapshot.
    Save(u32),
    /// Report the gauges of a slot's guest.
    Metrics(u32),
    /// Return to the previous generation while it is warm.
    RollBack(u32),
    /// Stop the slot's generation gracefully and act on its orders.
    Stop(u32),
    /// Take back the slot's orders of an instrument, then close what it holds of it.
    Close {
        /// Slot.
        key: u32,
        /// Which.
        instrument: InstrumentId,
    },
    /// Copy the last events into this buffer, as many as it has room for.
    History(Vec<Event>),
    /// Stop all slots, flush, end.
    Finish(Finish),
}

/// Whose failure it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The one that traded.
    Live,
    /// A new one in its shadow run.
    Candidate,
    /// The old one in the probation of the new one.
    Previous,
}

/// A saved state.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The bytes that saved it.
    pub digest: Digest,
    /// Their version.
    pub version: Arc<str>,
    /// The plugin's own version of its state.
    pub state_version: u32,
    /// The instance's count of events.
    pub seq: u64,
    /// Last market event in it.
    pub market_seq: u64,
    /// Last intent.
    pub intents: u64,
    /// The state; nothing where the plugin keeps none.
    pub bytes: Vec<u8>,
    /// What the slot needs beside it, by name.
    pub beside: Beside,
}

/// What a slot needs beside its plugin's state, as its lane knows it.
#[derive(Clone, Debug, Default)]
pub struct SavedBeside {
    /// Timers that are set.
    pub timers: Vec<(TsNs, u32)>,
    /// The inputs it reads, and those that they read.
    pub inputs: Vec<SavedInput>,
    /// Bars in progress that it or they wait for.
    pub bars: Vec<Bar>,
}

/// A shared input as it stands.
#[derive(Clone, Debug)]
pub struct SavedInput {
    /// Its place.
    pub node: NodeId,
    /// The plugin's own version of its state; 0 where it keeps none.
    pub state_version: u32,
    /// The instance's count of events.
    pub seq: u64,
    /// What its readers see.
    pub(crate) view: InputView,
    /// The state.
    pub bytes: Vec<u8>,
}

/// Why a candidate did not go live.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// It refused the old state.
    State(String),
    /// It failed.
    Failed(Box<Fault>),
    /// It decided differently where agreement is asked for.
    Differs {
        /// Calls with a decision.
        compared: u64,
        /// Calls with different ones.
        differed: u64,
    },
    /// It lags behind by more events than the lane keeps.
    Behind(u64),
    /// There is no slot for it.
    NoSlot,
}

/// A slot has come to another day of event time.
#[derive(Clone, Copy, Debug)]
pub struct DayBegan {
    /// Slot.
    pub key: u32,
    /// Days since 1970.
    pub day: u64,
    /// One of its instruments.
    pub instrument: InstrumentId,
    /// What it had earned with that.
    pub worth: Cash,
}

/// Lane to control.
pub enum FromLane {
    /// A generation failed.
    Fault {
        /// Slot.
        key: u32,
        /// Whose.
        role: Role,
        /// What.
        fault: Box<Fault>,
        /// Its bytes.
        digest: Digest,
        /// The bytes of the twin that went live at the same event.
        took_over: Option<Digest>,
        /// Market event it failed at.
        market_seq: u64,
    },
    /// A shared input failed.
    NodeFault {
        /// Its place.
        node: NodeId,
        /// What.
        fault: Box<Fault>,
    },
    /// A slot has used more than its share of the lane.
    Overused {
        /// Slot.
        key: u32,
        /// How much, and what followed.
        over: Overuse,
    },
    /// A snapshot.
    Saved(u32, Box<Saved>, Box<SavedBeside>),
    /// A generation was seated in an empty slot.
    Seated {
        /// Slot.
        key: u32,
        /// Its accounts: no gap, for there was nobody.
        accounts: Accounts,
    },
    /// A swap's cut was made, or its verdict has come.
    Swapped(u32, Accounts),
    /// A candidate did not go live; the old generation does.
    Refused {
        /// Slot.
        key: u32,
        /// Its bytes.
        digest: Digest,
        /// Why.
        refusal: Refusal,
        /// Handed back where another try can use it.
        body: Option<Box<Body>>,
    },
    /// A slot's orders rest at venues as the run ends.
    LeftOpen {
        /// Slot.
        key: u32,
        /// How many.
        open: usize,
        /// Its policy keeps them; otherwise they could not be taken back in time.
        keeps: bool,
    },
    /// A slot reached a loss stop of its own; what would have increased its positions was taken back.
    SlotStop(u32, Reached),
    /// An account did, and its slots on this lane have been dealt with likewise.
    AccountStop(Box<AccountStop>),
    /// The host has closed what a slot held, but for what is left.
    Closed(u32, Vec<Left>),
    /// Slots have come to another day of event time.
    DayBegan(Vec<DayBegan>),
    /// A slot's generation has ended gracefully.
    Stopped(u32),
    /// Something to be dropped away from the tick thread.
    Retired(Retired),
    /// What a slot's guest logged, and how many lines it has dropped.
    Log(u32, Vec<LogLine>, u64),
    /// What a shared input logged, likewise.
    NodeLog(NodeId, Vec<LogLine>, u64),
    /// The gauges a slot's guest has set.
    Metrics(u32, Vec<(String, f64)>),
    /// Refusals of the gate that are worth telling: each code's count so far.
    Denied(u32, Vec<(Deny, u64)>),
    /// The answer to `History`, and the last market event in it.
    History(Vec<Event>, u64),
    /// So many events were left in the ring when the time was up.
    CutShort(u64),
    /// Everything is stopped and flushed.
    Finished,
}

/// What unmapping memory makes too dear for the tick thread.
pub enum Retired {
    /// A generation.
    Body(Box<Body>),
    /// A shared input.
    Node(Box<Node>),
}
