//! Asks to be warmed up with four billion events. Expected: kind `bad-value` in `init`.

use wickd_rude::{Entry, Instrument, Issue, Needs, Rude, needs};

/// The guest.
pub struct WantsPast;

impl Rude for WantsPast {
    fn init(_: Vec<Entry>, _: Vec<Instrument>) -> Result<Needs, Vec<Issue>> {
        Ok(Needs { warm_up_events: u32::MAX, ..needs() })
    }
}

wickd_rude::export!(WantsPast);
