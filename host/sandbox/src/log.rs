//! What a guest says: its log lines and what it writes to its standard streams.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncWrite, sink};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wickd_model::{Limits, TsNs, printable};

/// Lines kept until the house takes them.
const LINES_MAX: usize = 64;
/// Bytes kept of a standard stream: the end of a panic message matters, its start more so.
const STDIO_BYTES_MAX: usize = 4 << 10;

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// One line of a guest, bounded and printable.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Event time.
    pub ts_ns: TsNs,
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: String,
}

/// A guest's log under its budget: bytes per second of event time, so that a replay drops the same
/// lines as the live run.
pub(crate) struct Log {
    lines: Vec<LogLine>,
    line_bytes_max: usize,
    bytes_per_second: usize,
    second: u64,
    bytes_this_second: usize,
    dropped: u64,
}

impl Log {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            lines: Vec::new(),
            line_bytes_max: limits.log_line_bytes as usize,
            bytes_per_second: limits.log_bytes_per_second as usize,
            second: 0,
            bytes_this_second: 0,
            dropped: 0,
        }
    }

    pub(crate) fn push(&mut self, ts_ns: TsNs, level: Level, text: &[u8]) {
        let second = ts_ns / 1_000_000_000;
        if second != self.second {
            (self.second, self.bytes_this_second) = (second, 0);
        }
        let bytes = text.len().min(self.line_bytes_max);
        if self.lines.len() >= LINES_MAX || self.bytes_this_second + bytes > self.bytes_per_second {
            self.dropped += 1;
            return;
        }
        self.bytes_this_second += bytes;
        self.lines.push(LogLine { ts_ns, level, text: printable(text, self.line_bytes_max) });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines since the last take, and how many were dropped in all.
    pub(crate) fn take(&mut self) -> (Vec<LogLine>, u64) {
        (std::mem::take(&mut self.lines), self.dropped)
    }
}

/// Where a guest's standard output and error go: a small buffer, read when the guest has failed.
#[derive(Clone, Default)]
pub(crate) struct Stdio(Arc<Mutex<Vec<u8>>>);

impl Stdio {
    /// What was written, bounded and printable, or nothing. Empties the buffer.
    pub(crate) fn take(&self) -> Option<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!bytes.is_empty()).then(|| printable(bytes.trim_ascii(), STDIO_BYTES_MAX))
    }
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only the preview-1 and preview-3 worlds would ask for this; neither is linked.
        Box::new(sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stdio {
    async fn ready(&mut self) {}
}

impl OutputStream for Stdio {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = STDIO_BYTES_MAX - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // Never refuse: a full stream would make the guest wait, and waiting is a fault.
        Ok(STDIO_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_keeps_its_budget_and_counts_the_rest() {
        let limits = Limits { log_bytes_per_second: 1024, ..Limits::default() };
        let mut log = Log::new(&limits);
        for _ in 0..100 {
            log.push(5_000_000_000, Level::Info, &[b'x'; 100]);
        }
        let (lines, dropped) = log.take();
        assert_eq!((lines.len(), dropped), (10, 90));
        log.push(6_000_000_000, Level::Info, b"the next second has a budget of its own");
        assert_eq!(log.take().0.len(), 1);
    }
}
