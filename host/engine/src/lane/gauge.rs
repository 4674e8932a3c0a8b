//! What a lane shows of a slot while it runs: plain numbers anyone may read.
//!
//! One lane writes, anyone reads, nothing waits. Every store is relaxed: a reader may see one number
//! a call older than another, which a display does not mind.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use wickd_model::Deny;

/// Buckets of the time histogram: eight to a doubling, from 1 ns to 2^40 ns.
const BUCKETS: usize = 8 * 40;

/// One slot's numbers.
pub struct Gauge {
    /// Events delivered to the live generation.
    pub events: Count,
    /// Fuel of all calls.
    pub fuel_total: Count,
    /// Fuel of the hungriest call.
    pub fuel_max: Count,
    /// Orders committed.
    pub orders: Count,
    /// Intents committed: orders and cancels.
    pub intents: Count,
    /// Intents the gate refused.
    pub denials: Count,
    /// The code of the last one: its number from 1 on, 0 for none.
    pub(crate) last_denial: Count,
    /// Fills.
    pub fills: Count,
    /// Faults.
    pub faults: Count,
    /// Events it did not get: it was muted, or its lane was full.
    pub skipped: Count,
    /// The live generation; 0 where there is none.
    pub generation: Count,
    /// Linear memory of the live generation.
    pub memory_bytes: Count,
    /// Realised and unrealised profit and loss after fees, in cash units.
    pub pnl: AtomicI64,
    /// Something it holds never had a price, so that `pnl` is not known.
    pub unpriced: AtomicBool,
    /// Market sequence number of the last event heard.
    pub market_seq: Count,
    /// Sampled wall time of a call, with the host's part of the tick.
    pub call_ns: Spread,
}

impl Gauge {
    /// Profit and loss; none where something is held that never had a price.
    pub fn known_pnl(&self) -> Option<i64> {
        (!self.unpriced.load(Relaxed)).then(|| self.pnl.load(Relaxed))
    }
}

impl Default for Gauge {
    fn default() -> Self {
        Self {
            events: Count::default(),
            fuel_total: Count::default(),
            fuel_max: Count::default(),
            orders: Count::default(),
            intents: Count::default(),
            denials: Count::default(),
            last_denial: Count::default(),
            fills: Count::default(),
            faults: Count::default(),
            skipped: Count::default(),
            generation: Count::default(),
            memory_bytes: Count::default(),
            pnl: AtomicI64::new(0),
            unpriced: AtomicBool::new(false),
            market_seq: Count::default(),
            call_ns: Spread::default(),
        }
    }
}

impl Gauge {
    /// The code of the gate's last refusal.
    pub fn last_denial(&self) -> Option<Deny> {
        let place = usize::try_from(self.last_denial.get()).ok()?.checked_sub(1)?;
        Deny::ALL.get(place).copied()
    }
}

/// A number with one writer.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Reads it.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Adds; not a read-modify-write, for there is one writer.
    #[inline]
    pub(crate) fn add(&self, by: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(by), Relaxed);
    }

    #[inline]
    pub(crate) fn raise_to(&self, value: u64) {
        if value > self.0.load(Relaxed) {
            self.0.store(value, Relaxed);
        }
    }

    #[inline]
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }
}

/// How a time spreads: a fixed log-linear histogram, within an eighth of the true value. A bucket
/// counts to four billion samples and stays there; there are two thousand slots of them.
pub struct Spread(Box<[AtomicU32]>);

impl Default for Spread {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Spread {
    #[inline]
    pub(crate) fn record(&self, ns: u64) {
        let count = &self.0[bucket(ns)];
        count.store(count.load(Relaxed).saturating_add(1), Relaxed);
    }

    /// The time that `share` (0 to 1) of the samples stay under; 0 without samples.
    pub fn quantile_ns(&self, share: f64) -> u64 {
        let total: u64 = self.0.iter().map(|count| u64::from(count.load(Relaxed))).sum();
        let wanted = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (place, count) in self.0.iter().enumerate() {
            seen += u64::from(count.load(Relaxed));
            if seen >= wanted && seen > 0 {
                return floor_of(place);
            }
        }
        0
    }
}

fn bucket(ns: u64) -> usize {
    let ns = ns.max(8);
    let power = 63 - ns.leading_zeros() as usize;
    let eighth = (ns >> (power - 3)) as usize & 7;
    ((power - 3) * 8 + eighth).min(BUCKETS - 1)
}

fn floor_of(place: usize) -> u64 {
    let (power, eighth) = (place / 8 + 3, place as u64 % 8);
    (8 + eighth) << (power - 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_is_within_an_eighth(ns in 8u64..1 << 39) {
            let floor = floor_of(bucket(ns));
            prop_assert!(floor <= ns && ns - floor <= ns / 8);
        }
    }

    #[test]
    fn quantiles_rise() {
        let spread = Spread::default();
        (1..=1000u64).for_each(|ns| spread.record(ns * 100));
        let [p50, p99] = [0.5, 0.99].map(|share| spread.quantile_ns(share));
        assert!((44_000..=50_000).contains(&p50) && (87_000..=99_000).contains(&p99));
    }
}
