//! Which slots share an account: one for each venue that orders leave for, and one for paper.
//!
//! Comes in: the plan. Goes out: the accounts that have loss stops, and each slot's place in them.
//! Deliberately absent: accounts without stops, which nobody has to add up.

use std::sync::Arc;

use wickd_model::{InstrumentId, LossStops, SlotName};

use crate::house::UNASSIGNED;
use crate::lane::Account;
use crate::orders::Joint;
use crate::plan::{Plan, SlotPlan};

/// What the account of everything that is traded on paper is called.
const PAPER: &str = "paper";

/// The accounts of a house that have stops.
pub(crate) struct SharedAccounts {
    all: Vec<(Arc<Joint>, Vec<InstrumentId>)>,
}

impl SharedAccounts {
    pub(crate) fn new(plan: &Plan) -> Self {
        let live: Vec<_> = plan.venues.iter().filter(|venue| venue.trade).collect();
        let is_live = |id: &InstrumentId| live.iter().any(|venue| venue.instruments.contains(id));
        let paper = (0..plan.instruments.len() as InstrumentId).filter(|id| !is_live(id));
        let venues =
            live.iter().map(|venue| (venue.name.as_str(), venue.losses, venue.instruments.clone()));
        let all = venues.chain([(PAPER, plan.paper_losses, paper.collect())]);
        let all = all.filter(|(_, losses, _)| losses.is_set());
        Self { all: all.map(|of| account(of, &plan.slots)).collect() }
    }

    /// For the lanes.
    pub(crate) fn joints(&self) -> Vec<Arc<Joint>> {
        self.all.iter().map(|(joint, _)| joint.clone()).collect()
    }

    /// Gives a slot its place in each account it has instruments of.
    pub(crate) fn join(&self, slot: &SlotName, account: &mut Account) {
        for (joint, instruments) in &self.all {
            if let Some(cell) = joint.place(slot) {
                account.join(joint.clone(), cell, |id| instruments.contains(&id));
            }
        }
    }
}

fn account(
    (name, losses, instruments): (&str, LossStops, Vec<InstrumentId>),
    slots: &[SlotPlan],
) -> (Arc<Joint>, Vec<InstrumentId>) {
    let trades = |slot: &&SlotPlan| {
        slot.instruments.iter().chain(&slot.holds).any(|id| instruments.contains(id))
    };
    let named = slots.iter().filter(trades).map(|slot| slot.name.clone());
    // What no slot owns counts where orders leave for real; on paper there is no such thing.
    let nobodys = UNASSIGNED.parse().ok().filter(|_| name != PAPER);
    let slots = named.chain(nobodys).collect();
    (Arc::new(Joint::new(name.to_owned(), losses, slots)), instruments)
}
