//! The harness of a strategy.
//!
//! Comes in: events and what the host answers. Goes out: what the strategy staged. Deliberately
//! absent: a venue; `fill` and `cancelled` say what the market did, and `settle` fills whatever a
//! quote reaches, in full and at once.

use super::{Clock, MarketEvent, START_NS, config};
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Value};
use crate::bindings::strategy::wickd::plugin::types as wit;
use crate::bindings::strategy::wickd::plugin::wants::Needs;
use crate::host::{self, World};
use crate::market::{
    Aggressor, Bar, Deny, FeedState, FeedStatus, Instrument, IntentId, OrderEvent, OrderKind,
    OrderReason, OrderStatus, Position, Quote, Side, Situation, Stamp, TimeInForce, Trade, TsNs,
};
use crate::money::{Cash, Px, Qty};
use crate::params;
use crate::state::restore_or_keep;
use crate::strategy::{Session, Strategy};
use crate::{Direction, Heard, Level};

/// An order as the strategy staged it.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct Staged {
    pub intent: IntentId,
    pub instrument: u32,
    pub side: Side,
    pub kind: OrderKind,
    /// Zero for a market order.
    pub price: Px,
    pub size: Qty,
    pub tif: TimeInForce,
    pub post_only: bool,
    pub reduce_only: bool,
    pub tag: u32,
}

impl Staged {
    fn new((intent, raw): &(u64, wit::OrderRequest)) -> Self {
        Self {
            intent: *intent,
            instrument: raw.instrument,
            side: raw.side,
            kind: raw.kind,
            price: Px(raw.price),
            size: Qty(raw.size),
            tif: raw.tif,
            post_only: raw.post_only,
            reduce_only: raw.reduce_only,
            tag: raw.tag,
        }
    }
}

/// One strategy, its world, and the hand of the host.
pub struct StrategyTest<S> {
    session: Session<S>,
    needs: Needs,
    world: World,
    clock: Clock,
    config: Vec<Entry>,
    instruments: Vec<Instrument>,
    /// Intents the venue has said nothing of yet are at or above this one.
    unheard: IntentId,
}

impl<S: Strategy> StrategyTest<S> {
    /// Makes the strategy with these parameters, defaults for the rest, and starts it flat.
    ///
    /// # Errors
    /// A parameter is unknown or out of bounds, or the strategy refused it.
    pub fn new(given: &[(&str, Value)], instruments: &[Instrument]) -> Result<Self, Vec<Issue>> {
        let config = config::complete(&params::schema::<S::Params>(), given)?;
        let mut test = Self::made(config, instruments.to_vec(), World::default())?;
        test.start(false);
        Ok(test)
    }

    fn made(
        config: Vec<Entry>,
        instruments: Vec<Instrument>,
        mut world: World,
    ) -> Result<Self, Vec<Issue>> {
        world.now = world.now.max(START_NS);
        let (session, needs) =
            host::enter(&mut world, || Session::init(&config, instruments.clone()))?;
        Ok(Self { session, needs, world, clock: Clock::new(), config, instruments, unheard: 1 })
    }

    fn start(&mut self, restored: bool) {
        let positions = self.world.positions.iter().map(|p| (*p).into()).collect();
        let open_orders = self.open_orders().into_iter();
        let now = self.clock.now;
        let open_orders = open_orders.map(|order| {
            let at = Stamp { instrument: order.instrument, seq: 0, ts_event: now, ts_init: now };
            event(at, order, OrderStatus::Open, OrderReason::None, Px::ZERO)
        });
        let situation = Situation { restored, positions, open_orders: open_orders.collect() };
        self.call(|session| session.start(&situation));
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut Session<S>) -> R) -> R {
        self.world.now = self.clock.now;
        host::enter(&mut self.world, || call(&mut self.session))
    }

    /// What the strategy asked for in `new`.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// The strategy itself.
    pub fn strategy(&self) -> &S {
        &self.session.0
    }

    /// Event time.
    pub fn now(&self) -> TsNs {
        self.clock.now
    }

    /// A quote of the first instrument, a tenth of a second later, one coin on each side.
    ///
    /// # Panics
    /// A text is no price of the instrument.
    pub fn quote(&mut self, bid: &str, ask: &str) {
        let instrument = &self.instruments[0];
        let px = |text| instrument.parse_px(text).expect("a price of the instrument");
        let (bid, ask) = (px(bid), px(ask));
        let one = instrument.parse_qty("1").expect("one coin");
        let at = self.clock.next(self.instruments[0].id);
        self.on_quote(&Quote { at, bid, ask, bid_qty: one, ask_qty: one });
    }

    /// A trade of the first instrument, a tenth of a second later.
    ///
    /// # Panics
    /// A text is no price or size of the instrument.
    pub fn trade(&mut self, price: &str, size: &str, aggressor: Aggressor) {
        let instrument = &self.instruments[0];
        let price = instrument.parse_px(price).expect("a price of the instrument");
        let size = instrument.parse_qty(size).expect("a size of the instrument");
        let at = self.clock.next(self.instruments[0].id);
        self.on_trade(&Trade { at, price, size, aggressor, trade_id: at.seq });
    }

    /// Hands over a quote as it is.
    pub fn on_quote(&mut self, quote: &Quote) {
        self.clock.now = self.clock.now.max(quote.at.ts_event);
        self.fire_timers();
        self.call(|session| session.on_quote(quote));
    }

    /// Hands over a trade as it is.
    pub fn on_trade(&mut self, trade: &Trade) {
        self.clock.now = self.clock.now.max(trade.at.ts_event);
        self.fire_timers();
        self.call(|session| session.on_trade(trade));
    }

    /// Hands over a bar as it is.
    pub fn on_bar(&mut self, bar: &Bar) {
        self.clock.now = self.clock.now.max(bar.at.ts_event);
        self.fire_timers();
        self.call(|session| session.on_bar(bar));
    }

    /// Hands over packed events, as for warm-up.
    pub fn on_batch(&mut self, words: &[u64]) {
        self.call(|session| session.on_batch(words));
    }

    /// The feed of the first instrument changes.
    pub fn feed(&mut self, state: FeedState) {
        let at = self.clock.next(self.instruments[0].id);
        self.call(|session| session.on_feed(&FeedStatus { at, state }));
    }

    /// An input speaks, fully confident, for ten seconds.
    pub fn signal(&mut self, input: u32, direction: Direction, strength: f64) {
        let at = self.clock.next(self.instruments[0].id);
        let valid_until = at.ts_event + 10_000_000_000;
        let confidence = 1.0;
        let heard = Heard { at, input, output: 0, direction, strength, confidence, valid_until };
        self.on_signal(&heard);
    }

    /// Hands over a signal as it is.
    pub fn on_signal(&mut self, heard: &Heard) {
        self.call(|session| session.on_signal(heard));
    }

    /// What an input answers from now on; ready once it has a value.
    pub fn set_input(&mut self, input: u32, values: &[f64]) {
        let inputs = &mut self.world.inputs;
        inputs.resize(inputs.len().max(input as usize + 1), Vec::new());
        inputs[input as usize] = values.to_vec();
    }

    /// What `submit` answers from now on: this denial, or with `None` an intent again.
    pub fn deny(&mut self, code: Option<Deny>) {
        self.world.deny = code;
    }

    /// Moves event time on and calls the timers that came due.
    pub fn advance_ms(&mut self, ms: u64) {
        self.clock.now += ms * 1_000_000;
        self.fire_timers();
    }

    fn fire_timers(&mut self) {
        loop {
            let due = self.world.timers.iter().filter(|(_, at)| *at <= self.clock.now);
            let Some(&(id, at)) = due.min_by_key(|(id, at)| (*at, *id)) else { return };
            self.world.timers.retain(|timer| *timer != (id, at));
            self.call(|session| session.on_timer(id, at));
        }
    }

    /// Every order staged so far.
    pub fn orders(&self) -> Vec<Staged> {
        self.world.orders.iter().map(Staged::new).collect()
    }

    /// The orders the venue has not finished.
    pub fn open_orders(&self) -> Vec<Staged> {
        let open = |order: &Staged| self.world.open.contains(&order.intent);
        self.orders().into_iter().filter(open).collect()
    }

    /// Every cancel staged so far.
    pub fn cancels(&self) -> &[IntentId] {
        &self.world.cancels
    }

    /// Every line logged so far.
    pub fn logs(&self) -> &[(Level, String)] {
        &self.world.logs
    }

    /// The last value of a metric.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.world.metrics.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// What the slot holds of an instrument.
    pub fn position(&mut self, instrument: u32) -> Position {
        host::enter(&mut self.world, || host::position_of(instrument)).into()
    }

    /// Sets what the slot holds.
    pub fn set_position(&mut self, instrument: u32, size: Qty, entry: Px) {
        self.world.positions.retain(|known| known.instrument != instrument);
        let (size, entry) = (size.0, entry.0);
        self.world.positions.push(wit::Position { instrument, size, entry, realised: 0, fees: 0 });
    }

    /// An order fills in full: the position moves, the strategy hears of it.
    ///
    /// # Panics
    /// No such order is open.
    pub fn fill(&mut self, intent: IntentId, price: Px) {
        let order = self.close(intent);
        let before = self.position(order.instrument);
        let size = before.size + order.size.times(order.side.sign());
        let grows = before.size.0.signum() * order.side.sign() >= 0;
        let entry = match (grows, before.size.0.signum() == size.0.signum()) {
            _ if size == Qty::ZERO => Px::ZERO,
            (true, _) => average(before, order.size, price),
            (false, true) => before.entry,
            (false, false) => price,
        };
        self.set_position(order.instrument, size, entry);
        self.say(order, OrderStatus::Filled, OrderReason::None, price);
    }

    /// An order is gone: the strategy asked, or the venue refused.
    ///
    /// # Panics
    /// No such order is open.
    pub fn cancelled(&mut self, intent: IntentId, reason: OrderReason) {
        let order = self.close(intent);
        self.say(order, OrderStatus::Cancelled, reason, Px::ZERO);
    }

    fn close(&mut self, intent: IntentId) -> Staged {
        let order = self.open_orders().into_iter().find(|order| order.intent == intent);
        self.world.open.retain(|known| *known != intent);
        order.expect("an open order of the strategy")
    }

    fn say(&mut self, order: Staged, status: OrderStatus, reason: OrderReason, price: Px) {
        let now = self.clock.now;
        let at = self.clock.at(order.instrument, now);
        let event = event(at, order, status, reason, price);
        self.call(|session| session.on_order(&event));
    }

    /// Cancels what was asked, then fills in full whatever this quote reaches: market orders at the
    /// touch, limit orders at their price. Post-only orders that would take are refused.
    pub fn settle(&mut self, quote: &Quote) {
        for intent in std::mem::take(&mut self.world.cancels) {
            if self.world.open.contains(&intent) {
                self.cancelled(intent, OrderReason::Requested);
            }
        }
        for order in self.open_orders() {
            let is_new = order.intent >= self.unheard;
            self.unheard = self.unheard.max(order.intent + 1);
            let (touch, crosses) = match order.side {
                Side::Buy => (quote.ask, order.price >= quote.ask),
                Side::Sell => (quote.bid, order.price <= quote.bid),
            };
            match order.kind {
                OrderKind::Market => self.fill(order.intent, touch),
                OrderKind::Limit if crosses && is_new && order.post_only => {
                    self.cancelled(order.intent, OrderReason::WouldTake);
                }
                OrderKind::Limit if crosses => self.fill(order.intent, order.price),
                OrderKind::Limit if order.tif != TimeInForce::Gtc => {
                    self.cancelled(order.intent, OrderReason::Unfilled);
                }
                OrderKind::Limit if is_new => {
                    self.say(order, OrderStatus::Open, OrderReason::None, Px::ZERO);
                }
                OrderKind::Limit => {}
            }
        }
    }

    /// Hands over one recorded event and settles at each quote.
    pub fn replay(&mut self, event: &MarketEvent) {
        let instrument = self.instruments[0].id;
        let at = self.clock.at(instrument, event.ts());
        match *event {
            MarketEvent::Quote { bid, ask, bid_qty, ask_qty, .. } => {
                let quote = Quote { at, bid, ask, bid_qty, ask_qty };
                self.on_quote(&quote);
                self.settle(&quote);
            }
            MarketEvent::Trade { price, size, aggressor, trade_id, .. } => {
                self.on_trade(&Trade { at, price, size, aggressor, trade_id });
            }
        }
    }

    /// The saved state.
    pub fn save(&self) -> Vec<u8> {
        self.session.0.save()
    }

    /// Restores bytes into this instance.
    ///
    /// # Errors
    /// What the host would show the operator.
    pub fn restore(&mut self, version: u32, bytes: &[u8]) -> Result<(), String> {
        restore_or_keep(&mut self.session.0, version, bytes).map_err(|error| error.to_string())
    }

    /// Swaps the instance: saves, makes a fresh one, restores, starts it in the same world.
    ///
    /// # Panics
    /// The strategy does not read its own state.
    pub fn restart(self) -> Self {
        let saved = self.save();
        let (clock, unheard) = (self.clock, self.unheard);
        let made = Self::made(self.config, self.instruments, self.world);
        let mut next = made.expect("the same parameters are taken again");
        (next.clock, next.unheard) = (clock, unheard);
        if S::VERSION != 0 {
            next.restore(S::VERSION, &saved).expect("a plugin reads its own state");
        }
        next.start(S::VERSION != 0);
        next
    }

    /// The last call.
    pub fn stop(&mut self) {
        self.call(Session::stop);
    }
}

/// What the venue says of an order: all of it is done, or nothing.
fn event(
    at: Stamp,
    order: Staged,
    status: OrderStatus,
    reason: OrderReason,
    price: Px,
) -> OrderEvent {
    let filled = if status == OrderStatus::Filled { order.size } else { Qty::ZERO };
    OrderEvent {
        at,
        intent: order.intent,
        side: order.side,
        status,
        reason,
        filled,
        remaining: if status.is_final() { Qty::ZERO } else { order.size },
        last_price: price,
        last_size: filled,
        fee: Cash::ZERO,
        reconciled: false,
    }
}

/// The average entry after adding to a position.
fn average(before: Position, size: Qty, price: Px) -> Px {
    let (held, added) = (i128::from(before.size.0.abs()), i128::from(size.0));
    let value = held * i128::from(before.entry.0) + added * i128::from(price.0);
    Px(i64::try_from(value / (held + added).max(1)).unwrap_or(i64::MAX))
}
