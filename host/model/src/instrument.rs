//! What is traded, and the rules every order for it must keep.

use serde::{Deserialize, Serialize};

use crate::{Cash, InstrumentId};

/// What kind of market it is.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Product {
    #[default]
    Spot,
    Margin,
    Perpetual,
    DatedFuture,
    Option,
}

impl Product {
    /// Every product under the word operators use.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("spot", Self::Spot),
        ("margin", Self::Margin),
        ("perpetual", Self::Perpetual),
        ("dated-future", Self::DatedFuture),
        ("option", Self::Option),
    ];

    /// The word operators use.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// An instrument with the scales that give its integers their meaning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instrument {
    /// Its number in the journal.
    pub id: InstrumentId,
    /// Rises when a scale or a step changes.
    pub epoch: u32,
    /// Where it trades.
    pub venue: String,
    /// `BASE-QUOTE`.
    pub symbol: String,
    /// What kind of market it is.
    pub product: Product,
    /// Base asset.
    pub base: String,
    /// Quote asset.
    pub quote: String,
    /// Decimals of a price.
    pub price_scale: u8,
    /// Decimals of a size.
    pub size_scale: u8,
    /// Smallest price step, scaled.
    pub price_step: i64,
    /// Smallest size step, scaled.
    pub qty_step: i64,
    /// Smallest order size, scaled.
    pub min_qty: i64,
    /// Smallest order value; 0 is none.
    pub min_notional: Cash,
    /// Maker fee in millionths of the notional.
    pub maker_fee_ppm: u32,
    /// Taker fee in millionths of the notional.
    pub taker_fee_ppm: u32,
}

impl Instrument {
    /// Whether both are the same market, under whatever scales.
    pub fn is_market(&self, other: &Self) -> bool {
        (&self.venue, &self.symbol, self.product) == (&other.venue, &other.symbol, other.product)
    }

    /// Whether prices and sizes of both are written with the same decimals.
    pub fn has_scales(&self, other: &Self) -> bool {
        (self.price_scale, self.size_scale) == (other.price_scale, other.size_scale)
    }

    /// Venue, symbol, kind of market and decimals: all that an instrument's number stands for.
    pub fn identity(&self) -> String {
        let Self { venue, symbol, price_scale, size_scale, .. } = self;
        format!("{venue}:{symbol} ({}, {price_scale}/{size_scale} decimals)", self.product.name())
    }

    /// `price × size` in cash units; `None` on overflow.
    pub fn notional(&self, price: i64, size: i64) -> Option<Cash> {
        crate::notional(price, size, self.price_scale, self.size_scale)
    }
}
