//! The clock, at the edge: control, intake and venues read it, lanes do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wickd_model::TsNs;

/// How far the machine's clock may part from the daemon's own before that is told. NTP moves a clock
/// by less, and slowly.
pub(crate) const JUMP_NS: u64 = 1_000_000_000;

/// The machine's clock, or one that a test or a simulator moves.
///
/// [`Self::now_ns`] never goes back and never jumps: it starts at the machine's time and goes on with
/// its monotonic clock. All intervals, and the times of events that are not a venue's, are of it, so
/// that a clock that is set back holds up no order.
#[derive(Clone)]
pub struct WallClock(Source);

#[derive(Clone)]
enum Source {
    System { began: Instant, began_ns: TsNs },
    Set { steady: Arc<AtomicU64>, wall: Arc<AtomicU64> },
}

impl WallClock {
    /// The machine's.
    pub fn system() -> Self {
        Self(Source::System { began: Instant::now(), began_ns: machine_ns() })
    }

    /// One that shows what `time` holds.
    pub fn set_by(time: Arc<AtomicU64>) -> Self {
        Self(Source::Set { steady: time.clone(), wall: time })
    }

    /// One whose machine is set to `wall` while its time goes on as `steady`.
    pub fn set_by_both(steady: Arc<AtomicU64>, wall: Arc<AtomicU64>) -> Self {
        Self(Source::Set { steady, wall })
    }

    /// Unix time in nanoseconds, as it was at the start and has passed since.
    pub fn now_ns(&self) -> TsNs {
        match &self.0 {
            Source::System { began, began_ns } => {
                began_ns.saturating_add(began.elapsed().as_nanos() as u64)
            }
            Source::Set { steady, .. } => steady.load(Ordering::Relaxed),
        }
    }

    /// Unix time in nanoseconds, as the machine says it now.
    pub fn machine_ns(&self) -> TsNs {
        match &self.0 {
            Source::System { .. } => machine_ns(),
            Source::Set { wall, .. } => wall.load(Ordering::Relaxed),
        }
    }
}

fn machine_ns() -> TsNs {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Notices that the machine's clock was set.
#[derive(Debug, Default)]
pub(crate) struct Jumps {
    /// By how much it was ahead when it was looked at last; none before the first look.
    ahead_ns: Option<i64>,
}

impl Jumps {
    /// By how much it was set since the last look, where that is a jump.
    pub(crate) fn look(&mut self, clock: &WallClock) -> Option<i64> {
        let ahead = clock.machine_ns().wrapping_sub(clock.now_ns()).cast_signed();
        let before = *self.ahead_ns.get_or_insert(ahead);
        let moved = ahead.saturating_sub(before);
        if moved.unsigned_abs() < JUMP_NS {
            return None;
        }
        self.ahead_ns = Some(ahead);
        Some(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_set_back_is_told_once_and_time_goes_on() {
        let set = |to: u64| Arc::new(AtomicU64::new(to * JUMP_NS));
        let (steady, wall) = (set(100), set(100));
        let clock = WallClock::set_by_both(steady.clone(), wall.clone());
        let mut jumps = Jumps::default();
        assert_eq!(jumps.look(&clock), None);
        steady.store(101 * JUMP_NS, Ordering::Relaxed);
        wall.store(41 * JUMP_NS, Ordering::Relaxed);
        assert_eq!(jumps.look(&clock), Some(-60_000_000_000));
        assert_eq!(jumps.look(&clock), None);
        assert_eq!(clock.now_ns(), 101 * JUMP_NS);
        // And set right again.
        wall.store(101 * JUMP_NS, Ordering::Relaxed);
        assert_eq!(jumps.look(&clock), Some(60_000_000_000));
    }
}
