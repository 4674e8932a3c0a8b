//! One instrument of a book: position, cost, and what the market says it is worth.
//!
//! Comes in: fills and prices. Goes out: profit and loss, exact. Deliberately absent: orders.
//!
//! Amounts are kept raw, `price × size` at the instrument's two scales, in 128 bits. A reducing fill
//! takes its share of the cost out, rounded toward zero, and what rounding leaves stays in the cost:
//! realised plus unrealised is exact at all times, and a flat position has no cost left.
//!
//! A fee that was taken in the base asset makes the position smaller by itself, at the fill's price.
//! Sizes are whole units of the instrument's scale, fees need not be: the position is rounded down,
//! and the rest, less than a unit, is kept until it makes up a whole one.

use std::sync::Arc;

use wickd_model::{CASH_SCALE, Cash, FeedState, Instrument, Position, Side};
use wickd_store::Carried;

use super::clearance::Clearance;

/// The latest the market said of an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Touch {
    /// Best bid; the last trade where no quote came yet, and the last bar's close where no trade did
    /// either; 0 where nothing did.
    pub(crate) bid: i64,
    /// Best ask; otherwise the same as the bid.
    pub(crate) ask: i64,
    /// How the feed is.
    pub(crate) feed: FeedState,
    /// A quote came, so trades no longer set the touch.
    pub(crate) quoted: bool,
    /// A trade came, so bars no longer set the touch.
    pub(crate) traded: bool,
}

impl Touch {
    /// Twice the middle, exact; `None` where there is no price to trust.
    pub(crate) fn middle_twice(&self) -> Option<i128> {
        let priced = self.bid > 0 && self.ask > 0;
        priced.then(|| i128::from(self.bid) + i128::from(self.ask))
    }
}

/// One instrument of a book.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) instrument: Instrument,
    pub(crate) touch: Touch,
    /// Its slot holds it and does not trade it any more: it is only reduced.
    pub(crate) retired: bool,
    pub(crate) size: i64,
    pub(crate) fees: Cash,
    /// Base units owned beside `size`, times `10^8`: less than one unit of the size.
    rest: Cash,
    /// What came into the position when there was no price at all.
    uncosted: i64,
    /// Raw cost of the open position; its sign is the position's.
    cost: i128,
    /// Raw realised profit.
    realised: i128,
    /// Twice the price of the last fill, for the time before the market says its own; 0 for none.
    known: i128,
    /// Profit at the book's last mark, at its first one of this run, and when the day began.
    pub(super) worth: Cash,
    pub(super) start: Cash,
    pub(super) day_start: Cash,
    /// It had a price of this run, or held nothing: its profit counts from `start`.
    pub(super) began: bool,
    /// What it was worth when the day began is known.
    pub(super) day_known: bool,
    /// Its accounts know what it earned today before this run.
    pub(super) carried: bool,
    /// What its venue lets pass.
    pub(super) clearance: Arc<Clearance>,
}

impl Line {
    pub(crate) fn new(instrument: Instrument) -> Self {
        let (bid, ask, quoted, traded) = (0, 0, false, false);
        let touch = Touch { bid, ask, feed: FeedState::Live, quoted, traded };
        let clearance = Arc::default();
        let (size, fees, rest, uncosted, cost, realised, known) = (0, 0, 0, 0, 0, 0, 0);
        let [worth, start, day_start] = [0; 3];
        let [began, day_known, carried] = [false; 3];
        Self {
            instrument,
            touch,
            retired: false,
            size,
            fees,
            rest,
            uncosted,
            cost,
            realised,
            known,
            worth,
            start,
            day_start,
            began,
            day_known,
            carried,
            clearance,
        }
    }

    /// Goes on from what a checkpoint says of it.
    pub(crate) fn carry_on(&mut self, held: &Carried) {
        (self.size, self.rest, self.uncosted) = (held.size, held.rest, held.uncosted);
        (self.cost, self.realised, self.fees) = (held.cost, held.realised, held.fees);
        self.known = held.known;
    }

    /// What a checkpoint says of it.
    pub(crate) fn carried(&self, slot: u32) -> Carried {
        Carried {
            slot,
            instrument: self.instrument.id,
            size: self.size,
            rest: self.rest,
            uncosted: self.uncosted,
            cost: self.cost,
            realised: self.realised,
            known: self.known,
            fees: self.fees,
        }
    }

    /// Takes in a fill. Sizes and prices are the venue's; sums stop at their type's ends.
    pub(crate) fn fill(&mut self, side: Side, price: i64, size: i64, fee: Cash) {
        self.fees = self.fees.saturating_add(fee);
        self.known = 2 * i128::from(price.max(0));
        let mut open = size.max(0);
        if self.size != 0 && self.size.signum() != side.sign() {
            let held = self.size.unsigned_abs();
            let closed = held.min(open.unsigned_abs());
            let cost = share(self.cost, closed, held);
            // Selling a long earns the price; buying back a short pays it.
            let proceeds = -i128::from(side.sign()) * i128::from(price) * i128::from(closed);
            self.realised = self.realised.saturating_add(proceeds.saturating_sub(cost));
            self.cost -= cost;
            // `closed` is at most `open`, so it fits.
            let closed = closed as i64;
            self.size += side.sign() * closed;
            open -= closed;
        }
        let opened = i128::from(side.sign()) * i128::from(price) * i128::from(open);
        self.cost = self.cost.saturating_add(opened);
        self.size = self.size.saturating_add(side.sign() * open);
    }

    /// Takes a fee out of the position that was paid in the base asset, or adds a rebate to it;
    /// `fee` is in base units times `10^8`.
    pub(crate) fn take_base(&mut self, price: i64, fee: Cash) {
        let unit = 10i64.pow(u32::from(CASH_SCALE.saturating_sub(self.instrument.size_scale)));
        let fine = 10i64.pow(u32::from(self.instrument.size_scale.saturating_sub(CASH_SCALE)));
        let left = self.rest.saturating_sub(fee);
        let whole = left.div_euclid(unit).saturating_mul(fine);
        self.rest = left.rem_euclid(unit);
        self.size = self.size.saturating_add(whole);
        let worth = i128::from(price) * i128::from(whole);
        self.cost = self.cost.saturating_add(worth);
        if self.size == 0 {
            self.realised = self.realised.saturating_sub(std::mem::take(&mut self.cost));
        }
    }

    /// The position changes by what the venue has, at `price`; at the market's own where that is 0,
    /// and where there is none yet at the first one that it says.
    pub(crate) fn adjust(&mut self, size: i64, rest: Cash, price: i64) {
        let middle = self.touch.middle_twice().map(|twice| clamp(twice / 2));
        let price = if price > 0 { price } else { middle.unwrap_or(clamp(self.known / 2)) };
        let side = if size > 0 { Side::Buy } else { Side::Sell };
        let known = self.known;
        self.fill(side, price, size.saturating_abs(), 0);
        self.take_base(price, 0i64.saturating_sub(rest));
        if price == 0 {
            (self.known, self.uncosted) = (known, self.uncosted.saturating_add(size));
        }
    }

    /// The market has said a price: what had none has cost that much.
    pub(crate) fn settle_cost(&mut self) {
        if self.uncosted != 0
            && let Some(twice) = self.touch.middle_twice()
        {
            let cost = twice.saturating_mul(i128::from(std::mem::take(&mut self.uncosted))) / 2;
            self.cost = self.cost.saturating_add(cost);
        }
    }

    /// What is owned beside the position's size, less than one unit of it, times `10^8`.
    pub(crate) fn rest(&self) -> Cash {
        self.rest
    }

    /// The position as plugins and people see it: entry rounded toward zero, realised down.
    pub(crate) fn position(&self) -> Position {
        let entry = self.cost.checked_div(i128::from(self.size)).unwrap_or(0);
        Position {
            instrument: self.instrument.id,
            size: self.size,
            entry: clamp(entry),
            realised: self.cash(self.realised),
            fees: self.fees,
        }
    }

    /// The market has said its price in this run, or needs not.
    pub(crate) fn is_current(&self) -> bool {
        self.size == 0 || self.touch.middle_twice().is_some()
    }

    /// Realised and unrealised profit at the middle, or at the last price known, less fees; `None`
    /// where a position never had one.
    pub(crate) fn equity(&self) -> Option<Cash> {
        let known = (self.known > 0 && self.uncosted == 0).then_some(self.known);
        let value = match self.size {
            0 => 0,
            size => self.touch.middle_twice().or(known)?.saturating_mul(i128::from(size)) / 2,
        };
        let raw = self.realised.saturating_add(value.saturating_sub(self.cost));
        Some(self.cash(raw).saturating_sub(self.fees))
    }

    /// A raw amount as cash, rounded down, so that a gain is never overstated.
    fn cash(&self, raw: i128) -> Cash {
        let from = u32::from(self.instrument.price_scale) + u32::from(self.instrument.size_scale);
        let to = u32::from(CASH_SCALE);
        clamp(if from >= to {
            raw.div_euclid(10i128.pow(from - to))
        } else {
            raw.saturating_mul(10i128.pow(to - from))
        })
    }
}

/// `whole × part / of`, rounded toward zero, without leaving 128 bits; `part` is at most `of`.
fn share(whole: i128, part: u64, of: u64) -> i128 {
    let (part, of) = (i128::from(part), i128::from(of));
    whole / of * part + whole % of * part / of
}

fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples::instrument;
    use super::*;

    #[test]
    fn what_is_bought_less_its_fee_can_be_sold_whole_and_leaves_nothing() {
        let mut line = Line::new(Instrument { size_scale: 5, ..instrument(0) });
        line.fill(Side::Buy, 100_000, 1_000, 0);
        line.take_base(100_000, 1_000);
        assert_eq!((line.size, line.rest()), (999, 0));
        line.fill(Side::Sell, 100_000, 999, 0);
        assert_eq!((line.size, line.rest(), line.position().realised), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn the_position_is_fills_less_fees_rounded_down_and_the_rest_is_kept(
            scale in 0u8..=12,
            fills in prop::collection::vec((any::<bool>(), 1i64..5_000, -40i64..4_000), 1..60),
        ) {
            let mut line = Line::new(Instrument { size_scale: scale, ..instrument(0) });
            let (mut owned, mut cost) = (0i128, 0i128);
            let up = |value: i64, by: u8| i128::from(value) * 10i128.pow(u32::from(by));
            for (buys, size, fee) in fills {
                let side = if buys { Side::Buy } else { Side::Sell };
                let before = line.size;
                line.fill(side, 7, size, 0);
                line.take_base(7, fee);
                owned += i128::from(side.sign()) * up(size, 12 - scale) - up(fee, 4);
                cost += i128::from(line.size - before) * 7;
                let unit = 10i128.pow(u32::from(12 - scale));
                prop_assert_eq!(i128::from(line.size), owned.div_euclid(unit).min(i128::from(i64::MAX)));
                prop_assert_eq!(up(line.size, 12 - scale) + up(line.rest(), 4), owned);
                // At one price throughout nothing is won or lost but the fees, which count elsewhere.
                prop_assert_eq!(line.realised + i128::from(line.size) * 7 - line.cost, i128::from(line.size) * 7 - cost);
            }
        }
    }
}
