//! The live orders of the paper venue, in the order of their arrival.
//!
//! Comes in: orders that arrived. Goes out: who is next in line. Deliberately absent: what fills.

use wickd_model::{ClientId, InstrumentId, Kind, Order, Side};

use super::super::matching::Pit;

/// A live order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Resting {
    pub(super) order: Order,
    pub(super) filled: i64,
}

impl Resting {
    pub(super) fn remaining(&self) -> i64 {
        self.order.request.size.saturating_sub(self.filled)
    }
}

pub(super) fn find(resting: &[Resting], id: ClientId) -> Option<usize> {
    resting.iter().position(|resting| resting.order.id == id)
}

/// The first in line among the orders that `fits`: market orders, then the best price, then the
/// earliest arrival.
pub(super) fn first_in_line(
    resting: &[Resting],
    instrument: InstrumentId,
    side: Side,
    fits: impl Fn(&Order) -> bool,
) -> Option<usize> {
    let rank = |resting: &Resting| match resting.order.request.kind {
        Kind::Market => i128::MIN,
        Kind::Limit => -i128::from(side.sign()) * i128::from(resting.order.request.price),
    };
    let fitting = resting.iter().enumerate().filter(|(_, resting)| {
        let request = &resting.order.request;
        request.instrument == instrument && request.side == side && fits(&resting.order)
    });
    fitting.min_by_key(|(place, resting)| (rank(resting), *place)).map(|(place, _)| place)
}

/// What the live orders of the slot, instrument and side of `order` still need: cash for buys,
/// holdings for sells. A fill may turn out to take, so the dearer fee is counted.
pub(super) fn needs(resting: &[Resting], order: &Order, pit: &Pit) -> i128 {
    let side = order.request.side;
    let price = |own: &Order| match own.request.kind {
        Kind::Limit => own.request.price,
        Kind::Market => pit.touch(side),
    };
    let own = resting.iter().filter(|resting| {
        resting.order.id.slot == order.id.slot
            && resting.order.request.side == side
            && resting.order.request.instrument == order.request.instrument
    });
    own.map(|resting| match side {
        Side::Sell => i128::from(resting.remaining()),
        Side::Buy => pit
            .cost(price(&resting.order), resting.remaining(), false)
            .map_or(i128::from(i64::MAX), |(value, fee)| i128::from(value) + i128::from(fee)),
    })
    .sum()
}
