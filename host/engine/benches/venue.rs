//! The way of a frame and the way of an order: `cargo bench -p wickd-engine --bench venue`.
//!
//! What is a ratio is measured side by side in one run, A B B A, and printed as the median of pairs.
//! The way of an order is measured to the bytes' arrival on a socket of this machine; the disk's part
//! stands apart, because it is the disk's. `.ci/guests` builds the components.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench"
)]

#[path = "common/mod.rs"]
mod common;
#[path = "venue/socket.rs"]
mod socket;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use binance::Binance;
use common::{component, instrument, median, pairs};
use wickd_engine::rig::{self, AdapterRig, Rig};
use wickd_engine::{Admission, Plugin};
use wickd_model::{Event, Limits, Quote, Stamp};
use wickd_sandbox::Runtime;
use wickd_sandbox::exchange::{Said, nouns};
use wickd_sdk::testing::{self, ExchangeTest};

const PAIRS: usize = 40;
const FRAMES: usize = 2_000;
/// Levels in one change of the book, as a busy market sends them.
const LEVELS: usize = 20;

fn main() {
    let runtime = Runtime::start().unwrap();
    let admission = Admission::alone(runtime.clone(), Limits::default(), None);
    let admit = |name: &str| -> Arc<Plugin> {
        Arc::new(admission.admit(&component(name), 0).unwrap_or_else(|e| panic!("{e}")).0)
    };
    let (adapter, ema) = (admit("binance"), admit("bench_ema"));
    println!("\nBinance frames through the sandboxed adapter / the same parser natively");
    frames(&runtime, &adapter);
    println!("\nFrame bytes to `on-quote` called");
    to_quote(&runtime, &adapter, &ema);
    println!("\nOrder intent to bytes on the socket");
    socket::order(&runtime, &adapter, &instrument());
}

/// Depth and trades, each against the native parser.
fn frames(runtime: &Runtime, adapter: &Arc<Plugin>) {
    let kinds = [
        ("depth, 20 levels", nouns::ChannelKind::Depth, depth as fn(u64) -> String),
        ("trades", nouns::ChannelKind::Trades, trade),
        ("quotes", nouns::ChannelKind::Quotes, ticker),
    ];
    for (name, kind, make) in kinds {
        let frames: Vec<String> = (1..=FRAMES as u64 * PAIRS as u64 * 3).map(make).collect();
        let mut guest = guest(runtime, adapter, kind);
        let mut native = native(kind);
        let (mut a, mut b) = (frames.iter().cycle(), frames.iter().cycle());
        let mut guest_block = || {
            block(|| {
                let said = guest.frame(a.next().unwrap().as_bytes(), 1).len();
                assert!(said > 0, "the adapter says nothing of {name}");
            })
        };
        let mut native_block = || {
            block(|| {
                let said = native.frame(0, b.next().unwrap().as_bytes());
                assert!(!said.is_empty(), "natively nothing is said of {name}");
            })
        };
        let (ratio, guest_ns, native_ns) = ratio(&mut guest_block, &mut native_block);
        println!(
            "  {name:<22} {ratio:>5.2}   goal 2   ({guest_ns:.0} ns / {native_ns:.0} ns; {:.0} \
             thousand messages a second and core)",
            1e6 / guest_ns
        );
    }
}

/// A frame's whole way, without the socket: adapter, house, lane, strategy.
fn to_quote(runtime: &Runtime, adapter: &Arc<Plugin>, ema: &Plugin) {
    let state = tempfile::tempdir().unwrap();
    let instruments = [instrument()];
    let mut lane = Rig::new(state.path(), &instruments, 1).unwrap();
    lane.seat(1, rig::prepare(runtime, ema, &instruments, 1).unwrap());
    let mut guest = guest(runtime, adapter, nouns::ChannelKind::Quotes);
    let (mut in_adapter, mut whole) = (Vec::new(), Vec::new());
    for seq in 1..=60_000u64 {
        let frame = ticker(seq);
        let started = Instant::now();
        let said = guest.frame(frame.as_bytes(), seq * 1_000);
        let read = started.elapsed();
        let Some(Said::Quote(top)) = said.first() else { panic!("no quote: {said:?}") };
        let at = Stamp { instrument: 0, seq, ts_event: seq * 1_000, ts_init: seq * 1_000 };
        let (bid, ask, bid_qty, ask_qty) = (top.bid, top.ask, top.bid_qty, top.ask_qty);
        lane.tick(&Event::Quote(Quote { at, bid, ask, bid_qty, ask_qty }));
        whole.push(started.elapsed());
        in_adapter.push(read);
    }
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (all, read) = (at(&mut whole, share), at(&mut in_adapter, share));
        println!(
            "  {name}: {:.2} µs, of which the adapter {:.2} µs ({:.0} %)",
            us(all),
            us(read),
            100.0 * us(read) / us(all)
        );
    }
}

fn guest(runtime: &Runtime, adapter: &Arc<Plugin>, kind: nouns::ChannelKind) -> AdapterRig {
    let mut guest = AdapterRig::new(runtime, adapter, &instrument(), "BTCUSDT").unwrap();
    guest.open(&[nouns::Channel { id: 0, instrument: 0, kind, detail: 0 }]).unwrap();
    if kind == nouns::ChannelKind::Depth {
        let depth = nouns::BookDepth { instrument: 0, levels: 1_000 };
        let response =
            nouns::Response { status: 200, headers: Vec::new(), body: snapshot().into_bytes() };
        guest.frame(self::depth(0).as_bytes(), 1);
        assert!(guest.parse(&nouns::Operation::Book(depth), &response));
    }
    guest
}

fn native(kind: nouns::ChannelKind) -> ExchangeTest<Binance> {
    use wickd_sdk::exchange::{BookDepth, Channel, ChannelKind, Operation};
    let kind = match kind {
        nouns::ChannelKind::Depth => ChannelKind::Depth,
        nouns::ChannelKind::Trades => ChannelKind::Trades,
        _ => ChannelKind::Quotes,
    };
    let market = testing::btc_market(0, "BTCUSDT", wickd_sdk::Product::Spot, "1");
    let mut test = ExchangeTest::<Binance>::new(&[], &[market]).unwrap();
    test.plan(&[Channel { id: 0, instrument: 0, kind, detail: 0 }]).unwrap();
    test.open(0);
    if kind == ChannelKind::Depth {
        test.frame(0, depth(0).as_bytes());
        let operation = Operation::Book(BookDepth { instrument: 0, levels: 1_000 });
        test.parse_ok(&operation, &snapshot()).unwrap();
    }
    test.said();
    test
}

fn depth(seq: u64) -> String {
    let side = |from: u64, sign: i64| -> String {
        let level = |n: usize| {
            let price = from as i64 + sign * n as i64 * 7;
            format!("[\"{}.{:02}000000\",\"0.{:05}000\"]", price / 100, price % 100, 10 + seq % 900)
        };
        (0..LEVELS / 2).map(level).collect::<Vec<_>>().join(",")
    };
    format!(
        "{{\"e\":\"depthUpdate\",\"E\":{},\"s\":\"BTCUSDT\",\"U\":{},\"u\":{},\"b\":[{}],\"a\":[{}]}}",
        1_700_000_000_000 + seq,
        seq + 100,
        seq + 100,
        side(2_500_000 - seq % 50, -1),
        side(2_500_200 + seq % 50, 1)
    )
}

fn snapshot() -> String {
    "{\"lastUpdateId\":100,\"bids\":[[\"24999.00000000\",\"1.00000000\"]],\"asks\":[[\"25003.00000000\",\"1.00000000\"]]}".to_owned()
}

fn trade(seq: u64) -> String {
    format!(
        "{{\"e\":\"aggTrade\",\"E\":{0},\"s\":\"BTCUSDT\",\"a\":{seq},\"p\":\"25000.{1:02}000000\",\"q\":\"0.00100000\",\"f\":{seq},\"l\":{seq},\"T\":{0},\"m\":true,\"M\":true}}",
        1_700_000_000_000 + seq,
        seq % 100
    )
}

fn ticker(seq: u64) -> String {
    format!(
        "{{\"u\":{seq},\"s\":\"BTCUSDT\",\"b\":\"25000.{0:02}000000\",\"B\":\"1.50000000\",\"a\":\"25001.{0:02}000000\",\"A\":\"0.80000000\"}}",
        seq % 100
    )
}

fn block(mut each: impl FnMut()) -> Duration {
    let started = Instant::now();
    (0..FRAMES).for_each(|_| {
        each();
        black_box(());
    });
    started.elapsed()
}

/// The median ratio, and the medians in nanoseconds a frame.
fn ratio(a: &mut dyn FnMut() -> Duration, b: &mut dyn FnMut() -> Duration) -> (f64, f64, f64) {
    let pairs = pairs(PAIRS, a, b);
    let ns = |d: Duration| d.as_nanos() as f64 / FRAMES as f64;
    (
        median(pairs.iter().map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect()),
        median(pairs.iter().map(|(a, _)| ns(*a)).collect()),
        median(pairs.iter().map(|(_, b)| ns(*b)).collect()),
    )
}

fn at(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * share) as usize]
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
