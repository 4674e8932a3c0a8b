//! Each dialect driven by raw requests, signed here and not by the venue; each fault is what it says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod binance;
mod bybit;
mod client;
mod faults;
mod okx;
mod outside;
mod process;
mod vendor;
