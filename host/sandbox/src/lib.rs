//! Runs guests.
//!
//! Comes in: the bytes of a component, its limits, and typed calls. Goes out: an answer or a
//! [`wickd_model::Fault`]. This is the only crate that names wasmtime. Deliberately absent: files,
//! threads other than the epoch ticker, and any knowledge of slots, orders or feeds; what a guest
//! may ask of the house is the [`Host`] trait, which the engine implements.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic"))]

mod bindings;
mod call;
mod cell;
mod compile;
mod convert;
mod cost;
pub mod exchange;
mod fault;
mod fitness;
mod guest;
mod imports;
mod inspect;
pub mod io;
mod log;
mod meter;
mod pack;
mod precompiled;
mod runtime;
mod tally;
mod wasi;

pub use cell::Host;
pub use compile::{Artefact, Code, CompileError, compile_artefact};
pub use fitness::Unfit;
pub use guest::{IndicatorGuest, LoadError, Loaded, SignalGuest, SignalShape, StrategyGuest};
pub use inspect::{IMPORTS_MAX, InspectError, Inspection, NAME_BYTES_MAX, inspect, sha256};
pub use pack::{BATCH_EVENTS_MAX, Batch};
pub use runtime::{Runtime, RuntimeError};
pub use wickd_model::{Level, LogLine};
