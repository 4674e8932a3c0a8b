//! Prices weighed by what was traded.
//!
//! Comes in: price and volume. Goes out: sums since a start the author sets. Deliberately absent:
//! sessions; call `reset` where one begins.

use wickd_sdk_macros::State;

/// Volume-weighted average price since the last reset: `sum (price * volume) / sum volume`. O(1).
/// Ready once anything was traded.
#[derive(Clone, PartialEq, Debug, Default, State)]
pub struct Vwap {
    /// Prices are summed as distances from the first: less is lost to rounding.
    origin: f64,
    weighted: f64,
    volume: f64,
}

impl Vwap {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a trade, or a bar's typical price and volume.
    pub fn update(&mut self, price: f64, volume: f64) {
        if self.volume == 0.0 {
            self.origin = price;
        }
        self.weighted += (price - self.origin) * volume;
        self.volume += volume;
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.volume > 0.0
    }

    /// The average; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() { self.origin + self.weighted / self.volume } else { 0.0 }
    }
}

/// On-balance volume: volume added when the close rises, taken off when it falls (Granville, 1963).
/// O(1). Ready after two samples.
#[derive(Clone, PartialEq, Debug, Default, State)]
pub struct Obv {
    last: Option<f64>,
    ready: bool,
    value: f64,
}

impl Obv {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a close and its volume.
    pub fn update(&mut self, close: f64, volume: f64) {
        let Some(last) = self.last.replace(close) else { return };
        self.ready = true;
        if close > last {
            self.value += volume;
        } else if close < last {
            self.value -= volume;
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.ready
    }

    /// The balance; 0 until ready.
    pub fn value(&self) -> f64 {
        self.value
    }
}
