//! OKX: spot, and linear perpetuals in net mode.
//!
//! Comes in: operations, responses, frames of three sockets. Goes out: requests, replies, market and
//! account events. Deliberately absent: inverse contracts (their size is an amount of quote, so it
//! has no fixed base units), options, dated futures, margin, conditional orders, long-short mode.
//! Facts: the public pages of OKX's API v5.

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
use wickd_sdk::{Choice, Exchange, Issue, Params, Product, State};

/// Steps of bars the venue has, in seconds, with its names; those that start at midnight UTC.
const INTERVALS: [(u32, &str); 11] = [
    (60, "1m"),
    (180, "3m"),
    (300, "5m"),
    (900, "15m"),
    (1_800, "30m"),
    (3_600, "1H"),
    (7_200, "2H"),
    (14_400, "4H"),
    (21_600, "6Hutc"),
    (43_200, "12Hutc"),
    (86_400, "1Dutc"),
];

/// How perpetuals are backed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Choice)]
pub enum MarginMode {
    /// By the whole account.
    #[default]
    Cross,
    /// By what is set aside for them.
    Isolated,
}

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// How perpetuals are backed.
    #[param(default = MarginMode::Cross)]
    margin_mode: MarginMode,
    /// Whether signed requests go to demo trading.
    #[param(default = false)]
    demo: bool,
}

/// The adapter.
#[derive(State)]
#[state(version = 1)]
pub struct Okx {
    #[state(skip)]
    config: Config,
    #[state(skip)]
    markets: Markets,
    /// What follows is carried to a successor, whose sockets stay open.
    plan: Plan,
    /// Books that follow their deltas.
    synced: Vec<streams::Synced>,
}

fn is_perpetual(product: Product) -> bool {
    product == Product::Perpetual
}

/// What the venue calls a product.
fn kind(product: Product) -> &'static str {
    if is_perpetual(product) { "SWAP" } else { "SPOT" }
}

impl Exchange for Okx {
    type Params = Config;

    fn new(config: Config) -> Result<Self, Vec<Issue>> {
        let (markets, plan) = (Markets::default(), Plan::default());
        Ok(Self { config, markets, plan, synced: Vec::new() })
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
        requests::build(&self.markets, &self.config, operation)
    }

    fn parse(
        &mut self,
        wire: &mut Wire,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure> {
        let rows = errors::check(operation, response)?;
        replies::parse(&self.markets, wire, operation, &rows)
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
        wire.send(socket, "ping");
    }
}

wickd_sdk::export_exchange!(Okx);
