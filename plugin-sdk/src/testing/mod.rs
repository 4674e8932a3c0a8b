//! A native harness: a plugin's unit tests run without wasm, in microseconds.
//!
//! Comes in: parameters, market events, what inputs and the host's gate shall answer. Goes out:
//! staged orders, signals, logs, metrics, saved state. Deliberately absent: the host's risk gate,
//! latency and partial fills of the paper venue; those are tested where they live. The harness
//! keeps the host's promises toward a plugin: a complete configuration within its bounds, gap-free
//! sequence numbers, event time.
//!
//! Its methods panic where a test misuses them: that is how a test fails.

#![allow(clippy::expect_used, clippy::panic, reason = "a harness fails a test by panicking")]

mod acceptance;
mod capability;
mod config;
mod csv;
mod damaged;
mod exchange;
mod fixtures;
mod indicator;
mod signal;
mod strategy;

pub use capability::{check_capabilities, throw};
pub use csv::{MarketEvent, read_market, recorded_btc_usdt};
pub use damaged::{Damage, RecordedList, check_broken_rows, check_damage, recorded_lists};
pub use exchange::{ExchangeTest, btc_market, channel, response};
pub use fixtures::{Checked, check_fixtures, recorded};
pub use indicator::IndicatorTest;
pub use signal::SignalTest;
pub use strategy::{Staged, StrategyTest};

use crate::market::{Instrument, Product, Quote, Stamp, Trade, TsNs};
use crate::money::{Cash, Px, Qty};

/// When a harness begins: the start of 8 January 2021, UTC.
pub const START_NS: TsNs = 1_610_064_000_000_000_000;
/// How far apart two events are where a test does not say.
const STEP_NS: TsNs = 100_000_000;

/// BTC-USDT with the scales of a large spot venue: cents, and millionths of a coin.
pub fn btc_usdt() -> Instrument {
    Instrument {
        id: 0,
        epoch: 0,
        venue: "paper".to_owned(),
        symbol: "BTC-USDT".to_owned(),
        product: Product::Spot,
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        size_scale: 6,
        price_step: Px(1),
        qty_step: Qty(1),
        min_qty: Qty(1),
        min_notional: Cash(10 * 100_000_000),
    }
}

/// One thing a feed gave.
#[derive(Clone, Copy, Debug)]
pub enum Given {
    /// A quote.
    Quote(Quote),
    /// A trade.
    Trade(Trade),
}

/// Where a feed's data goes, kept for [`Out::given`](crate::Out::given).
pub fn out() -> crate::Out {
    crate::Out::keeping()
}

/// What the handlers of a utility and a feed get, at this time.
pub fn runtime(now: TsNs) -> crate::Runtime {
    crate::Runtime::at(now)
}

/// Event time and sequence numbers, as the host gives them.
struct Clock {
    now: TsNs,
    seq: u64,
}

impl Clock {
    fn new() -> Self {
        Self { now: START_NS, seq: 0 }
    }

    fn next(&mut self, instrument: u32) -> Stamp {
        self.now += STEP_NS;
        self.at(instrument, self.now)
    }

    fn at(&mut self, instrument: u32, now: TsNs) -> Stamp {
        self.now = self.now.max(now);
        self.seq += 1;
        Stamp { instrument, seq: self.seq, ts_event: now, ts_init: now }
    }
}
