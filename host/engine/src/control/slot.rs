//! One slot as control sees it: which bytes run, which are barred, when it comes back.
//!
//! Comes in: happenings and the time. Goes out: what to do next. Deliberately absent: doing it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use wickd_model::{Digest, PluginName};
use wickd_policy::LimitsPatch;

use crate::intake::Plugin;
use crate::lane::{Accounts, Gauge, Saved};
use crate::plan::{RestartPlan, SlotPlan};
use crate::repeats::Repeats;

/// How a slot is, for people.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Standing {
    /// One word: `waiting`, `live`, `shadow`, `probation`, `backoff`, `quarantined`, `stopped`.
    pub state: &'static str,
    /// The plugin's version.
    pub version: String,
    /// The bytes.
    pub digest: Option<Digest>,
    /// Why it is not live, where it is not.
    pub why: String,
    /// The gauges its plugin has set.
    pub metrics: BTreeMap<String, f64>,
}

/// A slot under control.
pub(crate) struct SlotControl {
    pub(crate) plan: SlotPlan,
    /// Its number in the journal.
    pub(crate) key: u32,
    pub(crate) lane: usize,
    /// What its amounts are counted in.
    pub(crate) currency: String,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) standing: Arc<Mutex<Standing>>,
    /// What trades now.
    pub(crate) running: Option<Running>,
    /// What is on its way to the lane or in its shadow run.
    pub(crate) offered: Option<Arc<Plugin>>,
    /// The generation before, while it is warm.
    pub(crate) previous: Option<Running>,
    /// Bytes this slot does not take any more, and why.
    pub(crate) barred: BTreeMap<Digest, String>,
    pub(crate) generations: u32,
    /// The latest saved state.
    pub(crate) saved: Option<Saved>,
    pub(crate) next_snapshot_ns: u64,
    pub(crate) next_metrics_ns: u64,
    pub(crate) supervision: Supervision,
    pub(crate) swaps: Vec<Accounts>,
    pub(crate) last_fault: Option<Box<wickd_model::Fault>>,
    /// On their way to the lane, oldest first: what `running` becomes once the lane has it.
    pub(crate) next: VecDeque<Running>,
    /// The bytes of the generation that ran last.
    pub(crate) last: Option<Digest>,
    /// Past events the generation on its way was warmed up with.
    pub(crate) warmed: u64,
    /// The last market event of that warm-up.
    pub(crate) heard_to: u64,
    /// The market event at which the last generation failed.
    pub(crate) failed_at: Option<u64>,
    /// Bytes that refused the state and start without it, as the operator wishes.
    pub(crate) anew: Option<Digest>,
    /// The generation on its way, or live, has the saved state.
    pub(crate) restored: bool,
    /// Times it was too slow for its lane.
    pub(crate) catch_ups: u32,
    /// Log lines the guest lost to its budget.
    pub(crate) log_dropped: u64,
    /// Its state could not be written.
    pub(crate) unsaved: Repeats,
    /// What it waits for, so that it is said once.
    pub(crate) waits_for: Option<String>,
    /// The input that was not there when it was to be seated.
    pub(crate) misses: Option<PluginName>,
    pub(crate) stopping: bool,
    /// Lower limits that the running bytes have failed under.
    pub(crate) declined: Option<LimitsPatch>,
}

/// The one currency of all these, or each of them where they differ.
pub(crate) fn currency_of<'c>(all: impl Iterator<Item = &'c str>) -> String {
    let all: BTreeSet<_> = all.collect();
    all.into_iter().collect::<Vec<_>>().join("+")
}

/// Swaps kept with their accounts: the display shows the last ones, the audit log has all.
pub(crate) const SWAPS_KEPT: usize = 64;

/// A generation on the lane.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) state_version: u32,
}

impl SlotControl {
    /// A slot before anything was found for it.
    pub(crate) fn new(
        plan: SlotPlan,
        key: u32,
        lane: usize,
        currency: String,
        gauge: Arc<Gauge>,
        saved: Option<Saved>,
    ) -> Self {
        let supervision = Supervision::new(plan.restart, u64::from(key) << 32 | 0x5eed);
        Self {
            plan,
            key,
            lane,
            currency,
            gauge,
            standing: Arc::default(),
            running: None,
            offered: None,
            previous: None,
            barred: BTreeMap::new(),
            generations: 0,
            saved,
            next_snapshot_ns: 0,
            next_metrics_ns: 0,
            supervision,
            swaps: Vec::new(),
            last_fault: None,
            next: VecDeque::new(),
            last: None,
            warmed: 0,
            heard_to: 0,
            failed_at: None,
            anew: None,
            restored: false,
            catch_ups: 0,
            log_dropped: 0,
            unsaved: Repeats::default(),
            waits_for: None,
            misses: None,
            stopping: false,
            declined: None,
        }
    }

    /// Its name among all places.
    pub(crate) fn place(&self) -> String {
        format!("slot/{}", self.plan.name)
    }

    /// These bytes are not taken again. Where they run already under other limits, only their new limits
    /// are not.
    pub(crate) fn decline(&mut self, digest: Digest, lowered: Option<&LimitsPatch>, why: String) {
        let stays = |of: &Option<Running>| {
            of.as_ref().is_some_and(|of| {
                of.plugin.digest == digest && lowered.is_some_and(|new| *new != of.plugin.lowered)
            })
        };
        match stays(&self.running) || stays(&self.previous) {
            true => self.declined = lowered.cloned(),
            false => drop(self.barred.insert(digest, why)),
        }
    }

    /// How it stands now.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn show_metrics(&self, metrics: Vec<(String, f64)>) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.metrics = metrics.into_iter().collect();
    }

    pub(crate) fn barred_digests(&self) -> BTreeSet<Digest> {
        self.barred.keys().copied().collect()
    }

    /// Takes a generation the lane has reported on, and forgets the older ones: a newer offer
    /// replaces an older one on the lane too.
    pub(crate) fn take_next(&mut self, digest: Digest) -> Option<Running> {
        let place = self.next.iter().position(|next| next.plugin.digest == digest)?;
        self.next.drain(..=place).next_back()
    }

    pub(crate) fn last_digest(&self) -> Option<Digest> {
        self.last
    }

    pub(crate) fn stand(&self, state: &'static str, why: impl Into<String>) {
        let running = self.running.as_ref().map(|running| &running.plugin);
        let shown = running.or(self.offered.as_ref());
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = std::mem::take(&mut standing.metrics);
        *standing = Standing {
            state,
            metrics,
            version: shown.map_or_else(String::new, |plugin| plugin.manifest.version.to_string()),
            digest: shown.map(|plugin| plugin.digest),
            why: why.into(),
        };
    }

    pub(crate) fn note_swap(&mut self, accounts: Accounts) {
        let known = self.swaps.iter_mut().rev().find(|swap| swap.generation == accounts.generation);
        match known {
            Some(swap) => *swap = accounts,
            None => {
                if self.swaps.len() == SWAPS_KEPT {
                    self.swaps.remove(0);
                }
                self.swaps.push(accounts);
            }
        }
    }
}

/// Failures of the bytes that run now, and what follows from them.
pub(crate) struct Supervision {
    plan: RestartPlan,
    failures_ns: VecDeque<u64>,
    /// When to start again.
    pub(crate) due_ns: Option<u64>,
    /// Makes the waits of many slots differ.
    jitter: u64,
}

/// What follows from a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sentence {
    /// Start again after this many milliseconds.
    Restart(u64),
    /// These bytes have failed too often.
    Quarantine,
}

impl Supervision {
    pub(crate) fn new(plan: RestartPlan, seed: u64) -> Self {
        Self { plan, failures_ns: VecDeque::new(), due_ns: None, jitter: seed | 1 }
    }

    /// Counts a failure. More than `restarts_max` within the window is the end for these bytes.
    pub(crate) fn failed(&mut self, now_ns: u64) -> Sentence {
        let window_ns = self.plan.window_ms.saturating_mul(1_000_000);
        self.failures_ns.retain(|at| now_ns.saturating_sub(*at) < window_ns);
        self.failures_ns.push_back(now_ns);
        if self.failures_ns.len() > self.plan.restarts_max as usize {
            self.failures_ns.clear();
            self.due_ns = None;
            return Sentence::Quarantine;
        }
        let doublings = (self.failures_ns.len() as u32 - 1).min(20);
        let wait_ms = self.plan.backoff_ms.saturating_mul(1 << doublings);
        let wait_ms = wait_ms.min(self.plan.backoff_max_ms);
        // Xorshift (Marsaglia 2003): up to a quarter longer, so that slots do not return together.
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        let wait_ms = wait_ms + self.jitter % (wait_ms / 4 + 1);
        self.due_ns = Some(now_ns.saturating_add(wait_ms.saturating_mul(1_000_000)));
        Sentence::Restart(wait_ms)
    }

    /// Other bytes start with a clean sheet.
    pub(crate) fn forget(&mut self) {
        self.failures_ns.clear();
        self.due_ns = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAN: RestartPlan =
        RestartPlan { restarts_max: 3, window_ms: 1_000, backoff_ms: 10, backoff_max_ms: 50 };

    #[test]
    fn the_fourth_failure_within_the_window_is_the_last() {
        let mut supervision = Supervision::new(PLAN, 7);
        for at in 0..3 {
            assert!(matches!(supervision.failed(at * 1_000_000), Sentence::Restart(_)));
        }
        assert_eq!(supervision.failed(3_000_000), Sentence::Quarantine);
        assert_eq!(supervision.due_ns, None);
    }

    #[test]
    fn failures_far_apart_never_quarantine() {
        let mut supervision = Supervision::new(PLAN, 7);
        for at in 0..100 {
            assert!(matches!(supervision.failed(at * 400_000_000), Sentence::Restart(_)));
        }
    }

    proptest! {
        #[test]
        fn a_wait_is_capped_and_jittered_by_at_most_a_quarter(
            seed: u64, steps in prop::collection::vec(0u64..2_000, 1..40),
        ) {
            let (mut supervision, mut now_ms) = (Supervision::new(PLAN, seed), 0);
            for step in steps {
                now_ms += step;
                if let Sentence::Restart(wait_ms) = supervision.failed(now_ms * 1_000_000) {
                    prop_assert!((10..=62).contains(&wait_ms));
                }
            }
        }
    }
}
