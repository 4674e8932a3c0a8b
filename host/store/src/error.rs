//! What can go wrong with the disk, told so that an operator can mend it.
//!
//! Comes in: the failed step, its path, its cause. Goes out: one error type. Deliberately absent:
//! recovery; the caller decides what to degrade.

use std::io;
use std::path::{Path, PathBuf};

use wickd_model::{ClientId, Digest, IntentId};

use crate::Distrust;

/// Why something could not be stored or read back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the state folder.
    #[error(
        "state folder {} is in use by another wickd (process {pid}): stop that one, or give this one another `state_dir`",
        dir.display()
    )]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The owner's process id as it wrote it, or `unknown`.
        pid: String,
    },
    /// The files of a state folder are not of one run.
    #[error(
        "the files of state folder {} do not belong together: {why}: put back the newest whole copy with `wickd restore`, or go on with what is there with `wickd journal accept`",
        dir.display()
    )]
    Torn {
        /// The folder.
        dir: PathBuf,
        /// Which file, and how.
        why: String,
    },
    /// The file system refused.
    #[error("cannot {what} {}: {}", path.display(), io_fix(source))]
    Io {
        /// The step, as a verb.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Somebody else could change what is stored.
    #[error(
        "only root and the user that runs wickd may own or write the state folder and what is above it"
    )]
    Distrusted(#[from] Distrust),
    /// The database refused.
    #[error("cannot {what} in {}: check the disk, then restart wickd", path.display())]
    Database {
        /// The step, as a verb.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An earlier write to the same file failed, so its contents on disk are not known.
    #[error(
        "{} refuses writes since one failed, and nothing is sent: mend the disk, then restart wickd",
        path.display()
    )]
    Broken {
        /// Which file.
        path: PathBuf,
    },
    /// A stored record fails its checksum or cannot be read.
    #[error(
        "record {number} of {} is damaged ({reason}): move the file aside and restore it from a backup",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which record.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A file's bytes are not what its name promises.
    #[error(
        "{} holds {found} where {expected} should stand: remove it and drop the component again",
        path.display()
    )]
    WrongBytes {
        /// Which file.
        path: PathBuf,
        /// The digest in its name.
        expected: Digest,
        /// The digest of its bytes.
        found: Digest,
    },
    /// More bytes than the bound.
    #[error("{what} has {bytes} bytes where {bytes_max} is the most: raise `{key}` or store less")]
    TooLarge {
        /// What was to be stored.
        what: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
        /// The setting or constant that bounds it.
        key: &'static str,
    },
    /// A key that could leave its folder.
    #[error("`{key}` is not a cache key: use 1 to 128 of a-z, 0-9, '-', '_' and '.', not first")]
    BadKey {
        /// The key, escaped.
        key: String,
    },
    /// A slot's intents must rise, so that no client id comes twice.
    #[error(
        "order {id} was refused by the journal: slot {} has journalled intent {last} already",
        id.slot
    )]
    IntentReused {
        /// The order's id.
        id: ClientId,
        /// The slot's last intent.
        last: IntentId,
    },
    /// The venue has an order of this client id.
    #[error("the venue has order {id} already: ask for it, never send it again")]
    DuplicateOrder {
        /// The order's id.
        id: ClientId,
    },
}

impl StoreError {
    /// True where the file system takes no writes at all, so the daemon can run degraded.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ),
            _ => false,
        }
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// The cause's kind decides the advice; its own text follows as the source.
fn io_fix(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "the disk is read-only; mount it for writing, or set another `state_dir`"
        }
        io::ErrorKind::PermissionDenied => {
            "give the user that runs wickd the right to write there, or set another `state_dir`"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space on that disk",
        io::ErrorKind::NotFound => "it is not there; check the path",
        io::ErrorKind::NotADirectory => "a file stands where a folder should; check the path",
        _ => "check the disk",
    }
}
