//! How far samples spread.
//!
//! Comes in: samples. Goes out: deviation and bands. Deliberately absent: the sample estimator
//! (`n - 1`); bands are defined on the population.

use wickd_sdk_macros::State;

use super::window::Window;

/// Standard deviation of the last `n` samples, of the population: `sqrt(sum (x - mean)^2 / n)`.
///
/// The mean and the sum of squares slide by Welford's update (Technometrics 4, 1962), which does
/// not cancel where prices are large and moves small. O(1). Ready after `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct StdDev {
    window: Window,
    mean: f64,
    squares: f64,
}

impl StdDev {
    /// Over `period` samples.
    pub fn new(period: u32) -> Self {
        Self { window: Window::new(period), mean: 0.0, squares: 0.0 }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        let before = self.mean;
        let old = self.window.push(sample);
        let samples = self.window.samples();
        let n = samples.len() as f64;
        match old {
            None => {
                self.mean += (sample - before) / n;
                self.squares += (sample - before) * (sample - self.mean);
            }
            Some(old) => {
                self.mean += (sample - old) / n;
                self.squares += (sample - old) * (sample - self.mean + old - before);
            }
        }
        if self.window.is_wrapped() {
            self.mean = samples.iter().sum::<f64>() / n;
            self.squares = samples.iter().map(|x| (x - self.mean) * (x - self.mean)).sum();
        }
    }

    /// True once the value means something.
    pub fn ready(&self) -> bool {
        self.window.is_full()
    }

    /// The deviation; 0 until ready.
    pub fn value(&self) -> f64 {
        if self.ready() {
            (self.squares.max(0.0) / self.window.samples().len() as f64).sqrt()
        } else {
            0.0
        }
    }

    /// The mean of the same samples; 0 until ready.
    pub fn mean(&self) -> f64 {
        if self.ready() { self.mean } else { 0.0 }
    }
}

/// Bollinger bands: the simple average, and `k` population deviations above and below it
/// (Bollinger on Bollinger Bands, 2001). O(1). Ready after `n` samples.
#[derive(Clone, PartialEq, Debug, State)]
pub struct Bollinger {
    deviation: StdDev,
    #[state(skip)]
    k: f64,
}

impl Bollinger {
    /// Over `period` samples, `k` deviations wide; usual are 20 and 2.
    pub fn new(period: u32, k: f64) -> Self {
        Self { deviation: StdDev::new(period), k }
    }

    /// Takes a sample.
    pub fn update(&mut self, sample: f64) {
        self.deviation.update(sample);
    }

    /// True once the values mean something.
    pub fn ready(&self) -> bool {
        self.deviation.ready()
    }

    /// The average; 0 until ready.
    pub fn middle(&self) -> f64 {
        self.deviation.mean()
    }

    /// The upper band; 0 until ready.
    pub fn upper(&self) -> f64 {
        self.deviation.mean() + self.k * self.deviation.value()
    }

    /// The lower band; 0 until ready.
    pub fn lower(&self) -> f64 {
        self.deviation.mean() - self.k * self.deviation.value()
    }

    /// The distance of the bands as a share of the middle; 0 until ready.
    pub fn width(&self) -> f64 {
        if self.middle() == 0.0 { 0.0 } else { (self.upper() - self.lower()) / self.middle() }
    }
}
