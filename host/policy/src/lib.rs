//! policy
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop"))]

mod nearest;
pub mod yaml;
