//! The Bybit dialect.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use wickd_venue::engine::Product;
use wickd_venue::{Config, Limits, Venue};

use super::client::{Socket, bybit, get, hex, send, still};

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).parse().unwrap()
}

pub(crate) async fn private(venue: &Venue, topics: Value) -> Socket {
    let mut socket = Socket::open(venue, "/v5/private").await;
    let expires = venue.now_ms() + 10_000;
    let sign = hex(&format!("GET/realtime{expires}"));
    socket.say(json!({"op": "auth", "args": ["key", expires, sign]})).await;
    assert_eq!(socket.json().await["success"], true);
    socket.say(json!({"op": "subscribe", "args": topics})).await;
    assert_eq!(socket.json().await["success"], true);
    socket
}

fn order(client_id: &str, category: &str, more: Value) -> Value {
    let mut order = json!({"category": category, "symbol": "BTCUSDT", "side": "Buy",
        "orderType": "Limit", "price": "24000", "qty": "0.1", "orderLinkId": client_id});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    order
}

async fn place(venue: &Venue, order: &Value) -> Value {
    bybit(venue, "POST", "/v5/order/create", &order.to_string()).await.json()
}

async fn read(venue: &Venue, category: &str, client_id: &str) -> Value {
    let path =
        format!("/v5/order/realtime?category={category}&symbol=BTCUSDT&orderLinkId={client_id}");
    bybit(venue, "GET", &path, "").await.json()["result"]["list"][0].clone()
}

#[tokio::test]
async fn signature_vectors_of_get_and_post_are_taken() {
    let venue = still();
    venue.set_skew(1_700_000_000_000 - venue.now_ms());
    let body = r#"{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.001","price":"25000"}"#;
    for (method, target, sign, body) in [
        (
            "POST",
            "/v5/order/create",
            "c1783004180d3b7bc7fb896125cfabce6f99a178ba60a9e36e28d687e12be10e",
            body,
        ),
        (
            "GET",
            "/v5/account/wallet-balance?accountType=UNIFIED",
            "43e2b7f0e775e6968592a09e4a1654bb0b95179fd1c3713d7d4dcec2485ece94",
            "",
        ),
    ] {
        let mut headers = vec![
            ("X-BAPI-API-KEY", "key"),
            ("X-BAPI-TIMESTAMP", "1700000000000"),
            ("X-BAPI-RECV-WINDOW", "5000"),
            ("X-BAPI-SIGN", sign),
        ];
        let reply = send(&venue, method, target, &headers, body).await.unwrap();
        assert_eq!(reply.json()["retCode"], 0, "{method}");
        for (place, wrong, code) in
            [(0, "other", 10003), (1, "1699999990000", 10002), (2, "6000", 10004), (3, "00", 10004)]
        {
            let right = std::mem::replace(&mut headers[place].1, wrong);
            let reply = send(&venue, method, target, &headers, body).await.unwrap();
            assert_eq!(reply.json()["retCode"], code, "{wrong}");
            headers[place].1 = right;
        }
    }
    assert_eq!(venue.truth().orders.len(), 1);
}

#[tokio::test]
async fn a_write_is_only_acknowledged_and_the_topic_tells_how_it_ended() {
    let venue = still();
    let mut user = private(&venue, json!(["order", "execution", "wallet", "position"])).await;
    let taking = order("p", "linear", json!({"timeInForce": "PostOnly", "price": "26000"}));
    let said = place(&venue, &taking).await;
    assert_eq!((&said["retCode"], &said["result"]["orderLinkId"]), (&json!(0), &json!("p")));
    assert!(said["result"].get("orderStatus").is_none());
    let said = user.until(|said| said["data"][0]["orderStatus"] == "Cancelled").await;
    assert_eq!(said["data"][0]["rejectReason"], "EC_PostOnlyWillTakeLiquidity");

    place(&venue, &order("m", "linear", json!({"orderType": "Market", "qty": "0.01"}))).await;
    let fill = user.until(|said| said["topic"] == "execution").await;
    assert_eq!(
        (&fill["data"][0]["execQty"], &fill["data"][0]["isMaker"]),
        (&json!("0.01"), &json!(false))
    );
    assert_eq!(fill["data"][0]["execId"].as_str().unwrap().len(), 36);
    user.until(|said| said["topic"] == "order" && said["data"][0]["orderStatus"] == "Filled").await;
    let held = user.until(|said| said["topic"] == "position").await;
    assert_eq!(
        (&held["data"][0]["side"], &held["data"][0]["size"]),
        (&json!("Buy"), &json!("0.01"))
    );
    let held =
        bybit(&venue, "GET", "/v5/position/list?category=linear&settleCoin=USDT", "").await.json();
    assert_eq!(held["result"]["list"][0]["size"], "0.01");
}

#[tokio::test]
async fn every_refusal_has_its_categorys_code() {
    let venue = still();
    for (category, more, code) in [
        ("spot", json!({"price": "24000.001"}), 170134),
        ("spot", json!({"qty": "0.0000111"}), 170137),
        ("spot", json!({"qty": "0.0001"}), 170140),
        ("spot", json!({"qty": "1000"}), 170131),
        ("linear", json!({"price": "24000.01"}), 10001),
        ("linear", json!({"qty": "0.001", "price": "1000"}), 110094),
        ("linear", json!({"qty": "900"}), 110007),
        ("linear", json!({"reduceOnly": true}), 110017),
        ("linear", json!({"positionIdx": 1}), 10001),
        ("linear", json!({"symbol": "XY"}), 10001),
        ("option", json!({}), 10001),
    ] {
        let said = place(&venue, &order("e", category, more)).await;
        assert_eq!(said["retCode"], code, "{category} {said}");
    }
    assert!(venue.truth().orders.is_empty());
    for (category, duplicate, unknown) in [("spot", 170141, 170213), ("linear", 110072, 110001)] {
        assert_eq!(place(&venue, &order(category, category, json!({}))).await["retCode"], 0);
        let again = place(&venue, &order(category, category, json!({}))).await;
        assert_eq!(again["retCode"], duplicate);
        let cancel = json!({"category": category, "symbol": "BTCUSDT", "orderLinkId": "none"});
        let said = bybit(&venue, "POST", "/v5/order/cancel", &cancel.to_string()).await.json();
        assert_eq!(said["retCode"], unknown);
    }
}

#[tokio::test]
async fn an_order_is_amended_filled_in_parts_cancelled_and_listed() {
    let venue = still();
    let placed = place(&venue, &order("a", "spot", json!({"qty": "0.5"}))).await;
    let id = placed["result"]["orderId"].as_str().unwrap();
    let amend = json!({"category": "spot", "symbol": "BTCUSDT", "orderId": id, "price": "24100"});
    assert_eq!(
        bybit(&venue, "POST", "/v5/order/amend", &amend.to_string()).await.json()["retCode"],
        0
    );
    venue.fill("a", Decimal::new(2, 1)).unwrap();
    let open = read(&venue, "spot", "a").await;
    assert_eq!(
        (&open["orderStatus"], &open["price"], &open["leavesQty"]),
        (&json!("PartiallyFilled"), &json!("24100"), &json!("0.3"))
    );
    let cancel = json!({"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "a"});
    assert_eq!(
        bybit(&venue, "POST", "/v5/order/cancel", &cancel.to_string()).await.json()["retCode"],
        0
    );
    assert_eq!(read(&venue, "spot", "a").await["orderStatus"], "PartiallyFilledCanceled");
    let done = bybit(&venue, "GET", "/v5/order/history?category=spot", "").await.json();
    assert_eq!(done["result"]["list"][0]["orderId"], id);
    let fills = bybit(&venue, "GET", "/v5/execution/list?category=spot", "").await.json();
    assert_eq!(
        (&fills["result"]["list"][0]["execQty"], &fills["result"]["list"][0]["feeCurrency"]),
        (&json!("0.2"), &json!("BTC"))
    );
    for number in 0..3 {
        place(&venue, &order(&format!("c{number}"), "spot", json!({}))).await;
    }
    let first = bybit(&venue, "GET", "/v5/order/realtime?category=spot&limit=2", "").await.json();
    let cursor = first["result"]["nextPageCursor"].as_str().unwrap();
    let path = format!("/v5/order/realtime?category=spot&limit=2&cursor={cursor}");
    let second = bybit(&venue, "GET", &path, "").await.json();
    assert_eq!(first["result"]["list"].as_array().unwrap().len(), 2);
    assert_eq!(second["result"]["list"][0]["orderLinkId"], "c0");
    assert_eq!(second["result"]["nextPageCursor"], "");
    let all = json!({"category": "spot"}).to_string();
    let said = bybit(&venue, "POST", "/v5/order/cancel-all", &all).await.json();
    assert_eq!(said["result"]["list"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_spot_market_buy_is_in_quote_unless_it_says_otherwise() {
    let venue = still();
    place(&venue, &order("q", "spot", json!({"orderType": "Market", "qty": "1000"}))).await;
    let value = decimal(&read(&venue, "spot", "q").await["cumExecValue"]);
    assert!(value <= Decimal::from(1_000) && value > Decimal::from(999), "{value}");
    let base = json!({"orderType": "Market", "qty": "0.3", "marketUnit": "baseCoin"});
    place(&venue, &order("b", "spot", base)).await;
    assert_eq!(read(&venue, "spot", "b").await["cumExecQty"], "0.3");
}

#[tokio::test]
async fn a_book_rises_by_one_and_begins_anew_at_one() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/v5/public/linear").await;
    socket.say(json!({"op": "ping", "req_id": "7"})).await;
    assert_eq!(socket.json().await["ret_msg"], "pong");
    venue.step(30);
    socket.say(json!({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})).await;
    let mut last = 0;
    let mut book: BTreeMap<(bool, Decimal), Decimal> = BTreeMap::new();
    for round in 0..20 {
        let said = socket.until(|said| said["topic"] == "orderbook.50.BTCUSDT").await;
        let data = &said["data"];
        let number = data["u"].as_u64().unwrap();
        if said["type"] == "snapshot" {
            assert!(round == 0 || number == 1, "{said}");
            book.clear();
        } else {
            assert_eq!(number, last + 1);
        }
        last = number;
        for (is_bid, name) in [(true, "b"), (false, "a")] {
            for level in data[name].as_array().unwrap() {
                book.insert((is_bid, decimal(&level[0])), decimal(&level[1]));
            }
        }
        book.retain(|_, qty| !qty.is_zero());
        if round == 10 {
            venue.restart_books();
        } else {
            venue.step(40);
        }
    }
    let rest = get(&venue, "/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=500").await;
    let mut last_book = book;
    while last < rest["result"]["u"].as_u64().unwrap() {
        let said = socket.until(|said| said["topic"] == "orderbook.50.BTCUSDT").await;
        last = said["data"]["u"].as_u64().unwrap();
        for (is_bid, name) in [(true, "b"), (false, "a")] {
            for level in said["data"][name].as_array().unwrap() {
                last_book.insert((is_bid, decimal(&level[0])), decimal(&level[1]));
            }
        }
        last_book.retain(|_, qty| !qty.is_zero());
    }
    for (is_bid, name) in [(true, "b"), (false, "a")] {
        let expected: BTreeMap<_, _> = rest["result"][name]
            .as_array()
            .unwrap()
            .iter()
            .map(|level| ((is_bid, decimal(&level[0])), decimal(&level[1])))
            .collect();
        let found: BTreeMap<_, _> =
            last_book.clone().into_iter().filter(|((side, _), _)| *side == is_bid).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn topics_are_refused_by_name_and_without_proof() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/v5/public/spot").await;
    socket.say(json!({"op": "subscribe", "args": ["orderbook.51.BTCUSDT"]})).await;
    assert_eq!(socket.json().await["success"], false);
    let many: Vec<&str> = vec!["publicTrade.BTCUSDT"; 11];
    socket.say(json!({"op": "subscribe", "args": many})).await;
    assert_eq!(socket.json().await["ret_msg"], "args size >10");
    let mut socket = Socket::open(&venue, "/v5/private").await;
    socket.say(json!({"op": "subscribe", "args": ["order"]})).await;
    assert_eq!(socket.json().await["ret_msg"], "Request not authorized");
    let late = venue.now_ms() - 1;
    let sign = hex(&format!("GET/realtime{late}"));
    socket.say(json!({"op": "auth", "args": ["key", late, sign]})).await;
    assert_eq!(socket.json().await["success"], false);
    assert!(matches!(socket.message().await, Ok(Message::Close(_))));
}

#[tokio::test]
async fn public_topics_and_reads_have_their_shapes() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/v5/public/linear").await;
    let topics =
        ["tickers.BTCUSDT", "publicTrade.BTCUSDT", "kline.1.BTCUSDT", "orderbook.1.BTCUSDT"];
    socket.say(json!({"op": "subscribe", "args": topics})).await;
    let full = socket.until(|said| said["topic"] == topics[0]).await;
    assert!(decimal(&full["data"]["markPrice"]) > Decimal::ZERO);
    venue.step(200);
    let delta = socket.until(|said| said["topic"] == topics[0] && said["type"] == "delta").await;
    assert!(delta["data"].get("volume24h").is_none());
    let mut last = None;
    for _ in 0..20 {
        let said = socket.until(|said| said["topic"] == topics[1]).await;
        let seq = said["data"][0]["seq"].as_u64().unwrap();
        assert!(last.is_none_or(|last| seq == last + 1));
        last = Some(seq);
    }
    socket.until(|said| said["topic"] == topics[2]).await;
    for (category, filter) in [("spot", "basePrecision"), ("linear", "qtyStep")] {
        let path = format!("/v5/market/instruments-info?category={category}");
        let info = get(&venue, &path).await;
        assert!(info["result"]["list"][0]["lotSizeFilter"][filter].is_string());
        let path =
            format!("/v5/market/kline?category={category}&symbol=BTCUSDT&interval=5&limit=3");
        let bars = get(&venue, &path).await["result"]["list"].clone();
        assert_eq!(decimal(&bars[0][0]) - decimal(&bars[1][0]), Decimal::from(300_000));
        let path = format!("/v5/market/recent-trade?category={category}&symbol=BTCUSDT&limit=2");
        assert_eq!(get(&venue, &path).await["result"]["list"].as_array().unwrap().len(), 2);
        let path = format!("/v5/market/tickers?category={category}");
        let ticker = get(&venue, &path).await["result"]["list"][0].clone();
        assert!(decimal(&ticker["bid1Price"]) < decimal(&ticker["ask1Price"]));
    }
    let path = "/v5/market/funding/history?category=linear&symbol=BTCUSDT&limit=4";
    assert_eq!(get(&venue, path).await["result"]["list"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn who_asks_too_often_is_told_and_who_floods_is_shut_out() {
    let limits = Limits { bybit_linear_orders: 2, bybit_ip: 6, ..Limits::default() };
    let venue = Venue::start(Config { limits, ..Config::default() }).unwrap();
    // The first moment of a second, so that the window cannot end within the test.
    venue.set_skew(3_600_000 - venue.now_ms() % 1_000);
    let mut seen = Vec::new();
    for number in 0..3 {
        let body = order(&format!("l{number}"), "linear", json!({})).to_string();
        let reply = bybit(&venue, "POST", "/v5/order/create", &body).await;
        seen.push((
            reply.json()["retCode"].as_i64().unwrap(),
            reply.header("x-bapi-limit-status").to_owned(),
        ));
    }
    assert_eq!(seen, [(0, "1".to_owned()), (0, "0".to_owned()), (10006, "0".to_owned())]);
    let ask = || send(&venue, "GET", "/v5/market/time", &[], "");
    for _ in 0..3 {
        assert_eq!(ask().await.unwrap().status, 200);
    }
    assert_eq!(ask().await.unwrap().status, 403);
    venue.set_skew(3_600_000 + 300_000);
    assert_eq!(ask().await.unwrap().status, 403, "for ten minutes");
    venue.set_skew(3_600_000 + 700_000);
    assert_eq!(ask().await.unwrap().status, 200);
    assert!(venue.limits()["bybit ip"].violations >= 1);
}

#[tokio::test]
async fn the_truth_is_the_sum_of_what_the_topics_said() {
    let venue = still();
    let mut user = private(&venue, json!(["order", "execution"])).await;
    for number in 0..30 {
        let (side, price) = if number % 2 == 0 { ("Buy", "24999") } else { ("Sell", "25001") };
        let category = ["spot", "linear"][number / 2 % 2];
        let more = json!({"side": side, "price": price, "qty": "0.05"});
        assert_eq!(
            place(&venue, &order(&format!("t{number}"), category, more)).await["retCode"],
            0
        );
        venue.step(60);
        // Linear takes ten writes a second; the venue's clock goes on instead of the test's.
        venue.set_skew(i64::try_from(number).unwrap() * 500);
    }
    place(&venue, &order("last", "spot", json!({"price": "10000"}))).await;
    let (mut filled, mut states): (BTreeMap<String, Decimal>, BTreeMap<String, Value>) =
        Default::default();
    while !states.contains_key("last") {
        let said = user.json().await;
        let data = &said["data"][0];
        let client_id = data["orderLinkId"].as_str().unwrap().to_owned();
        if said["topic"] == "execution" {
            *filled.entry(client_id).or_default() += decimal(&data["execQty"]);
        } else {
            states.insert(client_id, data.clone());
        }
    }
    let truth = venue.truth();
    assert!(filled.len() > 5);
    for order in &truth.orders {
        assert_eq!(filled.get(&order.client_id).copied().unwrap_or_default(), order.filled);
        assert_eq!(decimal(&states[&order.client_id]["cumExecQty"]), order.filled);
    }
    let signed = |order: &wickd_venue::engine::Order| order.side.sign() * order.filled;
    let perp = truth.orders.iter().filter(|order| order.product == Product::Perp);
    assert_eq!(truth.account.position.qty, perp.map(signed).sum::<Decimal>());
}
