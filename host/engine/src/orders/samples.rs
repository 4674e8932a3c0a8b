//! Ordinary values for the tests of this folder.
//!
//! Comes in: what a test wants to differ. Goes out: instruments, requests and market events.
//! Deliberately absent: anything compiled outside tests.

use std::sync::Arc;

use proptest::prelude::*;
use wickd_model::{
    Aggressor, Bar, ClientId, Event, FeedState, FeedStatus, Instrument, Kind, LossStops, Order,
    OrderEvent, OrderRequest, Product, Quote, Reason, Risk, Side, Stamp, Status, Tif, Trade,
};

use super::{Book, Joint, PaperConfig, PaperVenue};

/// Price scale 2 and size scale 6, so a raw amount is cash.
pub(crate) fn instrument(id: u32) -> Instrument {
    Instrument {
        id,
        epoch: 1,
        venue: "binance".to_owned(),
        symbol: "BTC-USDT".to_owned(),
        product: Product::Spot,
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        size_scale: 6,
        price_step: 5,
        qty_step: 10,
        min_qty: 20,
        min_notional: 200_000,
        maker_fee_ppm: 200,
        taker_fee_ppm: 750,
    }
}

/// A limit order well inside every default limit.
pub(super) fn limit(side: Side, price: i64, size: i64) -> OrderRequest {
    OrderRequest {
        instrument: 0,
        side,
        kind: Kind::Limit,
        price,
        size,
        tif: Tif::Gtc,
        post_only: false,
        reduce_only: false,
        tag: 0,
    }
}

pub(super) fn market(side: Side, size: i64) -> OrderRequest {
    OrderRequest { kind: Kind::Market, price: 0, ..limit(side, 0, size) }
}

pub(super) fn order(intent: u64, request: OrderRequest) -> Order {
    Order { id: ClientId { slot: 1, intent }, request, ts_event: 0, seq: 0, generation: 1 }
}

fn stamp(seq: u64, ts_event: u64) -> Stamp {
    Stamp { instrument: 0, seq, ts_event, ts_init: ts_event }
}

pub(super) fn quote(seq: u64, ts: u64, bid: i64, ask: i64, size: i64) -> Event {
    Event::Quote(Quote { at: stamp(seq, ts), bid, ask, bid_qty: size, ask_qty: size })
}

pub(super) fn trade(seq: u64, ts: u64, price: i64, size: i64, aggressor: Aggressor) -> Event {
    Event::Trade(Trade { at: stamp(seq, ts), price, size, aggressor, trade_id: seq })
}

/// A bar of one second.
pub(super) fn bar(seq: u64, open_time: u64, prices: [i64; 4], volume: i64) -> Event {
    let [open, high, low, close] = prices;
    let at = stamp(seq, open_time + 1_000_000_000);
    let (step_secs, trades) = (1, 0);
    Event::Bar(Bar { at, step_secs, open_time, open, high, low, close, volume, trades })
}

pub(super) fn feed(seq: u64, ts: u64, state: FeedState) -> Event {
    Event::Feed(FeedStatus { at: stamp(seq, ts), state })
}

/// A fill that brings order `intent` to `filled`.
pub(super) fn fill(intent: u64, side: Side, price: i64, size: i64, filled: i64) -> OrderEvent {
    OrderEvent {
        id: ClientId { slot: 1, intent },
        at: stamp(1, 1),
        side,
        status: Status::PartlyFilled,
        reason: Reason::None,
        filled,
        remaining: 0,
        last_price: price,
        last_size: size,
        fee: 3,
        trade_id: intent * 1_000_000 + filled.unsigned_abs(),
        fee_base: 0,
        reconciled: false,
    }
}

/// A book of slot 1 with a quote at 1,000.00 / 1,001.00.
pub(super) fn book(risk: Risk) -> Book {
    let mut book = Book::new(1, &[instrument(0)], risk, 0);
    book.on_market(&quote(1, 1, 100_000, 100_100, 1_000));
    book
}

/// An account of so many slots with these stops.
pub(super) fn joint(losses: LossStops, slots: usize) -> Arc<Joint> {
    let name = |n| format!("slot-{n}").parse().expect("a slot name");
    Arc::new(Joint::new("paper".to_owned(), losses, (0..slots).map(name).collect()))
}

/// A step of a made-up day: what reaches the venue next, some time after what came before.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Submit(OrderRequest),
    Cancel(u64),
    Market(Event),
}

fn a_request() -> impl Strategy<Value = OrderRequest> {
    let kinds = prop_oneof![Just(Kind::Market), Just(Kind::Limit), Just(Kind::Limit)];
    let tifs = prop_oneof![Just(Tif::Gtc), Just(Tif::Gtc), Just(Tif::Ioc), Just(Tif::Fok)];
    let sides = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (kinds, tifs, sides, flags, 0i64..8, 1i64..30).prop_map(
        |(kind, tif, side, (post_only, reduce_only), price, size)| OrderRequest {
            instrument: 0,
            side,
            kind,
            price: if kind == Kind::Limit { 100_000 + price * 5 } else { 0 },
            size: size * 10,
            tif,
            post_only,
            reduce_only,
            tag: 0,
        },
    )
}

/// Up to 60 steps with the time in milliseconds before each.
pub(super) fn a_day() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let sizes = 0i64..200;
    let event = prop_oneof![
        (0i64..7, 1i64..3, sizes.clone()).prop_map(|(bid, spread, size)| {
            quote(0, 0, 100_000 + bid * 5, 100_000 + (bid + spread) * 5, size)
        }),
        (0i64..8, sizes, 0u8..3).prop_map(|(price, size, aggressor)| {
            let aggressors = [Aggressor::Buyer, Aggressor::Seller, Aggressor::None];
            trade(0, 0, 100_000 + price * 5, size, aggressors[usize::from(aggressor)])
        }),
        (0u8..3).prop_map(|state| {
            let states = [FeedState::Live, FeedState::Live, FeedState::Stale];
            feed(0, 0, states[usize::from(state)])
        }),
    ];
    let step = prop_oneof![
        3 => a_request().prop_map(Step::Submit),
        1 => (1u64..20).prop_map(Step::Cancel),
        6 => event.prop_map(Step::Market),
    ];
    prop::collection::vec((0u64..80, step), 1..60)
}

/// Lives through a day; `each` sees the venue after every step, with the event of it if any.
/// Returns the orders that were sent, the venue's truth, and what the slot was told.
pub(super) fn live(
    venue: &mut PaperVenue,
    day: &[(u64, Step)],
    mut each: impl FnMut(&PaperVenue, Option<&Event>, &[wickd_store::VenueRecord]),
) -> (Vec<Order>, Vec<wickd_store::VenueRecord>, Vec<OrderEvent>) {
    let (mut sent, mut truth, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let (mut now, mut seq) = (0, 0);
    for (after_ms, step) in day {
        now += after_ms * 1_000_000;
        let (before, mut event) = (truth.len(), None);
        match step {
            Step::Submit(request) => {
                let order = order(sent.len() as u64 + 1, *request);
                venue.submit(&order, now).expect("there is room for every order of a day");
                sent.push(order);
            }
            Step::Cancel(intent) => {
                let id = ClientId { slot: 1, intent: *intent };
                venue.cancel(id, Reason::Requested, now);
            }
            Step::Market(template) => {
                seq += 1;
                let mut next = *template;
                *next.at_mut() = stamp(seq, now);
                venue.advance(now, &mut truth);
                let before = truth.len();
                venue.on_market(&next, &mut truth);
                each(venue, Some(&next), &truth[before..]);
                event = Some(next);
            }
        }
        if event.is_none() {
            each(venue, None, &truth[before..]);
        }
        told.extend(std::iter::from_fn(|| venue.answer(now)));
    }
    now += 10_000_000_000;
    venue.advance(now, &mut truth);
    told.extend(std::iter::from_fn(|| venue.answer(now)));
    (sent, truth, told)
}

pub(super) fn venue(config: PaperConfig) -> PaperVenue {
    PaperVenue::new(config, &[instrument(0)])
}
