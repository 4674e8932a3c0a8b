//! From event time to the wall clock: as recorded, faster, or without waiting.
//!
//! Comes in: event times in order. Goes out: when each event is due. Every due time is reckoned from
//! the first event, never from the one before, so that nothing drifts: a late event makes the next ones
//! come at once until the run has caught up. Deliberately absent: a clock of its own; [`Clock`] is
//! handed in, and a test's does not wait.

use std::time::{Duration, Instant};

use wickd_model::TsNs;

/// Longest single sleep, so that a stop is noticed within it.
const SLEEP_NS_MAX: u64 = 50_000_000;

/// How fast recorded time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speed {
    /// As fast as events are taken.
    Max,
    /// This many times as fast as recorded; 1 is as recorded, 0 counts as 1.
    Times(u32),
}

impl Speed {
    /// As recorded.
    pub const RECORDED: Self = Self::Times(1);
}

/// A clock that only rises, and waiting on it.
pub trait Clock {
    /// Nanoseconds since some fixed moment.
    fn now_ns(&self) -> u64;
    /// Returns at `due_ns` or soon after.
    fn sleep_until(&self, due_ns: u64);
}

/// The machine's monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// Counts from now.
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
    fn sleep_until(&self, due_ns: u64) {
        std::thread::sleep(Duration::from_nanos(due_ns.saturating_sub(self.now_ns())));
    }
}

/// When each event of one stream is due.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    speed: Speed,
    /// Event time and clock of the first event.
    start: Option<(TsNs, u64)>,
}

impl Pace {
    /// Starts with the first event that is asked about.
    pub fn new(speed: Speed) -> Self {
        Self { speed, start: None }
    }

    /// When an event of this time is due, on the clock that reads `now_ns`; `None` is at once.
    pub fn due_ns(&mut self, ts_event: TsNs, now_ns: u64) -> Option<u64> {
        let Speed::Times(times) = self.speed else { return None };
        let (first, start) = *self.start.get_or_insert((ts_event, now_ns));
        let due_ns = start.saturating_add(ts_event.saturating_sub(first) / u64::from(times.max(1)));
        (due_ns > now_ns).then_some(due_ns)
    }

    /// Waits until an event of this time is due. False where `stop` said so before.
    pub fn wait(&mut self, ts_event: TsNs, clock: &impl Clock, stop: impl Fn() -> bool) -> bool {
        if self.speed == Speed::Max {
            return true;
        }
        loop {
            let now_ns = clock.now_ns();
            let Some(due_ns) = self.due_ns(ts_event, now_ns) else { return true };
            if stop() {
                return false;
            }
            clock.sleep_until(due_ns.min(now_ns.saturating_add(SLEEP_NS_MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    /// Every sleep ends `late_ns` after it was due.
    struct FakeClock {
        now_ns: Cell<u64>,
        late_ns: u64,
        longest_sleep_ns: Cell<u64>,
    }

    impl FakeClock {
        fn new(now_ns: u64, late_ns: u64) -> Self {
            Self { now_ns: Cell::new(now_ns), late_ns, longest_sleep_ns: Cell::new(0) }
        }
    }

    impl Clock for FakeClock {
        fn now_ns(&self) -> u64 {
            self.now_ns.get()
        }
        fn sleep_until(&self, due_ns: u64) {
            let sleep_ns = due_ns - self.now_ns.get();
            self.longest_sleep_ns.set(self.longest_sleep_ns.get().max(sleep_ns));
            self.now_ns.set(due_ns + self.late_ns);
        }
    }

    #[test]
    fn without_a_pace_nothing_waits() {
        let mut pace = Pace::new(Speed::Max);
        assert_eq!(pace.due_ns(u64::MAX, 0), None);
        assert!(pace.wait(u64::MAX, &FakeClock::new(0, 0), || true));
    }

    #[test]
    fn a_stop_ends_a_long_wait_and_no_sleep_is_longer_than_its_bound() {
        let (mut pace, clock) = (Pace::new(Speed::RECORDED), FakeClock::new(7, 0));
        assert!(pace.wait(0, &clock, || false));
        let hour_ns = 3_600_000_000_000;
        assert!(!pace.wait(hour_ns, &clock, || clock.now_ns() > 1_000_000_000));
        assert!(pace.wait(hour_ns, &clock, || false));
        assert_eq!(clock.now_ns(), 7 + hour_ns);
        assert_eq!(clock.longest_sleep_ns.get(), SLEEP_NS_MAX);
    }

    proptest! {
        #[test]
        fn lateness_never_adds_up(
            gaps in prop::collection::vec(0u64..1_000_000, 1..200),
            times in 1u32..50,
            late_ns in 0u64..10_000,
            start in 0u64..1_000_000_000,
        ) {
            let (mut pace, clock) = (Pace::new(Speed::Times(times)), FakeClock::new(start, late_ns));
            let first = 5_000;
            prop_assert!(pace.wait(first, &clock, || false));
            let mut ts = first;
            for gap in gaps {
                ts += gap;
                prop_assert!(pace.wait(ts, &clock, || false));
                let due_ns = start + (ts - first) / u64::from(times);
                // Never early, and late by no more than a single sleep, however many came before.
                prop_assert!((due_ns..=due_ns + late_ns).contains(&clock.now_ns()));
            }
        }
    }
}
