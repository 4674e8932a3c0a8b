//! Records that a checkpoint speaks for, kept for people: compressed files, each the records of one stretch.
//!
//! Comes in: records with their numbers. Goes out: the same, from any number on. Deliberately absent:
//! whatever a start needs, which the journal keeps itself.
//!
//! A file is written whole before the journal drops what it has. After a kill in between the journal has
//! the records still, and the file is written again with more of them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::{Record, StoreError, disk};

/// Bytes of all files together: years of a busy daemon. The oldest leave first.
pub(crate) const ARCHIVE_BYTES_MAX: u64 = 8 << 30;
/// Longest line: a record is a few hundred bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;
const PREFIX: &str = "journal-";
const SUFFIX: &str = ".jsonl.gz";

/// One line of a file.
#[derive(Serialize, Deserialize)]
struct Line {
    number: u64,
    record: Record,
}

/// The folder of archived records.
#[derive(Debug)]
pub struct Archive {
    dir: PathBuf,
}

impl Archive {
    /// Opens or makes the folder `dir` and removes what a crash left half-written.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        disk::private_folder(dir)?;
        disk::sweep(dir)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Writes the file of the stretch that begins with `first`, whole or not at all.
    pub(crate) fn put(
        &self,
        first: u64,
        ts_ns: u64,
        fill: impl FnOnce(&mut dyn FnMut(u64, Record)) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let name = name_of(first);
        let path = self.dir.join(&name);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let mut failed = None;
        fill(&mut |number, record| {
            let written = serde_json::to_writer(&mut encoder, &Line { number, record })
                .map_err(std::io::Error::from)
                .and_then(|()| encoder.write_all(b"\n"));
            if let Err(error) = written {
                failed.get_or_insert(error);
            }
        })?;
        if let Some(error) = failed {
            return Err(StoreError::io("write", &path)(error));
        }
        let bytes = encoder.finish().map_err(StoreError::io("write", &path))?;
        disk::write_atomic(&self.dir, &name, &[&bytes], ts_ns)
    }

    /// Removes the oldest files beyond `bytes_max`; says how many.
    pub(crate) fn prune(&self, bytes_max: u64) -> Result<u64, StoreError> {
        let (mut kept, mut removed) = (0u64, 0);
        for (first, bytes) in self.files()?.into_iter().rev() {
            kept = kept.saturating_add(bytes);
            if kept > bytes_max {
                disk::remove(&self.dir.join(name_of(first)))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Hands every archived record from number `from` on to `each`, in order.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] names the first record that cannot be read; the disk refuses.
    pub fn for_each(&self, from: u64, mut each: impl FnMut(u64, Record)) -> Result<(), StoreError> {
        let files = self.files()?;
        let start = files.iter().rposition(|(first, _)| *first <= from).unwrap_or(0);
        let mut next = from;
        for (first, _) in &files[start..] {
            let path = self.dir.join(name_of(*first));
            let file = fs::File::open(&path).map_err(StoreError::io("read", &path))?;
            let mut lines = BufReader::new(GzDecoder::new(file));
            loop {
                let mut text = String::new();
                let read = (&mut lines).take(LINE_BYTES_MAX).read_line(&mut text);
                if read.map_err(StoreError::io("read", &path))? == 0 {
                    break;
                }
                let line: Line =
                    serde_json::from_str(&text).map_err(|error| StoreError::Damaged {
                        path: path.clone(),
                        number: next,
                        reason: error.to_string(),
                    })?;
                if line.number >= next {
                    next = line.number + 1;
                    each(line.number, line.record);
                }
            }
        }
        Ok(())
    }

    /// First record and bytes of each file, in order.
    fn files(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let first = |name: &str| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
        let listed = disk::list(&self.dir)?.into_iter();
        let mut files: Vec<(u64, u64)> =
            listed.filter_map(|file| Some((first(&file.name)?, file.bytes))).collect();
        files.sort_unstable();
        Ok(files)
    }
}

fn name_of(first: u64) -> String {
    format!("{PREFIX}{first:012}{SUFFIX}")
}
