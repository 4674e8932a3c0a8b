//! The same bytes on the same data decide the same: twice, at any pace, in another process.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::process::{Command, Stdio};

use wickd_engine::Summary;
use wickd_engine::market::Speed;
use wickd_model::Risk;
use wickd_tests::{Stage, component, recorded, slot, synthetic};

/// Name, orders, fills, the hash over all orders, the hash of the last state.
type Row = (String, u64, u64, Option<String>, Option<String>);

fn rows(summary: &Summary) -> Vec<Row> {
    let row = |slot: &wickd_engine::SlotSummary| {
        let [intents, state] =
            [slot.intents_hash, slot.state_hash].map(|hash| hash.map(|hash| hash.to_string()));
        (slot.name.clone(), slot.intents, slot.fills, intents, state)
    };
    summary.slots.iter().map(row).collect()
}

/// The example plugins on an hour of recorded market.
fn recorded_run(speed: Speed) -> Vec<Row> {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![recorded()];
    stage.plan.speed = speed;
    let plugins = ["ema-cross", "mean-reversion", "hedge-v2", "trader"];
    for name in plugins.iter().chain(&["volume-spike", "bollinger", "rsi", "macd"]) {
        let path = component(name);
        stage.drop_bytes(&format!("{name}.wasm"), &std::fs::read(path).expect("it was built"));
    }
    plugins.iter().for_each(|name| stage.plan.slots.push(slot(name, name, &[])));
    let (stage, summary, notices) = stage.start().until_over();
    assert_eq!(stage.verify(), Vec::<String>::new());
    let failed: Vec<_> = notices.iter().filter(|said| said.code == "plugin-failed").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    rows(&summary)
}

#[test]
fn recorded_data_gives_the_same_orders_in_every_run_and_at_every_pace() {
    let first = recorded_run(Speed::Max);
    let orders: u64 = first.iter().map(|(_, intents, ..)| intents).sum();
    assert!(orders > 20, "they trade: {first:?}");
    assert_eq!(recorded_run(Speed::Max), first);
    assert_eq!(recorded_run(Speed::Times(1_000)), first);
}

const EVENTS: u64 = 60_000;

/// What `doomed` runs, here.
fn walk(speed: Speed) -> Vec<Row> {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(100_000, Some(EVENTS))];
    stage.plan.speed = speed;
    stage.plan.paper.latency_ms = 1;
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    for (name, every) in [("one", "50"), ("two", "70")] {
        let mut trader = slot(name, "trader", &[("every", every)]);
        trader.risk = Risk { orders_per_second: 10_000, ..Risk::default() };
        stage.plan.slots.push(trader);
    }
    stage.plan.slots.push(slot("audit", "auditor", &[]));
    let (_, summary, _) = stage.start().until_over();
    rows(&summary)
}

#[test]
fn a_fresh_process_decides_the_same() {
    let here = walk(Speed::Max);
    assert!(here[0].1 > 100 && here[0].2 > 100, "it trades: {here:?}");
    assert_eq!(walk(Speed::RECORDED), here);
    let stage = Stage::new();
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    let output = Command::new(env!("CARGO_BIN_EXE_doomed"))
        .arg(stage.dir())
        .args([&EVENTS.to_string(), "0"])
        .stdin(Stdio::null())
        .output()
        .expect("the child runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let summary: serde_json::Value =
        serde_json::from_str(said.lines().last().unwrap_or_default()).expect("it is JSON");
    let text = |value: &serde_json::Value| value.as_str().map(ToOwned::to_owned);
    let there: Vec<Row> = summary["slots"]
        .as_array()
        .expect("a list of slots")
        .iter()
        .map(|slot| {
            let count = |key: &str| slot[key].as_u64().unwrap_or_default();
            let name = text(&slot["name"]).unwrap_or_default();
            let hashes = (text(&slot["intents_hash"]), text(&slot["state_hash"]));
            (name, count("intents"), count("fills"), hashes.0, hashes.1)
        })
        .collect();
    assert_eq!(there, here);
}
