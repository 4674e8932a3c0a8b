//! Days, restarts, and what a stop takes back.

use proptest::prelude::*;
use wickd_model::{Deny, LossStops, OrderEvent, Risk, Status};

use super::super::super::gate::{Call, check};
use super::super::super::samples::{book, fill, instrument, joint, limit, quote};
use super::super::super::stops::Stop;
use super::super::Staged;
use super::*;

const DAILY: LossStops =
    LossStops { loss_max: None, drawdown_max: None, loss_day_max: Some(1_000) };

fn filled(book: &mut Book, side: Side, price: i64, size: i64) {
    let intent = book.stage(&limit(side, price, size), 5, 5, 1);
    book.commit(|_| {});
    let event = fill(intent, side, price, size, size);
    book.apply(&OrderEvent { status: Status::Filled, fee: 0, ..event });
}

/// A restart: the same fills again, and what was written when the day began.
fn again(risk: Risk, fills: &[(Side, i64, i64)], day: Option<(u64, i64)>) -> Book {
    let mut book = Book::new(1, &[instrument(0)], risk, 0);
    fills.iter().for_each(|(side, price, size)| filled(&mut book, *side, *price, *size));
    book.begin();
    if let Some((day, worth)) = day {
        book.restore_day(day, &[(0, worth)]);
    }
    book
}

#[test]
fn a_day_is_written_down_once_it_has_begun_and_only_where_a_stop_counts_days() {
    for (losses, counts) in [(DAILY, true), (LossStops::default(), false)] {
        let mut book = book(Risk { losses, ..Risk::default() });
        assert_eq!((book.has_news(), book.take_day()), (false, None), "no day was said yet");
        book.day_begins(7);
        assert_eq!(book.take_day(), counts.then(|| (7, vec![(0, 0)])));
        assert_eq!((book.has_news(), book.take_day()), (false, None));
        filled(&mut book, Side::Buy, 100_050, 10);
        book.on_market(&quote(2, 2, 100_010, 100_110, 1));
        book.day_begins(7);
        assert_eq!(book.take_day(), None);
        book.day_begins(9);
        assert_eq!(book.take_day(), counts.then(|| (9, vec![(0, 100)])));
    }
}

#[test]
fn a_restart_on_the_same_day_does_not_forget_what_was_lost() {
    let risk = Risk { losses: DAILY, ..Risk::default() };
    // Bought at 1,000.50 and sold at 991.00: 95,000 below.
    let flat = [(Side::Buy, 100_050, 100), (Side::Sell, 99_100, 100)];
    let mut book = again(risk, &flat, Some((7, 0)));
    book.day_begins(7);
    assert_eq!((book.latch(), book.take_day()), (Some(Deny::DailyLoss), None));
    assert_eq!(book.take_stop().map(|of| (of.stop, of.lost)), Some((Stop::Day, 95_000)));
    let mut tomorrow = again(risk, &flat, Some((7, 0)));
    tomorrow.day_begins(8);
    assert_eq!((tomorrow.latch(), tomorrow.take_stop()), (None, None));
    assert_eq!(tomorrow.take_day(), Some((8, vec![(0, -95_000)])));
    // With a position there is no worth before a price; and a lasting stop counts from the restart.
    let mut held = again(risk, &flat[..1], Some((7, 0)));
    held.day_begins(7);
    assert_eq!(held.latch(), None);
    held.on_market(&quote(1, 1, 99_050, 99_150, 1));
    assert_eq!((held.latch(), held.take_day()), (Some(Deny::DailyLoss), None));
    let lasting =
        LossStops { loss_max: Some(1_000), drawdown_max: Some(1_000), loss_day_max: None };
    let mut held = again(Risk { losses: lasting, ..Risk::default() }, &flat[..1], Some((7, 0)));
    held.day_begins(7);
    held.on_market(&quote(1, 1, 99_050, 99_150, 1));
    assert_eq!(held.latch(), None);
}

#[test]
fn an_account_counts_what_its_slots_lost_today_before_the_restart() {
    let flat = [(Side::Buy, 100_050, 100), (Side::Sell, 99_100, 100)];
    for (day, lost) in [(7, Some(190_000)), (8, None)] {
        let joint = joint(DAILY, 2);
        let books = [0, 1].map(|cell| {
            let mut book = again(Risk::default(), &flat, Some((7, 0)));
            book.join(joint.clone(), cell, |_| true);
            book
        });
        joint.day_begins(day);
        for mut book in books {
            book.day_begins(day);
        }
        assert_eq!(joint.judge(day).map(|stop| stop.reached.lost), lost);
    }
}

#[test]
fn a_hedge_over_two_slots_loses_nothing_and_one_leg_alone_does() {
    let losses = LossStops { drawdown_max: Some(1_000), ..LossStops::default() };
    for (hedged, stop) in [(true, None), (false, Some(Stop::Drawdown))] {
        let joint = joint(losses, 2);
        let mut legs = [Side::Buy, Side::Sell].map(|side| {
            let mut book = book(Risk::default());
            if hedged || side == Side::Buy {
                filled(&mut book, side, 100_050, 100);
            }
            book
        });
        for (cell, leg) in legs.iter_mut().enumerate() {
            leg.join(joint.clone(), cell, |_| true);
        }
        for bid in [100_000, 90_000, 120_000, 80_000] {
            legs.iter_mut().for_each(|leg| leg.on_market(&quote(2, 2, bid, bid + 100, 1)));
            joint.judge(1);
        }
        assert_eq!(joint.stop(1), stop, "hedged: {hedged}");
    }
}

/// What happens to a slot.
#[derive(Clone, Copy, Debug)]
enum Step {
    Rest(Side, i64),
    Fill(usize),
    Cancel(usize),
    Price(i64),
    Day,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let step = prop_oneof![
        4 => (side(), 2i64..9).prop_map(|(side, size)| Step::Rest(side, size * 10)),
        2 => (0usize..6).prop_map(Step::Fill),
        1 => (0usize..6).prop_map(Step::Cancel),
        4 => (-9i64..9).prop_map(|steps| Step::Price(100_000 + steps * 100)),
        1 => Just(Step::Day),
    ];
    prop::collection::vec(step, 1..60)
}

/// What could still fill of each side, an order that is being cancelled not counted.
fn resting(book: &Book, side: Side) -> i64 {
    let open = book.open_orders().iter().filter(|open| !open.cancelling);
    open.filter(|open| open.order.request.side == side).map(|open| open.remaining()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A slot lives through days: once a stop is reached nothing that rests could bring its position
    /// further from zero or past it, nothing that could is let in, and what reduces stays.
    #[test]
    fn a_stopped_slot_only_comes_nearer_to_zero(steps in steps(), loss_day_max in 1_000i64..60_000) {
        let losses = LossStops { loss_day_max: Some(loss_day_max), ..LossStops::default() };
        let mut book = book(Risk { losses, price_band_bps: 10_000, ..Risk::default() });
        let (mut day, mut now) = (1, 0);
        book.day_begins(day);
        for step in steps {
            now += 1_000_000_000;
            let held = book.position(0).size;
            match step {
                Step::Rest(side, size) => {
                    let price = if side == Side::Buy { 98_000 } else { 102_500 };
                    let request = limit(side, price, size);
                    let call = Call { now, intents_max: 16, muted: false };
                    let checked = check(&request, &book, call);
                    if book.latch().is_some() {
                        let reduces = held != 0 && held.signum() != side.sign();
                        let fits = reduces && i128::from(size) <= -i128::from(side.sign()) * book.worst(0, side);
                        prop_assert!(fits || checked == Err(Deny::DailyLoss), "{checked:?}");
                        prop_assert!(!fits || checked.is_ok(), "{checked:?}");
                    }
                    if checked.is_ok() {
                        book.stage(&request, now, 1, 1);
                        book.commit(|_| {});
                    }
                }
                Step::Fill(place) => {
                    let open: Vec<_> = book.open_orders().iter().filter(|open| !open.cancelling).collect();
                    if let Some(open) = open.get(place) {
                        let (id, request) = (open.order.id, open.order.request);
                        let event = fill(id.intent, request.side, request.price, request.size, request.size);
                        book.apply(&OrderEvent { status: Status::Filled, ..event });
                        if book.latch().is_some() && !book.has_news() {
                            prop_assert!(book.position(0).size.abs() <= held.abs());
                        }
                    }
                }
                Step::Cancel(place) => {
                    if let Some(id) = book.open_orders().get(place).map(|open| open.order.id) {
                        book.stage_cancel(id.intent, Reason::Requested, now);
                        book.commit(|_| {});
                    }
                }
                Step::Price(bid) => book.on_market(&quote(2, now, bid, bid + 100, 1)),
                Step::Day => {
                    day += 1;
                    book.day_begins(day);
                    prop_assert_eq!(book.latch(), None);
                }
            }
            if book.take_stop().is_some() {
                let before: Vec<_> = book.open_orders().to_vec();
                book.stage_cancel_increasing(Reason::Host, None);
                let mut taken = Vec::new();
                book.commit(|staged| taken.push(staged));
                let size = book.position(0).size;
                for side in [Side::Buy, Side::Sell] {
                    let room = (-side.sign() * size).max(0);
                    prop_assert!(resting(&book, side) <= room);
                    let rests = |open: &&super::super::OpenOrder| {
                        open.order.request.side == side && !open.cancelling
                    };
                    let first = before.iter().find(rests);
                    if let Some(open) = first.filter(|open| open.remaining() <= room) {
                        let now = book.open_order(open.order.id.intent);
                        prop_assert_eq!(now.map(|now| now.cancelling), Some(false), "it reduces");
                    }
                }
                let by_host = |staged: &Staged| matches!(staged, Staged::Cancel(_, Reason::Host));
                prop_assert!(taken.iter().all(by_host));
                book.stage_cancel_increasing(Reason::Host, None);
                prop_assert_eq!(book.staged_len(), 0, "each is taken back once");
            }
        }
    }
}
