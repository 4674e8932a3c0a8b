//! Packed events: warm-up and catch-up arrive as one list of words.
//!
//! Comes in: the words of `on-batch`, laid out as `wit/worlds.wit` says. Goes out: one event at a
//! time. Deliberately absent: allocation, and trust; a frame of an unknown kind or cut short is
//! passed over.

use crate::bindings::strategy::wickd::plugin::types::{Aggressor, Stamp};
use crate::market::{Bar, Quote, Trade};
use crate::money::{Px, Qty};

/// Words of one frame.
const FRAME_WORDS: usize = 8;

/// One unpacked event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Event {
    Quote(Quote),
    Trade(Trade),
    Bar(Bar),
}

/// The events of a batch, in order.
pub(crate) fn events(words: &[u64]) -> impl Iterator<Item = Event> {
    let mut rest = words;
    std::iter::from_fn(move || {
        while let Some((frame, after)) = rest.split_first_chunk::<FRAME_WORDS>() {
            rest = after;
            match frame[0] & 0xff {
                0 => return Some(Event::Quote(quote(frame))),
                1 => return Some(Event::Trade(trade(frame))),
                2 => {
                    let (second, after) = rest.split_first_chunk::<FRAME_WORDS>()?;
                    rest = after;
                    return Some(Event::Bar(bar(frame, second)));
                }
                _ => {}
            }
        }
        None
    })
}

fn stamp(frame: &[u64; FRAME_WORDS]) -> Stamp {
    Stamp {
        instrument: (frame[0] >> 32) as u32,
        seq: frame[1],
        ts_event: frame[2],
        ts_init: frame[3],
    }
}

fn quote(frame: &[u64; FRAME_WORDS]) -> Quote {
    Quote {
        at: stamp(frame),
        bid: Px(frame[4] as i64),
        ask: Px(frame[5] as i64),
        bid_qty: Qty(frame[6] as i64),
        ask_qty: Qty(frame[7] as i64),
    }
}

fn trade(frame: &[u64; FRAME_WORDS]) -> Trade {
    Trade {
        at: stamp(frame),
        price: Px(frame[4] as i64),
        size: Qty(frame[5] as i64),
        aggressor: match frame[0] >> 8 & 0xff {
            0 => Aggressor::Buyer,
            1 => Aggressor::Seller,
            _ => Aggressor::None,
        },
        trade_id: frame[6],
    }
}

fn bar(first: &[u64; FRAME_WORDS], second: &[u64; FRAME_WORDS]) -> Bar {
    Bar {
        at: stamp(first),
        open_time: first[4],
        open: Px(first[5] as i64),
        high: Px(first[6] as i64),
        low: Px(first[7] as i64),
        close: Px(second[0] as i64),
        volume: Qty(second[1] as i64),
        step_secs: (second[2] >> 32) as u32,
        trades: second[2] as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: u64 = 7 << 32;

    #[test]
    fn each_kind_is_read_from_its_documented_words() {
        let minus = (-5i64) as u64;
        let words = [
            [HEAD, 1, 2, 3, 10, 11, 12, minus].as_slice(),
            &[HEAD | 9, 9, 9, 9, 9, 9, 9, 9],
            &[HEAD | 1 << 8 | 1, 2, 3, 4, 20, 21, 22, 0],
            &[HEAD | 2, 3, 4, 5, 30, 31, 32, 33],
            &[34, 35, 60 << 32 | 36, 0, 0, 0, 0, 0],
        ]
        .concat();
        let got: Vec<_> = events(&words).collect();
        let at = |seq, ts_event, ts_init| Stamp { instrument: 7, seq, ts_event, ts_init };
        let (bid, ask, bid_qty, ask_qty) = (Px(10), Px(11), Qty(12), Qty(-5));
        assert_eq!(got[0], Event::Quote(Quote { at: at(1, 2, 3), bid, ask, bid_qty, ask_qty }));
        assert_eq!(
            got[1],
            Event::Trade(Trade {
                at: at(2, 3, 4),
                price: Px(20),
                size: Qty(21),
                aggressor: Aggressor::Seller,
                trade_id: 22
            })
        );
        let (open, high, low, close) = (Px(31), Px(32), Px(33), Px(34));
        let (volume, step_secs, trades, open_time) = (Qty(35), 60, 36, 30);
        let bar =
            Bar { at: at(3, 4, 5), step_secs, open_time, open, high, low, close, volume, trades };
        assert_eq!(got[2], Event::Bar(bar));
        assert_eq!(got.len(), 3);
    }

    proptest! {
        #[test]
        fn no_words_panic_and_none_are_read_twice(words: Vec<u64>) {
            prop_assert!(events(&words).count() <= words.len() / FRAME_WORDS);
        }
    }
}
