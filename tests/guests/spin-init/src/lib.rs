//! Never returns from `init`. Expected: the generation is refused; no slot ever runs it.

use wickd_rude::{Entry, Instrument, Issue, Needs, Rude};

/// The guest.
pub struct SpinInit;

impl Rude for SpinInit {
    fn init(config: Vec<Entry>, _: Vec<Instrument>) -> Result<Needs, Vec<Issue>> {
        let mut word = config.len();
        loop {
            word = std::hint::black_box(word.wrapping_add(1));
        }
    }
}

wickd_rude::export!(SpinInit);
