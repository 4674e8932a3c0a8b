//! The book of one instrument as a venue streams it, and the quote at its top.
//!
//! Comes in: snapshots and changes, already in sequence: continuity is the adapter's business, because
//! each venue has a rule of its own. Goes out: the touch, where it changed. Deliberately absent: depth
//! for plugins; no world hears it yet.

use std::collections::BTreeMap;

/// Levels kept of each side. Further out nobody trades; a venue that sends more is cut off.
const LEVELS_MAX: usize = 5_000;

/// Price to size; both scaled.
#[derive(Default)]
pub(crate) struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    touch: Option<Touch>,
}

/// Best bid and ask with their sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Touch {
    pub(crate) bid: i64,
    pub(crate) ask: i64,
    pub(crate) bid_qty: i64,
    pub(crate) ask_qty: i64,
}

impl Book {
    /// Takes in `words`, price and size in turn, the first `bids` pairs of them bids. Gives the touch
    /// where it is another one and the two sides do not cross.
    pub(crate) fn apply(&mut self, snapshot: bool, bids: u32, words: &[i64]) -> Option<Touch> {
        if snapshot {
            self.bids.clear();
            self.asks.clear();
        }
        for (place, pair) in words.chunks_exact(2).enumerate() {
            let is_bid = place < bids as usize;
            let side = if is_bid { &mut self.bids } else { &mut self.asks };
            match pair[1] {
                ..=0 => {
                    side.remove(&pair[0]);
                }
                size if pair[0] > 0 => {
                    side.insert(pair[0], size);
                }
                _ => {}
            }
            if side.len() > LEVELS_MAX {
                // The worst one: the lowest bid, the highest ask.
                if is_bid {
                    side.pop_first()
                } else {
                    side.pop_last()
                };
            }
        }
        let (bid, ask) = (self.bids.last_key_value()?, self.asks.first_key_value()?);
        let touch = Touch { bid: *bid.0, ask: *ask.0, bid_qty: *bid.1, ask_qty: *ask.1 };
        if touch.bid >= touch.ask || self.touch == Some(touch) {
            return None;
        }
        self.touch = Some(touch);
        Some(touch)
    }

    /// Forgets everything: what comes next does not continue it.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_touch_is_told_when_it_changes_and_only_then() {
        let mut book = Book::default();
        let first = book.apply(true, 2, &[100, 5, 99, 7, 101, 3, 102, 1]);
        assert_eq!(first, Some(Touch { bid: 100, ask: 101, bid_qty: 5, ask_qty: 3 }));
        assert_eq!(book.apply(false, 1, &[98, 4]), None);
        let next = book.apply(false, 1, &[100, 0]);
        assert_eq!(next, Some(Touch { bid: 99, ask: 101, bid_qty: 7, ask_qty: 3 }));
    }

    #[test]
    fn a_crossed_or_one_sided_book_has_no_touch() {
        let mut book = Book::default();
        assert_eq!(book.apply(true, 1, &[100, 5]), None);
        assert_eq!(book.apply(false, 0, &[100, 5]), None);
        assert!(book.apply(false, 0, &[100, 0, 101, 5]).is_some());
    }

    #[test]
    fn the_levels_are_bounded_and_the_best_stay() {
        let mut book = Book::default();
        let words: Vec<i64> = (1..=6_000).flat_map(|price| [price, 1]).collect();
        book.apply(true, 6_000, &words);
        assert_eq!((book.bids.len(), book.bids.last_key_value()), (LEVELS_MAX, Some((&6_000, &1))));
    }
}
