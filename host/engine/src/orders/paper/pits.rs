//! The market at the paper venue: a pit for each instrument.
//!
//! Comes in: market events, and the fills of an earlier run. Goes out: the pit that an event or an
//! order is about. Deliberately absent: orders, and what fills.

use wickd_model::{Event, Instrument, InstrumentId, OrderEvent};

use super::super::matching::{Pit, Taker};

/// A pit for each instrument, in the order of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Pits(Vec<Pit>);

impl Pits {
    /// Pits without a price.
    pub(super) fn new(instruments: &[Instrument], participation_ppm: u32) -> Self {
        let pits = instruments.iter().cloned();
        Self(pits.map(|instrument| Pit::new(instrument, participation_ppm)).collect())
    }

    #[inline]
    fn place(&self, instrument: InstrumentId) -> Option<usize> {
        self.0.iter().position(|pit| pit.instrument.id == instrument)
    }

    /// Takes in a market event, and says at which place.
    #[inline]
    pub(super) fn hear(&mut self, event: &Event) -> Option<usize> {
        let place = self.place(event.at().instrument)?;
        match event {
            Event::Quote(quote) => self.0[place].on_quote(quote),
            Event::Feed(status) => self.0[place].on_feed(status.state),
            Event::Trade(_) => self.0[place].on_trade(),
            Event::Bar(bar) => self.0[place].on_bar(bar),
        }
        Some(place)
    }

    /// Takes in an event of the past, and what our `fills` at it, in the market's order, have left.
    pub(super) fn hear_past(
        &mut self,
        event: &Event,
        fills: &[OrderEvent],
        taker: impl Fn(u32) -> Taker,
    ) {
        let Some(place) = self.hear(event) else { return };
        let (at, pit) = (event.at(), &mut self.0[place]);
        let from = fills.partition_point(|fill| fill.at.seq < at.seq);
        let until = fills.partition_point(|fill| fill.at.seq <= at.seq);
        for fill in fills[from..until].iter().filter(|f| f.at.instrument == at.instrument) {
            // Who filled at another price did not take from the touch.
            if pit.touch(fill.side) == fill.last_price {
                pit.take(taker(fill.id.slot), fill.side, fill.last_size);
            }
        }
    }

    /// An instrument's pit.
    #[inline]
    pub(super) fn get(&self, instrument: InstrumentId) -> Option<&Pit> {
        self.0.iter().find(|pit| pit.instrument.id == instrument)
    }

    /// The same, to take from it.
    #[inline]
    pub(super) fn get_mut(&mut self, instrument: InstrumentId) -> Option<&mut Pit> {
        self.0.iter_mut().find(|pit| pit.instrument.id == instrument)
    }
}

impl std::ops::Index<usize> for Pits {
    type Output = Pit;

    #[inline]
    fn index(&self, place: usize) -> &Pit {
        &self.0[place]
    }
}

impl std::ops::IndexMut<usize> for Pits {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut Pit {
        &mut self.0[place]
    }
}
