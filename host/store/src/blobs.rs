//! The cache of compiled artefacts.
//!
//! Comes in: bytes under a key that names everything they depend on. Goes out: the same bytes, or a
//! miss. Deliberately absent: trust in the disk. Every entry carries a MAC under a secret of the state
//! folder, because what stands here runs as machine code: one that was changed, or written by somebody
//! who does not know the secret, is removed and missed.

use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use wickd_model::{TsNs, printable};

use crate::{StoreError, disk};

const SUFFIX: &str = ".blob";
/// Bytes of the secret, and of the MAC before each entry.
pub(crate) const SECRET_BYTES: usize = 32;
const MAC_BYTES: usize = 32;
const KEY_BYTES_MAX: usize = 128;

/// Bytes by key, bounded in all, the oldest leaving first.
pub struct BlobCache {
    dir: PathBuf,
    bytes_max: u64,
    secret: [u8; SECRET_BYTES],
}

impl BlobCache {
    /// Opens or makes the folder `dir` with mode 0700 and removes what a crash left half-written.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn open(
        dir: &Path,
        bytes_max: u64,
        secret: [u8; SECRET_BYTES],
    ) -> Result<Self, StoreError> {
        disk::private_folder(dir)?;
        disk::sweep(dir)?;
        Ok(Self { dir: dir.to_owned(), bytes_max, secret })
    }

    /// The bytes under `key`, or `None`. An entry whose MAC differs is removed and missed.
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
        let ours = bytes
            .split_at_checked(MAC_BYTES)
            .is_some_and(|(mac, payload)| self.mac(key, payload).verify_slice(mac).is_ok());
        if !ours {
            disk::remove(&path)?;
            return Ok(None);
        }
        bytes.drain(..MAC_BYTES);
        Ok(Some(bytes))
    }

    /// Stores `bytes` under `key`, and drops the oldest entries until all fit. An entry larger than
    /// the whole cache is not stored; returns whether it was.
    ///
    /// # Errors
    /// [`StoreError::BadKey`], or the disk refuses.
    pub fn put(&self, key: &str, bytes: &[u8], ts_ns: TsNs) -> Result<bool, StoreError> {
        let name = file_name(key)?;
        let size = (MAC_BYTES + bytes.len()) as u64;
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
        let mac = self.mac(key, bytes).finalize().into_bytes();
        disk::write_atomic(&self.dir, &name, &[&mac, bytes], ts_ns)?;
        Ok(true)
    }

    /// Bytes stored now.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn bytes(&self) -> Result<u64, StoreError> {
        Ok(disk::list(&self.dir)?.iter().map(|file| file.bytes).sum())
    }

    /// The key is under the MAC, so that an intact entry under another's name is not taken for it.
    fn mac(&self, key: &str, payload: &[u8]) -> Hmac<Sha256> {
        let padded = pad(&self.secret);
        let mut mac = Hmac::<Sha256>::new(&padded.into());
        mac.update(&(key.len() as u64).to_be_bytes());
        mac.update(key.as_bytes());
        mac.update(payload);
        mac
    }
}

impl std::fmt::Debug for BlobCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobCache({}, at most {} bytes)", self.dir.display(), self.bytes_max)
    }
}

/// The secret as HMAC pads it, to one block of SHA-256.
fn pad(secret: &[u8; SECRET_BYTES]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..SECRET_BYTES].copy_from_slice(secret);
    block
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(bytes_max: u64) -> (tempfile::TempDir, BlobCache) {
        let root = tempfile::tempdir().unwrap();
        let cache = BlobCache::open(&root.path().join("compiled"), bytes_max, [7; 32]).unwrap();
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

    #[test]
    fn what_was_written_without_the_secret_is_removed_and_missed() {
        use sha2::Digest as _;
        let (root, cache) = cache(1_000);
        let stranger = BlobCache::open(&root.path().join("compiled"), 1_000, [8; 32]).unwrap();
        stranger.put("a", b"native code", 1).unwrap();
        assert_eq!(cache.get("a").unwrap(), None);
        // The plain sum of version 0.1.
        let mut sum = Sha256::new();
        sum.update(1u64.to_be_bytes());
        sum.update(b"anative code");
        let path = cache.dir.join("a.blob");
        std::fs::write(&path, [sum.finalize().as_slice(), b"native code"].concat()).unwrap();
        assert_eq!(cache.get("a").unwrap(), None);
        assert!(!path.exists());
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
