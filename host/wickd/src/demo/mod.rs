//! `wickd demo`: the main job on recorded data, with a plot.
//!
//! Three strategies trade on paper. In the middle one of them is swapped for its next version by a
//! file that replaces another, as an operator would do it. A fourth plugin spins for ever. At the end
//! the same data are run again without the swap, as fast as they go, and the decisions compared.
//! Comes in: the components. Goes out: a closing page. Deliberately absent: any path into the house
//! that `wickd run` does not have.

mod live_like;
mod page;

use std::path::Path;

use wickd_engine::market::Speed;
use wickd_engine::{Edges, House, Notice, Summary};

use crate::check::shown;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::run;
use crate::screen::REDRAW;
use crate::signals::Signals;
use crate::terminal::Terminal;

pub(crate) use live_like::demo as live_like;

const CONFIG: &str = include_str!("wickd.yaml");
const QUOTES: &str = include_str!("../../../../tests/data/binance-btcusdt-quotes-2021-01-08.csv");
const TRADES: &str = include_str!("../../../../tests/data/binance-btcusdt-trades-2021-01-08.csv");
/// The plugins that trade, and the inputs that two of them ask for.
const PLUGINS: [&str; 5] = ["ema-cross", "mean-reversion", "hedge-v2", "bollinger", "volume-spike"];
/// The hostile one.
const HOSTILE: &str = "spin";
/// The next version of `ema-cross`.
const NEXT: &str = "ema-cross-next";
/// The slot that is swapped.
const SWAPPED: &str = "momentum";
/// Market events before the new file comes: a third of the recording, so that probation ends in it.
const SWAP_AFTER_EVENTS: u64 = 800;

/// Where the components are and where the demo may write.
pub(crate) struct Stage<'s> {
    /// The example plugins.
    pub(crate) plugins: &'s Path,
    /// The tests' guests.
    pub(crate) guests: &'s Path,
    /// Kept afterwards; a temporary folder otherwise.
    pub(crate) state: Option<&'s Path>,
    /// How many times as fast as recorded.
    pub(crate) speed: u32,
}

/// Runs the demo.
pub(crate) fn demo(terminal: &Terminal, stage: &Stage<'_>) -> Result<Exit, Failure> {
    let temporary = temporary(stage.state)?;
    let dir = folder(&temporary, stage.state);
    set_up(stage, dir)?;
    let config = Config::load(&dir.join("wickd.yaml"))?;
    let signals = Signals::listen()?;
    let mut dropped = false;
    let each = |house: &House, _: Option<&Notice>| {
        if !dropped && house.progress().0 >= SWAP_AFTER_EVENTS {
            dropped = true;
            put(&stage.guests.join(format!("{NEXT}.wasm")), &dir.join("plugins/ema-cross.wasm"))?;
        }
        Ok(())
    };
    let summary = run::house(terminal, &config, &signals, each)?.summary;
    if signals.end_is_wished() {
        crate::summary::show(terminal, &summary);
        return Ok(Exit::Ok);
    }
    let again = once_more(&config, dir)?;
    page::show(terminal, &summary, &again, stage.state);
    Ok(Exit::Ok)
}

/// A folder that goes away with the demo, where none is kept.
fn temporary(state: Option<&Path>) -> Result<Option<tempfile::TempDir>, Failure> {
    let made = state.is_none().then(tempfile::tempdir).transpose();
    made.map_err(|error| {
        Failure::of(Exit::CannotWrite, "no temporary folder for the demo", &error)
            .hint("name a folder with `--state`")
    })
}

/// The one of the two that there is.
fn folder<'f>(temporary: &'f Option<tempfile::TempDir>, state: Option<&'f Path>) -> &'f Path {
    let temporary = temporary.as_ref().map(tempfile::TempDir::path);
    temporary.or(state).unwrap_or(Path::new("."))
}

/// The demo starts from nothing.
fn untouched(dir: &Path) -> Result<(), Failure> {
    if !dir.join("state").exists() {
        return Ok(());
    }
    let text = format!("{} holds the state of a run", dir.display());
    let hint = "remove it, or name another folder: the demo starts from nothing";
    Err(Failure::new(Exit::CannotWrite, text).hint(hint))
}

/// Configuration, data and plugins, each where the configuration says.
fn set_up(stage: &Stage<'_>, dir: &Path) -> Result<(), Failure> {
    let config = CONFIG.replacen("speed: 2", &format!("speed: {}", stage.speed), 1);
    untouched(dir)?;
    for folder in ["plugins", "data"] {
        let path = dir.join(folder);
        std::fs::create_dir_all(&path).map_err(|error| cannot_write(&path, &error))?;
    }
    for (name, text) in
        [("wickd.yaml", config.as_str()), ("data/quotes.csv", QUOTES), ("data/trades.csv", TRADES)]
    {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|error| cannot_write(&path, &error))?;
    }
    for name in PLUGINS {
        let file = format!("{name}.wasm");
        put(&stage.plugins.join(&file), &dir.join("plugins").join(&file))?;
    }
    let file = format!("{HOSTILE}.wasm");
    put(&stage.guests.join(&file), &dir.join("plugins").join(&file))?;
    // Looked for now, so that it is not missed in the middle.
    found(&stage.guests.join(format!("{NEXT}.wasm"))).map(drop)
}

/// Copies beside the place and renames into it: the way a file should be dropped.
fn put(from: &Path, to: &Path) -> Result<(), Failure> {
    let wasm = found(from)?;
    let beside = to.with_extension("new");
    std::fs::write(&beside, wasm)
        .and_then(|()| std::fs::rename(&beside, to))
        .map_err(|error| cannot_write(to, &error))
}

fn found(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        Failure::of(Exit::NoInput, format!("cannot read {}", path.display()), &error)
            .hint("build the components with `.ci/guests`; `.ci/demo` does it all")
    })
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!("cannot write {}", path.display());
    Failure::of(Exit::CannotWrite, text, error).hint("name another folder with `--state`")
}

/// The same data and strategies with the new build from the first event, alone, as fast as they go.
fn once_more(config: &Config, dir: &Path) -> Result<Summary, Failure> {
    let mut plan = run::read_by_child(config.plan.clone())?;
    plan.slots.retain(|slot| slot.plugin.as_str() != HOSTILE);
    plan.state_dir = dir.join("state-again");
    plan.speed = Speed::Max;
    let (house, notices) = House::start(plan, Edges::system())?;
    // Notices come until control has ended; its end closes them.
    while !house.is_over() {
        let _ = notices.recv_timeout(REDRAW);
    }
    Ok(house.end())
}

/// This program as whoever started it called it, for commands that can be copied.
fn called() -> String {
    std::env::args().next().map_or_else(|| "wickd".to_owned(), |name| shown(Path::new(&name)))
}
