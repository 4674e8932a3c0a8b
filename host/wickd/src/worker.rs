//! The read worker: a child process in which a component is parsed, validated and compiled.
//!
//! Comes in: the component on standard input. Goes out: the frames of the engine's answer on standard
//! output, and one line on standard error where it ends without one. Before it reads a byte it gives
//! up memory beyond its bound and asks to die with its parent; before it parses one it gives up time.
//! Deliberately absent: what is done with the bytes, which is the engine's; and the daemon's
//! environment, which it did not hand down.

use std::io::{Read, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{
    Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal,
    setpriority_process, setrlimit,
};
use rustix::time::{ClockId, clock_gettime};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use wickd_engine::{read_component, reading_budget_s};
use wickd_model::{Limits, printable};

use crate::exit::{Exit, Failure};

/// Address space of the worker: a Python interpreter of 18 MiB needs two thirds of it.
const ADDRESS_SPACE_BYTES: u64 = 1 << 30;
/// Stack of the thread that parses, in bytes. The daemon loads and links with four times as much, so
/// that no type it meets there is nested too deep for it.
const STACK_BYTES: usize = 16 << 20;
/// Processor time after which the thread runs only when nobody else wants to, in nanoseconds: a
/// plugin that the SDK built is ready by then even on a busy machine.
const HASTE_NS: i128 = 250_000_000;
/// How nice it is until then.
const NICE: i32 = 10;
/// How often the time it has used is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Reads standard input to standard output, for as long as `parent` lives.
pub(crate) fn read(parent: u32) -> Result<Exit, Failure> {
    let cannot = |error: std::io::Error| cannot("cannot bind itself to its parent", &error);
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| cannot(error.into()))?;
    // It may have ended before it was to be minded.
    if getppid().is_none_or(|now| now.as_raw_nonzero().get() as u32 != parent) {
        return Err(Failure::new(Exit::Unexpected, "its parent has ended"));
    }
    bound(Resource::As, ADDRESS_SPACE_BYTES)?;
    bound(Resource::Core, 0)?;
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload_as_str().unwrap_or("it panicked");
        let _ = writeln!(std::io::stderr(), "{}", printable(text.as_bytes(), 300));
    }));
    let wasm = component()?;
    let (described_s, all_s) = reading_budget_s(wasm.len() as u64);
    bound_cpu(described_s, all_s)?;
    work_with(move || {
        let more_time = || drop(bound_cpu(all_s, all_s));
        read_component(&wasm, &mut std::io::stdout().lock(), more_time)
    })
}

fn component() -> Result<Vec<u8>, Failure> {
    let bytes_max = largest_component();
    let mut wasm = Vec::new();
    let read = std::io::stdin().take(bytes_max + 1).read_to_end(&mut wasm);
    read.map_err(|error| cannot("cannot read the component", &error))?;
    if wasm.len() as u64 > bytes_max {
        let text = format!("the component has more than {bytes_max} bytes");
        return Err(Failure::new(Exit::Unexpected, text));
    }
    Ok(wasm)
}

/// Works on a thread with a stack of its own, which loses its priority when it takes long.
fn work_with(work: impl FnOnce() -> std::io::Result<()> + Send) -> Result<Exit, Failure> {
    let (begun, begins) = channel();
    let (done, ends) = channel();
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().name("reader".into()).stack_size(STACK_BYTES);
        let started = thread.spawn_scoped(threads, move || {
            // Without the right to be nice it is not: only its priority is lost.
            let _ = setpriority_process(None, NICE);
            let _ = begun.send(thread_native_id());
            let _ = done.send(work());
        });
        started.map_err(|error| cannot("no thread starts", &error))?;
        let mut thread = begins.recv().ok();
        loop {
            match ends.recv_timeout(LOOK) {
                Ok(outcome) => {
                    let cannot = |error| cannot("cannot write the answer", &error);
                    return outcome.map_err(cannot).map(|()| Exit::Ok);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(thread) = thread.take_if(|_| cpu_ns() > HASTE_NS) {
                        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                        // Where the system refuses, the thread stays as nice as it is.
                        let lowest = ThreadPriority::Min;
                        let _ = set_thread_priority_and_policy(thread, lowest, idle);
                    }
                }
                // It panicked, and the hook has said why.
                Err(RecvTimeoutError::Disconnected) => std::process::exit(101),
            }
        }
    })
}

/// Processor time that this process has used.
fn cpu_ns() -> i128 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// What went wrong as one line: the daemon shows it as the reason of a refusal.
pub(crate) fn said(failure: &Failure) -> String {
    let text = [std::slice::from_ref(&failure.text), &failure.causes].concat().join(": ");
    printable(text.as_bytes(), 400)
}

fn cannot(what: &str, error: &dyn std::error::Error) -> Failure {
    Failure::of(Exit::Unexpected, what, error)
}

/// Lowers a resource limit of this process; one that is lower already stays.
fn bound(resource: Resource, most: u64) -> Result<(), Failure> {
    let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(|error| cannot("cannot bound itself", &error))
}

/// Processor time: the kernel ends the process at `now_s`, which may be raised to `later_s`.
fn bound_cpu(now_s: u64, later_s: u64) -> Result<(), Failure> {
    // Behind the last second, so that the end is always the first limit's.
    let maximum = getrlimit(Resource::Cpu).maximum.map_or(later_s + 1, |old| old.min(later_s + 1));
    let limit = Rlimit { current: Some(now_s.min(maximum)), maximum: Some(maximum) };
    setrlimit(Resource::Cpu, limit).map_err(|error| cannot("cannot bound itself", &error))
}

/// The greatest `component_bytes` that any layer of the configuration may set.
fn largest_component() -> u64 {
    let rows = Limits::default().rows();
    let row = rows.iter().find(|row| row.0 == "component_bytes");
    row.map_or(Limits::default().component_bytes, |row| row.4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_takes_as_much_as_a_configuration_may_allow() {
        assert_eq!(largest_component(), 256 << 20);
    }
}
