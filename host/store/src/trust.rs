//! Whose files are believed: root's and this process's own, all the way up.
//!
//! Comes in: a path. Goes out: where it really leads, or the one entry on the way that somebody else
//! could change, with the command that mends it. Deliberately absent: the file's contents.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::StatVfsMountFlags;
use rustix::process::{getegid, geteuid};

/// Links followed on the way to one file, as Linux does.
const LINKS_MAX: usize = 40;

const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITE: u32 = 0o020;
const OTHERS_ENTER: u32 = 0o011;

/// Why what a path names is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// Somebody else decides what stands there.
    #[error("{}: {reason}; {fix}", path.display())]
    Foreign {
        /// The entry on the way that is not ours.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The command that mends it.
        fix: String,
    },
    /// It could not be looked at.
    #[error("{} cannot be looked at", path.display())]
    Unseen {
        /// The entry on the way.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Distrust {
    /// Whether it is certain that there is nothing.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Unseen { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// What is wrong, and what would mend it.
    pub fn told(&self) -> (String, String) {
        match self {
            Self::Foreign { path, reason, fix } => {
                (format!("{}: {reason}", path.display()), fix.clone())
            }
            Self::Unseen { path, source } => (
                format!("{}: {source}", path.display()),
                "check that it is there and can be read".into(),
            ),
        }
    }
}

/// The user a process acts for, and its group.
#[derive(Clone, Copy, Debug)]
struct Who {
    uid: u32,
    gid: u32,
}

impl Who {
    fn this_process() -> Self {
        Self { uid: geteuid().as_raw(), gid: getegid().as_raw() }
    }
}

/// What decides about an entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    uid: u32,
    gid: u32,
    mode: u32,
    is_dir: bool,
    /// Nobody but a trusted owner can reach it, because of a folder further up.
    enclosed: bool,
}

/// What is wrong with an entry: the reason and the command's beginning. `None` where nobody but root
/// and `who` can change it.
fn flaw(entry: Entry, who: Who) -> Option<(String, &'static str)> {
    if entry.uid != 0 && entry.uid != who.uid {
        return Some((format!("it belongs to user {}", entry.uid), "chown root"));
    }
    // In a sticky folder everybody may add, and only owners replace and remove.
    let sticky = entry.is_dir && entry.mode & STICKY != 0;
    if entry.mode & OTHERS_WRITE != 0 && !sticky {
        return Some(("everybody may write to it".into(), "chmod o-w"));
    }
    // A umask of 002 is common. Its group is the user's own, and a closed folder above keeps others out.
    let private = entry.enclosed && entry.gid == who.gid;
    if entry.mode & GROUP_WRITE != 0 && !sticky && !private {
        return Some((format!("group {} may write to it", entry.gid), "chmod g-w"));
    }
    None
}

/// Where a path leads once its links are followed, if nobody but root and this process's user can
/// change what it leads to.
///
/// # Errors
/// [`Distrust::Foreign`] names the first entry on the way that others can change.
pub fn trusted_path(path: &Path) -> Result<PathBuf, Distrust> {
    let unseen = |source| Distrust::Unseen { path: path.to_owned(), source };
    let whole = std::path::absolute(path).map_err(unseen)?;
    let mut left: VecDeque<OsString> = names(&whole).collect();
    let who = Who::this_process();
    // Each folder on the way, and whether it or one above keeps everybody else out.
    let mut way = vec![(PathBuf::from("/"), judge(Path::new("/"), false, who)?)];
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        let (folder, enclosed) = way.last().cloned().unwrap_or_default();
        if name == ".." {
            // Above the root is the root.
            way.truncate(way.len().saturating_sub(1).max(1));
            continue;
        }
        let next = folder.join(&name);
        let unseen = |source| Distrust::Unseen { path: next.clone(), source };
        let meta = fs::symlink_metadata(&next).map_err(unseen)?;
        if !meta.is_symlink() {
            way.push((next.clone(), judge_as(&next, &meta, enclosed, who)?));
            continue;
        }
        // Whoever owns a link says where it leads; its mode says nothing.
        let entry = Entry { mode: 0, ..entry(&meta, enclosed) };
        refuse(&next, entry, who)?;
        links += 1;
        if links > LINKS_MAX {
            return Err(unseen(io::Error::other("too many links")));
        }
        let target = fs::read_link(&next).map_err(unseen)?;
        if target.is_absolute() {
            way.truncate(1);
        }
        names(&target).rev().for_each(|name| left.push_front(name));
    }
    Ok(way.pop().map(|(path, _)| path).unwrap_or_default())
}

/// The names of a path, `..` among them.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> + '_ {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn judge(path: &Path, enclosed: bool, who: Who) -> Result<bool, Distrust> {
    let unseen = |source| Distrust::Unseen { path: path.to_owned(), source };
    judge_as(path, &fs::symlink_metadata(path).map_err(unseen)?, enclosed, who)
}

/// Whether what lies below is enclosed, if the entry itself is trusted.
fn judge_as(path: &Path, meta: &Metadata, enclosed: bool, who: Who) -> Result<bool, Distrust> {
    refuse(path, entry(meta, enclosed), who)?;
    Ok(enclosed || meta.mode() & OTHERS_ENTER == 0)
}

fn entry(meta: &Metadata, enclosed: bool) -> Entry {
    let (uid, gid, mode) = (meta.uid(), meta.gid(), meta.mode());
    Entry { uid, gid, mode, is_dir: meta.is_dir(), enclosed }
}

fn refuse(path: &Path, entry: Entry, who: Who) -> Result<(), Distrust> {
    let Some((reason, command)) = flaw(entry, who) else { return Ok(()) };
    // A volume that is mounted for reading, as Kubernetes mounts its own, is changed by nobody here.
    let read_only = rustix::fs::statvfs(path)
        .is_ok_and(|volume| volume.f_flag.contains(StatVfsMountFlags::RDONLY));
    if read_only {
        return Ok(());
    }
    let fix = format!("run `{command} {}`", path.display());
    Err(Distrust::Foreign { path: path.to_owned(), reason, fix })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    const WHO: Who = Who { uid: 1000, gid: 1000 };

    fn plain(uid: u32, mode: u32) -> Entry {
        Entry { uid, gid: 1000, mode, is_dir: true, enclosed: false }
    }

    #[test]
    fn root_and_the_own_user_are_trusted_and_nobody_else() {
        assert_eq!(flaw(plain(0, 0o755), WHO), None);
        assert_eq!(flaw(plain(1000, 0o700), WHO), None);
        assert!(flaw(plain(1001, 0o700), WHO).unwrap().0.contains("user 1001"));
        assert_eq!(flaw(plain(1000, 0o777), WHO).unwrap().1, "chmod o-w");
        assert_eq!(flaw(plain(1000, 0o775), WHO).unwrap().1, "chmod g-w");
        assert_eq!(flaw(plain(0, 0o1777), WHO), None, "a sticky folder");
        assert!(flaw(Entry { is_dir: false, ..plain(0, 0o1777) }, WHO).is_some());
        assert_eq!(flaw(Entry { enclosed: true, ..plain(1000, 0o775) }, WHO), None);
        assert!(flaw(Entry { enclosed: true, gid: 5, ..plain(1000, 0o775) }, WHO).is_some());
        assert!(flaw(Entry { enclosed: true, ..plain(1000, 0o777) }, WHO).is_some());
    }

    proptest! {
        #[test]
        fn what_others_may_write_or_own_is_never_trusted(
            uid in 0u32..4, gid in 0u32..4, mode in 0u32..0o10000, enclosed: bool,
        ) {
            let who = Who { uid: 2, gid: 2 };
            let entry = Entry { uid, gid, mode, is_dir: false, enclosed };
            if (uid != 0 && uid != 2) || mode & 0o002 != 0 {
                prop_assert!(flaw(entry, who).is_some());
            }
        }
    }

    #[test]
    fn the_entry_that_others_can_change_is_named_with_its_command() {
        let dir = tempfile::tempdir().unwrap();
        let shared = dir.path().join("shared");
        let file = shared.join("a/b.wasm");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "x").unwrap();
        assert_eq!(trusted_path(&file).unwrap(), file.canonicalize().unwrap());
        fs::set_permissions(&shared, PermissionsExt::from_mode(0o777)).unwrap();
        let told = trusted_path(&file).unwrap_err().to_string();
        assert!(told.contains(&format!("run `chmod o-w {}`", shared.display())), "{told}");
        fs::set_permissions(&shared, PermissionsExt::from_mode(0o1777)).unwrap();
        trusted_path(&file).unwrap();
        if geteuid().is_root() {
            for path in [&shared, &file] {
                chown(path, Some(12345), None).unwrap();
                let told = trusted_path(&file).unwrap_err().to_string();
                assert!(told.contains(&format!("run `chown root {}`", path.display())), "{told}");
                chown(path, Some(0), None).unwrap();
            }
        }
    }

    #[test]
    fn a_link_is_followed_where_its_owner_is_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("private/wickd");
        fs::create_dir_all(&real).unwrap();
        let link = dir.path().join("wickd");
        symlink("private/../private/wickd", &link).unwrap();
        assert_eq!(trusted_path(&link).unwrap(), real.canonicalize().unwrap());
        symlink("round", dir.path().join("round")).unwrap();
        assert!(trusted_path(&dir.path().join("round")).is_err());
        assert!(trusted_path(&dir.path().join("nothing")).unwrap_err().is_absent());
        if geteuid().is_root() {
            std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
            assert!(trusted_path(&link).unwrap_err().to_string().contains("user 12345"));
        }
    }
}
