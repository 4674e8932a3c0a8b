//! One instrument of a book: position, cost, and what the market says it is worth.
//!
//! Comes in: fills and prices. Goes out: profit and loss, exact. Deliberately absent: orders.
//!
//! Amounts are kept raw, `price × size` at the instrument's two scales, in 128 bits. A reducing fill
//! takes its share of the cost out, rounded toward zero, and what rounding leaves stays in the cost:
//! realised plus unrealised is exact at all times, and a flat position has no cost left.

use wickd_model::{CASH_SCALE, Cash, FeedState, Instrument, Position, Side};

/// The latest the market said of an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Touch {
    /// Best bid; the last trade where no quote came yet; 0 where nothing did.
    pub(crate) bid: i64,
    /// Best ask; the last trade where no quote came yet; 0 where nothing did.
    pub(crate) ask: i64,
    /// How the feed is.
    pub(crate) feed: FeedState,
    /// A quote came, so trades no longer set the touch.
    pub(crate) quoted: bool,
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
    pub(crate) size: i64,
    pub(crate) fees: Cash,
    /// Raw cost of the open position; its sign is the position's.
    cost: i128,
    /// Raw realised profit.
    realised: i128,
    /// Profit at the book's last mark, at its first one of this run, and when the day began.
    pub(super) worth: Cash,
    pub(super) start: Cash,
    pub(super) day_start: Cash,
}

impl Line {
    pub(crate) fn new(instrument: Instrument) -> Self {
        let touch = Touch { bid: 0, ask: 0, feed: FeedState::Live, quoted: false };
        let [worth, start, day_start] = [0; 3];
        let (size, fees, cost, realised) = (0, 0, 0, 0);
        Self { instrument, touch, size, fees, cost, realised, worth, start, day_start }
    }

    /// Takes in a fill. Sizes and prices are the venue's; sums stop at their type's ends.
    pub(crate) fn fill(&mut self, side: Side, price: i64, size: i64, fee: Cash) {
        self.fees = self.fees.saturating_add(fee);
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

    /// Realised and unrealised profit at the middle, less fees; `None` where a position has no price.
    pub(crate) fn equity(&self) -> Option<Cash> {
        let value = match self.size {
            0 => 0,
            size => self.touch.middle_twice()?.saturating_mul(i128::from(size)) / 2,
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
