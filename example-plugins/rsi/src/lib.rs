//! Wilder's relative strength index as a plugin.
//!
//! Comes in: the close of each sample. Goes out: one output, 0 to 100. Deliberately absent: levels
//! such as 30 and 70; what they mean is the strategy's business.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

use wickd_sdk::indicators;
use wickd_sdk::prelude::*;

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// Changes that are averaged.
    #[param(default = 14, min = 2, max = 500)]
    period: u32,
}

/// The indicator.
#[derive(State)]
#[state(version = 1)]
pub struct Rsi {
    #[state(skip)]
    period: u32,
    index: indicators::Rsi,
}

impl Indicator for Rsi {
    type Params = Config;
    const OUTPUTS: &'static [(&'static str, &'static str)] =
        &[("rsi", "0 to 100; above 50 rises outweigh falls")];

    fn new(params: Config) -> Result<Self, Vec<Issue>> {
        Ok(Self { period: params.period, index: indicators::Rsi::new(params.period) })
    }

    fn warm_up(&self) -> u32 {
        self.period + 1
    }

    fn update(&mut self, sample: &Sample) -> bool {
        self.index.update(sample.close);
        self.index.ready()
    }

    fn value(&self, output: u32) -> f64 {
        if output == 0 { self.index.value() } else { 0.0 }
    }
}

wickd_sdk::export_indicator!(Rsi);

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_sdk::testing::IndicatorTest;

    #[test]
    fn it_is_ready_exactly_when_its_declared_warm_up_is_over() {
        let mut test = IndicatorTest::<Rsi>::new(&[("period", 3.into())]).unwrap();
        for sample in 1..=6u32 {
            assert_eq!(test.price(f64::from(sample)), sample >= test.warm_up());
        }
        assert_eq!(test.values(), [100.0]);
        assert_eq!(test.value(1), 0.0);
    }

    #[test]
    fn a_carried_index_goes_on_bit_for_bit_and_another_period_is_refused() {
        let mut whole = IndicatorTest::<Rsi>::new(&[]).unwrap();
        let mut swapped = IndicatorTest::<Rsi>::new(&[]).unwrap();
        for at in 0..60 {
            let price = 39_400.0 + f64::from(at * 7 % 13);
            whole.price(price);
            swapped.price(price);
            if at == 20 {
                swapped = swapped.restart();
            }
        }
        assert_eq!(whole.value(0).to_bits(), swapped.value(0).to_bits());
        let mut other = IndicatorTest::<Rsi>::new(&[("period", 9.into())]).unwrap();
        let refusal = other.restore(1, &whole.save()).unwrap_err();
        assert!(refusal.contains("period"), "{refusal}");
    }
}
