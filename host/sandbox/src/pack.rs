//! Past events as the words of one list, for warm-up and catch-up.
//!
//! The layout is written in `wit/worlds.wit` at `on-batch`. One primitive list crosses the border as
//! one copy; a list of records would cross field by field.

use wickd_model::{Aggressor, Event, Stamp};

/// Events in one batch: 256 frames of 64 bytes are a quarter of the default `host_call_bytes`.
pub const BATCH_EVENTS_MAX: usize = 256;

const QUOTE: u64 = 0;
const TRADE: u64 = 1;
const BAR: u64 = 2;

/// A reusable buffer of packed events.
#[derive(Default)]
pub struct Batch {
    words: Vec<u64>,
    events: usize,
}

impl Batch {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.events = 0;
    }

    /// Adds an event; false where the batch is full. A feed status is not packed: the past is live.
    pub fn push(&mut self, event: &Event) -> bool {
        if self.events == BATCH_EVENTS_MAX {
            return false;
        }
        match event {
            Event::Quote(quote) => {
                self.head(QUOTE, 0, &quote.at);
                self.money([quote.bid, quote.ask, quote.bid_qty, quote.ask_qty]);
            }
            Event::Trade(trade) => {
                let aggressor = match trade.aggressor {
                    Aggressor::Buyer => 0,
                    Aggressor::Seller => 1,
                    Aggressor::None => 2,
                };
                self.head(TRADE, aggressor, &trade.at);
                self.money([trade.price, trade.size]);
                self.words.extend([trade.trade_id, 0]);
            }
            Event::Bar(bar) => {
                self.head(BAR, 0, &bar.at);
                self.words.push(bar.open_time);
                self.money([bar.open, bar.high, bar.low, bar.close, bar.volume]);
                self.words.push(u64::from(bar.step_secs) << 32 | u64::from(bar.trades));
                self.words.extend([0; 5]);
            }
            Event::Feed(_) => return true,
        }
        self.events += 1;
        true
    }

    /// Events in it.
    pub fn len(&self) -> usize {
        self.events
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    fn head(&mut self, kind: u64, flags: u64, at: &Stamp) {
        let first = kind | flags << 8 | u64::from(at.instrument) << 32;
        self.words.extend([first, at.seq, at.ts_event, at.ts_init]);
    }

    fn money<const N: usize>(&mut self, values: [i64; N]) {
        self.words.extend(values.map(i64::cast_unsigned));
    }
}
