//! Burns most of its fuel on every tick. Expected: allowed; it is slow, and nobody else is.

use wickd_rude::{Rude, Stamp};

/// Turns of a loop of some dozen operators: most of a million fuel.
const TURNS: u32 = 70_000;

/// The guest.
pub struct FuelHog;

impl Rude for FuelHog {
    fn tick(at: Stamp) {
        let mut word = at.seq;
        for _ in 0..TURNS {
            word = std::hint::black_box(word.wrapping_mul(6_364_136_223_846_793_005)) ^ 1;
        }
        std::hint::black_box(word);
    }
}

wickd_rude::export!(FuelHog);
