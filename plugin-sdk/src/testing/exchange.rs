//! The harness of an adapter.
//!
//! Comes in: operations, responses, frames. Goes out: requests, replies, and everything the adapter
//! said. Deliberately absent: networks and signatures.

use super::{START_NS, config};
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Value};
use crate::exchange::{
    Channel, ChannelKind, Description, Exchange, Failure, Markets, Operation, Pair, RawMarket,
    Reply, Request, Response, Said, Session, Socket,
};
use crate::host::{self, World};
use crate::params;
use crate::state::restore_or_keep;
use crate::{Product, TsNs};

/// One adapter and its world.
pub struct ExchangeTest<E> {
    session: Session<E>,
    world: World,
    config: Vec<Entry>,
    markets: Vec<RawMarket>,
}

impl<E: Exchange> ExchangeTest<E> {
    /// Makes the adapter with these parameters and defaults for the rest, and binds the markets.
    ///
    /// # Errors
    /// A parameter is unknown or out of bounds, or the adapter refused it.
    pub fn new(given: &[(&str, Value)], markets: &[RawMarket]) -> Result<Self, Vec<Issue>> {
        let config = config::complete(&params::schema::<E::Params>(), given)?;
        Self::made(config, markets.to_vec(), World { now: START_NS, ..World::default() })
    }

    fn made(
        config: Vec<Entry>,
        markets: Vec<RawMarket>,
        mut world: World,
    ) -> Result<Self, Vec<Issue>> {
        let made: Result<_, Vec<Issue>> = host::enter(&mut world, || {
            let mut session = Session::<E>::init(&config)?;
            session.0.bind(Markets::new(markets.clone()));
            Ok(session)
        });
        Ok(Self { session: made?, world, config, markets })
    }

    fn call<R>(&mut self, call: impl FnOnce(&mut Session<E>) -> R) -> R {
        host::enter(&mut self.world, || call(&mut self.session))
    }

    /// The markets bound.
    pub(super) fn markets(&self) -> Markets {
        Markets::new(self.markets.clone())
    }

    /// What it can do.
    pub fn describe(&self) -> Description {
        self.session.0.describe()
    }

    /// Writes a request.
    ///
    /// # Errors
    /// The adapter's.
    pub fn build(&mut self, operation: &Operation) -> Result<Request, Failure> {
        self.call(|session| session.0.build(operation))
    }

    /// Reads a response.
    ///
    /// # Errors
    /// The adapter's.
    pub fn parse(&mut self, operation: &Operation, response: &Response) -> Result<Reply, Failure> {
        self.call(|session| session.parse(operation, response))
    }

    /// Reads a response of status 200 without headers.
    ///
    /// # Errors
    /// The adapter's.
    pub fn parse_ok(&mut self, operation: &Operation, body: &str) -> Result<Reply, Failure> {
        self.parse(operation, &response(200, &[], body))
    }

    /// Plans sockets.
    ///
    /// # Errors
    /// The adapter's.
    pub fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        self.call(|session| session.0.plan(channels))
    }

    /// Opens a socket; returns what the adapter said.
    pub fn open(&mut self, socket: u32) -> Vec<Said> {
        self.call(|session| session.on_open(socket));
        self.said()
    }

    /// Hands over a frame; returns what the adapter said.
    pub fn frame(&mut self, socket: u32, frame: impl AsRef<[u8]>) -> Vec<Said> {
        self.call(|session| session.on_frame(socket, frame.as_ref()));
        self.said()
    }

    /// Calls `on_idle`; returns what the adapter said.
    pub fn idle(&mut self, socket: u32) -> Vec<Said> {
        self.call(|session| session.on_idle(socket));
        self.said()
    }

    /// Takes what the adapter said since the last call that returned it.
    pub fn said(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.world.said)
    }

    /// The time of the calls to come.
    pub fn set_now(&mut self, now: TsNs) {
        self.world.now = now;
    }

    /// The saved state.
    pub fn save(&self) -> Vec<u8> {
        self.session.0.save()
    }

    /// Swaps the instance as the host does while sockets stay open: saves, makes a fresh one, binds
    /// the same markets, restores. Nothing is planned again.
    ///
    /// # Panics
    /// The adapter does not take its own parameters or state, or keeps none.
    pub fn restart(self) -> Self {
        let saved = self.save();
        let made = Self::made(self.config, self.markets, self.world);
        let mut next = made.expect("the same parameters are taken again");
        let restored = restore_or_keep(&mut next.session.0, E::VERSION, &saved);
        restored.expect("an adapter reads its own state");
        next
    }
}

/// A response.
pub fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let pair = |(name, value): &(&str, &str)| Pair {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    Response { status, headers: headers.iter().map(pair).collect(), body: body.as_bytes().to_vec() }
}

/// A channel without detail.
pub fn channel(id: u32, instrument: u32, kind: ChannelKind) -> Channel {
    Channel { id, instrument, kind, detail: 0 }
}

/// BTC-USDT of that product under a venue's name, with cents and millionths, `contract` base units
/// a contract.
pub fn btc_market(instrument: u32, native: &str, product: Product, contract: &str) -> RawMarket {
    RawMarket {
        instrument,
        native: native.to_owned(),
        product,
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        size_scale: 6,
        contract_size: contract.to_owned(),
    }
}
