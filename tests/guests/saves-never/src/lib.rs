//! An older `auditor` that panics when its successor wants its state. Expected: the successor is seated
//! with nothing, and is what the slot runs from there on.

use wickd_rude::Rude;

/// The guest.
pub struct SavesNever;

impl Rude for SavesNever {
    fn state_version() -> u32 {
        1
    }
    fn save() -> Vec<u8> {
        panic!("nothing of mine for anybody")
    }
}

wickd_rude::export!(SavesNever);
