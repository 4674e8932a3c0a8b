//! What a fill's fee is worth in the instrument's quote asset, and what it took out of the position.
//!
//! Comes in: fills, and the middle of each instrument as it is quoted. Goes out: fees. A fee in a third
//! asset is valued by the last known price of that asset at the venue; where none is known it is
//! estimated, high, so that a loss stop rather holds too soon, and told. It never counts as nothing.

use wickd_model::{CASH_SCALE, Cash, Instrument, InstrumentId, Product, parse_scaled};
use wickd_sandbox::exchange::nouns::FillReport;

/// What a fee is taken to be whose worth nobody knows, in millionths of the fill's value: twice what
/// venues ask of those who trade least. The instrument's own `taker_fee_ppm` where that is more.
const UNPRICED_FEE_PPM: u32 = 2_000;
const MILLION: i128 = 1_000_000;

/// The prices that fees are valued by.
#[derive(Debug)]
pub(crate) struct Fees {
    /// Twice the last middle, by instrument; 0 where none came yet.
    middles: Vec<i128>,
}

/// A fee.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Fee {
    /// In the quote asset.
    pub(crate) quote: Cash,
    /// Taken out of a spot position, in base units times `10^8`, rounded up.
    pub(crate) base: Cash,
    /// Its worth is an estimate.
    pub(crate) estimated: bool,
}

impl Fees {
    pub(crate) fn new(instruments: usize) -> Self {
        Self { middles: vec![0; instruments] }
    }

    /// The top of an instrument's book.
    pub(crate) fn quoted(&mut self, instrument: InstrumentId, bid: i64, ask: i64) {
        if let Some(middle) = self.middles.get_mut(instrument as usize) {
            *middle = i128::from(bid) + i128::from(ask);
        }
    }

    /// The fee of a fill of `instrument`, one of `all`.
    pub(crate) fn of(&self, fill: &FillReport, instrument: &Instrument, all: &[Instrument]) -> Fee {
        let Some(amount) = amount(&fill.fee) else { return estimate(fill, instrument) };
        let none = Fee::default();
        if amount == 0 {
            return none;
        }
        if fill.fee_asset == instrument.quote {
            return Fee { quote: amount, ..none };
        }
        if fill.fee_asset == instrument.base {
            let price = i128::from(fill.price) * 2;
            let Some(quote) = worth(amount, price, instrument.price_scale) else {
                return estimate(fill, instrument);
            };
            let owned = matches!(instrument.product, Product::Spot | Product::Margin);
            return Fee { quote, base: if owned { amount } else { 0 }, ..none };
        }
        match self.in_quote(amount, &fill.fee_asset, instrument, all) {
            Some(quote) => Fee { quote, ..none },
            // A rebate of unknown worth is no gain.
            None if amount < 0 => Fee { estimated: true, ..none },
            None => estimate(fill, instrument),
        }
    }

    /// An amount of an asset in the instrument's quote asset, by a market of the same venue.
    fn in_quote(
        &self,
        amount: Cash,
        asset: &str,
        instrument: &Instrument,
        all: &[Instrument],
    ) -> Option<Cash> {
        let priced = all.iter().filter(|market| market.venue == instrument.venue);
        let priced = priced.filter_map(|market| {
            let middle = self.middles.get(market.id as usize).filter(|middle| **middle > 0)?;
            Some((market, *middle))
        });
        for (market, middle) in priced {
            if market.base == asset && market.quote == instrument.quote {
                return worth(amount, middle, market.price_scale);
            }
            if market.quote == asset && market.base == instrument.quote {
                let scaled = i128::from(amount) * 2 * 10i128.pow(u32::from(market.price_scale));
                return i64::try_from(scaled / middle).ok();
            }
        }
        None
    }
}

/// `amount` at a price of which twice is given.
fn worth(amount: Cash, price_twice: i128, price_scale: u8) -> Option<Cash> {
    let scale = 2 * 10i128.pow(u32::from(price_scale));
    i64::try_from(i128::from(amount).checked_mul(price_twice)? / scale).ok()
}

fn estimate(fill: &FillReport, instrument: &Instrument) -> Fee {
    let notional = instrument.notional(fill.price, fill.size).unwrap_or(Cash::MAX);
    let ppm = i128::from(instrument.taker_fee_ppm.max(UNPRICED_FEE_PPM));
    let quote = i64::try_from(i128::from(notional) * ppm / MILLION).unwrap_or(Cash::MAX);
    Fee { quote, base: 0, estimated: true }
}

/// Decimal text at the scale of cash; finer digits round up, so that nothing is taken for owned that
/// is not.
fn amount(text: &str) -> Option<Cash> {
    let Some((whole, part)) = text.split_once('.') else {
        return parse_scaled(text, CASH_SCALE).ok();
    };
    let kept = part.len().min(usize::from(CASH_SCALE));
    let (near, finer) = (part.get(..kept)?, part.get(kept..)?);
    if !finer.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount = parse_scaled(&format!("{whole}.{near}"), CASH_SCALE).ok()?;
    let up = finer.bytes().any(|byte| byte != b'0') && !text.starts_with('-');
    Some(amount.saturating_add(i64::from(up)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wickd_sandbox::exchange::nouns;

    use super::*;
    use crate::orders::samples::instrument;

    /// One of 0.01 BTC at 50,000.00.
    fn fill(fee: &str, asset: &str) -> FillReport {
        FillReport {
            instrument: 0,
            client_id: String::new(),
            venue_id: String::new(),
            trade_id: "1".to_owned(),
            side: nouns::Side::Buy,
            price: 5_000_000,
            size: 10_000,
            fee: fee.to_owned(),
            fee_asset: asset.to_owned(),
            ts_event: 1,
        }
    }

    fn markets() -> Vec<Instrument> {
        let bnb = Instrument { id: 1, base: "BNB".to_owned(), ..instrument(0) };
        let inverse =
            Instrument { id: 2, base: "USDT".to_owned(), quote: "EUR".to_owned(), ..instrument(0) };
        vec![instrument(0), bnb, inverse]
    }

    fn fee(of: &FillReport, prices: &[(InstrumentId, i64)]) -> Fee {
        let all = markets();
        let mut fees = Fees::new(all.len());
        prices.iter().for_each(|(id, price)| fees.quoted(*id, price - 5, price + 5));
        fees.of(of, &all[0], &all)
    }

    #[test]
    fn a_fee_in_the_base_asset_is_taken_out_of_the_position_and_counts_at_the_fills_price() {
        let base = Fee { quote: 50_000_000, base: 1_000, estimated: false };
        assert_eq!(fee(&fill("0.00001", "BTC"), &[]), base);
        // More than is owned is never assumed: finer digits round up.
        assert_eq!(fee(&fill("0.0000000012", "BTC"), &[]).base, 1);
        assert_eq!(fee(&fill("-0.0000000012", "BTC"), &[]).base, 0);
    }

    #[test]
    fn a_fee_in_a_third_asset_counts_by_the_last_price_of_that_asset() {
        let bnb = fee(&fill("0.001", "BNB"), &[(1, 60_000)]);
        assert_eq!(bnb, Fee { quote: 60_000_000, base: 0, estimated: false });
        let eur = fee(&fill("0.9", "EUR"), &[(2, 90)]);
        assert_eq!(eur, Fee { quote: 100_000_000, base: 0, estimated: false });
    }

    #[test]
    fn a_fee_that_nobody_can_value_is_estimated_high_and_never_nothing() {
        // 0.2 % of 500 USDT.
        let high = Fee { quote: 100_000_000, base: 0, estimated: true };
        for (text, asset) in
            [("0.001", "BNB"), ("1e-5", "USDT"), ("", "USDT"), ("99999999999999", "BTC"), ("1", "")]
        {
            assert_eq!(fee(&fill(text, asset), &[]), high, "{text} {asset}");
        }
        assert_eq!(fee(&fill("-1", "BNB"), &[]), Fee { quote: 0, base: 0, estimated: true });
        assert_eq!(fee(&fill("0", ""), &[]), Fee::default());
    }

    proptest! {
        #[test]
        fn no_text_of_a_fee_panics_or_is_nothing_unless_it_says_so(
            text in "-?[0-9.e]{0,24}", asset in "BTC|USDT|BNB|EUR|",
        ) {
            let of = fee(&fill(&text, &asset), &[(1, 60_000)]);
            let says_zero = amount(&text) == Some(0);
            let tiny = of.base != 0 || text.starts_with('-') || amount(&text).is_some_and(|n| n < 1_000);
            prop_assert!(of.quote != 0 || says_zero || tiny, "{of:?}");
        }
    }
}
