//! A configuration edited between runs, and state folders put back from copies: what is held stays what it
//! is, what nobody knows stops the start, and every hint works.
#![allow(clippy::expect_used, reason = "a test may fail, and tells")]

mod daemon;

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use daemon::Daemon;
use serde_json::Value;
use wickd_tests::Stage;

const BTC: &str = "  BTC-USDT: {price_scale: 2, size_scale: 6}\n";
const ETH: &str = "  ETH-USDT: {price_scale: 2, size_scale: 4}\n";
const SOL: &str = "  SOL-USDT: {price_scale: 2, size_scale: 3}\n";

/// A slot that buys a tenth of ETH and rests two orders more.
fn configure(stage: &Stage, instruments: &[&str], slot: &str, more: &str) {
    let named: Vec<_> =
        instruments.iter().filter_map(|line| line.trim().split_once(':')).map(|it| it.0).collect();
    let text = format!(
        "folders: [plugins]\nsettle_ms: 1\nrescan_ms: 200\nspeed: max\n{more}instruments:\n{}feeds:\n  - \
         name: walk\n    stale_after_ms: 60000\n    synthetic: {{instruments: [{}], ticks_per_s: 100, \
         seed: 7, count: 400}}\nstrategies:\n  - name: {slot}\n    plugin: holder\n    instruments: \
         [{}]\n    on_failure: keep\n    config: {{size: 0.1}}\n",
        instruments.concat(),
        named.join(", "),
        if named.contains(&"ETH-USDT") { "ETH-USDT" } else { named[0] },
    );
    std::fs::write(stage.dir().join("wickd.yaml"), text).expect("a temporary file");
}

fn stage() -> Stage {
    let stage = Stage::new();
    stage.drop_guest("holder");
    configure(&stage, &[BTC, ETH], "tell", "");
    run(&stage);
    stage
}

fn run(stage: &Stage) -> Vec<Value> {
    let (status, said) = Daemon::start(stage).until_over();
    assert!(status.success(), "{status}: {said:?}");
    said
}

fn told<'s>(said: &'s [Value], code: &str) -> Vec<&'s str> {
    said.iter().filter(|of| of["code"] == code).filter_map(|of| of["text"].as_str()).collect()
}

fn wickd(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wickd"));
    command.current_dir(dir).args(args).output().expect("it starts")
}

fn text(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{err}")
}

/// What the slot holds by the journal, as `journal show` prints it.
fn filled(stage: &Stage) -> String {
    let shown = wickd(stage.dir(), &["journal", "show", "-n", "1000"]);
    assert!(shown.status.success(), "{}", text(&shown));
    text(&shown)
}

#[test]
fn instruments_inserted_or_reordered_change_nothing_of_what_is_held() {
    for lines in [[ETH, BTC, ""], [SOL, BTC, ETH]] {
        let stage = stage();
        assert!(filled(&stage).contains("0.1 ETH-USDT at market"), "{}", filled(&stage));
        configure(&stage, &lines, "tell", "");
        let said = run(&stage);
        for code in ["slot-retired", "instrument-retired", "instrument-rescale-refused"] {
            assert!(told(&said, code).is_empty(), "{said:?}");
        }
        assert!(!filled(&stage).contains("BTC-USDT"), "{}", filled(&stage));
    }
}

#[test]
fn a_wider_scale_is_converted_and_a_narrower_one_that_loses_digits_stops_its_slots() {
    let stage = stage();
    configure(&stage, &[BTC, "  ETH-USDT: {price_scale: 3, size_scale: 6}\n"], "tell", "");
    let said = run(&stage);
    assert!(told(&said, "instrument-rescaled")[0].contains("3/6 decimals after 2/4"), "{said:?}");
    configure(&stage, &[BTC, "  ETH-USDT: {price_scale: 0, size_scale: 0}\n"], "tell", "");
    let said = run(&stage);
    let refused = told(&said, "instrument-rescale-refused");
    assert!(refused[0].contains("tell has") && refused[0].contains("ETH-USDT"), "{refused:?}");
}

#[test]
fn a_slot_renamed_or_an_instrument_dropped_is_told_at_every_start_with_what_it_holds() {
    let stage = stage();
    configure(&stage, &[BTC, ETH], "momentum", "");
    for _ in 0..2 {
        let said = run(&stage);
        let retired = told(&said, "slot-retired");
        assert!(
            retired[0].contains("it has 0.") && retired[0].contains(" ETH-USDT"),
            "{retired:?}"
        );
    }
    configure(&stage, &[BTC], "tell", "");
    let said = run(&stage);
    let retired = told(&said, "instrument-retired");
    assert!(retired[0].contains(" 0.") && retired[0].contains(" ETH-USDT"), "{retired:?}");
}

#[test]
fn a_folder_that_lost_a_file_or_got_an_older_one_back_stops_the_start_and_says_how_to_go_on() {
    let stage = stage();
    let state = stage.dir().join("state");
    let backup = wickd(stage.dir(), &["backup", "copy"]);
    assert!(backup.status.success(), "{}", text(&backup));
    run(&stage);
    for name in ["journal.redb", "state.redb", "venue.redb"] {
        std::fs::rename(state.join(name), stage.dir().join("kept")).expect("it is there");
        for older in [false, true] {
            if older {
                std::fs::copy(stage.dir().join("copy").join(name), state.join(name))
                    .expect("the copy has it");
            }
            let refused = wickd(stage.dir(), &["run", "--json"]);
            let said = text(&refused);
            assert_eq!(refused.status.code(), Some(74), "{said}");
            assert!(said.contains(name) && said.contains("wickd journal accept"), "{said}");
        }
        std::fs::rename(stage.dir().join("kept"), state.join(name)).expect("it is there");
    }
    run(&stage);
    let restored = wickd(stage.dir(), &["restore", "copy"]);
    assert!(restored.status.success(), "{}", text(&restored));
    run(&stage);
    std::fs::copy(stage.dir().join("copy/state.redb"), state.join("state.redb")).expect("a copy");
    assert!(!wickd(stage.dir(), &["run"]).status.success());
    let accepted = wickd(stage.dir(), &["journal", "accept"]);
    assert!(accepted.status.success(), "{}", text(&accepted));
    run(&stage);
}

#[test]
fn a_normal_kill_is_no_damage() {
    let stage = stage();
    daemon::configure(&stage, "recorded", 100_000, None);
    ["trader", "auditor"].iter().for_each(|name| drop(stage.drop_guest(name)));
    for _ in 0..3 {
        let mut daemon = Daemon::start(&stage);
        daemon.wait("market-open");
        std::thread::sleep(std::time::Duration::from_millis(50));
        daemon.kill();
        let verified = wickd(stage.dir(), &["journal", "verify"]);
        assert!(verified.status.success(), "{}", text(&verified));
    }
}

/// The state folder of a run of version 0.1, whose slot `tell` holds 0.0867 ETH: see tests/data/README.md.
fn of_the_first_version() -> Stage {
    let stage = Stage::new();
    stage.drop_guest("holder");
    let state = stage.dir().join("state");
    std::fs::create_dir_all(&state).expect("a temporary folder");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).expect("ours");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/state-0.1");
    for name in ["audit.redb", "journal.redb", "state.redb", "venue.redb"] {
        let packed =
            std::fs::read(data.join(format!("{name}.gz"))).expect("it is in the repository");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("it is whole");
        let path = state.join(name);
        std::fs::write(&path, bytes).expect("a temporary file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("ours");
    }
    stage
}

#[test]
fn a_journal_of_the_first_version_is_never_guessed_at_and_migrated_once_the_operator_says_what_it_meant()
 {
    let stage = of_the_first_version();
    // Places only: in this configuration the second one would be Bitcoin.
    configure(&stage, &[ETH, BTC], "tell", "");
    let refused = wickd(stage.dir(), &["run", "--json"]);
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(74), "{said}");
    assert!(said.contains("slot tell has") && said.contains("wickd journal migrate"), "{said}");
    let too_few = stage.dir().join("few.yaml");
    let all = std::fs::read_to_string(stage.dir().join("wickd.yaml")).expect("it was written");
    std::fs::write(&too_few, all.replace(BTC, "")).expect("a temporary file");
    let few = wickd(stage.dir(), &["journal", "migrate", "--config", "few.yaml"]);
    assert_eq!(few.status.code(), Some(64), "{}", text(&few));
    // The configuration that it was written under says it.
    configure(&stage, &[BTC, ETH], "tell", "");
    let migrated = wickd(stage.dir(), &["journal", "migrate"]);
    assert!(migrated.status.success(), "{}", text(&migrated));
    let again = wickd(stage.dir(), &["journal", "migrate"]);
    assert!(!again.status.success(), "{}", text(&again));
    for lines in [[ETH, BTC, ""], [SOL, BTC, ETH]] {
        configure(&stage, &lines, "tell", "");
        let said = run(&stage);
        for code in ["slot-retired", "instrument-retired", "instrument-rescale-refused"] {
            assert!(told(&said, code).is_empty(), "{said:?}");
        }
        let shown = filled(&stage);
        assert!(shown.contains("ETH-USDT") && !shown.contains("BTC-USDT"), "{shown}");
    }
    configure(&stage, &[BTC], "tell", "");
    let retired = told(&run(&stage), "instrument-retired").join("; ");
    assert!(retired.contains(" ETH-USDT"), "what it holds goes on being Ether: {retired}");
}
