//! What every connection shares: the engine, the faults, the limits, the clock, the events.
//!
//! Comes in: closures over the shared parts. Goes out: what they return, and the engine's events to
//! every listener, in the order in which they happened. Deliberately absent: sockets and dialects.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rust_decimal::Decimal;
use tokio::sync::{broadcast, watch};

use crate::Config;
use crate::engine::{Engine, Event, Order, Refusal, Sight};
use crate::faults::{Faults, Treatment};
use crate::limits::Meter;

/// Events a slow listener may be behind before it is cut off.
const EVENTS_BEHIND_MAX: usize = 65_536;
/// Market events of one [`Hub::step`], so that one request cannot hold the engine for minutes.
pub(crate) const STEP_MAX: u32 = 1_000_000;
/// How the ids begin that the venue invents for orders without one.
pub(crate) const INVENTED: &str = "venue-";
/// How often the market looks at the clock.
const BEAT_MS: u64 = 2;
/// A beat makes no more events than this many seconds' worth, however late it comes.
const CATCH_UP_S: u64 = 1;

#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) config: Config,
    engine: Mutex<Engine>,
    faults: Mutex<Faults>,
    meter: Mutex<Meter>,
    listen_keys: Mutex<BTreeMap<String, i64>>,
    invented: AtomicU32,
    skew_ms: AtomicI64,
    events_per_s: AtomicU32,
    events: broadcast::Sender<Arc<Event>>,
    hang_up: watch::Sender<u64>,
    /// Times that held requests were let go.
    released: watch::Sender<u64>,
    held: AtomicU32,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The machine's clock, UTC milliseconds.
fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Hub {
    pub(crate) fn new(config: Config) -> Self {
        let engine = Engine::new(config.seed, wall_ms(), config.base, config.quote, config.wallet);
        Self {
            engine: Mutex::new(engine),
            faults: Mutex::new(Faults::new(config.seed)),
            meter: Mutex::default(),
            listen_keys: Mutex::default(),
            invented: AtomicU32::new(0),
            skew_ms: AtomicI64::new(0),
            events_per_s: AtomicU32::new(config.events_per_s),
            events: broadcast::channel(EVENTS_BEHIND_MAX).0,
            hang_up: watch::channel(0).0,
            released: watch::channel(0).0,
            held: AtomicU32::new(0),
            config,
        }
    }

    /// The venue's clock, UTC milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        wall_ms() + self.skew_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_skew(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    pub(crate) fn set_rate(&self, events_per_s: u32) {
        self.events_per_s.store(events_per_s, Ordering::Relaxed);
    }

    /// Works with the engine at the venue's time. What happened is said before anybody else works
    /// with it, so that every listener hears one order of events.
    pub(crate) fn engine<T>(&self, work: impl FnOnce(&mut Engine) -> T) -> T {
        let mut engine = lock(&self.engine);
        engine.now_ms = self.now_ms();
        let result = work(&mut engine);
        for event in engine.take_events() {
            // Without listeners there is nobody to tell, which is no error.
            let _ = self.events.send(Arc::new(event));
        }
        result
    }

    pub(crate) fn faults<T>(&self, work: impl FnOnce(&mut Faults) -> T) -> T {
        work(&mut lock(&self.faults))
    }

    pub(crate) fn meter<T>(&self, work: impl FnOnce(&mut Meter) -> T) -> T {
        work(&mut lock(&self.meter))
    }

    /// Listen keys with the time they end, UTC milliseconds.
    pub(crate) fn listen_keys<T>(&self, work: impl FnOnce(&mut BTreeMap<String, i64>) -> T) -> T {
        work(&mut lock(&self.listen_keys))
    }

    /// Ends every listen key, and has whoever listens with one told.
    pub(crate) fn expire_keys(&self) {
        self.listen_keys(BTreeMap::clear);
        self.engine(Engine::end_sessions);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// An id for whoever sent none.
    pub(crate) fn invent_id(&self) -> String {
        format!("{INVENTED}{:010}", self.invented.fetch_add(1, Ordering::Relaxed))
    }

    /// Changes when every socket is to close.
    pub(crate) fn hang_ups(&self) -> watch::Receiver<u64> {
        self.hang_up.subscribe()
    }

    pub(crate) fn disconnect(&self) {
        self.hang_up.send_modify(|times| *times += 1);
    }

    /// Waits for the next [`Hub::release`].
    pub(crate) async fn wait_for_release(&self) {
        let mut released = self.released.subscribe();
        self.held.fetch_add(1, Ordering::Relaxed);
        // The sender lives as long as the hub.
        let _ = released.changed().await;
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn release(&self) {
        self.released.send_modify(|times| *times += 1);
    }

    /// Requests that wait for [`Hub::release`].
    pub(crate) fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    pub(crate) fn step(&self, events: u32) {
        self.engine(|engine| {
            (0..events.min(STEP_MAX)).for_each(|_| engine.step());
            engine.flush();
        });
    }

    pub(crate) fn fill(&self, client_id: &str, qty: Decimal) -> Result<Order, Refusal> {
        self.engine(|engine| {
            let id = engine.by_client_id(client_id).ok_or(Refusal::Unknown)?.id;
            engine.fill_order(id, qty)
        })
    }
}

/// The hub as one request sees it: as it is, or as a fault has it.
pub(crate) struct View<'a> {
    hub: &'a Hub,
    pub(crate) treatment: Treatment,
}

impl<'a> View<'a> {
    pub(crate) fn new(hub: &'a Hub, treatment: Treatment) -> Self {
        Self { hub, treatment }
    }

    /// [`Hub::engine`] with this view's sight.
    pub(crate) fn engine<T>(&self, work: impl FnOnce(&mut Engine) -> T) -> T {
        self.hub.engine(|engine| {
            engine.sight = self.treatment.sight;
            let result = work(engine);
            engine.sight = Sight::default();
            result
        })
    }
}

impl Deref for View<'_> {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        self.hub
    }
}

/// The market: so many events per second as the rate says now, and a difference every `diff_ms`.
pub(crate) async fn run_market(hub: Arc<Hub>) {
    let mut beat = tokio::time::interval(Duration::from_millis(BEAT_MS));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut last = tokio::time::Instant::now();
    let mut flushed = last;
    // Owed events in nanoseconds of time, so that a rate below one per beat is kept too.
    let mut owed_ns: u64 = 0;
    loop {
        let now = beat.tick().await;
        let rate = u64::from(hub.events_per_s.load(Ordering::Relaxed));
        let passed = now.saturating_duration_since(last).min(Duration::from_secs(CATCH_UP_S));
        last = now;
        owed_ns += u64::try_from(passed.as_nanos()).unwrap_or(0).saturating_mul(rate);
        let due = owed_ns / 1_000_000_000;
        owed_ns %= 1_000_000_000;
        let flush =
            now.saturating_duration_since(flushed).as_millis() >= u128::from(hub.config.diff_ms);
        if flush {
            flushed = now;
        }
        if due > 0 || flush {
            hub.engine(|engine| {
                (0..due).for_each(|_| engine.step());
                if flush {
                    engine.flush();
                }
            });
        }
    }
}
