//! The paper venue: a matching simulation in event time.
//!
//! Comes in: orders and cancels with the event time of their decision, and every market event
//! before any plugin sees it. Goes out: the venue's truth for its ledger, and order events for the
//! slots, each due one latency later. Deliberately absent: clocks, disk, depth below the touch, our
//! orders' effect on the market, and matching of our orders against each other.
//!
//! The rules, which decide every fill:
//! * A message travels `latency_ms` each way. What arrives at or before an event's time meets the
//!   market as it stood before that event.
//! * An order takes at the touch, at most the touch's size times the participation share, and pays
//!   the taker fee. The rest expires (`ioc`; `fok` takes all or nothing) or waits (`gtc`): a limit
//!   order rests, a market order takes again at later quotes.
//! * A resting limit order fills at its own price for the maker fee where a quote crosses it, a
//!   trade prints through it, or prints at it from the other side; at most the share of that size.
//!   Orders share by price, then by arrival. A slot shares with itself alone, as if no other were there,
//!   unless the configuration has all slots share one market.
//! * While a feed is stale or down, and for events at or below the restored cursor, nothing fills.
//! * A waiting market order of an instrument that has never had a quote fills at prints.
//! * Where bars are all that ever came of an instrument, no order takes on arrival. It meets the next bar
//!   that ends after its arrival, and each taker has the share of that bar's volume. A bar without volume
//!   fills nothing.
//!   * At the open, for the taker fee: market orders, and limit orders that the open reaches. What an
//!     `ioc` has left then expires, a `fok` fills whole or not at all, and the rest of a `gtc` waits.
//!   * Then, at their own price for the maker fee: limit orders that the bar traded strictly through, and
//!     post-only ones that it opened at or beyond. A post-only order that reaches the last close when it
//!     arrives is rejected.
//!   * The adverse side is first. For a slot that is long or flat the low is worked before the high, for
//!     one that is short the high before the low.
//!   * Of bars of several lengths the shortest count. From the first quote or trade on bars fill nothing.
//!
//! Every choice is a function of the configuration and the inputs, so equal inputs in equal order
//! give equal outputs, at any speed.

use wickd_model::{
    ClientId, Event, Instrument, InstrumentId, IntentId, Kind, Order, OrderEvent, Reason, Side,
    Stamp, Status, Tif, TsNs,
};
use wickd_store::{PaperCarried, VenueRecord};

use super::matching::Taker;
use super::under_way::{Sent, UnderWay};
use super::unfilled::unfilled;
pub(crate) use accounts::Account;
use accounts::{Accounts, Entry};
pub use config::{PaperConfig, PaperMarket};
use pits::Pits;
use post::{Message, Post};
use resting::{Resting, find, needs};

mod accounts;
mod config;
mod on_bars;
mod on_ticks;
mod pits;
mod post;
mod resting;

/// In the order in which they are offered anything.
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Why the venue did not even take an order in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Its client id is not above the slot's last one: the order is known, ask for it.
    #[error("the venue knows this client id already")]
    Duplicate,
    /// `live_orders_max` orders are live.
    #[error("the paper venue is full: raise `paper.live_orders_max`")]
    Full,
}

/// A fill that an order is about to have.
#[derive(Clone, Copy)]
struct Offer {
    price: i64,
    size: i64,
    maker: bool,
}

/// The paper venue of one lane.
#[derive(Clone, Debug)]
pub(crate) struct PaperVenue {
    config: PaperConfig,
    pits: Pits,
    post: Post,
    /// Live orders by arrival.
    resting: Vec<Resting>,
    /// A buffer that is used again: who takes from an event.
    takers: Vec<Taker>,
    accounts: Accounts,
    /// Last intent sent, by slot.
    last_intents: Vec<(u32, IntentId)>,
    last_trade_id: u64,
    /// Restored fills, until the past market has been fed again.
    past_fills: Vec<OrderEvent>,
    now: TsNs,
    seq: u64,
    cursor: u64,
}

impl PaperVenue {
    /// A venue for `instruments` that never saw an order.
    pub(crate) fn new(config: PaperConfig, instruments: &[Instrument]) -> Self {
        let live = config.live_orders_max as usize;
        Self {
            config,
            pits: Pits::new(instruments, config.participation_ppm),
            post: Post::new(config.latency_ms, config.live_orders_max),
            resting: Vec::with_capacity(live.min(64)),
            takers: Vec::new(),
            accounts: Accounts::new(config.funds),
            last_intents: Vec::new(),
            last_trade_id: 0,
            past_fills: Vec::new(),
            now: 0,
            seq: 0,
            cursor: 0,
        }
    }

    /// Goes on from what a checkpoint says of a slot's account.
    pub(crate) fn carry_on(&mut self, of: &PaperCarried) {
        self.accounts.carry_on(of);
    }

    /// Goes on from the last fill that a checkpoint knows of.
    pub(crate) fn follow(&mut self, trade_id: u64) {
        self.last_trade_id = self.last_trade_id.max(trade_id);
    }

    /// What a checkpoint says of the accounts, and of the last fill.
    pub(crate) fn carried(&self) -> (Vec<PaperCarried>, u64) {
        (self.accounts.carried(), self.last_trade_id)
    }

    /// Takes one ledger record in again after a restart, in the ledger's order.
    pub(crate) fn restore(&mut self, record: &VenueRecord) {
        match record {
            VenueRecord::Order(order) => {
                self.note_intent(order.id);
                self.resting.push(Resting { order: *order, filled: 0 });
            }
            VenueRecord::Event(event) => {
                self.now = self.now.max(event.at.ts_event);
                self.last_trade_id = self.last_trade_id.max(event.trade_id);
                let Some(place) = find(&self.resting, event.id) else { return };
                if event.last_size > 0 {
                    self.past_fills.push(*event);
                    let (side, size, fee) = (event.side, event.last_size, event.fee);
                    let pit = self.pits.get(event.at.instrument);
                    // A fill's value fitted when it was made.
                    let value = pit.and_then(|pit| pit.instrument.notional(event.last_price, size));
                    let entry = Entry { side, size, value: value.unwrap_or(0), fee };
                    self.accounts.add(event.id, event.at.instrument, entry);
                }
                self.resting[place].filled = event.filled;
                if event.status.is_final() {
                    self.resting.remove(place);
                }
            }
        }
    }

    /// Ends the restore: market events up to `market_seq`, the ledger's cursor, were matched before
    /// and only set prices when they are fed again.
    pub(crate) fn resume(&mut self, market_seq: u64) {
        self.cursor = market_seq;
    }

    /// After `resume`: the market before this run again. It sets prices and what our fills have left
    /// of them; nothing fills.
    pub(crate) fn on_past(&mut self, events: &[Event]) {
        let fills = std::mem::take(&mut self.past_fills);
        for event in events {
            let at = event.at();
            (self.now, self.seq) = (self.now.max(at.ts_event), at.seq);
            let market = self.config.market;
            self.pits.hear_past(event, &fills, |slot| market.taker(slot));
        }
    }

    /// Takes what was under way when the last run ended, each with the time it was sent at.
    pub(crate) fn resume_under_way(
        &mut self,
        under_way: &UnderWay,
        belongs: impl Fn(ClientId) -> bool,
    ) {
        for sent in under_way.sent.iter().filter(|sent| belongs(sent.id())) {
            match sent {
                Sent::Order(order) => {
                    self.note_intent(order.id);
                    self.post.send(Message::Order(*order), order.ts_event);
                }
                Sent::Cancel(id, reason, ts) => {
                    self.post.send(Message::Cancel(*id, *reason), *ts);
                }
            }
        }
        let answers = under_way.answers.iter().filter(|event| belongs(event.id));
        answers.for_each(|event| self.post.answer(*event));
    }

    /// Sends an order decided at event time `now`. Call it only when its intent is durable.
    ///
    /// # Errors
    /// [`Refused`]; nothing changed, and no answer will come.
    pub(crate) fn submit(&mut self, order: &Order, now: TsNs) -> Result<(), Refused> {
        if order.id.intent <= self.last_intent(order.id.slot) {
            return Err(Refused::Duplicate);
        }
        if !self.post.fits_order(self.resting.len()) {
            return Err(Refused::Full);
        }
        self.note_intent(order.id);
        self.post.send(Message::Order(*order), self.now.max(now));
        Ok(())
    }

    /// Sends a cancel decided at event time `now`. One that finds its order done has no answer of
    /// its own: the order's last event is on its way.
    pub(crate) fn cancel(&mut self, id: ClientId, reason: Reason, now: TsNs) {
        self.post.send(Message::Cancel(id, reason), self.now.max(now));
    }

    /// When the next message arrives, at the venue or at a slot. Before event time passes it, what
    /// was sent must be durable.
    pub(crate) fn next_due(&self) -> Option<TsNs> {
        self.post.next_due()
    }

    /// Lets event time pass up to `ts`: messages due by then meet the market as it stands. What the
    /// venue did is added to `truth`, to be appended to the ledger whole.
    pub(crate) fn advance(&mut self, ts: TsNs, truth: &mut Vec<VenueRecord>) {
        while let Some((due, message)) = self.post.receive(ts) {
            self.now = self.now.max(due);
            match message {
                Message::Order(order) => self.arrive(&order, truth),
                Message::Cancel(id, reason) => {
                    if let Some(place) = find(&self.resting, id) {
                        self.finish(place, Status::Cancelled, reason, truth);
                    }
                }
            }
        }
        self.now = self.now.max(ts);
    }

    /// The next answer that reached its slot by `ts`. Its `at.seq` is the market sequence number
    /// at which the venue made it; the lane writes its own over it.
    pub(crate) fn answer(&mut self, ts: TsNs) -> Option<OrderEvent> {
        self.post.deliver(ts)
    }

    /// Takes in a market event, after letting time pass up to it.
    pub(crate) fn on_market(&mut self, event: &Event, truth: &mut Vec<VenueRecord>) {
        let at = *event.at();
        self.advance(at.ts_event, truth);
        self.seq = at.seq;
        let Some(place) = self.pits.hear(event) else { return };
        if self.resting.is_empty() || at.seq <= self.cursor || !self.pits[place].is_live() {
            return;
        }
        match event {
            Event::Quote(_) => self.match_quote(place, truth),
            Event::Trade(trade) => self.match_print(place, trade, truth),
            Event::Bar(bar) => self.match_bar(place, bar, truth),
            Event::Feed(_) => {}
        }
    }

    /// What a slot has of an instrument here.
    pub(crate) fn account(&self, slot: u32, instrument: InstrumentId) -> Account {
        self.accounts.get(slot, instrument)
    }

    /// Orders that rest here.
    #[cfg(test)]
    pub(crate) fn resting_len(&self) -> usize {
        self.resting.len()
    }

    fn arrive(&mut self, order: &Order, truth: &mut Vec<VenueRecord>) {
        truth.push(VenueRecord::Order(*order));
        self.resting.push(Resting { order: *order, filled: 0 });
        let place = self.resting.len() - 1;
        if let Some(reason) = self.refusal(order) {
            return self.finish(place, Status::Rejected, reason, truth);
        }
        let request = &order.request;
        let Some(pit) = self.pits.get(request.instrument) else { return };
        // Where only bars come there is nothing to take: whatever it is waits for the next one.
        let waits = pit.is_live() && pit.is_bar_fed();
        let taker = self.config.market.taker(order.id.slot);
        let (price, left) = pit.takeable(taker, request.side);
        let takes = request.kind == Kind::Market || pit.crosses(request.side, request.price);
        let size = if takes { request.size.min(left) } else { 0 };
        let whole = request.tif != Tif::Fok || size == request.size;
        if size > 0 && whole {
            let filled = self.fill(place, Offer { price, size, maker: false }, truth);
            if let Some(pit) = self.pits.get_mut(request.instrument) {
                pit.take(taker, request.side, filled);
            }
        }
        let Some(rest) = self.resting.get(place).copied() else { return };
        match request.tif {
            Tif::Ioc | Tif::Fok if !waits => {
                self.finish(place, Status::Expired, Reason::Unfilled, truth);
            }
            _ if rest.filled == 0 => self.tell(&rest, Status::Open, Reason::None, truth),
            _ => {}
        }
    }

    /// Why the venue does not want the order.
    fn refusal(&self, order: &Order) -> Option<Reason> {
        let request = &order.request;
        if self.config.rejects(order.id) {
            return Some(Reason::VenueFault);
        }
        let pit = match self.pits.get(request.instrument) {
            Some(pit) if !pit.breaks_rule(request) => pit,
            _ => return Some(Reason::VenueRule),
        };
        let account = self.account(order.id.slot, request.instrument);
        if request.reduce_only && account.size.signum() != -request.side.sign() {
            return Some(Reason::VenueRule);
        }
        if request.post_only && pit.crosses(request.side, request.price) {
            return Some(Reason::WouldTake);
        }
        // The order itself is live already, so its own need is among them.
        let need = needs(&self.resting, order, pit);
        let covered = self.accounts.cover(order.id, request.instrument, request.side, need);
        (!covered).then_some(Reason::InsufficientFunds)
    }

    /// Fills at most the offer and returns how much. An order that may not fill further is ended.
    fn fill(&mut self, place: usize, offer: Offer, truth: &mut Vec<VenueRecord>) -> i64 {
        let mut resting = self.resting[place];
        let (id, request) = (resting.order.id, resting.order.request);
        let account = self.account(id.slot, request.instrument);
        let mut size = offer.size.min(resting.remaining());
        if request.reduce_only {
            let closable = (-request.side.sign()).saturating_mul(account.size).max(0);
            size = size.min(closable);
        }
        let cost = self.pits.get(request.instrument);
        let cost = cost.and_then(|pit| pit.cost(offer.price, size, offer.maker));
        let (Some((value, fee)), true) = (cost, size > 0) else {
            self.finish(place, Status::Cancelled, Reason::VenueRule, truth);
            return 0;
        };
        let need = match request.side {
            Side::Buy => i128::from(value) + i128::from(fee),
            Side::Sell => i128::from(size),
        };
        if !self.accounts.cover(id, request.instrument, request.side, need) {
            self.finish(place, Status::Cancelled, Reason::InsufficientFunds, truth);
            return 0;
        }
        let last = size == resting.remaining();
        if !last && !self.post.fits_partial(self.resting.len()) {
            return 0;
        }
        resting.filled += size;
        self.last_trade_id += 1;
        let entry = Entry { side: request.side, size, value, fee };
        self.accounts.add(id, request.instrument, entry);
        let status = if last { Status::Filled } else { Status::PartlyFilled };
        let event = OrderEvent {
            last_price: offer.price,
            last_size: size,
            fee,
            trade_id: self.last_trade_id,
            ..self.event(&resting, status, Reason::None)
        };
        self.emit(event, truth);
        match last {
            true => drop(self.resting.remove(place)),
            false => self.resting[place] = resting,
        }
        size
    }

    /// Ends a live order.
    fn finish(
        &mut self,
        place: usize,
        status: Status,
        reason: Reason,
        truth: &mut Vec<VenueRecord>,
    ) {
        let resting = self.resting.remove(place);
        self.tell(&resting, status, reason, truth);
    }

    fn tell(
        &mut self,
        resting: &Resting,
        status: Status,
        reason: Reason,
        truth: &mut Vec<VenueRecord>,
    ) {
        let event = self.event(resting, status, reason);
        self.emit(event, truth);
    }

    fn emit(&mut self, event: OrderEvent, truth: &mut Vec<VenueRecord>) {
        truth.push(VenueRecord::Event(event));
        self.post.answer(event);
    }

    /// An event that is not a fill.
    fn event(&self, resting: &Resting, status: Status, reason: Reason) -> OrderEvent {
        let at = Stamp {
            instrument: resting.order.request.instrument,
            seq: self.seq,
            ts_event: self.now,
            ts_init: self.post.due(self.now),
        };
        unfilled(&resting.order, resting.filled, at, status, reason)
    }

    fn last_intent(&self, slot: u32) -> IntentId {
        let found = self.last_intents.iter().find(|(known, _)| *known == slot);
        found.map_or(0, |(_, intent)| *intent)
    }

    fn note_intent(&mut self, id: ClientId) {
        match self.last_intents.iter_mut().find(|(slot, _)| *slot == id.slot) {
            Some((_, last)) => *last = id.intent.max(*last),
            None => self.last_intents.push((id.slot, id.intent)),
        }
    }
}

#[cfg(test)]
mod bar_tests;
#[cfg(test)]
mod tests;
