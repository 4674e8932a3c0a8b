//! What the house has to say, as it happens: one value per happening, for people and for machines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use wickd_model::{Digest, Fault};
use wickd_policy::yaml::Problem;

use crate::io::Inbox;
use crate::lane::Accounts;

/// Notices under way. A reader that slow loses some, and is told how many.
const NOTICES_MAX: usize = 4096;

/// Longest place shown: the longest path Linux takes.
const PLACE_BYTES_MAX: usize = 4096;

/// How much a notice matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something went as it should.
    Info,
    /// Something was refused or contained; the house goes on as it was.
    Warn,
    /// The operator must act.
    Error,
}

/// One happening.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// Stable: scripts match on it.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Which slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Which plugin, with its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Which bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Which file, and perhaps the place in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// One sentence.
    pub text: String,
    /// What would mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The numbers behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
}

/// The numbers behind a notice.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Of a swap.
    Swap(Accounts),
    /// Of a failure.
    Fault(Box<Fault>),
    /// Of something that happens again and again: how often so far.
    Count(u64),
    /// Of parameters that do not fit their plugin: their places in the configuration.
    Config(Vec<Problem>),
    /// Of an admission: how long each part took.
    Admitted {
        /// Milliseconds to compile; 0 where the cache had it.
        compile_ms: u64,
        /// The compile cache had it.
        cached: bool,
        /// Size of the file.
        bytes: u64,
    },
}

impl Notice {
    pub(crate) fn new(severity: Severity, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            slot: None,
            plugin: None,
            digest: None,
            place: None,
            text: text.into(),
            fix: None,
            detail: None,
        }
    }

    pub(crate) fn info(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, text)
    }

    pub(crate) fn warn(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(Severity::Warn, code, text)
    }

    pub(crate) fn error(code: &'static str, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, text)
    }

    pub(crate) fn slot(mut self, slot: impl ToString) -> Self {
        self.slot = Some(slot.to_string());
        self
    }

    pub(crate) fn plugin(mut self, plugin: impl ToString, digest: Digest) -> Self {
        self.plugin = Some(plugin.to_string());
        self.digest = Some(digest);
        self
    }

    pub(crate) fn place(mut self, place: impl ToString) -> Self {
        // A file's name is its author's text: bounded and escaped like any other.
        let place = place.to_string();
        self.place = Some(wickd_model::printable(place.as_bytes(), PLACE_BYTES_MAX));
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(crate) fn detail(mut self, detail: Detail) -> Self {
        self.detail = Some(detail);
        self
    }
}

/// Where notices go. Never waits: a full pipe costs notices, not ticks.
#[derive(Clone)]
pub(crate) struct Notices {
    sender: SyncSender<Notice>,
    lost: Arc<AtomicU64>,
    /// Utilities that hear notices.
    ears: Arc<OnceLock<Vec<Arc<Inbox>>>>,
}

impl Notices {
    pub(crate) fn channel() -> (Self, Receiver<Notice>) {
        let (sender, receiver) = sync_channel(NOTICES_MAX);
        (Self { sender, lost: Arc::default(), ears: Arc::default() }, receiver)
    }

    /// Lets utilities hear what is said from now on; once.
    pub(crate) fn heard_by(&self, ears: Vec<Arc<Inbox>>) {
        let _ = self.ears.set(ears);
    }

    pub(crate) fn say(&self, notice: Notice) {
        for ear in self.ears.get().into_iter().flatten() {
            ear.notice(&notice);
        }
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 {
            let text = format!("{lost} notices were lost because their reader is slow");
            if self.sender.try_send(Notice::warn("notices-lost", text)).is_ok() {
                self.lost.fetch_sub(lost, Ordering::Relaxed);
            }
        }
        if let Err(TrySendError::Full(_)) = self.sender.try_send(notice) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
