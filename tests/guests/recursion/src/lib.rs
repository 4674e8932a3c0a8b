//! Recurses without an end. Expected: kind `stack`, the process lives.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct Recursion;

impl Rude for Recursion {
    fn tick(at: Stamp) {
        std::hint::black_box(deeper(at.seq));
    }
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "the attack")]
fn deeper(level: u64) -> u64 {
    let frame = std::hint::black_box([level; 16]);
    deeper(frame[3].wrapping_add(1)).wrapping_add(frame[7])
}

wickd_rude::export!(Recursion);
