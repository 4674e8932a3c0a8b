//! Which requests a recipe may sign, and which nobody may.
//!
//! Comes in: `GET /api/v3/account` from a manifest, methods and paths of requests. Goes out: whether
//! the one covers the other, and whether a text names something that moves money out. Deliberately
//! absent: exceptions to the second.

use crate::net::{PATH_BYTES_MAX, Target};
use crate::yaml::{Node, Problem, quoted};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// Rounds of percent-decoding before words are looked for; what is still encoded is refused itself.
const DECODE_ROUNDS: usize = 4;
/// Parts of words, letters and digits only, that lead money out of an account or to another one.
/// They cover the ten venues' withdrawal, transfer, sub-account, gift and payment interfaces.
const FORBIDDEN: [&str; 14] = [
    "withdraw",
    "transfer",
    "subaccount",
    "subuser",
    "submember",
    "capital",
    "giftcard",
    "payout",
    "cashout",
    "internalmove",
    "sendasset",
    "sendcoin",
    "redpacket",
    "payment",
];
/// Whole path segments that do the same.
const FORBIDDEN_SEGMENTS: [&str; 4] = ["dw", "pay", "wapi", "redeem"];

/// The word in `text` that names a way for money to leave; encoded, upper-case and split words too.
pub fn forbidden(text: &str) -> Option<&'static str> {
    let decoded = decoded(text);
    let word = |c: &char| c.is_ascii_alphanumeric();
    let joined: String = decoded.chars().filter(word).collect();
    let segments = || decoded.split(['/', '.', '?', '&', '"', ';']);
    let inside = FORBIDDEN.into_iter().find(|word| joined.contains(word));
    inside.or_else(|| FORBIDDEN_SEGMENTS.into_iter().find(|word| segments().any(|s| s == *word)))
}

/// Without the escapes of URLs (`%77`) and of JSON (`\\u0077`).
fn decoded(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..DECODE_ROUNDS {
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            // No word is spelled with anything above ASCII, so the low byte is the character.
            let (from, to) = match &bytes[at..] {
                [b'%', ..] => (at + 1, at + 3),
                [b'\\', b'u', b'0', b'0', ..] => (at + 4, at + 6),
                _ => (at, at),
            };
            let code = bytes.get(from..to).filter(|digits| digits.len() == 2);
            let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
            let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            out.push(code.unwrap_or(bytes[at]));
            at = if code.is_some() { to } else { at + 1 };
        }
        if out == bytes {
            break;
        }
        bytes = out;
    }
    String::from_utf8_lossy(&bytes).to_lowercase()
}

/// A method and a path below the endpoint; a last segment `*` stands for any one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRule {
    method: &'static str,
    path: String,
    any_last: bool,
}

impl PathRule {
    pub(super) fn read(node: &Node) -> Result<Self, Problem> {
        let text = node.text_within(PATH_BYTES_MAX)?;
        let fault = |reason: &str, fix: &str| {
            Problem::new(&node.place, format!("`{}`: {reason}", quoted(&text)), fix)
        };
        let like = "write it like `GET /api/v3/account`, or end it in `/*`";
        let Some((method, path)) = text.split_once(' ') else {
            return Err(fault("no method and path", like));
        };
        let Some(method) = METHODS.into_iter().find(|known| *known == method) else {
            return Err(fault("another method", "write GET, POST, PUT, PATCH or DELETE"));
        };
        if let Some(word) = forbidden(path) {
            let reason = format!("it names `{word}`");
            return Err(fault(&reason, "remove it: nothing that moves money out is signed"));
        }
        let (path, any_last) = match path.strip_suffix("/*") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let target = Target::parse(&format!("https://a.example{path}"));
        let target = target.map_err(|error| fault(error.reason, error.fix))?;
        // A rule for anything at all would be no rule.
        let plain = target.path() == path && target.query().is_none() && path.len() > 1;
        match plain && !path.contains('*') {
            true => Ok(Self { method, path: path.to_owned(), any_last }),
            false => Err(fault("no plain path", like)),
        }
    }

    /// Whether it covers a request; `path` is below the endpoint and starts with `/`.
    pub fn covers(&self, method: &str, path: &str) -> bool {
        let path = match self.any_last {
            false => path == self.path,
            true => path
                .rsplit_once('/')
                .is_some_and(|(before, last)| before == self.path && !last.is_empty()),
        };
        path && method == self.method
    }
}
