//! The state folder: one owner at a time, private to one user.
//!
//! Comes in: its path. Goes out: its parts, each opened on its own, so that one that is damaged
//! does not close the others. Deliberately absent: the parts' contents.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use wickd_model::TsNs;

use crate::blobs::SECRET_BYTES;
use crate::{
    AcceptedBytes, Archive, Audit, BlobCache, Distrust, Journal, Ledger, Shelf, Snapshots,
    StoreError, copy, disk, stamp,
};

/// The lock file holds the owner's process id for the error text; the lock itself is the kernel's,
/// so a crash frees it.
const LOCK: &str = "wickd.lock";
const PID_BYTES_MAX: u64 = 20;
/// What proves that a compiled artefact was written by a daemon of this folder.
const SECRET: &str = "secret.key";

/// The state folder, locked for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens or makes the folder (mode 0700) and locks it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] where another process has it; [`StoreError::Io`] where the disk
    /// refuses, with [`StoreError::is_read_only`] telling a disk without writes.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let dir = disk::own_folder(dir)?;
        let path = dir.join(LOCK);
        let mut lock = disk::private_file(&path)?;
        let names = lock.metadata().map_err(StoreError::io("look at", &path))?.nlink();
        if names != 1 {
            let (reason, fix) = ("the file has another name elsewhere", "remove it".to_owned());
            return Err(Distrust::Foreign { path, reason: reason.to_owned(), fix }.into());
        }
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = lock.take(PID_BYTES_MAX).read_to_string(&mut pid);
                let known =
                    read.is_ok() && !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit());
                let pid = if known { pid } else { "unknown".to_owned() };
                return Err(StoreError::InUse { dir, pid });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::io("lock", &path)(source)),
        }
        let noted = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| write!(lock, "{}", std::process::id()));
        noted.map_err(StoreError::io("write", &path))?;
        Ok(Self { dir, _lock: lock })
    }

    /// A run begins or ends: the files must be of the same last one, and are stamped anew. `anyway` takes
    /// them as they are.
    ///
    /// # Errors
    /// [`StoreError::Torn`] names a file that is missing, older or from elsewhere.
    pub fn stamp(
        &self,
        journal: &Journal,
        snapshots: &Snapshots,
        ledger: &Ledger,
        anyway: bool,
        draw: impl FnOnce() -> u64,
    ) -> Result<(), StoreError> {
        let members = [snapshots.member()?, ledger.member()?];
        stamp::raise(&journal.member()?, &members, anyway, draw)
            .map_err(|why| StoreError::Torn { dir: self.dir.clone(), why })
    }

    /// Copies everything that cannot be made anew to `to`, which must not be there yet; gives the bytes.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn copy_to(&self, to: &Path) -> Result<u64, StoreError> {
        copy::out(&self.dir, to)
    }

    /// Puts the copy `from` in the place of what is here; gives the bytes, and where that is kept.
    ///
    /// # Errors
    /// There is no journal in `from`, or the disk refuses.
    pub fn restore_from(&self, from: &Path, ts_ns: TsNs) -> Result<(u64, PathBuf), StoreError> {
        let aside = self.dir.join(format!("replaced-{}", ts_ns / 1_000_000));
        Ok((copy::back(&self.dir, from, &aside)?, aside))
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The order journal, `journal.redb`.
    ///
    /// # Errors
    /// The file cannot be opened or repaired.
    pub fn journal(&self) -> Result<Journal, StoreError> {
        Journal::open(&self.dir.join("journal.redb"))
    }

    /// Records older than the journal's checkpoint, `archive/`.
    ///
    /// # Errors
    /// The folder cannot be made or cleared of leftovers.
    pub fn archive(&self) -> Result<Archive, StoreError> {
        Archive::open(&self.dir.join("archive"))
    }

    /// The paper venue's own truth, `venue.redb`.
    ///
    /// # Errors
    /// The file cannot be opened or repaired.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        Ledger::open(&self.dir.join("venue.redb"))
    }

    /// The slots' saved states, `state.redb`.
    ///
    /// # Errors
    /// The file cannot be opened or repaired.
    pub fn snapshots(&self) -> Result<Snapshots, StoreError> {
        Snapshots::open(&self.dir.join("state.redb"))
    }

    /// The audit log, `audit.redb`.
    ///
    /// # Errors
    /// The file cannot be opened or repaired.
    pub fn audit(&self) -> Result<Audit, StoreError> {
        Audit::open(&self.dir.join("audit.redb"))
    }

    /// Which bytes were accepted for which place, `accepted.json`.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn accepted(&self) -> Result<AcceptedBytes, StoreError> {
        AcceptedBytes::open(&self.dir)
    }

    /// The components by digest, `shelf/`.
    ///
    /// # Errors
    /// The folder cannot be made or cleared of leftovers.
    pub fn shelf(&self) -> Result<Shelf, StoreError> {
        Shelf::open(&self.dir.join("shelf"))
    }

    /// The compiled artefacts, `compiled/`, at most `bytes_max` of them.
    ///
    /// # Errors
    /// The folder cannot be made or cleared of leftovers.
    pub fn blobs(&self, bytes_max: u64) -> Result<BlobCache, StoreError> {
        BlobCache::open(&self.dir.join("compiled"), bytes_max, self.secret()?)
    }

    /// The folder's secret; made where there is none, or none of the right length. What was written
    /// under an earlier one is then not believed any more.
    fn secret(&self) -> Result<[u8; SECRET_BYTES], StoreError> {
        let path = self.dir.join(SECRET);
        let found = disk::read(&path, SECRET_BYTES as u64, SECRET);
        let found = found.ok().flatten().and_then(|bytes| bytes.try_into().ok());
        if let Some(secret) = found {
            return Ok(secret);
        }
        let mut secret = [0; SECRET_BYTES];
        let random = Path::new("/dev/urandom");
        File::open(random)
            .and_then(|mut random| random.read_exact(&mut secret))
            .map_err(StoreError::io("read random bytes from", random))?;
        disk::write_atomic(&self.dir, SECRET, &[&secret], 0)?;
        Ok(secret)
    }

    /// The refusals of components by digest, `refused/`, at most `bytes_max` of them.
    ///
    /// # Errors
    /// The folder cannot be made or cleared of leftovers.
    pub fn refusals(&self, bytes_max: u64) -> Result<BlobCache, StoreError> {
        BlobCache::open(&self.dir.join("refused"), bytes_max, self.secret()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_owner_is_refused_and_told_which_folder_and_process() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/state");
        let first = Folder::open(&dir).unwrap();
        let text = Folder::open(&dir).unwrap_err().to_string();
        assert!(text.contains(&dir.display().to_string()), "{text}");
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(first);
        Folder::open(&dir).unwrap();
    }

    #[test]
    fn the_folder_is_closed_to_other_users_even_if_it_was_open() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("state");
        std::fs::create_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777)).unwrap();
        Folder::open(&dir).unwrap();
        assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_file_or_a_link_in_the_folders_place_is_an_error_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(Folder::open(&file).unwrap_err().to_string().contains("file"));
        let link = root.path().join("link");
        std::os::unix::fs::symlink(root.path().join("nowhere/at/all"), &link).unwrap();
        assert!(Folder::open(&link).is_err());
    }

    fn stamp(folder: &Folder) -> Result<(), StoreError> {
        let (journal, snapshots, ledger) =
            (folder.journal()?, folder.snapshots()?, folder.ledger()?);
        folder.stamp(&journal, &snapshots, &ledger, false, || 7)
    }

    #[test]
    fn a_start_stops_where_any_file_was_lost_or_put_back_from_an_older_copy() {
        let root = tempfile::tempdir().unwrap();
        let (dir, copied) = (root.path().join("state"), root.path().join("copy"));
        let folder = Folder::open(&dir).unwrap();
        folder.journal().unwrap().slot_number(&"a".parse().unwrap()).unwrap();
        (0..3).for_each(|_| stamp(&folder).unwrap());
        assert!(folder.copy_to(&copied).unwrap() > 0);
        assert!(folder.copy_to(&copied).is_err(), "a copy is not written over");
        stamp(&folder).unwrap();
        for name in ["journal.redb", "state.redb", "venue.redb"] {
            let (path, kept) = (dir.join(name), root.path().join("kept"));
            std::fs::rename(&path, &kept).unwrap();
            let text = stamp(&folder).unwrap_err().to_string();
            assert!(text.contains(name) && text.contains("wickd restore"), "{text}");
            std::fs::copy(copied.join(name), &path).unwrap();
            let text = stamp(&folder).unwrap_err().to_string();
            assert!(text.contains("older copy"), "{text}");
            std::fs::rename(&kept, &path).unwrap();
        }
        stamp(&folder).unwrap();
        // The whole copy belongs together, and what it replaces is kept.
        let (bytes, aside) = folder.restore_from(&copied, 5_000_000).unwrap();
        assert!(bytes > 0 && aside.join("journal.redb").is_file());
        stamp(&folder).unwrap();
        assert_eq!(folder.journal().unwrap().slots().unwrap(), [("a".to_owned(), 1)]);
        // And the operator can go on with files of two kinds.
        std::fs::copy(aside.join("state.redb"), dir.join("state.redb")).unwrap();
        assert!(stamp(&folder).is_err());
        let (journal, snapshots, ledger) =
            (folder.journal().unwrap(), folder.snapshots().unwrap(), folder.ledger().unwrap());
        folder.stamp(&journal, &snapshots, &ledger, true, || 8).unwrap();
        drop((journal, snapshots, ledger));
        stamp(&folder).unwrap();
    }

    #[test]
    fn a_link_of_the_own_user_in_the_folders_place_is_followed_as_systemd_makes_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("private/wickd")).unwrap();
        let link = root.path().join("wickd");
        std::os::unix::fs::symlink("private/wickd", &link).unwrap();
        let folder = Folder::open(&link).unwrap();
        assert!(folder.dir().ends_with("private/wickd"));
        folder.blobs(1_000).unwrap().put("a", b"code", 1).unwrap();
        drop(folder);
        let cache = Folder::open(&link).unwrap().blobs(1_000).unwrap();
        assert_eq!(cache.get("a").unwrap().unwrap(), b"code", "the secret is kept");
    }

    #[test]
    fn a_planted_link_is_refused_and_its_target_kept() {
        let root = tempfile::tempdir().unwrap();
        let precious = root.path().join("precious");
        std::fs::write(&precious, "keep me").unwrap();
        type Plant = fn(&Path, &Path) -> std::io::Result<()>;
        let plants: [Plant; 2] =
            [|of, at| std::os::unix::fs::symlink(of, at), |of, at| std::fs::hard_link(of, at)];
        for plant in plants {
            for name in ["wickd.lock", "journal.redb", "secret.key"] {
                let dir = root.path().join("state");
                std::fs::create_dir(&dir).unwrap();
                plant(&precious, &dir.join(name)).unwrap();
                let opened = Folder::open(&dir);
                assert!(opened.is_err() || name != "wickd.lock", "{name}");
                let _ = opened.map(|folder| (folder.journal().is_ok(), folder.blobs(1).is_ok()));
                assert_eq!(std::fs::read(&precious).unwrap(), b"keep me", "{name}");
                std::fs::remove_dir_all(&dir).unwrap();
            }
        }
    }

    #[test]
    fn a_folder_or_a_file_of_another_user_is_refused_with_the_command_that_mends_it() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("state");
        drop(Folder::open(&dir).unwrap());
        for path in [dir.clone(), dir.join("wickd.lock")] {
            std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
            let error = Folder::open(&dir).unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(&format!("chown root {}", path.display())), "{source}");
            std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        }
        Folder::open(&dir).unwrap();
    }

    #[test]
    fn a_disk_without_writes_is_told_apart() {
        let error = |kind: std::io::ErrorKind| StoreError::io("write", Path::new("x"))(kind.into());
        assert!(error(std::io::ErrorKind::ReadOnlyFilesystem).is_read_only());
        assert!(!error(std::io::ErrorKind::StorageFull).is_read_only());
        // The kernel's own process folder takes no writes, from root neither.
        assert!(Folder::open(Path::new("/proc/wickd-state")).is_err());
    }
}
