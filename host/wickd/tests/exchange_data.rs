//! What a venue's faults do to those who listen: they hear the truth about their market, prices flow
//! again, and nothing panics, stalls, or is zero in silence.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use std::time::{Duration, Instant};

use daemon::Daemon;
use rig::{BINANCE, Rig, disguised};
use rust_decimal::Decimal;
use serde_json::Value;
use wickd_model::Status;
use wickd_store::Record;
use wickd_tests::component_bytes;
use wickd_venue::{Config, Fault, Plan, Route, Rule};

const EAR: &str = "  - name: ear
    plugin: ear
    instruments: [BTC-USDT]
";
const TRADER: &str = "  - name: ear
    plugin: ear
    instruments: [BTC-USDT]
  - name: trader
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 40, size: 0.001}
    risk: {orders_per_second: 1000}
";

/// A daemon at a venue, heard through a strategy.
struct Scene {
    rig: Rig,
    daemon: Daemon,
}

impl Scene {
    fn rig(strategies: &str) -> Rig {
        let venue = Config { events_per_s: 1_000, ping_ms: 500, ..Config::default() };
        let guests: &[&str] = if strategies == EAR { &["ear"] } else { &["ear", "trader"] };
        Rig::new(&BINANCE, venue, guests, strategies)
    }

    fn start(rig: Rig) -> Self {
        let daemon = Daemon::start(&rig.stage);
        let mut scene = Self { rig, daemon };
        scene.flows(0);
        scene
    }

    fn fault(&self, rules: Vec<Rule>) {
        let plan = Plan { clear: true, seed: Some(7), rules };
        self.rig.venue.faults(plan).expect("a good plan");
    }

    /// Waits until the strategy has heard this after line `from`.
    fn hear(&mut self, from: usize, word: &str) -> usize {
        let word = format!("heard {word}");
        self.daemon.wait_from(from, &word, |line| line.to_string().contains(&word))
    }

    /// Waits until quotes come.
    fn flows(&mut self, from: usize) -> usize {
        self.daemon.wait_from(from, "quotes", |line| line.to_string().contains(" quotes"))
    }

    /// Waits for a notice.
    fn told(&mut self, from: usize, code: &str, words: &str) -> usize {
        let fits = |line: &Value| line["code"] == code && line["text"].to_string().contains(words);
        self.daemon.wait_from(from, &format!("{code}: {words}"), fits)
    }

    fn now(&self) -> usize {
        self.daemon.said.len()
    }

    /// Waits for so many orders more at the venue.
    fn trades(&self, more: usize) {
        let before = self.rig.venue.truth().orders.len();
        self.rig.until("more orders", |truth| truth.orders.len() >= before + more);
    }

    /// Heals the venue and ends the daemon, with every order known; gives the rig and what the daemon
    /// said, of which nothing was an accident.
    fn end(self) -> (Rig, Vec<Value>) {
        let Self { rig, daemon } = self;
        rig.venue.faults(Plan { clear: true, ..Plan::default() }).expect("no faults is a plan");
        let said = rig.settle(daemon);
        for line in &said {
            assert!(!line.to_string().contains("heard nonsense"), "{line}");
        }
        (rig, said)
    }
}

fn with_depth() -> Rig {
    let rig = Scene::rig(EAR);
    rig.amend("    trade: true\n", "    trade: true\n    streams: [depth]\n");
    rig
}

#[test]
fn a_socket_that_is_connected_and_silent_is_stale_and_opened_anew() {
    let mut scene = Scene::start(Scene::rig(EAR));
    let from = scene.now();
    scene.fault(vec![Rule::once(Fault::Stale, Route::WsPublic)]);
    let stale = scene.hear(from, "Stale");
    let closed = scene.told(stale, "socket-closed", "no prices flow");
    let live = scene.hear(closed, "Live");
    scene.flows(live);
    scene.end();
}

#[test]
fn a_gap_in_the_depth_is_stale_until_the_snapshot_and_doubled_or_swapped_diffs_heal() {
    let mut scene = Scene::start(with_depth());
    let from = scene.now();
    scene.fault(vec![Rule::once(Fault::Gap, Route::WsPublic).containing("depthUpdate")]);
    scene.told(from, "venue-gap", "channel");
    let stale = scene.hear(from, "Stale");
    let live = scene.hear(stale, "Live");
    let from = scene.flows(live);
    scene.fault(vec![Rule::once(Fault::Double, Route::WsPublic).containing("depthUpdate")]);
    scene.flows(from + 1);
    let from = scene.now();
    scene.fault(vec![Rule::once(Fault::Reorder, Route::WsPublic).containing("depthUpdate")]);
    let stale = scene.hear(from, "Stale");
    let live = scene.hear(stale, "Live");
    scene.flows(live);
    scene.end();
}

#[test]
fn a_book_whose_snapshot_does_not_come_is_not_stale_for_ever() {
    let mut scene = Scene::start(with_depth());
    let from = scene.now();
    let lost =
        Rule { times: Some(1), ..Rule::once(Fault::DropReply, Route::Market).containing("depth") };
    scene.fault(vec![Rule::once(Fault::Gap, Route::WsPublic).containing("depthUpdate"), lost]);
    scene.told(from, "request-failed", "depth");
    let live = scene.hear(from, "Live");
    scene.flows(live);
    scene.end();
}

#[test]
fn a_cut_frame_and_a_venue_that_hangs_up_are_down_and_then_live_again() {
    let mut scene = Scene::start(Scene::rig(TRADER));
    let from = scene.now();
    scene.fault(vec![Rule::once(Fault::Cut, Route::WsPublic)]);
    let down = scene.hear(from, "Down");
    let live = scene.hear(down, "Live");
    scene.flows(live);
    // As after twenty-four hours: every socket at once.
    let from = scene.now();
    scene.rig.venue.disconnect();
    let down = scene.hear(from, "Down");
    let live = scene.hear(down, "Live");
    scene.flows(live);
    scene.trades(3);
    let (rig, _) = scene.end();
    rig.assert_agreed();
}

#[test]
fn frames_that_are_damaged_or_odd_are_counted_and_the_rest_is_read() {
    let mut scene = Scene::start(Scene::rig(TRADER));
    for (fault, route, told) in [
        (Fault::Malformed, Route::WsPublic, true),
        (Fault::Gzip { announced: false }, Route::WsPublic, true),
        (Fault::NumbersBare, Route::WsPublic, false),
        (Fault::NumbersQuoted, Route::WsPublic, false),
        (Fault::Double, Route::WsPublic, false),
        (Fault::Reorder, Route::WsPublic, false),
        (Fault::UnknownEnum, Route::WsPrivate, false),
        (Fault::NumbersBare, Route::WsPrivate, false),
        (Fault::NumbersQuoted, Route::WsPrivate, false),
        (Fault::Malformed, Route::WsPrivate, false),
        (Fault::Gzip { announced: false }, Route::WsPrivate, false),
    ] {
        let from = scene.now();
        scene.fault(vec![Rule { times: Some(2), ..Rule::once(fault, route) }]);
        if told {
            scene.daemon.wait_from(0, "the oddity", |line| line["code"] == "venue-unknown");
        }
        scene.trades(2);
        scene.flows(from);
    }
    let (rig, said) = scene.end();
    rig.assert_agreed();
    assert!(rig.venue.faults_done().len() >= 7, "{:?}", rig.venue.faults_done());
    assert!(said.iter().any(|line| line["code"] == "venue-counts"));
}

#[test]
fn answers_that_cannot_be_read_at_the_start_are_asked_for_again() {
    let rig = Scene::rig(EAR);
    let odd = [Fault::Gzip { announced: false }, Fault::Malformed, Fault::Cut];
    let rules = odd.map(|fault| Rule::once(fault, Route::Market).containing("exchangeInfo"));
    let plan = Plan { clear: true, seed: None, rules: rules.to_vec() };
    rig.venue.faults(plan).expect("a good plan");
    let mut scene = Scene::start(rig);
    scene.told(0, "venue-not-ready", "no list of its markets");
    assert_eq!(scene.rig.venue.faults_done().len(), 3);
    scene.end();
}

#[test]
fn a_clock_that_differs_is_learned_and_one_that_jumps_is_learned_again() {
    let rig = Scene::rig(TRADER);
    rig.venue.set_skew(3_000_000);
    let mut scene = Scene::start(rig);
    scene.trades(3);
    // From then on what is signed lies outside of the venue's window, until its time is asked for.
    scene.rig.venue.set_skew(-3_000_000);
    scene.trades(3);
    let from = scene.now();
    scene.flows(from);
    let (rig, _) = scene.end();
    rig.assert_agreed();
}

/// How many orders were refused by host or venue.
fn refused(rig: &Rig) -> usize {
    let journal = rig.journal();
    let is = |record: &&Record| matches!(record, Record::Event(e) if e.status == Status::Rejected);
    journal.iter().filter(is).count()
}

#[test]
fn a_venue_that_says_wait_is_left_alone_and_orders_are_refused_meanwhile() {
    let mut scene = Scene::start(Scene::rig(TRADER));
    scene.trades(2);
    for code in [429, 418] {
        let wait = Fault::Status { code, accepted: false, retry_after_s: Some(7), body: None };
        let started = Instant::now();
        let done = scene.rig.venue.faults_done().len();
        scene.fault(vec![Rule::once(wait, Route::Create)]);
        let started_at = loop {
            if scene.rig.venue.faults_done().values().sum::<u64>() > done as u64 {
                break Instant::now();
            }
            assert!(started.elapsed() < Duration::from_secs(60), "no order met the fault");
            std::thread::sleep(Duration::from_millis(5));
        };
        let from = scene.now();
        scene.told(from, "request-limited", "POST spot /api/v3/order");
        // Prices flow meanwhile, and orders afterwards.
        scene.flows(from);
        scene.trades(1);
        assert!(started_at.elapsed() >= Duration::from_secs(6), "{:?}", started_at.elapsed());
    }
    let (rig, _) = scene.end();
    rig.assert_agreed();
    assert!(refused(&rig) > 0, "nobody waited for an answer for ever");
    let broken: u64 = rig.venue.limits().values().map(|usage| usage.violations).sum();
    assert_eq!(broken, 0, "{:?}", rig.venue.limits());
}

#[test]
fn a_ban_that_only_the_text_of_an_answer_tells_stops_the_venue_too() {
    let mut scene = Scene::start(Scene::rig(TRADER));
    scene.trades(2);
    let until = scene.rig.venue.now_ms() + 6_000;
    let body =
        format!(r#"{{"code":-1003,"msg":"Way too many requests; IP banned until {until}."}}"#);
    let ban = Fault::Status { code: 400, accepted: false, retry_after_s: None, body: Some(body) };
    let from = scene.now();
    scene.fault(vec![Rule::once(ban, Route::Create)]);
    let banned = scene.told(from, "venue-banned", "requests");
    scene.told(banned, "request-limited", "POST spot /api/v3/order");
    scene.flows(banned);
    scene.trades(1);
    assert!(scene.rig.venue.now_ms() >= until, "something was sent during the ban");
    let (rig, _) = scene.end();
    rig.assert_agreed();
}

#[test]
fn a_market_that_the_venue_does_not_have_is_named_and_the_others_trade() {
    let rig = Scene::rig(EAR);
    rig.amend(
        "instruments:\n",
        "instruments:\n  NONE-USDT: {venue: binance, price_scale: 2, size_scale: 5, min_qty: 0.00001}\n",
    );
    let mut scene = Scene::start(rig);
    scene.told(0, "market-unknown", "NONE-USDT");
    scene.end();
}

#[test]
fn perpetuals_trade_over_a_listen_key_and_its_end_is_a_new_one() {
    let rig = Scene::rig(TRADER);
    rig.amend(
        "    min_qty: 0.00001\n",
        "    product: perpetual\n    price_step: 0.1\n    qty_step: 0.001\n    min_qty: 0.001\n",
    );
    let mut scene = Scene::start(rig);
    scene.trades(5);
    let from = scene.now();
    // An event says so; the socket itself stays open, and nothing comes on it any more.
    scene.rig.venue.expire_keys();
    scene.told(from, "socket-closed", "the venue ended the session");
    scene.trades(5);
    let (rig, said) = scene.end();
    rig.assert_agreed();
    let held: Decimal = rig.venue.truth().orders.iter().map(|order| order.filled).sum();
    assert!(held > Decimal::ZERO);
    assert!(said.iter().all(|line| !line.to_string().contains("listenKey=p")));
}

#[test]
fn an_adapter_that_fails_after_taking_over_gives_back_and_the_sockets_stay_open() {
    let mut scene = Scene::start(Scene::rig(TRADER));
    let from = scene.now();
    scene.rig.stage.drop_bytes("binance.wasm", &disguised("trap-adapter", "binance", "0.2.0"));
    let swapped = scene.told(from, "adapter-swapped", "its sockets stayed open");
    let back = scene.told(swapped, "adapter-rolled-back", "binance 0.1.0");
    scene.flows(back);
    scene.trades(3);
    // What a restart finds in the folder is what it takes.
    scene.rig.stage.drop_guest("binance");
    let (rig, said) = scene.end();
    let after = &said[swapped..];
    let closed = after.iter().filter(|line| line["code"] == "socket-closed").count();
    assert_eq!(closed, 0, "a swap closes no socket");
    assert!(!after.iter().any(|line| line.to_string().contains("heard Down")));
    rig.assert_agreed();
}

#[test]
fn an_adapter_that_always_fails_is_given_up_and_a_mended_one_finds_all_orders() {
    let mut scene = Scene::start(Scene::rig(TRADER));
    scene.trades(3);
    let from = scene.now();
    scene.rig.stage.drop_bytes("binance.wasm", &disguised("evil-adapter", "binance", "0.2.0"));
    let given_up = scene.told(from, "adapter-quarantined", "no adapter");
    scene.hear(from, "Down");
    let mended = wickd_tests::relabel(&component_bytes("binance"), "0.1.0", "0.3.0");
    scene.rig.stage.drop_bytes("binance.wasm", &mended);
    let seated = scene.told(given_up, "adapter-seated", "binance 0.3.0");
    let live = scene.hear(seated, "Live");
    scene.flows(live);
    scene.trades(3);
    let (rig, _) = scene.end();
    rig.assert_agreed();
}
