//! Where a plugin may go on the network: pure decisions.
//!
//! Comes in: URLs, addresses, grants. Goes out: a [`Permit`] that names exactly one target, or a
//! [`Denial`] with the line that would grant it. Deliberately absent: sockets and resolvers; they are
//! `wickd-egress`, which takes nothing but permits.

mod address;
mod grant;
mod rights;
mod target;

#[cfg(test)]
mod tests;

pub use address::{AddressClass, Reach, classify};
pub use grant::{Denial, Enforcement, Grant, Grants, Permit};
pub use rights::{Requested, Rights};
pub use target::{Host, Origin, PATH_BYTES_MAX, Scheme, Target, TargetError, URL_BYTES_MAX};
