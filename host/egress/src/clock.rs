//! How far a venue's clock is from ours.
//!
//! Comes in: when a question about the time was sent and answered, and the answer. Goes out: the
//! offset to add to our time in what is signed for that venue. Our own clock is never stepped.
//! Deliberately absent: asking, and drift: samples age out instead.

use std::collections::VecDeque;

/// Samples kept: the one with the shortest way is believed.
const SAMPLES_MAX: usize = 8;
/// Longest way there and back that says anything, in milliseconds.
const ROUND_TRIP_MS_MAX: u64 = 5_000;
/// Furthest a venue's clock may be off, in milliseconds: beyond an hour one of the two is wrong, and
/// signing for a time that somebody else chose would make requests good at a time of their choice.
const OFFSET_MS_MAX: u64 = 3_600_000;

/// Why a sample is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// It was answered before it was asked, or after too long.
    #[error("the answer took {0} ms, which says nothing; at most {ROUND_TRIP_MS_MAX} ms")]
    RoundTrip(i64),
    /// The venue lives in another time.
    #[error("the venue's clock is {0} ms from ours; check this machine's clock, then the venue")]
    Absurd(i64),
}

/// One venue's offset.
#[derive(Clone, Debug, Default)]
pub struct Offset {
    /// Round trip and offset, the oldest first.
    samples: VecDeque<(u64, i64)>,
}

impl Offset {
    /// Takes one answer in; all times in Unix milliseconds, the first two by our clock.
    ///
    /// # Errors
    /// The sample is not believed, and changes nothing.
    pub fn heard(&mut self, sent_ms: u64, got_ms: u64, venue_ms: u64) -> Result<(), ClockError> {
        let trip = got_ms.checked_sub(sent_ms).filter(|trip| *trip <= ROUND_TRIP_MS_MAX);
        let Some(trip) = trip else {
            return Err(ClockError::RoundTrip(difference(got_ms, sent_ms)));
        };
        let offset = difference(venue_ms, sent_ms + trip / 2);
        if offset.unsigned_abs() > OFFSET_MS_MAX {
            return Err(ClockError::Absurd(offset));
        }
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back((trip, offset));
        Ok(())
    }

    /// What to add to our time, in milliseconds; zero before any sample.
    pub fn offset_ms(&self) -> i64 {
        // Of two equally short ways the later sample is nearer to now.
        let best = self.samples.iter().rev().min_by_key(|(trip, _)| *trip);
        best.map_or(0, |(_, offset)| *offset)
    }

    /// The venue's time at our `now_ms`.
    pub fn venue_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.offset_ms())
    }
}

fn difference(a: u64, b: u64) -> i64 {
    let magnitude = i64::try_from(a.abs_diff(b)).unwrap_or(i64::MAX);
    if a >= b { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shortest_way_is_believed_and_old_samples_are_forgotten() {
        let mut clock = Offset::default();
        assert_eq!(clock.venue_ms(7), 7);
        clock.heard(1_000, 1_400, 3_200).unwrap();
        assert_eq!(clock.offset_ms(), 2_000);
        clock.heard(2_000, 2_010, 3_005).unwrap();
        clock.heard(3_000, 3_300, 9_000).unwrap();
        assert_eq!((clock.offset_ms(), clock.venue_ms(10)), (1_000, 1_010));
        for n in 0..8 {
            clock.heard(n, n + 20, n + 10 - n.min(5)).unwrap();
        }
        assert_eq!(clock.offset_ms(), -5);
    }

    #[test]
    fn absurd_answers_change_nothing() {
        let mut clock = Offset::default();
        assert_eq!(clock.heard(10, 9, 10), Err(ClockError::RoundTrip(-1)));
        assert_eq!(clock.heard(0, 5_001, 10), Err(ClockError::RoundTrip(5_001)));
        assert_eq!(clock.heard(0, 0, 3_600_001), Err(ClockError::Absurd(3_600_001)));
        assert_eq!(clock.heard(u64::MAX, u64::MAX, 0), Err(ClockError::Absurd(-i64::MAX)));
        assert_eq!(clock.offset_ms(), 0);
    }

    proptest! {
        #[test]
        fn no_times_panic_or_move_us_more_than_an_hour(all: Vec<(u64, u64, u64)>, now: u64) {
            let mut clock = Offset::default();
            for (sent, got, venue) in all {
                let _ = clock.heard(sent, got, venue);
            }
            prop_assert!(clock.venue_ms(now).abs_diff(now) <= OFFSET_MS_MAX);
        }
    }
}
