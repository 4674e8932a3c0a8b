//! What survives: the order journal, the paper venue's ledger, state snapshots, the audit log, the
//! shelf of components and the cache of compiled artefacts.
//!
//! Comes in: paths, records and timestamps, all given by the caller. Goes out: what was stored, or
//! a [`StoreError`] that says what failed, where, and what would mend it. Deliberately absent: a
//! clock, threads, and any rule about what an order may do. No other crate names the database or
//! calls fsync.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed setup fails the test")
)]

mod accepted;
mod archive;
mod audit;
mod blobs;
mod checkpoint;
mod copy;
mod database;
mod disk;
mod error;
mod folder;
mod journal;
mod ledger;
mod seal;
mod shelf;
mod snapshots;
mod stamp;
mod trust;

pub use accepted::{Accepted, AcceptedBytes};
pub use archive::Archive;
pub use audit::{Audit, AuditEntry};
pub use blobs::BlobCache;
pub use checkpoint::{Carried, Checkpoint, PaperCarried};
pub use disk::free_bytes;
pub use error::StoreError;
pub use folder::Folder;
pub use journal::{Journal, Note, Provenance, Record};
pub use ledger::{Ledger, VenueRecord};
pub use shelf::{Shelf, Shelved};
pub use snapshots::{
    Beside, Found, InputState, MarketName, OpenBar, SetAside, Snapshot, SnapshotPut, Snapshots,
};
pub use trust::{Distrust, trusted_path};
