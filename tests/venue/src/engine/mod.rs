//! One matching engine: two instruments, one account, a market maker, price-time priority.
//!
//! Comes in: orders, amendments and cancellations of the account; steps of the market maker; the
//! time. Goes out: orders, balances, books, bars, and the events that made them, in order.
//! Deliberately absent: dialects, sockets, clocks, and any refusal that only one venue knows.

mod account;
mod book;
mod candles;
mod funding;
mod maker;
mod orders;
mod outside;
mod sight;
mod truth;
mod types;

use std::collections::{BTreeMap, VecDeque};

use rust_decimal::Decimal;

pub use account::{Account, Balance, LEVERAGE, Position, THIRD};
pub use candles::MINUTE_MS;
pub use funding::{Funding, Payment};
pub(crate) use maker::Rng;
pub use sight::Sight;
pub use truth::Truth;
pub use types::*;

use book::{Book, Owner, Resting};
use candles::Candles;
use maker::Maker;

/// Public trades kept per product, for the trades endpoints.
const TRADES_KEPT: usize = 1_000;
/// Orders kept; the engine refuses more, so that a runaway client cannot eat the machine.
const ORDERS_MAX: usize = 200_000;
/// Venue order ids start here, so that they are never mistaken for a count.
const FIRST_ORDER_ID: u64 = 7_000_000_001;
/// Update ids that each perpetual difference skips.
const PERP_SKIP: u64 = 3;

/// One instrument's market.
#[derive(Debug)]
struct Market {
    rules: Rules,
    book: Book,
    maker: Maker,
    trades: VecDeque<Trade>,
    next_trade_id: u64,
    candles: Candles,
    quoted: Option<(Decimal, Decimal, Decimal, Decimal)>,
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    /// The venue's time, UTC milliseconds; set by whoever calls, before each call.
    pub now_ms: i64,
    /// What reads find of the orders; all of them by default.
    pub sight: Sight,
    markets: [Market; 2],
    account: Account,
    orders: BTreeMap<u64, Order>,
    by_client_id: BTreeMap<String, u64>,
    events: Vec<Event>,
    fees: Fees,
    payments: Vec<Payment>,
    marked_ms: i64,
}

impl Engine {
    /// A venue at this time, with so many BTC, USDT and USDT of the perpetual wallet.
    pub fn new(seed: u64, now_ms: i64, base: Decimal, quote: Decimal, wallet: Decimal) -> Self {
        let market = |product: Product| {
            let maker = Maker::new(product, seed);
            Market {
                rules: Rules::of(product),
                book: Book::new(if product == Product::Perp { PERP_SKIP } else { 0 }),
                trades: VecDeque::new(),
                next_trade_id: 1,
                candles: Candles::with_history(maker.mid(), seed, now_ms),
                maker,
                quoted: None,
            }
        };
        let mut engine = Self {
            now_ms,
            sight: Sight::default(),
            markets: Product::ALL.map(market),
            account: Account::new(base, quote, wallet),
            orders: BTreeMap::new(),
            by_client_id: BTreeMap::new(),
            events: Vec::new(),
            fees: Fees::default(),
            payments: Vec::new(),
            marked_ms: 0,
        };
        for product in Product::ALL {
            engine.requote(product);
            engine.say_quote(product);
        }
        engine.flush();
        engine.events.clear();
        engine
    }

    fn market(&self, product: Product) -> &Market {
        &self.markets[product as usize]
    }

    fn market_mut(&mut self, product: Product) -> &mut Market {
        &mut self.markets[product as usize]
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// An instrument's rules.
    pub fn rules(&self, product: Product) -> &Rules {
        &self.market(product).rules
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The mark and index price of a product: the middle of the maker's ladder.
    pub fn mark(&self, product: Product) -> Decimal {
        self.market(product).maker.mid()
    }

    /// Update id of the book, and its best `limit` levels of both sides.
    pub fn depth(&self, product: Product, limit: usize) -> (u64, Levels, Levels) {
        let book = &self.market(product).book;
        (book.update_id, book.levels(Side::Buy, limit), book.levels(Side::Sell, limit))
    }

    /// Says every pending difference, then gives number and last update of the last one with the
    /// whole book: a snapshot that the next difference continues.
    pub fn snapshot(&mut self, product: Product) -> (u64, u64, Levels, Levels) {
        self.flush();
        let (update_id, bids, asks) = self.depth(product, usize::MAX);
        (self.market(product).book.number(), update_id, bids, asks)
    }

    /// Says the books anew, as after a restart of the venue's market data: the next difference has
    /// the number 1 and holds every level.
    pub fn restart_books(&mut self) {
        self.flush();
        for market in &mut self.markets {
            market.book.restart();
        }
        self.flush();
    }

    /// Top of book; `None` while a side is empty.
    pub fn quote(&self, product: Product) -> Option<Quote> {
        let book = &self.market(product).book;
        let (bid, ask) = (book.best(Side::Buy)?, book.best(Side::Sell)?);
        Some(Quote {
            product,
            update_id: book.update_id,
            bid,
            bid_qty: book.total(Side::Buy, bid),
            ask,
            ask_qty: book.total(Side::Sell, ask),
            time_ms: self.now_ms,
        })
    }

    /// The latest public trades, oldest first.
    pub fn trades(&self, product: Product, limit: usize) -> Vec<Trade> {
        let trades = &self.market(product).trades;
        trades.iter().skip(trades.len().saturating_sub(limit)).cloned().collect()
    }

    /// Bars of `minutes` minutes, oldest first, the last one still open.
    pub fn candles(&self, product: Product, minutes: i64) -> Vec<Candle> {
        self.market(product).candles.of(minutes)
    }

    /// The last 24 hours as one bar.
    pub fn day(&self, product: Product) -> Candle {
        self.market(product).candles.since(self.now_ms - 24 * 60 * MINUTE_MS)
    }

    /// One order by the venue's id, where it is in sight.
    pub fn order(&self, id: u64) -> Option<&Order> {
        self.orders.get(&id).filter(|order| self.sees(order))
    }

    /// The newest order with a client id, where it is in sight.
    pub fn by_client_id(&self, client_id: &str) -> Option<&Order> {
        self.order(*self.by_client_id.get(client_id)?)
    }

    /// Every order in sight, oldest first.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = &Order> {
        self.orders.values().filter(|order| self.sees(order))
    }

    fn sees(&self, order: &Order) -> bool {
        self.sight.shows(order, self.now_ms)
    }

    /// What the perpetual wallet may still use, in USDT.
    pub fn available(&self) -> Decimal {
        let open = self.orders.values().filter(|order| {
            order.product == Product::Perp && order.status.is_open() && !order.reduce_only
        });
        let open = open.map(|order| order.price * order.rest()).sum();
        self.account.available(open, self.mark(Product::Perp))
    }

    /// Everything a test compares with.
    pub fn truth(&self) -> Truth {
        Truth {
            orders: self.orders.values().cloned().collect(),
            account: self.account.clone(),
            trades: Product::ALL.map(|product| self.market(product).next_trade_id - 1),
            updates: Product::ALL.map(|product| self.market(product).book.update_id),
        }
    }

    /// Says the top of book where it changed.
    fn say_quote(&mut self, product: Product) {
        let Some(quote) = self.quote(product) else { return };
        let top = Some((quote.bid, quote.bid_qty, quote.ask, quote.ask_qty));
        let market = self.market_mut(product);
        if market.quoted != top {
            market.quoted = top;
            self.events.push(Event::Quote(quote));
        }
    }

    /// Says what changed in the books since the last call, the running bars, and once a second the
    /// mark price.
    pub fn flush(&mut self) {
        for product in Product::ALL {
            let now_ms = self.now_ms;
            let market = self.market_mut(product);
            let depth = market.book.flush();
            let bars = market.candles.said(now_ms);
            if let Some((first, last, previous, number, bids, asks)) = depth {
                let time_ms = now_ms;
                self.events.push(Event::Depth(Depth {
                    product,
                    first,
                    last,
                    previous,
                    number,
                    bids,
                    asks,
                    time_ms,
                }));
            }
            for (candle, closed) in bars {
                self.events.push(Event::Candle(product, candle, closed));
            }
        }
        if self.now_ms - self.marked_ms >= 1_000 {
            self.marked_ms = self.now_ms;
            self.events.push(Event::Mark(self.mark(Product::Perp), self.now_ms));
        }
    }

    /// Matches an incoming size against the other side up to a limit price, and returns what is
    /// left. The account never trades with itself: its resting order expires instead.
    fn sweep(
        &mut self,
        product: Product,
        side: Side,
        limit: Option<Decimal>,
        mut qty: Decimal,
        taker: Owner,
    ) -> Decimal {
        while qty > Decimal::ZERO {
            let book = &self.market(product).book;
            let Some(price) = book.best(side.other()) else { break };
            let crosses = |limit| if side == Side::Buy { price <= limit } else { price >= limit };
            if !limit.is_none_or(crosses) {
                break;
            }
            let Some(resting) = book.front(side.other(), price) else { break };
            if let Some(id) = resting.owner.filter(|_| taker.is_some()) {
                self.close(id, Status::ExpiredInMatch);
                continue;
            }
            let may = resting.owner.map_or(Decimal::MAX, |id| self.may_fill(id));
            if may.is_zero() {
                // A reduce-only order whose position is gone.
                resting.owner.into_iter().for_each(|id| self.close(id, Status::Expired));
                continue;
            }
            let traded = qty.min(resting.qty).min(may);
            self.market_mut(product).book.reduce_front(side.other(), price, traded);
            let trade_id = self.trade(product, price, traded, side);
            for (owner, is_maker) in [(resting.owner, true), (taker, false)] {
                if let Some(id) = owner {
                    self.fill(id, trade_id, price, traded, is_maker);
                }
            }
            qty -= traded;
        }
        qty
    }

    /// How much of an order may still fill: all of it, or what a reduce-only order can reduce.
    fn may_fill(&self, id: u64) -> Decimal {
        match self.orders.get(&id) {
            Some(order) if order.reduce_only => self.account.reducible(order.side),
            _ => Decimal::MAX,
        }
    }

    /// Records a public trade and returns its id.
    fn trade(&mut self, product: Product, price: Decimal, qty: Decimal, taker: Side) -> u64 {
        let time_ms = self.now_ms;
        let market = self.market_mut(product);
        let id = market.next_trade_id;
        market.next_trade_id += 1;
        let trade = Trade { product, id, price, qty, taker, time_ms };
        market.candles.take(&trade);
        if market.trades.len() == TRADES_KEPT {
            market.trades.pop_front();
        }
        market.trades.push_back(trade.clone());
        self.events.push(Event::Trade(trade));
        id
    }

    /// Books a fill on an order and says so.
    fn fill(&mut self, id: u64, trade_id: u64, price: Decimal, qty: Decimal, is_maker: bool) {
        let now_ms = self.now_ms;
        let Some(order) = self.orders.get_mut(&id) else { return };
        let rate = Account::rate(&self.markets[order.product as usize].rules, is_maker);
        let mut fill = account::fill(trade_id, price, qty, is_maker, now_ms);
        match order.product {
            Product::Spot => {
                let (fee, asset) = self.account.pay_spot(order, price, qty, rate, self.fees);
                (fill.fee, fill.fee_asset) = (fee, asset.to_owned());
            }
            Product::Perp => {
                let paid = self.account.pay_perp(order.side, price, qty, rate, self.fees);
                (fill.fee, fill.fee_asset) = (paid.fee, paid.asset.to_owned());
                fill.realised = paid.realised;
            }
        }
        order.filled += qty;
        order.filled_quote += price * qty;
        order.status = if order.rest().is_zero() { Status::Filled } else { Status::PartlyFilled };
        order.updated_ms = now_ms;
        order.fills.push(fill);
        let (order, product) = (Box::new(order.clone()), order.product);
        let execution = match order.origin {
            Origin::Client => Execution::Trade,
            Origin::Liquidation | Origin::Adl => Execution::Calculated,
        };
        self.events.push(Event::Order(order, execution));
        self.say_wallet(product, Cause::Order);
    }

    fn say_wallet(&mut self, product: Product, cause: Cause) {
        self.events.push(Event::Wallet(product, Box::new(self.account.clone()), cause));
    }

    /// Ends an open order: out of the book, its money back, said on the stream.
    fn close(&mut self, id: u64, status: Status) {
        let now_ms = self.now_ms;
        let Some(order) = self.orders.get_mut(&id) else { return };
        if order.product == Product::Spot && order.kind == Kind::Limit {
            self.account.unlock(order);
        }
        order.status = status;
        order.updated_ms = now_ms;
        let order = order.clone();
        let book = &mut self.markets[order.product as usize].book;
        if book.total(order.side, order.price) > Decimal::ZERO {
            book.set(order.side, order.price, Some(id), Decimal::ZERO);
        }
        let execution = match status {
            Status::Expired | Status::ExpiredInMatch => Execution::Expired,
            _ => Execution::Cancelled,
        };
        let product = order.product;
        self.events.push(Event::Order(Box::new(order), execution));
        if product == Product::Spot {
            self.say_wallet(product, Cause::Order);
        }
    }
}

#[cfg(test)]
mod tests;
