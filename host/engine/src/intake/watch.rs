//! Watches folders: which component files have come to rest, which have gone.
//!
//! Comes in: folders, hints from the operating system, the time. Goes out: changes. Hints only wake
//! the watcher; what it finds by looking is the truth, because hints get lost. A file counts as at
//! rest once nothing about it has changed for the settling time. It counts as gone only where its
//! folder, the same as before, was listed whole without it: a folder that is away, unreadable or
//! replaced says nothing about its files, so nothing follows from it but a notice. Deliberately
//! absent: reading a file's bytes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::look::{Component, Flaw, Inode, Look, look};

/// How long a file may go on changing before that is told, in milliseconds: a copy takes less.
const RESTLESS_MS: u64 = 10_000;

/// A component file at rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settled {
    /// What it is called in the watched folder.
    pub(crate) path: PathBuf,
    /// The precedence of its folder; 0 comes first.
    pub(crate) rank: usize,
    /// Where it really is.
    pub(crate) real: PathBuf,
    /// Sidecars that hold for it, where they really are.
    pub(crate) sidecars: Vec<PathBuf>,
    /// Its signature.
    pub(crate) signature: Option<PathBuf>,
}

impl Settled {
    /// A file outside any watched folder, with what stands beside it.
    pub(crate) fn alone(path: &Path, rank: usize) -> Self {
        let beside = |path: PathBuf| path.is_file().then_some(path);
        let sidecars = [path.with_file_name("plugin.yaml"), path.with_extension("plugin.yaml")];
        let mut signature = path.as_os_str().to_owned();
        signature.push(".minisig");
        Self {
            path: path.to_owned(),
            rank,
            real: path.to_owned(),
            sidecars: sidecars.into_iter().filter_map(beside).collect(),
            signature: beside(signature.into()),
        }
    }
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// New or changed, and at rest.
    Settled(Settled),
    /// Not there any more, for as long as the settling time.
    Gone { path: PathBuf },
    /// The same file under another name.
    Moved { from: PathBuf, to: PathBuf },
    /// There, and not to be taken.
    Refused { path: PathBuf, reason: String, fix: String },
    /// It has been changing for a long time.
    Restless { path: PathBuf, ms: u64 },
    /// A folder cannot be looked at, so nothing is known of what is missing there.
    Blind { folder: PathBuf, reason: String, fix: String },
    /// It can be looked at again, after so many looks in vain.
    Sighted { folder: PathBuf, looks: u64 },
}

/// One file as it was when it was seen last.
struct Seen {
    rank: usize,
    root: Inode,
    component: Component,
    /// Since when nothing about it has changed.
    since_ms: u64,
    /// Since when it has not been at rest.
    restless_ms: u64,
    told: bool,
    told_restless: bool,
    gone_since_ms: Option<u64>,
}

impl Seen {
    fn new(rank: usize, root: Inode, component: Component, now_ms: u64) -> Self {
        Self {
            rank,
            root,
            component,
            since_ms: now_ms,
            restless_ms: now_ms,
            told: false,
            told_restless: false,
            gone_since_ms: None,
        }
    }
}

/// The watcher's memory.
pub(crate) struct Watch {
    folders: Vec<PathBuf>,
    settle_ms: u64,
    seen: BTreeMap<PathBuf, Seen>,
    /// What was told not to be taken.
    flawed: BTreeMap<PathBuf, Flaw>,
    /// What was told to be out of sight, and the looks since.
    blind: BTreeMap<PathBuf, (Flaw, u64)>,
}

impl Watch {
    pub(crate) fn new(folders: Vec<PathBuf>, settle_ms: u64) -> Self {
        let (seen, flawed, blind) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { folders, settle_ms, seen, flawed, blind }
    }

    /// Looks through the folders at time `now_ms`, which only rises.
    pub(crate) fn look(&mut self, now_ms: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        let (mut flawed, mut blind) = (BTreeMap::new(), BTreeMap::new());
        let mut looks = Vec::new();
        for folder in &self.folders {
            // A folder counts as known where a file in it does.
            let known = |path: &Path| {
                self.seen
                    .range(path.to_owned()..)
                    .next()
                    .is_some_and(|(of, _)| of.starts_with(path))
            };
            looks.push(look(folder, known));
        }
        for (rank, look) in looks.iter_mut().enumerate() {
            flawed.append(&mut look.flawed);
            blind.append(&mut look.blind);
            let Some(root) = look.root else { continue };
            for (path, component) in &look.components {
                // The same file may be reached through two folders; the first one counts.
                let elsewhere = self.seen.get(path).is_some_and(|seen| seen.rank < rank);
                if let (Ok(component), false) = (component, elsewhere) {
                    changes.extend(self.saw(path, rank, root, component, now_ms));
                }
            }
        }
        self.miss(&looks, &flawed, &mut blind, now_ms, &mut changes);
        self.tell_flawed(flawed, &mut changes);
        self.tell_blind(blind, &mut changes);
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

    fn saw(
        &mut self,
        path: &Path,
        rank: usize,
        root: Inode,
        component: &Component,
        now_ms: u64,
    ) -> Option<Change> {
        let fresh = || Seen::new(rank, root, component.clone(), now_ms);
        let seen = self.seen.entry(path.to_owned()).or_insert_with(fresh);
        seen.gone_since_ms = None;
        if !same(&seen.component, component) {
            let since_ms = if seen.told { now_ms } else { seen.restless_ms };
            let told_restless = !seen.told && seen.told_restless;
            *seen = Seen { restless_ms: since_ms, told_restless, ..fresh() };
        }
        (seen.root, seen.component.folder) = (root, component.folder);
        if seen.told {
            return None;
        }
        if now_ms - seen.since_ms < self.settle_ms {
            let ms = now_ms - seen.restless_ms;
            if seen.told_restless || ms < RESTLESS_MS.max(2 * self.settle_ms) {
                return None;
            }
            seen.told_restless = true;
            return Some(Change::Restless { path: path.to_owned(), ms });
        }
        seen.told = true;
        let Component { real, sidecars, signature, .. } = component.clone();
        Some(Change::Settled(Settled {
            path: path.to_owned(),
            rank: seen.rank,
            real,
            sidecars: sidecars.into_iter().map(|beside| beside.real).collect(),
            signature: signature.map(|beside| beside.real),
        }))
    }

    /// What was there before and was not seen this time.
    fn miss(
        &mut self,
        looks: &[Look],
        flawed: &BTreeMap<PathBuf, Flaw>,
        blind: &mut BTreeMap<PathBuf, Flaw>,
        now_ms: u64,
        changes: &mut Vec<Change>,
    ) {
        let mut gone = Vec::new();
        for (path, seen) in &mut self.seen {
            let look = &looks[seen.rank];
            if look.components.contains_key(path) || flawed.contains_key(path) {
                continue;
            }
            match absent(path, seen, &self.folders[seen.rank], look) {
                Ok(false) => {}
                Ok(true) => {
                    let since_ms = *seen.gone_since_ms.get_or_insert(now_ms);
                    if now_ms - since_ms >= self.settle_ms {
                        gone.push(path.clone());
                    }
                }
                Err(folder) => {
                    seen.gone_since_ms = None;
                    let replaced = || Flaw {
                        reason: "it is another folder than before, without files that are in use"
                            .to_owned(),
                        fix: "put them there too; to give them up, restart wickd".to_owned(),
                    };
                    blind.entry(folder).or_insert_with(replaced);
                }
            }
        }
        for from in gone {
            let Some(seen) = self.seen.remove(&from) else { continue };
            let inode = seen.component.stamp.inode;
            let same = |(_, of): &(&PathBuf, &Seen)| {
                of.gone_since_ms.is_none() && of.component.stamp.inode == inode
            };
            match self.seen.iter().find(same) {
                Some((to, _)) => changes.push(Change::Moved { from, to: to.clone() }),
                None if seen.told => changes.push(Change::Gone { path: from }),
                None => {}
            }
        }
    }

    fn tell_flawed(&mut self, flawed: BTreeMap<PathBuf, Flaw>, changes: &mut Vec<Change>) {
        for (path, flaw) in &flawed {
            if self.flawed.get(path) != Some(flaw) {
                let Flaw { reason, fix } = flaw.clone();
                changes.push(Change::Refused { path: path.clone(), reason, fix });
            }
        }
        self.flawed = flawed;
    }

    fn tell_blind(&mut self, blind: BTreeMap<PathBuf, Flaw>, changes: &mut Vec<Change>) {
        for (folder, flaw) in blind.iter() {
            // A default folder that has never been there is none that was lost.
            let never_was = matches!(folder.try_exists(), Ok(false)) && !self.was_used(folder);
            match self.blind.get_mut(folder) {
                Some((known, looks)) if known == flaw => *looks += 1,
                None if never_was => {}
                _ => {
                    self.blind.insert(folder.clone(), (flaw.clone(), 1));
                    let (folder, Flaw { reason, fix }) = (folder.clone(), flaw.clone());
                    changes.push(Change::Blind { folder, reason, fix });
                }
            }
        }
        self.blind.retain(|folder, (_, looks)| {
            let still = blind.contains_key(folder);
            if !still {
                changes.push(Change::Sighted { folder: folder.clone(), looks: *looks });
            }
            still
        });
    }

    fn was_used(&self, folder: &Path) -> bool {
        self.seen.keys().any(|path| path.starts_with(folder))
    }
}

/// Whether it is the same file in the same state, whatever its folder has become.
fn same(one: &Component, other: &Component) -> bool {
    let folder = one.folder;
    *one == Component { folder, ..other.clone() }
}

/// Whether a file that was not seen is certainly not there. `Err` names the folder that says nothing
/// about it.
fn absent(path: &Path, seen: &Seen, root: &Path, look: &Look) -> Result<bool, PathBuf> {
    let folder = path.parent().unwrap_or(root);
    let nothing_at = |path: &Path| match path.symlink_metadata() {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(_) => false,
    };
    match look.listed.get(folder) {
        Some(inode) if *inode == seen.component.folder => return Ok(nothing_at(path)),
        Some(_) => return Err(folder.to_owned()),
        None => {}
    }
    // Its folder was in the watched one, and may have been removed with all that was in it.
    match look.listed.get(root) {
        Some(inode) if *inode == seen.root && folder != root => match nothing_at(folder) {
            true => Ok(true),
            false => Err(folder.to_owned()),
        },
        _ => Err(root.to_owned()),
    }
}

#[cfg(test)]
mod tests;
