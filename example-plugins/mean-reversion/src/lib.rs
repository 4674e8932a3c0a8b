//! Mean reversion: against the move outside a Bollinger band, out again at the middle.
//!
//! Comes in: quotes of one instrument, and the `bollinger` plugin's bands of their mid. Goes out:
//! one limit order at a time, and its cancel when it rests too long. Deliberately absent: a stop;
//! the slot's loss limit is one, and it holds for every strategy.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

use wickd_sdk::prelude::*;

/// Outputs of `bollinger`.
const MIDDLE: u32 = 0;
const UPPER: u32 = 1;
const LOWER: u32 = 2;

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// Quotes the bands are made of.
    #[param(default = 20, min = 5, max = 2000)]
    period: u32,
    /// How many standard deviations the bands stand off.
    #[param(default = "2", min = "0.5", max = "6", step = "0.1")]
    width: Decimal,
    /// Size of an order, in base units.
    #[param(default = "0.01", min = "0.000001", max = "1000", step = "0.000001")]
    size: Decimal,
    /// How long an order may rest before it is taken back, in milliseconds.
    #[param(default = 2_000, min = 100, max = 600_000)]
    rest: Duration,
    /// Refuse to take liquidity.
    #[param(default = false)]
    post_only: bool,
}

/// The strategy.
#[derive(State)]
#[state(version = 1)]
pub struct MeanReversion {
    #[state(skip)]
    instrument: Instrument,
    #[state(skip)]
    bands: Input,
    #[state(skip)]
    size: Qty,
    #[state(skip)]
    rest_ns: u64,
    #[state(skip)]
    post_only: bool,
    working: Option<Working>,
}

/// The one order that may be open.
#[derive(Default, State)]
struct Working {
    intent: IntentId,
    since: TsNs,
    is_cancelling: bool,
}

impl Strategy for MeanReversion {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        let instrument = setup.instrument()?;
        let Some(size) = instrument.qty(params.size).filter(|size| *size >= instrument.min_qty)
        else {
            return Err(issue("size", "is below the least size of the instrument"));
        };
        setup.quotes().warm_up(params.period);
        let bands = setup.input(
            "bollinger",
            instrument.id,
            Source::Mid,
            &[("period", params.period.into()), ("deviations", params.width.into())],
        );
        Ok(Self {
            instrument,
            bands,
            size,
            rest_ns: params.rest.as_nanos() as u64,
            post_only: params.post_only,
            working: None,
        })
    }

    fn start(&mut self, _: &mut Context, situation: &Situation) {
        // An order that is no longer open was finished while nobody listened.
        let is_open = |working: &mut Working| {
            situation.open_orders.iter().any(|order| order.intent == working.intent)
        };
        if self.working.as_mut().is_some_and(|working| !is_open(working)) {
            self.working = None;
        }
    }

    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        if let Some(working) = &mut self.working {
            let is_old = ctx.now().saturating_sub(working.since) >= self.rest_ns;
            if is_old && !working.is_cancelling {
                working.is_cancelling = ctx.cancel(working.intent).is_ok();
            }
            return;
        }
        if !ctx.is_ready(self.bands) {
            return;
        }
        let held = ctx.position(self.instrument.id).size;
        let Some(side) = self.wish(ctx, held, self.instrument.mid_f64(quote)) else { return };
        let price = match side {
            Side::Buy => quote.bid,
            Side::Sell => quote.ask,
        };
        let size = if held == Qty::ZERO { self.size } else { held.abs() };
        if !self.instrument.is_tradable(price, size) {
            return;
        }
        let mut order = Order::new(self.instrument.id, side, size).limit(price);
        if self.post_only {
            order = order.post_only();
        }
        if held != Qty::ZERO {
            order = order.reduce_only();
        }
        // A denial is final for this quote; the next one tries again.
        if let Ok(intent) = ctx.submit(order) {
            self.working = Some(Working { intent, since: ctx.now(), is_cancelling: false });
        }
    }

    fn on_order(&mut self, _: &mut Context, event: &OrderEvent) {
        let is_ours = self.working.as_ref().is_some_and(|w| w.intent == event.intent);
        if is_ours && event.status.is_final() {
            self.working = None;
        }
    }
}

impl MeanReversion {
    /// Which side to be on: against the move when flat, out at the middle when not.
    fn wish(&self, ctx: &Context, held: Qty, mid: f64) -> Option<Side> {
        let band = |output| ctx.value(self.bands, output);
        match held.0.signum() {
            0 if mid < band(LOWER) => Some(Side::Buy),
            0 if mid > band(UPPER) => Some(Side::Sell),
            1 if mid >= band(MIDDLE) => Some(Side::Sell),
            -1 if mid <= band(MIDDLE) => Some(Side::Buy),
            _ => None,
        }
    }
}

wickd_sdk::export_strategy!(MeanReversion);

#[cfg(test)]
mod tests;
