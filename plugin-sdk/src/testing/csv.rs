//! Recorded market data for tests.
//!
//! Comes in: text in the project's CSV layouts, `ts_ns,bid,ask,bid_size,ask_size` and
//! `ts_ns,price,size,aggressor,trade_id`. Goes out: events in the order of their times.
//! Deliberately absent: tolerance; a broken row panics with its number.

use crate::market::{Aggressor, Instrument, TsNs};
use crate::money::{Px, Qty};

/// One row.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the fields are the columns")]
pub enum MarketEvent {
    Quote { ts: TsNs, bid: Px, ask: Px, bid_qty: Qty, ask_qty: Qty },
    Trade { ts: TsNs, price: Px, size: Qty, aggressor: Aggressor, trade_id: u64 },
}

impl MarketEvent {
    /// When it happened.
    pub fn ts(&self) -> TsNs {
        match self {
            Self::Quote { ts, .. } | Self::Trade { ts, .. } => *ts,
        }
    }
}

/// Both files of one instrument as one stream. At equal times quotes come first.
///
/// # Panics
/// A row is broken; the message names it.
pub fn read_market(instrument: &Instrument, quotes: &str, trades: &str) -> Vec<MarketEvent> {
    let rows = |text: &str, read: fn(&Instrument, &[&str]) -> Option<MarketEvent>| {
        let mut events = Vec::new();
        for (number, line) in (1..).zip(text.lines()).skip(1) {
            let row: Vec<_> = line.split(',').collect();
            match read(instrument, &row) {
                Some(event) => events.push(event),
                None => panic!("row {number} is broken: {line}"),
            }
        }
        events
    };
    let mut events = rows(quotes, quote);
    events.extend(rows(trades, trade));
    events.sort_by_key(MarketEvent::ts);
    events
}

fn quote(instrument: &Instrument, row: &[&str]) -> Option<MarketEvent> {
    let [ts, bid, ask, bid_qty, ask_qty] = row else { return None };
    Some(MarketEvent::Quote {
        ts: ts.parse().ok()?,
        bid: instrument.parse_px(bid).ok()?,
        ask: instrument.parse_px(ask).ok()?,
        bid_qty: size_of(instrument, bid_qty)?,
        ask_qty: size_of(instrument, ask_qty)?,
    })
}

/// A size, rounded to the nearest unit. The recording's sizes went through a float before they were
/// written down: `0.031035000000000004`, `0.07203899999999999`. Prices did not, and are exact.
fn size_of(instrument: &Instrument, text: &str) -> Option<Qty> {
    let scale = instrument.size_scale;
    let kept = match text.find('.') {
        Some(dot) => text.get(..dot + 2 + usize::from(scale)).unwrap_or(text),
        None => text,
    };
    let tenths = wickd_model::parse_scaled(kept, scale + 1).ok()?;
    Some(Qty(tenths).nearest_to(Qty(10))).map(|tenths| Qty(tenths.0 / 10))
}

fn trade(instrument: &Instrument, row: &[&str]) -> Option<MarketEvent> {
    let [ts, price, size, aggressor, trade_id] = row else { return None };
    Some(MarketEvent::Trade {
        ts: ts.parse().ok()?,
        price: instrument.parse_px(price).ok()?,
        size: size_of(instrument, size)?,
        aggressor: match *aggressor {
            "buy" => Aggressor::Buyer,
            "sell" => Aggressor::Seller,
            "" => Aggressor::None,
            _ => return None,
        },
        trade_id: trade_id.parse().ok()?,
    })
}

/// 46 seconds of BTC-USDT as Binance published them: 451 quotes and 2,001 trades from the morning
/// of 8 January 2021, for the instrument [`btc_usdt`](super::btc_usdt).
///
/// # Panics
/// Never with the files that came with the SDK.
pub fn recorded_btc_usdt() -> Vec<MarketEvent> {
    let quotes = include_str!("../../data/binance-btcusdt-quotes-2021-01-08.csv");
    let trades = include_str!("../../data/binance-btcusdt-trades-2021-01-08.csv");
    read_market(&super::btc_usdt(), quotes, trades)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::btc_usdt;

    #[test]
    fn the_recording_is_whole_and_in_order() {
        let events = recorded_btc_usdt();
        assert_eq!(events.len(), 451 + 2_001);
        assert!(events.is_sorted_by_key(MarketEvent::ts));
        assert!(matches!(events[1], MarketEvent::Trade { price: Px(3_943_944), .. }));
    }

    #[test]
    fn sizes_that_went_through_a_float_come_back_as_they_were() {
        for (text, units) in [
            ("0.031035000000000004", 31_035),
            ("0.07203899999999999", 72_039),
            ("2.0", 2_000_000),
            ("7", 7_000_000),
        ] {
            assert_eq!(size_of(&btc_usdt(), text), Some(Qty(units)), "{text}");
        }
        assert_eq!(size_of(&btc_usdt(), "1e3"), None);
    }

    #[test]
    #[should_panic(expected = "row 3 is broken")]
    fn a_broken_row_is_named() {
        let quotes = "ts_ns,bid,ask,bid_size,ask_size\n1,1.00,1.01,1,1\n2,1.00,1e3,1,1\n";
        read_market(&btc_usdt(), quotes, "");
    }
}
