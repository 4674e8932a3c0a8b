//! One file being read, on a thread of its own.
//!
//! Comes in: the file, and the bytes that held its place before the start. Goes out: those bytes from
//! the shelf, whose plugin the file is, and the plugin. Deliberately absent: when a file is read, and
//! what becomes of it then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use wickd_model::Digest;
use wickd_policy::Manifest;

use super::super::watch::Settled;
use super::super::{Admission, Cost, Description, Plugin, Unread};
use super::{Job, Place, Wake};
use crate::control::{AcceptedRecord, Reading as Told, ToControl};
use crate::events::{FileEvent, Notice, Notices};

/// Files whose bytes hold a place, until they have been read once.
pub(super) type Former = Arc<Mutex<BTreeMap<PathBuf, BTreeSet<Digest>>>>;

/// Files and the bytes of theirs that hold a place, as they were remembered.
pub(super) fn former(record: &AcceptedRecord) -> Former {
    let mut former = BTreeMap::<PathBuf, BTreeSet<Digest>>::new();
    if let Some(record) = record {
        let record = record.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, of) in record.holders() {
            former.entry(PathBuf::from(&of.path)).or_default().insert(of.digest);
        }
    }
    Arc::new(Mutex::new(former))
}

/// Bytes that a place was pinned to before the start, and whose file has others now, come back from
/// the shelf: the place goes on with them until the operator accepts the others.
pub(super) fn restore(
    admission: &Admission,
    file: &Settled,
    former: &Former,
    notices: &Notices,
    control: &Sender<ToControl>,
) {
    let held = former.lock().unwrap_or_else(PoisonError::into_inner).remove(&file.path);
    let Some(digests) = held else { return };
    let now = admission.digest_of(file);
    for digest in digests.iter().filter(|digest| Some(**digest) != now) {
        let Some(plugin) = admission.read_former(digest, file) else { continue };
        let notice = Notice::of(FileEvent::Restored {}).plugin(plugin.label(), plugin.digest);
        notices.publish(notice.place(file.path.display()));
        // Control has ended, and so will this thread.
        let _ = control.send(ToControl::Admitted(Arc::new(plugin)));
    }
}

/// A file being read, on its own thread.
pub(super) struct Reading<'r> {
    pub(super) job: &'r Job,
    pub(super) control: Sender<ToControl>,
    pub(super) wakes: Sender<Wake>,
    pub(super) place: &'r Place,
    pub(super) has_place: &'r AtomicBool,
}

impl Reading<'_> {
    /// Every step, up to the one at which it may have to wait.
    pub(super) fn run(&self, admission: &Admission) -> Result<(Plugin, Cost), Unread> {
        admission.read(&self.job.file, &|description| self.described(description))
    }

    /// Tells whose plugin it is; says whether it may be compiled now.
    fn described(&self, description: &Description) -> bool {
        // One whose manifest does not hold is refused by the steps that follow.
        if let Ok(manifest) = Manifest::of(&description.manifest) {
            let (path, plugin) = (self.job.file.path.clone(), manifest.name);
            let requires: Vec<_> = manifest.requires.into_keys().collect();
            let (number, name, needs) = (self.job.number, plugin.clone(), requires.clone());
            // Who has ended needs not be told.
            let _ =
                self.control.send(ToControl::Reading(Told::Described { path, plugin, requires }));
            let _ = self.wakes.send(Wake::Described { number, plugin: name, requires: needs });
        }
        if !self.has_place.load(Ordering::Acquire) && self.place.pass() {
            self.has_place.store(true, Ordering::Release);
        }
        self.has_place.load(Ordering::Acquire)
    }
}
