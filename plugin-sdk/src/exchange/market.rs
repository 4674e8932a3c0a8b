//! The markets an adapter works with, and their numbers.
//!
//! Comes in: what the host binds. Goes out: prices and sizes read and written at a market's scales,
//! in base units whatever the venue counts in. Deliberately absent: steps and least sizes; the
//! host's risk gate has held orders against them.

use super::json::{Malformed, Object};
use super::number::{self, Exact, Rounding};
use super::{Failure, RawMarket};
use crate::{InstrumentId, Product, Side};

/// A market the host trades: the venue's own name, the host's number and scales.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct Market {
    pub instrument: InstrumentId,
    pub native: String,
    pub product: Product,
    pub base: String,
    pub quote: String,
    pub price_scale: u8,
    pub size_scale: u8,
    /// Base units of one contract; one where the venue counts in base units.
    pub contract: Exact,
}

impl Market {
    /// A price as plain decimal text.
    pub fn print_px(&self, price: i64) -> String {
        number::print(price, self.price_scale)
    }

    /// A size in base units as plain decimal text.
    pub fn print_qty(&self, size: i64) -> String {
        number::print(size, self.size_scale)
    }

    /// A size in base units as the venue's count of contracts.
    ///
    /// # Errors
    /// It is no number of contracts with an end; nothing is rounded.
    pub fn print_contracts(&self, size: i64) -> Result<String, Failure> {
        let count = Exact::new(size, self.size_scale).over(self.contract);
        count.map(Exact::text).ok_or_else(|| {
            Failure::Inexpressible(format!(
                "{} {} in contracts of {}",
                self.print_qty(size),
                self.base,
                self.contract.text()
            ))
        })
    }

    /// A price in a field.
    ///
    /// # Errors
    /// It is missing, no number, or finer than the market's scale.
    pub fn px(&self, of: &Object<'_>, name: &str) -> Result<i64, Malformed> {
        of.scaled(name, self.price_scale)
    }

    /// A size in base units in a field.
    ///
    /// # Errors
    /// It is missing, no number, or finer than the market's scale.
    pub fn qty(&self, of: &Object<'_>, name: &str) -> Result<i64, Malformed> {
        of.scaled(name, self.size_scale)
    }

    /// A size in contracts in a field, as base units.
    ///
    /// # Errors
    /// It is missing, no number, or finer than the market's scale.
    pub fn contracts(&self, of: &Object<'_>, name: &str) -> Result<i64, Malformed> {
        self.from_contracts(of.exact(name)?)
            .map_err(|Malformed(error)| Malformed(format!("`{name}`: {error}")))
    }

    /// A count of contracts as base units.
    ///
    /// # Errors
    /// It is finer than the market's scale, or leaves an `i64`.
    pub fn from_contracts(&self, count: Exact) -> Result<i64, Malformed> {
        let base = count.times(self.contract).map(|base| base.at(self.size_scale, Rounding::Exact));
        match base {
            Some(Ok(size)) => Ok(size),
            Some(Err(error)) => Err(Malformed(format!("{} contracts: {error}", count.text()))),
            None => Err(Malformed(format!("{} contracts are too many", count.text()))),
        }
    }

    /// The price of a fill. What a venue closes by itself it closes at prices finer than a market's: rounded
    /// so that the fill looks no better than it is.
    ///
    /// # Errors
    /// It is missing, or no number.
    pub fn fill_px(&self, of: &Object<'_>, name: &str, side: Side) -> Result<i64, Malformed> {
        let worse = if side == Side::Sell { Rounding::Down } else { Rounding::Up };
        of.rounded(name, self.price_scale, worse)
    }

    /// The average price of a position, which is finer than a price can be: rounded so that the
    /// position looks no better than it is. Zero where the field of a flat position is empty, as
    /// venues write it.
    ///
    /// # Errors
    /// It is missing, or no number.
    pub fn entry(&self, of: &Object<'_>, name: &str, size: i64) -> Result<i64, Malformed> {
        if size == 0 && of.text(name)?.is_empty() {
            return Ok(0);
        }
        let worse = if size < 0 { Rounding::Down } else { Rounding::Up };
        of.rounded(name, self.price_scale, worse)
    }
}

/// All markets bound, found by the host's number or the venue's name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Markets {
    by_number: Vec<Market>,
    /// Places in `by_number`, by the venue's name.
    by_name: Vec<usize>,
}

impl Markets {
    /// Takes over what the host binds; a market whose contract size is no number counts in base
    /// units.
    pub fn new(bound: Vec<RawMarket>) -> Self {
        let market = |raw: RawMarket| Market {
            instrument: raw.instrument,
            native: raw.native,
            product: raw.product,
            base: raw.base,
            quote: raw.quote,
            price_scale: raw.price_scale,
            size_scale: raw.size_scale,
            contract: Exact::parse(&raw.contract_size)
                .ok()
                .filter(|size| size.is_positive())
                .unwrap_or(Exact::ONE),
        };
        let mut by_number: Vec<Market> = bound.into_iter().map(market).collect();
        by_number.sort_by_key(|market| market.instrument);
        let mut by_name: Vec<usize> = (0..by_number.len()).collect();
        by_name.sort_by(|a, b| by_number[*a].native.cmp(&by_number[*b].native));
        Self { by_number, by_name }
    }

    /// The market of that number.
    ///
    /// # Errors
    /// The host bound none; nothing can be said of it to the venue.
    pub fn get(&self, instrument: InstrumentId) -> Result<&Market, Failure> {
        let place = self.by_number.binary_search_by_key(&instrument, |market| market.instrument);
        let found = place.ok().and_then(|place| self.by_number.get(place));
        found.ok_or_else(|| Failure::Inexpressible(format!("no market is bound as {instrument}")))
    }

    /// The market of that name, among those for which `fits` holds: spot and perpetuals often share
    /// names.
    pub fn named(&self, native: &str, fits: impl Fn(Product) -> bool) -> Option<&Market> {
        let from = self.by_name.partition_point(|at| self.by_number[*at].native.as_str() < native);
        let same = self.by_name[from..].iter().map(|at| &self.by_number[*at]);
        same.take_while(|market| market.native == native).find(|market| fits(market.product))
    }

    /// All of them, by number.
    pub fn all(&self) -> &[Market] {
        &self.by_number
    }
}
