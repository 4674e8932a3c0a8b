//! Claims about the program as a process: exit codes, outputs, signals.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn wickd(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    command.current_dir(dir).env_remove("WICKD_CONFIG").env("XDG_DATA_HOME", dir);
    command.args(arguments).output().unwrap()
}

fn with_config(feeds: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "folders: [plugins]\nsettle_ms: 0\ninstruments:\n  BTC-USDT: {{price_scale: 2, size_scale: 6}}\n{feeds}"
    );
    std::fs::write(dir.path().join("wickd.yaml"), text).unwrap();
    dir
}

const ENDLESS: &str =
    "feeds: [{name: walk, synthetic: {instruments: [BTC-USDT], ticks_per_s: 100}}]\n";

#[test]
fn each_failure_has_its_own_code_one_sentence_and_a_hint() {
    let dir =
        with_config("feeds: [{name: gone, replay: {files: [no.csv], instrument: BTC-USDT}}]\n");
    std::fs::write(dir.path().join("bad.yaml"), "lanes: 99\n").unwrap();
    std::fs::write(dir.path().join("text.wasm"), "hello").unwrap();
    let table: [(&[&str], i32, &str); 7] = [
        (&["frobnicate"], 2, "unrecognized subcommand"),
        (
            &["run", "--config", "none.yaml"],
            64,
            "error[bad-config]: cannot read the configuration none.yaml",
        ),
        (&["config", "check", "--config", "bad.yaml"], 64, "bad.yaml:1:8"),
        (&["config", "check"], 64, "no.csv"),
        (&["run"], 64, "no.csv"),
        (&["inspect", "text.wasm"], 65, "refused at step `validate`"),
        (&["journal", "verify", "--state", "nowhere"], 66, "there is no journal in nowhere"),
    ];
    for (arguments, code, said) in table {
        let output = wickd(dir.path(), arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        let mends = stderr.contains("hint:") || stderr.contains("help") || code == 2;
        assert!(mends && output.stdout.is_empty(), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_failure_in_json_is_one_line_on_standard_output() {
    let dir = with_config("");
    std::fs::write(dir.path().join("bad.yaml"), "lanes: 99\n").unwrap();
    let output = wickd(dir.path(), &["config", "check", "--config", "bad.yaml", "--json"]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["schema"], &line["kind"]), (&Value::from(1), &Value::from("error")));
    assert_eq!((&line["exit"], &line["problems"][0]["line"]), (&Value::from(64), &Value::from(1)));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_refused_file_is_a_result_with_step_reason_and_fix() {
    let dir = with_config("");
    std::fs::write(dir.path().join("cut.wasm"), b"\0asm\x0d\0\x01\0\x01").unwrap();
    let output = wickd(dir.path(), &["check", "--json", "cut.wasm", "absent.wasm"]);
    assert_eq!(output.status.code(), Some(65));
    let lines: Vec<Value> = output
        .stdout
        .split(|b| *b == b'\n')
        .filter_map(|l| serde_json::from_slice(l).ok())
        .collect();
    let steps: Vec<_> = lines.iter().map(|line| line["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["validate", "read"]);
    assert!(lines.iter().all(|line| line["fix"].as_str().is_some_and(|fix| !fix.is_empty())));
}

#[test]
fn a_finite_run_ends_by_itself_with_a_summary() {
    let count = ENDLESS.replace("100}", "100, count: 50}");
    let dir = with_config(&format!("speed: max\n{count}"));
    let output = wickd(dir.path(), &["run", "--json"]);
    assert!(output.status.success());
    let last = output.stdout.trim_ascii().rsplit(|b| *b == b'\n').next().unwrap();
    let last: Value = serde_json::from_slice(last).unwrap();
    // Fifty events, and the feed's words that it is live and that it is down.
    assert_eq!((&last["kind"], &last["events"]), (&Value::from("summary"), &Value::from(52)));
}

#[test]
fn a_second_daemon_is_refused_and_a_signal_ends_the_first_gracefully() {
    let dir = with_config(ENDLESS);
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    command.current_dir(dir.path()).args(["run", "--json"]).stdout(Stdio::piped());
    let mut first = command.spawn().unwrap();
    let mut stdout = std::io::BufReader::new(first.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("market-open") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut stdout, &mut line).unwrap(), 0, "it ended");
    }
    let second = wickd(dir.path(), &["run"]);
    assert_eq!(second.status.code(), Some(75));
    assert!(String::from_utf8_lossy(&second.stderr).contains(&first.id().to_string()));
    assert_eq!(wickd(dir.path(), &["journal", "verify"]).status.code(), Some(75));
    let pid = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("\"kind\":\"summary\"") && first.wait().unwrap().success(), "{rest}");
    assert!(wickd(dir.path(), &["journal", "verify"]).status.success());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = with_config("");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    let mut child =
        command.current_dir(dir.path()).arg("limits").stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_read_worker_reads_for_its_parent_alone() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    // Process 1 is nobody's wickd.
    command.args(["read-worker", "1"]).env_clear().stdin(Stdio::piped());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// Each line of an output as JSON.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_a_run_tells_has_its_time_and_a_code_that_is_listed_and_lasts_in_the_audit_log() {
    let feed = "feeds: [{name: walk, synthetic: {instruments: [BTC-USDT], ticks_per_s: 100, count: 50}}]\nspeed: max\n";
    let dir = with_config(feed);
    std::fs::create_dir(dir.path().join("plugins")).unwrap();
    std::fs::write(dir.path().join("plugins/text.wasm"), "hello").unwrap();
    let run = lines(&wickd(dir.path(), &["run", "--json"]));
    let listed = lines(&wickd(dir.path(), &["codes", "--json"]));
    let codes: Vec<_> = listed.iter().map(|row| row["code"].as_str().unwrap()).collect();
    let notices: Vec<_> = run.iter().filter(|line| line["kind"] == "notice").collect();
    assert!(notices.len() >= 3, "{run:?}");
    for notice in notices {
        assert!(codes.contains(&notice["code"].as_str().unwrap()), "{notice}");
        assert!(notice["time"].as_str().unwrap().starts_with("20"), "{notice}");
    }
    let kept = lines(&wickd(dir.path(), &["audit", "--json", "--code", "plugin-refused"]));
    assert_eq!(kept.len(), 1, "intake's notices are kept too: {kept:?}");
    assert_eq!(kept[0]["entry"]["detail"]["source"], "intake");
    let errors = wickd(dir.path(), &["audit", "--severity", "error"]);
    assert!(errors.status.success() && errors.stdout.is_empty(), "{errors:?}");
    let all = String::from_utf8(wickd(dir.path(), &["audit"]).stdout).unwrap();
    assert!(all.contains("market-open") && all.contains("plugin-refused"), "{all}");
}
