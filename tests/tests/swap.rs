//! New versions between two ticks: nothing lost, doubled or reordered, and never a worse plugin than
//! before.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and tells")]

use std::sync::Arc;

use wickd_engine::lane::{Trial, Verdict};
use wickd_engine::market::Speed;
use wickd_engine::{Detail, Notice, StateWish, Summary};
use wickd_model::{FaultKind, Risk};
use wickd_tests::{Run, Stage, component_bytes, relabel, slot, synthetic, variant};

const RATE: u32 = 100_000;
const GAP_NS: &str = "10000";

/// How many swaps: enough to find what is wrong, or as many as `WICKD_SWAPS` says.
fn swaps_wanted() -> u64 {
    std::env::var("WICKD_SWAPS").ok().and_then(|text| text.parse().ok()).unwrap_or(200)
}

/// An auditor and a trader on so many events.
fn stage(events: u64) -> Stage {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(RATE, Some(events))];
    stage.plan.paper.latency_ms = 1;
    stage.drop_guest("auditor");
    stage.drop_guest("trader");
    stage.plan.slots.push(slot("audit", "auditor", &[("gap_ns", GAP_NS)]));
    let mut trader = slot("trade", "trader", &[("every", "5000")]);
    trader.risk = Risk { orders_per_second: 10_000, ..Risk::default() };
    stage.plan.slots.push(trader);
    stage
}

fn hashes(summary: &Summary) -> Vec<(String, Option<String>, Option<String>)> {
    let text = |digest: &Option<wickd_model::Digest>| digest.map(|digest| digest.to_string());
    let row = |slot: &wickd_engine::SlotSummary| {
        (slot.name.clone(), text(&slot.intents_hash), text(&slot.state_hash))
    };
    summary.slots.iter().map(row).collect()
}

#[test]
fn swaps_during_a_flood_lose_double_and_reorder_nothing() {
    let wanted = swaps_wanted();
    let events = wanted * 5_000;
    let (quiet, unswapped, _) = stage(events).start().until_over();
    let expected = quiet.audit("audit");
    assert!(expected.is_clean() && expected.events >= events, "{expected:?}");

    let mut stage = stage(events);
    stage.plan.speed = Speed::RECORDED;
    let builds = ["auditor", "trader"].map(|name| {
        let one = component_bytes(name);
        (name, [variant(&one, 1), variant(&one, 2)])
    });
    let mut run = stage.start();
    run.wait_from(0, "the market", |said| said.code == "market-open");
    let mut swaps = 0;
    'feed: for turn in 0.. {
        for (name, builds) in &builds {
            let from = run.notices.len();
            run.stage().drop_bytes(&format!("{name}.wasm"), &builds[turn % 2]);
            let slot = if *name == "auditor" { "audit" } else { "trade" };
            let number = run.wait_from(from, "a swap or the end", |said| {
                said.code == "feeds-over"
                    || (said.slot.as_deref() == Some(slot)
                        && ["swapped", "candidate-refused", "plugin-failed"].contains(&said.code))
            });
            match run.notices[number].code {
                "feeds-over" => break 'feed,
                "swapped" => swaps += 1,
                other => panic!("{other}: {:?}", run.notices[number]),
            }
        }
    }
    let (stage, summary, notices) = run.until_over();
    println!("{swaps} swaps during {events} events at {RATE} a second");
    assert!(swaps >= wanted, "only {swaps} swaps in {events} events");
    let audit = stage.audit("audit");
    assert!(audit.is_clean(), "{audit:?}");
    // The same events, the same checksum, the same orders as if nothing had been swapped.
    assert_eq!(audit, expected);
    assert_eq!(hashes(&summary), hashes(&unswapped));
    assert_eq!(stage.verify(), Vec::<String>::new());
    for said in &notices {
        if let Some(Detail::Swap(accounts)) = &said.detail {
            assert_ne!(accounts.verdict, Verdict::RolledBack);
            assert!(accounts.state_bytes.is_some(), "its state was carried: {accounts:?}");
        }
    }
}

/// An endless paced feed with one auditor called `audit`.
fn endless(trial: Trial) -> Run {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(20_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("auditor");
    let mut audit = slot("audit", "auditor", &[]);
    audit.trial = trial;
    stage.plan.slots.push(audit);
    let mut run = stage.start();
    run.wait("audit", "seated");
    run.wait_from(0, "the market", |said| said.code == "market-open");
    run
}

const TRIAL: Trial = Trial { shadow_events: 20, probation_events: 1_000, agree: false };

/// The auditor that was there first is there at the end, and has missed nothing.
fn first_still_trades(run: Run) -> Vec<Arc<Notice>> {
    let version = run.slot("audit").standing().version;
    assert_eq!(version, "0.1.0");
    let (stage, summary, notices) = run.end();
    let audit = stage.audit("audit");
    assert!(audit.is_clean(), "{audit:?}");
    assert_eq!(summary.slots[0].state, "live", "{}", summary.slots[0].why);
    notices
}

#[test]
fn a_newer_version_takes_over_with_its_state() {
    let mut run = endless(TRIAL);
    run.wait_until("some events", |house| house.slots[0].gauge.events.get() > 5_000);
    let newer = relabel(&component_bytes("auditor"), "0.1.0", "0.2.0");
    run.stage().drop_bytes("auditor-2.wasm", &newer);
    let swap = run.wait("audit", "swapped");
    let Some(Detail::Swap(accounts)) = swap.detail else { panic!("no accounts: {swap:?}") };
    assert!(accounts.cut_seq > accounts.offered_seq && accounts.state_bytes.is_some());
    run.wait("audit", "swap-kept");
    assert_eq!(run.slot("audit").standing().version, "0.2.0");
    let (stage, summary, _) = run.end();
    let audit = stage.audit("audit");
    assert!(audit.is_clean() && audit.events > 5_000, "{audit:?}");
    assert_eq!((summary.slots[0].generation, summary.slots[0].faults), (2, 0));
}

#[test]
fn a_newer_version_that_fails_in_shadow_never_trades() {
    let mut run = endless(TRIAL);
    run.stage().drop_guest("trap-shadow");
    let said = run.wait("audit", "candidate-failed");
    let Some(Detail::Fault(fault)) = &said.detail else { panic!("no fault: {said:?}") };
    assert_eq!(fault.kind, FaultKind::Panic);
    assert!(fault.panic_text.as_deref().unwrap_or_default().contains("the shadow frightens me"));
    first_still_trades(run);
}

#[test]
fn a_newer_version_that_refuses_the_state_never_trades() {
    let mut run = endless(TRIAL);
    run.stage().drop_guest("refuse-restore");
    let said = run.wait("audit", "candidate-refused");
    assert!(said.text.contains("of version 1 pleases me"), "{}", said.text);
    assert!(said.fix.is_some());
    first_still_trades(run);
}

#[test]
fn a_newer_version_that_refuses_the_state_starts_without_it_where_the_operator_says_so() {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(20_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("auditor");
    let mut audit = slot("audit", "auditor", &[]);
    (audit.trial, audit.state) = (TRIAL, StateWish::WarmUp);
    stage.plan.slots.push(audit);
    let mut run = stage.start();
    run.wait("audit", "seated");
    run.wait_from(0, "the market", |said| said.code == "market-open");
    run.stage().drop_guest("refuse-restore");
    let said = run.wait("audit", "state-left-behind");
    assert!(said.text.contains("of version 1 pleases me"), "{}", said.text);
    let swap = run.wait("audit", "swapped");
    let Some(Detail::Swap(accounts)) = &swap.detail else { panic!("no accounts: {swap:?}") };
    assert_eq!(accounts.state_bytes, None, "it has none of the state");
    assert!(swap.text.contains("warmed up with"), "{}", swap.text);
    run.end();
}

#[test]
fn a_newer_version_that_fails_on_the_state_never_trades() {
    let mut run = endless(TRIAL);
    run.stage().drop_guest("trap-restore");
    let said = run.wait("audit", "candidate-refused");
    assert!(said.text.contains("panic in restore"), "{}", said.text);
    first_still_trades(run);
}

#[test]
fn a_newer_version_that_fails_on_probation_is_rolled_back() {
    let mut run = endless(TRIAL);
    run.stage().drop_guest("trap-probation");
    run.wait("audit", "swapped");
    let said = run.wait("audit", "rolled-back");
    assert!(said.text.contains("auditor 0.1.0"), "{}", said.text);
    // The one that came back hears what follows.
    let heard = run.slot("audit").gauge.events.get();
    run.wait_until("more events", |house| house.slots[0].gauge.events.get() > heard + 2_000);
    let notices = first_still_trades(run);
    let swaps = notices.iter().filter(|said| said.code == "swapped").count();
    assert_eq!(swaps, 1, "the bytes that failed are not tried again");
}

#[test]
fn the_operator_can_return_to_the_version_before() {
    let mut run = endless(Trial { probation_events: 1_000_000, ..TRIAL });
    let newer = relabel(&component_bytes("auditor"), "0.1.0", "0.2.0");
    run.stage().drop_bytes("auditor-2.wasm", &newer);
    run.wait("audit", "swapped");
    run.house().roll_back("audit".parse().expect("a slot name"));
    run.wait("audit", "rolled-back");
    first_still_trades(run);
}

/// A slot of `plugin` on an endless paced feed, where `old` runs, and is never saved but for a swap.
fn never_saved(plugin: &str, old: &str, shadow_events: u32) -> Run {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(20_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest(old);
    let mut slot = slot("slot", plugin, &[]);
    slot.trial = Trial { shadow_events, ..TRIAL };
    slot.snapshot_every_ms = 3_600_000;
    stage.plan.slots.push(slot);
    let mut run = stage.start();
    run.wait("slot", "seated");
    run.wait_from(0, "the market", |said| said.code == "market-open");
    run
}

/// The successor of one that failed on its way out hears the market, and control knows that it is what
/// runs: it unloads when its file goes, which no other file's going brings about.
fn is_known_to_run(run: &mut Run, version: &str, old: &str, new: &str) {
    let said = run.wait("slot", "plugin-failed");
    assert!(said.text.contains("panic in save"), "{}", said.text);
    let heard = run.slot("slot").gauge.events.get();
    run.wait_until("more events", |house| house.slots[0].gauge.events.get() > heard + 2_000);
    let standing = run.slot("slot").standing();
    assert_eq!((standing.state, standing.version.as_str()), ("live", version), "{standing:?}");
    let remove = |run: &Run, guest: &str| {
        let path = run.stage().plan.folders[0].join(format!("{guest}.wasm"));
        std::fs::remove_file(path).expect("the file is there");
    };
    remove(run, old);
    run.wait_from(0, "the old file's end", |said| said.code == "file-gone");
    assert_eq!(run.slot("slot").standing().state, "live");
    remove(run, new);
    run.wait("slot", "stopped");
}

#[test]
fn a_successor_of_one_that_fails_when_it_is_offered_is_known_to_run() {
    let mut run = never_saved("auditor", "saves-never", 20);
    let from = run.notices.len();
    run.stage().drop_guest("auditor");
    run.wait_from(from, "the successor", |said| said.code == "seated");
    is_known_to_run(&mut run, "0.1.0", "saves-never", "auditor");
    let (stage, summary, _) = run.end();
    assert_eq!((summary.slots[0].generation, summary.slots[0].faults), (2, 1));
    // It was saved as it was unloaded, by those who knew that it was there.
    let audit = stage.audit("slot");
    assert!(audit.is_clean() && audit.events > 2_000, "{audit:?}");
}

#[test]
fn a_successor_of_one_that_fails_at_the_cut_is_known_to_run() {
    let mut run = never_saved("trader", "saves-once", 50);
    run.stage().drop_guest("differs");
    // There is nobody to go back to, so there is no probation.
    let said = run.wait("slot", "swap-kept");
    let Some(Detail::Swap(accounts)) = said.detail else { panic!("no accounts: {said:?}") };
    assert_eq!(accounts.verdict, Verdict::Kept);
    assert!(accounts.cut_seq > accounts.offered_seq && accounts.state_bytes.is_some());
    is_known_to_run(&mut run, "0.2.0", "saves-once", "differs");
    let (stage, summary, notices) = run.end();
    assert_eq!((summary.slots[0].generation, summary.slots[0].faults), (2, 1));
    assert!(!notices.iter().any(|said| said.code == "rolled-back"));
    assert_eq!(stage.verify(), Vec::<String>::new());
}

#[test]
fn a_version_that_decides_differently_is_refused_where_agreement_is_asked_for() {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(20_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("trader");
    let mut trader = slot("trade", "trader", &[]);
    trader.trial = Trial { shadow_events: 500, probation_events: 100, agree: true };
    stage.plan.slots.push(trader);
    let mut run = stage.start();
    run.wait_from(0, "the market", |said| said.code == "market-open");
    run.stage().drop_guest("differs");
    let said = run.wait("trade", "candidate-refused");
    assert!(said.text.contains("decisions differ"), "{}", said.text);
    assert_eq!(run.slot("trade").standing().version, "0.1.0");
    let (stage, ..) = run.end();
    assert_eq!(stage.verify(), Vec::<String>::new());
}

#[test]
fn removing_a_file_unloads_it_and_bringing_it_back_goes_on_with_its_state() {
    let mut run = endless(TRIAL);
    run.wait_until("some events", |house| house.slots[0].gauge.events.get() > 3_000);
    let path = run.stage().plan.folders[0].join("auditor.wasm");
    std::fs::remove_file(path).expect("the file is there");
    run.wait("audit", "stopped");
    assert_eq!(run.slot("audit").standing().state, "stopped");
    let from = run.notices.len();
    run.stage().drop_guest("auditor");
    run.wait_from(from, "seated again", |said| said.code == "seated");
    let heard = run.slot("audit").gauge.events.get();
    run.wait_until("more events", |house| house.slots[0].gauge.events.get() > heard + 1_000);
    let (stage, summary, _) = run.end();
    let audit = stage.audit("audit");
    assert_eq!((audit.gaps, audit.doubles, audit.reorders), (0, 0, 0), "{audit:?}");
    assert!(audit.events > 4_000 && summary.slots[0].faults == 0);
}
