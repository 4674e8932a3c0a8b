//! Which bytes were accepted for which place, and which limits a sidecar has lowered: what the operator
//! said once and is not asked again.
//!
//! Comes in: a place's name and what was accepted for it. Goes out: the same after any restart, or an
//! error; a record that cannot be read is never taken for an empty one. It is one small file, written
//! whole. Deliberately absent: who may be accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wickd_model::{Digest, TsNs};

use crate::{StoreError, disk};

const NAME: &str = "accepted.json";
/// The form of the file.
const SCHEMA: u32 = 1;
/// Bytes of the file: a thousand places, each with a few adapters' worth of rights.
const BYTES_MAX: u64 = 32 << 20;
/// Bytes remembered of one place; the oldest leave. Only the latest ones matter.
const PER_PLACE_MAX: usize = 8;
/// Files whose sidecars are remembered.
const LOWERED_MAX: usize = 4_096;

/// Bytes that were accepted for a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Their identity.
    pub digest: Digest,
    /// The plugin's name, for people.
    pub plugin: String,
    /// The version they claimed; none where they were approved unseen.
    pub version: Option<String>,
    /// The file they came from.
    pub path: String,
    /// When.
    pub ts_ns: TsNs,
    /// `first`, `signed` or `approved`.
    pub how: String,
    /// What they asked for; none where they were approved unseen.
    pub rights: Option<BTreeSet<String>>,
    /// What else they said of themselves.
    pub other: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    schema: u32,
    places: BTreeMap<String, Vec<Accepted>>,
    lowered: BTreeMap<String, BTreeMap<String, u64>>,
}

/// The record.
#[derive(Debug)]
pub struct AcceptedBytes {
    /// None where there is no state folder: then it is forgotten at the end of the run.
    dir: Option<PathBuf>,
    content: Content,
}

impl AcceptedBytes {
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let damaged =
            |reason: String| StoreError::Damaged { path: path.clone(), number: 1, reason };
        let content = match disk::read(&path, BYTES_MAX, NAME)? {
            None => Content { schema: SCHEMA, ..Content::default() },
            Some(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?
            }
        };
        if content.schema != SCHEMA {
            return Err(damaged(format!("it is of form {}", content.schema)));
        }
        Ok(Self { dir: Some(dir.to_owned()), content })
    }

    /// A record of this run only.
    pub fn in_memory() -> Self {
        Self { dir: None, content: Content { schema: SCHEMA, ..Content::default() } }
    }

    /// What was accepted for a place, the latest last.
    pub fn of(&self, place: &str) -> &[Accepted] {
        self.content.places.get(place).map_or(&[], Vec::as_slice)
    }

    /// Every place with what holds it.
    pub fn holders(&self) -> impl Iterator<Item = (&str, &Accepted)> {
        self.content.places.iter().filter_map(|(place, of)| Some((place.as_str(), of.last()?)))
    }

    /// Makes bytes the latest of a place.
    ///
    /// # Errors
    /// The disk refuses, and nothing has changed.
    pub fn accept(&mut self, place: &str, accepted: Accepted) -> Result<(), StoreError> {
        let mut content = self.content.clone();
        let ts_ns = accepted.ts_ns;
        let of = content.places.entry(place.to_owned()).or_default();
        of.retain(|known| known.digest != accepted.digest);
        of.push(accepted);
        of.drain(..of.len().saturating_sub(PER_PLACE_MAX));
        self.write(content, ts_ns)
    }

    /// The limits that a file's sidecars had lowered when they were read last.
    pub fn lowered(&self, path: &str) -> Option<&BTreeMap<String, u64>> {
        self.content.lowered.get(path)
    }

    /// Remembers them; none where the sidecars say that there are none any more.
    ///
    /// # Errors
    /// The disk refuses, or there are too many.
    pub fn set_lowered(
        &mut self,
        path: &str,
        limits: BTreeMap<String, u64>,
        ts_ns: TsNs,
    ) -> Result<(), StoreError> {
        let known = self.lowered(path);
        if known == Some(&limits) || known.is_none() && limits.is_empty() {
            return Ok(());
        }
        let mut content = self.content.clone();
        match limits.is_empty() {
            true => content.lowered.remove(path),
            false => content.lowered.insert(path.to_owned(), limits),
        };
        if content.lowered.len() > LOWERED_MAX {
            return Err(StoreError::TooLarge {
                what: "the record of lowered limits".to_owned(),
                bytes: content.lowered.len() as u64,
                bytes_max: LOWERED_MAX as u64,
                key: "sidecars",
            });
        }
        self.write(content, ts_ns)
    }

    fn write(&mut self, content: Content, ts_ns: TsNs) -> Result<(), StoreError> {
        // Plain data with text keys always has a JSON form.
        let bytes = serde_json::to_vec_pretty(&content).unwrap_or_default();
        if bytes.len() as u64 > BYTES_MAX {
            let (what, size) = ("the record of accepted bytes".to_owned(), bytes.len() as u64);
            return Err(StoreError::TooLarge {
                what,
                bytes: size,
                bytes_max: BYTES_MAX,
                key: NAME,
            });
        }
        if let Some(dir) = &self.dir {
            disk::write_atomic(dir, NAME, &[&bytes], ts_ns)?;
        }
        self.content = content;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(byte: u8) -> Accepted {
        Accepted {
            digest: Digest([byte; 32]),
            plugin: "p 1.0.0".into(),
            version: Some("1.0.0".into()),
            path: "plugins/p.wasm".into(),
            ts_ns: u64::from(byte),
            how: "first".into(),
            rights: Some(["import a".to_owned()].into()),
            other: BTreeSet::new(),
        }
    }

    #[test]
    fn what_was_accepted_is_there_after_a_restart_the_latest_last() {
        let dir = tempfile::tempdir().unwrap();
        let mut record = AcceptedBytes::open(dir.path()).unwrap();
        for byte in [1, 2, 1] {
            record.accept("venue/binance", accepted(byte)).unwrap();
        }
        (0..50).for_each(|byte| record.accept("slot/one", accepted(byte)).unwrap());
        record.set_lowered("a", [("tables".to_owned(), 2)].into(), 1).unwrap();
        let record = AcceptedBytes::open(dir.path()).unwrap();
        assert_eq!(record.of("venue/binance"), [accepted(2), accepted(1)]);
        assert_eq!(record.of("slot/one").len(), PER_PLACE_MAX);
        assert_eq!(record.of("slot/one").last(), Some(&accepted(49)));
        assert_eq!(record.holders().count(), 2);
        assert_eq!(record.lowered("a").unwrap()["tables"], 2);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_an_error_and_no_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let good = br#"{"schema":1,"places":{},"lowered":{}}"#;
        std::fs::write(dir.path().join(NAME), good).unwrap();
        assert!(AcceptedBytes::open(dir.path()).is_ok());
        for text in ["", "{}", "{\"schema\":2,\"places\":{},\"lowered\":{}}", "\0\0\0"] {
            std::fs::write(dir.path().join(NAME), text).unwrap();
            assert!(AcceptedBytes::open(dir.path()).is_err(), "{text:?}");
        }
    }
}
