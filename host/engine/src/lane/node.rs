//! Shared inputs: an indicator or signal plugin that others read, computed once per event.

use std::sync::Arc;

use wickd_model::{
    Digest, Event, Fault, InstrumentId, Limits, LogLine, Sample, Signal, Source, TsNs,
};
use wickd_sandbox::{IndicatorGuest, SignalGuest};

use super::body::Wants;
use super::gauge::Count;
use super::seat::{InputTable, InputView, OUTPUTS_MAX, Seat};
use super::share::Share;

/// A node's place in its lane.
pub type NodeId = u32;

/// A shared input on a lane.
pub struct Node {
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
    /// The plugin's name, for people.
    pub(crate) plugin: String,
    /// Version of its state; 0 where it keeps none.
    pub(crate) state_version: u32,
    /// What its readers see before its first event here.
    pub(crate) view: InputView,
}

/// What kind of input.
pub(crate) enum Kind {
    /// One instance of an indicator.
    Indicator(Box<IndicatorNode>),
    /// One signal plugin.
    Signal(Box<SignalNode>),
    /// Failed; control is mending it.
    Down,
}

/// One instance of an indicator plugin: instrument, source, scale of its floats.
pub(crate) struct IndicatorNode {
    pub(crate) guest: IndicatorGuest<Seat>,
    pub(crate) instrument: InstrumentId,
    pub(crate) source: Source,
    pub(crate) outputs: u32,
    /// `10^-price_scale` and `10^-size_scale` of the instrument.
    pub(crate) price_unit: f64,
    pub(crate) size_unit: f64,
    pub(crate) share: Share,
    /// Fuel of all calls, for whoever asks what holds the lane.
    pub(crate) fuel: Arc<Count>,
}

/// One signal plugin and what it wants to hear.
pub(crate) struct SignalNode {
    pub(crate) guest: SignalGuest<Seat>,
    pub(crate) wants: Wants,
    /// Gap-free per instance.
    pub(crate) seq: u64,
    pub(crate) share: Share,
    /// Fuel of all calls, for whoever asks what holds the lane.
    pub(crate) fuel: Arc<Count>,
}

/// Counts what an input has used. One that uses more than its share fails, and is restarted later and
/// later: its readers find it not ready meanwhile.
#[inline]
fn spend(
    share: &mut Share,
    fuel: &Count,
    spent: u64,
    now: TsNs,
    limits: &Limits,
) -> Result<(), Box<Fault>> {
    fuel.add(spent);
    share.admits(now);
    if !share.spend(spent) {
        return Ok(());
    }
    share.strike(now).map_or(Ok(()), |over| Err(over.fault(limits, 0)))
}

impl Node {
    /// Nobody in the place of these bytes.
    pub(crate) fn down(digest: Digest, plugin: String) -> Self {
        let (kind, state_version, view) = (Kind::Down, 0, InputView::default());
        Self { kind, digest, plugin, state_version, view }
    }

    /// Whether its guest has logged something.
    #[inline]
    pub(crate) fn has_log(&self) -> bool {
        match &self.kind {
            Kind::Indicator(node) => node.guest.has_log(),
            Kind::Signal(node) => node.guest.has_log(),
            Kind::Down => false,
        }
    }

    /// What its guest has logged, and how many lines more did not fit.
    pub(crate) fn take_log(&mut self) -> Option<(Vec<LogLine>, u64)> {
        match &mut self.kind {
            Kind::Indicator(node) => Some(node.guest.take_log()),
            Kind::Signal(node) => Some(node.guest.take_log()),
            Kind::Down => None,
        }
    }

    /// Its state, within the budget of an event of its own.
    pub(crate) fn save(&mut self) -> Result<Vec<u8>, Box<Fault>> {
        match &mut self.kind {
            _ if self.state_version == 0 => Ok(Vec::new()),
            Kind::Indicator(node) => {
                node.guest.begin_event();
                node.guest.save()
            }
            Kind::Signal(node) => {
                node.guest.begin_event();
                node.guest.save()
            }
            Kind::Down => Ok(Vec::new()),
        }
    }

    /// Gives it a state; `Ok(Err)` carries its refusal.
    pub(crate) fn restore(
        &mut self,
        state_version: u32,
        state: &[u8],
    ) -> Result<Result<(), String>, Box<Fault>> {
        match &mut self.kind {
            Kind::Indicator(node) => node.guest.restore(state_version, state),
            Kind::Signal(node) => node.guest.restore(state_version, state),
            Kind::Down => Ok(Err("it has failed".to_owned())),
        }
    }

    /// It stands where another instance stood.
    pub(crate) fn resume(&mut self, seq: u64, view: InputView) {
        self.view = view;
        if let Kind::Signal(node) = &mut self.kind {
            node.seq = seq;
        }
    }

    /// Its count of events; an indicator has none.
    pub(crate) fn seq(&self) -> u64 {
        match &self.kind {
            Kind::Signal(node) => node.seq,
            Kind::Indicator(_) | Kind::Down => 0,
        }
    }

    /// The nodes it reads.
    pub(crate) fn inputs(&self) -> &[NodeId] {
        match &self.kind {
            Kind::Signal(node) => &node.guest.host().handles,
            Kind::Indicator(_) | Kind::Down => &[],
        }
    }

    /// The bars it waits for.
    pub(crate) fn bars(&self) -> Vec<(InstrumentId, u32)> {
        match &self.kind {
            Kind::Signal(node) => node.wants.bars().to_vec(),
            Kind::Indicator(node) => match node.source {
                Source::Bars(secs) => vec![(node.instrument, secs)],
                _ => Vec::new(),
            },
            Kind::Down => Vec::new(),
        }
    }

    /// Feeds it a past event, off its lane; what it emits is of the past too, and nobody hears it.
    pub(crate) fn hear_past(&mut self, event: &Event) -> Result<(), Box<Fault>> {
        let now = event.at().ts_event;
        match &mut self.kind {
            Kind::Indicator(node) => node.hear(event, now, &mut self.view),
            Kind::Signal(node) => {
                let outcome = node.hear(event, now, &mut None);
                node.emitted().clear();
                outcome
            }
            Kind::Down => Ok(()),
        }
    }

    /// It goes to its lane, with a clean sheet.
    pub(crate) fn leave_the_past(&mut self) {
        let fresh = |share: &mut Share, limits: &Limits| *share = Share::new(limits.second_fuel());
        match &mut self.kind {
            Kind::Indicator(node) => fresh(&mut node.share, node.guest.limits()),
            Kind::Signal(node) => fresh(&mut node.share, node.guest.limits()),
            Kind::Down => {}
        }
    }

    /// The count of its fuel.
    pub(crate) fn fuel(&self) -> Arc<Count> {
        match &self.kind {
            Kind::Indicator(node) => node.fuel.clone(),
            Kind::Signal(node) => node.fuel.clone(),
            Kind::Down => Arc::default(),
        }
    }

    /// Carries the state of the node it replaces, where both keep one and agree on it; otherwise the
    /// new one starts with what its warm-up gave it.
    pub(crate) fn take_over(&mut self, old: &mut Self) {
        match (&mut self.kind, &mut old.kind) {
            (Kind::Indicator(new), Kind::Indicator(old)) => {
                old.guest.begin_event();
                new.guest.begin_event();
                if let (Ok(version), Ok(state)) = (old.guest.state_version(), old.guest.save()) {
                    let _ = new.guest.restore(version, &state);
                }
            }
            (Kind::Signal(new), Kind::Signal(old)) => {
                old.guest.begin_event();
                new.guest.begin_event();
                if let (Ok(version), Ok(state)) = (old.guest.state_version(), old.guest.save())
                    && matches!(new.guest.restore(version, &state), Ok(Ok(())))
                {
                    new.seq = old.seq;
                }
            }
            _ => {}
        }
    }
}

impl IndicatorNode {
    /// The sample this event is to the indicator, if it is one.
    #[inline]
    fn sample(&self, event: &Event) -> Option<Sample> {
        let flat = |ts_event, price: f64, volume| {
            Some(Sample { ts_event, open: price, high: price, low: price, close: price, volume })
        };
        match (event, self.source) {
            (Event::Quote(quote), Source::Mid) if quote.at.instrument == self.instrument => {
                let mid = (quote.bid as f64 + quote.ask as f64) * 0.5 * self.price_unit;
                flat(quote.at.ts_event, mid, 0.0)
            }
            (Event::Trade(trade), Source::Trades) if trade.at.instrument == self.instrument => {
                let size = trade.size as f64 * self.size_unit;
                flat(trade.at.ts_event, trade.price as f64 * self.price_unit, size)
            }
            (Event::Bar(bar), Source::Bars(secs))
                if bar.at.instrument == self.instrument && bar.step_secs == secs =>
            {
                let price = |value: i64| value as f64 * self.price_unit;
                Some(Sample {
                    ts_event: bar.at.ts_event,
                    open: price(bar.open),
                    high: price(bar.high),
                    low: price(bar.low),
                    close: price(bar.close),
                    volume: bar.volume as f64 * self.size_unit,
                })
            }
            _ => None,
        }
    }

    /// Feeds it the event if it wants it, and shows its values.
    pub(crate) fn hear(
        &mut self,
        event: &Event,
        now: TsNs,
        view: &mut InputView,
    ) -> Result<(), Box<Fault>> {
        let Some(sample) = self.sample(event) else { return Ok(()) };
        self.guest.begin_event();
        view.ready = self.guest.update(0, sample)?;
        if view.ready {
            for output in 0..self.outputs.min(OUTPUTS_MAX as u32) {
                view.values[output as usize] = self.guest.value(0, output)?;
            }
        }
        let spent = self.guest.event_fuel_used();
        spend(&mut self.share, &self.fuel, spent, now, self.guest.limits())
    }
}

impl SignalNode {
    /// Lets it hear an event; what it emits is in the seat until the next call.
    pub(crate) fn hear(
        &mut self,
        event: &Event,
        now: TsNs,
        table: &mut Option<InputTable>,
    ) -> Result<(), Box<Fault>> {
        if !self.wants.event(event) {
            return Ok(());
        }
        self.guest.begin_event();
        self.seq += 1;
        let mut event = *event;
        event.at_mut().seq = self.seq;
        self.guest.host_mut().table = table.take();
        let outcome = match event {
            Event::Quote(quote) => self.guest.on_quote(quote),
            Event::Trade(trade) => self.guest.on_trade(trade),
            Event::Bar(bar) => self.guest.on_bar(bar),
            Event::Feed(status) => self.guest.on_feed(status),
        };
        *table = self.guest.host_mut().table.take();
        outcome?;
        let spent = self.guest.fuel_used();
        spend(&mut self.share, &self.fuel, spent, now, self.guest.limits())
    }

    /// What it emitted in its last call; the lane clears it once it has been passed on.
    pub(crate) fn emitted(&mut self) -> &mut Vec<Signal> {
        &mut self.guest.host_mut().emitted
    }
}
