//! The test venue as a process of its own.
//!
//! Comes in: the program's path. Goes out: its address, and answers to `/control/…`. It ends with the
//! demo. Deliberately absent: its books' meaning, and any way to it that is not loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::exit::{Exit, Failure};

/// The program's name.
const PROGRAM: &str = "wickd-venue";
/// Market events a second.
pub(super) const RATE_PER_S: u32 = 1_000;
/// The account of the demo. The venue knows no other, and nobody else knows the venue.
pub(super) const KEY: &str = "demo-key";
pub(super) const SECRET: &str = "demo-secret";
/// Longest wait for an answer of the venue.
const ANSWER: Duration = Duration::from_secs(10);
/// Largest answer: some thousand orders with their fills.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// A running venue.
pub(super) struct Venue {
    child: Child,
    /// Kept open: a venue that cannot speak ends.
    _stdout: BufReader<ChildStdout>,
    pub(super) addr: SocketAddr,
}

impl Venue {
    /// Starts the program at `path`, or the one beside this program.
    pub(super) fn start(path: Option<&Path>) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => beside()?,
        };
        let cannot = |error: &dyn std::error::Error| {
            Failure::of(Exit::NoInput, format!("cannot start {}", path.display()), error)
                .hint("build it with `cargo build -p wickd-venue`; `.ci/demo --live-like` does")
        };
        let mut child = Command::new(&path)
            .args(["--port", "0", "--rate", "0", "--key", KEY, "--secret", SECRET])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| cannot(&error))?;
        let Some(stdout) = child.stdout.take() else {
            return Err(Failure::new(Exit::Unexpected, "the venue has no output"));
        };
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = stdout.by_ref().take(1 << 10).read_line(&mut line);
        let addr = line.trim().strip_prefix("listening ").and_then(|addr| addr.parse().ok());
        match (read, addr) {
            (Ok(_), Some(addr)) => Ok(Self { child, _stdout: stdout, addr }),
            (read, _) => {
                let _ = child.kill();
                let _ = child.wait();
                let error = read.err().unwrap_or_else(|| std::io::Error::other("no address"));
                Err(cannot(&error))
            }
        }
    }

    /// What the venue knows of a topic.
    pub(super) fn get(&self, topic: &str) -> Result<Value, Failure> {
        self.call("GET", topic, "")
    }

    /// Has the venue do something.
    pub(super) fn post(&self, topic: &str, body: &Value) -> Result<(), Failure> {
        self.call("POST", topic, &body.to_string()).map(drop)
    }

    fn call(&self, method: &str, topic: &str, body: &str) -> Result<Value, Failure> {
        let told = |error: &dyn std::error::Error| {
            Failure::of(Exit::Unexpected, format!("the venue does not answer to {topic}"), error)
        };
        let answer = self.exchange(method, topic, body).map_err(|error| told(&error))?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        if !head.starts_with("HTTP/1.1 200") {
            let text = format!(
                "the venue refuses {topic}: {}",
                wickd_model::printable(body.as_bytes(), 200)
            );
            return Err(Failure::new(Exit::Unexpected, text));
        }
        serde_json::from_str(body).map_err(|error| told(&error))
    }

    /// One request over a connection of its own: its end is the answer's end.
    fn exchange(&self, method: &str, topic: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.addr, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let (addr, length) = (self.addr, body.len());
        write!(
            stream,
            "{method} /control/{topic} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn beside() -> Result<PathBuf, Failure> {
    let me = std::env::current_exe()
        .map_err(|error| Failure::of(Exit::Unexpected, "cannot find this program", &error))?;
    let venue = me.with_file_name(PROGRAM);
    match venue.is_file() {
        true => Ok(venue),
        false => Err(Failure::new(Exit::NoInput, format!("there is no {}", venue.display()))
            .hint("name the program with `--venue`; `.ci/demo --live-like` builds it")),
    }
}
