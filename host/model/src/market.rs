//! Market events as they run through the house: flat, `Copy`, integers.

use serde::{Deserialize, Serialize};

use crate::{InstrumentId, TsNs};

/// Which event, of what, when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Stamp {
    /// Of which instrument.
    pub instrument: InstrumentId,
    /// In the market stream: the feed's own gap-free count. Toward a guest: gap-free per instance.
    pub seq: u64,
    /// When it happened at the venue.
    pub ts_event: TsNs,
    /// When the host took it in. Equal to `ts_event` in a replay, so that runs are repeatable.
    pub ts_init: TsNs,
}

/// Top of book.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the field's own words")]
pub struct Quote {
    pub at: Stamp,
    pub bid: i64,
    pub ask: i64,
    pub bid_qty: i64,
    pub ask_qty: i64,
}

/// Who crossed the spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Aggressor {
    Buyer,
    Seller,
    None,
}

/// One trade at the venue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the field's own words")]
pub struct Trade {
    pub at: Stamp,
    pub price: i64,
    pub size: i64,
    pub aggressor: Aggressor,
    pub trade_id: u64,
}

/// A closed bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the field's own words")]
pub struct Bar {
    pub at: Stamp,
    pub step_secs: u32,
    pub open_time: TsNs,
    pub open: i64,
    pub high: i64,
    pub low: i64,
    pub close: i64,
    pub volume: i64,
    pub trades: u32,
}

/// How a feed is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeedState {
    /// Events arrive.
    Live,
    /// Connected, but silent for longer than the feed's `stale_after_ms`.
    Stale,
    /// Over or lost.
    Down,
}

/// A change in how a feed is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are the field's own words")]
pub struct FeedStatus {
    pub at: Stamp,
    pub state: FeedState,
}

/// Whatever the market stream carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Event {
    Quote(Quote),
    Trade(Trade),
    Bar(Bar),
    Feed(FeedStatus),
}

impl Event {
    /// The stamp every kind carries.
    pub fn at(&self) -> &Stamp {
        match self {
            Self::Quote(quote) => &quote.at,
            Self::Trade(trade) => &trade.at,
            Self::Bar(bar) => &bar.at,
            Self::Feed(status) => &status.at,
        }
    }

    /// The same, to write the sequence number.
    pub fn at_mut(&mut self) -> &mut Stamp {
        match self {
            Self::Quote(quote) => &mut quote.at,
            Self::Trade(trade) => &mut trade.at,
            Self::Bar(bar) => &mut bar.at,
            Self::Feed(status) => &mut status.at,
        }
    }
}
