//! Signals: market in, named signals out.
//!
//! Comes in: the calls of the `signal` world. Goes out: the same calls on a [`Signal`].
//! Deliberately absent: orders; a signal cannot even link them.

use std::marker::PhantomData;

use crate::batch;
use crate::bindings::signal::exports::wickd::plugin::signal_api as api;
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Spec};
use crate::bindings::strategy::wickd::plugin::types as wit;
use crate::context::SignalContext;
use crate::market::{Bar, FeedStatus, Instrument, Quote, Trade};
use crate::params::{self, Params};
use crate::seat::Seated;
use crate::setup::Setup;
use crate::state::{State, restore_or_keep};

/// A source of signals. Write [`new`](Self::new) and the handlers you need; the rest do nothing.
#[allow(unused_variables, reason = "the names of the parameters are documentation")]
pub trait Signal: State + Sized {
    /// What an operator can set.
    type Params: Params;
    /// The names of what it emits; `Emission::output` is an index into them.
    const OUTPUTS: &'static [&'static str];

    /// Makes the signal and writes down what it needs.
    ///
    /// # Errors
    /// What is wrong with which parameter; [`issue`](crate::issue) makes one.
    fn new(params: Self::Params, setup: &mut Setup) -> Result<Self, Vec<Issue>>;

    /// The top of a book changed.
    fn on_quote(&mut self, ctx: &mut SignalContext, quote: &Quote) {}
    /// Somebody traded.
    fn on_trade(&mut self, ctx: &mut SignalContext, trade: &Trade) {}
    /// A bar closed.
    fn on_bar(&mut self, ctx: &mut SignalContext, bar: &Bar) {}
    /// A feed went live, stale or down.
    fn on_feed(&mut self, ctx: &mut SignalContext, status: &FeedStatus) {}
}

/// A signal with its calls as the contract has them: what wasm exports and the harness drives.
#[doc(hidden)]
pub struct Session<S>(pub(crate) S);

impl<S: Signal> Session<S> {
    pub(crate) fn init(
        config: &[Entry],
        instruments: Vec<Instrument>,
    ) -> Result<(Self, api::Shape), Vec<Issue>> {
        let mut setup = Setup::new(instruments);
        let signal = S::new(params::from_entries(config)?, &mut setup)?;
        let outputs = S::OUTPUTS.iter().map(|name| (*name).to_owned()).collect();
        Ok((Self(signal), api::Shape { needs: setup.into_needs(), outputs }))
    }

    pub(crate) fn on_quote(&mut self, quote: &Quote) {
        self.0.on_quote(&mut SignalContext::at(quote.at.ts_event), quote);
    }
    pub(crate) fn on_trade(&mut self, trade: &Trade) {
        self.0.on_trade(&mut SignalContext::at(trade.at.ts_event), trade);
    }
    pub(crate) fn on_bar(&mut self, bar: &Bar) {
        self.0.on_bar(&mut SignalContext::at(bar.at.ts_event), bar);
    }
    pub(crate) fn on_feed(&mut self, status: &FeedStatus) {
        self.0.on_feed(&mut SignalContext::at(status.at.ts_event), status);
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
}

/// The exports of a component whose signal is `S`; named by `export_signal!`.
#[doc(hidden)]
pub struct SignalGuest<S>(PhantomData<S>);

impl<S: Signal + Seated<Session = Session<S>>> api::Guest for SignalGuest<S> {
    fn schema() -> Vec<Spec> {
        params::schema::<S::Params>()
    }
    fn init(
        config: Vec<Entry>,
        instruments: Vec<wit::Instrument>,
    ) -> Result<api::Shape, Vec<Issue>> {
        let instruments = instruments.into_iter().map(Into::into).collect();
        let (session, shape) = Session::init(&config, instruments)?;
        S::sit(session);
        Ok(shape)
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
}
