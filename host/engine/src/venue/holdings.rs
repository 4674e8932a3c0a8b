//! What is owned at a venue: the sum of what the slots own, against what the venue says.
//!
//! Comes in: every change of a position as it is told to its slot, and the venue's balances and
//! positions. Goes out: whether they agree, and which orders may pass meanwhile. What no slot owns is
//! owned by `unassigned`, a slot without a plugin, so that the sum can agree. Deliberately absent:
//! asking, time but what is handed in, and settling, which is a missed fill's or the operator's.
//!
//! A venue's reads lag. So an answer agrees where it is what was owned at any moment within the lag,
//! and a difference counts only once it was seen [`ASKS`] times, the last one a lag later. New risk
//! waits from the first one on.

use std::collections::{BTreeMap, VecDeque};

use wickd_model::{
    Adjustment, CASH_SCALE, Cause, Instrument, InstrumentId, Product, SCALE_MAX, TsNs,
};

use crate::orders::Passes;

/// An amount of base units times `10^12`.
pub(crate) type Fine = i128;
/// How often a difference must be seen before it is told.
const ASKS: u32 = 3;
/// Past amounts kept for answers that lag.
const PAST_MAX: usize = 1_024;

/// What is compared: on spot an asset's balance, elsewhere the position of one instrument.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Key {
    Asset(Product, String),
    Position(InstrumentId),
}

/// How a comparison stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Standing {
    /// The venue has not said.
    #[default]
    Unasked,
    /// The adapter cannot ask.
    NotCompared,
    Agrees,
    /// It differed so many times; it may be a lag.
    Doubtful(u32),
    /// It differs.
    Differs,
}

/// What an answer of the venue means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// As before.
    Same,
    /// It agrees, and did not before.
    Settled,
    /// It agreed before, and is to be asked again; nothing is told yet.
    AskAgain,
    /// It differs: ours, theirs.
    Differs(Fine, Fine),
    /// Nothing here ever traded it, and this much is there.
    Found(Fine),
}

#[derive(Default)]
struct Watched {
    standing: Standing,
    theirs: Option<Fine>,
    /// What was owned from when on, the latest last.
    past: VecDeque<(TsNs, Fine)>,
    /// Something here has ever traded it.
    traded: bool,
    /// What slots own and what no slot owns stand against each other: the slots own less than they
    /// believe until the operator has said who owns what.
    word: bool,
    told: Option<Fine>,
}

/// All that is owned at one venue.
pub(crate) struct Holdings {
    instruments: Vec<Instrument>,
    /// By slot and instrument; `unassigned` is a slot as well.
    owned: BTreeMap<(u32, InstrumentId), Fine>,
    watched: BTreeMap<Key, Watched>,
    unassigned: u32,
    lag_ns: u64,
}

/// One line of what is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Key,
    pub(crate) instruments: Vec<InstrumentId>,
    /// By slot.
    pub(crate) slots: Vec<(u32, InstrumentId, Fine)>,
    pub(crate) ours: Fine,
    pub(crate) theirs: Option<Fine>,
    pub(crate) standing: Standing,
    pub(crate) word: bool,
}

impl Holdings {
    /// For the venue's own `instruments`; `owned` is what the journal adds up to.
    pub(crate) fn new(
        instruments: Vec<Instrument>,
        owned: BTreeMap<(u32, InstrumentId), Fine>,
        unassigned: u32,
        lag_ms: u64,
    ) -> Self {
        let mut holdings = Self {
            watched: instruments.iter().map(|of| (key(of), Watched::default())).collect(),
            instruments,
            owned,
            unassigned,
            lag_ns: lag_ms * 1_000_000,
        };
        let ids: Vec<InstrumentId> = holdings.owned.keys().map(|(_, id)| *id).collect();
        for id in ids {
            if let Some(watched) = holdings.key(id).and_then(|key| holdings.watched.get_mut(&key)) {
                watched.traded = true;
            }
            holdings.keep(id, 0);
        }
        holdings.weigh();
        holdings
    }

    /// A position has changed by `amount`.
    pub(crate) fn changed(&mut self, slot: u32, id: InstrumentId, amount: Fine, now: TsNs) {
        *self.owned.entry((slot, id)).or_default() += amount;
        let Some(watched) = self.key(id).and_then(|key| self.watched.get_mut(&key)) else { return };
        watched.traded = true;
        self.keep(id, now);
    }

    /// A position was adjusted.
    pub(crate) fn adjusted(&mut self, of: &Adjustment, now: TsNs) {
        let amount = self.instrument(of.instrument).map_or(0, |instrument| {
            units(of.size, instrument.size_scale) + units(of.rest, CASH_SCALE)
        });
        self.changed(of.slot, of.instrument, amount, now);
        self.weigh();
    }

    /// The venue's whole answer about one kind of product: what it does not name it does not have.
    /// `found` gives its amount of a key; none where it said something that nobody can read.
    pub(crate) fn answered(
        &mut self,
        product: Product,
        asked: TsNs,
        found: impl Fn(&Key) -> Option<Fine>,
    ) -> Vec<(Key, Verdict)> {
        let of = |id: InstrumentId| self.instrument(id).is_some_and(|of| of.product == product);
        let mine = |key: &Key| self.ids(key).into_iter().any(of);
        let keys: Vec<Key> = self.watched.keys().filter(|key| mine(key)).cloned().collect();
        let verdicts = keys.into_iter().filter_map(|key| {
            let theirs = found(&key)?;
            let verdict = self.judge(&key, theirs, asked);
            Some((key, verdict))
        });
        verdicts.collect()
    }

    fn judge(&mut self, key: &Key, theirs: Fine, asked: TsNs) -> Verdict {
        let (step, ours) = (self.step(key), self.sum(key));
        let since = asked.saturating_sub(self.lag_ns);
        let Some(watched) = self.watched.get_mut(key) else { return Verdict::Same };
        watched.theirs = Some(theirs);
        if !watched.traded && watched.standing == Standing::Unasked && theirs.abs() >= step {
            watched.standing = Standing::Agrees;
            return Verdict::Found(theirs);
        }
        // What was owned when the window began is the last amount of before.
        let older = watched.past.iter().rposition(|(at, _)| *at <= since).unwrap_or(0);
        let seen = watched.past.iter().skip(older).map(|(_, amount)| *amount).chain([ours]);
        let (low, high) = seen.fold((ours, ours), |(low, high), of| (low.min(of), high.max(of)));
        let before = watched.standing;
        if theirs > low - step && theirs < high + step {
            watched.standing = Standing::Agrees;
            watched.told = None;
            return if before == Standing::Differs { Verdict::Settled } else { Verdict::Same };
        }
        let times = match before {
            Standing::Differs => ASKS,
            Standing::Doubtful(times) => times + 1,
            _ => 1,
        };
        if times < ASKS {
            watched.standing = Standing::Doubtful(times);
            return Verdict::AskAgain;
        }
        watched.standing = Standing::Differs;
        if watched.told.replace(theirs - ours) == Some(theirs - ours) {
            return Verdict::Same;
        }
        Verdict::Differs(ours, theirs)
    }

    /// The adapter cannot tell these; true where that is news.
    pub(crate) fn cannot_compare(&mut self, product: Product) -> bool {
        let mut news = false;
        let of = |of: &&Instrument| of.product == product;
        for key in self.instruments.iter().filter(of).map(key).collect::<Vec<_>>() {
            if let Some(watched) = self.watched.get_mut(&key) {
                news |= watched.standing != Standing::NotCompared;
                watched.standing = Standing::NotCompared;
            }
        }
        news
    }

    /// How many times the most doubtful one has differed.
    pub(crate) fn doubts(&self) -> u32 {
        let times = |of: &Watched| match of.standing {
            Standing::Doubtful(times) => times,
            _ => 0,
        };
        self.watched.values().map(times).max().unwrap_or(0)
    }

    /// Which orders of an instrument may pass.
    pub(crate) fn passes(&self, id: InstrumentId) -> Passes {
        let watched = self.key(id).and_then(|key| self.watched.get(&key));
        match watched.map(|of| (of.standing, of.word)) {
            Some((Standing::Agrees | Standing::NotCompared, false)) => Passes::All,
            _ => Passes::Reducing,
        }
    }

    /// The operator has said who owns what.
    pub(crate) fn settle(&mut self, id: InstrumentId) {
        if let Some(watched) = self.key(id).and_then(|key| self.watched.get_mut(&key)) {
            (watched.standing, watched.word, watched.told) = (Standing::Unasked, false, None);
            watched.past.clear();
        }
    }

    /// What would make the sum the venue's number, if `slot` took it, and `unassigned` kept nothing:
    /// the changes of both. None where the venue's number is not known.
    pub(crate) fn adoption(
        &self,
        slot: u32,
        id: InstrumentId,
    ) -> Option<Vec<(u32, InstrumentId, Fine)>> {
        let key = self.key(id)?;
        let theirs = self.watched.get(&key)?.theirs?;
        let mut moves = Vec::new();
        let mut missing = theirs - self.sum(&key);
        if slot != self.unassigned {
            for id in self.ids(&key) {
                let held = self.owned(self.unassigned, id);
                if held != 0 {
                    moves.push((self.unassigned, id, -held));
                    missing += held;
                }
            }
        }
        if missing != 0 {
            moves.push((slot, id, missing));
        }
        Some(moves)
    }

    pub(crate) fn owned(&self, slot: u32, id: InstrumentId) -> Fine {
        self.owned.get(&(slot, id)).copied().unwrap_or(0)
    }

    /// The instrument whose line `unassigned` keeps an amount of this key on.
    pub(crate) fn first(&self, key: &Key) -> Option<InstrumentId> {
        self.ids(key).first().copied()
    }

    /// The instrument of this product of which an asset is the base.
    pub(crate) fn of_asset(&self, product: Product, asset: &str) -> Option<InstrumentId> {
        self.first(&Key::Asset(product, asset.to_owned()))
    }

    pub(crate) fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.instruments.iter().find(|of| of.id == id)
    }

    /// Whether somebody has to say who owns what: slots and `unassigned` stand against each other.
    pub(crate) fn needs_word(&self, id: InstrumentId) -> bool {
        self.key(id).and_then(|key| self.watched.get(&key)).is_some_and(|of| of.word)
    }

    /// An amount as the change of a position.
    pub(crate) fn adjustment(
        &self,
        (slot, instrument): (u32, InstrumentId),
        amount: Fine,
        price: i64,
        cause: Cause,
    ) -> Option<Adjustment> {
        let (size, rest) = whole(amount, self.instrument(instrument)?.size_scale);
        Some(Adjustment { slot, instrument, size, rest, price, ts_event: 0, trade_id: 0, cause })
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        let row = |(key, watched): (&Key, &Watched)| {
            let instruments = self.ids(key);
            let mine = self
                .owned
                .iter()
                .filter(|((_, id), amount)| instruments.contains(id) && **amount != 0);
            Row {
                key: key.clone(),
                slots: mine.map(|((slot, id), amount)| (*slot, *id, *amount)).collect(),
                ours: self.sum(key),
                theirs: watched.theirs,
                standing: watched.standing,
                word: watched.word,
                instruments,
            }
        };
        self.watched.iter().map(row).collect()
    }

    /// What no slot owns against what the slots own: of opposite signs, one eats the other.
    fn weigh(&mut self) {
        for key in self.watched.keys().cloned().collect::<Vec<_>>() {
            let ids = self.ids(&key);
            let nobodys: Fine = ids.iter().map(|id| self.owned(self.unassigned, *id)).sum();
            let slots = self.sum(&key) - nobodys;
            // Of an asset a slot may sell what nobody owns; it is the other way round that somebody else
            // sold what slots own.
            let is_asset = matches!(key, Key::Asset(..));
            let against = nobodys.signum() * slots.signum() < 0 && !(is_asset && nobodys > 0);
            let step = self.step(&key);
            if let Some(watched) = self.watched.get_mut(&key) {
                watched.word = against && nobodys.abs() >= step && slots.abs() >= step;
            }
        }
    }

    fn keep(&mut self, id: InstrumentId, now: TsNs) {
        let Some(key) = self.key(id) else { return };
        let sum = self.sum(&key);
        if let Some(watched) = self.watched.get_mut(&key) {
            if watched.past.len() == PAST_MAX {
                watched.past.pop_front();
            }
            watched.past.push_back((now, sum));
        }
    }

    fn key(&self, id: InstrumentId) -> Option<Key> {
        self.instrument(id).map(key)
    }

    fn ids(&self, of: &Key) -> Vec<InstrumentId> {
        self.instruments.iter().filter(|one| key(one) == *of).map(|one| one.id).collect()
    }

    fn sum(&self, of: &Key) -> Fine {
        let ids = self.ids(of);
        let mine = self.owned.iter().filter(|((_, id), _)| ids.contains(id));
        mine.map(|(_, amount)| *amount).sum()
    }

    /// Less than this cannot be traded.
    fn step(&self, of: &Key) -> Fine {
        let steps = self.instruments.iter().filter(|one| key(one) == *of);
        let steps = steps.map(|one| units(one.qty_step.max(1), one.size_scale));
        steps.max().unwrap_or(1)
    }
}

fn key(instrument: &Instrument) -> Key {
    match instrument.product {
        of @ (Product::Spot | Product::Margin) => Key::Asset(of, instrument.base.clone()),
        _ => Key::Position(instrument.id),
    }
}

/// A scaled integer as a fine amount.
pub(crate) fn units(value: i64, scale: u8) -> Fine {
    Fine::from(value) * 10i128.pow(u32::from(SCALE_MAX.saturating_sub(scale)))
}

/// A fine amount as whole units of a scale, rounded down, and the rest times `10^8`.
pub(crate) fn whole(amount: Fine, scale: u8) -> (i64, i64) {
    let unit = 10i128.pow(u32::from(SCALE_MAX.saturating_sub(scale)));
    let rest = amount.rem_euclid(unit) / 10i128.pow(u32::from(SCALE_MAX - CASH_SCALE));
    let size = amount.div_euclid(unit).clamp(i64::MIN.into(), i64::MAX.into());
    (size as i64, rest as i64)
}

/// Decimal text as a fine amount; digits finer than that are cut off.
pub(crate) fn read(text: &str) -> Option<Fine> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 20 || !digits(whole) || !digits(part) {
        return None;
    }
    let part = part.get(..part.len().min(usize::from(SCALE_MAX)))?;
    let scale = 10i128.pow(u32::from(SCALE_MAX));
    let fine = format!("{part:0<width$}", width = usize::from(SCALE_MAX)).parse::<i128>().ok()?;
    let amount = whole.parse::<i128>().ok()? * scale + fine;
    Some(if negative { -amount } else { amount })
}

/// A fine amount as decimal text, without zeros at its end.
pub(crate) fn print(amount: Fine) -> String {
    let scale = 10u128.pow(u32::from(SCALE_MAX));
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, part) = (amount.unsigned_abs() / scale, amount.unsigned_abs() % scale);
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let part = format!("{part:0width$}", width = usize::from(SCALE_MAX));
    format!("{sign}{whole}.{}", part.trim_end_matches('0'))
}

#[cfg(test)]
mod tests;
