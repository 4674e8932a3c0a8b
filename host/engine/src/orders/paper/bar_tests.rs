//! The venue where bars are all that ever came.

use wickd_model::{Aggressor, Bar, OrderRequest};

use super::super::samples::{bar, limit, market, order, quote, trade, venue};
use super::tests::{NOW, answers, ends, fills, instant, on};
use super::*;

const PRICE: i64 = 100_000;

/// A venue without latency whose first bar closed at 1,000.00 now.
fn barred(config: PaperConfig) -> PaperVenue {
    let mut venue = venue(config);
    venue.on_market(&bar(1, 0, [PRICE; 4], 100), &mut Vec::new());
    venue
}

/// An order that is decided and arrives at the last event's time.
fn send(venue: &mut PaperVenue, intent: u64, request: OrderRequest) -> Vec<OrderEvent> {
    let now = venue.now;
    venue.submit(&Order { ts_event: now, ..order(intent, request) }, now).unwrap();
    venue.advance(now, &mut Vec::new());
    answers(venue)
}

/// The next bar, a second long.
fn next(venue: &mut PaperVenue, prices: [i64; 4], volume: i64) -> Vec<OrderEvent> {
    let (seq, opens) = (venue.seq + 1, venue.now);
    on(venue, bar(seq, opens, prices, volume))
}

#[test]
fn a_market_order_waits_for_the_next_bar_and_fills_at_its_open_in_part_or_whole() {
    let mut venue = barred(instant());
    let waits = send(&mut venue, 1, market(Side::Buy, 150));
    assert_eq!((fills(&waits), ends(&waits)), (vec![], (Status::Open, Reason::None)));
    let part = next(&mut venue, [100_500, 100_600, 100_400, 100_550], 100);
    assert_eq!((fills(&part), ends(&part).0), (vec![(100_500, 100)], Status::PartlyFilled));
    // 100,500 × 100 × 750 ppm is 7,537.5, rounded against the order: it takes.
    assert_eq!(part[0].fee, 7_538);
    let rest = next(&mut venue, [100_550, 100_550, 100_550, 100_550], 100);
    assert_eq!((fills(&rest), ends(&rest).0), (vec![(100_550, 50)], Status::Filled));
}

#[test]
fn an_ioc_has_one_bar_and_a_fok_all_or_nothing_of_it() {
    for (tif, size, filled, end) in [
        (Tif::Ioc, 150, vec![(100_100, 100)], Status::Expired),
        (Tif::Ioc, 50, vec![(100_100, 50)], Status::Filled),
        (Tif::Fok, 110, vec![], Status::Expired),
        (Tif::Fok, 100, vec![(100_100, 100)], Status::Filled),
    ] {
        let mut venue = barred(instant());
        let waits = send(&mut venue, 1, OrderRequest { tif, ..market(Side::Sell, size) });
        assert_eq!(ends(&waits), (Status::Open, Reason::None), "{tif:?} {size}");
        let events = next(&mut venue, [100_100, 100_200, 99_000, 99_000], 100);
        assert_eq!((fills(&events), ends(&events).0), (filled, end), "{tif:?} {size}");
        assert_eq!(venue.resting_len(), 0);
    }
    // A limit beyond the open is not worked within the bar: it would have expired by then.
    let mut venue = barred(instant());
    send(&mut venue, 1, OrderRequest { tif: Tif::Ioc, ..limit(Side::Buy, 99_900, 50) });
    let events = next(&mut venue, [100_100, 100_200, 99_000, 99_000], 100);
    assert_eq!((fills(&events), ends(&events)), (vec![], (Status::Expired, Reason::Unfilled)));
}

#[test]
fn a_limit_order_fills_at_the_open_it_reaches_or_at_its_price_where_the_bar_trades_through() {
    for (side, price, expected) in [
        (Side::Buy, 99_800, None),
        (Side::Buy, 99_805, Some((99_805, true))),
        (Side::Buy, 100_000, Some((100_000, false))),
        (Side::Buy, 100_300, Some((100_000, false))),
        (Side::Sell, 100_200, None),
        (Side::Sell, 100_195, Some((100_195, true))),
        (Side::Sell, 100_000, Some((100_000, false))),
        (Side::Sell, 99_900, Some((100_000, false))),
    ] {
        let mut venue = barred(instant());
        assert_eq!(ends(&send(&mut venue, 1, limit(side, price, 50))).0, Status::Open);
        let events = next(&mut venue, [100_000, 100_200, 99_800, 100_100], 100);
        let had = events.first().map(|of| (of.last_price, of.fee < of.last_price * 50 / 2_000));
        assert_eq!(had, expected, "{side:?} {price}");
    }
}

#[test]
fn the_adverse_side_is_worked_first_by_what_the_slot_holds() {
    let (low, high) = (vec![(99_900, 100)], vec![(100_100, 100)]);
    for (holds, expected) in [(None, &low), (Some(Side::Buy), &low), (Some(Side::Sell), &high)] {
        let mut venue = barred(instant());
        if let Some(side) = holds {
            send(&mut venue, 1, market(side, 50));
            assert_eq!(next(&mut venue, [PRICE; 4], 100).len(), 1);
        }
        send(&mut venue, 2, limit(Side::Sell, 100_100, 100));
        send(&mut venue, 3, limit(Side::Buy, 99_900, 100));
        // The bar's volume is enough for one of them.
        let events = next(&mut venue, [PRICE, 100_200, 99_800, PRICE], 100);
        assert_eq!(&fills(&events), expected, "{holds:?}");
        assert_eq!(venue.resting_len(), 1);
    }
}

#[test]
fn a_post_only_order_never_takes() {
    let post_only = |price| OrderRequest { post_only: true, ..limit(Side::Buy, price, 50) };
    let mut venue = barred(instant());
    let refused = send(&mut venue, 1, post_only(PRICE));
    assert_eq!(ends(&refused), (Status::Rejected, Reason::WouldTake));
    assert_eq!(ends(&send(&mut venue, 2, post_only(99_990))).0, Status::Open);
    // The bar opens beyond it: it was there first, and has its own price for the maker fee.
    let events = next(&mut venue, [99_900, 99_900, 99_900, 99_900], 100);
    assert_eq!((fills(&events), events[0].fee), (vec![(99_990, 50)], 1_000));
}

#[test]
fn an_order_meets_no_bar_that_ended_as_it_arrived() {
    let mut venue = barred(instant());
    let end = 2 * NOW;
    venue.submit(&Order { ts_event: end, ..order(1, market(Side::Buy, 50)) }, end).unwrap();
    assert_eq!(fills(&on(&mut venue, bar(2, NOW, [PRICE; 4], 100))), []);
    let events = on(&mut venue, bar(3, end, [100_100; 4], 100));
    assert_eq!(fills(&events), [(100_100, 50)]);
}

#[test]
fn each_taker_has_the_share_of_a_bars_volume_in_whole_steps() {
    for (kind, expected) in [(PaperMarket::Own, 40), (PaperMarket::Shared, 20)] {
        let config = PaperConfig { participation_ppm: 250_000, market: kind, ..instant() };
        let mut venue = barred(config);
        for slot in [1, 2] {
            let mut order = order(1, market(Side::Buy, 100));
            (order.id.slot, order.ts_event) = (slot, NOW);
            venue.submit(&order, NOW).unwrap();
        }
        venue.advance(NOW, &mut Vec::new());
        answers(&mut venue);
        let filled: i64 = next(&mut venue, [PRICE; 4], 100).iter().map(|of| of.last_size).sum();
        assert_eq!(filled, expected, "{kind:?}");
        assert_eq!(next(&mut venue, [PRICE; 4], 0), [], "a bar without volume");
    }
}

#[test]
fn from_the_first_quote_or_trade_on_bars_fill_nothing_and_who_waited_for_one_is_told() {
    let quoted = quote(2, NOW + 1, 100_000, 100_100, 5);
    let traded = trade(2, NOW + 1, 100_100, 5, Aggressor::Buyer);
    for event in [quoted, traded] {
        let mut venue = barred(instant());
        send(&mut venue, 1, OrderRequest { tif: Tif::Ioc, ..market(Side::Buy, 50) });
        send(&mut venue, 2, limit(Side::Buy, 99_900, 50));
        let events = on(&mut venue, event);
        assert_eq!((fills(&events), ends(&events)), (vec![], (Status::Expired, Reason::Unfilled)));
        assert_eq!(next(&mut venue, [PRICE, PRICE, 99_000, 99_000], 100), []);
    }
}

#[test]
fn of_bars_of_several_lengths_the_shortest_fill() {
    let mut venue = barred(instant());
    send(&mut venue, 1, market(Side::Buy, 50));
    let Event::Bar(of) = bar(2, NOW, [PRICE; 4], 100) else { panic!("no bar") };
    assert_eq!(on(&mut venue, Event::Bar(Bar { step_secs: 5, ..of })), []);
    assert_eq!(fills(&next(&mut venue, [100_100; 4], 100)), [(100_100, 50)]);
}
