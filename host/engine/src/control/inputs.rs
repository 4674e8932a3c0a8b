//! Shared inputs: which indicator and signal instances a lane has, and for whom.
//!
//! Comes in: what generations ask for by plugin name and parameters. Goes out: handles. Equal wishes
//! on one lane share one instance, computed once per event. Deliberately absent: the values.

use std::collections::BTreeSet;
use std::sync::Arc;

use semver::VersionReq;
use wickd_model::{Entry, Fault, Input, InstrumentId, PluginName, Source, World};

use super::Control;
use super::prepare::{Kitchen, Prepared, Unprepared};
use super::slot::Sentence;
use super::slot::Supervision;
use crate::events::{Detail, InputEvent, Notice};
use crate::intake::Plugin;
use crate::lane::{NODES_MAX, Node, NodeId, NodeKind, ToLane};
use crate::plan::RestartPlan;

/// How deep signals may read signals.
const DEPTH_MAX: u32 = 4;

/// A shared input of a lane.
pub(crate) struct NodeControl {
    plugin: Arc<Plugin>,
    range: VersionReq,
    instrument: InstrumentId,
    source: Source,
    config: Vec<Entry>,
    supervision: Supervision,
    down: bool,
}

/// One wish, resolved to a plugin.
struct Wish {
    plugin: Arc<Plugin>,
    range: VersionReq,
    config: Vec<Entry>,
    instrument: InstrumentId,
    source: Source,
}

impl Control {
    /// The nodes behind a generation's inputs, in its own order; made where they are missing.
    pub(super) fn inputs_for(
        &mut self,
        place: usize,
        plugin: &Plugin,
        prepared: &Prepared,
    ) -> Result<Box<[NodeId]>, Unprepared> {
        let lane = self.slots[place].lane;
        self.nodes_for(lane, plugin, &prepared.needs.inputs, 0)
    }

    fn nodes_for(
        &mut self,
        lane: usize,
        asks: &Plugin,
        inputs: &[Input],
        depth: u32,
    ) -> Result<Box<[NodeId]>, Unprepared> {
        if depth > DEPTH_MAX {
            let what = format!("inputs of inputs go deeper than {DEPTH_MAX}");
            return Err(Unprepared::Missing { what, plugin: None });
        }
        // All wishes first: an input that is missing must not leave others behind, unused.
        let wishes: Result<Vec<Wish>, Unprepared> =
            inputs.iter().map(|input| self.wish(asks, input)).collect();
        wishes?.into_iter().map(|wish| self.node_for(lane, wish, depth)).collect()
    }

    fn wish(&self, asks: &Plugin, input: &Input) -> Result<Wish, Unprepared> {
        let missing = |what: String| Unprepared::Missing { what, plugin: None };
        let name: PluginName = input.plugin.parse().map_err(|error| {
            missing(format!("it asks for an input named `{}`: {error}", input.plugin))
        })?;
        let range = asks.manifest.requires.get(&name).cloned().unwrap_or(VersionReq::STAR);
        let Some(plugin) = self.registry.best(&name, &range, &BTreeSet::new()) else {
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
        Ok(Wish { plugin, range, config, instrument: input.instrument, source })
    }

    fn node_for(&mut self, lane: usize, wish: Wish, depth: u32) -> Result<NodeId, Unprepared> {
        let known = self.lanes[lane].nodes.iter().position(|node| {
            node.plugin.digest == wish.plugin.digest
                && (node.instrument, node.source) == (wish.instrument, wish.source)
                && node.config == wish.config
        });
        if let Some(place) = known {
            return Ok(place as NodeId);
        }
        let node = self.make(lane, &wish, depth)?;
        // Making it may have made its own inputs first, so its number is known only now.
        let id = self.lanes[lane].nodes.len();
        if id == NODES_MAX {
            let what = format!("the lane has {NODES_MAX} shared inputs already");
            return Err(Unprepared::Missing { what, plugin: None });
        }
        let Wish { plugin, range, config, instrument, source } = wish;
        let supervision = Supervision::new(RestartPlan::default(), id as u64);
        let down = false;
        self.lanes[lane].nodes.push(NodeControl {
            plugin,
            range,
            instrument,
            source,
            config,
            supervision,
            down,
        });
        self.lanes[lane].send(ToLane::Node(id as NodeId, Box::new(node)));
        Ok(id as NodeId)
    }

    fn make(&mut self, lane: usize, wish: &Wish, depth: u32) -> Result<Node, Unprepared> {
        if let Source::Bars(secs) = wish.source {
            self.lanes[lane].send(ToLane::Bars(wish.instrument, secs));
        }
        let kitchen = self.kitchen();
        if wish.plugin.manifest.world == World::Indicator {
            return kitchen.indicator(&wish.plugin, &wish.config, wish.instrument, wish.source);
        }
        let (mut node, needs) = kitchen.signal(&wish.plugin, &wish.config, wish.instrument)?;
        let plugin = wish.plugin.clone();
        node.guest.host_mut().handles = self.nodes_for(lane, &plugin, &needs.inputs, depth + 1)?;
        for (instrument, secs) in node.wants.bars() {
            self.lanes[lane].send(ToLane::Bars(*instrument, *secs));
        }
        Ok(self.kitchen().node(&plugin, NodeKind::Signal(Box::new(node))))
    }

    /// A plugin was admitted: inputs of that name within range get the new build.
    pub(super) fn inputs_changed(&mut self, plugin: &Arc<Plugin>) {
        if plugin.manifest.world == World::Strategy {
            return;
        }
        for lane in 0..self.lanes.len() {
            for place in 0..self.lanes[lane].nodes.len() {
                let node = &self.lanes[lane].nodes[place];
                let best = self.registry.best(&plugin.manifest.name, &node.range, &BTreeSet::new());
                let fits = node.plugin.manifest.name == plugin.manifest.name
                    && best.is_some_and(|best| best.digest == plugin.digest)
                    && node.plugin.digest != plugin.digest;
                if fits {
                    self.renew(lane, place, plugin.clone());
                }
            }
        }
    }

    /// Puts a new instance into a node; the lane carries the state over between two events.
    fn renew(&mut self, lane: usize, place: usize, plugin: Arc<Plugin>) {
        let node = &self.lanes[lane].nodes[place];
        let wish = Wish {
            plugin: plugin.clone(),
            range: node.range.clone(),
            config: node.config.clone(),
            instrument: node.instrument,
            source: node.source,
        };
        match self.make(lane, &wish, 0) {
            Ok(node) => {
                let control = &mut self.lanes[lane].nodes[place];
                (control.plugin, control.down) = (plugin.clone(), false);
                self.lanes[lane].send(ToLane::Node(place as NodeId, Box::new(node)));
                let notice =
                    Notice::of(InputEvent::Swapped {}).plugin(plugin.label(), plugin.digest);
                self.publish(notice);
            }
            Err(unprepared) => {
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

    /// Inputs whose wait is over start again.
    pub(super) fn nodes_come_back(&mut self, now_ns: u64) {
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
