//! What quotes and trades fill at the paper venue.
//!
//! Comes in: a quote or a trade that its pit has heard. Goes out: fills of what waits. Deliberately
//! absent: what fills on arrival, and bars.

use wickd_model::{InstrumentId, Kind, Trade, TsNs};
use wickd_store::VenueRecord;

use super::super::matching::{Taker, prints_fill, reaches};
use super::resting::first_in_line;
use super::{Offer, PaperVenue, SIDES};

impl PaperVenue {
    /// Offers the touch to waiting market orders, then to limit orders that it crosses.
    pub(super) fn match_quote(&mut self, place: usize, truth: &mut Vec<VenueRecord>) {
        let instrument = self.pits[place].instrument.id;
        self.end_impatient(instrument, TsNs::MAX, truth);
        let mut takers = std::mem::take(&mut self.takers);
        self.who_waits(instrument, &mut takers);
        let market = self.config.market;
        for (taker, side) in takers.iter().flat_map(|of| SIDES.map(|side| (*of, side))) {
            let (touch, mut left) = self.pits[place].takeable(taker, side);
            while left > 0 {
                let best = first_in_line(&self.resting, instrument, side, |order| {
                    let of = &order.request;
                    let fits = of.kind == Kind::Market || reaches(side, of.price, touch);
                    fits && market.taker(order.id.slot) == taker
                });
                let Some(best) = best else { break };
                let Some(filled) = self.offer(best, touch, left, truth) else { break };
                left -= filled;
                self.pits[place].take(taker, side, filled);
            }
        }
        self.takers = takers;
    }

    /// Who has orders that rest in an instrument, by arrival.
    pub(super) fn who_waits(&self, instrument: InstrumentId, into: &mut Vec<Taker>) {
        into.clear();
        let mine = self.resting.iter().filter(|of| of.order.request.instrument == instrument);
        for taker in mine.map(|of| self.config.market.taker(of.order.id.slot)) {
            if !into.contains(&taker) {
                into.push(taker);
            }
        }
    }

    /// Offers the share of a print to resting limit orders, and to market orders where no quote
    /// ever comes.
    pub(super) fn match_print(
        &mut self,
        place: usize,
        trade: &Trade,
        truth: &mut Vec<VenueRecord>,
    ) {
        let pit = &self.pits[place];
        let (instrument, quoted) = (pit.instrument.id, pit.is_quoted());
        let share = pit.share(trade.size);
        if trade.price <= 0 {
            return;
        }
        self.end_impatient(instrument, TsNs::MAX, truth);
        let mut takers = std::mem::take(&mut self.takers);
        self.who_waits(instrument, &mut takers);
        let market = self.config.market;
        for taker in &takers {
            let mut left = share;
            for side in SIDES {
                while left > 0 {
                    let best = first_in_line(&self.resting, instrument, side, |order| {
                        let fits = match order.request.kind {
                            Kind::Market => !quoted,
                            Kind::Limit => prints_fill(side, order.request.price, trade),
                        };
                        fits && market.taker(order.id.slot) == *taker
                    });
                    let Some(best) = best else { break };
                    let Some(filled) = self.offer(best, trade.price, left, truth) else { break };
                    left -= filled;
                }
            }
        }
        self.takers = takers;
    }

    /// Fills a resting order with at most `left`: a limit order at its own price, a market order at
    /// `price`. `None` where nothing changed, so that no loop asks again.
    pub(super) fn offer(
        &mut self,
        place: usize,
        price: i64,
        left: i64,
        truth: &mut Vec<VenueRecord>,
    ) -> Option<i64> {
        let request = self.resting[place].order.request;
        let maker = request.kind == Kind::Limit;
        let price = if maker { request.price } else { price };
        self.try_fill(place, Offer { price, size: left, maker }, truth)
    }

    /// Fills at most the offer. `None` where nothing changed, so that no loop asks again.
    pub(super) fn try_fill(
        &mut self,
        place: usize,
        offer: Offer,
        truth: &mut Vec<VenueRecord>,
    ) -> Option<i64> {
        let live = self.resting.len();
        let filled = self.fill(place, offer, truth);
        (filled > 0 || self.resting.len() < live).then_some(filled)
    }
}
