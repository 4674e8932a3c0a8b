//! How fast and how far prices moved.
//!
//! Comes in: samples, or high, low and close. Goes out: oscillators. Deliberately absent: the
//! thresholds that make a decision of them.

use wickd_sdk_macros::State;

use super::average::{Ema, Sma, Wilder};
use super::range::{Highest, Lowest};
use super::window::Window;

/// Relative strength index: `100 * up / (up + down)`, where `up` and `down` are Wilder's averages
/// of rises and falls; 50 where nothing moved (Wilder, 1978). 0 to 100. O(1). Ready after `n + 1`
/// samples, for `n` changes.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Rsi {
    up: Wilder,
    down: Wilder,
    last: Option<f64>,
}

impl Rsi {
    /// Over `period` changes; usual is 14.
    pub fn new(period: u32) -> Self {
        Self { up: Wilder::new(period), down: Wilder::new(period), last: None }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        if let Some(last) = self.last.replace(sample) {
            self.up.update((sample - last).max(0.0));
            self.down.update((last - sample).max(0.0));
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.up.ready()
    }

    /// The index; 0 until ready.
    pub fn value(&self) -> f64 {
        let both = self.up.value() + self.down.value();
        match self.ready() {
            false => 0.0,
            true if both == 0.0 => 50.0,
            // The share first: it rounds to 1 at most, where a hundredfold could round past 100.
            true => 100.0 * (self.up.value() / both),
        }
    }
}

/// Moving average convergence and divergence: a fast [`Ema`] minus a slow one, and an `Ema` of that
/// as the signal line (Appel, 1979). O(1). Ready after `slow + signal - 1` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
}

impl Macd {
    /// Of three periods; usual are 12, 26 and 9.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal) }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        self.fast.update(sample);
        self.slow.update(sample);
        if self.fast.ready() && self.slow.ready() {
            self.signal.update(self.fast.value() - self.slow.value());
        }
    }

    /// True once all three values mean something.
    pub fn ready(&self) -> bool {
        self.signal.ready()
    }

    /// Fast minus slow; 0 until ready.
    pub fn macd(&self) -> f64 {
        if self.ready() { self.fast.value() - self.slow.value() } else { 0.0 }
    }

    /// The signal line; 0 until ready.
    pub fn signal(&self) -> f64 {
        self.signal.value()
    }

    /// What the line is above its signal; 0 until ready.
    pub fn histogram(&self) -> f64 {
        self.macd() - self.signal()
    }
}

/// Stochastic oscillator: `%K = 100 * (close - low) / (high - low)` over the lowest low and the
/// highest high of `k` bars, 50 where they are equal; `%D` its simple average over `d` (Lane).
/// 0 to 100. Cost as [`Highest`]. Ready after `k + d - 1` bars.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Stochastic {
    high: Highest,
    low: Lowest,
    k: f64,
    d: Sma,
}

impl Stochastic {
    /// Over `k` bars, smoothed over `d`; usual are 14 and 3.
    pub fn new(k: u32, d: u32) -> Self {
        Self { high: Highest::new(k), low: Lowest::new(k), k: 0.0, d: Sma::new(d) }
    }

    /// Takes a bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) {
        self.high.update(high);
        self.low.update(low);
        if self.high.ready() {
            let (high, low) = (self.high.value(), self.low.value());
            self.k = if high > low { 100.0 * ((close - low) / (high - low)) } else { 50.0 };
            self.d.update(self.k);
        }
    }

    /// True once both values mean something.
    pub fn ready(&self) -> bool {
        self.d.ready()
    }

    /// `%K`; 0 until ready.
    pub fn k(&self) -> f64 {
        if self.ready() { self.k } else { 0.0 }
    }

    /// `%D`; 0 until ready.
    pub fn d(&self) -> f64 {
        self.d.value()
    }
}

/// Rate of change: `100 * (x - x') / x'` against the sample `n` before; 0 where that was 0. O(1).
/// Ready after `n + 1` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Roc {
    window: Window,
    value: f64,
}

impl Roc {
    /// Against `period` samples before.
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period.saturating_add(1)), value: 0.0 }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        self.window.push(sample);
        let before = self.window.oldest();
        self.value = if before == 0.0 { 0.0 } else { 100.0 * (sample - before) / before };
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// The rate in percent; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() { self.value } else { 0.0 }
    }
}

/// Commodity channel index: `(t - mean) / (0.015 * mean |t - mean|)` of the typical price
/// `t = (high + low + close) / 3`; 0 where nothing moved (Lambert, 1980). O(period). Ready after
/// `n` bars.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Cci {
    window: Window,
    value: f64,
}

impl Cci {
    /// Over `period` bars; usual is 20.
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), value: 0.0 }
    }

    /// Takes a bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) {
        let typical = (high + low + close) / 3.0;
        self.window.push(typical);
        let samples = self.window.samples();
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let deviation = samples.iter().map(|x| (x - mean).abs()).sum::<f64>() / n;
        // Equal samples leave a deviation of rounding errors; their quotient means nothing.
        let moved = deviation > mean.abs() * f64::EPSILON * n;
        self.value = if moved { (typical - mean) / (0.015 * deviation) } else { 0.0 };
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// The index; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() { self.value } else { 0.0 }
    }
}
