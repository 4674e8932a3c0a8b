//! x
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail"))]

extern crate self as wickd_sdk;

mod batch;
pub mod bindings;
mod context;
mod export;
mod host;
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

pub use bindings::strategy::wickd::plugin::params::{Issue, Value};
pub use bindings::strategy::wickd::plugin::runtime::Level;
pub use bindings::strategy::wickd::plugin::signals::{Direction, Heard, Signal as Emission};
pub use bindings::strategy::wickd::plugin::wants::Source;
pub use context::{Context, Runtime, SignalContext};
pub use indicator::{Indicator, Sample};
pub use market::{
    Aggressor, Bar, Deny, FeedState, FeedStatus, Instrument, InstrumentId, IntentId, Order,
    OrderEvent, OrderKind, OrderReason, OrderStatus, Position, Quote, Side, Situation, Stamp,
    TimeInForce, Trade, TsNs,
};
pub use money::{Cash, Decimal, Px, Qty};
pub use params::{Param, Params};
pub use setup::{Input, Setup, issue};
pub use signal::Signal;
pub use state::{State, StateError};
pub use std::time::Duration;
pub use strategy::Strategy;
pub use wickd_model::{DecimalError, WIT_VERSION};
pub use wickd_sdk_macros::{Choice, Params, State};

/// What the macros expand to. No part of the contract with authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::strategy::wickd::plugin::params::{Domain, Entry, Issue, Spec, Value};
    pub use crate::indicator::{IndicatorGuest, Session as IndicatorSession};
    pub use crate::params::{Attributes, Param, Params, field, spec};
    pub use crate::seat::{Seat, Seated};
    pub use crate::signal::{Session as SignalSession, SignalGuest};
    pub use crate::state::{Field, Reader, State, StateError, decode, encode, fingerprint, mix};
    pub use crate::strategy::{Session as StrategySession, StrategyGuest};

    /// The contract's version, as the custom section holds it.
    pub const WIT_VERSION_BYTES: &[u8; crate::WIT_VERSION.len()] = {
        match crate::WIT_VERSION.as_bytes().first_chunk() {
            Some(bytes) => bytes,
            None => unreachable!(),
        }
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
