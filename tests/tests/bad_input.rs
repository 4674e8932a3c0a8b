//! What an operator gets wrong: one message each, with place, reason and fix; what runs goes on.
#![allow(clippy::expect_used, reason = "a test may fail")]

use wickd_engine::market::{FeedKind, FloatNoise, OnBrokenRow, ReplayPlan, Speed, TimeUnit};
use wickd_engine::{Edges, House};
use wickd_tests::{Stage, btc_usdt, component_bytes, slot, synthetic};

/// A house with an auditor called `audit` on an endless paced feed.
fn trading() -> Stage {
    let mut stage = Stage::new();
    stage.plan.feeds = vec![synthetic(20_000, None)];
    stage.plan.speed = Speed::RECORDED;
    stage.drop_guest("auditor");
    stage.plan.slots.push(slot("audit", "auditor", &[("gap_ns", "50000")]));
    stage
}

#[test]
fn files_that_are_no_plugins_are_refused_while_the_good_one_trades_on() {
    let mut run = trading().start();
    run.wait_from(0, "the market", |said| said.code == "market-open");
    let good = component_bytes("auditor");
    let files: [(&str, &[u8], &str); 5] = [
        ("empty.wasm", b"", "the file is empty"),
        ("half.wasm", &good[..good.len() / 2], "not a whole component"),
        ("core.wasm", b"\0asm\x01\0\0\0", "a core module"),
        ("text.wasm", b"name: auditor", "not WebAssembly"),
        ("\u{1b}[2Jevil.wasm", b"x", "not WebAssembly"),
    ];
    for (name, bytes, part) in files {
        let from = run.notices.len();
        run.stage().drop_bytes(name, bytes);
        let number = run.wait_from(from, part, |said| said.code == "plugin-refused");
        let said = run.notices[number].clone();
        assert!(said.text.contains(part), "{said:?}");
        let place = said.place.clone().unwrap_or_default();
        assert!(place.ends_with(".wasm") && !place.chars().any(char::is_control), "{place:?}");
        assert!(said.fix.is_some());
    }
    // The live plugin's own file is overwritten with rubbish: the old bytes trade on.
    let from = run.notices.len();
    run.stage().drop_bytes("auditor.wasm", b"rubbish");
    run.wait_from(from, "the refusal", |said| said.code == "plugin-refused");
    let heard = run.slot("audit").gauge.events.get();
    run.wait_until("more events", |house| house.slots[0].gauge.events.get() > heard + 2_000);
    let (stage, summary, _) = run.end();
    assert_eq!((summary.slots[0].generation, summary.slots[0].faults), (1, 0));
    let audit = stage.audit("audit");
    assert!(audit.is_clean(), "{audit:?}");
}

#[test]
fn a_parameter_that_does_not_fit_names_key_bound_and_fix() {
    for (key, value, part) in [
        ("every", "0", "`every`"),
        ("every", "many", "`every`"),
        ("evry", "5", "did you mean `every`?"),
        ("size", "11", "`size`"),
        ("size", "0.0000001", "`size`"),
    ] {
        let mut stage = trading();
        stage.drop_guest("trader");
        stage.plan.slots.push(slot("trade", "trader", &[(key, value)]));
        let mut run = stage.start();
        let said = run.wait("trade", "generation-refused");
        assert!(said.text.contains(part), "`{part}` is not in: {}", said.text);
        assert!(said.fix.is_some());
        let heard = run.slot("audit").gauge.events.get();
        run.wait_until("more events", |house| house.slots[0].gauge.events.get() > heard + 500);
        assert_eq!(run.slot("trade").standing().state, "waiting");
        run.end();
    }
}

#[test]
fn a_slot_without_its_plugin_says_what_it_waits_for_and_takes_it_when_it_comes() {
    let mut stage = trading();
    stage.plan.slots.push(slot("trade", "trader", &[]));
    let mut run = stage.start();
    let said = run.wait("trade", "slot-waits");
    assert!(said.text.contains("`trader`") && said.text.contains("there: none"), "{}", said.text);
    run.stage().drop_guest("trader");
    run.wait("trade", "seated");
    run.end();
}

fn replay(text: &str, on_broken_row: OnBrokenRow) -> (Stage, std::path::PathBuf) {
    let mut stage = trading();
    let path = stage.dir().join("quotes.csv");
    std::fs::write(&path, text).expect("a temporary file");
    stage.plan.feeds[0].kind = FeedKind::Replay(ReplayPlan {
        files: vec![path.clone()],
        instrument: btc_usdt(),
        bar_secs: 60,
        looped: false,
        on_broken_row,
        float_noise: FloatNoise::Refuse,
        time_unit: TimeUnit::Ns,
        starts_at: None,
    });
    stage.plan.speed = Speed::Max;
    stage.plan.slots.clear();
    stage.plan.slots.push(slot("audit", "auditor", &[]));
    (stage, path)
}

const ROWS: &str = "ts_ns,bid,ask,bid_size,ask_size\n\
    1610064001076000000,39432.99,39433.62,0.0031,0.066851\n\
    1610064001157000000,39432.33,3943x.6,2.0,0.018027\n\
    1610064001257000000,39432.34,39433.6,2.0,0.018027\n";

#[test]
fn a_broken_row_is_told_with_file_line_column_reason_and_fix() {
    let (stage, path) = replay(ROWS, OnBrokenRow::Stop);
    let (stage, summary, notices) = stage.start().until_over();
    let told: Vec<_> = notices.iter().filter(|said| said.text.contains("3943x.6")).collect();
    assert_eq!(told.len(), 1, "{notices:#?}");
    let said = format!("{} {}", told[0].text, told[0].fix.as_deref().unwrap_or_default());
    assert!(said.contains(&format!("{}:3:", path.display())), "{said}");
    assert_eq!(summary.slots[0].faults, 0);
    // What came before the row was heard.
    assert!(stage.audit("audit").events >= 1);
    let (stage, _) = replay(ROWS, OnBrokenRow::Skip);
    let (stage, ..) = stage.start().until_over();
    assert!(stage.audit("audit").events >= 2);
}

#[test]
fn a_file_that_is_no_recording_stops_the_start_with_its_path() {
    for text in ["", "a,b,c\n1,2,3\n", "\u{1b}[2J\n"] {
        let (stage, path) = replay(text, OnBrokenRow::Stop);
        let Err(error) = House::start(stage.plan.clone(), Edges::system()) else {
            panic!("{text:?} was taken");
        };
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {source}").contains(&path.display().to_string()), "{source}");
    }
}

#[test]
fn a_second_house_on_the_same_state_is_refused_with_the_owner() {
    let run = trading().start();
    let Err(error) = House::start(run.stage().plan.clone(), Edges::system()) else {
        panic!("two houses on one state folder");
    };
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(source.contains(&std::process::id().to_string()), "{error}: {source}");
    run.end();
}
