//! Logs a thousand long lines a tick. Expected: one call has no fuel for so many; with more of it the
//! log keeps its budget and the rest is counted.

use wickd_rude::{Level, Rude, Stamp, runtime};

/// Lines of one tick.
const LINES: u32 = 1_000;

/// The guest.
pub struct LogFlood;

impl Rude for LogFlood {
    fn tick(_: Stamp) {
        let line = "flood ".repeat(100);
        for _ in 0..LINES {
            runtime::log(Level::Info, &line);
        }
    }
}

wickd_rude::export!(LogFlood);
