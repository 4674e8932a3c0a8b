//! Sets a thousand timers a tick. Expected: 64 are taken, the rest refused; the slot lives.

use wickd_rude::{Rude, Stamp, runtime, trading};

/// Timers of one tick.
const TIMERS: u32 = 1_000;
/// Long after.
const HOUR_NS: u64 = 3_600_000_000_000;

/// The guest.
pub struct TimerFlood;

impl Rude for TimerFlood {
    fn tick(at: Stamp) {
        let taken = (0..TIMERS).filter(|id| trading::set_timer(*id, at.ts_event + HOUR_NS)).count();
        runtime::metric("taken", taken as f64);
    }
}

wickd_rude::export!(TimerFlood);
