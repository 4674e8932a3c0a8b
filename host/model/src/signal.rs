//! What plugins say to each other: signals, and the inputs they ask for.

use serde::{Deserialize, Serialize};

use crate::{Entry, InstrumentId, Stamp, TsNs};

/// Which way a signal points.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Direction {
    Down,
    Flat,
    Up,
}

/// A signal as its plugin emits it. `strength` and `confidence` are within 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Signal {
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Index in the plugin's declared outputs.
    pub output: u32,
    /// Which way.
    pub direction: Direction,
    /// How strongly, 0 to 1.
    pub strength: f64,
    /// How surely, 0 to 1.
    pub confidence: f64,
    /// When it expires.
    pub valid_until: TsNs,
}

/// A signal as a strategy hears it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Heard {
    /// In the hearer's own count.
    pub at: Stamp,
    /// The handle the hearer asked under.
    pub input: u32,
    /// What was said.
    pub signal: Signal,
}

/// What an input is computed from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The middle of the top of book, at each quote.
    Mid,
    /// Each trade.
    Trades,
    /// Closed bars of this many seconds.
    Bars(u32),
}

/// Another plugin whose output this one reads.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Input {
    /// The plugin's name.
    pub plugin: String,
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// Computed from what. A signal plugin hears whatever it asked for itself.
    pub source: Source,
    /// The parameters it is to have.
    pub params: Vec<Entry>,
}

/// What a plugin asks for at `init`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Needs {
    /// Wants `on-quote`.
    pub quotes: bool,
    /// Wants `on-trade`.
    pub trades: bool,
    /// Wants `on-bar` with these steps, in seconds.
    pub bar_secs: Vec<u32>,
    /// How many past events rebuild its mind where its state cannot be carried.
    pub warm_up_events: u32,
    /// The plugins it reads.
    pub inputs: Vec<Input>,
}

/// What an indicator instance gives.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Shape {
    /// Name and description of each output.
    pub outputs: Vec<(String, String)>,
    /// Samples until the values mean something.
    pub warm_up: u32,
}

/// What an indicator is fed: a bar, or one price in all four places.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the fields are the field's own words")]
pub struct Sample {
    pub ts_event: TsNs,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
}
