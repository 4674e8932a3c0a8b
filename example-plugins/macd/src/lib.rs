//! Moving average convergence and divergence as a plugin.
//!
//! Comes in: the close of each sample. Goes out: line, signal and histogram. Deliberately absent:
//! crossings; a strategy sees them in the sign of the histogram.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

use wickd_sdk::indicators;
use wickd_sdk::prelude::*;

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// Samples of the fast average.
    #[param(default = 12, min = 1, max = 1000)]
    fast: u32,
    /// Samples of the slow average.
    #[param(default = 26, min = 2, max = 2000)]
    slow: u32,
    /// Samples of the signal line's average.
    #[param(default = 9, min = 1, max = 1000)]
    signal: u32,
}

/// The indicator.
#[derive(State)]
#[state(version = 1)]
pub struct Macd {
    #[state(skip)]
    warm_up: u32,
    lines: indicators::Macd,
}

impl Indicator for Macd {
    type Params = Config;
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("macd", "the fast average minus the slow one"),
        ("signal", "the average of that"),
        ("histogram", "the line minus its signal"),
    ];

    fn new(params: Config) -> Result<Self, Vec<Issue>> {
        if params.fast >= params.slow {
            return Err(issue("fast", format!("must be below `slow`, which is {}", params.slow)));
        }
        let lines = indicators::Macd::new(params.fast, params.slow, params.signal);
        Ok(Self { warm_up: params.slow + params.signal - 1, lines })
    }

    fn warm_up(&self) -> u32 {
        self.warm_up
    }

    fn update(&mut self, sample: &Sample) -> bool {
        self.lines.update(sample.close);
        self.lines.ready()
    }

    fn value(&self, output: u32) -> f64 {
        match output {
            0 => self.lines.macd(),
            1 => self.lines.signal(),
            2 => self.lines.histogram(),
            _ => 0.0,
        }
    }
}

wickd_sdk::export_indicator!(Macd);

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_sdk::testing::IndicatorTest;

    #[test]
    fn it_is_ready_exactly_when_its_declared_warm_up_is_over() {
        let mut test = IndicatorTest::<Macd>::new(&[]).unwrap();
        for sample in 1..=40u32 {
            assert_eq!(test.price(f64::from(sample)), sample >= test.warm_up());
        }
        // On a straight line an average of n lags (n - 1) / 2 steps behind.
        assert!((test.value(0) - 7.0).abs() < 1e-9, "{:?}", test.values());
        assert!(test.value(2).abs() < 1e-9);
    }

    #[test]
    fn a_fast_average_that_is_not_faster_is_refused_by_name() {
        let issues = IndicatorTest::<Macd>::new(&[("fast", 26.into())]).err().unwrap();
        assert_eq!(issues[0].key, "fast");
    }

    #[test]
    fn carried_lines_go_on_bit_for_bit() {
        let mut whole = IndicatorTest::<Macd>::new(&[]).unwrap();
        let mut swapped = IndicatorTest::<Macd>::new(&[]).unwrap();
        for at in 0..90 {
            let price = 39_400.0 + f64::from(at * 7 % 13);
            whole.price(price);
            swapped.price(price);
            if at % 25 == 10 {
                swapped = swapped.restart();
            }
        }
        assert_eq!(whole.values(), swapped.values());
    }
}
