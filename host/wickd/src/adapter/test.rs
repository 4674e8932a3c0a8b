//! `wickd adapter test`: the acceptance list of an adapter, offline, in the real sandbox.
//!
//! Comes in: a component and a folder of recorded talk. Goes out: a report and the exit code that
//! follows from it. Deliberately absent: the checks themselves, one module each; networks and keys.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Tree;
use wickd_engine::Plugin;
use wickd_model::{Limits, World};
use wickd_sandbox::exchange::Said;
use wickd_sandbox::exchange::nouns::{Description, Reply};

use super::bench::{Bench, Faulty, Live, of_fault, tree, word_of};
use super::fixtures::{Case, Fixtures, Step, Turn, spelled};
use super::report::{self, Check};
use super::{damage, numbers, probes, streams};
use crate::check::admission;
use crate::exit::{Exit, Failure};
use crate::figures::{bytes, grouped};
use crate::terminal::Terminal;

/// How far up from the file or from here a folder of examples is looked for.
const FOLDERS_UP_MAX: usize = 8;
const RECORD: &str = "mend the adapter, or the fixture where the venue has changed";

/// What is asked for.
pub(crate) struct Asked<'a> {
    /// The component.
    pub(crate) file: &'a Path,
    /// The folder; where an example keeps it otherwise.
    pub(crate) fixtures: Option<&'a Path>,
    /// How many damaged rows of bytes.
    pub(crate) damaged: u32,
}

/// Examines an adapter.
pub(crate) fn test(terminal: &Terminal, asked: &Asked<'_>) -> Result<Exit, Failure> {
    let (runtime, admission) = admission(Limits::default())?;
    let (plugin, _) = admission.admit(asked.file, 0).map_err(|refusal| {
        let text = format!("{} is refused at step `{}`", asked.file.display(), refusal.step);
        let failure =
            Failure { causes: vec![refusal.reason], ..Failure::new(Exit::BadPlugin, text) };
        failure.hint(refusal.fix)
    })?;
    if plugin.manifest.world != World::Exchange {
        let text = format!("{} is a {}", asked.file.display(), plugin.manifest.world.name());
        let hint = "only exchange adapters have an acceptance list; `wickd check` takes any plugin";
        return Err(Failure::new(Exit::BadPlugin, text).hint(hint));
    }
    let folder = folder(asked, &plugin)?;
    let fixtures = Fixtures::read(&folder)?;
    let config = plugin.schema.resolve(&fixtures.settings).map_err(|problems| {
        let text = format!("{}: its `params` do not fit the plugin", folder.display());
        let causes = problems.iter().map(ToString::to_string).collect();
        Failure { causes, ..Failure::new(Exit::NoInput, text) }.hint("mend `setup.json`")
    })?;
    let bench = Bench {
        runtime: &runtime,
        plugin: &plugin,
        limits: plugin.limits(Limits::default().for_adapter()),
        config,
        markets: fixtures.markets,
        most: Cell::default(),
    };
    let bar = progress(terminal, fixtures.cases.len() as u64 * 4 + u64::from(asked.damaged) * 2);
    let checks = examine(&bench, &fixtures.cases, asked.damaged, &bar);
    bar.finish_and_clear();
    let holds = report::show(terminal, &plugin.label(), &checks);
    Ok(if holds { Exit::Ok } else { Exit::BadPlugin })
}

/// `--fixtures`, or `fixtures/` beside the file, or that of the example of this name.
fn folder(asked: &Asked<'_>, plugin: &Plugin) -> Result<PathBuf, Failure> {
    if let Some(folder) = asked.fixtures {
        return Ok(folder.to_owned());
    }
    let file = std::fs::canonicalize(asked.file).unwrap_or_else(|_| asked.file.to_owned());
    let here = std::env::current_dir().unwrap_or_default();
    let example = Path::new("example-plugins").join(plugin.manifest.name.as_str()).join("fixtures");
    let beside = file.parent().map(|parent| parent.join("fixtures"));
    let up = |from: &Path| {
        from.ancestors().take(FOLDERS_UP_MAX).map(|up| up.join(&example)).collect::<Vec<_>>()
    };
    let places = beside.into_iter().chain(up(&file)).chain(up(&here));
    places.into_iter().find(|place| place.join("setup.json").is_file()).ok_or_else(|| {
        let text = format!("there are no fixtures beside {}", asked.file.display());
        Failure::new(Exit::NoInput, text).hint("name their folder with `--fixtures`")
    })
}

fn progress(terminal: &Terminal, length: u64) -> ProgressBar {
    if !terminal.live {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    // The template is fixed; a wrong one would only cost the looks.
    let style = ProgressStyle::with_template("{spinner} {bar:20} {pos}/{len} {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A part of the examination on an instance of its own; a fault there is what it found.
fn on_fresh(
    bench: &Bench<'_>,
    check: &mut Check,
    part: impl FnOnce(&mut Live<'_>, &mut Check) -> Faulty<()>,
) {
    let outcome = bench.fresh().and_then(|fresh| match fresh {
        Ok(mut live) => part(&mut live, check),
        Err(refusal) => {
            check.wrong("init", refusal, "mend `setup.json`, or the adapter");
            Ok(())
        }
    });
    kept(check, outcome);
}

fn kept<T>(check: &mut Check, outcome: Faulty<T>) -> Option<T> {
    outcome
        .map_err(|fault| {
            let (reason, fix) = of_fault(&fault);
            check.wrong(format!("`{}`", fault.call), reason, fix);
        })
        .ok()
}

/// Every check, in the order of the report.
fn examine(bench: &Bench<'_>, cases: &[Case], damaged: u32, bar: &ProgressBar) -> Vec<Check> {
    let each = |what: &'static str| {
        bar.set_message(what);
        move || bar.inc(1)
    };
    let manifest = bench.manifest();
    let mut describe = Check::new("describe", "what it says it can do it does, and nothing else");
    let mut described: Option<Description> = None;
    on_fresh(bench, &mut describe, |live, check| {
        let said = live.describe()?;
        probes::describe(live, &bench.markets, &said, check)?;
        described = Some(said);
        Ok(())
    });
    let Some(described) = described else { return vec![describe] };
    let mut checks = vec![describe];
    checks.extend(recorded(bench, cases, &described, each("recorded talk")));
    checks.extend(requests(bench, cases, &described));
    let mut trades = Check::new("trades", "what the engine needs for an order is all there");
    probes::trades(&described, &mut trades);
    checks.push(trades);
    let mut ids = Check::new("client-ids", "orders carry the house's client ids as they are");
    on_fresh(bench, &mut ids, |live, check| client_ids(bench, live, &described, check));
    let mut out = Check::new("numbers-out", "prices and sizes are said exactly or refused");
    on_fresh(bench, &mut out, |live, check| {
        match described.operations.iter().any(|o| o == "create") {
            true => numbers::out(live, &bench.markets, check),
            false => Ok(()),
        }
    });
    let mut read =
        Check::new("numbers-in", "numbers that no float holds are read exactly or refused");
    let outcome = numbers::read(bench, cases, &mut read, each("exact numbers"));
    kept(&mut read, outcome);
    let mut unclear =
        Check::new("unclear", "a write whose answer says nothing is `outcome-unknown`");
    on_fresh(bench, &mut unclear, |live, check| {
        probes::unclear(live, &bench.markets, &described, check)
    });
    let mut sockets =
        Check::new("sockets", "each channel on one declared socket; opened again, asked again");
    on_fresh(bench, &mut sockets, |live, check| {
        streams::plan(live, &bench.markets, &described, &manifest, check)
    });
    let mut gaps = Check::new("book-gaps", "a lost change of a book is noticed, a doubled one too");
    let outcome = streams::gaps(bench, cases, &mut gaps, each("gaps"));
    kept(&mut gaps, outcome);
    checks.extend([ids, out, read, unclear, sockets, gaps]);
    checks.extend(any_bytes(bench, cases, &described, damaged, bar));
    checks
}

/// The recorded talk itself, sorted by what it is about, and each case the same when run again.
fn recorded(
    bench: &Bench<'_>,
    cases: &[Case],
    described: &Description,
    mut each: impl FnMut(),
) -> [Check; 6] {
    let mut requests = Check::new("requests", "operations become the recorded requests");
    let mut replies = Check::new("replies", "answers are read as recorded");
    let mut failures =
        Check::new("failures", "each recorded error is the one variant it should be");
    let mut frames = Check::new("frames", "plans, frames and pings say what was recorded");
    let mut again =
        Check::new("same-again", "the same bytes give the same answers for the same fuel");
    let mut sound = Check::new("sound", "bars in time order within high and low; fills have ids");
    for case in cases {
        each();
        let outcome = case.run(bench, None);
        let Some(turns) = kept(&mut frames, outcome) else { continue };
        let turns = match turns {
            Ok(turns) => turns,
            Err(refusal) => {
                frames.wrong(&case.place, refusal, "mend the adapter or `setup.json`");
                continue;
            }
        };
        for (step, turn) in case.steps.iter().zip(&turns) {
            let place = format!("{}, `{}`", case.place, step.what);
            compare(&place, step, turn, [&mut requests, &mut replies, &mut failures, &mut frames]);
            sensible(&place, turn, &mut sound);
        }
        let outcome = case.run(bench, None);
        if let Some(Ok(second)) = kept(&mut again, outcome) {
            let as_before = |(one, two): (&Turn, &Turn)| same(one, two);
            let holds = turns.iter().zip(&second).all(as_before);
            let fix = "keep clocks, random numbers and hash order out of what it answers";
            again.hold(holds, &case.place, "the second run differs from the first", fix);
        }
    }
    covered(cases, described, &mut requests, &mut replies);
    frames.needs_cases("record frames of the channels it declares");
    [requests, replies, failures, frames, again, sound]
}

fn same(one: &Turn, two: &Turn) -> bool {
    one.fuel == two.fuel
        && one.said == two.said
        && one.built == two.built
        && one.parsed == two.parsed
        && one.sockets == two.sockets
        && one.refused == two.refused
}

/// Both ends of an outcome; the one that did not happen is null.
fn parted<T: serde::Serialize, F: serde::Serialize>(outcome: &Result<T, F>) -> (Tree, Tree) {
    match outcome {
        Ok(value) => (tree(value), Tree::Null),
        Err(failure) => (Tree::Null, tree(failure)),
    }
}

fn compare(place: &str, step: &Step, turn: &Turn, checks: [&mut Check; 4]) {
    let [requests, replies, failures, frames] = checks;
    let held = |check: &mut Check, expected: Option<&Tree>, actual: &Tree| {
        if let Some(expected) = expected {
            let reason = format!("expected {expected}, got {actual}");
            check.hold(expected == actual, place, &reason, RECORD);
        }
    };
    if let Some(built) = &turn.built {
        let (request, failure) = parted(&built.as_ref().map(spelled));
        held(requests, step.request.as_ref(), &request);
        if !step.has_response() {
            held(failures, step.failure.as_ref(), &failure);
        }
    }
    if let Some(parsed) = &turn.parsed {
        let (reply, failure) = parted(parsed);
        held(replies, step.reply.as_ref(), &reply);
        held(failures, step.failure.as_ref(), &failure);
    }
    if turn.built.is_none() && turn.parsed.is_none() {
        let null = Tree::Null;
        held(frames, step.sockets.as_ref(), turn.sockets.as_ref().unwrap_or(&null));
        held(failures, step.failure.as_ref(), turn.refused.as_ref().unwrap_or(&null));
    }
    held(frames, step.says.as_ref(), &tree(&turn.said));
}

/// What holds of any answer, recorded or not.
fn sensible(place: &str, turn: &Turn, check: &mut Check) {
    if let Some(Ok(Reply::Bars(bars))) = &turn.parsed {
        let fix = "sort them by their opening, and mind the order of the venue's columns";
        let in_order = bars.windows(2).all(|two| two[0].open_time < two[1].open_time);
        check.hold(in_order, place, "its bars are not in the order of time", fix);
        let within = bars.iter().all(|bar| {
            bar.high >= bar.open.max(bar.close)
                && bar.low <= bar.open.min(bar.close)
                && bar.close_time > bar.open_time
        });
        check.hold(within, place, "a bar leaves its own high and low", fix);
    }
    let replied = match &turn.parsed {
        Some(Ok(Reply::Fills(fills))) => &fills[..],
        _ => &[],
    };
    let said = turn.said.iter().filter_map(|said| match said {
        Said::Fill(fill) => Some(fill),
        _ => None,
    });
    for fill in replied.iter().chain(said) {
        let holds = !fill.trade_id.is_empty() && fill.size > 0 && fill.price > 0;
        let reason = format!("a fill {:?} of {} at {}", fill.trade_id, fill.size, fill.price);
        check.hold(holds, place, &reason, "take the venue's trade id; leave out what is no fill");
    }
}

/// Every declared operation was recorded: a request, and an answer.
fn covered(cases: &[Case], described: &Description, requests: &mut Check, replies: &mut Check) {
    let steps = || cases.iter().flat_map(|case| &case.steps);
    let of = |step: &Step, name: &str| step.operation.as_ref().map(probes::name) == Some(name);
    for name in &described.operations {
        let asked = steps().any(|step| of(step, name) && step.request.is_some());
        let fix = "record one";
        requests.hold(asked, name, "no fixture has a request of it", fix);
        let read = steps().any(|step| of(step, name) && step.reply.is_some());
        replies.hold(read, name, "no fixture has an answer to it", fix);
    }
}

/// Every request it makes, recorded or probed, against its manifest.
fn requests(bench: &Bench<'_>, cases: &[Case], described: &Description) -> [Check; 2] {
    let manifest = bench.manifest();
    let mut declared = Check::new("manifest", "hosts, paths and limits named are those declared");
    let mut signed =
        Check::new("signing", "reads sign for reading, writes for trading, nothing else");
    on_fresh(bench, &mut declared, |live, check| {
        let step = probes::step_secs(described);
        let probed = bench.markets.iter().flat_map(|market| probes::operations(market, step));
        let recorded = cases.iter().flat_map(|case| &case.steps);
        let recorded = recorded.filter_map(|step| step.operation.clone());
        for operation in probed.chain(recorded) {
            if let Ok(request) = live.build(&operation)? {
                probes::declared(&manifest, &operation, &request, check);
                probes::signed(&manifest, &operation, &request, &mut signed);
            }
        }
        Ok(())
    });
    [declared, signed]
}

/// The longest id the manifest's rule allows, and the longest one the house makes.
fn client_ids(
    bench: &Bench<'_>,
    live: &mut Live<'_>,
    described: &Description,
    check: &mut Check,
) -> Faulty<()> {
    if !described.operations.iter().any(|name| name == "create") {
        return Ok(());
    }
    let Some(rule) = bench.manifest().client_id else {
        check.tried();
        check.wrong("plugin.yaml", "it creates orders without `client_id:`", "declare the rule");
        return Ok(());
    };
    let longest = wickd_engine::longest_client_text(&rule.prefix);
    let reason = format!("the house's longest id `{longest}` breaks its rule");
    check.hold(rule.admits(&longest), "client_id", &reason, "check the venue's length and letters");
    let room = usize::from(rule.length_max).saturating_sub(rule.prefix.len());
    let full = format!("{}{}", rule.prefix, "w".repeat(room));
    for market in &bench.markets {
        for id in [&longest, &full] {
            let order = probes::plain(market, id);
            let operation = wickd_sandbox::exchange::nouns::Operation::Create(order);
            let Ok(request) = live.build(&operation)? else { continue };
            let said = request.query.iter().any(|pair| pair.value == *id)
                || request.body.contains(&format!("\"{id}\""));
            let place = format!("create on {} {}", market.native, word_of(market.product));
            let reason = format!("its request does not carry `{id}`");
            check.hold(said, &place, &reason, "send the id as it was given");
        }
    }
    Ok(())
}

/// Damaged bytes twice over, and what all of it took.
fn any_bytes(
    bench: &Bench<'_>,
    cases: &[Case],
    described: &Description,
    damaged: u32,
    bar: &ProgressBar,
) -> [Check; 2] {
    let mut any = Check::new("any-bytes", "damaged and random bytes never fault, twice the same");
    let mut recorded: Vec<_> =
        cases.iter().flat_map(|case| &case.steps).filter_map(Step::bytes).collect();
    recorded.sort();
    recorded.dedup();
    bar.set_message("damaged bytes");
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let outcome = damage::throw(bench, described, &recorded, damaged, &mut any, || bar.inc(1));
        hashes.push(kept(&mut any, outcome).flatten());
    }
    let reason = "the second time the same bytes gave other answers";
    let fix = "keep clocks, random numbers and hash order out of what it answers";
    any.hold(hashes[0] == hashes[1], "damaged bytes", reason, fix);
    let mut budget = Check::new("budget", "no call comes near its fuel or memory");
    let (frame, call, memory) = bench.most.get();
    let limits = &bench.limits;
    budget.note = format!(
        "frame {} of {} fuel, call {} of {}, {} of {}",
        grouped(frame),
        grouped(limits.fuel_per_call),
        grouped(call),
        grouped(limits.fuel_per_cold_call),
        bytes(memory),
        bytes(limits.memory_bytes)
    );
    let fix = "do less in one call";
    for (what, most, limit) in [
        ("a frame's fuel", frame, limits.fuel_per_call),
        ("a call's fuel", call, limits.fuel_per_cold_call),
        ("memory", memory, limits.memory_bytes),
    ] {
        let reason = format!("{} of {}: more than half", grouped(most), grouped(limit));
        budget.hold(most <= limit / 2, what, &reason, fix);
    }
    [any, budget]
}
