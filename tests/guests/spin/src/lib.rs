//! Never returns from a tick. Expected: kind `out-of-fuel` within the deadline; quarantined after
//! its restarts.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct Spin;

impl Rude for Spin {
    fn tick(at: Stamp) {
        turn(at.seq);
    }
}

/// A frame of its own, so that the backtrace has something to name.
#[inline(never)]
fn turn(mut word: u64) -> ! {
    loop {
        word = std::hint::black_box(word.wrapping_mul(31));
    }
}

wickd_rude::export!(Spin);
