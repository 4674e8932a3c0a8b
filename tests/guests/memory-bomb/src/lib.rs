//! Takes memory until it is refused. Expected: kind `memory`, never above the limit.

use wickd_rude::{Rude, Stamp};

/// One page of wasm memory.
const CHUNK_BYTES: usize = 64 << 10;

/// The guest.
pub struct MemoryBomb;

impl Rude for MemoryBomb {
    fn tick(_: Stamp) {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            hoard.push(Vec::with_capacity(CHUNK_BYTES));
            std::hint::black_box(&hoard);
        }
    }
}

wickd_rude::export!(MemoryBomb);
