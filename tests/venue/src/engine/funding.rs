//! Funding of the perpetual: when it is due, and what was paid.
//!
//! Comes in: a time. Goes out: rates on a fixed grid. Deliberately absent: paying by itself.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Funding of the position as it was paid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Payment {
    /// Gap-free, from 1.
    pub number: u64,
    /// The rate, as a fraction of the notional.
    pub rate: Decimal,
    /// The position it was paid on, in BTC.
    pub qty: Decimal,
    /// The mark price, in USDT.
    pub mark: Decimal,
    /// What the wallet received, in USDT.
    pub amount: Decimal,
    /// When, UTC milliseconds.
    pub time_ms: i64,
}

/// Funding of the perpetual: fixed rates on a fixed grid; paid only when a test says so.
#[derive(Debug)]
pub struct Funding;

impl Funding {
    /// Milliseconds between two fundings.
    pub const EVERY_MS: i64 = 8 * 3_600_000;
    /// The running rate, as a fraction of the notional.
    pub const RATE: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
    /// Fundings in the past that are told of.
    const KEPT: i64 = 200;

    /// When the next one is due, UTC milliseconds.
    pub fn next_ms(now_ms: i64) -> i64 {
        (now_ms.div_euclid(Self::EVERY_MS) + 1) * Self::EVERY_MS
    }

    /// The latest past fundings within bounds, oldest first, with a rate that differs from one to
    /// the next and can be negative.
    pub fn past(
        now_ms: i64,
        start_ms: Option<i64>,
        end_ms: Option<i64>,
        limit: usize,
    ) -> impl DoubleEndedIterator<Item = (i64, Decimal)> {
        let last = now_ms.div_euclid(Self::EVERY_MS);
        let times = (last - Self::KEPT..=last).map(|number| number * Self::EVERY_MS);
        let times: Vec<i64> = times
            .filter(|at| {
                start_ms.is_none_or(|start| *at >= start) && end_ms.is_none_or(|end| *at <= end)
            })
            .collect();
        let skipped = times.len().saturating_sub(limit);
        let rate = |at_ms: i64| Decimal::new((at_ms / Self::EVERY_MS) % 7 - 2, 5);
        times.into_iter().skip(skipped).map(move |at_ms| (at_ms, rate(at_ms)))
    }
}
