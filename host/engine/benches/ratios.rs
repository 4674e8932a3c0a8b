//! Ratios, measured side by side in one run: `cargo bench -p wickd-engine`.
//!
//! Machines are shared and noisy, so nothing here is an absolute claim. Two things are timed in
//! turns of a few milliseconds, A B B A, and what is printed is the median of the pairs' ratios. The
//! guests must be there: `.ci/guests` builds them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench"
)]

#[path = "common/mod.rs"]
mod common;

use std::hint::black_box;
use std::time::{Duration, Instant};

use common::{component, instrument, median, pairs};
use wickd_engine::rig::{self, Rig};
use wickd_engine::{Admission, Plugin};
use wickd_model::{Event, Instrument, Limits, Quote, Stamp};
use wickd_sandbox::{Batch, Runtime};

const PAIRS: usize = 60;
const TICKS_PER_BLOCK: u64 = 20_000;

fn main() {
    let house = Bench::new();
    println!("\nEMA strategy, one quote at a time");
    house.ema();
    println!("\n20 indicators on every quote");
    house.twenty();
    println!("\nTicks around a swap");
    house.swap();
    println!("\nInstances");
    house.instances();
    println!("\nA file's way");
    house.drop_to_live();
}

/// A native strategy behind a pointer, as a plugin without a sandbox would be.
trait Native {
    fn on_quote(&mut self, quote: &Quote);
}

impl Native for bench_ema::Body {
    fn on_quote(&mut self, quote: &Quote) {
        self.hear(quote.bid, quote.ask);
    }
}

impl Native for bench_twenty::Body {
    fn on_quote(&mut self, quote: &Quote) {
        self.hear(quote.bid, quote.ask);
    }
}

struct Bench {
    runtime: Runtime,
    instruments: Vec<Instrument>,
    ema: Plugin,
    twenty: Plugin,
    state: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::start().unwrap();
        let admission = Admission::alone(runtime.clone(), Limits::default(), None);
        let admit =
            |name: &str| admission.admit(&component(name), 0).unwrap_or_else(|e| panic!("{e}")).0;
        let (ema, twenty) = (admit("bench_ema"), admit("bench_twenty"));
        let state = tempfile::tempdir().unwrap();
        Self { runtime, instruments: vec![instrument()], ema, twenty, state }
    }

    fn ready(&self, plugin: &Plugin) -> rig::Ready {
        rig::prepare(&self.runtime, plugin, &self.instruments, 1).unwrap()
    }

    fn rig(&self, name: &str, slots: u32) -> Rig {
        Rig::new(&self.state.path().join(name), &self.instruments, slots).unwrap()
    }

    fn ema(&self) {
        let mut native: Box<dyn Native> = black_box(Box::<bench_ema::Body>::default());
        let mut bare = self.ready(&self.ema);
        let mut rig = self.rig("ema", 1);
        rig.seat(1, self.ready(&self.ema));
        let (mut a, mut b, mut c) = (Walk::new(), Walk::new(), Walk::new());
        let mut native_block = || block(&mut a, |quote| native.on_quote(quote));
        let mut bare_block = || block(&mut b, |quote| bare.call(*quote).unwrap());
        let mut lane_block = || block(&mut c, |quote| rig.tick(&Event::Quote(*quote)));
        let lane_native = ratios(&mut lane_block, &mut native_block);
        let lane_bare = ratios(&mut lane_block, &mut bare_block);
        let bare_native = ratios(&mut bare_block, &mut native_block);
        lane_native.print("lane path / native dyn call", "16");
        lane_bare.print("lane path / bare component call", "1.2");
        bare_native.print("bare component call / native", "-");
    }

    fn twenty(&self) {
        let mut native: Box<dyn Native> = black_box(Box::<bench_twenty::Body>::default());
        let mut rig = self.rig("twenty", 1);
        rig.seat(1, self.ready(&self.twenty));
        let mut batched = self.ready(&self.twenty);
        let mut batch = Batch::default();
        let (mut a, mut b, mut c) = (Walk::new(), Walk::new(), Walk::new());
        let mut native_block = || block(&mut a, |quote| native.on_quote(quote));
        let mut lane_block = || block(&mut b, |quote| rig.tick(&Event::Quote(*quote)));
        let mut batch_block = || {
            let events: Vec<Event> = (0..TICKS_PER_BLOCK).map(|_| Event::Quote(c.next())).collect();
            let started = Instant::now();
            batched.catch_up(&events, &mut batch).unwrap();
            started.elapsed()
        };
        ratios(&mut lane_block, &mut native_block).print("per tick / native", "7");
        ratios(&mut batch_block, &mut native_block).print("batched / native", "2.2");
    }

    /// p99.9 of single ticks in the hundred around each cut, against the same windows without one.
    fn swap(&self) {
        const SWAPS: usize = 1_000;
        const AROUND: usize = 100;
        let mut rig = self.rig("swap", 1);
        rig.seat(1, self.ready(&self.ema));
        let mut walk = Walk::new();
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let mut time = |rig: &mut Rig, into: &mut Vec<u64>| {
            let event = Event::Quote(walk.next());
            let started = Instant::now();
            rig.tick(&event);
            into.push(started.elapsed().as_nanos() as u64);
        };
        for _ in 0..SWAPS {
            for _ in 0..2 * AROUND {
                time(&mut rig, &mut without);
            }
            // Shadow for fifty events, then the cut, then a probation that outlives the window.
            let next = self.ready(&self.ema);
            rig.offer(1, next, AROUND as u32 / 2, AROUND as u32 * 4);
            for _ in 0..2 * AROUND {
                time(&mut rig, &mut with);
            }
            let mut rest = Vec::new();
            for _ in 0..3 * AROUND {
                time(&mut rig, &mut rest);
            }
            rig.drain();
        }
        let at = |times: &mut Vec<u64>, share: f64| {
            times.sort_unstable();
            times[((times.len() - 1) as f64 * share) as usize]
        };
        for share in [0.5, 0.99, 0.999] {
            let (a, b) = (at(&mut with, share), at(&mut without, share));
            let goal = if share == 0.999 { "1.1" } else { "-" };
            let name = format!("p{} with swap / without", share * 100.0);
            println!(
                "  {name:<34} {:>6.2}   goal {goal:<5} ({a} ns / {b} ns)",
                a as f64 / b as f64
            );
        }
    }

    fn instances(&self) {
        const SLOTS: u32 = 2_000;
        let mut times = Vec::new();
        let mut rig = self.rig("instances", SLOTS);
        let before = rss_bytes();
        for key in 1..=SLOTS {
            let started = Instant::now();
            let ready = self.ready(&self.ema);
            times.push(started.elapsed());
            rig.seat(key, ready);
        }
        let mut walk = Walk::new();
        for _ in 0..100 {
            rig.tick(&Event::Quote(walk.next()));
        }
        let each = (rss_bytes() - before) / u64::from(SLOTS);
        times.sort_unstable();
        let median_us = times[times.len() / 2].as_secs_f64() * 1e6;
        println!(
            "  {:<34} {:>6.1} KB  goal 24",
            "RSS per live slot of 2,000",
            each as f64 / 1024.0
        );
        println!("  {:<34} {median_us:>6.1} µs  goal 60", "instantiate and init");
    }

    fn drop_to_live(&self) {
        let cache = tempfile::tempdir().unwrap();
        let folder = wickd_store::Folder::open(cache.path()).unwrap();
        let time = |cached: bool| {
            let blobs = folder.blobs(1 << 30).unwrap();
            let admission =
                Admission::alone(self.runtime.clone(), Limits::default(), cached.then_some(blobs));
            let started = Instant::now();
            let (plugin, _) = admission.admit(&component("bench_ema"), 0).unwrap();
            let ready = self.ready(&plugin);
            drop(ready);
            started.elapsed().as_secs_f64() * 1e3
        };
        let cold = time(false);
        time(true);
        let warm = time(true);
        println!(
            "  {:<34} {cold:>6.1} ms  (then settling, `settle_ms`)",
            "read to ready, compiled"
        );
        println!("  {:<34} {warm:>6.1} ms", "read to ready, from the cache");
        println!("  {:<34} {:>6.1}", "compiled / cached", cold / warm);
    }
}

/// A deterministic walk of quotes.
struct Walk {
    seq: u64,
    mid: i64,
    state: u64,
}

impl Walk {
    fn new() -> Self {
        Self { seq: 0, mid: 3_943_300, state: 0x9e37_79b9 }
    }

    #[inline]
    fn next(&mut self) -> Quote {
        self.seq += 1;
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.mid += (self.state % 21) as i64 - 10;
        let ts = self.seq * 10_000;
        let at = Stamp { instrument: 0, seq: self.seq, ts_event: ts, ts_init: ts };
        Quote { at, bid: self.mid - 30, ask: self.mid + 30, bid_qty: 1_000_000, ask_qty: 1_000_000 }
    }
}

fn block(walk: &mut Walk, mut tick: impl FnMut(&Quote)) -> Duration {
    let started = Instant::now();
    for _ in 0..TICKS_PER_BLOCK {
        let quote = walk.next();
        tick(black_box(&quote));
    }
    started.elapsed()
}

struct Ratios {
    ratios: Vec<f64>,
    a_ns: f64,
    b_ns: f64,
}

impl Ratios {
    fn print(&self, name: &str, goal: &str) {
        let low = self.ratios[self.ratios.len() / 10];
        let median = self.ratios[self.ratios.len() / 2];
        println!(
            "  {name:<34} {median:>6.2}   goal {goal:<5} (p10 {low:.2}; {:.1} ns / {:.1} ns)",
            self.a_ns, self.b_ns
        );
    }
}

/// The walk's own price is in both, and small beside either.
fn ratios(a: &mut dyn FnMut() -> Duration, b: &mut dyn FnMut() -> Duration) -> Ratios {
    let pairs = pairs(PAIRS, a, b);
    let ns = |d: Duration| d.as_nanos() as f64 / TICKS_PER_BLOCK as f64;
    let a_ns = median(pairs.iter().map(|(a, _)| ns(*a)).collect());
    let b_ns = median(pairs.iter().map(|(_, b)| ns(*b)).collect());
    let mut ratios: Vec<f64> =
        pairs.iter().map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    Ratios { ratios, a_ns, b_ns }
}

fn rss_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
