//! Hogs of a lane beside auditors: whatever the work is and wherever it is done, the hog is told by
//! name and has less and less of its lane, and its neighbours get every event.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and tells")]

use std::sync::Arc;
use std::time::Instant;

use wickd_engine::rig::{Rig, prepare};
use wickd_engine::{Admission, House, Notice, SlotSummary};
use wickd_model::{Event, Limits};
use wickd_policy::LimitsPatch;
use wickd_policy::yaml::{Problems, parse};
use wickd_tests::{Audit, Stage, btc_usdt, component, quote, runtime, slot, synthetic};

/// Event time passes in steps of 5 ms, for twenty seconds: room for three strikes.
const RATE: u32 = 200;
const EVENTS: u64 = 4_000;
const GAP_NS: &str = "5000000";
/// Fuel of a second that a hog may use: a tenth of what is usual, so that a test takes less time.
const SHARE: u64 = 50_000_000;

/// What a hog does: work, how often, where, timers of the past for each event.
type Kind = (&'static str, u32, &'static str, u32);

/// Each is within the fuel of one call, and above its share in the sum.
const KINDS: [Kind; 30] = [
    ("burn", 1_000, "event", 0),
    ("memory", 10, "event", 0),
    ("log", 400, "event", 0),
    ("log-long", 100, "event", 0),
    ("log-longest", 5, "event", 0),
    ("metric", 800, "event", 0),
    ("metric-long", 500, "event", 0),
    ("metric-many", 400, "event", 0),
    ("now", 4_000, "event", 0),
    ("position", 3_000, "event", 0),
    ("submit", 700, "event", 0),
    ("denied", 700, "event", 0),
    ("cancel", 700, "event", 0),
    ("cancel-all", 3_000, "event", 0),
    ("timer", 1_500, "event", 0),
    ("clear", 1_500, "event", 0),
    ("print", 300, "event", 0),
    ("print-long", 100, "event", 0),
    ("clock", 500, "event", 0),
    ("burn", 400, "timer", 16),
    ("memory", 4, "timer", 16),
    ("log", 150, "timer", 16),
    ("log-long", 40, "timer", 16),
    ("metric", 300, "timer", 16),
    ("now", 1_500, "timer", 16),
    ("submit", 300, "timer", 16),
    ("timer", 1_500, "timer", 16),
    ("print", 100, "timer", 16),
    ("clock", 200, "timer", 16),
    ("nothing", 0, "timer", 64),
];

/// A hog and an auditor on one lane, an auditor on another.
fn stage(settings: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(RATE, Some(EVENTS))];
    stage.plan.lanes = 2;
    stage.plan.limits = Limits { fuel_per_second: SHARE, ..Limits::default() };
    ["lane-hog", "auditor", "hog-indicator"].iter().for_each(|name| drop(stage.drop_guest(name)));
    let rsi = std::fs::read(component("rsi")).expect("it was built");
    stage.drop_bytes("rsi.wasm", &rsi);
    stage.plan.slots.push(slot("hog", "lane-hog", settings));
    for name in ["far", "near"] {
        let mut auditor = slot(name, "auditor", &[("gap_ns", GAP_NS)]);
        auditor.snapshot_every_ms = 3_600_000;
        stage.plan.slots.push(auditor);
    }
    stage
}

/// The whole run: the hog, both auditors, what was said.
fn run(stage: Stage) -> (SlotSummary, [Audit; 2], Vec<Arc<Notice>>) {
    let (stage, summary, notices) = stage.start().until_over();
    let audits = ["near", "far"].map(|name| stage.audit(name));
    let hog = summary.slots.into_iter().find(|slot| slot.name == "hog").expect("it was planned");
    (hog, audits, notices)
}

fn told(notices: &[Arc<Notice>], code: &str) -> usize {
    let about = |said: &&Arc<Notice>| said.code == code && said.slot.as_deref() == Some("hog");
    notices.iter().filter(about).count()
}

fn settings(kind: &Kind) -> Vec<(&'static str, String)> {
    let (work, times, at, timers) = *kind;
    let texts = [("work", work.to_owned()), ("times", times.to_string()), ("at", at.to_owned())];
    texts.into_iter().chain([("timers", timers.to_string())]).collect()
}

#[test]
fn whatever_holds_up_a_lane_is_late_then_muted_then_given_up_and_neighbours_get_every_event() {
    let quiet = [("times", "0")];
    let (_, undisturbed, _) = run(stage(&quiet));
    assert!(undisturbed[0].is_clean(), "{undisturbed:?}");
    for kind in &KINDS {
        let texts = settings(kind);
        let texts: Vec<_> = texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let (hog, audits, notices) = run(stage(&texts));
        let codes: Vec<_> = notices.iter().map(|said| (said.code, &said.text)).collect();
        assert_eq!(audits, undisturbed, "{kind:?}");
        // Timers that do nothing are a trifle, and stay one.
        if kind.0 == "nothing" {
            assert_eq!((hog.state, hog.faults), ("live", 0), "{kind:?}: {codes:#?}");
            continue;
        }
        assert_eq!(told(&notices, "slot-late"), 1, "{kind:?}: {hog:?} {codes:#?}");
        assert_eq!(told(&notices, "slot-muted"), 1, "{kind:?}: {hog:?} {codes:#?}");
        assert_eq!((hog.state, hog.faults), ("quarantined", 1), "{kind:?}: {codes:#?}");
        assert!(hog.why.contains("limits.fuel_per_second"), "{kind:?}: {}", hog.why);
        // Three seconds with a share each, the last call of each included, are all it ever had.
        let used = hog.fuel_per_event * hog.events;
        assert!(used <= 3 * (SHARE + 4_000_000) + hog.events, "{kind:?}: {used}");
    }
}

#[test]
fn a_call_with_more_host_calls_than_fuel_fails_and_names_the_limit() {
    for (work, times) in
        [("log", "5000"), ("metric", "20000"), ("clock", "20000"), ("burn", "50000")]
    {
        let (hog, audits, notices) = run(stage(&[("work", work), ("times", times)]));
        assert!(audits.iter().all(Audit::is_clean), "{work}");
        let fault = hog.last_fault.unwrap_or_else(|| panic!("{work} did not fail: {notices:#?}"));
        assert!(fault.to_string().contains("`limits.fuel_per_call` is 1000000"), "{work}: {fault}");
    }
}

#[test]
fn a_snapshot_has_the_budget_of_one_event() {
    let mut stage = stage(&[("work", "burn"), ("times", "50000"), ("at", "save")]);
    stage.plan.slots[0].snapshot_every_ms = 10;
    let (hog, audits, _) = run(stage);
    assert!(audits.iter().all(Audit::is_clean));
    let fault = hog.last_fault.expect("it fails at the latest at the end");
    assert_eq!(fault.call, "save");
    assert!(fault.to_string().contains("`limits.fuel_per_event` is 4000000"), "{fault}");
}

#[test]
fn timers_beyond_the_budget_of_an_event_wait_for_the_next_one() {
    // A timer takes most of a call's fuel, so of sixteen that are due only the first few fit.
    let mut stage =
        stage(&[("work", "burn"), ("times", "1000"), ("at", "timer"), ("timers", "16")]);
    stage.plan.limits.fuel_per_second = 1_000_000_000_000;
    let (hog, audits, notices) = run(stage);
    assert!(audits.iter().all(Audit::is_clean));
    assert_eq!((hog.state, hog.faults), ("live", 0), "{notices:#?}");
    let per_event = hog.fuel_per_event * hog.events / EVENTS;
    assert!((500_000..=4_100_000).contains(&per_event), "{per_event} fuel an event");
}

#[test]
fn a_hog_among_shared_inputs_is_named_and_its_reader_lives() {
    let inputs = [("times", "0"), ("inputs", "4"), ("input", "hog-indicator"), ("period", "80")];
    let (hog, audits, notices) = run(stage(&inputs));
    assert!(audits.iter().all(Audit::is_clean));
    assert_eq!((hog.state, hog.faults), ("live", 0), "{notices:#?}");
    let told = notices.iter().find(|said| said.code == "input-failed").expect("it is told");
    assert!(told.text.contains("limits.fuel_per_second"), "{}", told.text);
    assert!(
        told.plugin.as_ref().is_some_and(|plugin| plugin.contains("hog-indicator")),
        "{told:?}"
    );
}

#[test]
fn a_share_can_be_raised_for_one_slot() {
    let mut stage = stage(&[("work", "burn"), ("times", "1000")]);
    let mut problems = Problems::default();
    let node = parse("fuel_per_second: 1000000000000", 99).expect("it is YAML");
    stage.plan.slots[0].limits = LimitsPatch::read(&node, &mut problems);
    let (hog, _, notices) = run(stage);
    assert_eq!((hog.state, hog.faults), ("live", 0), "{notices:#?}");
}

#[test]
fn a_lane_that_missed_events_tells_its_slots_before_the_next_one() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let instruments = [btc_usdt()];
    let admission = Admission::alone(runtime().clone(), Limits::default(), None);
    let (plugin, _) = admission.admit(&component("auditor"), 0).expect("it is good");
    let mut rig = Rig::new(state.path(), &instruments, 1).expect("a folder is enough");
    rig.seat(1, prepare(runtime(), &plugin, &instruments, 1).expect("it is good"));
    (1..=10).for_each(|seq| rig.tick(&Event::Quote(quote(seq))));
    assert_eq!((rig.gauge(1).events.get(), rig.gauge(1).skipped.get()), (10, 0));
    rig.tick(&Event::Quote(quote(101)));
    // The feed was stale, is live again, and then the quote itself.
    assert_eq!((rig.gauge(1).events.get(), rig.gauge(1).skipped.get()), (13, 90));
    rig.tick(&Event::Quote(quote(102)));
    assert_eq!((rig.gauge(1).events.get(), rig.gauge(1).skipped.get()), (14, 90));
}

/// What neighbours feel, in time: `WICKD_LANE_RATIOS=1 cargo test --release --test lane -- --nocapture`.
#[test]
fn neighbours_of_a_muted_hog_run_as_if_it_were_not_there() {
    if std::env::var_os("WICKD_LANE_RATIOS").is_none() {
        return;
    }
    let p999 = |house: &House, name: &str| {
        let slot = house.slots.iter().find(|slot| slot.name.as_str() == name);
        slot.expect("it was planned").gauge.call_ns.quantile_ns(0.999) as f64
    };
    let measure = |texts: &[(&str, &str)]| {
        let mut stage = stage(texts);
        stage.plan.feeds = vec![synthetic(RATE, Some(EVENTS * 50))];
        let started = Instant::now();
        let mut run = stage.start();
        run.wait_until("the end of the feeds", House::is_over);
        let times = ["near", "far"].map(|name| p999(run.house(), name));
        run.end();
        (times, started.elapsed().as_secs_f64())
    };
    for kind in &KINDS {
        let texts = settings(kind);
        let texts: Vec<_> = texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let (alone, alone_s) = measure(&[("times", "0")]);
        let (beside, beside_s) = measure(&texts);
        let [near, far] = [0, 1].map(|place| beside[place] / alone[place]);
        let whole = beside_s / alone_s;
        println!("{kind:?}: p99.9 of a call near {near:.2}, far {far:.2}; whole run {whole:.2}");
    }
}
