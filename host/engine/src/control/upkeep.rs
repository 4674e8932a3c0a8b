//! What must not grow with age, looked after once a minute: the journal's records, and room on the disk.
//!
//! Comes in: the time. Goes out: checkpoints, and notices before the disk is full. Deliberately absent: what
//! is done at the start and at the end of a run, where nothing else is going on.

use wickd_store::free_bytes;

use super::Control;
use crate::clock::WallClock;
use crate::events::{Notice, StateEvent};
use crate::lane::{OnFailure, ToLane};

/// How often records and room are looked at.
const LOOK_NS: u64 = 60_000_000_000;

/// When it is looked at next, and what was said of the disk.
pub(crate) struct Upkeep {
    next_ns: u64,
    /// Free bytes below which it is said again; halved each time.
    says_below: u64,
}

impl Upkeep {
    pub(crate) fn new(disk_free_min: u64, clock: &WallClock) -> Self {
        Self { next_ns: clock.now_ns(), says_below: disk_free_min }
    }
}

impl Control {
    pub(super) fn look_after(&mut self) {
        let now_ns = self.clock.now_ns();
        if self.finishing.is_some() || now_ns < self.upkeep.next_ns {
            return;
        }
        self.upkeep.next_ns = now_ns.saturating_add(LOOK_NS);
        match self.records.add_up(&self.instruments, now_ns) {
            Ok(0) => {}
            Ok(files) => self.publish(Notice::of(StateEvent::ArchiveFull { files })),
            Err(error) => {
                let why = crate::intake::chain(&error);
                self.publish(Notice::of(StateEvent::CheckpointFailed { why }));
            }
        }
        self.look_at_the_disk();
    }

    fn look_at_the_disk(&mut self) {
        // A disk that cannot be asked takes no writes either, which is said where they fail.
        let Ok(free) = free_bytes(&self.state_dir) else { return };
        if free >= self.disk_free_min {
            self.upkeep.says_below = self.disk_free_min;
        } else if free < self.upkeep.says_below {
            self.upkeep.says_below = free / 2;
            let (free_mb, min_mb) = (free >> 20, self.disk_free_min >> 20);
            let notice = Notice::of(StateEvent::DiskLow { free_mb, min_mb });
            self.publish(notice.place(self.state_dir.display()));
        }
    }

    /// When the market opens: what the operator wants done with slots that no line has any more.
    pub(super) fn retire(&mut self) {
        for place in 0..self.slots.len() {
            let slot = &self.slots[place];
            if !slot.plan.retired {
                continue;
            }
            let (key, lane) = (slot.key, slot.lane);
            slot.stand("retired", "no line of the configuration has it");
            if slot.plan.on_failure != OnFailure::Keep {
                self.lanes[lane].send(ToLane::Stop(key));
            }
        }
    }
}
