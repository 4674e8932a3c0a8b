//! From a failed call to a [`Fault`] that says what, where and how much.

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wickd_model::{Fault, FaultKind, Frame, Limits, LogLine, printable};

use crate::cell::Cell;
use crate::log::panic_text;

/// Longest name of a frame: demangled Rust names run long.
const FRAME_BYTES_MAX: usize = 160;
/// Frames kept, from the innermost of the plugin's own.
const FRAMES_MAX: usize = 20;
/// Longest engine message.
const MESSAGE_BYTES_MAX: usize = 400;
/// Limits on what one call carries across the border; all others are on what the guest holds.
const CARRIED: [&str; 3] = ["host_call_bytes", "state_bytes", "random_bytes"];

/// What the call was and what it used.
pub(crate) struct Spent {
    pub(crate) call: &'static str,
    pub(crate) fuel_used: u64,
    pub(crate) fuel_limit: u64,
    /// The limits that bounded its fuel and its time.
    pub(crate) limits: [&'static str; 2],
}

impl Spent {
    /// Those of a call off the tick path.
    pub(crate) const COLD: [&'static str; 2] = ["fuel_per_cold_call", "cold_deadline_ms"];
}

pub(crate) fn from_error<H>(
    error: &wasmtime::Error,
    spent: &Spent,
    limits: &Limits,
    cell: &mut Cell<H>,
) -> Box<Fault> {
    let trap = error.downcast_ref::<Trap>().copied();
    let printed = cell.stdio.take_lines(true);
    let said = panic_text(&printed);
    let message = match trap {
        Some(trap) => trap.to_string(),
        // The root says what was wrong; the contexts above it only say where, as the frames do.
        None => error.root_cause().to_string(),
    };
    let frames = frames(error);
    let limit = cell.meter.refused.or_else(|| limit_hit(error, &message, spent.call));
    let kind = match trap {
        Some(Trap::OutOfFuel) => FaultKind::OutOfFuel,
        Some(Trap::Interrupt) => FaultKind::Late,
        Some(Trap::StackOverflow) => FaultKind::Stack,
        // A refused allocation ends in `unreachable`; name the cause, not the last symptom.
        _ if limit.is_some_and(|limit| !CARRIED.contains(&limit)) => FaultKind::Memory,
        Some(Trap::UnreachableCodeReached) => FaultKind::Panic,
        Some(_) => FaultKind::Trap,
        None if said.is_some() => FaultKind::Panic,
        None => FaultKind::BadValue,
    };
    let [fuel, deadline] = spent.limits;
    let limit = match kind {
        FaultKind::OutOfFuel => Some(fuel),
        FaultKind::Late => Some(deadline),
        FaultKind::Stack => None,
        _ => limit,
    };
    let message = match limit {
        Some(limit) => format!("{message}; `limits.{limit}` is {}", value_of(limits, limit)),
        // Without a frame the contexts are all that says where: which export has another type.
        None if trap.is_none() && frames.is_empty() => format!("{error:#}"),
        None => message,
    };
    let panic_text = said.filter(|_| matches!(kind, FaultKind::Panic | FaultKind::Memory));
    let log = cell.last_words(printed, panic_text.is_some());
    build(kind, &message, Evidence { panic_text, frames, log }, spent, limits, cell)
}

/// The limit behind an error that the engine raises by itself. Only the full table of handles has a
/// type; the others are told by the engine's words, each of which `tests/tests/limits.rs` holds.
fn limit_hit(error: &wasmtime::Error, message: &str, call: &str) -> Option<&'static str> {
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return Some("resources");
    }
    let told = [
        ("resource limit exceeded: instance ", "instances"),
        ("resource limit exceeded: memory ", "memories"),
        ("resource limit exceeded: table ", "tables"),
        ("requested len ", "random_bytes"),
        // What `save` hands over has a share of its own.
        ("too much data ", if call == "save" { "state_bytes" } else { "host_call_bytes" }),
    ];
    told.into_iter().find(|(words, _)| message.starts_with(words)).map(|(_, limit)| limit)
}

fn value_of(limits: &Limits, name: &str) -> u64 {
    limits.rows().iter().find(|row| row.0 == name).map_or(0, |row| row.1)
}

/// A fault the sandbox itself found in a returned value.
pub(crate) fn bad_value<H>(
    message: &str,
    spent: &Spent,
    limits: &Limits,
    cell: &mut Cell<H>,
) -> Box<Fault> {
    build(FaultKind::BadValue, message, Evidence::of(cell), spent, limits, cell)
}

/// A call that waited, or worked, past its deadline.
pub(crate) fn late<H>(spent: &Spent, limits: &Limits, cell: &mut Cell<H>) -> Box<Fault> {
    let message =
        format!("no answer in time; `limits.cold_deadline_ms` is {}", limits.cold_deadline_ms);
    build(FaultKind::Late, &message, Evidence::of(cell), spent, limits, cell)
}

/// A panic of the host while it served the call.
pub(crate) fn host_panic<H>(spent: &Spent, limits: &Limits, cell: &mut Cell<H>) -> Box<Fault> {
    let message = "the host panicked in an import";
    build(FaultKind::Host, message, Evidence::of(cell), spent, limits, cell)
}

/// What the failed call left behind.
struct Evidence {
    panic_text: Option<String>,
    frames: Vec<Frame>,
    log: Vec<LogLine>,
}

impl Evidence {
    /// Of a call that neither panicked nor trapped.
    fn of<H>(cell: &mut Cell<H>) -> Self {
        let printed = cell.stdio.take_lines(true);
        Self { panic_text: None, frames: Vec::new(), log: cell.last_words(printed, false) }
    }
}

fn build<H>(
    kind: FaultKind,
    message: &str,
    evidence: Evidence,
    spent: &Spent,
    limits: &Limits,
    cell: &Cell<H>,
) -> Box<Fault> {
    Box::new(Fault {
        kind,
        call: spent.call.to_owned(),
        message: printable(message.as_bytes(), MESSAGE_BYTES_MAX),
        panic_text: evidence.panic_text,
        log: evidence.log,
        backtrace: evidence.frames,
        fuel_used: spent.fuel_used,
        fuel_limit: spent.fuel_limit,
        memory_bytes: cell.meter.memory_bytes,
        memory_limit_bytes: limits.memory_bytes,
    })
}

fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let frames: Vec<_> = backtrace.frames().iter().map(frame).collect();
    let own = frames.iter().position(|frame| !is_machinery(&frame.function)).unwrap_or(0);
    frames.into_iter().skip(own).take(FRAMES_MAX).collect()
}

/// Whether a function belongs to how a language ends a program, and not to the plugin: the innermost
/// frames of a panic, which say nothing about its place.
fn is_machinery(function: &str) -> bool {
    let name = function.trim_start_matches('<');
    let crates =
        ["std::", "core::", "alloc::", "panic_abort::", "__rustc::", "wasi::", "wit_bindgen"];
    let exact = ["abort", "_Exit", "exit", "__wasi_proc_exit", "__assert_fail", "raise"];
    let starts = ["rust_panic", "rust_begin_unwind", "__rust", "__wasilibc", "__imported_wasi"];
    crates.iter().chain(&starts).any(|start| name.starts_with(start)) || exact.contains(&name)
}

fn frame(info: &wasmtime::FrameInfo) -> Frame {
    let symbol = info.symbols().first();
    let name = symbol.and_then(|symbol| symbol.name()).or(info.func_name());
    let function = match name {
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => format!("function {}", info.func_index()),
    };
    let place = symbol.and_then(|symbol| {
        let file = symbol.file()?;
        Some(format!("{file}:{}", symbol.line()?))
    });
    Frame {
        function: printable(function.as_bytes(), FRAME_BYTES_MAX),
        place: place.map(|place| printable(place.as_bytes(), FRAME_BYTES_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_machinery;

    #[test]
    fn a_backtrace_begins_with_the_plugins_own_frames() {
        let machinery = [
            "abort",
            "std::process::abort",
            "__rustc::__rust_start_panic",
            "rust_panic",
            "std::panicking::begin_panic_handler::{{closure}}",
            "core::panicking::panic_fmt",
            "core::option::unwrap_failed",
            "<alloc::vec::Vec<T> as core::ops::index::Index<I>>::index",
        ];
        assert!(machinery.iter().all(|name| is_machinery(name)));
        let own = ["panics::Panics::on_tick", "<my_plugin::Core as wickd_sdk::Strategy>::on_quote"];
        assert!(!own.iter().any(|name| is_machinery(name)));
    }
}
