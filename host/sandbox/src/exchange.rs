//! An exchange adapter as typed calls.
//!
//! Comes in: operations, replies and frames of a venue. Goes out: requests, answers, and what the
//! adapter said while it read, in order. The nouns are those of `wit/exchange.wit`, generated.
//! Deliberately absent: sockets, keys, retries; they are the host's, and no import leads to them.

use serde::Serialize;
use wickd_model::{Entry as Param, Fault, Issue, Limits, Spec, TsNs};

use crate::Host;
use crate::bindings::exchange::wickd::plugin::{venue, wire};
use crate::bindings::{exchange, wit};
use crate::call::Entry;
use crate::cell::Cell;
use crate::guest::{Loaded, Pre};
use crate::runtime::Runtime;

/// What an adapter may say in one call: a snapshot of every market of a venue is a thousand.
const SAID_MAX: usize = 10_000;
/// Operations and messages one call may ask for.
const ASKED_MAX: usize = 64;
/// Longest message on a socket, in bytes: a subscription of some hundred channels.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Longest explanation kept, in bytes.
const WHY_BYTES_MAX: usize = 256;
/// Sockets one plan may open.
const SOCKETS_MAX: usize = 64;

/// The generated nouns of the exchange world.
pub mod nouns {
    pub use crate::bindings::exchange::wickd::plugin::venue::*;
    pub use crate::bindings::strategy::wickd::plugin::types::{
        Aggressor, OrderKind, OrderReason, OrderStatus, Product, Side, TimeInForce,
    };
}

/// One thing an adapter said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the cases are the functions of the interface `wire`")]
pub enum Said {
    Send { socket: u32, text: String },
    Fetch(venue::Operation),
    Reconnect { socket: u32, why: String },
    Subscribed(u32),
    Refused { channel: u32, why: String },
    Gap { channel: u32, why: String },
    Quote(venue::Top),
    Trade(venue::Print),
    Bar(venue::Candle),
    Levels { instrument: u32, ts_event: TsNs, snapshot: bool, bids: u32, words: Vec<i64> },
    Funding(venue::Funding),
    Order(venue::OrderReport),
    Fill(venue::FillReport),
    Balance(venue::Balance),
    Holding(venue::Holding),
    Unknown(String),
}

/// What stands behind an adapter: only what it said in this call.
#[derive(Default)]
pub struct Staged {
    said: Vec<Said>,
    asked: usize,
    /// Said beyond the share and dropped, since the instance was made.
    dropped: u64,
}

impl Staged {
    fn say(&mut self, said: Said) {
        match self.said.len() < SAID_MAX {
            true => self.said.push(said),
            false => self.dropped += 1,
        }
    }

    fn ask(&mut self, said: Said) -> bool {
        let fits = self.asked < ASKED_MAX;
        if fits {
            self.asked += 1;
            self.say(said);
        }
        fits
    }
}

fn short(text: &str) -> String {
    wickd_model::printable(text.as_bytes(), WHY_BYTES_MAX)
}

impl venue::Host for Cell<Staged> {}

impl wire::Host for Cell<Staged> {
    fn send(&mut self, socket: u32, text: String) -> bool {
        text.len() <= SEND_BYTES_MAX && self.host.ask(Said::Send { socket, text })
    }
    fn fetch(&mut self, operation: venue::Operation) -> bool {
        self.host.ask(Said::Fetch(operation))
    }
    fn reconnect(&mut self, socket: u32, why: String) {
        self.host.ask(Said::Reconnect { socket, why: short(&why) });
    }
    fn subscribed(&mut self, channel: u32) {
        self.host.say(Said::Subscribed(channel));
    }
    fn refused(&mut self, channel: u32, why: String) {
        self.host.say(Said::Refused { channel, why: short(&why) });
    }
    fn gap(&mut self, channel: u32, why: String) {
        self.host.say(Said::Gap { channel, why: short(&why) });
    }
    fn quote(&mut self, top: venue::Top) {
        self.host.say(Said::Quote(top));
    }
    fn trade(&mut self, print: venue::Print) {
        self.host.say(Said::Trade(print));
    }
    fn bar(&mut self, candle: venue::Candle) {
        self.host.say(Said::Bar(candle));
    }
    fn levels(
        &mut self,
        instrument: u32,
        ts_event: TsNs,
        snapshot: bool,
        bids: u32,
        words: Vec<i64>,
    ) {
        self.host.say(Said::Levels { instrument, ts_event, snapshot, bids, words });
    }
    fn funding_rate(&mut self, funding: venue::Funding) {
        self.host.say(Said::Funding(funding));
    }
    fn order(&mut self, report: venue::OrderReport) {
        self.host.say(Said::Order(report));
    }
    fn fill(&mut self, report: venue::FillReport) {
        self.host.say(Said::Fill(report));
    }
    fn balance_of(&mut self, balance: venue::Balance) {
        self.host.say(Said::Balance(balance));
    }
    fn holding_of(&mut self, holding: venue::Holding) {
        self.host.say(Said::Holding(holding));
    }
    fn unknown(&mut self, what: String) {
        self.host.say(Said::Unknown(short(&what)));
    }
}

/// An instance of an adapter.
pub struct ExchangeGuest {
    entry: Entry<Staged>,
    exports: exchange::Exchange,
}

type Faulty<T> = Result<T, Box<Fault>>;

impl ExchangeGuest {
    /// A fresh instance. `None` where `loaded` is of another world.
    pub fn new<H: Host>(
        runtime: &Runtime,
        loaded: &Loaded<H>,
        limits: &Limits,
        seed: u64,
    ) -> Option<Faulty<Self>> {
        let Pre::Exchange(pre) = &loaded.0 else { return None };
        let mut entry = Entry::new(runtime, Cell::new(Staged::default(), limits, seed), limits);
        let made = entry.cold("instantiate", |store| pre.instantiate(store));
        Some(made.map(|exports| Self { entry, exports }))
    }

    /// Fuel of the last call.
    pub fn fuel_used(&self) -> u64 {
        self.entry.fuel_used()
    }

    /// Linear memory it holds.
    pub fn memory_bytes(&self) -> u64 {
        self.entry.store.data().meter.memory_bytes
    }

    /// What it logged, and how many lines were dropped.
    pub fn take_log(&mut self) -> (Vec<wickd_model::LogLine>, u64) {
        self.entry.store.data_mut().take_log()
    }

    /// Sets what its clock says: the arrival of what it is about to read.
    pub fn set_now(&mut self, ts_ns: TsNs) {
        self.entry.store.data_mut().set_now(ts_ns);
    }

    /// Moves what the last call said to `into`. A call that failed has said nothing.
    pub fn drain(&mut self, into: &mut Vec<Said>) {
        let staged = &mut self.entry.store.data_mut().host;
        staged.asked = 0;
        into.append(&mut staged.said);
    }

    /// What was said beyond a call's share, since the instance was made.
    pub fn dropped(&self) -> u64 {
        self.entry.store.data().host.dropped
    }

    fn cold<R>(
        &mut self,
        call: &'static str,
        enter: impl FnOnce(
            &exchange::exports::wickd::plugin::exchange_api::Guest,
            &mut wasmtime::Store<Cell<Staged>>,
        ) -> wasmtime::Result<R>,
    ) -> Faulty<R> {
        let api = self.exports.wickd_plugin_exchange_api();
        let outcome = self.entry.cold(call, |store| enter(api, store));
        if outcome.is_err() {
            self.entry.store.data_mut().host = Staged::default();
        }
        outcome
    }

    /// Its parameters.
    pub fn schema(&mut self) -> Faulty<Vec<Spec>> {
        let specs = self.cold("schema", |api, store| api.call_schema(store))?;
        Ok(specs.into_iter().map(Into::into).collect())
    }

    /// What it says it can do.
    pub fn describe(&mut self) -> Faulty<venue::Description> {
        self.cold("describe", |api, store| api.call_describe(store))
    }

    /// Configures it; `Ok(Err)` carries its complaints.
    pub fn init(&mut self, config: &[Param]) -> Faulty<Result<(), Vec<Issue>>> {
        let config: Vec<wit::params::Entry> = config.iter().map(Into::into).collect();
        let answer = self.cold("init", |api, store| api.call_init(store, &config))?;
        Ok(answer.map_err(|issues| issues.into_iter().take(32).map(Into::into).collect()))
    }

    /// Tells it the markets.
    pub fn bind(&mut self, markets: &[venue::Market]) -> Faulty<()> {
        self.cold("bind", |api, store| api.call_bind(store, markets))
    }

    /// A request for an operation.
    pub fn build(
        &mut self,
        operation: &venue::Operation,
    ) -> Faulty<Result<venue::Request, venue::Failure>> {
        self.cold("build", |api, store| api.call_build(store, operation))
    }

    /// What a venue's answer to an operation means.
    pub fn parse(
        &mut self,
        operation: &venue::Operation,
        response: &venue::Response,
    ) -> Faulty<Result<venue::Reply, venue::Failure>> {
        self.cold("parse", |api, store| api.call_parse(store, operation, response))
    }

    /// The sockets that carry these channels.
    pub fn plan(
        &mut self,
        channels: &[venue::Channel],
    ) -> Faulty<Result<Vec<venue::Socket>, venue::Failure>> {
        let plan = self.cold("plan", |api, store| api.call_plan(store, channels))?;
        match &plan {
            Ok(sockets) if sockets.len() > SOCKETS_MAX => {
                let message = format!("plans {} sockets, at most {SOCKETS_MAX}", sockets.len());
                Err(self.entry.bad_value("plan", &message))
            }
            _ => Ok(plan),
        }
    }

    /// A socket is open.
    pub fn on_open(&mut self, socket: u32) -> Faulty<()> {
        self.cold("on-open", |api, store| api.call_on_open(store, socket))
    }

    /// Bytes of a socket, under the budget of a hot call.
    pub fn on_frame(&mut self, socket: u32, frame: &[u8], now: TsNs) -> Faulty<()> {
        let api = self.exports.wickd_plugin_exchange_api();
        let outcome =
            self.entry.hot("on-frame", now, |store| api.call_on_frame(store, socket, frame));
        if outcome.is_err() {
            self.entry.store.data_mut().host = Staged::default();
        }
        outcome
    }

    /// The time to keep a socket alive.
    pub fn on_idle(&mut self, socket: u32) -> Faulty<()> {
        self.cold("on-idle", |api, store| api.call_on_idle(store, socket))
    }

    /// The version of its state; 0 where it keeps none.
    pub fn state_version(&mut self) -> Faulty<u32> {
        self.cold("state-version", |api, store| api.call_state_version(store))
    }

    /// Its state.
    pub fn save(&mut self) -> Faulty<Vec<u8>> {
        self.cold("save", |api, store| api.call_save(store))
    }

    /// Gives it the state of another instance; `Ok(Err)` carries its refusal.
    pub fn restore(&mut self, version: u32, state: &[u8]) -> Faulty<Result<(), String>> {
        let answer = self.cold("restore", |api, store| api.call_restore(store, version, state))?;
        Ok(answer.map_err(|text| short(&text)))
    }
}
