//! Moving averages.
//!
//! Comes in: samples. Goes out: their average. Deliberately absent: adaptive kinds.

use wickd_sdk_macros::State;

use super::window::{Period, Window};

/// Simple moving average: `sum of the last n / n`. O(1). Ready after `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Sma {
    window: Window,
    sum: f64,
}

impl Sma {
    /// Over `period` samples.
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), sum: 0.0 }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        self.sum += sample - self.window.push(sample).unwrap_or(0.0);
        if self.window.is_wrapped() {
            self.sum = self.window.samples().iter().sum();
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// The average; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() { self.sum / self.window.samples().len() as f64 } else { 0.0 }
    }
}

/// Exponential moving average: `e += (x - e) * 2 / (n + 1)`, seeded with the simple average of the
/// first `n` samples, as TA-Lib does. O(1). Ready after `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Ema {
    period: Period,
    #[state(skip)]
    alpha: f64,
    seen: u32,
    /// The sum of the seed until it is whole, the average from then on.
    value: f64,
}

impl Ema {
    /// Over `period` samples.
    pub fn new(period: u32) -> Self {
        let period = Period::new(period);
        Self { period, alpha: 2.0 / (period.f64() + 1.0), seen: 0, value: 0.0 }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        if self.ready() {
            self.value += (sample - self.value) * self.alpha;
            return;
        }
        self.seen += 1;
        self.value += sample;
        if self.ready() {
            self.value /= self.period.f64();
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.seen >= self.period.get()
    }

    /// The average; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() { self.value } else { 0.0 }
    }
}

/// Weighted moving average: weights `1 … n`, the newest heaviest, over `n (n + 1) / 2`. O(1). Ready
/// after `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Wma {
    window: Window,
    sum: f64,
    weighted: f64,
}

impl Wma {
    /// Over `period` samples.
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), sum: 0.0, weighted: 0.0 }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        let old = self.window.push(sample);
        let samples = self.window.samples();
        if old.is_some() {
            // Every sample that stays loses one weight, the one that goes its last.
            self.weighted -= self.sum;
        }
        self.weighted += sample * samples.len() as f64;
        self.sum += sample - old.unwrap_or(0.0);
        if self.window.is_wrapped() {
            // Right after wrapping the places are in order of age.
            self.sum = samples.iter().sum();
            self.weighted = samples.iter().zip(1u32..).map(|(x, w)| x * f64::from(w)).sum();
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// The average; 0 until ready.
    pub fn value(&self) -> f64 {
        let n = self.window.samples().len() as f64;
        if self.ready() { self.weighted / (n * (n + 1.0) / 2.0) } else { 0.0 }
    }
}

/// Wilder's average: the simple average of the first `n` samples, then `(a (n - 1) + x) / n`
/// (Wilder, New Concepts in Technical Trading Systems, 1978).
#[derive(Clone, PartialEq, Debug, State)]
pub(crate) struct Wilder {
    period: Period,
    seen: u32,
    value: f64,
}

impl Wilder {
    pub(crate) fn new(period: u32) -> Self {
        Self { period: Period::new(period), seen: 0, value: 0.0 }
    }

    pub(crate) fn update(&mut self, sample: f64) {
        let n = self.period.f64();
        if self.ready() {
            self.value = (self.value * (n - 1.0) + sample) / n;
            return;
        }
        self.seen += 1;
        self.value += sample;
        if self.ready() {
            self.value /= n;
        }
    }

    pub(crate) fn ready(&self) -> bool {
        self.seen >= self.period.get()
    }

    pub(crate) fn value(&self) -> f64 {
        if self.ready() { self.value } else { 0.0 }
    }
}
