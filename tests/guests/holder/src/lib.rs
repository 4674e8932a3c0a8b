//! An instrument, not an attack: buys, rests an order that would buy more and one that reduces, and
//! tries to buy more while the market falls. Expected: it tells under which code that was denied,
//! what was taken back from it, and that it could still reduce.

use wickd_sdk::prelude::*;

/// Thousandths of the price at which it would buy more, and reduce.
const BUYS_AT: i64 = 955;
const REDUCES_AT: i64 = 1_040;
/// Thousandths of its first price from which it tries to buy more.
const TRIES_FROM: i64 = 980;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Size of its position, in base units.
    #[param(default = "0.1", min = "0.000001", max = "10", step = "0.000001")]
    size: Decimal,
}

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct Holder {
    #[state(skip)]
    instrument: Instrument,
    #[state(skip)]
    size: Qty,
    first: i64,
    /// 0: to buy. 1: bought, not filled. 2: rests. 3: was denied.
    step: u64,
    /// Quotes since it was denied.
    since: u64,
}

impl Holder {
    /// Half of what it holds: a fee may have been taken out of it.
    fn half(&self, ctx: &Context) -> Qty {
        Qty(ctx.position(self.instrument.id).size.0 / 2).down_to(self.instrument.qty_step)
    }

    fn at(&self, quote: &Quote, thousandths: i64) -> Px {
        Px(quote.bid.0 / 1_000 * thousandths).down_to(self.instrument.price_step)
    }

    fn buys_more(&self, ctx: &mut Context, quote: &Quote) -> Result<IntentId, Deny> {
        ctx.submit(Order::buy(self.instrument.id, self.size).limit(self.at(quote, BUYS_AT)))
    }

    fn rest(&mut self, ctx: &mut Context, quote: &Quote) {
        // The whole order is filled; a venue may have taken its fee out of what was bought.
        if ctx.position(self.instrument.id).size.0 < self.size.0 / 100 * 99 {
            return;
        }
        let reduce = Order::sell(self.instrument.id, self.half(ctx)).reduce_only();
        let reduces = ctx.submit(reduce.limit(self.at(quote, REDUCES_AT)));
        if reduces.and(self.buys_more(ctx, quote)).is_ok() {
            ctx.info("rests");
            self.step = 2;
        }
    }

    fn try_more(&mut self, ctx: &mut Context, quote: &Quote) {
        match self.buys_more(ctx, quote) {
            Ok(intent) => ctx.info(&format!("let in {intent}")),
            Err(deny) => {
                ctx.info(&format!("denied {}", deny.name()));
                let reduce = Order::sell(self.instrument.id, self.half(ctx)).reduce_only();
                match ctx.submit(reduce) {
                    Ok(_) => ctx.info("reduces"),
                    Err(deny) => ctx.info(&format!("cannot reduce: {}", deny.name())),
                }
                self.step = 3;
            }
        }
    }
}

impl Strategy for Holder {
    type Params = Config;

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        let instrument = setup.instrument()?;
        setup.quotes();
        let Some(size) = instrument.qty(params.size) else {
            return Err(issue("size", "does not fit the instrument"));
        };
        Ok(Self { instrument, size, first: 0, step: 0, since: 0 })
    }

    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        if self.first == 0 {
            self.first = quote.bid.0;
        }
        match self.step {
            0 => {
                let bought = ctx.submit(Order::buy(self.instrument.id, self.size));
                self.step = u64::from(bought.is_ok());
            }
            1 => self.rest(ctx, quote),
            2 if quote.bid.0 < self.first / 1_000 * TRIES_FROM => self.try_more(ctx, quote),
            3 => {
                self.since += 1;
                if self.buys_more(ctx, quote).is_ok() {
                    ctx.info(&format!("let in again after {} quotes", self.since));
                    self.step = 4;
                }
            }
            _ => {}
        }
    }

    fn on_order(&mut self, ctx: &mut Context, event: &OrderEvent) {
        if event.status == OrderStatus::Cancelled {
            let side = if event.side == Side::Buy { "buy" } else { "sell" };
            ctx.info(&format!("{side} taken back: {:?}", event.reason));
        }
    }
}

wickd_sdk::export_strategy!(Holder);
