//! The same bytes on the same data decide the same: twice, and at any pace. Another process is
//! `host/wickd/tests/live.rs`.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wickd_engine::Summary;
use wickd_engine::market::Speed;
use wickd_tests::{Stage, component, recorded, slot};

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
