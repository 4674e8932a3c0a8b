//! Writes terminal escapes and reversed text to its log, its streams and its panic. Expected: every
//! one of them escaped, everywhere.

use wickd_rude::{Level, Rude, Stamp, runtime};

/// Clears a screen, turns text around, starts a new line of a log.
const HOSTILE: &str = "\u{1b}[2J\u{202e}evil\u{2066}\r\n{\"severity\":\"error\"}\u{7}";

/// The guest.
pub struct Escapes;

impl Rude for Escapes {
    #[allow(clippy::print_stdout, clippy::print_stderr, reason = "the attack")]
    fn tick(_: Stamp) {
        runtime::log(Level::Error, HOSTILE);
        runtime::metric(HOSTILE, 1.0);
        println!("{HOSTILE}");
        eprintln!("{HOSTILE}");
        panic!("{HOSTILE}");
    }
}

wickd_rude::export!(Escapes);
