//! Bollinger bands as a plugin.
//!
//! Comes in: the close of each sample. Goes out: middle, upper, lower and width. Deliberately
//! absent: what to do at a band.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

use wickd_sdk::indicators;
use wickd_sdk::prelude::*;

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// Samples of the average.
    #[param(default = 20, min = 2, max = 2000)]
    period: u32,
    /// How many standard deviations the bands stand off.
    #[param(default = "2", min = "0.1", max = "10", step = "0.1")]
    deviations: Decimal,
}

/// The indicator.
#[derive(State)]
#[state(version = 1)]
pub struct Bollinger {
    #[state(skip)]
    period: u32,
    bands: indicators::Bollinger,
}

impl Indicator for Bollinger {
    type Params = Config;
    const OUTPUTS: &'static [(&'static str, &'static str)] = &[
        ("middle", "the simple average"),
        ("upper", "the average plus the deviations"),
        ("lower", "the average minus the deviations"),
        ("width", "upper minus lower, as a share of the middle"),
    ];

    fn new(params: Config) -> Result<Self, Vec<Issue>> {
        let bands = indicators::Bollinger::new(params.period, params.deviations.to_f64());
        Ok(Self { period: params.period, bands })
    }

    fn warm_up(&self) -> u32 {
        self.period
    }

    fn update(&mut self, sample: &Sample) -> bool {
        self.bands.update(sample.close);
        self.bands.ready()
    }

    fn value(&self, output: u32) -> f64 {
        match output {
            0 => self.bands.middle(),
            1 => self.bands.upper(),
            2 => self.bands.lower(),
            3 => self.bands.width(),
            _ => 0.0,
        }
    }
}

wickd_sdk::export_indicator!(Bollinger);

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_sdk::testing::IndicatorTest;

    #[test]
    fn the_outputs_stand_in_their_declared_order() {
        let given = [("period", 8.into())];
        let mut test = IndicatorTest::<Bollinger>::new(&given).unwrap();
        for (at, price) in (1..).zip([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]) {
            assert_eq!(test.price(price), at == test.warm_up());
        }
        assert_eq!(test.outputs(), ["middle", "upper", "lower", "width"]);
        // The textbook set: mean 5, population deviation 2.
        assert_eq!(test.values(), [5.0, 9.0, 1.0, 1.6]);
    }

    #[test]
    fn carried_bands_go_on_bit_for_bit() {
        let mut whole = IndicatorTest::<Bollinger>::new(&[]).unwrap();
        let mut swapped = IndicatorTest::<Bollinger>::new(&[]).unwrap();
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
