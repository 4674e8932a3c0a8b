//! Claims about asking a running daemon.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod daemon;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use wickd_tests::{Stage, component_bytes, variant};

use daemon::{Daemon, configure};

fn wickd(stage: &Stage, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wickd"))
        .args(arguments)
        .arg("--config")
        .arg(stage.dir().join("wickd.yaml"))
        .env("XDG_DATA_HOME", stage.dir())
        .output()
        .expect("the program runs")
}

/// The lines of standard output.
fn lines(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn a_running_daemon_says_how_each_slot_stands_and_only_its_user_may_ask() {
    let stage = Stage::new();
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    configure(&stage, "recorded", 1_000, None);
    let before = wickd(&stage, &["status", "--json"]);
    assert_eq!(before.status.code(), Some(68), "{before:?}");
    assert!(lines(&before)[0]["hint"].as_str().unwrap().contains("wickd run"));

    let mut daemon = Daemon::start(&stage);
    for slot in ["one", "two", "audit"] {
        daemon.wait_slot(0, slot, "seated");
    }
    let status = wickd(&stage, &["status", "--json"]);
    assert_eq!(status.status.code(), Some(0), "{status:?}");
    let slots = lines(&status);
    let states: Vec<_> = slots.iter().map(|slot| (&slot["name"], &slot["state"])).collect();
    assert_eq!(states.len(), 3, "{states:?}");
    assert!(slots.iter().all(|slot| slot["state"] == "live"), "{states:?}");

    let socket = find(stage.dir(), "wickd.sock");
    let mode = socket.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (status, _) = daemon.terminate();
    assert!(status.success());
    assert!(!socket.exists(), "the socket goes with the run");
}

/// The file of that name below a folder.
fn find(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if entry.file_name() == name {
                return path;
            }
        }
    }
    panic!("there is no {name} below {}", folder.display());
}

#[test]
fn held_bytes_are_shown_with_what_they_ask_for_and_one_command_lets_them_in() {
    let stage = Stage::new();
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    configure(&stage, "recorded", 1_000, None);
    let path = stage.dir().join("wickd.yaml");
    let text = std::fs::read_to_string(&path).expect("it was written");
    let pinned = "  - name: audit\n    plugin: auditor\n    accept: pinned\n";
    std::fs::write(&path, text.replace("  - name: audit\n    plugin: auditor\n", pinned))
        .expect("a temporary file");
    let mut daemon = Daemon::start(&stage);
    daemon.wait_slot(0, "audit", "seated");
    let none = wickd(&stage, &["held"]);
    assert!(String::from_utf8_lossy(&none.stdout).contains("nothing is held"), "{none:?}");
    stage.drop_bytes("auditor.wasm", &variant(&component_bytes("auditor"), 1));
    daemon.wait("plugin-held");
    let held = wickd(&stage, &["held", "--json"]);
    let rows = lines(&held);
    assert_eq!((rows.len(), &rows[0]["place"]), (1, &"slot/audit".into()), "{rows:?}");
    let digest = rows[0]["digest"].as_str().unwrap().to_owned();
    // Bytes that are not there, and a place that is not, are refused.
    let other = wickd(&stage, &["approve", "slot/audit", &"0".repeat(64)]);
    assert_eq!(other.status.code(), Some(77), "{other:?}");
    let nobody = wickd(&stage, &["approve", "slot/nobody", &digest]);
    assert_eq!(nobody.status.code(), Some(77), "{nobody:?}");
    let approved = wickd(&stage, &["approve", "slot/audit", &digest]);
    assert_eq!(approved.status.code(), Some(0), "{approved:?}");
    daemon.wait_slot(0, "audit", "swapped");
    let (status, _) = daemon.terminate();
    assert!(status.success(), "{status}");
}
