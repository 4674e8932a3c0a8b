//! The nouns of the house: what every other crate speaks in.
//!
//! Comes in: nothing. Goes out: plain data, its parsing and its printing. Deliberately absent: I/O,
//! clocks, randomness, logging, and anything that can fail for a reason outside its arguments.

mod fault;
mod id;
mod instrument;
mod limits;
mod log;
mod market;
mod money;
mod order;
mod param;
mod signal;
mod text;
mod utc;

pub use fault::{Fault, FaultKind, Frame};
pub use id::{ClientId, Digest, InstrumentId, IntentId, NameError, PluginName, SlotName};
pub use instrument::{Instrument, Product};
pub use limits::{Limits, LossStops, Mode, Risk};
pub use log::{Level, LogLine};
pub use market::{Aggressor, Bar, Event, FeedState, FeedStatus, Quote, Stamp, Trade};
pub use money::{
    Amount, CASH_SCALE, Cash, DecimalError, SCALE_MAX, notional, parse_scaled, print_scaled,
};
pub use order::{
    Adjustment, Cause, Deny, Kind, Order, OrderEvent, OrderRequest, Position, Reason, Side, Status,
    Tif,
};
pub use param::{Domain, Entry, Issue, Spec, Value};
pub use signal::{Direction, Heard, Input, Needs, Sample, Shape, Signal, Source};
pub use text::printable;
pub use utc::utc;

/// Unix time in nanoseconds, UTC.
pub type TsNs = u64;

/// The version of `wit/` this house serves.
pub const WIT_VERSION: &str = "0.1.0";

/// A plugin's world: what it exports, and so what it may import.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// Market in, order intents out.
    Strategy,
    /// Market in, named signals out.
    Signal,
    /// Samples in, numbers out.
    Indicator,
    /// A venue's dialect: requests out, bytes in, no I/O of its own.
    Exchange,
    /// An outside data source, which may call out.
    Feed,
    /// Hears what happens in the house, and may call out.
    Utility,
}

impl World {
    /// Every world, in the order above.
    pub const ALL: [Self; 6] =
        [Self::Strategy, Self::Signal, Self::Indicator, Self::Exchange, Self::Feed, Self::Utility];

    /// Whether it may ask for the network: the I/O tier, which no lane ever calls.
    pub fn calls_out(self) -> bool {
        matches!(self, Self::Feed | Self::Utility)
    }

    /// The word operators and manifests use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Signal => "signal",
            Self::Indicator => "indicator",
            Self::Exchange => "exchange",
            Self::Feed => "feed",
            Self::Utility => "utility",
        }
    }
}
