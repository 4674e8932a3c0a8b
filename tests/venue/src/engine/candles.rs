//! One-minute bars, made from trades, with a history that precedes the start.
//!
//! Comes in: trades. Goes out: bars of any whole number of minutes, and which bars changed since
//! they were last said. Deliberately absent: bars of seconds.

use std::collections::VecDeque;

use rust_decimal::Decimal;

use super::maker::Rng;
use super::types::{Candle, Side, Trade};

/// Milliseconds of a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Bars kept: more than the largest page any dialect asks for.
const KEPT: usize = 2_000;
/// Bars before the start.
const HISTORY: i64 = 600;

#[derive(Debug)]
pub(super) struct Candles {
    minutes: VecDeque<Candle>,
    /// Closed bars that no subscriber has heard of yet, and whether the open one changed.
    closed: Vec<Candle>,
    changed: bool,
}

fn empty(open_ms: i64, at: Decimal) -> Candle {
    Candle {
        open_ms,
        open: at,
        high: at,
        low: at,
        close: at,
        volume: Decimal::ZERO,
        turnover: Decimal::ZERO,
        trades: 0,
        taker_buy: Decimal::ZERO,
    }
}

/// Joins the minute that follows to a bar.
fn add(bar: &mut Candle, minute: &Candle) {
    bar.high = bar.high.max(minute.high);
    bar.low = bar.low.min(minute.low);
    bar.close = minute.close;
    bar.volume += minute.volume;
    bar.turnover += minute.turnover;
    bar.trades += minute.trades;
    bar.taker_buy += minute.taker_buy;
}

impl Candles {
    /// Bars up to now that end at a price: a walk backwards in whole USDT.
    pub(super) fn with_history(last: Decimal, seed: u64, now_ms: i64) -> Self {
        let mut rng = Rng::new(seed ^ 0xCA11_D1E5);
        let mut minutes = VecDeque::new();
        let open_ms = now_ms - now_ms % MINUTE_MS;
        let mut close = last;
        for back in 1..=HISTORY {
            let open = close + Decimal::from(rng.below(21)) - Decimal::from(10);
            let volume = Decimal::new(1 + i64::from(rng.below(5_000)), 3);
            minutes.push_front(Candle {
                open_ms: open_ms - back * MINUTE_MS,
                open,
                high: open.max(close) + Decimal::from(rng.below(5)),
                low: open.min(close) - Decimal::from(rng.below(5)),
                close,
                volume,
                turnover: volume * close,
                trades: u64::from(1 + rng.below(50)),
                taker_buy: (volume / Decimal::TWO).round_dp(3),
            });
            close = open;
        }
        minutes.push_back(empty(open_ms, last));
        Self { minutes, closed: Vec::new(), changed: false }
    }

    /// Opens every minute up to a time.
    fn roll(&mut self, now_ms: i64) {
        while let Some(last) = self.minutes.back() {
            let next_ms = last.open_ms + MINUTE_MS;
            if now_ms < next_ms {
                break;
            }
            let (bar, close) = (last.clone(), last.close);
            // After a jump of the clock only the newest bars are worth saying or keeping.
            let late = now_ms - next_ms > KEPT as i64 * MINUTE_MS;
            let open_ms = if late { now_ms - now_ms % MINUTE_MS } else { next_ms };
            self.closed.push(bar);
            self.minutes.push_back(empty(open_ms, close));
            if self.minutes.len() > KEPT {
                self.minutes.pop_front();
            }
        }
    }

    pub(super) fn take(&mut self, trade: &Trade) {
        self.roll(trade.time_ms);
        let Some(bar) = self.minutes.back_mut() else { return };
        if bar.trades == 0 {
            (bar.open, bar.high, bar.low) = (trade.price, trade.price, trade.price);
        }
        bar.high = bar.high.max(trade.price);
        bar.low = bar.low.min(trade.price);
        bar.close = trade.price;
        bar.volume += trade.qty;
        bar.turnover += trade.qty * trade.price;
        bar.trades += 1;
        if trade.taker == Side::Buy {
            bar.taker_buy += trade.qty;
        }
        self.changed = true;
    }

    /// Bars that changed since the last call, closed ones first.
    pub(super) fn said(&mut self, now_ms: i64) -> Vec<(Candle, bool)> {
        self.roll(now_ms);
        let mut said: Vec<_> = self.closed.drain(..).map(|bar| (bar, true)).collect();
        if std::mem::take(&mut self.changed) {
            said.extend(self.minutes.back().cloned().map(|bar| (bar, false)));
        }
        said
    }

    /// Everything since a time as one bar; the newest minute where nothing is that new.
    pub(super) fn since(&self, start_ms: i64) -> Candle {
        let mut minutes = self.minutes.iter().filter(|minute| minute.open_ms >= start_ms);
        let Some(mut bar) = minutes.next().or(self.minutes.back()).cloned() else {
            return empty(start_ms, Decimal::ZERO);
        };
        minutes.for_each(|minute| add(&mut bar, minute));
        bar
    }

    /// Bars of so many minutes, oldest first.
    pub(super) fn of(&self, minutes: i64) -> Vec<Candle> {
        let width_ms = minutes.max(1) * MINUTE_MS;
        let mut bars: Vec<Candle> = Vec::new();
        for minute in &self.minutes {
            let open_ms = minute.open_ms - minute.open_ms.rem_euclid(width_ms);
            match bars.last_mut().filter(|bar| bar.open_ms == open_ms) {
                Some(bar) => add(bar, minute),
                None => bars.push(Candle { open_ms, ..minute.clone() }),
            }
        }
        bars
    }
}
