//! The ends of a run: what a lane gives to snapshots, the last words of its slots, and how it starts
//! from a past.
//!
//! A run that goes on where another ended must find the same prices, bars, timers and inputs as if
//! there had been no end. Deliberately absent: names; the lane knows places only, and control the rest.

use std::time::{Duration, Instant};

use wickd_model::{Event, Fault, InstrumentId, Reason};

use super::Lane;
use super::body::Loan;
use super::message::{Finish, FromLane, OnFailure, Retired, Role, SavedBeside, SavedInput, ToLane};
use super::node::NodeId;
use super::share::Strike;

/// Times the venue answers at the end of a run: far beyond what is ever under way.
const ANSWER_ROUNDS_MAX: u32 = 4_096;
/// How long venues may take to confirm what is taken back at the end. What is not confirmed by then is
/// told, and asked for at the next start.
const TAKE_BACK_WITHIN: Duration = Duration::from_millis(1_500);
/// How often their answers are looked at meanwhile.
const TAKE_BACK_LOOK: Duration = Duration::from_millis(1);

impl Lane {
    /// The end: what is in the ring is handled, every slot says its last word, all is durable. Where
    /// the market goes on without us the venue answers what is under way; a recording waits, and so
    /// do the orders in it.
    pub(super) fn finish(&mut self, mut finish: Finish) {
        let mut started = Instant::now();
        while finish.within.is_none_or(|within| started.elapsed() < within)
            && let Ok(event) = self.feed.pop()
        {
            self.tick(&event);
            // Whoever has no time any more says so again.
            if let Ok(ToLane::Finish(sooner)) = self.mail.pop() {
                (finish, started) = (sooner, Instant::now());
            }
        }
        // Nobody closes anything further; what is left is told.
        (0..self.slots.len()).for_each(|place| self.end_closing(place));
        let left = self.feed.slots() as u64;
        if !finish.resumes {
            self.venue_answers();
        }
        for place in 0..self.slots.len() {
            self.save(self.slots[place].key);
            self.stop(place, false);
        }
        if !finish.resumes {
            self.venue_answers();
        }
        self.take_back_at_venues();
        self.outbox.settle();
        self.tell_open();
        // Said once what was decided in `stop` is durable: so it is a slot's last word.
        for place in 0..self.slots.len() {
            self.reports.push(FromLane::Stopped(self.slots[place].key));
        }
        if left > 0 {
            self.reports.push(FromLane::CutShort(left));
        }
        self.reports.push(FromLane::Finished);
        while !self.reports.waiting.is_empty() && !self.reports.ring.is_abandoned() {
            self.reports.flush();
            std::thread::yield_now();
        }
    }

    /// Event time passes until the venue has answered everything, or as often as it may: a plugin that
    /// answers each answer with another order has no end.
    fn venue_answers(&mut self) {
        for _ in 0..ANSWER_ROUNDS_MAX {
            let Some(due) = self.venue.next_due().filter(|_| !self.blocked) else { return };
            (self.now, self.turn) = (self.now.max(due), self.turn + 1);
            self.venue_catches_up();
        }
    }

    /// Orders at venues that their slots' policies do not keep are cancelled, and the answers waited for.
    fn take_back_at_venues(&mut self) {
        let mut waiting = Vec::new();
        for place in 0..self.slots.len() {
            if self.slots[place].on_failure == OnFailure::Keep || self.open_at_venues(place) == 0 {
                continue;
            }
            if let Some(account) = self.slots[place].account.as_mut().filter(|of| !of.blocked) {
                account.begin(self.now, self.seq, 0);
                account.book.stage_cancel_all(Reason::Host);
                self.commit(place);
                waiting.push(place);
            }
        }
        let started = Instant::now();
        while waiting.iter().any(|place| self.open_at_venues(*place) > 0)
            && started.elapsed() < TAKE_BACK_WITHIN
        {
            std::thread::park_timeout(TAKE_BACK_LOOK);
            self.hear_news();
        }
    }

    /// What the run leaves at venues.
    fn tell_open(&mut self) {
        for place in 0..self.slots.len() {
            let (open, slot) = (self.open_at_venues(place), &self.slots[place]);
            if open > 0 {
                let keeps = slot.on_failure == OnFailure::Keep;
                self.reports.push(FromLane::LeftOpen { key: slot.key, open, keeps });
            }
        }
    }

    /// A slot's orders at venues that are not done.
    fn open_at_venues(&self, place: usize) -> usize {
        let Some(account) = &self.slots[place].account else { return 0 };
        let is_live = |id: InstrumentId| self.live.get(id as usize) == Some(&true);
        let open = account.book.open_orders().iter();
        open.filter(|open| is_live(open.order.request.instrument)).count()
    }

    pub(super) fn save(&mut self, key: u32) {
        let Some(place) = self.place(key) else { return };
        self.slots[place].begin_turn(self.turn);
        let saved = self.slots[place].save();
        let over = self.slots[place].charge(self.now);
        let last = over.filter(|over| over.strike == Strike::Last).and_then(|over| {
            let live = self.slots[place].live.as_ref()?;
            Some(over.fault(live.guest.limits(), live.guest.memory_bytes()))
        });
        match (saved, last) {
            (None, _) => {}
            (Some(Ok(saved)), None) => {
                let beside = Box::new(self.save_beside(place));
                self.reports.push(FromLane::Saved(key, Box::new(saved), beside));
                over.into_iter()
                    .for_each(|over| self.reports.push(FromLane::Overused { key, over }));
            }
            (Some(Err(fault)), _) | (_, Some(fault)) => self.save_failed(place, fault),
        }
    }

    /// The live generation is gone: its twin goes on alone, or nobody does.
    fn save_failed(&mut self, place: usize, fault: Box<Fault>) {
        let slot = &mut self.slots[place];
        let Some(dead) = slot.live.take() else { return };
        let took_over = match slot.twin.take() {
            // The twin has heard everything.
            Some(twin) => {
                let digest = twin.body.digest;
                slot.seat(twin.body);
                Some(digest)
            }
            None => None,
        };
        self.tell_fault(place, Role::Live, fault, dead, took_over);
        if took_over.is_none() {
            self.slots[place].gauge.generation.set(0);
            self.act_on_orders(place);
        }
    }

    /// The plugin's last word, with what it orders there. Then the operator's policy.
    pub(super) fn stop(&mut self, place: usize, act: bool) {
        let slot = &mut self.slots[place];
        let twin = slot.twin.take();
        if let Some(mut live) = slot.live.take() {
            slot.last_digest = live.digest;
            if let Some(account) = &mut slot.account {
                account.begin(self.now, self.seq, live.generation);
            }
            live.guest.begin_event();
            if let Err(fault) =
                live.stop(Loan { account: &mut slot.account, table: &mut self.table })
            {
                if let Some(account) = &mut slot.account {
                    account.drop_staged();
                }
                let (key, role, digest) = (slot.key, Role::Live, live.digest);
                let (took_over, market_seq) = (None, self.seq);
                self.reports.push(FromLane::Fault {
                    key,
                    role,
                    fault,
                    digest,
                    took_over,
                    market_seq,
                });
            }
            slot.gauge.generation.set(0);
            if live.guest.has_log() {
                let (lines, dropped) = live.guest.take_log();
                self.reports.push_or_drop(FromLane::Log(slot.key, lines, dropped));
            }
            let metrics = live.guest.metrics().to_vec();
            self.reports.push_or_drop(FromLane::Metrics(slot.key, metrics));
            self.reports.push(FromLane::Retired(Retired::Body(live)));
        }
        if let Some(twin) = twin {
            self.reports.push(FromLane::Retired(Retired::Body(twin.body)));
        }
        if self.slots[place].account.as_ref().is_some_and(|account| account.has_staged()) {
            self.commit(place);
        }
        if act {
            self.act_on_orders(place);
        }
    }

    /// Timers, inputs and bars in progress of a slot.
    pub(super) fn save_beside(&mut self, place: usize) -> SavedBeside {
        let slot = &self.slots[place];
        let timers =
            slot.account.as_ref().map_or_else(Vec::new, |account| account.timers().to_vec());
        let Some(live) = &slot.live else {
            return SavedBeside { timers, ..SavedBeside::default() };
        };
        let mut wanted: Vec<(InstrumentId, u32)> = live.wants.bars().to_vec();
        let mut nodes: Vec<NodeId> = live.guest.host().handles.to_vec();
        // Those that they read come behind; a place at most once, so this ends.
        let mut next = 0;
        while let Some(id) = nodes.get(next).copied() {
            next += 1;
            let Some(node) = self.nodes.get(id as usize) else { continue };
            wanted.extend(node.bars());
            let news: Vec<_> =
                node.inputs().iter().filter(|id| !nodes.contains(id)).copied().collect();
            nodes.extend(news);
        }
        nodes.sort_unstable();
        nodes.dedup();
        let inputs = nodes.into_iter().filter_map(|id| self.save_input(id)).collect();
        let bars = self.bars.iter().filter(|(id, secs, _)| wanted.contains(&(*id, *secs)));
        let bars = bars.filter_map(|(.., builder)| builder.in_progress()).collect();
        SavedBeside { timers, inputs, bars }
    }

    fn save_input(&mut self, id: NodeId) -> Option<SavedInput> {
        let place = id as usize;
        let view = *self.table.as_ref()?.get(place)?;
        let node = self.nodes.get_mut(place)?;
        match node.save() {
            Ok(bytes) => {
                let (state_version, seq) = (node.state_version, node.seq());
                Some(SavedInput { node: id, state_version, seq, view, bytes })
            }
            Err(fault) => {
                self.node_failed(place, fault);
                None
            }
        }
    }

    /// The market before this run: prices and what is left of them, and the events to warm up with.
    /// Nothing fills and nobody is called.
    pub(super) fn take_past(&mut self, events: &[Event]) {
        events.iter().for_each(|event| self.history.push(event));
        self.venue.on_past(events);
        let Some(last) = events.last() else { return };
        self.now = self.now.max(last.at().ts_event);
        if self.now >= self.accounts.day_ends() {
            self.day_begins();
        }
        // Each instrument's latest is what a portfolio is worth; an older one would be its start.
        for (place, event) in events.iter().enumerate() {
            let kind = std::mem::discriminant(event);
            let is_latest = !events[place + 1..].iter().any(|later| {
                later.at().instrument == event.at().instrument
                    && std::mem::discriminant(later) == kind
            });
            if is_latest {
                let accounts = self.slots.iter_mut().filter_map(|slot| slot.account.as_mut());
                accounts.for_each(|account| account.on_market(event));
            }
        }
    }
}
