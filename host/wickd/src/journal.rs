//! `wickd journal`: what was decided and what came of it, read while the daemon is down.
//!
//! Comes in: a state folder. Goes out: its last records, or every contradiction between the journal
//! and the paper venue's ledger. Nothing is changed. Deliberately absent: a running daemon's journal,
//! which is locked: two readers of one database file could not both be right.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use serde_json::json;
use wickd_engine::Verified;
use wickd_model::{CASH_SCALE, Cash, Instrument, InstrumentId, Kind, Reason, Side, print_scaled};
use wickd_store::{Folder, Note, Record};

use crate::cli::{JournalCommand, StatePath};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::figures::{count, utc};
use crate::terminal::{Look, Terminal};

/// Does either.
pub(crate) fn command(terminal: &Terminal, command: JournalCommand) -> Result<Exit, Failure> {
    match command {
        JournalCommand::Verify(state) => verify(terminal, &open(&state, "journal")?),
        JournalCommand::Accept(state) => accept(terminal, state),
        JournalCommand::Migrate(state) => migrate(terminal, state),
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

/// The operator says that the configuration is the one, or has the instruments of the one, that version
/// 0.1 wrote the journal under.
fn migrate(terminal: &Terminal, state: StatePath) -> Result<Exit, Failure> {
    let config = Config::load(&state.config.config)?;
    let folder = open(&state, "journal")?;
    let journal = folder.journal()?;
    if !journal.is_unnumbered()? {
        let text = "the journal has numbers for its instruments already; nothing is to be done";
        return Err(Failure::new(Exit::Usage, text));
    }
    let instruments = config.plan.instruments;
    let mut highest = None;
    journal.for_each(1, |_, record| highest = highest.max(record.instrument()))?;
    if let Some(place) = highest.filter(|place| *place as usize >= instruments.len()) {
        let text = format!(
            "the journal has orders of the instrument in place {place}, counted from 0, and the \
             configuration has {}",
            count(instruments.len() as u64, "instrument")
        );
        let hint = "name the configuration that it was written under with `--config`";
        return Err(Failure::new(Exit::BadConfig, text).hint(hint));
    }
    journal.put_instruments(&instruments)?;
    for of in &instruments {
        match terminal.json {
            true => terminal.line("instrument", of),
            false => terminal.page(&format!("{:>4}  {}\n", of.id, of.identity())),
        }
    }
    Ok(Exit::Ok)
}

/// The operator goes on with files that do not belong together.
fn accept(terminal: &Terminal, state: StatePath) -> Result<Exit, Failure> {
    let folder = Folder::open(&state.dir()?)?;
    let (journal, snapshots, ledger) = (folder.journal()?, folder.snapshots()?, folder.ledger()?);
    folder.stamp(&journal, &snapshots, &ledger, true, || {
        RandomState::new().build_hasher().finish()
    })?;
    match terminal.json {
        true => terminal.line("accepted", &json!({ "state": folder.dir() })),
        false => terminal
            .page("the files belong together from now on; the next run has an epoch of its own\n"),
    }
    Ok(Exit::Ok)
}

fn verify(terminal: &Terminal, folder: &Folder) -> Result<Exit, Failure> {
    let (journal, ledger) = (folder.journal()?, folder.ledger()?);
    let Verified { contradictions, unsettled } = wickd_engine::verify(&journal, &ledger)?;
    let records = journal.last()?;
    if terminal.json {
        let found = json!({
            "records": records, "contradictions": contradictions, "unsettled": unsettled,
        });
        terminal.line("verified", &found);
    } else {
        for finding in contradictions.iter().chain(&unsettled) {
            terminal.page(&format!("{finding}\n"));
        }
        let ok = terminal.paint_page(Look::Good, "ok");
        let records = count(records, "record");
        match (contradictions.is_empty(), unsettled.len() as u64) {
            (true, 0) => terminal.page(&format!("{ok}  {records}, the venue agrees\n")),
            (true, open) => terminal.page(&format!(
                "{ok}  {records}; {} on one side only, as after any kill: the next start settles it\n",
                count(open, "record")
            )),
            (false, _) => {}
        }
    }
    if contradictions.is_empty() {
        return Ok(Exit::Ok);
    }
    let text =
        format!("journal and venue contradict in {}", count(contradictions.len() as u64, "place"));
    let hint = "settle it by hand; the slots of these orders do not trade until then";
    Err(Failure::new(Exit::Damaged, text).hint(hint))
}

fn show(terminal: &Terminal, folder: &Folder, last: u64) -> Result<Exit, Failure> {
    let journal = folder.journal()?;
    let slots: BTreeMap<u32, String> =
        journal.slots()?.into_iter().map(|(name, number)| (number, name)).collect();
    let (of, unexplained) = (Instruments(journal.instruments()?), Instruments(Vec::new()));
    let places = journal.places()?;
    let from = (journal.last()? + 1).saturating_sub(last).max(1);
    let show = |number: u64, record: Record| {
        let of = if number <= places { &unexplained } else { &of };
        if terminal.json {
            return terminal.line("record", &json!({ "number": number, "record": record }));
        }
        let (slot, ts_event, text) = told(&record, of);
        let slot = slots.get(&slot).map_or("?", String::as_str);
        terminal.page(&format!("{number:>7}  {}  {slot:<12}  {text}\n", utc(ts_event)));
    };
    let first = journal.first()?;
    folder.archive()?.for_each(from, |number, record| {
        if number < first {
            show(number, record);
        }
    })?;
    journal.for_each(from.max(first), show)?;
    Ok(Exit::Ok)
}

/// The journal's instruments by number, for amounts in decimals with symbol and currency.
struct Instruments(Vec<Instrument>);

impl Instruments {
    fn of(&self, number: InstrumentId) -> Option<&Instrument> {
        self.0.get(number as usize)
    }

    fn symbol(&self, number: InstrumentId) -> String {
        // A journal of version 0.1 that nobody has explained has places and no symbols.
        self.of(number).map_or_else(|| format!("instrument {number}"), |of| of.symbol.clone())
    }

    fn size(&self, number: InstrumentId, size: i64) -> String {
        match self.of(number) {
            Some(of) => format!("{} {}", trimmed(size, of.size_scale), of.symbol),
            None => format!("{size} units of instrument {number}"),
        }
    }

    fn price(&self, number: InstrumentId, price: i64) -> String {
        match self.of(number) {
            Some(of) => format!("{} {}", print_scaled(price, of.price_scale), of.quote),
            None => format!("{price} units"),
        }
    }

    fn cash(&self, number: InstrumentId, amount: Cash) -> String {
        let currency = self.of(number).map_or("", |of| of.quote.as_str());
        format!("{} {currency}", trimmed(amount, CASH_SCALE)).trim_end().to_owned()
    }
}

/// A decimal without zeros at its end.
fn trimmed(amount: i64, scale: u8) -> String {
    let text = print_scaled(amount, scale);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// The stable word of a status or a reason, as JSON has it.
fn word(of: &impl serde::Serialize) -> String {
    serde_json::to_value(of)
        .ok()
        .and_then(|word| Some(word.as_str()?.to_owned()))
        .unwrap_or_default()
}

/// Slot number, event time and the rest in words.
fn told(record: &Record, instruments: &Instruments) -> (u32, u64, String) {
    match record {
        Record::Intent { order, by } => {
            let (of, bytes) = (&order.request, by.component.short());
            let side = if of.side == Side::Buy { "buy" } else { "sell" };
            let text = format!(
                "{} {side} {} {}, event {}, generation {} ({bytes}){}",
                order.id,
                instruments.size(of.instrument, of.size),
                match of.kind {
                    Kind::Market => "at market".to_owned(),
                    Kind::Limit => format!("at {}", instruments.price(of.instrument, of.price)),
                },
                order.seq,
                order.generation,
                if by.live { ", for real" } else { "" },
            );
            (order.id.slot, order.ts_event, text)
        }
        Record::Cancel { id, reason, ts_event, seq } => {
            (id.slot, *ts_event, format!("{id} cancel, {}, event {seq}", word(reason)))
        }
        Record::Event(event) => {
            let id = event.at.instrument;
            let filled = instruments.size(id, event.filled);
            let mut text = format!("{} is {}, {filled} filled", event.id, word(&event.status));
            if event.last_size != 0 {
                let (size, price) = (
                    instruments.size(id, event.last_size),
                    instruments.price(id, event.last_price),
                );
                let fee = instruments.cash(id, event.fee);
                text.push_str(&format!(" ({size} at {price}, fee {fee})"));
            }
            if event.reason != Reason::None {
                text.push_str(&format!(", {}", word(&event.reason)));
            }
            (event.id.slot, event.at.ts_event, text)
        }
        Record::Adopted(order) => {
            (order.id.slot, order.ts_event, format!("{} adopted from the venue", order.id))
        }
        Record::Adjusted(of) => {
            let text = format!(
                "position changed by {} at {} ({})",
                instruments.size(of.instrument, of.size),
                instruments.price(of.instrument, of.price),
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
                    "day begins: {} stands at {}",
                    instruments.symbol(*instrument),
                    instruments.cash(*instrument, *worth)
                ),
            };
            (*slot, *ts_event, format!("generation {generation} {what}"))
        }
    }
}
