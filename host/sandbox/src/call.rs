//! One call into a guest: arm, enter, settle. Every entry of every world passes here.
//!
//! A guest on a lane has one budget for all its calls of one event; a guest elsewhere has only the
//! limits of each call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline};
use wickd_model::{Fault, Limits, TsNs};

use crate::cell::Cell;
use crate::fault::{self, Spent};
use crate::runtime::Runtime;

/// A guest's store with the means to enter it.
///
/// After any fault the store is garbage: every later call is refused without entering.
pub(crate) struct Entry<H: Send + 'static> {
    pub(crate) store: Store<Cell<H>>,
    limits: Limits,
    fuel_used: u64,
    /// What is left for the calls of the event in progress; without end for a guest on no lane.
    event_fuel: u64,
    /// What an event has.
    event_fuel_max: u64,
    on_lane: bool,
    dead: bool,
}

/// What a call may use, and the limit that says so.
struct Allowed {
    fuel: u64,
    deadline_ms: u32,
    fuel_limit: &'static str,
    deadline_limit: &'static str,
}

impl<H: Send + 'static> Entry<H> {
    pub(crate) fn new(runtime: &Runtime, cell: Cell<H>, limits: &Limits) -> Self {
        let mut store = Store::new(runtime.engine(), cell);
        store.limiter(|cell| &mut cell.meter);
        store.set_hostcall_fuel(limits.host_call_bytes as usize);
        store.epoch_deadline_callback(overtime);
        Self {
            store,
            limits: *limits,
            fuel_used: 0,
            event_fuel: u64::MAX,
            event_fuel_max: limits.event_fuel(),
            on_lane: false,
            dead: false,
        }
    }

    /// Another event begins on the guest's lane: all its calls until the next one share a budget.
    #[inline]
    pub(crate) fn begin_event(&mut self) {
        (self.event_fuel, self.on_lane) = (self.event_fuel_max, true);
    }

    /// It is on no lane any more, and holds up nobody.
    pub(crate) fn leave_lane(&mut self) {
        (self.event_fuel, self.on_lane) = (u64::MAX, false);
    }

    /// What all calls of this event have used.
    #[inline]
    pub(crate) fn event_fuel_used(&self) -> u64 {
        self.event_fuel_max.saturating_sub(self.event_fuel)
    }

    /// What is left for the calls of this event.
    #[inline]
    pub(crate) fn event_fuel(&self) -> u64 {
        self.event_fuel
    }

    /// A call of the tick path: at event time `ts_ns`, under `fuel_per_call` and `deadline_ms`.
    #[inline]
    pub(crate) fn hot<R>(
        &mut self,
        call: &'static str,
        ts_ns: TsNs,
        enter: impl FnOnce(&mut Store<Cell<H>>) -> wasmtime::Result<R>,
    ) -> Result<R, Box<Fault>> {
        self.store.data_mut().set_now(ts_ns);
        let (fuel, fuel_limit) = match self.limits.fuel_per_call <= self.event_fuel {
            true => (self.limits.fuel_per_call, "fuel_per_call"),
            false => (self.event_fuel, "fuel_per_event"),
        };
        let (deadline_ms, deadline_limit) = (self.limits.deadline_ms, "deadline_ms");
        self.enter(call, Allowed { fuel, deadline_ms, fuel_limit, deadline_limit }, enter)
    }

    /// A call off the tick path, at the event time of the last call: under the larger cold budget,
    /// unless its neighbours on a lane wait for it.
    pub(crate) fn cold<R>(
        &mut self,
        call: &'static str,
        enter: impl FnOnce(&mut Store<Cell<H>>) -> wasmtime::Result<R>,
    ) -> Result<R, Box<Fault>> {
        let allowed = match self.on_lane {
            true => Allowed {
                fuel: self.event_fuel,
                deadline_ms: self.limits.deadline_ms,
                fuel_limit: "fuel_per_event",
                deadline_limit: "deadline_ms",
            },
            false => Allowed {
                fuel: self.limits.fuel_per_cold_call,
                deadline_ms: self.limits.cold_deadline_ms,
                fuel_limit: "fuel_per_cold_call",
                deadline_limit: "cold_deadline_ms",
            },
        };
        self.enter(call, allowed, enter)
    }

    #[inline]
    fn enter<R>(
        &mut self,
        call: &'static str,
        allowed: Allowed,
        enter: impl FnOnce(&mut Store<Cell<H>>) -> wasmtime::Result<R>,
    ) -> Result<R, Box<Fault>> {
        if self.dead {
            return Err(self.refuse_dead(call));
        }
        // Fuel is compiled in, so setting it cannot fail; were it ever to, the call has none.
        let (fuel, deadline_ms) = (allowed.fuel, allowed.deadline_ms);
        let _ = self.store.set_fuel(fuel);
        let cell = self.store.data_mut();
        (cell.overtime, cell.deadline_ms) = (None, deadline_ms);
        cell.meter.begin(fuel);
        // One more than asked: the tick in progress has begun already.
        self.store.set_epoch_deadline(u64::from(deadline_ms) + 1);
        let store = &mut self.store;
        let result = catch_unwind(AssertUnwindSafe(|| enter(store)));
        let burnt = fuel - self.store.get_fuel().unwrap_or(fuel).min(fuel);
        self.fuel_used = burnt.saturating_add(self.store.data().meter.host_fuel());
        self.event_fuel = self.event_fuel.saturating_sub(self.fuel_used);
        match result {
            Ok(Ok(answer)) if self.fuel_used <= fuel => Ok(answer),
            Ok(Ok(_)) => Err(self.settle(call, &allowed, Some(&Trap::OutOfFuel.into()))),
            Ok(Err(error)) => Err(self.settle(call, &allowed, Some(&error))),
            Err(_panic) => Err(self.settle(call, &allowed, None)),
        }
    }

    #[cold]
    fn settle(
        &mut self,
        call: &'static str,
        allowed: &Allowed,
        error: Option<&wasmtime::Error>,
    ) -> Box<Fault> {
        self.dead = true;
        let spent = Spent {
            call,
            fuel_used: self.fuel_used,
            fuel_limit: allowed.fuel,
            limits: [allowed.fuel_limit, allowed.deadline_limit],
        };
        match error {
            Some(error) => fault::from_error(error, &spent, &self.limits, self.store.data_mut()),
            None => fault::host_panic(&spent, &self.limits, self.store.data_mut()),
        }
    }

    #[cold]
    fn refuse_dead(&mut self, call: &'static str) -> Box<Fault> {
        self.bad_value(call, "the instance has failed before and is not entered again")
    }

    /// A fault for a returned value that breaks its bound; the instance is not entered again.
    pub(crate) fn bad_value(&mut self, call: &'static str, message: &str) -> Box<Fault> {
        self.dead = true;
        let fuel_limit = self.limits.fuel_per_cold_call;
        let limits = Spent::COLD;
        let spent = Spent { call, fuel_used: self.fuel_used, fuel_limit, limits };
        fault::bad_value(message, &spent, &self.limits, self.store.data_mut())
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn fuel_used(&self) -> u64 {
        self.fuel_used
    }
}

/// The deadline has passed by the wall clock. Whether the guest had the processor is another matter:
/// on a busy machine its thread may have slept through it, which is no fault of the guest. So the
/// first time only its thread's own time is noted, and it is stopped once it has used up another
/// deadline of that; no call pays for a clock unless it is late.
fn overtime<H: Send + 'static>(
    mut store: StoreContextMut<'_, Cell<H>>,
) -> wasmtime::Result<UpdateDeadline> {
    let cell = store.data_mut();
    let used_ns = thread_ns();
    let since_ns = *cell.overtime.get_or_insert(used_ns);
    if used_ns != since_ns && used_ns - since_ns >= u64::from(cell.deadline_ms) * 1_000_000 {
        return Err(Trap::Interrupt.into());
    }
    // One tick at a time: what is late is looked at closely.
    Ok(UpdateDeadline::Continue(1))
}

/// Processor time of this thread.
fn thread_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
