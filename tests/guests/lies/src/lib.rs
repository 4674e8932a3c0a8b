//! Says `world: signal` and exports a strategy. Expected: refused at intake, naming both.

use wickd_rude::Rude;

/// The guest.
pub struct Lies;

impl Rude for Lies {}

wickd_rude::export!(Lies);
