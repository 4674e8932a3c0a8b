//! A house in a process of its own, to be killed.
//!
//! Comes in: a folder with plugins, how many events (0: without end), a speed (0: as fast as
//! possible), and standard input, whose end is the word to stop. Goes out: `open` once the market is,
//! and the summary as JSON where it was let live. Deliberately absent: handling of any signal.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test's child talks to its test")]

use std::io::Read;
use std::path::Path;

use wickd_engine::House;
use wickd_engine::market::Speed;
use wickd_model::Risk;
use wickd_tests::{Stage, slot, synthetic};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, count, speed] = args.as_slice() else { panic!("usage: doomed DIR COUNT SPEED") };
    let count: u64 = count.parse().expect("a number of events");
    let speed: u32 = speed.parse().expect("a speed");
    let mut stage = Stage::at(Path::new(dir));
    stage.plan.feeds = vec![synthetic(100_000, (count > 0).then_some(count))];
    stage.plan.speed = if speed == 0 { Speed::Max } else { Speed::Times(speed) };
    stage.plan.paper.latency_ms = 1;
    for name in ["one", "two"] {
        let mut trader =
            slot(name, "trader", &[("every", if name == "one" { "50" } else { "70" })]);
        trader.risk = Risk { orders_per_second: 10_000, ..Risk::default() };
        stage.plan.slots.push(trader);
    }
    stage.plan.slots.push(slot("audit", "auditor", &[]));
    let mut run = stage.start();
    run.wait_from(0, "the market", |said| said.code == "market-open");
    println!("open");
    if count > 0 {
        run.wait_until("the end of the feed", House::is_over);
    } else {
        // Whatever is read, its end is the word to stop.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    }
    let (_, summary, _) = run.end();
    println!("{}", serde_json::to_string(&summary).expect("a summary is plain data"));
}
