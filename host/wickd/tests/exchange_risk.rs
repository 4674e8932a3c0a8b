//! Loss stops over a real socket: an account whose slots lose together, and reduce-only where a venue
//! would hold it against what other slots own.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use daemon::Daemon;
use rig::{BINANCE, Rig};
use rust_decimal::Decimal;
use serde_json::Value;
use wickd_model::Reason;
use wickd_store::Record;
use wickd_venue::Config;
use wickd_venue::engine::{Order, Product, Side, Status, Truth};

/// Makes a perpetual of the instrument.
const PERPETUAL: (&str, &str) = (
    "    min_qty: 0.00001\n",
    "    product: perpetual\n    price_step: 0.1\n    qty_step: 0.001\n    min_qty: 0.001\n",
);

fn holders(names: &[&str]) -> String {
    let one = |name: &&str| {
        format!(
            "  - name: {name}\n    plugin: holder\n    instruments: [BTC-USDT]\n    config: {{size: 0.1}}\n"
        )
    };
    names.iter().map(one).collect()
}

fn start(names: &[&str], amend: &[(&str, &str)]) -> (Rig, Daemon) {
    let venue = Config { events_per_s: 400, ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["holder"], &holders(names));
    amend.iter().for_each(|(from, to)| rig.amend(from, to));
    let mut daemon = Daemon::start(&rig.stage);
    for name in names {
        said(&mut daemon, name, "rests");
    }
    (rig, daemon)
}

/// Waits until a slot has said something with these words; gives it.
fn said(daemon: &mut Daemon, slot: &str, words: &str) -> String {
    let fits = |line: &Value| line["slot"] == slot && line["text"].to_string().contains(words);
    let number = daemon.wait_from(0, &format!("`{words}` of {slot}"), fits);
    daemon.said[number]["text"].to_string()
}

/// Waits until a slot was denied, and says under which code.
fn assert_denied(daemon: &mut Daemon, slot: &str, code: &str) {
    let text = said(daemon, slot, "denied ");
    assert!(text.contains(code), "{text}");
}

/// Waits until a slot has heard that its buy was taken back, and by whom.
fn assert_taken_back(daemon: &mut Daemon, slot: &str) {
    let text = said(daemon, slot, "buy taken back");
    assert!(text.contains("Host"), "{text}");
}

fn orders(truth: &Truth, fits: impl Fn(&&Order) -> bool) -> usize {
    truth.orders.iter().filter(fits).count()
}

/// What rests at the venue: sells that reduce, and buys that would increase.
fn resting(truth: &Truth) -> (usize, usize) {
    let of = |side| orders(truth, |order| order.status.is_open() && order.side == side);
    (of(Side::Sell), of(Side::Buy))
}

fn lines<'l>(all: &'l [Value], code: &str) -> Vec<&'l Value> {
    all.iter().filter(|line| line["code"] == code).collect()
}

#[test]
fn an_account_that_lost_too_much_only_reduces_in_every_slot_and_takes_back_what_would_increase() {
    let risk = ("risk: {loss_day_max: none}", "risk: {loss_max: 150, loss_day_max: none}");
    // What the account had of a coin before anything traded would be a part of its losses.
    let (rig, mut daemon) = start(&["one", "two"], &[risk, PERPETUAL]);
    rig.until("two resting orders each", |truth| resting(truth) == (2, 2));
    // Each loses a hundred and a little: neither would reach the stop alone.
    rig.venue.move_to(Product::Perp, Decimal::from(24_000)).expect("a price on the tick");
    for slot in ["one", "two"] {
        assert_denied(&mut daemon, slot, "account-loss");
        said(&mut daemon, slot, "reduces");
        assert_taken_back(&mut daemon, slot);
    }
    let sold = |order: &&Order| order.side == Side::Sell && order.status == Status::Filled;
    let truth =
        rig.until("what reduces", |truth| resting(truth) == (2, 0) && orders(truth, sold) == 2);
    let back = |order: &&Order| order.side == Side::Buy && order.status == Status::Cancelled;
    assert_eq!(orders(&truth, back), 2);
    let all = rig.settle(daemon);
    let told = lines(&all, "account-stop");
    assert_eq!(told.len(), 1, "it is told once: {told:#?}");
    assert_eq!(told[0]["severity"], "error");
    let text = told[0]["text"].as_str().expect("a sentence");
    for words in ["account binance", "`loss_max` is 150", "one -1", "two -1", "only reduces"] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    assert!(told[0]["fix"].to_string().contains("`venues.binance.risk.loss_max`"), "{}", told[0]);
    let let_in = all.iter().filter(|line| line["text"].to_string().contains("let in"));
    assert_eq!(let_in.count(), 0, "nothing that increases was let in");
    let journal = rig.journal();
    let by_host = journal.iter().filter_map(|record| match record {
        Record::Cancel { id, reason: Reason::Host, .. } => Some(*id),
        _ => None,
    });
    let mut by_host: Vec<_> = by_host.collect();
    by_host.sort();
    // The two that would increase, and at the end of the run the two that rested still.
    assert_eq!(by_host.len(), 4, "{by_host:?}");
    by_host.dedup();
    assert_eq!(by_host.len(), 4, "each was taken back once: {by_host:?}");
    rig.assert_agreed();
}

#[test]
fn a_slot_that_lost_too_much_today_is_stopped_and_its_neighbour_is_not() {
    let slot =
        ("    config: {size: 0.1}\n", "    config: {size: 0.1}\n    risk: {loss_day_max: 50}\n");
    let (rig, mut daemon) = start(&["one", "two"], &[slot]);
    rig.until("two resting orders each", |truth| resting(truth) == (2, 2));
    rig.venue.move_to(Product::Spot, Decimal::from(24_000)).expect("a price on the tick");
    assert_denied(&mut daemon, "one", "daily-loss");
    assert_taken_back(&mut daemon, "one");
    said(&mut daemon, "two", "let in");
    let all = rig.settle(daemon);
    let told = lines(&all, "loss-stop");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!((&told[0]["slot"], &told[0]["severity"]), (&"one".into(), &"error".into()));
    let of_two = all.iter().filter(|line| line["slot"] == "two");
    assert_eq!(of_two.filter(|line| line["text"].to_string().contains("taken back")).count(), 0);
    rig.assert_agreed();
}

/// What a perpetual's venue has of the orders that reduce.
fn reduce_only_at_the_venue(names: &[&str]) -> Vec<bool> {
    let (rig, daemon) = start(names, &[PERPETUAL]);
    let each = names.len();
    let truth = rig.until("a sell each", |truth| resting(truth) == (each, each));
    rig.settle(daemon);
    rig.assert_agreed();
    for order in truth.orders.iter().filter(|order| order.side == Side::Buy) {
        assert!(!order.reduce_only, "{order:?}");
    }
    let sells = truth.orders.iter().filter(|order| order.side == Side::Sell);
    sells.map(|order| order.reduce_only).collect()
}

#[test]
fn a_slot_alone_at_a_perpetual_has_its_reduce_only_held_by_the_venue_too() {
    assert_eq!(reduce_only_at_the_venue(&["one"]), [true]);
}

#[test]
fn where_two_slots_trade_a_perpetual_the_gate_alone_holds_reduce_only() {
    assert_eq!(reduce_only_at_the_venue(&["one", "two"]), [false, false]);
}
