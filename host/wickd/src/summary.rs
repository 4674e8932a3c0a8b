//! The end of a run: what each slot did, what was swapped, what was contained.
//!
//! Comes in: the engine's summary. Goes out: a page as wide as the terminal, or one JSON line.
//! Deliberately absent: the demo's explanations.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use wickd_engine::lane::{Accounts, Verdict};
use wickd_engine::{SlotSummary, Summary};

use crate::figures::{bytes, count, grouped, signed, span};
use crate::screen::frames;
use crate::terminal::{Look, Terminal, page_width};

/// Shows it.
pub(crate) fn show(terminal: &Terminal, summary: &Summary) {
    if terminal.json {
        return terminal.line("summary", summary);
    }
    let mut page = format!("\n{}\n", count(summary.events, "market event"));
    if !summary.slots.is_empty() {
        page.push_str(&format!("{}\n", slots(&summary.slots)));
    }
    for trouble in &summary.troubles {
        page.push_str(&format!("trouble    {trouble}\n"));
    }
    for part in [swaps(&summary.slots), contained(&summary.slots), tier(summary)] {
        page.push_str(&part);
    }
    terminal.page(&page);
}

/// The slots as a table.
pub(crate) fn slots(slots: &[SlotSummary]) -> Table {
    let head = ["slot", "plugin", "ended", "ticks", "p50", "p99", "fuel", "orders", "fills", "PnL"];
    let mut table = table(&head);
    for slot in slots {
        table.add_row([
            slot.name.clone(),
            format!("{} {}", slot.plugin, slot.version).trim_end().to_owned(),
            slot.state.to_owned(),
            grouped(slot.events),
            span(slot.call_ns_p50),
            span(slot.call_ns_p99),
            grouped(slot.fuel_per_event),
            grouped(slot.orders),
            grouped(slot.fills),
            slot.pnl.as_ref().map_or_else(|| "unknown".to_owned(), signed),
        ]);
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((1, 0));
        if place >= 3 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A table without lines, for people and for `awk` alike.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(head.iter().copied());
    // On a terminal columns give way; elsewhere a row is a line, for whoever reads it with a program.
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(page_width());
    }
    table
}

fn swaps(slots: &[SlotSummary]) -> String {
    let all = slots.iter().flat_map(|slot| slot.swaps.iter().map(move |swap| (slot, swap)));
    all.map(|(slot, swap)| format!("swap       {}: {}\n", slot.name, accounts(swap))).collect()
}

/// One swap in one sentence.
pub(crate) fn accounts(swap: &Accounts) -> String {
    let from = swap.from.map_or("nothing".to_owned(), |digest| digest.short());
    let carried = match swap.state_bytes {
        Some(size) => format!("{} of state carried", bytes(size)),
        None => format!("warmed up with {}", count(swap.warm_up_events, "event")),
    };
    let verdict = match swap.verdict {
        Verdict::OnProbation => "still on probation",
        Verdict::Kept => "kept",
        Verdict::RolledBack => "rolled back",
    };
    let gap = span(swap.gap_ns);
    format!(
        "{from} to {} after event {}, gap {gap}, {carried}, {verdict}",
        swap.to.short(),
        grouped(swap.cut_seq)
    )
}

fn contained(slots: &[SlotSummary]) -> String {
    let faults = slots.iter().filter_map(|slot| Some((slot, slot.last_fault.as_ref()?)));
    faults
        .map(|(slot, fault)| {
            let mut text = format!("contained  {}: {fault}\n", slot.name);
            frames(fault).for_each(|frame| text.push_str(&format!("             {frame}\n")));
            text
        })
        .collect()
}

/// Those that may call out, one line each.
fn tier(summary: &Summary) -> String {
    let feeds = summary.feeds.iter().map(|of| {
        let (version, given, refused) = (&of.version, grouped(of.given), grouped(of.refused));
        let head = format!("feed       {}: {} {version}, {}", of.name, of.plugin, of.state);
        format!("{head}, {given} events given, {refused} refused")
            + &troubles(of.errors, of.faults, of.denied)
    });
    let utilities = summary.utilities.iter().map(|of| {
        let (version, heard, dropped) = (&of.version, grouped(of.heard), grouped(of.dropped));
        let head = format!("utility    {}: {} {version}, {}", of.name, of.plugin, of.state);
        format!("{head}, {heard} events heard, {dropped} dropped")
            + &troubles(of.errors, of.faults, of.denied)
    });
    feeds.chain(utilities).collect()
}

fn troubles(errors: u64, faults: u64, denied: u64) -> String {
    let [errors, faults] = [count(errors, "error"), count(faults, "fault")];
    format!(", {errors}, {faults}, {} denied\n", grouped(denied))
}

/// A heading of a page.
pub(crate) fn heading(terminal: &Terminal, text: &str) -> String {
    format!("\n{}\n", terminal.paint_page(Look::Bold, text))
}
