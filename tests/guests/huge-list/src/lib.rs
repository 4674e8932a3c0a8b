//! Hands the host a string of 8 MiB. Expected: kind `bad-value`; the host never copies it.

use wickd_rude::{Level, Rude, Stamp, runtime};

/// Far beyond what one host call may carry.
const STRING_BYTES: usize = 8 << 20;

/// The guest.
pub struct HugeList;

impl Rude for HugeList {
    fn tick(_: Stamp) {
        runtime::log(Level::Info, &"x".repeat(STRING_BYTES));
    }
}

wickd_rude::export!(HugeList);
