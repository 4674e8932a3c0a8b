//! Whether this machine lets the engine do what it lives from: run code that it made, and reserve the
//! address space behind which guests are kept apart.
//!
//! Comes in: how many guests there may be at a time. Goes out: nothing, or what the system refused and
//! the knob for it. Deliberately absent: anybody's component; what is tried is 47 bytes of our own.

use wasmtime::{Instance, Module, Store};

use crate::runtime::Runtime;

/// A module with a page of memory and a function that gives [`ANSWER`].
const TRIAL: [u8; 47] = [
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // the header
    0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f, // a type: nothing to i32
    0x03, 0x02, 0x01, 0x00, // a function of that type
    0x05, 0x03, 0x01, 0x00, 0x01, // a memory of one page
    0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00, // exported as `f`
    0x0a, 0x06, 0x01, 0x04, 0x00, 0x41, 0x2a, 0x0b, // its code: i32.const 42
    0x00, 0x06, 0x05, 0x74, 0x72, 0x69, 0x61, 0x6c, // a section named `trial`
];
const ANSWER: i32 = 42;
/// Fuel for it, with room.
const FUEL: u64 = 1_000;

/// The engine cannot work on this machine as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// No page may become code.
    #[error("the system does not let wickd run the code that it compiles")]
    Code(#[source] wasmtime::Error),
    /// No room to reserve.
    #[error("the system does not let wickd reserve address space for {guests} guests")]
    Memory {
        /// How many were tried.
        guests: usize,
        /// What the system said.
        #[source]
        source: wasmtime::Error,
    },
    /// The code ran and gave something else.
    #[error("code that wickd compiles does not do what it should on this processor")]
    Wrong,
}

impl Unfit {
    /// What would mend it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Code(_) => {
                "set `MemoryDenyWriteExecute=no` in the unit; under SELinux allow `execmem`"
            }
            Self::Memory { .. } => {
                "set `LimitAS=infinity` in the unit (`ulimit -v unlimited`), or \
                 `vm.overcommit_memory` to 0 or 1; 4 GiB are reserved for each guest, and not used"
            }
            Self::Wrong => "run it on another machine, and report this one",
        }
    }
}

impl Runtime {
    /// Compiles a trial, makes so many instances of it at once and calls one.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn try_machine(&self, guests: usize) -> Result<(), Unfit> {
        let module = Module::new(self.engine(), TRIAL).map_err(Unfit::Code)?;
        let mut store = Store::new(self.engine(), ());
        let mut instances = Vec::new();
        store.set_epoch_deadline(u64::MAX / 2);
        for _ in 0..guests.max(1) {
            store.set_fuel(FUEL).map_err(Unfit::Code)?;
            let made = Instance::new(&mut store, &module, &[]);
            instances.push(made.map_err(|source| Unfit::Memory { guests, source })?);
        }
        let Some(instance) = instances.first() else { return Ok(()) };
        let function = instance.get_typed_func::<(), i32>(&mut store, "f").map_err(Unfit::Code)?;
        match function.call(&mut store, ()).map_err(Unfit::Code)? {
            ANSWER => Ok(()),
            _ => Err(Unfit::Wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_runs_tests_is_fit() {
        Runtime::start().unwrap().try_machine(8).unwrap();
    }
}
