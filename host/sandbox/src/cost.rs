//! What a host call costs in fuel: about its time in nanoseconds, as an operator of the guest's own
//! costs at most one. So a loop of host calls is stopped as early as any other loop.

/// Into the host and back, for every call.
pub(crate) const CALL: u64 = 100;
/// A log line: checked, copied, made printable, carried to control.
pub(crate) const LOG: u64 = 1_500;
/// Each byte of a log line or of a metric's name.
pub(crate) const TEXT_BYTE: u64 = 2;
/// A metric: its name is made printable and searched among those known.
pub(crate) const METRIC: u64 = 600;
/// An order or a cancel: the gate's rules against the portfolio and every open order.
pub(crate) const ORDER: u64 = 600;
/// A timer set or cleared: all timers of the slot are looked through.
pub(crate) const TIMER: u64 = 200;
/// A signal emitted.
pub(crate) const SIGNAL: u64 = 100;
/// A call of WASI: clocks, random numbers, streams, handles.
pub(crate) const WASI: u64 = 400;
/// Random bytes that one unit buys.
pub(crate) const RANDOM_BYTES_PER_UNIT: u64 = 2;

/// Text of this length, on top of its call.
pub(crate) fn text(bytes: usize) -> u64 {
    bytes as u64 * TEXT_BYTE
}
