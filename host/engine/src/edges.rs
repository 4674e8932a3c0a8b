//! What comes into the house from the machine: the time, and what names mean.
//!
//! Comes in: nothing. Goes out: the machine's own clock and resolver, or a test's in their place.
//! Deliberately absent: the disk, which is a folder of the plan, and sockets, which egress dials at
//! addresses it has checked.

use std::sync::Arc;

use wickd_egress::dial::{Resolve, System};

use crate::clock::WallClock;

/// The edges of a house.
#[derive(Clone)]
pub struct Edges {
    /// The wall clock; lanes do not read it.
    pub clock: WallClock,
    /// Where names become addresses; every address is checked before it is dialled.
    pub names: Arc<dyn Resolve>,
}

impl Edges {
    /// The machine's.
    pub fn system() -> Self {
        Self { clock: WallClock::system(), names: Arc::new(System) }
    }
}
