//! Whole copies of a state folder: out, and back in.
//!
//! Comes in: a folder that nobody else has open. Goes out: durable copies of everything that cannot be made
//! anew. Deliberately absent: compiled code, which the next start makes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{StoreError, disk};

/// What a copy has of a state folder: files, and folders of files.
const MEMBERS: [&str; 7] =
    ["journal.redb", "state.redb", "venue.redb", "audit.redb", "accepted.json", "archive", "shelf"];
/// The copy while it is being made.
const UNFINISHED: &str = ".tmp-copy";

/// Copies a state folder to `to`, which must not be there yet; gives the bytes copied.
pub(crate) fn out(dir: &Path, to: &Path) -> Result<u64, StoreError> {
    if to.exists() {
        return Err(StoreError::io("make a copy in", to)(io::ErrorKind::AlreadyExists.into()));
    }
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    let part = parent.join(name);
    clear(&part)?;
    let bytes = members(dir, &part)?;
    fs::rename(&part, to).map_err(StoreError::io("finish the copy", to))?;
    disk::sync_folder(parent)?;
    Ok(bytes)
}

/// Puts the copy `from` in the place of what is in `dir`, which is kept in `aside`, a folder inside it.
pub(crate) fn back(dir: &Path, from: &Path, aside: &Path) -> Result<u64, StoreError> {
    if !from.join(MEMBERS[0]).is_file() {
        return Err(StoreError::io("find journal.redb in", from)(io::ErrorKind::NotFound.into()));
    }
    let part = dir.join(UNFINISHED);
    clear(&part)?;
    let bytes = members(from, &part)?;
    disk::private_folder(aside)?;
    // A kill from here on leaves files that do not belong together, which the next start notices.
    for name in MEMBERS {
        rename(&dir.join(name), &aside.join(name))?;
    }
    for name in MEMBERS {
        rename(&part.join(name), &dir.join(name))?;
    }
    clear(&part)?;
    disk::sync_folder(dir)?;
    Ok(bytes)
}

fn members(from: &Path, to: &Path) -> Result<u64, StoreError> {
    disk::private_folder(to)?;
    let mut bytes = 0;
    for name in MEMBERS {
        bytes += copy(&from.join(name), &to.join(name))?;
    }
    disk::sync_folder(to)?;
    Ok(bytes)
}

/// A file, or a folder of files; nothing where there is none. Links are not followed.
fn copy(from: &Path, to: &Path) -> Result<u64, StoreError> {
    let found = match fs::symlink_metadata(from) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(StoreError::io("read", from)(error)),
    };
    if found.is_dir() {
        disk::private_folder(to)?;
        let mut bytes = 0;
        for entry in fs::read_dir(from).map_err(StoreError::io("list", from))? {
            let entry = entry.map_err(StoreError::io("list", from))?;
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                bytes += copy(&entry.path(), &to.join(entry.file_name()))?;
            }
        }
        disk::sync_folder(to)?;
        return Ok(bytes);
    }
    if !found.is_file() {
        return Ok(0);
    }
    let mut source = fs::File::open(from).map_err(StoreError::io("read", from))?;
    let mut target = disk::private_file(to)?;
    let copied = io::copy(&mut source, &mut target).and_then(|bytes| {
        target.sync_all()?;
        Ok(bytes)
    });
    copied.map_err(StoreError::io("copy to", to))
}

fn rename(from: &PathBuf, to: &PathBuf) -> Result<(), StoreError> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("move", from)(error))
        }
        _ => Ok(()),
    }
}

fn clear(part: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("clear", part)(error))
        }
        _ => Ok(()),
    }
}
