//! What a feed gives in one round, judged as it is given.
//!
//! Comes in: quotes and trades from the guest. Goes out: those that can be, in order, up to a round's
//! share; of the rest how many there were of what and of which instrument. Deliberately absent: when
//! they arrived, and who hears them.

use wickd_model::{Event, InstrumentId};

use super::Io;
use crate::bindings::{feed, wit};
use crate::cell::Cell;

/// Market events one round of a feed may give: the book and the trades of a busy second.
const GIVEN_MAX: usize = 10_000;
/// Instruments told apart under one reason in one round; what concerns yet another one counts with
/// the first.
const INSTRUMENTS_TOLD_MAX: usize = 8;

/// Why something given was not taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// Its instrument is not one of the feed's.
    Foreign,
    /// A quote that is crossed, or not above zero.
    Quote,
    /// A trade that is not above zero.
    Trade,
    /// The round had given its share.
    Share,
}

/// Something given that was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotGiven {
    /// Why not.
    pub why: Why,
    /// Of which instrument, as the guest says.
    pub instrument: InstrumentId,
    /// How often.
    pub times: u64,
}

/// One round of a feed.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// What it gave.
    pub events: Vec<Event>,
    /// What it wanted to give and could not.
    pub not_given: Vec<NotGiven>,
}

/// A round as it grows.
#[derive(Default)]
pub(super) struct Giving {
    /// The instruments of this feed.
    pub(super) own: Vec<InstrumentId>,
    pub(super) events: Vec<Event>,
    pub(super) not_given: Vec<NotGiven>,
}

impl Giving {
    /// Takes an event that its own numbers speak for, or says why not.
    fn give(&mut self, event: Event, sound: bool, unsound: Why) -> bool {
        let instrument = event.at().instrument;
        let why = match () {
            () if !self.own.contains(&instrument) => Why::Foreign,
            () if !sound => unsound,
            () if self.events.len() >= GIVEN_MAX => Why::Share,
            () => {
                self.events.push(event);
                return true;
            }
        };
        self.refuse(why, instrument);
        false
    }

    fn refuse(&mut self, why: Why, instrument: InstrumentId) {
        let exact = |of: &NotGiven| of.why == why && of.instrument == instrument;
        let alike = self.not_given.iter().filter(|of| of.why == why).count();
        let place = self.not_given.iter().position(exact).or_else(|| {
            let full = alike >= INSTRUMENTS_TOLD_MAX;
            self.not_given.iter().position(|of| full && of.why == why)
        });
        match place.and_then(|place| self.not_given.get_mut(place)) {
            Some(of) => of.times = of.times.saturating_add(1),
            None => self.not_given.push(NotGiven { why, instrument, times: 1 }),
        }
    }
}

impl feed::wickd::plugin::giving::Host for Cell<Io> {
    fn give_quote(&mut self, quote: wit::types::Quote) -> bool {
        let prices = quote.bid > 0 && quote.ask > quote.bid;
        let sound = prices && quote.bid_qty >= 0 && quote.ask_qty >= 0;
        self.host.giving.give(Event::Quote(quote.into()), sound, Why::Quote)
    }

    fn give_trade(&mut self, trade: wit::types::Trade) -> bool {
        let sound = trade.price > 0 && trade.size > 0;
        self.host.giving.give(Event::Trade(trade.into()), sound, Why::Trade)
    }
}

#[cfg(test)]
mod tests {
    use wickd_model::{Quote, Stamp};

    use super::*;

    fn quote(instrument: InstrumentId) -> Event {
        let at = Stamp { instrument, ..Stamp::default() };
        Event::Quote(Quote { at, bid: 1, ask: 2, bid_qty: 1, ask_qty: 1 })
    }

    #[test]
    fn a_round_takes_its_share_and_counts_the_rest() {
        let mut giving = Giving { own: vec![3], ..Giving::default() };
        let taken = (0..GIVEN_MAX + 7).filter(|_| giving.give(quote(3), true, Why::Quote)).count();
        assert_eq!((taken, giving.events.len()), (GIVEN_MAX, GIVEN_MAX));
        assert_eq!(giving.not_given, [NotGiven { why: Why::Share, instrument: 3, times: 7 }]);
    }

    #[test]
    fn what_is_not_its_own_or_cannot_be_is_refused_and_made_up_instruments_stay_few() {
        let mut giving = Giving { own: vec![3], ..Giving::default() };
        assert!(!giving.give(quote(3), false, Why::Quote));
        assert!((100..5_100).all(|foreign| !giving.give(quote(foreign), true, Why::Quote)));
        assert!(giving.events.is_empty() && giving.not_given.len() == 1 + INSTRUMENTS_TOLD_MAX);
        assert_eq!(giving.not_given.iter().map(|of| of.times).sum::<u64>(), 5_001);
    }
}
