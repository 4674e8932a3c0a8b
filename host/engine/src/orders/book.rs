//! The book of one slot: positions, open orders, exposure, equity, and what a call has staged.
//!
//! Comes in: staged orders, order events, market events. Goes out: the facts the gate decides on and
//! the plugin may read. Deliberately absent: the rules, which are the gate's. Nothing here allocates
//! after `new`, except that `restore` may outgrow the bound to hold what the venue really has.
//!
//! Fills of one order are identified by what they bring its filled size to, and by trade id. An
//! event at or below what was applied is an old one and changes nothing, however late it comes; one
//! that skips ahead is a gap, which only asking the venue can close.
//!
//! Equity sums over instruments as if they shared one quote asset; a slot's limits are in that asset.
//! So do the accounts it has a share in, over all their slots.

use std::sync::Arc;

use wickd_model::{
    Adjustment, Cash, ClientId, Deny, Event, Instrument, InstrumentId, IntentId, Mode, Order,
    OrderEvent, OrderRequest, Position, Reason, Risk, Side, TsNs,
};
use wickd_store::Carried;

use super::clearance::Clearance;
use super::closing::{Closing, Left, Why};
use super::joint::{Joint, Share};
use super::line::{Line, Touch};
use super::rate::Rate;
use super::stops::{Reached, Watch};
use halt::Day;
pub(crate) use open::{Applied, OpenOrder};

/// Open orders a book can hold whatever `risk.open_orders_max` says: about 150 KB.
pub(crate) const OPEN_ORDERS_BOUND: u32 = 1_024;
/// Actions one call can stage besides a cancel-all: the greatest `limits.intents_per_call`.
const ACTIONS_BOUND: usize = 64;

/// What a call has staged, in its own order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Staged {
    /// An order.
    Order(Order),
    /// A cancel, and on whose word.
    Cancel(ClientId, Reason),
}

/// The book of one slot.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    slot: u32,
    lines: Vec<Line>,
    orders: Vec<OpenOrder>,
    /// What the call in progress staged, in its order; a reason marks a cancel.
    staged: Vec<(IntentId, Option<Reason>)>,
    /// How many of them count against the call and the rate: all but those of a cancel-all.
    actions: usize,
    last_intent: IntentId,
    pub(crate) risk: Risk,
    pub(crate) rate: Rate,
    equity: Cash,
    /// Something is held whose price was never known: its last worth stands.
    unpriced: bool,
    watch: Watch,
    /// Accounts with stops that its instruments belong to.
    shares: Vec<Share>,
    day: Day,
}

impl Book {
    /// An empty book of the slot numbered `slot`. `last_intent` is the journal's or the snapshot's,
    /// whichever is greater: no number at or below it is given again.
    pub(crate) fn new(
        slot: u32,
        instruments: &[Instrument],
        risk: Risk,
        last_intent: IntentId,
    ) -> Self {
        // One more per instrument, so that the host can always flatten a full book.
        let orders = risk.open_orders_max.min(OPEN_ORDERS_BOUND) as usize + instruments.len();
        Self {
            slot,
            lines: instruments.iter().cloned().map(Line::new).collect(),
            orders: Vec::with_capacity(orders),
            staged: Vec::with_capacity(ACTIONS_BOUND + orders),
            actions: 0,
            last_intent,
            risk,
            rate: Rate::new(risk.orders_per_second),
            equity: 0,
            unpriced: false,
            watch: Watch::default(),
            shares: Vec::new(),
            day: Day::default(),
        }
    }

    /// Before the first event: instruments that are only reduced.
    pub(crate) fn retire(&mut self, instruments: &[InstrumentId]) {
        for line in &mut self.lines {
            line.retired = instruments.contains(&line.instrument.id);
        }
    }

    /// What a checkpoint says of its instruments.
    pub(crate) fn carried(&self) -> impl Iterator<Item = Carried> + '_ {
        self.lines.iter().map(|line| line.carried(self.slot))
    }

    /// Goes on from what a checkpoint says of an instrument.
    pub(crate) fn carry_on(&mut self, held: &Carried) {
        if let Some(line) = self.line_mut(held.instrument) {
            line.carry_on(held);
        }
    }

    /// Takes a journalled order in again after a restart; its events follow through `apply`.
    pub(crate) fn restore(&mut self, order: &Order) {
        if order.id.slot == self.slot && self.find(order.id).is_none() {
            self.last_intent = self.last_intent.max(order.id.intent);
            self.orders.push(OpenOrder::new(*order, false));
        }
    }

    /// A cancel of this order is on its way since before the restart.
    pub(crate) fn resume_cancel(&mut self, id: ClientId) {
        if let Some(place) = self.find(id) {
            self.orders[place].cancelling = true;
        }
    }

    /// Starts to count loss and drawdown from here, and lifts the latch: after a restore, and when
    /// the operator says so. Staged orders and the rate window stay.
    pub(crate) fn begin(&mut self) {
        self.lines.iter_mut().for_each(|line| line.began = false);
        self.watch = Watch::default();
        self.mark();
    }

    /// Before the first event: these instruments of the slot belong to an account, as its slot
    /// number `cell`.
    pub(crate) fn join(
        &mut self,
        joint: Arc<Joint>,
        cell: usize,
        belongs: impl Fn(InstrumentId) -> bool,
    ) {
        let places = (0..self.lines.len()).filter(|at| belongs(self.lines[*at].instrument.id));
        self.shares.push(Share::new(joint, cell, places.collect()));
    }

    /// Stages an order that passed the gate, and numbers it. The number is spent even if the call
    /// fails, because the guest has seen it.
    pub(crate) fn stage(
        &mut self,
        request: &OrderRequest,
        ts_event: TsNs,
        seq: u64,
        generation: u32,
    ) -> IntentId {
        self.last_intent += 1;
        let id = ClientId { slot: self.slot, intent: self.last_intent };
        let order = Order { id, request: *request, ts_event, seq, generation };
        self.orders.push(OpenOrder::new(order, true));
        self.staged.push((self.last_intent, None));
        self.actions += 1;
        self.rate.count(ts_event);
        self.last_intent
    }

    /// Stages a cancel that passed the gate. `reason` is `Requested` or `Host`.
    pub(crate) fn stage_cancel(&mut self, intent: IntentId, reason: Reason, ts_event: TsNs) {
        let id = ClientId { slot: self.slot, intent };
        if let Some(place) = self.find(id) {
            self.orders[place].cancelling = true;
            self.staged.push((intent, Some(reason)));
            self.actions += 1;
            self.rate.count(ts_event);
        }
    }

    /// Stages a cancel of every open order that has none yet; says how many. It counts against no
    /// rate: taking orders back is never the dangerous side, and each order takes one cancel only.
    pub(crate) fn stage_cancel_all(&mut self, reason: Reason) -> u32 {
        self.stage_cancel_of(reason, None)
    }

    /// The same for the orders of one instrument.
    pub(crate) fn stage_cancel_of(&mut self, reason: Reason, only: Option<InstrumentId>) -> u32 {
        let mut count = 0;
        let mine = |open: &&mut OpenOrder| {
            !open.cancelling && only.is_none_or(|only| only == open.order.request.instrument)
        };
        for open in self.orders.iter_mut().filter(mine) {
            open.cancelling = true;
            self.staged.push((open.order.id.intent, Some(reason)));
            count += 1;
        }
        count
    }

    /// How many orders and cancels the call in progress has staged, a cancel-all not counted.
    pub(crate) fn actions(&self) -> usize {
        self.actions
    }

    /// How many messages `commit` will hand over, a cancel-all counted by its orders.
    pub(crate) fn staged_len(&self) -> usize {
        self.staged.len()
    }

    /// The intent or cancel at a place of what the call has staged.
    pub(crate) fn staged_at(&self, place: usize) -> Option<Staged> {
        let (intent, cancel) = *self.staged.get(place)?;
        Some(match cancel {
            Some(reason) => Staged::Cancel(ClientId { slot: self.slot, intent }, reason),
            None => Staged::Order(self.open_order(intent)?.order),
        })
    }

    /// The call returned normally: hands what it staged to `take`, in order.
    pub(crate) fn commit(&mut self, mut take: impl FnMut(Staged)) {
        for place in 0..self.staged.len() {
            let (intent, cancel) = self.staged[place];
            let id = ClientId { slot: self.slot, intent };
            match (cancel, self.find(id)) {
                (Some(reason), _) => take(Staged::Cancel(id, reason)),
                (None, Some(found)) => {
                    self.orders[found].staged = false;
                    take(Staged::Order(self.orders[found].order));
                }
                (None, None) => {}
            }
        }
        self.staged.clear();
        self.actions = 0;
    }

    /// The call failed: nothing it staged was ever there.
    pub(crate) fn discard(&mut self) {
        self.rate.take_back(self.actions);
        self.actions = 0;
        while let Some((intent, cancel)) = self.staged.pop() {
            let place = self.find(ClientId { slot: self.slot, intent });
            if let (Some(_), Some(place)) = (cancel, place) {
                self.orders[place].cancelling = false;
            }
        }
        self.orders.retain(|open| !open.staged);
    }

    /// Takes in what the venue said of an order.
    pub(crate) fn apply(&mut self, event: &OrderEvent) -> Applied {
        let Some(place) = self.find(event.id) else {
            let ours = event.id.slot == self.slot && event.id.intent <= self.last_intent;
            return if ours { Applied::Old } else { Applied::Unknown };
        };
        let open = &mut self.orders[place];
        let applied = open.apply(event);
        let (request, complete) = (open.order.request, open.is_complete());
        if applied == Applied::Changed
            && event.last_size > 0
            && let Some(line) = self.line_mut(request.instrument)
        {
            line.fill(request.side, event.last_price, event.last_size, event.fee);
            if event.fee_base != 0 {
                line.take_base(event.last_price, event.fee_base);
            }
        }
        if complete {
            self.orders.remove(place);
        }
        if applied == Applied::Changed {
            self.mark();
        }
        applied
    }

    /// A position changed without an order: what the venue has is taken in.
    pub(crate) fn adjust(&mut self, of: &Adjustment) {
        if let Some(line) = self.line_mut(of.instrument) {
            line.adjust(of.size, of.rest, of.price);
            self.mark();
        }
    }

    /// Takes in the market: the touch, the feed's state, and the worth of what is held.
    pub(crate) fn on_market(&mut self, event: &Event) {
        let Some(line) = self.line_mut(event.at().instrument) else { return };
        match event {
            Event::Quote(quote) => {
                (line.touch.bid, line.touch.ask, line.touch.quoted) = (quote.bid, quote.ask, true);
            }
            Event::Trade(trade) if !line.touch.quoted => {
                (line.touch.bid, line.touch.ask) = (trade.price, trade.price);
                line.touch.traded = true;
            }
            // Where only bars come, the last close is all that is known.
            Event::Bar(bar) if !line.touch.quoted && !line.touch.traded => {
                (line.touch.bid, line.touch.ask) = (bar.close, bar.close);
            }
            Event::Feed(status) => line.touch.feed = status.state,
            Event::Trade(_) | Event::Bar(_) => return,
        }
        line.settle_cost();
        if line.size != 0 || !line.began {
            self.mark();
        }
    }

    /// Equity, and the stops that hang on it. An instrument without a price switches off no stop: it
    /// counts at the last price known, and its loss from the first one that the market says.
    fn mark(&mut self) {
        let mut begins = false;
        self.unpriced = false;
        for line in &mut self.lines {
            match line.equity() {
                Some(worth) => line.worth = worth,
                None => self.unpriced = true,
            }
            if !line.began {
                line.start = line.worth;
                if !line.day_known {
                    line.day_start = line.worth;
                }
                begins |= line.is_current();
            }
        }
        if begins {
            self.lines_begin();
        }
        let [mut equity, mut start, mut day_start]: [Cash; 3] = [0; 3];
        for line in &self.lines {
            equity = equity.saturating_add(line.worth);
            start = start.saturating_add(line.start);
            day_start = day_start.saturating_add(line.day_start);
        }
        self.equity = equity;
        let earned = equity.saturating_sub(start);
        // Until the lane has said which day it is, an earlier run's day may be over.
        let today = if self.day.said { equity.saturating_sub(day_start) } else { 0 };
        self.watch.mark(earned, today, &self.risk.losses);
        self.shares.iter_mut().for_each(|share| share.publish(&self.lines));
    }

    /// Profit and loss of everything that ever filled, at the latest middle, less fees.
    pub(crate) fn equity(&self) -> Cash {
        self.equity
    }

    /// Whether something is held whose price was never known, so that equity is not.
    pub(crate) fn is_unpriced(&self) -> bool {
        self.unpriced
    }

    /// How far equity is below its highest since the start.
    #[cfg(test)]
    pub(crate) fn drawdown(&self) -> Cash {
        self.watch.drawdown()
    }

    /// The slot's own stop that holds, as the gate says it.
    #[cfg(test)]
    pub(crate) fn latch(&self) -> Option<Deny> {
        self.watch.deny()
    }

    /// The slot's last given intent number.
    pub(crate) fn last_intent(&self) -> IntentId {
        self.last_intent
    }

    /// What is held of an instrument; flat where the slot does not trade it.
    pub(crate) fn position(&self, instrument: InstrumentId) -> Position {
        let flat = Position { instrument, ..Position::default() };
        self.line(instrument).map_or(flat, Line::position)
    }

    /// What is held of every instrument of the slot.
    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> + '_ {
        self.lines.iter().map(Line::position)
    }

    /// What a closing leaves of what it was to close, and why.
    pub(crate) fn left(&self, closing: &Closing) -> Vec<Left> {
        let lines = self.lines.iter().filter(|line| closing.is_of(line.instrument.id));
        let left = |line: &Line| Left {
            instrument: line.instrument.id,
            size: line.size,
            rest: line.rest(),
            why: closing.ended(line.instrument.id).unwrap_or(Why::Over),
        };
        lines.filter(|line| line.size != 0 || line.rest() != 0).map(left).collect()
    }

    /// Orders that are not done, staged ones last, in the order of their numbers.
    pub(crate) fn open_orders(&self) -> &[OpenOrder] {
        &self.orders
    }

    /// One order that is not done.
    pub(crate) fn open_order(&self, intent: IntentId) -> Option<&OpenOrder> {
        self.find(ClientId { slot: self.slot, intent }).map(|place| &self.orders[place])
    }

    /// Position if every open and staged order of `side` filled, and no other.
    pub(crate) fn worst(&self, instrument: InstrumentId, side: Side) -> i128 {
        let resting: i128 = self
            .orders
            .iter()
            .filter(|open| open.order.request.instrument == instrument)
            .filter(|open| open.order.request.side == side)
            .map(|open| i128::from(open.remaining()))
            .sum();
        let held = self.line(instrument).map_or(0, |line| i128::from(line.size));
        held + i128::from(side.sign()) * resting
    }

    /// The instrument with its latest prices, where the slot trades it.
    pub(crate) fn market(&self, instrument: InstrumentId) -> Option<(&Instrument, Touch)> {
        self.line(instrument).map(|line| (&line.instrument, line.touch))
    }

    /// What the venue of an instrument lets pass.
    pub(crate) fn clearance(&self, instrument: InstrumentId) -> Option<&Clearance> {
        self.line(instrument).map(|line| line.clearance.as_ref())
    }

    /// Before the first event: what venues let pass, by instrument.
    pub(crate) fn clear(&mut self, clearances: &[Arc<Clearance>]) {
        for line in &mut self.lines {
            if let Some(clearance) = clearances.get(line.instrument.id as usize) {
                line.clearance = clearance.clone();
            }
        }
    }

    /// Whether only reducing orders of an instrument pass now, and under which code.
    pub(crate) fn reducing_only(&self, instrument: InstrumentId) -> Option<Deny> {
        let retired = self.line(instrument).is_some_and(|line| line.retired);
        if retired || self.risk.mode == Mode::ReduceOnly {
            return Some(Deny::ReduceOnlyMode);
        }
        if self.unpriced {
            return Some(Deny::NoPrice);
        }
        self.watch.deny().or_else(|| {
            let place = self.lines.iter().position(|line| line.instrument.id == instrument)?;
            if let Some(deny) = self.lines[place].clearance.deny() {
                return Some(deny);
            }
            let mut shares = self.shares.iter().filter(|share| share.has_line(place));
            let stopped = |share: &Share| share.joint.stop(self.day.number).is_some();
            shares.any(stopped).then_some(Deny::AccountLoss)
        })
    }

    fn find(&self, id: ClientId) -> Option<usize> {
        self.orders.iter().position(|open| open.order.id == id)
    }

    fn line(&self, instrument: InstrumentId) -> Option<&Line> {
        self.lines.iter().find(|line| line.instrument.id == instrument)
    }

    fn line_mut(&mut self, instrument: InstrumentId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.instrument.id == instrument)
    }
}

mod halt;
mod open;
#[cfg(test)]
mod tests;
