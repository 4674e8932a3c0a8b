//! Adapters of exchanges: requests out, bytes in, no I/O of their own.
//!
//! Comes in: the calls of the `exchange` world. Goes out: the same calls on an [`Exchange`].
//! Deliberately absent: sockets, hosts, clocks and keys. The house dials, signs and waits; an
//! adapter names an endpoint and a recipe of its manifest.
//!
//! # A small adapter
//!
//! Quotes of a spot venue, asked for and streamed:
//!
//! ```
//! use wickd_sdk::exchange::*;
//! use wickd_sdk::{Exchange, Issue, Product, State};
//!
//! #[derive(State)]
//! #[state(version = 1)]
//! struct Tiny {
//!     #[state(skip)]
//!     markets: Markets,
//!     plan: Plan,
//! }
//!
//! fn top(market: &Market, row: &Object) -> Result<Top, Malformed> {
//!     Ok(Top {
//!         instrument: market.instrument,
//!         ts_event: row.ms("t")?, // What is missing or no number is named in the error.
//!         bid: market.px(row, "b")?,
//!         ask: market.px(row, "a")?,
//!         bid_qty: market.qty(row, "B")?,
//!         ask_qty: market.qty(row, "A")?,
//!     })
//! }
//!
//! impl Exchange for Tiny {
//!     type Params = ();
//!
//!     fn new(_: ()) -> Result<Self, Vec<Issue>> {
//!         Ok(Self { markets: Markets::default(), plan: Plan::default() })
//!     }
//!     fn describe(&self) -> Description {
//!         Description {
//!             products: vec![Product::Spot],
//!             channels: vec![ChannelKind::Quotes],
//!             operations: vec!["ticker".to_owned()],
//!             ..Description::nothing()
//!         }
//!     }
//!     fn bind(&mut self, markets: Markets) {
//!         self.markets = markets;
//!     }
//!     fn build(&self, operation: &Operation) -> Result<Request, Failure> {
//!         let Operation::Ticker(instrument) = operation else { return Err(operation.unsupported()) };
//!         let market = self.markets.get(*instrument)?;
//!         Ok(Request::get("rest", "/ticker").query("symbol", &market.native).cost("requests", 1))
//!     }
//!     fn parse(&mut self, _: &mut Wire, asked: &Operation, got: &Response) -> Result<Reply, Failure> {
//!         let Operation::Ticker(instrument) = asked else { return Err(asked.unsupported()) };
//!         if !got.is_success() {
//!             return Err(Failure::Unavailable(format!("status {}", got.status)));
//!         }
//!         let market = self.markets.get(*instrument)?;
//!         Ok(Reply::Ticker(top(market, &Object::parse(&got.body)?)?))
//!     }
//!     fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
//!         let (plan, sockets) = Plan::new(channels, 100, |channel| {
//!             let market = self.markets.get(channel.instrument)?;
//!             match channel.kind {
//!                 ChannelKind::Quotes => {
//!                     Ok((Socket::new("stream", "/ws", 60_000), market.native.clone()))
//!                 }
//!                 other => Err(Failure::Inexpressible(format!("a channel of {other:?}"))),
//!             }
//!         })?;
//!         self.plan = plan;
//!         Ok(sockets)
//!     }
//!     fn on_open(&mut self, wire: &mut Wire, socket: u32) {
//!         for planned in self.plan.of(socket) {
//!             wire.send(socket, &Body::new().text("subscribe", &planned.topic).finish());
//!             wire.subscribed(planned.channel.id);
//!         }
//!     }
//!     fn on_frame(&mut self, wire: &mut Wire, _: u32, frame: &[u8]) -> Result<(), Malformed> {
//!         let frame = Object::parse(frame)?;
//!         if let Some(market) = self.markets.named(&frame.text("s")?, |_| true) {
//!             wire.quote(top(market, &frame)?);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! use wickd_sdk::testing::{ExchangeTest, btc_market, channel, check_capabilities};
//! let mut test = ExchangeTest::<Tiny>::new(&[], &[btc_market(0, "BTC_USDT", Product::Spot, "1")])
//!     .unwrap();
//! assert!(check_capabilities(&mut test).is_empty());
//! test.plan(&[channel(0, 0, ChannelKind::Quotes)]).unwrap();
//! let said = test.frame(0, r#"{"s":"BTC_USDT","t":1,"b":"100.01","B":2,"a":1.0002e2,"A":"3"}"#);
//! let [Said::Quote(quote)] = said.as_slice() else { panic!("{said:?}") };
//! assert_eq!((quote.bid, quote.ask, quote.bid_qty), (10_001, 10_002, 2_000_000));
//! ```

pub mod json;
mod market;
pub mod number;
mod plan;
mod request;
mod rows;
mod wire;

use std::marker::PhantomData;

use crate::bindings::exchange::exports::wickd::plugin::exchange_api as api;
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Spec};
use crate::params::{self, Params};
use crate::seat::Seated;
use crate::state::{State, restore_or_keep};

pub use crate::bindings::exchange::wickd::plugin::venue::{
    Amendment, Balance, BarRange, Book, BookDepth, Candle, Channel, ChannelKind, Cost, Description,
    Failure, FillReport, Funding, Holding, Level, Listing, Market as RawMarket, Method, NewOrder,
    Operation, OrderRef, OrderReport, Pair, Print, Range, Rejection, Reply, Request, Response,
    Socket, Top,
};
pub use json::{Json, Malformed, Object};
pub use market::{Market, Markets};
pub use number::{Exact, Rounding};
pub use plan::{Plan, Planned};
pub use request::{Body, quoted};
pub use rows::{PAGES_MAX, Page, every, readable};
pub use wire::{Levels, Wire};

/// The dialect of a venue.
///
/// The host makes it, binds the markets it trades, then asks for operations one by one (`build`, the
/// network, `parse`) and for the sockets that carry channels (`plan`, the network, `on_open`,
/// `on_frame`). A socket's number is its place in the list that `plan` returned. A successor takes over
/// while sockets stay open: it restores its state instead of planning, so the [`Plan`] belongs into
/// the state, beside whatever the deltas of the streams change.
pub trait Exchange: State + Sized {
    /// What an operator can set.
    type Params: Params;

    /// Makes the adapter.
    ///
    /// # Errors
    /// What is wrong with which parameter; [`issue`](crate::issue) makes one.
    fn new(params: Self::Params) -> Result<Self, Vec<Issue>>;

    /// What it can do. Everything named here builds; everything else is [`Failure::Unsupported`].
    fn describe(&self) -> Description;

    /// Takes over the markets traded here, in place of earlier ones.
    fn bind(&mut self, markets: Markets);

    /// Writes the request of an operation.
    ///
    /// # Errors
    /// [`Failure::Unsupported`], or [`Failure::Inexpressible`] where the venue cannot say it.
    fn build(&self, operation: &Operation) -> Result<Request, Failure>;

    /// Reads the response to a request that `build` wrote, or that the adapter fetched.
    ///
    /// A [`Failure::Malformed`] of an operation that writes reaches the host as
    /// [`Failure::OutcomeUnknown`]: an answer nobody can read says nothing about the order.
    ///
    /// # Errors
    /// What the venue said, in terms of what a caller must do.
    fn parse(
        &mut self,
        wire: &mut Wire,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure>;

    /// Plans the sockets of these channels, in place of earlier ones.
    ///
    /// # Errors
    /// A channel of a kind that `describe` does not name, or of a market that is not bound.
    fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure>;

    /// A planned socket is open, for the first time or again: subscribe to all its channels.
    fn on_open(&mut self, wire: &mut Wire, socket: u32);

    /// Reads a frame.
    ///
    /// # Errors
    /// It is not what the venue documents; the host counts it and shows the first ones.
    fn on_frame(&mut self, wire: &mut Wire, socket: u32, frame: &[u8]) -> Result<(), Malformed>;

    /// As often as the socket's `ping_ms` says: keep it alive.
    #[allow(unused_variables, reason = "the names of the parameters are documentation")]
    fn on_idle(&mut self, wire: &mut Wire, socket: u32) {}
}

/// Everything an adapter can say, in the order it said it: what the native harness keeps.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[allow(missing_docs, reason = "the cases are the imports of the contract")]
pub enum Said {
    Send { socket: u32, text: String },
    Fetch(Operation),
    Reconnect { socket: u32, why: String },
    Subscribed(u32),
    Refused { channel: u32, why: String },
    Gap { channel: u32, why: String },
    Quote(Top),
    Trade(Print),
    Bar(Candle),
    Levels { instrument: u32, ts_event: u64, snapshot: bool, bids: u32, words: Vec<i64> },
    Funding(Funding),
    Order(OrderReport),
    Fill(FillReport),
    Balance(Balance),
    Holding(Holding),
    Unknown(String),
}

/// An adapter with its calls as the contract has them: what wasm exports and the harness drives.
#[doc(hidden)]
pub struct Session<E>(pub(crate) E);

impl<E: Exchange> Session<E> {
    pub(crate) fn init(config: &[Entry]) -> Result<Self, Vec<Issue>> {
        E::new(params::from_entries(config)?).map(Self)
    }

    /// What an adapter with its defaults can do: for a host that asks before it configures.
    pub(crate) fn described_by_default() -> Option<Description> {
        let default = |spec: Spec| Entry { key: spec.key, value: spec.default };
        let config: Vec<_> = params::schema::<E::Params>().into_iter().map(default).collect();
        Self::init(&config).ok().map(|session| session.0.describe())
    }

    pub(crate) fn parse(
        &mut self,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure> {
        self.0.parse(&mut Wire::new(), operation, response).map_err(|failure| match failure {
            Failure::Malformed(why) if operation.writes() => Failure::OutcomeUnknown(why),
            other => other,
        })
    }

    pub(crate) fn on_open(&mut self, socket: u32) {
        self.0.on_open(&mut Wire::new(), socket);
    }

    pub(crate) fn on_frame(&mut self, socket: u32, frame: &[u8]) {
        let mut wire = Wire::new();
        if let Err(Malformed(why)) = self.0.on_frame(&mut wire, socket, frame) {
            wire.unknown(&why);
        }
    }

    pub(crate) fn on_idle(&mut self, socket: u32) {
        self.0.on_idle(&mut Wire::new(), socket);
    }
}

/// The exports of a component whose adapter is `E`; named by `export_exchange!`.
#[doc(hidden)]
pub struct ExchangeGuest<E>(PhantomData<E>);

fn early() -> Failure {
    Failure::Inexpressible("the call came before init".to_owned())
}

impl<E: Exchange + Seated<Session = Session<E>>> api::Guest for ExchangeGuest<E> {
    fn schema() -> Vec<Spec> {
        params::schema::<E::Params>()
    }
    fn describe() -> Description {
        let described = E::lend(|session| session.0.describe());
        described.or_else(Session::<E>::described_by_default).unwrap_or_else(Description::nothing)
    }
    fn init(config: Vec<Entry>) -> Result<(), Vec<Issue>> {
        E::sit(Session::init(&config)?);
        Ok(())
    }
    fn bind(markets: Vec<RawMarket>) {
        E::lend(|session| session.0.bind(Markets::new(markets)));
    }
    fn build(operation: Operation) -> Result<Request, Failure> {
        E::lend(|session| session.0.build(&operation)).ok_or_else(early)?
    }
    fn parse(operation: Operation, response: Response) -> Result<Reply, Failure> {
        E::lend(|session| session.parse(&operation, &response)).ok_or_else(early)?
    }
    fn plan(channels: Vec<Channel>) -> Result<Vec<Socket>, Failure> {
        E::lend(|session| session.0.plan(&channels)).ok_or_else(early)?
    }
    fn on_open(socket: u32) {
        E::lend(|session| session.on_open(socket));
    }
    fn on_frame(socket: u32, frame: Vec<u8>) {
        E::lend(|session| session.on_frame(socket, &frame));
    }
    fn on_idle(socket: u32) {
        E::lend(|session| session.on_idle(socket));
    }
    fn state_version() -> u32 {
        E::VERSION
    }
    fn save() -> Vec<u8> {
        E::lend(|session| session.0.save()).unwrap_or_default()
    }
    fn restore(version: u32, state: Vec<u8>) -> Result<(), String> {
        let result = E::lend(|session| restore_or_keep(&mut session.0, version, &state));
        result.ok_or("restore came before init")?.map_err(|error| error.to_string())
    }
}

impl Description {
    /// Nothing at all; adapters add to it.
    pub fn nothing() -> Self {
        Self {
            products: Vec::new(),
            channels: Vec::new(),
            operations: Vec::new(),
            bar_secs: Vec::new(),
            post_only: false,
            reduce_only: false,
            ioc: false,
            fok: false,
        }
    }
}

impl Operation {
    /// The failure of an adapter that has no such operation.
    pub fn unsupported(&self) -> Failure {
        Failure::Unsupported(format!("this adapter has no {}", self.name()))
    }
}

impl Response {
    /// A header by name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|pair| pair.name.eq_ignore_ascii_case(name));
        found.map(|pair| pair.value.as_str())
    }

    /// The wait that `Retry-After` asks for, in milliseconds; 0 where it says none in seconds.
    pub fn retry_after_ms(&self) -> u64 {
        let seconds = self.header("Retry-After").and_then(|text| text.trim().parse().ok());
        seconds.map_or(0, |seconds: u64| seconds.saturating_mul(1_000))
    }

    /// Whether the status says that all went well.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
