//! The daemon trades at a venue: streams in, signed orders out, fills back, over real sockets.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and tells")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use daemon::Daemon;
use rig::{BINANCE, BYBIT, Dialect, OKX, Rig};
use wickd_tests::{component_bytes, variant};
use wickd_venue::Config;
use wickd_venue::engine::Truth;

const TRADERS: &str = "  - name: one
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 40, size: 0.001}
    risk: {orders_per_second: 1000}
  - name: two
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 60, size: 0.002}
    risk: {orders_per_second: 1000}
  - name: tape
    plugin: tape
    instruments: [BTC-USDT]
";

/// How many orders are done.
fn done(truth: &Truth) -> usize {
    truth.orders.iter().filter(|order| !order.status.is_open()).count()
}

/// Trades at a venue, swaps its adapter in the middle, and holds everything against the truth. Gives
/// what the tape says at its end.
fn trade_and_swap(dialect: &Dialect) -> String {
    let venue = Config { events_per_s: 2_000, ..Config::default() };
    let rig = Rig::new(dialect, venue, &["trader", "tape"], TRADERS);
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.until("ten orders", |truth| done(truth) >= 10);
    let next = variant(&component_bytes(dialect.adapter), 2);
    rig.stage.drop_bytes(&format!("{}.wasm", dialect.adapter), &next);
    let swapped = daemon.wait("adapter-swapped");
    assert!(swapped["text"].as_str().is_some_and(|text| text.contains("its sockets stayed open")));
    let before = done(&rig.venue.truth());
    rig.until("ten orders more", |truth| done(truth) >= before + 10);
    let said = rig.settle(daemon);
    let tape = said.iter().map(ToString::to_string).find(|line| line.contains("gaps="));
    println!("{} orders at {}", rig.assert_agreed(), dialect.adapter);
    let broken: u64 = rig.venue.limits().values().map(|usage| usage.violations).sum();
    assert_eq!(broken, 0, "{:?}", rig.venue.limits());
    tape.expect("the tape says what it heard")
}

#[test]
fn orders_fill_at_binance_while_its_adapter_is_swapped_and_nothing_is_lost_or_doubled() {
    let tape = trade_and_swap(&BINANCE);
    assert!(tape.contains("gaps=0 doubled=0"), "{tape}");
}

#[test]
fn orders_fill_at_okx_whose_sizes_and_ids_differ() {
    let tape = trade_and_swap(&OKX);
    assert!(tape.contains("gaps=0 doubled=0"), "{tape}");
}

#[test]
fn orders_fill_at_bybit_whose_answers_are_acknowledgements_only() {
    // Its trade ids are no numbers, so only the orders can be held against the truth.
    trade_and_swap(&BYBIT);
}

#[test]
fn an_adapter_whose_file_is_removed_is_unloaded_and_its_orders_stay_known_until_it_is_back() {
    let venue = Config { events_per_s: 2_000, ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["trader", "tape"], TRADERS);
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.until("ten orders", |truth| done(truth) >= 10);
    let file = rig.stage.dir().join("plugins/binance.wasm");
    std::fs::remove_file(&file).expect("it was dropped");
    daemon.wait("adapter-unloaded");
    let from = daemon.said.len();
    rig.stage.drop_guest("binance");
    daemon.wait_from(from, "the adapter again", |line| line["code"] == "adapter-seated");
    let before = done(&rig.venue.truth());
    rig.until("ten orders more", |truth| done(truth) >= before + 10);
    rig.settle(daemon);
    println!("{} orders", rig.assert_agreed());
}
