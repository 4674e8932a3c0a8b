//! The OKX dialect.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use wickd_venue::engine::{Product, Status};
use wickd_venue::{Config, Limits, Venue};

use super::client::{Socket, base64, get, okx, send, still};

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).parse().unwrap()
}

pub(crate) async fn private(venue: &Venue) -> Socket {
    let mut socket = Socket::open(venue, "/ws/v5/private").await;
    let seconds = (venue.now_ms() / 1_000).to_string();
    let sign = base64(&format!("{seconds}GET/users/self/verify"));
    let arg =
        json!({"apiKey": "key", "passphrase": "password", "timestamp": seconds, "sign": sign});
    socket.say(json!({"op": "login", "args": [arg]})).await;
    let said = socket.json().await;
    assert_eq!((&said["event"], &said["code"]), (&json!("login"), &json!("0")), "{said}");
    socket
}

fn order(client_id: &str, product: Product, more: Value) -> Value {
    let (id, mode) = match product {
        Product::Spot => ("BTC-USDT", "cash"),
        Product::Perp => ("BTC-USDT-SWAP", "cross"),
    };
    let mut order = json!({"instId": id, "tdMode": mode, "side": "buy", "ordType": "limit",
        "px": "24000", "sz": "0.1", "clOrdId": client_id});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    order
}

async fn place(venue: &Venue, order: &Value) -> Value {
    okx(venue, "POST", "/api/v5/trade/order", &order.to_string()).await.json()
}

#[tokio::test]
async fn signature_vectors_of_get_and_post_are_taken() {
    let venue = still();
    venue.set_skew(1_700_000_000_000 - venue.now_ms());
    let stamp = "2023-11-14T22:13:20.000Z";
    let body = r#"{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"limit","px":"25000","sz":"0.001"}"#;
    for (method, target, sign, body) in [
        ("POST", "/api/v5/trade/order", "/+ehaCZiGh4Y5/wpISCoOgwNSxWWkhEzrV4Es5bOyZk=", body),
        (
            "GET",
            "/api/v5/account/balance?ccy=USDT",
            "iWNnmEJAf44H9vQ4Md/7JrxC4XWHzqtamoVCX2coJmY=",
            "",
        ),
    ] {
        let mut headers = vec![
            ("OK-ACCESS-KEY", "key"),
            ("OK-ACCESS-SIGN", sign),
            ("OK-ACCESS-TIMESTAMP", stamp),
            ("OK-ACCESS-PASSPHRASE", "password"),
        ];
        let reply = send(&venue, method, target, &headers, body).await.unwrap();
        assert_eq!((reply.status, &reply.json()["code"]), (200, &json!("0")), "{method}");
        for (place, wrong, code) in [
            (0, "other", "50111"),
            (1, "AAAA", "50113"),
            (2, "2023-11-14T22:12:20.000Z", "50102"),
            (2, "yesterday", "50112"),
            (3, "other", "50105"),
        ] {
            let right = std::mem::replace(&mut headers[place].1, wrong);
            let reply = send(&venue, method, target, &headers, body).await.unwrap();
            assert_eq!((reply.status, &reply.json()["code"]), (401, &json!(code)));
            headers[place].1 = right;
        }
        let without = send(&venue, method, target, &headers[1..], body).await.unwrap();
        assert_eq!(without.json()["code"], "50103");
    }
    assert_eq!(venue.truth().orders.len(), 1);
}

#[tokio::test]
async fn a_failed_item_comes_with_http_200_and_a_code_of_its_own() {
    let venue = still();
    for (client_id, product, more, code) in [
        ("with-dash", Product::Spot, json!({}), "51000"),
        ("a1", Product::Spot, json!({"px": "24000.001"}), "51000"),
        ("a2", Product::Spot, json!({"sz": "0.000001"}), "51020"),
        ("a3", Product::Spot, json!({"sz": "0.0000111"}), "51121"),
        ("a4", Product::Spot, json!({"sz": "1000"}), "51008"),
        ("a5", Product::Spot, json!({"tdMode": "cross"}), "51000"),
        ("a6", Product::Spot, json!({"instId": "X-Y"}), "51001"),
        ("a7", Product::Perp, json!({"sz": "0.15"}), "51121"),
        ("a8", Product::Perp, json!({"reduceOnly": true}), "51169"),
        ("a9", Product::Perp, json!({"posSide": "long"}), "51000"),
    ] {
        let reply = okx(
            &venue,
            "POST",
            "/api/v5/trade/order",
            &order(client_id, product, more).to_string(),
        )
        .await;
        let said = reply.json();
        assert_eq!((reply.status, &said["code"]), (200, &json!("1")), "{client_id}");
        assert_eq!(
            (&said["data"][0]["sCode"], &said["data"][0]["clOrdId"]),
            (&json!(code), &json!(client_id))
        );
    }
    assert!(venue.truth().orders.is_empty());
    let batch =
        json!([order("b1", Product::Spot, json!({})), order("b1", Product::Spot, json!({}))]);
    let said = okx(&venue, "POST", "/api/v5/trade/batch-orders", &batch.to_string()).await.json();
    assert_eq!((&said["code"], &said["data"][1]["sCode"]), (&json!("2"), &json!("51016")));
    let missing = "/api/v5/trade/order?instId=BTC-USDT&clOrdId=none";
    assert_eq!(okx(&venue, "GET", missing, "").await.json()["code"], "51603");
    let broken = okx(&venue, "POST", "/api/v5/trade/order", "{").await;
    assert_eq!((broken.status, &broken.json()["code"]), (400, &json!("50002")));
}

#[tokio::test]
async fn perpetual_sizes_are_in_contracts_and_a_market_buy_is_in_quote() {
    let venue = still();
    let mut user = private(&venue).await;
    user.say(json!({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"},
        {"channel": "account"}, {"channel": "positions", "instType": "ANY"}]}))
        .await;
    for _ in 0..3 {
        user.until(|said| said["event"] == "subscribe").await;
    }
    let swap = order("c1", Product::Perp, json!({"sz": "2.5"}));
    assert_eq!(place(&venue, &swap).await["code"], "0");
    assert_eq!(venue.truth().orders[0].qty, Decimal::new(25, 3));
    let said = user.until(|said| said["arg"]["channel"] == "orders").await;
    assert_eq!(
        (&said["data"][0]["sz"], &said["data"][0]["state"]),
        (&json!("2.5"), &json!("live"))
    );
    venue.fill("c1", Decimal::new(1, 2)).unwrap();
    let said = user.until(|said| said["data"][0]["state"] == "partially_filled").await;
    assert_eq!(
        (&said["data"][0]["fillSz"], &said["data"][0]["accFillSz"]),
        (&json!("1"), &json!("1"))
    );
    let held = user
        .until(|said| said["arg"]["channel"] == "positions" && said["data"][0]["pos"] != "0")
        .await;
    assert_eq!(
        (&held["data"][0]["pos"], &held["data"][0]["avgPx"]),
        (&json!("1"), &json!("24000"))
    );

    let buy = order("c2", Product::Spot, json!({"ordType": "market", "sz": "1000"}));
    assert_eq!(place(&venue, &buy).await["code"], "0");
    let read =
        okx(&venue, "GET", "/api/v5/trade/order?instId=BTC-USDT&clOrdId=c2", "").await.json();
    let filled = decimal(&read["data"][0]["accFillSz"]) * decimal(&read["data"][0]["avgPx"]);
    assert!(filled <= Decimal::from(1_000) && filled > Decimal::from(999), "{filled}");
    assert!(decimal(&read["data"][0]["fee"]) < Decimal::ZERO, "a fee paid is negative");
    assert_eq!(read["data"][0]["feeCcy"], "BTC");
}

#[tokio::test]
async fn an_order_is_amended_cancelled_and_listed() {
    let venue = still();
    place(&venue, &order("d1", Product::Perp, json!({"sz": "3"}))).await;
    let amend = json!({"instId": "BTC-USDT-SWAP", "clOrdId": "d1", "newPx": "24100", "newSz": "4"});
    let path = "/api/v5/trade/amend-order";
    assert_eq!(okx(&venue, "POST", path, &amend.to_string()).await.json()["code"], "0");
    let listed = okx(&venue, "GET", "/api/v5/trade/orders-pending?instType=SWAP", "").await.json();
    assert_eq!(
        (&listed["data"][0]["px"], &listed["data"][0]["sz"]),
        (&json!("24100"), &json!("4"))
    );
    venue.fill("d1", Decimal::new(1, 2)).unwrap();
    let cancel = json!({"instId": "BTC-USDT-SWAP", "clOrdId": "d1"}).to_string();
    let path = "/api/v5/trade/cancel-order";
    assert_eq!(okx(&venue, "POST", path, &cancel).await.json()["code"], "0");
    assert_eq!(okx(&venue, "POST", path, &cancel).await.json()["data"][0]["sCode"], "51401");
    let done = okx(&venue, "GET", "/api/v5/trade/orders-history?instType=SWAP", "").await.json();
    assert_eq!(
        (&done["data"][0]["state"], &done["data"][0]["accFillSz"]),
        (&json!("canceled"), &json!("1"))
    );
    let fills = okx(&venue, "GET", "/api/v5/trade/fills?instType=SWAP", "").await.json();
    assert_eq!(
        (&fills["data"][0]["fillSz"], &fills["data"][0]["execType"]),
        (&json!("1"), &json!("M"))
    );
    let held = okx(&venue, "GET", "/api/v5/account/positions", "").await.json();
    assert_eq!(held["data"][0]["pos"], "1");
    let balance = okx(&venue, "GET", "/api/v5/account/balance", "").await.json();
    let details = balance["data"][0]["details"].as_array().unwrap();
    assert!(details.iter().any(|held| held["ccy"] == "USDT"), "{balance}");
}

#[tokio::test]
async fn a_taking_post_only_order_is_accepted_and_then_cancelled() {
    let venue = still();
    let taking = order("p1", Product::Spot, json!({"ordType": "post_only", "px": "26000"}));
    assert_eq!(place(&venue, &taking).await["data"][0]["sCode"], "0");
    let read =
        okx(&venue, "GET", "/api/v5/trade/order?instId=BTC-USDT&clOrdId=p1", "").await.json();
    assert_eq!(
        (&read["data"][0]["state"], &read["data"][0]["cancelSource"]),
        (&json!("canceled"), &json!("31"))
    );
    assert_eq!(venue.truth().orders[0].status, Status::Cancelled);
}

#[tokio::test]
async fn a_book_follows_its_sequence_ids_from_the_snapshot_on() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/ws/v5/public").await;
    socket.say("ping").await;
    assert_eq!(socket.text().await, "pong");
    for id in ["BTC-USDT", "BTC-USDT-SWAP"] {
        venue.step(30);
        let arg = json!({"channel": "books", "instId": id});
        socket.say(json!({"op": "subscribe", "args": [arg]})).await;
        let snapshot =
            socket.until(|said| said["arg"]["instId"] == id && said["action"] == "snapshot").await;
        let mut last = snapshot["data"][0]["seqId"].as_i64().unwrap();
        assert_eq!(snapshot["data"][0]["prevSeqId"], -1);
        let mut sides = [BTreeMap::new(), BTreeMap::new()];
        let take = |sides: &mut [BTreeMap<Decimal, Decimal>; 2], data: &Value| {
            for (side, name) in ["bids", "asks"].into_iter().enumerate() {
                for level in data[name].as_array().unwrap() {
                    sides[side].insert(decimal(&level[0]), decimal(&level[1]));
                }
                sides[side].retain(|_, size| !size.is_zero());
            }
        };
        take(&mut sides, &snapshot["data"][0]);
        for _ in 0..10 {
            venue.step(40);
            let said = socket
                .until(|said| said["arg"]["instId"] == id && said["action"] == "update")
                .await;
            let data = &said["data"][0];
            assert_eq!(data["prevSeqId"], last);
            last = data["seqId"].as_i64().unwrap();
            take(&mut sides, data);
        }
        let rest = get(&venue, &format!("/api/v5/market/books?instId={id}&sz=400")).await;
        assert_eq!(rest["data"][0]["seqId"], last);
        let mut other = [BTreeMap::new(), BTreeMap::new()];
        take(&mut other, &rest["data"][0]);
        assert_eq!(sides, other);
    }
}

#[tokio::test]
async fn a_private_channel_needs_a_login_and_the_right_url() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/ws/v5/private").await;
    socket.say(json!({"op": "subscribe", "args": [{"channel": "account"}]})).await;
    assert_eq!(socket.json().await["code"], "60011");
    let seconds = (venue.now_ms() / 1_000).to_string();
    let arg =
        json!({"apiKey": "key", "passphrase": "password", "timestamp": seconds, "sign": "AAAA"});
    socket.say(json!({"op": "login", "args": [arg]})).await;
    assert_eq!(socket.json().await["code"], "60007");
    assert!(matches!(socket.message().await, Ok(Message::Close(_))));
    let mut public = Socket::open(&venue, "/ws/v5/public").await;
    public
        .say(json!({"op": "subscribe", "args": [{"channel": "candle1m", "instId": "BTC-USDT"}]}))
        .await;
    assert_eq!(public.json().await["code"], "60018");
}

#[tokio::test]
async fn requests_are_counted_per_endpoint_and_instrument() {
    let limits = Limits { okx_orders: 2, okx_public: 3, ..Limits::default() };
    let venue = Venue::start(Config { limits, ..Config::default() }).unwrap();
    let mut seen = Vec::new();
    for (client_id, product) in
        [("l1", Product::Spot), ("l2", Product::Spot), ("l3", Product::Spot), ("l4", Product::Perp)]
    {
        let body = order(client_id, product, json!({})).to_string();
        let reply = okx(&venue, "POST", "/api/v5/trade/order", &body).await;
        seen.push((reply.status, reply.json()["code"].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen[2], (429, "50011".to_owned()));
    assert!([0, 1, 3].into_iter().all(|place| seen[place] == (200, "0".to_owned())));
    for _ in 0..3 {
        assert_eq!(get(&venue, "/api/v5/public/time").await["code"], "0");
    }
    assert_eq!(get(&venue, "/api/v5/public/time").await["code"], "50011");
    venue.set_skew(2_001);
    assert_eq!(get(&venue, "/api/v5/public/time").await["code"], "0");
}

#[tokio::test]
async fn public_reads_have_their_shapes() {
    let venue = still();
    venue.step(100);
    let swap = get(&venue, "/api/v5/public/instruments?instType=SWAP").await;
    assert_eq!(
        (&swap["data"][0]["ctVal"], &swap["data"][0]["lotSz"]),
        (&json!("0.01"), &json!("0.1"))
    );
    let bars = get(&venue, "/api/v5/market/candles?instId=BTC-USDT&bar=5m&limit=5").await;
    let opens: Vec<i64> =
        (0..5).map(|at| decimal(&bars["data"][at][0]).try_into().unwrap()).collect();
    assert!(opens.windows(2).all(|pair| pair[0] - pair[1] == 300_000), "newest first");
    assert_eq!((&bars["data"][0][8], &bars["data"][1][8]), (&json!("0"), &json!("1")));
    let older = format!("/api/v5/market/candles?instId=BTC-USDT&bar=5m&limit=1&after={}", opens[2]);
    assert_eq!(get(&venue, &older).await["data"][0][0], opens[3].to_string());
    let trades = get(&venue, "/api/v5/market/trades?instId=BTC-USDT-SWAP&limit=2").await;
    assert!(decimal(&trades["data"][0]["tradeId"]) > decimal(&trades["data"][1]["tradeId"]));
    let funding = get(&venue, "/api/v5/public/funding-rate?instId=BTC-USDT-SWAP").await;
    assert!(decimal(&funding["data"][0]["fundingTime"]) > decimal(&funding["data"][0]["ts"]));
    let past =
        get(&venue, "/api/v5/public/funding-rate-history?instId=BTC-USDT-SWAP&limit=3").await;
    assert_eq!(past["data"].as_array().unwrap().len(), 3);
    let ticker = get(&venue, "/api/v5/market/ticker?instId=BTC-USDT").await;
    assert!(decimal(&ticker["data"][0]["bidPx"]) < decimal(&ticker["data"][0]["askPx"]));
    assert_eq!(get(&venue, "/api/v5/market/ticker?instId=NO-NE").await["code"], "51001");
}

#[tokio::test]
async fn the_truth_is_the_sum_of_what_the_orders_channel_said() {
    let venue = still();
    let mut user = private(&venue).await;
    user.say(json!({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]})).await;
    for number in 0..30 {
        let (side, price) = if number % 2 == 0 { ("buy", "24999") } else { ("sell", "25001") };
        let product = Product::ALL[number / 2 % 2];
        let size = if product == Product::Spot { "0.05" } else { "5" };
        let order =
            order(&format!("t{number}"), product, json!({"side": side, "px": price, "sz": size}));
        assert_eq!(place(&venue, &order).await["code"], "0");
        venue.step(60);
    }
    place(&venue, &order("last", Product::Spot, json!({"px": "10000"}))).await;
    let mut heard: BTreeMap<String, (String, Decimal)> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    while !heard.contains_key("last") {
        let said = user.until(|said| said["data"].is_array()).await;
        for order in said["data"].as_array().unwrap() {
            let entry = heard.entry(order["clOrdId"].as_str().unwrap().to_owned()).or_default();
            entry.1 += decimal(&order["fillSz"]);
            order["state"].as_str().unwrap().clone_into(&mut entry.0);
            assert_eq!(entry.1, decimal(&order["accFillSz"]));
            if order["tradeId"] != "" {
                assert!(seen.insert((order["instId"].to_string(), order["tradeId"].to_string())));
            }
        }
    }
    let truth = venue.truth();
    assert!(seen.len() > 10);
    assert_eq!(seen.len(), truth.orders.iter().map(|order| order.fills.len()).sum::<usize>());
    for order in &truth.orders {
        let unit = if order.product == Product::Perp { Decimal::new(1, 2) } else { Decimal::ONE };
        let (state, filled) = &heard[&order.client_id];
        assert_eq!(*filled * unit, order.filled, "{}", order.client_id);
        assert_eq!(state == "filled", order.status == Status::Filled, "{}", order.client_id);
    }
}
