//! One generation of a strategy: an instance, what it wants to hear, and how it is called.

use std::sync::Arc;

use wickd_model::{
    Bar, Digest, Event, Fault, FeedStatus, Heard, InstrumentId, OrderEvent, Quote, Stamp, Trade,
    TsNs,
};
use wickd_sandbox::{Batch, StrategyGuest};

use super::account::Account;
use super::seat::{InputTable, Seat};
use super::share::Share;
use crate::market::Want;

/// A generation.
pub struct Body {
    pub(crate) guest: StrategyGuest<Seat>,
    /// Counts up from 1 within a slot.
    pub generation: u32,
    /// The bytes it was made from.
    pub digest: Digest,
    /// The manifest's version.
    pub version: Arc<str>,
    /// Version of its state; 0 where it keeps none.
    pub state_version: u32,
    /// What it wants to hear.
    pub(crate) wants: Wants,
    /// Number of the last event it heard: carried on with the state, and gap-free but for events that
    /// its lane had to skip.
    pub seq: u64,
    /// What it may use of its lane.
    pub(crate) share: Share,
    /// What an event of its last warm-up took.
    pub(crate) fuel_per_past_event: u64,
}

/// Which events a guest wants. Whatever it does not want costs one look-up.
#[derive(Clone, Default)]
pub struct Wants {
    /// Bits per instrument.
    kinds: Box<[u8]>,
    bars: Box<[(InstrumentId, u32)]>,
}

impl Wants {
    const QUOTES: u8 = 1;
    const TRADES: u8 = 2;
    const FEED: u8 = 4;

    /// Wants for `mine` of `instruments` instruments.
    pub fn new(
        instruments: usize,
        mine: &[InstrumentId],
        quotes: bool,
        trades: bool,
        bar_secs: &[u32],
    ) -> Self {
        let mut kinds = vec![0; instruments].into_boxed_slice();
        for id in mine {
            if let Some(bits) = kinds.get_mut(*id as usize) {
                *bits = Self::FEED
                    | if quotes { Self::QUOTES } else { 0 }
                    | if trades { Self::TRADES } else { 0 };
            }
        }
        let bars = mine.iter().flat_map(|id| bar_secs.iter().map(|secs| (*id, *secs))).collect();
        Self { kinds, bars }
    }

    /// Whether it wants this one.
    #[inline]
    pub(crate) fn event(&self, event: &Event) -> bool {
        let bit = match event {
            Event::Quote(_) => Self::QUOTES,
            Event::Trade(_) => Self::TRADES,
            Event::Feed(_) => Self::FEED,
            Event::Bar(bar) => return self.bars.contains(&(bar.at.instrument, bar.step_secs)),
        };
        self.kinds.get(event.at().instrument as usize).is_some_and(|bits| bits & bit != 0)
    }

    /// The instruments whose feeds it is told of.
    pub(crate) fn instruments(&self) -> impl Iterator<Item = InstrumentId> {
        let told = self.kinds.iter().enumerate().filter(|(_, bits)| **bits & Self::FEED != 0);
        told.map(|(id, _)| id as InstrumentId)
    }

    /// Everything it wants of the market, by instrument.
    pub(crate) fn each(&self) -> impl Iterator<Item = (InstrumentId, Want)> {
        let of = |bit: u8, want: Want| {
            let wanted = self.kinds.iter().enumerate().filter(move |(_, bits)| **bits & bit != 0);
            wanted.map(move |(id, _)| (id as InstrumentId, want))
        };
        let bars = self.bars.iter().map(|(id, secs)| (*id, Want::Bars(*secs)));
        of(Self::QUOTES, Want::Quotes).chain(of(Self::TRADES, Want::Trades)).chain(bars)
    }

    /// The bars it needs built.
    pub fn bars(&self) -> &[(InstrumentId, u32)] {
        &self.bars
    }
}

/// One thing to be heard, where it stands: only what the guest gets is copied.
#[derive(Clone, Copy)]
pub(crate) enum Hearing<'e> {
    Market(&'e Event),
    Order(&'e OrderEvent),
    Signal(&'e Heard),
    Timer(u32, TsNs),
}

/// What the lane lends to a guest for the length of a call.
pub(crate) struct Loan<'l> {
    pub(crate) account: &'l mut Option<Box<Account>>,
    pub(crate) table: &'l mut Option<InputTable>,
}

impl Body {
    /// Calls the guest with the account and the inputs at hand.
    #[inline]
    pub(crate) fn hear(&mut self, what: &Hearing<'_>, loan: Loan<'_>) -> Result<(), Box<Fault>> {
        let seat = self.guest.host_mut();
        seat.account = loan.account.take();
        let intents_per_call = seat.intents_per_call;
        if let Some(account) = &mut seat.account {
            account.lower_intents(intents_per_call);
        }
        let reads = !seat.handles.is_empty();
        if reads {
            seat.table = loan.table.take();
        }
        // Everything has a number in this instance's own count; a timer is the plugin's own.
        self.seq += u64::from(!matches!(what, Hearing::Timer(..)));
        let seq = self.seq;
        let outcome = match what {
            Hearing::Market(Event::Quote(of)) => {
                self.guest.on_quote(Quote { at: Stamp { seq, ..of.at }, ..*of })
            }
            Hearing::Market(Event::Trade(of)) => {
                self.guest.on_trade(Trade { at: Stamp { seq, ..of.at }, ..*of })
            }
            Hearing::Market(Event::Bar(of)) => {
                self.guest.on_bar(Bar { at: Stamp { seq, ..of.at }, ..*of })
            }
            Hearing::Market(Event::Feed(of)) => {
                self.guest.on_feed(FeedStatus { at: Stamp { seq, ..of.at }, ..*of })
            }
            Hearing::Order(of) => {
                self.guest.on_order(OrderEvent { at: Stamp { seq, ..of.at }, ..**of })
            }
            Hearing::Signal(of) => {
                self.guest.on_signal(Heard { at: Stamp { seq, ..of.at }, ..**of })
            }
            Hearing::Timer(id, at) => self.guest.on_timer(*id, *at),
        };
        let seat = self.guest.host_mut();
        *loan.account = seat.account.take();
        if reads {
            *loan.table = seat.table.take();
        }
        outcome
    }

    /// Tells it where its slot stands. It may set timers; its orders are refused, for no event has
    /// decided them. A candidate's timers are the live generation's, which has set them already.
    pub(crate) fn start(
        &mut self,
        restored: bool,
        candidate: bool,
        lent: &mut Option<Box<Account>>,
    ) -> Result<(), Box<Fault>> {
        let Some(mut account) = lent.take() else { return Ok(()) };
        let positions: Vec<_> = account.book.positions().collect();
        let open: Vec<_> = account.open_order_events();
        match candidate {
            true => account.begin_shadow(),
            false => account.starting(true),
        }
        self.guest.host_mut().account = Some(account);
        let outcome = self.guest.start(restored, &positions, &open);
        *lent = self.guest.host_mut().account.take();
        if let Some(account) = lent {
            account.starting(false);
            account.end_shadow();
        }
        outcome
    }

    /// Its last call. What it orders there stays staged in the account, as in any other call.
    pub(crate) fn stop(&mut self, loan: Loan<'_>) -> Result<(), Box<Fault>> {
        let seat = self.guest.host_mut();
        (seat.account, seat.table) = (loan.account.take(), loan.table.take());
        let outcome = self.guest.stop();
        let seat = self.guest.host_mut();
        (*loan.account, *loan.table) = (seat.account.take(), seat.table.take());
        outcome
    }

    /// Fuel that catching up with so many events would take, by what it took so far.
    pub(crate) fn fuel_for(&self, events: u64) -> u64 {
        events.saturating_mul(self.fuel_per_past_event)
    }

    /// Feeds it the past: no account at hand, so nothing it decides can leave.
    pub fn catch_up(&mut self, events: &[Event], batch: &mut Batch) -> Result<u32, Box<Fault>> {
        self.guest.mute(true);
        let heard = self.hear_past(events, batch);
        self.guest.mute(false);
        heard
    }

    fn hear_past(&mut self, events: &[Event], batch: &mut Batch) -> Result<u32, Box<Fault>> {
        let (mut heard, mut fuel) = (0, 0);
        let mut last = 0;
        batch.clear();
        // A feed's states are of their moment: the past is told as prices only.
        let is_past = |event: &&Event| !matches!(event, Event::Feed(_));
        for event in events.iter().filter(is_past) {
            if !self.wants.event(event) {
                continue;
            }
            let mut event = *event;
            self.seq += 1;
            event.at_mut().seq = self.seq;
            if !batch.push(&event) {
                self.guest.on_batch(batch, last)?;
                fuel += self.guest.fuel_used();
                batch.clear();
                batch.push(&event);
            }
            last = event.at().ts_event;
            heard += 1;
        }
        if !batch.is_empty() {
            self.guest.on_batch(batch, last)?;
            fuel += self.guest.fuel_used();
        }
        if heard > 0 {
            self.fuel_per_past_event = fuel / u64::from(heard);
        }
        Ok(heard)
    }
}
