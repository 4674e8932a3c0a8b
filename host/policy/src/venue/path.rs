//! Which requests a recipe may sign, and which nobody may.
//!
//! Comes in: `GET /api/v3/account` from a manifest, methods and paths of requests. Goes out: whether
//! the one covers the other, and whether a text names something that moves money out. Deliberately
//! absent: exceptions to the second.

use crate::net::{PATH_BYTES_MAX, Target};
use crate::yaml::{Node, Problem, quoted};

pub(super) const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
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
/// Parts of paths and of names of remote calls that change keys, lend, convert or give away. In a
/// value they may be a market's name, so they are looked for there only.
const FORBIDDEN_IN_PATHS: [&str; 14] = [
    "convert",
    "staking",
    "apikey",
    "updateapi",
    "createapi",
    "deleteapi",
    "addressbook",
    "withdrawaladdress",
    "savings",
    "lending",
    "movefunds",
    "wtoken",
    "fundingoffer",
    "redempt",
];
/// Whole words of paths that do the same: a part of an order's id must not look like one.
const FORBIDDEN_WORDS: [&str; 13] = [
    "earn",
    "loan",
    "loans",
    "c2c",
    "p2p",
    "rfq",
    "otc",
    "award",
    "broker",
    "sub",
    "stake",
    "transactions",
    "voucher",
];
/// Fields in which remote calls say what they do.
const CALL_FIELDS: [&str; 6] = ["method", "op", "action", "cmd", "command", "event"];

/// The word in `text` that names a way for money to leave; encoded, upper-case and split words too.
pub fn forbidden(text: &str) -> Option<&'static str> {
    let decoded = decoded(text).to_lowercase();
    let word = |c: &char| c.is_ascii_alphanumeric();
    let joined: String = decoded.chars().filter(word).collect();
    let segments = || decoded.split(['/', '.', '?', '&', '"', ';']);
    let inside = FORBIDDEN.into_iter().find(|word| joined.contains(word));
    inside.or_else(|| FORBIDDEN_SEGMENTS.into_iter().find(|word| segments().any(|s| s == *word)))
}

/// The same in a path, or in the name of a remote call, where keys, loans and gifts are found as well.
pub fn forbidden_in_path(path: &str) -> Option<&'static str> {
    let decoded = decoded(path);
    let joined: String = decoded.chars().filter(char::is_ascii_alphanumeric).collect();
    let joined = joined.to_lowercase();
    let inside = FORBIDDEN_IN_PATHS.into_iter().find(|word| joined.contains(word));
    let whole = || FORBIDDEN_WORDS.into_iter().find(|word| words(&decoded).any(|own| own == *word));
    forbidden(path).or(inside).or_else(whole)
}

/// The same in a field of a query or a body.
pub fn forbidden_in_field(name: &str, value: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let called = if CALL_FIELDS.contains(&last.as_str()) { forbidden_in_path(value) } else { None };
    called.or_else(|| forbidden(name)).or_else(|| forbidden(value))
}

/// The words of a text: between other characters, and before a capital letter within a name.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut all = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        let begins = before.is_ascii_lowercase() && c.is_ascii_uppercase();
        if begins || !c.is_ascii_alphanumeric() {
            all.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), all.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    all.into_iter()
}

/// Without the escapes of URLs (`%77`) and of JSON (`\\u0077`), and full-width letters as plain ones.
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
    let plain = |c: char| match c {
        // The full-width forms stand as far from ASCII as U+FF01 from `!`.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    String::from_utf8_lossy(&bytes).chars().map(plain).collect()
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
        if let Some(word) = forbidden_in_path(path) {
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
