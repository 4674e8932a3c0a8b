//! Hundreds of made files in a watched folder: the daemon lives, its ticks flow, each file is answered.
//!
//! The seed and the size stand below; `WICKD_CORPUS=5000` makes it as many files.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;

use std::collections::BTreeSet;

use daemon::{Daemon, configure};
use wickd_tests::corpus::corpus;
use wickd_tests::{Stage, bombs, component_bytes};

const SEED: u64 = 20_261_128;
/// Files by default: all kinds some twenty times.
const FILES: usize = 500;
/// Files in the folder at a time.
const BATCH: usize = 100;

/// A daemon on an endless walk, with everything live.
fn trading(stage: &Stage) -> Daemon {
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    configure(stage, "recorded", 2_000, None);
    let mut daemon = Daemon::start(stage);
    daemon.wait_slot(0, "audit", "seated");
    daemon.wait("market-open");
    daemon
}

#[test]
fn made_files_are_answered_one_by_one_while_the_daemon_trades() {
    let files = std::env::var("WICKD_CORPUS").ok().and_then(|text| text.parse().ok());
    let files: Vec<_> = corpus(SEED, files.unwrap_or(FILES), &component_bytes("differs")).collect();
    let stage = Stage::new();
    let mut daemon = trading(&stage);
    for batch in files.chunks(BATCH) {
        let mut open = BTreeSet::new();
        let from = daemon.said.len();
        for (name, bytes) in batch {
            stage.drop_bytes(name, bytes);
            open.insert(name.clone());
        }
        let mut next = from;
        while !open.is_empty() {
            let what = format!("an answer to {open:?}");
            let answers = ["plugin-refused", "file-refused", "plugin-admitted"];
            let number = daemon
                .wait_from(next, &what, |line| answers.iter().any(|code| line["code"] == *code));
            let line = &daemon.said[number];
            let place = line["place"].as_str().unwrap_or_default();
            let name = place.rsplit('/').next().unwrap_or_default().to_owned();
            assert!(line["code"] == "plugin-admitted" || line["fix"].is_string(), "{line}");
            open.remove(&name);
            next = number + 1;
        }
        for (name, _) in batch {
            std::fs::remove_file(stage.plan.folders[0].join(name)).expect("it is there");
        }
    }
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}: {:?}", said.last());
    assert!(!said.iter().any(|line| line["code"] == "thread-ended"));
    let audit = stage.audit("audit");
    assert!(audit.is_clean() && audit.events > 0, "{audit:?}");
}

#[test]
fn what_killed_the_child_once_is_not_given_to_it_again() {
    let stage = Stage::new();
    let nested = bombs::types_in_types(300_000);
    stage.drop_bytes("nested.wasm", &nested);
    let refused = |stage: &Stage| {
        let mut daemon = trading(stage);
        let number = daemon.wait_from(0, "its refusal", |line| line["code"] == "plugin-refused");
        let text = daemon.said[number]["text"].as_str().unwrap_or_default().to_owned();
        let (status, _) = daemon.terminate();
        assert!(status.success(), "{status}");
        text
    };
    let first = refused(&stage);
    assert!(first.contains("overflowed its stack"), "{first}");
    let kept = stage.plan.state_dir.join("refused");
    assert_eq!(kept.read_dir().expect("the state folder is there").count(), 1);
    assert_eq!(refused(&stage), first);
}

#[test]
fn a_bomb_in_the_folder_holds_up_neither_the_market_nor_the_end() {
    let stage = Stage::new();
    for number in 0..4 {
        let body = bombs::mixed(49_999, 3_400 + number);
        stage.drop_bytes(
            &format!("a-bomb-{number}.wasm"),
            &bombs::holding(&bombs::functions(1, &body)),
        );
    }
    let mut daemon = trading(&stage);
    let open = daemon.wait_from(0, "the market", |line| line["code"] == "market-open");
    let refused = daemon.said[..open].iter().any(|line| line["code"] == "plugin-refused");
    assert!(!refused, "the market waited for a bomb that nobody uses");
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}: {:?}", said.last());
    let refused = said.iter().filter(|line| line["code"] == "plugin-refused").count();
    assert!(refused < 4, "the end waited for the bombs");
}
