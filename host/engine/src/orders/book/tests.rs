//! The book against a naive recomputation, and against events that come twice, late or never.

use proptest::prelude::*;
use wickd_model::{Aggressor, Kind, LossStops, Status, Tif};

use super::super::samples::{bar, book, fill, instrument, limit, quote, trade};
use super::*;

const HUGE: i64 = i64::MAX;

fn staged(book: &mut Book, side: Side, size: i64) -> IntentId {
    let intent = book.stage(&limit(side, 100_000, size), 5, 5, 1);
    book.commit(|_| {});
    intent
}

#[test]
fn a_failed_call_leaves_nothing_but_spent_numbers() {
    let mut book = book(Risk::default());
    let resting = staged(&mut book, Side::Buy, 100);
    let before = (book.open_orders().to_vec(), book.worst(0, Side::Buy));
    book.stage(&limit(Side::Buy, 100_000, 40), 6, 6, 1);
    book.stage_cancel(resting, Reason::Requested, 6);
    book.stage_cancel_all(Reason::Requested);
    assert_eq!((book.worst(0, Side::Buy), book.actions(), book.staged_len()), (140, 2, 3));
    book.discard();
    assert_eq!((book.open_orders().to_vec(), book.worst(0, Side::Buy)), before);
    assert_eq!((book.actions(), book.staged_len(), book.last_intent()), (0, 0, 2));
    book.commit(|staged| panic!("{staged:?} was left"));
}

#[test]
fn a_commit_hands_over_orders_and_cancels_in_the_order_of_the_call() {
    let mut book = book(Risk::default());
    let first = staged(&mut book, Side::Buy, 100);
    book.stage_cancel(first, Reason::Requested, 6);
    let second = book.stage(&limit(Side::Buy, 100_000, 40), 6, 6, 1);
    let mut taken = Vec::new();
    book.commit(|staged| taken.push(staged));
    let id = |intent| ClientId { slot: 1, intent };
    assert_eq!(taken[0], Staged::Cancel(id(first), Reason::Requested));
    assert!(matches!(taken[1], Staged::Order(order) if order.id == id(second)));
    assert_eq!(taken.len(), 2);
}

#[test]
fn the_same_fill_twice_changes_nothing_even_after_the_order_is_done() {
    let mut book = book(Risk::default());
    let intent = staged(&mut book, Side::Buy, 100);
    let part = fill(intent, Side::Buy, 100_000, 40, 40);
    let rest = OrderEvent { status: Status::Filled, ..fill(intent, Side::Buy, 100_100, 60, 100) };
    assert_eq!(book.apply(&rest), Applied::Gap);
    assert_eq!(book.apply(&part), Applied::Changed);
    assert_eq!(book.apply(&part), Applied::Old);
    assert_eq!(book.apply(&rest), Applied::Changed);
    let position = book.position(0);
    assert_eq!((position.size, position.entry, position.fees), (100, 100_060, 6));
    for event in [&part, &rest] {
        assert_eq!(book.apply(event), Applied::Old);
    }
    assert_eq!(book.position(0), position);
    assert!(book.open_orders().is_empty());
    assert_eq!(book.apply(&fill(99, Side::Buy, 1, 1, 1)), Applied::Unknown);
}

#[test]
fn an_old_fill_is_known_by_its_size_when_a_newer_one_came_between() {
    let mut book = book(Risk::default());
    let intent = staged(&mut book, Side::Buy, 100);
    let (one, two) = (fill(intent, Side::Buy, 9, 40, 40), fill(intent, Side::Buy, 9, 20, 60));
    for (event, applied) in [
        (&one, Applied::Changed),
        (&two, Applied::Changed),
        (&one, Applied::Old),
        (&two, Applied::Old),
    ] {
        assert_eq!(book.apply(event), applied);
    }
    // The same id is the same fill, whatever else the venue says of it now.
    let again = OrderEvent { trade_id: two.trade_id, ..fill(intent, Side::Buy, 9, 20, 80) };
    assert_eq!(book.apply(&again), Applied::Old);
    assert_eq!(book.position(0).size, 60);
}

#[test]
fn an_order_is_cancelled_once_and_a_failed_call_lets_it_be_cancelled_again() {
    let mut book = book(Risk::default());
    staged(&mut book, Side::Buy, 100);
    assert_eq!(book.stage_cancel_all(Reason::Host), 1);
    assert_eq!(book.stage_cancel_all(Reason::Host), 0);
    book.discard();
    assert_eq!(book.stage_cancel_all(Reason::Host), 1);
    book.commit(|_| {});
    assert_eq!(book.stage_cancel_all(Reason::Host), 0);
}

#[test]
fn an_order_whose_end_came_before_its_fills_waits_for_them() {
    let mut book = book(Risk::default());
    let intent = staged(&mut book, Side::Buy, 100);
    let part = fill(intent, Side::Buy, 100_000, 40, 40);
    let end = OrderEvent { status: Status::Cancelled, last_size: 0, trade_id: 0, ..part };
    assert_eq!(book.apply(&end), Applied::Gap);
    assert_eq!(book.open_orders().len(), 1);
    assert_eq!(book.apply(&part), Applied::Changed);
    assert!(book.open_orders().is_empty());
    assert_eq!(book.position(0).size, 40);
}

#[test]
fn a_bar_is_the_touch_until_a_trade_comes_and_a_trade_until_a_quote() {
    let mut book = Book::new(1, &[instrument(0)], Risk::default(), 0);
    let touch = |book: &Book| book.market(0).map(|(_, touch)| (touch.bid, touch.ask)).unwrap();
    let print = |price| trade(1, 1, price, 10, Aggressor::None);
    for (event, expected) in [
        (bar(1, 1, [5, 9, 4, 7], 10), (7, 7)),
        (bar(2, 2, [7, 8, 7, 8], 10), (8, 8)),
        (print(20), (20, 20)),
        (bar(3, 3, [8, 9, 8, 9], 10), (20, 20)),
        (quote(4, 4, 30, 31, 5), (30, 31)),
        (print(21), (30, 31)),
        (bar(5, 5, [9, 9, 9, 9], 10), (30, 31)),
    ] {
        book.on_market(&event);
        assert_eq!(touch(&book), expected, "{event:?}");
    }
}

#[test]
fn what_is_held_is_worth_the_close_where_only_bars_come() {
    let mut book = Book::new(1, &[instrument(0)], Risk::default(), 0);
    book.on_market(&bar(1, 1, [100_000; 4], 10));
    let intent = staged(&mut book, Side::Buy, 100);
    book.apply(&fill(intent, Side::Buy, 100_000, 100, 100));
    let before = book.equity();
    book.on_market(&bar(2, 2, [100_000, 100_200, 100_000, 100_200], 10));
    assert_eq!(book.equity() - before, 200 * 100);
}

#[test]
fn unknown_is_a_state_of_its_own_and_keeps_the_order_open() {
    let mut book = book(Risk::default());
    let intent = staged(&mut book, Side::Buy, 100);
    let event = |status| OrderEvent {
        status,
        last_size: 0,
        filled: 0,
        trade_id: 0,
        ..fill(intent, Side::Buy, 1, 1, 1)
    };
    assert_eq!(book.apply(&event(Status::Unknown)), Applied::Changed);
    assert_eq!(book.apply(&event(Status::Unknown)), Applied::Old);
    assert_eq!(book.open_order(intent).unwrap().status, Status::Unknown);
    assert_eq!(book.apply(&event(Status::Open)), Applied::Changed);
    assert_eq!(book.apply(&event(Status::Rejected)), Applied::Changed);
    assert_eq!(book.open_order(intent), None);
}

#[test]
fn a_limit_once_reached_stays_reached_until_the_operator_begins_again() {
    let none = LossStops::default();
    for (losses, latch) in [
        (LossStops { loss_max: Some(2_000), ..none }, Deny::LossLimit),
        (LossStops { drawdown_max: Some(2_000), ..none }, Deny::DrawdownLimit),
    ] {
        let mut book = book(Risk { losses, ..Risk::default() });
        let intent = staged(&mut book, Side::Buy, 100);
        book.apply(&fill(intent, Side::Buy, 100_050, 100, 100));
        assert_eq!((book.equity(), book.latch()), (-3, None));
        book.on_market(&quote(2, 2, 99_980, 100_080, 1));
        assert_eq!((book.equity(), book.drawdown(), book.latch()), (-2_003, 2_003, Some(latch)));
        book.on_market(&quote(3, 3, 100_000, 100_100, 1));
        assert_eq!((book.equity(), book.latch()), (-3, Some(latch)));
        book.begin();
        assert_eq!((book.drawdown(), book.latch()), (0, None));
    }
}

#[test]
fn nothing_after_construction_outgrows_what_was_reserved() {
    let mut book = book(Risk { open_orders_max: 8, ..Risk::default() });
    let room = (book.orders.capacity(), book.staged.capacity());
    for _ in 0..8 {
        staged(&mut book, Side::Buy, 100);
    }
    book.stage_cancel_all(Reason::Host);
    assert_eq!((book.orders.capacity(), book.staged.capacity()), room);
}

#[test]
fn the_ends_of_every_integer_are_survived() {
    let mut book = Book::new(1, &[instrument(0)], Risk::default(), 0);
    for (side, price, size) in [
        (Side::Buy, HUGE, HUGE),
        (Side::Buy, HUGE, HUGE),
        (Side::Sell, 1, HUGE),
        (Side::Sell, HUGE, HUGE),
    ] {
        let intent = staged(&mut book, side, HUGE);
        book.apply(&OrderEvent { fee: HUGE, ..fill(intent, side, price, size, size) });
        book.on_market(&quote(2, 2, HUGE, HUGE, HUGE));
        let _ = (book.position(0), book.equity(), book.drawdown(), book.worst(0, side));
    }
    let intent = staged(&mut book, Side::Buy, HUGE);
    for value in [i64::MIN, -1, 0, HUGE] {
        let event = fill(intent, Side::Sell, value, value, value);
        book.apply(&event);
        book.apply(&OrderEvent { status: Status::Filled, ..event });
        book.on_market(&quote(2, 2, value, value, value));
    }
}

proptest! {
    #[test]
    fn position_and_profit_equal_a_naive_recomputation(
        fills in prop::collection::vec((any::<bool>(), 1i64..2_000_000, 1i64..5_000, 0i64..9_000), 0..60),
        bid in 1i64..2_000_000, doubled in any::<u64>(),
    ) {
        let mut book = book(Risk::default());
        let (mut size, mut cash, mut fees) = (0i128, 0i128, 0i128);
        for (turn, (buys, price, amount, fee)) in fills.iter().enumerate() {
            let side = if *buys { Side::Buy } else { Side::Sell };
            let intent = staged(&mut book, side, *amount);
            let status = Status::Filled;
            let event =
                OrderEvent { fee: *fee, status, ..fill(intent, side, *price, *amount, *amount) };
            prop_assert_eq!(book.apply(&event), Applied::Changed);
            if doubled >> (turn % 64) & 1 == 1 {
                prop_assert_eq!(book.apply(&event), Applied::Old);
            }
            size += i128::from(side.sign()) * i128::from(*amount);
            cash -= i128::from(side.sign()) * i128::from(*amount) * i128::from(*price);
            fees += i128::from(*fee);
            let position = book.position(0);
            prop_assert_eq!((i128::from(position.size), i128::from(position.fees)), (size, fees));
            if size == 0 {
                prop_assert_eq!((i128::from(position.realised), position.entry), (cash, 0));
            }
        }
        book.on_market(&quote(9, 9, bid, bid + 10, 1));
        // Price scale 2 and size scale 6 make a raw amount cash; the middle is a whole price here.
        let worth = cash + size * i128::from(bid + 5) - fees;
        prop_assert_eq!(i128::from(book.equity()), worth);
    }

    #[test]
    fn exposure_counts_open_and_staged_orders_of_its_own_side_only(
        sizes in prop::collection::vec((any::<bool>(), 1i64..1_000), 0..12), committed in 0usize..12,
    ) {
        let mut book = book(Risk::default());
        let (mut long, mut short) = (0i128, 0i128);
        for (turn, (buys, size)) in sizes.iter().enumerate() {
            let side = if *buys { Side::Buy } else { Side::Sell };
            let (kind, tif) = (Kind::Limit, Tif::Gtc);
            book.stage(&OrderRequest { kind, tif, ..limit(side, 100_000, *size) }, 1, 1, 1);
            if turn < committed {
                book.commit(|_| {});
            }
            match side {
                Side::Buy => long += i128::from(*size),
                Side::Sell => short -= i128::from(*size),
            }
            prop_assert_eq!((book.worst(0, Side::Buy), book.worst(0, Side::Sell)), (long, short));
        }
    }
}
