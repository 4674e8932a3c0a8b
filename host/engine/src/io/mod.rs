//! The I/O tier: utilities that hear what happens in the house and may call out.
//!
//! Comes in: notices, durable fills, closed bars, admitted plugins. Goes out: calls into guests, each
//! utility's on a thread of its own, and notices about what they were refused. Whoever says something
//! puts it into a bounded inbox and goes on; a utility that hangs, floods or dies has its own inbox
//! overrun and nothing else. Deliberately absent: lanes; none of them ever waits for this tier.

mod inbox;
mod told;
mod utility;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use semver::VersionReq;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use wickd_egress::tls::TlsError;
use wickd_model::{Digest, Fault, Instrument, Limits, PluginName, SlotName, Spec};
use wickd_policy::LimitsPatch;
use wickd_policy::net::Grants;
use wickd_policy::params::Setting;
use wickd_sandbox::io::{FeedGuest, Outside, UtilityGuest};
use wickd_sandbox::{Host, Loaded, Runtime};

use crate::clock::WallClock;
use crate::intake::Plugin;
use crate::notice::{Notice, Notices, Severity};
use crate::plan::{Plan, RestartPlan};

pub(crate) use inbox::{BarEars, FillEars, Inbox};
use told::Counts;
use utility::{Parts, Utility};

/// A utility as the operator configured it.
#[derive(Clone, Debug)]
pub struct UtilityPlan {
    /// Its name.
    pub name: SlotName,
    /// Its plugin.
    pub plugin: PluginName,
    /// Which versions of it.
    pub range: VersionReq,
    /// The plugin's parameters.
    pub settings: Vec<Setting>,
    /// Its own limits.
    pub limits: LimitsPatch,
    /// What it may reach, of what it requests.
    pub network: Grants,
    /// What it hears.
    pub hears: Hears,
    /// Events waiting for it; when there are more the oldest is dropped and counted.
    pub queue_max: usize,
    /// How often it is restarted.
    pub restart: RestartPlan,
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

/// The tier before its threads run.
pub(crate) struct Tier {
    inboxes: Vec<Arc<Inbox>>,
    slots: Arc<BTreeMap<u32, SlotName>>,
}

impl Tier {
    pub(crate) fn new(plan: &Plan, slots: BTreeMap<u32, SlotName>, clock: &WallClock) -> Self {
        let inbox = |plan: &UtilityPlan| Arc::new(Inbox::new(plan, clock.clone()));
        let inboxes = plan.utilities.iter().map(inbox).collect();
        Self { inboxes, slots: Arc::new(slots) }
    }

    pub(crate) fn notice_ears(&self) -> Vec<Arc<Inbox>> {
        let hears = |inbox: &&Arc<Inbox>| inbox.hears.notices.is_some();
        self.inboxes.iter().filter(hears).cloned().collect()
    }

    pub(crate) fn fill_ears(&self) -> FillEars {
        let hears = self.inboxes.iter().filter(|inbox| inbox.hears.fills).cloned();
        FillEars::new(hears.collect(), self.slots.clone())
    }

    pub(crate) fn bar_ears(&self, instruments: &[Instrument]) -> BarEars {
        BarEars::new(&self.inboxes, instruments)
    }

    /// Starts a thread for each.
    ///
    /// # Errors
    /// A thread does not start.
    pub(crate) fn start(
        self,
        plan: &Plan,
        runtime: &Runtime,
        clock: &WallClock,
        notices: &Notices,
    ) -> std::io::Result<(Running, Vec<Worker>)> {
        let mut running = Running { members: Vec::new() };
        let mut workers = Vec::new();
        for (plan_of, inbox) in plan.utilities.iter().zip(self.inboxes) {
            let (orders, heard) = unbounded_channel();
            let counts = Arc::new(Counts::default());
            let parts = Parts {
                plan: plan_of.clone(),
                limits: plan_of.limits.clone(),
                house: plan.limits,
                instruments: plan.instruments.clone(),
                runtime: runtime.clone(),
                clock: clock.clone(),
                notices: notices.clone(),
                inbox: inbox.clone(),
                counts: counts.clone(),
            };
            let own = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let thread = std::thread::Builder::new()
                .name(format!("io-{}", plan_of.name))
                .spawn(move || own.block_on(Utility::new(parts).run(heard)))?;
            workers.push(Worker::new(plan_of, orders.clone()));
            running.members.push(Member { plan: plan_of.clone(), orders, inbox, counts, thread });
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
    employed: Option<Digest>,
    orders: UnboundedSender<Do>,
}

impl Worker {
    fn new(plan: &UtilityPlan, orders: UnboundedSender<Do>) -> Self {
        let (name, plugin, range) = (plan.name.clone(), plan.plugin.clone(), plan.range.clone());
        Self { name, plugin, range, employed: None, orders }
    }

    /// Gives it its bytes, unless it has them.
    pub(crate) fn employ(&mut self, plugin: Option<Arc<Plugin>>) {
        let digest = plugin.as_ref().map(|plugin| plugin.digest);
        if digest != self.employed {
            self.employed = digest;
            // One whose thread has ended needs no bytes.
            let _ = self.orders.send(Do::Employ(plugin));
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.employed.is_none()
    }
}

struct Member {
    plan: UtilityPlan,
    orders: UnboundedSender<Do>,
    inbox: Arc<Inbox>,
    counts: Arc<Counts>,
    thread: JoinHandle<()>,
}

/// The running tier.
pub(crate) struct Running {
    members: Vec<Member>,
}

impl Running {
    /// Ends it: each may work through what waits for it, for a bounded time.
    pub(crate) fn end(self) -> Vec<UtilitySummary> {
        for member in &self.members {
            // One that has ended already needs no word.
            let _ = member.orders.send(Do::Stop);
        }
        self.members.into_iter().map(Member::end).collect()
    }
}

impl Member {
    fn end(self) -> UtilitySummary {
        // A thread that panicked has nothing left to say.
        let _ = self.thread.join();
        let counts = &self.counts;
        let standing = counts.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
        UtilitySummary {
            name: self.plan.name.to_string(),
            plugin: self.plan.plugin.to_string(),
            version: standing.version,
            digest: standing.digest,
            state: standing.state,
            heard: count(&counts.heard),
            dropped: self.inbox.dropped(),
            errors: count(&counts.errors),
            faults: count(&counts.faults),
            denied: count(&counts.denied),
            counted: count(&counts.counted),
            limited: count(&counts.limited),
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

/// Why nobody can call out at all.
fn no_trust(error: &TlsError) -> Notice {
    Notice::error("utility-failed", format!("no secure connection is possible: {error}"))
}
