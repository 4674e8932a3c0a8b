//! The shelf: every component that ever ran, by its digest.
//!
//! Comes in: a component's bytes. Goes out: the same bytes, hashed again on the way. Deliberately
//! absent: compiled code, versions, and what a component may do.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wickd_model::{Digest, TsNs};

use crate::{StoreError, disk};

/// Bytes of one component: the greatest value of `limits.component_bytes`.
const COMPONENT_BYTES_MAX: u64 = 256 << 20;
const SUFFIX: &str = ".wasm";

/// A component on the shelf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shelved {
    /// Its identity.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// When it was last put.
    pub ts_ns: TsNs,
}

/// The components by digest.
#[derive(Debug)]
pub struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// Opens or makes the folder `dir` and removes what a crash left half-written.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        disk::private_folder(dir)?;
        disk::sweep(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Stores a component and returns its digest. One that is there is replaced by its own bytes,
    /// which mends it if it was damaged, and counts as the newest.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], or the disk refuses.
    pub fn put(&self, bytes: &[u8], ts_ns: TsNs) -> Result<Digest, StoreError> {
        let digest = digest_of(bytes);
        let size = bytes.len() as u64;
        if size > COMPONENT_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: format!("component {}", digest.short()),
                bytes: size,
                bytes_max: COMPONENT_BYTES_MAX,
                key: "limits.component_bytes",
            });
        }
        disk::write_atomic(&self.dir, &format!("{digest}{SUFFIX}"), &[bytes], ts_ns)?;
        Ok(digest)
    }

    /// The component's bytes; `None` where it is not on the shelf.
    ///
    /// # Errors
    /// [`StoreError::WrongBytes`] where the file is not what its name says; the disk refuses.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(digest);
        let Some(bytes) = disk::read(&path, COMPONENT_BYTES_MAX, "limits.component_bytes")? else {
            return Ok(None);
        };
        let found = digest_of(&bytes);
        match found == *digest {
            true => Ok(Some(bytes)),
            false => Err(StoreError::WrongBytes { path, expected: *digest, found }),
        }
    }

    /// What is on the shelf, newest first.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn list(&self) -> Result<Vec<Shelved>, StoreError> {
        let shelved = disk::list(&self.dir)?.into_iter().filter_map(|file| {
            let digest = file.name.strip_suffix(SUFFIX)?.parse().ok()?;
            Some(Shelved { digest, bytes: file.bytes, ts_ns: file.ts_ns })
        });
        Ok(shelved.collect())
    }

    /// Takes a component off the shelf.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        disk::remove(&self.path(digest))?;
        disk::sync_folder(&self.dir)
    }

    /// Keeps the newest `count` and those in `used`; returns what was removed.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn prune(&self, count: usize, used: &[Digest]) -> Result<Vec<Digest>, StoreError> {
        let old = self.list()?.into_iter().skip(count).map(|shelved| shelved.digest);
        let gone: Vec<Digest> = old.filter(|digest| !used.contains(digest)).collect();
        gone.iter().try_for_each(|digest| disk::remove(&self.path(digest)))?;
        disk::sync_folder(&self.dir)?;
        Ok(gone)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{digest}{SUFFIX}"))
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let root = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&root.path().join("shelf")).unwrap();
        (root, shelf)
    }

    #[test]
    fn a_component_comes_back_or_is_refused_when_its_bytes_changed() {
        let (_root, shelf) = shelf();
        let digest = shelf.put(b"component", 1).unwrap();
        assert_eq!(shelf.get(&digest).unwrap().unwrap(), b"component");
        assert_eq!(shelf.get(&Digest([0; 32])).unwrap(), None);
        std::fs::write(shelf.path(&digest), b"c0mponent").unwrap();
        let text = shelf.get(&digest).unwrap_err().to_string();
        assert!(text.contains(&digest.to_string()), "{text}");
        shelf.put(b"component", 2).unwrap();
        assert!(shelf.get(&digest).is_ok());
    }

    #[test]
    fn pruning_keeps_the_newest_and_what_is_in_use() {
        let (_root, shelf) = shelf();
        let put: Vec<Digest> = (0u8..5).map(|n| shelf.put(&[n], u64::from(n)).unwrap()).collect();
        assert_eq!(shelf.prune(2, &[put[0]]).unwrap(), [put[2], put[1]]);
        let left: Vec<Digest> = shelf.list().unwrap().iter().map(|s| s.digest).collect();
        assert_eq!(left, [put[4], put[3], put[0]]);
        shelf.remove(&put[4]).unwrap();
        assert_eq!(shelf.list().unwrap().len(), 2);
    }

    #[test]
    fn leftovers_of_a_crash_are_swept_and_strange_files_are_left_alone() {
        let (root, shelf) = shelf();
        let dir = root.path().join("shelf");
        std::fs::write(dir.join(".tmp-abc.wasm"), "half").unwrap();
        std::fs::write(dir.join("README"), "mine").unwrap();
        drop(shelf);
        let shelf = Shelf::open(&dir).unwrap();
        assert_eq!(shelf.list().unwrap(), []);
        let names: Vec<_> =
            std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["README"]);
    }
}
