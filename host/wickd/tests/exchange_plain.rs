//! A venue that nobody wrote an adapter for: the one with parameters trades there too.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use daemon::Daemon;
use rig::{PLAIN, Rig, patient};
use wickd_venue::engine::{Status, Truth};
use wickd_venue::{Config, Fault, Plan, Route, Rule};

const MAKER: &str = "  - name: one
    plugin: maker
    instruments: [BTC-USDT]
    config: {every: 2, patience: 4, size: 0.001}
    risk: {orders_per_second: 1000}
";

fn plain() -> Rig {
    let venue = Config { events_per_s: 300, limits: patient(), ..Config::default() };
    let rig = Rig::new(&PLAIN, venue, &["maker"], MAKER);
    rig.amend("    trade: true\n", "    trade: true\n    streams: [quotes]\n");
    rig
}

fn filled(truth: &Truth) -> usize {
    truth.orders.iter().filter(|order| order.status == Status::Filled).count()
}

#[test]
fn an_order_is_sent_and_filled_at_a_plain_venue_and_makes_a_position() {
    let rig = plain();
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.until("two fills", |truth| filled(truth) >= 2);
    rig.settle(daemon);
    assert!(rig.assert_agreed() >= 2);
    let bought = rig.standings().iter().any(|standing| !standing.filled().is_zero());
    assert!(bought, "no fill reached the journal");
}

#[test]
fn a_plain_venue_that_loses_its_answers_holds_each_order_once() {
    let rig = plain();
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    let faults = [Fault::DropReply, Fault::Malformed, Fault::Cut];
    let rules = faults.map(|fault| Rule::random(fault, &[Route::Create, Route::Cancel], 150_000));
    rig.venue.faults(Plan { rules: rules.into(), ..Plan::default() }).expect("a good plan");
    rig.until("three orders", |truth| truth.orders.len() >= 3);
    rig.venue.faults(Plan { clear: true, ..Plan::default() }).expect("no faults is a plan");
    rig.settle(daemon);
    rig.assert_agreed();
}
