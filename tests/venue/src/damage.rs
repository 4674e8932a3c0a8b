//! What a damaged message looks like.
//!
//! Comes in: a true JSON text. Goes out: the same with one thing wrong. Deliberately absent: a JSON
//! tree; a text-level rewrite keeps every digit as the venue wrote it.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// Fields whose words a client has a list of.
const ENUMS: [&str; 9] =
    ["status", "X", "x", "state", "orderStatus", "execType", "ordType", "orderType", "ot"];
/// A word that is on nobody's list.
pub(crate) const UNKNOWN: &str = "SOMETHING_NEW";

/// A piece of JSON text.
enum Token<'a> {
    /// A string in its quotes, and the key it stands under if it is a value.
    Text { quoted: &'a str, key: Option<&'a str> },
    /// A number.
    Number(&'a str),
    /// Anything else.
    Other(&'a str),
}

/// Splits a JSON text; keys come as [`Token::Other`].
fn tokens(json: &str) -> Vec<Token<'_>> {
    let bytes = json.as_bytes();
    let (mut found, mut at, mut key) = (Vec::new(), 0, None);
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
                let quoted = &json[start..at];
                if bytes.get(at) == Some(&b':') {
                    key = Some(quoted.trim_matches('"'));
                    found.push(Token::Other(quoted));
                } else {
                    found.push(Token::Text { quoted, key });
                }
            }
            b'-' | b'0'..=b'9' => {
                while at < bytes.len()
                    && matches!(bytes[at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
                {
                    at += 1;
                }
                found.push(Token::Number(&json[start..at]));
            }
            _ => {
                while at < bytes.len() && !matches!(bytes[at], b'"' | b'-' | b'0'..=b'9') {
                    at += 1;
                }
                found.push(Token::Other(&json[start..at]));
            }
        }
    }
    found
}

/// Whether a text is a number that JSON would take without quotes.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && all(rest) && (whole == "0" || !whole.starts_with('0'))
}

/// Numbers in quotes lose them.
pub(crate) fn numbers_bare(json: &str) -> String {
    let bare = |token| match token {
        Token::Text { quoted, .. } if is_number(quoted.trim_matches('"')) => {
            quoted.trim_matches('"')
        }
        Token::Text { quoted, .. } => quoted,
        Token::Number(text) | Token::Other(text) => text,
    };
    tokens(json).into_iter().map(bare).collect()
}

/// Numbers without quotes get them.
pub(crate) fn numbers_quoted(json: &str) -> String {
    let quote = |token| match token {
        Token::Number(text) => format!("\"{text}\""),
        Token::Text { quoted: text, .. } | Token::Other(text) => text.to_owned(),
    };
    tokens(json).into_iter().map(quote).collect()
}

/// Status words become one that nobody knows.
pub(crate) fn unknown_enum(json: &str) -> String {
    let rename = |token| match token {
        Token::Text { key: Some(key), .. } if ENUMS.contains(&key) => format!("\"{UNKNOWN}\""),
        Token::Text { quoted: text, .. } | Token::Number(text) | Token::Other(text) => {
            text.to_owned()
        }
    };
    tokens(json).into_iter().map(rename).collect()
}

/// The first two thirds, and then something else.
pub(crate) fn malformed(json: &str) -> String {
    let kept: String = json.chars().take(json.chars().count() * 2 / 3).collect();
    kept + "\u{fffd}}<"
}

/// Compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory cannot fail; were it to, the message would be damaged, as was asked for.
    let written = encoder.write_all(bytes);
    encoder.finish().ok().filter(|_| written.is_ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_damage_is_what_it_says_and_keeps_every_digit() {
        let json =
            r#"{"status":"NEW","a":"0.10","b":1.50,"c":"x1","id":"007","n":[1,"2"],"e\"x":"-3"}"#;
        let bare = r#"{"status":"NEW","a":0.10,"b":1.50,"c":"x1","id":"007","n":[1,2],"e\"x":-3}"#;
        assert_eq!(numbers_bare(json), bare);
        let quoted = r#"{"status":"NEW","a":"0.10","b":"1.50","c":"x1","id":"007","n":["1","2"],"e\"x":"-3"}"#;
        assert_eq!(numbers_quoted(json), quoted);
        assert!(unknown_enum(json).starts_with(r#"{"status":"SOMETHING_NEW","a":"0.10""#));
        assert!(serde_json::from_str::<serde_json::Value>(&malformed(json)).is_err());
        assert_eq!(gzip(json.as_bytes())[..2], [0x1f, 0x8b]);
    }
}
