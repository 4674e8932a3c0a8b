//! A probe: the daemon's wire and one adapter, driven by hand.
//!
//! Comes in: a venue's plan, an admitted adapter, questions. Goes out: answers, and what the sockets
//! say. Every request goes the way an order goes: grants, limits, signature, sent once. Deliberately
//! absent: strategies, the journal, anything that asks a second time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use wickd_egress::clock::Offset;
use wickd_egress::limit::Limiter;
use wickd_model::{Fault, Instrument, InstrumentId, Limits};
use wickd_sandbox::Runtime;
use wickd_sandbox::exchange::nouns::{Channel, Description, Failure, Operation, Reply, Socket};
use wickd_sandbox::exchange::{ExchangeGuest, Said};

use super::adapter::{Mismatch, matched};
use super::{
    Answer, Do, INPUTS_MAX, Input, VenuePlan, Wire, WireError, connector, convert, wiring,
};
use crate::clock::WallClock;
use crate::edges::Edges;
use crate::intake::Plugin;
use crate::plan::Plan;

const NS_PER_MS: u64 = 1_000_000;

/// Why a probe got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No way out of the house.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The adapter died.
    #[error("the adapter failed: {0}")]
    Fault(Box<Fault>),
    /// The adapter cannot be used.
    #[error("the adapter cannot be used: {0}")]
    Unusable(String),
    /// The adapter, or the venue through it, said no.
    #[error("{0:?}")]
    Failure(Failure),
    /// Nothing left the house.
    #[error("it was not sent: {0}")]
    Unsent(String),
    /// It left, and no answer came.
    #[error("no answer: {0}")]
    Lost(String),
    /// The house refused.
    #[error("refused by the house: {0}")]
    Refused(String),
    /// It may go only later.
    #[error("the venue's limits let it go in {0} ms")]
    Limited(u64),
    /// An answer to another question, or a time nobody believes.
    #[error("{0}")]
    Odd(String),
}

impl From<Box<Fault>> for ProbeError {
    fn from(fault: Box<Fault>) -> Self {
        Self::Fault(fault)
    }
}

/// What came of one question.
type Outcome = Result<Reply, ProbeError>;

/// A wire and an adapter.
pub struct Probe {
    wire: Wire,
    inputs: Receiver<Input>,
    guest: ExchangeGuest,
    plan: VenuePlan,
    /// What client ids start with.
    prefix: String,
    instruments: Vec<Instrument>,
    clock: WallClock,
    offset: Offset,
    tickets: BTreeMap<u64, Operation>,
    last_ticket: u64,
    sockets: Vec<Socket>,
    said: Vec<Said>,
    /// Sockets that closed, and why.
    pub closed: Vec<String>,
}

impl Probe {
    /// Starts the wire of one venue of the plan, with this adapter.
    ///
    /// # Errors
    /// Keys or trust are missing, or the adapter does not take its parameters.
    pub fn start(
        runtime: &Runtime,
        plan: &Plan,
        venue: &VenuePlan,
        plugin: Arc<Plugin>,
    ) -> Result<Self, ProbeError> {
        let limits: Limits = plugin.limits(plan.limits.for_adapter());
        let guest = plugin.adapter(runtime, &limits);
        let none = || ProbeError::Unusable("it is no exchange adapter".to_owned());
        let mut guest = guest.ok_or_else(none)??;
        let config = plugin.schema.resolve(&venue.settings).map_err(|problems| {
            let all: Vec<_> = problems.iter().map(ToString::to_string).collect();
            ProbeError::Unusable(all.join("; "))
        })?;
        guest.init(&config)?.map_err(|issues| {
            let all: Vec<_> =
                issues.iter().map(|it| format!("{}: {}", it.key, it.message)).collect();
            ProbeError::Unusable(all.join("; "))
        })?;
        let edges = Edges::system();
        let (ear, inputs) = sync_channel(INPUTS_MAX);
        let limiter = Arc::new(Limiter::new(wiring::SLACK_MS));
        let wire = Wire::start(venue, &plan.credentials, ear, &edges, &limiter)?;
        let rule = plugin.manifest.venue.as_ref().and_then(|venue| venue.client_id.as_ref());
        let prefix = rule.map_or_else(String::new, |rule| rule.prefix.clone());
        let _ = wire.orders.send(Do::Manifest(plugin));
        Ok(Self {
            prefix,
            wire,
            inputs,
            guest,
            plan: venue.clone(),
            instruments: plan.instruments.clone(),
            clock: edges.clock,
            offset: Offset::default(),
            tickets: BTreeMap::new(),
            last_ticket: 0,
            sockets: Vec::new(),
            said: Vec::new(),
            closed: Vec::new(),
        })
    }

    /// What the adapter says it can do.
    ///
    /// # Errors
    /// It faults.
    pub fn describe(&mut self) -> Result<Description, ProbeError> {
        Ok(self.guest.describe()?)
    }

    /// A client id as the venue wants it.
    pub fn client_text(&self, house: u32, slot: u32, intent: u64) -> String {
        super::client_text(&self.prefix, house, 0, slot, intent)
    }

    /// Asks once, and waits so long for the answer.
    ///
    /// # Errors
    /// Everything that is no answer.
    pub fn ask(&mut self, operation: &Operation, wait_ms: u64) -> Result<Reply, ProbeError> {
        let ticket = self.request(operation.clone(), wait_ms)?;
        let end = Instant::now() + Duration::from_millis(wait_ms);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(input) = self.inputs.recv_timeout(left) else {
                self.tickets.remove(&ticket);
                return Err(ProbeError::Lost(format!("none within {wait_ms} ms")));
            };
            if let Some((answered, outcome)) = self.take(input)?
                && answered == ticket
            {
                return outcome;
            }
        }
    }

    /// Reads the venue's clock, signs by it from now on, and gives how far it is ahead of ours, in
    /// milliseconds.
    ///
    /// # Errors
    /// No answer, or a time nobody believes.
    pub fn read_clock(&mut self, wait_ms: u64) -> Result<i64, ProbeError> {
        let sent = self.clock.now_ns();
        let Reply::Time(venue) = self.ask(&Operation::ServerTime, wait_ms)? else {
            return Err(ProbeError::Odd("an answer to something else".to_owned()));
        };
        let [sent, got, venue] = [sent, self.clock.now_ns(), venue].map(|ns| ns / NS_PER_MS);
        self.offset.heard(sent, got, venue).map_err(|error| ProbeError::Odd(error.to_string()))?;
        let _ = self.wire.orders.send(Do::Offset(self.offset.offset_ms()));
        Ok(self.offset.offset_ms())
    }

    /// Holds the venue's listings against the plan's instruments and tells the adapter those that
    /// fit; gives them, and in words what does not.
    ///
    /// # Errors
    /// No listings, or the adapter faults.
    pub fn bind(&mut self, wait_ms: u64) -> Result<(Vec<InstrumentId>, Vec<String>), ProbeError> {
        let mine = |id: &InstrumentId| self.instruments.get(*id as usize).cloned();
        let mine: Vec<Instrument> = self.plan.instruments.iter().filter_map(mine).collect();
        let mut listings = Vec::new();
        let mut asked = Vec::new();
        for product in mine.iter().map(|instrument| convert::product(instrument.product)) {
            if !asked.contains(&product) {
                asked.push(product);
                match self.ask(&Operation::Instruments(product), wait_ms)? {
                    Reply::Listings(more) => listings.extend(more),
                    _ => return Err(ProbeError::Odd("an answer to something else".to_owned())),
                }
            }
        }
        let (mut markets, mut wrong) = (Vec::new(), Vec::new());
        for instrument in &mine {
            match matched(instrument, &listings) {
                Ok(market) => markets.push(market),
                Err(Mismatch::Unlisted) => {
                    wrong.push(format!("{} is not listed there", instrument.symbol));
                }
                Err(Mismatch::Differs(why)) => wrong.push(format!("{}: {why}", instrument.symbol)),
            }
        }
        self.guest.bind(&markets)?;
        Ok((markets.iter().map(|market| market.instrument).collect(), wrong))
    }

    /// Plans and opens the sockets of the channels the daemon would listen to; gives those channels.
    ///
    /// # Errors
    /// There is no plan, or a session token does not come.
    pub fn listen(
        &mut self,
        instruments: &[InstrumentId],
        wait_ms: u64,
    ) -> Result<Vec<Channel>, ProbeError> {
        let channels = connector::channels(&self.plan, &self.instruments, instruments);
        self.sockets = self.guest.plan(&channels)?.map_err(ProbeError::Failure)?;
        for (socket, plan) in (0..).zip(self.sockets.clone()) {
            let mut path = plan.path.clone();
            if let Some(product) = plan.session {
                match self.ask(&Operation::OpenSession(product), wait_ms)? {
                    Reply::Session(token) => path = path.replace("{session}", &token),
                    _ => return Err(ProbeError::Odd("no token for a session".to_owned())),
                }
            }
            if plan.endpoint.is_empty() {
                // Nothing to connect to: its adapter asks for what it wants.
                self.take(Input::Opened { socket, epoch: 0 })?;
                continue;
            }
            let _ = self.wire.orders.send(Do::Open { socket, epoch: 0, plan, path });
        }
        Ok(channels)
    }

    /// What was said since this was asked last; waits so long for the first of it.
    ///
    /// # Errors
    /// The adapter faults.
    pub fn hear(&mut self, wait_ms: u64) -> Result<Vec<Said>, ProbeError> {
        let end = Instant::now() + Duration::from_millis(wait_ms);
        while self.said.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(input) = self.inputs.recv_timeout(left) else { break };
            self.take(input)?;
        }
        Ok(std::mem::take(&mut self.said))
    }

    fn request(&mut self, operation: Operation, wait_ms: u64) -> Result<u64, ProbeError> {
        self.guest.set_now(self.clock.now_ns());
        let request = self.guest.build(&operation)?.map_err(ProbeError::Failure)?;
        let of = convert::subject(&operation, &self.instruments);
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.tickets.insert(ticket, operation);
        let _ = self.wire.orders.send(Do::Request { ticket, request, wait_ms, of });
        Ok(ticket)
    }

    fn take(&mut self, input: Input) -> Result<Option<(u64, Outcome)>, ProbeError> {
        self.guest.set_now(self.clock.now_ns());
        let mut answered = None;
        match input {
            Input::Answer(ticket, answer) => {
                let Some(operation) = self.tickets.remove(&ticket) else { return Ok(None) };
                answered = Some((ticket, self.read(&operation, answer)?));
            }
            Input::Opened { socket, .. } => self.guest.on_open(socket)?,
            Input::Frame { socket, bytes, at, .. } => self.guest.on_frame(socket, &bytes, at)?,
            Input::Closed { socket, why, .. } => {
                let plan = self.sockets.get(socket as usize);
                let endpoint = plan.map_or("", |plan| plan.endpoint.as_str());
                self.closed.push(format!("the socket to `{endpoint}` closed: {why}"));
            }
            Input::Beat { .. }
            | Input::Send(_)
            | Input::Cancel(..)
            | Input::Adapter(_)
            | Input::Word(..)
            | Input::Stop => {}
        }
        let mut said = Vec::new();
        self.guest.drain(&mut said);
        for said in said {
            match said {
                Said::Send { socket, text } => {
                    let _ = self.wire.orders.send(Do::Text { socket, text });
                }
                // A snapshot for a book; one that does not come shows as a channel that is silent.
                Said::Fetch(operation) => drop(self.request(operation, u64::from(u16::MAX))?),
                other => self.said.push(other),
            }
        }
        Ok(answered)
    }

    fn read(&mut self, operation: &Operation, answer: Answer) -> Result<Outcome, ProbeError> {
        Ok(match answer {
            Answer::Response(response) => {
                self.guest.parse(operation, &response)?.map_err(ProbeError::Failure)
            }
            Answer::Unsent(why) => Err(ProbeError::Unsent(why)),
            Answer::Lost(why) => Err(ProbeError::Lost(why)),
            Answer::Refused(why) | Answer::Breach(why) => Err(ProbeError::Refused(why)),
            Answer::Limited(wait_ms) => Err(ProbeError::Limited(wait_ms)),
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // The wire ends by itself; nobody needs to wait for it.
        let _ = self.wire.orders.send(Do::Stop);
    }
}
