//! `wickd adapter`: good adapters hold the acceptance list, a careless one is told each of its faults,
//! and a venue is tried through the daemon's own wire.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rig::{BINANCE, BYBIT, Dialect, OKX, Rig};
use serde_json::Value;
use wickd_tests::component;
use wickd_venue::engine::Status;
use wickd_venue::{Config, Fault, Plan, Route, Rule};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn wickd(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    command.current_dir(root()).env_remove("NO_COLOR").args(arguments);
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}

fn lines(output: &Output) -> Vec<Value> {
    let lines = text(&output.stdout);
    lines.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn is_page(page: &str) {
    let fits = |line: &str| line.chars().count() <= 100 && !line.contains('\x1b');
    assert!(page.lines().all(fits), "{page}");
}

/// The check of this name.
fn check<'l>(lines: &'l [Value], name: &str) -> &'l Value {
    lines.iter().find(|line| line["check"] == name).unwrap_or_else(|| panic!("no check {name}"))
}

#[test]
fn every_example_adapter_holds_the_acceptance_list() {
    for name in ["binance", "okx", "bybit", "generic-rest"] {
        let file = component(name);
        let file = file.to_str().expect("a path is text");
        let output = wickd(&["adapter", "test", file]);
        let page = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{page}{}", text(&output.stderr));
        assert!(page.contains(&format!("{name} 0.1.0 holds all 18 checks")), "{page}");
        is_page(&page);
    }
}

#[test]
fn a_careless_adapter_is_told_each_fault_with_place_reason_and_fix() {
    let (file, fixtures) = (component("shoddy"), root().join("tests/guests/shoddy/fixtures"));
    let [file, fixtures] = [&file, &fixtures].map(|path| path.to_str().expect("a path is text"));
    let arguments = ["adapter", "test", file, "--fixtures", fixtures, "--damaged", "300"];
    let output = wickd(&[&arguments[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
    let lines = lines(&output);
    for (name, place, reason) in [
        ("describe", "book", "declared and builds for no market"),
        ("replies", "create", "no fixture has an answer"),
        ("manifest", "ticker at GET /ticker", "`rset` is no HTTP endpoint"),
        ("signing", "create at POST /order", "not Trade"),
        ("trades", "`describe`", "none is ever sent"),
        ("client-ids", "create on BTCUSDT", "does not carry"),
        ("numbers-out", "Limit order on BTCUSDT, price", "the request says"),
        ("numbers-in", "100.01 as 90071992547409.93", "it became 900719925474099"),
        ("unclear", "create answered 504", "Accepted"),
        ("sockets", "socket 0 to `stream`", "opened again"),
        ("book-gaps", "a book and its changes", "nobody notices"),
        ("book-gaps", "a book and its changes", "counts twice"),
        ("any-bytes", "a frame on socket 0", "panic"),
    ] {
        let check = check(&lines, name);
        assert_eq!(check["ok"], false, "{check}");
        let findings = check["findings"].as_array().expect("findings");
        let found = findings.iter().any(|finding| {
            let has = |key: &str, part: &str| {
                finding[key].as_str().is_some_and(|text| text.contains(part))
            };
            has("place", place) && has("reason", reason) && finding["fix"] != ""
        });
        assert!(found, "{name}: {place}: {reason}: {check:#}");
    }
    for holds in ["frames", "failures", "sound"] {
        assert_eq!(check(&lines, holds)["ok"], true, "{holds}");
    }
    let output = wickd(&arguments);
    let page = text(&output.stdout);
    assert!(page.contains("FAILED  numbers-in") && page.contains("   fix: "), "{page}");
    is_page(&page);
}

#[test]
fn a_recording_that_differs_names_file_case_and_both_values() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = root().join("tests/guests/shoddy/fixtures");
    for name in ["setup.json", "all.json"] {
        let recorded = std::fs::read_to_string(from.join(name)).expect("a fixture");
        let other = recorded.replace(r#""bid": 10001"#, r#""bid": 10007"#);
        std::fs::write(folder.path().join(name), other).expect("a temporary file");
    }
    let (file, fixtures) = (component("shoddy"), folder.path());
    let [file, fixtures] = [&file, fixtures].map(|path| path.to_str().expect("a path is text"));
    let output =
        wickd(&["adapter", "test", file, "--fixtures", fixtures, "--damaged", "1", "--json"]);
    let lines = lines(&output);
    let finding = &check(&lines, "replies")["findings"][0];
    assert_eq!(finding["place"], "all.json case 1, `best prices`");
    let reason = finding["reason"].as_str().expect("a reason");
    assert!(reason.contains("10007") && reason.contains("10001"), "{reason}");
}

#[test]
fn what_cannot_be_examined_says_what_would_mend_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (adapter, strategy) = (component("binance"), component("tape"));
    let [adapter, strategy, folder] =
        [&adapter, &strategy, folder.path()].map(|path| path.to_str().expect("a path is text"));
    let table: [(&[&str], i32, &str); 3] = [
        (&["adapter", "test", strategy], 65, "only exchange adapters have an acceptance list"),
        (&["adapter", "test", adapter, "--fixtures", folder], 66, "`--fixtures`"),
        (&["adapter", "test", "none.wasm"], 65, "none.wasm is refused"),
    ];
    for (arguments, code, said) in table {
        let output = wickd(arguments);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said) && stderr.contains("hint:"), "{arguments:?}: {stderr}");
    }
}

/// A venue in whose market something happens, and the configuration that reaches it.
fn rig(dialect: &Dialect) -> Rig {
    let venue = Config { events_per_s: 500, ..Config::default() };
    Rig::new(dialect, venue, &[], "  []\n")
}

fn smoke(rig: &Rig, dialect: &Dialect, more: &[&str]) -> Output {
    let config = rig.stage.dir().join("wickd.yaml");
    let config = config.to_str().expect("a path is text");
    wickd(&[&["adapter", "smoke", dialect.adapter, "--config", config], more].concat())
}

#[test]
fn a_venue_is_tried_by_reading_alone() {
    for dialect in [&BINANCE, &OKX, &BYBIT] {
        let rig = rig(dialect);
        let output = smoke(&rig, dialect, &[]);
        let page = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{page}{}", text(&output.stderr));
        for step in ["clock", "ticker", "book", "balances", "open-orders", "stream quotes", "login"]
        {
            assert!(
                page.lines().any(|line| line.starts_with(&format!("ok     {step} "))),
                "{page}"
            );
        }
        is_page(&page);
        assert!(rig.venue.truth().orders.is_empty(), "it has traded");
    }
}

#[test]
fn an_order_asked_for_is_seen_taken_back_and_gone() {
    for dialect in [&BINANCE, &OKX, &BYBIT] {
        let rig = rig(dialect);
        let output = smoke(&rig, dialect, &["--trade", "0.001", "--json"]);
        let lines = lines(&output);
        assert_eq!(output.status.code(), Some(0), "{lines:#?}");
        for step in ["order", "order seen", "cancel", "order gone"] {
            let line = lines.iter().find(|line| line["step"] == step).expect("a line");
            assert!(line["ok"] == true && line["ms"].is_u64(), "{line}");
        }
        let truth = rig.venue.truth();
        let [order] = truth.orders.as_slice() else { panic!("{:?}", truth.orders) };
        assert_eq!(order.status, Status::Cancelled);
        assert!(order.filled.is_zero() && order.price < rust_decimal::Decimal::from(24_000));
    }
}

#[test]
fn an_order_whose_acceptance_was_not_told_is_taken_back_all_the_same() {
    let rig = rig(&BINANCE);
    let rules = vec![Rule::once(Fault::DropReply, Route::Create)];
    rig.venue.faults(Plan { clear: true, seed: None, rules }).expect("a good plan");
    let output = smoke(&rig, &BINANCE, &["--trade", "0.001"]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(69), "{page}");
    assert!(page.contains("FAILED order ") && page.contains("ok     order gone"), "{page}");
    let truth = rig.venue.truth();
    assert!(truth.orders.len() == 1 && truth.orders.iter().all(|order| !order.status.is_open()));
}

#[test]
fn a_wrong_key_fails_at_the_steps_that_need_it_and_says_what_to_check() {
    let venue = Config { events_per_s: 500, secret: "another".to_owned(), ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &[], "  []\n");
    let output = smoke(&rig, &BINANCE, &["--json"]);
    assert_eq!(output.status.code(), Some(69));
    let lines = lines(&output);
    let step = |name: &str| lines.iter().find(|line| line["step"] == name).expect("a line");
    assert_eq!(step("ticker")["ok"], true);
    for signed in ["balances", "open-orders", "login"] {
        assert_eq!(step(signed)["ok"], false, "{signed}");
    }
    assert!(step("balances")["fix"].as_str().is_some_and(|fix| fix.contains("check key")));
    assert!(!text(&output.stdout).contains("secretsecret"), "the secret is shown");
}

#[test]
fn a_venue_that_is_not_configured_is_told_with_those_that_are() {
    let rig = rig(&BINANCE);
    let config = rig.stage.dir().join("wickd.yaml");
    let config = config.to_str().expect("a path is text");
    let output = wickd(&["adapter", "smoke", "kraken", "--config", config]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{stderr}");
    assert!(stderr.contains("no venue `kraken`") && stderr.contains("it has: binance"), "{stderr}");
}
