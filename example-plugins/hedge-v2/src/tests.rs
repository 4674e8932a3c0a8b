use super::*;
use volume_spike::VolumeSpike;
use wickd_sdk::testing::{SignalTest, Staged, StrategyTest, btc_usdt, recorded_btc_usdt};

/// One rung is 1 % of the price: 394 at 39,400.
fn wide(bubble: bool) -> StrategyTest<HedgeV2> {
    let pct = |text| Decimal::parse(text).unwrap().into();
    let params = [
        ("step_pct", pct("1")),
        ("rungs_max", 2.into()),
        ("bubble.enabled", bubble.into()),
        ("bubble.step_pct", pct("5")),
    ];
    let mut test = StrategyTest::new(&params, &[btc_usdt()]).unwrap();
    test.quote("39400.00", "39400.00");
    test
}

fn fill_all(test: &mut StrategyTest<HedgeV2>) {
    for order in test.open_orders() {
        test.fill(order.intent, Px(3_940_000));
    }
}

#[test]
fn each_step_up_sells_one_rung_until_the_ladder_ends() {
    let mut test = wide(false);
    test.quote("39700.00", "39700.00");
    assert!(test.orders().is_empty());
    test.quote("39800.00", "39800.00");
    fill_all(&mut test);
    assert_eq!(test.position(0).size, Qty(-5_000));
    test.quote("45000.00", "45000.00");
    fill_all(&mut test);
    test.quote("50000.00", "50000.00");
    assert_eq!((test.orders().len(), test.position(0).size), (2, Qty(-10_000)));
    assert!(test.orders().iter().all(|order| order.side == Side::Sell));
}

#[test]
fn a_rung_is_taken_off_once_the_price_has_rested() {
    let mut test = wide(false);
    test.quote("39800.00", "39800.00");
    fill_all(&mut test);
    test.advance_ms(4_000);
    test.quote("39800.00", "39800.00");
    assert_eq!(test.orders().len(), 1);
    test.advance_ms(1_000);
    test.quote("39800.00", "39800.00");
    assert_eq!(test.orders()[1].side, Side::Buy);
    fill_all(&mut test);
    assert_eq!(test.position(0).size, Qty::ZERO);
}

#[test]
fn a_bubble_widens_the_ladder_while_it_lasts_and_only_where_enabled() {
    for (enabled, orders) in [(true, 0), (false, 1)] {
        let mut test = wide(enabled);
        assert_eq!(test.needs().inputs.len(), usize::from(enabled));
        test.signal(0, Direction::Up, 0.9);
        test.quote("39800.00", "39800.00");
        assert_eq!(test.orders().len(), orders);
    }
    let mut test = wide(true);
    test.signal(0, Direction::Up, 0.9);
    test.advance_ms(10_000);
    test.quote("39800.00", "39800.00");
    assert_eq!(test.orders().len(), 1);
}

/// The recorded market, with the real signal; every `swap_every` events the instance is replaced.
fn recorded(swap_every: usize) -> (Vec<Staged>, i64) {
    let mut spikes = SignalTest::<VolumeSpike>::new(&[], &[btc_usdt()]).unwrap();
    let mut test = StrategyTest::<HedgeV2>::new(&[], &[btc_usdt()]).unwrap();
    let mut largest = 0;
    for (at, event) in recorded_btc_usdt().iter().enumerate() {
        let spoken = spikes.emitted().len();
        spikes.replay(event);
        test.replay(event);
        for spike in &spikes.emitted()[spoken..] {
            test.signal(0, spike.direction, spike.strength);
        }
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
    assert!((5_000..=20_000).contains(&largest), "{largest}");
    assert_eq!(recorded(97).0, orders);
}
