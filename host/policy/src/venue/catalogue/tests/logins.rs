//! Logins as venues document them, and everything that is none.

use proptest::prelude::*;

use super::*;

/// Login frames as the venues document them.
const LOGINS: [(&str, &str); 11] = [
    (
        "binance",
        r#"{"id":"login","method":"userDataStream.subscribe.signature","params":{"apiKey":"thekey","timestamp":1700000000000,"signature":"sig"}}"#,
    ),
    (
        "binance",
        r#"{"id":7,"method":"session.logon","params":{"apiKey":"thekey","timestamp":1700000000000,"signature":"sig"}}"#,
    ),
    (
        "okx",
        r#"{"op":"login","args":[{"apiKey":"thekey","passphrase":"thepass","timestamp":"1700000000","sign":"sig"}]}"#,
    ),
    ("bybit", r#"{"op":"auth","args":["thekey",1700000010000,"sig"]}"#),
    (
        "htx",
        r#"{"action":"req","ch":"auth","params":{"authType":"api","accessKey":"thekey","signatureMethod":"HmacSHA256","signatureVersion":"2.1","timestamp":"2023-11-14T22:13:20","signature":"sig"}}"#,
    ),
    (
        "bitget",
        r#"{"op":"login","args":[{"apiKey":"thekey","passphrase":"thepass","timestamp":"1700000000","sign":"sig"}]}"#,
    ),
    (
        "gate",
        r#"{"time":1700000000,"channel":"spot.orders","event":"subscribe","payload":["BTC_USDT"],"auth":{"method":"api_key","KEY":"thekey","SIGN":"sig"}}"#,
    ),
    (
        "mexc",
        r#"{"method":"login","param":{"apiKey":"thekey","reqTime":"1700000000000","signature":"sig"}}"#,
    ),
    (
        "cryptocom",
        r#"{"id":1700000000000,"method":"public/auth","api_key":"thekey","nonce":1700000000000,"sig":"sig"}"#,
    ),
    (
        "bitfinex",
        r#"{"event":"auth","apiKey":"thekey","authSig":"sig","authNonce":"42","authPayload":"AUTH42"}"#,
    ),
    (
        "bitfinex",
        r#"{"event":"auth","apiKey":"thekey","authSig":"sig","authNonce":42,"authPayload":"AUTH42","filter":["trading","wallet"]}"#,
    ),
];

fn logs_in(name: &str, frame: &str) -> Option<crate::venue::PathClass> {
    let is_credential = |field: &str, text: &str| {
        [("key", "thekey"), ("passphrase", "thepass")].contains(&(field, text))
    };
    let known = Known {
        is_credential: &is_credential,
        signature: "sig",
        is_sealed: &|_| false,
        now_ms: 1_700_000_000_000,
        window_ms: 5_000,
        nonce: 42,
        name: "",
        order: None,
    };
    rights(name).login(&local(), frame, &known)
}

#[test]
fn the_logins_that_venues_document_are_logins_and_no_other_venues() {
    use crate::venue::PathClass::{Read, Trade};
    for (name, frame) in LOGINS {
        let class = if frame.contains("session.logon") { Trade } else { Read };
        assert_eq!(logs_in(name, frame), Some(class), "{name}: {frame}");
        let okx_like = ["okx", "bitget"].contains(&name);
        for (other, _) in DATA.iter().filter(|(other, _)| *other != name) {
            let twins = okx_like && ["okx", "bitget"].contains(other);
            assert_eq!(logs_in(other, frame).is_some(), twins, "{other}: {frame}");
        }
    }
}

#[test]
fn an_order_in_a_login_frame_is_no_login() {
    for frame in [
        r#"{"id":1,"method":"order.place","params":{"symbol":"BTCUSDT","side":"SELL","type":"MARKET","quantity":"10","apiKey":"thekey","timestamp":1700000000000,"signature":"sig"}}"#,
        r#"{"id":1,"method":"userDataStream.subscribe.signature","params":{"symbol":"BTCUSDT","apiKey":"thekey","timestamp":1700000000000,"signature":"sig"}}"#,
        r#"{"id":1,"method":"userDataStream.subscribe.signature","method":"order.place","params":{"apiKey":"thekey","timestamp":1700000000000,"signature":"sig"}}"#,
        r#"{"id":1,"Method":"order.place","method":"userDataStream.subscribe.signature","params":{"apiKey":"thekey","timestamp":1700000000000,"signature":"sig"}}"#,
        r#"[{"op":"login","args":[]}]"#,
        r#"{"op":"login","args":[{"apiKey":"thekey","passphrase":"thepass","timestamp":"1700000000","sign":"sig"},{"sz":"10"}]}"#,
        r#"{"op":"order","args":[{"apiKey":"thekey","passphrase":"thepass","timestamp":"1700000000","sign":"sig"}]}"#,
        r#"{"op":"auth","args":["thekey",1700000010000,"sig","order"]}"#,
        r#"{"op":"auth","args":["thekey",1600000010000,"sig"]}"#,
        r#"{"op":"auth","args":["another",1700000010000,"sig"]}"#,
        r#"{"op":"auth","args":["thepass",1700000010000,"sig"]}"#,
        r#"{"op":"auth","args":["thekey",1700000010000,"other"]}"#,
    ] {
        for (name, _) in DATA {
            assert_eq!(logs_in(name, frame), None, "{name}: {frame}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is put into a login, it is a login only while every member is one.
    #[test]
    fn a_login_with_anything_more_in_it_is_none(
        which in 0..LOGINS.len(), member in "[a-zA-Z]{1,8}", value in "[a-z0-9.]{1,8}", at in 0usize..8
    ) {
        let (name, frame) = LOGINS[which];
        let places: Vec<_> = frame.match_indices(['{', '[']).collect();
        let (place, bracket) = places[at % places.len()];
        let more = match bracket {
            "{" => format!("\"{member}\":\"{value}\","),
            _ => format!("\"{value}\","),
        };
        let mut odd = frame.to_owned();
        odd.insert_str(place + 1, &more);
        // The two members that a frame may have besides.
        prop_assume!(!["id", "req_id", "cid", "recvWindow", "subscribe", "filter"].contains(&member.as_str()));
        prop_assert_eq!(logs_in(name, &odd), None, "{}", odd);
    }

    /// A frame with one byte changed is one of the forms, or none; it never panics.
    #[test]
    fn a_login_with_a_byte_changed_still_carries_the_key_and_the_signature(
        which in 0..LOGINS.len(), at in 0usize..400, byte in 0x20u8..0x7f
    ) {
        let (name, frame) = LOGINS[which];
        let mut bytes = frame.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let odd = String::from_utf8(bytes).unwrap();
        if logs_in(name, &odd).is_some() {
            prop_assert!(odd.contains("\"thekey\"") && odd.contains("\"sig\""), "{}", odd);
        }
    }
}
