//! Write trading plugins for `wickd` and test them without wasm.
//!
//! Comes in: market events from the host, through the contract in `wit/`. Goes out: order intents,
//! signals, indicator values. Deliberately absent: networks, files, clocks and randomness; a plugin
//! of these worlds decides from its events alone, so that a replay decides the same. Only a
//! [`Utility`] or a [`Feed`], which decide nothing, may call out: by [`http`], [`websocket`] and
//! `std::net`, as far as they are granted.
//!
//! # A whole strategy
//!
//! A plugin is a struct, one trait, and one macro. This one buys once the price is a percent below
//! the first it saw, and sells what it holds a percent above its entry:
//!
//! ```
//! use wickd_sdk::prelude::*;
//!
//! #[derive(Params)]
//! pub struct Config {
//!     /// Size of an order, in base units.
//!     #[param(default = "0.01", min = "0.0001", max = "10", step = "0.0001")]
//!     size: Decimal,
//!     /// How far the price must move, in percent.
//!     #[param(default = "1", min = "0.01", max = "50", step = "0.01")]
//!     step_pct: Decimal,
//! }
//!
//! #[derive(State)]
//! #[state(version = 1)]
//! pub struct Dip {
//!     #[state(skip)]
//!     config: Config,
//!     #[state(skip)]
//!     instrument: Instrument,
//!     /// Carried over when the plugin is swapped for a newer build.
//!     first: Option<Px>,
//!     /// The order on its way.
//!     pending: Option<IntentId>,
//! }
//!
//! impl Strategy for Dip {
//!     type Params = Config;
//!
//!     fn new(config: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
//!         let instrument = setup.instrument()?;
//!         setup.quotes();
//!         Ok(Self { config, instrument, first: None, pending: None })
//!     }
//!
//!     fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
//!         let first = *self.first.get_or_insert(quote.mid());
//!         if self.pending.is_some() {
//!             return;
//!         }
//!         let position = ctx.position(self.instrument.id);
//!         let from = if position.size == Qty::ZERO { first } else { position.entry };
//!         let Some(step) = self.config.step_pct.percent_of(from.0).map(Px) else { return };
//!         let order = if position.size == Qty::ZERO && quote.ask <= from - step {
//!             let Some(size) = self.instrument.qty(self.config.size) else { return };
//!             Order::buy(self.instrument.id, size)
//!         } else if position.size > Qty::ZERO && quote.bid >= from + step {
//!             Order::sell(self.instrument.id, position.size)
//!         } else {
//!             return;
//!         };
//!         // `submit` answers at once: an intent, or the rule that denied it. It never traps.
//!         self.pending = ctx.submit(order).ok();
//!     }
//!
//!     fn on_order(&mut self, _: &mut Context, event: &OrderEvent) {
//!         if event.status.is_final() {
//!             self.pending = None;
//!         }
//!     }
//! }
//!
//! # /*
//! wickd_sdk::export_strategy!(Dip); // once, at the end of the plugin's lib.rs
//! # */
//!
//! // In the plugin's unit tests:
//! use wickd_sdk::testing::{StrategyTest, btc_usdt};
//! let mut test = StrategyTest::<Dip>::new(&[], &[btc_usdt()]).unwrap();
//! test.quote("39400.00", "39400.01");
//! test.quote("39000.00", "39000.01");
//! let bought = test.orders()[0];
//! assert_eq!((bought.side, bought.size), (Side::Buy, Qty(10_000)));
//! test.fill(bought.intent, Px(3_900_001));
//! let mut test = test.restart(); // a swap: saved, made anew, restored
//! test.quote("39400.00", "39400.01");
//! assert_eq!(test.orders()[1].side, Side::Sell);
//! ```
//!
//! # A plugin's crate
//!
//! `crate-type = ["cdylib", "rlib"]` (the second is for its tests), a dependency on `wickd-sdk`,
//! and a `plugin.yaml` beside its `Cargo.toml`, which the export macro embeds:
//!
//! ```yaml
//! name: dip
//! version: 0.1.0
//! world: strategy
//! description: "Buys a dip."
//! license: Apache-2.0
//! requires:
//!   wickd: ">=0.1"
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` makes the component; `cargo component build` does
//! too. Signals are the same with [`Signal`] and [`export_signal!`], indicators with [`Indicator`]
//! and [`export_indicator!`], adapters of venues with [`Exchange`] and [`export_exchange!`].
//!
//! # What to keep in mind
//!
//! - Money is [`Px`], [`Qty`] and [`Cash`], exact integers. Functions with `f64` in their names
//!   give views for [`indicators`].
//! - Handlers should not allocate: fixed buffers are made in `new`.
//! - Everything that decides later belongs into the state. What [`Strategy::new`] makes from the
//!   parameters is `#[state(skip)]`. A plugin without state says `#[state(none)]`.
//! - No `HashMap`: the order of its entries differs from run to run. Sort, or use a `BTreeMap`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

extern crate self as wickd_sdk;

mod batch;
pub mod bindings;
mod context;
pub mod exchange;
mod export;
mod feed;
mod host;
pub mod http;
mod indicator;
pub mod indicators;
mod market;
mod money;
pub mod params;
mod seat;
mod setup;
mod signal;
pub mod state;
mod strategy;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod utility;

pub use bindings::strategy::wickd::plugin::params::{Issue, Value};
pub use bindings::strategy::wickd::plugin::runtime::Level;
pub use bindings::strategy::wickd::plugin::signals::{Direction, Heard, Signal as Emission};
pub use bindings::strategy::wickd::plugin::wants::Source;
pub use context::{Context, Runtime, SignalContext};
pub use exchange::Exchange;
pub use feed::{Feed, Out};
pub use indicator::{Indicator, Sample};
pub use market::{
    Aggressor, Bar, Deny, FeedState, FeedStatus, Instrument, InstrumentId, IntentId, Order,
    OrderEvent, OrderKind, OrderReason, OrderStatus, Position, Product, Quote, Side, Situation,
    Stamp, TimeInForce, Trade, TsNs,
};
pub use money::{Cash, Decimal, Px, Qty};
pub use params::{Param, Params};
pub use setup::{Input, Setup, issue};
pub use signal::Signal;
pub use state::{State, StateError};
pub use std::time::Duration;
pub use strategy::Strategy;
pub use utility::{Happening, Notice, Severity, Utility};
pub use wickd_model::{DecimalError, WIT_VERSION};
pub use wickd_sdk_macros::{Choice, Params, State};

/// What the macros expand to. No part of the contract with authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::strategy::wickd::plugin::params::{Domain, Entry, Issue, Spec, Value};
    pub use crate::exchange::{ExchangeGuest, Session as ExchangeSession};
    pub use crate::feed::{FeedGuest, Session as FeedSession};
    pub use crate::indicator::{IndicatorGuest, Session as IndicatorSession};
    pub use crate::params::{Attributes, Param, Params, field, spec};
    pub use crate::seat::{Seat, Seated};
    pub use crate::signal::{Session as SignalSession, SignalGuest};
    pub use crate::state::{Field, Reader, State, StateError, decode, encode, fingerprint, mix};
    pub use crate::strategy::{Session as StrategySession, StrategyGuest};
    pub use crate::utility::{Session as UtilitySession, UtilityGuest};

    /// The contract's version, as the custom section holds it.
    pub const WIT_VERSION_BYTES: &[u8; crate::WIT_VERSION.len()] = {
        match crate::WIT_VERSION.as_bytes().first_chunk() {
            Some(bytes) => bytes,
            None => unreachable!(),
        }
    };
}

/// WebSockets for the I/O tier; open one with [`Connection::connect`](websocket::Connection::connect).
pub mod websocket {
    pub use crate::bindings::utility::wickd::plugin::websocket::{
        Connection, Failure, Header, Message,
    };
}

/// The names a plugin needs.
pub mod prelude {
    pub use crate::{
        Aggressor, Bar, Cash, Choice, Context, Decimal, Deny, Direction, Duration, Emission,
        FeedState, FeedStatus, Heard, Indicator, Input, Instrument, InstrumentId, IntentId, Issue,
        Order, OrderEvent, OrderStatus, Params, Px, Qty, Quote, Sample, Setup, Side, Signal,
        SignalContext, Situation, Source, State, Strategy, Trade, TsNs, issue,
    };
}
