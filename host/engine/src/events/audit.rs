//! The audit log's subscriber: every lasting event, from wherever it came, in the order it was told.
//!
//! Comes in: notices, over a queue of their own. Goes out: entries, durable. It is a thread, so a slow
//! disk holds nobody up; a disk that refuses is told at the first refusal and as their count doubles.

use wickd_store::{Audit, AuditEntry};

use super::bus::End;
use super::{Notice, Notices, RunEvent, Subscription};
use crate::repeats::Repeats;

/// Notices under way to the audit log.
const WAITING_MAX: usize = 4096;
/// Entries of one durable commit: what has come while the last one was written.
const COMMIT_MAX: usize = 256;

/// The thread that keeps the audit log.
pub(crate) struct AuditWriter {
    thread: std::thread::JoinHandle<()>,
    end: End,
}

/// A subscription that waits for its log to be opened, so that what is told before is kept too.
pub(crate) struct AuditQueue {
    subscription: Subscription,
    end: End,
}

impl AuditQueue {
    pub(crate) fn open(notices: &Notices) -> Self {
        let (subscription, end) = notices.subscribe("the audit log", WAITING_MAX);
        Self { subscription, end }
    }

    /// Starts to write; without a log the queue ends here.
    pub(crate) fn write(
        self,
        audit: Option<Audit>,
        notices: &Notices,
    ) -> std::io::Result<Option<AuditWriter>> {
        let Self { subscription, end } = self;
        let Some(audit) = audit else {
            end.end();
            return Ok(None);
        };
        let notices = notices.clone();
        let thread = std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || keep(&audit, &subscription, &notices))?;
        Ok(Some(AuditWriter { thread, end }))
    }
}

impl AuditWriter {
    /// Writes what has been published until now, and ends.
    pub(crate) fn end(self) {
        self.end.end();
        // A thread that panicked has nothing left to write.
        let _ = self.thread.join();
    }
}

fn keep(audit: &Audit, subscription: &Subscription, notices: &Notices) {
    let failures = Repeats::default();
    while let Ok(first) = subscription.recv() {
        let more = subscription.try_iter().take(COMMIT_MAX - 1);
        let told = std::iter::once(first).chain(more);
        let entries: Vec<_> =
            told.filter(|notice| notice.is_audited()).map(|notice| entry(&notice)).collect();
        if entries.is_empty() {
            continue;
        }
        if let Err(error) = audit.append(&entries) {
            // What tells of it comes back over the queue and fails again: the doubling ends that.
            if let Some(times) = failures.again() {
                let why = crate::intake::chain(&error);
                notices.publish(Notice::of(RunEvent::AuditFailed { why, times }));
            }
        } else {
            failures.over();
        }
    }
}

fn entry(notice: &Notice) -> AuditEntry {
    AuditEntry {
        ts_ns: notice.at_ns,
        kind: notice.code.to_owned(),
        subject: notice.subject().to_owned(),
        detail: serde_json::to_value(notice).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{FileEvent, VenueEvent};

    #[test]
    fn lasting_events_of_every_part_are_kept_with_their_time_and_routine_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let folder = wickd_store::Folder::open(dir.path()).unwrap();
        let (notices, _heard) = Notices::channel();
        let queue = AuditQueue::open(&notices);
        // Told before the log is open.
        let refused = FileEvent::Refused { reason: "big".into(), fix: "less".into() };
        notices.publish(Notice::of(refused).place("a.wasm"));
        let writer = queue.write(Some(folder.audit().unwrap()), &notices).unwrap().unwrap();
        notices.publish(Notice::of(FileEvent::Found { name: "a.wasm".into() }));
        notices.publish(Notice::of(VenueEvent::Ready { venue: "v".into() }).venue("v"));
        writer.end();
        let kept = folder.audit().unwrap().tail(9).unwrap();
        let kept: Vec<_> =
            kept.iter().map(|(_, of)| (of.kind.as_str(), of.subject.as_str())).collect();
        assert_eq!(kept, [("file-refused", "a.wasm"), ("venue-ready", "v")]);
    }
}
