//! What the operator must know of what the records name and the configuration does not.

use wickd_model::{Instrument, InstrumentId, print_scaled};

use super::{Conflict, Held, Resolved};
use crate::events::{Notice, Notices, StateEvent};
use crate::lane::OnFailure;
use crate::plan::SlotPlan;

/// Tells of instruments with other scales, and of everything that is retired with what it holds.
pub(crate) fn tell(resolved: &Resolved, notices: &Notices) {
    let all = &resolved.plan.instruments;
    for (from, to) in &resolved.converted {
        let (Some(from), Some(to)) = (all.get(*from as usize), all.get(*to as usize)) else {
            continue;
        };
        let what = format!(
            "{} has other scales now, {}/{} decimals after {}/{}: what was held and open under the old \
             ones was converted, exactly",
            to.symbol, to.price_scale, to.size_scale, from.price_scale, from.size_scale
        );
        notices.publish(Notice::of(StateEvent::Rescaled { what }));
    }
    resolved
        .conflicts
        .iter()
        .filter_map(|of| conflict(of, resolved))
        .for_each(|it| notices.publish(it));
    for slot in &resolved.plan.slots {
        if !slot.holds.is_empty() {
            notices.publish(held(slot, resolved));
        }
    }
}

fn conflict(of: &Conflict, resolved: &Resolved) -> Option<Notice> {
    let known = resolved.plan.instruments.get(of.number as usize)?;
    let Conflict { line, .. } = of;
    let what = format!(
        "`instruments.{}` says {}/{} decimals, and what is held or open was written with {}/{} and does \
         not fit them: {}; its slots do not trade",
        known.symbol,
        line.price_scale,
        line.size_scale,
        known.price_scale,
        known.size_scale,
        by_slot(of.number, resolved),
    );
    let mend = format!(
        "write `price_scale: {}, size_scale: {}` again; or with those close what is held first",
        known.price_scale, known.size_scale
    );
    Some(Notice::of(StateEvent::RescaleRefused { what, mend }))
}

/// Who holds what of an instrument.
fn by_slot(number: InstrumentId, resolved: &Resolved) -> String {
    let holders =
        resolved.holdings.iter().filter(|((_, id), held)| *id == number && held.matters());
    let each = holders.map(|((key, _), held)| {
        let name = resolved.slots.iter().find(|(_, number)| *number == key);
        let name = name.map_or("?", |(name, _)| name.as_str());
        format!("{name} has {}", amount(held, resolved.plan.instruments.get(number as usize)))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn held(slot: &SlotPlan, resolved: &Resolved) -> Notice {
    let key = resolved.slots.get(&slot.name).copied().unwrap_or(0);
    let each = slot.holds.iter().map(|id| {
        let held = resolved.holdings.get(&(key, *id)).copied().unwrap_or_default();
        amount(&held, resolved.plan.instruments.get(*id as usize))
    });
    let what = each.collect::<Vec<_>>().join(", ");
    let event = match slot.retired {
        true => {
            let then = match slot.on_failure {
                OnFailure::Keep => "they are kept and go on being counted",
                OnFailure::Cancel => "its orders are taken back, its positions go on being counted",
                OnFailure::Flatten => "its orders are taken back and its positions closed",
            };
            let what = format!("no line of the configuration has it; it has {what}; {then}");
            StateEvent::SlotRetired { what }
        }
        false => {
            let what = format!(
                "it does not trade {what} any more; they go on being counted, and only reduced"
            );
            StateEvent::InstrumentRetired { what }
        }
    };
    Notice::of(event).slot(&slot.name)
}

/// A position and open orders in decimals.
fn amount(held: &Held, of: Option<&Instrument>) -> String {
    let Some(of) = of else { return "an unknown instrument".to_owned() };
    let decimals = match of.size_scale {
        0 => print_scaled(held.size, 0),
        scale => {
            print_scaled(held.size, scale).trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    let orders = match held.open {
        0 => String::new(),
        1 => " and 1 open order".to_owned(),
        open => format!(" and {open} open orders"),
    };
    format!("{decimals} {}{orders}", of.symbol)
}
