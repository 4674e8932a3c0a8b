//! Where to look for an order that the venue does not find by its id.
//!
//! Comes in: answers without the order. Goes out: the next place to look. A venue's reads lag behind
//! its matching and forget single orders, so that one answer of "not found" says little: the list of
//! open orders, the history and the fills are asked too before a round counts.

use wickd_model::TsNs;
use wickd_sandbox::exchange::nouns::{Operation, OrderRef, Range};

/// How long before its first sight an order is looked for in the history: clocks differ.
const SINCE_NS: u64 = 60_000_000_000;
/// Rows of the history that are asked for.
const ROWS: u32 = 100;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Place {
    #[default]
    Order,
    OpenOrders,
    History,
    Fills,
}

/// One order's search.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Search {
    place: Place,
    /// Rounds in which no place had it.
    pub(super) rounds: u32,
    /// When the round under way was begun.
    pub(super) began: TsNs,
}

impl Search {
    /// The next question; `since` is when the order was decided.
    pub(super) fn operation(&mut self, of: OrderRef, since: TsNs, now: TsNs) -> Operation {
        match self.place {
            Place::Order => {
                self.began = now;
                Operation::Order(of)
            }
            Place::OpenOrders => Operation::OpenOrders(of.instrument),
            Place::History => Operation::OrderHistory(Range {
                instrument: of.instrument,
                since: since.saturating_sub(SINCE_NS),
                limit: ROWS,
            }),
            Place::Fills => Operation::OrderFills(of),
        }
    }

    /// It was not there; true where that was the last place of a round. Fills are found by the
    /// venue's id only.
    pub(super) fn missed(&mut self, has_venue_id: bool) -> bool {
        self.place = match self.place {
            Place::Order => Place::OpenOrders,
            Place::OpenOrders => Place::History,
            Place::History if has_venue_id => Place::Fills,
            Place::History | Place::Fills => Place::Order,
        };
        let is_over = self.place == Place::Order;
        self.rounds += u32::from(is_over);
        is_over
    }
}
