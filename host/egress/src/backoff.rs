//! How long to wait before connecting again.
//!
//! Comes in: how long the last connection lived, and a random number. Goes out: a delay. There is no
//! last attempt: a venue that was away for a day is back the day after. Deliberately absent: clocks,
//! sleeping, and the random source.
//!
//! Source: "full jitter", Brooker, Exponential Backoff and Jitter, AWS Architecture Blog 2015.

/// Delays that double up to a cap and are drawn evenly from zero, so that a crowd spreads out.
#[derive(Clone, Debug)]
pub struct Backoff {
    base_ms: u64,
    cap_ms: u64,
    healthy_ms: u64,
    failures: u32,
}

impl Backoff {
    /// The first delay is below `base_ms`, none is above `cap_ms`, and a connection that lived for
    /// `healthy_ms` starts the count anew.
    pub fn new(base_ms: u64, cap_ms: u64, healthy_ms: u64) -> Self {
        let base_ms = base_ms.max(1);
        Self { base_ms, cap_ms: cap_ms.max(base_ms), healthy_ms, failures: 0 }
    }

    /// The delay after a connection that lived for `lived_ms`, or never came up (0), in
    /// milliseconds; `random` is any 64 bits.
    pub fn failed(&mut self, lived_ms: u64, random: u64) -> u64 {
        // A health of zero would make every failure the first.
        if lived_ms >= self.healthy_ms.max(1) {
            self.failures = 0;
        }
        let doubled = self.base_ms.saturating_mul(1 << self.failures.min(62));
        self.failures = self.failures.saturating_add(1);
        random % doubled.min(self.cap_ms).saturating_add(1)
    }

    /// Attempts that failed since the last healthy connection.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

impl Default for Backoff {
    /// From half a second to a minute; healthy after half a minute.
    fn default() -> Self {
        Self::new(500, 60_000, 30_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A random number that always draws the longest delay below the bounds tried here.
    fn longest(backoff: &mut Backoff, lived_ms: u64) -> u64 {
        let draw = |mut copy: Backoff, random| copy.failed(lived_ms, random);
        let most = (0..=1_000).map(|random| draw(backoff.clone(), random)).max().unwrap();
        backoff.failed(lived_ms, 0);
        most
    }

    #[test]
    fn delays_double_to_the_cap_and_start_anew_after_health() {
        let mut backoff = Backoff::new(10, 100, 1_000);
        let delays: Vec<_> = (0..6).map(|_| longest(&mut backoff, 999)).collect();
        assert_eq!(delays, [10, 20, 40, 80, 100, 100]);
        assert_eq!(longest(&mut backoff, 1_000), 10);
        assert_eq!(longest(&mut backoff, 0), 20);
    }

    proptest! {
        #[test]
        fn no_delay_is_above_the_cap_however_often_it_fails(
            base: u64, cap in 0..u64::MAX, seed: u64, times in 1u32..200,
        ) {
            let mut backoff = Backoff::new(base.min(cap), cap, 5);
            for _ in 0..times {
                prop_assert!(backoff.failed(0, seed) <= cap.max(1));
            }
            prop_assert_eq!(backoff.failures(), times);
        }
    }
}
