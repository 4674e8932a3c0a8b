//! One call of the I/O tier: arm, enter, wait, settle.
//!
//! Comes in: a store and what to call. Goes out: the answer or a fault. The guest yields every so
//! much fuel and every few milliseconds, so whoever shares its thread moves on and the deadline is
//! seen. Deliberately absent: the tick path, which is `crate::call`.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};
use wickd_model::{Fault, Limits};

use super::Io;
use crate::cell::Cell;
use crate::fault::{self, Spent};
use crate::runtime::Runtime;

/// Fuel after which a guest lets others have the thread: about a millisecond.
const YIELD_FUEL: u64 = 1_000_000;
/// Epochs, of a millisecond each, after which it does so whatever its fuel: a host function is slow
/// and burns none.
const YIELD_EPOCHS: u64 = 2;

/// A guest's store with the means to enter it. After any fault the store is garbage.
pub(crate) struct Entry {
    pub(crate) store: Store<Cell<Io>>,
    limits: Limits,
    fuel_used: u64,
    dead: bool,
}

impl Entry {
    pub(crate) fn new(runtime: &Runtime, cell: Cell<Io>, limits: &Limits) -> Self {
        let mut store = Store::new(runtime.engine(), cell);
        store.limiter(|cell| &mut cell.meter);
        store.set_hostcall_fuel(limits.host_call_bytes as usize);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(YIELD_EPOCHS)));
        Self { store, limits: *limits, fuel_used: 0, dead: false }
    }

    /// One call, under `fuel_per_cold_call` and `cold_deadline_ms`, waiting included.
    pub(crate) async fn enter<R>(
        &mut self,
        call: &'static str,
        enter: impl AsyncFnOnce(&mut Store<Cell<Io>>) -> wasmtime::Result<R>,
    ) -> Result<R, Box<Fault>> {
        let fuel_limit = self.limits.fuel_per_cold_call;
        if self.dead {
            let spent = Spent { call, fuel_used: 0, fuel_limit, limits: Spent::COLD };
            let message = "the instance has failed before and is not entered again";
            return Err(fault::bad_value(message, &spent, &self.limits, self.store.data_mut()));
        }
        // Fuel is compiled in, so neither can fail; were one ever to, the call has no fuel.
        let _ = self.store.set_fuel(fuel_limit);
        let _ = self.store.fuel_async_yield_interval(Some(YIELD_FUEL));
        self.store.data_mut().meter.begin(fuel_limit);
        self.store.set_epoch_deadline(YIELD_EPOCHS);
        // Until it has returned: a future that is dropped on its way leaves a store that is garbage.
        self.dead = true;
        let outcome = {
            let mut entering = pin!(enter(&mut self.store));
            let guarded = poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| entering.as_mut().poll(cx)));
                polled.map_or_else(|panic| Poll::Ready(Err(panic)), |poll| poll.map(Ok))
            });
            tokio::time::timeout(
                Duration::from_millis(self.limits.cold_deadline_ms.into()),
                guarded,
            )
            .await
        };
        self.fuel_used = fuel_limit - self.store.get_fuel().unwrap_or(fuel_limit).min(fuel_limit);
        let spent = Spent { call, fuel_used: self.fuel_used, fuel_limit, limits: Spent::COLD };
        let cell = self.store.data_mut();
        match outcome {
            Ok(Ok(Ok(answer))) => {
                self.dead = false;
                Ok(answer)
            }
            Ok(Ok(Err(error))) => Err(fault::from_error(&error, &spent, &self.limits, cell)),
            Ok(Err(_panic)) => Err(fault::host_panic(&spent, &self.limits, cell)),
            Err(_elapsed) => Err(fault::late(&spent, &self.limits, cell)),
        }
    }

    pub(crate) fn fuel_used(&self) -> u64 {
        self.fuel_used
    }
}
