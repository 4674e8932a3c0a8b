//! One price-time book.
//!
//! Comes in: resting sizes with their owners. Goes out: who is first, totals per level, and what
//! changed since the last difference, numbered without gaps. Deliberately absent: matching and
//! money, which are the engine's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rust_decimal::Decimal;

use super::types::{Levels, Side};

/// Whose a resting size is: one of the account's orders, or the market maker's.
pub(super) type Owner = Option<u64>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Resting {
    pub owner: Owner,
    pub qty: Decimal,
}

/// Both sides of one instrument.
#[derive(Debug)]
pub(super) struct Book {
    bids: BTreeMap<Decimal, VecDeque<Resting>>,
    asks: BTreeMap<Decimal, VecDeque<Resting>>,
    changed: BTreeSet<(Side, Decimal)>,
    /// Numbers that every difference skips: where it is not zero, only the chain of `previous`
    /// proves continuity, as on Binance's perpetuals.
    skip: u64,
    pub update_id: u64,
    first: u64,
    flushed: u64,
    number: u64,
}

impl Book {
    pub(super) fn new(skip: u64) -> Self {
        Self {
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            changed: BTreeSet::new(),
            skip,
            update_id: 1,
            first: 1,
            flushed: 1,
            number: 1,
        }
    }

    fn side(&self, side: Side) -> &BTreeMap<Decimal, VecDeque<Resting>> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Decimal, VecDeque<Resting>> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn touch(&mut self, side: Side, price: Decimal) {
        if self.changed.is_empty() {
            self.first = self.update_id + 1 + self.skip;
            self.update_id = self.first;
        } else {
            self.update_id += 1;
        }
        self.changed.insert((side, price));
    }

    /// The best price of a side.
    pub(super) fn best(&self, side: Side) -> Option<Decimal> {
        match side {
            Side::Buy => self.bids.last_key_value().map(|(price, _)| *price),
            Side::Sell => self.asks.first_key_value().map(|(price, _)| *price),
        }
    }

    /// Who is first at a price.
    pub(super) fn front(&self, side: Side, price: Decimal) -> Option<Resting> {
        self.side(side).get(&price)?.front().copied()
    }

    /// Puts a size at the end of its level's queue.
    pub(super) fn rest(&mut self, side: Side, price: Decimal, resting: Resting) {
        self.side_mut(side).entry(price).or_default().push_back(resting);
        self.touch(side, price);
    }

    /// Takes `qty` from the first in the queue.
    pub(super) fn reduce_front(&mut self, side: Side, price: Decimal, qty: Decimal) {
        let levels = self.side_mut(side);
        let Some(queue) = levels.get_mut(&price) else { return };
        if let Some(front) = queue.front_mut() {
            front.qty -= qty;
            if front.qty <= Decimal::ZERO {
                queue.pop_front();
            }
        }
        if queue.is_empty() {
            levels.remove(&price);
        }
        self.touch(side, price);
    }

    /// Sets the size of an owner at a price; zero takes it out.
    pub(super) fn set(&mut self, side: Side, price: Decimal, owner: Owner, qty: Decimal) {
        let levels = self.side_mut(side);
        let Some(queue) = levels.get_mut(&price) else { return };
        for resting in queue.iter_mut().filter(|resting| resting.owner == owner) {
            resting.qty = qty;
        }
        queue.retain(|resting| resting.qty > Decimal::ZERO);
        if queue.is_empty() {
            levels.remove(&price);
        }
        self.touch(side, price);
    }

    /// The prices at which the market maker rests, best first.
    pub(super) fn maker_prices(&self, side: Side) -> Vec<Decimal> {
        let rests = |(price, queue): (&Decimal, &VecDeque<Resting>)| {
            queue.iter().any(|resting| resting.owner.is_none()).then_some(*price)
        };
        match side {
            Side::Buy => self.bids.iter().rev().filter_map(rests).collect(),
            Side::Sell => self.asks.iter().filter_map(rests).collect(),
        }
    }

    /// Total at a price; zero where nobody rests.
    pub(super) fn total(&self, side: Side, price: Decimal) -> Decimal {
        self.side(side)
            .get(&price)
            .map_or(Decimal::ZERO, |queue| queue.iter().map(|resting| resting.qty).sum())
    }

    /// The best `limit` levels of a side, best first.
    pub(super) fn levels(&self, side: Side, limit: usize) -> Levels {
        let total = |(price, queue): (&Decimal, &VecDeque<Resting>)| {
            (*price, queue.iter().map(|resting| resting.qty).sum())
        };
        match side {
            Side::Buy => self.bids.iter().rev().take(limit).map(total).collect(),
            Side::Sell => self.asks.iter().take(limit).map(total).collect(),
        }
    }

    /// What changed since the last call: first, last and previous update, number of the
    /// difference, bids and asks. `None` where nothing did.
    pub(super) fn flush(&mut self) -> Option<(u64, u64, u64, u64, Levels, Levels)> {
        if self.changed.is_empty() {
            return None;
        }
        let changed = std::mem::take(&mut self.changed);
        let of = |wanted: Side| -> Levels {
            let prices =
                changed.iter().filter(|(side, _)| *side == wanted).map(|(_, price)| *price);
            prices.map(|price| (price, self.total(wanted, price))).collect()
        };
        let (mut bids, asks) = (of(Side::Buy), of(Side::Sell));
        bids.reverse();
        let previous = std::mem::replace(&mut self.flushed, self.update_id);
        self.number += 1;
        Some((self.first, self.update_id, previous, self.number, bids, asks))
    }

    /// Lets the next difference hold the whole book under the number 1.
    pub(super) fn restart(&mut self) {
        self.number = 0;
        for side in [Side::Buy, Side::Sell] {
            for (price, _) in self.levels(side, usize::MAX) {
                self.touch(side, price);
            }
        }
    }

    /// Number of the last difference.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn differences_applied_to_a_snapshot_give_the_book_and_are_numbered_without_gaps(
            steps in proptest::collection::vec((any::<bool>(), 1_i64..20, 0_i64..5, any::<bool>()), 1..200),
            skip in 0_u64..4,
        ) {
            let mut book = Book::new(skip);
            let mut copy: BTreeMap<(Side, Decimal), Decimal> = BTreeMap::new();
            let (mut last, mut number) = (1, 1);
            for (is_bid, price, qty, flush) in steps {
                let side = if is_bid { Side::Buy } else { Side::Sell };
                let (price, qty) = (Decimal::from(price), Decimal::from(qty));
                if book.total(side, price).is_zero() && !qty.is_zero() {
                    book.rest(side, price, Resting { owner: None, qty });
                } else {
                    book.set(side, price, None, qty);
                }
                if !flush { continue }
                let Some((first, to, previous, count, bids, asks)) = book.flush() else { continue };
                prop_assert_eq!(previous, last);
                prop_assert_eq!(first, previous + 1 + skip);
                prop_assert!(to >= first);
                prop_assert_eq!(count, number + 1);
                (last, number) = (to, count);
                for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
                    for (price, qty) in levels {
                        copy.insert((side, price), qty);
                    }
                }
                copy.retain(|_, qty| !qty.is_zero());
                let all: BTreeMap<_, _> = [Side::Buy, Side::Sell].into_iter().flat_map(|side| {
                    book.levels(side, 100).into_iter().map(move |(price, qty)| ((side, price), qty))
                }).collect();
                prop_assert_eq!(&copy, &all);
            }
        }
    }
}
