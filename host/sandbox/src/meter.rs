//! Counts and refuses what a guest uses of its host: memory, tables, instances, and host calls.

use wasmtime::{ResourceLimiter, Trap};
use wickd_model::Limits;

use crate::cost::RANDOM_BYTES_PER_UNIT;

/// A guest's appetite against its limits.
pub(crate) struct Meter {
    limits: Limits,
    /// Sum over the guest's linear memories.
    pub(crate) memory_bytes: u64,
    /// The limit that refused something during the call in progress: a trap that follows is then a
    /// memory fault. A guest that takes the refusal and works on is not held to it later.
    pub(crate) refused: Option<&'static str>,
    /// Fuel that host calls have cost during the call in progress, and how much of it they may.
    host_fuel: u64,
    host_fuel_max: u64,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, memory_bytes: 0, refused: None, host_fuel: 0, host_fuel_max: 0 }
    }

    /// Before a call that has this much fuel.
    #[inline]
    pub(crate) fn begin(&mut self, fuel: u64) {
        (self.refused, self.host_fuel, self.host_fuel_max) = (None, 0, fuel);
    }

    /// A host call costs its part of the call's fuel. What the guest burns itself is counted by the
    /// engine; the sum is looked at when the call returns.
    #[inline]
    pub(crate) fn charge(&mut self, fuel: u64) -> wasmtime::Result<()> {
        self.note(fuel);
        match self.host_fuel > self.host_fuel_max {
            true => Err(Trap::OutOfFuel.into()),
            false => Ok(()),
        }
    }

    /// The same where the host call cannot be refused: it is stopped at the next one that can, or
    /// when the call returns.
    #[inline]
    pub(crate) fn note(&mut self, fuel: u64) {
        self.host_fuel = self.host_fuel.saturating_add(fuel);
    }

    /// What the most random bytes of one request cost.
    pub(crate) fn random_fuel(&self) -> u64 {
        u64::from(self.limits.random_bytes) / RANDOM_BYTES_PER_UNIT
    }

    /// What host calls have cost so far.
    #[inline]
    pub(crate) fn host_fuel(&self) -> u64 {
        self.host_fuel
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add((desired - current) as u64);
        let fits = total <= self.limits.memory_bytes;
        match fits {
            true => self.memory_bytes = total,
            false => self.refused = Some("memory_bytes"),
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.limits.table_elements as usize;
        if !fits {
            self.refused = Some("table_elements");
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.limits.tables as usize
    }

    fn memories(&self) -> usize {
        self.limits.memories as usize
    }
}
