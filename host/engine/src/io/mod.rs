//! The I/O tier: utilities that hear what happens in the house and may call out, feeds that bring
//! market data from outside.
//!
//! Comes in: notices, durable fills, closed bars, admitted plugins. Goes out: calls into guests, each
//! on a thread of its own, what feeds gave, and notices about what was refused. Whoever says something
//! puts it into a bounded inbox and goes on; a utility that hangs, floods or dies has its own inbox
//! overrun and nothing else, and a feed that does is a feed that is down. Deliberately absent: lanes;
//! none of them ever waits for this tier.

mod feed;
mod inbox;
mod keeper;
mod outlet;
mod told;
mod utility;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use semver::VersionReq;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wickd_egress::tls::TlsError;
use wickd_model::{
    Digest, Entry, Event, Fault, Instrument, InstrumentId, Limits, PluginName, SlotName, Spec,
};
use wickd_policy::LimitsPatch;
use wickd_policy::acceptance::Accept;
use wickd_policy::net::Grants;
use wickd_policy::params::Setting;
use wickd_sandbox::io::{FeedGuest, Outside, UtilityGuest};
use wickd_sandbox::{Host, Loaded, Runtime};

use crate::edges::Edges;
use crate::events::{Notice, Notices, Severity, SlotEvent, Subscriber};
use crate::intake::Plugin;
use crate::plan::{Plan, RestartPlan};
use crate::tryout::Said;

use feed::Feed;
pub(crate) use inbox::{BarEars, FillEars, Inbox};
use keeper::Parts;
use outlet::Outlet;
use told::Counts;
use utility::Utility;

/// What the operator says of any plugin of this tier.
#[derive(Clone, Debug)]
pub struct Post {
    /// Its name.
    pub name: SlotName,
    /// Its plugin.
    pub plugin: PluginName,
    /// Which versions of it.
    pub range: VersionReq,
    /// The plugin's parameters.
    pub settings: Vec<Setting>,
    /// Whose bytes it takes.
    pub accept: Accept,
    /// Its own limits.
    pub limits: LimitsPatch,
    /// What it may reach, of what it requests.
    pub network: Grants,
    /// How often it is restarted.
    pub restart: RestartPlan,
}

/// A feed whose data a plugin brings.
#[derive(Clone, Debug)]
pub struct PluginFeedPlan {
    /// Its plugin.
    pub post: Post,
    /// What it gives data for; nobody else does.
    pub instruments: Vec<InstrumentId>,
    /// Silence, in milliseconds, after which an instrument of it is stale.
    pub stale_after_ms: u64,
}

/// A utility as the operator configured it.
#[derive(Clone, Debug)]
pub struct UtilityPlan {
    /// Its plugin.
    pub post: Post,
    /// What it hears.
    pub hears: Hears,
    /// Events waiting for it; when there are more the oldest is dropped and counted.
    pub queue_max: usize,
}

/// What a utility hears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hears {
    /// Notices of this severity and above.
    pub notices: Option<Severity>,
    /// Fills, once they are durable.
    pub fills: bool,
    /// Bars of these lengths in seconds, of every instrument.
    pub bars: Vec<u32>,
}

/// How a utility ended.
#[derive(Clone, Debug, Serialize)]
pub struct UtilitySummary {
    /// Its name.
    pub name: String,
    /// Its plugin's name.
    pub plugin: String,
    /// The version that ran last.
    pub version: String,
    /// Its bytes.
    pub digest: Option<Digest>,
    /// `waiting`, `live`, `backoff` or `quarantined`.
    pub state: &'static str,
    /// Events it was called with.
    pub heard: u64,
    /// Events dropped because its inbox was full, or because nobody was there at the end.
    pub dropped: u64,
    /// Events it answered with an error.
    pub errors: u64,
    /// Calls that failed.
    pub faults: u64,
    /// Attempts outside that were denied.
    pub denied: u64,
    /// Attempts that were not granted and passed, because denials are only counted.
    pub counted: u64,
    /// Attempts that met a bound.
    pub limited: u64,
}

/// How a feed ended.
#[derive(Clone, Debug, Serialize)]
pub struct FeedSummary {
    /// Its name.
    pub name: String,
    /// Its plugin's name.
    pub plugin: String,
    /// The version that ran last.
    pub version: String,
    /// Its bytes.
    pub digest: Option<Digest>,
    /// `waiting`, `live`, `backoff` or `quarantined`.
    pub state: &'static str,
    /// Rounds it was called for.
    pub rounds: u64,
    /// Events it gave that went on to the lanes.
    pub given: u64,
    /// Events it gave that are no market data of its own, or beyond a round's share.
    pub refused: u64,
    /// Rounds that ended with an error.
    pub errors: u64,
    /// Calls that failed.
    pub faults: u64,
    /// Attempts outside that were denied.
    pub denied: u64,
    /// Attempts that were not granted and passed, because denials are only counted.
    pub counted: u64,
    /// Attempts that met a bound.
    pub limited: u64,
}

/// The tier before its threads run.
pub(crate) struct Tier {
    inboxes: Vec<Arc<Inbox>>,
    slots: Arc<BTreeMap<u32, SlotName>>,
}

impl Tier {
    pub(crate) fn new(plan: &Plan, slots: BTreeMap<u32, SlotName>) -> Self {
        let inbox = |plan: &UtilityPlan| Arc::new(Inbox::new(plan));
        let inboxes = plan.utilities.iter().map(inbox).collect();
        Self { inboxes, slots: Arc::new(slots) }
    }

    /// Those that receive notices.
    pub(crate) fn subscribers(&self) -> impl Iterator<Item = Arc<dyn Subscriber>> {
        let receives = |inbox: &&Arc<Inbox>| inbox.hears.notices.is_some();
        self.inboxes.iter().filter(receives).map(|inbox| inbox.clone() as Arc<dyn Subscriber>)
    }

    pub(crate) fn fill_ears(&self) -> FillEars {
        let hears = self.inboxes.iter().filter(|inbox| inbox.hears.fills).cloned();
        FillEars::new(hears.collect(), self.slots.clone())
    }

    pub(crate) fn bar_ears(&self, instruments: &[Instrument]) -> BarEars {
        BarEars::new(&self.inboxes, instruments)
    }

    /// Starts a thread for each. Feeds publish into `market`.
    ///
    /// # Errors
    /// A thread does not start.
    pub(crate) fn start(
        self,
        plan: &Plan,
        market: SyncSender<Event>,
        runtime: &Runtime,
        edges: &Edges,
        notices: &Notices,
    ) -> std::io::Result<(Running, Vec<Worker>)> {
        let mut running = Running { utilities: Vec::new(), feeds: Vec::new() };
        let mut workers = Vec::new();
        let parts = |post: &Post, instruments, counts: &Arc<Counts>| Parts {
            post: post.clone(),
            house: plan.limits,
            instruments,
            runtime: runtime.clone(),
            edges: edges.clone(),
            notices: notices.clone(),
            counts: counts.clone(),
        };
        for (of, inbox) in plan.utilities.iter().zip(self.inboxes) {
            let counts = Arc::new(Counts::default());
            let (parts, own) = (parts(&of.post, plan.instruments.clone(), &counts), inbox.clone());
            let run = async move |orders| Utility::new(parts, own).run(orders).await;
            let (member, worker) = Member::start("utility", &of.post, counts, run)?;
            workers.push(worker);
            running.utilities.push((member, inbox));
        }
        for of in &plan.plugin_feeds {
            let counts = Arc::new(Counts::default());
            let named = |id: &InstrumentId| plan.instruments.get(*id as usize).cloned();
            let instruments: Vec<_> = of.instruments.iter().filter_map(named).collect();
            let (market, notices) = (market.clone(), notices.clone());
            let outlet = Outlet::new(of, &instruments, market, counts.clone(), notices);
            let parts = parts(&of.post, instruments, &counts);
            let run = async move |orders| Feed::new(parts, outlet, orders).run().await;
            let (member, worker) = Member::start("feed", &of.post, counts, run)?;
            workers.push(worker);
            running.feeds.push(member);
        }
        Ok((running, workers))
    }
}

/// What a utility's thread is told.
pub(crate) enum Do {
    /// These are its bytes now; none where no file is left.
    Employ(Option<Arc<Plugin>>),
    /// The end.
    Stop,
}

/// One of the tier, as control sees it.
pub(crate) struct Worker {
    pub(crate) name: SlotName,
    pub(crate) plugin: PluginName,
    pub(crate) range: VersionReq,
    /// Its name among all places, and whose bytes it takes.
    pub(crate) place: String,
    pub(crate) accept: Accept,
    employed: Option<Arc<Plugin>>,
    orders: UnboundedSender<Do>,
}

impl Worker {
    fn new(kind: &str, post: &Post, orders: UnboundedSender<Do>) -> Self {
        let (name, plugin, range) = (post.name.clone(), post.plugin.clone(), post.range.clone());
        let (place, accept) = (format!("{kind}/{name}"), post.accept.clone());
        Self { name, plugin, range, place, accept, employed: None, orders }
    }

    /// Gives it its bytes, unless it has them.
    pub(crate) fn employ(&mut self, plugin: Option<Arc<Plugin>>) {
        let same = match (&plugin, &self.employed) {
            (Some(new), Some(old)) => new.is_same(old),
            (new, old) => new.is_none() && old.is_none(),
        };
        if !same {
            self.employed.clone_from(&plugin);
            // One whose thread has ended needs no bytes.
            let _ = self.orders.send(Do::Employ(plugin));
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.employed.is_none()
    }
}

/// One thread of the tier.
struct Member {
    post: Post,
    orders: UnboundedSender<Do>,
    counts: Arc<Counts>,
    thread: JoinHandle<()>,
}

/// The running tier.
pub(crate) struct Running {
    utilities: Vec<(Member, Arc<Inbox>)>,
    feeds: Vec<Member>,
}

impl Running {
    /// One of each feed and each utility.
    pub(crate) fn threads(&self) -> impl Iterator<Item = &JoinHandle<()>> {
        let utilities = self.utilities.iter().map(|(member, _)| member);
        self.feeds.iter().chain(utilities).map(|member| &member.thread)
    }

    /// Ends it: each utility may work through what waits for it, for a bounded time.
    pub(crate) fn end(self) -> (Vec<FeedSummary>, Vec<UtilitySummary>) {
        for member in self.feeds.iter().chain(self.utilities.iter().map(|(member, _)| member)) {
            // One that has ended already needs no word.
            let _ = member.orders.send(Do::Stop);
        }
        // First those that say something, so that their last words are heard.
        let feeds = self.feeds.into_iter().map(Member::end_feed).collect();
        let utility = |(member, inbox): (Member, Arc<Inbox>)| member.end_utility(&inbox);
        (feeds, self.utilities.into_iter().map(utility).collect())
    }
}

impl Member {
    /// Starts a thread that runs `run` until it is told to stop.
    fn start(
        kind: &str,
        post: &Post,
        counts: Arc<Counts>,
        run: impl AsyncFnOnce(UnboundedReceiver<Do>) + Send + 'static,
    ) -> std::io::Result<(Self, Worker)> {
        let (orders, heard) = unbounded_channel();
        let own = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name(format!("io-{}", post.name))
            .spawn(move || own.block_on(run(heard)))?;
        let worker = Worker::new(kind, post, orders.clone());
        Ok((Self { post: post.clone(), orders, counts, thread }, worker))
    }

    fn end_utility(self, inbox: &Inbox) -> UtilitySummary {
        // A thread that panicked has nothing left to say.
        let _ = self.thread.join();
        let (counts, standing) = (&self.counts, self.counts.standing());
        UtilitySummary {
            name: self.post.name.to_string(),
            plugin: self.post.plugin.to_string(),
            version: standing.version,
            digest: standing.digest,
            state: standing.state,
            heard: Counts::get(&counts.heard),
            dropped: inbox.dropped(),
            errors: Counts::get(&counts.errors),
            faults: Counts::get(&counts.faults),
            denied: Counts::get(&counts.denied),
            counted: Counts::get(&counts.counted),
            limited: Counts::get(&counts.limited),
        }
    }

    fn end_feed(self) -> FeedSummary {
        // A thread that panicked has nothing left to say.
        let _ = self.thread.join();
        let (counts, standing) = (&self.counts, self.counts.standing());
        FeedSummary {
            name: self.post.name.to_string(),
            plugin: self.post.plugin.to_string(),
            version: standing.version,
            digest: standing.digest,
            state: standing.state,
            rounds: Counts::get(&counts.rounds),
            given: Counts::get(&counts.given),
            refused: Counts::get(&counts.refused),
            errors: Counts::get(&counts.errors),
            faults: Counts::get(&counts.faults),
            denied: Counts::get(&counts.denied),
            counted: Counts::get(&counts.counted),
            limited: Counts::get(&counts.limited),
        }
    }
}

/// Asks a plugin of this tier for its parameters, with every way out shut. `None` where it is of
/// another.
///
/// # Errors
/// No thread of execution for it.
pub(crate) fn schema<H: Host>(
    runtime: &Runtime,
    loaded: &Loaded<H>,
    limits: &Limits,
    plugin: &PluginName,
) -> std::io::Result<Option<Result<Vec<Spec>, Box<Fault>>>> {
    let shut = Outside::shut(plugin.clone());
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(own.block_on(async {
        if let Some(made) = UtilityGuest::new(runtime, loaded, shut.clone(), limits).await {
            return Some(match made {
                Ok(mut guest) => guest.schema().await,
                Err(fault) => Err(fault),
            });
        }
        Some(match FeedGuest::new(runtime, loaded, shut, limits).await? {
            Ok(mut guest) => guest.schema().await,
            Err(fault) => Err(fault),
        })
    }))
}

/// Makes an instance of a plugin of this tier and configures it, with every way out shut. `None` where
/// it is of another.
///
/// # Errors
/// No thread of execution for it.
pub(crate) fn configured<H: Host>(
    runtime: &Runtime,
    loaded: &Loaded<H>,
    limits: &Limits,
    plugin: &PluginName,
    config: &[Entry],
    instruments: &[Instrument],
) -> std::io::Result<Option<Said>> {
    let shut = Outside::shut(plugin.clone());
    let own = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(own.block_on(async {
        if let Some(made) = UtilityGuest::new(runtime, loaded, shut.clone(), limits).await {
            return Some(match made {
                Ok(mut guest) => guest.init(config, instruments).await,
                Err(fault) => Err(fault),
            });
        }
        Some(match FeedGuest::new(runtime, loaded, shut, limits).await? {
            Ok(mut guest) => guest.init(config, instruments).await,
            Err(fault) => Err(fault),
        })
    }))
}

/// Why nobody can call out at all.
fn no_trust(error: &TlsError) -> Notice {
    let why = format!("no secure connection is possible: {error}");
    Notice::of(SlotEvent::IoRefused { why, fix: "check the system's certificates".to_owned() })
}
