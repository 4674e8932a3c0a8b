//! A venue to test against: HTTP and WebSocket on loopback, three dialects and a plain one, one
//! matching engine.
//!
//! Comes in: a [`Config`], and requests signed as Binance, OKX, Bybit or a
//! plain venue want them. Goes out:
//! answers and streams as those venues send them, faults on demand ([`Plan`]), and what really
//! happened ([`Truth`]). Deliberately absent: every crate of the daemon. The venue is the other
//! side and must not share its mistakes.
//!
//! Where the venue is simpler than the real ones: one account, one key, liquidation and funding only
//! on demand, no hedge mode, no conditional orders. Spot and perpetual have a wallet each; OKX and
//! Bybit show the sum of both, as their unified account does.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

mod auth;
mod binance;
mod bybit;
mod control;
mod damage;
pub mod engine;
mod faults;
mod hub;
mod limits;
mod okx;
mod plain;
mod server;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;

use rust_decimal::Decimal;

use engine::{Event, Fees, NewOrder, Order, Origin, Product, Refusal, Truth};
pub use faults::{BadPlan, Fault, Plan, Route, Rule};
use hub::Hub;
pub use limits::{Limits, Usage};

/// How a venue starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// Where the market's and the faults' random numbers begin.
    pub seed: u64,
    /// Market events per second; 0 is a market that only moves on demand.
    pub events_per_s: u32,
    /// Milliseconds between differences of the book.
    pub diff_ms: u64,
    /// Milliseconds between protocol pings to a Binance socket.
    pub ping_ms: u64,
    /// The account's API key.
    pub key: String,
    /// Its secret.
    pub secret: String,
    /// Its passphrase (OKX).
    pub passphrase: String,
    /// BTC of the spot wallet.
    pub base: Decimal,
    /// USDT of the spot wallet.
    pub quote: Decimal,
    /// USDT of the perpetual wallet.
    pub wallet: Decimal,
    /// What each dialect allows.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            seed: 1,
            events_per_s: 0,
            diff_ms: 100,
            ping_ms: 20_000,
            key: "key".to_owned(),
            secret: "secretsecret".to_owned(),
            passphrase: "password".to_owned(),
            base: Decimal::from(100),
            quote: Decimal::from(10_000_000),
            wallet: Decimal::from(1_000_000),
            limits: Limits::default(),
        }
    }
}

/// A running venue; it ends when this is dropped.
#[derive(Debug)]
pub struct Venue {
    hub: Arc<Hub>,
    addr: SocketAddr,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Venue {
    /// Listens on 127.0.0.1 and starts the market, on threads of its own.
    ///
    /// # Errors
    /// The system's, where it has no port or no thread left.
    pub fn start(config: Config) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", config.port))?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("venue")
            .enable_all()
            .build()?;
        let hub = Arc::new(Hub::new(config));
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(server::listen(Arc::clone(&hub), listener));
        runtime.spawn(hub::run_market(Arc::clone(&hub)));
        Ok(Self { hub, addr, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What really happened so far.
    pub fn truth(&self) -> Truth {
        self.hub.engine(|engine| engine.truth())
    }

    /// Plans faults.
    ///
    /// # Errors
    /// A [`BadPlan`]; nothing has changed then.
    pub fn faults(&self, plan: Plan) -> Result<(), BadPlan> {
        self.hub.faults(|faults| faults.plan(plan))
    }

    /// How many of each fault were done.
    pub fn faults_done(&self) -> std::collections::BTreeMap<String, u64> {
        self.hub.faults(|faults| faults.done().clone())
    }

    /// Lets every held request go on.
    pub fn release(&self) {
        self.hub.release();
    }

    /// How many requests wait for [`release`](Self::release).
    pub fn held(&self) -> u32 {
        self.hub.held()
    }

    /// The most each rate limit was ever used, and how often it was broken.
    pub fn limits(&self) -> std::collections::BTreeMap<String, Usage> {
        self.hub.meter(|meter| meter.usage())
    }

    /// Sets the market's events per second; 0 pauses it.
    pub fn set_rate(&self, events_per_s: u32) {
        self.hub.set_rate(events_per_s);
    }

    /// Makes so many market events at once and says the difference.
    pub fn step(&self, events: u32) {
        self.hub.step(events);
    }

    /// Moves the market to a price; the account's orders on the way are filled.
    ///
    /// # Errors
    /// [`Refusal::Price`] and [`Refusal::Tick`].
    pub fn move_to(&self, product: Product, price: Decimal) -> Result<(), Refusal> {
        self.hub.engine(|engine| engine.move_to(product, price))
    }

    /// Somebody takes so much of the newest resting order under a client id, at its own price.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::Done`], [`Refusal::Qty`].
    pub fn fill(&self, client_id: &str, qty: Decimal) -> Result<Order, Refusal> {
        self.hub.fill(client_id, qty)
    }

    /// Somebody trades on the account by hand, past the client.
    ///
    /// # Errors
    /// The engine's [`Refusal`].
    pub fn order(&self, new: NewOrder) -> Result<Order, Refusal> {
        self.hub.engine(|engine| engine.submit(new))
    }

    /// Moves so much of an asset into a wallet, or out of it where it is negative.
    ///
    /// # Errors
    /// [`Refusal::Funds`], and [`Refusal::Unknown`] for an asset that the perpetual wallet does not
    /// hold.
    pub fn transfer(&self, product: Product, asset: &str, amount: Decimal) -> Result<(), Refusal> {
        self.hub.engine(|engine| engine.transfer(product, asset, amount))
    }

    /// The venue closes so much of the position at the mark price, as a liquidation or as ADL.
    ///
    /// # Errors
    /// [`Refusal::Qty`] where there is less to close.
    pub fn liquidate(&self, qty: Decimal, origin: Origin) -> Result<Order, Refusal> {
        self.hub.engine(|engine| engine.liquidate(qty, origin))
    }

    /// Pays funding on the position at a rate, and gives what the wallet received.
    pub fn pay_funding(&self, rate: Decimal) -> Decimal {
        self.hub.engine(|engine| engine.pay_funding(rate))
    }

    /// Ends every listen key before its time. Who listens is told so, and then hears nothing more on a
    /// socket that stays open.
    pub fn expire_keys(&self) {
        self.hub.expire_keys();
    }

    /// Sets what fees are paid in.
    pub fn set_fees(&self, fees: Fees) {
        self.hub.engine(|engine| engine.set_fees(fees));
    }

    /// Sets how far the venue's clock runs ahead of the machine's, in milliseconds.
    pub fn set_skew(&self, skew_ms: i64) {
        self.hub.set_skew(skew_ms);
    }

    /// The venue's clock, UTC milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.hub.now_ms()
    }

    /// Says the books anew, as after a restart of the venue's market data (Bybit: `u` is 1).
    pub fn restart_books(&self) {
        self.hub.engine(|engine| engine.restart_books());
    }

    /// Closes every socket.
    pub fn disconnect(&self) {
        self.hub.disconnect();
    }

    /// Every event of the engine from now on, as no dialect says it. A listener that falls more
    /// than 65,536 events behind misses the oldest.
    pub fn events(&self) -> tokio::sync::broadcast::Receiver<Arc<Event>> {
        self.hub.listen()
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
