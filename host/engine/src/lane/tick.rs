//! The way of one tick: from the ring to committed orders, top to bottom.
//!
//! Nothing on it waits, locks, allocates, logs or calls the system while plugins are quiet. What is
//! marked cold runs only when something was decided or has failed.

use wickd_model::{Adjustment, Bar, Event, Heard as HeardSignal, OrderEvent, Stamp};
use wickd_store::Provenance;

use super::Lane;
use super::body::Hearing;
use super::message::{FromLane, Retired, Role, Verdict};
use super::node::{Kind, Node};
use super::slot::Heard;
use super::twin::{Refused, Twinned};
use crate::desk::Outbound;
use crate::orders::{Applied, Staged, not_taken};
use crate::venue::News;

/// Timers of one slot that may go off at one event.
const TIMERS_PER_EVENT_MAX: u32 = 16;

impl Lane {
    /// One market event, all the way.
    #[inline]
    pub(crate) fn tick(&mut self, event: &Event) {
        let at = event.at();
        let missed = at.seq.saturating_sub(self.seq + 1);
        (self.now, self.seq, self.turn) = (at.ts_event, at.seq, self.turn + 1);
        if missed > 0 {
            self.resynchronise(missed);
        }
        if self.now >= self.accounts.day_ends() {
            self.day_begins();
        }
        // 1. The venue: orders that arrive by now, then what this event fills.
        if !self.blocked {
            self.venue_moves(event);
        }
        self.history.push(event);
        // 2. Timers that are due, and orders of the host's own.
        self.timers();
        if self.now >= self.closing_due {
            self.closings_due();
        }
        // 3. Bars that this event closes come before it.
        self.bars_close(event);
        // 4. The event itself: shared inputs, then every slot that wants it.
        self.spread(event);
    }

    /// Lets inputs and slots hear an event.
    #[inline]
    fn spread(&mut self, event: &Event) {
        for node in 0..self.nodes.len() {
            self.node_hears(node, event);
        }
        // Every book sees the price before any slot decides on it: stops hold for all from here.
        let mut news = false;
        for slot in &mut self.slots {
            slot.market_seq = self.seq;
            if let Some(account) = &mut slot.account {
                account.on_market(event);
                news |= account.book.has_news();
            }
        }
        self.judge(news);
        for place in 0..self.slots.len() {
            let slot = &mut self.slots[place];
            if slot.live.as_ref().is_some_and(|live| live.wants.event(event)) {
                self.slot_hears(place, &Hearing::Market(event));
            }
        }
    }

    /// Lets one slot hear something, commits what it staged, and makes a cut that is due.
    #[inline]
    fn slot_hears(&mut self, place: usize, what: &Hearing<'_>) {
        let slot = &mut self.slots[place];
        if !slot.admits(self.now) && !matches!(what, Hearing::Order(_)) {
            slot.skip(1);
            return;
        }
        if slot.has_gap() {
            self.tell_gap(place);
        }
        let slot = &mut self.slots[place];
        let Some(live) = &slot.live else { return };
        let generation = live.generation;
        slot.begin_turn(self.turn);
        if let Some(account) = &mut slot.account {
            account.begin(self.now, self.seq, generation);
        }
        let heard = slot.hear(what, &mut self.table, self.now);
        if !matches!(heard, Heard::Fine) {
            self.failed(place, heard);
        }
        let slot = &mut self.slots[place];
        if slot.account.as_ref().is_some_and(|account| account.has_staged()) {
            self.commit(place);
        }
        let slot = &mut self.slots[place];
        if slot.has_log() {
            self.pass_on_log(place);
        }
        let slot = &mut self.slots[place];
        let refused = slot.account.as_ref().map_or(0, |account| account.denied.total());
        if refused != slot.gauge.denials.get() {
            self.show_refusals(place);
        }
        let slot = &mut self.slots[place];
        if slot.twin.as_ref().is_some_and(|twin| twin.left == 0) {
            self.verdict(place);
        }
    }

    /// At most [`TIMERS_PER_EVENT_MAX`] a slot, and only as long as a whole call is left for the event
    /// itself: a plugin that sets timers in the past gets them at the next events, and its neighbours
    /// get theirs on time. Those of a slot that is muted or has nobody in it wait.
    fn timers(&mut self) {
        for place in 0..self.slots.len() {
            let slot = &self.slots[place];
            if slot.account.as_ref().is_some_and(|account| account.has_due_timer(self.now)) {
                self.slot_timers(place);
            }
        }
    }

    fn slot_timers(&mut self, place: usize) {
        for _ in 0..TIMERS_PER_EVENT_MAX {
            let slot = &mut self.slots[place];
            slot.begin_turn(self.turn);
            if !slot.admits(self.now) || !slot.has_fuel_for_a_timer() {
                return;
            }
            let account = slot.account.as_mut();
            let Some((id, at)) = account.and_then(|account| account.due_timer(self.now)) else {
                return;
            };
            self.slot_hears(place, &Hearing::Timer(id, at));
        }
    }

    /// The lane's ring was full and so many events are not in it: bars and history have a hole, and
    /// every slot is told.
    #[cold]
    fn resynchronise(&mut self, missed: u64) {
        self.history.clear();
        self.bars.iter_mut().for_each(|(.., builder)| builder.reset());
        self.slots.iter_mut().for_each(|slot| slot.skip(missed));
    }

    /// A slot that missed events hears of it before anything else.
    #[cold]
    fn tell_gap(&mut self, place: usize) {
        for mut status in self.slots[place].take_gap() {
            status.at = Stamp { instrument: status.at.instrument, ..self.stamp() };
            self.slot_hears(place, &Hearing::Market(&Event::Feed(status)));
        }
    }

    /// Now, of no instrument.
    fn stamp(&self) -> Stamp {
        Stamp { instrument: 0, seq: self.seq, ts_event: self.now, ts_init: self.now }
    }

    #[inline]
    fn bars_close(&mut self, event: &Event) {
        for place in 0..self.bars.len() {
            if let Some(bar) = self.bars[place].2.hear(event) {
                self.bar_closed(bar);
            }
            if let Some(bar) = self.bars[place].2.whole(self.now) {
                self.bar_closed(bar);
            }
        }
    }

    fn bar_closed(&mut self, mut bar: Bar) {
        bar.at.seq = self.seq;
        self.spread(&Event::Bar(bar));
    }

    #[inline]
    fn node_hears(&mut self, place: usize, event: &Event) {
        let outcome = match &mut self.nodes[place].kind {
            Kind::Indicator(node) => match &mut self.table {
                Some(table) => node.hear(event, self.now, &mut table[place]),
                None => Ok(()),
            },
            Kind::Signal(node) => {
                let outcome = node.hear(event, self.now, &mut self.table);
                if !node.emitted().is_empty() {
                    self.pass_on_signals(place);
                }
                outcome
            }
            Kind::Down => Ok(()),
        };
        if let Err(fault) = outcome {
            self.node_failed(place, fault);
        } else if self.nodes[place].has_log() {
            self.pass_on_node_log(place);
        }
    }

    /// Signals reach every slot that asked for this input, in the order they were emitted.
    #[cold]
    fn pass_on_signals(&mut self, node: usize) {
        let Kind::Signal(source) = &mut self.nodes[node].kind else { return };
        let mut emitted = std::mem::take(source.emitted());
        for signal in &emitted {
            let at = Stamp { instrument: signal.instrument, seq: 0, ..self.stamp() };
            for place in 0..self.slots.len() {
                let Some(live) = &mut self.slots[place].live else { continue };
                let handles = &live.guest.host_mut().handles;
                let Some(handle) = handles.iter().position(|id| *id as usize == node) else {
                    continue;
                };
                let heard = HeardSignal { at, input: handle as u32, signal: *signal };
                self.slot_hears(place, &Hearing::Signal(&heard));
            }
        }
        emitted.clear();
        if let Kind::Signal(source) = &mut self.nodes[node].kind {
            // The buffer goes back, so that emitting does not allocate.
            *source.emitted() = emitted;
        }
    }

    #[cold]
    pub(super) fn node_failed(&mut self, place: usize, fault: Box<wickd_model::Fault>) {
        let node = &mut self.nodes[place];
        let down = Node::down(node.digest, node.plugin.clone());
        let dead = std::mem::replace(node, down);
        if let Some(table) = &mut self.table {
            table[place] = Default::default();
        }
        self.reports.push(FromLane::NodeFault { node: place as u32, fault });
        self.reports.push(FromLane::Retired(Retired::Node(Box::new(dead))));
    }

    /// Orders arrive, rest, fill; news that is due reaches the slots.
    #[inline]
    fn venue_moves(&mut self, event: &Event) {
        if self.venue.next_due().is_some_and(|due| due <= self.now) {
            self.venue_catches_up();
        }
        self.venue.on_market(event, &mut self.truth);
        if !self.truth.is_empty() {
            self.write_truth();
        }
    }

    /// What is due at the venue by now. Nothing arrives whose journal entry is not durable, so this
    /// waits for the desk; between decision and arrival lies the venue's latency, and in a live feed
    /// that time has passed already.
    #[cold]
    pub(super) fn venue_catches_up(&mut self) {
        if !self.outbox.settle() {
            return self.block();
        }
        self.venue.advance(self.now, &mut self.truth);
        self.write_truth();
        // An answer that is due was made a latency ago: the ledger has it, as the wait has shown.
        while let Some(news) = self.venue.answer(self.now) {
            self.order_news(news);
        }
    }

    #[cold]
    fn write_truth(&mut self) {
        for record in self.truth.drain(..) {
            self.outbox.push(Outbound::Venue(record));
        }
    }

    /// News of an order: into the journal and the account, then to the plugin.
    #[cold]
    pub(super) fn order_news(&mut self, event: OrderEvent) {
        let Some(place) = self.place(event.id.slot) else { return };
        self.outbox.push(Outbound::Event(event));
        let slot = &mut self.slots[place];
        let Some(account) = &mut slot.account else { return };
        if account.apply(&event) != Applied::Changed {
            return;
        }
        slot.gauge.fills.add(u64::from(event.last_size > 0));
        let news = account.book.has_news();
        slot.show_worth();
        self.judge(news);
        self.slot_hears(place, &Hearing::Order(&event));
        self.closing_hears(place, &event);
    }

    /// What real venues have to say of orders, at the event time the lane has reached.
    #[inline]
    pub(super) fn hear_news(&mut self) {
        for ring in 0..self.news.len() {
            while let Ok(news) = self.news[ring].pop() {
                self.turn += 1;
                match news {
                    News::Order(mut event) => {
                        (event.at.seq, event.at.ts_event) = (self.seq, self.now);
                        self.order_news(event);
                    }
                    News::Adjust(adjustment) => self.adjust(&adjustment),
                }
            }
        }
    }

    /// A position changed without an order: into the journal, then into the slot's portfolio.
    #[cold]
    fn adjust(&mut self, adjustment: &Adjustment) {
        self.outbox.push(Outbound::Adjust(*adjustment));
        let Some(place) = self.place(adjustment.slot) else { return };
        let slot = &mut self.slots[place];
        let Some(account) = &mut slot.account else { return };
        account.book.adjust(adjustment);
        let news = account.book.has_news();
        slot.show_worth();
        self.judge(news);
    }

    /// Sends what the last call staged: first to the desk, then on its way to the venue.
    #[cold]
    pub(super) fn commit(&mut self, place: usize) {
        if self.outbox.failed() {
            return self.block();
        }
        let slot = &mut self.slots[place];
        let Some(account) = &mut slot.account else { return };
        let component = slot.live.as_ref().map_or(slot.last_digest, |live| live.digest);
        let by = Provenance { component, config: slot.config, live: false, epoch: self.epoch };
        let (outbox, venue, live) = (&mut self.outbox, &mut self.venue, &self.live);
        let (now, seq) = (self.now, self.seq);
        let (mut orders, mut intents, mut turned_away) = (0, 0, Vec::new());
        account.commit(|staged| {
            intents += 1;
            match staged {
                Staged::Order(order) => {
                    orders += 1;
                    // What goes to a real venue leaves from the desk, once it is durable.
                    let leaves = live.get(order.request.instrument as usize) == Some(&true);
                    outbox.push(Outbound::Intent(order, Provenance { live: leaves, ..by }));
                    if !leaves && venue.submit(&order, now).is_err() {
                        turned_away.push(not_taken(&order, now));
                    }
                }
                Staged::Cancel(id, reason) => {
                    outbox.push(Outbound::Cancel { id, reason, ts_event: now, seq });
                    venue.cancel(id, reason, now);
                }
            }
        });
        slot.gauge.orders.add(orders);
        slot.gauge.intents.add(intents);
        turned_away.into_iter().for_each(|news| self.order_news(news));
    }

    /// The journal takes nothing: no slot may decide anything, ticks go on.
    #[cold]
    fn block(&mut self) {
        for account in self.slots.iter_mut().filter_map(|slot| slot.account.as_mut()) {
            account.drop_staged();
            account.blocked = true;
        }
        self.blocked = true;
    }

    /// The shadow run or the probation of a twin is over.
    #[cold]
    pub(super) fn verdict(&mut self, place: usize) {
        let key = self.slots[place].key;
        let Some(twin) = &self.slots[place].twin else { return };
        if twin.kind == Twinned::Previous {
            if let Some(twin) = self.slots[place].twin.take() {
                let accounts = super::message::Accounts { verdict: Verdict::Kept, ..twin.accounts };
                self.reports.push(FromLane::Swapped(key, accounts));
                self.reports.push(FromLane::Retired(Retired::Body(twin.body)));
            }
            return;
        }
        match self.slots[place].cut() {
            Ok(accounts) => self.reports.push(FromLane::Swapped(key, accounts)),
            Err(refused) => self.cut_refused(place, refused),
        }
    }

    #[cold]
    fn cut_refused(&mut self, place: usize, refused: Refused) {
        let key = self.slots[place].key;
        if let Some(refusal) = refused.as_refusal()
            && let Refused::Differs(twin) | Refused::State(_, twin) | Refused::NewFailed(_, twin) =
                refused
        {
            self.refuse(key, refusal, twin.body);
        } else if let Refused::OldFailed { fault, dead, accounts } = refused {
            self.tell_fault(place, Role::Live, fault, dead, Some(accounts.to));
            self.reports.push(FromLane::Swapped(key, *accounts));
        }
    }

    /// Counts and reports a failure, and hands out the dead: it is dropped where unmapping disturbs no
    /// tick. A twin's failure is not its slot's.
    #[cold]
    pub(super) fn tell_fault(
        &mut self,
        place: usize,
        role: Role,
        fault: Box<wickd_model::Fault>,
        dead: Box<super::body::Body>,
        took_over: Option<wickd_model::Digest>,
    ) {
        let (digest, market_seq) = (dead.digest, self.seq);
        let slot = &mut self.slots[place];
        let key = slot.key;
        if role == Role::Live {
            slot.gauge.faults.add(1);
            slot.last_digest = digest;
        }
        self.reports.push(FromLane::Fault { key, role, fault, digest, took_over, market_seq });
        self.reports.push(FromLane::Retired(Retired::Body(dead)));
    }

    /// A call failed. The slot has already let its twin take over, if it had one.
    #[cold]
    fn failed(&mut self, place: usize, heard: Heard) {
        match heard {
            Heard::Fine => {}
            Heard::Overused(over) => {
                let key = self.slots[place].key;
                self.reports.push(FromLane::Overused { key, over });
            }
            Heard::TwinFailed { fault, dead } => {
                self.tell_fault(place, dead.kind.role(), fault, dead.body, None);
            }
            Heard::LiveFailed { fault, dead, took_over } => {
                self.tell_fault(place, Role::Live, fault, dead, took_over);
                if took_over.is_none() {
                    self.act_on_orders(place);
                }
            }
        }
    }

    #[cold]
    pub(super) fn pass_on_log(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let twin = slot.twin.as_mut().map(|twin| &mut twin.body);
        for body in slot.live.iter_mut().chain(twin).filter(|body| body.guest.has_log()) {
            let (lines, dropped) = body.guest.take_log();
            self.reports.push_or_drop(FromLane::Log(slot.key, lines, dropped));
        }
    }

    #[cold]
    fn pass_on_node_log(&mut self, place: usize) {
        let Some((lines, dropped)) = self.nodes[place].take_log() else { return };
        self.reports.push_or_drop(FromLane::NodeLog(place as u32, lines, dropped));
    }

    /// The gate has refused something: shows how much, and tells what is worth telling.
    #[cold]
    fn show_refusals(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let Some(account) = &mut slot.account else { return };
        slot.gauge.denials.set(account.denied.total());
        slot.gauge.last_denial.set(account.denied.last().map_or(0, |deny| deny as u64 + 1));
        let news = account.denied.take_news();
        if !news.is_empty() {
            self.reports.push(FromLane::Denied(slot.key, news));
        }
    }
}
