//! What a running daemon prints, on a thread of its own: a reader that does not read holds up nothing.
//!
//! Comes in: lines for either output, at any time, from the thread that minds signals. Goes out: the
//! same lines in their order. When as many wait as may, further ones are dropped, and the next line
//! that fits says how many. Deliberately absent: what is printed.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Lines that wait for a slow reader: some seconds of a busy daemon in a few megabytes.
const LINES_MAX: usize = 16_384;
/// How long the end of a run waits until its last lines are read.
const END_MAX: Duration = Duration::from_secs(3);
/// How often the end looks.
const LOOK: Duration = Duration::from_millis(5);

/// The printer of this process, once it runs as a daemon; an ordinary command prints by itself.
static PRINTER: OnceLock<Printer> = OnceLock::new();

/// One of the two outputs of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Output {
    /// For results, and for what machines read.
    Standard,
    /// For people who watch.
    Error,
}

struct Printer {
    lines: SyncSender<(Output, Vec<u8>)>,
    /// Dropped since the reader was last told.
    lost: AtomicU64,
    /// Taken in and not printed yet.
    waiting: Arc<AtomicU64>,
}

/// From now on what is printed waits for its reader without holding up whoever prints.
pub(crate) fn start() {
    let (lines, taken) = sync_channel(LINES_MAX);
    let waiting = Arc::new(AtomicU64::new(0));
    let done = waiting.clone();
    let thread = std::thread::Builder::new().name("printer".into());
    // Without a thread for it everything is printed as by any other command.
    if thread.spawn(move || print_all(&taken, &done)).is_ok() {
        let _ = PRINTER.set(Printer { lines, lost: AtomicU64::new(0), waiting });
    }
}

/// Prints whole lines; `json` says in which form the reader is told of lost ones.
pub(crate) fn print(output: Output, json: bool, bytes: &[u8]) {
    match PRINTER.get() {
        Some(printer) => printer.take(output, json, bytes.to_vec()),
        None => write(output, bytes),
    }
}

/// Prints a result: where the reader is slow, it is waited for, for a bounded time.
pub(crate) fn print_result(output: Output, json: bool, bytes: &[u8]) {
    if let Some(printer) = PRINTER.get() {
        let started = Instant::now();
        while printer.waiting.load(Ordering::Acquire) >= LINES_MAX as u64
            && started.elapsed() < END_MAX
        {
            std::thread::sleep(LOOK);
        }
    }
    print(output, json, bytes);
}

/// Waits until everything has been read, for a bounded time: the end of the process.
pub(crate) fn finish() {
    let Some(printer) = PRINTER.get() else { return };
    let started = Instant::now();
    while printer.waiting.load(Ordering::Acquire) > 0 && started.elapsed() < END_MAX {
        std::thread::sleep(LOOK);
    }
}

impl Printer {
    fn take(&self, output: Output, json: bool, bytes: Vec<u8>) {
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > 0 && self.try_take(output, lost_line(json, lost)) {
            self.lost.fetch_sub(lost, Ordering::Relaxed);
        }
        if !self.try_take(output, bytes) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn try_take(&self, output: Output, bytes: Vec<u8>) -> bool {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        match self.lines.try_send((output, bytes)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                false
            }
        }
    }
}

fn lost_line(json: bool, lost: u64) -> Vec<u8> {
    let text = match json {
        true => serde_json::json!({ "schema": 1, "kind": "lost", "lines": lost }).to_string(),
        false => format!("{lost} lines were lost: whoever reads this output is slow"),
    };
    format!("{text}\n").into_bytes()
}

fn print_all(lines: &Receiver<(Output, Vec<u8>)>, waiting: &AtomicU64) {
    for (output, bytes) in lines {
        write(output, &bytes);
        waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Writes whole, or not at all where nobody reads any more: a daemon trades on without its reader,
/// and a page that was cut short by `head` is a success.
fn write(output: Output, bytes: &[u8]) {
    let to: &mut dyn Write = match output {
        Output::Standard => &mut io::stdout().lock(),
        Output::Error => &mut io::stderr().lock(),
    };
    let _ = to.write_all(bytes).and_then(|()| to.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_does_not_read_loses_lines_and_is_told_how_many() {
        let (lines, taken) = sync_channel(2);
        let printer = Printer { lines, lost: AtomicU64::new(0), waiting: Arc::default() };
        (0..5).for_each(|_| printer.take(Output::Standard, false, b"line\n".to_vec()));
        assert_eq!(taken.try_iter().count(), 2);
        printer.take(Output::Standard, true, b"next\n".to_vec());
        let told: Vec<_> = taken.try_iter().map(|(_, bytes)| bytes).collect();
        let lost: serde_json::Value = serde_json::from_slice(&told[0]).unwrap();
        assert_eq!((&lost["lines"], told[1].as_slice()), (&serde_json::json!(3), &b"next\n"[..]));
    }
}
