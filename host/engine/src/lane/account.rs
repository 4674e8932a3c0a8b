//! What belongs to a slot and outlives its generations: orders, positions, timers, the gate's memory.
//!
//! A guest borrows it for the length of one call. What the call stages stays here until the lane
//! commits it, and a call that fails leaves nothing. In a shadow call the twin's decisions are held
//! against what the live generation has just staged, and get the same numbers where they agree.

use std::sync::Arc;

use wickd_model::{
    Adjustment, Cash, Deny, Event, Instrument, InstrumentId, IntentId, Order, OrderEvent,
    OrderRequest, Position, Reason, Risk, Stamp, TsNs,
};
use wickd_store::Carried;

use super::denied::Denied;
use crate::orders::{
    Applied, Book, Call, Clearance, Closing, Joint, Left, OpenOrder, Sent, Staged, UnderWay, check,
    check_cancel, unfilled,
};

/// Timers a slot may have set.
const TIMERS_MAX: usize = 64;

/// A slot's account.
pub struct Account {
    pub(crate) book: Book,
    intents_per_call: u32,
    /// The same of the instance that has the account now, whose sidecar may have lowered it.
    intents_lowered: u32,
    timers: Vec<(TsNs, u32)>,
    next_timer: TsNs,
    now: TsNs,
    seq: u64,
    generation: u32,
    /// The journal cannot take orders, or the slot is stopping: nothing may be staged.
    pub(crate) blocked: bool,
    /// Intents the gate refused.
    pub(crate) denied: Denied,
    shadow: Option<Shadow>,
    /// The plugin is told where it stands: it may set timers, but no event decides anything.
    starting: bool,
}

/// The twin's decisions in this call against the live generation's.
#[derive(Default)]
struct Shadow {
    /// How many of the staged ones the twin has matched.
    matched: usize,
    /// It did something else.
    differs: bool,
}

impl Account {
    /// A slot's account before its first event. `last_intent` is the greatest number ever given.
    pub fn new(
        slot: u32,
        instruments: &[Instrument],
        risk: Risk,
        intents_per_call: u32,
        last_intent: IntentId,
    ) -> Self {
        Self {
            book: Book::new(slot, instruments, risk, last_intent),
            intents_per_call,
            intents_lowered: intents_per_call,
            timers: Vec::with_capacity(TIMERS_MAX),
            next_timer: TsNs::MAX,
            now: 0,
            seq: 0,
            generation: 0,
            blocked: false,
            denied: Denied::new(),
            shadow: None,
            starting: false,
        }
    }

    /// Before the first event: instruments that the slot holds and does not trade any more.
    pub(crate) fn retire(&mut self, instruments: &[InstrumentId]) {
        self.book.retire(instruments);
    }

    /// Before a restart's first event: what the journal knows of this slot.
    pub fn recover(
        &mut self,
        held: &[Carried],
        orders: &[Order],
        events: &[OrderEvent],
        adjusted: &[Adjustment],
    ) {
        held.iter().for_each(|held| self.book.carry_on(held));
        orders.iter().for_each(|order| self.book.restore(order));
        for event in events {
            self.book.apply(event);
        }
        adjusted.iter().for_each(|of| self.book.adjust(of));
        self.book.begin();
    }

    /// After `recover`: cancels that are still under way, and what counts against the rate at event
    /// time `now`.
    pub(crate) fn resume_orders(&mut self, orders: &[Order], under_way: &UnderWay, now: TsNs) {
        let cancels = under_way.sent.iter().filter_map(|sent| match sent {
            Sent::Cancel(id, ..) => Some(*id),
            Sent::Order(_) => None,
        });
        cancels.for_each(|id| self.book.resume_cancel(id));
        let before = orders.iter().map(|order| order.ts_event).filter(|ts| *ts <= now);
        before.for_each(|ts| self.book.rate.count(ts));
    }

    /// Before the first event: what venues let pass, by instrument.
    pub(crate) fn clear(&mut self, clearances: &[Arc<Clearance>]) {
        self.book.clear(clearances);
    }

    /// After `recover`: what the instruments were worth when days began, as earlier runs wrote it.
    pub fn recover_day(&mut self, days: &[(u64, InstrumentId, Cash)]) {
        if let Some(last) = days.iter().map(|(day, ..)| *day).max() {
            let of_last = days.iter().filter(|(day, ..)| *day == last);
            let worth: Vec<_> = of_last.map(|(_, id, worth)| (*id, *worth)).collect();
            self.book.restore_day(last, &worth);
        }
    }

    /// Before the first event: its instruments for which `belongs` holds are of an account with loss
    /// stops, as slot number `cell` of it.
    pub(crate) fn join(
        &mut self,
        joint: Arc<Joint>,
        cell: usize,
        belongs: impl Fn(InstrumentId) -> bool,
    ) {
        self.book.join(joint, cell, belongs);
    }

    /// Nothing may be staged any more: the venue's word and ours differ, or nothing can be written.
    pub fn block(&mut self) {
        self.blocked = true;
    }

    /// Before a live call.
    #[inline]
    pub(crate) fn begin(&mut self, now: TsNs, seq: u64, generation: u32) {
        (self.now, self.seq, self.generation) = (now, seq, generation);
    }

    /// Before an instance is lent the account: how many intents it may stage in a call.
    pub(crate) fn lower_intents(&mut self, intents_per_call: u32) {
        self.intents_lowered = intents_per_call;
    }

    /// Around the call that tells a live generation where it stands.
    pub(crate) fn starting(&mut self, yes: bool) {
        self.starting = yes;
    }

    /// Before the twin's call of the same event.
    pub(crate) fn begin_shadow(&mut self) {
        self.shadow = Some(Shadow::default());
    }

    /// After it: whether either decided something, and whether they differed.
    pub(crate) fn end_shadow(&mut self) -> (bool, bool) {
        let staged = self.book.staged_len();
        let Some(shadow) = self.shadow.take() else { return (false, false) };
        let differed = shadow.differs || shadow.matched != staged;
        (staged > 0 || differed, differed)
    }

    /// Forgets what a failed call staged.
    pub(crate) fn drop_staged(&mut self) {
        self.shadow = None;
        self.book.discard();
    }

    #[inline]
    pub(crate) fn has_staged(&self) -> bool {
        self.book.staged_len() > 0
    }

    pub(crate) fn submit(&mut self, request: OrderRequest) -> Result<IntentId, Deny> {
        if self.shadow.is_some() {
            return self.submit_shadow(&request);
        }
        let checked = check(&request, &self.book, self.call());
        self.note(checked)?;
        Ok(self.book.stage(&request, self.now, self.seq, self.generation))
    }

    /// The twin gets the number of the live generation's equal order; anything else is refused, as
    /// any order of a muted slot is.
    fn submit_shadow(&mut self, request: &OrderRequest) -> Result<IntentId, Deny> {
        let Some(shadow) = &mut self.shadow else { return Err(Deny::TradingDisabled) };
        match self.book.staged_at(shadow.matched) {
            Some(Staged::Order(order)) if order.request == *request => {
                shadow.matched += 1;
                Ok(order.id.intent)
            }
            _ => {
                // A request the gate would refuse anyway is no difference: the live one's was too.
                let call = Call { muted: false, ..self.call() };
                match check(request, &self.book, call) {
                    Err(deny) => Err(deny),
                    Ok(()) => {
                        if let Some(shadow) = &mut self.shadow {
                            shadow.differs = true;
                        }
                        Err(Deny::TradingDisabled)
                    }
                }
            }
        }
    }

    pub(crate) fn cancel(&mut self, intent: IntentId) -> Result<(), Deny> {
        if let Some(shadow) = &mut self.shadow {
            return match self.book.staged_at(shadow.matched) {
                Some(Staged::Cancel(id, _)) if id.intent == intent => {
                    shadow.matched += 1;
                    Ok(())
                }
                _ => {
                    shadow.differs = true;
                    Err(Deny::TradingDisabled)
                }
            };
        }
        let checked = check_cancel(intent, &self.book, self.call());
        self.note(checked)?;
        self.book.stage_cancel(intent, Reason::Requested, self.now);
        Ok(())
    }

    pub(crate) fn cancel_all(&mut self) -> u32 {
        if let Some(shadow) = &mut self.shadow {
            let first = shadow.matched;
            while let Some(Staged::Cancel(..)) = self.book.staged_at(shadow.matched) {
                shadow.matched += 1;
            }
            return (shadow.matched - first) as u32;
        }
        if self.blocked || self.starting {
            return 0;
        }
        self.book.stage_cancel_all(Reason::Requested)
    }

    /// Whether an order is open whose end a closing waits for.
    pub(crate) fn has_open(&self, closing: &Closing) -> bool {
        self.book.open_orders().iter().any(|open| closing.is_of(open.order.request.instrument))
    }

    /// Stages the orders that a closing sends now; says when the next one may go, where there is more
    /// to do.
    pub(crate) fn stage_closing(
        &mut self,
        closing: &mut Closing,
        now: TsNs,
        seq: u64,
    ) -> Option<TsNs> {
        let held = |held: &Position| held.size != 0 && closing.is_of(held.instrument);
        let held: Vec<Position> = self.book.positions().filter(held).collect();
        let mut due = None;
        for position in &held {
            let id = position.instrument;
            let Some((instrument, touch)) = self.book.market(id) else { continue };
            let Some(clearance) = self.book.clearance(id) else { continue };
            if let Some(request) = closing.next(position.size, instrument, touch, clearance, now) {
                // The host's own order: the gate's rules are for plugins, the venue's still hold.
                let intent = self.book.stage(&request, now, seq, 0);
                closing.sent(id, intent, now);
            }
            if closing.ended(id).is_none() {
                due = Some(closing.due());
            }
        }
        due
    }

    /// What a closing leaves, and why.
    pub(crate) fn left(&self, closing: &Closing) -> Vec<Left> {
        self.book.left(closing)
    }

    pub(crate) fn position(&self, instrument: InstrumentId) -> Position {
        self.book.position(instrument)
    }

    fn call(&self) -> Call {
        Call {
            now: self.now,
            intents_max: self.intents_per_call.min(self.intents_lowered),
            muted: self.blocked || self.starting,
        }
    }

    fn note(&mut self, checked: Result<(), Deny>) -> Result<(), Deny> {
        if let Err(deny) = checked {
            self.denied.count(deny);
        }
        checked
    }

    /// The call returned normally: what it staged goes to `take`, in order.
    pub(crate) fn commit(&mut self, take: impl FnMut(Staged)) {
        self.book.commit(take);
    }

    /// Takes in news of an order.
    pub(crate) fn apply(&mut self, event: &OrderEvent) -> Applied {
        self.book.apply(event)
    }

    /// Takes in the market.
    #[inline]
    pub(crate) fn on_market(&mut self, event: &Event) {
        self.book.on_market(event);
    }

    /// Timers that are set.
    pub(crate) fn timers(&self) -> &[(TsNs, u32)] {
        &self.timers
    }

    /// Before the first event: the timers that were set when the last run ended.
    pub(crate) fn restore_timers(&mut self, timers: &[(TsNs, u32)]) {
        timers.iter().take(TIMERS_MAX).for_each(|(at, id)| {
            self.set_timer(*id, *at);
        });
    }

    pub(crate) fn set_timer(&mut self, id: u32, at: TsNs) -> bool {
        if self.shadow.is_some() {
            // The live generation has set it, or not; the twin's timers are the slot's.
            return true;
        }
        self.clear_timer(id);
        if self.timers.len() == TIMERS_MAX {
            return false;
        }
        self.timers.push((at, id));
        self.next_timer = self.next_timer.min(at);
        true
    }

    pub(crate) fn clear_timer(&mut self, id: u32) {
        if self.shadow.is_none() {
            self.timers.retain(|(_, known)| *known != id);
            self.next_timer = self.timers.iter().map(|(at, _)| *at).min().unwrap_or(TsNs::MAX);
        }
    }

    /// Whether a timer is due by `now`.
    #[inline]
    pub(crate) fn has_due_timer(&self, now: TsNs) -> bool {
        now >= self.next_timer
    }

    /// The next timer due by `now`, earliest first, then by id; it is taken.
    #[inline]
    pub(crate) fn due_timer(&mut self, now: TsNs) -> Option<(u32, TsNs)> {
        if now < self.next_timer {
            return None;
        }
        let (at, id) = *self.timers.iter().min()?;
        self.clear_timer(id);
        Some((id, at))
    }

    /// Every open order as the latest news of it.
    pub(crate) fn open_order_events(&self) -> Vec<OrderEvent> {
        let news = |open: &OpenOrder| {
            let (instrument, ts) = (open.order.request.instrument, open.order.ts_event);
            let at = Stamp { instrument, seq: 0, ts_event: ts, ts_init: ts };
            unfilled(&open.order, open.filled, at, open.status, Reason::None)
        };
        self.book.open_orders().iter().map(news).collect()
    }

    pub(crate) fn last_intent(&self) -> IntentId {
        self.book.last_intent()
    }
}
