//! One utility: its live instance, restarts, and the change from one build to the next.
//!
//! Comes in: bytes to run, happenings. Goes out: calls. The old instance ends, then the new one
//! begins; a utility trades nothing, so nothing is carried over. Deliberately absent: what a call
//! does outside, which is the sandbox's and egress's.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout};
use wickd_egress::dial::System;
use wickd_egress::tls::Tls;
use wickd_model::{Digest, Fault, FaultKind, Instrument, Limits};
use wickd_policy::LimitsPatch;
use wickd_policy::net::{Enforcement, Rights};
use wickd_sandbox::io::{Happening, Outside, UtilityGuest};
use wickd_sandbox::{Level, Runtime};

use super::told::{self, Counts};
use super::{Do, Inbox, UtilityPlan, no_trust};
use crate::clock::WallClock;
use crate::control::{Sentence, Supervision};
use crate::intake::Plugin;
use crate::notice::{Detail, Notice, Notices};

/// How long a utility may work through what waits for it at the end, in milliseconds.
const LAST_WORDS_MS: u64 = 2_000;
/// Errors of a generation that are told; further ones are only counted.
const ERRORS_TOLD_MAX: u64 = 16;

/// Whatever it takes to run one.
pub(crate) struct Parts {
    pub(crate) plan: UtilityPlan,
    pub(crate) limits: LimitsPatch,
    pub(crate) house: Limits,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) runtime: Runtime,
    pub(crate) clock: WallClock,
    pub(crate) notices: Notices,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) counts: Arc<Counts>,
}

/// One utility on its own thread.
pub(crate) struct Utility {
    parts: Parts,
    plugin: Option<Arc<Plugin>>,
    live: Option<UtilityGuest>,
    quarantined: Option<Digest>,
    supervision: Supervision,
    /// When a failed one starts again.
    due: Option<Instant>,
    errors_told: u64,
    log_dropped: u64,
}

/// What woke the thread.
enum Woken {
    Told(Option<Do>),
    Heard(Happening),
    Due,
}

impl Utility {
    pub(crate) fn new(parts: Parts) -> Self {
        let supervision = Supervision::new(parts.plan.restart, parts.clock.now_ns());
        parts.counts.stand("waiting");
        Self {
            parts,
            plugin: None,
            live: None,
            quarantined: None,
            supervision,
            due: None,
            errors_told: 0,
            log_dropped: 0,
        }
    }

    pub(crate) async fn run(mut self, mut orders: UnboundedReceiver<Do>) {
        let inbox = self.parts.inbox.clone();
        loop {
            let (live, due) = (self.live.is_some(), self.due);
            let woken = tokio::select! {
                biased;
                order = orders.recv() => Woken::Told(order),
                () = at(due) => Woken::Due,
                happening = inbox.take(), if live => Woken::Heard(happening),
            };
            match woken {
                Woken::Told(None | Some(Do::Stop)) => return self.end().await,
                Woken::Told(Some(Do::Employ(plugin))) => self.employ(plugin).await,
                Woken::Due => self.start().await,
                Woken::Heard(happening) => {
                    // A stop cuts a call short; anything else waits until it has returned.
                    let mut waiting = Vec::new();
                    let stopped = {
                        let mut call = std::pin::pin!(self.hear(&happening));
                        loop {
                            tokio::select! {
                                () = &mut call => break false,
                                order = orders.recv() => match order {
                                    Some(Do::Employ(plugin)) => waiting.push(plugin),
                                    None | Some(Do::Stop) => {
                                        let wait = Duration::from_millis(LAST_WORDS_MS);
                                        // What it had not done by then stays undone.
                                        let _ = timeout(wait, &mut call).await;
                                        break true;
                                    }
                                },
                            }
                        }
                    };
                    if stopped {
                        return self.end().await;
                    }
                    if let Some(plugin) = waiting.pop() {
                        self.employ(plugin).await;
                    }
                }
            }
        }
    }

    /// Hears what still waits, for as long as there is time.
    async fn end(mut self) {
        let inbox = self.parts.inbox.clone();
        let last = async {
            while self.live.is_some()
                && let Some(happening) = inbox.try_take()
            {
                self.hear(&happening).await;
            }
        };
        // What was not heard by then is counted as dropped.
        let _ = timeout(Duration::from_millis(LAST_WORDS_MS), last).await;
    }

    /// Other bytes, or none any more.
    async fn employ(&mut self, plugin: Option<Arc<Plugin>>) {
        let name = &self.parts.plan.name;
        let Some(plugin) = plugin else {
            if let Some(old) = self.plugin.take() {
                let notice = Notice::info("stopped", "its file was removed").slot(name);
                self.parts.notices.say(notice.plugin(old.label(), old.digest));
            }
            (self.live, self.due) = (None, None);
            self.parts.counts.stand("waiting");
            return;
        };
        let lacking = plugin.manifest.network.lacked_by(&self.parts.plan.network);
        let enforced = self.parts.plan.network.enforcement == Enforcement::Enforce;
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
            return;
        }
        self.plugin = Some(plugin);
        self.supervision.forget();
        self.start().await;
    }

    /// Makes a fresh instance of the bytes in place.
    async fn start(&mut self) {
        (self.live, self.due, self.errors_told) = (None, None, 0);
        let Some(plugin) = self.plugin.clone() else { return };
        let counts = &self.parts.counts;
        counts.runs(plugin.manifest.version.to_string(), plugin.digest);
        match self.make(&plugin).await {
            Ok(Ok(guest)) => {
                self.live = Some(guest);
                counts.stand("live");
                let notice = Notice::info("seated", "it listens").slot(&self.parts.plan.name);
                self.parts.notices.say(notice.plugin(plugin.label(), plugin.digest));
            }
            Ok(Err(notice)) => {
                counts.stand("refused");
                let notice = notice.slot(&self.parts.plan.name);
                self.parts.notices.say(notice.plugin(plugin.label(), plugin.digest));
            }
            Err(fault) => self.failed(fault),
        }
    }

    /// A fresh instance that has been configured; `Ok(Err)` says why there can be none.
    async fn make(&self, plugin: &Arc<Plugin>) -> Result<Result<UtilityGuest, Notice>, Box<Fault>> {
        let Parts { plan, runtime, notices, counts, .. } = &self.parts;
        let tls = match Tls::new(&[]) {
            Ok(tls) => tls,
            Err(error) => return Ok(Err(no_trust(&error))),
        };
        let config = match plugin.schema.resolve(&plan.settings) {
            Ok(config) => config,
            Err(problems) => {
                let notice = Notice::error("config-refused", "its parameters do not fit");
                return Ok(Err(notice.detail(Detail::Config(problems))));
            }
        };
        let rights = Rights::new(
            plugin.manifest.name.clone(),
            &plugin.manifest.network,
            plan.network.clone(),
        );
        let label = (plugin.label(), plugin.digest);
        let ear = told::ear(plan.name.clone(), label, counts.clone(), notices.clone());
        let outside = Outside::new(rights, Arc::new(System), tls, ear);
        let limits = self.parts.limits.over(plugin.limits(self.parts.house).for_io());
        let Some(made) = UtilityGuest::new(runtime, &plugin.loaded, outside, &limits).await else {
            let text = format!("it is a {} plugin, no utility", plugin.manifest.world.name());
            return Ok(Err(Notice::error("utility-failed", text).fix("name a utility")));
        };
        let mut guest = made?;
        guest.set_now(self.parts.clock.now_ns());
        match guest.init(&config, &self.parts.instruments).await? {
            Ok(()) => Ok(Ok(guest)),
            Err(issues) => {
                let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
                let text = format!("it refuses its configuration: {}", issues.join("; "));
                Ok(Err(Notice::error("config-refused", text)))
            }
        }
    }

    /// Tells the live one.
    async fn hear(&mut self, happening: &Happening) {
        let now = self.parts.clock.now_ns();
        let Some(guest) = &mut self.live else { return };
        guest.set_now(now);
        Counts::add(&self.parts.counts.heard);
        let answer = guest.on_event(happening).await;
        self.say_log();
        match answer {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                Counts::add(&self.parts.counts.errors);
                self.errors_told += 1;
                if self.errors_told <= ERRORS_TOLD_MAX {
                    let text = format!("it could not handle an event: {why}");
                    let notice = Notice::warn("utility-error", text).slot(&self.parts.plan.name);
                    self.parts.notices.say(notice);
                }
            }
            Err(fault) => self.failed(fault),
        }
    }

    fn say_log(&mut self) {
        let Some(guest) = &mut self.live else { return };
        let (lines, dropped) = guest.take_log();
        for line in lines {
            let notice = match line.level {
                Level::Debug | Level::Info => Notice::info("plugin-log", line.text),
                Level::Warn | Level::Error => Notice::warn("plugin-log", line.text),
            };
            self.parts.notices.say(notice.slot(&self.parts.plan.name));
        }
        if dropped > self.log_dropped {
            let text = format!("{} log lines were dropped", dropped - self.log_dropped);
            self.log_dropped = dropped;
            self.parts.notices.say(Notice::warn("log-dropped", text).slot(&self.parts.plan.name));
        }
    }

    fn failed(&mut self, fault: Box<Fault>) {
        self.live = None;
        self.log_dropped = 0;
        let counts = &self.parts.counts;
        counts.faults.fetch_add(1, Ordering::Relaxed);
        let Some(plugin) = &self.plugin else { return };
        let what = fault.to_string();
        // All of its calls are cold ones.
        let fix = match fault.kind {
            FaultKind::Late => "wait for less in one call, or raise `limits.cold_deadline_ms`",
            FaultKind::OutOfFuel => "mend the loop, or raise `limits.fuel_per_cold_call`",
            kind => kind.hint(),
        };
        let sentence = self.supervision.failed(self.parts.clock.now_ns());
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
        let notice = Notice::error(code, what).slot(&self.parts.plan.name).fix(fix);
        let notice = notice.plugin(plugin.label(), plugin.digest).detail(Detail::Fault(fault));
        self.parts.notices.say(notice);
    }
}

/// Waits until then; for ever where nothing is due.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
