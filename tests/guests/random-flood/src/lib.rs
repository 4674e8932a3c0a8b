//! Asks for random bytes, all at once: as many as the tick's number. Expected: kind `bad-value` beyond
//! its share, naming `limits.random_bytes`; the host never makes them.

use wickd_rude::{Rude, Stamp};

#[allow(unsafe_code, reason = "the attack: the standard library asks for a few")]
#[link(wasm_import_module = "wasi:random/random@0.2.0")]
unsafe extern "C" {
    #[link_name = "get-random-bytes"]
    fn get_random_bytes(len: u64, answer: *mut [usize; 2]);
}

/// The guest.
pub struct RandomFlood;

impl Rude for RandomFlood {
    #[allow(unsafe_code, reason = "the attack")]
    fn tick(at: Stamp) {
        let mut answer = [0; 2];
        // SAFETY: the canonical ABI writes a pointer and a length there; the bytes are leaked.
        unsafe { get_random_bytes(at.seq, &mut answer) };
        assert_eq!(answer[1] as u64, at.seq, "all of them or none");
    }
}

wickd_rude::export!(RandomFlood);
