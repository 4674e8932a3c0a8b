//! The harness: guests built on demand, a house in a temporary folder, and waiting without sleeping.
//!
//! Comes in: names of guests under `tests/guests/` and `example-plugins/`. Goes out: their
//! components, instances of them behind a plain [`Desk`], and whole runs as [`Run`]. Deliberately
//! absent: any assertion; what must hold stands in the tests.
#![allow(clippy::expect_used, clippy::print_stderr, reason = "a broken set-up fails the test")]

pub mod bombs;
pub mod corpus;
mod desk;
mod files;
mod guests;
mod run;

pub use desk::{Desk, Guest, instantiate, linked, quote, runtime, started, strategy, trade};
pub use files::{append, manifest_section, relabel, variant, with_module, without_section};
pub use guests::{component, component_bytes};
pub use run::{Audit, Run, Stage, btc_usdt, recorded, slot, synthetic};
