//! The cache of compiled artefacts.
//!
//! Comes in: bytes under a key that names everything they depend on. Goes out: the same bytes, or a
//! miss. Deliberately absent: trust in the disk: a changed entry is removed and missed. The folder
//! is private (0700), because whoever can write here decides what code runs.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wickd_model::{TsNs, printable};

use crate::{StoreError, disk};

const SUFFIX: &str = ".blob";
const HASH_BYTES: usize = 32;
const KEY_BYTES_MAX: usize = 128;

/// Bytes by key, bounded in all, the oldest leaving first.
#[derive(Debug)]
pub struct BlobCache {
    dir: PathBuf,
    bytes_max: u64,
}

impl BlobCache {
    /// Opens or makes the folder `dir` with mode 0700 and removes what a crash left half-written.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(dir: &Path, bytes_max: u64) -> Result<Self, StoreError> {
        disk::private_folder(dir)?;
        disk::sweep(dir)?;
        Ok(Self { dir: dir.to_owned(), bytes_max })
    }

    /// The bytes under `key`, or `None`. An entry whose checksum differs is removed and missed.
    ///
    /// # Errors
    /// [`StoreError::BadKey`], or the disk refuses.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.dir.join(file_name(key)?);
        let mut bytes = match disk::read(&path, self.bytes_max, "BlobCache bytes_max") {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            // The bound was lowered below this entry, or something grew it.
            Err(StoreError::TooLarge { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let whole = bytes.len() >= HASH_BYTES && {
            let (hash, payload) = bytes.split_at(HASH_BYTES);
            hash == hash_of(key, payload)
        };
        if !whole {
            disk::remove(&path)?;
            return Ok(None);
        }
        bytes.drain(..HASH_BYTES);
        Ok(Some(bytes))
    }

    /// Stores `bytes` under `key`, and drops the oldest entries until all fit. An entry larger than
    /// the whole cache is not stored; returns whether it was.
    ///
    /// # Errors
    /// [`StoreError::BadKey`], or the disk refuses.
    pub fn put(&self, key: &str, bytes: &[u8], ts_ns: TsNs) -> Result<bool, StoreError> {
        let name = file_name(key)?;
        let size = (HASH_BYTES + bytes.len()) as u64;
        if size > self.bytes_max {
            return Ok(false);
        }
        let mut room = self.bytes_max - size;
        for file in disk::list(&self.dir)? {
            if file.name == name {
                continue;
            }
            match room.checked_sub(file.bytes) {
                Some(left) => room = left,
                // Older ones go too, even if they are small: age decides.
                None => {
                    room = 0;
                    disk::remove(&self.dir.join(&file.name))?;
                }
            }
        }
        disk::write_atomic(&self.dir, &name, &[&hash_of(key, bytes), bytes], ts_ns)?;
        Ok(true)
    }

    /// Bytes stored now.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        Ok(disk::list(&self.dir)?.iter().map(|file| file.bytes).sum())
    }
}

fn file_name(key: &str) -> Result<String, StoreError> {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let good =
        (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(plain) && !key.starts_with('.');
    match good {
        true => Ok(format!("{key}{SUFFIX}")),
        false => Err(StoreError::BadKey { key: printable(key.as_bytes(), KEY_BYTES_MAX) }),
    }
}

/// The key is in the hash, so that an intact entry under another's name is not taken for it.
fn hash_of(key: &str, payload: &[u8]) -> [u8; HASH_BYTES] {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(payload);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(bytes_max: u64) -> (tempfile::TempDir, BlobCache) {
        let root = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(&root.path().join("compiled"), bytes_max).unwrap();
        (root, cache)
    }

    #[test]
    fn keys_that_could_leave_the_folder_are_refused() {
        let (_root, cache) = cache(1_000);
        for key in ["", ".", "..", "../x", "a/b", ".tmp-x", "A", "a\n", "é", &"a".repeat(129)] {
            assert!(cache.put(key, b"x", 1).is_err(), "{key:?} was taken");
            assert!(cache.get(key).is_err(), "{key:?} was taken");
        }
        assert!(cache.put("48.0.8-x86_64.ab", b"x", 1).unwrap());
        assert_eq!(cache.get("48.0.8-x86_64.ab").unwrap().unwrap(), b"x");
    }

    #[test]
    fn an_entry_that_changed_or_moved_is_removed_and_missed() {
        let (_root, cache) = cache(1_000);
        cache.put("a", b"code", 1).unwrap();
        let (a, b) = (cache.dir.join("a.blob"), cache.dir.join("b.blob"));
        std::fs::copy(&a, &b).unwrap();
        assert_eq!(cache.get("b").unwrap(), None);
        assert!(!b.exists());
        for damage in [&b""[..], b"short", &[0; 64]] {
            std::fs::write(&a, damage).unwrap();
            assert_eq!(cache.get("a").unwrap(), None);
            assert!(!a.exists());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_cache_never_outgrows_its_bound_and_keeps_the_newest(
            puts in prop::collection::vec((0u8..6, 0usize..60), 1..12),
        ) {
            let (_root, cache) = cache(120);
            for (ts_ns, (key, size)) in (1..).zip(&puts) {
                let (key, bytes) = (format!("k{key}"), vec![*key; *size]);
                prop_assert!(cache.put(&key, &bytes, ts_ns).unwrap());
                prop_assert!(cache.bytes().unwrap() <= 120);
                prop_assert_eq!(cache.get(&key).unwrap(), Some(bytes));
            }
            prop_assert!(!cache.put("big", &[0; 120], 99).unwrap());
        }
    }
}
