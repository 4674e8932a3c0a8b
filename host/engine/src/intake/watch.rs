//! Watches folders: which component files have come to rest, which have gone.
//!
//! Comes in: folders, hints from the operating system, the time. Goes out: changes. Hints only wake
//! the watcher; what it finds by looking is the truth, because hints get lost. A file counts as at
//! rest once its size, time and inode have not changed for the settling time. Deliberately absent:
//! reading a file's bytes.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Component files looked at per folder: more is a mistake, not a desk.
const FILES_MAX: usize = 512;
/// Longest file name.
const NAME_BYTES_MAX: usize = 255;

/// What happened to a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// New or changed, and at rest.
    Settled { path: PathBuf, rank: usize },
    /// Not there any more, for as long as the settling time.
    Gone { path: PathBuf },
    /// There, and not to be taken.
    Refused { path: PathBuf, reason: String, fix: &'static str },
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stat {
    bytes: u64,
    mtime_ns: i128,
    inode: u64,
    sidecar: Option<(u64, i128)>,
}

struct Seen {
    rank: usize,
    stat: Stat,
    since_ms: u64,
    told: bool,
    gone_since_ms: Option<u64>,
}

/// The watcher's memory.
pub(crate) struct Watch {
    folders: Vec<PathBuf>,
    settle_ms: u64,
    seen: BTreeMap<PathBuf, Seen>,
    refused: BTreeMap<PathBuf, String>,
}

impl Watch {
    pub(crate) fn new(folders: Vec<PathBuf>, settle_ms: u64) -> Self {
        Self { folders, settle_ms, seen: BTreeMap::new(), refused: BTreeMap::new() }
    }

    /// Looks through the folders at time `now_ms`, which only rises.
    pub(crate) fn look(&mut self, now_ms: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut there = BTreeMap::new();
        for (rank, folder) in self.folders.iter().enumerate() {
            for path in files(folder) {
                there.entry(path).or_insert(rank);
            }
        }
        self.refused.retain(|path, _| there.contains_key(path));
        for (path, rank) in &there {
            match stat(path) {
                Ok(stat) => changes.extend(self.saw(path, *rank, stat, now_ms)),
                Err(Look::Vanished) => {}
                Err(Look::Odd(reason, fix)) => {
                    if self.refused.get(path) != Some(&reason) {
                        self.refused.insert(path.clone(), reason.clone());
                        changes.push(Change::Refused { path: path.clone(), reason, fix });
                    }
                }
            }
        }
        let settle_ms = self.settle_ms;
        self.seen.retain(|path, seen| {
            if there.contains_key(path) {
                seen.gone_since_ms = None;
                return true;
            }
            let since_ms = *seen.gone_since_ms.get_or_insert(now_ms);
            let gone = now_ms - since_ms >= settle_ms;
            if gone && seen.told {
                changes.push(Change::Gone { path: path.clone() });
            }
            !gone
        });
        changes
    }

    /// Whether something is on its way to rest: look again soon.
    pub(crate) fn is_restless(&self) -> bool {
        self.seen.values().any(|seen| !seen.told || seen.gone_since_ms.is_some())
    }

    /// The files that are there and not at rest yet.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = &Path> {
        self.seen.iter().filter(|(_, seen)| !seen.told).map(|(path, _)| path.as_path())
    }

    fn saw(&mut self, path: &Path, rank: usize, stat: Stat, now_ms: u64) -> Option<Change> {
        let fresh = || Seen { rank, stat, since_ms: now_ms, told: false, gone_since_ms: None };
        let seen = self.seen.entry(path.to_owned()).or_insert_with(fresh);
        if seen.stat != stat {
            *seen = fresh();
        }
        if seen.told || now_ms - seen.since_ms < self.settle_ms {
            return None;
        }
        seen.told = true;
        Some(Change::Settled { path: path.to_owned(), rank: seen.rank })
    }
}

enum Look {
    Vanished,
    Odd(String, &'static str),
}

fn stat(path: &Path) -> Result<Stat, Look> {
    // Without following links: what is at the end of one can change without a trace here.
    let meta = path.symlink_metadata().map_err(|_| Look::Vanished)?;
    if meta.is_symlink() {
        return Err(Look::Odd("it is a symbolic link".into(), "copy the file itself here"));
    }
    if !meta.is_file() {
        return Err(Look::Odd("it is not a regular file".into(), "remove it from the folder"));
    }
    if meta.mode() & 0o002 != 0 {
        return Err(Look::Odd(
            "anybody may write to it".into(),
            "chmod o-w: who can write here can run code here",
        ));
    }
    let time = |meta: &std::fs::Metadata| {
        i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
    };
    let sidecar = sidecar(path).and_then(|path| path.symlink_metadata().ok());
    let sidecar = sidecar.map(|meta| (meta.len(), time(&meta)));
    Ok(Stat { bytes: meta.len(), mtime_ns: time(&meta), inode: meta.ino(), sidecar })
}

/// The operator's `plugin.yaml` for a component: `NAME.plugin.yaml` beside `NAME.wasm`, or
/// `plugin.yaml` where the component has its folder to itself.
pub(crate) fn sidecar(component: &Path) -> Option<PathBuf> {
    let own = component.with_extension("plugin.yaml");
    if own.is_file() {
        return Some(own);
    }
    let folder = component.parent()?;
    let shared = folder.join("plugin.yaml");
    (shared.is_file() && files(folder).len() == 1).then_some(shared)
}

/// Component files in a folder and in its folders, one level down.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut look = |folder: &Path, deeper: &mut Vec<PathBuf>| {
        let Ok(entries) = folder.read_dir() else { return };
        for entry in entries.flatten().take(FILES_MAX * 2) {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                deeper.push(path);
            } else if is_component(&path) && found.len() < FILES_MAX {
                found.push(path);
            }
        }
    };
    let mut deeper = Vec::new();
    look(folder, &mut deeper);
    deeper.sort();
    for folder in deeper.iter().take(FILES_MAX) {
        look(folder, &mut Vec::new());
    }
    found.sort();
    found
}

fn is_component(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let temporary = name.starts_with(['.', '~', '#']) || name.ends_with('~');
    name.len() <= NAME_BYTES_MAX && !temporary && name.ends_with(".wasm")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(dir: &tempfile::TempDir) -> Watch {
        Watch::new(vec![dir.path().to_owned()], 100)
    }

    #[test]
    fn a_file_that_still_grows_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        let mut watch = watch(&dir);
        std::fs::write(&path, b"half").unwrap();
        assert_eq!(watch.look(0), []);
        std::fs::write(&path, b"half and more").unwrap();
        assert_eq!(watch.look(120), [], "it changed, so its rest begins anew");
        assert!(watch.is_restless());
        let settled = Change::Settled { path: path.clone(), rank: 0 };
        assert_eq!(watch.look(230), std::slice::from_ref(&settled));
        assert_eq!(watch.look(999), [], "told once");
        std::fs::write(&path, b"another").unwrap();
        assert_eq!(watch.look(1000), []);
        assert_eq!(watch.look(1100), [settled]);
    }

    #[test]
    fn a_file_replaced_in_two_steps_is_not_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        std::fs::write(&path, b"one").unwrap();
        let mut watch = watch(&dir);
        watch.look(0);
        watch.look(100);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(watch.look(150), []);
        std::fs::write(&path, b"second").unwrap();
        assert_eq!(watch.look(200), []);
        assert_eq!(watch.look(300), [Change::Settled { path: path.clone(), rank: 0 }]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(watch.look(400), []);
        assert_eq!(watch.look(500), [Change::Gone { path }]);
    }

    #[test]
    fn links_and_temporary_names_are_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".a.wasm", "~a.wasm", "a.wasm~", "a.wasm.tmp", "a.txt"] {
            std::fs::write(dir.path().join(name), b"x").unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link.wasm")).unwrap();
        let mut watch = watch(&dir);
        let changes = watch.look(0);
        assert!(matches!(&changes[..], [Change::Refused { .. }]), "{changes:?}");
        assert_eq!(watch.look(500), [], "said once");
    }
}
