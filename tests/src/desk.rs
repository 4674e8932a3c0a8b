//! One guest alone, behind a desk that writes down what it is asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use wickd_model::{
    Aggressor, Deny, Fault, InstrumentId, IntentId, Limits, OrderRequest, Position, Quote, Signal,
    Stamp, Trade, TsNs, World,
};
use wickd_sandbox::{Code, Host, Loaded, Runtime, StrategyGuest, compile_artefact};

use crate::{btc_usdt, component_bytes};

/// What stands behind a guest: takes everything within its shares, remembers it.
#[derive(Debug, Default)]
pub struct Desk {
    /// Orders it staged.
    pub orders: Vec<OrderRequest>,
    /// Signals it emitted.
    pub signals: Vec<Signal>,
    /// Timers it set.
    pub timers: BTreeMap<u32, TsNs>,
    /// Panics at the next order, as a bug of the host would.
    pub broken: bool,
}

impl Host for Desk {
    fn submit(&mut self, request: OrderRequest) -> Result<IntentId, Deny> {
        assert!(!self.broken, "a bug of the host");
        self.orders.push(request);
        Ok(self.orders.len() as IntentId)
    }
    fn cancel(&mut self, _: IntentId) -> Result<(), Deny> {
        Err(Deny::UnknownIntent)
    }
    fn cancel_all(&mut self) -> u32 {
        0
    }
    fn position(&self, instrument: InstrumentId) -> Position {
        Position { instrument, size: 0, entry: 0, realised: 0, fees: 0 }
    }
    fn set_timer(&mut self, id: u32, at: TsNs) -> bool {
        self.timers.insert(id, at);
        true
    }
    fn clear_timer(&mut self, id: u32) {
        self.timers.remove(&id);
    }
    fn input_ready(&self, _: u32) -> bool {
        false
    }
    fn input_value(&self, _: u32, _: u32) -> f64 {
        0.0
    }
    fn emit(&mut self, signal: Signal, _: TsNs) -> bool {
        self.signals.push(signal);
        true
    }
}

/// A strategy behind a [`Desk`].
pub type Guest = StrategyGuest<Desk>;

/// The one engine of this process.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::start().expect("the engine starts"))
}

/// A guest of any world, compiled once per process and linked.
pub fn instantiate(name: &str, world: World) -> Loaded<Desk> {
    static CODES: Mutex<BTreeMap<String, Code>> = Mutex::new(BTreeMap::new());
    let mut codes = CODES.lock().unwrap_or_else(PoisonError::into_inner);
    let code = codes.entry(name.to_owned()).or_insert_with(|| {
        let artefact = compile_artefact(&component_bytes(name)).expect("a guest compiles");
        runtime().load(&artefact).expect("an artefact made here loads")
    });
    Loaded::link(runtime(), code, world).expect("a guest fits its world")
}

/// A strategy's bytes from anywhere, compiled and linked.
pub fn linked(bytes: &[u8]) -> Loaded<Desk> {
    let artefact = compile_artefact(bytes).expect("it compiles");
    let code = runtime().load(&artefact).expect("an artefact made here loads");
    Loaded::link(runtime(), &code, World::Strategy).expect("it fits its world")
}

/// A strategy that has been configured with nothing.
pub fn strategy(name: &str, limits: &Limits) -> Guest {
    let mut guest = started(&instantiate(name, World::Strategy), limits).expect("it starts");
    guest.init(&[], &[btc_usdt()]).expect("init returns").expect("nothing to complain about");
    guest
}

fn stamp(seq: u64) -> Stamp {
    let ts_event = 1_600_000_000_000_000_000 + seq * 1_000_000;
    Stamp { instrument: 0, seq, ts_event, ts_init: ts_event }
}

/// An instance of a strategy, or the fault of its start code.
pub fn started(loaded: &Loaded<Desk>, limits: &Limits) -> Result<Guest, Box<Fault>> {
    let made = StrategyGuest::new(runtime(), loaded, Desk::default(), limits, 7);
    made.expect("it is a strategy")
}

/// The quote with this number; one a millisecond.
pub fn quote(seq: u64) -> Quote {
    let bid = 3_900_000 + (seq % 100) as i64;
    Quote { at: stamp(seq), bid, ask: bid + 1, bid_qty: 1_000_000, ask_qty: 2_000_000 }
}

/// The trade with this number.
pub fn trade(seq: u64) -> Trade {
    let price = 3_900_000 + (seq % 100) as i64;
    let aggressor = Aggressor::Buyer;
    Trade { at: stamp(seq), price, size: 10_000, aggressor, trade_id: seq }
}
