//! The way out: the only crate that opens a connection or holds a key.
//!
//! Comes in: permits that `wickd-policy` decided, requests, an adapter's signing recipes. Goes out:
//! bounded answers and frames, or errors that say whether anything was sent. One request's way:
//! permit → (signed, bound to slot, host and path class) → rate limits → resolve → every address
//! checked → exactly that address dialled → TLS → answer read to a bound. Deliberately absent: the
//! decision what is granted, retries, and any function that gives a key or a signature to somebody
//! other than the request it belongs to.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop"))]

pub mod backoff;
pub mod clock;
pub mod dial;
pub mod http;
pub mod limit;
pub mod local;
mod message;
mod refusal;
mod request;
pub mod secret;
pub mod sign;
pub mod socket;
pub mod tls;

pub use refusal::{Refusal, refuse};
pub use request::{Login, Request, RequestError};
