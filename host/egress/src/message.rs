//! What may be said on a socket that is logged in.
//!
//! Comes in: a plugin's text. Goes out: why it may not be sent, if so. A login opens more than
//! streams: the same socket of many a venue takes orders, transfers and withdrawals, past the gate and
//! past the signer. So only words about streams pass, and only in a form that no two readers can
//! understand differently. Deliberately absent: a way around; orders go by request, one by one.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use wickd_policy::venue::forbidden;

/// Members under which the ten venues say what a message is for.
const KEYS: [&str; 6] = ["op", "method", "event", "action", "type", "req_type"];
/// What it may be for.
const WORDS: [&str; 8] = [
    "subscribe",
    "unsubscribe",
    "sub",
    "unsub",
    "private/subscribe",
    "private/unsubscribe",
    "ping",
    "pong",
];

/// The members of an object, doubled ones too.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// Why a text may not be sent after a login; `None` where it may.
pub(crate) fn refused(text: &str) -> Option<&'static str> {
    if WORDS.contains(&text) {
        return None;
    }
    if forbidden(text).is_some() {
        return Some("it names a way for money to leave");
    }
    let Ok(Members(members)) = serde_json::from_str(text) else {
        return Some("it is no object of JSON");
    };
    let named = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
    for (place, (name, _)) in members.iter().enumerate() {
        if members[..place].iter().any(|(earlier, _)| named(earlier, name)) {
            return Some("it has a member twice");
        }
    }
    let mut said = members.iter().filter(|(name, _)| KEYS.iter().any(|key| named(key, name)));
    let stream = |(_, value): &(String, Value)| value.as_str().is_some_and(|w| WORDS.contains(&w));
    match (said.next(), said.next()) {
        (Some(word), None) if stream(word) => None,
        (None, _) => Some("it does not say what it is for"),
        _ => Some("it is for something else than streams"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_streams_pass() {
        for text in [
            "ping",
            r#"{"op":"ping"}"#,
            r#"{"op":"subscribe","args":[{"channel":"orders","instType":"ANY"}]}"#,
            r#"{"method":"unsubscribe","params":["order.spot"],"id":7}"#,
            r#"{"action":"sub","ch":"orders#btcusdt"}"#,
            r#"{"channel":"spot.orders","event":"subscribe","payload":["BTC_USDT"]}"#,
        ] {
            assert_eq!(refused(text), None, "{text}");
        }
    }

    #[test]
    fn orders_withdrawals_and_ambiguous_texts_do_not() {
        for text in [
            "",
            "subscribe me",
            "[]",
            r#"[{"op":"subscribe"}]"#,
            r#"{"op":"order","args":[]}"#,
            r#"{"op":"\u006frder"}"#,
            r#"{"method":"order.place","params":{}}"#,
            r#"{"channel":"spot.order_place","event":"api"}"#,
            r#"{"op":"subscribe","op":"order"}"#,
            r#"{"op":"subscribe","OP":"order"}"#,
            r#"{"op":"subscribe","o\u0070":"order"}"#,
            r#"{"op":"subscribe","method":"order"}"#,
            r#"{"op":["subscribe"]}"#,
            r#"{"args":["subscribe"]}"#,
            r#"{"op":"subscribe","args":["withdraw"]}"#,
            r#"{"op":"subscribe","args":["with\u0064raw"]}"#,
            r#"{"op":"subscribe","args":["\u0057ITH%44RAW"]}"#,
            "{\"op\":\"subscribe\"} {\"op\":\"order\"}",
        ] {
            assert!(refused(text).is_some(), "{text}");
        }
    }
}
