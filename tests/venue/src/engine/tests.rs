use proptest::prelude::*;

use super::*;

pub(super) fn engine() -> Engine {
    Engine::new(
        1,
        1_700_000_000_000,
        Decimal::TEN,
        Decimal::from(1_000_000),
        Decimal::from(100_000),
    )
}

pub(super) fn limit(
    client_id: &str,
    product: Product,
    side: Side,
    price: i64,
    qty: &str,
) -> NewOrder {
    NewOrder {
        client_id: client_id.to_owned(),
        product,
        side,
        kind: Kind::Limit,
        tif: Tif::Gtc,
        price: Decimal::from(price),
        amount: Amount::Base(qty.parse().unwrap()),
        reduce_only: false,
        refuse_taking_post_only: true,
        client_id_reusable: false,
    }
}

#[test]
fn a_resting_order_is_filled_when_the_market_comes_to_it() {
    let mut engine = engine();
    let order = engine.submit(limit("a", Product::Spot, Side::Buy, 24_900, "0.5")).unwrap();
    assert_eq!(order.status, Status::New);
    assert_eq!(engine.account().spot["USDT"].locked, Decimal::from(12_450));
    engine.move_to(Product::Spot, Decimal::from(24_800)).unwrap();
    let order = engine.by_client_id("a").unwrap();
    assert_eq!(order.status, Status::Filled);
    assert!(order.fills.iter().all(|fill| fill.is_maker && fill.price == Decimal::from(24_900)));
    assert_eq!(engine.account().spot["USDT"].locked, Decimal::ZERO);
}

#[test]
fn an_account_never_trades_with_itself() {
    let mut engine = engine();
    engine.submit(limit("bid", Product::Spot, Side::Buy, 25_000, "0.1")).unwrap();
    let sell = engine.submit(limit("ask", Product::Spot, Side::Sell, 25_000, "0.1")).unwrap();
    assert_eq!(engine.by_client_id("bid").unwrap().status, Status::ExpiredInMatch);
    assert_eq!((sell.status, sell.filled), (Status::New, Decimal::ZERO));
}

#[test]
fn a_reduce_only_order_never_turns_a_position() {
    let mut engine = engine();
    let refused = engine.submit(NewOrder {
        reduce_only: true,
        ..limit("r0", Product::Perp, Side::Sell, 26_000, "0.1")
    });
    assert_eq!(refused, Err(Refusal::NotReducing));
    engine.submit(limit("long", Product::Perp, Side::Buy, 26_000, "0.1")).unwrap();
    for id in ["r1", "r2"] {
        let order = limit(id, Product::Perp, Side::Sell, 26_000, "0.06");
        engine.submit(NewOrder { reduce_only: true, ..order }).unwrap();
    }
    engine.move_to(Product::Perp, Decimal::from(27_000)).unwrap();
    assert_eq!(engine.account().position.qty, Decimal::ZERO);
    assert_eq!(engine.by_client_id("r1").unwrap().status, Status::Filled);
    let second = engine.by_client_id("r2").unwrap();
    assert_eq!((second.status, second.filled), (Status::Expired, Decimal::new(4, 2)));
}

#[test]
fn fill_or_kill_is_all_or_nothing_and_immediate_leaves_no_rest() {
    let mut engine = engine();
    let best = engine.quote(Product::Spot).unwrap();
    let more = (best.ask_qty + Decimal::new(1, 5)).to_string();
    let price = best.ask;
    for (id, tif, filled) in [("f", Tif::Fok, Decimal::ZERO), ("i", Tif::Ioc, best.ask_qty)] {
        let order = limit(id, Product::Spot, Side::Buy, 0, &more);
        let done = engine.submit(NewOrder { tif, price, ..order }).unwrap();
        assert_eq!((done.status, done.filled), (Status::Expired, filled), "{id}");
    }
    assert_eq!(engine.account().spot["USDT"].locked, Decimal::ZERO);
}

#[test]
fn the_same_seed_gives_the_same_market() {
    let (mut one, mut other) = (engine(), engine());
    for engine in [&mut one, &mut other] {
        (0..2_000).for_each(|_| engine.step());
        engine.flush();
    }
    assert_eq!(one.take_events(), other.take_events());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn no_coin_appears_or_vanishes_and_every_fill_has_its_own_trade(
        asks in proptest::collection::vec(
            (any::<bool>(), any::<bool>(), -60_i64..60, 1_i64..2_000, 0_u8..5, 0_u8..30), 1..60),
    ) {
        let mut engine = engine();
        let mut ids = Vec::new();
        for (number, (is_buy, is_spot, away, size, tif, steps)) in asks.into_iter().enumerate() {
            let product = if is_spot { Product::Spot } else { Product::Perp };
            let side = if is_buy { Side::Buy } else { Side::Sell };
            let order = limit(&format!("o{number}"), product, side, 25_000 + away, "1");
            let tif = [Tif::Gtc, Tif::Gtc, Tif::Ioc, Tif::Fok, Tif::PostOnly][usize::from(tif)];
            let amount = Amount::Base(Decimal::new(size, 3));
            ids.extend(engine.submit(NewOrder { tif, amount, ..order }).ok().map(|order| order.id));
            if steps % 7 == 3 && !ids.is_empty() {
                let _ = engine.cancel(ids[usize::from(steps) % ids.len()]);
            }
            if steps % 7 == 5 && !ids.is_empty() {
                let id = ids[usize::from(steps) % ids.len()];
                let _ = engine.amend(id, Decimal::from(25_000 - away), Decimal::new(size + 1, 3));
            }
            (0..steps).for_each(|_| engine.step());
        }
        let truth = engine.truth();
        let mut base = Decimal::TEN;
        let mut quote = Decimal::from(1_000_000);
        let (mut wallet, mut position) = (Decimal::from(100_000), Decimal::ZERO);
        let mut locked = (Decimal::ZERO, Decimal::ZERO);
        for order in &truth.orders {
            for fill in &order.fills {
                let signed = order.side.sign() * fill.qty;
                match order.product {
                    Product::Spot => {
                        base += signed;
                        quote -= signed * fill.price;
                        if fill.fee_asset == "BTC" { base -= fill.fee } else { quote -= fill.fee }
                    }
                    Product::Perp => {
                        position += signed;
                        wallet += fill.realised - fill.fee;
                    }
                }
            }
            prop_assert_eq!(order.filled, order.fills.iter().map(|fill| fill.qty).sum::<Decimal>());
            prop_assert!(order.filled <= order.qty);
            if order.product == Product::Spot && order.status.is_open() {
                match order.side {
                    Side::Buy => locked.1 += order.price * order.rest(),
                    Side::Sell => locked.0 += order.rest(),
                }
            }
        }
        let spot = |asset: &str| truth.account.spot[asset].free + truth.account.spot[asset].locked;
        prop_assert_eq!(spot("BTC"), base);
        prop_assert_eq!(spot("USDT"), quote);
        prop_assert_eq!(truth.account.spot["BTC"].locked, locked.0);
        prop_assert_eq!(truth.account.spot["USDT"].locked, locked.1);
        prop_assert_eq!(truth.account.wallet, wallet);
        prop_assert_eq!(truth.account.position.qty, position);
        let mut trades: Vec<_> = truth.orders.iter()
            .flat_map(|order| order.fills.iter().map(|fill| (order.product, fill.trade_id)))
            .collect();
        let all = trades.len();
        trades.sort();
        trades.dedup();
        prop_assert_eq!(trades.len(), all);
    }
}
