//! What a plugin may do and be: pure decisions over text and data.
//!
//! Comes in: manifests, sidecars, parameter specs and settings, import names, versions. Goes out: a
//! typed value, a permit, or refusals that name place, reason and fix. Deliberately absent: I/O, clocks,
//! the sandbox, and the network itself, which is `wickd-egress`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop"))]

pub mod acceptance;
mod imports;
mod limits;
mod manifest;
mod nearest;
pub mod net;
pub mod params;
pub mod requires;
pub mod venue;
pub mod yaml;

pub use imports::{Denial, WitError, imports_allowed, wit_compatible};
pub use limits::LimitsPatch;
pub use manifest::{HOST, MANIFEST_BYTES_MAX, Manifest, ManifestError, Requires};
pub use nearest::nearest;
pub use semver::{Version, VersionReq};
