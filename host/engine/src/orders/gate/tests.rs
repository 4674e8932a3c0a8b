//! One case per code, then what must hold for every request.

use proptest::prelude::*;
use wickd_model::{Event, FeedState, LossStops, OrderEvent, Quote, Reason, Stamp, Status, Tif};

use super::super::samples::{bar, book, feed, fill, instrument, joint, limit, market, quote};
use super::*;

const CALL: Call = Call { now: 5_000_000_000, intents_max: 16, muted: false };
const PRICE: i64 = 100_000;

fn risk() -> Risk {
    Risk::default()
}

fn open(book: &mut Book, request: OrderRequest) -> IntentId {
    let intent = book.stage(&request, CALL.now - 2_000_000_000, 1, 1);
    book.commit(|_| {});
    intent
}

/// A book that is long `size`, or short where it is negative.
fn holding(risk: Risk, size: i64) -> Book {
    let mut book = book(risk);
    let side = if size > 0 { Side::Buy } else { Side::Sell };
    let intent = open(&mut book, limit(side, PRICE, size.abs()));
    let event = fill(intent, side, PRICE, size.abs(), size.abs());
    book.apply(&OrderEvent { status: Status::Filled, ..event });
    book
}

fn denied(request: OrderRequest, book: &Book) -> Deny {
    check(&request, book, CALL).expect_err("it was let through")
}

fn passes(request: OrderRequest, book: &Book) {
    assert_eq!(check(&request, book, CALL), Ok(()));
}

#[test]
fn an_ordinary_order_passes() {
    passes(limit(Side::Buy, PRICE, 100), &book(risk()));
    passes(market(Side::Sell, 100), &book(risk()));
}

#[test]
fn intents_per_call() {
    let mut book = book(risk());
    book.stage(&limit(Side::Buy, PRICE, 100), 1, 1, 1);
    let call = Call { intents_max: 1, ..CALL };
    assert_eq!(check(&limit(Side::Buy, PRICE, 100), &book, call), Err(Deny::IntentsPerCall));
    assert_eq!(check_cancel(1, &book, call), Err(Deny::IntentsPerCall));
    book.commit(|_| {});
    assert_eq!(check_cancel(1, &book, call), Ok(()));
}

#[test]
fn trading_disabled() {
    let call = Call { muted: true, ..CALL };
    let book = book(risk());
    assert_eq!(check(&limit(Side::Buy, PRICE, 100), &book, call), Err(Deny::TradingDisabled));
    assert_eq!(check_cancel(1, &book, call), Err(Deny::TradingDisabled));
}

#[test]
fn halted_but_orders_can_still_be_taken_back() {
    let mut book = book(Risk { mode: Mode::Halt, ..risk() });
    assert_eq!(denied(limit(Side::Buy, PRICE, 100), &book), Deny::Halted);
    let intent = open(&mut book, limit(Side::Buy, PRICE, 100));
    assert_eq!(check_cancel(intent, &book, CALL), Ok(()));
}

#[test]
fn instrument_unknown() {
    let request = OrderRequest { instrument: 9, ..limit(Side::Buy, PRICE, 100) };
    assert_eq!(denied(request, &book(risk())), Deny::InstrumentUnknown);
}

#[test]
fn stale_data() {
    let request = limit(Side::Buy, PRICE, 100);
    assert_eq!(denied(request, &Book::new(1, &[instrument(0)], risk(), 0)), Deny::StaleData);
    for state in [FeedState::Stale, FeedState::Down] {
        let mut book = book(risk());
        book.on_market(&feed(2, 2, state));
        assert_eq!(denied(request, &book), Deny::StaleData);
        book.on_market(&feed(3, 3, FeedState::Live));
        passes(request, &book);
    }
    let mut one_sided = book(risk());
    one_sided.on_market(&quote(2, 2, 0, 100_100, 5));
    assert_eq!(denied(request, &one_sided), Deny::StaleData);
    let mut barred = Book::new(1, &[instrument(0)], risk(), 0);
    barred.on_market(&bar(1, 0, [PRICE; 4], 100));
    passes(request, &barred);
    passes(market(Side::Sell, 100), &barred);
}

#[test]
fn price_step() {
    let book = book(risk());
    for price in [PRICE + 1, 0, -5, i64::MIN, i64::MAX] {
        assert_eq!(denied(limit(Side::Buy, price, 100), &book), Deny::PriceStep);
    }
    let priced = OrderRequest { price: 5, ..market(Side::Buy, 100) };
    assert_eq!(denied(priced, &book), Deny::PriceStep);
}

#[test]
fn qty_step() {
    for size in [105, 0, -10, i64::MIN, i64::MAX] {
        assert_eq!(denied(limit(Side::Buy, PRICE, size), &book(risk())), Deny::QtyStep);
    }
}

#[test]
fn below_min() {
    assert_eq!(denied(limit(Side::Buy, PRICE, 10), &book(risk())), Deny::BelowMin);
    let mut instrument = instrument(0);
    instrument.min_notional = 100 * 100_100;
    let mut book = Book::new(1, &[instrument], risk(), 0);
    book.on_market(&quote(1, 1, 100_000, 100_100, 1));
    assert_eq!(denied(limit(Side::Buy, PRICE, 100), &book), Deny::BelowMin);
    // A market order is valued at the touch that it would take.
    assert_eq!(denied(market(Side::Sell, 100), &book), Deny::BelowMin);
    passes(market(Side::Buy, 100), &book);
}

#[test]
fn above_max_is_at_scale_eight_whatever_the_instruments_scale() {
    let book = book(Risk { order_size_max: Some(10_000), ..risk() });
    passes(limit(Side::Buy, PRICE, 100), &book);
    assert_eq!(denied(limit(Side::Buy, PRICE, 110), &book), Deny::AboveMax);
}

#[test]
fn notional() {
    let book = book(Risk { order_notional_max: Some(PRICE * 100), ..risk() });
    passes(limit(Side::Buy, PRICE, 100), &book);
    assert_eq!(denied(limit(Side::Buy, PRICE + 5, 100), &book), Deny::Notional);
    let free = super::super::samples::book(Risk { order_notional_max: None, ..risk() });
    let large = i64::MAX - i64::MAX % 10;
    assert_eq!(denied(limit(Side::Buy, PRICE, large), &free), Deny::Notional);
}

#[test]
fn position_limit_counts_open_and_staged_orders() {
    let mut book = book(Risk { position_notional_max: Some(100_100 * 300), ..risk() });
    open(&mut book, limit(Side::Buy, PRICE, 100));
    book.stage(&limit(Side::Buy, PRICE, 100), 1, 1, 1);
    passes(limit(Side::Buy, PRICE, 100), &book);
    assert_eq!(denied(limit(Side::Buy, PRICE, 110), &book), Deny::PositionLimit);
    // Orders of the other side do not make room, nor take it.
    passes(limit(Side::Sell, 100_100, 300), &book);
    assert_eq!(denied(limit(Side::Sell, 100_100, 310), &book), Deny::PositionLimit);
}

#[test]
fn position_limit_never_stops_a_reducing_order() {
    let mut book = holding(risk(), 300);
    book.risk = Risk { position_notional_max: Some(1), ..risk() };
    passes(limit(Side::Sell, 100_100, 300), &book);
    assert_eq!(denied(limit(Side::Sell, 100_100, 310), &book), Deny::PositionLimit);
}

#[test]
fn position_limit_values_a_buy_above_the_middle_at_its_own_price() {
    let book = book(Risk { position_notional_max: Some(101_000 * 100), ..risk() });
    passes(limit(Side::Buy, 101_000, 100), &book);
    assert_eq!(denied(limit(Side::Buy, 101_005, 100), &book), Deny::PositionLimit);
}

#[test]
fn price_band_holds_its_edge() {
    let mut book = book(Risk { price_band_bps: 100, ..risk() });
    book.on_market(&quote(2, 2, 99_995, 100_005, 1));
    for (inside, outside) in [(101_000, 101_005), (99_000, 98_995)] {
        passes(limit(Side::Buy, inside, 100), &book);
        assert_eq!(denied(limit(Side::Buy, outside, 100), &book), Deny::PriceBand);
    }
}

#[test]
fn price_band() {
    let book = book(Risk { price_band_bps: 100, ..risk() });
    // One percent of the middle 100,050 is 1,000.5.
    for price in [99_050, 101_050] {
        passes(limit(Side::Buy, price, 100), &book);
    }
    for price in [99_045, 101_055] {
        assert_eq!(denied(limit(Side::Buy, price, 100), &book), Deny::PriceBand);
    }
}

#[test]
fn rate_counts_orders_and_cancels() {
    let mut book = book(Risk { orders_per_second: 2, ..risk() });
    let intent = book.stage(&limit(Side::Buy, PRICE, 100), CALL.now, 1, 1);
    book.stage_cancel(intent, Reason::Requested, CALL.now);
    book.commit(|_| {});
    let request = limit(Side::Buy, PRICE, 100);
    assert_eq!(denied(request, &book), Deny::Rate);
    let later = |ns| Call { now: CALL.now + ns, ..CALL };
    assert_eq!(check(&request, &book, later(999_999_999)), Err(Deny::Rate));
    assert_eq!(check(&request, &book, later(1_000_000_000)), Ok(()));
    let still = open(&mut book, request);
    assert_eq!(check_cancel(still, &book, CALL), Err(Deny::Rate));
}

#[test]
fn order_count() {
    let mut book = book(Risk { open_orders_max: 2, ..risk() });
    open(&mut book, limit(Side::Buy, PRICE, 100));
    book.stage(&limit(Side::Buy, PRICE, 100), 1, 1, 1);
    assert_eq!(denied(limit(Side::Buy, PRICE, 100), &book), Deny::OrderCount);
}

#[test]
fn loss_limit_and_drawdown_limit_let_only_reducing_orders_pass() {
    let none = LossStops::default();
    for (losses, deny) in [
        (LossStops { loss_max: Some(1_000), ..none }, Deny::LossLimit),
        (LossStops { drawdown_max: Some(1_000), ..none }, Deny::DrawdownLimit),
    ] {
        let mut book = holding(Risk { losses, ..risk() }, 100);
        book.on_market(&quote(2, 2, 99_000, 99_100, 1));
        assert_eq!(denied(limit(Side::Buy, 99_000, 100), &book), deny);
        passes(limit(Side::Sell, 99_100, 100), &book);
        assert_eq!(denied(limit(Side::Sell, 99_100, 110), &book), deny);
        // It recovers; the latch does not.
        book.on_market(&quote(3, 3, 120_000, 120_100, 1));
        assert_eq!(denied(limit(Side::Buy, 120_000, 100), &book), deny);
    }
}

#[test]
fn daily_loss_lets_only_reducing_orders_pass_until_the_day_ends() {
    let losses = LossStops { loss_day_max: Some(1_000), ..LossStops::default() };
    let mut book = holding(Risk { losses, ..risk() }, 100);
    book.day_begins(10);
    book.on_market(&quote(2, 2, 99_000, 99_100, 1));
    assert_eq!(denied(limit(Side::Buy, 99_000, 100), &book), Deny::DailyLoss);
    passes(limit(Side::Sell, 99_100, 100), &book);
    assert_eq!(denied(limit(Side::Sell, 99_100, 110), &book), Deny::DailyLoss);
    book.day_begins(10);
    assert_eq!(denied(limit(Side::Buy, 99_000, 100), &book), Deny::DailyLoss);
    book.day_begins(11);
    passes(limit(Side::Buy, 99_000, 100), &book);
    // What was lost yesterday counts no more; what is lost today does.
    book.on_market(&quote(3, 3, 98_995, 99_095, 1));
    passes(limit(Side::Buy, 99_000, 100), &book);
    book.on_market(&quote(4, 4, 98_000, 98_100, 1));
    assert_eq!(denied(limit(Side::Buy, 98_000, 100), &book), Deny::DailyLoss);
}

#[test]
fn account_loss_holds_for_the_instruments_of_the_account() {
    let losses = LossStops { loss_max: Some(1_000), ..LossStops::default() };
    let joint = joint(losses, 2);
    let other = Instrument { id: 1, ..instrument(0) };
    let mut book = Book::new(1, &[instrument(0), other], risk(), 0);
    book.join(joint.clone(), 0, |id| id == 0);
    let elsewhere = Event::Quote(Quote {
        at: Stamp { instrument: 1, seq: 1, ts_event: 1, ts_init: 1 },
        bid: PRICE,
        ask: PRICE + 100,
        bid_qty: 1,
        ask_qty: 1,
    });
    book.on_market(&elsewhere);
    book.on_market(&quote(1, 1, 100_000, 100_100, 1));
    let mut loser = holding(risk(), 100);
    loser.join(joint.clone(), 1, |_| true);
    loser.on_market(&quote(2, 2, 99_000, 99_100, 1));
    assert!(joint.judge(0).is_some());
    // The one that lost nothing is held too, where it trades on that account.
    assert_eq!(denied(limit(Side::Buy, PRICE, 100), &book), Deny::AccountLoss);
    passes(OrderRequest { instrument: 1, ..limit(Side::Buy, PRICE, 100) }, &book);
    assert_eq!(denied(limit(Side::Buy, 99_000, 100), &loser), Deny::AccountLoss);
    passes(limit(Side::Sell, 99_100, 100), &loser);
}

#[test]
fn self_trade() {
    let mut book = book(risk());
    open(&mut book, limit(Side::Sell, 100_050, 100));
    assert_eq!(denied(limit(Side::Buy, 100_050, 100), &book), Deny::SelfTrade);
    assert_eq!(denied(market(Side::Buy, 100), &book), Deny::SelfTrade);
    passes(limit(Side::Buy, 100_045, 100), &book);
    passes(market(Side::Sell, 100), &book);
}

#[test]
fn reduce_only_mode() {
    let mode = Mode::ReduceOnly;
    assert_eq!(
        denied(limit(Side::Buy, PRICE, 100), &book(Risk { mode, ..risk() })),
        Deny::ReduceOnlyMode
    );
    let mut short = holding(Risk { mode, ..risk() }, -100);
    passes(limit(Side::Buy, PRICE, 100), &short);
    open(&mut short, limit(Side::Buy, PRICE, 60));
    passes(limit(Side::Buy, PRICE, 40), &short);
    assert_eq!(denied(limit(Side::Buy, PRICE, 50), &short), Deny::ReduceOnlyMode);
    assert_eq!(denied(limit(Side::Sell, 100_100, 50), &short), Deny::ReduceOnlyMode);
}

#[test]
fn not_reducing() {
    let reduce = |side, size| OrderRequest { reduce_only: true, ..limit(side, PRICE, size) };
    assert_eq!(denied(reduce(Side::Sell, 100), &book(risk())), Deny::NotReducing);
    let long = holding(risk(), 100);
    passes(reduce(Side::Sell, 100), &long);
    assert_eq!(denied(reduce(Side::Sell, 110), &long), Deny::NotReducing);
    assert_eq!(denied(reduce(Side::Buy, 20), &long), Deny::NotReducing);
}

#[test]
fn unknown_intent_and_not_open() {
    let mut book = holding(risk(), 100);
    for intent in [0, 2, u64::MAX] {
        assert_eq!(check_cancel(intent, &book, CALL), Err(Deny::UnknownIntent));
    }
    assert_eq!(check_cancel(1, &book, CALL), Err(Deny::NotOpen));
    let intent = open(&mut book, limit(Side::Buy, PRICE, 100));
    assert_eq!(check_cancel(intent, &book, CALL), Ok(()));
    book.stage_cancel(intent, Reason::Requested, 1);
    assert_eq!(check_cancel(intent, &book, CALL), Err(Deny::NotOpen));
}

/// Ordinary values, ends of the type, and everything between.
fn a_number(ordinary: i64) -> impl Strategy<Value = i64> {
    let ends = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1)];
    let steps = (1i64..40).prop_map(move |steps| ordinary + steps * 10);
    prop_oneof![4 => steps, 1 => ends, 1 => any::<i64>()]
}

fn a_request() -> impl Strategy<Value = OrderRequest> {
    let sides = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let kinds = prop_oneof![Just(Kind::Market), Just(Kind::Limit)];
    (0u32..2, sides, kinds, a_number(PRICE), a_number(0), any::<bool>()).prop_map(
        |(instrument, side, kind, price, size, reduce_only)| {
            let price = if kind == Kind::Market && price > 0 { 0 } else { price };
            let tif = Tif::Gtc;
            let request = limit(side, price, size);
            OrderRequest { instrument, kind, tif, reduce_only, ..request }
        },
    )
}

fn a_limit() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![Just(None), any::<i64>().prop_map(Some), (0i64..90_000_000).prop_map(Some)]
}

fn a_risk() -> impl Strategy<Value = Risk> {
    let counts = (0u32..6, 0u32..6, 0u32..1_000);
    (a_limit(), a_limit(), a_limit(), a_limit(), a_limit(), a_limit(), counts).prop_map(
        |(size, notional, position, loss, drawdown, day, (rate, open, band))| Risk {
            mode: Mode::Trade,
            order_size_max: size,
            order_notional_max: notional,
            position_notional_max: position,
            orders_per_second: rate,
            open_orders_max: open,
            price_band_bps: band,
            losses: LossStops { loss_max: loss, drawdown_max: drawdown, loss_day_max: day },
        },
    )
}

/// Each limit the looser of two.
fn looser(a: Risk, b: Risk) -> Risk {
    let loose = |a: Option<i64>, b: Option<i64>| a.zip(b).map(|(a, b)| a.max(b));
    Risk {
        mode: Mode::Trade,
        order_size_max: loose(a.order_size_max, b.order_size_max),
        order_notional_max: loose(a.order_notional_max, b.order_notional_max),
        position_notional_max: loose(a.position_notional_max, b.position_notional_max),
        orders_per_second: a.orders_per_second.max(b.orders_per_second),
        open_orders_max: a.open_orders_max.max(b.open_orders_max),
        price_band_bps: a.price_band_bps.max(b.price_band_bps),
        losses: LossStops {
            loss_max: loose(a.losses.loss_max, b.losses.loss_max),
            drawdown_max: loose(a.losses.drawdown_max, b.losses.drawdown_max),
            loss_day_max: loose(a.losses.loss_day_max, b.losses.loss_day_max),
        },
    }
}

/// The same past under any limits: two orders, one of them filled, and a fall of the market.
fn lived(risk: Risk) -> Book {
    let mut book = holding(risk, 100);
    book.day_begins(1);
    book.stage(&limit(Side::Buy, PRICE - 500, 100), CALL.now, 1, 1);
    book.commit(|_| {});
    book.on_market(&quote(2, 2, 99_900, 100_000, 1));
    book
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn loosening_a_limit_never_denies_more(request in a_request(), a in a_risk(), b in a_risk()) {
        if check(&request, &lived(a), CALL).is_ok() {
            prop_assert_eq!(check(&request, &lived(looser(a, b)), CALL), Ok(()));
        }
    }

    #[test]
    fn no_request_and_no_market_panics(
        request in a_request(), risk in a_risk(), bid in a_number(0), ask in a_number(0),
        intent: u64, now: u64, held in 1i64..i64::MAX,
    ) {
        let mut book = holding(risk, held);
        book.on_market(&quote(2, 2, bid, ask, 1));
        let call = Call { now, ..CALL };
        let _ = (check(&request, &book, call), check_cancel(intent, &book, call));
    }

    #[test]
    fn a_denied_order_changes_nothing_that_a_later_one_could_feel(
        first in a_request(), second in a_request(), risk in a_risk(),
    ) {
        let book = lived(risk);
        let before = format!("{book:?}");
        let alone = check(&second, &book, CALL);
        if check(&first, &book, CALL).is_err() {
            prop_assert_eq!(check(&second, &book, CALL), alone);
        }
        prop_assert_eq!(format!("{book:?}"), before);
    }

    #[test]
    fn what_passes_keeps_every_limit(request in a_request(), risk in a_risk()) {
        let book = lived(risk);
        if check(&request, &book, CALL).is_ok() {
            prop_assert!(request.size > 0 && request.size % 10 == 0 && request.price >= 0);
            prop_assert!(risk.order_size_max.is_none_or(|most| request.size * 100 <= most));
            prop_assert!((book.open_orders().len() as u32) < risk.open_orders_max);
        }
    }
}
