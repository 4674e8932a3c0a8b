//! Signals, and what the end of a run says: in words, and in the exit code.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;

use daemon::{Daemon, configure};
use rustix::process::Signal;
use serde_json::Value;
use wickd_tests::Stage;

/// The exit code of a run that ended in order and left trouble.
const TROUBLED: i32 = 70;
const QUOTES: &str = "ts_ns,bid,ask,bid_size,ask_size
1600000000000000000,100.00,100.01,1,1
1600000001000000000,100.00,100.01,1,1
";

fn stage() -> Stage {
    let stage = Stage::new();
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    configure(&stage, "recorded", 1_000, None);
    stage
}

fn troubles(said: &[Value]) -> Vec<String> {
    let last = said.last().expect("it said something");
    assert_eq!(last["kind"], "summary", "{last}");
    let all = last["troubles"].as_array().expect("a list").iter();
    all.map(|of| of.as_str().expect("a sentence").to_owned()).collect()
}

fn amend(stage: &Stage, from: &str, to: &str) {
    let path = stage.dir().join("wickd.yaml");
    let text = std::fs::read_to_string(&path).expect("it was written");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).expect("a temporary file");
}

#[test]
fn hup_says_what_a_restart_would_change_and_user_signals_do_not_kill() {
    let stage = stage();
    let mut daemon = Daemon::start(&stage);
    daemon.wait("market-open");
    daemon.signal(Signal::HUP);
    daemon.wait("config-unchanged");
    amend(&stage, "settle_ms: 1", "settle_ms: 2");
    daemon.signal(Signal::HUP);
    daemon.wait("config-changed");
    amend(&stage, "settle_ms: 2", "settle_ms: -2");
    daemon.signal(Signal::HUP);
    let wrong = daemon.wait("config-wrong");
    assert!(wrong["text"].as_str().is_some_and(|text| text.contains("wickd.yaml:2:")), "{wrong}");
    for (signal, name) in [(Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        daemon.signal(signal);
        let about =
            |line: &Value| line["code"] == "signal-ignored" && line.to_string().contains(name);
        daemon.wait_from(0, name, about);
    }
    // As before, and it ends at QUIT as at TERM, however often within a second.
    daemon.signal(Signal::QUIT);
    daemon.signal(Signal::TERM);
    let (status, said) = daemon.until_over();
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(troubles(&said), Vec::<String>::new());
}

#[test]
fn a_run_whose_feed_broke_half_way_says_so_and_does_not_end_as_if_all_were_well() {
    for (rows, code) in [("", 0), ("1600000002000000000,oops,100.01,1,1\n", TROUBLED)] {
        let stage = stage();
        let feed = stage.dir().join("quotes.csv");
        std::fs::write(&feed, format!("{QUOTES}{rows}")).expect("a temporary file");
        let walk = "synthetic: {instruments: [BTC-USDT], ticks_per_s: 1000, seed: 42, starts_at_s: 1600000000}";
        amend(&stage, walk, "replay: {files: [quotes.csv], instrument: BTC-USDT}");
        amend(&stage, "speed: recorded", "speed: max");
        let (status, said) = Daemon::start(&stage).until_over();
        assert_eq!(status.code(), Some(code), "{:?}", said.last());
        let troubles = troubles(&said);
        assert_eq!(
            troubles.iter().any(|text| text.contains("quotes.csv:4")),
            code == TROUBLED,
            "{troubles:?}"
        );
    }
}

#[test]
fn a_run_with_slots_that_never_ran_or_failed_for_good_names_them_at_its_end() {
    let stage = stage();
    std::fs::remove_file(stage.dir().join("plugins/auditor.wasm")).expect("it was dropped");
    let mut daemon = Daemon::start(&stage);
    daemon.wait_slot(0, "one", "seated");
    daemon.wait("market-open");
    // By the time this is answered events have come.
    daemon.signal(Signal::HUP);
    daemon.wait("config-unchanged");
    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(TROUBLED), "{status}");
    let troubles = troubles(&said);
    assert!(
        matches!(&troubles[..], [one] if one.starts_with("slot audit ended waiting")),
        "{troubles:?}"
    );
}

#[test]
fn where_nothing_can_be_written_down_a_run_is_refused_unless_it_is_wished_for() {
    let stage = stage();
    // In the place of the journal stands a folder.
    std::fs::create_dir_all(stage.dir().join("state/journal.redb")).expect("a temporary folder");
    let (status, said) = Daemon::start(&stage).until_over();
    assert!(matches!(status.code(), Some(73 | 74)), "{status}: {said:?}");
    assert!(
        said.last().is_some_and(|line| line["hint"].to_string().contains("--degraded")),
        "{said:?}"
    );
    let mut daemon = Daemon::start_with(&stage, &["--degraded"]);
    daemon.wait("state-degraded");
    daemon.wait_slot(0, "audit", "seated");
    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(TROUBLED), "{status}");
    let row = said.last().expect("it said something");
    let one = row["slots"].as_array().expect("a list").iter().find(|of| of["name"] == "one");
    assert_eq!(one.expect("it was configured")["intents"], 0, "no order is sent: {row}");
}
