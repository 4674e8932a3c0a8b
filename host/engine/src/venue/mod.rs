//! A venue: one adapter, its sockets, its orders.
//!
//! Comes in: durable intents from the desk, admitted adapters from control, bytes from the wire. Goes
//! out: market events to the pump, order news to the lanes, requests and frames to the wire. Each
//! venue has two threads. The *connector* owns the adapter and everything that is known; it waits for
//! inputs and never for a socket. The *wire* owns the sockets and knows nothing but bytes: it is the
//! edge, and another one can stand in for it. Deliberately absent: paper trading, which lives in the
//! lanes, and keys, which the wire gives to egress and to nobody else.

mod adapter;
mod book;
mod connector;
mod convert;
mod fees;
mod holdings;
mod ids;
mod probe;
mod streams;
mod tracker;
mod wire;
mod wiring;

use std::sync::Arc;

use semver::VersionReq;
use wickd_model::{
    Adjustment, ClientId, InstrumentId, LossStops, Order, OrderEvent, PluginName, Reason, TsNs,
};
use wickd_policy::acceptance::Accept;
use wickd_policy::net::Grants;
use wickd_policy::params::Setting;
use wickd_policy::venue::Endpoint;
use wickd_policy::venue::catalogue::{Signing, Write};
use wickd_sandbox::exchange::nouns::{Request, Response, Socket};

use crate::intake::Plugin;

pub(crate) use adapter::{Adapter, market};
pub(crate) use connector::{Connector, Parts, Taken};
pub(crate) use holdings::{Fine, units};
pub(crate) use ids::ClientIds;
pub use ids::{client_text, longest_client_text};
pub use probe::{Probe, ProbeError};
pub(crate) use wire::Wire;
pub use wire::WireError;
pub(crate) use wiring::{Ear, Running, Start, Wiring};

/// Inputs a connector may have waiting. When it is full the wire stops reading its sockets, and the
/// desk waits.
pub(crate) const INPUTS_MAX: usize = 8_192;

/// A venue as the operator configured it.
#[derive(Clone, Debug)]
pub struct VenuePlan {
    /// What instruments call it.
    pub name: String,
    /// Its adapter.
    pub plugin: PluginName,
    /// Which versions of it.
    pub range: VersionReq,
    /// Whose bytes it takes.
    pub accept: Accept,
    /// The adapter's parameters.
    pub settings: Vec<Setting>,
    /// Other addresses for the manifest's endpoints: a testnet, a server on this machine.
    pub endpoints: Vec<Endpoint>,
    /// Where its adapter's requests may go.
    pub network: Grants,
    /// The credential slot its requests are signed with; none where only public data is wanted.
    pub credentials: Option<String>,
    /// What its signer may sign besides what the host knows of the venue at an address.
    pub signing: Signing,
    /// Orders for its instruments go to it; otherwise they are traded on paper.
    pub trade: bool,
    /// Loss stops of the account: of all slots that trade there, together.
    pub losses: LossStops,
    /// Orders the account may have open, over all its strategies.
    pub open_orders_max: u32,
    /// What is streamed of its instruments.
    pub streams: Streams,
    /// Silence of quotes after which they are stale.
    pub stale_after_ms: u64,
    /// How long a signed request stays valid at the venue.
    pub recv_window_ms: u64,
    /// How far the venue's reads may be behind its matching: within it an answer without an order, or
    /// with a position of before, proves nothing.
    pub read_lag_ms: u64,
    /// Its instruments.
    pub instruments: Vec<InstrumentId>,
}

impl VenuePlan {
    /// Whether its credentials are there and can be used, without using them.
    ///
    /// # Errors
    /// The file is not believed, cannot be read, or has no such slot.
    pub fn try_credentials(&self, credentials: &crate::plan::Credentials) -> Result<(), WireError> {
        wire::slot(self, credentials).map(drop)
    }

    /// Whether orders go there: then what is owned there is compared with what it says.
    pub(crate) fn trades(&self) -> bool {
        self.trade && self.credentials.is_some()
    }
}

/// What is streamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// The top of the book as the venue says it.
    pub quotes: bool,
    /// The book, whose top makes quotes.
    pub depth: bool,
    /// Trades.
    pub trades: bool,
}

/// What a connector hears.
pub(crate) enum Input {
    /// An order whose intent is durable.
    Send(Order),
    /// A cancel that is durable.
    Cancel(ClientId, Reason),
    /// The adapter's bytes; none where its file was removed.
    Adapter(Option<Arc<Plugin>>),
    /// The answer to the request with this ticket.
    Answer(u64, Answer),
    /// A socket is open. `epoch` counts its openings: what comes late from an earlier one is nothing.
    Opened { socket: u32, epoch: u32 },
    /// Bytes of a socket, and when they arrived.
    Frame { socket: u32, epoch: u32, bytes: Vec<u8>, at: TsNs },
    /// A ping or a pong of a socket: it says nothing, and is alive.
    Beat { socket: u32, epoch: u32 },
    /// It is closed, or could not be opened. `refused` where the house did not let it open or go on.
    Closed { socket: u32, epoch: u32, why: String, refused: bool },
    /// The operator asks what is owned, or has said something about it.
    Word(Word, std::sync::mpsc::Sender<Result<Vec<OwnedRow>, String>>),
    /// The end.
    Stop,
}

/// What an operator says to a venue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    /// What is owned there?
    Positions,
    /// This slot takes what the venue has and no other slot owns.
    Adopt {
        /// Its number; that of `unassigned` where no slot is to have it.
        slot: u32,
        /// Of which instrument.
        instrument: InstrumentId,
    },
    /// A venue that was halted goes on.
    Resume,
}

/// What is owned of one asset or position, for people: amounts are decimal text in base units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OwnedRow {
    pub(crate) venue: String,
    pub(crate) what: String,
    pub(crate) instruments: Vec<InstrumentId>,
    /// By slot number.
    pub(crate) slots: Vec<(u32, String)>,
    pub(crate) ours: String,
    pub(crate) theirs: Option<String>,
    pub(crate) standing: &'static str,
    pub(crate) halted: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The venue answered.
    Response(Response),
    /// No byte left the house: it may be sent again.
    Unsent(String),
    /// It left, and no answer came.
    Lost(String),
    /// The house refused: a right, an address, a recipe.
    Refused(String),
    /// The house refused what an honest adapter never asks for.
    Breach(String),
    /// The venue's limits let it go only in so many milliseconds.
    Limited(u64),
}

/// What a request is about.
#[derive(Debug, Default)]
pub(crate) struct Subject {
    /// The order it writes: only then, and only as that order, is anything signed that trades.
    pub(crate) order: Option<Write>,
    /// The instrument it concerns, where it concerns one: some venues count by it.
    pub(crate) instrument: Option<InstrumentId>,
}

/// What a connector wants of the wire.
pub(crate) enum Do {
    /// Send a request. It is given up where the limits let it go only after `wait_ms`.
    Request { ticket: u64, request: Request, wait_ms: u64, of: Subject },
    /// From now on requests are read by this plugin's manifest.
    Manifest(Arc<Plugin>),
    /// Open a socket.
    Open { socket: u32, epoch: u32, plan: Socket, path: String },
    /// Send text.
    Text { socket: u32, text: String },
    /// Close a socket.
    Close { socket: u32 },
    /// The venue has shut this house out for so many milliseconds: nothing is sent meanwhile.
    Ban(u64),
    /// The venue's clock is ahead of ours by this much.
    Offset(i64),
    /// The end.
    Stop,
}

/// What a lane hears of a venue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    /// Something became of an order.
    Order(OrderEvent),
    /// A position changed without one.
    Adjust(Adjustment),
}

/// A lane's end of a venue's news.
pub(crate) struct NewsTap {
    pub(crate) ring: rtrb::Producer<News>,
    pub(crate) waker: crate::lane::Waker,
}
