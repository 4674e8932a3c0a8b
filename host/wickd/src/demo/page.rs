//! The demo's closing page: what was promised, and what the run shows of it.
//!
//! Comes in: the summaries of the two runs. Goes out: a page of at most 100 columns, or JSON lines.
//! Deliberately absent: any figure that is not from these runs.

use std::path::Path;

use serde_json::json;
use wickd_engine::{SlotSummary, Summary};

use super::{HOSTILE, SWAPPED};
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
    let mut page =
        summary::heading(terminal, "wickd demo: 46 seconds of BTC-USDT, recorded on 2021-01-08");
    page.push_str(&format!(
        "{} went through {}:\n\n",
        count(run.events, "market event"),
        count(run.slots.len() as u64, "slot")
    ));
    page.push_str(&format!("{}\n", summary::slots(&run.slots)));
    page.push_str(" ns p50, p99: a call with the host's part of the tick; fuel: per tick, about one wasm operator each;\n");
    page.push_str(" PnL: paper, in USDT, after fees of 0.1 %\n");
    let of = |name: &str| run.slots.iter().find(|slot| slot.name == name);
    if let Some(slot) = of(SWAPPED) {
        page.push_str(&summary::heading(terminal, "Swapped while it ran"));
        page.push_str(&swapped(slot));
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

/// A slot of the second run, and whether it decided what it had decided in the first.
fn proof<'s>(run: &Summary, other: &'s SlotSummary) -> (&'s SlotSummary, bool) {
    let first = run.slots.iter().find(|slot| slot.name == other.name);
    (other, first.is_some_and(|first| first.intents_hash == other.intents_hash))
}

fn swapped(slot: &SlotSummary) -> String {
    let Some(swap) = slot.swaps.last() else {
        return " The new file came too late in the recording to be swapped in.\n".to_owned();
    };
    let carried = match swap.state_bytes {
        Some(size) => format!("{} carried over", bytes(size)),
        None => format!("none; warmed up with {}", count(swap.warm_up_events, "event")),
    };
    let agreed = match swap.shadow_differed {
        0 => "never differed".to_owned(),
        differed => format!("differed in {}", grouped(differed)),
    };
    let (before, after) = (swap.from.map_or("-".to_owned(), |of| of.short()), swap.to.short());
    format!(
        " slot {}: its file was replaced, and a new build took over between two ticks\n \
           bytes    {before} before, {after} after (version {})\n \
           cut      after market event {}: the old one heard all up to it, the new one all after it\n \
           lost     0 ticks lost, 0 doubled; the gap in wall time was {}\n \
           state    {carried}\n \
           shadow   ran beside the old one first, orders muted: {agreed} in {}\n",
        slot.name,
        slot.version,
        grouped(swap.cut_seq),
        span(swap.gap_ns),
        count(swap.shadow_compared, "decision"),
    )
}

fn contained(slot: &SlotSummary) -> String {
    let Some(fault) = &slot.last_fault else {
        return " The hostile plugin did nothing.\n".to_owned();
    };
    let mut text = format!(
        " slot {}: it spins for ever in a tick; stopped {} times, then {}\n   \
         stopped  {} in `{}`: {} of {} fuel used, {} of {} memory\n",
        slot.name,
        slot.faults,
        slot.state,
        fault.kind.code(),
        fault.call,
        grouped(fault.fuel_used),
        grouped(fault.fuel_limit),
        bytes(fault.memory_bytes),
        bytes(fault.memory_limit_bytes),
    );
    frames(fault).for_each(|frame| text.push_str(&format!("            {frame}\n")));
    text.push_str(
        "   others   heard every tick; see below that they decided as if it had not been there\n",
    );
    text
}

fn proof_page(terminal: &Terminal, proven: &[(&SlotSummary, bool)]) -> String {
    let mut text =
        " The same data once more, without the swap and the hostile plugin, as fast as it goes:\n"
            .to_owned();
    for (slot, is_equal) in proven {
        let verdict = match is_equal {
            true => terminal.paint_page(Look::Good, "equal"),
            false => terminal.paint_page(Look::Bad, "NOT equal"),
        };
        let hash = slot.intents_hash.map_or("none".to_owned(), |hash| hash.short());
        text.push_str(&format!(
            "   {:<12} {} with hash {hash}: {verdict}\n",
            slot.name,
            count(slot.intents, "order"),
        ));
    }
    text
}

fn next(kept: Option<&Path>) -> String {
    let journal = match kept {
        Some(dir) => format!(" wickd journal show --state {}/state     every order, and which bytes decided it\n", dir.display()),
        None => " wickd demo --state demo                  the same, and keeps journal and configuration\n".to_owned(),
    };
    format!(
        "{journal} wickd inspect target/plugins/hedge-v2.wasm   what a plugin is and what it can be told\n \
         wickd run --config deploy/wickd.yaml     your own configuration\n"
    )
}
