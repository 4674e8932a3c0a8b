//! Strategies: market in, order intents out.
//!
//! Comes in: the calls of the `strategy` world. Goes out: the same calls on a [`Strategy`].
//! Deliberately absent: anything a strategy decides.

use std::marker::PhantomData;

use crate::batch;
use crate::bindings::strategy::exports::wickd::plugin::strategy_api as api;
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Spec};
use crate::bindings::strategy::wickd::plugin::signals::Heard;
use crate::bindings::strategy::wickd::plugin::types as wit;
use crate::bindings::strategy::wickd::plugin::wants::Needs;
use crate::context::Context;
use crate::host;
use crate::market::{Bar, FeedStatus, Instrument, OrderEvent, Quote, Situation, Trade, TsNs};
use crate::params::{self, Params};
use crate::seat::Seated;
use crate::setup::Setup;
use crate::state::{State, restore_or_keep};

/// A trading strategy. Write [`new`](Self::new) and the handlers you need; the rest do nothing.
///
/// Past events, for warm-up and catch-up, come through the same handlers; the host mutes orders
/// while they do.
#[allow(unused_variables, reason = "the names of the parameters are documentation")]
pub trait Strategy: State + Sized {
    /// What an operator can set.
    type Params: Params;

    /// Makes the strategy and writes down what it needs.
    ///
    /// # Errors
    /// What is wrong with which parameter; [`issue`](crate::issue) makes one.
    fn new(params: Self::Params, setup: &mut Setup) -> Result<Self, Vec<Issue>>;

    /// Trading begins; said once, after state was restored or warm-up done.
    fn start(&mut self, ctx: &mut Context, situation: &Situation) {}
    /// The top of a book changed.
    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {}
    /// Somebody traded.
    fn on_trade(&mut self, ctx: &mut Context, trade: &Trade) {}
    /// A bar closed.
    fn on_bar(&mut self, ctx: &mut Context, bar: &Bar) {}
    /// A feed went live, stale or down.
    fn on_feed(&mut self, ctx: &mut Context, status: &FeedStatus) {}
    /// One of the slot's own orders changed.
    fn on_order(&mut self, ctx: &mut Context, event: &OrderEvent) {}
    /// An input that is a signal plugin spoke.
    fn on_signal(&mut self, ctx: &mut Context, signal: &Heard) {}
    /// Event time reached the time a timer was set to.
    fn on_timer(&mut self, ctx: &mut Context, id: u32, at: TsNs) {}
    /// The slot is stopping; the last call. Orders staged here are still sent.
    fn stop(&mut self, ctx: &mut Context) {}
}

/// A strategy with its calls as the contract has them: what wasm exports and the harness drives.
#[doc(hidden)]
pub struct Session<S>(pub(crate) S);

impl<S: Strategy> Session<S> {
    pub(crate) fn init(
        config: &[Entry],
        instruments: Vec<Instrument>,
    ) -> Result<(Self, Needs), Vec<Issue>> {
        let mut setup = Setup::new(instruments);
        let strategy = S::new(params::from_entries(config)?, &mut setup)?;
        Ok((Self(strategy), setup.into_needs()))
    }

    pub(crate) fn start(&mut self, situation: &Situation) {
        self.0.start(&mut Context::at(host::now()), situation);
    }
    pub(crate) fn on_quote(&mut self, quote: &Quote) {
        self.0.on_quote(&mut Context::at(quote.at.ts_event), quote);
    }
    pub(crate) fn on_trade(&mut self, trade: &Trade) {
        self.0.on_trade(&mut Context::at(trade.at.ts_event), trade);
    }
    pub(crate) fn on_bar(&mut self, bar: &Bar) {
        self.0.on_bar(&mut Context::at(bar.at.ts_event), bar);
    }
    pub(crate) fn on_feed(&mut self, status: &FeedStatus) {
        self.0.on_feed(&mut Context::at(status.at.ts_event), status);
    }
    pub(crate) fn on_order(&mut self, event: &OrderEvent) {
        self.0.on_order(&mut Context::at(event.at.ts_event), event);
    }
    pub(crate) fn on_signal(&mut self, signal: &Heard) {
        self.0.on_signal(&mut Context::at(signal.at.ts_event), signal);
    }
    pub(crate) fn on_timer(&mut self, id: u32, at: TsNs) {
        self.0.on_timer(&mut Context::at(host::now()), id, at);
    }
    pub(crate) fn on_batch(&mut self, words: &[u64]) {
        for event in batch::events(words) {
            match event {
                batch::Event::Quote(quote) => self.on_quote(&quote),
                batch::Event::Trade(trade) => self.on_trade(&trade),
                batch::Event::Bar(bar) => self.on_bar(&bar),
            }
        }
    }
    pub(crate) fn stop(&mut self) {
        self.0.stop(&mut Context::at(host::now()));
    }
}

/// The exports of a component whose strategy is `S`; named by `export_strategy!`.
#[doc(hidden)]
pub struct StrategyGuest<S>(PhantomData<S>);

impl<S: Strategy + Seated<Session = Session<S>>> api::Guest for StrategyGuest<S> {
    fn schema() -> Vec<Spec> {
        params::schema::<S::Params>()
    }
    fn init(config: Vec<Entry>, instruments: Vec<wit::Instrument>) -> Result<Needs, Vec<Issue>> {
        let instruments = instruments.into_iter().map(Into::into).collect();
        let (session, needs) = Session::init(&config, instruments)?;
        S::sit(session);
        Ok(needs)
    }
    fn start(situation: api::Situation) {
        let situation = Situation {
            restored: situation.restored,
            positions: situation.positions.into_iter().map(Into::into).collect(),
            open_orders: situation.open_orders.into_iter().map(Into::into).collect(),
        };
        S::lend(|session| session.start(&situation));
    }
    fn on_quote(quote: wit::Quote) {
        S::lend(|session| session.on_quote(&quote.into()));
    }
    fn on_trade(trade: wit::Trade) {
        S::lend(|session| session.on_trade(&trade.into()));
    }
    fn on_bar(bar: wit::Bar) {
        S::lend(|session| session.on_bar(&bar.into()));
    }
    fn on_feed(status: FeedStatus) {
        S::lend(|session| session.on_feed(&status));
    }
    fn on_order(event: wit::OrderEvent) {
        S::lend(|session| session.on_order(&event.into()));
    }
    fn on_signal(signal: Heard) {
        S::lend(|session| session.on_signal(&signal));
    }
    fn on_timer(id: u32, at: TsNs) {
        S::lend(|session| session.on_timer(id, at));
    }
    fn on_batch(words: Vec<u64>) {
        S::lend(|session| session.on_batch(&words));
    }
    fn state_version() -> u32 {
        S::VERSION
    }
    fn save() -> Vec<u8> {
        S::lend(|session| session.0.save()).unwrap_or_default()
    }
    fn restore(version: u32, state: Vec<u8>) -> Result<(), String> {
        let result = S::lend(|session| restore_or_keep(&mut session.0, version, &state));
        result.ok_or("restore came before init")?.map_err(|error| error.to_string())
    }
    fn stop() {
        S::lend(Session::stop);
    }
}
