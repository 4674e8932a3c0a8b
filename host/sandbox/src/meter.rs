//! Counts and refuses what grows inside a guest.

use wasmtime::ResourceLimiter;
use wickd_model::Limits;

/// A guest's appetite against its limits.
pub(crate) struct Meter {
    limits: Limits,
    /// Sum over the guest's linear memories.
    pub(crate) memory_bytes: u64,
    /// The limit that refused something during the call in progress: a trap that follows is then a
    /// memory fault. A guest that takes the refusal and works on is not held to it later.
    pub(crate) refused: Option<&'static str>,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, memory_bytes: 0, refused: None }
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
