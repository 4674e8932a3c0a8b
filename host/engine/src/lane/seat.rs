//! What a guest's imports reach: the slot's account and the values of its inputs, for one call.
//!
//! A guest owns neither. The lane puts both into the seat before a call and takes them back after,
//! so at a swap there is nothing to hand over, and a guest outside its call reaches nothing.

use wickd_model::{Deny, InstrumentId, IntentId, Limits, OrderRequest, Position, Signal, TsNs};
use wickd_sandbox::Host;

use super::account::Account;
use super::emits::{Emits, Unemitted};

/// Outputs kept of an input.
pub(crate) const OUTPUTS_MAX: usize = 16;

/// The latest of one shared input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InputView {
    pub(crate) ready: bool,
    pub(crate) values: [f64; OUTPUTS_MAX],
}

/// The latest of every input of a lane, by node.
pub(crate) type InputTable = Box<[InputView]>;

/// A guest's place at the table.
#[derive(Default)]
pub struct Seat {
    /// Here only during a call of a strategy.
    pub(crate) account: Option<Box<Account>>,
    /// Here only during a call of a guest with inputs.
    pub(crate) table: Option<InputTable>,
    /// Which node stands behind each handle.
    pub(crate) handles: Box<[u32]>,
    /// What a signal plugin may emit, from its `init` on.
    pub(crate) emits: Option<Emits>,
    /// Signals emitted in this call.
    pub(crate) emitted: Vec<Signal>,
    /// How many one call may emit.
    pub(crate) signals_per_call: usize,
    /// How many orders and cancels one call may stage, where that is fewer than the slot's.
    pub(crate) intents_per_call: u32,
}

impl Seat {
    /// A seat with nothing at hand yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        let signals_per_call = limits.signals_per_call as usize;
        let intents_per_call = limits.intents_per_call;
        let emitted = Vec::with_capacity(signals_per_call);
        Self { emitted, signals_per_call, intents_per_call, ..Self::default() }
    }

    fn view(&self, handle: u32) -> Option<&InputView> {
        let node = *self.handles.get(handle as usize)?;
        self.table.as_ref()?.get(node as usize)
    }
}

impl Host for Seat {
    fn submit(&mut self, request: OrderRequest) -> Result<IntentId, Deny> {
        self.account.as_mut().ok_or(Deny::TradingDisabled)?.submit(request)
    }

    fn cancel(&mut self, intent: IntentId) -> Result<(), Deny> {
        self.account.as_mut().ok_or(Deny::TradingDisabled)?.cancel(intent)
    }

    fn cancel_all(&mut self) -> u32 {
        self.account.as_mut().map_or(0, |account| account.cancel_all())
    }

    fn position(&self, instrument: InstrumentId) -> Position {
        let none = Position { instrument, ..Position::default() };
        self.account.as_ref().map_or(none, |account| account.position(instrument))
    }

    fn set_timer(&mut self, id: u32, at: TsNs) -> bool {
        self.account.as_mut().is_some_and(|account| account.set_timer(id, at))
    }

    fn clear_timer(&mut self, id: u32) {
        if let Some(account) = &mut self.account {
            account.clear_timer(id);
        }
    }

    fn input_ready(&self, handle: u32) -> bool {
        self.view(handle).is_some_and(|view| view.ready)
    }

    fn input_value(&self, handle: u32, output: u32) -> f64 {
        let view = self.view(handle).filter(|view| view.ready);
        view.and_then(|view| view.values.get(output as usize).copied()).unwrap_or(0.0)
    }

    fn emit(&mut self, signal: Signal, now: TsNs) -> bool {
        let Some(emits) = &self.emits else { return false };
        let full = self.emitted.len() == self.signals_per_call;
        let flaw = emits.flaw(&signal, now).or(full.then_some(Unemitted::Share));
        if let Some(why) = flaw {
            emits.refusals.count(why);
            return false;
        }
        self.emitted.push(signal);
        true
    }

    fn emit_refused(&mut self) {
        if let Some(emits) = &self.emits {
            emits.refusals.count(Unemitted::Number);
        }
    }
}
