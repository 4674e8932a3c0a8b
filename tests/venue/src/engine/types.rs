//! The nouns of the matching engine, in no dialect's words.
//!
//! Comes in: nothing. Goes out: instruments, orders, fills, refusals and events, all in exact
//! decimals (sizes in the base asset, prices and money in the quote asset) and UTC milliseconds.
//! Deliberately absent: any noun of the daemon. This crate is the other side and must not share
//! its mistakes.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Account, Payment};

/// The two things that trade here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Product {
    /// BTC against USDT.
    Spot,
    /// The BTC perpetual, linear, settled in USDT.
    Perp,
}

impl Product {
    /// Both, in the order of their indices.
    pub const ALL: [Self; 2] = [Self::Spot, Self::Perp];
}

/// The rules of one instrument.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Smallest price step, in USDT.
    pub tick: Decimal,
    /// Smallest size step and smallest size, in BTC.
    pub step: Decimal,
    /// Largest size of one order, in BTC.
    pub max_qty: Decimal,
    /// Smallest order value, in USDT.
    pub min_notional: Decimal,
    /// Fee of a resting order, as a fraction of what is received (spot) or of the notional (perp).
    pub maker_fee: Decimal,
    /// Fee of an aggressing order, likewise.
    pub taker_fee: Decimal,
}

impl Rules {
    /// The rules of a product.
    pub fn of(product: Product) -> Self {
        let decimal = |units, scale| Decimal::new(units, scale);
        match product {
            Product::Spot => Self {
                tick: decimal(1, 2),
                step: decimal(1, 5),
                max_qty: decimal(9000, 0),
                min_notional: decimal(5, 0),
                maker_fee: decimal(1, 3),
                taker_fee: decimal(1, 3),
            },
            Product::Perp => Self {
                tick: decimal(1, 1),
                step: decimal(1, 3),
                max_qty: decimal(1000, 0),
                min_notional: decimal(5, 0),
                maker_fee: decimal(2, 4),
                taker_fee: decimal(5, 4),
            },
        }
    }
}

/// Buy or sell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Side {
    Buy,
    Sell,
}

impl Side {
    /// The side it trades with.
    pub fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// `1` for a buy, `-1` for a sell.
    pub fn sign(self) -> Decimal {
        match self {
            Self::Buy => Decimal::ONE,
            Self::Sell => Decimal::NEGATIVE_ONE,
        }
    }
}

/// How an order is priced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Kind {
    Market,
    Limit,
}

/// How long an order rests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Tif {
    Gtc,
    Ioc,
    Fok,
    PostOnly,
}

/// Where an order stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Status {
    New,
    PartlyFilled,
    Filled,
    Cancelled,
    /// The rest of an immediate order.
    Expired,
    /// A resting order that met its own account.
    ExpiredInMatch,
}

impl Status {
    /// It rests in the book.
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartlyFilled)
    }
}

/// How much a new order is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// In the base asset.
    Base(Decimal),
    /// A market buy for so much of the quote asset.
    Quote(Decimal),
}

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The client's id; never empty, a dialect invents one where the client sent none.
    pub client_id: String,
    /// Of which instrument.
    pub product: Product,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub kind: Kind,
    /// How long it rests.
    pub tif: Tif,
    /// Limit price; zero for a market order.
    pub price: Decimal,
    /// How much.
    pub amount: Amount,
    /// Only ever bring the position nearer to zero.
    pub reduce_only: bool,
    /// Whether a post-only order that would take is refused at once, or accepted and then cancelled.
    pub refuse_taking_post_only: bool,
    /// Whether a client id may be used again once its order is done (Binance spot).
    pub client_id_reusable: bool,
}

/// Who made an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Whoever has the account's key.
    #[default]
    Client,
    /// The venue, for want of margin.
    Liquidation,
    /// The venue, to close somebody else's bankrupt position.
    Adl,
}

/// What fees are paid in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fees {
    /// What a spot trade brings, or the perpetual's USDT.
    #[default]
    Received,
    /// [`THIRD`](super::THIRD), whatever is traded.
    Third,
}

/// One trade of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fill {
    /// The venue's trade id, gap-free per product over all trades, the account's or not.
    pub trade_id: u64,
    /// Price in USDT.
    pub price: Decimal,
    /// Size in BTC.
    pub qty: Decimal,
    /// Fee paid, in `fee_asset`.
    pub fee: Decimal,
    /// What the fee was paid in.
    pub fee_asset: String,
    /// Whether the order rested.
    pub is_maker: bool,
    /// Profit realised by this fill, before fees, in USDT; zero on spot.
    pub realised: Decimal,
    /// When, UTC milliseconds.
    pub time_ms: i64,
}

/// One order of the account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The venue's id.
    pub id: u64,
    /// The client's id.
    pub client_id: String,
    /// Of which instrument.
    pub product: Product,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub kind: Kind,
    /// How long it rests.
    pub tif: Tif,
    /// Limit price; zero for a market order.
    pub price: Decimal,
    /// Size in BTC.
    pub qty: Decimal,
    /// Filled so far, in BTC.
    pub filled: Decimal,
    /// Value of what is filled, in USDT.
    pub filled_quote: Decimal,
    /// Where it stands.
    pub status: Status,
    /// Only ever bring the position nearer to zero.
    pub reduce_only: bool,
    /// When it was accepted, UTC milliseconds.
    pub created_ms: i64,
    /// When it last changed, UTC milliseconds.
    pub updated_ms: i64,
    /// Every fill.
    pub fills: Vec<Fill>,
    /// Who made it.
    #[serde(default)]
    pub origin: Origin,
}

impl Order {
    /// What is not yet filled, in BTC.
    pub fn rest(&self) -> Decimal {
        self.qty - self.filled
    }

    /// Average price of its fills; zero without any.
    pub fn average(&self) -> Decimal {
        self.filled_quote.checked_div(self.filled).unwrap_or_default().round_dp(8)
    }
}

/// Why the engine did not do what was asked. Each dialect has its own code for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The price is not positive.
    #[error("the price is not positive")]
    Price,
    /// The price is not on the tick.
    #[error("the price is not a multiple of the tick")]
    Tick,
    /// The size is not positive, or too large.
    #[error("the size is out of bounds")]
    Qty,
    /// The size is not on the step.
    #[error("the size is not a multiple of the step")]
    Step,
    /// The value is below the smallest.
    #[error("the order's value is too small")]
    Notional,
    /// The account cannot pay.
    #[error("the balance is insufficient")]
    Funds,
    /// The client id is in use.
    #[error("the client id is in use")]
    Duplicate,
    /// Post-only, and it would take.
    #[error("a post-only order would take")]
    WouldTake,
    /// Reduce-only, and it would not reduce.
    #[error("a reduce-only order would not reduce")]
    NotReducing,
    /// There is no such order.
    #[error("there is no such order")]
    Unknown,
    /// The order is done.
    #[error("the order is done")]
    Done,
    /// The amendment changes nothing.
    #[error("nothing would change")]
    Unchanged,
    /// Nobody is on the other side of a market order.
    #[error("the book is empty")]
    NoLiquidity,
    /// The venue holds as many orders as it can.
    #[error("the venue holds too many orders")]
    Full,
}

/// What happened to an order, as a user stream says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Execution {
    New,
    Trade,
    /// A fill of an order that the venue made itself.
    Calculated,
    Amended,
    /// An amendment that had been acknowledged was not made.
    AmendRefused,
    Cancelled,
    Expired,
}

impl Execution {
    /// Whether a fill is told: the order's last one.
    pub fn is_fill(self) -> bool {
        matches!(self, Self::Trade | Self::Calculated)
    }
}

/// Why balances changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// An order came, was filled, or ended.
    Order,
    /// So much of an asset came in, or left where it is negative.
    Transfer {
        /// Which asset.
        asset: String,
        /// How much.
        amount: Decimal,
    },
    /// The perpetual wallet received so much USDT of funding.
    Funding(Decimal),
}

/// One public trade.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trade {
    /// Of which instrument.
    pub product: Product,
    /// Gap-free per product.
    pub id: u64,
    /// Price in USDT.
    pub price: Decimal,
    /// Size in BTC.
    pub qty: Decimal,
    /// Who crossed the spread.
    pub taker: Side,
    /// When, UTC milliseconds.
    pub time_ms: i64,
}

/// Top of book.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are the field's own words")]
pub struct Quote {
    pub product: Product,
    pub update_id: u64,
    pub bid: Decimal,
    pub bid_qty: Decimal,
    pub ask: Decimal,
    pub ask_qty: Decimal,
    pub time_ms: i64,
}

/// Price levels with their total size; zero deletes.
pub type Levels = Vec<(Decimal, Decimal)>;

/// What changed in a book since the last difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Depth {
    /// Of which instrument.
    pub product: Product,
    /// First update it holds.
    pub first: u64,
    /// Last update it holds.
    pub last: u64,
    /// `last` of the difference before.
    pub previous: u64,
    /// Number of this difference: one more than the one before.
    pub number: u64,
    /// Bids, best first.
    pub bids: Levels,
    /// Asks, best first.
    pub asks: Levels,
    /// When, UTC milliseconds.
    pub time_ms: i64,
}

/// One bar of a minute.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the fields are the field's own words")]
pub struct Candle {
    pub open_ms: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    /// In BTC.
    pub volume: Decimal,
    /// In USDT.
    pub turnover: Decimal,
    pub trades: u64,
    /// In BTC.
    pub taker_buy: Decimal,
}

/// What a subscriber can hear, in the order in which it happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A trade.
    Trade(Trade),
    /// A new top of book.
    Quote(Quote),
    /// A difference of the book.
    Depth(Depth),
    /// A bar as it stands, and whether it is closed.
    Candle(Product, Candle, bool),
    /// Mark price of the perpetual, at UTC milliseconds.
    Mark(Decimal, i64),
    /// What happened to an order: the order after it, and whether a fill (its last) did it.
    Order(Box<Order>, Execution),
    /// The balances of a wallet changed: the account after it, and why.
    Wallet(Product, Box<Account>, Cause),
    /// Funding was paid; the wallet's change follows.
    Funding(Payment),
    /// Tokens of private sessions ended before their time.
    SessionsEnded,
}
