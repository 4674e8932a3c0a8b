//! A text with placeholders: what is signed, and what is sent around the signature.
//!
//! Comes in: a text like `<ts:iso-ms><method><target><body>`. Goes out: its parts, checked against
//! the credential fields there are. Deliberately absent: values; `wickd-egress` fills them in where
//! no plugin can see the result.

use super::path::forbidden;
use crate::yaml::{Node, Problem, quoted};

/// Longest template, in bytes: the longest of ten venues has 250.
const TEMPLATE_BYTES_MAX: usize = 2 << 10;
/// Most parts of one template.
const PARTS_MAX: usize = 48;
/// Longest name inside `<…>`, in bytes.
const NAME_BYTES_MAX: usize = 32;
/// Furthest a time may be set ahead, in milliseconds: logins carry an expiry.
const AHEAD_MS_MAX: u64 = 60_000;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// Milliseconds since 1970.
    Ms,
    /// Seconds since 1970.
    S,
    /// `2023-11-14T22:13:20.000Z`.
    IsoMs,
    /// `2023-11-14T22:13:20`.
    IsoS,
}

/// One piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Itself.
    Literal(String),
    /// The venue's time, perhaps some milliseconds ahead.
    Time(TimeForm, u64),
    /// A credential field, never the one that keys the MAC.
    Credential(String),
    /// The result of an `also` template, by its place.
    Also(usize),
    /// The signature.
    Signature,
    /// How long the request stays good, in milliseconds.
    Recv,
    /// A number that rises with every request of a key.
    Nonce,
    /// The HTTP method.
    Method,
    /// The host, with the port where it is not the scheme's own.
    Host,
    /// The whole path.
    Path,
    /// The path below the endpoint's own, without the first `/`.
    Name,
    /// The path, and `?query` where there is one.
    Target,
    /// The query as it is sent.
    Query,
    /// The query's pairs by name.
    QuerySorted,
    /// The query before percent-encoding.
    QueryRaw,
    /// The body's bytes.
    Body,
    /// The query of a `GET`, the body of anything else.
    Payload,
    /// The same with the query sorted.
    PayloadSorted,
    /// SHA-512 of the body, in hexadecimal.
    BodySha512,
    /// The body's JSON members by name, each name followed by its value.
    ParamsConcat,
    /// One value the plugin gave, by name.
    Argument(String),
}

const WORDS: [(&str, Part); 20] = [
    ("ts:ms", Part::Time(TimeForm::Ms, 0)),
    ("ts:s", Part::Time(TimeForm::S, 0)),
    ("ts:iso-ms", Part::Time(TimeForm::IsoMs, 0)),
    ("ts:iso-s", Part::Time(TimeForm::IsoS, 0)),
    ("signature", Part::Signature),
    ("recv", Part::Recv),
    ("nonce", Part::Nonce),
    ("method", Part::Method),
    ("host", Part::Host),
    ("path", Part::Path),
    ("name", Part::Name),
    ("target", Part::Target),
    ("query", Part::Query),
    ("query-sorted", Part::QuerySorted),
    ("query-raw", Part::QueryRaw),
    ("body", Part::Body),
    ("payload", Part::Payload),
    ("payload-sorted", Part::PayloadSorted),
    ("body-sha512", Part::BodySha512),
    ("params-concat", Part::ParamsConcat),
];

/// Whether a word already means something inside `<…>`.
pub(super) fn is_word(text: &str) -> bool {
    WORDS.iter().any(|(word, _)| *word == text)
}

/// The names a template may use.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// Credential fields, the secret left out.
    pub(super) credentials: &'a [String],
    /// Names of `also` templates.
    pub(super) also: &'a [String],
}

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

impl Template {
    /// Its parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Whether any part is one of those.
    pub(super) fn has(&self, of: impl Fn(&Part) -> bool) -> bool {
        self.0.iter().any(of)
    }

    pub(super) fn read(node: &Node, scope: Scope<'_>) -> Result<Self, Problem> {
        let text = node.text_within(TEMPLATE_BYTES_MAX)?;
        let fault = |reason: String, fix: &str| Problem::new(&node.place, reason, fix);
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find('<') {
            let (before, after) = rest.split_at(open);
            let Some((name, after)) = after[1..].split_once('>') else {
                return Err(fault("a `<` without its `>`".to_owned(), "close it"));
            };
            if !before.is_empty() {
                parts.push(Part::Literal(before.to_owned()));
            }
            let part = part(name, scope).ok_or_else(|| {
                let known = WORDS.iter().map(|(word, _)| *word);
                let known = known.chain(scope.credentials.iter().map(String::as_str));
                let known: Vec<_> = known.chain(scope.also.iter().map(String::as_str)).collect();
                let fix = crate::yaml::choose(name, known.iter().copied());
                fault(format!("nothing is called `<{}>` here", quoted(name)), &fix)
            })?;
            parts.push(part);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        if parts.len() > PARTS_MAX {
            let reason = format!("a template of {} parts", parts.len());
            return Err(fault(reason, "keep it to 48"));
        }
        let literals = parts.iter().map(|part| match part {
            Part::Literal(text) => text.as_str(),
            _ => "\0",
        });
        // Words split over two parts would still be one word in the text that is signed.
        if let Some(word) = forbidden(&literals.collect::<String>().replace('\0', "")) {
            return Err(fault(
                format!("it names `{word}`"),
                "nothing that moves money out is signed",
            ));
        }
        Ok(Self(parts))
    }
}

fn part(name: &str, scope: Scope<'_>) -> Option<Part> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    if let Some((form, ahead)) = name.split_once('+') {
        let ahead = ahead.parse().ok().filter(|ahead| *ahead <= AHEAD_MS_MAX)?;
        return match part(form, scope)? {
            Part::Time(form, 0) => Some(Part::Time(form, ahead)),
            _ => None,
        };
    }
    if let Some(argument) = name.strip_prefix("arg:").filter(|text| !text.is_empty()) {
        return Some(Part::Argument(argument.to_owned()));
    }
    if let Some((_, part)) = WORDS.iter().find(|(word, _)| *word == name) {
        return Some(part.clone());
    }
    if let Some(place) = scope.also.iter().position(|also| also == name) {
        return Some(Part::Also(place));
    }
    scope.credentials.iter().any(|field| field == name).then(|| Part::Credential(name.to_owned()))
}
