//! An older `trader` that gives its state when a successor is offered, never trades, and panics when the
//! cut wants the state once more, because the two decided differently. Expected: the successor is live
//! with what it knows, and is what the slot runs from there on.

use std::cell::Cell;

use wickd_rude::Rude;

thread_local! {
    static SAVED: Cell<bool> = const { Cell::new(false) };
}

/// The guest.
pub struct SavesOnce;

impl Rude for SavesOnce {
    fn state_version() -> u32 {
        1
    }
    fn save() -> Vec<u8> {
        assert!(!SAVED.replace(true), "once is enough");
        Vec::new()
    }
}

wickd_rude::export!(SavesOnce);
