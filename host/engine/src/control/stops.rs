//! What lanes report of loss stops, in the operator's words.
//!
//! Comes in: reports. Goes out: notices and notes in the journal. Deliberately absent: the stop
//! itself, which the lane has made already.

use std::fmt::Write as _;

use wickd_model::{Amount, CASH_SCALE, Cash, SlotName, print_scaled};
use wickd_store::Note;

use super::slot::currency_of;
use super::{Control, SlotControl};
use crate::events::{Notice, OwnedEvent, RiskEvent};
use crate::house::UNASSIGNED;
use crate::lane::DayBegan;
use crate::orders::{AccountStop, Left, Reached, Stop, Why};

/// Slots that a notice names; the others are summed up.
const SLOTS_NAMED_MAX: usize = 16;
/// Notes of one commit of the journal.
const DAYS_OF_COMMIT_MAX: usize = 1_024;

impl Control {
    pub(super) fn slot_stopped(&mut self, key: u32, reached: Reached) {
        let Some(place) = self.slot_place(key) else { return };
        let loss = loss(&reached, &self.slots[place].currency);
        let until = until(reached.stop);
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
        let is_here = |slot: &&SlotControl| stop.slots.iter().any(|of| of.0 == slot.plan.name);
        let currency =
            currency_of(self.slots.iter().filter(is_here).map(|slot| &slot.currency[..]));
        self.publish(Notice::of(RiskEvent::AccountStop {
            account: account.clone(),
            loss: loss(&stop.reached, &currency),
            slots: by_slot(&stop.slots, &currency),
            until: until(stop.reached.stop),
            fix,
        }));
        for (name, _) in &stop.slots {
            if let Some(place) = self.slots.iter().position(|slot| slot.plan.name == *name) {
                self.note(place, Note::Halted);
            }
        }
    }

    /// The host has closed what a slot held; what is left is the operator's.
    pub(super) fn closed(&mut self, key: u32, left: &[Left]) {
        let place = self.slot_place(key);
        let name = place.map_or(UNASSIGNED, |place| self.slots[place].plan.name.as_str());
        let each: Vec<_> = left.iter().map(|left| self.left(left)).collect();
        let dust = left.iter().all(|left| matches!(left.why, Why::BelowMin { .. }));
        let event = match (left.is_empty(), dust) {
            (true, _) => OwnedEvent::Closed {},
            (false, true) => OwnedEvent::DustLeft { left: each.join("; ") },
            (false, false) => OwnedEvent::ClosingEnded { left: each.join("; ") },
        };
        self.publish(Notice::of(event).slot(name));
    }

    /// What a slot leaves at its venues as the run ends.
    pub(super) fn left_open(&self, key: u32, open: usize, keeps: bool) {
        let place = self.slot_place(key);
        let name = place.map_or(UNASSIGNED, |place| self.slots[place].plan.name.as_str());
        let event = match keeps {
            true => OwnedEvent::OrdersKept { open },
            false => OwnedEvent::OrdersLeft { open },
        };
        self.publish(Notice::of(event).slot(name));
    }

    /// What is left, in the operator's words.
    fn left(&self, left: &Left) -> String {
        let Some(of) = self.instruments.get(left.instrument as usize) else { return String::new() };
        let size = print_scaled(left.size, of.size_scale);
        let (base, symbol) = (&of.base, &of.symbol);
        let rest = match left.rest {
            0 => String::new(),
            rest => format!(" and {} {base}", cash(rest)),
        };
        let why = match left.why {
            Why::BelowMin { min_qty, min_notional } => format!(
                "less than the venue's least order, {} {base} or {} {}",
                print_scaled(min_qty, of.size_scale),
                cash(min_notional),
                of.quote
            ),
            Why::Refused(reason) => format!("the venue refuses ({reason:?})"),
            Why::Tries(tries) => format!("{tries} orders filled nothing"),
            Why::OrdersOpen => "other orders of the slot are open still".to_owned(),
            Why::Over => "somebody else minds it, or the run ends".to_owned(),
        };
        format!("{size} {base}{rest} of {symbol}: {why}")
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

/// What was lost against what may be.
fn loss(reached: &Reached, currency: &str) -> String {
    let how = match reached.stop {
        Stop::Loss => "lost since the start",
        Stop::Drawdown => "below the highest since the start",
        Stop::Day => "lost today (UTC)",
    };
    let [lost, most] = [reached.lost, reached.most].map(|cash| Amount::of(cash, currency));
    let option = reached.stop.option();
    format!("{lost} {how}, and `{option}` is {most}")
}

/// Who lost how much, the worst first.
fn by_slot(slots: &[(SlotName, Cash)], currency: &str) -> String {
    let mut slots: Vec<_> = slots.iter().collect();
    slots.sort_by_key(|(_, earned)| *earned);
    let mut text = String::new();
    for (name, earned) in slots.iter().take(SLOTS_NAMED_MAX) {
        let comma = if text.is_empty() { "" } else { ", " };
        // Writing into a string does not fail.
        let _ = write!(text, "{comma}{name} {}", Amount::of(*earned, currency));
    }
    let others = slots.iter().skip(SLOTS_NAMED_MAX).map(|(_, earned)| *earned);
    if slots.len() > SLOTS_NAMED_MAX {
        let sum = Amount::of(others.fold(0, Cash::saturating_add), currency);
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

/// An amount of any asset, without zeros at its end.
fn cash(amount: Cash) -> String {
    let text = print_scaled(amount, CASH_SCALE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_the_worst_slots_and_sums_up_the_others() {
        let slot = |n: i64| (format!("slot-{n}").parse().unwrap(), -n * 100_000_000);
        assert_eq!(
            by_slot(&[slot(1), slot(3), slot(-2)], "USDT"),
            "slot-3 -3 USDT, slot-1 -1 USDT, slot--2 2 USDT"
        );
        let many: Vec<_> = (0..20).map(slot).collect();
        let text = by_slot(&many, "EUR");
        assert!(
            text.starts_with("slot-19 -19 EUR, ") && text.ends_with(", 4 others -6 EUR"),
            "{text}"
        );
    }
}
