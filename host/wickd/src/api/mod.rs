//! The control API: HTTP on a Unix socket in the state folder.
//!
//! Comes in: requests of the daemon's own user or root; the socket has mode 0600, and who connects
//! is checked again by the kernel's word. Goes out: JSON, or a problem with a stable code.
//! Deliberately absent: what the answers mean, which is the engine's.

pub(crate) mod client;
mod server;

pub(crate) use server::Server;

use std::path::{Path, PathBuf};

/// Where the daemon of a state folder listens.
pub(crate) fn socket(state: &Path) -> PathBuf {
    state.join("wickd.sock")
}
