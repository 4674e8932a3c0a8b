//! One instrument as the paper venue sees it: its rules, and what of its market may be taken.
//!
//! Comes in: quotes, bars and feed states. Goes out: prices and sizes an order can have. Deliberately
//! absent: orders; and depth, because the data has none: what the touch does not hold is not there.

use wickd_model::{
    Bar, CASH_SCALE, Cash, FeedState, Instrument, Kind, OrderRequest, Quote, Side, Tif, Trade,
};

/// Millionths in a whole.
pub(crate) const PPM: i128 = 1_000_000;

/// Whose market it is: a slot's own, or one for all.
pub(crate) type Taker = u32;

/// One side of the top of book.
#[derive(Clone, Debug, Default)]
struct Level {
    price: i64,
    /// The share of the shown size that a taker's orders may have.
    share: i64,
    /// What each of them has had of it, where that is anything.
    taken: Vec<(Taker, i64)>,
}

impl Level {
    /// A new price has a whole new share. At the same price the share moves with the shown size,
    /// and what was taken stays taken: a repeated quote is not new liquidity.
    fn show(&mut self, price: i64, share: i64) {
        if price != self.price {
            self.taken.clear();
        } else if share < self.share {
            self.taken.iter_mut().for_each(|(_, taken)| *taken = (*taken).min(share));
        }
        (self.price, self.share) = (price, share);
    }

    fn left(&self, taker: Taker) -> i64 {
        let taken = self.taken.iter().find(|(known, _)| *known == taker);
        self.share.saturating_sub(taken.map_or(0, |(_, taken)| *taken)).max(0)
    }

    fn take(&mut self, taker: Taker, size: i64) {
        let taken = self.left(taker).min(size.max(0));
        match self.taken.iter_mut().find(|(known, _)| *known == taker) {
            Some((_, so_far)) => *so_far = so_far.saturating_add(taken),
            None => self.taken.push((taker, taken)),
        }
    }
}

/// One instrument's market.
#[derive(Clone, Debug)]
pub(crate) struct Pit {
    pub(crate) instrument: Instrument,
    participation_ppm: u32,
    feed: FeedState,
    bid: Level,
    ask: Level,
    quoted: bool,
    traded: bool,
    /// Length of the shortest bars that came, in seconds; 0 where none did.
    bar_secs: u32,
    /// The last of them closed at it.
    close: i64,
}

impl Pit {
    pub(crate) fn new(instrument: Instrument, participation_ppm: u32) -> Self {
        Self {
            instrument,
            participation_ppm,
            feed: FeedState::Live,
            bid: Level::default(),
            ask: Level::default(),
            quoted: false,
            traded: false,
            bar_secs: 0,
            close: 0,
        }
    }

    pub(crate) fn on_quote(&mut self, quote: &Quote) {
        self.quoted = true;
        self.bid.show(quote.bid, self.share(quote.bid_qty));
        self.ask.show(quote.ask, self.share(quote.ask_qty));
    }

    /// Prints say more exactly what bars say, so bars fill nothing any more.
    pub(crate) fn on_trade(&mut self) {
        self.traded = true;
    }

    /// Longer bars hold the same volume again, so only the shortest ones count.
    pub(crate) fn on_bar(&mut self, bar: &Bar) {
        if self.bar_secs == 0 || bar.step_secs <= self.bar_secs {
            (self.bar_secs, self.close) = (bar.step_secs, bar.close);
        }
    }

    /// Bars are all that ever came of it.
    pub(crate) fn is_bar_fed(&self) -> bool {
        self.bar_secs > 0 && !self.quoted && !self.traded
    }

    /// Whether orders fill on this bar.
    pub(crate) fn fills_on(&self, bar: &Bar) -> bool {
        self.is_bar_fed() && bar.step_secs == self.bar_secs && bar.low > 0
    }

    pub(crate) fn on_feed(&mut self, feed: FeedState) {
        self.feed = feed;
    }

    /// Nothing fills while the feed is stale or down.
    pub(crate) fn is_live(&self) -> bool {
        self.feed == FeedState::Live
    }

    /// A quote came, so waiting market orders take quotes and not prints.
    pub(crate) fn is_quoted(&self) -> bool {
        self.quoted
    }

    /// The price an order of `side` takes at, and how much `taker` may; nothing where there is no live
    /// quote.
    pub(crate) fn takeable(&self, taker: Taker, side: Side) -> (i64, i64) {
        let level = self.far(side);
        match self.is_live() && level.price > 0 {
            true => (level.price, level.left(taker)),
            false => (level.price, 0),
        }
    }

    /// The price that an order of `side` takes at; where only bars come, the last close stands for it.
    pub(crate) fn touch(&self, side: Side) -> i64 {
        match self.is_bar_fed() {
            true => self.close,
            false => self.far(side).price,
        }
    }

    /// Counts what an order of `side` took.
    pub(crate) fn take(&mut self, taker: Taker, side: Side, size: i64) {
        match side {
            Side::Buy => self.ask.take(taker, size),
            Side::Sell => self.bid.take(taker, size),
        }
    }

    /// Whether a limit `price` of `side` reaches the other side of the last quote, or the last close where
    /// only bars come.
    pub(crate) fn crosses(&self, side: Side, price: i64) -> bool {
        let far = self.touch(side);
        far > 0 && reaches(side, price, far)
    }

    fn far(&self, side: Side) -> &Level {
        match side {
            Side::Buy => &self.ask,
            Side::Sell => &self.bid,
        }
    }

    /// The share of a printed or shown size that may be taken, in whole steps.
    pub(crate) fn share(&self, shown: i64) -> i64 {
        let (shown, ppm) = (shown.max(0), i64::from(self.participation_ppm));
        // Every quote comes here twice; dividing 128 bits costs more than the rest of it.
        let share = match shown.checked_mul(ppm) {
            Some(product) => product / PPM as i64,
            None => (i128::from(shown) * i128::from(ppm) / PPM).min(i128::from(i64::MAX)) as i64,
        };
        share - share % self.instrument.qty_step.max(1)
    }

    /// Whether the order breaks a rule of the venue. Decided here from the instrument alone: a venue
    /// does not trust what a gate has checked.
    pub(crate) fn breaks_rule(&self, request: &OrderRequest) -> bool {
        let on_step = |value: i64, step: i64| value > 0 && value % step.max(1) == 0;
        let (price, priced) = match request.kind {
            Kind::Limit => (request.price, on_step(request.price, self.instrument.price_step)),
            Kind::Market => (self.touch(request.side), request.price == 0),
        };
        let combined =
            !request.post_only || (request.kind == Kind::Limit && request.tif == Tif::Gtc);
        let sized = on_step(request.size, self.instrument.qty_step)
            && request.size >= self.instrument.min_qty;
        // A market order without a quote has no value yet; each of its fills is valued again.
        let valued = self
            .instrument
            .notional(price, request.size)
            .is_some_and(|value| price == 0 || value >= self.instrument.min_notional);
        !(priced && combined && sized && valued)
    }

    /// Value and fee of a fill: the fee is `ppm` of the exact value, rounded up against the order.
    /// `None` where either does not fit.
    pub(crate) fn cost(&self, price: i64, size: i64, maker: bool) -> Option<(Cash, Cash)> {
        let ppm = match maker {
            true => self.instrument.maker_fee_ppm,
            false => self.instrument.taker_fee_ppm,
        };
        let from = u32::from(self.instrument.price_scale) + u32::from(self.instrument.size_scale);
        let to = u32::from(CASH_SCALE);
        let (up, down) = (10i128.pow(to.saturating_sub(from)), 10i128.pow(from.saturating_sub(to)));
        let exact = (i128::from(price) * i128::from(size)).checked_mul(i128::from(ppm))?;
        let (exact, of) = (exact.checked_mul(up)?, down.checked_mul(PPM)?);
        let fee = exact / of + i128::from(exact % of > 0);
        Some((self.instrument.notional(price, size)?, i64::try_from(fee).ok()?))
    }
}

/// Whether a limit `price` of `side` is at `other` or better for the other side.
pub(crate) fn reaches(side: Side, price: i64, other: i64) -> bool {
    match side {
        Side::Buy => price >= other,
        Side::Sell => price <= other,
    }
}

/// Whether a print fills a resting limit order: through its price always, at its price where the
/// order's own side was the passive one.
pub(crate) fn prints_fill(side: Side, price: i64, trade: &Trade) -> bool {
    use wickd_model::Aggressor::{Buyer, Seller};
    let passive = match side {
        Side::Buy => trade.aggressor != Buyer,
        Side::Sell => trade.aggressor != Seller,
    };
    let through = reaches(side, price, trade.price) && price != trade.price;
    through || (price == trade.price && passive)
}

/// Whether a bar fills a limit order that rested before it: it opened at the price or better, or traded
/// through it. A low or high at the price itself may have been another's.
pub(crate) fn bar_fills(side: Side, price: i64, bar: &Bar) -> bool {
    let through = match side {
        Side::Buy => bar.low < price,
        Side::Sell => bar.high > price,
    };
    through || reaches(side, price, bar.open)
}
