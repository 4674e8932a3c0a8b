//! A rolling window over event time: at most so many actions in any second.
//!
//! Comes in: times of accepted actions. Goes out: whether one more fits. Deliberately absent: a
//! token bucket, whose burst can break a venue's rolling rule.

use wickd_model::TsNs;

const WINDOW_NS: u64 = 1_000_000_000;
/// Actions a window remembers: above this a slot is not limited by hand but by mistake.
const ACTIONS_MAX: u32 = 10_000;

/// The last accepted actions, in a fixed ring.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    times: Box<[TsNs]>,
    next: usize,
    len: usize,
}

impl Rate {
    /// At most `per_second` actions (bounded to 10,000) in any second. 0 lets nothing pass.
    pub(crate) fn new(per_second: u32) -> Self {
        let times = vec![0; per_second.min(ACTIONS_MAX) as usize].into_boxed_slice();
        Self { times, next: 0, len: 0 }
    }

    /// Whether one more action fits at `now`. A clock that fell back counts as no time passed.
    pub(crate) fn fits(&self, now: TsNs) -> bool {
        if self.len < self.times.len() {
            return true;
        }
        // The ring is full, so its oldest time stands where the next one will be written.
        self.times.get(self.next).is_some_and(|oldest| now.saturating_sub(*oldest) >= WINDOW_NS)
    }

    /// Counts an action that was let through.
    pub(crate) fn count(&mut self, now: TsNs) {
        if self.times.is_empty() {
            return;
        }
        self.times[self.next] = now;
        self.next = (self.next + 1) % self.times.len();
        self.len = (self.len + 1).min(self.times.len());
    }

    /// Takes back the last `actions`, which were staged and never left. What they pushed out of the
    /// ring had left its window by then.
    pub(crate) fn take_back(&mut self, actions: usize) {
        let actions = actions.min(self.len);
        if actions > 0 {
            self.next = (self.next + self.times.len() - actions) % self.times.len();
            self.len -= actions;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_second_ever_holds_more_than_the_limit(
            per_second in 0u32..6, steps in prop::collection::vec(0u64..900_000_000, 0..64),
        ) {
            let (mut rate, mut now, mut passed) = (Rate::new(per_second), 0, Vec::<u64>::new());
            for step in steps {
                now += step;
                let recent = passed.iter().filter(|at| now - **at < WINDOW_NS).count();
                prop_assert_eq!(rate.fits(now), recent < per_second as usize);
                if rate.fits(now) {
                    rate.count(now);
                    passed.push(now);
                }
            }
        }
    }

    #[test]
    fn what_was_taken_back_does_not_count() {
        let mut rate = Rate::new(2);
        rate.count(1);
        rate.count(2);
        assert!(!rate.fits(3));
        rate.take_back(1);
        assert!(rate.fits(3));
        rate.count(4);
        assert!(!rate.fits(1_000_000_000) && rate.fits(1_000_000_001));
    }
}
