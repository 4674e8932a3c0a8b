//! The rings and channels between venues, feeds, desk, lanes and pump, made before anything runs.
//!
//! Comes in: the plan. Goes out: each one's end, the accounts that lanes share, then the running
//! threads. Deliberately absent: whatever goes through them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use semver::VersionReq;
use wickd_egress::limit::Limiter;
use wickd_model::{Event, InstrumentId, IntentId, PluginName};
use wickd_policy::acceptance::Accept;
use wickd_sandbox::Runtime;

use super::holdings::Fine;
use super::ids::ClientIds;
use super::{
    Connector, INPUTS_MAX, Input, News, NewsTap, Parts, Taken, VenuePlan, Wire, WireError,
};
use crate::accounts::SharedAccounts;
use crate::desk::Routes;
use crate::edges::Edges;
use crate::events::{Notice, Notices, StateEvent};
use crate::intake::Plugin;
use crate::lane::Waker;
use crate::orders::{Clearance, Passes};
use crate::plan::Plan;

/// Market events between venues, feeds and pump; when it is full the venues' sockets are read more
/// slowly, and feeds have their rounds later.
const MARKET_EVENTS_MAX: usize = 1 << 16;
/// Order news under way to one lane; when it is full the venue waits for the lane.
const NEWS_MAX: usize = 1 << 12;

/// How much nearer together two requests may arrive than they left.
pub(super) const SLACK_MS: u32 = 50;

/// The ends that are not handed out yet.
pub(crate) struct Wiring {
    venues: Vec<Made>,
    market_in: SyncSender<Event>,
    market: Option<Receiver<Event>>,
    /// Feeds publish as well.
    has_feeds: bool,
    live: Vec<bool>,
    accounts: SharedAccounts,
    clearances: Vec<Arc<Clearance>>,
}

struct Made {
    plan: VenuePlan,
    ear: SyncSender<Input>,
    inputs: Receiver<Input>,
    news: Vec<NewsTap>,
}

/// A venue that takes adapters.
pub(crate) struct Ear {
    /// Its name among all places, and whose bytes it takes.
    pub(crate) place: String,
    pub(crate) accept: Accept,
    pub(crate) name: String,
    /// Those whose orders leave for it.
    pub(crate) instruments: Vec<InstrumentId>,
    pub(crate) plugin: PluginName,
    pub(crate) range: VersionReq,
    employed: Option<Arc<Plugin>>,
    pub(crate) input: SyncSender<Input>,
}

impl Ear {
    /// Gives it its adapter, unless it has it.
    pub(crate) fn employ(&mut self, plugin: Option<Arc<Plugin>>) {
        let same = match (&plugin, &self.employed) {
            (Some(new), Some(old)) => new.is_same(old),
            (new, old) => new.is_none() && old.is_none(),
        };
        if !same {
            self.employed.clone_from(&plugin);
            // A venue that has ended needs no adapter.
            let _ = self.input.send(Input::Adapter(plugin));
        }
    }
}

/// What is needed to start.
pub(crate) struct Start<'s> {
    pub(crate) plan: &'s Plan,
    pub(crate) runtime: &'s Runtime,
    pub(crate) edges: &'s Edges,
    pub(crate) notices: &'s Notices,
    /// Which lane a slot is on.
    pub(crate) lanes: BTreeMap<u32, usize>,
    /// What stands in the client ids of this journal.
    pub(crate) ids: ClientIds,
    pub(crate) taken: Vec<Taken>,
    /// Names of slots, by number.
    pub(crate) slots: BTreeMap<u32, String>,
    /// The number of the slot that owns what no other owns.
    pub(crate) unassigned: u32,
    /// What the journal adds up to, by slot and instrument.
    pub(crate) owned: BTreeMap<(u32, InstrumentId), Fine>,
    /// The last number that each slot has ever given an order.
    pub(crate) last_intents: BTreeMap<u32, IntentId>,
}

impl Wiring {
    pub(crate) fn new(plan: &Plan) -> Self {
        let (market_in, market) = sync_channel(MARKET_EVENTS_MAX);
        let mut live = vec![false; plan.instruments.len()];
        let made = plan.venues.iter().map(|plan| {
            for id in plan.instruments.iter().filter(|_| plan.trade) {
                if let Some(live) = live.get_mut(*id as usize) {
                    *live = true;
                }
            }
            let (ear, inputs) = sync_channel(INPUTS_MAX);
            Made { plan: plan.clone(), ear, inputs, news: Vec::new() }
        });
        let venues = made.collect();
        let has_feeds = !plan.plugin_feeds.is_empty();
        let accounts = SharedAccounts::new(plan);
        let clearances: Vec<Arc<Clearance>> = live.iter().map(|_| Arc::default()).collect();
        // What is owned was not compared yet.
        let live_ones = clearances.iter().zip(&live).filter(|(_, live)| **live);
        live_ones.for_each(|(clearance, _)| clearance.set(Passes::Reducing));
        Self { venues, market_in, market: Some(market), has_feeds, live, accounts, clearances }
    }

    /// What lanes share besides.
    pub(crate) fn accounts(&self) -> &SharedAccounts {
        &self.accounts
    }

    /// By instrument: what its venue lets pass, for the gates.
    pub(crate) fn clearances(&self) -> &[Arc<Clearance>] {
        &self.clearances
    }

    /// By instrument: whether its orders go to a real venue.
    pub(crate) fn live(&self) -> &[bool] {
        &self.live
    }

    /// The market, where venues and feeds make it.
    pub(crate) fn market(&mut self) -> Option<Receiver<Event>> {
        let live = self.has_feeds || !self.venues.is_empty();
        self.market.take().filter(|_| live)
    }

    /// The feeds' end: into the same market.
    pub(crate) fn publishes(&self) -> SyncSender<Event> {
        self.market_in.clone()
    }

    /// The desk's end.
    pub(crate) fn routes(&self) -> Routes {
        let mut by_instrument = vec![None; self.live.len()];
        for (place, venue) in self.venues.iter().enumerate() {
            for id in venue.plan.instruments.iter().filter(|_| venue.plan.trade) {
                if let Some(route) = by_instrument.get_mut(*id as usize) {
                    *route = Some(place);
                }
            }
        }
        let venues = self.venues.iter().map(|venue| venue.ear.clone()).collect();
        Routes { venues, by_instrument }
    }

    /// The next lane's end.
    pub(crate) fn lane(&mut self, waker: &Waker) -> Vec<rtrb::Consumer<News>> {
        let end = |venue: &mut Made| {
            let (ring, heard) = rtrb::RingBuffer::new(NEWS_MAX);
            venue.news.push(NewsTap { ring, waker: waker.clone() });
            heard
        };
        self.venues.iter_mut().map(end).collect()
    }

    /// Control's end.
    pub(crate) fn ears(&self) -> Vec<Ear> {
        let ear = |venue: &Made| Ear {
            place: format!("venue/{}", venue.plan.name),
            accept: venue.plan.accept.clone(),
            employed: None,
            name: venue.plan.name.clone(),
            instruments: match venue.plan.trade {
                true => venue.plan.instruments.clone(),
                false => Vec::new(),
            },
            plugin: venue.plan.plugin.clone(),
            range: venue.plan.range.clone(),
            input: venue.ear.clone(),
        };
        self.venues.iter().map(ear).collect()
    }

    /// Starts the threads of every venue.
    ///
    /// # Errors
    /// The credentials cannot be read, or a thread does not start.
    pub(crate) fn start(self, start: Start<'_>) -> Result<Running, WireError> {
        let mut running = Running { ears: Vec::new(), threads: Vec::new() };
        let mut taken = start.taken;
        // One for the whole daemon: what two venues' adapters do from this machine counts together.
        let limiter = Arc::new(Limiter::new(SLACK_MS));
        let sole = sole(start.plan);
        for made in self.venues {
            let (mine, others) = taken
                .into_iter()
                .partition(|of| made.plan.instruments.contains(&of.order.request.instrument));
            taken = others;
            let (plan, ear) = (&made.plan, made.ear.clone());
            let wire = Wire::start(plan, &start.plan.credentials, ear, start.edges, &limiter)?;
            let parts = Parts {
                runtime: start.runtime.clone(),
                limits: start.plan.limits,
                instruments: start.plan.instruments.clone(),
                clock: start.edges.clock.clone(),
                notices: start.notices.clone(),
                inputs: made.inputs,
                wire: wire.orders,
                market: self.market_in.clone(),
                news: made.news,
                lanes: start.lanes.clone(),
                ids: start.ids.clone(),
                taken: mine,
                sole: sole.clone(),
                clearances: self.clearances.clone(),
                slots: start.slots.clone(),
                unassigned: start.unassigned,
                owned: start
                    .owned
                    .iter()
                    .filter(|((_, id), _)| made.plan.instruments.contains(id))
                    .map(|(of, amount)| (*of, *amount))
                    .collect(),
                last_intents: start.last_intents.clone(),
                random: Box::new(|| RandomState::new().build_hasher().finish()),
                plan: made.plan,
            };
            let name = format!("venue-{}", parts.plan.name);
            let connector = std::thread::Builder::new()
                .name(name)
                .spawn(move || Connector::new(parts).run())
                .map_err(WireError::Thread)?;
            running.ears.push(made.ear);
            running.threads.push(connector);
            running.threads.push(wire.thread);
        }
        if !taken.is_empty() {
            start.notices.publish(nowhere_to_ask(&taken, start.plan));
        }
        Ok(running)
    }
}

/// Orders that are open by the journal, at venues that no line of the configuration has.
fn nowhere_to_ask(taken: &[Taken], plan: &Plan) -> Notice {
    let of = |taken: &Taken| {
        let of = plan.instruments.get(taken.order.request.instrument as usize);
        of.map_or("?", |of| of.venue.as_str())
    };
    let venues: BTreeSet<&str> = taken.iter().map(of).collect();
    let venues: Vec<&str> = venues.into_iter().collect();
    let (orders, venues) = (taken.len(), venues.join(", "));
    Notice::of(StateEvent::OrdersUnasked { orders, venues })
}

/// By instrument: whether exactly one slot trades it.
fn sole(plan: &Plan) -> Vec<bool> {
    let mut slots = vec![0u32; plan.instruments.len()];
    for id in plan.slots.iter().flat_map(|slot| slot.instruments.iter().chain(&slot.holds)) {
        if let Some(count) = slots.get_mut(*id as usize) {
            *count += 1;
        }
    }
    slots.into_iter().map(|count| count == 1).collect()
}

/// The threads of all venues.
pub(crate) struct Running {
    ears: Vec<SyncSender<Input>>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Theirs, two of each.
    pub(crate) fn threads(&self) -> impl Iterator<Item = &JoinHandle<()>> {
        self.threads.iter()
    }

    /// Ends them; the last cancels go out first.
    pub(crate) fn end(self) {
        for ear in &self.ears {
            // One that has ended already needs no word.
            let _ = ear.send(Input::Stop);
        }
        for thread in self.threads {
            // A thread that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}
