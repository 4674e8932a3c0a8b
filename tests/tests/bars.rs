//! A recording of bars and nothing else can be traded: what wants bars of its length, or of a whole
//! multiple, hears them, orders fill at the next open, and what wants anything else is told that none
//! will come.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wickd_engine::market::{FeedKind, FeedPlan, FloatNoise, OnBrokenRow, ReplayPlan, TimeUnit};
use wickd_engine::{Notice, Summary};
use wickd_model::{Instrument, parse_scaled};
use wickd_store::{Folder, Record};
use wickd_tests::{Stage, btc_usdt, slot};

const MINUTE_NS: u64 = 60_000_000_000;

/// One-minute bars of a perpetual; nothing else was recorded.
fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/btc-perp-bars-1m-2022-01.csv")
}

/// The recording's scales.
fn instrument() -> Instrument {
    Instrument { price_scale: 2, size_scale: 11, ..btc_usdt() }
}

fn stage() -> Stage {
    let mut stage = Stage::new();
    let plan = ReplayPlan {
        files: vec![file()],
        instrument: instrument(),
        bar_secs: 60,
        looped: false,
        on_broken_row: OnBrokenRow::Stop,
        float_noise: FloatNoise::Refuse,
        time_unit: TimeUnit::Ns,
        starts_at: None,
    };
    // Five seconds are far less than a bar: it must not be stale from one to the next.
    let (name, kind) = ("bars".into(), FeedKind::Replay(plan));
    stage.plan.feeds = vec![FeedPlan { name, kind, stale_after_ms: 5_000 }];
    stage.plan.instruments = vec![instrument()];
    stage.drop_guest("bar-trader");
    stage.plan.slots.push(slot("minutes", "bar-trader", &[("every", "7")]));
    stage
}

/// Each bar of the file by its open time: open, high, low, close, volume.
fn rows() -> BTreeMap<u64, [i64; 5]> {
    let text = std::fs::read_to_string(file()).expect("the recording is there");
    let row = |line: &str| {
        let columns: Vec<&str> = line.split(',').collect();
        let number = |at: usize, scale| parse_scaled(columns[at], scale).expect("a number");
        let time = columns[0].parse().expect("a time");
        (time, [number(1, 2), number(2, 2), number(3, 2), number(4, 2), number(5, 11)])
    };
    text.lines().skip(1).map(row).collect()
}

fn run(stage: Stage) -> (Stage, Summary, Vec<Arc<Notice>>) {
    let (stage, summary, notices) = stage.start().until_over();
    let failed: Vec<_> = notices.iter().filter(|said| said.code == "plugin-failed").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    (stage, summary, notices)
}

fn journal(stage: &Stage) -> Vec<Record> {
    let folder = Folder::open(&stage.plan.state_dir).expect("the house has ended");
    folder.journal().expect("the journal opens").replay().expect("it is whole")
}

fn texts<'n>(notices: &'n [Arc<Notice>], code: &str) -> Vec<&'n str> {
    notices.iter().filter(|said| said.code == code).map(|said| said.text.as_str()).collect()
}

#[test]
fn a_strategy_on_bars_alone_gets_its_fills_at_the_next_open() {
    let (stage, summary, notices) = run(stage());
    assert_eq!(stage.verify(), Vec::<String>::new());
    let logged = texts(&notices, "plugin-log");
    assert!(!logged.iter().any(|text| text.contains("denied")), "{logged:?}");
    let (rows, records) = (rows(), journal(&stage));
    let mut sent = BTreeMap::new();
    let mut filled = 0;
    for record in &records {
        match record {
            Record::Intent { order, .. } => drop(sent.insert(order.id.intent, *order)),
            Record::Event(event) if event.last_size > 0 => {
                let order = sent.get(&event.id.intent).expect("an order comes before its fills");
                // It was decided on a bar that closed then, and the next one opened at the same time.
                let [open, .., volume] = rows[&order.ts_event];
                assert_eq!(event.last_price, open, "{event:?}");
                assert!(event.last_size <= volume, "{event:?}");
                filled += 1;
            }
            _ => {}
        }
    }
    // A thousand bars, and an order at each seventh: the last has bars behind it to be filled.
    assert_eq!((sent.len(), filled), (142, 142));
    assert_eq!(summary.slots[0].intents, 142);
}

#[test]
fn bars_of_five_minutes_come_from_bars_of_one() {
    let (_, _, notices) = run(stage());
    let mut expected: Vec<(u64, [i64; 5])> = Vec::new();
    for (time, [open, high, low, close, volume]) in rows() {
        let from = time - time % (5 * MINUTE_NS);
        match expected.last_mut() {
            Some((of, bar)) if *of == from => {
                *bar = [bar[0], bar[1].max(high), bar[2].min(low), close, bar[4] + volume];
            }
            _ => expected.push((from, [open, high, low, close, volume])),
        }
    }
    let logged = texts(&notices, "plugin-log");
    for (from, [open, high, low, close, volume]) in expected.into_iter().take(3) {
        let line = format!("five minutes from {from}: {:?} {volume}", [open, high, low, close]);
        assert!(logged.iter().any(|text| text.contains(&line)), "{line}: {logged:?}");
    }
    assert_eq!(texts(&notices, "want-unmet"), [""; 0], "what it wants can be brought");
}

#[test]
fn what_no_feed_brings_is_told_once_when_its_slot_is_seated() {
    let mut stage = stage();
    stage.drop_guest("trader");
    stage.plan.slots.push(slot("quoted", "trader", &[]));
    let (_, _, notices) = run(stage);
    let told: Vec<_> = notices.iter().filter(|said| said.code == "want-unmet").collect();
    let [told] = told[..] else { panic!("{told:#?}") };
    assert_eq!(told.slot.as_deref(), Some("quoted"));
    for words in ["quotes", "BTC-USDT", "bars of 60 s"] {
        assert!(told.text.contains(words), "{words}: {}", told.text);
    }
    assert!(told.fix.is_some());
}
