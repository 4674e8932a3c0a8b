//! Claims about signing: what is signed, what never is, and where a secret may stand.

mod vectors;

use wickd_model::{Product, Side};
use wickd_policy::venue::catalogue::{Catalogue, Does, Shape, Signing};
use wickd_policy::yaml::{Fields, NodeKind, Problems, parse};

use super::*;
use crate::secret::tests::slot;

const TEN: &str = include_str!("../../../../policy/src/venue/ten.yaml");
/// The time of the synthetic vectors: 2023-11-14T22:13:20.000Z.
const T: u64 = 1_700_000_000_000;

fn venue(name: &str) -> VenueManifest {
    changed(name, "", "")
}

/// The venue's manifest with one text in place of another.
fn changed(name: &str, from: &str, to: &str) -> VenueManifest {
    assert!(TEN.contains(from), "{from}");
    let text = if from.is_empty() { TEN.to_owned() } else { TEN.replace(from, to) };
    let NodeKind::Map(venues) = parse(&text, 1 << 16).unwrap().kind else { panic!("no map") };
    let (_, node) = venues.iter().find(|(key, _)| key.text == name).expect(name);
    let mut problems = Problems::default();
    let fields = Fields::of(node, &VenueManifest::KEYS, &mut problems).unwrap();
    let venue = VenueManifest::read(&fields, &mut problems);
    assert!(problems.is_empty(), "{name}");
    venue
}

fn slot_for(venue: &VenueManifest, key: &str, secret: &str, allow: &str) -> Slot {
    let hosts: Vec<_> = venue.endpoints.iter().map(|e| e.origin.authority()).collect();
    slot(&format!(
        "main:\n  hosts: ['{}']\n  allow: {allow}\n  fields: {{key: '{key}', secret: '{secret}', passphrase: password}}",
        hosts.join("', '")
    ))
}

/// A signer for the hosts of a venue; where the host does not know them, they are the operator's word.
fn signer(name: &str, slot: Slot) -> Signer {
    let signing = Signing { catalogue: Catalogue::named(name).cloned(), ..Signing::default() };
    Signer::new(slot, &signing, true)
}

fn order() -> Write {
    Write {
        does: Does::Create,
        product: Product::Spot,
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        size_scale: 5,
        side: Side::Buy,
        shape: Shape::Limit,
        reduce_only: false,
        price: 2_500_000,
        size: 100,
        client_id: "w1".to_owned(),
        venue_id: String::new(),
    }
}

/// The order as Binance writes it.
const QUERY: &str = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=25000&newClientOrderId=w1";

fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()));
    query.split('&').filter_map(pair).collect()
}

fn try_sign(
    name: &str,
    venue: &VenueManifest,
    allow: &str,
    draft: &Draft<'_>,
) -> Result<Request, String> {
    let moment = Moment { venue_ms: T, nonce: 1, recv_ms: 5_000 };
    let signer = signer(name, slot_for(venue, "keykey", "secretsecret", allow));
    signer.sign(venue, draft, moment).map_err(|refusal| refusal.to_string())
}

fn told(name: &str, venue: &VenueManifest, draft: &Draft<'_>) -> String {
    try_sign(name, venue, "trade", draft).map(|_| ()).expect_err("it is refused")
}

const ORDER: Draft<'_> = Draft {
    recipe: "signed",
    endpoint: "rest",
    method: "POST",
    path: "/api/v3/order",
    query: &[],
    headers: &[],
    body: b"",
    order: None,
};

#[test]
fn whatever_is_not_bound_listed_or_allowed_is_refused_by_name() {
    let venue = venue("binance");
    let (write, query) = (order(), pairs(QUERY));
    let order = Draft { query: &query, order: Some(&write), ..ORDER };
    assert!(try_sign("binance", &venue, "trade", &order).is_ok());
    let odd = |name: &str| vec![(name.to_owned(), "1".to_owned())];
    let (signature, timestamp, empty) = (odd("Signature"), odd("timestamp"), odd(""));
    let many = vec![("a".to_owned(), "1".to_owned()); PAIRS_MAX + 1];
    let table = [
        (Draft { recipe: "none", ..order }, "no recipe `none`"),
        (Draft { endpoint: "api.binance.com", ..order }, "no endpoint `api.binance.com`"),
        (Draft { endpoint: "stream", ..order }, "not bound to endpoint `stream`"),
        (Draft { recipe: "documented", endpoint: "perps", ..order }, "not bound"),
        (Draft { method: "PUT", ..order }, "lists no `PUT /api/v3/order`"),
        (Draft { path: "/api/v3/order/", ..order }, "lists no"),
        (Draft { path: "/api/v3/order?x=1", ..order }, "lists no"),
        (Draft { path: "/api/v3/order/../account", ..order }, "lists no"),
        (Draft { path: "/api//v3/order", ..order }, "lists no"),
        (Draft { path: "/API/v3/order", ..order }, "lists no"),
        (Draft { path: "@evil.example/api/v3/order", ..order }, "lists no"),
        (Draft { path: "", ..order }, "lists no"),
        (Draft { path: "/sapi/v1/capital/withdraw/apply", ..order }, "names `withdraw`"),
        (Draft { path: "/sapi/v1/asset/TRANSFER", ..order }, "names `transfer`"),
        (Draft { path: "/api/v3/%77ithdraw", ..order }, "names `withdraw`"),
        (Draft { path: "/sapi/v1/convert/acceptQuote", ..order }, "names `convert`"),
        (Draft { path: "/v5/p2p/order/finish", ..order }, "names `p2p`"),
        (Draft { query: &signature, ..order }, "query parameter 1 is the recipe's"),
        (Draft { query: &timestamp, ..order }, "query parameter 1 is the recipe's"),
        (Draft { query: &empty, ..order }, "query parameter 1"),
        (Draft { query: &many, ..order }, "too many"),
    ];
    for (draft, want) in table {
        let told = told("binance", &venue, &draft);
        assert!(told.contains(want), "{told}");
        assert!(!told.contains("secretsecret"), "{told}");
    }
}

#[test]
fn what_a_manifest_lists_and_no_catalogue_does_is_not_signed_until_the_operator_says_so() {
    let mine = changed(
        "binance",
        "read: [GET /api/v3/account,",
        "read: [GET /api/v3/mine, POST /sapi/v1/mine,",
    );
    let read = Draft { method: "GET", path: "/api/v3/mine", ..ORDER };
    let refused = told("binance", &mine, &read);
    assert!(refused.contains("no catalogue lists `GET /api/v3/mine`"), "{refused}");
    assert!(refused.contains("signing: {read: ['GET /api/v3/mine']}"), "{refused}");
    assert!(
        told("binance", &mine, &Draft { path: "/sapi/v1/mine", ..ORDER }).contains("no catalogue")
    );
    let node = parse("read: ['GET /api/v3/mine']", 1 << 10).unwrap();
    let mut problems = Problems::default();
    let own = Catalogue::read("own", &node, &mut problems).unwrap();
    let signing = Signing { catalogue: None, own };
    let slot = slot_for(&mine, "keykey", "secretsecret", "read");
    let signer = Signer::new(slot, &signing, false);
    let moment = Moment { venue_ms: T, nonce: 1, recv_ms: 1 };
    assert!(signer.sign(&mine, &read, moment).is_ok());
}

#[test]
fn an_order_that_a_manifest_calls_reading_is_signed_for_no_question_and_by_no_signer_without_trade()
{
    let venue = changed("binance", "read: [GET /api/v3/account,", "read: [POST /api/v3/order,");
    let (write, query) = (order(), pairs(QUERY));
    let question = Draft { query: &query, ..ORDER };
    assert!(
        told("binance", &venue, &question)
            .contains("asked a question, and `POST /api/v3/order` trades")
    );
    let moment = Moment { venue_ms: T, nonce: 1, recv_ms: 5_000 };
    for (allow, trade, want) in
        [("read", true, "set `allow: trade`"), ("trade", false, "`trade: false`")]
    {
        let signing =
            Signing { catalogue: Catalogue::named("binance").cloned(), ..Signing::default() };
        let signer =
            Signer::new(slot_for(&venue, "keykey", "secretsecret", allow), &signing, trade);
        for order in [None, Some(&write)] {
            let draft = Draft { order, ..question };
            let told = signer.sign(&venue, &draft, moment).map(|_| ()).unwrap_err().to_string();
            assert!(told.contains(want), "{told}");
        }
    }
}

#[test]
fn a_request_that_is_not_the_order_is_not_signed_wherever_the_difference_comes_from() {
    let write = order();
    let ten = QUERY.replace("quantity=0.001", "quantity=10");
    let query = pairs(&ten);
    let draft = Draft { query: &query, order: Some(&write), ..ORDER };
    let refused = told("binance", &venue("binance"), &draft);
    assert!(refused.contains("`quantity` is `10` and should be 0.00100"), "{refused}");
    // The plugin's own query is the order's, and the recipe adds another quantity, or a body.
    let query = pairs(QUERY);
    let draft = Draft { query: &query, ..draft };
    for (from, to, want) in [
        (
            "params: {timestamp: '<ts:ms>', recvWindow: '<recv>'}\n      headers: {X-MBX",
            "params: {quantity: '10', timestamp: '<ts:ms>', recvWindow: '<recv>'}\n      headers: {X-MBX",
            "query parameter",
        ),
        (
            "params: {timestamp: '<ts:ms>', recvWindow: '<recv>'}\n      headers: {X-MBX",
            "params: {quoteOrderQty: '10', timestamp: '<ts:ms>', recvWindow: '<recv>'}\n      headers: {X-MBX",
            "`quoteOrderQty` is `10`",
        ),
        (
            "headers: {X-MBX-APIKEY: '<key>'}\n      signature_param: signature\n      read",
            "headers: {X-MBX-APIKEY: '<key>'}\n      body: '{\"quantity\":\"10\"}'\n      signature_param: signature\n      read",
            "stands twice",
        ),
        (
            "headers: {X-MBX-APIKEY: '<key>'}\n      signature_param: signature\n      read",
            "headers: {X-MBX-APIKEY: '<key>', X-HTTP-Method-Override: DELETE}\n      signature_param: signature\n      read",
            "is not known to sign here",
        ),
    ] {
        let refused = told("binance", &changed("binance", from, to), &draft);
        assert!(refused.contains(want), "{refused}");
    }
}

#[test]
fn a_remote_call_says_in_its_body_what_its_path_says() {
    let read = Draft { path: "/private/user-balance", body: b"{}", ..ORDER };
    assert!(try_sign("cryptocom", &venue("cryptocom"), "trade", &read).is_ok());
    let other =
        changed("cryptocom", "\"method\":\"<name>\"", "\"method\":\"private/create-order\"");
    let refused = told("cryptocom", &other, &read);
    assert!(refused.contains("`method` should be the name of the path"), "{refused}");
}

#[test]
fn a_secret_keys_a_signature_or_stands_in_the_venues_own_header_and_nowhere_else() {
    let read = Draft { method: "GET", path: "/api/v3/account", ..ORDER };
    let at = "prehash: '<query><body>'\n      mac: hmac-sha256\n      form: hex\n      params: {timestamp: '<ts:ms>', recvWindow: '<recv>'}\n      headers: {X-MBX-APIKEY: '<key>'}";
    let open = at.replace("'<key>'", "'<secret>'").replacen("mac:", "secret: key\n      mac:", 1);
    let refused = told("binance", &changed("binance", at, &open), &read);
    assert!(refused.contains("keys its signature with `key`, which is no secret"), "{refused}");
    let okx = venue("okx");
    let read = Draft { method: "GET", path: "/api/v5/account/balance", ..ORDER };
    assert!(try_sign("okx", &okx, "read", &read).is_ok(), "the passphrase has its header");
    let elsewhere = changed("okx", "OK-ACCESS-KEY: '<key>'", "OK-ACCESS-KEY: '<passphrase>'");
    assert!(
        told("okx", &elsewhere, &read).contains("puts the secret `passphrase` into its headers")
    );
    let at = "form: base64\n      headers: {OK-ACCESS-KEY: '<key>', OK-ACCESS-SIGN: '<signature>', OK-ACCESS-TIMESTAMP: '<ts:iso-ms>', OK-ACCESS-PASSPHRASE: '<passphrase>'}";
    let turned = at.replace("<passphrase>", "<secret>").replacen(
        "form:",
        "secret: passphrase\n      form:",
        1,
    );
    let refused = told("okx", &changed("okx", at, &turned), &read);
    assert!(refused.contains("puts the secret `secret` into its headers"), "{refused}");
    let signed = changed(
        "okx",
        "prehash: '<ts:iso-ms>",
        "params: {x: '<passphrase>'}\n      prehash: '<ts:iso-ms>",
    );
    assert!(told("okx", &signed, &read).contains("puts the secret `passphrase` into its query"));
}

#[test]
fn a_field_is_secret_unless_it_is_one_that_a_venue_sees_in_the_open() {
    let slot = slot(
        "main:\n  hosts: [a.example]\n  secret: [account]\n  fields: {key: a, memo: b, account: c}",
    );
    assert!(!slot.is_secret("key") && slot.is_secret("memo") && slot.is_secret("account"));
    assert!(slot.is_secret("secret"));
}

#[test]
fn a_frame_that_is_no_login_is_not_signed() {
    let moment = Moment { venue_ms: T, nonce: 1, recv_ms: 5_000 };
    let at = r#"{"op":"auth","args":["<key>",<ts:ms+10000>,"<signature>"]}"#;
    for odd in [
        r#"{"op":"order.create","args":["<key>",<ts:ms+10000>,"<signature>"]}"#,
        r#"{"op":"auth","args":["<key>",<ts:ms+10000>,"<signature>",{"qty":"10"}]}"#,
        r#"{"op":"auth","args":["<key>",<ts:ms+10000>,"<signature>"],"header":{"x":"1"}}"#,
        r#"{"op":"auth","args":["<arg:qty>",<ts:ms+10000>,"<signature>"]}"#,
        r#"{"op":"auth","args":["<key>",10,"<signature>"]}"#,
    ] {
        let venue = changed("bybit", at, odd);
        let signer = signer("bybit", slot_for(&venue, "keykey", "secretsecret", "trade"));
        let query = [("qty".to_owned(), "10".to_owned())];
        let draft =
            Draft { recipe: "login", endpoint: "private", path: "", query: &query, ..ORDER };
        let refused = signer.login(&venue, &draft, moment).map(|_| ()).unwrap_err();
        assert!(matches!(refused, Refusal::Login(_)), "{odd}: {refused}");
    }
}

#[test]
fn what_moves_money_out_is_sent_unsigned_neither_in_path_nor_query_nor_body() {
    let venue = venue("binance");
    let field = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let (call, split, wide) = (
        field("method", "private/create-withdrawal"),
        field("op", "With%64raw"),
        field("x", "\u{ff37}ithdraw"),
    );
    let read = Draft { recipe: "", method: "POST", path: "/api/v3/time", ..ORDER };
    assert!(unsigned(&venue, &read).is_ok());
    for draft in [
        Draft { path: "/v5/earn/place-order", ..read },
        Draft { query: &call, ..read },
        Draft { query: &split, ..read },
        Draft { query: &wide, ..read },
        Draft { body: br#"{"method":"private/convert-quote"}"#, ..read },
        Draft { body: br#"{"a":{"b":["with\u0064raw"]}}"#, ..read },
        Draft { body: b"op=p2p/order", ..read },
    ] {
        assert!(matches!(unsigned(&venue, &draft), Err(Refusal::MoneyOut { .. })), "{draft:?}");
    }
}

#[test]
fn a_rule_for_one_segment_signs_no_second_one_in_disguise() {
    let venue = venue("kucoin");
    let path =
        |path: &str| try_sign("kucoin", &venue, "trade", &Draft { method: "GET", path, ..ORDER });
    assert!(path("/api/v1/hf/orders/65f0-a").is_ok());
    for odd in [
        "",
        "..",
        ".",
        "a/b",
        "a?b=1",
        "a#b",
        "a%2fb",
        "%2e%2e",
        "a\\b",
        "a b",
        "a\r\nX: y",
        "\u{e9}",
    ] {
        assert!(path(&format!("/api/v1/hf/orders/{odd}")).is_err(), "{odd:?}");
    }
}

#[test]
fn a_slot_that_only_reads_signs_no_order_and_no_login_that_trades() {
    let venue = venue("binance");
    let write = order();
    let draft = Draft { order: Some(&write), ..ORDER };
    let told = try_sign("binance", &venue, "read", &draft).map(|_| ()).unwrap_err();
    assert!(told.contains("set `allow: trade`"), "{told}");
    let read = Draft { method: "GET", path: "/api/v3/account", ..ORDER };
    assert!(try_sign("binance", &venue, "read", &read).is_ok());
    let venue = self::venue("bybit");
    let signer = signer("bybit", slot_for(&venue, "key", "secretsecret", "read"));
    let draft = Draft { recipe: "login", endpoint: "private", path: "", ..ORDER };
    let moment = Moment { venue_ms: T, nonce: 1, recv_ms: 1 };
    assert!(matches!(signer.login(&venue, &draft, moment), Err(Refusal::Class(_))));
}

#[test]
fn keys_go_to_no_host_the_operator_did_not_name_and_not_in_the_clear() {
    let mut venue = venue("binance");
    let moment = Moment { venue_ms: T, nonce: 1, recv_ms: 5_000 };
    let binance = signer("binance", slot_for(&venue, "key", "secretsecret", "trade"));
    let (write, query) = (order(), pairs(QUERY));
    let order = Draft { query: &query, order: Some(&write), ..ORDER };
    let to = |url: &str| Target::parse(url).unwrap().origin().clone();
    for url in ["https://api.binance.com.evil.example", "https://api.binance.com:8443"] {
        venue.endpoints[0].origin = to(url);
        let told = binance.sign(&venue, &order, moment).map(|_| ()).unwrap_err().to_string();
        assert!(told.contains("are not for"), "{told}");
    }
    venue.endpoints[0].origin = to("http://api.binance.com");
    let told = binance.sign(&venue, &order, moment).map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("is not encrypted"), "{told}");
    venue.endpoints[0].origin = to("http://127.0.0.1:8080");
    assert!(try_sign("binance", &venue, "trade", &order).is_ok());
}

#[test]
fn a_body_or_an_argument_cannot_break_out_of_its_frame() {
    let venue = venue("cryptocom");
    let write = order();
    let draft = Draft { path: "/private/create-order", order: Some(&write), ..ORDER };
    for body in [r#"{},"method":"private/create-withdrawal""#, "{", "[1]", "{}{}", "\u{ff}", "1"] {
        let told =
            try_sign("cryptocom", &venue, "trade", &Draft { body: body.as_bytes(), ..draft });
        assert!(told.is_err(), "{body}");
    }
    let gate = self::venue("gate");
    let signer = signer("gate", slot_for(&gate, "key", "secretsecret", "trade"));
    let moment = Moment { venue_ms: T, nonce: 1, recv_ms: 1 };
    for odd in [
        "",
        "a\"b",
        "a b",
        "a\nb",
        "spot.withdrawals",
        "a&event=api",
        "spot.order_place",
        &"a".repeat(65),
    ] {
        let query = [("channel".to_owned(), odd.to_owned()), ("market".to_owned(), "x".to_owned())];
        let draft =
            Draft { recipe: "subscribe", endpoint: "stream", path: "", query: &query, ..ORDER };
        assert!(signer.login(&gate, &draft, moment).is_err(), "{odd:?}");
    }
    let draft = Draft { recipe: "subscribe", endpoint: "stream", path: "", ..ORDER };
    assert!(matches!(signer.login(&gate, &draft, moment), Err(Refusal::Argument(_))));
    assert!(matches!(signer.sign(&gate, &draft, moment), Err(Refusal::Kind(_))));
}

#[test]
fn what_is_made_shows_no_key_and_strikes_keys_out_of_answers() {
    let venue = venue("kucoin");
    let write = order();
    let body = br#"{"symbol":"BTC-USDT","side":"buy","type":"limit","size":"0.001","price":"25000","clientOid":"w1"}"#;
    let draft = Draft { path: "/api/v1/hf/orders", body, order: Some(&write), ..ORDER };
    let request = try_sign("kucoin", &venue, "trade", &draft).unwrap();
    let debug = format!("{request:?}");
    assert_eq!(debug, "Request(POST https://api.kucoin.com:443/api/v1/hf/orders)");
    let signature =
        request.headers.iter().find(|(name, _)| name == "KC-API-SIGN").unwrap().1.clone();
    let mut echo = format!("keykey secretsecret password {} rest", *signature).into_bytes();
    request.hidden.strike(&mut echo);
    let left = String::from_utf8(echo).unwrap();
    assert!(left.chars().filter(|c| !matches!(c, '*' | ' ')).eq("rest".chars()), "{left}");
}

#[test]
fn what_is_signed_is_sent_to_the_byte() {
    let venue = venue("binance");
    let query = [("a b".to_owned(), "x&y=z'\"%\u{e9}+".to_owned())];
    let draft = Draft { query: &query, method: "GET", path: "/api/v3/account", ..ORDER };
    let request = try_sign("binance", &venue, "read", &draft).unwrap();
    let sent = request.target.query().unwrap();
    assert!(
        sent.starts_with("a%20b=x%26y%3Dz%27%22%25%C3%A9%2B&timestamp=1700000000000"),
        "{sent}"
    );
    let url = request.target.url();
    assert_eq!(url.split_once('?').unwrap().1, sent);
}
