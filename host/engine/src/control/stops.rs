//! What lanes report of loss stops, in the operator's words.
//!
//! Comes in: reports. Goes out: notices and notes in the journal. Deliberately absent: the stop
//! itself, which the lane has made already.

use std::fmt::Write as _;

use wickd_model::{CASH_SCALE, Cash, SlotName, print_scaled};
use wickd_store::Note;

use super::Control;
use crate::events::{Notice, RiskEvent};
use crate::lane::DayBegan;
use crate::orders::{AccountStop, Reached, Stop};

/// Slots that a notice names; the others are summed up.
const SLOTS_NAMED_MAX: usize = 16;
/// Notes of one commit of the journal.
const DAYS_OF_COMMIT_MAX: usize = 1_024;

impl Control {
    pub(super) fn slot_stopped(&mut self, key: u32, reached: Reached) {
        let Some(place) = self.slot_place(key) else { return };
        let (loss, until) = (loss(&reached), until(reached.stop));
        let option = reached.stop.option();
        let fix = fix(reached.stop, &format!("the slot's `risk.{option}`"));
        let name = &self.slots[place].plan.name;
        self.publish(Notice::of(RiskEvent::LossStop { loss, until, fix }).slot(name));
        self.note(place, Note::Halted);
    }

    pub(super) fn account_stopped(&mut self, stop: &AccountStop) {
        let account = &stop.account;
        let option = stop.reached.stop.option();
        let place =
            if account == "paper" { "paper".to_owned() } else { format!("venues.{account}") };
        let fix = fix(stop.reached.stop, &format!("`{place}.risk.{option}`"));
        self.publish(Notice::of(RiskEvent::AccountStop {
            account: account.clone(),
            loss: loss(&stop.reached),
            slots: by_slot(&stop.slots),
            until: until(stop.reached.stop),
            fix,
        }));
        for (name, _) in &stop.slots {
            if let Some(place) = self.slots.iter().position(|slot| slot.plan.name == *name) {
                self.note(place, Note::Halted);
            }
        }
    }

    pub(super) fn day_began(&self, days: &[DayBegan]) {
        let record = |of: &DayBegan| {
            let DayBegan { key, day, instrument, worth } = *of;
            let place = self.slot_place(key)?;
            Some(self.record(place, Note::DayBegan { day, instrument, worth }))
        };
        let records: Vec<_> = days.iter().filter_map(record).collect();
        records.chunks(DAYS_OF_COMMIT_MAX).for_each(|records| self.write(records));
    }
}

fn cash(amount: Cash) -> String {
    let text = print_scaled(amount, CASH_SCALE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What was lost against what may be.
fn loss(reached: &Reached) -> String {
    let how = match reached.stop {
        Stop::Loss => "lost since the start",
        Stop::Drawdown => "below the highest since the start",
        Stop::Day => "lost today (UTC)",
    };
    let (lost, most, option) = (cash(reached.lost), cash(reached.most), reached.stop.option());
    format!("{lost} {how}, and `{option}` is {most}")
}

/// Who lost how much, the worst first.
fn by_slot(slots: &[(SlotName, Cash)]) -> String {
    let mut slots: Vec<_> = slots.iter().collect();
    slots.sort_by_key(|(_, earned)| *earned);
    let mut text = String::new();
    for (name, earned) in slots.iter().take(SLOTS_NAMED_MAX) {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing into a string does not fail.
        let _ = write!(text, "{comma}{name} {}", cash(*earned));
    }
    let others = slots.iter().skip(SLOTS_NAMED_MAX).map(|(_, earned)| *earned);
    if slots.len() > SLOTS_NAMED_MAX {
        let sum = cash(others.fold(0, Cash::saturating_add));
        let _ = write!(text, ", {} others {sum}", slots.len() - SLOTS_NAMED_MAX);
    }
    text
}

fn until(stop: Stop) -> &'static str {
    match stop {
        Stop::Loss | Stop::Drawdown => "the next start",
        Stop::Day => "the next day (UTC)",
    }
}

fn fix(stop: Stop, option: &str) -> String {
    match stop {
        Stop::Loss | Stop::Drawdown => {
            format!("find out why, then restart; or raise {option}")
        }
        Stop::Day => format!("find out why; it goes on by itself tomorrow, or raise {option}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_the_worst_slots_and_sums_up_the_others() {
        let slot = |n: i64| (format!("slot-{n}").parse().unwrap(), -n * 100_000_000);
        assert_eq!(by_slot(&[slot(1), slot(3), slot(-2)]), "slot-3 -3, slot-1 -1, slot--2 2");
        let many: Vec<_> = (0..20).map(slot).collect();
        let text = by_slot(&many);
        assert!(text.starts_with("slot-19 -19, ") && text.ends_with(", 4 others -6"), "{text}");
    }
}
