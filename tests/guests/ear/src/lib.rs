//! An instrument, not an attack: tells each state of its market, and every now and then that prices
//! flow. Expected: it tells what a venue's faults do to whoever listens.

use wickd_sdk::prelude::*;

/// Quotes between two words.
const EVERY: u64 = 10;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Whether it tells every price, where few come.
    #[param(default = false)]
    prices: bool,
}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct Ear {
    #[state(skip)]
    prices: bool,
    quotes: u64,
}

impl Strategy for Ear {
    type Params = Config;

    fn new(config: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        setup.quotes();
        setup.trades();
        Ok(Self { prices: config.prices, quotes: 0 })
    }

    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        self.quotes += 1;
        if self.prices {
            ctx.info(&format!("quote {}/{}", quote.bid.0, quote.ask.0));
        }
        if quote.bid <= Px::ZERO || quote.ask <= quote.bid {
            ctx.info("heard nonsense");
        }
        if self.quotes.is_multiple_of(EVERY) {
            ctx.info(&format!("heard {} quotes", self.quotes));
        }
    }

    fn on_trade(&mut self, ctx: &mut Context, trade: &Trade) {
        if self.prices {
            ctx.info(&format!("trade {}", trade.price.0));
        }
    }

    fn on_feed(&mut self, ctx: &mut Context, status: &FeedStatus) {
        let word = match status.state {
            FeedState::Live => "Live",
            FeedState::Stale => "Stale",
            FeedState::Down => "Down",
        };
        ctx.info(&format!("heard {word}"));
    }
}

wickd_sdk::export_strategy!(Ear);
