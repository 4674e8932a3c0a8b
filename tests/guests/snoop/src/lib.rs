//! Looks for anything of the machine: clocks, variables, arguments, files, random numbers. Expected:
//! event time, seeded numbers, and nothing else. What it saw is its log.

use std::hash::{BuildHasher, RandomState};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wickd_rude::{Level, Rude, Stamp, runtime};

/// The guest.
pub struct Snoop;

impl Rude for Snoop {
    fn tick(at: Stamp) {
        if at.seq == 1 {
            look();
        }
    }
}

fn look() {
    let say = |what: &str, seen: String| runtime::log(Level::Info, &format!("{what}={seen}"));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    say("clock", since.as_nanos().to_string());
    let (first, second) = (Instant::now(), Instant::now());
    say("elapsed", (second - first).as_nanos().to_string());
    say("variables", std::env::vars_os().count().to_string());
    say("arguments", std::env::args_os().count().to_string());
    say("random", RandomState::new().hash_one(1_u8).to_string());
    for path in ["/etc/passwd", "..", ".", "/", "/proc/self/environ", "plugin.yaml", "/etc/"] {
        say(path, std::fs::metadata(path).is_ok().to_string());
        say(path, std::fs::read(path).is_ok().to_string());
        say(path, std::fs::read_dir(path).is_ok().to_string());
    }
    say("write", std::fs::write("/tmp/wickd-snoop", b"was here").is_ok().to_string());
}

wickd_rude::export!(Snoop);
