//! Works for most of a call at each sample. Expected: it uses more than its share of the lane, fails
//! for it and is given up; its readers find it not ready, and live.

use wickd_sdk::prelude::*;

/// What a reader sets.
#[derive(Params)]
pub struct Config {
    /// Work of one sample, in thousands of turns of a loop.
    #[param(default = 100, min = 1, max = 100_000)]
    period: u32,
}

/// The guest.
#[derive(State)]
#[state(none)]
pub struct HogIndicator {
    turns: u64,
    sum: u64,
}

impl Indicator for HogIndicator {
    type Params = Config;
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[("sum", "Of nothing.")];

    fn new(params: Config) -> Result<Self, Vec<Issue>> {
        Ok(Self { turns: u64::from(params.period) * 1_000, sum: 0 })
    }
    fn warm_up(&self) -> u32 {
        0
    }
    fn update(&mut self, _: &Sample) -> bool {
        for turn in 0..self.turns {
            self.sum = std::hint::black_box(self.sum.wrapping_add(turn));
        }
        true
    }
    fn value(&self, _: u32) -> f64 {
        1.0
    }
}

wickd_sdk::export_indicator!(HogIndicator);
