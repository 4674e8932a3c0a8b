//! What a handler can ask of its host.
//!
//! Comes in: calls from handlers. Goes out: calls through the seam. Deliberately absent: any
//! buffer; an order is staged by the host the moment `submit` returns.

use std::ops::Deref;

use crate::bindings::strategy::wickd::plugin::runtime::Level;
use crate::bindings::strategy::wickd::plugin::signals::Signal as Emission;
use crate::host;
use crate::market::{Deny, InstrumentId, IntentId, Order, Position, TsNs};
use crate::setup::Input;

/// What strategies and signals share: time, log, metrics, inputs.
pub struct Runtime {
    now: TsNs,
}

impl Runtime {
    pub(crate) fn at(now: TsNs) -> Self {
        Self { now }
    }

    /// Event time of what is being handled, in a batch that of the single event. Never the wall
    /// clock, so that a replay decides the same.
    pub fn now(&self) -> TsNs {
        self.now
    }

    /// Writes a line to the slot's log, as far as the host's limits let it.
    pub fn log(&self, level: Level, message: &str) {
        host::log(level, message);
    }

    /// Writes a line of level info.
    pub fn info(&self, message: &str) {
        self.log(Level::Info, message);
    }

    /// Writes a line of level warn.
    pub fn warn(&self, message: &str) {
        self.log(Level::Warn, message);
    }

    /// Sets a gauge of the author's own; the host keeps the first 32 names of a slot.
    pub fn metric(&self, name: &str, value: f64) {
        host::metric(name, value);
    }

    /// True once the input has seen its warm-up.
    pub fn is_ready(&self, input: Input) -> bool {
        host::ready(input.handle())
    }

    /// The latest value of one output of an input; 0 until it is ready.
    pub fn value(&self, input: Input, output: u32) -> f64 {
        host::value(input.handle(), output)
    }
}

/// What a strategy's handlers get.
pub struct Context(Runtime);

impl Context {
    pub(crate) fn at(now: TsNs) -> Self {
        Self(Runtime { now })
    }

    /// Stages an order. It leaves only if the handler returns normally.
    ///
    /// # Errors
    /// The host's risk gate refused it; the code says which rule. Never a trap.
    pub fn submit(&mut self, order: Order) -> Result<IntentId, Deny> {
        host::submit(order.request())
    }

    /// Stages the cancel of one order.
    ///
    /// # Errors
    /// The order is not the slot's, or already done.
    pub fn cancel(&mut self, intent: IntentId) -> Result<(), Deny> {
        host::cancel(intent)
    }

    /// Stages a cancel of every open order of the slot; says how many.
    pub fn cancel_all(&mut self) -> u32 {
        host::cancel_all()
    }

    /// What the slot holds of an instrument.
    pub fn position(&self, instrument: InstrumentId) -> Position {
        host::position_of(instrument).into()
    }

    /// Has `on_timer` called once event time reaches `at`. False where all 64 timers are in use.
    pub fn set_timer(&mut self, id: u32, at: TsNs) -> bool {
        host::set_timer(id, at)
    }

    /// Forgets a timer.
    pub fn clear_timer(&mut self, id: u32) {
        host::clear_timer(id);
    }
}

impl Deref for Context {
    type Target = Runtime;
    fn deref(&self) -> &Runtime {
        &self.0
    }
}

/// What a signal's handlers get.
pub struct SignalContext(Runtime);

impl SignalContext {
    pub(crate) fn at(now: TsNs) -> Self {
        Self(Runtime { now })
    }

    /// Emits a signal. False where a number was out of range or the call had emitted its share.
    pub fn emit(&mut self, signal: Emission) -> bool {
        host::emit(signal)
    }
}

impl Deref for SignalContext {
    type Target = Runtime;
    fn deref(&self) -> &Runtime {
        &self.0
    }
}
