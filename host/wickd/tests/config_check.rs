//! `wickd config check` says all that `run` would, and nothing that is secret.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use wickd_tests::{Stage, component};

const BASE: &str = "folders: [plugins]
instruments:
  BTC-USDT: {price_scale: 2, size_scale: 6}
  ETH-USDT: {price_scale: 2, size_scale: 4}
feeds:
  - name: walk
    synthetic: {instruments: [BTC-USDT], ticks_per_s: 100, count: 10}
strategies:
  - name: cross
    plugin: ema-cross
    instruments: [BTC-USDT]
";

fn stage(text: &str) -> Stage {
    let stage = Stage::new();
    std::fs::write(stage.dir().join("wickd.yaml"), text).expect("a temporary file");
    stage
}

fn check(dir: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    command.current_dir(dir).env_remove("WICKD_CONFIG").env("XDG_DATA_HOME", dir);
    command.args(["config", "check"]).args(more).output().expect("it starts")
}

fn told(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

/// A configuration with one change is refused, in these words, and `run` refuses it likewise.
fn refused(change: (&str, &str), words: &[&str]) {
    assert!(BASE.contains(change.0), "{}", change.0);
    let stage = stage(&BASE.replacen(change.0, change.1, 1));
    let output = check(stage.dir(), &[]);
    // As people see it, and whole, without a line's end in the middle of it.
    let text = told(&output) + &told(&check(stage.dir(), &["--json"]));
    assert_eq!(output.status.code(), Some(64), "{text}");
    for word in words {
        assert!(text.contains(word), "no `{word}` in {text}");
    }
}

#[test]
fn what_is_right_is_right() {
    let stage = stage(BASE);
    std::fs::copy(component("ema-cross"), stage.dir().join("plugins/ema-cross.wasm"))
        .expect("it was built");
    let output = check(stage.dir(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

#[test]
fn an_instrument_that_nobody_feeds_or_two_do_is_told_with_its_line() {
    refused(
        ("    instruments: [BTC-USDT]\n", "    instruments: [ETH-USDT]\n"),
        &["`cross` trades `ETH-USDT`, which no feed and no venue feeds"],
    );
    let twice = "count: 10}\n  - name: other\n    synthetic: {instruments: [BTC-USDT]}\n";
    refused(("count: 10}\n", twice), &["`BTC-USDT` is fed by feed `walk` already"]);
}

#[test]
fn a_file_that_stands_twice_or_is_not_there_and_a_folder_that_is_not_are_told() {
    let walk = "synthetic: {instruments: [BTC-USDT], ticks_per_s: 100, count: 10}";
    let twice = "replay: {files: [a.csv, ./a.csv], instrument: BTC-USDT}";
    refused((walk, &twice.replace("./", "")), &["stands here twice"]);
    refused((walk, "replay: {files: [a.csv], instrument: BTC-USDT}"), &["a.csv"]);
    refused(("folders: [plugins]", "folders: [plugins, gone]"), &["wickd.yaml:1:20", "`gone`"]);
}

#[test]
fn a_tilde_or_a_dollar_in_a_path_is_told_and_not_taken_for_a_name() {
    for path in ["~/plugins", "$HOME/plugins"] {
        let change = format!("folders: ['{path}']");
        refused(("folders: [plugins]", &change), &["mean nothing here", "write the whole path"]);
    }
    let state = "folders: [plugins]\nstate_dir: ~/state\n";
    refused(("folders: [plugins]\n", state), &["`state_dir`"]);
}

#[test]
fn parameters_that_the_plugin_refuses_are_told_before_a_run() {
    let text = format!("{BASE}    config: {{fast: 50, slow: 10}}\n");
    let stage = stage(&text);
    std::fs::copy(component("ema-cross"), stage.dir().join("plugins/ema-cross.wasm"))
        .expect("it was built");
    let output = check(stage.dir(), &[]);
    let text = told(&output);
    assert_eq!(output.status.code(), Some(64), "{text}");
    assert!(text.contains("`cross`"), "{text}");
}

#[test]
fn json_has_venues_credentials_and_losses_and_no_secret_is_ever_shown() {
    let venues = "venues:
  here:
    plugin: binance
    credentials: main
    trade: true
    risk: {loss_day_max: 12.5}
credentials: secrets.yaml
paper: {risk: {loss_max: 99}}
instruments:
  BTC-USDT: {venue: here, price_scale: 2, size_scale: 6}
strategies: []
";
    let stage = stage(venues);
    let secrets = stage.dir().join("secrets.yaml");
    let keys = "main:\n  hosts: [api.binance.com]\n  allow: trade\n  fields: {key: OPENKEY, secret: HUSHHUSH}\n";
    std::fs::write(&secrets, keys).expect("a temporary file");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o600)).expect("ours");
    let output = check(stage.dir(), &["--json"]);
    let text = told(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line");
    assert_eq!(line["venues"]["here"]["risk"]["loss_day_max"], "12.50000000", "{line}");
    assert_eq!(line["venues"]["here"]["instruments"][0], "BTC-USDT", "{line}");
    assert_eq!(line["paper"]["risk"]["loss_max"], "99.00000000", "{line}");
    assert!(line["credentials"].to_string().contains("secrets.yaml"), "{line}");
    assert!(!text.contains("HUSHHUSH"), "{text}");
    // A slot that the file lacks, and a secret in the wrong file.
    let wrong = venues.replace("credentials: main", "credentials: other");
    std::fs::write(stage.dir().join("wickd.yaml"), wrong).expect("a temporary file");
    let text = told(&check(stage.dir(), &[]));
    assert!(text.contains("no credentials `other`"), "{text}");
    let inline = venues.replace("    trade: true\n", "    trade: true\n    secret: HUSHHUSH\n");
    std::fs::write(stage.dir().join("wickd.yaml"), inline).expect("a temporary file");
    let text = told(&check(stage.dir(), &[]));
    assert!(text.contains("unknown key `secret`") && !text.contains("HUSHHUSH"), "{text}");
}

#[test]
fn a_venue_beside_a_speed_that_is_not_the_presents_is_told() {
    let venue = "feeds: []\nvenues: {here: {plugin: binance}}\nspeed: max\n";
    let text = BASE.replacen("feeds:\n  - name: walk\n    synthetic: {instruments: [BTC-USDT], ticks_per_s: 100, count: 10}\n", venue, 1);
    let stage = stage(&text.replace("BTC-USDT: {", "BTC-USDT: {venue: here, "));
    let told = told(&check(stage.dir(), &[]));
    assert!(told.contains("no other speed than the present's"), "{told}");
}

#[test]
fn names_of_files_reach_the_terminal_escaped() {
    let stage = stage(BASE);
    let name = "evil\u{1b}[2J\u{202e}.wasm";
    std::fs::write(stage.dir().join("plugins").join(name), "hello").expect("a temporary file");
    for arguments in [vec!["config", "check"], vec!["check", name], vec!["inspect", name]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
        let dir = if arguments[0] == "config" {
            stage.dir().to_owned()
        } else {
            stage.dir().join("plugins")
        };
        let output = command.current_dir(dir).args(&arguments).output().expect("it starts");
        let text = told(&output);
        assert_ne!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("evil") && !text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}
