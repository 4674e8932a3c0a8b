//! SIGTERM in the middle of a recording, again and again: the orders are those of a run that nobody
//! interrupted, for every example strategy.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;

use std::path::Path;

use daemon::Daemon;
use wickd_store::{Folder, Record};
use wickd_tests::{Stage, component};

const STRATEGIES: [&str; 3] = ["ema-cross", "mean-reversion", "hedge-v2"];
const INPUTS: [&str; 4] = ["volume-spike", "bollinger", "rsi", "macd"];

/// 46 seconds of a recorded market at this speed.
fn stage(speed: &str) -> Stage {
    let stage = Stage::new();
    for name in STRATEGIES.iter().chain(&INPUTS) {
        let bytes = std::fs::read(component(name)).expect("it was built");
        stage.drop_bytes(&format!("{name}.wasm"), &bytes);
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let files = ["quotes", "trades"].map(|kind| {
        data.join(format!("binance-btcusdt-{kind}-2021-01-08.csv")).display().to_string()
    });
    let mut text = format!(
        "folders: [plugins]\nstate_dir: state\nsettle_ms: 1\nspeed: {speed}\npaper: {{latency_ms: 700}}\n\
         instruments:\n  BTC-USDT: {{price_scale: 2, size_scale: 6, min_qty: 0.00001}}\n\
         feeds: [{{name: hour, stale_after_ms: 60000, replay: {{files: {files:?}, instrument: BTC-USDT, float_noise: round}}}}]\n\
         strategies:\n"
    );
    for name in STRATEGIES {
        text.push_str(&format!("  - {{name: {name}, plugin: {name}, instruments: [BTC-USDT]}}\n"));
    }
    std::fs::write(stage.dir().join("wickd.yaml"), text).expect("a temporary file");
    stage
}

/// Every order as it was decided.
fn orders(stage: &Stage) -> Vec<String> {
    let folder = Folder::open(&stage.plan.state_dir).expect("the state folder is free");
    let records = folder.journal().expect("it opens").replay().expect("it is whole");
    let order = |record: &Record| match record {
        Record::Intent { order, .. } => {
            Some(format!("{:?} {} {} {:?}", order.id, order.seq, order.ts_event, order.request))
        }
        _ => None,
    };
    let mut orders: Vec<_> = records.iter().filter_map(order).collect();
    orders.sort();
    orders
}

#[test]
fn terminated_in_the_middle_of_a_recording_it_gives_the_orders_of_an_uninterrupted_run() {
    let whole = stage("max");
    let (status, said) = Daemon::start(&whole).until_over();
    assert!(status.success(), "{status}: {:?}", said.last());
    let expected = orders(&whole);
    assert!(expected.len() > 10, "they trade: {}", expected.len());

    // The whole recording takes nine seconds, and every run ends about a second after its market opens.
    let cut = stage("5");
    let mut runs = 0;
    loop {
        let mut daemon = Daemon::start(&cut);
        daemon.wait("market-open");
        std::thread::sleep(std::time::Duration::from_millis(900));
        let (status, said) = daemon.terminate();
        assert!(status.success(), "{status}: {:?}", said.last());
        runs += 1;
        if said.iter().any(|line| line["code"] == "feeds-over") {
            break;
        }
        assert!(runs < 100, "it gets no further");
    }
    assert!(runs > 3, "it was interrupted: {runs}");
    assert_eq!(orders(&cut), expected);
}
