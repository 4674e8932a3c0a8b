//! What each slot has at the paper venue, instrument by instrument.
//!
//! Comes in: fills. Goes out: holdings and cash, and whether a fill is covered. Deliberately absent:
//! loans, and one purse for several instruments, whose quote assets may differ.

use wickd_model::{Cash, ClientId, InstrumentId, Side};
use wickd_store::PaperCarried;

/// What a slot has of an instrument at the venue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    /// The slot's number.
    pub(crate) slot: u32,
    /// Of which instrument.
    pub(crate) instrument: InstrumentId,
    /// Held; negative when short.
    pub(crate) size: i64,
    /// Cash, fees taken off; starts at the configured funds, or at 0 where none are kept.
    pub(crate) cash: Cash,
}

/// A fill as an account sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) side: Side,
    pub(super) size: i64,
    pub(super) value: Cash,
    pub(super) fee: Cash,
}

/// All accounts. They come with a slot's first fill and never leave.
#[derive(Clone, Debug)]
pub(super) struct Accounts {
    funds: Option<Cash>,
    rows: Vec<Account>,
}

impl Accounts {
    /// Accounts that start with `funds`, or that may be overdrawn where there are none.
    pub(super) fn new(funds: Option<Cash>) -> Self {
        Self { funds, rows: Vec::new() }
    }

    /// Goes on from what was earned or spent before a checkpoint.
    pub(super) fn carry_on(&mut self, of: &PaperCarried) {
        let start = self.get(of.slot, of.instrument);
        let cash = start.cash.saturating_add(of.cash);
        self.rows.push(Account { size: of.size, cash, ..start });
    }

    pub(super) fn carried(&self) -> Vec<PaperCarried> {
        let funds = self.funds.unwrap_or(0);
        let row = |of: &Account| PaperCarried {
            slot: of.slot,
            instrument: of.instrument,
            size: of.size,
            cash: of.cash.saturating_sub(funds),
        };
        self.rows.iter().map(row).collect()
    }

    pub(super) fn get(&self, slot: u32, instrument: InstrumentId) -> Account {
        let found = self.rows.iter().find(|a| (a.slot, a.instrument) == (slot, instrument));
        let cash = self.funds.unwrap_or(0);
        found.copied().unwrap_or(Account { slot, instrument, size: 0, cash })
    }

    /// Whether `need` (cash for a buy, holdings for a sell) is there.
    pub(super) fn cover(
        &self,
        id: ClientId,
        instrument: InstrumentId,
        side: Side,
        need: i128,
    ) -> bool {
        let account = self.get(id.slot, instrument);
        self.funds.is_none()
            || match side {
                Side::Buy => need <= i128::from(account.cash),
                Side::Sell => need <= i128::from(account.size),
            }
    }

    pub(super) fn add(&mut self, id: ClientId, instrument: InstrumentId, entry: Entry) {
        let Entry { side, size, value, fee } = entry;
        let mut account = self.get(id.slot, instrument);
        account.size = account.size.saturating_add(side.sign() * size);
        account.cash = account.cash.saturating_sub(side.sign() * value).saturating_sub(fee);
        let key = (id.slot, instrument);
        match self.rows.iter_mut().find(|a| (a.slot, a.instrument) == key) {
            Some(found) => *found = account,
            None => self.rows.push(account),
        }
    }
}
