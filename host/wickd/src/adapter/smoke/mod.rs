//! `wickd adapter smoke`: one venue of a configuration, with the operator's own account.
//!
//! Comes in: a configuration, a venue's name. Goes out: one line for every step with its time and what
//! it gave, and an exit code. It reads, unless a size is given: then one order that only adds to the
//! book is placed far from the market, found, taken back, and found gone. Every byte goes the
//! daemon's own way. Deliberately absent: strategies, a journal, a second try.

mod order;
mod reads;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use wickd_engine::{Plugin, Probe, ProbeError, VenuePlan};
use wickd_model::{Instrument, InstrumentId, Limits, printable};
use wickd_policy::Manifest;
use wickd_sandbox::exchange::nouns::{Description, Failure as Refusal};
use wickd_sandbox::{Runtime, inspect};

use crate::check::admission;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::figures::count;
use crate::terminal::{Look, Terminal};

/// How long one answer may take.
const ANSWER_MS: u64 = 10_000;
/// Files of one folder that are looked at for the adapter.
const FILES_MAX: usize = 1_024;
/// Longest result shown, in bytes.
const TEXT_BYTES_MAX: usize = 160;

/// What is asked for.
pub(crate) struct Asked<'a> {
    pub(crate) venue: &'a str,
    pub(crate) config: &'a Path,
    /// Base units of the order; none only reads.
    pub(crate) trade: Option<&'a str>,
}

/// Why a step did not hold.
struct Bad {
    reason: String,
    fix: &'static str,
}

type Step<T> = Result<T, Bad>;

impl From<ProbeError> for Bad {
    fn from(error: ProbeError) -> Self {
        let fix = match &error {
            ProbeError::Refused(_) => "grant what it names under `network:`, or mend the manifest",
            ProbeError::Failure(Refusal::Login(_)) => {
                "check key, secret and rights of the slot, and the venue's list of addresses"
            }
            ProbeError::Failure(Refusal::Clock(_)) => "set this machine's clock by NTP",
            ProbeError::Failure(Refusal::RateLimited(_) | Refusal::Banned(_))
            | ProbeError::Limited(_) => "wait, and see who else uses this key or address",
            ProbeError::Unsent(_) | ProbeError::Lost(_) => "check the network and the address",
            _ => "`wickd adapter test` shows whether it is the adapter's fault",
        };
        Self { reason: error.to_string(), fix }
    }
}

/// Tries one venue.
pub(crate) fn smoke(terminal: &Terminal, asked: &Asked<'_>) -> Result<Exit, Failure> {
    let config = Config::load(asked.config)?;
    let venue = venue(&config, asked.venue)?;
    let (runtime, plugin) = adapter(&config, venue)?;
    let label = plugin.label();
    // `--trade` is the operator's word for one order; without it nothing that trades can be signed.
    let asks = VenuePlan { trade: asked.trade.is_some(), ..venue.clone() };
    let probe = Probe::start(&runtime, &config.plan, &asks, Arc::new(plugin)).map_err(|error| {
        let text = format!("venue {} does not start", venue.name);
        Failure::of(Exit::BadConfig, text, &error)
            .hint("mend `venues:` or `credentials:`; the file must be its owner's alone")
    })?;
    let mut run = Run { terminal, probe, venue, config: &config, steps: 0, failed: 0 };
    run.all(asked.trade);
    let (steps, failed) = (run.steps, run.failed);
    if terminal.json {
        let body = json!({
            "venue": venue.name, "plugin": label, "ok": failed == 0, "steps": steps, "failed": failed,
        });
        terminal.line("adapter-smoke", &body);
    } else {
        let verdict = match failed {
            0 => format!("{}, all of them well", count(steps, "step")),
            _ => format!("{failed} of {} failed", count(steps, "step")),
        };
        terminal.page(&format!("\n{} through {label}: {verdict}.\n", venue.name));
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::VenueFailed })
}

fn venue<'c>(config: &'c Config, name: &str) -> Result<&'c VenuePlan, Failure> {
    config.plan.venues.iter().find(|venue| venue.name == name).ok_or_else(|| {
        let known: Vec<_> = config.plan.venues.iter().map(|venue| venue.name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let text = format!("{} has no venue `{name}`", config.path().display());
        Failure::new(Exit::BadConfig, text).hint(format!("it has: {known}"))
    })
}

/// The newest version of the venue's adapter in the configured folders.
fn adapter(config: &Config, venue: &VenuePlan) -> Result<(Runtime, Plugin), Failure> {
    let (runtime, admission) = admission(Limits::default())?;
    let mut best: Option<(semver::Version, PathBuf)> = None;
    for folder in &config.plan.folders {
        let Ok(entries) = folder.read_dir() else { continue };
        for path in entries.flatten().take(FILES_MAX).map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            let manifest = std::fs::read(&path).ok().and_then(|wasm| inspect(&wasm).ok());
            let manifest = manifest.and_then(|seen| Manifest::parse(&seen.manifest).ok());
            let Some(manifest) = manifest else { continue };
            let fits = manifest.name == venue.plugin && venue.range.matches(&manifest.version);
            // Of two files for one version the earlier folder's counts.
            if fits && best.as_ref().is_none_or(|(version, _)| manifest.version > *version) {
                best = Some((manifest.version, path));
            }
        }
    }
    let Some((_, path)) = best else {
        let folders: Vec<_> =
            config.plan.folders.iter().map(|folder| crate::check::shown(folder)).collect();
        let text = format!("there is no adapter `{}` {}", venue.plugin, venue.range);
        let hint = format!("put it into one of the folders: {}", folders.join(", "));
        return Err(Failure::new(Exit::NoInput, text).hint(hint));
    };
    let (plugin, _) = admission.admit(&path, 0).map_err(|refusal| {
        let text = format!("{} is refused at step `{}`", path.display(), refusal.step);
        Failure { causes: vec![refusal.reason], ..Failure::new(Exit::BadPlugin, text) }
            .hint(refusal.fix)
    })?;
    Ok((runtime, plugin))
}

/// A run under way.
struct Run<'r> {
    terminal: &'r Terminal,
    probe: Probe,
    venue: &'r VenuePlan,
    config: &'r Config,
    steps: u64,
    failed: u64,
}

impl Run<'_> {
    /// One step: its line, and its value where it held.
    fn step<T>(
        &mut self,
        name: &str,
        step: impl FnOnce(&mut Self) -> Step<(T, String)>,
    ) -> Option<T> {
        let started = Instant::now();
        let outcome = step(self);
        let ms = started.elapsed().as_millis() as u64;
        self.steps += 1;
        let (ok, text, fix) = match &outcome {
            Ok((_, text)) => (true, printable(text.as_bytes(), TEXT_BYTES_MAX), None),
            Err(bad) => {
                (false, printable(bad.reason.as_bytes(), 4 * TEXT_BYTES_MAX), Some(bad.fix))
            }
        };
        self.failed += u64::from(!ok);
        if self.terminal.json {
            let body = json!({ "step": name, "ok": ok, "ms": ms, "text": text, "fix": fix });
            self.terminal.line("step", &body);
        } else {
            let (word, look) = if ok { ("ok    ", Look::Good) } else { ("FAILED", Look::Bad) };
            let word_shown = self.terminal.paint_page(look, word);
            let first = format!("{word} {name:<16} {ms:>6} ms  ");
            let rest = " ".repeat(first.chars().count());
            let laid = crate::adapter::report::folded(&text, &first, &rest);
            self.terminal.page(&laid.replacen(word, &word_shown, 1));
            if let Some(fix) = fix {
                self.terminal.page(&format!("{rest}fix: {fix}\n"));
            }
        }
        outcome.ok().map(|(value, _)| value)
    }

    fn instrument(&self, id: InstrumentId) -> Step<&Instrument> {
        let gone =
            || Bad { reason: format!("there is no instrument {id}"), fix: "mend `instruments:`" };
        self.config.plan.instruments.get(id as usize).ok_or_else(gone)
    }

    /// Every step; what stands on one that failed is left out.
    fn all(&mut self, trade: Option<&str>) {
        let described = self.step("describe", |run| {
            let described = run.probe.describe()?;
            let text = format!(
                "{}, {}",
                count(described.operations.len() as u64, "operation"),
                count(described.channels.len() as u64, "kind of channel")
                    .replace("kind of channels", "kinds of channels")
            );
            Ok((described, text))
        });
        let Some(described) = described else { return };
        if can(&described, "server-time") {
            self.step("clock", |run| {
                let offset_ms = run.probe.read_clock(ANSWER_MS)?;
                Ok(((), format!("the venue is {offset_ms:+} ms from here")))
            });
        }
        let bound = self.step("instruments", |run| {
            let (bound, wrong) = run.probe.bind(ANSWER_MS)?;
            if !wrong.is_empty() {
                let fix = "write the venue's rules under `instruments:`";
                return Err(Bad { reason: wrong.join("; "), fix });
            }
            let text = format!("{} as configured", count(bound.len() as u64, "market"));
            Ok((bound, text))
        });
        let Some(bound) = bound else { return };
        let mut tops = Vec::new();
        for id in &bound {
            tops.push((*id, self.market(*id, &described)));
        }
        if self.venue.credentials.is_some() {
            self.account(&bound, &described);
        }
        self.streams(&bound);
        let Some(size) = trade else { return };
        match tops.first() {
            Some((id, Some(top))) => self.trade(*id, *top, size),
            _ => {
                self.step::<()>("order", |_| {
                    let reason = "without a ticker nobody knows what is far from the market".into();
                    Err(Bad { reason, fix: "see the step `ticker`" })
                });
            }
        }
    }
}

fn can(described: &Description, name: &str) -> bool {
    described.operations.iter().any(|known| known == name)
}
