//! From a failed call to a [`Fault`] that says what, where and how much.

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wickd_model::{Fault, FaultKind, Frame, Limits, printable};

use crate::cell::Cell;

/// Longest name of a frame: demangled Rust names run long.
const FRAME_BYTES_MAX: usize = 160;
/// Longest engine message.
const MESSAGE_BYTES_MAX: usize = 400;
/// Limits on what one call carries across the border; all others are on what the guest holds.
const CARRIED: [&str; 3] = ["host_call_bytes", "state_bytes", "random_bytes"];

/// What the call was and what it used.
pub(crate) struct Spent {
    pub(crate) call: &'static str,
    pub(crate) fuel_used: u64,
    pub(crate) fuel_limit: u64,
}

pub(crate) fn from_error<H>(
    error: &wasmtime::Error,
    spent: &Spent,
    limits: &Limits,
    cell: &Cell<H>,
) -> Box<Fault> {
    let trap = error.downcast_ref::<Trap>().copied();
    let said = cell.stdio.take();
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
    let message = match limit
        .filter(|_| !matches!(kind, FaultKind::OutOfFuel | FaultKind::Late | FaultKind::Stack))
    {
        Some(limit) => format!("{message}; `limits.{limit}` is {}", value_of(limits, limit)),
        // Without a frame the contexts are all that says where: which export has another type.
        None if trap.is_none() && frames.is_empty() => format!("{error:#}"),
        None => message,
    };
    let panic_text = said.filter(|_| matches!(kind, FaultKind::Panic | FaultKind::Memory));
    build(kind, &message, panic_text, frames, spent, limits, cell)
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
    cell: &Cell<H>,
) -> Box<Fault> {
    build(FaultKind::BadValue, message, None, Vec::new(), spent, limits, cell)
}

/// A call that waited, or worked, past its deadline.
pub(crate) fn late<H>(spent: &Spent, limits: &Limits, cell: &Cell<H>) -> Box<Fault> {
    let message =
        format!("no answer in time; `limits.cold_deadline_ms` is {}", limits.cold_deadline_ms);
    build(FaultKind::Late, &message, None, Vec::new(), spent, limits, cell)
}

/// A panic of the host while it served the call.
pub(crate) fn host_panic<H>(spent: &Spent, limits: &Limits, cell: &Cell<H>) -> Box<Fault> {
    build(FaultKind::Host, "the host panicked in an import", None, Vec::new(), spent, limits, cell)
}

fn build<H>(
    kind: FaultKind,
    message: &str,
    panic_text: Option<String>,
    backtrace: Vec<Frame>,
    spent: &Spent,
    limits: &Limits,
    cell: &Cell<H>,
) -> Box<Fault> {
    Box::new(Fault {
        kind,
        call: spent.call.to_owned(),
        message: printable(message.as_bytes(), MESSAGE_BYTES_MAX),
        panic_text,
        backtrace,
        fuel_used: spent.fuel_used,
        fuel_limit: spent.fuel_limit,
        memory_bytes: cell.meter.memory_bytes,
        memory_limit_bytes: limits.memory_bytes,
    })
}

fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace.frames().iter().map(frame).collect()
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
