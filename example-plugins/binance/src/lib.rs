//! Binance: spot, and USD-M perpetuals in one-way mode.
//!
//! Comes in: operations, responses, frames of seven endpoints. Goes out: requests, replies, market
//! and account events. Deliberately absent: COIN-M, margin and options, conditional orders (they
//! live in other interfaces), and hedge mode, whose orders name a position side. Facts:
//! developers.binance.com, the pages of spot, USD-M futures and their streams.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

mod account;
mod book;
mod errors;
mod reads;
mod replies;
mod streams;
mod writes;

#[cfg(test)]
mod tests;

use wickd_sdk::exchange::{
    Channel, ChannelKind, Description, Failure, Malformed, Markets, Operation, Plan, Reply,
    Request, Response, Socket, Wire,
};
use wickd_sdk::{Exchange, Issue, Product, State};

use book::{Buffer, Synced};

/// Steps of bars the venue has, in seconds, with its names.
const INTERVALS: [(u32, &str); 12] = [
    (60, "1m"),
    (180, "3m"),
    (300, "5m"),
    (900, "15m"),
    (1_800, "30m"),
    (3_600, "1h"),
    (7_200, "2h"),
    (14_400, "4h"),
    (21_600, "6h"),
    (28_800, "8h"),
    (43_200, "12h"),
    (86_400, "1d"),
];

/// The adapter.
#[derive(State)]
#[state(version = 1)]
pub struct Binance {
    #[state(skip)]
    markets: Markets,
    /// Deltas that wait for their snapshot, by channel.
    #[state(skip)]
    buffers: Vec<Buffer>,
    /// What follows is carried to a successor, whose sockets stay open.
    plan: Plan,
    /// Books that follow their deltas.
    synced: Vec<Synced>,
}

/// Whether a market trades on the USD-M interface, which has other paths and other rules.
fn is_usdm(product: Product) -> bool {
    product == Product::Perpetual
}

fn interval(step_secs: u32) -> Result<&'static str, Failure> {
    let found = INTERVALS.iter().find(|(secs, _)| *secs == step_secs);
    let none = || Failure::Inexpressible(format!("bars of {step_secs} seconds"));
    found.map(|(_, name)| *name).ok_or_else(none)
}

impl Exchange for Binance {
    type Params = ();

    fn new((): ()) -> Result<Self, Vec<Issue>> {
        Ok(Self {
            markets: Markets::default(),
            plan: Plan::default(),
            buffers: Vec::new(),
            synced: Vec::new(),
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
            "open-session",
            "keep-session",
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
        match operation {
            Operation::Create(order) => writes::create(self.markets.get(order.instrument)?, order),
            Operation::Amend(change) => {
                writes::amend(self.markets.get(change.order.instrument)?, change)
            }
            Operation::Cancel(order) => writes::cancel(self.markets.get(order.instrument)?, order),
            read => reads::build(&self.markets, read),
        }
    }

    fn parse(
        &mut self,
        wire: &mut Wire,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure> {
        let reply = errors::check(operation, response, wire.now())
            .and_then(|()| replies::parse(&self.markets, wire, operation, &response.body));
        if let Operation::Book(asked) = operation {
            self.on_snapshot(wire, asked.instrument, reply.as_ref().ok());
        }
        reply
    }

    fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        self.plan_streams(channels)
    }

    fn on_open(&mut self, wire: &mut Wire, socket: u32) {
        self.subscribe(wire, socket);
    }

    fn on_frame(&mut self, wire: &mut Wire, socket: u32, frame: &[u8]) -> Result<(), Malformed> {
        self.read_frame(wire, socket, frame)
    }
}

wickd_sdk::export_exchange!(Binance);
