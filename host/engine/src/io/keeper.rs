//! What a utility and a feed have in common: the bytes in place, the live instance, restarts, and the
//! change from one build to the next.
//!
//! Comes in: bytes to run, faults. Goes out: an instance that was configured, notices. The old instance
//! ends, then the new one begins; this tier trades nothing, so nothing is carried over. Deliberately
//! absent: when the instance is called, and with what.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wickd_egress::tls::Tls;
use wickd_model::{Digest, Entry, Fault, FaultKind, Instrument, Issue, Limits, TsNs};
use wickd_policy::net::{Enforcement, Rights};
use wickd_sandbox::io::{FeedGuest, NewNames, Outside, UtilityGuest};
use wickd_sandbox::{Host, Loaded, LogLine, Runtime};

use super::told::{self, Counts};
use super::{Post, no_trust};
use crate::control::{Sentence, Supervision};
use crate::edges::Edges;
use crate::events::{self, Detail, Event, Installed, Notice, Notices, SlotEvent};
use crate::intake::Plugin;

/// An instance of either kind.
pub(crate) trait Guest: Sized {
    /// The world's own word.
    const KIND: &'static str;
    /// What it does once it is there.
    const DOES: &'static str;

    async fn make<H: Host>(
        runtime: &Runtime,
        loaded: &Loaded<H>,
        outside: Arc<Outside>,
        limits: &Limits,
    ) -> Option<Result<Self, Box<Fault>>>;

    async fn configure(
        &mut self,
        config: &[Entry],
        instruments: &[Instrument],
    ) -> Result<Result<(), Vec<Issue>>, Box<Fault>>;

    fn set_now(&mut self, now: TsNs);

    fn take_log(&mut self) -> (Vec<LogLine>, u64);
}

macro_rules! guest {
    ($guest:ident, $kind:literal, $does:literal) => {
        impl Guest for $guest {
            const KIND: &'static str = $kind;
            const DOES: &'static str = $does;

            async fn make<H: Host>(
                runtime: &Runtime,
                loaded: &Loaded<H>,
                outside: Arc<Outside>,
                limits: &Limits,
            ) -> Option<Result<Self, Box<Fault>>> {
                Self::new(runtime, loaded, outside, limits).await
            }

            async fn configure(
                &mut self,
                config: &[Entry],
                instruments: &[Instrument],
            ) -> Result<Result<(), Vec<Issue>>, Box<Fault>> {
                self.init(config, instruments).await
            }

            fn set_now(&mut self, now: TsNs) {
                Self::set_now(self, now);
            }

            fn take_log(&mut self) -> (Vec<LogLine>, u64) {
                Self::take_log(self)
            }
        }
    };
}

guest!(UtilityGuest, "utility", "it listens");
guest!(FeedGuest, "feed", "it is asked for data");

/// Whatever it takes to run one.
pub(crate) struct Parts {
    pub(crate) post: Post,
    pub(crate) house: Limits,
    /// Those it is told of.
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) runtime: Runtime,
    pub(crate) edges: Edges,
    pub(crate) notices: Notices,
    pub(crate) counts: Arc<Counts>,
}

/// One post, and who holds it.
pub(crate) struct Keeper<G> {
    pub(crate) parts: Parts,
    pub(crate) plugin: Option<Arc<Plugin>>,
    pub(crate) live: Option<G>,
    quarantined: Option<Digest>,
    supervision: Supervision,
    /// When a failed one starts again.
    due: Option<Instant>,
    /// Errors the live one has answered with.
    pub(crate) errors: u64,
    log_dropped: u64,
    /// Names it has made up today: of all its instances, or a failure would renew them.
    new_names: Arc<NewNames>,
}

impl<G: Guest> Keeper<G> {
    pub(crate) fn new(parts: Parts) -> Self {
        let supervision = Supervision::new(parts.post.restart, parts.edges.clock.now_ns());
        parts.counts.stand("waiting");
        Self {
            parts,
            plugin: None,
            live: None,
            quarantined: None,
            supervision,
            due: None,
            errors: 0,
            log_dropped: 0,
            new_names: Arc::default(),
        }
    }

    /// When [`Self::start`] is to be called.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Other bytes, or none any more. True where a fresh instance was tried.
    pub(crate) async fn employ(&mut self, plugin: Option<Arc<Plugin>>) -> bool {
        let name = &self.parts.post.name;
        let Some(plugin) = plugin else {
            (self.live, self.due) = (None, None);
            match self.plugin.take() {
                Some(old) => {
                    let notice = Notice::of(SlotEvent::Stopped {}).slot(name);
                    self.parts.notices.publish(notice.plugin(old.label(), old.digest));
                    self.parts.counts.stand("stopped");
                }
                None => self.parts.counts.stand("waiting"),
            }
            return false;
        };
        let lacking = plugin.manifest.network.lacked_by(&self.parts.post.network);
        let enforced = self.parts.post.network.enforcement == Enforcement::Enforce;
        let held = self.live.is_some() && enforced && !lacking.is_empty();
        if !lacking.is_empty() {
            let event = SlotEvent::NetworkLacking {
                plugin: plugin.label(),
                held,
                lacking: lacking.join(" "),
                post: name.to_string(),
            };
            let notice = Notice::of(event).slot(name);
            self.parts.notices.publish(notice.plugin(plugin.label(), plugin.digest));
        }
        if held || self.quarantined == Some(plugin.digest) {
            return false;
        }
        self.plugin = Some(plugin);
        self.supervision.forget();
        self.start().await;
        true
    }

    /// Makes a fresh instance of the bytes in place.
    pub(crate) async fn start(&mut self) {
        (self.live, self.due) = (None, None);
        (self.errors, self.log_dropped) = (0, 0);
        let Some(plugin) = self.plugin.clone() else { return };
        let counts = &self.parts.counts;
        counts.runs(plugin.manifest.version.to_string(), plugin.digest);
        match self.make(&plugin).await {
            Ok(Ok(guest)) => {
                self.live = Some(guest);
                counts.stand("live");
                let event = SlotEvent::Seated { installed: Installed::Io(G::DOES) };
                let notice = Notice::of(event).slot(&self.parts.post.name);
                self.parts.notices.publish(notice.plugin(plugin.label(), plugin.digest));
            }
            Ok(Err(notice)) => {
                counts.stand("refused");
                let notice = notice.slot(&self.parts.post.name);
                self.parts.notices.publish(notice.plugin(plugin.label(), plugin.digest));
            }
            Err(fault) => self.failed(fault),
        }
    }

    /// A fresh instance that has been configured; `Ok(Err)` says why there can be none.
    async fn make(&self, plugin: &Arc<Plugin>) -> Result<Result<G, Notice>, Box<Fault>> {
        let Parts { post, runtime, notices, counts, .. } = &self.parts;
        let tls = match Tls::new(&[]) {
            Ok(tls) => tls,
            Err(error) => return Ok(Err(no_trust(&error))),
        };
        let config = match plugin.schema.resolve(&post.settings) {
            Ok(config) => config,
            Err(problems) => {
                let why = "its parameters do not fit".to_owned();
                let notice = Notice::of(SlotEvent::ConfigRefused { why });
                return Ok(Err(notice.detail(Detail::Config(problems))));
            }
        };
        let rights = Rights::new(
            plugin.manifest.name.clone(),
            &plugin.manifest.network,
            post.network.clone(),
        );
        let label = (plugin.label(), plugin.digest);
        let ear = told::ear(post.name.clone(), label, counts.clone(), notices.clone());
        let limits = plugin.limits(post.limits.over(self.parts.house.for_io()));
        let new_names = (self.new_names.clone(), limits.new_names_per_day);
        let outside = Outside::new(rights, new_names, self.parts.edges.names.clone(), tls, ear);
        let Some(made) = G::make(runtime, &plugin.loaded, outside, &limits).await else {
            let (world, kind) = (plugin.manifest.world.name(), G::KIND);
            let why = format!("it is a {world} plugin, no {kind}");
            let event = SlotEvent::IoRefused { why, fix: format!("name a {kind}") };
            return Ok(Err(Notice::of(event)));
        };
        let mut guest = made?;
        guest.set_now(self.parts.edges.clock.now_ns());
        match guest.configure(&config, &self.parts.instruments).await? {
            Ok(()) => Ok(Ok(guest)),
            Err(issues) => {
                let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
                let why = format!("it refuses its configuration: {}", issues.join("; "));
                Ok(Err(Notice::of(SlotEvent::ConfigRefused { why })))
            }
        }
    }

    /// Tells what the live one has logged.
    pub(crate) fn say_log(&mut self) {
        let Some(guest) = &mut self.live else { return };
        let (lines, dropped) = guest.take_log();
        for line in lines {
            let notice = Notice::of(Event::log(line));
            self.parts.notices.publish(notice.slot(&self.parts.post.name));
        }
        let before = std::mem::replace(&mut self.log_dropped, dropped);
        if events::is_worth_telling(before, dropped) {
            let event = SlotEvent::LogDropped { lines: dropped };
            self.parts.notices.publish(Notice::of(event).slot(&self.parts.post.name));
        }
    }

    /// The live one is lost: it comes back after a wait, or no more with these bytes.
    pub(crate) fn failed(&mut self, fault: Box<Fault>) {
        self.live = None;
        let counts = &self.parts.counts;
        Counts::add(&counts.faults);
        let Some(plugin) = &self.plugin else { return };
        // All of its calls are cold ones.
        let fix = match fault.kind {
            FaultKind::Late => "wait for less in one call, or raise `limits.cold_deadline_ms`",
            FaultKind::OutOfFuel => "mend the loop, or raise `limits.fuel_per_cold_call`",
            kind => kind.hint(),
        };
        let sentence = self.supervision.failed(self.parts.edges.clock.now_ns());
        let event = match sentence {
            Sentence::Restart(wait_ms) => {
                self.due = Some(Instant::now() + Duration::from_millis(wait_ms));
                counts.stand("backoff");
                SlotEvent::IoFailed { fault: fault.clone(), fix, wait_ms }
            }
            Sentence::Quarantine => {
                self.quarantined = Some(plugin.digest);
                counts.stand("quarantined");
                SlotEvent::Quarantined { why: format!("{fault}; it has failed too often") }
            }
        };
        let notice = Notice::of(event).slot(&self.parts.post.name);
        let notice = notice.plugin(plugin.label(), plugin.digest).detail(Detail::Fault(fault));
        self.parts.notices.publish(notice);
    }
}

/// Waits until then; for ever where nothing is due.
pub(crate) async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
