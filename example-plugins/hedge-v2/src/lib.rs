//! A hedge ladder: one rung sold for each step the price rises, one bought for each step it falls.
//!
//! Comes in: quotes of one instrument, and the `volume-spike` plugin's word that a bubble is on.
//! Goes out: market orders that move the hedge rung by rung. Deliberately absent: a view on where
//! the price goes; a ladder leans against it, within a bound.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

use wickd_sdk::prelude::*;

/// The timer that takes rungs off.
const RELEASE: u32 = 1;

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// Size of one rung, in base units.
    #[param(default = "0.005", min = "0.000001", max = "1000", step = "0.000001")]
    base_size: Decimal,
    /// Distance of two rungs, in percent of the price.
    #[param(default = "0.03", min = "0.001", max = "50", step = "0.001")]
    step_pct: Decimal,
    /// The most rungs on either side.
    #[param(default = 4, min = 1, max = 100)]
    rungs_max: u32,
    /// How long the price rests before one rung is taken off, in milliseconds.
    #[param(default = 5_000, min = 100, max = 86_400_000)]
    release: Duration,
    #[param(nested)]
    bubble: Bubble,
}

/// What changes while volume spikes.
#[derive(Params)]
pub struct Bubble {
    /// Listen to `volume-spike` and widen the ladder while a spike is valid.
    #[param(default = true)]
    enabled: bool,
    /// Distance of two rungs in a bubble, in percent of the price.
    #[param(default = "0.06", min = "0.001", max = "50", step = "0.001")]
    step_pct: Decimal,
}

/// The strategy.
#[derive(State)]
#[state(version = 1)]
pub struct HedgeV2 {
    #[state(skip)]
    instrument: Instrument,
    #[state(skip)]
    config: Ladder,
    /// The price of the rung the ladder stands on; zero before the first quote.
    anchor: Px,
    /// Rungs above the start; the hedge is as many times the base size, short.
    rung: i64,
    /// When the rung last changed.
    moved_at: TsNs,
    bubble_until: TsNs,
    /// The order on its way; no other is sent until it is done.
    pending: Option<IntentId>,
}

/// The parameters in the instrument's units.
struct Ladder {
    base_size: Qty,
    step_pct: Decimal,
    rungs_max: i64,
    release_ns: u64,
    bubble_step_pct: Decimal,
    spikes: Option<Input>,
}

impl Strategy for HedgeV2 {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        let instrument = setup.instrument()?;
        let base_size = instrument.qty(params.base_size);
        let Some(base_size) = base_size.filter(|size| *size >= instrument.min_qty) else {
            return Err(issue("base_size", "is below the least size of the instrument"));
        };
        setup.quotes();
        let bubble = params.bubble;
        let spikes =
            bubble.enabled.then(|| setup.input("volume-spike", instrument.id, Source::Trades, &[]));
        let config = Ladder {
            base_size,
            step_pct: params.step_pct,
            rungs_max: params.rungs_max.into(),
            release_ns: params.release.as_nanos() as u64,
            bubble_step_pct: bubble.step_pct,
            spikes,
        };
        let (anchor, rung, pending) = (Px::ZERO, 0, None);
        Ok(Self { instrument, config, anchor, rung, moved_at: 0, bubble_until: 0, pending })
    }

    fn start(&mut self, ctx: &mut Context, situation: &Situation) {
        // An order that is no longer open was finished while nobody listened.
        let is_open = |id: &IntentId| situation.open_orders.iter().any(|order| order.intent == *id);
        self.pending = self.pending.filter(is_open);
        if !situation.restored {
            self.moved_at = ctx.now();
        }
        self.wait(ctx);
    }

    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        let mid = quote.mid();
        if self.anchor == Px::ZERO {
            self.anchor = mid;
        }
        let step = self.step(ctx.now());
        let steps = (mid - self.anchor).0 / step.0;
        if steps != 0 {
            self.anchor += step.times(steps);
            self.rung = self
                .rung
                .saturating_add(steps)
                .clamp(-self.config.rungs_max, self.config.rungs_max);
            self.moved_at = ctx.now();
        }
        self.hedge(ctx, mid);
    }

    fn on_signal(&mut self, _: &mut Context, signal: &Heard) {
        if self.config.spikes.is_some_and(|spikes| spikes.handle() == signal.input) {
            self.bubble_until = self.bubble_until.max(signal.valid_until);
        }
    }

    fn on_order(&mut self, _: &mut Context, event: &OrderEvent) {
        if self.pending == Some(event.intent) && event.status.is_final() {
            self.pending = None;
        }
    }

    fn on_timer(&mut self, ctx: &mut Context, id: u32, _: TsNs) {
        if id == RELEASE && ctx.now() >= self.release_at() {
            // The next quote trades the difference.
            self.rung -= self.rung.signum();
            self.moved_at = ctx.now();
        }
        self.wait(ctx);
    }
}

impl HedgeV2 {
    /// The distance of two rungs now; at least one price step, so that it can divide.
    fn step(&self, now: TsNs) -> Px {
        let in_bubble = now < self.bubble_until;
        let pct = if in_bubble { self.config.bubble_step_pct } else { self.config.step_pct };
        let least = self.instrument.price_step.max(Px(1));
        Px(pct.percent_of(self.anchor.0).unwrap_or(i64::MAX)).max(least)
    }

    fn release_at(&self) -> TsNs {
        self.moved_at.saturating_add(self.config.release_ns)
    }

    fn wait(&mut self, ctx: &mut Context) {
        let at = self.release_at().max(ctx.now() + 1);
        if !ctx.set_timer(RELEASE, at) {
            ctx.warn("no timer is free: rungs are not taken off");
        }
    }

    fn hedge(&mut self, ctx: &mut Context, mid: Px) {
        let target = self.config.base_size.times(-self.rung);
        let change = target - ctx.position(self.instrument.id).size;
        if self.pending.is_none() && self.instrument.is_tradable(mid, change.abs()) {
            let side = if change > Qty::ZERO { Side::Buy } else { Side::Sell };
            // A denial is final for this quote; the next one tries again.
            self.pending = ctx.submit(Order::new(self.instrument.id, side, change.abs())).ok();
        }
    }
}

wickd_sdk::export_strategy!(HedgeV2);

#[cfg(test)]
mod tests;
