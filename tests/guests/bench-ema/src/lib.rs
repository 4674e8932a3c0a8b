//! An EMA cross that never sends: the smallest body a strategy has.

use wickd_sdk::indicators::Ema;
use wickd_sdk::prelude::*;

/// The body, the same natively and as a guest.
#[derive(State)]
#[state(version = 1)]
pub struct Body {
    fast: Ema,
    slow: Ema,
    /// Times the averages crossed.
    pub crossed: u64,
    above: bool,
}

impl Default for Body {
    fn default() -> Self {
        Self { fast: Ema::new(9), slow: Ema::new(30), crossed: 0, above: false }
    }
}

impl Body {
    /// One quote.
    #[inline]
    pub fn hear(&mut self, bid: i64, ask: i64) {
        let mid = (bid + ask) as f64 * 0.005;
        self.fast.update(mid);
        self.slow.update(mid);
        let above = self.fast.value() > self.slow.value();
        self.crossed += u64::from(above != self.above);
        self.above = above;
    }
}

/// No parameters.
#[derive(Params)]
pub struct Config {}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct BenchEma {
    body: Body,
}

impl Strategy for BenchEma {
    type Params = Config;

    fn new(_: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        setup.quotes();
        Ok(Self { body: Body::default() })
    }

    fn on_quote(&mut self, _: &mut Context, quote: &Quote) {
        self.body.hear(quote.bid.0, quote.ask.0);
    }
}

wickd_sdk::export_strategy!(BenchEma);
