//! From feeds to lanes: takes market events in order, waits until each is due, gives every lane one.
//!
//! Comes in: the feeds. Goes out: the same events into every lane's ring. A replay waits
//! for the slowest lane, for it is to decide the same in every run and at every pace. The present does
//! not: a lane whose ring is full misses events until half of it is free, and no other lane waits for
//! it. Deliberately absent: the way an event takes inside a lane.

mod live;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use wickd_model::Event;

use crate::clock::WallClock;
use crate::control::ToControl;
use crate::events::{FeedEvent, Notice, Notices};
use crate::io::BarEars;
use crate::lane::{FEED_EVENTS, HISTORY_EVENTS, Waker};
use crate::market::{Brings, FeedError, FeedPlan, Market, Pace, Speed, SystemClock};

use live::Live;

/// Events after which a lane's gauge is set: reading a ring's fill costs the pump a cache line.
const SHOWN_EVERY_EVENTS: u64 = 64;
/// How long the pump rests when a lane is full.
const FULL_RING_PAUSE: std::time::Duration = std::time::Duration::from_micros(200);

/// What the pump shows while it runs.
#[derive(Default)]
pub struct PumpGauge {
    /// Events given to the lanes.
    pub events: AtomicU64,
    /// Event time of the last one.
    pub ts_event: AtomicU64,
}

/// What the pump shows of one lane.
#[derive(Default)]
pub(crate) struct TapGauge {
    /// Events in its ring.
    pub(crate) waiting: AtomicU64,
    /// Events it missed because its ring was full.
    pub(crate) skipped: AtomicU64,
}

/// A lane's end of the stream.
pub(crate) struct Tap {
    pub(crate) ring: rtrb::Producer<Event>,
    pub(crate) waker: Waker,
    pub(crate) gauge: Arc<TapGauge>,
    /// It was full, and gets nothing until half of it is free.
    pub(crate) skipping: bool,
}

impl Tap {
    pub(crate) fn new(ring: rtrb::Producer<Event>, waker: Waker) -> Self {
        Self { ring, waker, gauge: Arc::default(), skipping: false }
    }

    /// Gives the lane an event, or has it miss it.
    fn give_or_skip(&mut self, event: Event) {
        if self.skipping && self.ring.slots() >= FEED_EVENTS / 2 {
            self.skipping = false;
        }
        if self.skipping || self.ring.push(event).is_err() {
            self.skipping = true;
            self.gauge.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The pump's thread and what it can be told.
pub(crate) struct Pump {
    stop: Arc<AtomicBool>,
    pub(crate) gauge: Arc<PumpGauge>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// The stream, opened and moved on to where the last run ended.
pub(crate) struct Stream {
    origin: Origin,
    /// The next event, looked at already.
    head: Option<Result<Event, FeedError>>,
    /// The events before that place, for catching up.
    pub(crate) past: VecDeque<Event>,
}

/// Where events come from.
enum Origin {
    /// Recordings and walks, in event time.
    Recorded(Market),
    /// Venues and feeds, as they come.
    Live(Live),
}

impl Stream {
    /// Opens the feeds and skips what the last run has handled, up to `cursor`.
    pub(crate) fn open(
        plans: Vec<FeedPlan>,
        cursor: u64,
        notices: &Notices,
    ) -> Result<Self, FeedError> {
        let mut market = Market::open(plans)?;
        let mut past = VecDeque::new();
        let mut seq = 0;
        while seq < cursor {
            match market.next() {
                Some(Ok(event)) => {
                    seq = event.at().seq;
                    if past.len() == HISTORY_EVENTS {
                        past.pop_front();
                    }
                    past.push_back(event);
                }
                Some(Err(error)) => notices.publish(feed_error(&error)),
                None => break,
            }
        }
        let head = market.next();
        Ok(Self { origin: Origin::Recorded(market), head, past })
    }

    /// The events of venues and feeds, numbered on from `cursor`, with `walks` beside them. There is
    /// no past: what was missed is gone.
    pub(crate) fn live(
        events: Receiver<Event>,
        walks: Vec<FeedPlan>,
        cursor: u64,
        clock: &WallClock,
    ) -> Result<Self, FeedError> {
        let walks = (!walks.is_empty()).then(|| Market::open(walks)).transpose()?;
        let live = Live::new(events, walks, cursor, clock.clone());
        Ok(Self { origin: Origin::Live(live), head: None, past: VecDeque::new() })
    }

    /// Event time at which this run begins: that of the last event of the one before, so that whoever
    /// goes on is where it was; otherwise that of the first event to come.
    pub(crate) fn start_ts(&self) -> u64 {
        self.past.back().map_or_else(|| self.first_ts(), |event| event.at().ts_event)
    }

    /// Event time of the first event to come; 0 where none will.
    fn first_ts(&self) -> u64 {
        match &self.head {
            Some(Ok(event)) => event.at().ts_event,
            Some(Err(_)) | None => match &self.origin {
                Origin::Live(live) => live.now,
                Origin::Recorded(_) => 0,
            },
        }
    }

    /// What its recordings bring; nothing is known of what comes from elsewhere.
    pub(crate) fn brings(&self) -> Vec<Brings> {
        match &self.origin {
            Origin::Recorded(market) => market.brings().to_vec(),
            Origin::Live(_) => Vec::new(),
        }
    }

    /// Whether its events come when they come, whoever is there to handle them.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.origin, Origin::Live(_))
    }

    /// Starts to pump.
    pub(crate) fn pump(
        self,
        taps: Vec<Tap>,
        bars: BarEars,
        speed: Speed,
        notices: Notices,
        control: Sender<ToControl>,
    ) -> std::io::Result<Pump> {
        let (stop, gauge) = (Arc::new(AtomicBool::new(false)), Arc::new(PumpGauge::default()));
        let (seen, shown) = (stop.clone(), gauge.clone());
        let thread = std::thread::Builder::new().name("pump".into()).spawn(move || {
            let waits = !self.is_live();
            let mut out = Out { taps, bars, gauge: &shown, stop: &seen, count: 0, waits };
            match self.origin {
                Origin::Recorded(market) => replay(market, self.head, speed, &mut out, &notices),
                Origin::Live(mut live) => {
                    let failed = |error: &FeedError| notices.publish(feed_error(error));
                    while let Some(event) = live.next(|| out.stopped(), failed) {
                        if !out.give(event) {
                            break;
                        }
                    }
                }
            }
            // Control has ended if nobody listens.
            let _ = control.send(ToControl::FeedsOver);
        })?;
        Ok(Pump { stop, gauge, thread: Some(thread) })
    }
}

impl Pump {
    pub(crate) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(|thread| thread.is_finished())
    }

    /// Ends the stream: after this no lane is given anything more. It waits for no lane.
    pub(crate) fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A pump that panicked has ended the stream all the same.
            let _ = thread.join();
        }
    }
}

/// The way to the lanes.
struct Out<'p> {
    taps: Vec<Tap>,
    bars: BarEars,
    gauge: &'p PumpGauge,
    stop: &'p AtomicBool,
    count: u64,
    /// A full lane holds up the others, and nothing is lost.
    waits: bool,
}

impl Out<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Gives every lane an event; false where the run is over.
    fn give(&mut self, event: Event) -> bool {
        for tap in &mut self.taps {
            if !self.waits {
                tap.give_or_skip(event);
            }
            while self.waits && tap.ring.push(event).is_err() {
                if self.stop.load(Ordering::Relaxed) || tap.ring.is_abandoned() {
                    return false;
                }
                tap.waker.wake();
                // A full ring holds half a second of work: a short sleep loses nothing.
                std::thread::sleep(FULL_RING_PAUSE);
            }
            tap.waker.wake();
            if self.count.is_multiple_of(SHOWN_EVERY_EVENTS) {
                let waiting = (FEED_EVENTS - tap.ring.slots()) as u64;
                tap.gauge.waiting.store(waiting, Ordering::Relaxed);
            }
        }
        self.bars.hear(&event);
        self.count += 1;
        self.gauge.events.store(self.count, Ordering::Relaxed);
        self.gauge.ts_event.store(event.at().ts_event, Ordering::Relaxed);
        true
    }
}

fn replay(
    mut market: Market,
    mut head: Option<Result<Event, FeedError>>,
    speed: Speed,
    out: &mut Out<'_>,
    notices: &Notices,
) {
    let (mut pace, clock) = (Pace::new(speed), SystemClock::start());
    while let Some(next) = head.take().or_else(|| market.next()) {
        let event = match next {
            Ok(event) => event,
            Err(error) => {
                notices.publish(feed_error(&error));
                continue;
            }
        };
        let due = pace.wait(event.at().ts_event, &clock, || out.stopped());
        if !due || out.stopped() || !out.give(event) {
            break;
        }
    }
    for report in market.reports() {
        if report.skipped > 0 {
            let first = report.first_skipped.first().map(ToString::to_string).unwrap_or_default();
            let (feed, rows) = (report.name.to_string(), report.skipped);
            notices.publish(Notice::of(FeedEvent::RowsSkipped { feed, rows, first }));
        }
    }
}

fn feed_error(error: &FeedError) -> Notice {
    Notice::of(FeedEvent::Failed { why: crate::intake::chain(error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_model::{FeedState, FeedStatus, Stamp};

    fn event(seq: u64) -> Event {
        let at = Stamp { seq, ..Stamp::default() };
        Event::Feed(FeedStatus { at, state: FeedState::Live })
    }

    #[test]
    fn in_the_present_a_full_lane_misses_events_alone_until_half_of_it_is_free() {
        let tap = |ring| Tap::new(ring, Waker::new());
        let (slow, mut behind) = rtrb::RingBuffer::new(FEED_EVENTS);
        let (fast, mut ahead) = rtrb::RingBuffer::new(FEED_EVENTS);
        let mut taps = [tap(slow), tap(fast)];
        let mut give = |from: u64, to: u64| {
            (from..=to)
                .for_each(|seq| taps.iter_mut().for_each(|tap| tap.give_or_skip(event(seq))));
            taps.iter().map(|tap| tap.gauge.skipped.load(Ordering::Relaxed)).collect::<Vec<_>>()
        };
        let full = FEED_EVENTS as u64;
        assert_eq!(give(1, full), [0, 0]);
        while ahead.pop().is_ok() {}
        assert_eq!(give(full + 1, full + 10), [10, 0], "nobody waits");
        assert!(behind.pop().is_ok());
        assert_eq!(give(full + 11, full + 11), [11, 0], "one place is not enough");
        for _ in 0..FEED_EVENTS / 2 {
            let _ = behind.pop();
        }
        assert_eq!(give(full + 12, full + 12), [11, 0]);
        let left: Vec<u64> = std::iter::from_fn(|| behind.pop().ok()).map(|e| e.at().seq).collect();
        assert_eq!(left.last(), Some(&(full + 12)), "it goes on with the present");
        assert_eq!(left[left.len() - 2], full, "what it missed is a gap in the numbers");
    }
}
