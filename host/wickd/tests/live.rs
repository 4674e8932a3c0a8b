//! The daemon while it trades: files come, change and go, and a signal ends it in good order.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;

use daemon::{Daemon, configure};
use serde_json::Value;
use wickd_engine::market::Speed;
use wickd_model::Risk;
use wickd_tests::{Stage, component_bytes, relabel, slot, synthetic};

/// A slot's row of a summary line.
fn row<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let rows = summary["slots"].as_array().expect("a list of slots");
    rows.iter().find(|row| row["name"] == name).expect("the slot was configured")
}

/// The last line of a run that ended well.
fn summary(said: &[Value]) -> &Value {
    let last = said.last().expect("it said something");
    assert_eq!(last["kind"], "summary", "{last}");
    assert_eq!(said.iter().filter(|line| line["kind"] == "summary").count(), 1);
    last
}

/// A stage with traders and an auditor on a feed.
fn stage(speed: &str, ticks_per_s: u32, count: Option<u64>) -> Stage {
    let stage = Stage::new();
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    configure(&stage, speed, ticks_per_s, count);
    stage
}

/// Waits until a version has taken over a slot; gives the swap's accounts.
fn swapped_to(daemon: &mut Daemon, from: usize, slot: &str, version: &str) -> Value {
    let what = format!("{slot} swapped to {version}");
    let number = daemon.wait_from(from, &what, |line| {
        line["code"] == "swapped"
            && line["slot"] == slot
            && line["plugin"].as_str().is_some_and(|plugin| plugin.ends_with(version))
    });
    daemon.said[number]["detail"]["swap"].clone()
}

#[test]
fn files_change_come_and_go_while_it_trades_and_a_signal_ends_it_in_good_order() {
    let stage = stage("recorded", 20_000, None);
    let mut daemon = Daemon::start(&stage);
    for slot in ["one", "two", "audit"] {
        daemon.wait_slot(0, slot, "seated");
    }
    daemon.wait("market-open");

    // A newer build over the old file: it takes over with the old one's state, and loses nothing.
    let newer = |version| relabel(&component_bytes("auditor"), "0.1.0", version);
    let from = daemon.said.len();
    stage.drop_bytes("auditor.wasm", &newer("0.2.0"));
    let first = swapped_to(&mut daemon, from, "audit", "0.2.0");
    assert!(first["state_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{first}");
    assert!(first["cut_seq"].as_u64() > first["offered_seq"].as_u64(), "{first}");
    daemon.wait_slot(from, "audit", "swap-kept");

    // Rubbish, and half a component over the live one's file: each is refused once, with its reason.
    let good = newer("0.2.0");
    for (file, bytes, reason) in [
        ("rubbish.wasm", b"not a plugin".as_slice(), "not WebAssembly"),
        ("auditor.wasm", &good[..good.len() / 2], "not a whole component"),
    ] {
        let from = daemon.said.len();
        stage.drop_bytes(file, bytes);
        let number = daemon.wait_from(from, "the refusal", |line| line["code"] == "plugin-refused");
        let said = &daemon.said[number];
        let place = said["place"].as_str().unwrap_or_default();
        assert!(place.ends_with(file), "{said}");
        assert!(said["text"].as_str().is_some_and(|text| text.contains(reason)), "{said}");
        assert!(said["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{said}");
    }
    // Meanwhile the old bytes traded on: the next version takes over from them, further on.
    let from = daemon.said.len();
    stage.drop_bytes("auditor.wasm", &newer("0.3.0"));
    let second = swapped_to(&mut daemon, from, "audit", "0.3.0");
    assert!(second["cut_seq"].as_u64() > first["cut_seq"].as_u64(), "{second}");
    assert_eq!(second["from"], first["to"], "the refused files were never live");

    // A file removed unloads its slots gracefully, and only those.
    let from = daemon.said.len();
    std::fs::remove_file(stage.plan.folders[0].join("trader.wasm")).expect("it is there");
    for slot in ["one", "two"] {
        daemon.wait_slot(from, slot, "stopped");
    }

    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(0), "{:?}", said.last());
    let summary = summary(&said);
    assert!(summary["events"].as_u64() >= second["cut_seq"].as_u64(), "{summary}");
    for slot in ["one", "two"] {
        let row = row(summary, slot);
        assert_eq!((&row["state"], &row["faults"]), (&"stopped".into(), &0.into()), "{row}");
        assert!(row["intents"].as_u64() > Some(0) && row["fills"].as_u64() > Some(0), "{row}");
    }
    let audit = row(summary, "audit");
    assert_eq!((&audit["version"], &audit["faults"]), (&"0.3.0".into(), &0.into()), "{audit}");
    assert_eq!(audit["generation"], 3, "{audit}");
    let verdicts: Vec<_> = audit["swaps"].as_array().into_iter().flatten().collect();
    assert_eq!(verdicts.len(), 2, "{audit}");
    // By its own count, across both swaps, every event from its first to its last.
    let audit = stage.audit("audit");
    assert!(audit.is_clean() && audit.events > 0, "{audit:?}");
    assert_eq!(stage.verify(), Vec::<String>::new());
}

/// Name, orders, fills, the hash over all orders, the hash of the last state.
type Row = (String, u64, u64, Option<String>, Option<String>);

const EVENTS: u64 = 60_000;

/// What the configuration says, in a house in this process.
fn here() -> Vec<Row> {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(100_000, Some(EVENTS))];
    stage.plan.speed = Speed::Max;
    stage.plan.paper.latency_ms = 1;
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    for (name, every) in [("one", "50"), ("two", "70")] {
        let mut trader = slot(name, "trader", &[("every", every)]);
        trader.risk = Risk { orders_per_second: 10_000, ..Risk::default() };
        stage.plan.slots.push(trader);
    }
    stage.plan.slots.push(slot("audit", "auditor", &[]));
    let (_, summary, _) = stage.start().until_over();
    let row = |slot: &wickd_engine::SlotSummary| {
        let hashes = [slot.intents_hash, slot.state_hash];
        let [intents, state] = hashes.map(|hash| hash.map(|hash| hash.to_string()));
        (slot.name.clone(), slot.intents, slot.fills, intents, state)
    };
    summary.slots.iter().map(row).collect()
}

#[test]
fn a_fresh_process_decides_the_same() {
    let here = here();
    assert!(here[0].1 > 100 && here[0].2 > 100, "it trades: {here:?}");
    for speed in ["max", "recorded"] {
        let (status, said) = Daemon::start(&stage(speed, 100_000, Some(EVENTS))).until_over();
        assert!(status.success(), "{status}: {:?}", said.last());
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let there = summary(&said)["slots"].as_array().into_iter().flatten().map(|slot| {
            let count = |key: &str| slot[key].as_u64().unwrap_or_default();
            let name = text(&slot["name"]).unwrap_or_default();
            let hashes = (text(&slot["intents_hash"]), text(&slot["state_hash"]));
            (name, count("intents"), count("fills"), hashes.0, hashes.1)
        });
        assert_eq!(there.collect::<Vec<Row>>(), here, "at speed {speed}");
    }
}
