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
use wickd_venue::Config;
use wickd_venue::engine::{Product, Side, Status, Truth};

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
