//! Leaks 64 KiB a tick. Expected: kind `memory` once the limit is reached, then a restart with
//! fresh memory.

use wickd_rude::{Rude, Stamp};

/// What one tick leaves behind.
const LEAK_BYTES: usize = 64 << 10;

/// The guest.
pub struct Leak;

impl Rude for Leak {
    fn tick(_: Stamp) {
        std::hint::black_box(Box::leak(vec![1_u8; LEAK_BYTES].into_boxed_slice()));
    }
}

wickd_rude::export!(Leak);
