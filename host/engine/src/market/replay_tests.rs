//! Claims about laps and shifted time.

use std::path::Path;

use super::*;
use crate::market::feed::tests::{instrument, quotes, recorded, replay};

fn times(plan: ReplayPlan, most: usize) -> Vec<u64> {
    let mut replay = Replay::open("f", plan).unwrap();
    let next = || replay.next().unwrap().map(|event| event.at().ts_event);
    std::iter::from_fn(next).take(most).collect()
}

fn plan(files: &[&Path]) -> ReplayPlan {
    replay(instrument(0), files.iter().map(|path| (*path).to_owned()).collect())
}

#[test]
fn a_lap_follows_the_lap_before_and_keeps_its_gaps_over_all_files() {
    let (a, b) = (quotes(&[10, 40]), quotes(&[20, 70]));
    let looped = ReplayPlan { looped: true, ..plan(&[a.path(), b.path()]) };
    let lap = 60 + LAP_GAP_NS;
    let want = [10, 20, 40, 70, 10 + lap, 20 + lap, 40 + lap, 70 + lap, 10 + 2 * lap];
    assert_eq!(times(looped, 9), want);
}

#[test]
fn a_shifted_start_moves_every_event_alike_and_laps_go_on_from_there() {
    let file = quotes(&[1_000, 1_500]);
    for start in [0, 77, 5_000_000_000_000] {
        let shifted = ReplayPlan { starts_at: Some(start), looped: true, ..plan(&[file.path()]) };
        let lap = start + 500 + LAP_GAP_NS;
        assert_eq!(times(shifted, 4), [start, start + 500, lap, lap + 500]);
    }
}

#[test]
fn a_bar_moves_with_its_open_time() {
    let file = recorded("btc-perp-bars-1m-2022-01.csv");
    let mut shifted = plan(&[&file]);
    (shifted.instrument.price_scale, shifted.instrument.size_scale) = (2, 11);
    shifted.starts_at = Some(60_000_000_000);
    let mut replay = Replay::open("f", shifted).unwrap();
    let Some(Event::Bar(bar)) = replay.next().unwrap() else { panic!("no bar") };
    assert_eq!(
        (bar.open_time, bar.at.ts_event, bar.at.ts_init),
        (0, 60_000_000_000, 60_000_000_000)
    );
}

#[test]
fn a_loop_over_nothing_ends() {
    let file = quotes(&[]);
    assert!(times(ReplayPlan { looped: true, ..plan(&[file.path()]) }, 9).is_empty());
}

#[test]
fn time_that_would_leave_its_range_is_an_error_that_names_the_feed() {
    let file = quotes(&[0, u64::MAX]);
    let looped = ReplayPlan { looped: true, ..plan(&[file.path()]) };
    let mut replay = Replay::open("f", looped).unwrap();
    let outcomes: Vec<_> = (0..3).map(|_| replay.next()).collect();
    assert!(outcomes[..2].iter().all(Result::is_ok));
    let told = outcomes[2].as_ref().err().map(ToString::to_string).unwrap_or_default();
    assert!(told.starts_with("feed f: its times leave"), "{told}");
}
