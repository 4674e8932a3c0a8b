//! What vendors do that a simpler venue would not: sequences that begin anew, seconds without news, fees
//! in a third asset, fills that nobody asked for. The daemon goes on, and its journal is the truth.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use daemon::Daemon;
use rig::{BINANCE, BYBIT, Dialect, OKX, Rig, patient};
use wickd_venue::Config;
use wickd_venue::engine::{Fees, THIRD, Truth};

const TRADER: &str = "  - name: one
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 40, size: 0.001}
    risk: {orders_per_second: 1000}
";

fn done(truth: &Truth) -> usize {
    truth.orders.iter().filter(|order| !order.status.is_open()).count()
}

fn rig(dialect: &Dialect) -> Rig {
    let venue = Config { events_per_s: 1_000, limits: patient(), ..Config::default() };
    Rig::new(dialect, venue, &["trader"], TRADER)
}

#[test]
fn a_book_whose_sequence_begins_anew_goes_on_without_a_gap() {
    let rig = rig(&OKX);
    rig.amend("    trade: true\n", "    trade: true\n    streams: [depth]\n");
    let mut daemon = Daemon::start(&rig.stage);
    daemon.wait("venue-ready");
    rig.until("five orders", |truth| done(truth) >= 5);
    rig.venue.restart_books();
    let before = done(&rig.venue.truth());
    rig.until("five orders more", |truth| done(truth) >= before + 5);
    let said = rig.settle(daemon);
    assert!(said.iter().all(|line| line["code"] != "venue-gap"), "a reset is no gap: {said:#?}");
    rig.assert_agreed();
}

#[test]
fn fees_in_a_third_asset_leave_every_fill_in_the_journal() {
    for dialect in [&BINANCE, &BYBIT] {
        let rig = rig(dialect);
        rig.venue.set_fees(Fees::Third);
        let mut daemon = Daemon::start(&rig.stage);
        daemon.wait("venue-ready");
        rig.until("five orders", |truth| done(truth) >= 5);
        rig.settle(daemon);
        rig.assert_agreed();
        let fills = rig.venue.truth().orders.into_iter().flat_map(|order| order.fills);
        assert!(fills.into_iter().all(|fill| fill.fee_asset == THIRD));
    }
}
