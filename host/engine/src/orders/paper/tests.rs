//! The venue case by case, then what must hold over whole made-up days.

use proptest::prelude::*;
use wickd_model::{Aggressor, FeedState, OrderRequest};

use super::super::matching::PPM;
use super::super::samples::{
    a_day, feed, instrument, limit, live, market, order, quote, trade, venue,
};
use super::*;

pub(super) const NOW: TsNs = 1_000_000_000;

pub(super) fn instant() -> PaperConfig {
    PaperConfig { latency_ms: 0, ..PaperConfig::default() }
}

/// A venue without latency whose touch is 1,000.00 / 1,001.00 for 100 each.
fn opened(config: PaperConfig) -> PaperVenue {
    let mut venue = venue(config);
    venue.on_market(&quote(1, NOW, 100_000, 100_100, 100), &mut Vec::new());
    venue
}

fn send(venue: &mut PaperVenue, intent: u64, request: OrderRequest) -> Vec<OrderEvent> {
    venue.submit(&order(intent, request), NOW).unwrap();
    venue.advance(NOW, &mut Vec::new());
    answers(venue)
}

pub(super) fn answers(venue: &mut PaperVenue) -> Vec<OrderEvent> {
    std::iter::from_fn(|| venue.answer(u64::MAX)).collect()
}

pub(super) fn on(venue: &mut PaperVenue, event: Event) -> Vec<OrderEvent> {
    venue.on_market(&event, &mut Vec::new());
    answers(venue)
}

pub(super) fn fills(events: &[OrderEvent]) -> Vec<(i64, i64)> {
    events.iter().filter(|e| e.last_size > 0).map(|e| (e.last_price, e.last_size)).collect()
}

pub(super) fn ends(events: &[OrderEvent]) -> (Status, Reason) {
    events.last().map(|event| (event.status, event.reason)).expect("no answer came")
}

#[test]
fn an_order_arrives_one_latency_later_and_its_answer_another() {
    let mut venue = opened(PaperConfig { latency_ms: 5, ..PaperConfig::default() });
    let (there, back) = (NOW + 5_000_000, NOW + 10_000_000);
    venue.submit(&order(1, market(Side::Buy, 50)), NOW).unwrap();
    assert_eq!(venue.next_due(), Some(there));
    let mut truth = Vec::new();
    venue.advance(there - 1, &mut truth);
    assert_eq!(truth, []);
    // The quote comes at the moment of arrival: the order meets the market before it.
    venue.on_market(&quote(2, there, 200_000, 200_100, 100), &mut truth);
    assert_eq!(truth.len(), 2);
    assert_eq!(venue.next_due(), Some(back));
    assert_eq!(venue.answer(back - 1), None);
    let event = venue.answer(back).unwrap();
    assert_eq!((event.last_price, event.at.ts_event, event.at.ts_init), (100_100, there, back));
    assert_eq!(truth[1], VenueRecord::Event(event));
    assert_eq!(venue.next_due(), None);
}

#[test]
fn a_market_order_takes_the_touch_and_its_rest_waits_or_expires() {
    let mut venue = opened(instant());
    let waits = send(&mut venue, 1, market(Side::Buy, 150));
    assert_eq!((fills(&waits), ends(&waits).0), (vec![(100_100, 100)], Status::PartlyFilled));
    // The same quote again is not new liquidity; a larger one is, by what it grew.
    assert_eq!(on(&mut venue, quote(2, NOW, 100_000, 100_100, 100)), []);
    let more = on(&mut venue, quote(3, NOW, 100_000, 100_100, 120));
    assert_eq!((fills(&more), ends(&more).0), (vec![(100_100, 20)], Status::PartlyFilled));
    let last = on(&mut venue, quote(4, NOW, 100_000, 100_200, 100));
    assert_eq!((fills(&last), ends(&last).0), (vec![(100_200, 30)], Status::Filled));

    let ioc = OrderRequest { tif: Tif::Ioc, ..market(Side::Sell, 150) };
    let ioc = send(&mut venue, 2, ioc);
    assert_eq!(fills(&ioc), [(100_000, 100)]);
    assert_eq!((ends(&ioc), ioc[1].remaining), ((Status::Expired, Reason::Unfilled), 50));
}

#[test]
fn fill_or_kill_is_all_or_nothing() {
    let fok = |size| OrderRequest { tif: Tif::Fok, ..market(Side::Buy, size) };
    let mut venue = opened(instant());
    let killed = send(&mut venue, 1, fok(110));
    assert_eq!((fills(&killed), ends(&killed)), (vec![], (Status::Expired, Reason::Unfilled)));
    assert_eq!(ends(&send(&mut venue, 2, fok(100))).0, Status::Filled);
}

#[test]
fn a_limit_order_takes_what_it_reaches_then_rests_and_fills_as_maker() {
    let mut venue = opened(instant());
    let events = send(&mut venue, 1, limit(Side::Buy, 100_100, 150));
    assert_eq!(fills(&events), [(100_100, 100)]);
    // 100,100 × 100 × 750 ppm is 7,507.5, and × 50 × 200 ppm is 1,001: rounded against the order.
    assert_eq!(events[0].fee, 7_508);
    let events = on(&mut venue, quote(2, NOW, 99_800, 99_900, 500));
    assert_eq!((fills(&events), events[0].fee), (vec![(100_100, 50)], 1_001));
}

#[test]
fn prints_fill_through_the_price_and_at_it_from_the_other_side_only() {
    for (price, aggressor, fills_it) in [
        (100_000, Aggressor::Seller, true),
        (100_000, Aggressor::None, true),
        (100_000, Aggressor::Buyer, false),
        (99_995, Aggressor::Buyer, true),
        (100_005, Aggressor::Seller, false),
    ] {
        let mut venue = opened(instant());
        assert_eq!(ends(&send(&mut venue, 1, limit(Side::Buy, 100_000, 50))).0, Status::Open);
        let events = on(&mut venue, trade(2, NOW, price, 30, aggressor));
        let expected = if fills_it { vec![(100_000, 30)] } else { vec![] };
        assert_eq!(fills(&events), expected, "{price} {aggressor:?}");
    }
}

#[test]
fn the_better_price_then_the_earlier_order_is_served_first() {
    let mut venue = opened(instant());
    for (intent, price) in [(1, 99_990), (2, 100_000), (3, 100_000)] {
        send(&mut venue, intent, limit(Side::Buy, price, 50));
    }
    let events = on(&mut venue, trade(2, NOW, 99_000, 120, Aggressor::Seller));
    let served: Vec<(u64, i64)> = events.iter().map(|e| (e.id.intent, e.last_size)).collect();
    assert_eq!(served, [(2, 50), (3, 50), (1, 20)]);
}

#[test]
fn each_slot_has_the_market_to_itself_unless_all_are_to_share_it() {
    for (kind, second) in [(PaperMarket::Own, 100), (PaperMarket::Shared, 20)] {
        let mut venue = opened(PaperConfig { market: kind, ..instant() });
        let mut filled = Vec::new();
        for (slot, size) in [(1, 80), (2, 100)] {
            let mut order = order(1, market(Side::Buy, size));
            order.id.slot = slot;
            venue.submit(&order, NOW).unwrap();
            venue.advance(NOW, &mut Vec::new());
            filled.push(answers(&mut venue).iter().map(|of| of.last_size).sum::<i64>());
        }
        assert_eq!(filled, [80, second], "{kind:?}");
        // What waits takes from the next print, each from all of it where the market is its own.
        let mut waiting = opened(PaperConfig { market: kind, ..instant() });
        for slot in [1, 2] {
            let mut order = order(1, limit(Side::Buy, 99_900, 50));
            order.id.slot = slot;
            waiting.submit(&order, NOW).unwrap();
        }
        waiting.advance(NOW, &mut Vec::new());
        answers(&mut waiting);
        let print = trade(2, NOW + 1, 99_800, 60, Aggressor::Seller);
        let both: i64 = on(&mut waiting, print).iter().map(|of| of.last_size).sum();
        assert_eq!(both, if kind == PaperMarket::Own { 100 } else { 60 }, "{kind:?}");
    }
}

#[test]
fn only_the_share_of_a_size_is_ours_in_whole_steps() {
    let config = PaperConfig { participation_ppm: 250_000, ..instant() };
    let mut venue = opened(config);
    assert_eq!(fills(&send(&mut venue, 1, market(Side::Buy, 100))), [(100_100, 20)]);
}

#[test]
fn an_instrument_without_quotes_fills_market_orders_at_prints() {
    let mut venue = venue(instant());
    assert_eq!(ends(&send(&mut venue, 1, market(Side::Buy, 50))).0, Status::Open);
    let events = on(&mut venue, trade(1, NOW, 99_000, 200, Aggressor::Buyer));
    assert_eq!(fills(&events), [(99_000, 50)]);
}

#[test]
fn what_breaks_a_rule_is_rejected_whatever_the_gate_said() {
    let post_only = |request| OrderRequest { post_only: true, ..request };
    let reduce_only = OrderRequest { reduce_only: true, ..limit(Side::Sell, 100_100, 50) };
    let elsewhere = OrderRequest { instrument: 7, ..market(Side::Buy, 50) };
    for (request, reason) in [
        (limit(Side::Buy, 100_001, 50), Reason::VenueRule),
        (limit(Side::Buy, -5, 50), Reason::VenueRule),
        (limit(Side::Buy, 100_000, 55), Reason::VenueRule),
        (limit(Side::Buy, 100_000, 10), Reason::VenueRule),
        (limit(Side::Buy, 5, 50), Reason::VenueRule),
        (limit(Side::Buy, 100_000, i64::MAX - 7), Reason::VenueRule),
        (market(Side::Buy, i64::MIN), Reason::VenueRule),
        (post_only(market(Side::Buy, 50)), Reason::VenueRule),
        (reduce_only, Reason::VenueRule),
        (elsewhere, Reason::VenueRule),
        (post_only(limit(Side::Buy, 100_100, 50)), Reason::WouldTake),
    ] {
        let mut venue = opened(instant());
        let events = send(&mut venue, 1, request);
        assert_eq!(ends(&events), (Status::Rejected, reason), "{request:?}");
        assert_eq!((events.len(), venue.resting_len()), (1, 0));
    }
}

#[test]
fn without_borrowing_buys_need_cash_and_sells_need_holdings() {
    // 100 at 100,100 cost 10,010,000 and a fee of 7,508.
    let short = (Status::Rejected, Reason::InsufficientFunds);
    let mut venue = opened(PaperConfig { funds: Some(10_017_507), ..instant() });
    assert_eq!(ends(&send(&mut venue, 1, market(Side::Buy, 100))), short);
    assert_eq!(ends(&send(&mut venue, 2, market(Side::Sell, 20))), short);
    let mut venue = opened(PaperConfig { funds: Some(10_017_508), ..instant() });
    assert_eq!(ends(&send(&mut venue, 1, market(Side::Buy, 100))).0, Status::Filled);
    assert_eq!((venue.account(1, 0).cash, venue.account(1, 0).size), (0, 100));
    assert_eq!(ends(&send(&mut venue, 2, limit(Side::Sell, 100_200, 100))).0, Status::Open);
    // What rests has its holdings set aside.
    assert_eq!(ends(&send(&mut venue, 3, limit(Side::Sell, 100_200, 20))), short);
}

#[test]
fn a_reduce_only_order_ends_where_the_position_does() {
    let mut venue = opened(instant());
    send(&mut venue, 1, market(Side::Buy, 50));
    let reduce = OrderRequest { reduce_only: true, ..limit(Side::Sell, 100_200, 50) };
    assert_eq!(ends(&send(&mut venue, 2, reduce)).0, Status::Open);
    send(&mut venue, 3, market(Side::Sell, 30));
    let print = on(&mut venue, trade(2, NOW, 100_300, 100, Aggressor::Buyer));
    assert_eq!(fills(&print), [(100_200, 20)]);
    assert_eq!((ends(&print), print[1].filled), ((Status::Cancelled, Reason::VenueRule), 20));
    assert_eq!(venue.account(1, 0).size, 0);
}

#[test]
fn injected_rejects_hang_on_the_seed_and_the_order_alone() {
    let rejected = |seed| {
        let config = PaperConfig { reject_ppm: 300_000, seed, ..instant() };
        let mut venue = opened(config);
        let fate = |intent| ends(&send(&mut venue, intent, limit(Side::Buy, 100_000, 20)));
        (1..=200).map(fate).map(|end| end == (Status::Rejected, Reason::VenueFault)).collect()
    };
    let (one, two): (Vec<bool>, Vec<bool>) = (rejected(1), rejected(2));
    assert_ne!(one, two);
    let count = one.iter().filter(|rejected| **rejected).count();
    assert!((40..=80).contains(&count), "{count} of 200 at 30 %");
}

#[test]
fn a_stale_or_lost_feed_fills_nothing() {
    for state in [FeedState::Stale, FeedState::Down] {
        let mut venue = opened(instant());
        send(&mut venue, 1, limit(Side::Buy, 100_000, 50));
        on(&mut venue, feed(2, NOW, state));
        assert_eq!(on(&mut venue, trade(3, NOW, 90_000, 50, Aggressor::Seller)), []);
        assert_eq!(ends(&send(&mut venue, 2, market(Side::Buy, 50))).0, Status::Open);
        on(&mut venue, feed(4, NOW, FeedState::Live));
        assert_eq!(on(&mut venue, quote(5, NOW, 100_000, 100_100, 100)).len(), 1);
    }
}

#[test]
fn a_cancel_ends_what_rests_and_is_silent_about_the_rest() {
    let mut venue = opened(instant());
    send(&mut venue, 1, limit(Side::Buy, 100_000, 50));
    for intent in [1, 1, 9] {
        venue.cancel(ClientId { slot: 1, intent }, Reason::Host, NOW);
    }
    venue.advance(NOW, &mut Vec::new());
    let events = answers(&mut venue);
    assert_eq!((events.len(), ends(&events)), (1, (Status::Cancelled, Reason::Host)));
}

#[test]
fn a_client_id_is_taken_once_also_after_a_restart() {
    let mut venue = opened(instant());
    let first = order(5, limit(Side::Buy, 100_000, 50));
    let mut truth = Vec::new();
    venue.submit(&first, NOW).unwrap();
    assert_eq!(venue.submit(&first, NOW), Err(Refused::Duplicate));
    venue.advance(NOW, &mut truth);
    let mut again = opened(instant());
    truth.iter().for_each(|record| again.restore(record));
    for intent in [4, 5] {
        let order = order(intent, limit(Side::Buy, 100_000, 50));
        assert_eq!(again.submit(&order, NOW), Err(Refused::Duplicate));
    }
}

#[test]
fn a_full_venue_refuses_and_never_drops_an_answer() {
    let mut venue = opened(PaperConfig { live_orders_max: 2, ..instant() });
    let rest = limit(Side::Buy, 100_000, 1_000);
    venue.submit(&order(1, rest), NOW).unwrap();
    venue.submit(&order(2, rest), NOW).unwrap();
    assert_eq!(venue.submit(&order(3, rest), NOW), Err(Refused::Full));
    // Nobody takes the answers, so partial fills stop while last ones still have room.
    let mut truth = Vec::new();
    for seq in 2..50 {
        venue.on_market(&trade(seq, NOW, 99_000, 10, Aggressor::Seller), &mut truth);
    }
    let held = venue.post.answers_len();
    assert!(held <= 2 * post::ANSWERS_PER_ORDER);
    for intent in [1, 2] {
        venue.cancel(ClientId { slot: 1, intent }, Reason::Host, NOW);
    }
    venue.advance(NOW, &mut truth);
    assert_eq!(answers(&mut venue).len(), held + 2);
}

#[test]
fn an_order_under_way_has_room_for_its_first_and_last_answer_kept_free() {
    let config = PaperConfig { live_orders_max: 2, latency_ms: 5, ..PaperConfig::default() };
    let mut venue = opened(config);
    let mut truth = Vec::new();
    let (later, rest) = (NOW + 5_000_000, limit(Side::Buy, 100_000, 1_000));
    venue.submit(&order(1, rest), NOW).unwrap();
    venue.advance(later, &mut truth);
    venue.submit(&order(2, rest), later).unwrap();
    for seq in 2..50 {
        venue.on_market(&trade(seq, later, 99_000, 10, Aggressor::Seller), &mut truth);
    }
    for intent in [1, 2] {
        venue.cancel(ClientId { slot: 1, intent }, Reason::Host, later);
    }
    venue.advance(u64::MAX, &mut truth);
    assert_eq!(venue.resting_len(), 0);
    assert_eq!(venue.post.answers_len(), 2 * post::ANSWERS_PER_ORDER);
}

#[test]
fn events_up_to_the_cursor_set_prices_and_fill_nothing_twice() {
    let mut before = opened(instant());
    let mut truth = Vec::new();
    before.submit(&order(1, limit(Side::Buy, 100_000, 50)), NOW).unwrap();
    let events = [
        quote(2, NOW, 100_000, 100_100, 100),
        trade(3, NOW, 100_000, 20, Aggressor::Seller),
        trade(4, NOW, 100_000, 20, Aggressor::Seller),
    ];
    before.on_market(&events[0], &mut truth);
    before.on_market(&events[1], &mut truth);
    let mut after = venue(instant());
    truth.iter().for_each(|record| after.restore(record));
    after.resume(3);
    for event in &events {
        before.on_market(event, &mut Vec::new());
        after.on_market(event, &mut Vec::new());
    }
    let events = answers(&mut after);
    assert_eq!((fills(&events), events[0].filled), (vec![(100_000, 20)], 40));
    assert_eq!(after.account(1, 0).size, 40);
    assert_eq!(events[0].trade_id, 2, "a fill's id was given twice");
}

#[test]
fn settings_outside_their_range_are_named() {
    assert_eq!(PaperConfig::default().check(), []);
    let wrong = PaperConfig {
        latency_ms: 60_001,
        participation_ppm: 0,
        funds: Some(-1),
        ..PaperConfig::default()
    };
    let keys: Vec<String> = wrong.check().into_iter().map(|issue| issue.key).collect();
    assert_eq!(keys, ["paper.latency_ms", "paper.participation_ppm", "paper.funds"]);
}

fn a_config() -> impl Strategy<Value = PaperConfig> {
    let funds = prop_oneof![Just(None), (0i64..60_000_000).prop_map(Some)];
    (0u32..120, 0u32..400_000, 1u32..=1_000_000, any::<u64>(), funds).prop_map(
        |(latency_ms, reject_ppm, participation_ppm, seed, funds)| PaperConfig {
            latency_ms,
            reject_ppm,
            participation_ppm,
            seed,
            funds,
            live_orders_max: 64,
            ..PaperConfig::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn equal_inputs_give_equal_outputs_however_time_is_cut(day in a_day(), config in a_config()) {
        let one = live(&mut venue(config), &day, |_, _, _| {});
        let two = live(&mut venue(config), &day, |_, _, _| {});
        prop_assert_eq!(&one, &two);
        // Letting time pass in two steps instead of one decides nothing.
        let mut halves = Vec::new();
        for (after_ms, step) in &day {
            halves.push((after_ms / 2, super::super::samples::Step::Cancel(u64::MAX)));
            halves.push((after_ms - after_ms / 2, *step));
        }
        let (_, truth, _) = live(&mut venue(config), &halves, |_, _, _| {});
        prop_assert_eq!(one.1, truth);
    }

    #[test]
    fn sizes_cash_and_positions_are_conserved(day in a_day(), config in a_config()) {
        let mut paper = venue(config);
        let (sent, truth, told) = live(&mut paper, &day, |_, _, _| {});
        let (mut size, mut cash) = (0i64, config.funds.unwrap_or(0));
        for order in &sent {
            let events: Vec<_> = told.iter().filter(|event| event.id == order.id).collect();
            let mut filled = 0;
            for (place, event) in events.iter().enumerate() {
                filled += event.last_size;
                prop_assert_eq!(event.filled, filled);
                prop_assert_eq!(event.filled + event.remaining, order.request.size);
                prop_assert!(!event.status.is_final() || place + 1 == events.len());
                let sign = order.request.side.sign();
                size += sign * event.last_size;
                // At scales 2 and 6 price times size is cash.
                cash -= sign * event.last_price * event.last_size + event.fee;
                if event.last_size > 0 && order.request.kind == Kind::Limit {
                    prop_assert!(sign * event.last_price <= sign * order.request.price);
                }
            }
            prop_assert!(!events.is_empty(), "an order had no answer");
        }
        let account = paper.account(1, 0);
        prop_assert_eq!((account.size, account.cash), (size, cash));
        if config.funds.is_some() {
            prop_assert!(size >= 0 && cash >= 0);
        }
        let events = truth.iter().filter(|record| matches!(record, VenueRecord::Event(_))).count();
        prop_assert_eq!(events, told.len());
    }

    #[test]
    fn no_event_fills_more_than_the_share_of_its_size(day in a_day(), config in a_config()) {
        let mut worst = None;
        live(&mut venue(config), &day, |_, event, truth| {
            let filled = |side| -> i64 {
                let events = truth.iter().filter_map(|record| match record {
                    VenueRecord::Event(event) if event.side == side => Some(event.last_size),
                    _ => None,
                });
                events.sum()
            };
            let (bought, sold) = (filled(Side::Buy), filled(Side::Sell));
            let share = |size: i64| i128::from(size) * i128::from(config.participation_ppm) / PPM;
            let kept = match event {
                Some(Event::Quote(quote)) => {
                    i128::from(bought) <= share(quote.ask_qty) && i128::from(sold) <= share(quote.bid_qty)
                }
                Some(Event::Trade(trade)) => i128::from(bought + sold) <= share(trade.size),
                _ => bought + sold == 0,
            };
            if !kept {
                worst = Some((event.copied(), bought, sold));
            }
        });
        prop_assert_eq!(worst, None);
    }

    #[test]
    fn a_venue_restored_from_its_ledger_owns_the_same(day in a_day(), config in a_config()) {
        let mut paper = venue(config);
        let (_, truth, _) = live(&mut paper, &day, |_, _, _| {});
        let mut again = venue(config);
        truth.iter().for_each(|record| again.restore(record));
        prop_assert_eq!(again.account(1, 0), paper.account(1, 0));
        prop_assert_eq!(format!("{:?}", again.resting), format!("{:?}", paper.resting));
        prop_assert_eq!(again.last_trade_id, paper.last_trade_id);
    }
}

#[test]
fn an_idle_venue_holds_no_room() {
    let mut venue = PaperVenue::new(PaperConfig::default(), &[instrument(0)]);
    for seq in 0..100 {
        on(&mut venue, quote(seq, seq, 100_000, 100_100, 5));
    }
    assert_eq!(venue.post.capacity(), (0, 0));
}
