//! Takes any state, then panics on its first event. Expected: as a candidate it fails in its shadow
//! run; the old generation trades on.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct TrapShadow;

impl Rude for TrapShadow {
    fn state_version() -> u32 {
        1
    }
    fn tick(_: Stamp) {
        panic!("the shadow frightens me");
    }
}

wickd_rude::export!(TrapShadow);
