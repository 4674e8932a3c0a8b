//! Wants that no feed meets: told when a generation is made, once each.
//!
//! Comes in: what strategies, indicators and signals want, and what recordings bring. Goes out: a warning.
//! Deliberately absent: refusing, since whoever wants it may do without; and judging feeds of the present.

use std::collections::BTreeSet;

use wickd_model::{InstrumentId, Source};

use super::Control;
use crate::events::{Notice, SlotEvent};
use crate::lane::Wants;
use crate::market::{Brings, Want};

/// What recordings bring, and what was told of it.
pub(crate) struct Unmet {
    brings: Vec<Brings>,
    /// Slot, who of it wants, of which instrument, and what.
    told: BTreeSet<(usize, String, InstrumentId, Want)>,
}

impl Unmet {
    /// Nothing was told yet.
    pub(crate) fn new(brings: Vec<Brings>) -> Self {
        Self { brings, told: BTreeSet::new() }
    }

    /// The feed of an instrument, where it does not meet the want.
    fn feed(&self, instrument: InstrumentId, want: Want) -> Option<&Brings> {
        let feed = self.brings.iter().find(|feed| feed.instrument == instrument)?;
        (!feed.meets(want)).then_some(feed)
    }
}

/// What an input of this source wants.
pub(super) fn want_of(source: Source) -> Want {
    match source {
        Source::Mid => Want::Quotes,
        Source::Trades => Want::Trades,
        Source::Bars(secs) => Want::Bars(secs),
    }
}

impl Control {
    /// Tells what a strategy or a signal wants that no feed meets.
    pub(super) fn tell_unmet(&mut self, place: usize, who: &str, wants: &Wants) {
        for (instrument, want) in wants.each() {
            self.tell_if_unmet(place, who, instrument, want);
        }
    }

    /// Tells of one want, if no feed meets it and it was not told before.
    pub(super) fn tell_if_unmet(
        &mut self,
        place: usize,
        who: &str,
        instrument: InstrumentId,
        want: Want,
    ) {
        let Some(feed) = self.unmet.feed(instrument, want) else { return };
        let symbol = self.instruments.get(instrument as usize).map(|of| of.symbol.clone());
        let event = SlotEvent::WantUnmet {
            who: who.to_owned(),
            symbol: symbol.unwrap_or_else(|| instrument.to_string()),
            want: want.in_words(),
            feed: feed.feed.clone(),
            brings: feed.in_words(),
            fix: feed.fix(want),
        };
        if self.unmet.told.insert((place, who.to_owned(), instrument, want)) {
            self.publish(Notice::of(event).slot(&self.slots[place].plan.name));
        }
    }
}
