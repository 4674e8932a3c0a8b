//! Takes the state of a `trader` and orders on every tick. Expected: where agreement is asked for it
//! is refused with the number of decisions that differ.

use wickd_rude::{Rude, Side, Stamp, order, trading};

/// The guest.
pub struct Differs;

impl Rude for Differs {
    fn state_version() -> u32 {
        1
    }
    fn tick(at: Stamp) {
        let answer = trading::submit(order(at.instrument, Side::Buy, 10_000));
        std::hint::black_box(answer.is_ok());
    }
}

wickd_rude::export!(Differs);
