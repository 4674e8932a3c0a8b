//! Orders: from a plugin's wish to a fill, in event time.
//!
//! Comes in: order requests, market events, what the venue said. Goes out: denials, staged orders,
//! positions, the paper venue's answers. Deliberately absent: threads, clocks, disk, and guests; a
//! lane owns one [`Book`] per slot and one [`PaperVenue`], and calls them in the order of its events.
//! Only a [`Joint`] account is shared between lanes.

mod book;
mod clearance;
mod closing;
mod gate;
mod joint;
mod line;
mod matching;
mod paper;
mod rate;
mod reconcile;
#[cfg(test)]
pub(crate) mod samples;
mod stops;
mod under_way;
mod unfilled;

pub(crate) use book::{Applied, Book, OpenOrder, Staged};
pub(crate) use clearance::{Clearance, Passes};
pub(crate) use closing::Closing;
pub use closing::{Left, Why};
pub(crate) use gate::{Call, check, check_cancel};
pub use joint::AccountStop;
pub(crate) use joint::Joint;
pub(crate) use paper::PaperVenue;
pub use paper::{PaperConfig, PaperMarket};
pub(crate) use reconcile::{Repairs, is_never_sent, live_orders, reconcile};
pub(crate) use stops::DAY_NS;
pub use stops::{Reached, Stop};
pub(crate) use under_way::{Sent, UnderWay};
pub(crate) use unfilled::{not_taken, unfilled};
