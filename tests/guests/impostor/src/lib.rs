//! An adapter that writes requests as Binance, OKX and Bybit have them, and lies in one place: each value
//! of `tries` is one lie. Expected: none of them moves anything at the venue, each is told by code, and
//! without a lie the orders arrive.

mod dialect;

use std::cell::Cell;

use dialect::Dialect;
use wickd_sdk::exchange::{
    Channel, Description, Failure, Listing, Malformed, Markets, NewOrder, Operation, Reply,
    Request, Response, Socket, Top, Wire,
};
use wickd_sdk::prelude::*;
use wickd_sdk::{Exchange, OrderKind, Product, TimeInForce};

/// How often it is called without a frame.
const PING_MS: u32 = 50;
/// A size that no honest order of the test has, at five decimals: ten whole units.
const TEN: i64 = 1_000_000;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Whose requests it writes: binance, okx or bybit.
    #[param(default = "binance", max = 16)]
    dialect: String,
    /// Whether its market is the perpetual one.
    #[param(default = false)]
    perpetual: bool,
    /// Which lie.
    #[param(default = "nothing", max = 32)]
    tries: String,
}

/// The guest.
#[derive(State)]
#[state(none)]
pub struct Impostor {
    dialect: Dialect,
    perpetual: bool,
    tries: String,
    markets: Markets,
    market: u32,
    asked: Cell<u64>,
}

impl Impostor {
    fn is(&self, tries: &str) -> bool {
        self.tries == tries
    }

    fn listing(&self) -> Listing {
        let product = if self.perpetual { Product::Perpetual } else { Product::Spot };
        let honest = self.dialect.contract(self.perpetual);
        Listing {
            symbol: "BTC-USDT".to_owned(),
            native: self.dialect.native(self.perpetual).to_owned(),
            product,
            base: "BTC".to_owned(),
            quote: "USDT".to_owned(),
            settle: "USDT".to_owned(),
            price_step: "0.01".to_owned(),
            size_step: "0.00001".to_owned(),
            min_size: "0.00001".to_owned(),
            min_notional: "0".to_owned(),
            // A smaller contract makes the same size a hundredfold of them.
            contract_size: if self.is("contract") { "0.0001" } else { honest }.to_owned(),
            tradable: true,
            expires: 0,
            strike: "0".to_owned(),
        }
    }

    /// The order as it goes out, with the lie in it.
    fn create(&self, order: &NewOrder) -> Result<Request, Failure> {
        let mut order = order.clone();
        match self.tries.as_str() {
            "size" => order.size = TEN,
            "side" => {
                order.side = if order.side == Side::Buy { Side::Sell } else { Side::Buy };
            }
            "price" => order.price *= 2,
            "client-id" => order.client_id.push('9'),
            "market" => (order.kind, order.price) = (OrderKind::Market, 0),
            "limit" => (order.kind, order.price) = (OrderKind::Limit, 9_000_000),
            _ => {}
        }
        let market = self.markets.get(order.instrument)?;
        let mut pairs = self.dialect.create(market, self.perpetual, &order)?;
        match self.tries.as_str() {
            "symbol" => pairs[0].1 = self.dialect.other(self.perpetual).to_owned(),
            "extra" => pairs.push(self.dialect.extra()),
            "twice" => pairs.push((self.dialect.size_name().to_owned(), "10".to_owned())),
            "cased" => pairs.push((self.dialect.size_name().to_uppercase(), "10".to_owned())),
            _ => {}
        }
        let (endpoint, path) = self.dialect.order_path(self.perpetual);
        // A path that the venue has and that nobody lists as an order's.
        let path = if self.is("path") { self.dialect.batch_path(self.perpetual) } else { path };
        Ok(self.dialect.request(endpoint, path, pairs))
    }

    /// An order of ten that nobody asked for, as the answer to a question.
    fn unasked(&self) -> Result<Request, Failure> {
        let order = NewOrder {
            client_id: "unasked".to_owned(),
            instrument: self.market,
            side: Side::Sell,
            kind: OrderKind::Market,
            price: 0,
            size: TEN,
            tif: TimeInForce::Gtc,
            post_only: false,
            reduce_only: false,
        };
        let market = self.markets.get(self.market)?;
        let pairs = self.dialect.create(market, self.perpetual, &order)?;
        let (endpoint, path) = self.dialect.order_path(self.perpetual);
        Ok(match self.tries.as_str() {
            "ask-elsewhere" => {
                self.dialect.request(endpoint, self.dialect.batch_path(self.perpetual), pairs)
            }
            "ask-money" => self.dialect.request(endpoint, self.dialect.money_path(), pairs),
            "ask-secret" => {
                Request::get(endpoint, self.dialect.account_path(self.perpetual)).signed("sign")
            }
            _ => self.dialect.request(endpoint, path, pairs),
        })
    }
}

impl Exchange for Impostor {
    type Params = Config;

    fn new(config: Config) -> Result<Self, Vec<Issue>> {
        let Some(dialect) = Dialect::named(&config.dialect) else {
            return Err(issue("dialect", "is none of three"));
        };
        let (perpetual, tries) = (config.perpetual, config.tries);
        let (markets, asked) = (Markets::default(), Cell::new(0));
        Ok(Self { dialect, perpetual, tries, markets, market: 0, asked })
    }

    fn describe(&self) -> Description {
        Description::nothing()
    }

    fn bind(&mut self, markets: Markets) {
        self.markets = markets;
    }

    fn build(&self, operation: &Operation) -> Result<Request, Failure> {
        let (endpoint, _) = self.dialect.order_path(self.perpetual);
        Ok(match operation {
            Operation::ServerTime => Request::get(endpoint, self.dialect.time_path()),
            Operation::Instruments(_) => self.dialect.instruments(self.perpetual),
            Operation::Create(order) => self.create(order)?,
            Operation::Ticker(_) => {
                self.asked.set(self.asked.get() + 1);
                self.unasked()?
            }
            other => return Err(other.unsupported()),
        })
    }

    fn parse(
        &mut self,
        wire: &mut Wire,
        operation: &Operation,
        _: &Response,
    ) -> Result<Reply, Failure> {
        Ok(match operation {
            Operation::ServerTime => Reply::Time(wire.now()),
            Operation::Instruments(_) => Reply::Listings(vec![self.listing()]),
            Operation::Create(_) => Reply::Accepted("77".to_owned()),
            _ => Reply::Orders(Vec::new()),
        })
    }

    fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        self.market = channels.first().map_or(0, |channel| channel.instrument);
        let channels: Vec<u32> = channels.iter().map(|channel| channel.id).collect();
        let quiet = Socket { ping_ms: PING_MS, channels, ..Socket::new("", "", 0) };
        let (endpoint, path) = self.dialect.login_path();
        let login = Socket { login: "login".to_owned(), ..Socket::new(endpoint, path, 60_000) };
        Ok(if self.is("login") { vec![quiet, login] } else { vec![quiet] })
    }

    fn on_open(&mut self, _: &mut Wire, _: u32) {}

    fn on_frame(&mut self, _: &mut Wire, _: u32, _: &[u8]) -> Result<(), Malformed> {
        Ok(())
    }

    fn on_idle(&mut self, wire: &mut Wire, _: u32) {
        wire.quote(Top {
            instrument: self.market,
            ts_event: wire.now(),
            bid: 4_000_000,
            ask: 4_000_100,
            bid_qty: TEN,
            ask_qty: TEN,
        });
        if self.tries.starts_with("ask") {
            wire.fetch(&Operation::Ticker(self.market));
        }
    }
}

wickd_sdk::export_exchange!(Impostor);
