//! Panics when asked for its state. Expected: kind `panic` in `save`; the slot fails, the market
//! goes on.

use wickd_rude::Rude;

/// The guest.
pub struct TrapSave;

impl Rude for TrapSave {
    fn state_version() -> u32 {
        1
    }
    fn save() -> Vec<u8> {
        panic!("my state is mine")
    }
}

wickd_rude::export!(TrapSave);
