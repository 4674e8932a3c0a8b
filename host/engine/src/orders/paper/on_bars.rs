//! What bars fill at the paper venue, where bars are all that ever came of an instrument.
//!
//! Comes in: a bar that its pit has heard. Goes out: fills of what waits, and the end of what does not
//! wait longer. Deliberately absent: the path of the price within a bar, which nobody knows; the adverse
//! side goes first instead.

use wickd_model::{Bar, InstrumentId, Kind, Order, Reason, Side, Status, Tif, TsNs};
use wickd_store::VenueRecord;

use super::super::matching::{Taker, bar_fills, reaches};
use super::resting::first_in_line;
use super::{Offer, PaperVenue, SIDES};

const NS_PER_S: u64 = 1_000_000_000;

impl PaperVenue {
    /// Offers the share of a bar's volume to each taker: at the open, then within the bar.
    pub(super) fn match_bar(&mut self, place: usize, bar: &Bar, truth: &mut Vec<VenueRecord>) {
        let pit = &self.pits[place];
        if !pit.fills_on(bar) {
            return;
        }
        let (instrument, share) = (pit.instrument.id, pit.share(bar.volume));
        let mut takers = std::mem::take(&mut self.takers);
        self.who_waits(instrument, &mut takers);
        for taker in &takers {
            let left = self.fill_at_open(*taker, bar, share, truth);
            let left = self.fill_within(*taker, bar, left, true, truth);
            self.fill_within(*taker, bar, left, false, truth);
        }
        self.takers = takers;
        self.end_impatient(instrument, end_of(bar), truth);
    }

    /// Market orders, and limit orders that the open reaches, fill at the open; says how much is left.
    fn fill_at_open(
        &mut self,
        taker: Taker,
        bar: &Bar,
        mut left: i64,
        truth: &mut Vec<VenueRecord>,
    ) -> i64 {
        let instrument = bar.at.instrument;
        for side in SIDES {
            while left > 0 {
                let best = first_in_line(&self.resting, instrument, side, |order| {
                    let of = &order.request;
                    let takes = match of.kind {
                        Kind::Market => true,
                        Kind::Limit => !of.post_only && reaches(side, of.price, bar.open),
                    };
                    let whole = of.tif != Tif::Fok || of.size <= left;
                    takes && whole && self.may_have(order, taker, bar)
                });
                let Some(best) = best else { break };
                let offer = Offer { price: bar.open, size: left, maker: false };
                let Some(filled) = self.try_fill(best, offer, truth) else { break };
                left -= filled;
            }
        }
        left
    }

    /// Limit orders that the bar traded through fill at their own price; says how much is left. With
    /// `adverse` only those on the side that goes first for their slot.
    fn fill_within(
        &mut self,
        taker: Taker,
        bar: &Bar,
        mut left: i64,
        adverse: bool,
        truth: &mut Vec<VenueRecord>,
    ) -> i64 {
        let instrument = bar.at.instrument;
        for side in SIDES {
            while left > 0 {
                let best = first_in_line(&self.resting, instrument, side, |order| {
                    let of = &order.request;
                    let rests = of.kind == Kind::Limit && of.tif == Tif::Gtc;
                    rests
                        && bar_fills(side, of.price, bar)
                        && (!adverse || side == self.first_side(order.id.slot, instrument))
                        && self.may_have(order, taker, bar)
                });
                let Some(best) = best else { break };
                let Some(filled) = self.offer(best, bar.open, left, truth) else { break };
                left -= filled;
            }
        }
        left
    }

    /// Whether an order is this taker's, and was there before the bar ended.
    fn may_have(&self, order: &Order, taker: Taker, bar: &Bar) -> bool {
        self.config.market.taker(order.id.slot) == taker
            && self.post.due(order.ts_event) < end_of(bar)
    }

    /// The side whose fills are the worse for a slot: what buys as the price falls, unless it is short.
    fn first_side(&self, slot: u32, instrument: InstrumentId) -> Side {
        match self.account(slot, instrument).size < 0 {
            true => Side::Sell,
            false => Side::Buy,
        }
    }

    /// Ends what waited for one bar only and arrived before `end`: it has met its bar, or there is none
    /// for it any more.
    pub(super) fn end_impatient(
        &mut self,
        instrument: InstrumentId,
        end: TsNs,
        truth: &mut Vec<VenueRecord>,
    ) {
        let mut place = 0;
        while let Some(resting) = self.resting.get(place) {
            let (order, request) = (&resting.order, &resting.order.request);
            let impatient = request.tif != Tif::Gtc && request.instrument == instrument;
            if impatient && self.post.due(order.ts_event) < end {
                self.finish(place, Status::Expired, Reason::Unfilled, truth);
            } else {
                place += 1;
            }
        }
    }
}

/// When a bar was over; what arrived then or later met none of it.
fn end_of(bar: &Bar) -> TsNs {
    bar.open_time.saturating_add(u64::from(bar.step_secs) * NS_PER_S)
}
