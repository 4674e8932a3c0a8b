//! `wickd demo --live-like`: orders at a venue, over sockets, with everything that goes wrong there.
//!
//! The test venue runs as a process of its own and speaks Binance's dialect. Three strategies trade
//! at it with signed orders. Then the venue keeps its answers to some orders to itself, and the
//! adapter is replaced by another build while its sockets stay open and orders rest. At the end the
//! house is started once more, as after a crash, and the journal is held against the venue's own
//! books. Comes in: the components and the venue's program. Goes out: a closing page. Deliberately
//! absent: any path into the house that `wickd run` does not have.

mod agreement;
mod page;
mod venue;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use wickd_engine::events::VenueEvent;
use wickd_engine::{Event, House, Notice};
use wickd_store::Folder;

use super::{Stage, cannot_write, found, put};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::run;
use crate::signals::Signals;
use crate::terminal::Terminal;
use agreement::{Agreement, Truth};
use venue::Venue;

const CONFIG: &str = include_str!("wickd.yaml");
const PLUGINS: [&str; 5] = ["binance", "ema-cross", "hedge-v2", "bollinger", "volume-spike"];
/// The guests that rest orders and that count the venue's trades.
const GUESTS: [&str; 2] = ["maker", "tape"];
/// The slot whose lines are its figures.
const TAPE: &str = "tape";
/// The adapter.
const ADAPTER: &str = "binance";
/// Answers to orders that the venue keeps to itself.
const WITHHELD: u32 = 8;
/// How long it trades, and when in that time answers are withheld and the adapter is replaced.
const TRADING: Duration = Duration::from_secs(24);
const WITHHOLD_AT: Duration = Duration::from_secs(6);
const REPLACE_AT: Duration = Duration::from_secs(12);
/// How long the venue rests before the house stops: what is under way arrives.
const CALM: Duration = Duration::from_secs(2);
/// Orders without which nothing is shown; a slow machine trades on until it has them.
const ORDERS_MIN: u64 = 30;
/// Longest trading on a slow machine.
const TRADING_MAX: Duration = Duration::from_secs(120);

/// Runs it.
pub(crate) fn demo(
    terminal: &Terminal,
    stage: &Stage<'_>,
    program: Option<&Path>,
) -> Result<Exit, Failure> {
    let temporary = super::temporary(stage.state)?;
    let dir = super::folder(&temporary, stage.state);
    let venue = Venue::start(program)?;
    set_up(stage, dir, &venue)?;
    let config = Config::load(&dir.join("wickd.yaml"))?;
    let signals = Signals::listen()?;
    let next = another_build(&stage.plugins.join(format!("{ADAPTER}.wasm")))?;
    let mut script = Script::new(&venue, next, dir);
    let run = run::house(terminal, &config, &signals, |house, notice| script.step(house, notice))?;
    if signals.end_is_wished() {
        crate::summary::show(terminal, &run.summary);
        return Ok(Exit::Ok);
    }
    run.last.iter().for_each(|notice| script.told.hear(notice));
    let told = script.told;
    // What was under way at the end is found out by the next start.
    run::house(terminal, &config, &signals, |house, notice| {
        let event = notice.map(|notice| &notice.event);
        if let Some(Event::VenueEvent(VenueEvent::OrdersSettled { .. })) = event {
            house.stop();
        }
        Ok(())
    })?;
    let folder = Folder::open(&dir.join("state"))?;
    let journal = folder.journal()?.replay()?;
    let truth: Truth = serde_json::from_value(venue.get("truth")?).map_err(|error| {
        Failure::of(Exit::Unexpected, "the venue's truth is not as expected", &error)
    })?;
    let scale = config.plan.instruments.first().map_or(0, |instrument| instrument.size_scale);
    let agreement = Agreement::of(&journal, &truth, scale);
    let withheld = venue.get("faults")?["drop-reply"].as_u64().unwrap_or(0);
    let shown =
        page::Shown { run: &run.summary, agreement: &agreement, told: &told, withheld, scale };
    let holds = page::show(terminal, &shown, &venue, stage.state);
    Ok(if holds { Exit::Ok } else { Exit::Damaged })
}

/// What the house told on the way, as far as the closing page repeats it.
#[derive(Default)]
struct Told {
    /// Orders one of whose requests got no answer.
    unknown: std::collections::BTreeSet<String>,
    /// The adapter was swapped; whether its state was carried.
    swapped: Option<bool>,
    /// The tape's last line.
    tape: Option<String>,
}

impl Told {
    fn hear(&mut self, notice: &Notice) {
        match &notice.event {
            Event::VenueEvent(VenueEvent::OrderRequestFailed { order, .. }) => {
                self.unknown.insert(order.to_string());
            }
            Event::VenueEvent(VenueEvent::AdapterSwapped { carried, .. }) => {
                self.swapped = Some(*carried);
            }
            Event::Log { text, .. } if notice.slot.as_deref() == Some(TAPE) => {
                self.tape = Some(text.clone());
            }
            _ => {}
        }
    }
}

/// What happens when.
struct Script<'v> {
    venue: &'v Venue,
    next: Vec<u8>,
    dir: &'v Path,
    /// Since the venue was ready.
    since: Option<Instant>,
    withheld: bool,
    replaced: bool,
    resting: Option<Instant>,
    told: Told,
}

impl<'v> Script<'v> {
    fn new(venue: &'v Venue, next: Vec<u8>, dir: &'v Path) -> Self {
        let told = Told::default();
        let (withheld, replaced) = (false, false);
        Self { venue, next, dir, since: None, withheld, replaced, resting: None, told }
    }

    fn step(&mut self, house: &House, notice: Option<&Notice>) -> Result<(), Failure> {
        if let Some(notice) = notice {
            self.told.hear(notice);
            let ready = matches!(notice.event, Event::VenueEvent(VenueEvent::Ready { .. }));
            if ready && self.since.is_none() {
                self.since = Some(Instant::now());
                self.venue.post("rate", &json!({ "events_per_s": venue::RATE_PER_S }))?;
            }
        }
        let Some(since) = self.since.map(|since| since.elapsed()) else { return Ok(()) };
        if since >= WITHHOLD_AT && !self.withheld {
            self.withheld = true;
            let rule = json!({
                "fault": { "kind": "drop-reply" }, "routes": ["create"], "times": WITHHELD,
            });
            self.venue.post("faults", &json!({ "clear": true, "seed": 1, "rules": [rule] }))?;
        }
        if since >= REPLACE_AT && !self.replaced {
            self.replaced = true;
            let to = self.dir.join("plugins").join(format!("{ADAPTER}.wasm"));
            let beside = to.with_extension("new");
            std::fs::write(&beside, &self.next)
                .and_then(|()| std::fs::rename(&beside, &to))
                .map_err(|error| cannot_write(&to, &error))?;
        }
        let orders: u64 = house.slots.iter().map(|slot| slot.gauge.intents.get()).sum();
        let enough = orders >= ORDERS_MIN && self.told.swapped.is_some();
        if self.resting.is_none() && ((since >= TRADING && enough) || since >= TRADING_MAX) {
            self.venue.post("pause", &json!({}))?;
            self.resting = Some(Instant::now());
        }
        if self.resting.is_some_and(|at| at.elapsed() >= CALM) {
            house.stop();
        }
        Ok(())
    }
}

/// Configuration, keys and plugins, each where the configuration says.
fn set_up(stage: &Stage<'_>, dir: &Path, venue: &Venue) -> Result<(), Failure> {
    super::untouched(dir)?;
    let plugins = dir.join("plugins");
    std::fs::create_dir_all(&plugins).map_err(|error| cannot_write(&plugins, &error))?;
    let addr = venue.addr.to_string();
    let path = dir.join("wickd.yaml");
    std::fs::write(&path, CONFIG.replace("VENUE", &addr))
        .map_err(|error| cannot_write(&path, &error))?;
    let (key, secret) = (venue::KEY, venue::SECRET);
    let text = format!(
        "demo:\n  hosts: ['{addr}']\n  allow: trade\n  fields: {{key: {key}, secret: {secret}}}\n"
    );
    let path = dir.join("credentials.yaml");
    // Its owner's alone from the first byte on, or the house would not read it.
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| cannot_write(&path, &error))?;
    for name in PLUGINS {
        let file = format!("{name}.wasm");
        put(&stage.plugins.join(&file), &plugins.join(&file))?;
    }
    for name in GUESTS {
        let file = format!("{name}.wasm");
        put(&stage.guests.join(&file), &plugins.join(&file))?;
    }
    Ok(())
}

/// The same component with one more custom section, and so with another digest: a new build as far as
/// anybody can tell.
fn another_build(path: &Path) -> Result<Vec<u8>, Failure> {
    const SECTION: [u8; 8] = [0, 6, 5, b'b', b'u', b'i', b'l', b'd'];
    let mut wasm = found(path)?;
    wasm.extend(SECTION);
    Ok(wasm)
}
