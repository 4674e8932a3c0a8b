//! Claims about what a running daemon prints: its form, and that nobody has to read it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A daemon has to end within this even where nobody reads, on a busy machine.
const END: Duration = Duration::from_secs(60);

const CONFIG: &str = "folders: [plugins]
settle_ms: 0
instruments:
  BTC-USDT: {price_scale: 2, size_scale: 6}
";

fn wickd(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    command.current_dir(dir).env("XDG_DATA_HOME", dir).args(arguments).stdin(Stdio::null());
    command
}

fn stage(feed: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("plugins")).unwrap();
    std::fs::write(dir.path().join("wickd.yaml"), format!("{CONFIG}{feed}")).unwrap();
    dir
}

const SHORT: &str = "feeds: [{name: walk, synthetic: {instruments: [BTC-USDT], ticks_per_s: 100, count: 20}}]\nspeed: max\n";
const ENDLESS: &str =
    "feeds: [{name: walk, synthetic: {instruments: [BTC-USDT], ticks_per_s: 100}}]\n";

#[test]
fn a_log_line_has_its_time_its_severity_and_its_source_plain_or_as_json() {
    let dir = stage(SHORT);
    std::fs::write(dir.path().join("plugins/text.wasm"), "hello").unwrap();
    let plain = wickd(dir.path(), &["run"]).output().unwrap();
    let plain = String::from_utf8(plain.stderr).unwrap();
    let line = plain.lines().find(|line| line.contains("text.wasm")).unwrap();
    assert!(line.starts_with("20") && line[23..].starts_with("Z "), "{line}");
    assert!(plain.contains("warn  intake"), "{plain}");
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    let json = wickd(dir.path(), &["run", "--log-format", "json"]).output().unwrap();
    let json = String::from_utf8(json.stderr).unwrap();
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused = lines.iter().find(|line| line["code"] == "plugin-refused").unwrap();
    assert_eq!((&refused["severity"], &refused["source"]), (&"warn".into(), &"intake".into()));
    assert!(refused["time"].as_str().unwrap().ends_with('Z'), "{refused}");
}

/// An output that takes no byte more, with the end that nobody reads.
fn full() -> (UnixStream, Stdio) {
    let (unread, output) = UnixStream::pair().unwrap();
    output.set_nonblocking(true).unwrap();
    while (&output).write(&[b' '; 4096]).is_ok() {}
    output.set_nonblocking(false).unwrap();
    (unread, OwnedFd::from(output).into())
}

#[test]
fn whoever_does_not_read_the_outputs_holds_up_neither_the_daemon_nor_its_end() {
    let dir = stage(ENDLESS);
    for arguments in [&["run", "--json"][..], &["run"]] {
        let ((_unread, stdout), (_nor, stderr)) = (full(), full());
        let mut child = wickd(dir.path(), arguments).stdout(stdout).stderr(stderr).spawn().unwrap();
        let started = Instant::now();
        while !dir.path().join("state/audit.redb").exists() {
            assert!(started.elapsed() < END, "it does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(asked.elapsed() < END, "it waits for its reader");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}");
        std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    }
}
