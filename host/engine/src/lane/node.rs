//! Shared inputs: an indicator or signal plugin that others read, computed once per event.

use wickd_model::{Digest, Event, Fault, InstrumentId, Sample, Signal, Source};
use wickd_sandbox::{IndicatorGuest, SignalGuest};

use super::body::Wants;
use super::seat::{InputTable, InputView, OUTPUTS_MAX, Seat};

/// A node's place in its lane.
pub type NodeId = u32;

/// A shared input on a lane.
pub struct Node {
    pub(crate) kind: Kind,
    pub(crate) digest: Digest,
    /// The plugin's name, for people.
    pub(crate) plugin: String,
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
}

/// One signal plugin and what it wants to hear.
pub(crate) struct SignalNode {
    pub(crate) guest: SignalGuest<Seat>,
    pub(crate) wants: Wants,
    /// Gap-free per instance.
    pub(crate) seq: u64,
}

impl Node {
    /// Whether its guest has logged something.
    #[inline]
    pub(crate) fn has_log(&self) -> bool {
        match &self.kind {
            Kind::Indicator(node) => node.guest.has_log(),
            Kind::Signal(node) => node.guest.has_log(),
            Kind::Down => false,
        }
    }

    /// Carries the state of the node it replaces, where both keep one and agree on it; otherwise the
    /// new one starts with what its warm-up gave it.
    pub(crate) fn take_over(&mut self, old: &mut Self) {
        match (&mut self.kind, &mut old.kind) {
            (Kind::Indicator(new), Kind::Indicator(old)) => {
                if let (Ok(version), Ok(state)) = (old.guest.state_version(), old.guest.save()) {
                    let _ = new.guest.restore(version, &state);
                }
            }
            (Kind::Signal(new), Kind::Signal(old)) => {
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
    pub(crate) fn hear(&mut self, event: &Event, view: &mut InputView) -> Result<(), Box<Fault>> {
        let Some(sample) = self.sample(event) else { return Ok(()) };
        view.ready = self.guest.update(0, sample)?;
        if view.ready {
            for output in 0..self.outputs.min(OUTPUTS_MAX as u32) {
                view.values[output as usize] = self.guest.value(0, output)?;
            }
        }
        Ok(())
    }
}

impl SignalNode {
    /// Lets it hear an event; what it emits is in the seat until the next call.
    pub(crate) fn hear(
        &mut self,
        event: &Event,
        table: &mut Option<InputTable>,
    ) -> Result<(), Box<Fault>> {
        if !self.wants.event(event) {
            return Ok(());
        }
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
        outcome
    }

    /// What it emitted in its last call; the lane clears it once it has been passed on.
    pub(crate) fn emitted(&mut self) -> &mut Vec<Signal> {
        &mut self.guest.host_mut().emitted
    }
}
