//! An instrument, not an attack: a venue numbers its trades without a gap, so whoever hears them all
//! can say so. Expected: it says so at its end.

use wickd_sdk::prelude::*;

/// No parameters.
#[derive(Params)]
pub struct Config {}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct Tape {
    quotes: u64,
    trades: u64,
    first: u64,
    last: u64,
    gaps: u64,
    doubled: u64,
}

impl Strategy for Tape {
    type Params = Config;

    fn new(_: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        setup.quotes();
        setup.trades();
        Ok(Self { quotes: 0, trades: 0, first: 0, last: 0, gaps: 0, doubled: 0 })
    }

    fn on_quote(&mut self, _: &mut Context, _: &Quote) {
        self.quotes += 1;
    }

    fn on_trade(&mut self, _: &mut Context, trade: &Trade) {
        self.trades += 1;
        if self.first == 0 {
            self.first = trade.trade_id;
        } else if trade.trade_id <= self.last {
            self.doubled += 1;
        } else {
            self.gaps += trade.trade_id - self.last - 1;
        }
        self.last = self.last.max(trade.trade_id);
    }

    fn stop(&mut self, ctx: &mut Context) {
        let Self { quotes, trades, first, last, gaps, doubled } = self;
        ctx.info(&format!(
            "quotes={quotes} trades={trades} first={first} last={last} gaps={gaps} doubled={doubled}"
        ));
    }
}

wickd_sdk::export_strategy!(Tape);
