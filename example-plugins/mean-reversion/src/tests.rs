use super::*;
use bollinger::Bollinger;
use wickd_sdk::testing::{
    IndicatorTest, MarketEvent, Staged, StrategyTest, btc_usdt, recorded_btc_usdt,
};
use wickd_sdk::{OrderKind, OrderReason};

/// Middle 39,400, bands ten off.
fn with_bands(params: &[(&str, wickd_sdk::Value)]) -> StrategyTest<MeanReversion> {
    let mut test = StrategyTest::new(params, &[btc_usdt()]).unwrap();
    test.set_input(0, &[39_400.0, 39_410.0, 39_390.0, 0.0]);
    test
}

#[test]
fn below_the_band_it_rests_a_buy_at_the_bid_and_leaves_at_the_middle() {
    let mut test = with_bands(&[("post_only", true.into())]);
    test.quote("39395.00", "39395.01");
    assert!(test.orders().is_empty());
    test.quote("39380.00", "39380.01");
    let entry = test.orders()[0];
    assert_eq!((entry.side, entry.kind, entry.price), (Side::Buy, OrderKind::Limit, Px(3_938_000)));
    assert!(entry.post_only && !entry.reduce_only);
    test.fill(entry.intent, entry.price);
    test.quote("39395.00", "39395.01");
    assert_eq!(test.orders().len(), 1);
    test.quote("39401.00", "39401.01");
    let exit = test.orders()[1];
    assert_eq!((exit.side, exit.size, exit.price), (Side::Sell, entry.size, Px(3_940_101)));
    assert!(exit.reduce_only);
}

#[test]
fn an_order_that_rests_too_long_is_taken_back_once() {
    let mut test = with_bands(&[]);
    test.quote("39420.00", "39420.01");
    let order = test.orders()[0];
    assert_eq!(order.side, Side::Sell);
    test.advance_ms(2_000);
    test.quote("39420.00", "39420.01");
    test.quote("39420.00", "39420.01");
    assert_eq!(test.cancels(), [order.intent]);
    test.cancelled(order.intent, OrderReason::Requested);
    test.quote("39420.00", "39420.01");
    assert_eq!(test.orders().len(), 2);
}

#[test]
fn it_asks_for_its_bands_by_name_and_waits_for_them() {
    let mut test = StrategyTest::<MeanReversion>::new(&[], &[btc_usdt()]).unwrap();
    let input = &test.needs().inputs[0];
    assert_eq!((input.plugin.as_str(), input.params.len()), ("bollinger", 2));
    test.quote("1.00", "1.01");
    assert!(test.orders().is_empty());
}

/// The recorded market through the real indicator; `swap_every` events the instance is replaced.
fn recorded(swap_every: usize) -> (Vec<Staged>, i64) {
    let btc = btc_usdt();
    let mut bands = IndicatorTest::<Bollinger>::new(&[]).unwrap();
    let mut test = StrategyTest::<MeanReversion>::new(&[], std::slice::from_ref(&btc)).unwrap();
    let mut largest = 0;
    for (at, event) in recorded_btc_usdt().iter().enumerate() {
        if let MarketEvent::Quote { bid, ask, .. } = event
            && bands.price((btc.px_f64(*bid) + btc.px_f64(*ask)) / 2.0)
        {
            test.set_input(0, &bands.values());
        }
        test.replay(event);
        largest = largest.max(test.position(0).size.0.abs());
        if at % swap_every == swap_every - 1 {
            test = test.restart();
        }
    }
    (test.orders(), largest)
}

#[test]
fn on_the_recorded_market_it_trades_a_little_and_a_swap_changes_nothing() {
    let (orders, largest) = recorded(usize::MAX);
    assert!((4..=60).contains(&orders.len()), "{} orders", orders.len());
    assert_eq!(largest, 10_000);
    assert_eq!(recorded(97).0, orders);
}
