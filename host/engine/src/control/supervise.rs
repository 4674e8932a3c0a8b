//! What lanes report, and what follows: restarts with backoff, quarantine, rollback, snapshots.
//!
//! Comes in: reports and the time. Goes out: the next generation, a snapshot on disk, a notice.
//! Whatever a lane retires is dropped here, where unmapping memory disturbs no tick.

use wickd_model::{Deny, Digest, Fault, FaultKind, LogLine};
use wickd_store::{Note, Provenance, Snapshot, SnapshotPut};

use super::Control;
use super::slot::{Running, Sentence};
use crate::events::{self, Detail, Installed, Notice, RiskEvent, SlotEvent};
use crate::lane::{Accounts, FromLane, Overuse, Refusal, Role, Saved, Strike, ToLane, Verdict};
use crate::plan::StateWish;

const NS_PER_MS: u64 = 1_000_000;
/// How often the gauges that guests set are read.
const METRICS_EVERY_NS: u64 = 1_000 * NS_PER_MS;

impl Control {
    pub(super) fn reported(&mut self, lane: usize, report: FromLane) {
        match report {
            FromLane::Seated { key, accounts } => self.seated(key, accounts),
            FromLane::Swapped(key, accounts) => self.swapped(key, accounts),
            FromLane::Refused { key, digest, refusal, body } => {
                let Some(place) = self.slot_place(key) else { return };
                if self.slots[place].running.is_none() {
                    self.seating = self.seating.saturating_sub(1);
                }
                match (refusal, body) {
                    (Refusal::Behind(by), Some(body)) => self.fell_behind(place, body, by),
                    (refusal, _) => self.refused(place, digest, refusal),
                }
            }
            FromLane::Fault { key, role, fault, digest, took_over, market_seq } => {
                if let Some(place) = self.slot_place(key) {
                    self.failed(place, role, fault, digest, took_over, market_seq);
                }
            }
            FromLane::Overused { key, over } => self.overused(key, &over),
            FromLane::CutShort(left) => self.cut_short(lane, left),
            FromLane::NodeFault { node, fault } => self.node_failed(lane, node, fault),
            FromLane::Saved(key, mut saved, beside) => {
                if let Some(place) = self.slot_place(key) {
                    saved.beside = self.named(lane, &beside);
                    self.saved(place, *saved);
                }
            }
            FromLane::SlotStop(key, reached) => self.slot_stopped(key, reached),
            FromLane::AccountStop(stop) => self.account_stopped(&stop),
            FromLane::Closed(key, left) => self.closed(key, &left),
            FromLane::LeftOpen { key, open, keeps } => self.left_open(key, open, keeps),
            FromLane::DayBegan(days) => self.day_began(&days),
            FromLane::Stopped(key) => self.stopped(key),
            FromLane::Log(key, lines, dropped) => self.logged(key, lines, dropped),
            FromLane::NodeLog(node, lines, dropped) => self.node_logged(lane, node, lines, dropped),
            FromLane::Metrics(key, metrics) => {
                if let Some(place) = self.slot_place(key) {
                    self.slots[place].show_metrics(metrics);
                }
            }
            FromLane::Denied(key, news) => self.denied(key, &news),
            FromLane::History(events, head) => self.history(lane, &events, head),
            FromLane::Retired(retired) => drop(retired),
            FromLane::Finished => self.lanes[lane].finished = true,
        }
    }

    fn provenance(&self, place: usize) -> Provenance {
        let slot = &self.slots[place];
        let component = slot.running.as_ref().map_or(Digest([0; 32]), |r| r.plugin.digest);
        Provenance { component, config: slot.plan.config, live: false, epoch: self.records.epoch }
    }

    fn seated(&mut self, key: u32, accounts: Accounts) {
        self.seating = self.seating.saturating_sub(1);
        let Some(place) = self.slot_place(key) else { return };
        let now_ns = self.clock.now_ns();
        let slot = &mut self.slots[place];
        // Where the one before failed on its way out, that report has made this one the running.
        let known = slot.running.take().filter(|running| running.plugin.digest == accounts.to);
        slot.running = slot.take_next(accounts.to).or(known);
        slot.offered = None;
        slot.previous = None;
        slot.catch_ups = 0;
        slot.supervision.due_ns = None;
        slot.next_snapshot_ns = now_ns + slot.plan.snapshot_every_ms * NS_PER_MS;
        let Some(running) = slot.running.clone() else { return };
        slot.last = Some(running.plugin.digest);
        slot.stand("live", "");
        let restored = slot.restored;
        let installed = Installed::Generation { number: accounts.generation, restored };
        let notice = Notice::of(SlotEvent::Seated { installed })
            .slot(&slot.plan.name)
            .plugin(running.plugin.label(), running.plugin.digest);
        self.publish(notice);
        self.note(place, Note::Started(self.provenance(place)));
        self.unload_if_gone(place);
    }

    /// A cut was made, or the verdict on one has come.
    fn swapped(&mut self, key: u32, accounts: Accounts) {
        let Some(place) = self.slot_place(key) else { return };
        let slot = &mut self.slots[place];
        slot.note_swap(accounts);
        match accounts.verdict {
            Verdict::OnProbation => {
                let next = slot.take_next(accounts.to);
                slot.previous = std::mem::replace(&mut slot.running, next);
                if slot.offered.as_ref().is_some_and(|offered| offered.digest == accounts.to) {
                    slot.offered = None;
                }
                slot.supervision.forget();
                slot.last = Some(accounts.to);
                slot.stand("probation", "");
                let label = slot.running.as_ref().map(|r| r.plugin.label()).unwrap_or_default();
                let notice = Notice::of(SlotEvent::Swapped { accounts })
                    .slot(&slot.plan.name)
                    .plugin(label, accounts.to)
                    .detail(Detail::Swap(accounts));
                self.publish(notice);
                self.note(place, Note::Swapped(self.provenance(place)));
                self.unload_if_gone(place);
            }
            Verdict::Kept => {
                slot.previous = None;
                slot.stand("live", "");
                let event = SlotEvent::SwapKept { generation: accounts.generation };
                let notice = Notice::of(event).slot(&slot.plan.name).detail(Detail::Swap(accounts));
                self.publish(notice);
                self.consider(place);
            }
            Verdict::RolledBack => {
                // The operator's word: the bytes that left do not come back by themselves.
                let lowered = slot.running.as_ref().map(|running| running.plugin.lowered.clone());
                slot.decline(accounts.to, lowered.as_ref(), "the operator rolled it back".into());
                slot.running = slot.previous.take();
                self.rolled_back(place, "the operator asked for it");
            }
        }
    }

    fn rolled_back(&mut self, place: usize, why: &'static str) {
        let slot = &mut self.slots[place];
        slot.offered = None;
        slot.last = slot.running.as_ref().map(|running| running.plugin.digest);
        slot.stand("live", "");
        let label = slot.running.as_ref().map(|r| r.plugin.label()).unwrap_or_default();
        let event = SlotEvent::RolledBack { to: label.clone(), why };
        let mut notice = Notice::of(event).slot(&slot.plan.name);
        if let Some(running) = &slot.running {
            notice = notice.plugin(&label, running.plugin.digest);
        }
        self.publish(notice);
        self.note(place, Note::RolledBack(self.provenance(place)));
        self.unload_if_gone(place);
    }

    fn refused(&mut self, place: usize, digest: Digest, refusal: Refusal) {
        let slot = &mut self.slots[place];
        let next = slot.take_next(digest);
        let lowered = next.as_ref().map(|next| next.plugin.lowered.clone());
        let label = next.as_ref().map(|next| next.plugin.label()).unwrap_or_default();
        slot.offered = None;
        if let (Refusal::State(reason), Some(next)) = (&refusal, &next)
            && slot.plan.state == StateWish::WarmUp
            && slot.anew != Some(digest)
        {
            slot.anew = Some(digest);
            let event = SlotEvent::StateLeftBehind { why: reason.clone() };
            let notice = Notice::of(event).slot(&slot.plan.name).plugin(label, digest);
            self.publish(notice);
            return self.supply(place, &next.plugin);
        }
        let (text, fix) = match &refusal {
            Refusal::State(reason) => (
                format!("it does not take the state of the one before: {reason}"),
                "write a `migrate` for the older state version, or set `swap: {state: warm-up}` to start \
                 without it",
            ),
            Refusal::Failed(fault) => (fault.to_string(), fault.kind.hint()),
            Refusal::Differs { compared, differed } => (
                format!("{differed} of {compared} decisions differ from the live generation's"),
                "set `swap.agree: false` to let it go live all the same",
            ),
            Refusal::Behind(by) => (format!("{by} events behind the market"), "make it faster"),
            Refusal::NoSlot => ("there is no earlier generation to return to".into(), "wait"),
        };
        if !matches!(refusal, Refusal::NoSlot) {
            slot.decline(digest, lowered.as_ref(), text.clone());
        }
        if slot.running.is_some() {
            slot.stand("live", "");
        } else {
            slot.stand("waiting", text.clone());
        }
        let event = SlotEvent::CandidateRefused { why: text, fix };
        let mut notice = Notice::of(event).slot(&slot.plan.name).plugin(label, digest);
        if let Refusal::Failed(fault) = refusal {
            notice = notice.detail(Detail::Fault(fault));
        }
        self.publish(notice);
    }

    fn failed(
        &mut self,
        place: usize,
        role: Role,
        fault: Box<Fault>,
        digest: Digest,
        took_over: Option<Digest>,
        market_seq: u64,
    ) {
        let slot = &mut self.slots[place];
        slot.last_fault = Some(fault.clone());
        let label = match role {
            Role::Live => slot.running.as_ref().map(|r| r.plugin.label()),
            Role::Candidate => slot
                .next
                .iter()
                .find(|next| next.plugin.digest == digest)
                .map(|next| next.plugin.label()),
            Role::Previous => slot.previous.as_ref().map(|r| r.plugin.label()),
        };
        let notice = Notice::of(SlotEvent::failed(role, fault.clone(), market_seq))
            .slot(&slot.plan.name)
            .plugin(label.unwrap_or_default(), digest)
            .detail(Detail::Fault(fault.clone()));
        self.publish(notice);
        let slot = &mut self.slots[place];
        match (role, took_over) {
            (Role::Live, None) => {
                slot.failed_at = Some(market_seq);
                self.comes_back(place, digest, &fault);
            }
            (Role::Live, Some(new)) if slot.is_previous(new) => {
                // It failed on probation: the one before it goes on as if nothing had been.
                let lowered = slot.running.as_ref().map(|running| running.plugin.lowered.clone());
                slot.decline(digest, lowered.as_ref(), fault.to_string());
                slot.running = slot.previous.take();
                slot.settle_swap(Verdict::RolledBack);
                self.rolled_back(place, "the new generation failed on probation");
            }
            // The candidate took over; its accounts come as a swap, or it is the live one now.
            (Role::Live, Some(new)) => {
                if let Some(next) = slot.take_next(new) {
                    slot.running = Some(next);
                    slot.offered = None;
                    slot.last = Some(new);
                    slot.stand("live", "");
                }
            }
            (Role::Candidate, _) => {
                let lowered = slot.take_next(digest).map(|next| next.plugin.lowered.clone());
                slot.decline(digest, lowered.as_ref(), fault.to_string());
                slot.offered = None;
                slot.stand("live", "");
            }
            (Role::Previous, _) => slot.previous = None,
        }
    }

    /// The slot is empty: restart after a wait, or no more with these bytes.
    fn comes_back(&mut self, place: usize, digest: Digest, fault: &Fault) {
        let now_ns = self.clock.now_ns();
        let slot = &mut self.slots[place];
        slot.running = None;
        slot.previous = None;
        slot.offered = None;
        slot.next.clear();
        // Who took more than its share three times was told twice.
        let given_up = fault.kind == FaultKind::OverShare;
        let sentence = slot.supervision.failed(now_ns);
        match if given_up { Sentence::Quarantine } else { sentence } {
            Sentence::Restart(wait_ms) => {
                slot.stand("backoff", format!("{fault}; again in {wait_ms} ms"));
            }
            Sentence::Quarantine => {
                slot.barred.insert(digest, fault.to_string());
                slot.stand("quarantined", fault.to_string());
                let restart = slot.plan.restart;
                let (most, secs) = (restart.restarts_max, restart.window_ms / 1000);
                let why = match given_up {
                    true => fault.to_string(),
                    false => format!("more than {most} failures within {secs} s"),
                };
                slot.supervision.forget();
                let notice = Notice::of(SlotEvent::Quarantined { why })
                    .slot(&slot.plan.name)
                    .plugin(slot.plan.plugin.as_str(), digest);
                self.publish(notice);
                self.note(place, Note::Quarantined);
                self.consider(place);
            }
        }
    }

    /// A slot took more than its share: it is told what followed, and so is the operator.
    fn overused(&self, key: u32, over: &Overuse) {
        let Some(place) = self.slot_place(key) else { return };
        let event = match over.strike {
            Strike::Late => SlotEvent::Late { over: *over },
            Strike::Muted => SlotEvent::Muted { over: *over },
            // That is a failure, and told as one.
            Strike::Last => return,
        };
        self.publish(Notice::of(event).slot(&self.slots[place].plan.name));
    }

    fn stopped(&mut self, key: u32) {
        let Some(place) = self.slot_place(key) else { return };
        let finishing = self.finishing.is_some();
        let slot = &mut self.slots[place];
        if !finishing && !slot.plan.retired {
            slot.running = None;
            slot.previous = None;
            slot.stand("stopped", "its file was removed");
            slot.stopping = false;
            let notice = Notice::of(SlotEvent::Stopped {}).slot(&slot.plan.name);
            self.publish(notice);
        }
        self.note(place, Note::Stopped);
    }

    fn logged(&mut self, key: u32, lines: Vec<LogLine>, dropped: u64) {
        let Some(place) = self.slot_place(key) else { return };
        let slot = &mut self.slots[place];
        let name = slot.plan.name.clone();
        let before = std::mem::replace(&mut slot.log_dropped, dropped);
        for line in lines {
            self.publish(Notice::of(events::Event::log(line)).slot(&name));
        }
        if events::is_worth_telling(before, dropped) {
            self.publish(Notice::of(SlotEvent::LogDropped { lines: dropped }).slot(&name));
        }
    }

    /// Refusals of the gate.
    fn denied(&self, key: u32, news: &[(Deny, u64)]) {
        let Some(place) = self.slot_place(key) else { return };
        for (deny, count) in news {
            let event = RiskEvent::Denied { deny: *deny, count: *count };
            self.publish(Notice::of(event).slot(&self.slots[place].plan.name));
        }
    }

    /// A state has come from a lane: keep it, and write it down.
    fn saved(&mut self, place: usize, saved: Saved) {
        let slot = &mut self.slots[place];
        let snapshot = Snapshot {
            digest: saved.digest,
            plugin_version: saved.version.to_string(),
            state_version: saved.state_version,
            market_seq: saved.market_seq,
            slot_seq: saved.seq,
            intent_counter: saved.intents,
            event_number: 0,
            bytes: saved.bytes.clone(),
            beside: saved.beside.clone(),
        };
        slot.saved = Some(saved);
        let bytes_max = slot.plan.limits.over(self.limits).state_bytes;
        let put = SnapshotPut { slot: &slot.plan.name, snapshot: &snapshot, bytes_max };
        match self.records.snapshots.as_ref().map(|store| store.put(&[put])) {
            Some(Err(error)) => {
                let times = self.slots[place].unsaved.again();
                if let Some(times) = times {
                    let event =
                        SlotEvent::SnapshotFailed { why: crate::intake::chain(&error), times };
                    self.publish(Notice::of(event).slot(&self.slots[place].plan.name));
                }
            }
            Some(Ok(_)) => self.slots[place].unsaved.over(),
            None => {}
        }
    }

    /// What the time brings: snapshots and restarts.
    pub(super) fn supervise(&mut self) {
        if self.finishing.is_some() {
            return;
        }
        let now_ns = self.clock.now_ns();
        for place in 0..self.slots.len() {
            let slot = &mut self.slots[place];
            let keeps_state = slot.running.as_ref().is_some_and(|r| r.state_version > 0);
            if keeps_state && now_ns >= slot.next_snapshot_ns {
                slot.next_snapshot_ns = now_ns + slot.plan.snapshot_every_ms * NS_PER_MS;
                let (lane, key) = (slot.lane, slot.key);
                self.lanes[lane].send(ToLane::Save(key));
            }
            let slot = &mut self.slots[place];
            if slot.running.is_some() && now_ns >= slot.next_metrics_ns {
                slot.next_metrics_ns = now_ns + METRICS_EVERY_NS;
                let (lane, key) = (slot.lane, slot.key);
                self.lanes[lane].send(ToLane::Metrics(key));
            }
            let slot = &mut self.slots[place];
            if slot.supervision.due_ns.is_some_and(|due| now_ns >= due) {
                slot.supervision.due_ns = None;
                slot.last = None;
                self.consider(place);
            }
        }
        self.nodes_come_back(now_ns);
        self.look_for_lag(std::time::Instant::now());
    }

    /// The operator's word: the generation before, while it is warm; else the version before.
    pub(super) fn roll_back(&mut self, name: &wickd_model::SlotName) {
        let Some(place) = self.slots.iter().position(|slot| slot.plan.name == *name) else {
            return;
        };
        let slot = &mut self.slots[place];
        let (lane, key) = (slot.lane, slot.key);
        if slot.previous.is_some() {
            self.lanes[lane].send(ToLane::RollBack(key));
            return;
        }
        let Some(running) = slot.running.clone() else { return };
        slot.barred.insert(running.plugin.digest, "the operator rolled it back".into());
        self.consider(place);
        let slot = &mut self.slots[place];
        if slot.offered.is_none() {
            slot.barred.remove(&running.plugin.digest);
            self.publish(Notice::of(SlotEvent::RollbackRefused {}).slot(name));
        }
    }
}

impl super::SlotControl {
    fn is_previous(&self, digest: Digest) -> bool {
        self.previous.as_ref().is_some_and(|previous: &Running| previous.plugin.digest == digest)
    }

    fn settle_swap(&mut self, verdict: Verdict) {
        if let Some(swap) = self.swaps.last_mut() {
            swap.verdict = verdict;
        }
    }
}
