//! The Binance dialect.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use wickd_venue::engine::{Product, Status};
use wickd_venue::{Config, Limits, Venue};

use super::client::{Socket, binance, get, hex, send, still};

fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).parse().unwrap()
}

pub(crate) async fn user_stream(venue: &Venue) -> Socket {
    let mut socket = Socket::open(venue, "/ws-api/v3").await;
    let signed = format!("apiKey=key&timestamp={}", venue.now_ms());
    let params = json!({"apiKey": "key", "timestamp": venue.now_ms(), "signature": hex(&signed)});
    // The clock may have moved between the two readings.
    let timestamp: i64 = signed.rsplit('=').next().unwrap().parse().unwrap();
    let mut params = params;
    params["timestamp"] = timestamp.into();
    socket
        .say(json!({"id": "s", "method": "userDataStream.subscribe.signature", "params": params}))
        .await;
    assert_eq!(socket.json().await["status"], 200);
    socket
}

#[tokio::test]
async fn the_published_signature_is_taken_and_one_other_character_is_not() {
    let secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    let venue = Venue::start(Config { secret: secret.to_owned(), ..Config::default() }).unwrap();
    venue.set_skew(1_499_827_319_560 - venue.now_ms());
    let query = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
                 &recvWindow=5000&timestamp=1499827319559";
    let signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    let body = format!("{query}&signature={signature}");
    let (head, tail) = query.split_at(query.find("&quantity").unwrap());
    let tail = format!("{}&signature={signature}", &tail[1..]);
    let key = [("X-MBX-APIKEY", "key")];
    let path = "/api/v3/order";
    for (target, body, code) in [
        (format!("{path}?{body}"), "", -1121),
        (path.to_owned(), body.as_str(), -1121),
        // Split between query and body, the two are joined by nothing, so `GTC` + `quantity` differs.
        (format!("{path}?{head}"), tail.as_str(), -1022),
        (format!("{path}?{}", body.replace("price=0.1", "price=0.2")), "", -1022),
    ] {
        let reply = send(&venue, "POST", &target, &key, body).await.unwrap();
        assert_eq!((reply.status, reply.json()["code"].as_i64()), (400, Some(code)), "{target}");
    }
    assert_eq!(venue.truth().orders.len(), 0);
}

#[tokio::test]
async fn an_order_lives_on_rest_and_on_the_user_stream_alike() {
    let venue = still();
    let mut user = user_stream(&venue).await;
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.5&price=24000\
                 &newClientOrderId=w-1";
    let placed = binance(&venue, "POST", "/api/v3/order", order).await.json();
    assert_eq!((&placed["status"], &placed["fills"]), (&json!("NEW"), &json!([])));
    let report = user.until(|said| said["event"]["e"] == "executionReport").await["event"].clone();
    assert_eq!(
        (&report["x"], &report["X"], &report["c"]),
        (&json!("NEW"), &json!("NEW"), &json!("w-1"))
    );
    let position = user.json().await["event"].clone();
    let locked = position["B"].as_array().unwrap().iter().find(|one| one["a"] == "USDT").unwrap();
    assert_eq!(decimal(&locked["l"]), Decimal::from(12_000));

    venue.fill("w-1", Decimal::new(2, 1)).unwrap();
    let report = user.until(|said| said["event"]["x"] == "TRADE").await["event"].clone();
    assert_eq!(report["X"], "PARTIALLY_FILLED");
    assert_eq!(
        (decimal(&report["l"]), decimal(&report["z"])),
        (Decimal::new(2, 1), Decimal::new(2, 1))
    );
    assert_eq!(
        (&report["n"], &report["N"], &report["m"]),
        (&json!("0.00020000"), &json!("BTC"), &json!(true))
    );

    let query = "symbol=BTCUSDT&origClientOrderId=w-1";
    let trades = binance(&venue, "GET", "/api/v3/myTrades", "symbol=BTCUSDT").await.json();
    assert_eq!((&trades[0]["id"], trades.as_array().unwrap().len()), (&report["t"], 1));
    let open = binance(&venue, "GET", "/api/v3/openOrders", "symbol=BTCUSDT").await.json();
    assert_eq!(open[0]["clientOrderId"], "w-1");
    let gone = binance(&venue, "DELETE", "/api/v3/order", query).await.json();
    assert_eq!((&gone["origClientOrderId"], &gone["status"]), (&json!("w-1"), &json!("CANCELED")));
    let report = user.until(|said| said["event"]["x"] == "CANCELED").await["event"].clone();
    assert_eq!((&report["C"], report["c"] == "w-1"), (&json!("w-1"), false));
    let again = binance(&venue, "DELETE", "/api/v3/order", query).await;
    assert_eq!((again.status, &again.json()["code"]), (400, &json!(-2011)));
    let read = binance(&venue, "GET", "/api/v3/order", query).await.json();
    assert_eq!((&read["status"], &read["executedQty"]), (&json!("CANCELED"), &json!("0.20000000")));
    let account = binance(&venue, "GET", "/api/v3/account", "").await.json();
    assert_eq!(account["balances"][1]["locked"], "0.00000000");
}

#[tokio::test]
async fn every_refusal_has_the_venues_code_and_leaves_nothing_behind() {
    let venue = still();
    let spot = "/api/v3/order";
    let perp = "/fapi/v1/order";
    let limit = |rest: &str| format!("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&{rest}");
    for (path, query, code) in [
        (spot, limit("quantity=0.1&price=24000.001"), -1013),
        (spot, limit("quantity=0.000001&price=24000"), -1013),
        (spot, limit("quantity=0.0001&price=24000"), -1013),
        (spot, limit("quantity=1000&price=24000"), -2010),
        (spot, limit("quantity=1e-3&price=24000"), -1100),
        (spot, limit("price=24000"), -1102),
        (spot, limit("quantity=0.1&price=24000&newClientOrderId=a%20b"), -1100),
        (spot, limit("quantity=0.1&price=24000").replace("GTC", "GTX"), -1115),
        (spot, limit("quantity=0.1&price=24000").replace("BUY", "BUI"), -1117),
        (spot, limit("quantity=0.1&price=24000").replace("LIMIT", "STOP"), -1116),
        (spot, limit("quantity=0.1&price=24000").replace("BTCUSDT", "X"), -1121),
        (
            spot,
            "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=26000".to_owned(),
            -2010,
        ),
        (perp, limit("quantity=0.1&price=24000.01"), -4014),
        (perp, limit("quantity=0.0015&price=24000"), -1111),
        (perp, limit("quantity=0&price=24000"), -4003),
        (perp, limit("quantity=0.001&price=1000"), -4164),
        (perp, limit("quantity=900&price=24000"), -2019),
        (perp, limit("quantity=0.1&price=26000").replace("GTC", "GTX"), -5022),
        (perp, limit("quantity=0.1&price=26000&reduceOnly=true"), -2022),
        (perp, limit("quantity=0.1&price=24000&positionSide=LONG"), -4061),
    ] {
        let reply = binance(&venue, "POST", path, &query).await;
        assert_eq!(
            (reply.status, reply.json()["code"].as_i64()),
            (400, Some(code)),
            "{path} {query}"
        );
    }
    assert!(venue.truth().orders.is_empty());
    for (path, code) in [(spot, -2010), (perp, -4116)] {
        let product = if path == spot { "s" } else { "p" };
        let query = limit(&format!("quantity=0.1&price=24000&newClientOrderId={product}"));
        assert_eq!(binance(&venue, "POST", path, &query).await.status, 200);
        assert_eq!(binance(&venue, "POST", path, &query).await.json()["code"], code);
        let missing = binance(&venue, "GET", path, "symbol=BTCUSDT&origClientOrderId=none").await;
        assert_eq!(missing.json()["code"], -2013);
    }
    assert!(venue.truth().doubled().is_empty());
}

#[tokio::test]
async fn a_spot_client_id_can_be_used_again_once_its_order_is_done_and_the_truth_tells() {
    let venue = still();
    let query = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&newClientOrderId=again";
    for _ in 0..2 {
        let done = binance(&venue, "POST", "/api/v3/order", query).await.json();
        assert_eq!(done["status"], "FILLED");
    }
    assert_eq!(venue.truth().doubled(), ["again"]);
}

#[tokio::test]
async fn key_clock_and_signature_are_checked() {
    let venue = still();
    let path = "/api/v3/account";
    let now_ms = venue.now_ms();
    let signed = |query: String| format!("{path}?{query}&signature={}", hex(&query));
    for (target, key, status, code) in [
        (signed(format!("timestamp={now_ms}")), "", 401, -2014),
        (signed(format!("timestamp={now_ms}")), "other", 401, -2015),
        (signed(format!("timestamp={}", now_ms - 6_000)), "key", 400, -1021),
        (signed(format!("timestamp={}", now_ms + 60_000)), "key", 400, -1021),
        (signed(format!("timestamp={}&recvWindow=10000", now_ms - 6_000)), "key", 200, 0),
        (signed(format!("timestamp={now_ms}&recvWindow=70000")), "key", 400, -1131),
        (signed(String::new()), "key", 400, -1102),
        (format!("{path}?timestamp={now_ms}"), "key", 400, -1102),
        (format!("{path}?timestamp={now_ms}&signature=00"), "key", 400, -1022),
    ] {
        let headers = if key.is_empty() { vec![] } else { vec![("X-MBX-APIKEY", key)] };
        let reply = send(&venue, "GET", &target, &headers, "").await.unwrap();
        let found = reply.json()["code"].as_i64().unwrap_or(0);
        assert_eq!((reply.status, found), (status, code), "{target}");
    }
}

#[tokio::test]
async fn weights_are_counted_per_minute_then_refused_then_banned() {
    let limits = Limits { binance_spot_weight: 50, binance_strikes: 2, ..Limits::default() };
    let venue = Venue::start(Config { limits, ..Config::default() }).unwrap();
    // The first second of a minute, so that the window cannot end within the test.
    venue.set_skew(60_000 - venue.now_ms() % 60_000);
    let ask = || send(&venue, "GET", "/api/v3/exchangeInfo", &[], "");
    let mut seen = Vec::new();
    for _ in 0..6 {
        let reply = ask().await.unwrap();
        seen.push((reply.status, reply.header("x-mbx-used-weight-1m").to_owned()));
        if reply.status != 200 {
            assert!(reply.header("retry-after").parse::<u64>().unwrap() <= 120);
            assert_eq!(reply.json()["code"], -1003);
        }
    }
    let expected = [(200, "20"), (200, "40"), (429, "60"), (429, "80"), (418, "100"), (418, "")];
    assert_eq!(seen, expected.map(|(status, used)| (status, used.to_owned())));
    let used = &venue.limits()["binance spot weight"];
    assert_eq!((used.limit, used.used_max, used.violations), (50, 100, 3));
    venue.set_skew(60_000 - venue.now_ms() % 60_000 + 180_000);
    assert_eq!(ask().await.unwrap().status, 200);
}

#[tokio::test]
async fn orders_are_counted_per_ten_seconds() {
    let limits = Limits { binance_perp_orders: 3, ..Limits::default() };
    let venue = Venue::start(Config { limits, ..Config::default() }).unwrap();
    venue.set_skew(60_000 - venue.now_ms() % 60_000);
    let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=20000";
    for count in 1..=3 {
        let reply = binance(&venue, "POST", "/fapi/v1/order", query).await;
        assert_eq!(reply.header("x-mbx-order-count-10s"), count.to_string());
    }
    let reply = binance(&venue, "POST", "/fapi/v1/order", query).await;
    assert_eq!((reply.status, &reply.json()["code"]), (429, &json!(-1015)));
    assert_eq!(venue.truth().orders.len(), 3);
}

/// A book from a snapshot and the differences after it, by the venue's published recipe.
async fn rebuild(venue: &Venue, product: Product) {
    let (path, socket, subscribe) = match product {
        Product::Spot => ("/api/v3/depth", "/ws", "btcusdt@depth@100ms"),
        Product::Perp => ("/fapi/v1/depth", "/public/ws", "btcusdt@depth@100ms"),
    };
    let mut socket = Socket::open(venue, socket).await;
    socket.say(json!({"method": "SUBSCRIBE", "params": [subscribe], "id": 1})).await;
    assert_eq!(socket.json().await, json!({"result": null, "id": 1}));
    venue.step(50);
    let snapshot = get(venue, &format!("{path}?symbol=BTCUSDT&limit=1000")).await;
    for _ in 0..20 {
        venue.step(50);
    }
    let rest = get(venue, &format!("{path}?symbol=BTCUSDT&limit=1000")).await;
    let until = rest["lastUpdateId"].as_u64().unwrap();
    let last_id = snapshot["lastUpdateId"].as_u64().unwrap();
    let mut sides = ["bids", "asks"].map(|side| {
        let levels = snapshot[side].as_array().unwrap().iter();
        levels.map(|level| (decimal(&level[0]), decimal(&level[1]))).collect::<BTreeMap<_, _>>()
    });
    let (mut last, mut followed) = (None, 0);
    loop {
        let said = socket.until(|said| said["e"] == "depthUpdate").await;
        let number = |name: &str| said[name].as_u64().unwrap();
        let (first, to) = (number("U"), number("u"));
        match (product, last) {
            (Product::Spot, Some(last)) => assert_eq!(first, last + 1),
            (Product::Perp, Some(last)) => {
                assert_eq!(number("pu"), last);
                assert!(first > last + 1, "the perpetual's ids skip, so only `pu` proves it");
            }
            _ => {}
        }
        last = Some(to);
        if to > last_id {
            for (side, name) in ["b", "a"].into_iter().enumerate() {
                for level in said[name].as_array().unwrap() {
                    sides[side].insert(decimal(&level[0]), decimal(&level[1]));
                }
                sides[side].retain(|_, qty| !qty.is_zero());
            }
            followed += 1;
        }
        if to >= until {
            break;
        }
    }
    assert!(followed >= 2);
    for (side, name) in ["bids", "asks"].into_iter().enumerate() {
        let levels = rest[name].as_array().unwrap().iter();
        let expected: BTreeMap<_, _> =
            levels.map(|level| (decimal(&level[0]), decimal(&level[1]))).collect();
        assert_eq!(sides[side], expected, "{name}");
    }
}

#[tokio::test]
async fn books_rebuilt_from_differences_equal_the_venues() {
    let venue = still();
    for product in Product::ALL {
        rebuild(&venue, product).await;
    }
}

#[tokio::test]
async fn trade_ids_have_no_gap_and_equal_the_truth() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/stream?streams=btcusdt@trade/btcusdt@bookTicker").await;
    venue.step(5_000);
    let count = venue.truth().trades[0];
    assert!(count > 500);
    let (mut next, mut quoted) = (1, 0);
    while next <= count {
        let said = socket.json().await;
        let id = |name: &str| said["data"][name].as_u64().unwrap();
        if said["stream"] == "btcusdt@trade" {
            assert_eq!(id("t"), next);
            next += 1;
        } else {
            assert!(id("u") >= quoted);
            quoted = id("u");
        }
    }
}

#[tokio::test]
async fn perpetual_orders_acknowledge_amend_fill_and_make_a_position() {
    let venue = still();
    let key = [("X-MBX-APIKEY", "key")];
    let key = send(&venue, "POST", "/fapi/v1/listenKey", &key, "").await.unwrap().json();
    let path = format!("/private/ws?listenKey={}", key["listenKey"].as_str().unwrap());
    let mut user = Socket::open(&venue, &path).await;
    let order = "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.01&newClientOrderId=m";
    let placed = binance(&venue, "POST", "/fapi/v1/order", order).await.json();
    // The default answer only acknowledges, though the order is filled by then.
    assert_eq!((&placed["status"], &placed["executedQty"]), (&json!("NEW"), &json!("0")));
    let update = user.until(|said| said["o"]["X"] == "FILLED").await;
    assert_eq!((&update["o"]["x"], &update["o"]["c"]), (&json!("TRADE"), &json!("m")));
    let account = user.until(|said| said["e"] == "ACCOUNT_UPDATE").await;
    assert_eq!(account["a"]["P"][0]["pa"], "-0.01");
    let held = binance(&venue, "GET", "/fapi/v3/positionRisk", "").await.json();
    assert_eq!(
        (&held[0]["positionAmt"], &held[0]["entryPrice"]),
        (&json!("-0.01"), &update["o"]["ap"])
    );

    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=24000\
                 &newClientOrderId=l&reduceOnly=true";
    binance(&venue, "POST", "/fapi/v1/order", order).await;
    let amend = "symbol=BTCUSDT&side=BUY&quantity=0.01&origClientOrderId=l&price=24100";
    let amended = binance(&venue, "PUT", "/fapi/v1/order", amend).await.json();
    assert_eq!(amended["price"], "24100");
    assert_eq!(binance(&venue, "PUT", "/fapi/v1/order", amend).await.json()["code"], -5027);
    user.until(|said| said["o"]["x"] == "AMENDMENT").await;
    venue.move_to(Product::Perp, Decimal::from(24_000)).unwrap();
    let update = user.until(|said| said["o"]["X"] == "FILLED").await;
    assert!(decimal(&update["o"]["rp"]) > Decimal::ZERO);
    assert_eq!(venue.truth().account.position.qty, Decimal::ZERO);
    assert_eq!(binance(&venue, "GET", "/fapi/v3/positionRisk", "").await.json(), json!([]));
}

#[tokio::test]
async fn an_ended_listen_key_opens_nothing_and_is_told_on_what_it_opened() {
    let venue = Venue::start(Config { ping_ms: 5, ..Config::default() }).unwrap();
    let headers = [("X-MBX-APIKEY", "key")];
    let ask = |method: &'static str| send(&venue, method, "/fapi/v1/listenKey", &headers, "");
    assert_eq!(ask("PUT").await.unwrap().json()["code"], -1125);
    let key = ask("POST").await.unwrap().json()["listenKey"].as_str().unwrap().to_owned();
    let url = format!("ws://{}/private/ws?listenKey={key}", venue.addr());
    let mut opened = Socket::open(&venue, &format!("/private/ws?listenKey={key}")).await;
    venue.set_skew(3_600_001);
    assert!(tokio_tungstenite::connect_async(&url).await.is_err());
    assert_eq!(opened.json().await["e"], "listenKeyExpired");
}

#[tokio::test]
async fn a_replacement_says_which_half_failed() {
    let venue = still();
    let order = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=24000";
    let path = "/api/v3/order/cancelReplace";
    let mode = "cancelReplaceMode=STOP_ON_FAILURE";
    let missing = format!("{order}&{mode}&cancelOrigClientOrderId=none");
    let reply = binance(&venue, "POST", path, &missing).await;
    assert_eq!((reply.status, &reply.json()["code"]), (400, &json!(-2022)));
    assert_eq!(reply.json()["data"]["newOrderResult"], "NOT_ATTEMPTED");
    binance(&venue, "POST", "/api/v3/order", &format!("{order}&newClientOrderId=a")).await;
    let new = format!("{order}&{mode}&cancelOrigClientOrderId=a&newClientOrderId=b");
    assert_eq!(binance(&venue, "POST", path, &new).await.json()["newOrderResult"], "SUCCESS");
    let dear = format!("{}&{mode}&cancelOrigClientOrderId=b", order.replace("=0.1", "=9000"));
    let reply = binance(&venue, "POST", path, &dear).await;
    assert_eq!((reply.status, &reply.json()["code"]), (409, &json!(-2021)));
    let truth = venue.truth();
    assert!(truth.orders.iter().all(|order| order.status == Status::Cancelled));
}

#[tokio::test]
async fn public_reads_have_their_shapes_and_pages() {
    let venue = still();
    venue.step(200);
    for prefix in ["/api/v3", "/fapi/v1"] {
        let read = |rest: &str| format!("{prefix}/{rest}");
        let info = get(&venue, &read("exchangeInfo")).await;
        assert_eq!(info["symbols"][0]["filters"][0]["filterType"], "PRICE_FILTER");
        let bars = get(&venue, &read("klines?symbol=BTCUSDT&interval=5m&limit=7")).await;
        let opens: Vec<i64> =
            bars.as_array().unwrap().iter().map(|bar| bar[0].as_i64().unwrap()).collect();
        assert_eq!(opens.len(), 7);
        assert!(opens.windows(2).all(|pair| pair[1] - pair[0] == 300_000));
        let start = format!("klines?symbol=BTCUSDT&interval=5m&limit=2&startTime={}", opens[1]);
        assert_eq!(get(&venue, &read(&start)).await[0][0], opens[1]);
        let trades = get(&venue, &read("trades?symbol=BTCUSDT&limit=3")).await;
        assert_eq!(trades.as_array().unwrap().len(), 3);
        let quote = get(&venue, &read("ticker/bookTicker?symbol=BTCUSDT")).await;
        assert!(decimal(&quote["bidPrice"]) < decimal(&quote["askPrice"]));
        let day = get(&venue, &read("ticker/24hr?symbol=BTCUSDT")).await;
        assert!(decimal(&day["lowPrice"]) <= decimal(&day["highPrice"]));
        let unknown = get(&venue, &read("klines?symbol=BTCUSDT&interval=7m")).await;
        assert_eq!(unknown["code"], -1120);
    }
    let funding = get(&venue, "/fapi/v1/fundingRate?symbol=BTCUSDT&limit=10").await;
    assert_eq!(funding.as_array().unwrap().len(), 10);
    let premium = get(&venue, "/fapi/v1/premiumIndex?symbol=BTCUSDT").await;
    assert!(premium["nextFundingTime"].as_i64() > premium["time"].as_i64());
}

#[tokio::test]
async fn the_truth_is_the_sum_of_what_the_user_stream_said() {
    let venue = still();
    let mut user = user_stream(&venue).await;
    for number in 0..40 {
        let (side, price) = if number % 2 == 0 { ("BUY", 24_999) } else { ("SELL", 25_001) };
        let order = format!(
            "symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.05&price={price}\
             &newClientOrderId=t{number}"
        );
        assert_eq!(binance(&venue, "POST", "/api/v3/order", &order).await.status, 200);
        venue.step(60);
    }
    binance(&venue, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT").await;
    let last = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.1&newClientOrderId=last";
    binance(&venue, "POST", "/api/v3/order", last).await;
    let truth = venue.truth();
    let mut heard: BTreeMap<String, (String, Decimal)> = BTreeMap::new();
    let mut fills = 0;
    let balances = loop {
        let event = user.json().await["event"].clone();
        if event["e"] == "outboundAccountPosition" {
            if heard.get("last").is_some_and(|(status, _)| status == "FILLED") {
                break event["B"].clone();
            }
            continue;
        }
        let name = if event["x"] == "CANCELED" { "C" } else { "c" };
        let (status, filled) = heard.entry(event[name].as_str().unwrap().to_owned()).or_default();
        *filled += decimal(&event["l"]);
        fills += usize::from(event["x"] == "TRADE");
        event["X"].as_str().unwrap().clone_into(status);
        assert_eq!(*filled, decimal(&event["z"]));
    };
    assert_eq!(heard.len(), truth.orders.len());
    assert_eq!(fills, truth.orders.iter().map(|order| order.fills.len()).sum::<usize>());
    assert!(fills > 20);
    for order in &truth.orders {
        let (status, filled) = &heard[&order.client_id];
        assert_eq!(*filled, order.filled, "{}", order.client_id);
        let done = match order.status {
            Status::Filled => "FILLED",
            Status::Cancelled => "CANCELED",
            Status::Expired => "EXPIRED",
            open => panic!("{open:?} after cancelling all"),
        };
        assert_eq!(status, done, "{}", order.client_id);
    }
    for balance in balances.as_array().unwrap() {
        let held = &truth.account.spot[balance["a"].as_str().unwrap()];
        assert_eq!((decimal(&balance["f"]), decimal(&balance["l"])), (held.free, held.locked));
    }
}

#[tokio::test]
async fn a_client_that_talks_too_much_is_cut_off() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/ws").await;
    for id in 0..6 {
        socket.say(json!({"method": "LIST_SUBSCRIPTIONS", "id": id})).await;
    }
    let mut heard = 0;
    while let Ok(message) = socket.message().await {
        match message {
            Message::Close(frame) => {
                assert_eq!(u16::from(frame.unwrap().code), 1008);
                break;
            }
            _ => heard += 1,
        }
    }
    assert_eq!(heard, 5);
}
