//! `wickd demo --live-like`, the program against the venue's program: what its closing page promises
//! is what the venue's own books say.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use wickd_tests::component;

/// The venue's program, beside the daemon's; built where nobody has asked for it yet.
fn venue() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_wickd")).with_file_name("wickd-venue");
    if !beside.is_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = beside.ancestors().nth(2).expect("a target folder");
        let status = Command::new(env!("CARGO"))
            .current_dir(root)
            .args(["build", "--locked", "--quiet", "-p", "wickd-venue", "--target-dir"])
            .arg(target)
            .status();
        assert!(status.expect("cargo runs").success(), "the venue does not build");
    }
    beside
}

/// A folder of components under the names that the demo looks for.
fn components(into: &Path, names: &[&str]) {
    std::fs::create_dir_all(into).expect("a temporary folder");
    for name in names {
        let to = into.join(format!("{name}.wasm"));
        std::fs::copy(component(name), to).expect("a component is copied");
    }
}

fn demo(dir: &Path, more: &[&str]) -> Output {
    components(
        &dir.join("plugins"),
        &["binance", "ema-cross", "hedge-v2", "bollinger", "volume-spike"],
    );
    components(&dir.join("guests"), &["maker", "tape"]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    command.current_dir(dir).args(["demo", "--live-like", "--plugins", "plugins"]);
    command.args(["--guests", "guests", "--venue"]).arg(venue()).args(more);
    command.output().expect("the program starts")
}

#[test]
fn the_demo_trades_swaps_and_survives_withheld_answers_with_the_venues_books_in_its_journal() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let output = demo(dir.path(), &["--json", "--state", "kept"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = lines.iter().find(|line| line["kind"] == "live-like").expect("a last line");
    for zero in ["events_lost", "events_doubled", "orders_doubled"] {
        assert_eq!(last[zero], 0, "{last:#}");
    }
    assert_eq!(last["venue"], last["journal"], "{last:#}");
    assert_eq!(last["differ"], serde_json::json!([]), "{last:#}");
    assert_eq!(last["answers_withheld"], 8, "{last:#}");
    assert_eq!(last["outcomes_resolved"], last["outcomes_unknown"], "{last:#}");
    assert!(last["outcomes_unknown"].as_u64() >= Some(8), "{last:#}");
    assert!(last["venue"]["fills"].as_u64() >= Some(20), "{last:#}");
    assert_eq!(last["adapter_swapped"], true, "{last:#}");
    let again = demo(dir.path(), &["--state", "kept"]);
    let stderr = String::from_utf8_lossy(&again.stderr);
    assert_eq!(again.status.code(), Some(73), "{stderr}");
    assert!(stderr.contains("holds the state of a run"), "{stderr}");
}
