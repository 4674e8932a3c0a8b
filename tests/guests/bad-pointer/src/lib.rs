//! Reads where there is no memory. Expected: kind `trap`, on every start, so it is quarantined.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct BadPointer;

impl Rude for BadPointer {
    #[allow(unsafe_code, reason = "the attack")]
    fn tick(at: Stamp) {
        let nowhere = std::hint::black_box(usize::MAX & !7) as *const u64;
        // SAFETY: there is none; in wasm an access out of bounds is a trap.
        let word = unsafe { nowhere.read_volatile() };
        std::hint::black_box(word ^ at.seq);
    }
}

wickd_rude::export!(BadPointer);
