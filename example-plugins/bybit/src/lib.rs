//! Bybit v5: spot, and linear perpetuals in one-way mode.
//!
//! Comes in: operations, responses, frames of three sockets. Goes out: requests, replies, market and
//! account events. Deliberately absent: inverse contracts, options, margin, conditional orders, hedge
//! mode. Facts: the public pages of Bybit's API v5.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

mod account;
mod errors;
mod replies;
mod requests;
mod streams;

#[cfg(test)]
mod tests;

use wickd_sdk::exchange::{
    Channel, ChannelKind, Description, Failure, Malformed, Markets, Operation, Plan, Reply,
    Request, Response, Socket, Wire,
};
use wickd_sdk::{Exchange, Issue, Params, Product, State};

/// Steps of bars the venue has, in seconds, with its names.
const INTERVALS: [(u32, &str); 11] = [
    (60, "1"),
    (180, "3"),
    (300, "5"),
    (900, "15"),
    (1_800, "30"),
    (3_600, "60"),
    (7_200, "120"),
    (14_400, "240"),
    (21_600, "360"),
    (43_200, "720"),
    (86_400, "D"),
];

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// The asset that perpetuals are settled in: the venue lists positions by it.
    #[param(default = "USDT", max = 16)]
    settle_coin: String,
}

/// The adapter.
#[derive(State)]
#[state(version = 1)]
pub struct Bybit {
    #[state(skip)]
    config: Config,
    #[state(skip)]
    markets: Markets,
    /// What follows is carried to a successor, whose sockets stay open.
    plan: Plan,
    /// What deltas change.
    synced: Vec<streams::Synced>,
    tops: Vec<streams::Best>,
    rates: Vec<streams::Rate>,
}

fn is_linear(product: Product) -> bool {
    product == Product::Perpetual
}

/// What the venue calls a product.
fn category(product: Product) -> &'static str {
    if is_linear(product) { "linear" } else { "spot" }
}

fn interval(step_secs: u32) -> Result<&'static str, Failure> {
    let found = INTERVALS.iter().find(|(secs, _)| *secs == step_secs);
    let none = || Failure::Inexpressible(format!("bars of {step_secs} seconds"));
    found.map(|(_, name)| *name).ok_or_else(none)
}

impl Exchange for Bybit {
    type Params = Config;

    fn new(config: Config) -> Result<Self, Vec<Issue>> {
        Ok(Self {
            config,
            markets: Markets::default(),
            plan: Plan::default(),
            synced: Vec::new(),
            tops: Vec::new(),
            rates: Vec::new(),
        })
    }

    fn describe(&self) -> Description {
        let operations = [
            "server-time",
            "instruments",
            "ticker",
            "book",
            "trades",
            "bars",
            "funding-rate",
            "funding-history",
            "balances",
            "positions",
            "create",
            "amend",
            "cancel",
            "order",
            "open-orders",
            "order-history",
            "fills",
            "order-fills",
        ];
        Description {
            products: vec![Product::Spot, Product::Perpetual],
            channels: vec![
                ChannelKind::Quotes,
                ChannelKind::Depth,
                ChannelKind::Trades,
                ChannelKind::Bars,
                ChannelKind::Funding,
                ChannelKind::Account,
            ],
            operations: operations.map(str::to_owned).to_vec(),
            bar_secs: INTERVALS.map(|(secs, _)| secs).to_vec(),
            post_only: true,
            reduce_only: true,
            ioc: true,
            fok: true,
        }
    }

    fn bind(&mut self, markets: Markets) {
        self.markets = markets;
    }

    fn build(&self, operation: &Operation) -> Result<Request, Failure> {
        requests::build(&self.markets, &self.config.settle_coin, operation)
    }

    fn parse(
        &mut self,
        wire: &mut Wire,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure> {
        let envelope = errors::check(operation, response, wire.now())?;
        replies::parse(&self.markets, wire, operation, &envelope)
    }

    fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        self.plan_streams(channels)
    }

    fn on_open(&mut self, wire: &mut Wire, socket: u32) {
        self.opened(wire, socket);
    }

    fn on_frame(&mut self, wire: &mut Wire, socket: u32, frame: &[u8]) -> Result<(), Malformed> {
        self.read_frame(wire, socket, frame)
    }

    fn on_idle(&mut self, wire: &mut Wire, socket: u32) {
        wire.send(socket, r#"{"op":"ping"}"#);
    }
}

wickd_sdk::export_exchange!(Bybit);
