//! From feeds to lanes: takes market events in order, waits until each is due, gives every lane one.
//!
//! Comes in: the feeds. Goes out: the same events into every lane's ring. When a ring is full the
//! pump waits, because a replay can. Deliberately absent: the way an event takes inside a lane.

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
use crate::lane::{HISTORY_EVENTS, Waker};
use crate::market::{FeedError, FeedPlan, Market, Pace, Speed, SystemClock};

use live::Live;

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

/// A lane's end of the stream.
pub(crate) struct Tap {
    pub(crate) ring: rtrb::Producer<Event>,
    pub(crate) waker: Waker,
}

/// The pump's thread and what it can be told.
pub(crate) struct Pump {
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) gauge: Arc<PumpGauge>,
    thread: std::thread::JoinHandle<()>,
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
        for _ in 0..cursor {
            match market.next() {
                Some(Ok(event)) => {
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

    /// Event time of the first event to come; 0 where none will.
    pub(crate) fn first_ts(&self) -> u64 {
        match &self.head {
            Some(Ok(event)) => event.at().ts_event,
            Some(Err(_)) | None => match &self.origin {
                Origin::Live(live) => live.now,
                Origin::Recorded(_) => 0,
            },
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
            let mut out = Out { taps, bars, gauge: &shown, stop: &seen, count: 0 };
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
        Ok(Pump { stop, gauge, thread })
    }
}

impl Pump {
    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    pub(crate) fn join(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A pump that panicked has ended the stream all the same.
        let _ = self.thread.join();
    }
}

/// The way to the lanes.
struct Out<'p> {
    taps: Vec<Tap>,
    bars: BarEars,
    gauge: &'p PumpGauge,
    stop: &'p AtomicBool,
    count: u64,
}

impl Out<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Gives every lane an event; false where the run is over.
    fn give(&mut self, event: Event) -> bool {
        for tap in &mut self.taps {
            while tap.ring.push(event).is_err() {
                if self.stop.load(Ordering::Relaxed) || tap.ring.is_abandoned() {
                    return false;
                }
                tap.waker.wake();
                // A full ring holds half a second of work: a short sleep loses nothing.
                std::thread::sleep(FULL_RING_PAUSE);
            }
            tap.waker.wake();
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
