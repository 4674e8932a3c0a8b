//! Who may take a place, and what follows when a file is removed: in a whole engine.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wickd_engine::market::Speed;
use wickd_engine::{House, NotApproved};
use wickd_model::Digest;
use wickd_policy::acceptance::Accept;
use wickd_tests::{Run, Stage, component_bytes, relabel, slot, synthetic, variant};

/// A slot `audit` under `accept` on an endless paced feed.
fn stage(accept: Accept) -> Stage {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(20_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("auditor");
    let mut audit = slot("audit", "auditor", &[("gap_ns", "50000")]);
    audit.accept = accept;
    stage.plan.slots.push(audit);
    stage
}

fn running(run: &Run) -> Option<Digest> {
    run.slot("audit").standing().digest
}

/// Waits until the slot has had so many events more: it trades on.
fn trades_on(run: &mut Run) {
    let heard = run.slot("audit").gauge.events.get();
    run.wait_until("more events", |house| house.slots[0].gauge.events.get() > heard + 1_000);
}

#[test]
fn no_version_and_no_removal_changes_who_holds_a_pinned_slot() {
    let good = component_bytes("auditor");
    let mut run = stage(Accept::Pinned).start();
    run.wait("audit", "seated");
    let holder = running(&run);
    let claims = ["9.9.9", "0.1.0", "0.1.1", "0.0.1"];
    for (number, version) in claims.into_iter().enumerate() {
        let other = relabel(&variant(&good, number as u64), "0.1.0", version);
        let from = run.notices.len();
        let path = run.stage().drop_bytes(&format!("a{number}.wasm"), &other);
        run.wait_from(from, "the admission", |said| said.code == "plugin-admitted");
        trades_on(&mut run);
        assert_eq!(running(&run), holder, "{version}");
        std::fs::remove_file(path).expect("it is there");
    }
    // In the place of its own file, too.
    let other = relabel(&good, "0.1.0", "0.2.0");
    let from = run.notices.len();
    run.stage().drop_bytes("auditor.wasm", &other);
    let held = run.wait_from(from, "the hold", |said| said.code == "plugin-held");
    let told = &run.notices[held];
    assert!(told.fix.as_ref().is_some_and(|fix| fix.contains("wickd approve slot/audit ")));
    trades_on(&mut run);
    assert_eq!(running(&run), holder);
    // Over a restart, although no file has its bytes any more.
    let (stage, summary, _) = run.end();
    assert_eq!(summary.slots[0].generation, 1);
    let mut run = stage.start();
    run.wait("audit", "seated");
    assert_eq!(running(&run), holder);
    run.wait_until("the hold", |house| {
        let held = house.handle().held().expect("it answers");
        matches!(&held[..], [one] if Some(one.digest) != holder && one.holder == holder)
    });
    run.end();
}

#[test]
fn approved_bytes_take_the_place_and_are_not_asked_for_again() {
    let mut run = stage(Accept::Pinned).start();
    run.wait("audit", "seated");
    let old = running(&run).expect("it runs");
    run.stage().drop_bytes("auditor.wasm", &variant(&component_bytes("auditor"), 1));
    run.wait_from(0, "the hold", |said| said.code == "plugin-held");
    let held = run.house().handle().held().expect("it answers").pop().expect("it is held");
    let approve = |house: &House, place: &str, digest| {
        house.handle().approve(place.to_owned(), digest).expect("it answers")
    };
    let nobody = approve(run.house(), "nobody", held.digest);
    assert!(matches!(nobody, Err(NotApproved::NoPlace(_))), "{nobody:?}");
    let unknown = approve(run.house(), "audit", Digest([9; 32]));
    assert!(matches!(unknown, Err(NotApproved::NoBytes(_))), "{unknown:?}");
    approve(run.house(), "audit", held.digest).expect("it is approved");
    run.wait("audit", "swapped");
    assert_eq!(running(&run), Some(held.digest));
    assert_eq!(run.house().handle().held().expect("it answers"), []);
    // What was approved before does not come back by itself.
    run.stage().drop_guest("auditor");
    run.wait_until("the hold", |house| {
        house.handle().held().expect("it answers").iter().any(|of| of.digest == old)
    });
    trades_on(&mut run);
    assert_eq!(running(&run), Some(held.digest));
    run.stage().drop_bytes("auditor.wasm", &variant(&component_bytes("auditor"), 1));
    let (stage, ..) = run.end();
    let mut run = stage.start();
    run.wait("audit", "seated");
    assert_eq!(running(&run), Some(held.digest));
    let asked = run.notices.iter().any(|said| said.code == "plugin-held");
    assert!(!asked, "{:?}", run.notices);
    run.end();
}

#[test]
fn a_slot_that_takes_any_bytes_takes_the_next_version_as_before() {
    let mut run = stage(Accept::Any).start();
    run.wait("audit", "seated");
    run.stage().drop_bytes("auditor.wasm", &variant(&component_bytes("auditor"), 1));
    run.wait("audit", "swapped");
    assert_eq!(run.house().handle().held().expect("it answers"), []);
    run.end();
}

#[test]
fn bytes_that_the_configuration_lists_not_are_held_from_the_first_on() {
    let mut run = stage(Accept::Listed([Digest([9; 32])].into())).start();
    run.wait_from(0, "the hold", |said| said.code == "plugin-held");
    assert_eq!(running(&run), None);
    run.end();
}

#[test]
fn removing_a_file_unloads_its_slot_also_after_a_refused_replacement() {
    for refused in ["rubbish", "refuses"] {
        let mut run = stage(Accept::Any).start();
        run.wait("audit", "seated");
        let from = run.notices.len();
        let (bytes, code) = match refused {
            "rubbish" => (b"rubbish".to_vec(), "plugin-refused"),
            // A whole plugin of the name, whose parameters the slot's do not fit.
            _ => {
                let other = component_bytes("trader");
                let name = (b"name: trader".as_slice(), b"name: audito".as_slice());
                (rename(&other, name.0, name.1), "plugin-admitted")
            }
        };
        let path = run.stage().drop_bytes("auditor.wasm", &bytes);
        run.wait_from(from, code, |said| said.code == code);
        trades_on(&mut run);
        std::fs::remove_file(path).expect("it is there");
        run.wait("audit", "stopped");
        assert_eq!(run.slot("audit").standing().state, "stopped");
        run.end();
    }
}

fn rename(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut other = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len().saturating_sub(from.len()))
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    for at in places {
        other[at..at + to.len()].copy_from_slice(to);
    }
    other
}

#[test]
fn removing_the_file_of_an_input_takes_its_values_away_and_returning_it_brings_them_back() {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(20_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("nosy");
    let input = stage.drop_guest("nan-indicator");
    stage.plan.slots.push(slot("nosy", "nosy", &[]));
    let mut run = stage.start();
    run.wait("nosy", "seated");
    let from = run.notices.len();
    std::fs::remove_file(input).expect("it is there");
    run.wait_from(from, "the end of the input", |said| said.code == "input-unloaded");
    run.stage().drop_guest("nan-indicator");
    run.wait_from(from, "the input", |said| said.code == "input-swapped");
    run.end();
}

#[test]
fn a_sidecar_lowers_what_runs_and_its_removal_gives_nothing_back() {
    let mut run = stage(Accept::Any).start();
    run.wait("audit", "seated");
    let side = run.stage().plan.folders[0].join("auditor.plugin.yaml");
    let from = run.notices.len();
    std::fs::write(&side, "limits: {memory_bytes: 8388608, deadline_ms: 9999}\n").expect("a file");
    let raised = run.wait_from(from, "the raise", |said| said.code == "sidecar-raises");
    assert!(run.notices[raised].text.contains("deadline_ms: 9999"));
    run.wait("audit", "swapped");
    let from = run.notices.len();
    std::fs::remove_file(&side).expect("it is there");
    let gone = run.wait_from(from, "the loss", |said| said.code == "sidecar-gone");
    assert!(run.notices[gone].text.contains("memory_bytes: 8388608"));
    let (stage, ..) = run.end();
    let mut run = stage.start();
    run.wait_from(0, "the loss", |said| said.code == "sidecar-gone");
    run.end();
}
