//! An adapter that wants what is not its own: each value of `does` is one way of trying. Expected:
//! every attempt is refused by name and counted, and nothing else in the house notices.

mod attempts;
mod lies;

use wickd_sdk::exchange::{
    Channel, ChannelKind, Description, Failure, Listing, Malformed, Markets, NewOrder, Operation,
    OrderRef, Reply, Request, Response, Socket, Wire,
};
use wickd_sdk::prelude::*;
use wickd_sdk::{Exchange, Product};

/// Messages and questions of one call of a flood.
const FLOOD: usize = 1_000;
/// Sockets of a plan that would be endless.
const SOCKETS: usize = 5_000;
/// How often it is called without a frame.
const PING_MS: u32 = 100;

/// What the test sets.
#[derive(Params)]
pub struct Config {
    /// Which way.
    #[param(default = "traps", max = 32)]
    does: String,
    /// The market it claims to have.
    #[param(default = "EVIL-USDT", max = 32)]
    symbol: String,
}

/// The guest.
#[derive(State)]
#[state(none)]
pub struct Evil {
    does: String,
    symbol: String,
    markets: Markets,
    market: u32,
    /// Calls of `on_idle` so far.
    beats: u64,
    /// Questions built so far; in a cell because building changes nothing else.
    built: std::cell::Cell<usize>,
    order: Option<NewOrder>,
    fills: u64,
}

impl Evil {
    fn is(&self, does: &str) -> bool {
        self.does == does
    }

    fn listing(&self) -> Listing {
        let (base, quote) = self.symbol.split_once('-').unwrap_or(("EVIL", "USDT"));
        Listing {
            symbol: self.symbol.clone(),
            native: self.symbol.clone(),
            product: Product::Spot,
            base: base.to_owned(),
            quote: quote.to_owned(),
            settle: quote.to_owned(),
            price_step: "0.01".to_owned(),
            size_step: "0.00001".to_owned(),
            min_size: "0.00001".to_owned(),
            min_notional: "0".to_owned(),
            contract_size: "1".to_owned(),
            tradable: true,
            expires: 0,
            strike: "0".to_owned(),
        }
    }
}

impl Exchange for Evil {
    type Params = Config;

    fn new(config: Config) -> Result<Self, Vec<Issue>> {
        Ok(Self {
            does: config.does,
            symbol: config.symbol,
            markets: Markets::default(),
            market: 0,
            beats: 0,
            built: std::cell::Cell::new(0),
            order: None,
            fills: 0,
        })
    }

    fn describe(&self) -> Description {
        Description::nothing()
    }

    fn bind(&mut self, markets: Markets) {
        self.markets = markets;
    }

    fn build(&self, operation: &Operation) -> Result<Request, Failure> {
        assert!(!self.is("traps"), "as asked for");
        Ok(match operation {
            Operation::ServerTime => Request::get("rest", "/v1/time"),
            Operation::Instruments(_) => Request::get("rest", "/v1/markets"),
            Operation::Create(order) => Request::post("rest", "/v1/order")
                .query("side", if order.side == Side::Buy { "buy" } else { "sell" })
                .query("market", &self.symbol)
                .query("size", self.markets.get(order.instrument)?.print_qty(order.size))
                .query("client", &order.client_id)
                .signed("sign"),
            Operation::Order(_) | Operation::Fills(_) => {
                Request::get("rest", "/v1/order").signed("sign")
            }
            Operation::Ticker(_) if self.is("echo") => {
                Request::get("rest", "/v1/echo").signed("sign")
            }
            Operation::Ticker(_) if self.is("floods") => Request::get("rest", "/slow"),
            Operation::Ticker(_) if self.is("bodies") => {
                let paths = ["/huge", "/gzip-bomb", "/many-headers", "/cut", "/redirect"];
                let place = self.built.replace(self.built.get() + 1);
                Request::get("rest", paths[place % paths.len()])
            }
            Operation::Ticker(_) => attempts::request(self.built.replace(self.built.get() + 1)),
            other => return Err(other.unsupported()),
        })
    }

    fn parse(
        &mut self,
        wire: &mut Wire,
        operation: &Operation,
        response: &Response,
    ) -> Result<Reply, Failure> {
        Ok(match operation {
            Operation::ServerTime => Reply::Time(wire.now()),
            Operation::Instruments(_) => Reply::Listings(vec![self.listing()]),
            Operation::Create(order) => {
                self.order = Some(order.clone());
                Reply::Accepted("77".to_owned())
            }
            Operation::Ticker(_) => {
                assert!(!self.is("traps-parse"), "as asked for");
                // Whatever came back, as loudly as possible.
                let headers = response.headers.iter().map(|pair| pair.value.as_str());
                let headers: Vec<_> = headers.collect();
                wire.unknown(&headers.join(" "));
                for piece in response.body.chunks(200).take(32) {
                    wire.unknown(&String::from_utf8_lossy(piece));
                }
                Reply::Trades(Vec::new())
            }
            _ => Reply::Orders(Vec::new()),
        })
    }

    fn plan(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        assert!(!self.is("traps"), "as asked for");
        self.market = channels.first().map_or(0, |channel| channel.instrument);
        let all: Vec<u32> = channels.iter().map(|channel| channel.id).collect();
        let quotes = |channel: &&Channel| channel.kind == ChannelKind::Quotes;
        let quotes: Vec<u32> = channels.iter().filter(quotes).map(|channel| channel.id).collect();
        let plain = Socket { ping_ms: PING_MS, channels: all, ..Socket::new("stream", "/ws", 0) };
        Ok(match self.does.as_str() {
            "endless-plan" => vec![plain; SOCKETS],
            "sockets" => attempts::sockets(&quotes),
            "texts" | "echo" => {
                let login = "login".to_owned();
                vec![Socket {
                    login,
                    endpoint: "account".to_owned(),
                    path: "/echo".to_owned(),
                    ..plain
                }]
            }
            "huge-frame" => vec![Socket { path: "/huge".to_owned(), ..plain }],
            _ => vec![plain],
        })
    }

    fn on_open(&mut self, _: &mut Wire, _: u32) {}

    fn on_frame(&mut self, wire: &mut Wire, _: u32, frame: &[u8]) -> Result<(), Malformed> {
        match self.does.as_str() {
            "loops" => loop {
                std::hint::black_box(&mut self.beats);
            },
            "traps-frame" => panic!("as asked for"),
            "memory-bomb" => {
                let mut heap: Vec<Vec<u8>> = Vec::new();
                loop {
                    heap.push(vec![1; 1 << 20]);
                }
            }
            "echo" => {
                for piece in frame.chunks(200).take(32) {
                    wire.unknown(&String::from_utf8_lossy(piece));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn on_idle(&mut self, wire: &mut Wire, socket: u32) {
        self.beats += 1;
        let market = self.market;
        match self.does.as_str() {
            "requests" | "echo" | "bodies" | "traps-parse" => {
                wire.fetch(&Operation::Ticker(market));
            }
            "orders" => {
                let reference = OrderRef {
                    instrument: market,
                    client_id: "wx".to_owned(),
                    venue_id: "1".to_owned(),
                };
                wire.fetch(&Operation::Cancel(reference));
            }
            "texts" => {
                let text = attempts::TEXTS[self.beats as usize % attempts::TEXTS.len()];
                wire.send(socket, text);
            }
            "floods" => {
                for _ in 0..FLOOD {
                    wire.log(wickd_sdk::Level::Error, "look at me");
                    wire.send(socket, r#"{"op":"ping"}"#);
                    wire.fetch(&Operation::Ticker(market));
                }
                for _ in 0..20_000 {
                    wire.quote(lies::honest(market, wire.now()));
                }
            }
            "lies" => lies::market(wire, market),
            "fills" => {
                wire.quote(lies::honest(market, wire.now()));
                if let Some(order) = &self.order {
                    self.fills += 1;
                    lies::fills(wire, order, self.fills);
                }
            }
            _ => {}
        }
    }
}

wickd_sdk::export_exchange!(Evil);
