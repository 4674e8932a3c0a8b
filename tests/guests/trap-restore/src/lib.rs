//! Panics when given a state. Expected: kind `panic` in `restore`; as a candidate it is refused and
//! the old generation trades on.

use wickd_rude::Rude;

/// The guest.
pub struct TrapRestore;

impl Rude for TrapRestore {
    fn state_version() -> u32 {
        1
    }
    fn restore(_: u32, state: Vec<u8>) -> Result<(), String> {
        panic!("{} bytes of somebody else", state.len())
    }
}

wickd_rude::export!(TrapRestore);
