//! Emits signals whose strength or confidence is NaN, infinite or out of range, and a flood of good
//! ones. Expected: every bad one refused, of the good ones a call's share taken; the signal lives.

use wickd_sdk::prelude::*;

/// Good signals of one tick: more than a call's share.
const FLOOD: u32 = 1_000;

/// No parameters.
#[derive(Params)]
pub struct Config {}

/// The guest.
#[derive(State)]
#[state(none)]
pub struct NanSignal;

impl Signal for NanSignal {
    type Params = Config;
    const OUTPUTS: &'static [&'static str] = &["noise"];

    fn new(_: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        setup.quotes();
        Ok(Self)
    }

    fn on_quote(&mut self, ctx: &mut SignalContext, quote: &Quote) {
        let good = Emission {
            instrument: quote.at.instrument,
            output: 0,
            direction: Direction::Up,
            strength: 0.5,
            confidence: 1.0,
            valid_until: quote.at.ts_event,
        };
        let mut bad_taken = 0;
        for wild in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1, 1.1, f64::MAX] {
            bad_taken += u32::from(ctx.emit(Emission { strength: wild, ..good }));
            bad_taken += u32::from(ctx.emit(Emission { confidence: wild, ..good }));
        }
        let good_taken: u32 = (0..FLOOD).map(|_| u32::from(ctx.emit(good))).sum();
        ctx.metric("bad-taken", f64::from(bad_taken));
        ctx.metric("good-taken", f64::from(good_taken));
    }
}

wickd_sdk::export_signal!(NanSignal);
