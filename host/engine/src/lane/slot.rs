//! A slot on its lane: the live generation, perhaps a twin beside it, and the account both borrow.
//!
//! The twin is either a candidate in its shadow run or the previous generation in the probation of
//! its successor. It hears every event right after the live one, with its orders muted and compared.
//! So at any event either can take over, and between two events there is always exactly one that
//! may trade.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use wickd_model::{Digest, Fault, FeedState, FeedStatus, Stamp, TsNs};

use wickd_store::Beside;

use super::account::Account;
use super::body::{Body, Hearing, Loan};
use super::gauge::Gauge;
use super::message::{Accounts, OnFailure, Saved, SlotSetup, Trial, Verdict};
use super::seat::InputTable;
use super::share::{Overuse, Strike};
use super::twin::{Carry, Offered, Refused, Twin, Twinned, carry};
use crate::orders::Closing;

/// Every how many calls the wall time is taken: two clock reads cost a third of a call.
const TIME_EVERY_CALLS: u64 = 64;

/// A configured place for a strategy, on its lane.
pub(crate) struct Slot {
    /// Its number in the journal.
    pub(crate) key: u32,
    pub(crate) live: Option<Box<Body>>,
    pub(crate) twin: Option<Box<Twin>>,
    /// Orders, positions, timers: they belong to the slot. Away only during a call.
    pub(crate) account: Option<Box<Account>>,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) on_failure: OnFailure,
    /// Market sequence number of the last event it was offered.
    pub(crate) market_seq: u64,
    /// SHA-256 of its resolved configuration, for the provenance of orders.
    pub(crate) config: Digest,
    /// The bytes of the generation that failed last: its orders are the host's now.
    pub(crate) last_digest: Digest,
    /// Its positions are being closed by the host.
    pub(crate) closing: Option<Closing>,
    calls: u64,
    /// The lane's turn in which it was called last.
    turn: u64,
    /// Events skipped since it was called last, for it to be told.
    skipped: u64,
}

/// What came of letting a slot hear something.
pub(crate) enum Heard {
    /// Nothing special; intents, if any, are staged in the account.
    Fine,
    /// The same, and the live generation has used more than its share of the lane.
    Overused(Overuse),
    /// The live generation failed. `took_over`: the twin with these bytes
    /// is live now and has heard the event.
    LiveFailed { fault: Box<Fault>, dead: Box<Body>, took_over: Option<Digest> },
    /// The twin failed and is gone; the live one is untouched.
    TwinFailed { fault: Box<Fault>, dead: Box<Twin> },
}

impl Slot {
    pub(crate) fn new(setup: SlotSetup) -> Self {
        Self {
            key: setup.key,
            live: None,
            twin: None,
            account: Some(setup.account),
            gauge: setup.gauge,
            on_failure: setup.on_failure,
            market_seq: 0,
            config: setup.config,
            last_digest: Digest([0; 32]),
            closing: None,
            calls: 0,
            turn: 0,
            skipped: 0,
        }
    }

    /// Another turn of the lane: all its calls until the next one share a budget.
    #[inline]
    pub(crate) fn begin_turn(&mut self, turn: u64) {
        if self.turn == turn {
            return;
        }
        self.turn = turn;
        if let Some(live) = &mut self.live {
            live.guest.begin_event();
        }
        if let Some(twin) = &mut self.twin {
            twin.body.guest.begin_event();
        }
    }

    /// Whether the live generation may be called at this event time.
    #[inline]
    pub(crate) fn admits(&mut self, now: TsNs) -> bool {
        self.live.as_mut().is_some_and(|live| live.share.admits(now))
    }

    /// Whether one more timer leaves a whole call for the event itself.
    pub(crate) fn has_fuel_for_a_timer(&self) -> bool {
        self.live.as_ref().is_some_and(|live| {
            live.guest.event_fuel() >= live.guest.limits().fuel_per_call.saturating_mul(2)
        })
    }

    /// So many events are lost to it. It is told before it hears the next one: its own count jumps by
    /// as many, and the feeds of its instruments were stale and are live again.
    #[cold]
    pub(crate) fn skip(&mut self, events: u64) {
        self.skipped += events;
        self.gauge.skipped.add(events);
    }

    /// Whether it has to be told of skipped events.
    #[inline]
    pub(crate) fn has_gap(&self) -> bool {
        self.skipped > 0
    }

    /// The instruments that are to be told of a gap; the count of the bodies has jumped.
    #[cold]
    pub(crate) fn take_gap(&mut self) -> Vec<FeedStatus> {
        let skipped = std::mem::take(&mut self.skipped);
        let Some(live) = &mut self.live else { return Vec::new() };
        live.seq += skipped;
        if let Some(twin) = &mut self.twin {
            twin.body.seq += skipped;
        }
        let told = |instrument| {
            let at = Stamp { instrument, ..Stamp::default() };
            [FeedState::Stale, FeedState::Live].map(|state| FeedStatus { at, state })
        };
        live.wants.instruments().flat_map(told).collect()
    }

    /// Lets the live generation hear something, then the twin. Staged intents stay in the account
    /// until the caller commits them; those of a call that failed are gone.
    #[inline]
    pub(crate) fn hear(
        &mut self,
        what: &Hearing<'_>,
        table: &mut Option<InputTable>,
        now: TsNs,
    ) -> Heard {
        let Some(live) = &mut self.live else { return Heard::Fine };
        let timed = self.calls.is_multiple_of(TIME_EVERY_CALLS).then(Instant::now);
        self.calls += 1;
        let outcome = live.hear(what, Loan { account: &mut self.account, table });
        let fuel = live.guest.fuel_used();
        let over = live.share.spend(fuel);
        self.gauge.events.add(1);
        self.gauge.fuel_total.add(fuel);
        self.gauge.fuel_max.raise_to(fuel);
        if let Some(started) = timed {
            self.gauge.call_ns.record(started.elapsed().as_nanos() as u64);
            self.show_worth();
        }
        match outcome {
            Ok(()) if over => self.overused(what, table, now),
            Ok(()) if self.twin.is_none() => Heard::Fine,
            Ok(()) => self.twin_hears(what, table, now),
            Err(fault) => self.live_failed(fault, what, table),
        }
    }

    /// The live generation has used more than its share of this second. On probation that is a
    /// failure at once: the one before it kept its share.
    #[cold]
    fn overused(&mut self, what: &Hearing<'_>, table: &mut Option<InputTable>, now: TsNs) -> Heard {
        let probation = self.twin.as_ref().is_some_and(|twin| twin.kind == Twinned::Previous);
        let Some(live) = &mut self.live else { return Heard::Fine };
        let Some(over) = live.share.strike(now) else { return self.twin_hears(what, table, now) };
        if probation || over.strike == Strike::Last {
            let fault = over.fault(live.guest.limits(), live.guest.memory_bytes());
            return self.live_failed(fault, what, table);
        }
        match self.twin_hears(what, table, now) {
            Heard::Fine => Heard::Overused(over),
            heard => heard,
        }
    }

    fn twin_hears(
        &mut self,
        what: &Hearing<'_>,
        table: &mut Option<InputTable>,
        now: TsNs,
    ) -> Heard {
        if self.twin.is_none() {
            return Heard::Fine;
        }
        let (Some(mut twin), Some(account)) = (self.twin.take(), &mut self.account) else {
            return Heard::Fine;
        };
        account.begin_shadow();
        let outcome = twin.body.hear(what, Loan { account: &mut self.account, table });
        let (compared, differed) =
            self.account.as_mut().map_or((false, false), |account| account.end_shadow());
        twin.compared += u64::from(compared);
        twin.differed += u64::from(differed);
        twin.left = twin.left.saturating_sub(1);
        // Its second begins here: nobody asks whether a twin may be called.
        twin.body.share.admits(now);
        let outcome = outcome.and_then(|()| {
            let Body { share, guest, .. } = &mut *twin.body;
            let over = share.spend(guest.fuel_used()).then(|| share.strike(now)).flatten();
            over.map_or(Ok(()), |over| Err(over.fault(guest.limits(), guest.memory_bytes())))
        });
        match outcome {
            Ok(()) => {
                self.twin = Some(twin);
                Heard::Fine
            }
            Err(fault) => Heard::TwinFailed { fault, dead: twin },
        }
    }

    /// The live generation is garbage. If there is a twin, it hears the same event for real.
    #[cold]
    fn live_failed(
        &mut self,
        fault: Box<Fault>,
        what: &Hearing<'_>,
        table: &mut Option<InputTable>,
    ) -> Heard {
        if let Some(account) = &mut self.account {
            account.drop_staged();
        }
        let Some(dead) = self.live.take() else { return Heard::Fine };
        let Some(twin) = self.twin.take() else {
            self.gauge.generation.set(0);
            return Heard::LiveFailed { fault, dead, took_over: None };
        };
        let mut body = twin.body;
        body.guest.mute(false);
        if body.hear(what, Loan { account: &mut self.account, table }).is_ok() {
            let took_over = Some(body.digest);
            self.show(&body);
            self.live = Some(body);
            return Heard::LiveFailed { fault, dead, took_over };
        }
        if let Some(account) = &mut self.account {
            account.drop_staged();
        }
        self.gauge.generation.set(0);
        Heard::LiveFailed { fault, dead, took_over: None }
    }

    /// Whether one of its guests has logged something.
    #[inline]
    pub(crate) fn has_log(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.guest.has_log())
            || self.twin.as_ref().is_some_and(|twin| twin.body.guest.has_log())
    }

    /// Puts a first generation, or one after a fault, in place. Gives back what stood there.
    pub(crate) fn seat(&mut self, mut body: Box<Body>) -> Option<Box<Body>> {
        body.guest.mute(false);
        self.show(&body);
        self.skipped = 0;
        self.live.replace(body)
    }

    /// Shows what the slot has earned so far.
    pub(crate) fn show_worth(&self) {
        if let Some(account) = &self.account {
            self.gauge.pnl.store(account.book.equity(), Ordering::Relaxed);
            self.gauge.unpriced.store(account.book.is_unpriced(), Ordering::Relaxed);
        }
    }

    fn show(&self, body: &Body) {
        self.gauge.generation.set(u64::from(body.generation));
        self.gauge.memory_bytes.set(body.guest.memory_bytes());
    }

    /// Starts the shadow run of a candidate, from the state the live generation has right now.
    pub(crate) fn offer(
        &mut self,
        mut body: Box<Body>,
        trial: Trial,
        carries: bool,
        warm_up_events: u64,
    ) -> Result<(), Offered> {
        let mut accounts = Accounts {
            from: self.live.as_ref().map(|live| live.digest),
            to: body.digest,
            generation: body.generation,
            offered_seq: self.market_seq,
            warm_up_events,
            ..Accounts::default()
        };
        if let Some(live) = &mut self.live
            && carries
            && body.state_version > 0
            && live.state_version > 0
        {
            match carry(live, &mut body) {
                Carry::Done(bytes) => accounts.state_bytes = Some(bytes),
                Carry::OldFailed(fault) => {
                    return match self.live.take() {
                        Some(dead) => Err(Offered::OldFailed(fault, body, dead)),
                        None => Err(Offered::NewFailed(fault, body)),
                    };
                }
                Carry::Refused(reason) => return Err(Offered::Refused(reason, body)),
                Carry::NewFailed(fault) => return Err(Offered::NewFailed(fault, body)),
            }
        }
        body.guest.mute(true);
        let restored = accounts.state_bytes.is_some();
        if let Err(fault) = body.start(restored, true, &mut self.account) {
            return Err(Offered::NewFailed(fault, body));
        }
        let left = trial.shadow_events;
        let kind = Twinned::Candidate;
        let (compared, differed) = (0, 0);
        self.twin = Some(Box::new(Twin { body, kind, trial, left, compared, differed, accounts }));
        Ok(())
    }

    /// The cut: between two events the candidate becomes live and the live one its twin.
    ///
    /// The contract: after this the slot has the old generation or the new one, never none, never two
    /// that may trade. Where the two decided differently, their states have parted, so the state is
    /// carried once more; where they agreed, the cut is an exchange of two pointers.
    pub(crate) fn cut(&mut self) -> Result<Accounts, Refused> {
        let started = Instant::now();
        let Some(mut twin) = self.twin.take() else { return Err(Refused::Gone) };
        let Some(mut live) = self.live.take() else {
            // The old one has failed meanwhile: whatever state the candidate has is the best there is.
            let accounts = Accounts { cut_seq: self.market_seq, ..twin.accounts };
            self.seat(twin.body);
            return Ok(accounts);
        };
        if twin.differed > 0 && twin.trial.agree {
            self.live = Some(live);
            return Err(Refused::Differs(twin));
        }
        if twin.differed > 0 && twin.accounts.state_bytes.is_some() {
            match carry(&mut live, &mut twin.body) {
                Carry::Done(bytes) => twin.accounts.state_bytes = Some(bytes),
                Carry::OldFailed(fault) => {
                    // It could not even save itself. The candidate has heard every event since the
                    // offer, so it goes live with what it knows; there is no probation without a twin.
                    let (cut_seq, verdict) = (self.market_seq, Verdict::Kept);
                    let accounts = Box::new(Accounts { cut_seq, verdict, ..twin.accounts });
                    self.seat(twin.body);
                    return Err(Refused::OldFailed { fault, dead: live, accounts });
                }
                Carry::Refused(reason) => {
                    self.live = Some(live);
                    return Err(Refused::State(reason, twin));
                }
                Carry::NewFailed(fault) => {
                    self.live = Some(live);
                    return Err(Refused::NewFailed(fault, twin));
                }
            }
        }
        let mut accounts = twin.accounts;
        std::mem::swap(&mut live, &mut twin.body);
        live.guest.mute(false);
        twin.body.guest.mute(true);
        self.show(&live);
        self.live = Some(live);
        accounts.cut_seq = self.market_seq;
        accounts.shadow_compared = twin.compared;
        accounts.shadow_differed = twin.differed;
        accounts.gap_ns = started.elapsed().as_nanos() as u64;
        twin.accounts = accounts;
        (twin.kind, twin.left) = (Twinned::Previous, twin.trial.probation_events);
        (twin.compared, twin.differed) = (0, 0);
        self.twin = Some(twin);
        Ok(accounts)
    }

    /// Back to the previous generation, which has heard every event. The new one is handed out.
    pub(crate) fn roll_back(&mut self) -> Option<(Box<Body>, Accounts)> {
        if self.twin.as_ref()?.kind != Twinned::Previous {
            return None;
        }
        let mut twin = self.twin.take()?;
        twin.body.guest.mute(false);
        let mut accounts = twin.accounts;
        accounts.verdict = Verdict::RolledBack;
        self.show(&twin.body);
        Some((self.live.replace(twin.body)?, accounts))
    }

    /// The last cold call of the live generation counts too; says where that was too much.
    #[cold]
    pub(crate) fn charge(&mut self, now: TsNs) -> Option<Overuse> {
        let live = self.live.as_mut().filter(|live| live.state_version > 0)?;
        live.share.admits(now);
        let fuel = live.guest.fuel_used();
        self.gauge.fuel_total.add(fuel);
        live.share.spend(fuel).then(|| live.share.strike(now)).flatten()
    }

    /// The live generation's state for a snapshot.
    pub(crate) fn save(&mut self) -> Option<Result<Saved, Box<Fault>>> {
        let live = self.live.as_mut()?;
        let intents = self.account.as_ref().map_or(0, |account| account.last_intent());
        let state = match live.state_version {
            0 => Ok(Vec::new()),
            _ => live.guest.save(),
        };
        let saved = state.map(|bytes| Saved {
            digest: live.digest,
            version: live.version.clone(),
            state_version: live.state_version,
            seq: live.seq,
            market_seq: self.market_seq,
            intents,
            bytes,
            beside: Beside::default(),
        });
        self.gauge.memory_bytes.set(live.guest.memory_bytes());
        Some(saved)
    }
}
