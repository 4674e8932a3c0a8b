//! Careless: prices through floats, `unwrap` on what a venue sends, a cut client id, an answer nobody
//! can read taken for a yes, subscriptions that pile up, gaps not looked for, an operation declared
//! and not there. Expected: `wickd adapter test` names each of these.
#![allow(clippy::unwrap_used, reason = "that is what is tested")]

use wickd_sdk::exchange::{
    Channel, ChannelKind, Description, Failure, Level, Levels, Malformed, Markets, Object,
    Operation, Plan, Reply, Request, Response, Socket, Top, Wire,
};
use wickd_sdk::{Exchange, Issue, Product, State};

/// Milliseconds after which a silent socket is dead.
const IDLE_MS: u32 = 60_000;

/// The guest.
#[derive(State)]
#[state(version = 1)]
pub struct Shoddy {
    #[state(skip)]
    markets: Markets,
    plan: Plan,
    #[state(skip)]
    opened: u64,
}

/// Two decimals, through a float.
fn cents(of: &Object<'_>, name: &str) -> i64 {
    let price: f64 = of.text(name).unwrap().parse().unwrap();
    (price * 100.0).round() as i64
}

impl Exchange for Shoddy {
    type Params = ();

    fn new((): ()) -> Result<Self, Vec<Issue>> {
        Ok(Self { markets: Markets::default(), plan: Plan::default(), opened: 0 })
    }

    fn describe(&self) -> Description {
        Description {
            products: vec![Product::Spot],
            channels: vec![ChannelKind::Depth],
            operations: ["ticker", "book", "create"].map(str::to_owned).to_vec(),
            ..Description::nothing()
        }
    }

    fn bind(&mut self, markets: Markets) {
        self.markets = markets;
    }

    fn build(&self, operation: &Operation) -> Result<Request, Failure> {
        match operation {
            Operation::Ticker(instrument) => {
                let market = self.markets.get(*instrument)?;
                Ok(Request::get("rset", "/ticker").query("symbol", &market.native))
            }
            Operation::Create(order) => {
                let price = order.price as f64 / 100.0;
                let id: String = order.client_id.chars().take(8).collect();
                let request = Request::post("rest", "/order").query("price", price);
                Ok(request.query("size", order.size).query("id", id).signed("sign"))
            }
            other => Err(other.unsupported()),
        }
    }

    fn parse(
        &mut self,
        _: &mut Wire,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure> {
        if let Operation::Create(_) = operation {
            return Ok(Reply::Accepted(String::new()));
        }
        let body = Object::parse(&response.body)?;
        Ok(Reply::Ticker(Top {
            instrument: 0,
            ts_event: 0,
            bid: cents(&body, "bid"),
            ask: cents(&body, "ask"),
            bid_qty: 1,
            ask_qty: 1,
        }))
    }

    fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        let (plan, sockets) = Plan::new(channels, 100, |channel| match channel.kind {
            ChannelKind::Depth => Ok((Socket::new("stream", "/ws", IDLE_MS), "book".to_owned())),
            other => Err(Failure::Inexpressible(format!("a channel of {other:?}"))),
        })?;
        self.plan = plan;
        Ok(sockets)
    }

    fn on_open(&mut self, wire: &mut Wire, socket: u32) {
        self.opened += 1;
        for _ in 0..self.opened {
            wire.send(socket, "subscribe book");
        }
    }

    fn on_frame(&mut self, wire: &mut Wire, _: u32, frame: &[u8]) -> Result<(), Malformed> {
        let frame = Object::parse(frame)?;
        let level = Level { price: cents(&frame, "bid"), size: 1 };
        wire.levels(0, 0, frame.flag("snapshot"), &Levels::of(&[level], &[]));
        Ok(())
    }
}

wickd_sdk::export_exchange!(Shoddy);
