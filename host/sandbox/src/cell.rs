//! What stands behind one guest: the data of its store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};
use wickd_model::{
    Deny, InstrumentId, IntentId, Level, Limits, LogLine, OrderRequest, Position, Signal, TsNs,
};

use crate::cost;
use crate::log::{Log, Stdio};
use crate::meter::Meter;

/// Gauges a guest may name.
const METRICS_MAX: usize = 32;
/// Longest name of a gauge.
const METRIC_NAME_BYTES_MAX: usize = 64;
/// Length of the seeded byte cycle a guest's random numbers are drawn from.
const RANDOM_CYCLE_BYTES: usize = 256;

/// What a guest may ask of the house. A denial is an answer, never a trap.
pub trait Host: Send + 'static {
    /// Stages an order; it leaves only if the call returns normally.
    fn submit(&mut self, request: OrderRequest) -> Result<IntentId, Deny>;
    /// Stages a cancel.
    fn cancel(&mut self, intent: IntentId) -> Result<(), Deny>;
    /// Stages a cancel of every open order; says how many.
    fn cancel_all(&mut self) -> u32;
    /// What the slot holds.
    fn position(&self, instrument: InstrumentId) -> Position;
    /// Calls `on-timer` at event time `at`; false where there are too many timers.
    fn set_timer(&mut self, id: u32, at: TsNs) -> bool;
    /// Takes a timer back.
    fn clear_timer(&mut self, id: u32);
    /// Whether an input has seen its warm-up.
    fn input_ready(&self, handle: u32) -> bool;
    /// The latest value of an input's output; 0 until ready.
    fn input_value(&self, handle: u32, output: u32) -> f64;
    /// Emits a signal at event time `now`; its numbers were checked. False where it is refused.
    fn emit(&mut self, signal: Signal, now: TsNs) -> bool;
    /// A signal was refused before that, for a number that is none or out of its range.
    fn emit_refused(&mut self) {}
}

/// A guest's surroundings.
pub(crate) struct Cell<H> {
    pub(crate) host: H,
    pub(crate) meter: Meter,
    pub(crate) log: Log,
    pub(crate) stdio: Stdio,
    pub(crate) now_ns: TsNs,
    /// Deadline of the call in progress.
    pub(crate) deadline_ms: u32,
    /// Processor time of the thread when the deadline passed; none while it has not.
    pub(crate) overtime: Option<u64>,
    clock: EventClock,
    metrics: Vec<(String, f64)>,
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
}

impl<H> Cell<H> {
    /// `seed` makes the guest's random numbers: the same in every run.
    pub(crate) fn new(host: H, limits: &Limits, seed: u64) -> Self {
        let clock = EventClock::default();
        let computing = |wasi: &mut WasiCtxBuilder| {
            wasi.wall_clock(clock.clone())
                .monotonic_clock(clock.clone())
                .secure_random(Deterministic::new(random_cycle(seed)))
                .insecure_random(Deterministic::new(random_cycle(!seed)))
                .insecure_random_seed(u128::from(seed))
                .allow_blocking_current_thread(true);
        };
        Self { clock: clock.clone(), ..Self::around(host, limits, computing) }
    }

    /// Surroundings whose WASI is what `furnish` makes of it: no arguments, environment, folders or
    /// sockets, for the builder grants none by itself.
    pub(crate) fn around(
        host: H,
        limits: &Limits,
        furnish: impl FnOnce(&mut WasiCtxBuilder),
    ) -> Self {
        let stdio = Stdio::default();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources as usize);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(stdio.stdout())
            .stderr(stdio.stderr())
            .max_random_size(u64::from(limits.random_bytes));
        furnish(&mut wasi);
        let (wasi, clock) = (wasi.build(), EventClock::default());
        let (meter, log) = (Meter::new(*limits), Log::new(limits));
        let (now_ns, deadline_ms, overtime) = (0, 0, None);
        let metrics = Vec::new();
        Self { host, meter, log, stdio, now_ns, deadline_ms, overtime, clock, metrics, wasi, table }
    }

    /// The way to everything of WASI, which costs fuel.
    pub(crate) fn wasi(&mut self) -> &mut Self {
        self.meter.note(cost::WASI);
        self
    }

    /// The way to random numbers, which costs as if as many were asked for as may be.
    pub(crate) fn wasi_random(&mut self) -> &mut Self {
        self.meter.note(cost::WASI + self.meter.random_fuel());
        self
    }

    /// Sets the event time of the call to come, for the guest and for its WASI clocks.
    pub(crate) fn set_now(&mut self, ts_ns: TsNs) {
        self.now_ns = ts_ns;
        self.clock.0.store(ts_ns, Ordering::Relaxed);
    }

    /// Whether it has logged or printed something that is worth taking.
    #[inline]
    pub(crate) fn has_log(&self) -> bool {
        !self.log.is_empty() || self.stdio.is_fresh()
    }

    /// What it logged and printed since the last take, and how many lines were dropped in all.
    pub(crate) fn take_log(&mut self) -> (Vec<LogLine>, u64) {
        for (level, line) in self.stdio.take_lines(false) {
            self.log.push(self.now_ns, level, &line);
        }
        self.log.count_dropped(self.stdio.take_cut());
        self.log.take()
    }

    /// After a failed call: what it logged, and what of `printed` is not told as its panic.
    pub(crate) fn last_words(
        &mut self,
        printed: Vec<(Level, Vec<u8>)>,
        panicked: bool,
    ) -> Vec<LogLine> {
        for (level, line) in printed {
            if !panicked || level != Level::Warn {
                self.log.push(self.now_ns, level, &line);
            }
        }
        self.log.take().0
    }

    pub(crate) fn metric(&mut self, name: &str, value: f64) {
        if !value.is_finite() || name.len() > METRIC_NAME_BYTES_MAX {
            return;
        }
        let name = wickd_model::printable(name.as_bytes(), METRIC_NAME_BYTES_MAX);
        match self.metrics.iter().position(|(known, _)| *known == name) {
            Some(place) => self.metrics[place].1 = value,
            None if self.metrics.len() < METRICS_MAX => self.metrics.push((name, value)),
            None => {}
        }
    }

    pub(crate) fn metrics(&self) -> &[(String, f64)] {
        &self.metrics
    }
}

impl<H: Send> WasiView for Cell<H> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Event time as the guest's only clock, so that a replay sees what the live run saw.
#[derive(Clone, Default)]
struct EventClock(Arc<AtomicU64>);

impl HostWallClock for EventClock {
    fn resolution(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(1)
    }
    fn now(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

impl HostMonotonicClock for EventClock {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): seeded, not secret; nothing here protects anything.
fn random_cycle(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(RANDOM_CYCLE_BYTES);
    while bytes.len() < RANDOM_CYCLE_BYTES {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes
}
