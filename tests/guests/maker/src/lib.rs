//! An instrument, not an attack: rests an order at the touch, on either side in turn, and takes it
//! back when it has waited long enough. Expected: whatever the venue does to its answers, its orders
//! end, and it goes on.

use wickd_sdk::prelude::*;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Quotes between two orders.
    #[param(default = 20, min = 1, max = 1_000_000)]
    every: u32,
    /// Quotes until an order is taken back.
    #[param(default = 10, min = 1, max = 1_000_000)]
    patience: u32,
    /// Size of an order, in base units.
    #[param(default = "0.001", min = "0.000001", max = "10", step = "0.000001")]
    size: Decimal,
}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct Maker {
    #[state(skip)]
    every: u64,
    #[state(skip)]
    patience: u64,
    #[state(skip)]
    size: Qty,
    #[state(skip)]
    instrument: InstrumentId,
    quotes: u64,
    orders: u64,
    pending: Option<IntentId>,
    since: u64,
    asked: bool,
}

impl Strategy for Maker {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        let instrument = setup.instrument()?;
        setup.quotes();
        let Some(size) = instrument.qty(params.size) else {
            return Err(issue("size", "does not fit the instrument"));
        };
        Ok(Self {
            every: params.every.into(),
            patience: params.patience.into(),
            size,
            instrument: instrument.id,
            quotes: 0,
            orders: 0,
            pending: None,
            since: 0,
            asked: false,
        })
    }

    fn start(&mut self, _: &mut Context, situation: &Situation) {
        // An order that is no longer open was finished while nobody listened.
        let is_open = |id: &IntentId| situation.open_orders.iter().any(|order| order.intent == *id);
        self.pending = self.pending.filter(is_open);
    }

    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        self.quotes += 1;
        if let Some(pending) = self.pending {
            if self.quotes > self.since + self.patience && !self.asked {
                self.asked = ctx.cancel(pending).is_ok();
            }
            return;
        }
        if !self.quotes.is_multiple_of(self.every) {
            return;
        }
        let buys = self.orders.is_multiple_of(2);
        let (side, price) = if buys { (Side::Buy, quote.bid) } else { (Side::Sell, quote.ask) };
        if let Ok(intent) = ctx.submit(Order::new(self.instrument, side, self.size).limit(price)) {
            (self.pending, self.since, self.asked) = (Some(intent), self.quotes, false);
            self.orders += 1;
        }
    }

    fn on_order(&mut self, _: &mut Context, event: &OrderEvent) {
        if self.pending == Some(event.intent) && event.status.is_final() {
            self.pending = None;
        }
    }
}

wickd_sdk::export_strategy!(Maker);
