//! The harness of a signal.
//!
//! Comes in: events. Goes out: what the signal emitted. Deliberately absent: who hears it.

use super::{Clock, MarketEvent, config};
use crate::Emission;
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Value};
use crate::host::{self, World};
use crate::market::{Aggressor, Bar, Instrument, Quote, Trade};
use crate::params;
use crate::signal::{Session, Signal};
use crate::state::restore_or_keep;

/// One signal and its world.
pub struct SignalTest<S> {
    session: Session<S>,
    outputs: Vec<String>,
    world: World,
    clock: Clock,
    config: Vec<Entry>,
    instruments: Vec<Instrument>,
}

impl<S: Signal> SignalTest<S> {
    /// Makes the signal with these parameters and defaults for the rest.
    ///
    /// # Errors
    /// A parameter is unknown or out of bounds, or the signal refused it.
    pub fn new(given: &[(&str, Value)], instruments: &[Instrument]) -> Result<Self, Vec<Issue>> {
        let config = config::complete(&params::schema::<S::Params>(), given)?;
        Self::made(config, instruments.to_vec(), World::default(), Clock::new())
    }

    fn made(
        config: Vec<Entry>,
        instruments: Vec<Instrument>,
        mut world: World,
        clock: Clock,
    ) -> Result<Self, Vec<Issue>> {
        let made = host::enter(&mut world, || Session::init(&config, instruments.clone()));
        let (session, shape) = made?;
        Ok(Self { session, outputs: shape.outputs, world, clock, config, instruments })
    }

    /// The names of its outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut Session<S>) -> R) -> R {
        self.world.now = self.clock.now;
        host::enter(&mut self.world, || call(&mut self.session))
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
        self.call(|session| session.on_quote(quote));
    }

    /// Hands over a trade as it is.
    pub fn on_trade(&mut self, trade: &Trade) {
        self.call(|session| session.on_trade(trade));
    }

    /// Hands over a bar as it is.
    pub fn on_bar(&mut self, bar: &Bar) {
        self.call(|session| session.on_bar(bar));
    }

    /// Hands over packed events, as for warm-up.
    pub fn on_batch(&mut self, words: &[u64]) {
        self.call(|session| session.on_batch(words));
    }

    /// Hands over one recorded event.
    pub fn replay(&mut self, event: &MarketEvent) {
        let at = self.clock.at(self.instruments[0].id, event.ts());
        match *event {
            MarketEvent::Quote { bid, ask, bid_qty, ask_qty, .. } => {
                self.on_quote(&Quote { at, bid, ask, bid_qty, ask_qty });
            }
            MarketEvent::Trade { price, size, aggressor, trade_id, .. } => {
                self.on_trade(&Trade { at, price, size, aggressor, trade_id });
            }
        }
    }

    /// What an input answers from now on; ready once it has a value.
    pub fn set_input(&mut self, input: u32, values: &[f64]) {
        let inputs = &mut self.world.inputs;
        inputs.resize(inputs.len().max(input as usize + 1), Vec::new());
        inputs[input as usize] = values.to_vec();
    }

    /// Every signal emitted so far.
    pub fn emitted(&self) -> &[Emission] {
        &self.world.signals
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

    /// Swaps the instance: saves, makes a fresh one, restores.
    ///
    /// # Panics
    /// The signal does not read its own state.
    pub fn restart(self) -> Self {
        let saved = self.save();
        let made = Self::made(self.config, self.instruments, self.world, self.clock);
        let mut next = made.expect("the same parameters are taken again");
        if S::VERSION != 0 {
            next.restore(S::VERSION, &saved).expect("a plugin reads its own state");
        }
        next
    }
}
