//! The connector: the one thread that knows how things stand with a venue.
//!
//! Comes in: [`Input`]s, one after the other. Goes out: market events, order news, notices, and what
//! the wire is to do. It starts by asking for the venue's markets, holds them against the operator's,
//! opens the sockets, asks after every order of an earlier run, and only then lets orders through.
//! Deliberately absent: bytes of any dialect, which are the adapter's; waiting for anything but its
//! own inputs.

mod compare;
mod orders;
mod parts;
mod requests;
mod sockets;
mod words;

pub(crate) use parts::{Parts, Taken, channels};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use wickd_egress::backoff::Backoff;
use wickd_egress::clock::Offset;
use wickd_model::{ClientId, InstrumentId, OrderEvent, Stamp, TsNs};
use wickd_policy::venue::ClientIdRule;
use wickd_sandbox::exchange::nouns::{Channel, Listing, Operation, Product};

use super::adapter::{Adapter, Mismatch, Turn, matched};
use super::book::Book;
use super::holdings::Holdings;
use super::streams::{Due, LinkState, Links};
use super::tracker::{Tracker, Windows};
use super::{Do, Input, convert};
use crate::denials::Denials;
use crate::events::{RefusedEvent, VenueEvent};
use crate::intake::Plugin;

const NS_PER_MS: u64 = 1_000_000;
/// Longest sleep between two looks at the clock.
const LOOK_MS: u64 = 50;
/// How long cancels may still take when the house ends; what is not confirmed by then is asked for at
/// the next start.
const LAST_WORDS_MS: u64 = 3_000;
/// How often the venue's clock is read.
const CLOCK_EVERY_MS: u64 = 300_000;
/// How often a session token is renewed: venues let it die after an hour.
const SESSION_EVERY_MS: u64 = 1_500_000;
/// How long an order may wait for the venue's limits: later its decision is old.
const ORDER_WAIT_MS: u64 = 1_000;
/// How long any other request may.
const ASK_WAIT_MS: u64 = 30_000;
/// After a request's window has closed, how long until it is certain that it is not accepted.
const SETTLE_MARGIN_MS: u64 = 500;
/// Questions of an adapter's own under way; each may lead to more, so without a bound they would be
/// a flood.
const FETCHES_MAX: usize = 64;

/// Why a request was made.
enum Purpose {
    Order(ClientId),
    Clock,
    Markets,
    Session(u32),
    /// Which orders rest at the venue.
    Resting,
    Fetch,
    /// What is owned; asked then.
    Compare(TsNs),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// No adapter, or nothing known of the markets: to be tried at this time.
    Starting(TsNs),
    /// The venue was asked for its markets.
    Asked,
    /// Markets are bound, sockets planned.
    Running,
}

/// A request under way.
struct Ticket {
    operation: Operation,
    purpose: Purpose,
    sent: TsNs,
    /// Where to, for people.
    target: String,
}

/// A venue's state; its own thread is the only one that ever sees it.
pub(crate) struct Connector {
    parts: Parts,
    adapter: Adapter,
    stage: Stage,
    products: Vec<Product>,
    listings: Vec<Listing>,
    /// The markets that the venue lists as the operator wrote them: orders for others do not leave.
    bound: Vec<InstrumentId>,
    links: Links,
    books: BTreeMap<InstrumentId, Book>,
    tracker: Tracker,
    tickets: BTreeMap<u64, Ticket>,
    last_ticket: u64,
    offset: Offset,
    clock_at: TsNs,
    session_at: TsNs,
    sessions: BTreeMap<u32, String>,
    client_ids: Option<ClientIdRule>,
    /// Orders of an earlier run of which the venue has not said yet how they stand; none once that
    /// was told.
    unsettled: Option<Vec<ClientId>>,
    holdings: Holdings,
    /// The adapter could not read all of the latest answer: what a list lacks is not known to be nothing.
    is_partial: bool,
    /// When holdings are compared next, when they were last, and how often asking has failed since.
    compare_at: TsNs,
    compared_at: TsNs,
    compare_failures: u32,
    /// Products whose first comparison has not ended. Until it has, no market data leaves: a strategy
    /// that decides on its first quote would be denied, because nobody knows yet what is owned.
    uncompared: Vec<Product>,
    /// The wall clock when this began: fills of before are in the first comparison.
    began_wall: TsNs,
    /// Waits between starts that fail.
    starts: Backoff,
    /// Why no order leaves.
    halted: Option<String>,
    denials: Denials,
    /// Buffers that are used again.
    out: Vec<OrderEvent>,
    operations: Vec<(ClientId, Operation)>,
    due: Vec<Due>,
}

impl Connector {
    pub(crate) fn new(mut parts: Parts) -> Self {
        let plan = parts.plan.clone();
        let adapter = Adapter::new(
            parts.runtime.clone(),
            parts.limits.for_adapter(),
            plan.settings.clone(),
            parts.notices.clone(),
            plan.name.clone(),
        );
        let mut products: Vec<Product> = Vec::new();
        for id in &plan.instruments {
            if let Some(instrument) = parts.instruments.get(*id as usize) {
                let product = convert::product(instrument.product);
                if !products.contains(&product) {
                    products.push(product);
                }
            }
        }
        Self {
            adapter,
            stage: Stage::Starting(0),
            listings: Vec::new(),
            bound: Vec::new(),
            links: Links::new(&plan.instruments, plan.stale_after_ms),
            books: BTreeMap::new(),
            tracker: Tracker::new(
                parts.instruments.clone(),
                &parts.sole,
                Windows::new(plan.recv_window_ms + SETTLE_MARGIN_MS, plan.read_lag_ms),
            ),
            tickets: BTreeMap::new(),
            last_ticket: 0,
            offset: Offset::default(),
            clock_at: 0,
            session_at: TsNs::MAX,
            sessions: BTreeMap::new(),
            client_ids: None,
            unsettled: None,
            holdings: Holdings::new(
                plan.instruments
                    .iter()
                    .filter_map(|id| parts.instruments.get(*id as usize).cloned())
                    .collect(),
                std::mem::take(&mut parts.owned),
                parts.unassigned,
                plan.read_lag_ms,
            ),
            is_partial: false,
            compare_at: 0,
            compared_at: 0,
            compare_failures: 0,
            uncompared: if plan.trades() { products.clone() } else { Vec::new() },
            products,
            began_wall: parts.clock.now_ns(),
            starts: Backoff::default(),
            halted: None,
            denials: Denials::new(plan.name.clone(), parts.notices.clone()),
            out: Vec::new(),
            operations: Vec::new(),
            due: Vec::new(),
            parts,
        }
    }

    /// Runs until it is told to stop, and then a little longer, so that the last cancels get out.
    pub(crate) fn run(mut self) {
        let mut end = TsNs::MAX;
        loop {
            let now = self.parts.clock.now_ns();
            if end < TsNs::MAX && (now >= end || !self.tracker.is_cancelling()) {
                break;
            }
            self.act(now);
            let next = self.next_due().saturating_sub(now) / NS_PER_MS;
            let wait = Duration::from_millis(next.clamp(1, LOOK_MS));
            match self.parts.inputs.recv_timeout(wait) {
                Ok(Input::Stop) => end = now + LAST_WORDS_MS * NS_PER_MS,
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(input) => {
                    let now = self.parts.clock.now_ns();
                    self.take(input, now);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        self.denials.sum_up();
        let _ = self.parts.wire.send(Do::Stop);
    }

    fn next_due(&self) -> TsNs {
        let orders = self.tracker.next_due().filter(|_| self.stage == Stage::Running);
        let links = self.links.next_due();
        orders.into_iter().chain(links).min().unwrap_or(TsNs::MAX)
    }

    fn take(&mut self, input: Input, now: TsNs) {
        match input {
            Input::Send(order) => self.send(order, now),
            Input::Cancel(id, reason) => self.cancel(id, reason, now),
            Input::Word(word, reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.word(word, now));
            }
            Input::Adapter(Some(plugin)) => self.take_adapter(&plugin, now),
            Input::Adapter(None) => self.unload_adapter(now),
            Input::Answer(ticket, answer) => self.answered(ticket, answer, now),
            Input::Opened { socket, epoch } if self.links.is_current(socket, epoch) => {
                self.links.opened(socket, now);
                self.call_adapter(now, |guest| guest.on_open(socket));
            }
            Input::Frame { socket, epoch, bytes, at } if self.links.is_current(socket, epoch) => {
                self.links.heard(socket, now);
                self.call_adapter(at, |guest| guest.on_frame(socket, &bytes, at));
            }
            Input::Beat { socket, epoch } if self.links.is_current(socket, epoch) => {
                self.links.heard(socket, now);
            }
            Input::Closed { socket, epoch, why, refused }
                if self.links.is_current(socket, epoch) =>
            {
                self.not_open(socket, &why, refused);
                self.closed(socket, &why, now);
            }
            Input::Opened { .. }
            | Input::Frame { .. }
            | Input::Beat { .. }
            | Input::Closed { .. }
            | Input::Stop => {}
        }
    }

    /// What the clock asks for.
    fn act(&mut self, now: TsNs) {
        if let Some(turn) = self.adapter.take_turn() {
            self.take_turn(turn, now);
        }
        match self.stage {
            Stage::Starting(at) if at <= now && self.adapter.plugin().is_some() => {
                return self.start(now);
            }
            Stage::Starting(_) | Stage::Asked => return,
            Stage::Running => {}
        }
        if now >= self.clock_at {
            self.clock_at = now + CLOCK_EVERY_MS * NS_PER_MS;
            self.ask(Operation::ServerTime, Purpose::Clock, now);
        }
        if now >= self.session_at {
            self.session_at = now + SESSION_EVERY_MS * NS_PER_MS;
            for token in self.sessions.values().cloned().collect::<Vec<_>>() {
                self.ask(Operation::KeepSession(token), Purpose::Fetch, now);
            }
        }
        self.compare_due(now);
        let mut due = std::mem::take(&mut self.due);
        self.links.due(now, &mut due);
        due.drain(..).for_each(|due| self.link_due(due, now));
        self.due = due;
        let mut operations = std::mem::take(&mut self.operations);
        self.tracker.due(now, &mut operations);
        for (id, operation) in operations.drain(..) {
            self.ask(operation, Purpose::Order(id), now);
        }
        self.operations = operations;
        self.say_when_settled();
    }

    /// After a restart the operator wants to know when every order is accounted for.
    fn say_when_settled(&mut self) {
        let Some(waiting) = &mut self.unsettled else { return };
        waiting.retain(|id| !self.tracker.is_settled(*id));
        if waiting.is_empty() {
            self.unsettled = None;
            self.say(VenueEvent::OrdersSettled { venue: self.name() });
        }
    }

    /// The first thing asked is the time, because everything signed depends on it.
    fn start(&mut self, now: TsNs) {
        self.stage = Stage::Asked;
        self.listings.clear();
        self.clock_at = now + CLOCK_EVERY_MS * NS_PER_MS;
        self.ask(Operation::ServerTime, Purpose::Clock, now);
        for product in self.products.clone() {
            self.ask(Operation::Instruments(product), Purpose::Markets, now);
        }
    }

    fn start_again(&mut self, why: &str, now: TsNs) {
        let wait_ms = self.starts.failed(0, (self.parts.random)());
        self.stage = Stage::Starting(now + wait_ms * NS_PER_MS);
        self.deny("start", RefusedEvent::NotReady { why: why.to_owned() });
    }

    /// Every listing has come: they are held against the operator's instruments.
    fn listed(&mut self, now: TsNs) {
        let mut markets = Vec::new();
        for id in &self.parts.plan.instruments {
            let Some(instrument) = self.parts.instruments.get(*id as usize) else { continue };
            match matched(instrument, &self.listings) {
                Ok(market) => {
                    self.set_least(instrument);
                    markets.push(market);
                }
                Err(Mismatch::Unlisted) => {
                    let (base, quote) = (&instrument.base, &instrument.quote);
                    let kind = instrument.product.name();
                    let market = format!("{kind} market {base}-{quote}");
                    self.say(VenueEvent::MarketUnknown { venue: self.name(), market });
                }
                Err(Mismatch::Differs(wrong)) => {
                    let (venue, symbol) = (self.name(), instrument.symbol.clone());
                    self.say(VenueEvent::MarketRulesDiffer { venue, symbol, how: wrong });
                }
            }
        }
        self.listings = Vec::new();
        let bound: Vec<_> = markets.iter().map(|market| market.instrument).collect();
        let channels = channels(&self.parts.plan, &self.parts.instruments, &bound);
        if self.adapter.bind(markets, now).is_none() {
            return self.start_again("the adapter did not take its markets", now);
        }
        self.bound = bound;
        self.plan(channels, now);
    }

    fn plan(&mut self, channels: Vec<Channel>, now: TsNs) {
        let planned = self.adapter.call(now, |guest| guest.plan(&channels));
        let sockets = match planned {
            Some(Ok(sockets)) => sockets,
            Some(Err(failure)) => {
                return self.start_again(&format!("no plan for its streams: {failure:?}"), now);
            }
            None => return self.start_again("the adapter failed while planning", now),
        };
        for socket in self.links.plan(channels, sockets, now) {
            let _ = self.parts.wire.send(Do::Close { socket });
        }
        if self.stage != Stage::Running {
            self.stage = Stage::Running;
            self.starts = Backoff::default();
            self.say(VenueEvent::Ready { venue: self.name() });
            self.unsettled = Some(self.parts.taken.iter().map(|taken| taken.order.id).collect());
            for taken in std::mem::take(&mut self.parts.taken) {
                let text = self.client_text(taken.epoch, taken.order.id);
                self.tracker.adopt(taken.order, text, &taken.heard, taken.cancel, now);
            }
            self.compare_at = now;
            self.clear();
            // Orders that this journal gave and does not know say that it is an older copy.
            let trades = self.parts.plan.trades();
            for id in self.bound.clone().into_iter().filter(|_| trades) {
                self.ask(Operation::OpenOrders(id), Purpose::Resting, now);
            }
        }
    }

    /// After a failure of the adapter: whoever is in its place now is told what it must know.
    fn take_turn(&mut self, turn: Turn, now: TsNs) {
        match turn {
            Turn::Back => self.take_manifest(),
            Turn::Fresh if self.stage == Stage::Running => {
                self.plan_anew("the adapter failed", now);
            }
            Turn::Fresh => {}
            Turn::Gone => {
                (0..self.links.links.len() as u32)
                    .for_each(|socket| self.reopen(socket, "there is no adapter", now));
                // The next one starts from the beginning; orders that are under way stay known.
                self.stage = Stage::Starting(now);
            }
        }
    }

    /// Requests are written under the manifest of the adapter in place.
    fn take_manifest(&mut self) {
        let Some(plugin) = self.adapter.plugin().cloned() else { return };
        self.client_ids = plugin.manifest.venue.as_ref().and_then(|v| v.client_id.clone());
        let _ = self.parts.wire.send(Do::Manifest(plugin));
    }

    /// An adapter that remembers nothing learns the channels, and every socket begins anew.
    fn plan_anew(&mut self, why: &str, now: TsNs) {
        (0..self.links.links.len() as u32).for_each(|socket| self.reopen(socket, why, now));
        self.plan(self.links.channels().to_vec(), now);
    }

    /// The adapter's file was removed. Its orders stay known, and nothing new is sent until there is
    /// another one.
    fn unload_adapter(&mut self, now: TsNs) {
        let Some(plugin) = self.adapter.unload() else { return };
        let (venue, orders) = (self.parts.plan.name.clone(), self.tracker.len());
        let event = VenueEvent::AdapterUnloaded { venue, orders };
        self.say_of(event, &plugin);
        self.take_turn(Turn::Gone, now);
    }

    fn take_adapter(&mut self, plugin: &Arc<Plugin>, now: TsNs) {
        let fits = plugin.manifest.name == self.parts.plan.plugin
            && self.parts.plan.range.matches(&plugin.manifest.version);
        let known = self.adapter.plugin().is_some_and(|live| live.is_same(plugin));
        if !fits || known {
            return;
        }
        let first = self.adapter.plugin().is_none();
        match self.adapter.replace(plugin) {
            Ok(carried) => {
                self.take_manifest();
                let (venue, label) = (self.name(), plugin.label());
                let links = self.links.links.iter();
                let sockets = links.filter(|link| link.state == LinkState::Open).count();
                let orders = self.tracker.len();
                let event = match first {
                    true => VenueEvent::AdapterSeated { venue, plugin: label, sockets, orders },
                    false => {
                        let plugin = label;
                        VenueEvent::AdapterSwapped { venue, plugin, carried, sockets, orders }
                    }
                };
                self.say_of(event, plugin);
                if !first && !carried && self.stage == Stage::Running {
                    self.plan_anew("a new adapter", now);
                }
            }
            Err(unusable) => {
                let (venue, label) = (self.name(), plugin.label());
                let event = VenueEvent::AdapterRefused { venue, plugin: label, why: unusable.0 };
                self.say_of(event, plugin);
            }
        }
    }
}

fn stamp(instrument: InstrumentId, ts_event: TsNs, now: TsNs) -> Stamp {
    Stamp { instrument, seq: 0, ts_event, ts_init: now }
}
