//! Opens standard output over and over and keeps every handle: as many at a tick as the tick's number.
//! Expected: kind `memory` once the table of handles is full, naming `limits.resources`.

use wickd_rude::{Rude, Stamp};

#[allow(unsafe_code, reason = "the attack: the standard library keeps one handle, this keeps all")]
#[link(wasm_import_module = "wasi:cli/stdout@0.2.0")]
unsafe extern "C" {
    #[link_name = "get-stdout"]
    safe fn get_stdout() -> i32;
}

/// The guest.
pub struct HandleFlood;

impl Rude for HandleFlood {
    fn tick(at: Stamp) {
        for _ in 0..at.seq {
            std::hint::black_box(get_stdout());
        }
    }
}

wickd_rude::export!(HandleFlood);
