//! Twenty streaming indicators on every quote: a body of the size real strategies have.

use wickd_sdk::indicators::{Atr, Ema, Macd, Rsi, Sma};
use wickd_sdk::prelude::*;

/// The body, the same natively and as a guest.
#[derive(State)]
#[state(version = 1)]
pub struct Body {
    e1: Ema,
    e2: Ema,
    e3: Ema,
    e4: Ema,
    e5: Ema,
    e6: Ema,
    e7: Ema,
    e8: Ema,
    s1: Sma,
    s2: Sma,
    s3: Sma,
    s4: Sma,
    r1: Rsi,
    r2: Rsi,
    r3: Rsi,
    m1: Macd,
    m2: Macd,
    m3: Macd,
    a1: Atr,
    a2: Atr,
    /// The sum of all values: nothing may be left out.
    pub sum: f64,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            e1: Ema::new(5),
            e2: Ema::new(8),
            e3: Ema::new(13),
            e4: Ema::new(21),
            e5: Ema::new(34),
            e6: Ema::new(55),
            e7: Ema::new(89),
            e8: Ema::new(144),
            s1: Sma::new(10),
            s2: Sma::new(20),
            s3: Sma::new(50),
            s4: Sma::new(100),
            r1: Rsi::new(7),
            r2: Rsi::new(14),
            r3: Rsi::new(21),
            m1: Macd::new(12, 26, 9),
            m2: Macd::new(5, 35, 5),
            m3: Macd::new(3, 10, 16),
            a1: Atr::new(14),
            a2: Atr::new(50),
            sum: 0.0,
        }
    }
}

impl Body {
    /// One quote.
    #[inline]
    pub fn hear(&mut self, bid: i64, ask: i64) {
        let mid = (bid + ask) as f64 * 0.005;
        let mut sum = 0.0;
        for ema in [
            &mut self.e1,
            &mut self.e2,
            &mut self.e3,
            &mut self.e4,
            &mut self.e5,
            &mut self.e6,
            &mut self.e7,
            &mut self.e8,
        ] {
            ema.update(mid);
            sum += ema.value();
        }
        for sma in [&mut self.s1, &mut self.s2, &mut self.s3, &mut self.s4] {
            sma.update(mid);
            sum += sma.value();
        }
        for rsi in [&mut self.r1, &mut self.r2, &mut self.r3] {
            rsi.update(mid);
            sum += rsi.value();
        }
        for macd in [&mut self.m1, &mut self.m2, &mut self.m3] {
            macd.update(mid);
            sum += macd.histogram();
        }
        for atr in [&mut self.a1, &mut self.a2] {
            atr.update(ask as f64 * 0.01, bid as f64 * 0.01, mid);
            sum += atr.value();
        }
        self.sum = sum;
    }
}

/// No parameters.
#[derive(Params)]
pub struct Config {}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct BenchTwenty {
    body: Body,
}

impl Strategy for BenchTwenty {
    type Params = Config;

    fn new(_: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        setup.quotes();
        Ok(Self { body: Body::default() })
    }

    fn on_quote(&mut self, _: &mut Context, quote: &Quote) {
        self.body.hear(quote.bid.0, quote.ask.0);
    }
}

wickd_sdk::export_strategy!(BenchTwenty);
