//! Hints from the operating system that something has changed in a folder.
//!
//! Comes in: folders. Goes out: wakes, which carry nothing: what is there is found by looking.
//! Deliberately absent: a promise that every change is hinted at.

use std::path::PathBuf;

use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::events::{FileEvent, Notice, Notices};

/// Calls `hint` when something changes, for as long as the watcher is kept. `None` where the system
/// gives no hints; that is told, and the periodic look finds everything.
pub(super) fn watch(
    folders: &[PathBuf],
    hint: impl Fn() + Send + 'static,
    notices: &Notices,
) -> Option<RecommendedWatcher> {
    let changed = move |event: notify::Result<notify::Event>| {
        if event.map_or(true, |event| tells_of_change(event.kind)) {
            hint();
        }
    };
    let mut watcher = match notify::recommended_watcher(changed) {
        Ok(watcher) => watcher,
        Err(error) => {
            notices.publish(degraded(&error));
            return None;
        }
    };
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        if let Err(error) = watcher.watch(folder, RecursiveMode::Recursive) {
            notices.publish(degraded(&error).place(folder.display()));
        }
    }
    Some(watcher)
}

/// Looking through a folder opens it, which must not be a reason to look again.
fn tells_of_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

fn degraded(error: &notify::Error) -> Notice {
    let is_of = |number| matches!(&error.kind, ErrorKind::Io(error) if error.raw_os_error() == Some(number));
    let knob = match &error.kind {
        ErrorKind::MaxFilesWatch => "raise the sysctl `fs.inotify.max_user_watches`; ",
        _ if is_of(ENOSPC) => "raise the sysctl `fs.inotify.max_user_watches`; ",
        _ if is_of(EMFILE) => "raise the sysctl `fs.inotify.max_user_instances`; ",
        _ => "",
    };
    Notice::of(FileEvent::WatchDegraded { why: error.to_string(), knob })
}

/// What inotify says when a user has too many instances, and too many watches.
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn looking_wakes_nobody_and_writing_does() {
        let dir = tempfile::tempdir().unwrap();
        let (hints, wakes) = channel();
        let (notices, _heard) = Notices::channel();
        let hint = move || hints.send(()).unwrap_or_default();
        let watcher = watch(&[dir.path().to_owned()], hint, &notices);
        assert!(watcher.is_some());
        for _ in 0..10 {
            assert_eq!(dir.path().read_dir().unwrap().count(), 0);
        }
        assert!(wakes.try_recv().is_err(), "looking was a reason to look");
        std::fs::write(dir.path().join("new.wasm"), b"bytes").unwrap();
        wakes.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_limit_of_the_system_is_named() {
        for (number, knob) in [(EMFILE, "max_user_instances"), (ENOSPC, "max_user_watches")] {
            let error = notify::Error::io(std::io::Error::from_raw_os_error(number));
            assert!(degraded(&error).fix.unwrap().contains(knob));
        }
    }
}
