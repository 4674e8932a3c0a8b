//! What is owned, compared with what the venue says: at the start, after a connection was away, every
//! minute, and when the venue lets on that something has moved.
//!
//! Comes in: the clock, answers, fills that no order here explains, the operator's words. Goes out:
//! questions, adjustments for the slots' portfolios, and what the gates let pass. Deliberately absent:
//! judging, which is [`Holdings`](crate::venue::holdings::Holdings)'.

use wickd_model::{Adjustment, Cause, InstrumentId, Product, Side, TsNs, printable};
use wickd_sandbox::exchange::nouns::{
    Balance, Failure, FillReport, Holding, Operation, Range, Reply,
};

use super::{Connector, NS_PER_MS, Purpose, Stage};
use crate::events::{OwnedEvent, RefusedEvent, VenueEvent};
use crate::orders::Passes;
use crate::venue::holdings::{Fine, Key, Standing, Verdict, print, read, units};
use crate::venue::tracker::{Outcome, Whose};
use crate::venue::{News, OwnedRow, Word, convert};

/// How often holdings are compared when nothing asks for it sooner.
const COMPARE_EVERY_MS: u64 = 60_000;
/// How soon the venue is asked again about a difference, or about what it has let on.
const AGAIN_MS: u64 = 1_000;
/// Shortest time between two comparisons that something has asked for: each costs of the venue's limits.
const SOON_MS: u64 = 10_000;
/// First wait after a question that failed; doubled each time, up to [`COMPARE_EVERY_MS`].
const FAILED_MS: u64 = 2_000;
/// Rows of fills asked for where a missed one may explain a difference.
const FILL_ROWS: u32 = 500;

impl Connector {
    /// What the clock asks for.
    pub(super) fn compare_due(&mut self, now: TsNs) {
        if now < self.compare_at || !self.parts.plan.trades() {
            return;
        }
        (self.compare_at, self.compared_at) = (now + COMPARE_EVERY_MS * NS_PER_MS, now);
        for product in self.products.clone() {
            let operation = match convert::of_product(product) {
                Product::Spot | Product::Margin => Operation::Balances(product),
                _ => Operation::Positions(product),
            };
            self.ask(operation, Purpose::Compare(now), now);
        }
    }

    /// Something has moved: it is looked at soon.
    pub(super) fn compare_soon(&mut self, now: TsNs) {
        let soonest = (self.compared_at + SOON_MS * NS_PER_MS).max(now + AGAIN_MS * NS_PER_MS);
        self.compare_at = self.compare_at.min(soonest);
    }

    /// What the venue has answered.
    pub(super) fn compared(
        &mut self,
        operation: &Operation,
        asked: TsNs,
        outcome: Outcome,
        now: TsNs,
    ) {
        let (Operation::Balances(product) | Operation::Positions(product)) = operation else {
            return self.fills_looked_at(outcome, now);
        };
        let partial = self.is_partial;
        self.uncompared.retain(|waiting| waiting != product);
        let product = convert::of_product(*product);
        let verdicts = match outcome {
            Outcome::Reply(Reply::Balances(rows)) => {
                self.holdings.answered(product, asked, |key| balance(&rows, key, partial))
            }
            Outcome::Reply(Reply::Positions(rows)) => {
                let scale = |id| self.parts.instruments.get(id as usize).map(|of| of.size_scale);
                self.holdings.answered(product, asked, |key| position(&rows, key, scale, partial))
            }
            Outcome::Failure(Failure::Unsupported(_) | Failure::Inexpressible(_)) => {
                if self.holdings.cannot_compare(product) {
                    let (venue, product) = (self.name(), product.name());
                    self.say(OwnedEvent::NotCompared { venue, product });
                }
                return self.clear();
            }
            other => {
                let wait_ms = (FAILED_MS << self.compare_failures.min(6)).min(COMPARE_EVERY_MS);
                self.compare_failures += 1;
                self.compare_at = now + wait_ms * NS_PER_MS;
                let why = super::requests::short(&other);
                return self.deny(product.name(), RefusedEvent::PositionsUnknown { why });
            }
        };
        self.compare_failures = 0;
        for (key, verdict) in verdicts {
            self.judged(&key, verdict, now);
        }
        self.clear();
    }

    fn judged(&mut self, key: &Key, verdict: Verdict, now: TsNs) {
        let (venue, what) = (self.name(), self.name_of(key));
        match verdict {
            Verdict::Same => {}
            Verdict::Settled => self.say(OwnedEvent::Settled { venue, what }),
            Verdict::AskAgain => {
                // Whatever a stream has missed explains it, or the last look is a whole lag later.
                let last = self.holdings.doubts() > 1;
                let wait_ms =
                    if last { self.parts.plan.read_lag_ms.max(AGAIN_MS) } else { AGAIN_MS };
                self.compare_at = now + wait_ms * NS_PER_MS;
                if !last {
                    self.tracker.ask_all(now);
                    self.look_at_fills(key, now);
                }
            }
            Verdict::Found(amount) => {
                self.say(OwnedEvent::Found { venue, what, amount: print(amount) });
                let owner = (self.parts.unassigned, self.holdings.first(key).unwrap_or_default());
                self.adjust(owner, amount, 0, Cause::Found, now);
            }
            Verdict::Differs(ours, theirs) => {
                let (ours, theirs, owners) = (print(ours), print(theirs), self.owners(key));
                self.say(OwnedEvent::Differs { venue, what, ours, owners, theirs });
            }
        }
    }

    /// A fill that was missed may explain a difference.
    fn look_at_fills(&mut self, key: &Key, now: TsNs) {
        let ids = self.holdings.rows().into_iter().filter(|row| row.key == *key);
        for instrument in ids.flat_map(|row| row.instruments).collect::<Vec<_>>() {
            let since = self.began_wall;
            let range = Range { instrument, since, limit: FILL_ROWS };
            self.ask(Operation::Fills(range), Purpose::Compare(now), now);
        }
    }

    fn fills_looked_at(&mut self, outcome: Outcome, now: TsNs) {
        if let Outcome::Reply(Reply::Fills(fills)) = outcome {
            fills.iter().for_each(|fill| self.filled(fill, now));
            self.tell_all();
        }
    }

    /// A fill from wherever: of an order that is open, of one that was told as done, or nobody's.
    pub(super) fn filled(&mut self, fill: &FillReport, now: TsNs) {
        if self.tracker.fill(fill, now, &mut self.out) {
            return;
        }
        match self.tracker.whose(fill) {
            Whose::Known => {}
            Whose::Late(id) => {
                self.deny(&format!("order {id}"), RefusedEvent::FillLate {});
                self.adjust_by(id.slot, fill, Cause::Late, now);
            }
            // Those of earlier runs are in the number that the venue was asked for at the start.
            Whose::Nobodys if fill.ts_event < self.began_wall => {}
            Whose::Nobodys => self.foreign_fill(fill, now),
        }
    }

    fn foreign_fill(&mut self, fill: &FillReport, now: TsNs) {
        if !self.is_ours(fill.instrument) || !self.foreign(&fill.client_id) {
            return;
        }
        if fill.size <= 0 || fill.price <= 0 {
            return;
        }
        let Some(of) = self.parts.instruments.get(fill.instrument as usize) else { return };
        let side = if fill.side == convert::side(Side::Buy) { "bought" } else { "sold" };
        let what = format!(
            "{} {} of {} were {side} at {} by an order that is nobody's here ({}); `unassigned` has it",
            wickd_model::print_scaled(fill.size, of.size_scale),
            of.base,
            of.symbol,
            wickd_model::print_scaled(fill.price, of.price_scale),
            printable(fill.client_id.as_bytes(), 64),
        );
        let symbol = of.symbol.clone();
        self.deny(&symbol, RefusedEvent::FillForeign { what });
        self.adjust_by(self.parts.unassigned, fill, Cause::Foreign, now);
        if self.holdings.needs_word(fill.instrument) {
            self.say(OwnedEvent::NeedsWord { venue: self.name(), what: symbol });
        }
    }

    /// A position changes by a fill that no order of its slot explains.
    fn adjust_by(&mut self, slot: u32, fill: &FillReport, cause: Cause, now: TsNs) {
        let Some(of) = self.parts.instruments.get(fill.instrument as usize) else { return };
        let fee = self.tracker.fees.of(fill, of, &self.parts.instruments);
        let sign = if fill.side == convert::side(Side::Buy) { 1 } else { -1 };
        let amount =
            units(sign * fill.size, of.size_scale) - units(fee.base, wickd_model::CASH_SCALE);
        self.adjust((slot, fill.instrument), amount, fill.price, cause, now);
        self.tracker.remember(fill);
        self.compare_soon(now);
    }

    /// Changes a position: in the holdings, in its slot's portfolio, in the journal.
    pub(super) fn adjust(
        &mut self,
        (slot, instrument): (u32, InstrumentId),
        amount: Fine,
        price: i64,
        cause: Cause,
        now: TsNs,
    ) {
        let made = self.holdings.adjustment((slot, instrument), amount, price, cause);
        let Some(adjustment) = made else { return };
        let adjustment = Adjustment { ts_event: now, ..adjustment };
        self.holdings.adjusted(&adjustment, now);
        self.send_news(slot, News::Adjust(adjustment));
        self.clear();
    }

    /// What trades of other markets were paid with, and fees in a third asset: it is gone, and no slot's.
    pub(super) fn take_paid(&mut self, now: TsNs) {
        for (product, asset, amount) in std::mem::take(&mut self.tracker.paid) {
            if let Some(id) = self.holdings.of_asset(product, &asset) {
                self.adjust((self.parts.unassigned, id), -amount, 0, Cause::Paid, now);
            }
        }
    }

    /// Tells the gates which orders may pass.
    pub(super) fn clear(&mut self) {
        for id in &self.parts.plan.instruments {
            let Some(clearance) = self.parts.clearances.get(*id as usize) else { continue };
            clearance.set(match (&self.halted, self.parts.plan.trades()) {
                (Some(_), _) => Passes::Nothing,
                (None, true) => self.holdings.passes(*id),
                (None, false) => Passes::All,
            });
        }
    }

    /// No order leaves for this venue any more; cancels do. Holds until the operator says `resume`.
    pub(super) fn halt(&mut self, why: &str) {
        if self.halted.is_some() {
            return;
        }
        self.halted = Some(why.to_owned());
        self.clear();
        self.say(VenueEvent::Halted { venue: self.name(), why: why.to_owned() });
    }

    /// The operator asks, or has said who owns what.
    pub(super) fn word(&mut self, word: Word, now: TsNs) -> Result<Vec<OwnedRow>, String> {
        match word {
            Word::Positions => {}
            Word::Resume => {
                if self.halted.take().is_none() {
                    return Err(format!("{} is not halted", self.parts.plan.name));
                }
                self.clear();
                self.say(OwnedEvent::Resumed { venue: self.name() });
            }
            Word::Adopt { slot, instrument } => self.adopt(slot, instrument, now)?,
        }
        Ok(self.owned_rows())
    }

    fn adopt(&mut self, slot: u32, instrument: InstrumentId, now: TsNs) -> Result<(), String> {
        if self.stage != Stage::Running {
            return Err(format!("{} is not connected yet; try again", self.parts.plan.name));
        }
        let Some(moves) = self.holdings.adoption(slot, instrument) else {
            return Err(
                "the venue has not said what it holds there; try again in a minute".to_owned()
            );
        };
        for (slot, id, amount) in moves {
            self.adjust((slot, id), amount, 0, Cause::Adopted, now);
        }
        self.holdings.settle(instrument);
        self.clear();
        self.compare_at = now;
        Ok(())
    }

    fn owned_rows(&self) -> Vec<OwnedRow> {
        let row = |row: crate::venue::holdings::Row| OwnedRow {
            venue: self.parts.plan.name.clone(),
            what: self.name_of(&row.key),
            instruments: row.instruments,
            slots: row.slots.iter().map(|(slot, _, amount)| (*slot, print(*amount))).collect(),
            ours: print(row.ours),
            theirs: row.theirs.map(print),
            standing: match (row.standing, row.word) {
                (Standing::Unasked, _) => "not compared yet",
                (Standing::NotCompared, _) => "not compared",
                (Standing::Doubtful(_), _) => "in doubt",
                (Standing::Differs, _) => "differs",
                (Standing::Agrees, true) => "needs your word",
                (Standing::Agrees, false) => "agrees",
            },
            halted: self.halted.is_some(),
        };
        self.holdings.rows().into_iter().map(row).collect()
    }

    fn owners(&self, key: &Key) -> String {
        let rows = self.holdings.rows().into_iter().filter(|row| row.key == *key);
        let name = |slot: u32| {
            let known = self.parts.slots.get(&slot).cloned();
            known.unwrap_or_else(|| format!("slot {slot}, which is not configured"))
        };
        let each = rows.flat_map(|row| row.slots);
        let each: Vec<_> =
            each.map(|(slot, _, amount)| format!("{} {}", name(slot), print(amount))).collect();
        if each.is_empty() { "nobody owns any".to_owned() } else { each.join(", ") }
    }

    fn name_of(&self, key: &Key) -> String {
        match key {
            Key::Asset(_, asset) => printable(asset.as_bytes(), 16),
            Key::Position(id) => self
                .parts
                .instruments
                .get(*id as usize)
                .map_or_else(String::new, |of| format!("{} {}", of.symbol, of.product.name())),
        }
    }
}

/// What a list of balances says of an asset: an asset it does not name is not there, unless the list is
/// a part of what the venue said.
fn balance(rows: &[Balance], key: &Key, partial: bool) -> Option<Fine> {
    let Key::Asset(_, asset) = key else { return None };
    match rows.iter().find(|row| row.asset == *asset) {
        Some(row) => read(&row.total),
        None => (!partial).then_some(0),
    }
}

/// What a list of positions says of an instrument; several rows of one are its sides.
fn position(
    rows: &[Holding],
    key: &Key,
    scale: impl Fn(InstrumentId) -> Option<u8>,
    partial: bool,
) -> Option<Fine> {
    let Key::Position(id) = key else { return None };
    // Of a part even the rows that are there say nothing: the other side of one may be what lacks.
    if partial {
        return None;
    }
    let mine = rows.iter().filter(|row| row.instrument == *id);
    Some(mine.map(|row| units(row.size, scale(*id).unwrap_or(0))).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_partial_list_lacks_is_unknown_and_what_a_whole_one_lacks_is_nothing() {
        let rows = [Balance { asset: "BTC".into(), total: "1.5".into(), available: "1".into() }];
        let key = |asset: &str| Key::Asset(Product::Spot, asset.into());
        assert_eq!(balance(&rows, &key("BTC"), true), Some(units(15, 1)));
        assert_eq!(balance(&rows, &key("ETH"), false), Some(0));
        assert_eq!(balance(&rows, &key("ETH"), true), None);
        let scale = |_| Some(3);
        assert_eq!(position(&[], &Key::Position(1), scale, false), Some(0));
        assert_eq!(position(&[], &Key::Position(1), scale, true), None);
    }
}
