//! Whatever a venue does to its answers: in the end journal, positions and open orders are its truth.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test may fail, and tells")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use daemon::Daemon;
use rig::{BINANCE, BYBIT, Dialect, OKX, Rig, hasty, patient};
use wickd_store::Record;
use wickd_venue::engine::Truth;
use wickd_venue::{Config, Fault, Plan, Route, Rule};

/// Six that take and six that rest, each at a pace of its own.
fn strategies() -> String {
    let one = |number: u32| {
        let (every, patience) = (3 + number, 6 + 5 * number);
        let size = f64::from(1 + number % 3) / 1000.0;
        let (plugin, config) = match number % 2 {
            0 => ("trader", format!("every: {every}, size: {size}")),
            _ => ("maker", format!("every: {every}, patience: {patience}, size: {size}")),
        };
        format!(
            "  - name: s{number}
    plugin: {plugin}
    instruments: [BTC-USDT]
    config: {{{config}}}
    risk: {{orders_per_second: 10000}}
"
        )
    };
    (0..12).map(one).collect()
}

/// As many orders as `name` says, or enough to find what is wrong.
fn wanted(name: &str, standard: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(standard)
}

/// A venue that hurries, with an adapter that may.
fn hurried() -> Rig {
    let venue = Config { events_per_s: 2_000, limits: patient(), ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["trader", "maker"], &strategies());
    rig.stage.drop_bytes("binance.wasm", &hasty("binance"));
    rig
}

/// Every tenth or so request on the reply path suffers one of these.
fn reply_faults() -> Plan {
    let status = |code, accepted| Fault::Status { code, accepted, retry_after_s: None, body: None };
    let trades = [Route::Create, Route::Cancel, Route::Query];
    let faults = [
        Fault::DropReply,
        Fault::DropRequest,
        status(502, true),
        status(503, false),
        status(504, true),
        Fault::Cut,
        Fault::Malformed,
        Fault::UnknownEnum,
        Fault::NumbersBare,
        Fault::Gzip { announced: true },
    ];
    let mut rules: Vec<Rule> =
        faults.into_iter().map(|fault| Rule::random(fault, &trades, 25_000)).collect();
    for fault in [Fault::Gap, Fault::Double, Fault::Reorder] {
        rules.push(Rule::random(fault, &[Route::WsPrivate], 20_000));
    }
    rules.push(Rule::random(Fault::Cut, &[Route::WsPrivate], 2_000));
    Plan { clear: true, seed: Some(7), rules }
}

/// Heals the venue and lets everything be found out.
fn calm(rig: &Rig, daemon: Daemon) {
    rig.venue.faults(Plan { clear: true, ..Plan::default() }).expect("no faults is a plan");
    rig.settle(daemon);
}

#[test]
fn faults_in_the_reply_path_leave_the_venues_truth_in_the_journal() {
    let orders = wanted("WICKD_FAULTY_ORDERS", 400);
    let rig = hurried();
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.venue.faults(reply_faults()).expect("a good plan");
    // In steps, each of which may take as long as anything may.
    for some in (100..orders).step_by(100).chain([orders]) {
        rig.until("more orders", |truth: &Truth| truth.orders.len() >= some);
    }
    calm(&rig, daemon);
    let seen = rig.assert_agreed();
    let done = rig.venue.faults_done();
    println!("{seen} orders, faults: {done:?}");
    assert!(done.len() >= 10, "too few kinds of faults were met: {done:?}");
}

/// Reads that are up to fifteen seconds behind, and never find one order of eight hundred; beside every
/// fault of the reply path.
fn lagging(dialect: &Dialect) {
    let orders = wanted("WICKD_LAGGING_ORDERS", 60);
    let venue = Config { events_per_s: 2_000, limits: patient(), ..Config::default() };
    let rig = Rig::new(dialect, venue, &["trader", "maker"], &strategies());
    rig.stage.drop_bytes(&format!("{}.wasm", dialect.adapter), &hasty(dialect.adapter));
    rig.amend("read_lag_ms: 1000", "read_lag_ms: 20000");
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    let mut plan = reply_faults();
    for (ms, one_in) in [(15_000, 40), (1_000, 4), (u64::MAX, 800)] {
        plan.rules.push(Rule::random(Fault::Lag { ms, one_in }, &[Route::Query], 300_000));
    }
    rig.venue.faults(plan).expect("a good plan");
    for some in (100..orders).step_by(100).chain([orders]) {
        rig.until("more orders", |truth: &Truth| truth.orders.len() >= some);
    }
    calm(&rig, daemon);
    let seen = rig.assert_agreed();
    println!("{}: {seen} orders, faults: {:?}", dialect.adapter, rig.venue.faults_done());
}

#[test]
fn reads_that_lag_and_forget_end_no_order_that_is_alive_at_binance() {
    lagging(&BINANCE);
}

#[test]
fn reads_that_lag_and_forget_end_no_order_that_is_alive_at_okx() {
    lagging(&OKX);
}

#[test]
fn reads_that_lag_and_forget_end_no_order_that_is_alive_at_bybit() {
    lagging(&BYBIT);
}

#[test]
fn ten_strategies_on_one_account_stay_within_what_the_venue_counts() {
    let ten: String = (0..10)
        .map(|number| {
            format!(
                "  - name: s{number}
    plugin: trader
    instruments: [BTC-USDT]
    config: {{every: 2, size: 0.001}}
    risk: {{orders_per_second: 10000}}
"
            )
        })
        .collect();
    let venue = Config { events_per_s: 1_000, ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["trader"], &ten);
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    // More than one window of a hundred orders in ten seconds.
    rig.until("two windows of orders", |truth: &Truth| truth.orders.len() >= 150);
    calm(&rig, daemon);
    rig.assert_agreed();
    for (name, usage) in rig.venue.limits() {
        println!("{name}: {} of {}", usage.used_max, usage.limit);
        assert_eq!(usage.violations, 0, "{name}");
    }
}

#[test]
fn the_account_takes_no_more_open_orders_than_the_operator_said_whoever_sends_them() {
    let makers: String = (0..4)
        .map(|number| {
            format!(
                "  - name: m{number}
    plugin: maker
    instruments: [BTC-USDT]
    config: {{every: 2, patience: 1000000, size: 0.001}}
    risk: {{price_band_bps: 5000}}
"
            )
        })
        .collect();
    let venue = Config { events_per_s: 500, limits: patient(), ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["maker"], &makers);
    let path = rig.stage.dir().join("wickd.yaml");
    let text = std::fs::read_to_string(&path).expect("it was just written");
    let text = text.replace("    trade: true\n", "    trade: true\n    open_orders_max: 2\n");
    std::fs::write(&path, text).expect("a temporary file");
    let mut daemon = Daemon::start(&rig.stage);
    let refused = daemon.wait("account-limit");
    assert!(refused["fix"].as_str().is_some_and(|fix| fix.contains("open_orders_max")));
    let open = rig.venue.truth().orders.iter().filter(|order| order.status.is_open()).count();
    assert!(open <= 2, "{open} orders are open");
    calm(&rig, daemon);
    rig.assert_agreed();
}

#[test]
fn a_slot_that_traded_for_real_does_not_go_on_on_paper_under_the_same_name() {
    let venue = Config { events_per_s: 500, limits: patient(), ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["trader", "maker"], &strategies());
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.until("an order", |truth: &Truth| !truth.orders.is_empty());
    calm(&rig, daemon);
    let orders = rig.venue.truth().orders.len();
    let path = rig.stage.dir().join("wickd.yaml");
    let text = std::fs::read_to_string(&path).expect("it was just written");
    std::fs::write(
        &path,
        text.replace("trade: true\n    risk: {loss_day_max: none}", "trade: false"),
    )
    .expect("a temporary file");
    rig.venue.set_rate(500);
    let mut daemon = Daemon::start(&rig.stage);
    let mixed = daemon.wait("slot-mixed");
    assert!(mixed["fix"].as_str().is_some_and(|fix| fix.contains("another name")));
    daemon.wait("market-open");
    let trades = rig.venue.truth().trades[0];
    rig.until("a market to decide on", |truth: &Truth| truth.trades[0] > trades + 100);
    let (status, _) = daemon.terminate();
    assert!(status.success(), "{status}");
    // Slots that had not traded yet may; the others have decided nothing, here or there.
    assert_eq!(rig.venue.truth().orders.len(), orders);
    let live = live_slots(&rig.journal());
    let paper = rig.journal().iter().any(|record| match record {
        Record::Intent { order, by } => !by.live && live.contains(&order.id.slot),
        _ => false,
    });
    assert!(!paper, "a slot trades on paper on top of a real position");
}

/// The slots that ever sent an order to a venue.
fn live_slots(journal: &[Record]) -> Vec<u32> {
    let sent = journal.iter().filter_map(|record| match record {
        Record::Intent { order, by } if by.live => Some(order.id.slot),
        _ => None,
    });
    sent.collect()
}
