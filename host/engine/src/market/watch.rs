//! How a feed is: live, stale or down.

use wickd_model::{FeedState, TsNs};

/// Judges one feed by the times at which it spoke.
///
/// It knows no clock. A live feed hands in wall-clock times; a replay and a synthetic feed hand in
/// event times, so that a run is the same at every speed and on every machine: a recorded gap longer
/// than `stale_after` makes the feed stale in the run exactly `stale_after` behind the last event.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    stale_after_ns: u64,
    state: FeedState,
    last: Option<TsNs>,
}

impl Watch {
    /// A feed that has not spoken yet: down.
    pub fn new(stale_after_ns: u64) -> Self {
        Self { stale_after_ns, state: FeedState::Down, last: None }
    }

    /// How it is.
    pub fn state(&self) -> FeedState {
        self.state
    }

    /// The time has come to `now`, and the feed did not speak: when it went stale, if it just did.
    pub fn silence(&mut self, now: TsNs) -> Option<TsNs> {
        let due = self.last?.checked_add(self.stale_after_ns)?;
        if self.state == FeedState::Live && now > due {
            self.state = FeedState::Stale;
            return Some(due);
        }
        None
    }

    /// The feed spoke at `now`: true where that made it live again.
    pub fn spoke(&mut self, now: TsNs) -> bool {
        self.last = Some(now);
        std::mem::replace(&mut self.state, FeedState::Live) != FeedState::Live
    }

    /// The feed is over or lost: its last time, if it was up.
    pub fn lost(&mut self) -> Option<TsNs> {
        let was = std::mem::replace(&mut self.state, FeedState::Down);
        self.last.filter(|_| was != FeedState::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_goes_live_stale_live_and_down_and_each_change_is_told_once() {
        let mut watch = Watch::new(100);
        assert_eq!((watch.state(), watch.silence(999)), (FeedState::Down, None));
        assert!(watch.spoke(1_000));
        assert!(!watch.spoke(1_050));
        assert_eq!(watch.silence(1_150), None, "exactly at the limit is still live");
        assert_eq!(watch.silence(1_151), Some(1_150));
        assert_eq!((watch.state(), watch.silence(9_999)), (FeedState::Stale, None));
        assert!(watch.spoke(10_000));
        assert_eq!(watch.lost(), Some(10_000));
        assert_eq!((watch.lost(), watch.silence(99_999)), (None, None));
        assert!(watch.spoke(100_000), "a lost feed may come back");
    }

    #[test]
    fn a_limit_beyond_the_end_of_time_is_never_reached() {
        let mut watch = Watch::new(u64::MAX);
        watch.spoke(5);
        assert_eq!(watch.silence(u64::MAX), None);
    }
}
