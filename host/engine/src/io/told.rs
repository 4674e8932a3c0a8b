//! What one of the I/O tier was refused: counted always, told once each.
//!
//! Comes in: refusals, on whatever thread they happen. Goes out: one notice per distinct refusal, with
//! the line that would grant it. Deliberately absent: deciding.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wickd_model::{Digest, SlotName};
use wickd_sandbox::io::{Refused, RefusedKind};

use crate::control::Standing;
use crate::events::{Notice, Notices, SlotEvent};

/// Distinct refusals told of one generation; a guest can make up any number of them.
const TOLD_MAX: usize = 256;

/// The numbers of one of the tier.
#[derive(Default)]
pub(crate) struct Counts {
    /// Of a utility: events it was called with.
    pub(crate) heard: AtomicU64,
    /// Of a feed: rounds it was called for.
    pub(crate) rounds: AtomicU64,
    /// Of a feed: events that went on to the lanes.
    pub(crate) given: AtomicU64,
    /// Of a feed: what it gave that is no market data of its own.
    pub(crate) refused: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) counted: AtomicU64,
    pub(crate) limited: AtomicU64,
    pub(crate) standing: Mutex<Standing>,
}

impl Counts {
    pub(crate) fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn runs(&self, version: String, digest: Digest) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        (standing.version, standing.digest) = (version, Some(digest));
    }

    pub(crate) fn get(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stand(&self, state: &'static str) {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).state = state;
    }
}

/// An ear for one generation's refusals.
pub(crate) fn ear(
    slot: SlotName,
    plugin: (String, Digest),
    counts: Arc<Counts>,
    notices: Notices,
) -> impl Fn(Refused) + Send + Sync + 'static {
    let told = Mutex::new(BTreeSet::new());
    move |refused: Refused| {
        Counts::add(match refused.kind {
            RefusedKind::Denied => &counts.denied,
            RefusedKind::Counted => &counts.counted,
            RefusedKind::Limited => &counts.limited,
        });
        let what = {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            match told.len() {
                ..TOLD_MAX if told.insert(refused.text.clone()) => refused.text,
                TOLD_MAX if told.insert(String::new()) => {
                    format!(
                        "{TOLD_MAX} different refusals were told; further ones are only counted"
                    )
                }
                _ => return,
            }
        };
        let (label, digest) = &plugin;
        let fix = refused.fix;
        let event = match refused.kind {
            RefusedKind::Denied => SlotEvent::NetworkDenied { what, fix },
            RefusedKind::Counted => SlotEvent::NetworkCounted { what, fix },
            RefusedKind::Limited => SlotEvent::NetworkLimited { what, fix },
        };
        notices.publish(Notice::of(event).slot(&slot).plugin(label, *digest));
    }
}
