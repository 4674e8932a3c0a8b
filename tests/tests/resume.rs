//! A run that ends in good order in the middle of a recording and goes on later decides as one that
//! never ended: state, inputs, timers, bars, and what was under way between slots and the venue.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::path::Path;

use wickd_engine::Summary;
use wickd_engine::market::Speed;
use wickd_model::{Order, OrderEvent};
use wickd_store::{Folder, Record};
use wickd_tests::{Stage, component, recorded, slot, synthetic};

/// Every example strategy, and one that trades on a schedule.
const STRATEGIES: [&str; 4] = ["ema-cross", "mean-reversion", "hedge-v2", "trader"];
const INPUTS: [&str; 4] = ["volume-spike", "bollinger", "rsi", "macd"];

fn stage(dir: &Path, speed: Speed, settings: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::at(dir);
    stage.plan.feeds = vec![recorded()];
    stage.plan.speed = speed;
    stage.plan.paper.latency_ms = 700;
    for name in STRATEGIES.iter().chain(&INPUTS) {
        let bytes = std::fs::read(component(name)).expect("it was built");
        stage.drop_bytes(&format!("{name}.wasm"), &bytes);
    }
    for name in STRATEGIES {
        let own: Vec<_> = if name == "trader" { settings.to_vec() } else { Vec::new() };
        stage.plan.slots.push(slot(name, name, &own));
    }
    stage
}

/// An order as decided, and everything the slot heard of it that is not of this run alone.
type Decided = (u32, u64, u64, u64, String);
type Heard = (u32, u64, String, i64, i64, i64);

/// Every order and all news of every slot, as the journal has them.
fn journal(dir: &Path) -> (Vec<Decided>, Vec<Heard>) {
    let folder = Folder::open(&dir.join("state")).expect("the state folder is free");
    let records = folder.journal().expect("it opens").replay().expect("it is whole");
    let decided = |order: &Order| {
        let request = format!("{:?}", order.request);
        (order.id.slot, order.id.intent, order.seq, order.ts_event, request)
    };
    let heard = |event: &OrderEvent| {
        let status = format!("{:?} {:?}", event.status, event.reason);
        let (filled, price, fee) = (event.filled, event.last_price, event.fee);
        (event.id.slot, event.id.intent, status, filled, price, fee)
    };
    let mut orders: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Intent { order, .. } => Some(decided(order)),
            _ => None,
        })
        .collect();
    let mut news: Vec<_> = records
        .iter()
        .filter_map(|record| match record {
            Record::Event(event) => Some(heard(event)),
            _ => None,
        })
        .collect();
    orders.sort();
    news.sort();
    (orders, news)
}

#[test]
fn what_is_ordered_in_stop_is_sent_and_the_position_there_is_the_true_one() {
    let mut stage = Stage::new();
    // Without an end, and paced: where a feed is over nothing can be sold.
    stage.plan.feeds = vec![synthetic(1_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("last-word");
    stage.plan.slots.push(slot("last", "last-word", &[]));
    let dir = stage.dir().to_owned();
    let mut run = stage.start();
    run.wait_until("a fill", |house| house.slots[0].gauge.fills.get() > 0);
    let (_stage, summary, notices) = run.end();
    let said = notices.iter().filter(|said| said.code == "plugin-log").map(|said| &said.text);
    let said: Vec<_> = said.collect();
    assert_eq!(summary.slots[0].intents, 2, "{said:?}");
    let (orders, news) = journal(&dir);
    assert!(orders[1].4.contains("Sell"), "{orders:?}");
    let filled = |intent| news.iter().filter(|of| of.1 == intent).map(|of| of.3).max().unwrap_or(0);
    let bought = filled(orders[0].1);
    assert!(bought > 0, "{news:?}");
    let holds = format!("holds {bought} at the end");
    assert!(said.iter().any(|text| text.contains(&holds)), "{holds}: {said:?}");
    // The market waits for the next run, and so does the answer.
    let mut stage = Stage::at(&dir);
    stage.plan.feeds = vec![synthetic(1_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.plan.slots.push(slot("last", "last-word", &[]));
    let mut run = stage.start();
    run.wait_until("some events more", |house| house.progress().0 > 100);
    run.end();
    let (_, news) = journal(&dir);
    let sold = news.iter().filter(|of| of.1 == orders[1].1).map(|of| of.3).max();
    assert!(sold > Some(0), "it was sent: {news:?}");
}

fn whole(dir: &Path, settings: &[(&str, &str)]) -> Summary {
    let (_, summary, notices) = stage(dir, Speed::Max, settings).start().until_over();
    let failed: Vec<_> = notices.iter().filter(|said| said.code == "plugin-failed").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    summary
}

#[test]
fn a_recording_that_is_interrupted_in_good_order_gives_the_orders_of_one_that_is_not() {
    let settings = [("every", "7")];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let summary = whole(folder.path(), &settings);
    let (expected, news) = journal(folder.path());
    for name in STRATEGIES {
        let slot = summary.slots.iter().find(|slot| slot.name == name).expect("it was planned");
        assert!(slot.intents > 0, "{name} trades");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut runs = 0;
    // At full speed the recording takes a moment; each run hears some hundred events more.
    loop {
        let mut run = stage(folder.path(), Speed::Times(1_200), &settings).start();
        run.wait("trader", "seated");
        run.wait_until("some hundred events more", |house| {
            house.is_over() || house.progress().0 >= 290
        });
        let is_over = run.house().is_over();
        let (stage, ..) = run.end();
        assert_eq!(stage.verify(), Vec::<String>::new(), "after run {runs}");
        runs += 1;
        if is_over {
            break;
        }
        assert!(runs < 100, "it gets no further");
    }
    assert!(runs > 4, "it was interrupted: {runs}");
    let (orders, heard) = journal(folder.path());
    let odd: Vec<_> = orders.iter().zip(&expected).filter(|(a, b)| a != b).take(3).collect();
    assert_eq!(orders.len(), expected.len(), "{odd:#?}");
    assert!(odd.is_empty(), "{odd:#?}");
    assert_eq!(heard, news);
}
