//! One request and one login, exactly as they will be sent.
//!
//! Comes in: a target, a method, headers and a body, from a plugin or from the signer. Goes out: a
//! value that only [`crate::http`] and [`crate::socket`] can open. Deliberately absent: reading a
//! header or a query back, because the signer puts keys and signatures there.

use std::fmt;

use wickd_policy::net::{Target, TargetError};
use zeroize::Zeroizing;

use crate::secret::Slot;

/// Most headers a plugin may set.
const HEADERS_MAX: usize = 32;
/// Longest header, name and value, in bytes: tokens have about 2,000.
const HEADER_BYTES_MAX: usize = 4 << 10;
/// Largest body sent, in bytes: a batch of orders has a few thousand.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Shortest text worth hiding, in bytes: anything shorter stands in every answer by chance.
const HIDDEN_BYTES_MIN: usize = 6;
/// Headers that frame a message, name its receiver, or belong to the connection.
const FRAMING: [&str; 14] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy-connection",
    "cookie",
    "accept-encoding",
];

/// Why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A header that would not stay one header, or is not the plugin's to set.
    #[error("header {place}: {reason}; {fix}")]
    Header {
        /// Which one, counted from 1: its text is not trusted.
        place: usize,
        /// What is wrong.
        reason: &'static str,
        /// What to change.
        fix: &'static str,
    },
    /// A method that is none.
    #[error("the method is no word of capital letters; write it like `GET`")]
    Method,
    /// Too many headers, or a body too large.
    #[error("a request of {bytes} bytes and {headers} headers; keep it to 1 MiB and 32 headers")]
    Size {
        /// Of the body.
        bytes: usize,
        /// In number.
        headers: usize,
    },
}

/// A request, ready to be sent.
pub struct Request {
    pub(crate) target: Target,
    pub(crate) method: String,
    pub(crate) headers: Vec<(String, Zeroizing<String>)>,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// What must not come back in the answer.
    pub(crate) hidden: Hidden,
}

/// The message that logs a WebSocket in. Only [`crate::socket::Socket::login`] reads it.
pub struct Login {
    pub(crate) target: Target,
    pub(crate) frame: Zeroizing<String>,
    pub(crate) hidden: Hidden,
}

impl Request {
    /// An unsigned request.
    ///
    /// # Errors
    /// A method or header that would change what is sent beyond itself, or too much of it.
    pub fn new(
        target: Target,
        method: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Result<Self, RequestError> {
        if !(1..=16).contains(&method.len()) || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(RequestError::Method);
        }
        if body.len() > BODY_BYTES_MAX || headers.len() > HEADERS_MAX {
            return Err(RequestError::Size { bytes: body.len(), headers: headers.len() });
        }
        for (index, (name, value)) in headers.iter().enumerate() {
            check(name, value).map_err(|(reason, fix)| RequestError::Header {
                place: index + 1,
                reason,
                fix,
            })?;
        }
        let headers = headers.iter().map(|(n, v)| (n.clone(), Zeroizing::new(v.clone())));
        Ok(Self {
            target,
            method: method.to_owned(),
            headers: headers.collect(),
            body: Zeroizing::new(body),
            hidden: Hidden::default(),
        })
    }

    /// Where it goes, for the grants to decide on; without the query, which may hold a signature.
    ///
    /// # Errors
    /// None in practice: a path that was read once reads again.
    pub fn destination(&self) -> Result<Target, TargetError> {
        Target::at(self.target.origin(), self.target.path(), None)
    }

    /// Has a slot's keys struck out of the answer, whoever put them there.
    pub fn hide(&mut self, slot: &Slot) {
        self.hidden.extend(&Hidden::of(slot));
    }

    /// Its method.
    pub fn method(&self) -> &str {
        &self.method
    }
}

fn check(name: &str, value: &str) -> Result<(), (&'static str, &'static str)> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(("the name is no token", "use letters, digits and `-`"));
    }
    // A line end would begin another header, or another request.
    if !value.bytes().all(|b| b == b'\t' || (0x20..0x7f).contains(&b)) {
        return Err(("the value has a control or foreign character", "use printable ASCII"));
    }
    if name.len() + value.len() > HEADER_BYTES_MAX {
        return Err(("it is too long", "keep it under 4 KiB"));
    }
    match FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
        true => Err(("it is the host's to set", "remove it")),
        false => Ok(()),
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.target)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.target)
    }
}

/// Keys and signatures of one request, to be struck out of what comes back.
#[derive(Clone, Default)]
pub(crate) struct Hidden(Vec<Zeroizing<String>>);

impl Hidden {
    /// Every field of a slot.
    pub(crate) fn of(slot: &Slot) -> Self {
        let mut hidden = Self::default();
        slot.values().for_each(|value| hidden.add(value));
        hidden
    }

    /// Takes one in.
    pub(crate) fn add(&mut self, text: &str) {
        if text.len() >= HIDDEN_BYTES_MIN {
            self.0.push(Zeroizing::new(text.to_owned()));
        }
    }

    /// Adds another's.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// Overwrites each occurrence by as many `*`.
    pub(crate) fn strike(&self, bytes: &mut [u8]) {
        for secret in &self.0 {
            let secret = secret.as_bytes();
            let mut at = 0;
            // By first bytes: answers are megabytes, and nearly none of them starts a secret.
            while let Some(start) = bytes[at..].iter().position(|byte| Some(byte) == secret.first())
            {
                at += start;
                match bytes[at..].starts_with(secret) {
                    true => {
                        bytes[at..at + secret.len()].fill(b'*');
                        at += secret.len();
                    }
                    false => at += 1,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_would_become_two_is_refused_without_its_text() {
        let target = Target::parse("https://api.example.org/v1?sig=1").unwrap();
        let make = |name: &str, value: &str| {
            Request::new(target.clone(), "GET", &[(name.into(), value.into())], Vec::new())
        };
        for (name, value) in [
            ("X-A", "a\r\nX-B: b"),
            ("X-A", "a\nb"),
            ("X-A", "a\rb"),
            ("X-A", "a\0b"),
            ("X-A", "\u{e9}"),
            ("X-A\r\nX-B", "b"),
            ("X A", "b"),
            ("X-A:", "b"),
            ("", "b"),
            ("Host", "evil.example"),
            ("CONTENT-LENGTH", "0"),
            ("Transfer-Encoding", "chunked"),
            ("Connection", "upgrade"),
            ("Proxy-Authorization", "x"),
            ("X-A", &"a".repeat(5000)),
        ] {
            let told = make(name, value).unwrap_err().to_string();
            assert!(told.starts_with("header 1: "), "{told}");
            assert!(!told.chars().any(char::is_control), "{told:?}");
        }
        let request = make("X-A", "b").unwrap();
        assert_eq!(format!("{request:?}"), "Request(GET https://api.example.org:443/v1)");
        assert_eq!(request.destination().unwrap().query(), None);
        for method in ["", "get", "GET /x HTTP/1.1\r\n", "G T", "ABCDEFGHIJKLMNOPQ"] {
            assert!(Request::new(target.clone(), method, &[], Vec::new()).is_err(), "{method:?}");
        }
    }

    #[test]
    fn what_is_hidden_is_struck_out_wherever_it_stands() {
        let mut hidden = Hidden::default();
        ["aaaaaa", "hunter2", "x"].iter().for_each(|text| hidden.add(text));
        let mut bytes = b"x hunter2hunter2 aaaaaaaaaaaaa hunter".to_vec();
        hidden.strike(&mut bytes);
        assert_eq!(bytes, b"x ************** ************a hunter");
    }
}
