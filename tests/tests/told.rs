//! What is told of a plugin: its lines with their level, its last words, its denials, its gauges.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wickd_engine::events::During;
use wickd_engine::market::Speed;
use wickd_engine::{Event, Severity};
use wickd_model::{FaultKind, Level};
use wickd_tests::{Stage, slot, synthetic};

/// A stage with one guest in a slot of the same name.
fn stage(guest: &str, events: u64) -> Stage {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(1_000, Some(events))];
    stage.plan.speed = Speed::Max;
    stage.drop_guest(guest);
    stage.plan.slots.push(slot(guest, guest, &[]));
    stage
}

#[test]
fn the_lines_of_a_call_that_fails_are_told_with_their_level_before_the_failure() {
    let (_, summary, notices) = stage("escapes", 5).start().until_over();
    let failed = notices.iter().position(|notice| notice.code == "plugin-failed");
    let failed = failed.expect("it panics in its first tick");
    let lines: Vec<_> = notices[..failed].iter().filter(|of| of.code == "plugin-log").collect();
    // What it logged as an error stays one; what it printed is a line as well.
    let levels: Vec<_> = lines
        .iter()
        .filter_map(|notice| match &notice.event {
            Event::Log { level, during: During::FailedCall, .. } => Some(*level),
            _ => None,
        })
        .collect();
    assert!(levels.contains(&Level::Error) && levels.contains(&Level::Info), "{lines:#?}");
    assert!(lines.iter().any(|line| line.severity == Severity::Error));
    assert!(lines.iter().all(|line| line.slot.as_deref() == Some("escapes")));
    let fault = summary.slots[0].last_fault.as_ref().expect("it panicked");
    assert_eq!(fault.kind, FaultKind::Panic);
    let first = &fault.backtrace.first().expect("guests carry their names").function;
    assert!(!first.contains("panic") && !first.contains("abort"), "{:#?}", fault.backtrace);
}

#[test]
fn what_the_gate_denies_is_counted_where_it_denies_and_told_as_it_grows_tenfold() {
    const EVENTS: u64 = 40;
    let (_, summary, notices) = stage("wild-orders", EVENTS).start().until_over();
    let slot = &summary.slots[0];
    // Not one of its orders is staged, so no commit could have counted them.
    assert_eq!((slot.intents, slot.denials), (0, EVENTS * 18));
    assert!(slot.last_denial.is_some());
    let told: Vec<_> = notices.iter().filter(|notice| notice.code == "order-denied").collect();
    assert!(!told.is_empty() && told.len() < 40, "{told:#?}");
    assert!(told.iter().all(|notice| notice.fix.is_some() && notice.severity == Severity::Warn));
    assert!(told.iter().any(|notice| notice.text.contains("instrument-unknown")), "{told:#?}");
}

#[test]
fn the_gauges_a_plugin_sets_are_read_and_bounded() {
    let (_, summary, _) = stage("metric-flood", 50).start().until_over();
    let metrics = &summary.slots[0].metrics;
    assert_eq!(metrics.len(), 32);
    assert_eq!(metrics.get("gauge-7"), Some(&7.0));
}
