//! The seam between a plugin and its host: real imports in wasm, a stand-in in native tests.
//!
//! Comes in: calls from the contexts. Goes out: the imports of the contract. Deliberately absent:
//! any logic; in wasm each function here is one import call.

#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::*;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;
