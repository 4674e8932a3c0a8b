//! From feeds to lanes: takes market events in order, waits until each is due, gives every lane one.
//!
//! Comes in: the feeds. Goes out: the same events into every lane's ring. When a ring is full the
//! pump waits, because a replay can. Deliberately absent: the way an event takes inside a lane.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use wickd_model::Event;

use crate::control::ToControl;
use crate::lane::{HISTORY_EVENTS, Waker};
use crate::market::{FeedError, FeedPlan, Market, Pace, Speed, SystemClock};
use crate::notice::{Notice, Notices};

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
    market: Market,
    /// The next event, looked at already.
    head: Option<Result<Event, FeedError>>,
    /// The events before that place, for catching up.
    pub(crate) past: VecDeque<Event>,
}

impl Stream {
    /// Opens the feeds and skips what the last run has handled, up to `cursor`.
    pub(crate) fn open(
        plans: Vec<FeedPlan>,
        cursor: u64,
        notices: &Notices,
    ) -> Result<Self, FeedError> {
        let mut stream = Self { market: Market::open(plans)?, head: None, past: VecDeque::new() };
        for _ in 0..cursor {
            match stream.market.next() {
                Some(Ok(event)) => {
                    if stream.past.len() == HISTORY_EVENTS {
                        stream.past.pop_front();
                    }
                    stream.past.push_back(event);
                }
                Some(Err(error)) => notices.say(feed_error(&error)),
                None => break,
            }
        }
        stream.head = stream.market.next();
        Ok(stream)
    }

    /// Event time of the first event to come; 0 where none will.
    pub(crate) fn first_ts(&self) -> u64 {
        match &self.head {
            Some(Ok(event)) => event.at().ts_event,
            Some(Err(_)) | None => 0,
        }
    }

    /// Starts to pump.
    pub(crate) fn pump(
        self,
        taps: Vec<Tap>,
        speed: Speed,
        notices: Notices,
        control: Sender<ToControl>,
    ) -> std::io::Result<Pump> {
        let (stop, gauge) = (Arc::new(AtomicBool::new(false)), Arc::new(PumpGauge::default()));
        let (seen, shown) = (stop.clone(), gauge.clone());
        let thread = std::thread::Builder::new().name("pump".into()).spawn(move || {
            run(self.market, self.head, taps, speed, &seen, &shown, &notices);
            // Control has ended if nobody listens.
            let _ = control.send(ToControl::FeedsOver);
        })?;
        Ok(Pump { stop, gauge, thread })
    }
}

impl Pump {
    pub(crate) fn join(self) {
        self.stop.store(true, Ordering::Relaxed);
        // A pump that panicked has ended the stream all the same.
        let _ = self.thread.join();
    }
}

fn run(
    mut market: Market,
    mut head: Option<Result<Event, FeedError>>,
    mut taps: Vec<Tap>,
    speed: Speed,
    stop: &AtomicBool,
    gauge: &PumpGauge,
    notices: &Notices,
) {
    let stopped = || stop.load(Ordering::Relaxed);
    let (mut pace, clock) = (Pace::new(speed), SystemClock::start());
    let mut count = 0u64;
    while let Some(next) = head.take().or_else(|| market.next()) {
        let event = match next {
            Ok(event) => event,
            Err(error) => {
                notices.say(feed_error(&error));
                continue;
            }
        };
        if !pace.wait(event.at().ts_event, &clock, stopped) || stopped() {
            break;
        }
        for tap in &mut taps {
            while tap.ring.push(event).is_err() {
                if stopped() || tap.ring.is_abandoned() {
                    return;
                }
                tap.waker.wake();
                // A full ring holds half a second of work: a short sleep loses nothing.
                std::thread::sleep(FULL_RING_PAUSE);
            }
            tap.waker.wake();
        }
        count += 1;
        gauge.events.store(count, Ordering::Relaxed);
        gauge.ts_event.store(event.at().ts_event, Ordering::Relaxed);
    }
    for report in market.reports() {
        if report.skipped > 0 {
            let first = report.first_skipped.first().map(ToString::to_string);
            let text = format!(
                "feed {}: {} broken rows were left out; the first: {}",
                report.name,
                report.skipped,
                first.unwrap_or_default()
            );
            notices.say(Notice::warn("feed-rows-skipped", text));
        }
    }
}

fn feed_error(error: &FeedError) -> Notice {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Notice::error("feed-failed", text)
        .fix("mend the file, or set `on_broken_row: skip`; the other feeds go on")
}
