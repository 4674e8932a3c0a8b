//! `kill -9` at every step between an order's intent and its last fill: a restart learns the venue's
//! truth. At each step the venue itself holds the daemon there, and journal and truth show that it was.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and tells")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use std::time::Duration;

use daemon::Daemon;
use rig::{BINANCE, Rig, Standing, hasty, manifest, patient, under_manifest};
use rust_decimal::Decimal;
use wickd_model::Status;
use wickd_venue::engine::Truth;
use wickd_venue::{Config, Fault, Plan, Route, Rule};

/// How often a step is tried: where an order's news and the kill race, the kill must come first.
const TRIES: usize = 40;
/// Market events within which everything that is on its way has arrived, on an idle machine.
const A_WHILE: u64 = 100;
const TAKER: &str = "  - name: taker
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 5, size: 0.001}
    risk: {orders_per_second: 10000}
";
/// Its orders rest, and it takes them back late or at once.
const PATIENT_MAKER: &str = "  - name: maker
    plugin: maker
    instruments: [BTC-USDT]
    config: {every: 5, patience: 1000000, size: 0.003}
    risk: {orders_per_second: 10000}
";
const HASTY_MAKER: &str = "  - name: maker
    plugin: maker
    instruments: [BTC-USDT]
    config: {every: 5, patience: 1, size: 0.003}
    risk: {orders_per_second: 10000}
";

/// A daemon at a venue that counts nothing, with so much time between signing and arriving that what
/// was held there may still be accepted after the restart.
fn rig(strategies: &str) -> Rig {
    let venue = Config { events_per_s: 1_000, limits: patient(), ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["trader", "maker"], strategies);
    rig.amend("recv_window_ms: 2000", "recv_window_ms: 5000");
    rig.stage.drop_bytes("binance.wasm", &hasty("binance"));
    rig
}

fn plan(rig: &Rig, rules: Vec<Rule>) {
    rig.venue.faults(Plan { clear: true, seed: None, rules }).expect("a good plan");
}

fn hold(done: bool, route: Route) -> Rule {
    Rule::once(Fault::Hold { done }, route)
}

/// Nothing is said of the account any more.
fn hush() -> Rule {
    Rule::random(Fault::Gap, &[Route::WsPrivate], 1_000_000)
}

/// A while of the market's time.
fn pass(rig: &Rig) {
    let from = rig.venue.truth().trades[0];
    rig.until("a while", |truth: &Truth| truth.trades[0] >= from + A_WHILE);
}

/// The venue has a resting order; gives its client id.
fn resting(rig: &Rig) -> String {
    let is_open = |truth: &Truth| truth.orders.iter().find(|order| order.status.is_open()).cloned();
    rig.until("an order that rests", |truth| is_open(truth).is_some());
    is_open(&rig.venue.truth()).map(|order| order.client_id).unwrap_or_default()
}

/// Plans faults that hold a request, and waits until one is held.
fn until_held(rig: &Rig, rules: Vec<Rule>) {
    plan(rig, rules);
    rig.until("a request that is held", |_| rig.venue.held() > 0);
}

/// Plans faults that hold a cancel, in a market that leaves an order at the touch alone for a while:
/// a faster one fills it before the kill.
fn until_cancel_held(rig: &Rig, rules: Vec<Rule>) {
    rig.venue.set_rate(100);
    until_held(rig, rules);
}

/// Tries until a kill has met `stands`, then lets `meanwhile` happen to the venue, and holds what a
/// restart learns against the truth.
fn killed_at(
    step: &str,
    strategies: &str,
    reach: impl Fn(&Rig),
    stands: impl Fn(&Standing) -> bool,
    meanwhile: impl Fn(&Rig),
) {
    let rig = rig(strategies);
    let mut met = false;
    for tries in 1..=TRIES {
        let mut daemon = Daemon::start(&rig.stage);
        daemon.wait("venue-ready");
        reach(&rig);
        daemon.kill();
        met = rig.standings().iter().any(&stands);
        plan(&rig, Vec::new());
        if met {
            println!("{step}: met at kill {tries}");
            break;
        }
        rig.venue.release();
    }
    assert!(met, "{step} was never met");
    meanwhile(&rig);
    // Whoever asks after an order is counted, and answered as ever.
    let counted = Fault::Slow { chunk_bytes: 1 << 20, every_ms: 0 };
    plan(&rig, vec![Rule::random(counted, &[Route::Query], 1_000_000)]);
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.until("a question", |_| rig.venue.faults_done().contains_key("slow"));
    // What was held comes after the first answer was given.
    rig.venue.release();
    daemon.wait("orders-settled");
    plan(&rig, Vec::new());
    rig.settle(daemon);
    println!("{step}: {} orders agree", rig.assert_agreed());
}

/// Intended, and the venue has nothing of it.
fn is_nowhere(order: &Standing) -> bool {
    order.held.is_none() && order.events.is_empty()
}

fn is_open_there(order: &Standing) -> bool {
    order.held.as_ref().is_some_and(|held| held.status.is_open())
}

#[test]
fn durable_and_waiting_for_the_venues_limits() {
    let rig =
        rig(&(0..4).map(|n| TAKER.replace("taker", &format!("taker-{n}"))).collect::<String>());
    // One order a second: another one always waits for its turn.
    let narrow = manifest("binance").replacen(
        "capacity: 100\n    window_ms: 10000",
        "capacity: 1\n    window_ms: 1000",
        1,
    );
    assert_ne!(narrow, manifest("binance"));
    rig.stage.drop_bytes("binance.wasm", &under_manifest("binance", &narrow));
    let mut met = false;
    for _ in 0..TRIES {
        let mut daemon = Daemon::start(&rig.stage);
        daemon.wait("venue-ready");
        let before = rig.venue.truth().orders.len();
        rig.until("an order", |truth: &Truth| truth.orders.len() > before);
        daemon.kill();
        met = rig.standings().iter().any(is_nowhere);
        if met {
            break;
        }
    }
    assert!(met, "no order ever waited");
    rig.stage.drop_bytes("binance.wasm", &hasty("binance"));
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.settle(daemon);
    rig.assert_agreed();
}

#[test]
fn sent_and_not_yet_done_and_done_only_after_the_restart_has_asked() {
    let reach = |rig: &Rig| until_held(rig, vec![hold(false, Route::Create)]);
    killed_at("sent", TAKER, reach, is_nowhere, |_| {});
}

#[test]
fn sent_and_done_before_the_restart() {
    let reach = |rig: &Rig| until_held(rig, vec![hold(false, Route::Create)]);
    let done = |rig: &Rig| {
        let before = rig.venue.truth().orders.len();
        rig.venue.release();
        rig.until("the order", |truth: &Truth| {
            truth.orders.len() > before || rig.venue.held() == 0
        });
    };
    killed_at("sent", TAKER, reach, is_nowhere, done);
}

#[test]
fn filled_and_neither_answered_nor_told() {
    let reach = |rig: &Rig| until_held(rig, vec![hold(true, Route::Create), hush()]);
    let stands = |order: &Standing| {
        order.events.is_empty()
            && order.held.as_ref().is_some_and(|held| held.filled > Decimal::ZERO)
    };
    killed_at("filled", TAKER, reach, stands, |_| {});
}

#[test]
fn answered_and_filled_without_a_word() {
    let reach = |rig: &Rig| {
        plan(rig, vec![hush()]);
        let id = resting(rig);
        pass(rig);
        // The market may have been quicker.
        let _ = rig.venue.fill(&id, Decimal::new(1, 3));
    };
    let stands = |order: &Standing| {
        let is_open = order.events.iter().any(|event| event.status == Status::Open);
        is_open && order.held.as_ref().is_some_and(|held| held.filled > order.filled())
    };
    killed_at("answered", PATIENT_MAKER, reach, stands, |_| {});
}

#[test]
fn partly_filled_and_filled_on_while_nobody_listens() {
    let reach = |rig: &Rig| {
        let id = resting(rig);
        let _ = rig.venue.fill(&id, Decimal::new(1, 3));
        pass(rig);
    };
    let stands = |order: &Standing| order.filled() > Decimal::ZERO && is_open_there(order);
    let meanwhile = |rig: &Rig| {
        let truth = rig.venue.truth();
        for order in truth.orders.iter().filter(|order| order.status.is_open()) {
            let _ = rig.venue.fill(&order.client_id, order.rest());
        }
    };
    killed_at("partly filled", PATIENT_MAKER, reach, stands, meanwhile);
}

#[test]
fn asked_back_and_not_yet_taken_back() {
    let reach = |rig: &Rig| until_cancel_held(rig, vec![hold(false, Route::Cancel)]);
    let stands = |order: &Standing| order.is_cancelled && is_open_there(order);
    killed_at("cancelling", HASTY_MAKER, reach, stands, |_| {});
}

#[test]
fn taken_back_and_neither_answered_nor_told() {
    let reach = |rig: &Rig| until_cancel_held(rig, vec![hold(true, Route::Cancel), hush()]);
    let stands = |order: &Standing| {
        order.is_cancelled && !order.is_ended() && order.held.is_some() && !is_open_there(order)
    };
    killed_at("cancelled", HASTY_MAKER, reach, stands, |_| {});
}

#[test]
fn killed_again_while_it_asks_after_the_first_kill() {
    let rig = rig(TAKER);
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    until_held(&rig, vec![hold(true, Route::Create), hush()]);
    daemon.kill();
    for done in [false, true] {
        plan(&rig, vec![hold(done, Route::Query)]);
        rig.venue.release();
        rig.until("nothing held", |_| rig.venue.held() == 0);
        let mut daemon = Daemon::start(&rig.stage);
        daemon.wait("venue-ready");
        rig.until("a question that is held", |_| rig.venue.held() > 0);
        daemon.kill();
        assert!(
            rig.standings().iter().any(|order| !order.is_ended()),
            "nothing is left to ask for"
        );
    }
    plan(&rig, Vec::new());
    rig.venue.release();
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("orders-settled");
    rig.settle(daemon);
    rig.assert_agreed();
}

/// As many kills as `WICKD_VENUE_KILLS` says, or enough to find what is wrong.
#[test]
fn at_any_moment() {
    let kills = std::env::var("WICKD_VENUE_KILLS").ok().and_then(|text| text.parse().ok());
    let kills: usize = kills.unwrap_or(12);
    let four = [TAKER, &TAKER.replace("taker", "other"), PATIENT_MAKER];
    let rig =
        rig(&[&four.concat(), &*HASTY_MAKER.replace("maker\n    plugin", "hasty\n    plugin")]
            .concat());
    let mut seed = 0x5eed_u64;
    for _ in 0..kills {
        let mut daemon = Daemon::start(&rig.stage);
        daemon.wait("venue-ready");
        let before = rig.venue.truth().orders.len();
        rig.until("an order", |truth: &Truth| truth.orders.len() > before);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros(seed >> 47));
        daemon.kill();
    }
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.settle(daemon);
    println!("{} orders over {kills} kills", rig.assert_agreed());
}
