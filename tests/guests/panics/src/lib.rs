//! Panics on its fifth tick. Expected: kind `panic`, its text, a frame of its own; the slot
//! fails, nothing else does.

use std::cell::Cell;

use wickd_rude::{Rude, Stamp};

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

/// The guest.
pub struct Panics;

impl Rude for Panics {
    fn tick(_: Stamp) {
        TICKS.set(TICKS.get() + 1);
        check(TICKS.get());
    }
}

/// A frame of its own, so that the backtrace has something to name.
#[inline(never)]
fn check(ticks: u64) {
    assert!(ticks < 5, "the fifth tick is one too many");
}

wickd_rude::export!(Panics);
