//! The tracker against a venue that loses, doubles, delays, reorders and forgets what it says.

use proptest::prelude::*;
use wickd_sandbox::exchange::nouns::{self, OrderStatus, Rejection};

use super::order::trade_number;
use super::*;
use crate::orders::samples::instrument;
use model::*;

mod model;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn whatever_is_lost_doubled_or_late_the_slot_ends_with_the_venues_truth(
        orders in 1usize..4,
        faults in prop::collection::vec(faults(), 0..16),
        steps in steps(),
    ) {
        let mut run = Run::new(orders, faults);
        run.act();
        steps.iter().for_each(|step| run.step(step));
        run.rest();
        run.agrees()?;
    }

    #[test]
    fn reads_that_lag_and_forget_orders_end_no_order_that_rests(
        orders in 1usize..4,
        faults in prop::collection::vec(faults(), 0..16),
        steps in steps(),
        lags_ms in prop::collection::vec(0u64..LAG_MS, 1..8),
        forgets in prop::collection::vec(prop::bool::weighted(1.0 / 8.0), 4),
    ) {
        let mut run = Run::new(orders, faults);
        run.model.lags_ms = lags_ms;
        let forgotten = run.orders.iter().zip(forgets).filter(|(_, forgets)| *forgets);
        run.model.forgotten = forgotten.map(|(order, _)| text(order.id)).collect();
        run.act();
        steps.iter().for_each(|step| run.step(step));
        run.rest();
        run.agrees()?;
    }
}

#[test]
fn an_order_that_was_confirmed_is_not_ended_by_a_venue_that_knows_it_no_more() {
    let mut run = Run::new(1, Vec::new());
    run.act();
    // It rests, as the stream has said; then every read is without it.
    run.step(&Step::Tell(0, 1));
    let known = std::mem::take(&mut run.model.orders);
    for _ in 0..200 {
        run.now += 1_000 * MS;
        run.act();
    }
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Unknown));
    assert!(run.tracker.troubles.iter().all(|(_, trouble)| *trouble == Trouble::Missing));
    assert!((2..40).contains(&run.tracker.troubles.len()), "asked ever more seldom, and told");
    // What became of it is told as soon as the venue says so.
    run.model.orders = known;
    run.rest();
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Open));
}

#[test]
fn a_cancel_that_is_refused_while_the_order_rests_is_told_and_sent_until_it_is_taken() {
    let no = || {
        Outcome::Failure(Failure::Rejected(Rejection {
            code: "170222".to_owned(),
            message: "too many requests in this time frame".to_owned(),
            reason: nouns::OrderReason::None,
        }))
    };
    let refusals = [no(), Outcome::Lost, Outcome::Failure(Failure::Unavailable(String::new()))];
    for refusal in refusals {
        let mut run = Run::new(1, Vec::new());
        run.act();
        let (id, name) = (run.orders[0].id, text(run.orders[0].id));
        run.tracker.cancel(id, Reason::Requested, run.now);
        let (mut sent, mut at) = (0u64, Vec::new());
        for _ in 0..1_000 {
            run.now += 100 * MS;
            let mut due = Vec::new();
            run.tracker.due(run.now, &mut due);
            for (id, operation) in due {
                let is_cancel = matches!(operation, Operation::Cancel(_));
                if is_cancel {
                    (sent, at) = (sent + 1, [at, vec![run.now]].concat());
                }
                let outcome = match is_cancel && sent <= 8 {
                    true => refusal.clone(),
                    false => run.model.carry_out(&operation, true, run.now),
                };
                run.tracker.settle(id, &operation, outcome, run.now, &mut run.heard);
            }
        }
        assert_eq!(run.model.orders[&name].status, OrderStatus::Cancelled, "{sent} were sent");
        assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Cancelled));
        assert_eq!(run.tracker.len(), 0);
        let waits: Vec<_> = at.windows(2).map(|two| (two[1] - two[0]) / MS).collect();
        assert!(waits.is_sorted() && waits[6] >= 10_000, "it waits longer each time: {waits:?}");
        let told = run.tracker.troubles.len();
        assert_eq!(told, if matches!(refusal, Outcome::Lost) { 0 } else { 8 });
    }
}

#[test]
fn more_than_was_asked_for_is_an_overfill_and_the_order_ends() {
    let mut run = Run::new(1, Vec::new());
    run.act();
    let name = text(run.orders[0].id);
    let held = run.model.orders.get_mut(&name).unwrap();
    (held.fills, held.status) = (vec![4, 500], OrderStatus::Filled);
    run.step(&Step::TellFills(1));
    run.step(&Step::Tell(0, 1));
    let over = run.tracker.troubles.iter().filter(|(_, of)| *of == Trouble::Overfilled);
    assert!(over.count() >= 2, "by the fill and by the count");
    let filled: i64 = run.heard.iter().map(|event| event.last_size).sum();
    assert!(filled <= 10);
}

#[test]
fn an_order_whose_answer_is_lost_is_unknown_until_the_venue_says_what_it_has() {
    let mut run = Run::new(1, vec![Fault::LostAfter]);
    run.act();
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Unknown));
    run.act();
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Open));
}

#[test]
fn an_order_that_never_arrived_is_given_up_only_after_its_window_the_lag_and_two_rounds() {
    let mut run = Run::new(1, vec![Fault::LostBefore]);
    for _ in 0..10 {
        run.act();
        assert_ne!(run.heard.last().map(|event| event.status), Some(Status::Rejected));
        run.now += SETTLE_MS * MS / 10 - 1;
    }
    // The window has closed, and reads may lag still.
    for _ in 0..LAG_MS / 1_000 {
        run.act();
        assert_ne!(run.heard.last().map(|event| event.status), Some(Status::Rejected));
        run.now += 1_000 * MS;
    }
    (0..40).for_each(|_| {
        run.now += 500 * MS;
        run.act();
    });
    assert_eq!(run.heard.last().map(|event| event.status), Some(Status::Rejected));
    assert!(run.model.taken.is_empty());
}

#[test]
fn what_was_surely_not_processed_is_sent_again_under_the_same_id_and_not_for_ever() {
    let mut run = Run::new(1, vec![Fault::Unavailable]);
    run.act();
    run.now += 1_000 * MS;
    run.act();
    assert_eq!(run.model.taken.get("w1x1"), Some(&1));
    let mut run = Run::new(1, vec![Fault::Unsent; 16]);
    for _ in 0..16 {
        run.act();
        run.now += 1_000 * MS;
    }
    let last = run.heard.last().unwrap();
    assert_eq!((last.status, last.reason), (Status::Rejected, Reason::Host));
    assert_eq!(run.tracker.len(), 0);
}

#[test]
fn text_ids_of_fills_have_stable_numbers() {
    assert_eq!(trade_number("42"), 42);
    assert_eq!(trade_number(""), 0xcbf2_9ce4_8422_2325);
    assert_eq!(trade_number("a"), 0xaf63_dc4c_8601_ec8c);
}

#[test]
fn reduce_only_is_passed_on_where_one_slot_alone_trades_a_derivative() {
    for (product, sole, want) in [
        (Product::Perpetual, true, true),
        (Product::Perpetual, false, false),
        (Product::Spot, true, false),
        (Product::Spot, false, false),
    ] {
        let instrument = Instrument { product, ..instrument(0) };
        let mut tracker = Tracker::new(vec![instrument], &[sole], Windows::new(SETTLE_MS, LAG_MS));
        let mut order = order(1, 10);
        order.request.reduce_only = true;
        tracker.send(order, text(order.id), 0);
        let mut due = Vec::new();
        tracker.due(0, &mut due);
        let Some((_, Operation::Create(new))) = due.pop() else { panic!("it is not sent") };
        assert_eq!(new.reduce_only, want, "{product:?}, alone: {sole}");
    }
}

#[test]
fn a_venue_that_says_it_was_asked_for_means_whoever_asked() {
    for (asked, want) in [
        (Some(Reason::Host), Reason::Host),
        (Some(Reason::Requested), Reason::Requested),
        // Somebody else with the same account.
        (None, Reason::Requested),
    ] {
        let mut run = Run::new(1, Vec::new());
        run.act();
        let order = run.orders[0];
        if let Some(asked) = asked {
            run.tracker.cancel(order.id, asked, run.now);
        }
        let report = Model::report(&run.model.orders, &text(order.id)).unwrap();
        let (status, reason) = (OrderStatus::Cancelled, nouns::OrderReason::Requested);
        let report = OrderReport { status, reason, ..report };
        run.tracker.report(&report, run.now, &mut run.heard);
        assert_eq!(run.heard.last().map(|event| event.reason), Some(want));
    }
}
