//! Fault by fault: it is what it says, and nothing else is harmed.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use wickd_venue::engine::Status;
use wickd_venue::{Fault, Plan, Route, Rule, Venue};

use super::client::{Socket, binance, get, send, still, try_binance};

const ORDER: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.1&price=24000";

fn plan(venue: &Venue, fault: Fault, route: Route) {
    venue.faults(Plan { rules: vec![Rule::once(fault, route)], ..Plan::default() }).unwrap();
}

async fn order(venue: &Venue, client_id: &str) -> Option<u16> {
    let query = format!("{ORDER}&newClientOrderId={client_id}");
    try_binance(venue, "POST", "/api/v3/order", &query).await.ok().map(|reply| reply.status)
}

#[tokio::test]
async fn a_dropped_reply_leaves_an_order_and_a_dropped_request_leaves_none() {
    let venue = still();
    plan(&venue, Fault::DropReply, Route::Create);
    assert_eq!(order(&venue, "there").await, None);
    plan(&venue, Fault::DropRequest, Route::Create);
    assert_eq!(order(&venue, "not-there").await, None);
    let truth = venue.truth();
    assert_eq!(truth.by_client_id().keys().collect::<Vec<_>>(), [&"there"]);
    let query = "symbol=BTCUSDT&origClientOrderId=there";
    plan(&venue, Fault::DropReply, Route::Cancel);
    assert!(try_binance(&venue, "DELETE", "/api/v3/order", query).await.is_err());
    assert_eq!(venue.truth().orders[0].status, Status::Cancelled);
    assert_eq!(venue.faults_done()["drop-reply"], 2);
}

#[tokio::test]
async fn a_status_can_be_a_lie_or_not_and_carries_its_header() {
    let venue = still();
    for (code, accepted) in [(503, true), (502, false), (429, false), (418, false)] {
        let fault = Fault::Status { code, accepted, retry_after_s: Some(7), body: None };
        plan(&venue, fault, Route::Create);
        let query = format!("{ORDER}&newClientOrderId=s{code}");
        let reply = binance(&venue, "POST", "/api/v3/order", &query).await;
        assert_eq!((reply.status, reply.header("retry-after")), (code, "7"));
        assert_eq!(venue.truth().by_client_id().contains_key(&*format!("s{code}")), accepted);
    }
}

#[tokio::test]
async fn damaged_bodies_are_damaged_as_asked() {
    let venue = still();
    let path = "/api/v3/depth?symbol=BTCUSDT&limit=5";
    let ask = || send(&venue, "GET", path, &[], "");
    let whole = ask().await.unwrap();

    plan(&venue, Fault::Malformed, Route::Market);
    let reply = ask().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&reply.bytes).is_err());

    plan(&venue, Fault::NumbersBare, Route::Market);
    let price = &ask().await.unwrap().json()["bids"][0][0];
    assert!(price.is_number());
    plan(&venue, Fault::NumbersQuoted, Route::Market);
    assert!(ask().await.unwrap().json()["lastUpdateId"].is_string());

    plan(&venue, Fault::Gzip { announced: true }, Route::Market);
    let announced = ask().await.unwrap();
    plan(&venue, Fault::Gzip { announced: false }, Route::Market);
    let silent = ask().await.unwrap();
    assert_eq!(
        (announced.header("content-encoding"), silent.header("content-encoding")),
        ("gzip", "")
    );
    for reply in [announced, silent] {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&reply.bytes[..]).read_to_end(&mut text).unwrap();
        assert_eq!(text, whole.bytes);
    }

    plan(&venue, Fault::Cut, Route::Market);
    assert!(ask().await.is_err());

    let pieces = whole.bytes.len().div_ceil(50) as u64;
    plan(&venue, Fault::Slow { chunk_bytes: 50, every_ms: 5 }, Route::Market);
    let start = Instant::now();
    assert_eq!(ask().await.unwrap().bytes, whole.bytes);
    assert!(start.elapsed() >= Duration::from_millis(5 * pieces));
    assert_eq!(ask().await.unwrap().bytes, whole.bytes, "each fault happened once");
}

#[tokio::test]
async fn an_unknown_status_word_comes_where_a_known_one_was() {
    let venue = still();
    plan(&venue, Fault::UnknownEnum, Route::Create);
    let reply = binance(&venue, "POST", "/api/v3/order", ORDER).await.json();
    assert_eq!((&reply["status"], &reply["side"]), (&json!("SOMETHING_NEW"), &json!("BUY")));
}

/// A subscribed trade socket and a venue that makes trades on demand.
async fn trades(venue: &Venue) -> Socket {
    Socket::open(venue, "/ws/btcusdt@trade").await
}

async fn ids(socket: &mut Socket, count: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.len() < count {
        ids.push(socket.json().await["t"].as_u64().unwrap());
    }
    ids
}

#[tokio::test]
async fn a_gap_a_swap_and_a_double_happen_to_exactly_one_message() {
    for (fault, expected) in
        [(Fault::Gap, [1, 3, 4, 5]), (Fault::Reorder, [1, 3, 2, 4]), (Fault::Double, [1, 2, 2, 3])]
    {
        let venue = still();
        let rule = Rule { after: 1, ..Rule::once(fault.clone(), Route::WsPublic) };
        venue.faults(Plan { rules: vec![rule], ..Plan::default() }).unwrap();
        let mut socket = trades(&venue).await;
        venue.step(200);
        assert_eq!(ids(&mut socket, 4).await, expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_stale_socket_still_answers_and_says_nothing_more() {
    let venue = still();
    let mut stale = trades(&venue).await;
    plan(&venue, Fault::Stale, Route::WsPublic);
    venue.step(20);
    while venue.faults_done().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut healthy = trades(&venue).await;
    let before = venue.truth().trades[0];
    venue.step(500);
    let said = usize::try_from(venue.truth().trades[0] - before).unwrap();
    assert!(said > 50);
    ids(&mut healthy, said).await;
    stale.say(json!({"method": "LIST_SUBSCRIPTIONS", "id": 1})).await;
    assert_eq!(stale.json().await["result"], json!(["btcusdt@trade"]));
}

#[tokio::test]
async fn a_frame_can_end_in_the_middle_or_come_in_pieces() {
    let venue = still();
    let mut socket = trades(&venue).await;
    plan(&venue, Fault::Slow { chunk_bytes: 7, every_ms: 2 }, Route::WsPublic);
    venue.step(20);
    assert_eq!(ids(&mut socket, 1).await, [1]);
    let mut socket = trades(&venue).await;
    plan(&venue, Fault::Cut, Route::WsPublic);
    venue.step(20);
    let end = loop {
        match socket.message().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(!matches!(end, tokio_tungstenite::tungstenite::Error::AlreadyClosed), "{end}");
}

#[tokio::test]
async fn socket_messages_can_be_damaged_like_bodies() {
    let venue = still();
    let mut socket = trades(&venue).await;
    let rules = [
        Fault::Malformed,
        Fault::NumbersBare,
        Fault::NumbersQuoted,
        Fault::Gzip { announced: false },
    ];
    let rules = rules.map(|fault| Rule::once(fault, Route::WsPublic)).to_vec();
    venue.faults(Plan { rules, ..Plan::default() }).unwrap();
    venue.step(100);
    assert!(serde_json::from_str::<Value>(&socket.text().await).is_err());
    assert!(socket.json().await["p"].is_number());
    assert!(socket.json().await["t"].is_string());
    let Message::Binary(bytes) = socket.message().await.unwrap() else { panic!("text") };
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    assert!(socket.json().await["t"].is_u64());
}

#[tokio::test]
async fn a_skewed_clock_refuses_who_does_not_ask_for_it() {
    let venue = still();
    let own_ms = venue.now_ms();
    venue.set_skew(30_000);
    let told_ms = get(&venue, "/api/v3/time").await["serverTime"].as_i64().unwrap();
    assert!(told_ms - own_ms >= 30_000);
    let query = format!("timestamp={own_ms}");
    let target = format!("/api/v3/account?{query}&signature={}", super::client::hex(&query));
    let reply = send(&venue, "GET", &target, &[("X-MBX-APIKEY", "key")], "").await.unwrap();
    assert_eq!(reply.json()["code"], -1021);
    assert_eq!(binance(&venue, "GET", "/api/v3/account", "").await.status, 200);
}

#[tokio::test]
async fn random_faults_repeat_with_their_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let venue = still();
        let rules = vec![
            Rule::random(Fault::DropReply, &[Route::Create], 300_000),
            Rule::random(Fault::DropRequest, &[Route::Create], 300_000),
        ];
        venue.faults(Plan { clear: true, seed: Some(5), rules }).unwrap();
        let mut run = Vec::new();
        for number in 0..30 {
            run.push(order(&venue, &format!("r{number}")).await);
        }
        let truth = venue.truth();
        run.push(u16::try_from(truth.orders.len()).ok());
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&None) && runs[0].contains(&Some(200)));
}

#[tokio::test]
async fn everything_a_test_needs_can_be_asked_over_http() {
    let venue = still();
    let post = |what: &str, body: Value| {
        let (target, body) = (format!("/control/{what}"), body.to_string());
        let venue = &venue;
        async move { send(venue, "POST", &target, &[], &body).await.unwrap() }
    };
    order(&venue, "c").await;
    let filled = post("fill", json!({"client_id": "c", "qty": "0.04"})).await.json();
    assert_eq!(filled["filled"], "0.04");
    assert_eq!(post("fill", json!({"client_id": "none", "qty": "1"})).await.status, 400);
    assert_eq!(post("move", json!({"product": "spot", "price": "23000"})).await.status, 200);
    let truth = get(&venue, "/control/truth").await;
    assert_eq!(truth["orders"][0]["status"], "filled");
    assert_eq!(truth, serde_json::to_value(venue.truth()).unwrap());
    let rule = json!({"rules": [{"fault": {"kind": "drop-reply"}, "routes": ["create"]}]});
    assert_eq!(post("faults", rule).await.status, 200);
    assert_eq!(order(&venue, "d").await, None);
    assert_eq!(get(&venue, "/control/faults").await, json!({"drop-reply": 1}));
    let misfit = json!({"rules": [{"fault": {"kind": "gap"}, "routes": ["create"]}]});
    let refused = post("faults", misfit).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["error"].as_str().unwrap().contains("cannot happen"));
    assert!(get(&venue, "/control/limits").await["binance spot orders"]["used_max"] == 2);
    for (what, body) in [
        ("clock", json!({"skew_ms": 5})),
        ("rate", json!({"events_per_s": 10})),
        ("pause", json!({})),
        ("step", json!({"events": 10})),
        ("restart-books", json!({})),
        ("disconnect", json!({})),
    ] {
        assert_eq!(post(what, body).await.status, 200, "{what}");
    }
    assert_eq!(post("clock", json!({"skew": 5})).await.status, 400);
    assert_eq!(post("nothing", json!({})).await.status, 404);
}
