//! How a run ended, for whoever started it.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wickd_model::{Amount, Digest};

use crate::control::SlotControl;
use crate::desk::IntentHashes;
use crate::io::{FeedSummary, UtilitySummary};
use crate::lane::Accounts;

/// How a run ended.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Market events given to the lanes.
    pub events: u64,
    /// The slots.
    pub slots: Vec<SlotSummary>,
    /// Those whose data a plugin brought.
    pub feeds: Vec<FeedSummary>,
    /// What heard of it all.
    pub utilities: Vec<UtilitySummary>,
    /// What did not go as it was configured to, and is left: one sentence each. Empty where all is well.
    pub troubles: Vec<String>,
}

impl Summary {
    /// Adds what `told` says went wrong to what the parts themselves show.
    pub(crate) fn find_troubles(self, told: Vec<String>) -> Self {
        // Before the first event nothing was due to run yet.
        let began = self.events > 0;
        let bad = |state: &str| match state {
            "quarantined" | "backoff" => true,
            "waiting" => began,
            _ => false,
        };
        let line = |kind: &str, name: &str, state: &str, why: &str| {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            format!("{kind} {name} ended {state}{why}")
        };
        let slots = self.slots.iter().filter(|of| bad(of.state));
        let slots = slots.map(|of| line("slot", &of.name, of.state, &of.why));
        let feeds = self.feeds.iter().filter(|of| bad(of.state));
        let feeds = feeds.map(|of| line("feed", &of.name, of.state, ""));
        let utilities = self.utilities.iter().filter(|of| bad(of.state));
        let utilities = utilities.map(|of| line("utility", &of.name, of.state, ""));
        let troubles = told.into_iter().chain(slots).chain(feeds).chain(utilities).collect();
        Self { troubles, ..self }
    }
}

/// How a slot stands, or ended.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the names are the gauge's")]
pub struct SlotSummary {
    pub name: String,
    pub plugin: String,
    pub version: String,
    pub digest: Option<Digest>,
    pub state: &'static str,
    pub why: String,
    pub generation: u64,
    pub events: u64,
    pub call_ns_p50: u64,
    pub call_ns_p99: u64,
    pub fuel_per_event: u64,
    pub fuel_max: u64,
    /// Orders, without cancels.
    pub orders: u64,
    /// Orders and cancels.
    pub intents: u64,
    pub denials: u64,
    pub last_denial: Option<&'static str>,
    pub fills: u64,
    pub faults: u64,
    /// Realised and unrealised profit and loss after fees; none where it is not known.
    pub pnl: Option<Amount>,
    /// SHA-256 over every committed intent, in order.
    pub intents_hash: Option<Digest>,
    /// SHA-256 of the last saved state.
    pub state_hash: Option<Digest>,
    /// The gauges its plugin has set.
    pub metrics: BTreeMap<String, f64>,
    pub swaps: Vec<Accounts>,
    pub last_fault: Option<Box<wickd_model::Fault>>,
}

/// A slot as it stands, without what takes a while to add up.
pub(crate) fn show(slot: &SlotControl) -> SlotSummary {
    let standing = slot.standing();
    let gauge = &slot.gauge;
    let events = gauge.events.get();
    SlotSummary {
        name: slot.plan.name.to_string(),
        plugin: slot.plan.plugin.to_string(),
        version: standing.version,
        digest: standing.digest,
        state: standing.state,
        why: standing.why,
        generation: u64::from(slot.generations),
        events,
        call_ns_p50: gauge.call_ns.quantile_ns(0.5),
        call_ns_p99: gauge.call_ns.quantile_ns(0.99),
        fuel_per_event: gauge.fuel_total.get() / events.max(1),
        fuel_max: gauge.fuel_max.get(),
        orders: gauge.orders.get(),
        intents: gauge.intents.get(),
        denials: gauge.denials.get(),
        last_denial: gauge.last_denial().map(wickd_model::Deny::code),
        fills: gauge.fills.get(),
        faults: gauge.faults.get(),
        pnl: gauge.known_pnl().map(|pnl| Amount::of(pnl, &slot.currency)),
        intents_hash: None,
        state_hash: None,
        metrics: standing.metrics,
        swaps: slot.swaps.clone(),
        last_fault: slot.last_fault.clone(),
    }
}

/// Sums up a slot that has ended; `hashes` are those over its orders.
pub(crate) fn sum_up(slot: &SlotControl, hashes: &IntentHashes) -> SlotSummary {
    let saved = slot.saved.as_ref().filter(|saved| saved.state_version > 0);
    SlotSummary {
        intents_hash: hashes.get(&slot.key).map(|(_, hash)| *hash),
        state_hash: saved.map(|saved| Digest(Sha256::digest(&saved.bytes).into())),
        ..show(slot)
    }
}
