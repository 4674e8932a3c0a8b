//! What a plugin hears and says, in exact types.
//!
//! Comes in: the flat records of the contract. Goes out: the same records with [`Px`], [`Qty`] and
//! [`Cash`] where the contract has bare integers; the conversion compiles to nothing. Deliberately
//! absent: any state, and any rule the host's risk gate enforces.

use wickd_model::{DecimalError, parse_scaled, print_scaled};

use crate::bindings::strategy::wickd::plugin::types as wit;
use crate::money::{Cash, Decimal, Px, Qty, to_f64};

pub use wit::{
    Aggressor, DenyCode as Deny, FeedState, FeedStatus, OrderKind, OrderReason, OrderStatus,
    Product, Side, Stamp, TimeInForce,
};

/// Unix time in nanoseconds, UTC.
pub type TsNs = u64;
/// The handle of an instrument.
pub type InstrumentId = u32;
/// The host's number for a staged order; unique within a slot for ever.
pub type IntentId = u64;

impl Side {
    /// The other one.
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// 1 for a buy, -1 for a sell.
    pub fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

impl OrderStatus {
    /// Nothing more can come.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired)
    }
}

/// What is traded, with the scales that give its integers their meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct Instrument {
    pub id: InstrumentId,
    pub epoch: u32,
    pub venue: String,
    pub symbol: String,
    pub product: Product,
    pub base: String,
    pub quote: String,
    pub price_scale: u8,
    pub size_scale: u8,
    pub price_step: Px,
    pub qty_step: Qty,
    pub min_qty: Qty,
    /// Zero means none.
    pub min_notional: Cash,
}

impl Instrument {
    /// Reads a price from plain decimal text.
    ///
    /// # Errors
    /// The text is no decimal number, or has more decimals than the instrument.
    pub fn parse_px(&self, text: &str) -> Result<Px, DecimalError> {
        parse_scaled(text, self.price_scale).map(Px)
    }

    /// Reads a size from plain decimal text.
    ///
    /// # Errors
    /// The text is no decimal number, or has more decimals than the instrument.
    pub fn parse_qty(&self, text: &str) -> Result<Qty, DecimalError> {
        parse_scaled(text, self.size_scale).map(Qty)
    }

    /// Prints a price with the instrument's decimals. Allocates: for logs, not for every tick.
    pub fn print_px(&self, px: Px) -> String {
        print_scaled(px.0, self.price_scale)
    }

    /// Prints a size with the instrument's decimals. Allocates: for logs, not for every tick.
    pub fn print_qty(&self, qty: Qty) -> String {
        print_scaled(qty.0, self.size_scale)
    }

    /// A parameter as a price, rounded down to the step; `None` where it does not fit.
    pub fn px(&self, decimal: Decimal) -> Option<Px> {
        decimal.floor_at(self.price_scale).map(|px| Px(px).down_to(self.price_step))
    }

    /// A parameter as a size, rounded down to the step; `None` where it does not fit.
    pub fn qty(&self, decimal: Decimal) -> Option<Qty> {
        decimal.floor_at(self.size_scale).map(|qty| Qty(qty).down_to(self.qty_step))
    }

    /// `price * size` in cash, rounded toward zero; `None` where it does not fit.
    pub fn notional(&self, px: Px, qty: Qty) -> Option<Cash> {
        wickd_model::notional(px.0, qty.0, self.price_scale, self.size_scale).map(Cash)
    }

    /// Whether the venue's least size and least value are met.
    pub fn is_tradable(&self, px: Px, qty: Qty) -> bool {
        qty >= self.min_qty.max(Qty(1))
            && self.notional(px, qty).is_some_and(|value| value >= self.min_notional)
    }

    /// A price as a view for indicator maths.
    pub fn px_f64(&self, px: Px) -> f64 {
        to_f64(px.0, self.price_scale)
    }

    /// A size as a view for indicator maths.
    pub fn qty_f64(&self, qty: Qty) -> f64 {
        to_f64(qty.0, self.size_scale)
    }

    /// The middle of a quote as a view for indicator maths, halves kept.
    pub fn mid_f64(&self, quote: &Quote) -> f64 {
        (self.px_f64(quote.bid) + self.px_f64(quote.ask)) / 2.0
    }
}

impl From<wit::Instrument> for Instrument {
    fn from(raw: wit::Instrument) -> Self {
        Self {
            id: raw.id,
            epoch: raw.epoch,
            venue: raw.venue,
            symbol: raw.symbol,
            product: raw.product,
            base: raw.base,
            quote: raw.quote,
            price_scale: raw.price_scale,
            size_scale: raw.size_scale,
            price_step: Px(raw.price_step),
            qty_step: Qty(raw.qty_step),
            min_qty: Qty(raw.min_qty),
            min_notional: Cash(raw.min_notional),
        }
    }
}

/// Top of book.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct Quote {
    pub at: Stamp,
    pub bid: Px,
    pub ask: Px,
    pub bid_qty: Qty,
    pub ask_qty: Qty,
}

impl Quote {
    /// The middle, rounded toward zero to a whole unit of the price scale.
    pub fn mid(&self) -> Px {
        Px(self.bid.0.midpoint(self.ask.0))
    }
}

impl From<wit::Quote> for Quote {
    fn from(raw: wit::Quote) -> Self {
        Self {
            at: raw.at,
            bid: Px(raw.bid),
            ask: Px(raw.ask),
            bid_qty: Qty(raw.bid_qty),
            ask_qty: Qty(raw.ask_qty),
        }
    }
}

/// One trade at the venue.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct Trade {
    pub at: Stamp,
    pub price: Px,
    pub size: Qty,
    pub aggressor: Aggressor,
    pub trade_id: u64,
}

impl From<wit::Trade> for Trade {
    fn from(raw: wit::Trade) -> Self {
        Self {
            at: raw.at,
            price: Px(raw.price),
            size: Qty(raw.size),
            aggressor: raw.aggressor,
            trade_id: raw.trade_id,
        }
    }
}

/// A closed bar, built by the host from trades.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct Bar {
    pub at: Stamp,
    pub step_secs: u32,
    pub open_time: TsNs,
    pub open: Px,
    pub high: Px,
    pub low: Px,
    pub close: Px,
    pub volume: Qty,
    pub trades: u32,
}

impl From<wit::Bar> for Bar {
    fn from(raw: wit::Bar) -> Self {
        Self {
            at: raw.at,
            step_secs: raw.step_secs,
            open_time: raw.open_time,
            open: Px(raw.open),
            high: Px(raw.high),
            low: Px(raw.low),
            close: Px(raw.close),
            volume: Qty(raw.volume),
            trades: raw.trades,
        }
    }
}

/// What the venue said of one of the slot's orders.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct OrderEvent {
    pub at: Stamp,
    pub intent: IntentId,
    pub side: Side,
    pub status: OrderStatus,
    pub reason: OrderReason,
    pub filled: Qty,
    pub remaining: Qty,
    /// Zero where this event is not a fill.
    pub last_price: Px,
    /// Zero where this event is not a fill.
    pub last_size: Qty,
    pub fee: Cash,
    pub reconciled: bool,
}

impl From<wit::OrderEvent> for OrderEvent {
    fn from(raw: wit::OrderEvent) -> Self {
        Self {
            at: raw.at,
            intent: raw.intent,
            side: raw.side,
            status: raw.status,
            reason: raw.reason,
            filled: Qty(raw.filled),
            remaining: Qty(raw.remaining),
            last_price: Px(raw.last_price),
            last_size: Qty(raw.last_size),
            fee: Cash(raw.fee),
            reconciled: raw.reconciled,
        }
    }
}

/// What the slot holds of one instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the fields are the contract's")]
pub struct Position {
    pub instrument: InstrumentId,
    /// Negative when short.
    pub size: Qty,
    /// Average entry; zero when flat.
    pub entry: Px,
    pub realised: Cash,
    pub fees: Cash,
}

impl From<wit::Position> for Position {
    fn from(raw: wit::Position) -> Self {
        Self {
            instrument: raw.instrument,
            size: Qty(raw.size),
            entry: Px(raw.entry),
            realised: Cash(raw.realised),
            fees: Cash(raw.fees),
        }
    }
}

/// How things stood when trading began.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Situation {
    /// The state of an earlier instance was restored into this one.
    pub restored: bool,
    /// What the slot holds.
    pub positions: Vec<Position>,
    /// The last word on each order still open.
    pub open_orders: Vec<OrderEvent>,
}

/// An order to stage. Starts as a market order; the methods narrow it down.
///
/// ```
/// use wickd_sdk::{Order, Px, Qty};
/// let order = Order::buy(0, Qty(1_000)).limit(Px(3_940_000)).post_only().tag(7);
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Order(wit::OrderRequest);

impl Order {
    /// A market order of a size on a side.
    pub fn new(instrument: InstrumentId, side: Side, size: Qty) -> Self {
        Self(wit::OrderRequest {
            instrument,
            side,
            kind: OrderKind::Market,
            price: 0,
            size: size.0,
            tif: TimeInForce::Ioc,
            post_only: false,
            reduce_only: false,
            tag: 0,
        })
    }

    /// Buys at the market.
    pub fn buy(instrument: InstrumentId, size: Qty) -> Self {
        Self::new(instrument, Side::Buy, size)
    }

    /// Sells at the market.
    pub fn sell(instrument: InstrumentId, size: Qty) -> Self {
        Self::new(instrument, Side::Sell, size)
    }

    /// Turns it into a limit order that rests until cancelled.
    pub fn limit(mut self, price: Px) -> Self {
        (self.0.kind, self.0.price, self.0.tif) = (OrderKind::Limit, price.0, TimeInForce::Gtc);
        self
    }

    /// Sets how long it rests.
    pub fn tif(mut self, tif: TimeInForce) -> Self {
        self.0.tif = tif;
        self
    }

    /// Refuses to take liquidity.
    pub fn post_only(mut self) -> Self {
        self.0.post_only = true;
        self
    }

    /// Only ever brings the position nearer to zero.
    pub fn reduce_only(mut self) -> Self {
        self.0.reduce_only = true;
        self
    }

    /// The author's own mark, shown in the journal.
    pub fn tag(mut self, tag: u32) -> Self {
        self.0.tag = tag;
        self
    }

    /// The record of the contract.
    pub fn request(&self) -> wit::OrderRequest {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::btc_usdt;
    use proptest::prelude::*;

    #[test]
    fn a_denial_prints_its_stable_code_and_is_an_error() {
        assert!(Deny::StaleData.to_string().starts_with("stale-data"));
        let error: Box<dyn std::error::Error> = Box::new(Deny::PriceStep);
        assert!(error.to_string().starts_with("price-step"));
    }

    #[test]
    fn a_size_below_the_venues_least_is_not_tradable() {
        let btc = Instrument { min_notional: Cash(10 * 100_000_000), ..btc_usdt() };
        let px = btc.parse_px("39432.99").unwrap();
        assert!(!btc.is_tradable(px, Qty(0)));
        assert!(!btc.is_tradable(px, btc.parse_qty("0.0001").unwrap()));
        assert!(btc.is_tradable(px, btc.parse_qty("0.0003").unwrap()));
    }

    #[test]
    fn a_notional_that_leaves_an_i64_is_none_and_not_a_wrong_number() {
        let btc = btc_usdt();
        assert_eq!(btc.notional(Px(i64::MAX), Qty(i64::MAX)), None);
        assert_eq!(btc.notional(Px(3_943_299), Qty(3_100)), Some(Cash(12_224_226_900)));
    }

    proptest! {
        #[test]
        fn text_and_units_are_inverse(px in 0i64..1 << 50, qty in -1i64 << 50..1 << 50) {
            let btc = btc_usdt();
            prop_assert_eq!(btc.parse_px(&btc.print_px(Px(px))), Ok(Px(px)));
            prop_assert_eq!(btc.parse_qty(&btc.print_qty(Qty(qty))), Ok(Qty(qty)));
        }

        #[test]
        fn the_middle_lies_between(bid: i64, ask: i64) {
            let quote = Quote { at: Stamp { instrument: 0, seq: 0, ts_event: 0, ts_init: 0 },
                bid: Px(bid), ask: Px(ask), bid_qty: Qty(0), ask_qty: Qty(0) };
            prop_assert!(quote.mid().0 >= bid.min(ask) && quote.mid().0 <= bid.max(ask));
        }
    }
}
