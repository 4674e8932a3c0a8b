//! The program itself, running: `wickd run --json` on a folder of its own.
//!
//! Comes in: a [`Stage`] and the text of a configuration. Goes out: the daemon's lines as they come,
//! each waited for without sleeping. Deliberately absent: any assertion about what it says.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use wickd_tests::Stage;

/// How long anything may take before a test gives up on it, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(300);

/// The instrument and the paces of the harness's own houses, so that both decide the same.
const COMMON: &str = "folders: [plugins]
settle_ms: 1
rescan_ms: 200
paper: {latency_ms: 1}
instruments:
  BTC-USDT: {price_scale: 2, size_scale: 6, min_qty: 0.00001, maker_fee: 0.001, taker_fee: 0.001}
";

/// Two traders and an auditor, restarted at once and saved often.
const STRATEGIES: &str = "strategies:
  - name: one
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 50}
    risk: {orders_per_second: 10000}
    swap: {shadow_events: 8, probation_events: 8, snapshot_every_ms: 20}
  - name: two
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 70}
    risk: {orders_per_second: 10000}
    swap: {shadow_events: 8, probation_events: 8, snapshot_every_ms: 20}
  - name: audit
    plugin: auditor
    instruments: [BTC-USDT]
    swap: {shadow_events: 8, probation_events: 8, snapshot_every_ms: 20}
";

/// Writes the configuration: a seeded feed of so many events a second, to its end or for ever.
pub(crate) fn configure(stage: &Stage, speed: &str, ticks_per_s: u32, count: Option<u64>) {
    let count = count.map_or_else(String::new, |count| format!(", count: {count}"));
    let feed = format!(
        "speed: {speed}\nfeeds:\n  - name: walk\n    stale_after_ms: 60000\n    synthetic: \
         {{instruments: [BTC-USDT], ticks_per_s: {ticks_per_s}, seed: 42, starts_at_s: 1600000000{count}}}\n"
    );
    let text = format!("{COMMON}{feed}{STRATEGIES}");
    std::fs::write(stage.dir().join("wickd.yaml"), text).expect("a temporary file");
}

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    lines: Receiver<Value>,
    /// Every line so far.
    pub(crate) said: Vec<Value>,
}

impl Daemon {
    /// Starts it on the stage's configuration.
    pub(crate) fn start(stage: &Stage) -> Self {
        Self::start_with(stage, &[])
    }

    /// Starts it with further arguments.
    pub(crate) fn start_with(stage: &Stage, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wickd"))
            .args(["run", "--json", "--config"])
            .arg(stage.dir().join("wickd.yaml"))
            .args(more)
            .env("XDG_DATA_HOME", stage.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the daemon starts");
        let stdout = child.stdout.take().expect("it has an output");
        let (tell, lines) = channel();
        // It must never wait for a test that looks away. The thread ends with the daemon's output.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // A line cut short by `kill -9` is no line.
                let Ok(value) = serde_json::from_str(&line) else { return };
                if tell.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    /// Waits for a line that fits among those from number `from` on; gives its number.
    pub(crate) fn wait_from(
        &mut self,
        from: usize,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> usize {
        let started = Instant::now();
        let mut next = from;
        loop {
            while next < self.said.len() {
                if fits(&self.said[next]) {
                    return next;
                }
                next += 1;
            }
            match self.lines.recv_timeout(DEADLINE.saturating_sub(started.elapsed())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    // What plugins log drowns the rest.
                    let own = self.said.iter().rev().filter(|line| line["code"] != "plugin-log");
                    let mut last: Vec<_> = own.take(20).map(ToString::to_string).collect();
                    last.reverse();
                    panic!("waited in vain for {what}; it said last:\n{}", last.join("\n"));
                }
            }
        }
    }

    /// Waits for a notice with this code, from the beginning on; gives it.
    pub(crate) fn wait(&mut self, code: &str) -> Value {
        let number = self.wait_from(0, code, |line| line["code"] == code);
        self.said[number].clone()
    }

    /// Waits for a notice with this code about this slot from line `from` on; gives it.
    pub(crate) fn wait_slot(&mut self, from: usize, slot: &str, code: &str) -> Value {
        let what = format!("`{code}` of {slot}");
        let fits = |line: &Value| line["code"] == code && line["slot"] == slot;
        let number = self.wait_from(from, &what, fits);
        self.said[number].clone()
    }

    /// `kill -9`; waits until it is dead.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is dead");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it lives");
    }

    /// SIGTERM, and then everything it still says. The end of its output is the end of the wait.
    pub(crate) fn terminate(self) -> (ExitStatus, Vec<Value>) {
        self.signal(Signal::TERM);
        self.until_over()
    }

    /// Everything it says to its end.
    pub(crate) fn until_over(mut self) -> (ExitStatus, Vec<Value>) {
        let started = Instant::now();
        loop {
            match self.lines.recv_timeout(DEADLINE.saturating_sub(started.elapsed())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end"),
            }
        }
        (self.child.wait().expect("it ends"), std::mem::take(&mut self.said))
    }
}

impl Drop for Daemon {
    /// A test that fails leaves no daemon behind. One that has ended is no longer to be killed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
