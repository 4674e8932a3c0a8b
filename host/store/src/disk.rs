//! The few file-system steps that must be right everywhere: private folders, atomic files.
//!
//! Comes in: paths and bytes. Goes out: durable files. Deliberately absent: writing in place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use rustix::process::geteuid;
use wickd_model::TsNs;

use crate::{Distrust, StoreError, trusted_path};

const TEMP_PREFIX: &str = ".tmp-";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes `dir` if it is missing, and closes it to everybody else. A link is not followed.
pub(crate) fn private_folder(dir: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(dir) {
        Ok(found) if !found.is_dir() => {
            let source = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(StoreError::io("open the folder", dir)(source));
        }
        Ok(found) if found.permissions().mode() & 0o777 == FOLDER_MODE => return Ok(()),
        Ok(_) => {
            return fs::set_permissions(dir, fs::Permissions::from_mode(FOLDER_MODE))
                .map_err(StoreError::io("close to other users the folder", dir));
        }
        Err(_) => {}
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(dir)
        .map_err(StoreError::io("make the folder", dir))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

/// Bytes free for this user on the disk of `path`.
///
/// # Errors
/// There is no such path, or the disk refuses.
pub fn free_bytes(path: &Path) -> Result<u64, StoreError> {
    let found = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::io("ask for room", path)(error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Makes `dir` if it is missing, closes it to everybody else, and says where it really is: a service
/// manager may have put a link there. It and all above it must be root's or this process's user's.
pub(crate) fn own_folder(dir: &Path) -> Result<PathBuf, StoreError> {
    match trusted_path(dir) {
        Ok(_) => {}
        Err(distrust) if distrust.is_absent() => private_folder(dir)?,
        // Its owner may have left it open; whoever that is not cannot close it.
        Err(Distrust::Foreign { path, .. }) if dir.canonicalize().is_ok_and(|dir| dir == path) => {
            let owned = fs::metadata(&path).is_ok_and(|of| of.uid() == geteuid().as_raw());
            if owned {
                private_folder(&path)?;
            }
        }
        Err(distrust) => return Err(distrust.into()),
    }
    let real = trusted_path(dir)?;
    private_folder(&real)?;
    // What somebody put there while it was open.
    for entry in fs::read_dir(&real).map_err(StoreError::io("list", &real))? {
        let path = entry.map_err(StoreError::io("list", &real))?.path();
        let meta = fs::symlink_metadata(&path).map_err(StoreError::io("look at", &path))?;
        if meta.is_symlink() {
            let (reason, fix) = ("it is a link, and no file of wickd's is one", "remove it");
            return Err(Distrust::Foreign { path, reason: reason.into(), fix: fix.into() }.into());
        }
        trusted_path(&path)?;
    }
    Ok(real)
}

/// Opens `path` for reading and writing, makes it if it is missing, private to the user. A link is not
/// followed.
pub(crate) fn private_file(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
        .map_err(StoreError::io("open", path))
}

/// Makes renames and new names in `dir` durable.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(StoreError::io("make durable the folder", dir))
}

/// Writes `dir/name` whole or not at all: temp file, fsync, rename, fsync the folder. The file's
/// modification time is `ts_ns`, because age decides what is pruned and no clock is read here.
pub(crate) fn write_atomic(
    dir: &Path,
    name: &str,
    parts: &[&[u8]],
    ts_ns: TsNs,
) -> Result<(), StoreError> {
    let temp = dir.join(format!("{TEMP_PREFIX}{name}"));
    let target = dir.join(name);
    let written = (|| {
        // A temp file of the same name can only be a leftover: the folder has one owner.
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(&temp)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(ts_ns))?;
        file.sync_all()?;
        fs::rename(&temp, &target)
    })();
    if let Err(source) = written {
        // Best effort: the next start sweeps leftovers too.
        let _ = fs::remove_file(&temp);
        return Err(StoreError::io("write", &target)(source));
    }
    sync_folder(dir)
}

/// A file with what pruning needs to know of it.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) ts_ns: TsNs,
}

/// Regular files of `dir` with names in UTF-8, newest first, then by name. Leftover temp files are
/// not listed.
pub(crate) fn list(dir: &Path) -> Result<Vec<Listed>, StoreError> {
    let read = || -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !meta.is_file() || name.starts_with(TEMP_PREFIX) {
                continue;
            }
            let age = meta.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let ts_ns = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            files.push(Listed { name, bytes: meta.len(), ts_ns });
        }
        Ok(files)
    };
    let mut files = read().map_err(StoreError::io("list", dir))?;
    files.sort_by(|a, b| b.ts_ns.cmp(&a.ts_ns).then_with(|| a.name.cmp(&b.name)));
    Ok(files)
}

/// Removes what a crash left half-written.
pub(crate) fn sweep(dir: &Path) -> Result<(), StoreError> {
    let swept = || -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    swept().map_err(StoreError::io("clear leftovers from", dir))
}

/// The whole file, or `None` where there is none. Refuses more than `bytes_max`.
pub(crate) fn read(
    path: &Path,
    bytes_max: u64,
    key: &'static str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", path)(error)),
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells a full file from a cut one.
    let taken = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
    taken.map_err(StoreError::io("read", path))?;
    let size = bytes.len() as u64;
    if size > bytes_max {
        let what = path.display().to_string();
        return Err(StoreError::TooLarge { what, bytes: size, bytes_max, key });
    }
    Ok(Some(bytes))
}

/// Removes a file; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
