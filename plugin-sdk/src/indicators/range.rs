//! How far prices reach.
//!
//! Comes in: samples, or high, low and close. Goes out: extremes and true range. Deliberately
//! absent: levels drawn from them.

use wickd_sdk_macros::State;

use super::average::Wilder;
use super::window::Window;

/// The greatest of the last `n` samples. O(period) when the greatest falls out, O(1) else.
/// Ready after `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Highest {
    window: Window,
    best: f64,
}

impl Highest {
    /// Over `period` samples.
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), best: f64::NEG_INFINITY }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        let old = self.window.push(sample);
        if old.is_some_and(|old| old >= self.best) {
            self.best = self.window.samples().iter().copied().fold(sample, f64::max);
        } else {
            self.best = self.best.max(sample);
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// The greatest; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() { self.best } else { 0.0 }
    }
}

/// The least of the last `n` samples. O(period) when the least falls out, O(1) else.
/// Ready after `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Lowest {
    window: Window,
    best: f64,
}

impl Lowest {
    /// Over `period` samples.
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), best: f64::INFINITY }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        let old = self.window.push(sample);
        if old.is_some_and(|old| old <= self.best) {
            self.best = self.window.samples().iter().copied().fold(sample, f64::min);
        } else {
            self.best = self.best.min(sample);
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// The least; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() { self.best } else { 0.0 }
    }
}

/// Average true range: Wilder's average of `max(high - low, |high - close'|, |low - close'|)`,
/// where `close'` is the close before; the first range is `high - low` (Wilder, 1978). O(1). Ready after
/// `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Atr {
    average: Wilder,
    close: Option<f64>,
}

impl Atr {
    /// Over `period` samples; usual is 14.
    pub fn new(period: u32) -> Self {
        Self { average: Wilder::new(period), close: None }
    }

    /// Takes a bar.
    pub fn update(&mut self, high: f64, low: f64, close: f64) {
        let before = self.close.replace(close).unwrap_or(low);
        self.average.update((high - low).max((high - before).abs()).max((low - before).abs()));
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.average.ready()
    }

    /// The average; 0 until ready.
    pub fn value(&self) -> f64 {
        self.average.value()
    }
}
