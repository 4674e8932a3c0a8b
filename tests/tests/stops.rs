//! Loss stops on paper, in event time: an account stops for the day and goes on with the next, the same
//! in every run, and a restart on the same day does not forget what was lost.
#![allow(clippy::expect_used, reason = "a test may fail")]

use std::fmt::Write as _;

use std::sync::Arc;

use wickd_engine::market::{
    FeedKind, FeedPlan, FloatNoise, OnBrokenRow, ReplayPlan, Speed, TimeUnit,
};
use wickd_engine::{Notice, Summary};
use wickd_model::{LossStops, Reason};
use wickd_store::{Folder, Note, Record};
use wickd_tests::{Stage, btc_usdt, slot};

/// 2021-01-08 23:55:00 UTC, in seconds: five minutes before midnight.
const STARTS_S: u64 = 1_610_150_100;
const MIDNIGHT_S: u64 = 1_610_150_400;
/// A hundred and fifty of the quote asset.
const LOSS_DAY_MAX: i64 = 150 * 100_000_000;

/// Appends a quote each second of these, at this price.
fn quotes(stage: &Stage, from_s: u64, to_s: u64, price: u32) {
    let path = stage.dir().join("quotes.csv");
    let mut text = std::fs::read_to_string(&path)
        .unwrap_or_else(|_| "ts_ns,bid,ask,bid_size,ask_size\n".to_owned());
    for second in from_s..to_s {
        writeln!(text, "{second}000000000,{price}.00,{}.00,1,1", price + 1).expect("a string");
    }
    std::fs::write(path, text).expect("a temporary file");
}

/// Two that hold, on one account.
fn stage(lanes: u32) -> Stage {
    let mut stage = Stage::new();
    stage.drop_guest("holder");
    stage.plan.lanes = lanes;
    stage.plan.speed = Speed::Max;
    stage.plan.paper.latency_ms = 1;
    stage.plan.paper_losses =
        LossStops { loss_day_max: Some(LOSS_DAY_MAX), ..LossStops::default() };
    stage.plan.slots = ["one", "two"].map(|name| slot(name, "holder", &[("size", "0.1")])).into();
    let plan = ReplayPlan {
        files: vec![stage.dir().join("quotes.csv")],
        instrument: btc_usdt(),
        bar_secs: 60,
        looped: false,
        on_broken_row: OnBrokenRow::Stop,
        float_noise: FloatNoise::Round,
        time_unit: TimeUnit::Ns,
        starts_at: None,
    };
    let (name, kind) = ("made".into(), FeedKind::Replay(plan));
    stage.plan.feeds = vec![FeedPlan { name, kind, stale_after_ms: 60_000 }];
    stage
}

fn said<'n>(notices: &'n [Arc<Notice>], slot: &str, words: &str) -> Vec<&'n str> {
    let of = |notice: &&Arc<Notice>| notice.slot.as_deref() == Some(slot);
    let texts = notices.iter().filter(of).map(|notice| notice.text.as_str());
    texts.filter(|text| text.contains(words)).collect()
}

fn told<'n>(notices: &'n [Arc<Notice>], code: &str) -> Vec<&'n str> {
    notices.iter().filter(|notice| notice.code == code).map(|notice| notice.text.as_str()).collect()
}

fn journal(stage: &Stage) -> Vec<Record> {
    let folder = Folder::open(&stage.plan.state_dir).expect("the house has ended");
    folder.journal().expect("the journal opens").replay().expect("it is whole")
}

/// Quotes from before the fall until after midnight.
fn fall(stage: &Stage) {
    quotes(stage, STARTS_S, STARTS_S + 100, 25_000);
    quotes(stage, STARTS_S + 100, MIDNIGHT_S + 20, 24_000);
}

fn a_night(speed: Speed) -> (Stage, Summary, Vec<Arc<Notice>>) {
    let mut stage = stage(1);
    stage.plan.speed = speed;
    fall(&stage);
    stage.start().until_over()
}

fn hashes(summary: &Summary) -> Vec<Option<String>> {
    let hash = |slot: &wickd_engine::SlotSummary| slot.intents_hash.map(|hash| hash.to_string());
    summary.slots.iter().map(hash).collect()
}

#[test]
fn an_account_stops_for_the_day_and_goes_on_with_the_next_in_every_run_alike() {
    let (stage, summary, notices) = a_night(Speed::Max);
    let told = told(&notices, "account-stop");
    let [text] = told[..] else { panic!("it is told once: {told:#?}") };
    for words in ["account paper", "lost today (UTC)", "`loss_day_max` is 150", "one -1", "two -1"]
    {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    for name in ["one", "two"] {
        assert_eq!(said(&notices, name, "denied account-loss").len(), 1, "{notices:#?}");
        assert_eq!(said(&notices, name, "reduces").len(), 1);
        assert_eq!(said(&notices, name, "buy taken back: OrderReason::Host").len(), 1);
        assert_eq!(said(&notices, name, "sell taken back").len(), 0);
        // Denied at the first quote of the fall, the hundredth of the day, and let in at midnight.
        let quotes = MIDNIGHT_S - STARTS_S - 100;
        let again = format!("let in again after {quotes} quotes");
        assert_eq!(said(&notices, name, &again).len(), 1, "{:#?}", said(&notices, name, "let in"));
    }
    let journal = journal(&stage);
    let by_host = |record: &&Record| matches!(record, Record::Cancel { reason: Reason::Host, .. });
    assert_eq!(journal.iter().filter(by_host).count(), 2);
    let halted = |record: &&Record| matches!(record, Record::Note { note: Note::Halted, .. });
    assert_eq!(journal.iter().filter(halted).count(), 2);
    for speed in [Speed::Max, Speed::Times(1_000)] {
        assert_eq!(hashes(&a_night(speed).1), hashes(&summary));
    }
}

#[test]
fn slots_on_two_lanes_share_their_account_and_the_stop_is_told_once() {
    // At full speed one lane may be far ahead, so the stop is one that holds whatever the day.
    let mut stage = stage(2);
    stage.plan.paper_losses = LossStops { loss_max: Some(LOSS_DAY_MAX), ..LossStops::default() };
    fall(&stage);
    let (_, _, notices) = stage.start().until_over();
    assert_eq!(told(&notices, "account-stop").len(), 1);
    let taken = |words| ["one", "two"].map(|name| said(&notices, name, words).len());
    // The lane that reached it acts at once, the other one at its next event, if it has one.
    assert!(taken("buy taken back: OrderReason::Host") != [0, 0]);
    assert_eq!(taken("sell taken back"), [0, 0]);
}

#[test]
fn a_restart_on_the_same_day_does_not_forget_what_was_lost_and_the_next_day_does() {
    let stage = stage(1);
    quotes(&stage, STARTS_S, STARTS_S + 100, 25_000);
    quotes(&stage, STARTS_S + 100, STARTS_S + 120, 24_000);
    let (stage, _, notices) = stage.start().until_over();
    assert_eq!(told(&notices, "account-stop").len(), 1);
    // Since the restart nothing is lost; today it is.
    quotes(&stage, STARTS_S + 120, STARTS_S + 140, 24_000);
    let (stage, _, notices) = stage.start().until_over();
    assert_eq!(told(&notices, "account-stop").len(), 1, "{notices:#?}");
    let let_in =
        |notices: &[Arc<Notice>]| ["one", "two"].map(|name| said(notices, name, "let in").len());
    assert_eq!(let_in(&notices), [0, 0]);
    quotes(&stage, MIDNIGHT_S, MIDNIGHT_S + 20, 24_000);
    let (stage, _, notices) = stage.start().until_over();
    assert_eq!((told(&notices, "account-stop").len(), let_in(&notices)), (0, [1, 1]));
    assert_eq!(stage.verify(), Vec::<String>::new());
}
