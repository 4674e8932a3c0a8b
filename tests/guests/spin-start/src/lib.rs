//! Never returns from its constructor, which runs before its first export. Expected: refused at
//! intake.

use wickd_rude::Rude;

/// What the linker puts in front of every export.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "a constructor has no safe spelling")]
#[unsafe(link_section = ".init_array")]
#[used]
static CONSTRUCTOR: extern "C" fn() = spin;

#[cfg(target_arch = "wasm32")]
extern "C" fn spin() {
    let mut word = 1_u64;
    loop {
        word = std::hint::black_box(word.wrapping_mul(31));
    }
}

/// The guest.
pub struct SpinStart;

impl Rude for SpinStart {}

wickd_rude::export!(SpinStart);
