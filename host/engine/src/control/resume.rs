//! Going on where the last run ended: inputs, bars in progress, and the names by which they are kept.
//!
//! Comes in: what lanes save beside a plugin's state, and what was saved. Goes out: the same by name,
//! and inputs that know what they knew. An input that keeps no state is warmed up with the past.
//! Deliberately absent: the plugin's own state.

use std::fmt::Write as _;

use wickd_model::{Bar, Event, InstrumentId, Stamp};
use wickd_store::{Beside, InputState, MarketName, OpenBar};

use super::Control;
use super::inputs::{NodeControl, Wish};
use super::prepare::Unprepared;
use crate::events::{InputEvent, Notice};
use crate::lane::{InputView, Node, SavedBeside, SavedInput};
use crate::market::BarBuilder;

impl Control {
    /// What a lane saved, by name.
    pub(super) fn named(&self, lane: usize, saved: &SavedBeside) -> Beside {
        let input = |saved: &SavedInput| {
            let node = self.lanes[lane].nodes.get(saved.node as usize)?;
            let NodeControl { instrument, source, config, .. } = node;
            Some(InputState {
                plugin: node.plugin.manifest.name.to_string(),
                market: self.market_name(*instrument)?,
                source: format!("{source:?}"),
                config: in_words(config),
                state_version: saved.state_version,
                seq: saved.seq,
                ready: saved.view.ready,
                values: saved.view.values.iter().map(|value| value.to_bits()).collect(),
                bytes: saved.bytes.clone(),
            })
        };
        let bar = |bar: &Bar| {
            Some(OpenBar {
                market: self.market_name(bar.at.instrument)?,
                step_secs: bar.step_secs,
                open_time: bar.open_time,
                numbers: [bar.open, bar.high, bar.low, bar.close, bar.volume],
                trades: bar.trades,
            })
        };
        Beside {
            timers: saved.timers.clone(),
            inputs: saved.inputs.iter().filter_map(input).collect(),
            bars: saved.bars.iter().filter_map(bar).collect(),
        }
    }

    fn market_name(&self, id: InstrumentId) -> Option<MarketName> {
        let of = self.instruments.get(id as usize)?;
        let (venue, symbol) = (of.venue.clone(), of.symbol.clone());
        let (product, scales) = (format!("{:?}", of.product), (of.price_scale, of.size_scale));
        Some(MarketName { venue, symbol, product, scales })
    }

    /// Gives a new input of a slot what it knew when the last run ended, and the events since.
    pub(super) fn resume_input(
        &self,
        place: usize,
        node: &mut Node,
        wish: &Wish,
    ) -> Result<(), Unprepared> {
        let slot = &self.slots[place];
        let market = self.market_name(wish.instrument);
        let (source, config) = (format!("{:?}", wish.source), in_words(&wish.config));
        let is_this = |input: &&InputState| {
            input.plugin == wish.plugin.manifest.name.as_str()
                && Some(&input.market) == market.as_ref()
                && (input.source == source && input.config == config)
        };
        let saved = slot.saved.as_ref();
        let known = saved.and_then(|saved| saved.beside.inputs.iter().find(is_this));
        let mut since = 0;
        if let Some(input) = known.filter(|input| input.state_version > 0 && node.state_version > 0)
        {
            match node.restore(input.state_version, &input.bytes)? {
                Ok(()) => {
                    node.resume(input.seq, view(input));
                    since = saved.map_or(0, |saved| saved.market_seq);
                }
                Err(reason) => {
                    let event = InputEvent::StateRefused { why: reason };
                    let notice = Notice::of(event).slot(&slot.plan.name);
                    self.publish(notice.plugin(wish.plugin.label(), wish.plugin.digest));
                }
            }
        }
        self.warm_up_input(node, since)
    }

    /// Feeds an input the events after `since`, with the bars they make.
    fn warm_up_input(&self, node: &mut Node, since: u64) -> Result<(), Unprepared> {
        let past = self.past();
        let mut bars: Vec<_> =
            node.bars().iter().filter_map(|(id, secs)| BarBuilder::new(*id, *secs)).collect();
        for event in &past {
            for mut bar in bars.iter_mut().flat_map(|builder| closed(builder, event)) {
                bar.at.seq = event.at().seq;
                if event.at().seq > since {
                    node.hear_past(&Event::Bar(bar))?;
                }
            }
            if event.at().seq > since {
                node.hear_past(event)?;
            }
        }
        node.leave_the_past();
        Ok(())
    }

    /// The bar that was in progress when the last run ended, as the events since have left it.
    pub(super) fn bar_in_progress(
        &self,
        place: usize,
        instrument: InstrumentId,
        step_secs: u32,
    ) -> Option<Bar> {
        let past = self.past();
        let mut builder = BarBuilder::new(instrument, step_secs)?;
        let mut since = 0;
        let market = self.market_name(instrument)?;
        if let Some(saved) = &self.slots[place].saved {
            let is_this = |bar: &&OpenBar| bar.market == market && bar.step_secs == step_secs;
            if let Some(bar) = saved.beside.bars.iter().find(is_this) {
                since = saved.market_seq;
                builder.resume(bar_of(bar, instrument));
            }
        }
        for event in &past {
            if event.at().seq > since {
                let _ = closed(&mut builder, event);
            } else {
                builder.heard_before(event);
            }
        }
        builder.in_progress()
    }
}

/// The bars that an event closes, as on a lane.
fn closed(builder: &mut BarBuilder, event: &Event) -> impl Iterator<Item = Bar> + use<> {
    let before = builder.hear(event);
    before.into_iter().chain(builder.whole(event.at().ts_event))
}

fn bar_of(bar: &OpenBar, instrument: InstrumentId) -> Bar {
    let [open, high, low, close, volume] = bar.numbers;
    let at = Stamp { instrument, ..Stamp::default() };
    let OpenBar { step_secs, open_time, trades, .. } = *bar;
    Bar { at, step_secs, open_time, open, high, low, close, volume, trades }
}

fn view(input: &InputState) -> InputView {
    let mut view = InputView { ready: input.ready, ..InputView::default() };
    for (value, bits) in view.values.iter_mut().zip(&input.values) {
        *value = f64::from_bits(*bits);
    }
    view
}

/// Parameters in words, the same for the same ones.
fn in_words(config: &[wickd_model::Entry]) -> String {
    config.iter().fold(String::new(), |mut text, entry| {
        // Writing into a string does not fail.
        let _ = write!(text, "{}={};", entry.key, entry.value);
        text
    })
}
