//! The present: what venues and feeds say as they say it, and walks that are made up beside them.
//!
//! Comes in: their events. Goes out: the same as one stream, numbered as they come. Event time never
//! runs backwards: clocks differ, and an event that says it is older than its predecessor is as old as
//! that. A walk is moved to the present whole, its first event to the moment at which it is first
//! asked for, and gives way to whoever waits. Deliberately absent: a past; what was missed is gone.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use wickd_model::{Event, TsNs};

use crate::clock::WallClock;
use crate::market::{FeedError, Market};

/// How long the pump waits for an event before it looks whether the run is over.
const LOOK: Duration = Duration::from_millis(20);

/// All that happens now.
pub(super) struct Live {
    events: Receiver<Event>,
    walks: Option<Walks>,
    seq: u64,
    pub(super) now: TsNs,
    clock: WallClock,
    /// The last event was of the present itself: a walk's that is due comes first now.
    gave_live: bool,
}

/// Walks beside the present.
struct Walks {
    market: Market,
    head: Option<Event>,
    /// From their time to the wall clock's, modulo 2^64; none before the first event.
    shift_ns: Option<u64>,
}

impl Live {
    pub(super) fn new(
        events: Receiver<Event>,
        walks: Option<Market>,
        seq: u64,
        clock: WallClock,
    ) -> Self {
        let walks = walks.map(|market| Walks { market, head: None, shift_ns: None });
        let now = clock.now_ns();
        Self { events, walks, seq, now, clock, gave_live: false }
    }

    /// The next event; `None` once nobody is left, or `stopped`. `failed` hears of walks that break.
    pub(super) fn next(
        &mut self,
        stopped: impl Fn() -> bool,
        failed: impl Fn(&FeedError),
    ) -> Option<Event> {
        loop {
            if stopped() {
                return None;
            }
            let walks = self.walks.as_mut();
            let due = walks.and_then(|walks| walks.due(self.clock.now_ns(), &failed));
            let wait = due.map_or(LOOK, |ns| Duration::from_nanos(ns).min(LOOK));
            if wait.is_zero() && self.gave_live {
                self.gave_live = false;
                return self.walked();
            }
            match self.events.recv_timeout(wait) {
                Ok(mut event) => {
                    self.gave_live = true;
                    let at = event.at_mut();
                    // A venue whose clock is ahead must not drag event time into the future.
                    at.ts_event = at.ts_event.min(at.ts_init);
                    return Some(self.numbered(event));
                }
                Err(RecvTimeoutError::Timeout) if wait.is_zero() => return self.walked(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn walked(&mut self) -> Option<Event> {
        let event = self.walks.as_mut()?.take()?;
        Some(self.numbered(event))
    }

    fn numbered(&mut self, mut event: Event) -> Event {
        self.seq += 1;
        let at = event.at_mut();
        self.now = self.now.max(at.ts_event);
        (at.seq, at.ts_event) = (self.seq, self.now);
        event
    }
}

impl Walks {
    /// How long until the next event; `None` where none is left.
    fn due(&mut self, now: TsNs, failed: &impl Fn(&FeedError)) -> Option<u64> {
        while self.head.is_none() {
            match self.market.next()? {
                Ok(event) => self.head = Some(event),
                Err(error) => failed(&error),
            }
        }
        let ts = self.head.as_ref()?.at().ts_event;
        let shift = *self.shift_ns.get_or_insert(now.wrapping_sub(ts));
        Some(ts.wrapping_add(shift).saturating_sub(now))
    }

    /// That event, in the present.
    fn take(&mut self) -> Option<Event> {
        let mut event = self.head.take()?;
        let (at, shift) = (event.at_mut(), self.shift_ns.unwrap_or_default());
        at.ts_event = at.ts_event.wrapping_add(shift);
        at.ts_init = at.ts_event;
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::sync_channel;

    use wickd_model::{FeedState, FeedStatus, Instrument, Product, Stamp};

    use super::*;
    use crate::market::{FeedKind, FeedPlan, SyntheticPlan};

    fn walk(ticks_per_s: u32, count: u64) -> FeedPlan {
        let instrument = Instrument {
            id: 0,
            epoch: 1,
            venue: "paper".to_owned(),
            symbol: "A-B".to_owned(),
            product: Product::Spot,
            base: "A".to_owned(),
            quote: "B".to_owned(),
            price_scale: 2,
            size_scale: 6,
            price_step: 1,
            qty_step: 1,
            min_qty: 1,
            min_notional: 0,
            maker_fee_ppm: 0,
            taker_fee_ppm: 0,
        };
        let (instruments, count) = (vec![instrument], Some(count));
        let plan = SyntheticPlan { instruments, ticks_per_s, seed: 1, count, starts_at: 77 };
        let kind = FeedKind::Synthetic(plan);
        FeedPlan { name: "walk".to_owned(), kind, stale_after_ms: 60_000 }
    }

    fn said(ts_event: TsNs, ts_init: TsNs) -> Event {
        let at = Stamp { instrument: 9, seq: 0, ts_event, ts_init };
        Event::Feed(FeedStatus { at, state: FeedState::Live })
    }

    #[test]
    fn a_walk_is_moved_to_the_present_and_nobody_is_kept_waiting_by_the_other() {
        let time = Arc::new(AtomicU64::new(5_000));
        let (tell, heard) = sync_channel(16);
        let market = Market::open(vec![walk(1_000_000, 3)]).unwrap();
        let mut live = Live::new(heard, Some(market), 7, WallClock::set_by(time.clone()));
        let mut next = || live.next(|| false, |error| panic!("{error}")).unwrap();
        // The walk's state and its first event, both due at once.
        assert_eq!((next().at().seq, next().at().ts_event), (8, 5_000));
        time.store(10_000_000, Ordering::Relaxed);
        // Both sides have plenty now, and take turns.
        tell.send(said(1, 6_000)).unwrap();
        tell.send(said(99_000_000, 10_000_000)).unwrap();
        let turns: Vec<_> = (0..4).map(|_| next()).collect();
        let whose: Vec<_> = turns.iter().map(|event| event.at().instrument).collect();
        assert_eq!(whose, [9, 0, 9, 0]);
        let times: Vec<_> = turns.iter().map(|event| event.at().ts_event).collect();
        assert_eq!(times, [5_000, 6_000, 10_000_000, 10_000_000]);
        let seqs: Vec<_> = turns.iter().map(|event| event.at().seq).collect();
        assert_eq!(seqs, [10, 11, 12, 13]);
    }

    #[test]
    fn it_ends_when_nobody_is_left_or_it_is_stopped() {
        let clock = || WallClock::set_by(Arc::default());
        let (tell, heard) = sync_channel(1);
        let mut live = Live::new(heard, None, 0, clock());
        assert!(live.next(|| true, |_| {}).is_none());
        drop(tell);
        assert!(live.next(|| false, |_| {}).is_none());
    }
}
