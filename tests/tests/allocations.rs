//! The tick path allocates nothing once it is warm: counted, not believed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use wickd_engine::Admission;
use wickd_engine::rig::{Rig, prepare};
use wickd_model::{Event, Limits, Quote, Stamp};
use wickd_tests::{btc_usdt, component, runtime};

#[global_allocator]
static COUNTED: dhat::Alloc = dhat::Alloc;

const WARM_UP_TICKS: u64 = 40_000;
const TICKS: u64 = 100_000;

fn quote(seq: u64) -> Event {
    let ts = seq * 10_000;
    let at = Stamp { instrument: 0, seq, ts_event: ts, ts_init: ts };
    let mid = 3_943_300 + (seq % 200) as i64;
    let (bid, ask) = (mid - 30, mid + 30);
    Event::Quote(Quote { at, bid, ask, bid_qty: 1_000_000, ask_qty: 1_000_000 })
}

#[test]
fn a_hundred_thousand_quiet_ticks_allocate_nothing() {
    let state = tempfile::tempdir().unwrap();
    let instruments = [btc_usdt()];
    let runtime = runtime();
    let admission = Admission::alone(runtime.clone(), Limits::default(), None);
    let (plugin, _) = admission.admit(&component("bench-twenty"), 0).unwrap();
    let mut rig = Rig::holding(state.path(), &instruments, 2, 1_000).unwrap();
    for key in 1..=2 {
        rig.seat(key, prepare(runtime, &plugin, &instruments, 1).unwrap());
    }
    (1..=WARM_UP_TICKS).for_each(|seq| rig.tick(&quote(seq)));
    let _counting = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get();
    (WARM_UP_TICKS + 1..=WARM_UP_TICKS + TICKS).for_each(|seq| rig.tick(&quote(seq)));
    let after = dhat::HeapStats::get();
    assert_eq!(after.total_blocks - before.total_blocks, 0, "blocks allocated on the tick path");
    // The counter itself must count, or the line above proves nothing.
    drop(std::hint::black_box(vec![1u8; 64]));
    assert_eq!(dhat::HeapStats::get().total_blocks - after.total_blocks, 1);
}
