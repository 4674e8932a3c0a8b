//! Moves things: market events through lanes to orders, and files through intake to a swap.
//!
//! Comes in: a plan, folders of components, feeds. Goes out: notices, gauges, a journal. Two planes
//! meet only in bounded rings: lanes run ticks and nothing else; control decides, compiles, writes and
//! drops. Deliberately absent: the command line, the configuration's syntax, the display.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

mod accounts;
mod approve;
mod clock;
mod control;
mod denials;
mod desk;
mod edges;
mod ending;
pub mod events;
mod fitness;
mod handle;
mod house;
mod identity;
mod intake;
mod io;
pub mod lane;
pub mod market;
mod orders;
mod owned;
mod plan;
mod pump;
mod recover;
mod repeats;
#[doc(hidden)]
pub mod rig;
mod starting;
mod summary;
mod troubles;
mod tryout;
mod venue;
mod wanted;

pub use approve::approve;
pub use clock::WallClock;
pub use control::{HeldPlugin, NotApproved};
pub use desk::IntentHashes;
pub use edges::Edges;
pub use events::{Detail, Event, Notice, Severity};
pub use fitness::{Unfit, try_machine};
pub use handle::{ANSWER_WAIT, EngineHandle, Unanswered};
pub use house::{House, HouseError, SlotShow, UNASSIGNED};
pub use intake::{
    Admission, Cost, Description, Plugin, Refusal, describe, read_component, reading_budget_s,
};
pub use io::{FeedSummary, Hears, PluginFeedPlan, Post, UtilityPlan, UtilitySummary};
pub use orders::{AccountStop, Left, PaperConfig, PaperMarket, Reached, Stop, Why};
pub use owned::{Owned, Owner, Refused};
pub use plan::{Credentials, Plan, RestartPlan, SlotPlan, StateWish};
pub use pump::PumpGauge;
pub use recover::{Verified, verify};
pub use summary::{SlotSummary, Summary};
pub use tryout::{sample_instrument, try_plugin};
pub use venue::{
    Probe, ProbeError, Streams, VenuePlan, WireError, client_text, longest_client_text,
};

/// A component's random numbers start from its bytes: the same in every run.
fn seed_of(digest: &wickd_model::Digest) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&digest.0[..8]);
    u64::from_le_bytes(word)
}
