//! Who holds each place: the operator's rule, held against what is there and what was accepted before.
//!
//! Comes in: a place with its rule, the plugins that would take it, the operator's approval. Goes out:
//! the one that does, remembered durably, and those that are held, each told once with what it asks for
//! beyond the one in place. Deliberately absent: what taking a place means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use wickd_model::{Digest, TsNs};
use wickd_policy::acceptance::{Accept, Candidate, Choice, Held, Pin, Profile, choose};
use wickd_store::{Accepted, AcceptedBytes, StoreError};

use crate::events::{FileEvent, Notice};
use crate::intake::Plugin;

/// Held bytes that were told, so that each is told once. Beyond it all are forgotten and told again.
const TOLD_MAX: usize = 4_096;
/// Lines of a difference in a notice; `wickd held` has all.
const LINES_TOLD_MAX: usize = 12;

/// Bytes that would have a place and are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldPlugin {
    /// The place: `slot/NAME`, `slot/NAME/INPUT`, `venue/NAME`, `feed/NAME` or `utility/NAME`.
    pub place: String,
    /// What they claim to be.
    pub plugin: String,
    /// Their identity.
    pub digest: Digest,
    /// Their file.
    pub path: String,
    /// Why they are held.
    pub why: String,
    /// What holds the place now.
    pub holder: Option<Digest>,
    /// What they ask for more (`+`) and less (`-`) than what holds the place.
    pub difference: Vec<String>,
}

impl HeldPlugin {
    /// The command that accepts them.
    pub fn command(&self) -> String {
        format!("wickd approve {} {}", self.place, self.digest)
    }
}

/// Why nothing was approved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum NotApproved {
    #[error("there is no place `{0}`; `wickd held` names those that hold something")]
    NoPlace(String),
    #[error("`{0}` could be {1}; write one of these")]
    Ambiguous(String, String),
    #[error(
        "no file in the watched folders has the bytes {0}; copy the whole digest from `wickd held`"
    )]
    NoBytes(Digest),
    #[error("`{0}` takes any bytes, so nothing is held there")]
    Open(String),
    #[error("`accept` of `{0}` lists its digests in the configuration: add it there")]
    Listed(String),
    #[error("the record of accepted bytes cannot be used: {0}")]
    Record(String),
}

/// The record on disk, shared with intake; none where it cannot be read.
pub(crate) type Record = Option<Arc<Mutex<AcceptedBytes>>>;

/// The place that the operator means, of all there are: by its name, or by its name without its kind.
/// Where two fit, the one that `holds` something.
pub(crate) fn resolve(
    mut places: Vec<(String, Accept)>,
    text: &str,
    holds: impl Fn(&str) -> bool,
) -> Result<String, NotApproved> {
    places.retain(|(place, _)| {
        place == text || place.split_once('/').is_some_and(|(_, name)| name == text)
    });
    if places.iter().filter(|(place, _)| holds(place)).count() == 1 {
        places.retain(|(place, _)| holds(place));
    }
    match &places[..] {
        [] => Err(NotApproved::NoPlace(text.to_owned())),
        [(place, Accept::Any)] => Err(NotApproved::Open(place.clone())),
        [(place, Accept::Listed(_))] => Err(NotApproved::Listed(place.clone())),
        [(place, Accept::Pinned | Accept::Signed(_))] => Ok(place.clone()),
        _ => {
            let names: Vec<_> = places.into_iter().map(|(place, _)| place).collect();
            Err(NotApproved::Ambiguous(text.to_owned(), names.join(" or ")))
        }
    }
}

/// Who holds what.
pub(crate) struct Acceptance {
    record: Record,
    held: BTreeMap<String, Vec<HeldPlugin>>,
    told: BTreeSet<(String, Digest)>,
}

/// What became of a place.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) taken: Option<Arc<Plugin>>,
    pub(crate) notices: Vec<Notice>,
}

impl Acceptance {
    pub(crate) fn new(record: Record) -> Self {
        Self { record, held: BTreeMap::new(), told: BTreeSet::new() }
    }

    /// Which of `candidates`, the best first and without those that failed there, takes the place.
    pub(crate) fn choose(
        &mut self,
        place: &str,
        accept: &Accept,
        candidates: &[Arc<Plugin>],
        failed: &BTreeSet<Digest>,
        may_pin: bool,
        now: TsNs,
    ) -> Outcome {
        let known = match accept {
            // Nothing is remembered of a place that takes anything.
            Accept::Any => Some(Vec::new()),
            _ => self.pins(place, failed),
        };
        let choice = match &known {
            Some(pins) => choose(accept, pins, &seen(candidates), may_pin),
            None => Choice {
                held: (0..candidates.len()).map(|at| (at, Held::NoRecord)).collect(),
                ..Choice::default()
            },
        };
        let pins = known.unwrap_or_default();
        let mut outcome = Outcome {
            taken: choice.taken.and_then(|at| candidates.get(at)).cloned(),
            notices: Vec::new(),
        };
        if let Some(plugin) = outcome.taken.clone() {
            let unseen = |pin: &Pin| pin.digest == plugin.digest && pin.profile.is_none();
            let how = match (choice.is_new, accept) {
                (true, Accept::Signed(_)) if !pins.is_empty() => Some("signed"),
                (true, _) => Some("first"),
                (false, _) => pins.last().filter(|pin| unseen(pin)).map(|_| "approved"),
            };
            if let Some(how) = how {
                let written = self.remember(place, &plugin, how, now);
                outcome.notices.push(pinned(place, &plugin, how, written));
            }
        }
        let held = choice.held.into_iter();
        let held: Vec<_> = held
            .filter_map(|(at, why)| {
                Some(held_plugin(place, candidates.get(at)?, &why, pins.last()))
            })
            .collect();
        for plugin in &held {
            if self.told.len() >= TOLD_MAX {
                self.told.clear();
            }
            if self.told.insert((plugin.place.clone(), plugin.digest)) {
                outcome.notices.push(held_notice(plugin));
            }
        }
        match held.is_empty() {
            true => self.held.remove(place),
            false => self.held.insert(place.to_owned(), held),
        };
        outcome
    }

    /// Everything that is held.
    pub(crate) fn held(&self) -> Vec<HeldPlugin> {
        self.held.values().flatten().cloned().collect()
    }

    /// The bytes that hold a place somewhere: they are kept while their file has others.
    pub(crate) fn holders(&self) -> BTreeSet<Digest> {
        let Some(record) = &self.record else { return BTreeSet::new() };
        let record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.holders().map(|(_, of)| of.digest).collect()
    }

    /// The operator's word: these bytes hold the place from now on.
    pub(crate) fn approve(
        &mut self,
        place: &str,
        plugin: &Plugin,
        now: TsNs,
    ) -> Result<(), NotApproved> {
        self.remember(place, plugin, "approved", now).map_err(NotApproved::Record)
    }

    /// What was accepted for a place and has not failed there, the latest last; `None` where that is
    /// not known.
    fn pins(&self, place: &str, failed: &BTreeSet<Digest>) -> Option<Vec<Pin>> {
        let record = self.record.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = record.of(place).iter().filter(|of| !failed.contains(&of.digest));
        let pin = |of: &Accepted| Pin {
            digest: of.digest,
            version: of.version.as_ref().and_then(|version| version.parse().ok()),
            profile: of.rights.clone().map(|rights| Profile { rights, other: of.other.clone() }),
        };
        Some(accepted.map(pin).collect())
    }

    fn remember(
        &mut self,
        place: &str,
        plugin: &Plugin,
        how: &str,
        now: TsNs,
    ) -> Result<(), String> {
        let Some(record) = &self.record else { return Err(Held::NoRecord.to_string()) };
        let accepted = Accepted {
            digest: plugin.digest,
            plugin: plugin.label(),
            version: Some(plugin.manifest.version.to_string()),
            path: plugin.path.to_string_lossy().into_owned(),
            ts_ns: now,
            how: how.to_owned(),
            rights: Some(plugin.profile.rights.clone()),
            other: plugin.profile.other.clone(),
        };
        let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
        record.accept(place, accepted).map_err(|error: StoreError| crate::intake::chain(&error))
    }
}

fn seen(candidates: &[Arc<Plugin>]) -> Vec<Candidate<'_>> {
    candidates.iter().map(|plugin| plugin.candidate()).collect()
}

fn held_plugin(place: &str, plugin: &Plugin, why: &Held, holder: Option<&Pin>) -> HeldPlugin {
    let known = holder.and_then(|pin| pin.profile.as_ref());
    HeldPlugin {
        place: place.to_owned(),
        plugin: plugin.label(),
        digest: plugin.digest,
        path: plugin.path.display().to_string(),
        why: why.to_string(),
        holder: holder.map(|pin| pin.digest),
        difference: plugin.profile.against(known).lines(),
    }
}

fn held_notice(held: &HeldPlugin) -> Notice {
    let lines = &held.difference;
    let more = lines.len().saturating_sub(LINES_TOLD_MAX);
    let mut differs = lines.iter().take(LINES_TOLD_MAX).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        differs.push_str(&format!("; and {more} more"));
    }
    if lines.is_empty() {
        differs = "it asks for the same".to_owned();
    }
    let (place, why, command) = (held.place.clone(), held.why.clone(), held.command());
    let event = FileEvent::Held { place, why, differs, command };
    Notice::of(event).plugin(&held.plugin, held.digest).place(&held.path)
}

fn pinned(place: &str, plugin: &Plugin, how: &str, written: Result<(), String>) -> Notice {
    let place = place.to_owned();
    let how = match how {
        "first" => "the first that were there",
        "signed" => "which are signed and newer",
        _ => "as approved",
    };
    let event = match written {
        Ok(()) => FileEvent::Pinned { place, how },
        Err(why) => FileEvent::PinFailed { place, why },
    };
    Notice::of(event).plugin(plugin.label(), plugin.digest).place(plugin.path.display())
}
