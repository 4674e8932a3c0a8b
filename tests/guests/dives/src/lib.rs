//! Recurses as deep as the tick's number. Expected: an answer down to the bottom of the guest's stack,
//! kind `stack` below it.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct Dives;

impl Rude for Dives {
    fn tick(at: Stamp) {
        assert_eq!(deeper(at.seq), at.seq, "it came back from all the way down");
    }
}

#[inline(never)]
fn deeper(levels: u64) -> u64 {
    match std::hint::black_box(levels) {
        0 => 0,
        levels => deeper(levels - 1) + 1,
    }
}

wickd_rude::export!(Dives);
