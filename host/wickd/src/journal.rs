//! `wickd journal`: what was decided and what came of it, read while the daemon is down.
//!
//! Comes in: a state folder. Goes out: its last records, or every contradiction between the journal
//! and the paper venue's ledger. Nothing is changed. Deliberately absent: a running daemon's journal,
//! which is locked: two readers of one database file could not both be right.

use std::collections::BTreeMap;

use serde_json::json;
use wickd_model::{CASH_SCALE, Reason, Side, print_scaled};
use wickd_store::{Folder, Note, Record};

use crate::cli::{JournalCommand, StatePath};
use crate::exit::{Exit, Failure};
use crate::figures::{count, utc};
use crate::terminal::{Look, Terminal};

/// Does either.
pub(crate) fn command(terminal: &Terminal, command: JournalCommand) -> Result<Exit, Failure> {
    match command {
        JournalCommand::Verify(state) => verify(terminal, &open(&state, "journal")?),
        JournalCommand::Show { state, last } => show(terminal, &open(&state, "journal")?, last),
    }
}

/// The state folder, where it has this record.
pub(crate) fn open(state: &StatePath, record: &str) -> Result<Folder, Failure> {
    let dir = state.dir()?;
    // Opening would make a folder that is not there.
    if !dir.join(format!("{record}.redb")).is_file() {
        let text = format!("there is no {record} in {}", dir.display());
        return Err(Failure::new(Exit::NoInput, text).hint("name the folder with `--state`"));
    }
    Ok(Folder::open(&dir)?)
}

fn verify(terminal: &Terminal, folder: &Folder) -> Result<Exit, Failure> {
    let (journal, ledger) = (folder.journal()?, folder.ledger()?);
    let findings = wickd_engine::verify(&journal, &ledger)?;
    let records = journal.last()?;
    if terminal.json {
        terminal.line("verified", &json!({ "records": records, "findings": findings }));
    } else if findings.is_empty() {
        let ok = terminal.paint_page(Look::Good, "ok");
        terminal.page(&format!("{ok}  {}, the venue agrees\n", count(records, "record")));
    } else {
        findings.iter().for_each(|finding| terminal.page(&format!("{finding}\n")));
    }
    if findings.is_empty() {
        return Ok(Exit::Ok);
    }
    let text = format!("journal and venue differ in {}", count(findings.len() as u64, "place"));
    let hint = "`wickd run` settles what only one of them has; what contradicts is for you";
    Err(Failure::new(Exit::Damaged, text).hint(hint))
}

fn show(terminal: &Terminal, folder: &Folder, last: u64) -> Result<Exit, Failure> {
    let journal = folder.journal()?;
    let slots: BTreeMap<u32, String> =
        journal.slots()?.into_iter().map(|(name, number)| (number, name)).collect();
    let from = (journal.last()? + 1).saturating_sub(last);
    journal.for_each(from, |number, record| {
        if terminal.json {
            return terminal.line("record", &json!({ "number": number, "record": record }));
        }
        let (slot, ts_event, text) = told(&record);
        let slot = slots.get(&slot).map_or("?", String::as_str);
        terminal.page(&format!("{number:>7}  {}  {slot:<12}  {text}\n", utc(ts_event)));
    })?;
    Ok(Exit::Ok)
}

/// Slot number, event time and the rest in words.
fn told(record: &Record) -> (u32, u64, String) {
    match record {
        Record::Intent { order, by } => {
            let (of, bytes) = (&order.request, by.component.short());
            let side = if of.side == Side::Buy { "buy" } else { "sell" };
            let text = format!(
                "{} {side} {} at {} units of instrument {}, event {}, generation {} ({bytes}){}",
                order.id,
                of.size,
                of.price,
                of.instrument,
                order.seq,
                order.generation,
                if by.live { ", for real" } else { "" },
            );
            (order.id.slot, order.ts_event, text)
        }
        Record::Cancel { id, reason, ts_event, seq } => {
            (id.slot, *ts_event, format!("{id} cancel, {reason:?}, event {seq}"))
        }
        Record::Event(event) => {
            let mut text = format!("{} is {:?}, {} filled", event.id, event.status, event.filled);
            if event.last_size != 0 {
                text.push_str(&format!(" ({} at {})", event.last_size, event.last_price));
            }
            if event.reason != Reason::None {
                text.push_str(&format!(", {:?}", event.reason));
            }
            (event.id.slot, event.at.ts_event, text)
        }
        Record::Adopted(order) => {
            (order.id.slot, order.ts_event, format!("{} adopted from the venue", order.id))
        }
        Record::Adjusted(of) => {
            let text = format!(
                "position of instrument {} changed by {} at {} ({})",
                of.instrument,
                of.size,
                of.price,
                of.cause.name()
            );
            (of.slot, of.ts_event, text)
        }
        Record::Note { slot, generation, ts_event, note } => {
            let what = match note {
                Note::Started(by) => format!("started with {}", by.component.short()),
                Note::Swapped(by) => format!("swapped to {}", by.component.short()),
                Note::RolledBack(by) => format!("rolled back to {}", by.component.short()),
                Note::Stopped => "stopped".to_owned(),
                Note::Halted => "halted".to_owned(),
                Note::Quarantined => "quarantined".to_owned(),
                Note::DayBegan { instrument, worth, .. } => format!(
                    "day begins: instrument {instrument} stands at {}",
                    print_scaled(*worth, CASH_SCALE)
                ),
            };
            (*slot, *ts_event, format!("generation {generation} {what}"))
        }
    }
}
