//! Works for two hundred ticks, then panics. Expected: counted, restarted, and quarantined only when
//! that happens too often.

use std::cell::Cell;

use wickd_rude::{Rude, Stamp};

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

/// The guest.
pub struct LateTrap;

impl Rude for LateTrap {
    fn tick(_: Stamp) {
        TICKS.set(TICKS.get() + 1);
        assert!(TICKS.get() <= 200, "two hundred are enough");
    }
}

wickd_rude::export!(LateTrap);
