//! Whether this machine can run a plan at all: tried before anything of it starts.
//!
//! Comes in: a plan. Goes out: nothing, or what the system refuses with the knob that allows it. So
//! that a limit of the service is never told as the fault of a plugin. Deliberately absent: what only
//! makes wickd slower, which is told and lived with.

use std::sync::mpsc::channel;

use wickd_sandbox::{Runtime, RuntimeError};

use crate::intake::{Unread, try_child};
use crate::plan::Plan;

/// Threads beside lanes, venues, feeds and utilities: control, intake, pump, the journal writer, the
/// epoch, and those of two readings at a time.
const THREADS: usize = 20;
/// Guests beside those of the plan: candidates, standbys, inputs.
const GUESTS: usize = 8;

/// This machine, as it is set up, cannot run the plan.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Unfit {
    /// What the system refuses.
    pub reason: String,
    /// What would allow it.
    pub fix: String,
}

/// Tries everything that the plan needs of the system: code, address space, threads, a child.
///
/// # Errors
/// The first thing the system refuses.
pub fn try_machine(plan: &Plan) -> Result<(), Unfit> {
    let places = plan.slots.len() + plan.venues.len() + plan.utilities.len();
    let places = places + plan.plugin_feeds.len();
    let runtime = Runtime::start().map_err(|error| match error {
        RuntimeError::Ticker(error) => no_threads(1, &error),
        error => Unfit {
            reason: crate::intake::chain(&error),
            fix: "run it on a processor and system that wasmtime supports".to_owned(),
        },
    })?;
    runtime.try_machine(2 * places + GUESTS).map_err(|error| Unfit {
        reason: crate::intake::chain(&error),
        fix: error.fix().to_owned(),
    })?;
    // After the memory, whose limit stops threads too.
    try_threads(plan.lanes as usize + 2 * places + THREADS)?;
    let Some(worker) = &plan.reader else { return Ok(()) };
    try_child(worker).map_err(|unread| match unread {
        Unread::Machine { reason, fix } => Unfit { reason, fix: fix.to_owned() },
        unread => Unfit {
            reason: format!("the child that reads plugins does not work: {unread}"),
            fix: "allow a child 1 GiB of address space and some seconds of processor time \
                  (`LimitAS=`, `LimitCPU=`)"
                .to_owned(),
        },
    })
}

/// Starts so many threads at once, and ends them.
fn try_threads(count: usize) -> Result<(), Unfit> {
    std::thread::scope(|threads| {
        let mut open = Vec::with_capacity(count);
        for _ in 0..count {
            let (end, ended) = channel::<()>();
            let thread = std::thread::Builder::new();
            // Each waits until all of them have started, and goes when its channel does.
            let started = thread.spawn_scoped(threads, move || {
                let _ = ended.recv();
            });
            started.map_err(|error| no_threads(count, &error))?;
            open.push(end);
        }
        Ok(())
    })
}

fn no_threads(count: usize, error: &std::io::Error) -> Unfit {
    Unfit {
        reason: format!("the system does not let wickd start {count} threads: {error}"),
        fix: "raise `TasksMax=` and `LimitNPROC=` of the unit (`ulimit -u`), or \
              `kernel.threads-max`"
            .to_owned(),
    }
}
