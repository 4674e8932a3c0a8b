//! An instrument, not an attack: buys and sells a small size in turn, one order at a time, on a
//! schedule of events. Expected: the same feed gives the same orders, however often it was swapped.

use wickd_sdk::prelude::*;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Quotes between two orders.
    #[param(default = 100, min = 1, max = 1_000_000)]
    every: u32,
    /// Size of an order, in base units.
    #[param(default = "0.001", min = "0.000001", max = "10", step = "0.000001")]
    size: Decimal,
}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct Trader {
    #[state(skip)]
    every: u64,
    #[state(skip)]
    size: Qty,
    #[state(skip)]
    instrument: InstrumentId,
    quotes: u64,
    orders: u64,
    fills: u64,
    /// Net of all fills it was told of.
    held: Qty,
    pending: Option<IntentId>,
}

impl Strategy for Trader {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        let instrument = setup.instrument()?;
        setup.quotes();
        let Some(size) = instrument.qty(params.size) else {
            return Err(issue("size", "does not fit the instrument"));
        };
        let every = params.every.into();
        let id = instrument.id;
        let (quotes, orders, fills, held, pending) = (0, 0, 0, Qty::ZERO, None);
        Ok(Self { every, size, instrument: id, quotes, orders, fills, held, pending })
    }

    fn start(&mut self, _: &mut Context, situation: &Situation) {
        // An order that is no longer open was finished while nobody listened.
        let is_open = |id: &IntentId| situation.open_orders.iter().any(|order| order.intent == *id);
        self.pending = self.pending.filter(is_open);
    }

    fn on_quote(&mut self, ctx: &mut Context, _: &Quote) {
        self.quotes += 1;
        if !self.quotes.is_multiple_of(self.every) || self.pending.is_some() {
            return;
        }
        let side = if self.orders.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        if let Ok(intent) = ctx.submit(Order::new(self.instrument, side, self.size)) {
            self.pending = Some(intent);
            self.orders += 1;
        }
    }

    fn on_order(&mut self, _: &mut Context, event: &OrderEvent) {
        if event.last_size > Qty::ZERO {
            self.fills += 1;
            self.held += event.last_size.times(event.side.sign());
        }
        if self.pending == Some(event.intent) && event.status.is_final() {
            self.pending = None;
        }
    }
}

wickd_sdk::export_strategy!(Trader);
