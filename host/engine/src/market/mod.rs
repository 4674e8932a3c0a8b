//! The market as one stream of events, from recordings and from a random walk.
//!
//! Comes in: [`FeedPlan`]s. Goes out: [`Market`], an iterator of [`wickd_model::Event`] in event-time
//! order whose `seq` starts at 1 and has no gap; beside it the bars built from trades or from shorter
//! bars ([`BarBuilder`]) and the pace at which recorded time becomes wall-clock time ([`Pace`]).
//!
//! Everything here is deterministic: the same plans and files give the same stream, bit for bit,
//! whatever the machine and its load. Staleness is therefore judged in event time as well, see
//! [`Watch`]. Deliberately absent: threads, queues, the wall clock (it is injected into [`Pace`]), and
//! the network.

mod bars;
mod brings;
mod csv;
mod feed;
mod pace;
mod replay;
mod synthetic;
mod watch;

pub use bars::{BAR_SECS_MAX, BarBuilder};
pub(crate) use brings::{Brings, Want};
pub use csv::{BrokenRow, FloatNoise, Layout, TimeUnit};
pub use feed::{FeedError, FeedKind, FeedPlan, FeedReport, Market};
pub use pace::{Clock, Pace, Speed, SystemClock};
pub use replay::{OnBrokenRow, ReplayPlan};
pub use synthetic::SyntheticPlan;
pub use watch::Watch;

const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;
