//! Lanes that fall behind the market, and who holds them.
//!
//! Comes in: how full each lane's ring is, what it missed, and the fuel that everyone on it has used.
//! Goes out: notices that name the greatest users. Deliberately absent: doing anything about it; each
//! slot's share is its lane's business.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::Control;
use crate::events::{Notice, RunEvent};
use crate::market::Speed;

/// How often lanes are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Events in a ring at which its lane lags: an eighth of the ring.
const LAGGING_EVENTS: u64 = 8_192;
/// Users that a notice names.
const NAMED_MAX: usize = 3;

/// What was seen of one lane.
#[derive(Default)]
struct Seen {
    /// Fuel of its slots and inputs at the last look, by name.
    fuel: Vec<(String, u64)>,
    /// It was behind at the last look.
    behind: bool,
    /// That was told.
    told: bool,
    /// Missed events that were told.
    skipped: u64,
}

/// Looks at the lanes once a second.
pub(crate) struct Lag {
    lanes: Vec<Seen>,
    next: Option<Instant>,
    /// A replay that is faster than its recording is always behind, and that is its speed.
    applies: bool,
}

impl Lag {
    pub(crate) fn new(lanes: usize, speed: Speed) -> Self {
        let lanes = (0..lanes).map(|_| Seen::default()).collect();
        Self { lanes, next: None, applies: speed == Speed::RECORDED }
    }
}

/// What there is to say of a lane.
#[derive(PartialEq, Eq, Debug)]
enum Said {
    Lags,
    CaughtUp,
    Missed(u64),
}

impl Seen {
    /// Twice in a row is lag; missed events are told at each doubling.
    fn look(&mut self, waiting: u64, skipped: u64) -> Vec<Said> {
        let mut said = Vec::new();
        let behind = waiting >= LAGGING_EVENTS;
        if behind && self.behind && !self.told {
            self.told = true;
            said.push(Said::Lags);
        }
        if self.told && waiting < LAGGING_EVENTS / 8 {
            self.told = false;
            said.push(Said::CaughtUp);
        }
        self.behind = behind;
        if skipped > 0 && skipped >= self.skipped * 2 {
            self.skipped = skipped;
            said.push(Said::Missed(skipped));
        }
        said
    }

    /// Who used the most fuel since the last look, in hundredths of all, the greatest first.
    fn holders(&mut self, fuel: Vec<(String, u64)>) -> String {
        let before =
            |name: &str| self.fuel.iter().find(|(known, _)| known == name).map_or(0, |of| of.1);
        let mut used: Vec<_> =
            fuel.iter().map(|(name, total)| (name, total.saturating_sub(before(name)))).collect();
        used.sort_by_key(|(_, used)| std::cmp::Reverse(*used));
        let all: u64 = used.iter().map(|(_, used)| used).sum();
        let mut text = String::new();
        for (name, used) in used.iter().take(NAMED_MAX).filter(|(_, used)| *used > 0) {
            let comma = if text.is_empty() { "" } else { ", " };
            let share = u128::from(*used) * 100 / u128::from(all.max(1));
            // Writing into a string does not fail.
            let _ = write!(text, "{comma}{name} with {share} % of its work ({used} fuel)");
        }
        self.fuel = fuel;
        if text.is_empty() { "no plugin".to_owned() } else { text }
    }
}

impl Control {
    /// Once a second: which lanes are behind, and who holds them.
    pub(super) fn look_for_lag(&mut self, now: Instant) {
        if !self.lag.applies || self.lag.next.is_some_and(|next| now < next) {
            return;
        }
        self.lag.next = Some(now + LOOK);
        for lane in 0..self.lanes.len() {
            let gauge = &self.lanes[lane].gauge;
            let (waiting, skipped) = (gauge.waiting.load(Relaxed), gauge.skipped.load(Relaxed));
            let fuel = self.fuel_of(lane);
            let seen = &mut self.lag.lanes[lane];
            let said = seen.look(waiting, skipped);
            let holders = seen.holders(fuel);
            for said in said {
                self.publish(Notice::of(event(lane, &said, waiting, &holders)));
            }
        }
    }

    /// Fuel of everyone on a lane so far.
    fn fuel_of(&self, lane: usize) -> Vec<(String, u64)> {
        let slots = self.slots.iter().filter(|slot| slot.lane == lane);
        let slots =
            slots.map(|slot| (format!("slot {}", slot.plan.name), slot.gauge.fuel_total.get()));
        let nodes = self.lanes[lane].nodes.iter().enumerate();
        let nodes =
            nodes.map(|(id, node)| (format!("input {} {}", id, node.label()), node.fuel.get()));
        slots.chain(nodes).collect()
    }

    /// At the end: a lane did not get through its ring in time.
    pub(super) fn cut_short(&self, lane: usize, left: u64) {
        self.publish(Notice::of(RunEvent::LaneCutShort { lane, left }));
    }
}

fn event(lane: usize, said: &Said, waiting: u64, holders: &str) -> RunEvent {
    let holders = holders.to_owned();
    match *said {
        Said::Lags => RunEvent::LaneLags { lane, waiting, holders },
        Said::CaughtUp => RunEvent::LaneCaughtUp { lane },
        Said::Missed(events) => RunEvent::LaneOverflowed { lane, events, holders },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_stays_behind_is_told_once_until_it_has_caught_up() {
        let mut seen = Seen::default();
        assert!(seen.look(LAGGING_EVENTS, 0).is_empty(), "a burst is no lag");
        assert_eq!(seen.look(LAGGING_EVENTS, 0), [Said::Lags]);
        assert!(seen.look(LAGGING_EVENTS * 2, 0).is_empty());
        assert!(seen.look(LAGGING_EVENTS / 2, 0).is_empty());
        assert_eq!(seen.look(0, 0), [Said::CaughtUp]);
        assert!(seen.look(LAGGING_EVENTS, 0).is_empty());
    }

    #[test]
    fn missed_events_are_told_at_each_doubling() {
        let mut seen = Seen::default();
        let told: usize = (1..=1_000).map(|skipped| seen.look(0, skipped).len()).sum();
        assert_eq!(told, 10);
    }

    #[test]
    fn the_greatest_users_since_the_last_look_are_named_with_their_share() {
        let mut seen = Seen::default();
        let fuel = |a, b| vec![("slot a".to_owned(), a), ("input 0 b".to_owned(), b)];
        seen.holders(fuel(1_000, 5));
        let text = seen.holders(fuel(1_010, 95));
        assert_eq!(
            text,
            "input 0 b with 90 % of its work (90 fuel), slot a with 10 % of its work (10 fuel)"
        );
    }
}
