//! Gives NaN as output 0 and infinity as output 1. Expected: kind `bad-value` at the first reading;
//! no strategy ever sees either.

use wickd_sdk::prelude::*;

/// No parameters.
#[derive(Params)]
pub struct Config {}

/// The guest.
#[derive(State)]
#[state(none)]
pub struct NanIndicator;

impl Indicator for NanIndicator {
    type Params = Config;
    const OUTPUTS: &'static [(&'static str, &'static str)] =
        &[("nan", "Not a number."), ("inf", "No number either.")];

    fn new(_: Config) -> Result<Self, Vec<Issue>> {
        Ok(Self)
    }
    fn warm_up(&self) -> u32 {
        0
    }
    fn update(&mut self, _: &Sample) -> bool {
        true
    }
    fn value(&self, output: u32) -> f64 {
        if output == 0 { f64::NAN } else { f64::INFINITY }
    }
}

wickd_sdk::export_indicator!(NanIndicator);
