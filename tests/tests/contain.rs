//! Hostile guests beside good ones, in a whole house: a bad plugin costs its own slot and nothing else.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wickd_engine::market::Speed;
use wickd_engine::{Detail, SlotSummary, Summary};
use wickd_model::FaultKind;
use wickd_tests::{Audit, Stage, slot, synthetic};

const EVENTS: u64 = 6_000;
const RATE: u32 = 10_000;
const GAP_NS: &str = "100000";

/// Two auditors beside these guests, to the end of the feed.
fn run_beside(
    hostile: &[&str],
) -> (Summary, [Audit; 2], Vec<std::sync::Arc<wickd_engine::Notice>>) {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(RATE, Some(EVENTS))];
    // Paced, so that restarts and snapshots fall between ticks and not behind the last one.
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("auditor");
    stage.plan.slots.push(slot("first", "auditor", &[("gap_ns", GAP_NS)]));
    for name in hostile {
        stage.drop_guest(name);
        stage.plan.slots.push(slot(name, name, &[]));
    }
    // The last in the lane's order hears every event after all the others.
    stage.plan.slots.push(slot("last", "auditor", &[("gap_ns", GAP_NS)]));
    let (stage, summary, notices) = stage.start().until_over();
    let audits = ["first", "last"].map(|slot| stage.audit(slot));
    assert_eq!(stage.verify(), Vec::<String>::new());
    (summary, audits, notices)
}

fn of<'s>(summary: &'s Summary, name: &str) -> &'s SlotSummary {
    summary.slots.iter().find(|slot| slot.name == name).expect("the slot was planned")
}

#[test]
fn with_hostile_guests_beside_them_good_ones_get_every_tick() {
    let (alone, [undisturbed, _], _) = run_beside(&[]);
    assert!(undisturbed.is_clean(), "{undisturbed:?}");
    let hostile = [
        "panics",
        "spin",
        "spin-init",
        "memory-bomb",
        "recursion",
        "log-flood",
        "order-flood",
        "huge-list",
        "trap-save",
        "bad-pointer",
        "unreachable",
        "sleeper",
        "escapes",
        "wild-orders",
        "foreign-cancel",
        "timer-flood",
        "leak",
        "huge-state",
        "wants-inputs",
        "wants-past",
        "handle-flood",
        "takes-no",
    ];
    let (summary, [first, last], notices) = run_beside(&hostile);
    // Every event by their own numbers, and the same ones as without the others.
    assert!(first.is_clean() && last.is_clean(), "{first:?} {last:?}");
    assert_eq!(first, undisturbed);
    assert_eq!(last, undisturbed);
    assert_eq!(summary.events, alone.events);
    for (name, kind) in [
        ("panics", FaultKind::Panic),
        ("spin", FaultKind::OutOfFuel),
        ("log-flood", FaultKind::OutOfFuel),
        ("memory-bomb", FaultKind::Memory),
        ("handle-flood", FaultKind::Memory),
        ("takes-no", FaultKind::Panic),
        ("recursion", FaultKind::Stack),
        ("bad-pointer", FaultKind::Trap),
        ("unreachable", FaultKind::Panic),
        ("trap-save", FaultKind::Panic),
        ("escapes", FaultKind::Panic),
    ] {
        let slot = of(&summary, name);
        let fault = slot.last_fault.as_ref().unwrap_or_else(|| panic!("{name} did not fail"));
        assert_eq!(fault.kind, kind, "{name}: {fault}");
    }
    // Those that fail at once fail at every restart, and are given up.
    for name in
        ["spin", "log-flood", "recursion", "bad-pointer", "unreachable", "escapes", "huge-list"]
    {
        let slot = of(&summary, name);
        assert_eq!(slot.state, "quarantined", "{name}: {} {}", slot.state, slot.why);
        assert_eq!(slot.faults, 4, "{name}: three restarts");
    }
    for name in ["spin-init", "wants-inputs", "wants-past"] {
        let slot = of(&summary, name);
        assert_eq!((slot.generation, slot.events), (0, 0), "{name} never ran");
        assert!(!slot.why.is_empty());
    }
    // Those that are only greedy live, within their shares.
    for name in ["order-flood", "wild-orders", "foreign-cancel", "timer-flood"] {
        let slot = of(&summary, name);
        assert_eq!((slot.state, slot.faults), ("live", 0), "{name}: {:?}", slot.last_fault);
    }
    assert_eq!(of(&summary, "wild-orders").intents, 0);
    assert_eq!(of(&summary, "foreign-cancel").intents, 0);
    assert!(of(&summary, "order-flood").denials > 1_000);
    // What anybody reads of it is bounded and printable.
    for said in &notices {
        let texts = [Some(&said.text), said.fix.as_ref(), said.place.as_ref()];
        for text in texts.into_iter().flatten() {
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
        if let Some(Detail::Fault(fault)) = &said.detail {
            assert!(fault.backtrace.len() <= 20);
        }
    }
}

#[test]
fn a_guest_that_is_late_to_fail_is_restarted_with_its_count() {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(RATE, Some(EVENTS))];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("late-trap");
    stage.plan.slots.push(slot("late", "late-trap", &[]));
    let mut run = stage.start();
    let fault = run.wait("late", "plugin-failed");
    assert!(fault.text.contains("two hundred are enough"), "{}", fault.text);
    run.wait("late", "quarantined");
    let (_, summary, _) = run.end();
    let slot = of(&summary, "late");
    assert_eq!(slot.faults, 4);
    assert!(slot.events >= 4 * 201, "each life had its ticks: {}", slot.events);
    assert!(slot.generation >= 4);
}

#[test]
fn an_indicator_that_gives_nan_leaves_its_reader_alone() {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(RATE, Some(2_000))];
    ["nosy", "nan-indicator"].iter().for_each(|name| drop(stage.drop_guest(name)));
    stage.plan.slots.push(slot("nosy", "nosy", &[]));
    let (_, summary, notices) = stage.start().until_over();
    let slot = of(&summary, "nosy");
    assert_eq!((slot.state, slot.faults), ("live", 0), "{slot:?}");
    assert!(slot.events > 1_900, "{}", slot.events);
    let told = notices.iter().any(|said| said.text.contains("not a finite number"));
    assert!(told, "the indicator's fault is told: {notices:#?}");
}
