//! Saves a state of 4 MiB. Expected: kind `bad-value` in `save`.

use wickd_rude::Rude;

/// Four times what a state may be.
const STATE_BYTES: usize = 4 << 20;

/// The guest.
pub struct HugeState;

impl Rude for HugeState {
    fn state_version() -> u32 {
        1
    }
    fn save() -> Vec<u8> {
        vec![7; STATE_BYTES]
    }
}

wickd_rude::export!(HugeState);
