//! What is owned is what the venue says, or is told and settled: over a real socket.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use std::process::Command;

use daemon::Daemon;
use rig::{BINANCE, DEADLINE, Rig};
use rust_decimal::Decimal;
use serde_json::Value;
use wickd_store::Record;
use wickd_venue::engine::{Product, Side, Status, Truth};
use wickd_venue::{Config, Fault, Plan, Route, Rule};

fn trader(extra: &str) -> String {
    format!(
        "  - name: one\n    plugin: trader\n    instruments: [BTC-USDT]\n    config: {{every: 20, size: 0.01}}\n{extra}"
    )
}

fn start(extra: &str) -> (Rig, Daemon) {
    let venue = Config { events_per_s: 200, ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["trader"], &trader(extra));
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    (rig, daemon)
}

fn bought(truth: &Truth) -> bool {
    truth.orders.iter().any(|order| order.side == Side::Buy && order.status == Status::Filled)
}

/// What a verb says about its one row, or its failure.
fn ask(rig: &Rig, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_wickd"))
        .args(arguments)
        .args(["--json", "--config"])
        .arg(rig.stage.dir().join("wickd.yaml"))
        .env("XDG_DATA_HOME", rig.stage.dir())
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or("null");
    serde_json::from_str(line).expect("a JSON line")
}

fn until(what: &str, fits: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !fits() {
        assert!(started.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_balance_that_nothing_here_explains_stops_new_risk_until_the_operator_has_said_whose_it_is() {
    let (rig, mut daemon) = start("");
    // Whatever was there before the first run is nobody's, and no difference.
    daemon.wait("position-found");
    rig.until("a buy", bought);
    assert_eq!(ask(&rig, &["positions"])["standing"], "agrees");
    rig.venue.transfer(Product::Spot, "BTC", Decimal::new(-5, 1)).expect("it has as much");
    let told = daemon.wait("position-differs");
    assert_eq!(told["severity"], "error");
    assert!(told["fix"].as_str().is_some_and(|fix| fix.contains("wickd adopt")), "{told}");
    assert_eq!(ask(&rig, &["positions"])["standing"], "differs");
    let row = ask(&rig, &["adopt", "unassigned", "BTC-USDT"]);
    assert_eq!(row["ours"], row["theirs"], "{row}");
    until("agreement", || ask(&rig, &["positions"])["standing"] == "agrees");
    let (status, _) = daemon.terminate();
    assert!(status.success(), "{status}");
    // What was adopted is written down: the next run finds no difference.
    let adopted =
        |record: &Record| matches!(record, Record::Adjusted(of) if of.cause.name() == "adopted");
    assert!(rig.journal().iter().any(adopted));
    let mut next = Daemon::start(&rig.stage);
    next.wait("venue-ready");
    until("agreement", || ask(&rig, &["positions"])["standing"] == "agrees");
    let (_, said) = next.terminate();
    assert!(!said.iter().any(|line| line["code"] == "position-differs"));
}

#[test]
fn what_was_bought_less_its_fee_is_closed_and_the_closing_ends() {
    let (rig, mut daemon) = start("    on_failure: flatten\n");
    // So that only what the slot bought can be sold.
    let all = Decimal::new(20, 0);
    rig.venue.transfer(Product::Spot, "BTC", -all).expect("the account begins with it");
    rig.until("a buy", bought);
    std::fs::remove_file(rig.stage.dir().join("plugins/trader.wasm")).expect("it was dropped");
    let told = daemon.wait_from(0, "an end of the closing", |line| {
        ["closed", "dust-left", "closing-ended"].iter().any(|code| line["code"] == *code)
    });
    assert_ne!(daemon.said[told]["code"], "closing-ended", "{}", daemon.said[told]);
    let truth = rig.venue.truth();
    // A closing without an end sent thousands within seconds.
    assert!(truth.orders.len() < 50, "{} orders were sent", truth.orders.len());
    let (status, _) = daemon.terminate();
    assert!(status.success(), "{status}");
}

/// A maker whose orders rest; `policy` is said of its slot.
fn resting_maker(policy: &str) -> (Rig, Daemon) {
    let maker = format!(
        "  - name: maker
    plugin: maker
    instruments: [BTC-USDT]
    config: {{every: 5, patience: 1000000, size: 0.003}}
    risk: {{orders_per_second: 1000}}
{policy}"
    );
    let venue = Config { events_per_s: 500, ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["maker"], &maker);
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    loop {
        rig.venue.set_rate(50);
        rig.until("an order that rests", |truth| truth.orders.iter().any(|of| of.status.is_open()));
        // In a market that stands still what rests stays.
        rig.venue.set_rate(0);
        if open_orders(&rig) > 0 {
            return (rig, daemon);
        }
    }
}

fn open_orders(rig: &Rig) -> usize {
    rig.venue.truth().orders.iter().filter(|order| order.status.is_open()).count()
}

#[test]
fn orders_that_rest_are_taken_back_at_the_end_of_a_run() {
    let (rig, daemon) = resting_maker("");
    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(0), "{:?}", said.last());
    assert_eq!(open_orders(&rig), 0, "nothing is left at the venue");
    assert!(!said.iter().any(|line| line["code"] == "orders-left"));
    let mut next = Daemon::start(&rig.stage);
    next.wait("orders-settled");
    next.terminate();
    rig.assert_agreed();
}

#[test]
fn orders_of_a_slot_that_keeps_them_stay_and_that_is_said() {
    let (rig, daemon) = resting_maker("    on_failure: keep\n");
    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(0), "as configured: {:?}", said.last());
    assert!(open_orders(&rig) >= 1, "it rests still");
    let kept = said.iter().find(|line| line["code"] == "orders-kept").expect("it is said");
    assert_eq!(kept["slot"], "maker", "{kept}");
    let mut next = Daemon::start(&rig.stage);
    next.wait("orders-settled");
    next.terminate();
    rig.assert_agreed();
}

#[test]
fn where_the_venue_does_not_confirm_the_end_comes_all_the_same_and_says_what_may_rest() {
    let (rig, daemon) = resting_maker("");
    let held = Rule::random(Fault::DropRequest, &[Route::Cancel], 1_000_000);
    rig.venue.faults(Plan { clear: true, seed: None, rules: vec![held] }).expect("a good plan");
    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(70), "{:?}", said.last());
    let left = said.iter().find(|line| line["code"] == "orders-left").expect("it is said");
    assert_eq!((&left["slot"], &left["severity"]), (&"maker".into(), &"error".into()), "{left}");
    rig.venue.faults(Plan { clear: true, ..Plan::default() }).expect("no faults is a plan");
    // The next run takes them back, because that was decided.
    let mut next = Daemon::start(&rig.stage);
    next.wait("orders-settled");
    rig.until("all to be taken back", |_| open_orders(&rig) == 0);
    next.terminate();
    rig.assert_agreed();
}
