//! YAML as a tree of located nodes, so that every later complaint can point at its line.
//!
//! Comes in: the text of a manifest or a configuration. Goes out: a [`Node`] tree in which each key
//! and value knows its line and column, or [`Problem`]s. Scalars stay text: what reads them decides
//! whether `0.10` is a decimal and `no` a word, so nothing passes through a float and nothing is
//! guessed. Deliberately absent: files, includes, variable expansion, merge keys and typed
//! deserialising, which stops at the first fault where an operator wants to see them all.

mod plain;
mod read;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use wickd_model::printable;

pub(crate) use read::choose;
pub use read::{Fields, quoted};

/// Deepest nesting. The deepest real path is six: `strategies[].config.a.b.c`.
const DEPTH_MAX: usize = 24;
/// Most nodes of one text, aliases expanded: a configuration of 100 slots has about 5,000.
const NODES_MAX: usize = 100_000;
/// Most aliases of one text: enough for shared limits, too few for a bomb.
const ALIASES_MAX: usize = 256;
/// Longest reason taken over from the parser, in bytes.
const REASON_BYTES_MAX: usize = 256;
/// Most problems kept of one text: more than anybody mends before the next try.
pub const PROBLEMS_MAX: usize = 64;

/// Where something stands; lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
    /// The bytes of the text it covers; empty where the parser could not say.
    pub bytes: Range<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// One thing wrong with a text: where, why, and what would mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}{reason}; {fix}", at(.place))]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub reason: String,
    /// What to change.
    pub fix: String,
}

/// A value that no file holds, as a plugin's own wish for an input, has no place to show.
fn at(place: &Place) -> String {
    match place.line {
        0 => String::new(),
        _ => format!("{place}: "),
    }
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: &Place, reason: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { place: place.clone(), reason: reason.into(), fix: fix.into() }
    }
}

/// The problems of one text, in the order they were found; at most [`PROBLEMS_MAX`] are kept.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    kept: Vec<Problem>,
}

impl Problems {
    /// Takes one in.
    pub fn add(&mut self, problem: Problem) {
        if self.kept.len() < PROBLEMS_MAX {
            self.kept.push(problem);
        }
    }

    /// The value, or nothing and one problem more.
    pub fn keep<T>(&mut self, outcome: Result<T, Problem>) -> Option<T> {
        outcome.map_err(|problem| self.add(problem)).ok()
    }

    /// Nothing was wrong so far.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// All of them, by place.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.kept.sort_by_key(|problem| (problem.place.line, problem.place.column));
        self.kept
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it starts.
    pub place: Place,
    /// What it is.
    pub kind: NodeKind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar exactly as it was written, quotes and escapes undone.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in its written order; keys are unique.
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it starts.
    pub place: Place,
    /// The key.
    pub text: String,
}

/// Reads one YAML document of at most `bytes_max` bytes.
///
/// # Errors
/// The first place where the text is not YAML, repeats a key, or passes a bound.
pub fn parse(text: &str, bytes_max: usize) -> Result<Node, Problem> {
    if text.len() > bytes_max {
        let start = Place { line: 1, column: 1, bytes: 0..0 };
        let reason = format!("the text has {} bytes where {bytes_max} are the most", text.len());
        return Err(Problem::new(&start, reason, "shorten it"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 2 * NODES_MAX,
            max_aliases: ALIASES_MAX,
            max_anchors: ALIASES_MAX,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES_MAX,
            max_replay_stack_depth: DEPTH_MAX,
            max_alias_expansions_per_anchor: ALIASES_MAX,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let outcome = serde_saphyr::from_str_with_options::<Spanned<Parsed>>(text, options);
    let parsed = outcome.map_err(|error| located(&error))?;
    node(parsed, text)
}

/// What serde hands over; scalars that serde would have typed are read again from the text.
enum Parsed {
    Null,
    Typed,
    Text(String),
    List(Vec<Spanned<Parsed>>),
    Map(Vec<(Spanned<String>, Spanned<Parsed>)>),
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ParsedVisitor)
    }
}

struct ParsedVisitor;

impl<'de> Visitor<'de> for ParsedVisitor {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a map")
    }
    fn visit_unit<E>(self) -> Result<Parsed, E> {
        Ok(Parsed::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }
    fn visit_i128<E>(self, _: i128) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }
    fn visit_u128<E>(self, _: u128) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Parsed, E> {
        Ok(Parsed::Typed)
    }
    fn visit_str<E>(self, text: &str) -> Result<Parsed, E> {
        Ok(Parsed::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parsed, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Parsed::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Parsed, A::Error> {
        let mut map = Vec::new();
        let mut known = BTreeSet::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, _>()? {
            // `1` and `"1"` differ to the parser; as text they are one key.
            if !known.insert(key.value.clone()) {
                return Err(A::Error::custom(format_args!("duplicate mapping key: {}", key.value)));
            }
            map.push((key, value));
        }
        Ok(Parsed::Map(map))
    }
}

fn place(of: serde_saphyr::Location) -> Place {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let start = of.span().byte_offset().and_then(|n| usize::try_from(n).ok());
    let len = of.span().byte_len().and_then(|n| usize::try_from(n).ok());
    let bytes = match (start, len) {
        (Some(start), Some(len)) => start..start.saturating_add(len),
        _ => 0..0,
    };
    Place { line: number(of.line()), column: number(of.column()), bytes }
}

fn node(parsed: Spanned<Parsed>, text: &str) -> Result<Node, Problem> {
    let at = place(parsed.referenced);
    let kind = match parsed.value {
        Parsed::Null => NodeKind::Null,
        Parsed::Text(scalar) => NodeKind::Scalar(scalar),
        Parsed::Typed => NodeKind::Scalar(written(place(parsed.defined), text)?),
        Parsed::List(items) => {
            NodeKind::List(items.into_iter().map(|n| node(n, text)).collect::<Result<_, _>>()?)
        }
        Parsed::Map(entries) => {
            let entry = |(key, value): (Spanned<String>, _)| {
                let key = Key { place: place(key.referenced), text: key.value };
                Ok((key, node(value, text)?))
            };
            NodeKind::Map(entries.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
    };
    Ok(Node { place: at, kind })
}

/// A plain scalar as it stands in the text.
fn written(at: Place, text: &str) -> Result<String, Problem> {
    match text.get(at.bytes.clone()) {
        Some(scalar) if !scalar.is_empty() && !scalar.contains(['!', '&', '\n']) => {
            Ok(scalar.trim().to_owned())
        }
        _ => Err(Problem::new(&at, "a scalar with a tag", "write the value without `!!`")),
    }
}

fn located(error: &serde_saphyr::Error) -> Problem {
    use serde_saphyr::Error;
    let error = error.without_snippet();
    let place = error.location().map_or(Place { line: 1, column: 1, bytes: 0..0 }, place);
    let text = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    // The parser repeats the place, which stands before the reason already.
    let reason = text.split(" at line ").next().unwrap_or_default();
    let fix = match error {
        Error::DuplicateMappingKey { .. } => "keep one of the two",
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => "write it flatter, with fewer aliases",
        Error::MergeKeyNotAllowed { .. } => "write the keys out, or use an alias as a whole value",
        Error::UnsupportedTag { .. } => "write the value without a tag",
        Error::NonFiniteFloat { .. } => "write a plain decimal number",
        _ if reason.contains("tab") => "indent with spaces",
        _ => "mend the YAML there; strings with `:`, `#` or brackets need quotes",
    };
    Problem::new(&place, printable(reason.as_bytes(), REASON_BYTES_MAX), fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        parse(text, 1 << 16).map_or_else(|problem| problem.to_string(), |node| format!("{node:?}"))
    }

    fn scalar(text: &str) -> Option<String> {
        match parse(text, 1 << 16).ok()?.kind {
            NodeKind::Map(entries) => match &entries.last()?.1.kind {
                NodeKind::Scalar(scalar) => Some(scalar.clone()),
                _ => None,
            },
            _ => None,
        }
    }

    #[test]
    fn scalars_stay_the_text_the_operator_wrote() {
        let table = [
            ("a: 0.10", "0.10"),
            ("a: 1e5", "1e5"),
            ("a: 0x1F", "0x1F"),
            ("a: no", "no"),
            ("a: TRUE", "TRUE"),
            ("a: 12345678901234567890123 # long", "12345678901234567890123"),
            ("a: !!float 5", "5"),
            ("a: '0.10'", "0.10"),
            ("a: &x 7.50\nb: *x", "7.50"),
            ("a: 2021-01-01 ", "2021-01-01"),
        ];
        for (text, want) in table {
            assert_eq!(scalar(text).as_deref(), Some(want), "{text:?}");
        }
    }

    #[test]
    fn keys_and_values_know_their_place_in_characters_and_bytes() {
        let text = "é: 1\nmap:\n  deep: [x, ü, 25]\n";
        let NodeKind::Map(top) = parse(text, 99).unwrap().kind else { panic!("not a map") };
        let NodeKind::Map(inner) = &top[1].1.kind else { panic!("not a map") };
        assert_eq!((inner[0].0.place.line, inner[0].0.place.column), (3, 3));
        let NodeKind::List(items) = &inner[0].1.kind else { panic!("not a list") };
        assert_eq!((items[2].place.line, items[2].place.column), (3, 16));
        assert_eq!(&text[items[2].place.bytes.clone()], "25");
    }

    #[test]
    fn what_yaml_hides_is_refused_at_its_place() {
        let table = [
            ("a: 1\na: 2", "line 2, column 1", "keep one of the two"),
            ("1: a\n\"1\": b", "line 1, column 1", "duplicate mapping key"),
            ("a:\n\tb: 1", "line 2, column 2", "indent with spaces"),
            ("a: 1e999", "line 1, column 4", "plain decimal"),
            ("a: .nan", "line 1, column 4", "plain decimal"),
            ("<<: {a: 1}", "line 1, column 1", "write the keys out"),
            ("a: !foo 5", "line 1, column 9", "without a tag"),
            ("--- 1\n--- 2", "line 2, column 1", "fewer aliases"),
            ("a: [1", "line 1, column 4", "unclosed bracket"),
            ("? [a]\n: 1", "line 1, column 3", "string"),
            ("*a", "line 1, column 1", "unknown"),
        ];
        for (text, place, word) in table {
            let said = refusal(text);
            assert!(said.starts_with(place) && said.contains(word), "{text:?} gave {said}");
        }
    }

    #[test]
    fn bombs_are_refused_at_a_bound() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
            bomb += &format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 9].join(","));
        }
        let wide = format!("[{}]", vec!["1"; NODES_MAX + 1].join(","));
        let many = (0..=ALIASES_MAX).map(|n| format!("k{n}: &a{n} 1\n")).collect::<String>();
        for text in [bomb, "[".repeat(10_000), "a: ".repeat(9_000), "- ".repeat(9_000), wide, many]
        {
            assert!(parse(&text, 1 << 20).is_err(), "{} was taken", printable(text.as_bytes(), 40));
        }
        assert!(refusal(&"#".repeat((1 << 16) + 1)).contains("65536 are the most"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,64}") {
            let _ = parse(&text, 1 << 10);
        }

        #[test]
        fn no_heap_of_yaml_syntax_panics(text in "[-:?&*!#|>{}\\[\\]%@`'\",. \n\ta0<]{0,80}") {
            let _ = parse(&text, 1 << 10);
        }

        #[test]
        fn a_decimal_comes_back_as_written(whole in 0u64..1_000_000, decimals in "[0-9]{1,20}") {
            let text = format!("{whole}.{decimals}");
            prop_assert_eq!(scalar(&format!("a: {text}")), Some(text));
        }
    }
}
