//! What each vendor does that the others do not, and a simpler venue would not do at all.

use std::time::Duration;

use serde_json::{Value, json};
use wickd_venue::engine::{Product, Status};
use wickd_venue::{Fault, Plan, Route, Rule, Venue};

use super::client::{Socket, binance, bybit, get, hex, okx, send, still};

const LIMIT: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1";

fn once(venue: &Venue, fault: Fault, route: Route) {
    venue.faults(Plan { rules: vec![Rule::once(fault, route)], ..Plan::default() }).unwrap();
}

async fn code(venue: &Venue, method: &str, path: &str, query: &str) -> i64 {
    binance(venue, method, path, query).await.json()["code"].as_i64().unwrap_or_default()
}

fn okx_order(client_id: &str, price: &str) -> String {
    json!({"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": price,
        "sz": "0.1", "clOrdId": client_id})
    .to_string()
}

/// The code of the one item of an OKX write.
async fn item(venue: &Venue, path: &str, body: &str) -> String {
    let said = okx(venue, "POST", &format!("/api/v5/trade/{path}"), body).await.json();
    said["data"][0]["sCode"].as_str().unwrap().to_owned()
}

async fn is_silent(socket: &mut Socket) -> bool {
    tokio::time::timeout(Duration::from_millis(300), socket.json()).await.is_err()
}

#[tokio::test]
async fn binance_refuses_parameters_it_does_not_read_and_numbers_finer_than_its_own() {
    let venue = still();
    let order = "/api/v3/order";
    assert_eq!(
        code(&venue, "POST", order, &format!("{LIMIT}&price=24000&nonsense=1")).await,
        -1104
    );
    let public = get(&venue, "/api/v3/depth?symbol=BTCUSDT&nonsense=1").await;
    assert_eq!(public["code"], -1104);
    assert_eq!(code(&venue, "POST", order, &format!("{LIMIT}&price=24000.123456789")).await, -1111);
    let perp = "/fapi/v1/order";
    assert_eq!(code(&venue, "POST", perp, &format!("{LIMIT}&price=24000.123")).await, -1111);
    assert!(venue.truth().orders.is_empty());
}

#[tokio::test]
async fn prices_far_from_the_market_are_refused_in_each_dialects_code() {
    let venue = still();
    for (path, price, refused) in [
        ("/api/v3/order", "100", -1013),
        ("/api/v3/order", "90000", -1013),
        ("/fapi/v1/order", "90000", -4016),
    ] {
        let query = format!("{LIMIT}&price={price}");
        assert_eq!(code(&venue, "POST", path, &query).await, refused, "{path} {price}");
    }
    let info = get(&venue, "/api/v3/exchangeInfo").await.to_string();
    assert!(info.contains("PERCENT_PRICE_BY_SIDE"));
    assert_eq!(item(&venue, "order", &okx_order("a", "90000")).await, "51137");
    for (category, refused) in [("spot", 170193), ("linear", 110003)] {
        let order = json!({"category": category, "symbol": "BTCUSDT", "side": "Buy",
            "orderType": "Limit", "price": "90000", "qty": "0.1"});
        let said = bybit(&venue, "POST", "/v5/order/create", &order.to_string()).await.json();
        assert_eq!(said["retCode"], refused);
    }
    assert!(venue.truth().orders.is_empty());
}

#[tokio::test]
async fn binance_acknowledges_streams_that_nobody_serves_and_stays_silent() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/ws/nopeusdt@trade").await;
    let ask = json!({"method": "SUBSCRIBE", "params": ["nopeusdt@bookTicker", "btcusdt@nothing"], "id": 1});
    socket.say(ask).await;
    assert_eq!(socket.json().await, json!({"result": null, "id": 1}));
    venue.step(2_000);
    assert!(is_silent(&mut socket).await);
    socket.say(json!({"method": "SUBSCRIBE", "params": ["nonsense"], "id": 2})).await;
    assert_eq!(socket.json().await["error"]["msg"], "Invalid request: invalid stream");
}

#[tokio::test]
async fn an_expired_listen_key_is_told_once_and_then_nothing_comes_on_the_open_socket() {
    let venue = still();
    let headers = [("X-MBX-APIKEY", "key")];
    let key = send(&venue, "POST", "/fapi/v1/listenKey", &headers, "").await.unwrap().json();
    let key = key["listenKey"].as_str().unwrap().to_owned();
    let mut user = Socket::open(&venue, &format!("/private/ws?listenKey={key}")).await;
    venue.expire_keys();
    let told = user.json().await;
    assert_eq!((&told["e"], &told["listenKey"]), (&json!("listenKeyExpired"), &json!(key)));
    assert!(told["E"].is_string());
    binance(&venue, "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01")
        .await;
    assert!(is_silent(&mut user).await);
}

#[tokio::test]
async fn a_client_id_of_a_perpetual_is_free_when_its_order_has_ended() {
    let venue = still();
    let query = format!("{LIMIT}&price=24500&newClientOrderId=again");
    let path = "/fapi/v1/order";
    assert_eq!(code(&venue, "POST", path, &query).await, 0);
    assert_eq!(code(&venue, "POST", path, &query).await, -4116);
    binance(&venue, "DELETE", path, "symbol=BTCUSDT&origClientOrderId=again").await;
    assert_eq!(code(&venue, "POST", path, &query).await, 0);
}

#[tokio::test]
async fn who_meets_the_own_order_ends_it_in_match() {
    let venue = still();
    let path = "/api/v3/order";
    binance(&venue, "POST", path, &format!("{LIMIT}&price=25000&newClientOrderId=rests")).await;
    let sell = "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=IOC&quantity=0.1&price=25000";
    binance(&venue, "POST", path, sell).await;
    let query = "symbol=BTCUSDT&origClientOrderId=rests";
    let order = binance(&venue, "GET", path, query).await.json();
    assert_eq!(order["status"], "EXPIRED_IN_MATCH");
}

#[tokio::test]
async fn usdm_tells_a_fill_in_short_before_it_tells_the_order() {
    let venue = still();
    let headers = [("X-MBX-APIKEY", "key")];
    let key = send(&venue, "POST", "/fapi/v1/listenKey", &headers, "").await.unwrap().json();
    let path = format!("/private/ws?listenKey={}", key["listenKey"].as_str().unwrap());
    let mut user = Socket::open(&venue, &path).await;
    binance(&venue, "POST", "/fapi/v1/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.001")
        .await;
    let lite = user.until(|said| said["e"] == "TRADE_LITE").await;
    let full = user.json().await;
    assert_eq!((&full["e"], &full["o"]["t"]), (&json!("ORDER_TRADE_UPDATE"), &lite["t"]));
}

#[tokio::test]
async fn okx_names_a_refused_channel_in_the_text_alone() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/ws/v5/public").await;
    let asked = json!({"id": "7", "op": "subscribe", "args": [
        {"channel": "trades", "instId": "NO-USDT"}, {"channel": "trades", "instId": "BTC-USDT"}]});
    socket.say(asked).await;
    let refused = socket.json().await;
    assert_eq!((&refused["event"], refused.get("arg")), (&json!("error"), None));
    assert!(refused["msg"].as_str().unwrap().contains("channel:trades,instId:NO-USDT"));
    assert_eq!(socket.json().await["id"], "7", "the client's number comes back");
}

#[tokio::test]
async fn okx_says_how_an_order_ended_that_is_cancelled_or_amended_too_late() {
    let venue = still();
    for id in ["cancelled", "filled", "slow"] {
        assert_eq!(item(&venue, "order", &okx_order(id, "24500")).await, "0");
    }
    let of = |id: &str| json!({"instId": "BTC-USDT", "clOrdId": id});
    let amended =
        |id: &str| json!({"instId": "BTC-USDT", "clOrdId": id, "newPx": "24400"}).to_string();
    assert_eq!(item(&venue, "cancel-order", &of("cancelled").to_string()).await, "0");
    venue.fill("filled", "0.1".parse().unwrap()).unwrap();
    for (id, cancel, amend) in [("cancelled", "51401", "51509"), ("filled", "51402", "51510")] {
        assert_eq!(item(&venue, "cancel-order", &of(id).to_string()).await, cancel);
        assert_eq!(item(&venue, "amend-order", &amended(id)).await, amend);
    }
    once(&venue, Fault::AlreadyCancelling, Route::Cancel);
    assert_eq!(item(&venue, "cancel-order", &of("slow").to_string()).await, "51410");
    assert_eq!(venue.truth().by_client_id()["slow"][0].status, Status::Cancelled);
}

#[tokio::test]
async fn an_acknowledged_amendment_can_fail_and_okx_says_so_afterwards() {
    let venue = still();
    let mut socket = super::okx::private(&venue).await;
    socket
        .say(json!({"op": "subscribe", "args": [{"channel": "orders", "instType": "ANY"}]}))
        .await;
    socket.until(|said| said["event"] == "subscribe").await;
    item(&venue, "order", &okx_order("a", "24500")).await;
    once(&venue, Fault::AmendFailsLater, Route::Amend);
    let amended = json!({"instId": "BTC-USDT", "clOrdId": "a", "newPx": "24400"}).to_string();
    assert_eq!(item(&venue, "amend-order", &amended).await, "0");
    let told = socket.until(|said| said["data"][0]["amendResult"] == "-1").await;
    assert_eq!(
        (&told["data"][0]["code"], &told["data"][0]["px"]),
        (&json!("51511"), &json!("24500"))
    );
    assert_eq!(venue.truth().orders[0].price, "24500".parse().unwrap());
}

#[tokio::test]
async fn okx_books_show_signs_of_life_and_begin_anew() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/ws/v5/public").await;
    let asked = json!({"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]});
    socket.say(asked).await;
    let whole = socket.until(|said| said["action"] == "snapshot").await;
    let number = |said: &Value, name: &str| said["data"][0][name].as_i64().unwrap();
    let last = number(&whole, "seqId");
    let life = socket.until(|said| said["action"] == "update").await;
    assert_eq!((number(&life, "seqId"), number(&life, "prevSeqId")), (last, last));
    assert_eq!(life["data"][0]["bids"], json!([]));
    venue.restart_books();
    let anew = socket.until(|said| said["data"][0]["bids"] != json!([])).await;
    assert_eq!((number(&anew, "seqId"), number(&anew, "prevSeqId")), (1, last));
    venue.move_to(Product::Spot, "25100".parse().unwrap()).unwrap();
    let next = socket.until(|said| said["data"][0]["bids"] != json!([])).await;
    assert_eq!(number(&next, "prevSeqId"), 1);
}

#[tokio::test]
async fn bybit_drops_a_whole_subscription_for_one_topic_it_has_already() {
    let venue = still();
    let mut socket = Socket::open(&venue, "/v5/public/spot").await;
    let topics = |topics: Value| json!({"op": "subscribe", "req_id": 7, "args": topics});
    socket.say(topics(json!(["publicTrade.BTCUSDT"]))).await;
    let first = socket.json().await;
    assert_eq!((&first["success"], &first["req_id"]), (&json!(true), &json!(7)));
    socket.say(topics(json!(["tickers.BTCUSDT", "publicTrade.BTCUSDT"]))).await;
    let second = socket.json().await;
    assert_eq!(second["success"], false);
    assert_eq!(second["ret_msg"], "error:already subscribed,topic:publicTrade.BTCUSDT");
    assert!(is_silent(&mut socket).await, "the other topic of the message was dropped too");
}

#[tokio::test]
async fn rows_of_one_moment_stand_in_one_frame_now_and_then() {
    let venue = still();
    let mut socket = super::bybit::private(&venue, json!(["execution"])).await;
    let mut most = 0;
    for number in 0..20 {
        let order = json!({"category": "spot", "symbol": "BTCUSDT", "side": "Buy",
            "orderType": "Market", "qty": "3", "marketUnit": "baseCoin",
            "orderLinkId": format!("m{number}")});
        bybit(&venue, "POST", "/v5/order/create", &order.to_string()).await;
        let fills = venue.truth().by_client_id()[format!("m{number}").as_str()][0].fills.len();
        let mut seen = 0;
        while seen < fills {
            let rows = socket.json().await["data"].as_array().unwrap().len();
            (seen, most) = (seen + rows, most.max(rows));
        }
        venue.move_to(Product::Spot, "25000".parse().unwrap()).unwrap();
    }
    assert!(most > 1, "every frame had one row");
}

#[tokio::test]
async fn a_market_that_does_not_trade_is_listed_and_takes_no_order() {
    let venue = still();
    let binance_list = get(&venue, "/api/v3/exchangeInfo").await;
    assert_eq!(binance_list["symbols"][1]["status"], "BREAK");
    let okx_list = get(&venue, "/api/v5/public/instruments?instType=SPOT").await;
    assert_eq!(okx_list["data"][1]["state"], "suspend");
    assert_eq!(
        (&okx_list["data"][2]["state"], &okx_list["data"][2]["tickSz"]),
        (&json!("preopen"), &json!(""))
    );
    let bybit_list = get(&venue, "/v5/market/instruments-info?category=linear").await;
    assert_eq!(bybit_list["result"]["list"][1]["status"], "Closed");
    let order = "symbol=OLDUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=24000";
    assert_eq!(code(&venue, "POST", "/api/v3/order", order).await, -1121);
}

#[tokio::test]
async fn a_plain_venue_takes_a_signed_order_and_tells_its_fills() {
    let venue = still();
    let signed = async |method: &str, target: &str, body: &str| {
        let stamp = venue.now_ms().to_string();
        let sign = hex(&format!("{stamp}{method}{target}{body}"));
        let headers = [
            ("X-API-KEY", "key"),
            ("X-API-TIMESTAMP", stamp.as_str()),
            ("X-API-SIGNATURE", sign.as_str()),
        ];
        send(&venue, method, target, &headers, body).await.unwrap()
    };
    let order = json!({"symbol": "BTC_USDT", "clientId": "w1", "side": "buy", "price": "26000",
        "size": "0.1", "timeInForce": "GTC"})
    .to_string();
    let placed = signed("POST", "/v1/order", &order).await.json();
    assert_eq!(placed["status"], "filled");
    let target = format!("/v1/fills?id={}", placed["id"].as_str().unwrap());
    assert!(!signed("GET", &target, "").await.json().as_array().unwrap().is_empty());
    assert_eq!(signed("POST", "/v1/order", &order).await.status, 409);
    assert_eq!(signed("GET", "/v1/order?clientId=nobody", "").await.status, 404);
    let unsigned = send(&venue, "GET", "/v1/balances", &[], "").await.unwrap();
    assert_eq!(unsigned.status, 401);
}
