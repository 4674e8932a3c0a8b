//! The account that several slots share: what they earned together, and its loss stops.
//!
//! Comes in: what each slot earned since its start, from whichever lane it is on. Goes out: whether a
//! stop holds, told by whoever reached it. Deliberately absent: what a stop does, and positions.
//!
//! Slots of one account may sit on several lanes, so everything here is an atomic and nothing waits.
//! A lane first takes an event into all its books and then judges: so a hedge over two slots of one
//! lane is never seen half. On one lane the same data gives the same stops at the same events. Over
//! several lanes the sum is of what each has published last: a stop may come an event sooner or
//! later than in another run, and a hedge over two lanes can be seen half for a moment.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64};

use wickd_model::{Cash, LossStops, SlotName};

use super::line::Line;
use super::stops::{Reached, Stop, daily, lasting};

/// A day is being exchanged for the next: its numbers do not belong together yet.
const BETWEEN_DAYS: u64 = u64::MAX;

/// An account with loss stops.
#[derive(Debug)]
pub(crate) struct Joint {
    name: String,
    stops: LossStops,
    slots: Box<[Cell]>,
    /// Earned by all slots since the start.
    earned: AtomicI64,
    peak: AtomicI64,
    /// The day, and what `earned` was when it began.
    day: AtomicU64,
    day_start: AtomicI64,
    /// The lasting stop that was reached: 0 none, 1 loss, 2 drawdown.
    lasting: AtomicU8,
    /// The day after the one whose stop was reached; 0 for none.
    daily: AtomicU64,
}

/// What one slot has published, for people.
#[derive(Debug)]
struct Cell {
    slot: SlotName,
    earned: AtomicI64,
    today: AtomicI64,
}

/// A stop of an account was reached.
#[derive(Clone, Debug)]
pub struct AccountStop {
    /// The venue's name, or `paper`.
    pub account: String,
    /// Which stop.
    pub reached: Reached,
    /// What each slot earned, today where the stop is the day's, otherwise since the start.
    pub slots: Vec<(SlotName, Cash)>,
}

impl Joint {
    /// An account of these slots.
    pub(crate) fn new(name: String, stops: LossStops, slots: Vec<SlotName>) -> Self {
        let cell = |slot| Cell { slot, earned: AtomicI64::new(0), today: AtomicI64::new(0) };
        Self {
            name,
            stops,
            slots: slots.into_iter().map(cell).collect(),
            earned: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            day: AtomicU64::new(0),
            day_start: AtomicI64::new(0),
            lasting: AtomicU8::new(0),
            daily: AtomicU64::new(0),
        }
    }

    /// Which of its slots this one is.
    pub(crate) fn place(&self, slot: &SlotName) -> Option<usize> {
        self.slots.iter().position(|cell| cell.slot == *slot)
    }

    /// Whether a day counts for it.
    pub(crate) fn counts_days(&self) -> bool {
        self.stops.loss_day_max.is_some()
    }

    /// A lane has come to this day. The first one to say so begins it for the account.
    pub(crate) fn day_begins(&self, day: u64) {
        let known = self.day.load(Acquire);
        if known < day && self.day.compare_exchange(known, BETWEEN_DAYS, Acquire, Relaxed).is_ok() {
            self.day_start.store(self.earned.load(Relaxed), Relaxed);
            self.day.store(day, Release);
        }
    }

    /// The stop that holds on this day; what holds longer comes first.
    #[inline]
    pub(crate) fn stop(&self, day: u64) -> Option<Stop> {
        match self.lasting.load(Relaxed) {
            0 => (self.daily.load(Relaxed) > day).then_some(Stop::Day),
            1 => Some(Stop::Loss),
            _ => Some(Stop::Drawdown),
        }
    }

    /// Holds what was earned against the stops. Gives one that was reached to who reached it.
    #[inline]
    pub(crate) fn judge(&self, day: u64) -> Option<AccountStop> {
        let earned = self.earned.load(Relaxed);
        if earned > self.peak.load(Relaxed) {
            self.peak.fetch_max(earned, Relaxed);
        }
        if self.lasting.load(Relaxed) != 0 {
            return None;
        }
        if let Some(reached) = lasting(&self.stops, earned, self.peak.load(Relaxed)) {
            let number = if reached.stop == Stop::Loss { 1 } else { 2 };
            let won = self.lasting.compare_exchange(0, number, Relaxed, Relaxed).is_ok();
            return won.then(|| self.tell(reached));
        }
        if self.daily.load(Relaxed) <= day && self.day.load(Acquire) == day {
            let today = earned.saturating_sub(self.day_start.load(Relaxed));
            let reached = daily(&self.stops, today)?;
            let won = self.daily.fetch_max(day.saturating_add(1), Relaxed) <= day;
            return won.then(|| self.tell(reached));
        }
        None
    }

    #[cold]
    fn tell(&self, reached: Reached) -> AccountStop {
        let earned = |cell: &Cell| match reached.stop {
            Stop::Day => cell.today.load(Relaxed),
            Stop::Loss | Stop::Drawdown => cell.earned.load(Relaxed),
        };
        let slots = self.slots.iter().map(|cell| (cell.slot.clone(), earned(cell))).collect();
        AccountStop { account: self.name.clone(), reached, slots }
    }
}

/// One slot's part of an account.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) joint: Arc<Joint>,
    cell: usize,
    /// Which of the book's lines belong to the account.
    lines: Box<[usize]>,
    /// What was published last.
    published: Cash,
}

impl Share {
    pub(super) fn new(joint: Arc<Joint>, cell: usize, lines: Box<[usize]>) -> Self {
        Self { joint, cell, lines, published: 0 }
    }

    pub(super) fn has_line(&self, place: usize) -> bool {
        self.lines.contains(&place)
    }

    /// Publishes what the lines earned since the start, and today.
    #[inline]
    pub(super) fn publish(&mut self, lines: &[Line]) {
        let [mut earned, mut today]: [Cash; 2] = [0, 0];
        for line in self.lines.iter().filter_map(|place| lines.get(*place)) {
            earned = earned.saturating_add(line.worth.saturating_sub(line.start));
            today = today.saturating_add(line.worth.saturating_sub(line.day_start));
        }
        let Some(cell) = self.joint.slots.get(self.cell) else { return };
        // So that the sum of all slots fits.
        let most = i64::MAX / (self.joint.slots.len().max(1) as i64 * 2);
        let earned = earned.clamp(-most, most);
        cell.today.store(today, Relaxed);
        if earned != self.published {
            cell.earned.store(earned, Relaxed);
            self.joint.earned.fetch_add(earned - self.published, Relaxed);
            self.published = earned;
        }
    }

    /// What one of the lines earned today before this run counts for the day too.
    pub(super) fn carry(&self, before: Cash) {
        let parts = self.joint.slots.len().max(1) * self.lines.len().max(1);
        let most = i64::MAX / (parts as i64 * 4);
        self.joint.day_start.fetch_sub(before.clamp(-most, most), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::joint;
    use super::*;

    #[test]
    fn many_threads_reach_a_stop_and_one_tells_it() {
        let stops = LossStops { loss_max: Some(50), ..LossStops::default() };
        let joint = joint(stops, 4);
        let told: usize = std::thread::scope(|scope| {
            let lane = |_| {
                scope.spawn(|| {
                    let one = |_| {
                        joint.earned.fetch_sub(1, Relaxed);
                        usize::from(joint.judge(3).is_some())
                    };
                    (0..1_000).map(one).sum::<usize>()
                })
            };
            let lanes: Vec<_> = (0..4).map(lane).collect();
            lanes.into_iter().map(|lane| lane.join().expect("it ends")).sum()
        });
        assert_eq!((told, joint.stop(3)), (1, Some(Stop::Loss)));
    }

    #[test]
    fn a_lane_that_is_a_day_ahead_is_not_held_to_what_the_last_one_lost() {
        let stops = LossStops { loss_day_max: Some(10), ..LossStops::default() };
        let joint = joint(stops, 2);
        joint.day_begins(7);
        joint.earned.store(-12, Relaxed);
        assert_eq!(joint.judge(7).map(|stop| stop.reached.lost), Some(12));
        assert!(joint.judge(7).is_none(), "it is told once");
        joint.day_begins(8);
        assert_eq!((joint.stop(7), joint.stop(8)), (Some(Stop::Day), None));
        assert!(joint.judge(8).is_none());
        // A lane that is behind begins no day anew.
        joint.day_begins(7);
        joint.earned.store(-22, Relaxed);
        assert!(joint.judge(7).is_none() && joint.stop(8).is_none());
        assert!(joint.judge(8).is_some() && joint.stop(8).is_some());
    }
}
