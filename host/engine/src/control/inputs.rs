//! Shared inputs: which indicator and signal instances a lane has, and for whom.
//!
//! Comes in: what generations ask for by plugin name and parameters. Goes out: handles. Equal wishes
//! on one lane share one instance, computed once per event. Deliberately absent: the values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use semver::VersionReq;
use wickd_model::{
    Entry, Fault, Input, InstrumentId, LogLine, PluginName, SlotName, Source, World,
};
use wickd_policy::acceptance::Accept;

use super::Control;
use super::prepare::{Kitchen, Prepared, Unprepared};
use super::slot::Sentence;
use super::slot::Supervision;
use super::unmet::want_of;
use crate::events::{self, Detail, InputEvent, Notice, SlotEvent};
use crate::intake::Plugin;
use crate::lane::{Count, NODES_MAX, Node, NodeId, NodeKind, Refusals, ToLane, Unemitted};
use crate::plan::RestartPlan;

/// How deep signals may read signals.
const DEPTH_MAX: u32 = 4;

/// A shared input of a lane.
pub(crate) struct NodeControl {
    /// The slots that read it: what any of them does not take, it does not become.
    readers: BTreeSet<SlotName>,
    pub(super) plugin: Arc<Plugin>,
    range: VersionReq,
    pub(super) instrument: InstrumentId,
    pub(super) source: Source,
    pub(super) config: Vec<Entry>,
    supervision: Supervision,
    down: bool,
    /// Its file was removed, and its readers have no values until there is another.
    is_unloaded: bool,
    /// Bytes that could not take its place: they are not tried at each file that comes.
    refused: Option<Arc<Plugin>>,
    /// Signals it was refused, of all its generations.
    refusals: Arc<Refusals>,
    /// How many of each kind there have to be for the next notice.
    tell_at: [u64; Unemitted::ALL.len()],
    log_dropped: u64,
    /// Fuel of all its calls.
    pub(super) fuel: Arc<Count>,
}

impl NodeControl {
    /// Its plugin, for people.
    pub(super) fn label(&self) -> String {
        self.plugin.label()
    }
}

/// One wish, resolved to a plugin.
pub(super) struct Wish {
    readers: BTreeSet<SlotName>,
    pub(super) plugin: Arc<Plugin>,
    range: VersionReq,
    pub(super) config: Vec<Entry>,
    pub(super) instrument: InstrumentId,
    pub(super) source: Source,
    refusals: Arc<Refusals>,
}

/// For whom an input is made.
#[derive(Clone, Copy)]
struct Reader {
    lane: usize,
    /// None where an input is renewed, which carries the state of the one before it.
    slot: Option<usize>,
    /// How many inputs stand between.
    depth: u32,
}

impl Control {
    /// The nodes behind a generation's inputs, in its own order; made where they are missing.
    pub(super) fn inputs_for(
        &mut self,
        place: usize,
        plugin: &Plugin,
        prepared: &Prepared,
    ) -> Result<Box<[NodeId]>, Unprepared> {
        let reader = Reader { lane: self.slots[place].lane, slot: Some(place), depth: 0 };
        let name = self.slots[place].plan.name.clone();
        self.nodes_for(reader, &[name].into(), plugin, &prepared.needs.inputs)
    }

    fn nodes_for(
        &mut self,
        reader: Reader,
        readers: &BTreeSet<SlotName>,
        asks: &Plugin,
        inputs: &[Input],
    ) -> Result<Box<[NodeId]>, Unprepared> {
        if reader.depth > DEPTH_MAX {
            let what = format!("inputs of inputs go deeper than {DEPTH_MAX}");
            return Err(Unprepared::Missing { what, plugin: None });
        }
        // All wishes first: an input that is missing must not leave others behind, unused.
        let wishes: Result<Vec<Wish>, Unprepared> =
            inputs.iter().map(|input| self.wish(readers, asks, input)).collect();
        wishes?.into_iter().map(|wish| self.node_for(reader, wish)).collect()
    }

    fn wish(
        &mut self,
        readers: &BTreeSet<SlotName>,
        asks: &Plugin,
        input: &Input,
    ) -> Result<Wish, Unprepared> {
        let missing = |what: String| Unprepared::Missing { what, plugin: None };
        let name: PluginName = input.plugin.parse().map_err(|error| {
            missing(format!("it asks for an input named `{}`: {error}", input.plugin))
        })?;
        let range = asks.manifest.requires.get(&name).cloned().unwrap_or(VersionReq::STAR);
        let Some(plugin) = self.choose_input(readers, &name, &range) else {
            let there = self.registry.versions(&name);
            let what = format!("for the input `{name}` {range} (there: {there})");
            return Err(Unprepared::Missing { what, plugin: Some(name) });
        };
        let config = Kitchen::input_config(&plugin, &input.params)?;
        let source = match plugin.manifest.world {
            other @ (World::Strategy | World::Exchange | World::Feed | World::Utility) => {
                let kind = other.name();
                let text = format!(
                    "the input `{name}` is a plugin of world `{kind}`, not an indicator or signal"
                );
                return Err(missing(text));
            }
            // A signal plugin hears what it asked for itself.
            World::Signal => Source::Mid,
            World::Indicator => input.source,
        };
        let (instrument, readers) = (input.instrument, readers.clone());
        let refusals = Arc::default();
        Ok(Wish { readers, plugin, range, config, instrument, source, refusals })
    }

    fn node_for(&mut self, reader: Reader, wish: Wish) -> Result<NodeId, Unprepared> {
        let lane = reader.lane;
        let known = self.lanes[lane].nodes.iter().position(|node| {
            node.plugin.is_same(&wish.plugin)
                && !node.is_unloaded
                && (node.instrument, node.source) == (wish.instrument, wish.source)
                && node.config == wish.config
        });
        if let Some(place) = known {
            self.lanes[lane].nodes[place].readers.extend(wish.readers);
            return Ok(place as NodeId);
        }
        let mut node = self.make(reader, &wish)?;
        if let (Some(slot), None) = (reader.slot, &self.pump) {
            self.resume_input(slot, &mut node, &wish)?;
        }
        // Making it may have made its own inputs first, so its number is known only now.
        let id = self.lanes[lane].nodes.len();
        if id == NODES_MAX {
            let what = format!("the lane has {NODES_MAX} shared inputs already");
            return Err(Unprepared::Missing { what, plugin: None });
        }
        let Wish { readers, plugin, range, config, instrument, source, refusals } = wish;
        let supervision = Supervision::new(RestartPlan::default(), id as u64);
        let (down, is_unloaded, log_dropped) = (false, false, 0);
        let fuel = node.fuel();
        self.lanes[lane].nodes.push(NodeControl {
            readers,
            plugin,
            range,
            instrument,
            source,
            config,
            supervision,
            down,
            is_unloaded,
            refused: None,
            refusals,
            tell_at: [1; Unemitted::ALL.len()],
            log_dropped,
            fuel,
        });
        self.lanes[lane].send(ToLane::Node(id as NodeId, Box::new(node)));
        Ok(id as NodeId)
    }

    fn make(&mut self, reader: Reader, wish: &Wish) -> Result<Node, Unprepared> {
        if let Source::Bars(secs) = wish.source {
            self.want_bars(reader.lane, reader.slot, wish.instrument, secs);
        }
        let is_indicator = wish.plugin.manifest.world == World::Indicator;
        if let (true, Some(place)) = (is_indicator, reader.slot) {
            let want = want_of(wish.source);
            self.tell_if_unmet(place, &wish.plugin.label(), wish.instrument, want);
        }
        let kitchen = self.kitchen();
        if is_indicator {
            return kitchen.indicator(&wish.plugin, &wish.config, wish.instrument, wish.source);
        }
        let (mut node, needs) =
            kitchen.signal(&wish.plugin, &wish.config, wish.instrument, wish.refusals.clone())?;
        let plugin = wish.plugin.clone();
        let deeper = Reader { depth: reader.depth + 1, ..reader };
        node.guest.host_mut().handles =
            self.nodes_for(deeper, &wish.readers, &plugin, &needs.inputs)?;
        for (instrument, secs) in node.wants.bars() {
            self.want_bars(reader.lane, reader.slot, *instrument, *secs);
        }
        if let Some(place) = reader.slot {
            self.tell_unmet(place, &plugin.label(), &node.wants);
        }
        let state_version = node.guest.state_version()?;
        Ok(self.kitchen().node(&plugin, state_version, NodeKind::Signal(Box::new(node))))
    }

    /// Has a lane build bars, from the one that was in progress when the last run ended.
    pub(super) fn want_bars(
        &mut self,
        lane: usize,
        slot: Option<usize>,
        instrument: InstrumentId,
        secs: u32,
    ) {
        let before = slot.filter(|_| self.pump.is_none());
        let bar = before.and_then(|place| self.bar_in_progress(place, instrument, secs));
        self.lanes[lane].send(ToLane::Bars(instrument, secs, bar));
    }

    /// What all readers of an input take; nothing where they do not agree.
    fn choose_input(
        &mut self,
        readers: &BTreeSet<SlotName>,
        name: &PluginName,
        range: &VersionReq,
    ) -> Option<Arc<Plugin>> {
        let mut agreed: Option<Arc<Plugin>> = None;
        for reader in readers {
            let slot = self.slots.iter().find(|slot| slot.plan.name == *reader);
            let Some((place, accept)) =
                slot.map(|slot| (format!("{}/{name}", slot.place()), slot.plan.accept.clone()))
            else {
                continue;
            };
            let best = self.choose(&place, &accept, name, range, &BTreeSet::new())?;
            if agreed.as_ref().is_some_and(|agreed| agreed.digest != best.digest) {
                return None;
            }
            agreed = Some(best);
        }
        agreed
    }

    /// The places of inputs, which follow the rule of the slot that reads them.
    pub(super) fn input_places(&self) -> BTreeMap<String, Accept> {
        let nodes = self.lanes.iter().flat_map(|lane| &lane.nodes);
        let readers = nodes.flat_map(|node| {
            node.readers.iter().map(move |reader| (reader, &node.plugin.manifest.name))
        });
        let place = |(reader, name): (&SlotName, &PluginName)| {
            let slot = self.slots.iter().find(|slot| slot.plan.name == *reader)?;
            Some((format!("{}/{name}", slot.place()), slot.plan.accept.clone()))
        };
        readers.filter_map(place).collect()
    }

    /// Every input becomes the best that its readers take, or is unloaded with its file.
    pub(super) fn consider_inputs(&mut self) {
        for lane in 0..self.lanes.len() {
            for place in 0..self.lanes[lane].nodes.len() {
                let node = &self.lanes[lane].nodes[place];
                let (readers, range) = (node.readers.clone(), node.range.clone());
                let name = node.plugin.manifest.name.clone();
                let best = self.choose_input(&readers, &name, &range);
                let node = &self.lanes[lane].nodes[place];
                let gone = !self.registry.has(&node.plugin.digest);
                let refused = node.refused.as_ref();
                let best = best.filter(|best| !refused.is_some_and(|of| of.is_same(best)));
                match best {
                    Some(best) if node.is_unloaded || !best.is_same(&node.plugin) => {
                        self.renew(lane, place, best);
                    }
                    None if gone && !node.is_unloaded => self.unload_input(lane, place),
                    _ => {}
                }
            }
        }
    }

    fn unload_input(&mut self, lane: usize, place: usize) {
        let node = &mut self.lanes[lane].nodes[place];
        node.is_unloaded = true;
        node.supervision.due_ns = None;
        let (label, digest) = (node.plugin.label(), node.plugin.digest);
        let none = Node::down(digest, label.clone());
        let readers: Vec<_> = node.readers.iter().map(ToString::to_string).collect();
        self.lanes[lane].send(ToLane::Node(place as NodeId, Box::new(none)));
        let event = InputEvent::Unloaded { readers: readers.join(", ") };
        self.publish(Notice::of(event).plugin(label, digest));
    }

    /// Puts a new instance into a node; the lane carries the state over between two events.
    fn renew(&mut self, lane: usize, place: usize, plugin: Arc<Plugin>) {
        let node = &self.lanes[lane].nodes[place];
        let wish = Wish {
            readers: node.readers.clone(),
            plugin: plugin.clone(),
            range: node.range.clone(),
            config: node.config.clone(),
            instrument: node.instrument,
            source: node.source,
            refusals: node.refusals.clone(),
        };
        match self.make(Reader { lane, slot: None, depth: 0 }, &wish) {
            Ok(node) => {
                let control = &mut self.lanes[lane].nodes[place];
                (control.plugin, control.down) = (plugin.clone(), false);
                (control.is_unloaded, control.refused) = (false, None);
                control.fuel = node.fuel();
                self.lanes[lane].send(ToLane::Node(place as NodeId, Box::new(node)));
                let notice =
                    Notice::of(InputEvent::Swapped {}).plugin(plugin.label(), plugin.digest);
                self.publish(notice);
            }
            Err(unprepared) => {
                self.lanes[lane].nodes[place].refused = Some(plugin.clone());
                let event = InputEvent::Refused { why: unprepared.to_string() };
                self.publish(Notice::of(event).plugin(plugin.label(), plugin.digest));
            }
        }
    }

    /// An input failed: its readers find it not ready until it is back.
    pub(super) fn node_failed(&mut self, lane: usize, node: NodeId, fault: Box<Fault>) {
        let now_ns = self.clock.now_ns();
        let Some(control) = self.lanes[lane].nodes.get_mut(node as usize) else { return };
        control.down = true;
        let sentence = control.supervision.failed(now_ns);
        let (label, digest) = (control.plugin.label(), control.plugin.digest);
        let event = match sentence {
            Sentence::Restart(wait_ms) => InputEvent::Failed { fault: fault.clone(), wait_ms },
            Sentence::Quarantine => InputEvent::Quarantined { fault: fault.clone() },
        };
        self.publish(Notice::of(event).plugin(label, digest).detail(Detail::Fault(fault)));
    }

    /// Signals that were refused since the last look: the first of a kind is told, then every tenth
    /// power of them.
    pub(super) fn tell_refused_signals(&mut self) {
        let mut notices = Vec::new();
        for node in self.lanes.iter_mut().flat_map(|lane| &mut lane.nodes) {
            for why in Unemitted::ALL {
                let (count, at) = (node.refusals.get(why), &mut node.tell_at[why as usize]);
                if count < *at {
                    continue;
                }
                while *at <= count {
                    *at = at.saturating_mul(10);
                }
                let event = InputEvent::SignalsRefused { count, why: why.text() };
                let notice = Notice::of(event).detail(Detail::Count(count));
                notices.push(notice.plugin(node.plugin.label(), node.plugin.digest));
            }
        }
        notices.into_iter().for_each(|notice| self.publish(notice));
    }

    /// What an input's guest has logged.
    pub(super) fn node_logged(
        &mut self,
        lane: usize,
        node: NodeId,
        lines: Vec<LogLine>,
        dropped: u64,
    ) {
        let Some(control) = self.lanes[lane].nodes.get_mut(node as usize) else { return };
        let before = std::mem::replace(&mut control.log_dropped, dropped);
        let (label, digest) = (control.plugin.label(), control.plugin.digest);
        for line in lines {
            self.publish(Notice::of(events::Event::log(line)).plugin(&label, digest));
        }
        if events::is_worth_telling(before, dropped) {
            let event = SlotEvent::LogDropped { lines: dropped };
            self.publish(Notice::of(event).plugin(label, digest));
        }
    }

    /// Inputs whose wait is over start again.
    pub(super) fn nodes_come_back(&mut self, now_ns: u64) {
        self.tell_refused_signals();
        for lane in 0..self.lanes.len() {
            for place in 0..self.lanes[lane].nodes.len() {
                let node = &mut self.lanes[lane].nodes[place];
                if node.down && node.supervision.due_ns.is_some_and(|due| now_ns >= due) {
                    node.supervision.due_ns = None;
                    let plugin = node.plugin.clone();
                    self.renew(lane, place, plugin);
                }
            }
        }
    }
}
