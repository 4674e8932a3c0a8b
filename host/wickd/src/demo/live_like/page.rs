//! The closing page of the live-like demo.
//!
//! Comes in: the run's summary, what was told on the way, the agreement of journal and venue. Goes
//! out: a page of at most 100 columns, or JSON lines. Deliberately absent: any figure that is not of
//! this run.

use std::path::Path;

use serde_json::json;
use wickd_engine::Summary;
use wickd_model::print_scaled;

use super::Told;
use super::agreement::{Agreement, Count};
use super::venue::{RATE_PER_S, Venue};
use crate::demo::called;
use crate::figures::{count, grouped};
use crate::summary;
use crate::terminal::{Look, Terminal};

/// What is shown.
pub(super) struct Shown<'s> {
    pub(super) run: &'s Summary,
    pub(super) agreement: &'s Agreement,
    pub(super) told: &'s Told,
    /// Answers the venue kept to itself, by its own count.
    pub(super) withheld: u64,
    /// Decimals of a size.
    pub(super) scale: u8,
}

/// The tape's figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tape {
    trades: u64,
    first: u64,
    last: u64,
    lost: u64,
    doubled: u64,
}

impl Tape {
    fn read(line: &str) -> Option<Self> {
        let figure = |name: &str| {
            let found = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            found?.strip_prefix('=')?.parse().ok()
        };
        Some(Self {
            trades: figure("trades")?,
            first: figure("first")?,
            last: figure("last")?,
            lost: figure("gaps")?,
            doubled: figure("doubled")?,
        })
    }
}

/// Shows it; true where everything that is promised held.
pub(super) fn show(
    terminal: &Terminal,
    shown: &Shown<'_>,
    venue: &Venue,
    kept: Option<&Path>,
) -> bool {
    let Shown { run, agreement, told, withheld, scale } = shown;
    let tape = told.tape.as_deref().and_then(Tape::read);
    let resolved = told.unknown.iter().filter(|id| agreement.known.contains(*id)).count() as u64;
    let unknown = told.unknown.len() as u64;
    let complete = tape.is_some_and(|tape| tape.lost == 0 && tape.doubled == 0 && tape.trades > 0);
    let holds = complete
        && agreement.holds()
        && agreement.venue.fills > 0
        && unknown == resolved
        && *withheld > 0
        && told.swapped.is_some();
    if terminal.json {
        let counts = |of: &Count| {
            json!({
                "orders": of.orders, "open": of.open, "fills": of.fills,
                "net": print_scaled(of.net, *scale),
            })
        };
        terminal.line("summary", run);
        let body = json!({
            "ok": holds,
            "venue": counts(&agreement.venue),
            "journal": counts(&agreement.journal),
            "refused": agreement.refused,
            "orders_doubled": agreement.doubled,
            "differ": agreement.differ,
            "answers_withheld": withheld,
            "outcomes_unknown": unknown,
            "outcomes_resolved": resolved,
            "trades_heard": tape.map(|tape| tape.trades),
            "events_lost": tape.map(|tape| tape.lost),
            "events_doubled": tape.map(|tape| tape.doubled),
            "adapter_swapped": told.swapped.is_some(),
        });
        terminal.line("live-like", &body);
        return holds;
    }
    let mut page =
        summary::heading(terminal, "wickd demo --live-like: BTC-USDT at a venue of its own");
    page.push_str(&format!(
        " wickd-venue at {}: Binance's dialect, perpetuals, {} market events a second\n\n",
        venue.addr,
        grouped(RATE_PER_S.into())
    ));
    page.push_str(&format!("{}\n", summary::slots(&run.slots)));
    page.push_str(&summary::heading(terminal, "Streamed and swapped"));
    page.push_str(&streamed(run, tape, told));
    page.push_str(&summary::heading(terminal, "Answers that never came"));
    page.push_str(&rows(&[
        ("withheld", format!("{}: done by the venue, and not told", count(*withheld, "answer"))),
        (
            "unknown",
            format!("{} for a while: not sent again, but asked for", count(unknown, "order")),
        ),
        ("resolved", format!("{} of {}", grouped(resolved), grouped(unknown))),
    ]));
    page.push_str(&summary::heading(terminal, "The venue's books against the journal"));
    page.push_str(&books(terminal, agreement, *scale));
    page.push_str(&summary::heading(terminal, "Next"));
    page.push_str(&next(kept));
    terminal.page(&page);
    holds
}

/// Lines of a name and what there is to say.
fn rows(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, text)| format!(" {name:<9} {text}\n")).collect()
}

fn streamed(run: &Summary, tape: Option<Tape>, told: &Told) -> String {
    let trades = match tape {
        Some(Tape { trades, first, last, .. }) => format!(
            "{} heard, by the venue's own numbers {} to {}",
            count(trades, "trade"),
            grouped(first),
            grouped(last)
        ),
        None => "the tape said nothing".to_owned(),
    };
    let figure = |of: fn(Tape) -> u64| tape.map_or("?".to_owned(), |tape| grouped(of(tape)));
    let swap = match &told.swapped {
        Some(true) => "another build: its state was carried, its sockets stayed open",
        Some(false) => "another build: without the old state, so its sockets were opened anew",
        None => "it did not come in time",
    };
    rows(&[
        ("events", format!("{}; {trades}", count(run.events, "market event"))),
        ("adapter", swap.to_owned()),
        ("lost", figure(|tape| tape.lost)),
        ("doubled", figure(|tape| tape.doubled)),
    ])
}

/// What each side counts, line by line.
fn books(terminal: &Terminal, agreement: &Agreement, scale: u8) -> String {
    let Agreement { venue, journal, refused, doubled, differ, .. } = agreement;
    let net = |count: &Count| print_scaled(count.net, scale);
    let lines = [
        ("orders", grouped(venue.orders), grouped(journal.orders)),
        ("open", grouped(venue.open), grouped(journal.open)),
        ("fills", grouped(venue.fills), grouped(journal.fills)),
        ("net BTC", net(venue), net(journal)),
    ];
    let mut text = format!(" {:<9} {:>12} {:>12}\n", "", "venue", "journal");
    for (name, theirs, ours) in lines {
        let verdict = match theirs == ours {
            true => terminal.paint_page(Look::Good, "equal"),
            false => terminal.paint_page(Look::Bad, "NOT equal"),
        };
        text.push_str(&format!(" {name:<9} {theirs:>12} {ours:>12}  {verdict}\n"));
    }
    text.push_str(&format!(
        " {:<9} {doubled:>12}  orders under a client id that was used before\n",
        "doubled"
    ));
    text.push_str(&format!(" {:<9} {:>12}  orders, one by one\n", "differing", differ.len()));
    if *refused > 0 {
        let told = "orders the venue holds none of: it or its limits refused them";
        text.push_str(&format!(" {:<9} {refused:>12}  {told}\n", "refused"));
    }
    for line in differ.iter().take(10) {
        text.push_str(&format!("   {}\n", terminal.paint_page(Look::Bad, line)));
    }
    text
}

fn next(kept: Option<&Path>) -> String {
    let wickd = called();
    let first = match kept {
        Some(dir) => (
            format!("{wickd} journal show --state {}/state", dir.display()),
            "every order and what the venue said",
        ),
        None => (
            format!("{wickd} demo --live-like --state demo"),
            "the same, and keep journal and files",
        ),
    };
    let lines = [
        first,
        (
            format!("{wickd} adapter test target/plugins/binance.wasm"),
            "the adapter's acceptance list",
        ),
        (format!("{wickd} adapter smoke binance -c wickd.yaml"), "your own account, reading only"),
    ];
    lines.iter().map(|(command, what)| format!(" {command:<60} {what}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tapes_line_is_read_whole_or_not_at_all() {
        let line = "quotes=9 trades=4 first=1 last=5 gaps=1 doubled=0";
        let tape = Tape { trades: 4, first: 1, last: 5, lost: 1, doubled: 0 };
        assert_eq!(Tape::read(line), Some(tape));
        assert_eq!(Tape::read("trades=4 first=1"), None);
        assert_eq!(Tape::read(&line.replace("gaps=1", "gaps=")), None);
    }
}
