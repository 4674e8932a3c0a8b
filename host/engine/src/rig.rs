//! A lane without its thread, for benchmarks and for tests that count allocations.
//!
//! Comes in: an admitted strategy. Goes out: the very functions a lane runs, callable one by one.
//! Deliberately absent: anything the house does not do itself.

use std::path::Path;

use wickd_model::{Digest, Event, Fault, Instrument, Quote, Risk};
use wickd_sandbox::{Batch, Runtime};
use wickd_store::Folder;

use crate::control::{Kitchen, Prepared};
use crate::desk::Desk;
use crate::intake::Plugin;
use crate::lane::{
    Account, Body, FromLane, Gauge, Lane, LaneParts, OnFailure, SlotSetup, ToLane, Trial, Waker,
};
use crate::orders::{PaperConfig, PaperVenue};
use crate::plan::{RestartPlan, SlotPlan};

/// Reports the rig keeps for whoever drains them.
const REPORTS: usize = 1 << 16;

/// A lane on the caller's thread.
pub struct Rig {
    lane: Lane,
    reports: rtrb::Consumer<FromLane>,
    _desk: Desk,
    _folder: Folder,
    // The lane's ends of these rings must not look abandoned.
    _feed: rtrb::Producer<Event>,
    _mail: rtrb::Producer<ToLane>,
}

/// A generation that has been prepared and not seated.
pub struct Ready(Box<Body>);

impl Ready {
    /// One call into the sandbox, armed with fuel and deadline, with no lane around it.
    #[inline]
    pub fn call(&mut self, quote: Quote) -> Result<(), Box<Fault>> {
        self.0.guest.on_quote(quote)
    }

    /// Past events in batches, as in a warm-up.
    pub fn catch_up(&mut self, events: &[Event], batch: &mut Batch) -> Result<u32, Box<Fault>> {
        self.0.catch_up(events, batch)
    }
}

/// Prepares a generation of `plugin` for instrument 0 of `instruments`.
pub fn prepare(
    runtime: &Runtime,
    plugin: &Plugin,
    instruments: &[Instrument],
    generation: u32,
) -> Option<Ready> {
    let limits = Default::default();
    let kitchen = Kitchen { runtime, instruments, limits };
    let plan = SlotPlan {
        name: "rig".parse().ok()?,
        plugin: plugin.manifest.name.clone(),
        range: semver::VersionReq::STAR,
        instruments: vec![0],
        settings: Vec::new(),
        limits: Default::default(),
        risk: Risk::default(),
        on_failure: OnFailure::Keep,
        restart: RestartPlan::default(),
        trial: Trial { shadow_events: 0, probation_events: 0, agree: false },
        snapshot_every_ms: u64::MAX,
        config: Digest([0; 32]),
    };
    let Prepared { body, .. } = kitchen.strategy(plugin, &plan, generation).ok()?;
    Some(Ready(body))
}

impl Rig {
    /// A lane with empty slots numbered from 1, its journal in `state`.
    pub fn new(state: &Path, instruments: &[Instrument], slots: u32) -> Option<Self> {
        let folder = Folder::open(state).ok()?;
        let journal = Some(folder.journal().ok()?.into());
        let ledger = Some(folder.ledger().ok()?.into());
        let (desk, outboxes) = Desk::start(journal, ledger, 1, 1).ok()?;
        let (_feed, feed) = rtrb::RingBuffer::new(16);
        let (_mail, mail) = rtrb::RingBuffer::new(16);
        let (reports_in, reports) = rtrb::RingBuffer::new(REPORTS);
        let mut lane = Lane::new(LaneParts {
            feed,
            mail,
            reports: reports_in,
            outbox: outboxes.into_iter().next()?,
            venue: PaperVenue::new(PaperConfig::default(), instruments),
            waker: Waker::new(),
            start_seq: 0,
            start_ts: 0,
        });
        for key in 1..=slots {
            let setup = SlotSetup {
                key,
                config: Digest([0; 32]),
                account: Box::new(Account::new(key, instruments, Risk::default(), 16, 0)),
                gauge: Gauge::default().into(),
                on_failure: OnFailure::Keep,
            };
            lane.take(ToLane::Slot(Box::new(setup)));
        }
        Some(Self { lane, reports, _desk: desk, _folder: folder, _feed, _mail })
    }

    /// Seats a generation in slot `key`.
    pub fn seat(&mut self, key: u32, ready: Ready) {
        let (heard_seq, restored) = (0, false);
        self.lane.take(ToLane::Seat { key, body: ready.0, heard_seq, restored });
    }

    /// Offers a generation to slot `key`: the cut comes after `shadow_events` events.
    pub fn offer(&mut self, key: u32, ready: Ready, shadow_events: u32, probation_events: u32) {
        let trial = Trial { shadow_events, probation_events, agree: false };
        let (heard_seq, warm_up_events) = (0, 0);
        let body = ready.0;
        self.lane.take(ToLane::Offer { key, body, trial, heard_seq, warm_up_events });
    }

    /// The tick.
    #[inline]
    pub fn tick(&mut self, event: &Event) {
        self.lane.tick(event);
    }

    /// Takes the reports and drops them; says how many swaps were among them.
    pub fn drain(&mut self) -> usize {
        let mut swaps = 0;
        while let Ok(report) = self.reports.pop() {
            swaps += usize::from(matches!(report, FromLane::Swapped(..)));
        }
        swaps
    }
}
