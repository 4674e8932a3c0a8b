//! A lane without its thread, for benchmarks and for tests that count allocations.
//!
//! Comes in: an admitted strategy. Goes out: the very functions a lane runs, callable one by one.
//! Deliberately absent: anything the house does not do itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use wickd_egress::limit::Limiter;
use wickd_model::{
    ClientId, Digest, Event, Fault, Instrument, Kind, LossStops, Order, OrderEvent, OrderRequest,
    Quote, Reason, Risk, Side, Stamp, Status, Tif,
};
use wickd_sandbox::exchange::{Said, nouns};
use wickd_sandbox::{Batch, Runtime};
use wickd_store::Folder;

use crate::control::{Kitchen, Prepared};
use crate::desk::{Desk, Routes};
use crate::events::Subscription;
use crate::intake::Plugin;
use crate::io::FillEars;
use crate::lane::{
    Account, Body, FromLane, Gauge, Lane, LaneParts, OnFailure, SlotSetup, ToLane, Trial, Waker,
};
use crate::orders::{Joint, PaperConfig, PaperVenue};
use crate::plan::{Credentials, RestartPlan, SlotPlan};
use crate::venue::{Connector, Input, NewsTap, Parts, VenuePlan, Wire};

/// Reports the rig keeps for whoever drains them.
const REPORTS: usize = 1 << 16;

/// A lane on the caller's thread.
pub struct Rig {
    lane: Lane,
    reports: rtrb::Consumer<FromLane>,
    gauges: Vec<Arc<Gauge>>,
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
        holds: Vec::new(),
        retired: false,
        settings: Vec::new(),
        accept: Default::default(),
        limits: Default::default(),
        risk: Risk::default(),
        on_failure: OnFailure::Keep,
        restart: RestartPlan::default(),
        trial: Trial { shadow_events: 0, probation_events: 0, agree: false },
        state: Default::default(),
        snapshot_every_ms: u64::MAX,
        config: Digest([0; 32]),
    };
    let Prepared { body, .. } = kitchen.strategy(plugin, &plan, generation).ok()?;
    Some(Ready(body))
}

impl Rig {
    /// A lane with empty slots numbered from 1, its journal in `state`. They have loss stops that are
    /// far away, each alone and all together.
    pub fn new(state: &Path, instruments: &[Instrument], slots: u32) -> Option<Self> {
        Self::holding(state, instruments, slots, 0)
    }

    /// The same, where each slot holds so much of instrument 0.
    pub fn holding(
        state: &Path,
        instruments: &[Instrument],
        slots: u32,
        held: i64,
    ) -> Option<Self> {
        let far = Some(i64::MAX);
        let losses = LossStops { loss_max: far, drawdown_max: far, loss_day_max: far };
        let names = (1..=slots).map(|key| format!("slot-{key}").parse());
        let names = names.collect::<Result<_, _>>().ok()?;
        let joint = Arc::new(Joint::new("rig".to_owned(), losses, names));
        let folder = Folder::open(state).ok()?;
        let journal = Some(folder.journal().ok()?.into());
        let ledger = Some(folder.ledger().ok()?.into());
        let (desk, outboxes) =
            Desk::start(journal, ledger, 1, 1, Routes::default(), FillEars::default()).ok()?;
        let (_feed, feed) = rtrb::RingBuffer::new(16);
        let (_mail, mail) = rtrb::RingBuffer::new(16);
        let (reports_in, reports) = rtrb::RingBuffer::new(REPORTS);
        let mut lane = Lane::new(LaneParts {
            epoch: 0,
            feed,
            mail,
            reports: reports_in,
            outbox: outboxes.into_iter().next()?,
            venue: PaperVenue::new(PaperConfig::default(), instruments),
            waker: Waker::new(),
            news: Vec::new(),
            live: Vec::new(),
            accounts: vec![joint.clone()],
            start_seq: 0,
            start_ts: 0,
        });
        let mut gauges = Vec::new();
        for key in 1..=slots {
            let risk = Risk { losses, ..Risk::default() };
            let mut account = Account::new(key, instruments, risk, 16, 0);
            account.recover(&[], &[bought(key, held)], &[filled(key, held)], &[]);
            account.join(joint.clone(), key as usize - 1, |_| true);
            let gauge = Arc::new(Gauge::default());
            gauges.push(gauge.clone());
            let setup = SlotSetup {
                key,
                config: Digest([0; 32]),
                account: Box::new(account),
                gauge: gauge.clone(),
                on_failure: OnFailure::Keep,
            };
            lane.take(ToLane::Slot(Box::new(setup)));
        }
        Some(Self { lane, reports, gauges, _desk: desk, _folder: folder, _feed, _mail })
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
        let (body, carry) = (ready.0, true);
        self.lane.take(ToLane::Offer { key, body, trial, carry, heard_seq, warm_up_events });
    }

    /// The tick.
    #[inline]
    pub fn tick(&mut self, event: &Event) {
        self.lane.tick(event);
    }

    /// What slot `key` shows.
    pub fn gauge(&self, key: u32) -> &Gauge {
        &self.gauges[key as usize - 1]
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

/// An order of a slot from before.
fn bought(slot: u32, size: i64) -> Order {
    let request = OrderRequest {
        instrument: 0,
        side: Side::Buy,
        kind: Kind::Market,
        price: 0,
        size,
        tif: Tif::Ioc,
        post_only: false,
        reduce_only: false,
        tag: 0,
    };
    let id = ClientId { slot, intent: 1 };
    Order { id, request, ts_event: 0, seq: 0, generation: 1 }
}

/// Its fill, at a price of 1; nothing where `size` is 0.
fn filled(slot: u32, size: i64) -> OrderEvent {
    OrderEvent {
        id: ClientId { slot, intent: 1 },
        at: Stamp { instrument: 0, seq: 0, ts_event: 0, ts_init: 0 },
        side: Side::Buy,
        status: Status::Filled,
        reason: Reason::None,
        filled: size,
        remaining: 0,
        last_price: 1,
        last_size: size,
        fee: 0,
        trade_id: 1,
        fee_base: 0,
        reconciled: false,
    }
}

/// An adapter without its venue: frames in, a count of what it said out.
pub struct AdapterRig(crate::venue::Adapter);

impl AdapterRig {
    /// An instance of `plugin`, bound to instrument 0 under the venue's own name for it.
    pub fn new(
        runtime: &Runtime,
        plugin: &Arc<Plugin>,
        instrument: &Instrument,
        native: &str,
    ) -> Option<Self> {
        let limits = wickd_model::Limits::default().for_adapter();
        let (notices, _) = crate::events::Notices::channel();
        let mut adapter = crate::venue::Adapter::new(
            runtime.clone(),
            limits,
            Vec::new(),
            notices,
            "bench".to_owned(),
        );
        adapter.replace(plugin).ok()?;
        let market = crate::venue::market(instrument, native.to_owned(), "1".to_owned());
        adapter.bind(vec![market], 0)?;
        Some(Self(adapter))
    }

    /// Plans these channels and opens socket 0.
    pub fn open(&mut self, channels: &[nouns::Channel]) -> Option<()> {
        self.0.call(0, |guest| guest.plan(channels))?.ok()?;
        self.0.call(0, |guest| guest.on_open(0))
    }

    /// Lets it read a reply.
    pub fn parse(&mut self, operation: &nouns::Operation, response: &nouns::Response) -> bool {
        matches!(self.0.call(0, |guest| guest.parse(operation, response)), Some(Ok(_)))
    }

    /// Lets it read a frame; gives what it said.
    pub fn frame(&mut self, bytes: &[u8], now: u64) -> &[Said] {
        self.0.call(now, |guest| guest.on_frame(0, bytes, now));
        &self.0.said
    }
}

/// A venue's connector and wire, whose orders come from the caller instead of a desk.
pub struct VenueRig {
    ear: SyncSender<Input>,
    notices: Subscription,
    // The other ends must not look abandoned.
    _market: Receiver<Event>,
    _news: rtrb::Consumer<crate::venue::News>,
}

impl VenueRig {
    /// Starts both threads with this adapter.
    pub fn start(
        runtime: &Runtime,
        plan: VenuePlan,
        plugin: Arc<Plugin>,
        instrument: Instrument,
        credentials: &Credentials,
    ) -> Option<Self> {
        let (ear, inputs) = sync_channel(crate::venue::INPUTS_MAX);
        let (market, heard) = sync_channel(1 << 16);
        let (ring, news) = rtrb::RingBuffer::new(1 << 12);
        let (notices, said) = crate::events::Notices::channel();
        let edges = crate::edges::Edges::system();
        let limiter = Arc::new(Limiter::new(50));
        let wire = Wire::start(&plan, credentials, ear.clone(), &edges, &limiter).ok()?;
        let parts = Parts {
            plan,
            runtime: runtime.clone(),
            limits: wickd_model::Limits::default(),
            instruments: vec![instrument],
            clock: edges.clock,
            notices,
            inputs,
            wire: wire.orders,
            market,
            news: vec![NewsTap { ring, waker: Waker::new() }],
            lanes: [(1, 0)].into(),
            ids: crate::venue::ClientIds { house: 1, epoch: 1, earlier: Vec::new() },
            taken: Vec::new(),
            sole: vec![true],
            clearances: vec![Arc::default()],
            slots: [(1, "one".to_owned())].into(),
            unassigned: 2,
            owned: [].into(),
            last_intents: [].into(),
            random: Box::new(|| 0),
        };
        std::thread::spawn(move || Connector::new(parts).run());
        ear.send(Input::Adapter(Some(plugin))).ok()?;
        Some(Self { ear, notices: said, _market: heard, _news: news })
    }

    /// Waits for a notice with this code.
    pub fn wait(&self, code: &str) -> bool {
        self.notices.iter().any(|notice| notice.code == code)
    }

    /// What it has said since.
    pub fn said(&self) -> Vec<String> {
        self.notices.try_iter().map(|notice| notice.text.clone()).collect()
    }

    /// Hands an order over, as the desk does once its intent is durable.
    pub fn send(&self, order: Order) -> bool {
        self.ear.send(Input::Send(order)).is_ok()
    }
}
