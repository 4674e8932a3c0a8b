//! An instrument, not an attack: buys and sells a small size in turn on a schedule of one-minute bars, and
//! tells of the first five-minute bars. Expected: where a feed has one-minute bars and nothing else, both
//! are heard, and each order fills.

use wickd_sdk::prelude::*;

/// Seconds of the bars it trades on.
const SHORT_S: u32 = 60;
/// Seconds of the bars it tells of.
const LONG_S: u32 = 300;
/// How many of those.
const TOLD: u64 = 3;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Bars between two orders.
    #[param(default = 10, min = 1, max = 1_000_000)]
    every: u32,
    /// Size of an order, in base units.
    #[param(default = "0.001", min = "0.000001", max = "10", step = "0.000001")]
    size: Decimal,
}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct BarTrader {
    #[state(skip)]
    every: u64,
    #[state(skip)]
    size: Qty,
    #[state(skip)]
    instrument: InstrumentId,
    bars: u64,
    long_bars: u64,
    orders: u64,
    pending: Option<IntentId>,
}

impl Strategy for BarTrader {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        let instrument = setup.instrument()?;
        setup.bars(SHORT_S).bars(LONG_S);
        let Some(size) = instrument.qty(params.size) else {
            return Err(issue("size", "does not fit the instrument"));
        };
        let (every, id) = (params.every.into(), instrument.id);
        let (bars, long_bars, orders, pending) = (0, 0, 0, None);
        Ok(Self { every, size, instrument: id, bars, long_bars, orders, pending })
    }

    fn on_bar(&mut self, ctx: &mut Context, bar: &Bar) {
        if bar.step_secs == LONG_S {
            self.long_bars += 1;
            if self.long_bars <= TOLD {
                let prices = [bar.open.0, bar.high.0, bar.low.0, bar.close.0];
                ctx.info(&format!(
                    "five minutes from {}: {prices:?} {}",
                    bar.open_time, bar.volume.0
                ));
            }
            return;
        }
        self.bars += 1;
        if !self.bars.is_multiple_of(self.every) || self.pending.is_some() {
            return;
        }
        let side = if self.orders.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        match ctx.submit(Order::new(self.instrument, side, self.size)) {
            Ok(intent) => {
                self.pending = Some(intent);
                self.orders += 1;
            }
            Err(deny) => ctx.info(&format!("denied {}", deny.name())),
        }
    }

    fn on_order(&mut self, _: &mut Context, event: &OrderEvent) {
        if self.pending == Some(event.intent) && event.status.is_final() {
            self.pending = None;
        }
    }
}

wickd_sdk::export_strategy!(BarTrader);
