//! A file that is a bomb for the compiler ends in the compiler's own process, and the daemon trades on.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;

use std::io::Write;
use std::process::{Command, Stdio};

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
    // Within every bound of a file, and more than the compiler's 4 GiB or its 60 s.
    let bomb = bombs::holding(&bombs::functions(1, &bombs::mixed(49_999, 10_000)));
    stage.drop_bytes("bomb.wasm", &bomb);
    let from = daemon.said.len();
    let number = daemon.wait_from(from, "the refusal", |line| line["code"] == "plugin-refused");
    let text = daemon.said[number]["text"].as_str().unwrap_or_default().to_owned();
    let killed = ["compile: the compiler failed", "compile: compiling took longer than 60 s"];
    assert!(killed.iter().any(|part| text.starts_with(part)), "{text}");
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

#[test]
fn the_compile_worker_ends_at_its_bound_of_memory() {
    // 2^40 instances: whatever memory there is, it is too little.
    let mut worker = Command::new(env!("CARGO_BIN_EXE_wickd"))
        .arg("compile-worker")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the worker starts");
    let mut stdin = worker.stdin.take().expect("it has an input");
    stdin.write_all(&bombs::instances(40)).expect("it reads");
    drop(stdin);
    let output = worker.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty(), "{stderr}");
    assert!(stderr.contains("memory allocation"), "{stderr}");
}
