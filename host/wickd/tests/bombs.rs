//! A file that is a bomb for the compiler ends in the compiler's own process, and the daemon trades on.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;

use std::io::Write;
use std::process::{Command, Output, Stdio};

use daemon::{Daemon, configure};
use wickd_tests::{Stage, bombs, component_bytes, relabel};

#[test]
fn a_bomb_for_the_compiler_is_refused_while_the_daemon_trades_and_takes_other_files() {
    let stage = Stage::new();
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    configure(&stage, "recorded", 20_000, None);
    let mut daemon = Daemon::start(&stage);
    daemon.wait_slot(0, "audit", "seated");
    daemon.wait("market-open");
    // Within every bound of a file, and more than the child's memory or time.
    let bomb = bombs::holding(&bombs::functions(1, &bombs::mixed(49_999, 3_500)));
    stage.drop_bytes("bomb.wasm", &bomb);
    let from = daemon.said.len();
    let number = daemon.wait_from(from, "the refusal", |line| line["code"] == "plugin-refused");
    let text = daemon.said[number]["text"].as_str().unwrap_or_default().to_owned();
    let reasons = ["memory allocation of", "s of processor time"];
    assert!(reasons.iter().any(|part| text.contains(part)), "{text}");
    // The next file is taken as ever.
    let from = daemon.said.len();
    let newer = relabel(&component_bytes("auditor"), "0.1.0", "0.2.0");
    stage.drop_bytes("auditor.wasm", &newer);
    daemon.wait_slot(from, "audit", "swapped");
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}: {:?}", said.last());
    let audit = stage.audit("audit");
    assert!(audit.is_clean(), "{audit:?}");
    assert_eq!(stage.verify(), Vec::<String>::new());
}

/// The worker's end and what it said to standard error, for these bytes of a component.
fn worker(parent: u32, wasm: &[u8]) -> Output {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_wickd"))
        .args(["read-worker", &parent.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the worker starts");
    let mut stdin = worker.stdin.take().expect("it has an input");
    // One that does not even begin closes its input.
    let _ = stdin.write_all(wasm);
    drop(stdin);
    worker.wait_with_output().expect("it ends")
}

#[test]
fn the_worker_says_in_one_frame_why_it_refuses() {
    let output = worker(std::process::id(), b"");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("the file is empty"), "{output:?}");
}

#[test]
fn types_nested_without_end_kill_the_worker_and_not_the_daemon() {
    // One type of a component in another in another: the parser goes down by recursion.
    let output = worker(std::process::id(), &bombs::types_in_types(200_000));
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("overflowed its stack"), "{stderr}");
}

#[test]
fn a_worker_without_its_parent_does_nothing() {
    let output = worker(1, &component_bytes("auditor"));
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("its parent has ended"));
}
