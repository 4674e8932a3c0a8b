//! `wickd run`: from a configuration to the end of the run.
//!
//! Comes in: a configuration file. Goes out: notices while it runs, a summary at its end. It ends by
//! itself when every feed has, or at a signal. Deliberately
//! absent: the demo's plot, which rides on the same loop.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use wickd_engine::events::{RunEvent, Subscription};
use wickd_engine::market::FeedKind;
use wickd_engine::{Edges, House, Notice, Plan, Summary};

use crate::api::Server;
use crate::cli::RunArgs;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::printer;
use crate::screen::{REDRAW, Screen};
use crate::signals::{Asked, Signals};
use crate::summary;
use crate::terminal::Terminal;

/// Files up to this size are counted for the progress of their replay; longer ones take too long.
const COUNTED_BYTES_MAX: u64 = 64 << 20;

/// How long an engine that has lost a thread may take to end in order.
const BROKEN_END: Duration = Duration::from_secs(3);

/// Runs the daemon.
pub(crate) fn run(terminal: &Terminal, args: &RunArgs) -> Result<Exit, Failure> {
    let mut config = Config::load(&args.config.config)?;
    config.plan.degraded = args.degraded;
    let signals = Signals::listen()?;
    printer::start();
    let summary = house(terminal, &config, &signals, |_, _| Ok(()))?.summary;
    summary::show(terminal, &summary);
    let state = config.plan.state_dir.display();
    let past = !config.plan.feeds.is_empty() && config.plan.plugin_feeds.is_empty();
    if summary.events == 0 && past && !signals.end_is_wished() {
        terminal.tell(&format!(
            "hint: these feeds gave no event: their files have no rows, or an earlier run heard them to \
             their end; then remove {state} to start again"
        ));
    }
    Ok(if summary.troubles.is_empty() { Exit::Ok } else { Exit::Troubled })
}

/// A run that is over.
pub(crate) struct Over {
    pub(crate) summary: Summary,
    /// What was said after `each` had heard its last.
    pub(crate) last: Vec<Arc<Notice>>,
}

/// Starts a house, shows it until it is over, and sums it up. `each` sees every notice, and hears
/// `None` about ten times a second.
pub(crate) fn house(
    terminal: &Terminal,
    config: &Config,
    signals: &Signals,
    mut each: impl FnMut(&House, Option<&Notice>) -> Result<(), Failure>,
) -> Result<Over, Failure> {
    let plan = read_by_child(config.plan.clone())?;
    wickd_engine::try_machine(&plan)?;
    let (house, notices) = House::start(plan, Edges::system())?;
    // Without it the daemon trades on, but nobody can ask it anything.
    let server = Server::start(&config.plan.state_dir, house.handle());
    let server = server.map_err(|failure| terminal.fail(&failure)).ok();
    let mut screen = Screen::new(terminal, config, &house, events_in(&config.plan));
    let outcome = watch(&house, &notices, config, signals, &mut screen, &mut each);
    let early = house.ended_early().map(|thread| ended_early(&thread));
    if early.is_some() {
        end_within(BROKEN_END);
    }
    drop(server);
    let summary = house.end();
    let last: Vec<_> = notices.try_iter().collect();
    last.iter().for_each(|notice| screen.notice(notice));
    screen.close();
    match early {
        Some(failure) => Err(failure),
        None => outcome.map(|()| Over { summary, last }),
    }
}

/// A thread without which the engine cannot go on.
fn ended_early(thread: &str) -> Failure {
    let text = format!("wickd ends, because its thread `{thread}` ended by itself");
    let hint = "report it with the lines before; nothing durable is lost, so let the service \
                manager start it again";
    Failure::new(Exit::Unexpected, text).hint(hint)
}

/// Ends the process after a while: what is left of the engine may wait for the missing thread.
fn end_within(wait: Duration) {
    let end = move || {
        std::thread::sleep(wait);
        std::process::exit(Exit::Unexpected as i32)
    };
    // Without a thread for it the end is waited for as ever.
    let _ = std::thread::Builder::new().name("last-resort".into()).spawn(end);
}

fn watch(
    house: &House,
    notices: &Subscription,
    config: &Config,
    signals: &Signals,
    screen: &mut Screen<'_>,
    each: &mut impl FnMut(&House, Option<&Notice>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut stopping = false;
    while !house.is_over() {
        match notices.recv_timeout(REDRAW) {
            Ok(notice) => {
                screen.notice(&notice);
                each(house, Some(&notice))?;
            }
            Err(RecvTimeoutError::Timeout) => {
                house.check();
                if house.ended_early().is_some() {
                    return Ok(());
                }
                each(house, None)?;
            }
            // Control has ended, and so will the loop.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        screen.refresh(house);
        for asked in signals.asked() {
            house.tell(answer(asked, config));
        }
        if signals.end_is_wished() && !stopping {
            stopping = true;
            house.stop();
        }
    }
    Ok(())
}

/// What there is to say to a signal that does not ask for the end.
fn answer(asked: Asked, config: &Config) -> RunEvent {
    match asked {
        Asked::Nothing(signal) => RunEvent::SignalIgnored { signal },
        Asked::Reload => match Config::load(&config.path) {
            Ok(now) if now.text == config.text => RunEvent::ConfigUnchanged {},
            Ok(_) => RunEvent::ConfigChanged {},
            Err(error) => {
                let failure = Failure::from(error);
                let first = failure.problems.first().map(ToString::to_string);
                let more = first.or(failure.causes.first().cloned()).unwrap_or_default();
                RunEvent::ConfigWrong { why: format!("{}: {more}", failure.text) }
            }
        },
    }
}

/// Components are read by this program as its own child.
pub(crate) fn read_by_child(plan: Plan) -> Result<Plan, Failure> {
    Ok(Plan { reader: Some(reader()?), ..plan })
}

/// The program that reads components: this one, even after another was installed in its place.
pub(crate) fn reader() -> Result<PathBuf, Failure> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().map_err(|error| {
        Failure::of(Exit::Unexpected, "cannot find the program that reads plugins", &error)
    })
}

/// How many market events the feeds will give, about; `None` where one never ends, or where
/// counting would take long.
fn events_in(plan: &Plan) -> Option<u64> {
    if !plan.plugin_feeds.is_empty() {
        return None;
    }
    plan.feeds
        .iter()
        .map(|feed| match &feed.kind {
            FeedKind::Replay(replay) if replay.looped => None,
            FeedKind::Replay(replay) => replay.files.iter().map(|path| rows_in(path)).sum(),
            FeedKind::Synthetic(synthetic) => synthetic.count,
        })
        .sum::<Option<u64>>()
        .filter(|events| *events > 0)
}

fn rows_in(path: &Path) -> Option<u64> {
    let found = path.metadata().ok()?;
    if !found.is_file() || found.len() > COUNTED_BYTES_MAX {
        return None;
    }
    let file = std::fs::File::open(path).ok()?;
    let lines = BufReader::new(file).split(b'\n').count() as u64;
    // The first line names the columns.
    Some(lines.saturating_sub(1))
}
