//! Cancels intents it was never given. Expected: each is denied as `unknown-intent`.

use wickd_rude::{DenyCode, Rude, Stamp, runtime, trading};

/// The guest.
pub struct ForeignCancel;

impl Rude for ForeignCancel {
    fn tick(at: Stamp) {
        let numbers = [0, 1, 2, 7, at.seq, u64::MAX, u64::MAX / 2];
        let denied = numbers
            .iter()
            .filter(|id| trading::cancel(**id) == Err(DenyCode::UnknownIntent))
            .count();
        runtime::metric("asked", numbers.len() as f64);
        runtime::metric("denied", denied as f64);
    }
}

wickd_rude::export!(ForeignCancel);
