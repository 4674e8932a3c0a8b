//! Takes memory page by page until it is refused, takes the refusal, and works on; its tenth tick
//! panics. Expected: exactly its memory, nine good ticks, and then kind `panic`, not `memory`.
#![cfg(target_arch = "wasm32")]

use std::arch::wasm32::memory_grow;

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct TakesNo;

impl Rude for TakesNo {
    fn tick(at: Stamp) {
        while at.seq == 1 && memory_grow::<0>(1) != usize::MAX {}
        assert_ne!(at.seq, 10, "ten are too many");
    }
}

wickd_rude::export!(TakesNo);
