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
use wickd_sandbox::io::{FeedGuest, Outside, UtilityGuest};
use wickd_sandbox::{Host, Level, Loaded, LogLine, Runtime};

use super::told::{self, Counts};
use super::{Post, no_trust};
use crate::control::{Sentence, Supervision};
use crate::edges::Edges;
use crate::intake::Plugin;
use crate::notice::{Detail, Notice, Notices};

/// An instance of either kind.
pub(crate) trait Guest: Sized {
    /// The world's own word.
    const KIND: &'static str;
    /// What it does once it is there.
    const DOES: &'static str;
    /// Stable: scripts match on it.
    const FAILED: &'static str;

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
    ($guest:ident, $kind:literal, $does:literal, $failed:literal) => {
        impl Guest for $guest {
            const KIND: &'static str = $kind;
            const DOES: &'static str = $does;
            const FAILED: &'static str = $failed;

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

guest!(UtilityGuest, "utility", "it listens", "utility-failed");
guest!(FeedGuest, "feed", "it is asked for data", "feed-failed");

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
            if let Some(old) = self.plugin.take() {
                let notice = Notice::info("stopped", "its file was removed").slot(name);
                self.parts.notices.say(notice.plugin(old.label(), old.digest));
            }
            (self.live, self.due) = (None, None);
            self.parts.counts.stand("waiting");
            return false;
        };
        let lacking = plugin.manifest.network.lacked_by(&self.parts.post.network);
        let enforced = self.parts.post.network.enforcement == Enforcement::Enforce;
        let held = self.live.is_some() && enforced && !lacking.is_empty();
        if !lacking.is_empty() {
            let what = match held {
                true => "is held, for it requests more than it is granted; the old one goes on",
                false => "requests more than it is granted",
            };
            let text = format!("{} {what}: {}", plugin.label(), lacking.join(" "));
            let fix = format!("add under `network` of `{name}`: {}", lacking.join(" "));
            let notice = Notice::warn("network-lacking", text).slot(name);
            self.parts.notices.say(notice.plugin(plugin.label(), plugin.digest).fix(fix));
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
                let notice = Notice::info("seated", G::DOES).slot(&self.parts.post.name);
                self.parts.notices.say(notice.plugin(plugin.label(), plugin.digest));
            }
            Ok(Err(notice)) => {
                counts.stand("refused");
                let notice = notice.slot(&self.parts.post.name);
                self.parts.notices.say(notice.plugin(plugin.label(), plugin.digest));
            }
            Err(fault) => self.failed(fault),
        }
    }

    /// A fresh instance that has been configured; `Ok(Err)` says why there can be none.
    async fn make(&self, plugin: &Arc<Plugin>) -> Result<Result<G, Notice>, Box<Fault>> {
        let Parts { post, runtime, notices, counts, .. } = &self.parts;
        let tls = match Tls::new(&[]) {
            Ok(tls) => tls,
            Err(error) => return Ok(Err(no_trust(G::FAILED, &error))),
        };
        let config = match plugin.schema.resolve(&post.settings) {
            Ok(config) => config,
            Err(problems) => {
                let notice = Notice::error("config-refused", "its parameters do not fit");
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
        let outside = Outside::new(rights, self.parts.edges.names.clone(), tls, ear);
        let limits = post.limits.over(plugin.limits(self.parts.house).for_io());
        let Some(made) = G::make(runtime, &plugin.loaded, outside, &limits).await else {
            let (world, kind) = (plugin.manifest.world.name(), G::KIND);
            let text = format!("it is a {world} plugin, no {kind}");
            return Ok(Err(Notice::error(G::FAILED, text).fix(format!("name a {kind}"))));
        };
        let mut guest = made?;
        guest.set_now(self.parts.edges.clock.now_ns());
        match guest.configure(&config, &self.parts.instruments).await? {
            Ok(()) => Ok(Ok(guest)),
            Err(issues) => {
                let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
                let text = format!("it refuses its configuration: {}", issues.join("; "));
                Ok(Err(Notice::error("config-refused", text)))
            }
        }
    }

    /// Tells what the live one has logged.
    pub(crate) fn say_log(&mut self) {
        let Some(guest) = &mut self.live else { return };
        let (lines, dropped) = guest.take_log();
        for line in lines {
            let notice = match line.level {
                Level::Debug | Level::Info => Notice::info("plugin-log", line.text),
                Level::Warn | Level::Error => Notice::warn("plugin-log", line.text),
            };
            self.parts.notices.say(notice.slot(&self.parts.post.name));
        }
        if dropped > self.log_dropped {
            let text = format!("{} log lines were dropped", dropped - self.log_dropped);
            self.log_dropped = dropped;
            self.parts.notices.say(Notice::warn("log-dropped", text).slot(&self.parts.post.name));
        }
    }

    /// The live one is lost: it comes back after a wait, or no more with these bytes.
    pub(crate) fn failed(&mut self, fault: Box<Fault>) {
        self.live = None;
        let counts = &self.parts.counts;
        Counts::add(&counts.faults);
        let Some(plugin) = &self.plugin else { return };
        let what = fault.to_string();
        // All of its calls are cold ones.
        let fix = match fault.kind {
            FaultKind::Late => "wait for less in one call, or raise `limits.cold_deadline_ms`",
            FaultKind::OutOfFuel => "mend the loop, or raise `limits.fuel_per_cold_call`",
            kind => kind.hint(),
        };
        let sentence = self.supervision.failed(self.parts.edges.clock.now_ns());
        let (code, what) = match sentence {
            Sentence::Restart(wait_ms) => {
                self.due = Some(Instant::now() + Duration::from_millis(wait_ms));
                counts.stand("backoff");
                ("fault", format!("{what}; it starts again in {wait_ms} ms"))
            }
            Sentence::Quarantine => {
                self.quarantined = Some(plugin.digest);
                counts.stand("quarantined");
                ("quarantined", format!("{what}; it has failed too often"))
            }
        };
        let notice = Notice::error(code, what).slot(&self.parts.post.name).fix(fix);
        let notice = notice.plugin(plugin.label(), plugin.digest).detail(Detail::Fault(fault));
        self.parts.notices.say(notice);
    }
}

/// Waits until then; for ever where nothing is due.
pub(crate) async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
