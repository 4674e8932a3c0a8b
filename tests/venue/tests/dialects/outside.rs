//! What happens past the client, as each dialect tells it: reads that lag, fees in a third asset,
//! orders by hand, transfers, liquidation, funding.

use rust_decimal::Decimal;
use serde_json::{Value, json};
use wickd_venue::engine::{Fees, Origin, Product, Side, THIRD};
use wickd_venue::{Fault, Plan, Route, Rule, Venue};

use super::client::{Socket, binance, bybit, okx, send, still};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

async fn control(venue: &Venue, topic: &str, body: Value) -> Value {
    let path = format!("/control/{topic}");
    let reply = send(venue, "POST", &path, &[], &body.to_string()).await.unwrap();
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.bytes));
    reply.json()
}

async fn by_hand(venue: &Venue, product: Product, side: Side, client_id: &str) -> Value {
    let order = json!({"product": product, "side": side, "qty": "0.1", "client_id": client_id});
    control(venue, "order", order).await
}

async fn perp_stream(venue: &Venue) -> Socket {
    let key = [("X-MBX-APIKEY", "key")];
    let key = send(venue, "POST", "/fapi/v1/listenKey", &key, "").await.unwrap().json();
    let path = format!("/private/ws?listenKey={}", key["listenKey"].as_str().unwrap());
    Socket::open(venue, &path).await
}

#[tokio::test]
async fn a_read_that_lags_misses_young_orders_alone_and_in_lists_and_only_reads_do() {
    let venue = still();
    let place = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=24000";
    binance(&venue, "POST", "/api/v3/order", &format!("{place}&newClientOrderId=a")).await;
    let lag = |ms, one_in| {
        let rule = Rule::random(Fault::Lag { ms, one_in }, &[Route::Query], 1_000_000);
        venue.faults(Plan { clear: true, seed: None, rules: vec![rule] }).unwrap();
    };
    lag(u64::MAX, 1);
    let one = "symbol=BTCUSDT&origClientOrderId=a";
    let missed = binance(&venue, "GET", "/api/v3/order", one).await;
    assert_eq!((missed.status, &missed.json()["code"]), (400, &json!(-2013)));
    for (path, query) in
        [("/api/v3/openOrders", "symbol=BTCUSDT"), ("/api/v3/allOrders", "symbol=BTCUSDT")]
    {
        assert_eq!(binance(&venue, "GET", path, query).await.json(), json!([]), "{path}");
    }
    let missed = okx(&venue, "GET", "/api/v5/trade/orders-pending", "").await.json();
    assert_eq!(missed["data"], json!([]));
    let missed = bybit(&venue, "GET", "/v5/order/realtime?category=spot", "").await.json();
    assert_eq!(missed["result"]["list"], json!([]));
    venue.set_skew(60_000);
    lag(30_000, 1);
    assert_eq!(binance(&venue, "GET", "/api/v3/order", one).await.status, 200, "old enough");
    lag(u64::MAX, u32::MAX);
    assert_eq!(binance(&venue, "GET", "/api/v3/order", one).await.status, 200, "not the one");
    lag(u64::MAX, 1);
    let done = binance(&venue, "DELETE", "/api/v3/order", one).await;
    assert_eq!(done.status, 200, "what is missed can be cancelled");
    let misfit = Rule::once(Fault::Lag { ms: 1, one_in: 1 }, Route::Create);
    assert!(venue.faults(Plan { rules: vec![misfit], ..Plan::default() }).is_err());
}

#[tokio::test]
async fn an_order_by_hand_is_told_to_every_client_of_the_account() {
    let venue = still();
    let mut spot = super::binance::user_stream(&venue).await;
    let mut unified = super::bybit::private(&venue, json!(["execution"])).await;
    let order = by_hand(&venue, Product::Spot, Side::Buy, "web_1").await;
    assert_eq!(order["status"], "filled");
    let fill = spot.until(|said| said["event"]["x"] == "TRADE").await;
    assert_eq!(fill["event"]["c"], "web_1");
    let fill = unified.until(|said| said["topic"] == "execution").await;
    assert_eq!(fill["data"][0]["orderLinkId"], "web_1");
}

#[tokio::test]
async fn fees_in_a_third_asset_are_named_on_the_stream_and_in_the_lists() {
    let venue = still();
    venue.set_fees(Fees::Third);
    let mut spot = super::binance::user_stream(&venue).await;
    by_hand(&venue, Product::Spot, Side::Buy, "web_1").await;
    let fill = spot.until(|said| said["event"]["x"] == "TRADE").await;
    assert_eq!(fill["event"]["N"], THIRD);
    let trades = binance(&venue, "GET", "/api/v3/myTrades", "symbol=BTCUSDT").await.json();
    assert_eq!(trades[0]["commissionAsset"], THIRD);
    let account = binance(&venue, "GET", "/api/v3/account", "").await.json();
    let held = account["balances"].as_array().unwrap().iter().find(|row| row["asset"] == THIRD);
    let fees: Decimal = venue.truth().orders[0].fills.iter().map(|fill| fill.fee).sum();
    assert_eq!(decimal(held.unwrap()["free"].as_str().unwrap()), decimal("1000") - fees);
}

#[tokio::test]
async fn a_transfer_changes_the_balance_and_says_by_how_much() {
    let venue = still();
    let (mut spot, mut perp) =
        (super::binance::user_stream(&venue).await, perp_stream(&venue).await);
    control(&venue, "transfer", json!({"product": "spot", "asset": "BTC", "amount": "-0.5"})).await;
    let told = spot.until(|said| said["event"]["e"] == "balanceUpdate").await;
    assert_eq!(told["event"]["d"], "-0.50000000");
    control(&venue, "transfer", json!({"product": "perp", "asset": "USDT", "amount": "7"})).await;
    let told = perp.json().await;
    assert_eq!((&told["a"]["m"], &told["a"]["B"][0]["bc"]), (&json!("DEPOSIT"), &json!("7")));
    assert_eq!(told["a"]["P"], json!([]), "a transfer moves no position");
    let held = &venue.truth().account;
    assert_eq!((held.free("BTC"), held.wallet), (decimal("99.5"), decimal("1000007")));
}

#[tokio::test]
async fn a_liquidation_and_an_adl_are_told_in_each_dialects_words() {
    let venue = still();
    by_hand(&venue, Product::Perp, Side::Buy, "mine").await;
    let mut usdm = perp_stream(&venue).await;
    let mut swap = super::okx::private(&venue).await;
    swap.say(json!({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]})).await;
    swap.until(|said| said["event"] == "subscribe").await;
    let mut linear = super::bybit::private(&venue, json!(["execution", "order"])).await;
    for (origin, id, category, kind) in [
        (Origin::Liquidation, "autoclose-", "full_liquidation", "BustTrade"),
        (Origin::Adl, "adl_autoclose", "adl", "AdlTrade"),
    ] {
        control(&venue, "liquidate", json!({"qty": "0.05", "origin": origin})).await;
        let told = usdm.until(|said| said["o"]["x"] == "CALCULATED").await;
        assert!(told["o"]["c"].as_str().unwrap().starts_with(id), "{told}");
        assert_eq!((&told["o"]["o"], &told["o"]["l"]), (&json!("LIQUIDATION"), &json!("0.05")));
        let told = swap.until(|said| said["data"][0]["state"] == "filled").await;
        assert_eq!(
            (&told["data"][0]["category"], &told["data"][0]["clOrdId"]),
            (&json!(category), &json!(""))
        );
        let told = linear.until(|said| said["topic"] == "execution").await;
        assert_eq!(
            (&told["data"][0]["execType"], &told["data"][0]["orderLinkId"]),
            (&json!(kind), &json!(""))
        );
    }
    assert!(venue.truth().account.position.qty.is_zero());
}

#[tokio::test]
async fn funding_moves_the_wallet_and_no_position() {
    let venue = still();
    by_hand(&venue, Product::Perp, Side::Buy, "mine").await;
    let mut usdm = perp_stream(&venue).await;
    let mut linear = super::bybit::private(&venue, json!(["execution"])).await;
    let before = venue.truth().account;
    let got = control(&venue, "funding", json!({"rate": "0.0001"})).await;
    let got = decimal(got["received"].as_str().unwrap());
    assert!(got.is_sign_negative(), "who is long pays a positive rate");
    let told = usdm.json().await;
    assert_eq!(told["a"]["m"], "FUNDING_FEE");
    assert_eq!(decimal(told["a"]["B"][0]["bc"].as_str().unwrap()), got);
    let told = linear.json().await;
    assert_eq!(told["data"][0]["execType"], "Funding");
    assert_eq!(decimal(told["data"][0]["execFee"].as_str().unwrap()), -got);
    let after = venue.truth().account;
    assert_eq!((after.wallet, after.position), (before.wallet + got, before.position));
}
