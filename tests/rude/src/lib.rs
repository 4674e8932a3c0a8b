//! The raw exports of a strategy, so that a hostile guest is only its attack.
//!
//! Comes in: the calls of the `strategy` world, unpacked by nothing. Goes out: the same calls on a
//! [`Rude`] type, which answers any it does not care about as a quiet, stateless plugin would.
//! Deliberately absent: everything the SDK does to keep a plugin polite.

use std::marker::PhantomData;

use wickd_sdk::bindings::strategy::exports::wickd::plugin::strategy_api as api;

pub use api::{Guest, Situation};
pub use wickd_sdk::bindings::strategy as bindings;
pub use wickd_sdk::bindings::strategy::wickd::plugin::params::{
    Domain, Entry, IntRange, Issue, NumberRange, Spec, Value,
};
pub use wickd_sdk::bindings::strategy::wickd::plugin::runtime::{self, Level};
pub use wickd_sdk::bindings::strategy::wickd::plugin::signals::Heard;
pub use wickd_sdk::bindings::strategy::wickd::plugin::types::*;
pub use wickd_sdk::bindings::strategy::wickd::plugin::wants::{Input, Needs, Source};
pub use wickd_sdk::bindings::strategy::wickd::plugin::{inputs, trading};

/// A strategy as the contract has it. Every call has an answer of a plugin that does nothing.
#[allow(unused_variables, reason = "the names of the parameters are documentation")]
pub trait Rude {
    /// The contract's `schema`.
    fn schema() -> Vec<Spec> {
        Vec::new()
    }
    /// The contract's `init`.
    fn init(config: Vec<Entry>, instruments: Vec<Instrument>) -> Result<Needs, Vec<Issue>> {
        Ok(needs())
    }
    /// The contract's `start`.
    fn start(situation: Situation) {}
    /// A quote or a trade.
    fn tick(at: Stamp) {}
    /// The contract's `on-order`.
    fn on_order(event: OrderEvent) {}
    /// The contract's `on-timer`.
    fn on_timer(id: u32, at: TsNs) {}
    /// The contract's `stop`.
    fn stop() {}
    /// The contract's `state-version`.
    fn state_version() -> u32 {
        0
    }
    /// The contract's `save`.
    fn save() -> Vec<u8> {
        Vec::new()
    }
    /// The contract's `restore`.
    fn restore(version: u32, state: Vec<u8>) -> Result<(), String> {
        Ok(())
    }
}

/// Quotes and trades, no past, no inputs.
pub fn needs() -> Needs {
    Needs {
        quotes: true,
        trades: true,
        bar_secs: Vec::new(),
        warm_up_events: 0,
        inputs: Vec::new(),
    }
}

/// A market order that the gate has nothing against.
pub fn order(instrument: InstrumentId, side: Side, size: Qty) -> OrderRequest {
    OrderRequest {
        instrument,
        side,
        kind: OrderKind::Market,
        price: 0,
        size,
        tif: TimeInForce::Ioc,
        post_only: false,
        reduce_only: false,
        tag: 0,
    }
}

/// The exports of a component whose strategy is `R`; named by [`export!`].
pub struct Component<R>(PhantomData<R>);

impl<R: Rude> Guest for Component<R> {
    fn schema() -> Vec<Spec> {
        R::schema()
    }
    fn init(config: Vec<Entry>, instruments: Vec<Instrument>) -> Result<Needs, Vec<Issue>> {
        R::init(config, instruments)
    }
    fn start(situation: Situation) {
        R::start(situation);
    }
    fn on_quote(quote: Quote) {
        R::tick(quote.at);
    }
    fn on_trade(trade: Trade) {
        R::tick(trade.at);
    }
    fn on_bar(_: Bar) {}
    fn on_feed(_: FeedStatus) {}
    fn on_order(event: OrderEvent) {
        R::on_order(event);
    }
    fn on_signal(_: Heard) {}
    fn on_timer(id: u32, at: TsNs) {
        R::on_timer(id, at);
    }
    fn on_batch(_: Vec<u64>) {}
    fn state_version() -> u32 {
        R::state_version()
    }
    fn save() -> Vec<u8> {
        R::save()
    }
    fn restore(version: u32, state: Vec<u8>) -> Result<(), String> {
        R::restore(version, state)
    }
    fn stop() {
        R::stop();
    }
}

/// Exports a [`Rude`] type as a component with its `plugin.yaml`. Once per crate.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "a linker section has no safe spelling")]
        const _: () = {
            type Component = $crate::Component<$plugin>;
    $crate::bindings::export!(Component with_types_in $crate::bindings);

            const MANIFEST_BYTES: &[u8] =
                include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugin.yaml"));
            #[unsafe(link_section = "wickd:manifest")]
            #[used]
            static MANIFEST: [u8; MANIFEST_BYTES.len()] =
                *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugin.yaml"));
            #[unsafe(link_section = "wickd:wit")]
            #[used]
            static WIT: [u8; 5] = *b"0.1.0";
        };
    };
}
