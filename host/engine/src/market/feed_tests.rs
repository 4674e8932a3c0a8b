//! Claims about merged feeds, on recorded and on written-down markets.

use std::io::Write;
use std::path::{Path, PathBuf};

use wickd_model::{Instrument, Product};

use super::*;
use crate::market::{FloatNoise, OnBrokenRow, TimeUnit};

pub(in crate::market) fn instrument(id: u32) -> Instrument {
    Instrument {
        id,
        epoch: 1,
        venue: "paper".to_owned(),
        symbol: format!("A{id}-B"),
        product: Product::Spot,
        base: format!("A{id}"),
        quote: "B".to_owned(),
        price_scale: 2,
        size_scale: 6,
        price_step: 5,
        qty_step: 10,
        min_qty: 15,
        min_notional: 0,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
    }
}

pub(in crate::market) fn recorded(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(file)
}

/// A file in the layout of quotes, one row for each time.
pub(in crate::market) fn quotes(times: &[u64]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "ts_ns,bid,ask,bid_size,ask_size").unwrap();
    times.iter().for_each(|ts| writeln!(file, "{ts},1.00,1.05,1,1").unwrap());
    file
}

pub(in crate::market) fn replay(instrument: Instrument, files: Vec<PathBuf>) -> ReplayPlan {
    ReplayPlan {
        files,
        instrument,
        bar_secs: 60,
        looped: false,
        on_broken_row: OnBrokenRow::Stop,
        float_noise: FloatNoise::Round,
        time_unit: TimeUnit::Ns,
        starts_at: None,
    }
}

fn feed(name: &str, replay: ReplayPlan, stale_after_ms: u64) -> FeedPlan {
    FeedPlan { name: name.to_owned(), kind: FeedKind::Replay(replay), stale_after_ms }
}

/// `seq:time:instrument:kind` of each event.
fn told(market: Market) -> Vec<String> {
    let tell = |event: Result<Event, FeedError>| {
        let event = match event {
            Ok(event) => event,
            Err(error) => return format!("error: {error}"),
        };
        let kind = match event {
            Event::Quote(_) => "quote".to_owned(),
            Event::Trade(_) => "trade".to_owned(),
            Event::Bar(_) => "bar".to_owned(),
            Event::Feed(status) => format!("{:?}", status.state),
        };
        let at = event.at();
        format!("{}:{}:{}:{kind}", at.seq, at.ts_event, at.instrument)
    };
    market.map(tell).collect()
}

#[test]
fn every_recorded_row_comes_once_in_order_with_a_seq_without_gap() {
    let files = ["quotes", "trades"]
        .map(|kind| recorded(&format!("binance-btcusdt-{kind}-2021-01-08.csv")));
    let plan = || vec![feed("btc", replay(instrument(0), files.to_vec()), 60_000)];
    let mut market = Market::open(plan()).unwrap();
    let events: Vec<_> = market.by_ref().map(Result::unwrap).collect();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.at().seq == seq));
    assert!(events.windows(2).all(|w| w[0].at().ts_event <= w[1].at().ts_event));
    let quotes = events.iter().filter(|e| matches!(e, Event::Quote(_))).count();
    let trade = |e: &Event| match e {
        Event::Trade(trade) => Some(*trade),
        _ => None,
    };
    let trades: Vec<_> = events.iter().filter_map(trade).collect();
    assert_eq!((quotes, trades.len(), events.len()), (451, 2_001, 451 + 2_001 + 2));
    assert!(trades.windows(2).all(|w| w[0].trade_id < w[1].trade_id), "none doubled or lost");
    assert_eq!((trades[0].price, trades[0].size), (3_943_248, 263));
    assert_eq!(trades[2].size, 311, "0.00031099999999999997 is 0.000311");
    let report = market.reports().remove(0);
    assert_eq!((report.events, report.skipped, report.state), (2_452, 0, FeedState::Down));
    let again: Vec<_> = Market::open(plan()).unwrap().map(Result::unwrap).collect();
    assert_eq!(events, again, "the same plan gives the same stream");
}

#[test]
fn every_recording_that_ships_is_sound() {
    let scaled = |price_scale, size_scale| Instrument { price_scale, size_scale, ..instrument(0) };
    let table = [
        ("binance-xrpeth-trades-2019-10.csv", scaled(8, 8), 3_000, 0),
        ("btc-perp-bars-1m-2022-01.csv", scaled(2, 11), 1_000, 0),
        ("truefx-usdjpy-quotes-2013-01-01.csv", scaled(3, 0), 300, 0),
    ];
    for (file, instrument, rows, rounded) in table {
        let plan = replay(instrument, vec![recorded(file)]);
        let mut market = Market::open(vec![feed("f", plan, u64::MAX)]).unwrap();
        assert!(market.by_ref().all(|event| event.is_ok()), "{file}");
        let report = market.reports().remove(0);
        assert_eq!((report.events, report.rounded), (rows, rounded), "{file}");
    }
}

#[test]
fn at_equal_times_the_feed_and_the_file_listed_first_go_first() {
    let (a, b, c) = (quotes(&[1, 3]), quotes(&[1, 2, 3]), quotes(&[1, 3]));
    let path = |file: &tempfile::NamedTempFile| file.path().to_owned();
    let two = replay(instrument(7), vec![path(&b), path(&c)]);
    let market = Market::open(vec![
        feed("two", two, 99),
        feed("one", replay(instrument(1), vec![path(&a)]), 99),
    ]);
    assert_eq!(
        told(market.unwrap()),
        [
            "1:1:7:Live",
            "2:1:7:quote",
            "3:1:7:quote",
            "4:1:1:Live",
            "5:1:1:quote",
            "6:2:7:quote",
            "7:3:7:quote",
            "8:3:7:quote",
            "9:3:7:Down",
            "10:3:1:quote",
            "11:3:1:Down",
        ]
    );
}

#[test]
fn a_silence_in_the_recording_is_told_in_event_time_between_the_other_feeds_events() {
    let (a, b) =
        (quotes(&[1_000_000, 9_000_000]), quotes(&[1_000_000, 3_000_000, 5_000_000, 7_000_000]));
    let plan =
        |id, file: &tempfile::NamedTempFile| replay(instrument(id), vec![file.path().to_owned()]);
    let market = Market::open(vec![feed("a", plan(1, &a), 3), feed("b", plan(2, &b), 3)]).unwrap();
    assert_eq!(
        told(market),
        [
            "1:1000000:1:Live",
            "2:1000000:1:quote",
            "3:1000000:2:Live",
            "4:1000000:2:quote",
            "5:3000000:2:quote",
            "6:4000000:1:Stale",
            "7:5000000:2:quote",
            "8:7000000:2:quote",
            "9:7000000:2:Down",
            "10:9000000:1:Live",
            "11:9000000:1:quote",
            "12:9000000:1:Down",
        ]
    );
}

#[test]
fn a_feed_that_breaks_says_why_goes_down_and_leaves_the_others_alone() {
    let (mut a, b) = (quotes(&[1, 2]), quotes(&[1, 5]));
    writeln!(a, "3,x,1,1,1\n4,1,1,1,1").unwrap();
    let plan =
        |id, file: &tempfile::NamedTempFile| replay(instrument(id), vec![file.path().to_owned()]);
    let feeds = vec![feed("a", plan(1, &a), 99), feed("b", plan(2, &b), 99)];
    let events = told(Market::open(feeds).unwrap());
    let (errors, events): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|e| e.starts_with("error"));
    assert!(errors.len() == 1 && errors[0].contains(":4:3: not a plain decimal"), "{errors:?}");
    assert_eq!(events.last().map(String::as_str), Some("8:5:2:Down"));
    assert!(events.contains(&"6:2:1:Down".to_owned()), "{events:?}");
}

#[test]
fn a_skipped_row_is_counted_and_kept_for_the_report() {
    let mut file = quotes(&[1]);
    writeln!(file, "x\n2,1,1,1,1\n1,1,1,1,1\n3,1,1,1,1").unwrap();
    let mut plan = replay(instrument(0), vec![file.path().to_owned()]);
    plan.on_broken_row = OnBrokenRow::Skip;
    let mut market = Market::open(vec![feed("f", plan, 99)]).unwrap();
    assert!(market.by_ref().all(|event| event.is_ok()));
    let report = market.reports().remove(0);
    assert_eq!((report.events, report.skipped), (3, 2));
    let lines: Vec<_> = report.first_skipped.iter().map(|row| row.line).collect();
    assert_eq!(lines, [3, 5]);
}

#[test]
fn a_file_that_is_not_there_is_named_at_the_start() {
    let plan = replay(instrument(0), vec!["/nowhere/x.csv".into()]);
    let error = Market::open(vec![feed("f", plan, 99)]).err().unwrap().to_string();
    assert_eq!(error, "cannot open the market data /nowhere/x.csv; check the path under `feeds:`");
    assert!(Market::open(vec![feed("f", replay(instrument(0), vec![]), 99)]).is_err());
    assert!(Market::open(Vec::new()).unwrap().next().is_none());
}

#[test]
fn a_synthetic_feed_runs_beside_a_replay_and_tells_all_its_instruments() {
    let synthetic = SyntheticPlan {
        instruments: vec![instrument(4), instrument(5)],
        ticks_per_s: 1_000,
        seed: 1,
        count: Some(100),
        starts_at: 0,
    };
    let kind = FeedKind::Synthetic(synthetic);
    let file = quotes(&[50_000_000]);
    let feeds = vec![
        FeedPlan { name: "s".to_owned(), kind, stale_after_ms: 1_000 },
        feed("r", replay(instrument(1), vec![file.path().to_owned()]), 99),
    ];
    let events: Vec<_> = Market::open(feeds).unwrap().map(Result::unwrap).collect();
    assert_eq!(events.len(), 100 + 4 + 1 + 2);
    assert!(events.iter().zip(1..).all(|(event, seq)| event.at().seq == seq));
    assert!(events.windows(2).all(|w| w[0].at().ts_event <= w[1].at().ts_event));
}

#[test]
fn a_feed_alone_gives_the_stream_it_gives_beside_one_that_says_nothing() {
    let files = ["quotes", "trades"]
        .map(|kind| recorded(&format!("binance-btcusdt-{kind}-2021-01-08.csv")))
        .to_vec();
    let talker = || feed("btc", replay(instrument(0), files.clone()), 100);
    let empty = quotes(&[]);
    let mute = feed("mute", replay(instrument(1), vec![empty.path().to_owned()]), 100);
    let alone = told(Market::open(vec![talker()]).unwrap());
    assert!(alone.iter().any(|event| event.ends_with("Stale")), "the recording has silences");
    assert_eq!(alone, told(Market::open(vec![talker(), mute]).unwrap()));
}

#[test]
fn a_replay_of_bars_is_not_stale_between_two_bars_and_is_behind_a_missing_one() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "open_time_ns,open,high,low,close,volume").unwrap();
    // The bars of the first three minutes, and that of the seventh.
    for minute in [0, 1, 2, 6] {
        writeln!(file, "{},1.00,1.00,1.00,1.00,1", minute * 60 * NS_PER_S).unwrap();
    }
    let plan = replay(instrument(0), vec![file.path().to_owned()]);
    let market = Market::open(vec![feed("bars", plan, 5_000)]).unwrap();
    let states: Vec<_> = told(market).into_iter().filter(|of| !of.ends_with("bar")).collect();
    let want = [
        "1:60000000000:0:Live",
        "5:300000000000:0:Stale",
        "6:420000000000:0:Live",
        "8:420000000000:0:Down",
    ];
    assert_eq!(states, want);
}
