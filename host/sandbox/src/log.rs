//! What a guest says: its log lines and what it writes to its standard streams.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncWrite, sink};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wickd_model::{Level, Limits, LogLine, TsNs, printable};

/// Lines kept until the house takes them.
const LINES_MAX: usize = 64;
/// Bytes kept of both standard streams until they are taken: the end of a panic message matters, its
/// start more so.
const STDIO_BYTES_MAX: usize = 4 << 10;
const NS_PER_S: u64 = 1_000_000_000;
const NS_PER_DAY: u64 = 86_400 * NS_PER_S;

/// A guest's log under its budgets: bytes per second and per day of event time, so that a replay drops
/// the same lines as the live run.
pub(crate) struct Log {
    lines: Vec<LogLine>,
    line_bytes_max: usize,
    second: Budget,
    day: Budget,
    /// The guest's orders are muted: its lines say so.
    pub(crate) muted: bool,
    dropped: u64,
    /// Drops that were known when the lines were last taken.
    dropped_taken: u64,
}

/// Bytes a span of event time.
struct Budget {
    span_ns: u64,
    bytes_max: u64,
    span: u64,
    bytes: u64,
}

impl Budget {
    fn new(span_ns: u64, bytes_max: u64) -> Self {
        Self { span_ns, bytes_max, span: 0, bytes: 0 }
    }

    fn has_room(&mut self, ts_ns: TsNs, bytes: u64) -> bool {
        let span = ts_ns / self.span_ns;
        if span != self.span {
            (self.span, self.bytes) = (span, 0);
        }
        self.bytes + bytes <= self.bytes_max
    }
}

impl Log {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            lines: Vec::new(),
            line_bytes_max: limits.log_line_bytes as usize,
            second: Budget::new(NS_PER_S, u64::from(limits.log_bytes_per_second)),
            day: Budget::new(NS_PER_DAY, limits.log_bytes_per_day),
            muted: false,
            dropped: 0,
            dropped_taken: 0,
        }
    }

    pub(crate) fn push(&mut self, ts_ns: TsNs, level: Level, text: &[u8]) {
        let bytes = text.len().min(self.line_bytes_max) as u64;
        let room = self.second.has_room(ts_ns, bytes) & self.day.has_room(ts_ns, bytes);
        if self.lines.len() >= LINES_MAX || !room {
            self.dropped += 1;
            return;
        }
        self.second.bytes += bytes;
        self.day.bytes += bytes;
        let text = printable(text, self.line_bytes_max);
        self.lines.push(LogLine { ts_ns, level, muted: self.muted, text });
    }

    /// Counts lines that were dropped before they came here.
    pub(crate) fn count_dropped(&mut self, lines: u64) {
        self.dropped += lines;
    }

    /// Nothing was kept, and what was dropped since the last take is not worth telling: it is at the
    /// first line, and then as the count grows tenfold.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
            && (self.dropped == self.dropped_taken
                || self.dropped / 10 < self.dropped_taken && self.dropped_taken > 0)
    }

    /// The lines since the last take, and how many were dropped in all.
    pub(crate) fn take(&mut self) -> (Vec<LogLine>, u64) {
        self.dropped_taken = self.dropped;
        (std::mem::take(&mut self.lines), self.dropped)
    }
}

/// Where a guest's standard output and error go: lines of its log, and the text of a panic.
#[derive(Clone, Default)]
pub(crate) struct Stdio {
    written: Arc<Mutex<Written>>,
    /// Something was written since the last [`Self::take_lines`]; read on the tick path.
    fresh: Arc<AtomicBool>,
}

/// What was written and not taken yet.
#[derive(Default)]
struct Written {
    lines: Vec<(Level, Vec<u8>)>,
    /// The line begun on each stream.
    begun: [Vec<u8>; 2],
    bytes: usize,
    /// Pieces for which there was no room.
    cut: u64,
}

/// One of the two streams.
#[derive(Clone)]
struct Stream {
    stdio: Stdio,
    level: Level,
}

impl Stdio {
    /// Standard output: its lines are information.
    pub(crate) fn stdout(&self) -> impl StdoutStream + 'static {
        Stream { stdio: self.clone(), level: Level::Info }
    }

    /// Standard error: its lines are warnings.
    pub(crate) fn stderr(&self) -> impl StdoutStream + 'static {
        Stream { stdio: self.clone(), level: Level::Warn }
    }

    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh.load(Ordering::Relaxed)
    }

    /// The lines that are whole; after a failed call also those that are not.
    pub(crate) fn take_lines(&self, failed: bool) -> Vec<(Level, Vec<u8>)> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        self.fresh.store(false, Ordering::Relaxed);
        if failed {
            for (place, level) in [Level::Info, Level::Warn].into_iter().enumerate() {
                let rest = std::mem::take(&mut written.begun[place]);
                if !rest.is_empty() {
                    written.lines.push((level, rest));
                }
            }
        }
        written.bytes = written.begun.iter().map(Vec::len).sum();
        std::mem::take(&mut written.lines)
    }

    /// Pieces that were dropped since this was asked last.
    pub(crate) fn take_cut(&self) -> u64 {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut written.cut)
    }

    fn write(&self, level: Level, bytes: &[u8]) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::from(level == Level::Warn);
        for (number, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if number > 0 {
                let line = std::mem::take(&mut written.begun[place]);
                if !line.is_empty() {
                    written.lines.push((level, line));
                }
            }
            let room = STDIO_BYTES_MAX - written.bytes;
            let kept = &part[..part.len().min(room)];
            written.begun[place].extend_from_slice(kept);
            written.bytes += kept.len();
            written.cut += u64::from(kept.len() < part.len());
        }
        self.fresh.store(true, Ordering::Relaxed);
    }
}

/// The text of a panic: what went to standard error, its end cut.
pub(crate) fn panic_text(lines: &[(Level, Vec<u8>)]) -> Option<String> {
    let lines: Vec<_> = lines
        .iter()
        .filter(|(level, _)| *level == Level::Warn)
        .map(|(_, line)| &line[..])
        .collect();
    let text = lines.join(&b'\n');
    (!text.is_empty()).then(|| printable(text.trim_ascii(), STDIO_BYTES_MAX))
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only the preview-1 and preview-3 worlds would ask for this; neither is linked.
        Box::new(sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.stdio.write(self.level, &bytes);
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

    #[test]
    fn a_flood_is_bounded_by_the_day_and_its_drops_are_told_as_they_grow_tenfold() {
        let limits = Limits { log_bytes_per_day: 64 << 10, ..Limits::default() };
        let mut log = Log::new(&limits);
        let (mut kept, mut told) = (0, 0);
        for second in 0..86_400 {
            log.push(second * NS_PER_S, Level::Info, &[b'x'; 1000]);
            if !log.is_empty() {
                kept += log.take().0.iter().map(|line| line.text.len()).sum::<usize>();
                told += 1;
            }
        }
        assert_eq!((kept, log.dropped), (65_000, 86_400 - 65));
        assert!(told <= 65 + 6, "{told}");
        log.push(NS_PER_DAY, Level::Info, b"the next day has a budget of its own");
        assert_eq!(log.take().0.len(), 1);
    }

    #[test]
    fn what_is_printed_comes_line_by_line_with_the_level_of_its_stream() {
        let stdio = Stdio::default();
        stdio.write(Level::Info, b"one\ntw");
        stdio.write(Level::Warn, b"Traceback\n  line 1\n");
        stdio.write(Level::Info, b"o\nthree");
        assert!(stdio.is_fresh());
        let lines = stdio.take_lines(false);
        let text = |lines: &[(Level, Vec<u8>)]| -> Vec<String> {
            lines.iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect()
        };
        assert_eq!(text(&lines), ["one", "Traceback", "  line 1", "two"]);
        assert_eq!(panic_text(&lines).as_deref(), Some("Traceback   line 1"));
        assert_eq!(text(&stdio.take_lines(true)), ["three"], "what a failed call has begun");
        (0..10_000).for_each(|_| stdio.write(Level::Info, b"flood\n"));
        let kept = stdio.take_lines(false);
        assert!(kept.iter().map(|(_, line)| line.len()).sum::<usize>() <= 4096);
        // The line that was cut in two counts as both.
        assert_eq!(kept.len() as u64 + stdio.take_cut(), 10_001, "what is dropped is counted");
    }
}
