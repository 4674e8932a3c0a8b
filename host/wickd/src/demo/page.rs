//! The demo's closing page: what was promised, and what the run shows of it.
//!
//! Comes in: the summaries of the two runs. Goes out: a page of at most 100 columns, or JSON lines.
//! Deliberately absent: any figure that is not from these runs.

use std::path::Path;

use serde_json::json;
use wickd_engine::{SlotSummary, Summary};

use super::{HOSTILE, SWAPPED, called};
use crate::figures::{bytes, count, grouped, span};
use crate::screen::frames;
use crate::summary;
use crate::terminal::{Look, Terminal};

/// Shows it.
pub(crate) fn show(terminal: &Terminal, run: &Summary, again: &Summary, kept: Option<&Path>) {
    let proven: Vec<_> = again.slots.iter().map(|other| proof(run, other)).collect();
    if terminal.json {
        terminal.line("summary", run);
        for (slot, is_equal) in &proven {
            let hash = slot.intents_hash;
            terminal
                .line("proof", &json!({ "slot": slot.name, "equal": is_equal, "intents": hash }));
        }
        return;
    }
    let title = "wickd demo: 46 seconds of BTC-USDT, recorded on 2021-01-08";
    let mut page = summary::heading(terminal, title);
    let (events, slots) =
        (count(run.events, "market event"), count(run.slots.len() as u64, "slot"));
    page.push_str(&format!(" {events} went past {slots}; each heard what it had asked for.\n\n"));
    page.push_str(&format!("{}\n\n", summary::slots(&run.slots)));
    page.push_str(
        " p50, p99  wall time of one tick: the sandboxed call and the host's part of it\n",
    );
    page.push_str(" fuel      per tick; about one WebAssembly operator each\n");
    page.push_str(" PnL       on paper, in USDT, after the venue's fee of 0.1 % on every fill\n");
    let swapped_slot = run.slots.iter().find(|slot| slot.name == SWAPPED);
    if let Some(slot) = swapped_slot {
        let alone = again.slots.iter().find(|other| other.name == SWAPPED);
        page.push_str(&summary::heading(terminal, "Swapped while it ran"));
        page.push_str(&swapped(slot, alone));
    }
    if let Some(slot) = run.slots.iter().find(|slot| slot.plugin == HOSTILE) {
        page.push_str(&summary::heading(terminal, "Contained"));
        page.push_str(&contained(slot));
    }
    page.push_str(&summary::heading(terminal, "Proven"));
    page.push_str(&proof_page(terminal, &proven));
    page.push_str(&summary::heading(terminal, "Next"));
    page.push_str(&next(kept));
    terminal.page(&page);
}

/// Lines of a name and what there is to say.
fn rows(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, text)| format!(" {name:<9} {text}\n")).collect()
}

/// A slot of the second run, and whether it decided what it had decided in the first.
fn proof<'s>(run: &Summary, other: &'s SlotSummary) -> (&'s SlotSummary, bool) {
    let first = run.slots.iter().find(|slot| slot.name == other.name);
    (other, first.is_some_and(|first| first.intents_hash == other.intents_hash))
}

/// The accounts of the swap, and the ticks heard against those of the run without one.
fn swapped(slot: &SlotSummary, alone: Option<&SlotSummary>) -> String {
    let Some(swap) = slot.swaps.last() else {
        return " The new file came too late in the recording to be swapped in.\n".to_owned();
    };
    let carried = match swap.state_bytes {
        Some(size) => format!("{} carried over", bytes(size)),
        None => format!("none; warmed up with {}", count(swap.warm_up_events, "event")),
    };
    let ticks = alone.map_or(0, |alone| alone.events);
    let (before, after) = (swap.from.map_or("-".to_owned(), |of| of.short()), swap.to.short());
    let (cut, heard) = (grouped(swap.cut_seq), grouped(slot.events));
    let compared = count(swap.shadow_compared, "decision");
    rows(&[
        ("slot", format!("{}: a newer file replaced the old one while it traded", slot.name)),
        ("bytes", format!("{before} before, {after} after (version {})", slot.version)),
        (
            "cut",
            format!("after market event {cut}: the old one up to it, the new one from there on"),
        ),
        (
            "lost",
            format!(
                "{}; {heard} heard, {} in a run without a swap",
                ticks.abs_diff(slot.events),
                grouped(ticks)
            ),
        ),
        ("gap", span(swap.gap_ns)),
        ("state", carried),
        (
            "shadow",
            format!("{compared} compared before the cut, {} differed", swap.shadow_differed),
        ),
    ])
}

fn contained(slot: &SlotSummary) -> String {
    let Some(fault) = &slot.last_fault else {
        return " The hostile plugin did nothing.\n".to_owned();
    };
    let (used, limit) = (grouped(fault.fuel_used), grouped(fault.fuel_limit));
    let (memory, most) = (bytes(fault.memory_bytes), bytes(fault.memory_limit_bytes));
    let mut lines = vec![
        ("slot", format!("{}: its plugin spins for ever in a tick", slot.name)),
        ("stopped", format!("{} times, then {}", slot.faults, slot.state)),
        ("why", format!("{} in `{}`", fault.kind.code(), fault.call)),
        ("used", format!("{used} of {limit} fuel, {memory} of {most} memory")),
    ];
    lines.extend(frames(fault).map(|frame| ("", frame)));
    rows(&lines)
}

fn proof_page(terminal: &Terminal, proven: &[(&SlotSummary, bool)]) -> String {
    let mut text = " The same data once more as fast as it goes, without the swap and the hostile \
                    plugin.\n The orders, hashed with their times and prices:\n"
        .to_owned();
    for (slot, is_equal) in proven {
        let verdict = match is_equal {
            true => terminal.paint_page(Look::Good, "equal"),
            false => terminal.paint_page(Look::Bad, "NOT equal"),
        };
        let hash = slot.intents_hash.map_or("none".to_owned(), |hash| hash.short());
        let orders = count(slot.orders, "order");
        text.push_str(&format!(" {:<10} {orders:>10}  {hash}  {verdict}\n", slot.name));
    }
    text
}

fn next(kept: Option<&Path>) -> String {
    let wickd = called();
    let first = match kept {
        Some(dir) => (
            format!("{wickd} journal show --state {}/state", dir.display()),
            "every order and its bytes",
        ),
        None => (format!("{wickd} demo --state demo"), "the same, and keep journal and files"),
    };
    let lines = [
        first,
        (format!("{wickd} inspect target/plugins/hedge-v2.wasm"), "what a plugin is"),
        (format!("{wickd} run --config deploy/wickd.yaml"), "run a configuration of your own"),
    ];
    lines.iter().map(|(command, what)| format!(" {command:<60} {what}\n")).collect()
}
