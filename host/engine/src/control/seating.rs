//! From an admitted plugin to a generation on its lane.
//!
//! A slot with nobody in it is seated; a slot with a generation is offered a candidate, which the
//! lane runs in shadow, cuts over to and keeps on probation. A generation whose state cannot be
//! carried is warmed up here with the lane's history before it is sent.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use semver::VersionReq;
use wickd_model::{Digest, Event, PluginName};
use wickd_policy::acceptance::Accept;

use super::prepare::{Kitchen, Prepared, Unprepared};
use super::slot::{Running, SlotControl};
use super::{Control, NotApproved, Reading, resolve};
use crate::events::{Detail, FileEvent, Notice, SlotEvent};
use crate::intake::Plugin;
use crate::lane::{Body, HISTORY_EVENTS, NodeId, Saved, ToLane};

/// Times a generation that fell behind its lane is warmed up again.
const CATCH_UPS_MAX: u32 = 5;

/// A generation that waits for a copy of its lane's history.
pub(crate) struct Pending {
    pub(crate) slot: usize,
    pub(crate) body: Box<Body>,
    /// It has heard everything up to here; 0 for nothing.
    pub(crate) since: u64,
    pub(crate) restored: bool,
    pub(crate) warm_up_events: u64,
}

impl Control {
    pub(super) fn kitchen(&self) -> Kitchen<'_> {
        Kitchen { runtime: &self.runtime, instruments: &self.instruments, limits: self.limits }
    }

    pub(super) fn admitted(&mut self, plugin: Arc<Plugin>) {
        match self.registry.add(plugin.clone()) {
            Ok(None) => {}
            Ok(Some(hidden)) => {
                let event = FileEvent::VersionTwice { plugin: plugin.label(), other: hidden };
                self.publish(Notice::of(event).place(plugin.path.display()));
            }
            Err(most) => {
                self.publish(Notice::of(FileEvent::Full { plugin: plugin.label(), most }));
                return;
            }
        }
        let (path, name) = (plugin.path.clone(), plugin.manifest.name.clone());
        let requires = plugin.manifest.requires.keys().cloned().collect();
        self.opening.take(Reading::Described { path: path.clone(), plugin: name, requires });
        self.opening.take(Reading::Done(path));
        if !self.opening.supplied {
            // Which of two versions is read first must not matter.
            return;
        }
        if !self.opening.complete {
            self.opening.complete = self.awaited().is_some_and(|awaited| awaited.is_empty());
        }
        self.consider_all();
    }

    /// A file was removed, and everything that ran from it is unloaded, or replaced by what else a place
    /// takes: strategy, input, adapter, feed and utility alike, whatever the file had last.
    pub(super) fn gone(&mut self, path: &Path) {
        self.opening.take(Reading::Done(path.to_owned()));
        let gone = self.registry.remove(path);
        for plugin in &gone {
            let notice = Notice::of(FileEvent::Gone {})
                .plugin(plugin.label(), plugin.digest)
                .place(path.display());
            self.publish(notice);
        }
        if gone.is_empty() || !self.opening.supplied {
            return;
        }
        self.consider_all();
        (0..self.slots.len()).for_each(|place| self.unload_if_gone(place));
    }

    /// Ends a slot whose bytes are in no file any more, unless others are on their way.
    pub(super) fn unload_if_gone(&mut self, place: usize) {
        let slot = &self.slots[place];
        let runs = slot.running.as_ref().map(|running| running.plugin.digest);
        let (waits, last) = (slot.supervision.due_ns.is_some(), slot.last_digest());
        let Some(digest) = runs.or(last.filter(|_| waits)) else { return };
        let replaced = slot.offered.as_ref().is_some_and(|of| self.registry.has(&of.digest));
        if self.registry.has(&digest) || replaced || slot.stopping || self.finishing.is_some() {
            return;
        }
        let slot = &mut self.slots[place];
        slot.stopping = true;
        slot.supervision.due_ns = None;
        let (key, lane) = (slot.key, slot.lane);
        self.lanes[lane].send(ToLane::Save(key));
        self.lanes[lane].send(ToLane::Stop(key));
    }

    /// Every place gets the best that it takes of what is there now.
    pub(super) fn consider_all(&mut self) {
        self.consider_inputs();
        for place in 0..self.venues.len() {
            let (name, accept) =
                (self.venues[place].place.clone(), self.venues[place].accept.clone());
            let (plugin, range) =
                (self.venues[place].plugin.clone(), self.venues[place].range.clone());
            let best = self.choose(&name, &accept, &plugin, &range, &BTreeSet::new());
            // A venue that has ended needs no adapter.
            self.venues[place].employ(best);
        }
        for place in 0..self.workers.len() {
            let worker = &self.workers[place];
            let (name, accept) = (worker.place.clone(), worker.accept.clone());
            let (plugin, range) = (worker.plugin.clone(), worker.range.clone());
            let best = self.choose(&name, &accept, &plugin, &range, &BTreeSet::new());
            self.workers[place].employ(best);
        }
        (0..self.slots.len()).for_each(|place| self.consider(place));
    }

    /// What takes a place, of the plugins that are there; what is held is told.
    pub(super) fn choose(
        &mut self,
        place: &str,
        accept: &Accept,
        plugin: &PluginName,
        range: &VersionReq,
        failed: &BTreeSet<Digest>,
    ) -> Option<Arc<Plugin>> {
        let fitting = self.registry.fitting(plugin, range).into_iter();
        let fitting: Vec<_> =
            fitting.filter(|plugin| !failed.contains(&plugin.digest)).cloned().collect();
        let (may_pin, now) = (self.opening.complete, self.clock.now_ns());
        let outcome = self.acceptance.choose(place, accept, &fitting, failed, may_pin, now);
        if !outcome.notices.is_empty() {
            self.registry.kept = self.acceptance.holders();
        }
        outcome.notices.into_iter().for_each(|notice| self.publish(notice));
        outcome.taken
    }

    /// The operator accepts bytes for a place that may be named without its kind.
    pub(crate) fn approve(&mut self, text: &str, digest: Digest) -> Result<String, NotApproved> {
        let held = self.acceptance.held();
        let holds = |place: &str| held.iter().any(|of| of.place == place && of.digest == digest);
        let place = resolve(self.places(), text, holds)?;
        let plugin = self.registry.by_digest(&digest).cloned();
        let plugin = plugin.ok_or(NotApproved::NoBytes(digest))?;
        self.acceptance.approve(&place, &plugin, self.clock.now_ns())?;
        self.registry.kept = self.acceptance.holders();
        let text = format!("{place}: {} is approved", plugin.label());
        let event = FileEvent::Approved { place: place.clone() };
        let notice = Notice::of(event).plugin(plugin.label(), digest);
        self.publish(notice.place(plugin.path.display()));
        // Another try is part of the approval.
        self.slots.iter_mut().filter(|slot| slot.place() == place).for_each(|slot| {
            slot.barred.remove(&digest);
        });
        self.consider_all();
        Ok(text)
    }

    /// Every place there is, with its rule.
    fn places(&self) -> Vec<(String, Accept)> {
        let slots = self.slots.iter().map(|slot| (slot.place(), slot.plan.accept.clone()));
        let venues = self.venues.iter().map(|venue| (venue.place.clone(), venue.accept.clone()));
        let workers = self.workers.iter().map(|of| (of.place.clone(), of.accept.clone()));
        slots.chain(venues).chain(workers).chain(self.input_places()).collect()
    }

    /// Once every file has been read: which slots have nothing to run.
    pub(super) fn say_who_waits(&mut self) {
        for worker in self.workers.iter().filter(|worker| worker.is_idle()) {
            let (plugin, there) = (&worker.plugin, self.registry.versions(&worker.plugin));
            let why = format!("for plugin `{plugin}` {} (there: {there})", worker.range);
            let fix = format!("drop a fitting {plugin}.wasm into a watched folder");
            self.publish(Notice::of(SlotEvent::Waits { why, fix }).slot(&worker.name));
        }
        for place in 0..self.slots.len() {
            let slot = &self.slots[place];
            if slot.plan.retired
                || slot.running.is_some()
                || slot.offered.is_some()
                || slot.waits_for.is_some()
            {
                continue;
            }
            let name = &slot.plan.name;
            let (why, fix) = self.why_it_waits(slot);
            slot.stand("waiting", why.clone());
            self.publish(Notice::of(SlotEvent::Waits { why: why.clone(), fix }).slot(name));
            self.slots[place].waits_for = Some(why);
        }
    }

    /// What a slot lacks, and what would mend it.
    fn why_it_waits(&self, slot: &SlotControl) -> (String, String) {
        let held = self.acceptance.held();
        if let Some(held) = held.iter().find(|held| held.place == slot.place()) {
            let why = format!("for your word: {} is held, because {}", held.plugin, held.why);
            return (why, format!("see `wickd held`; then `{}`", held.command()));
        }
        let missed = slot.misses.as_ref();
        let (kind, plugin, range) = match missed {
            Some(input) => ("the input", input, String::new()),
            None => ("plugin", &slot.plan.plugin, format!(" {}", slot.plan.range)),
        };
        let there = self.registry.versions(plugin);
        let why = format!("for {kind} `{plugin}`{range} (there: {there})");
        (why, format!("drop a fitting {plugin}.wasm into a watched folder"))
    }

    /// Gives a slot the best plugin there is for it, unless it has it.
    pub(super) fn consider(&mut self, place: usize) {
        let slot = &self.slots[place];
        if slot.supervision.due_ns.is_some() && slot.running.is_none() {
            // It is waiting out its backoff; other bytes end that at once.
            let last = slot.last_digest();
            let best = self.best_for(place);
            if best.as_ref().map(|plugin| plugin.digest) == last {
                return;
            }
        }
        let Some(plugin) = self.best_for(place) else { return };
        let slot = &self.slots[place];
        let runs = slot.running.as_ref().is_some_and(|r| r.plugin.is_same(&plugin));
        let offered = slot.offered.as_ref().is_some_and(|of| of.is_same(&plugin));
        let declined = slot.declined.as_ref() == Some(&plugin.lowered)
            && slot.running.as_ref().is_some_and(|r| r.plugin.digest == plugin.digest);
        if declined {
            return;
        }
        if (runs && slot.offered.is_none()) || offered {
            return;
        }
        self.supply(place, &plugin);
    }

    fn best_for(&mut self, place: usize) -> Option<Arc<Plugin>> {
        let slot = &self.slots[place];
        if slot.plan.retired {
            return None;
        }
        let (name, plan, failed) = (slot.place(), slot.plan.clone(), slot.barred_digests());
        self.choose(&name, &plan.accept, &plan.plugin, &plan.range, &failed)
    }

    /// Prepares a generation from these bytes and sends it to the slot's lane.
    pub(super) fn supply(&mut self, place: usize, plugin: &Arc<Plugin>) {
        if let Err(unmet) = self.requirements(plugin) {
            return self.unprepared(
                place,
                plugin,
                Unprepared::Missing { what: unmet, plugin: None },
            );
        }
        let generation = self.slots[place].generations + 1;
        let prepared = self.kitchen().strategy(plugin, &self.slots[place].plan, generation);
        let prepared = prepared.and_then(|prepared| {
            let handles = self.inputs_for(place, plugin, &prepared)?;
            Ok((prepared, handles))
        });
        match prepared {
            Ok((prepared, handles)) => self.send(place, plugin, prepared, handles),
            Err(unprepared) => self.unprepared(place, plugin, unprepared),
        }
    }

    /// Whether everything the plugin `requires` is there, inputs or not.
    fn requirements(&self, plugin: &Plugin) -> Result<(), String> {
        let there: Vec<_> = self.registry.all().map(|plugin| &plugin.manifest).collect();
        let house = crate::intake::house_version();
        match wickd_policy::requires::resolve(&plugin.manifest, &house, &there) {
            Ok(_) => Ok(()),
            Err(unmet) => Err(unmet.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        }
    }

    fn send(
        &mut self,
        place: usize,
        plugin: &Arc<Plugin>,
        prepared: Prepared,
        handles: Box<[NodeId]>,
    ) {
        let Prepared { mut body, needs } = prepared;
        body.guest.host_mut().handles = handles;
        let (lane, key) = (self.slots[place].lane, self.slots[place].key);
        let bars: Vec<_> = body.wants.bars().to_vec();
        for (instrument, secs) in bars {
            self.want_bars(lane, Some(place), instrument, secs);
        }
        self.tell_unmet(place, &plugin.label(), &body.wants);
        let slot = &mut self.slots[place];
        slot.generations += 1;
        slot.offered = Some(plugin.clone());
        slot.waits_for = None;
        slot.stopping = false;
        let state_version = body.state_version;
        slot.next.push_back(Running { plugin: plugin.clone(), state_version });
        if let Some(running) = &slot.running {
            let anew = slot.anew == Some(plugin.digest);
            let carry = running.state_version > 0 && body.state_version > 0 && !anew;
            let trial = slot.plan.trial;
            slot.stand("shadow", format!("{} is on trial", plugin.label()));
            if carry || needs.warm_up_events == 0 {
                let (heard_seq, warm_up_events) = (0, 0);
                let offer = ToLane::Offer { key, body, trial, carry, heard_seq, warm_up_events };
                self.lanes[lane].send(offer);
                return;
            }
            return self.warm_up(place, body, 0, false, needs.warm_up_events);
        }
        // Nobody is there: start from the last saved state, or from the past, or from nothing.
        let (since, restored) = self.restore(place, &mut body);
        self.slots[place].restored = restored;
        if self.pump.is_none() {
            return self.seat_before_the_market(place, body, since, restored, needs.warm_up_events);
        }
        match since {
            0 if needs.warm_up_events == 0 => self.seat(place, body, 0, restored),
            _ => self.warm_up(place, body, since, restored, needs.warm_up_events),
        }
    }

    /// Restores the slot's last saved state; says up to which market event it knows everything.
    fn restore(&mut self, place: usize, body: &mut Body) -> (u64, bool) {
        let slot = &self.slots[place];
        let both_keep = |saved: &&Saved| body.state_version > 0 && saved.state_version > 0;
        let Some(saved) = slot.saved.as_ref().filter(both_keep) else {
            return (0, false);
        };
        match body.guest.restore(saved.state_version, &saved.bytes) {
            Ok(Ok(())) => {
                body.seq = saved.seq;
                (saved.market_seq, true)
            }
            Ok(Err(reason)) => {
                let event = SlotEvent::StateRefused { why: reason.to_string() };
                self.publish(Notice::of(event).slot(&slot.plan.name));
                (0, false)
            }
            // The instance is of no use any more; the lane will find out and say so.
            Err(_) => (0, false),
        }
    }

    fn seat_before_the_market(
        &mut self,
        place: usize,
        mut body: Box<Body>,
        since: u64,
        restored: bool,
        warm_up_events: u32,
    ) {
        let past = self.past();
        let from = match since {
            0 => past.len().saturating_sub(warm_up_events as usize),
            since => past.partition_point(|event| event.at().seq <= since),
        };
        // A state that ends before the past that is known leaves a gap, as a stop of the house does.
        match body.catch_up(&past[from..], &mut self.batch) {
            Ok(_) => self.seat(place, body, 0, restored),
            Err(fault) => {
                let plugin = self.slots[place].offered.clone();
                if let Some(plugin) = plugin {
                    self.unprepared(place, &plugin, Unprepared::Fault(fault));
                }
            }
        }
    }

    fn seat(&mut self, place: usize, body: Box<Body>, heard_seq: u64, restored: bool) {
        let (lane, key) = (self.slots[place].lane, self.slots[place].key);
        self.seating += 1;
        self.lanes[lane].send(ToLane::Seat { key, body, heard_seq, restored });
    }

    /// Asks the lane for its history; the answer goes on in [`Self::history`].
    fn warm_up(
        &mut self,
        place: usize,
        body: Box<Body>,
        since: u64,
        restored: bool,
        warm_up_events: u32,
    ) {
        let events = match since {
            0 => warm_up_events as usize,
            _ => HISTORY_EVENTS,
        };
        let pending = Pending { slot: place, body, since, restored, warm_up_events: 0 };
        self.ask_for_history(pending, events);
    }

    fn ask_for_history(&mut self, pending: Pending, events: usize) {
        let lane = &mut self.lanes[self.slots[pending.slot].lane];
        lane.awaiting.push_back(pending);
        lane.send(ToLane::History(Vec::with_capacity(events.min(HISTORY_EVENTS))));
    }

    /// A lane's history has come for the generation that asked first.
    pub(super) fn history(&mut self, lane: usize, events: &[Event], head: u64) {
        let Some(mut pending) = self.lanes[lane].awaiting.pop_front() else { return };
        let place = pending.slot;
        let from = events.partition_point(|event| event.at().seq <= pending.since);
        // The event it failed at is left out, or it would only fail again.
        let poison = self.slots[place].failed_at;
        let missed: Vec<Event> =
            events[from..].iter().filter(|event| Some(event.at().seq) != poison).copied().collect();
        let heard = pending.body.catch_up(&missed, &mut self.batch);
        let (key, trial) = (self.slots[place].key, self.slots[place].plan.trial);
        match heard {
            Ok(heard) => {
                pending.warm_up_events += u64::from(heard);
                self.slots[place].warmed = pending.warm_up_events;
                self.slots[place].heard_to = head;
                let Pending { body, restored, warm_up_events, .. } = pending;
                if self.slots[place].running.is_some() {
                    // Who takes over a state needs no past.
                    let (heard_seq, carry) = (head, false);
                    let offer =
                        ToLane::Offer { key, body, trial, carry, heard_seq, warm_up_events };
                    self.lanes[lane].send(offer);
                } else {
                    self.seat(place, body, head, restored);
                }
            }
            Err(fault) => {
                if let Some(plugin) = self.slots[place].offered.clone() {
                    self.unprepared(place, &plugin, Unprepared::Fault(fault));
                }
            }
        }
    }

    /// A generation was too slow for its lane: warm it up with what it missed, and try again.
    pub(super) fn fell_behind(&mut self, place: usize, body: Box<Body>, by: u64) {
        let slot = &mut self.slots[place];
        slot.catch_ups += 1;
        if slot.catch_ups > CATCH_UPS_MAX {
            slot.catch_ups = 0;
            slot.offered = None;
            let name = slot.plan.name.clone();
            let why = format!("its warm-up is slower than the market; {by} events behind");
            let event = SlotEvent::CandidateRefused { why, fix: "make it faster" };
            self.publish(Notice::of(event).slot(name));
            return;
        }
        // Where the history does not reach back to `since`, the gap is what it was too slow for.
        let (since, restored) = (self.slots[place].heard_to, self.slots[place].saved.is_some());
        let warm_up_events = self.slots[place].warmed;
        let pending = Pending { slot: place, body, since, restored, warm_up_events };
        self.ask_for_history(pending, HISTORY_EVENTS);
    }

    /// A slot does not get a generation from these bytes; whatever runs goes on.
    pub(super) fn unprepared(&mut self, place: usize, plugin: &Plugin, why: Unprepared) {
        let slot = &mut self.slots[place];
        slot.offered = None;
        let name = slot.plan.name.clone();
        if let Unprepared::Missing { what, plugin: missed } = &why {
            // Until the folders have been read, what is missing is probably the next one.
            if !self.opening.supplied {
                slot.misses = missed.clone();
                return;
            }
            if slot.waits_for.as_ref() != Some(what) {
                slot.waits_for = Some(what.clone());
                let what = what.clone();
                self.slots[place].stand("waiting", what.clone());
                let fix = "drop the missing plugin into a watched folder".to_owned();
                let event = SlotEvent::Waits { why: format!("for what it requires: {what}"), fix };
                self.publish(Notice::of(event).slot(name).plugin(plugin.label(), plugin.digest));
            }
            return;
        }
        let text = why.to_string();
        slot.decline(plugin.digest, Some(&plugin.lowered), text.clone());
        if slot.running.is_none() {
            slot.stand("waiting", text.clone());
            slot.waits_for = Some(text.clone());
        } else {
            slot.stand("live", String::new());
        }
        let (fix, detail) = match why {
            Unprepared::Fault(fault) => (fault.kind.hint(), Some(Detail::Fault(fault))),
            Unprepared::Config(problems) => {
                ("mend the slot's `config:`", Some(Detail::Config(problems)))
            }
            _ => ("mend the plugin, or the slot's `config:`", None),
        };
        let event = SlotEvent::GenerationRefused { why: text, fix };
        let notice = Notice::of(event).slot(name).plugin(plugin.label(), plugin.digest);
        self.publish(Notice { detail, ..notice });
    }
}
