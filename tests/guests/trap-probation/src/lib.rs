//! Takes any state, behaves for a hundred events and then panics. Expected: with a shadow run below
//! a hundred events it goes live, fails on probation, and the previous generation is back.

use std::cell::Cell;

use wickd_rude::{Rude, Stamp};

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

/// The guest.
pub struct TrapProbation;

impl Rude for TrapProbation {
    fn state_version() -> u32 {
        1
    }
    fn tick(_: Stamp) {
        TICKS.set(TICKS.get() + 1);
        assert!(TICKS.get() < 100, "I never wanted to be live");
    }
}

wickd_rude::export!(TrapProbation);
