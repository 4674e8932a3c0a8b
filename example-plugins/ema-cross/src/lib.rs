//! Momentum on the quote mid: long while a fast average is above a slow one, short while below.
//!
//! Comes in: quotes of one instrument. Goes out: market orders that move the position from one side
//! to the other. Deliberately absent: sizing by strength; the size is the operator's.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

use wickd_sdk::indicators::Ema;
use wickd_sdk::prelude::*;

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// Samples of the fast average.
    #[param(default = 9, min = 2, max = 500)]
    fast: u32,
    /// Samples of the slow average.
    #[param(default = 30, min = 3, max = 2000)]
    slow: u32,
    /// How far apart the averages must be before the side changes, in hundredths of a percent.
    #[param(default = "0.5", max = "100", step = "0.01")]
    threshold_bps: Decimal,
    /// Size of the position, in base units.
    #[param(default = "0.01", min = "0.000001", max = "1000", step = "0.000001")]
    size: Decimal,
}

/// The strategy.
#[derive(State)]
#[state(version = 1)]
pub struct EmaCross {
    #[state(skip)]
    instrument: Instrument,
    #[state(skip)]
    threshold: f64,
    #[state(skip)]
    size: Qty,
    fast: Ema,
    slow: Ema,
    /// The order on its way; no other is sent until it is done.
    pending: Option<IntentId>,
}

impl Strategy for EmaCross {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        if params.fast >= params.slow {
            return Err(issue("fast", format!("must be below `slow`, which is {}", params.slow)));
        }
        let instrument = setup.instrument()?;
        let Some(size) = instrument.qty(params.size).filter(|size| *size >= instrument.min_qty)
        else {
            return Err(issue("size", "is below the least size of the instrument"));
        };
        setup.quotes().warm_up(params.slow.saturating_mul(4));
        Ok(Self {
            instrument,
            threshold: params.threshold_bps.to_f64() / 10_000.0,
            size,
            fast: Ema::new(params.fast),
            slow: Ema::new(params.slow),
            pending: None,
        })
    }

    fn start(&mut self, _: &mut Context, situation: &Situation) {
        // An order that is no longer open was finished while nobody listened.
        let is_open = |id: &IntentId| situation.open_orders.iter().any(|order| order.intent == *id);
        self.pending = self.pending.filter(is_open);
    }

    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        let mid = self.instrument.mid_f64(quote);
        self.fast.update(mid);
        self.slow.update(mid);
        if !self.slow.ready() || self.pending.is_some() {
            return;
        }
        let gap = self.fast.value() / self.slow.value() - 1.0;
        let target = if gap > self.threshold {
            self.size
        } else if gap < -self.threshold {
            -self.size
        } else {
            return;
        };
        let change = target - ctx.position(self.instrument.id).size;
        let side = if change > Qty::ZERO { Side::Buy } else { Side::Sell };
        if self.instrument.is_tradable(quote.mid(), change.abs()) {
            // A denial is final for this quote; the next one tries again.
            self.pending = ctx.submit(Order::new(self.instrument.id, side, change.abs())).ok();
        }
    }

    fn on_order(&mut self, _: &mut Context, event: &OrderEvent) {
        if self.pending == Some(event.intent) && event.status.is_final() {
            self.pending = None;
        }
    }
}

wickd_sdk::export_strategy!(EmaCross);

#[cfg(test)]
mod tests;
