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
        bid_qty: instrument.parse_qty(bid_qty).ok()?,
        ask_qty: instrument.parse_qty(ask_qty).ok()?,
    })
}

fn trade(instrument: &Instrument, row: &[&str]) -> Option<MarketEvent> {
    let [ts, price, size, aggressor, trade_id] = row else { return None };
    Some(MarketEvent::Trade {
        ts: ts.parse().ok()?,
        price: instrument.parse_px(price).ok()?,
        size: instrument.parse_qty(size).ok()?,
        aggressor: match *aggressor {
            "buy" => Aggressor::Buyer,
            "sell" => Aggressor::Seller,
            "" => Aggressor::None,
            _ => return None,
        },
        trade_id: trade_id.parse().ok()?,
    })
}
