use super::*;
use wickd_sdk::testing::{StrategyTest, btc_usdt, recorded_btc_usdt};

fn quick() -> StrategyTest<EmaCross> {
    let params = [("fast", 2.into()), ("slow", 4.into())];
    StrategyTest::new(&params, &[btc_usdt()]).unwrap()
}

fn rise(test: &mut StrategyTest<EmaCross>) {
    for bid in ["39400.00", "39410.00", "39420.00", "39430.00", "39440.00"] {
        test.quote(bid, &bid.replace(".00", ".01"));
    }
}

#[test]
fn a_rise_is_bought_once_and_a_fall_turns_the_position_round() {
    let mut test = quick();
    rise(&mut test);
    let bought = test.orders();
    assert_eq!((bought.len(), bought[0].side, bought[0].size), (1, Side::Buy, Qty(10_000)));
    test.fill(bought[0].intent, Px(3_944_001));
    for bid in ["39400.00", "39350.00", "39300.00"] {
        test.quote(bid, bid);
    }
    let sold = test.orders()[1];
    assert_eq!((test.orders().len(), sold.side, sold.size), (2, Side::Sell, Qty(20_000)));
}

#[test]
fn nothing_is_sent_while_an_order_is_on_its_way_and_a_denial_is_tried_again() {
    let mut test = quick();
    test.deny(Some(Deny::StaleData));
    rise(&mut test);
    assert!(test.orders().is_empty());
    test.deny(None);
    rise(&mut test);
    assert_eq!(test.orders().len(), 1);
}

#[test]
fn a_carried_strategy_decides_as_the_one_that_was_never_swapped() {
    let (mut whole, mut swapped) = (quick(), quick());
    rise(&mut whole);
    for bid in ["39400.00", "39410.00", "39420.00"] {
        swapped.quote(bid, &bid.replace(".00", ".01"));
    }
    let mut swapped = swapped.restart();
    for bid in ["39430.00", "39440.00"] {
        swapped.quote(bid, &bid.replace(".00", ".01"));
    }
    assert_eq!(whole.orders(), swapped.orders());
    assert_eq!(whole.save(), swapped.save());
}

#[test]
fn parameters_that_contradict_each_other_are_refused_by_name() {
    let params = [("fast", 50.into())];
    let issues = StrategyTest::<EmaCross>::new(&params, &[btc_usdt()]).err().unwrap();
    assert_eq!(issues[0].key, "fast");
    let params = [("fast", 1.into())];
    assert!(StrategyTest::<EmaCross>::new(&params, &[btc_usdt()]).is_err());
}

#[test]
fn on_the_recorded_market_it_trades_a_little_and_a_swap_changes_nothing() {
    let run = |swap_every: usize| {
        let mut test = StrategyTest::<EmaCross>::new(&[], &[btc_usdt()]).unwrap();
        for (at, event) in recorded_btc_usdt().iter().enumerate() {
            test.replay(event);
            assert!(test.position(0).size.abs() <= Qty(10_000));
            if at % swap_every == swap_every - 1 {
                test = test.restart();
            }
        }
        test.orders()
    };
    let orders = run(usize::MAX);
    assert!((4..=60).contains(&orders.len()), "{} orders", orders.len());
    assert_eq!(run(97), orders);
}
