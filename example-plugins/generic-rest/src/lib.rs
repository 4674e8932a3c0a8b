//! A spot venue with plain REST, described by parameters.
//!
//! Comes in: operations, replies, the beat of a socket without an address. Goes out: requests,
//! replies, and on the beat the quotes and books that were asked for and the orders that are open.
//! Deliberately absent: streams, derivatives, and signed paths as parameters: what may be signed is
//! fixed in the manifest.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

mod place;
mod replies;
mod requests;

#[cfg(test)]
mod tests;

use wickd_sdk::exchange::{
    BookDepth, Channel, ChannelKind, Description, Failure, Level, Levels, Malformed, Markets,
    Operation, OrderReport, Plan, Reply, Request, Response, Socket, Wire,
};
use wickd_sdk::{Duration, Exchange, Issue, OrderStatus, Params, Product, State};

/// Levels asked for where a channel does not say how many.
const LEVELS: u32 = 20;
/// Most channels on one beat: each is a request.
const CHANNELS_MAX: usize = 16;

/// Where public data is.
#[derive(Params)]
pub struct Market {
    /// Path of the best prices.
    #[param(default = "/v1/ticker", max = 128)]
    ticker_path: String,
    /// Path of the book.
    #[param(default = "/v1/book", max = 128)]
    book_path: String,
    /// Query parameter that names the market.
    #[param(default = "symbol", max = 32)]
    symbol: String,
    /// Query parameter that says how deep a book is wanted; empty where there is none.
    #[param(default = "depth", max = 32)]
    depth: String,
    /// Place of the best bid in a ticker.
    #[param(default = "bid", max = 64)]
    bid: String,
    /// Place of the best ask in a ticker.
    #[param(default = "ask", max = 64)]
    ask: String,
    /// Place of the size at the best bid in a ticker.
    #[param(default = "bidSize", max = 64)]
    bid_size: String,
    /// Place of the size at the best ask in a ticker.
    #[param(default = "askSize", max = 64)]
    ask_size: String,
    /// Place of the bids in a book, rows of price and size.
    #[param(default = "bids", max = 64)]
    bids: String,
    /// Place of the asks in a book.
    #[param(default = "asks", max = 64)]
    asks: String,
    /// Place of the time in both, in milliseconds; empty where there is none.
    #[param(default = "", max = 64)]
    time: String,
}

/// Where the list of markets is, and what the venue calls the parts of one.
#[derive(Params)]
pub struct Listed {
    /// Path of the list.
    #[param(default = "/v1/instruments", max = 128)]
    path: String,
    /// Place of the list; empty where the reply is the list.
    #[param(default = "", max = 64)]
    list: String,
    /// The venue's own name of a market.
    #[param(default = "symbol", max = 32)]
    name: String,
    /// What is traded.
    #[param(default = "base", max = 32)]
    base: String,
    /// What it is paid in.
    #[param(default = "quote", max = 32)]
    quote: String,
    /// The price step.
    #[param(default = "priceStep", max = 32)]
    price_step: String,
    /// The size step, in base units.
    #[param(default = "sizeStep", max = 32)]
    size_step: String,
    /// The least size, in base units.
    #[param(default = "minSize", max = 32)]
    min_size: String,
    /// The least value of an order; empty where the venue has none.
    #[param(default = "minNotional", max = 32)]
    min_notional: String,
    /// The state.
    #[param(default = "status", max = 32)]
    status: String,
    /// The word for a market that trades.
    #[param(default = "trading", max = 32)]
    trading: String,
}

/// What the venue calls the parts of a fill.
#[derive(Params)]
pub struct Filled {
    /// Place of the list of fills; empty where the reply is the list.
    #[param(default = "", max = 64)]
    list: String,
    /// The venue's number of the trade.
    #[param(default = "id", max = 32)]
    id: String,
    /// The venue's number of the order.
    #[param(default = "orderId", max = 32)]
    order_id: String,
    /// The client's own number of the order.
    #[param(default = "clientId", max = 32)]
    client_id: String,
    /// The price.
    #[param(default = "price", max = 32)]
    price: String,
    /// The size in base units.
    #[param(default = "size", max = 32)]
    size: String,
    /// What it cost; negative where it was a rebate.
    #[param(default = "fee", max = 32)]
    fee: String,
    /// What the fee was paid in.
    #[param(default = "feeAsset", max = 32)]
    fee_asset: String,
    /// The time, in milliseconds.
    #[param(default = "time", max = 32)]
    time: String,
}

/// What the venue calls the parts of an order, sent and replied.
#[derive(Params)]
pub struct Words {
    /// The client's own number.
    #[param(default = "clientId", max = 32)]
    client_id: String,
    /// The venue's number.
    #[param(default = "id", max = 32)]
    id: String,
    /// The side.
    #[param(default = "side", max = 32)]
    side: String,
    /// The word for a buy.
    #[param(default = "buy", max = 16)]
    buy: String,
    /// The word for a sell.
    #[param(default = "sell", max = 16)]
    sell: String,
    /// The limit price.
    #[param(default = "price", max = 32)]
    price: String,
    /// The size in base units.
    #[param(default = "size", max = 32)]
    size: String,
    /// What was filled of it.
    #[param(default = "filled", max = 32)]
    filled: String,
    /// The time in force.
    #[param(default = "timeInForce", max = 32)]
    tif: String,
    /// The state.
    #[param(default = "status", max = 32)]
    status: String,
    /// The time of the last change, in milliseconds.
    #[param(default = "updated", max = 32)]
    time: String,
    /// The venue's states in words: open, partly, filled, cancelled, rejected, expired.
    #[param(default = "open,partly,filled,cancelled,rejected,expired", max = 128)]
    states: String,
    /// Place of the list of orders; empty where the reply is the list.
    #[param(default = "", max = 64)]
    orders: String,
    /// Place of the list of balances; empty where the reply is the list.
    #[param(default = "", max = 64)]
    balances: String,
    /// The asset of a balance.
    #[param(default = "asset", max = 32)]
    asset: String,
    /// All of a balance.
    #[param(default = "total", max = 32)]
    total: String,
    /// What of a balance is free.
    #[param(default = "available", max = 32)]
    available: String,
}

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    #[param(nested)]
    market: Market,
    #[param(nested)]
    listing: Listed,
    #[param(nested)]
    order: Words,
    #[param(nested)]
    fill: Filled,
    /// How often quotes and books are asked for, in milliseconds.
    #[param(default = 1_000, min = 100, max = 60_000)]
    poll: Duration,
}

/// The adapter.
#[derive(State)]
#[state(version = 1)]
pub struct GenericRest {
    #[state(skip)]
    config: Config,
    #[state(skip)]
    markets: Markets,
    /// Carried to a successor, whose sockets stay open.
    plan: Plan,
}

impl Exchange for GenericRest {
    type Params = Config;

    fn new(config: Config) -> Result<Self, Vec<Issue>> {
        if config.order.states.split(',').count() != replies::STATES.len() {
            return Err(wickd_sdk::issue("order.states", "takes six words between commas"));
        }
        Ok(Self { config, markets: Markets::default(), plan: Plan::default() })
    }

    fn describe(&self) -> Description {
        let operations = [
            "instruments",
            "ticker",
            "book",
            "balances",
            "create",
            "cancel",
            "order",
            "open-orders",
            "order-fills",
        ];
        Description {
            products: vec![Product::Spot],
            channels: vec![ChannelKind::Quotes, ChannelKind::Depth, ChannelKind::Account],
            operations: operations.map(str::to_owned).to_vec(),
            ioc: true,
            fok: true,
            ..Description::nothing()
        }
    }

    fn bind(&mut self, markets: Markets) {
        self.markets = markets;
    }

    fn build(&self, operation: &Operation) -> Result<Request, Failure> {
        requests::build(&self.markets, &self.config, operation)
    }

    fn parse(
        &mut self,
        wire: &mut Wire,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure> {
        replies::check(operation, response)?;
        let (markets, config) = (&self.markets, &self.config);
        let reply = replies::parse(markets, config, wire, operation, &response.body)?;
        self.tell(wire, &reply);
        Ok(reply)
    }

    fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        let ping_ms = u32::try_from(self.config.poll.as_millis()).unwrap_or(u32::MAX);
        let (plan, sockets) = Plan::new(channels, CHANNELS_MAX, |channel| {
            self.markets.get(channel.instrument)?;
            match channel.kind {
                ChannelKind::Quotes | ChannelKind::Depth | ChannelKind::Account => {
                    Ok((Socket { ping_ms, ..Socket::new("", "", 0) }, String::new()))
                }
                other => Err(Failure::Inexpressible(format!("a channel of {other:?}"))),
            }
        })?;
        self.plan = plan;
        Ok(sockets)
    }

    fn on_open(&mut self, wire: &mut Wire, socket: u32) {
        self.plan.of(socket).for_each(|planned| wire.subscribed(planned.channel.id));
        self.on_idle(wire, socket);
    }

    fn on_frame(&mut self, _: &mut Wire, _: u32, _: &[u8]) -> Result<(), Malformed> {
        Err(Malformed("a frame on a socket without an address".to_owned()))
    }

    /// The beat: asks for what each channel shows. An account channel stands for every market.
    fn on_idle(&mut self, wire: &mut Wire, socket: u32) {
        for planned in self.plan.of(socket) {
            let Channel { instrument, kind, detail, .. } = planned.channel;
            let levels = if detail == 0 { LEVELS } else { detail };
            match kind {
                ChannelKind::Account => self.markets.all().iter().for_each(|market| {
                    wire.fetch(&Operation::OpenOrders(market.instrument));
                }),
                ChannelKind::Depth => {
                    wire.fetch(&Operation::Book(BookDepth { instrument, levels }));
                }
                _ => {
                    wire.fetch(&Operation::Ticker(instrument));
                }
            }
        }
    }
}

impl GenericRest {
    /// A reply is news for the channel it was asked for; for anybody else's, once more the same.
    fn tell(&self, wire: &mut Wire, reply: &Reply) {
        let listens = |instrument: u32, kind: ChannelKind| {
            self.plan.iter().any(|p| p.channel.instrument == instrument && p.channel.kind == kind)
        };
        match reply {
            Reply::Ticker(top) if listens(top.instrument, ChannelKind::Quotes) => wire.quote(*top),
            Reply::Book(book) if listens(book.instrument, ChannelKind::Depth) => {
                let levels = Levels::of(&book.bids as &[Level], &book.asks);
                wire.levels(book.instrument, book.ts_event, true, &levels);
            }
            Reply::Orders(orders) => {
                let listens = |order: &&OrderReport| {
                    self.plan.iter().any(|p| p.channel.kind == ChannelKind::Account)
                        && order.status != OrderStatus::Unknown
                };
                orders.iter().filter(listens).for_each(|order| wire.order(order));
            }
            _ => {}
        }
    }
}

wickd_sdk::export_exchange!(GenericRest);
