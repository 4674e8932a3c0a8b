//! One look at a watched folder and the folders in it.
//!
//! Comes in: a folder. Goes out: the component files that are there, with what belongs to each; which
//! folders were listed whole; and which could not be, with the reason. Names that start with a dot are
//! passed over at every depth: they are an editor's, a copier's, or the inside of a Kubernetes volume,
//! whose links are followed as far as they stay in the watched folder. Deliberately absent: memory of
//! earlier looks, and the bytes of any file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, open, statat};
use wickd_store::{Distrust, trusted_path};

/// Component files taken of one watched folder: far more than one daemon runs. Those that were taken
/// already come first, so that new ones cannot hide them.
const FILES_MAX: usize = 512;
/// Folders looked at in a watched one, for the same reason.
const FOLDERS_MAX: usize = 512;
/// Entries read of one folder: listing more takes too long to be repeated every few seconds.
const ENTRIES_MAX: usize = 100_000;
/// Longest file name, in bytes: Linux takes no longer one.
const NAME_BYTES_MAX: usize = 255;

/// Device and inode: what a file or a folder is, whatever it is called.
pub(crate) type Inode = (u64, u64);

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    pub(crate) inode: Inode,
    bytes: u64,
    modified_ns: i128,
    /// Of the inode, which whoever writes the file cannot set back.
    changed_ns: i128,
}

/// A file beside a component: a sidecar, or its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Beside {
    /// Where it really is.
    pub(crate) real: PathBuf,
    stamp: Stamp,
}

/// A component file that may be taken, and what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Component {
    /// Where it really is.
    pub(crate) real: PathBuf,
    pub(crate) stamp: Stamp,
    /// `plugin.yaml` of its folder and `NAME.plugin.yaml`; each can only lower.
    pub(crate) sidecars: Vec<Beside>,
    /// `NAME.wasm.minisig`.
    pub(crate) signature: Option<Beside>,
    /// The folder that has its name.
    pub(crate) folder: Inode,
}

/// Why something is not taken, and what would mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Flaw {
    pub(crate) reason: String,
    pub(crate) fix: String,
}

impl Flaw {
    fn new(reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { reason: reason.into(), fix: fix.into() }
    }
}

/// Everything one look has found.
#[derive(Default)]
pub(crate) struct Look {
    /// The watched folder itself; none where it could not be looked at.
    pub(crate) root: Option<Inode>,
    /// By its name in the watched folder; `Err` where it is there and could not be looked at.
    pub(crate) components: BTreeMap<PathBuf, Result<Component, String>>,
    /// Files that are not to be taken.
    pub(crate) flawed: BTreeMap<PathBuf, Flaw>,
    /// Folders that were listed whole.
    pub(crate) listed: BTreeMap<PathBuf, Inode>,
    /// Folders that were not.
    pub(crate) blind: BTreeMap<PathBuf, Flaw>,
}

/// Looks at `folder`. `is_known` says which files were taken before.
pub(crate) fn look(folder: &Path, is_known: impl Fn(&Path) -> bool) -> Look {
    let mut look = Look::default();
    let root = match trusted_path(folder) {
        Ok(root) => root,
        Err(distrust) => {
            look.blind.insert(folder.to_owned(), flaw(&distrust));
            return look;
        }
    };
    let Some(listing) = look.list(folder, &root) else { return look };
    look.root = Some(listing.inode);
    let mut folders: Vec<PathBuf> = listing.folders.iter().map(|name| folder.join(name)).collect();
    // A folder with files that were taken comes before one without.
    folders.sort_by_cached_key(|sub| (!is_known(sub), sub.clone()));
    let mut found = vec![(folder.to_owned(), listing)];
    if folders.len() > FOLDERS_MAX {
        look.left_out(folder, "folders", FOLDERS_MAX);
        folders.truncate(FOLDERS_MAX);
    }
    for sub in folders {
        match trusted_path(&sub) {
            Ok(real) => found.extend(look.list(&sub, &real).map(|listing| (sub, listing))),
            Err(distrust) => {
                look.blind.insert(sub, flaw(&distrust));
            }
        }
    }
    let named = |(place, listing): &(PathBuf, Listing)| {
        let names = listing.files.iter().filter(|name| is_component(name));
        names.map(|name| place.join(name)).collect::<Vec<_>>()
    };
    let mut paths: Vec<(usize, PathBuf)> = found
        .iter()
        .enumerate()
        .flat_map(|(at, entry)| named(entry).into_iter().map(move |path| (at, path)))
        .collect();
    paths.sort_by_cached_key(|(_, path)| (!is_known(path), path.clone()));
    if paths.len() > FILES_MAX {
        look.left_out(folder, "component files", FILES_MAX);
        paths.truncate(FILES_MAX);
    }
    for (at, path) in paths {
        look.component(path, &found[at].1, &root);
    }
    look
}

/// The names in a folder that matter.
struct Listing {
    inode: Inode,
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl Look {
    /// Lists one folder, and notes whether all of it was seen.
    fn list(&mut self, named: &Path, real: &Path) -> Option<Listing> {
        match list(real) {
            Ok((listing, true)) => {
                self.listed.insert(named.to_owned(), listing.inode);
                Some(listing)
            }
            Ok((listing, false)) => {
                let reason = format!("more than {ENTRIES_MAX} entries; the rest is not seen");
                self.blind.insert(named.to_owned(), Flaw::new(reason, "keep only plugins there"));
                Some(listing)
            }
            Err(error) => {
                let fix = "check that it is there and can be read";
                self.blind.insert(named.to_owned(), Flaw::new(error.to_string(), fix));
                None
            }
        }
    }

    fn left_out(&mut self, folder: &Path, what: &str, most: usize) {
        let reason = format!("more than {most} {what}; the rest is not looked at");
        let fix = "remove what is not used; what was taken already stays";
        self.flawed.insert(folder.to_owned(), Flaw::new(reason, fix));
    }

    fn component(&mut self, path: PathBuf, listing: &Listing, root: &Path) {
        let seen = sight(&path, root);
        let (real, stamp) = match seen {
            Sight::Taken(beside) => (beside.real, beside.stamp),
            Sight::Gone => return,
            Sight::Flawed(flaw) => {
                self.flawed.insert(path, flaw);
                return;
            }
            Sight::Unseen(error) => {
                self.components.insert(path, Err(error));
                return;
            }
        };
        let mut beside = |name: &str| -> Result<Option<Beside>, String> {
            if !listing.files.contains(name) {
                return Ok(None);
            }
            let path = path.with_file_name(name);
            match sight(&path, root) {
                Sight::Taken(beside) => Ok(Some(beside)),
                Sight::Gone => Ok(None),
                Sight::Unseen(error) => Err(error),
                Sight::Flawed(flaw) => {
                    self.flawed.insert(path, flaw);
                    Ok(None)
                }
            }
        };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let own = format!("{}.plugin.yaml", name.trim_end_matches(".wasm"));
        let parts = beside("plugin.yaml").and_then(|shared| {
            let sidecars = [shared, beside(&own)?].into_iter().flatten().collect();
            Ok((sidecars, beside(&format!("{name}.minisig"))?))
        });
        let folder = listing.inode;
        let component = parts.map(|(sidecars, signature)| Component {
            real,
            stamp,
            sidecars,
            signature,
            folder,
        });
        self.components.insert(path, component);
    }
}

/// What became of looking at one file.
enum Sight {
    Taken(Beside),
    Gone,
    Flawed(Flaw),
    Unseen(String),
}

fn sight(path: &Path, root: &Path) -> Sight {
    let real = match trusted_path(path) {
        Ok(real) => real,
        Err(distrust) if distrust.is_absent() => {
            return match path.symlink_metadata() {
                Ok(_) => Sight::Flawed(Flaw::new("it is a link to nothing", "remove the link")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Sight::Gone,
                Err(error) => Sight::Unseen(error.to_string()),
            };
        }
        Err(distrust @ Distrust::Foreign { .. }) => return Sight::Flawed(flaw(&distrust)),
        Err(distrust) => return Sight::Unseen(distrust.told().0),
    };
    if !real.starts_with(root) {
        let reason = "it is a link that leads out of the watched folder";
        return Sight::Flawed(Flaw::new(reason, "copy the file itself here"));
    }
    match real.symlink_metadata() {
        Ok(meta) if meta.is_file() => Sight::Taken(Beside { real, stamp: stamp(&meta) }),
        Ok(_) => Sight::Flawed(Flaw::new("it is not a regular file", "remove it from the folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Sight::Gone,
        Err(error) => Sight::Unseen(error.to_string()),
    }
}

fn stamp(meta: &std::fs::Metadata) -> Stamp {
    let time = |secs: i64, ns: i64| i128::from(secs) * 1_000_000_000 + i128::from(ns);
    Stamp {
        inode: (meta.dev(), meta.ino()),
        bytes: meta.len(),
        modified_ns: time(meta.mtime(), meta.mtime_nsec()),
        changed_ns: time(meta.ctime(), meta.ctime_nsec()),
    }
}

/// The names in a folder, and whether that is all of them.
fn list(folder: &Path) -> io::Result<(Listing, bool)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = open(folder, flags, Mode::empty())?;
    let stat = fstat(&handle)?;
    let inode = (stat.st_dev, stat.st_ino);
    let mut listing = Listing { inode, files: BTreeSet::new(), folders: BTreeSet::new() };
    for (read, entry) in Dir::read_from(&handle)?.enumerate() {
        if read == ENTRIES_MAX {
            return Ok((listing, false));
        }
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match statat(&handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                // It has gone since.
                Err(_) => continue,
            },
            kind => kind,
        };
        if kind == FileType::Directory {
            listing.folders.insert(name.to_owned());
        } else if name.ends_with(".wasm")
            || name.ends_with(".minisig")
            || name.ends_with("plugin.yaml")
        {
            listing.files.insert(name.to_owned());
        }
    }
    Ok((listing, true))
}

fn is_component(name: &str) -> bool {
    let temporary = name.starts_with(['~', '#']);
    name.len() <= NAME_BYTES_MAX && !temporary && name.ends_with(".wasm")
}

fn flaw(distrust: &Distrust) -> Flaw {
    let (reason, fix) = distrust.told();
    Flaw { reason, fix }
}
