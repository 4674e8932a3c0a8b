//! What is owned, for whoever asks: positions by venue and slot, and the operator's words about them.
//!
//! Comes in: questions through the engine's handle. Goes out: rows, and orders to venues and lanes.
//! Deliberately absent: judging what differs, which is each venue's own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel};

use serde::Serialize;
use wickd_model::InstrumentId;

use crate::control::Control;
use crate::handle::{ANSWER_WAIT, EngineHandle, Unanswered};
use crate::house::UNASSIGNED;
use crate::lane::ToLane;
use crate::venue::{Input, OwnedRow, Word};

/// What is owned of one asset, or of one derivative, at a venue. Amounts are decimal text.
#[derive(Clone, Debug, Serialize)]
pub struct Owned {
    /// The venue's name.
    pub venue: String,
    /// The asset, or the instrument and its product.
    pub what: String,
    /// The sum of what is owned here.
    pub ours: String,
    /// What the venue says; none where it has not said.
    pub theirs: Option<String>,
    /// How the two stand.
    pub standing: &'static str,
    /// No order leaves for this venue.
    pub halted: bool,
    /// Who owns how much.
    pub owners: Vec<Owner>,
}

/// One owner.
#[derive(Clone, Debug, Serialize)]
pub struct Owner {
    /// The slot's name, or `unassigned`.
    pub slot: String,
    /// How much.
    pub amount: String,
}

/// A question that was not answered as it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// No answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// It cannot be done; the second text says what to do instead.
    #[error("{0}")]
    No(String, &'static str),
}

/// A venue's end, and what its rows are called.
struct Asked {
    venue: String,
    input: SyncSender<Input>,
    instruments: Vec<InstrumentId>,
}

type Answer = Result<Vec<OwnedRow>, String>;

impl EngineHandle {
    /// What is owned, at one venue or at all where orders leave for real.
    ///
    /// # Errors
    /// A venue did not answer, or there is none of that name.
    pub fn owned(&self, venue: Option<String>) -> Result<Vec<Owned>, Refused> {
        let venues = self.ask(|control| control.trading_venues())?;
        let named = |of: &&Asked| venue.as_ref().is_none_or(|name| *name == of.venue);
        let asked: Vec<_> = venues.iter().filter(named).collect();
        if let (true, Some(name)) = (asked.is_empty(), venue.as_ref()) {
            let text = format!("no orders leave for a venue `{name}`");
            return Err(Refused::No(text, "leave `--venue` out to see all"));
        }
        let answers: Vec<_> = asked.iter().map(|of| tell(of, Word::Positions)).collect();
        let mut rows = Vec::new();
        for answer in answers {
            rows.extend(wait(answer)?);
        }
        self.named(rows)
    }

    /// A slot takes what the venue has of an instrument and no other slot owns.
    ///
    /// # Errors
    /// There is no such slot or instrument, or the venue has not said what it has.
    pub fn adopt(&self, slot: String, instrument: String) -> Result<Vec<Owned>, Refused> {
        let found = self.ask(move |control| control.find_owner(&slot, &instrument))??;
        let (key, instrument, venue) = found;
        let rows = wait(tell(&venue, Word::Adopt { slot: key, instrument }))?;
        let rows = rows.into_iter().filter(|row| row.instruments.contains(&instrument)).collect();
        self.named(rows)
    }

    /// The host takes back a slot's orders of an instrument and closes what it holds of it.
    ///
    /// # Errors
    /// There is no such slot or instrument.
    pub fn close(&self, slot: String, instrument: String) -> Result<(), Refused> {
        self.ask(move |control| control.close(&slot, &instrument))?
    }

    /// A venue that was halted goes on.
    ///
    /// # Errors
    /// It is not halted, or there is none of that name.
    pub fn resume(&self, venue: String) -> Result<(), Refused> {
        let venues = self.ask(|control| control.trading_venues())?;
        let Some(of) = venues.iter().find(|of| of.venue == venue) else {
            let text = format!("no orders leave for a venue `{venue}`");
            return Err(Refused::No(text, "see `wickd positions` for their names"));
        };
        wait(tell(of, Word::Resume)).map(drop)
    }

    /// Rows with the names of their slots.
    fn named(&self, rows: Vec<OwnedRow>) -> Result<Vec<Owned>, Refused> {
        let names = self.ask(|control| control.slot_names())?;
        let name = |key: u32| {
            let known = names.iter().find(|(number, _)| *number == key);
            known.map_or_else(|| format!("slot {key}"), |(_, name)| name.clone())
        };
        let owner = |(key, amount): (u32, String)| Owner { slot: name(key), amount };
        let owned = |row: OwnedRow| Owned {
            venue: row.venue,
            what: row.what,
            ours: row.ours,
            theirs: row.theirs,
            standing: row.standing,
            halted: row.halted,
            owners: row.slots.into_iter().map(owner).collect(),
        };
        Ok(rows.into_iter().map(owned).collect())
    }
}

impl Control {
    fn trading_venues(&self) -> Vec<Asked> {
        let trades = self.venues.iter().filter(|ear| !ear.instruments.is_empty());
        let asked = |ear: &crate::venue::Ear| Asked {
            venue: ear.name.clone(),
            input: ear.input.clone(),
            instruments: ear.instruments.clone(),
        };
        trades.map(asked).collect()
    }

    /// Every slot that ever had a number, and `unassigned`.
    fn slot_names(&self) -> Vec<(u32, String)> {
        let known = self.records.journal.as_ref().and_then(|journal| journal.slots().ok());
        let known = known.unwrap_or_default().into_iter().map(|(name, key)| (key, name));
        let slots = self.slots.iter().map(|slot| (slot.key, slot.plan.name.to_string()));
        slots.chain(known).collect()
    }

    fn find_owner(
        &self,
        slot: &str,
        instrument: &str,
    ) -> Result<(u32, InstrumentId, Asked), Refused> {
        let key = self.slot_names().into_iter().find(|(_, name)| name == slot);
        let Some((key, _)) = key else {
            let text = format!("there is no slot `{slot}`");
            return Err(Refused::No(text, "write a slot's name, or `unassigned`"));
        };
        let found = self.instruments.iter().find(|of| of.symbol == instrument);
        let venues = self.trading_venues();
        let trading = found.and_then(|of| {
            let venue = venues.into_iter().find(|venue| venue.instruments.contains(&of.id))?;
            Some((of.id, venue))
        });
        let Some((id, venue)) = trading else {
            let text = format!("no orders leave for an instrument `{instrument}`");
            return Err(Refused::No(text, "write it as `instruments:` of the configuration does"));
        };
        Ok((key, id, venue))
    }

    fn close(&mut self, slot: &str, instrument: &str) -> Result<(), Refused> {
        let known = self.instruments.iter().find(|of| of.symbol == instrument).map(|of| of.id);
        let Some(instrument) = known else {
            let text = format!("there is no instrument `{instrument}`");
            return Err(Refused::No(text, "write it as `instruments:` of the configuration does"));
        };
        let mine = self.slots.iter().find(|of| of.plan.name.as_str() == slot);
        let found = match mine {
            Some(of) => Some((of.key, of.lane)),
            // What no slot owns sits on the first lane.
            None if slot == UNASSIGNED => {
                let key = self.slot_names().into_iter().find(|(_, name)| name == UNASSIGNED);
                key.map(|(key, _)| (key, 0))
            }
            None => None,
        };
        let Some((key, lane)) = found else {
            let text = format!("no slot `{slot}` is configured");
            let fix = "adopt what it holds into one that is, or into `unassigned`, then close that";
            return Err(Refused::No(text, fix));
        };
        self.lanes[lane].send(ToLane::Close { key, instrument });
        Ok(())
    }
}

fn tell(venue: &Asked, word: Word) -> Receiver<Answer> {
    let (reply, answer) = channel();
    // One that has ended answers nothing, and the wait says so.
    let _ = venue.input.send(Input::Word(word, reply));
    answer
}

fn wait(answer: Receiver<Answer>) -> Result<Vec<OwnedRow>, Refused> {
    match answer.recv_timeout(ANSWER_WAIT) {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(text)) => Err(Refused::No(text, "see `wickd positions`")),
        Err(RecvTimeoutError::Timeout) => Err(Unanswered::Late.into()),
        Err(RecvTimeoutError::Disconnected) => Err(Unanswered::Ended.into()),
    }
}
