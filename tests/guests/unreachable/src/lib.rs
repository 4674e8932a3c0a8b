//! Divides by zero on every tick. Expected: kind `panic` every time, so it is quarantined.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct Unreachable;

impl Rude for Unreachable {
    fn tick(at: Stamp) {
        let zero = std::hint::black_box(at.seq) - at.seq;
        std::hint::black_box(at.seq / zero);
    }
}

wickd_rude::export!(Unreachable);
