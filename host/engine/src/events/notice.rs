//! An event as its subscribers receive it: rendered, with its time and what it is about.

use serde::{Serialize, Serializer};
use wickd_model::{Digest, Fault, TsNs};
use wickd_policy::yaml::Problem;

use super::{Event, Severity};
use crate::lane::Accounts;

/// Longest place shown: the longest path Linux takes.
const PLACE_BYTES_MAX: usize = 4096;

/// One event, told.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// Wall time.
    #[serde(rename = "time", serialize_with = "rfc3339")]
    pub at_ns: TsNs,
    /// Time of the last market event given to the lanes; 0 before the first.
    #[serde(rename = "event_time", serialize_with = "rfc3339", skip_serializing_if = "is_zero")]
    pub event_ns: TsNs,
    /// Stable: scripts match on it.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Which part of wickd it comes from.
    pub source: &'static str,
    /// Which slot, feed or utility.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
    /// Which venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
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
    /// What happened, for code that acts on it.
    #[serde(skip)]
    pub event: Event,
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
    /// The event rendered; its times are set where it is published.
    pub(crate) fn of(event: impl Into<Event>) -> Self {
        let event = event.into();
        let code = event.code();
        Self {
            at_ns: 0,
            event_ns: 0,
            code: code.code,
            severity: event.severity(),
            source: code.source,
            slot: None,
            venue: None,
            plugin: None,
            digest: None,
            place: None,
            text: event.text(),
            fix: event.fix(),
            detail: None,
            event,
        }
    }

    pub(crate) fn slot(mut self, slot: impl ToString) -> Self {
        self.slot = Some(slot.to_string());
        self
    }

    pub(crate) fn venue(mut self, venue: impl ToString) -> Self {
        self.venue = Some(venue.to_string());
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

    pub(crate) fn detail(mut self, detail: Detail) -> Self {
        self.detail = Some(detail);
        self
    }

    /// With the times and the subject of another.
    pub(crate) fn about(self, other: &Self) -> Self {
        let Self { at_ns, event_ns, .. } = *other;
        let (slot, venue) = (other.slot.clone(), other.venue.clone());
        let (plugin, digest) = (other.plugin.clone(), other.digest);
        Self { at_ns, event_ns, slot, venue, plugin, digest, ..self }
    }

    /// Whether the audit log keeps it.
    pub fn is_audited(&self) -> bool {
        self.event.code().audited
    }

    /// What it is about, in one name: the slot, venue, plugin or file; empty for wickd itself.
    pub fn subject(&self) -> &str {
        let names = [&self.slot, &self.venue, &self.plugin, &self.place];
        names.into_iter().flatten().next().map_or("", String::as_str)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(ns: &TsNs) -> bool {
    *ns == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn rfc3339<S: Serializer>(ns: &TsNs, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&wickd_model::utc(*ns))
}
