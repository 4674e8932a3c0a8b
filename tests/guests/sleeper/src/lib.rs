//! Sleeps a minute in a tick. Expected: stopped at once, for waiting is a fault; the lane does not
//! wait with it.

use wickd_rude::{Rude, Stamp};

/// The guest.
pub struct Sleeper;

impl Rude for Sleeper {
    fn tick(_: Stamp) {
        std::thread::sleep(std::time::Duration::from_secs(60));
    }
}

wickd_rude::export!(Sleeper);
