//! `wickd check` starts what it checks, under the limits and the configuration it is given.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use wickd_tests::component;

/// The exit code and the lines of `wickd check --json` with these words.
fn check(dir: &Path, words: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_wickd"))
        .current_dir(dir)
        .args(["check", "--json"])
        .args(words)
        .output()
        .expect("it runs");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    (output.status.code(), lines)
}

fn guest(name: &str) -> String {
    component(name).display().to_string()
}

#[test]
fn a_plugin_that_loops_while_it_starts_is_refused_and_one_that_starts_is_not() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (code, lines) = check(dir.path(), &[&guest("spin-init"), &guest("auditor")]);
    assert_eq!(code, Some(65), "{lines:?}");
    assert_eq!((&lines[0]["ok"], &lines[0]["step"]), (&false.into(), &"init".into()), "{lines:?}");
    let reason = lines[0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("out-of-fuel"), "{reason}");
    assert_eq!(lines[1]["ok"], Value::from(true), "{lines:?}");
}

#[test]
fn limits_of_the_command_line_hold_for_reading_and_for_starting() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let auditor = guest("auditor");
    for (limit, step) in [("component_bytes=70000", "read"), ("memory_bytes=65536", "schema")] {
        let (code, lines) = check(dir.path(), &["--limit", limit, &auditor]);
        assert_eq!((code, &lines[0]["step"]), (Some(65), &step.into()), "{lines:?}");
    }
    let (code, lines) = check(dir.path(), &["--limit", "fuel=1", &auditor]);
    assert_eq!((code, &lines[0]["kind"]), (Some(2), &"error".into()), "{lines:?}");
}

#[test]
fn a_slots_parameters_are_tried_and_the_slot_is_named() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = |every: &str| {
        format!(
            "feeds:\n  - name: walk\n    synthetic: {{instruments: [BTC-USDT], ticks_per_s: 1}}\n\
             instruments:\n  BTC-USDT: {{price_scale: 2, size_scale: 6}}\n\
             strategies:\n  - name: one\n    plugin: trader\n    instruments: [BTC-USDT]\n    \
             config: {{every: {every}}}\n"
        )
    };
    let path = dir.path().join("wickd.yaml");
    for (every, code) in [("50", 0), ("0", 65), ("soon", 65)] {
        std::fs::write(&path, config(every)).expect("a temporary file");
        let words = ["--config", "wickd.yaml", &guest("trader")];
        let (exit, lines) = check(dir.path(), &words);
        assert_eq!(exit, Some(code), "{every}: {lines:?}");
        let reason = lines[0]["reason"].as_str().unwrap_or("`one`");
        assert!(reason.contains("`one`"), "{reason}");
    }
}
