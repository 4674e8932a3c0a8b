//! Typed reading of nodes: each refusal says what stands there, what may stand there, and the fix.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use wickd_model::{parse_scaled, printable};

use super::{Key, Node, NodeKind, Problem, Problems};
use crate::nearest::nearest;

/// Longest piece of the operator's text quoted in a message, in bytes.
const QUOTED_BYTES_MAX: usize = 48;

/// A text of unknown origin, bounded and printable, for a message.
pub fn quoted(text: &str) -> String {
    printable(text.as_bytes(), QUOTED_BYTES_MAX)
}

impl Node {
    fn problem(&self, reason: impl Into<String>, fix: impl Into<String>) -> Problem {
        Problem::new(&self.place, reason, fix)
    }

    /// What this is, in a message.
    fn name(&self) -> String {
        match &self.kind {
            NodeKind::Null => "nothing".to_owned(),
            NodeKind::Scalar(text) => format!("`{}`", quoted(text)),
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "a map".to_owned(),
        }
    }

    /// A scalar's text.
    ///
    /// # Errors
    /// A list, a map or nothing stands here.
    pub fn text(&self) -> Result<&str, Problem> {
        match &self.kind {
            NodeKind::Scalar(text) => Ok(text),
            _ => Err(self.problem(
                format!("{} where a single value should stand", self.name()),
                "write one value",
            )),
        }
    }

    /// A scalar's text of at most `bytes_max` bytes and at least one.
    ///
    /// # Errors
    /// No scalar, an empty or a longer one.
    pub fn text_within(&self, bytes_max: usize) -> Result<String, Problem> {
        let text = self.text()?;
        if text.is_empty() || text.len() > bytes_max {
            let reason = format!("a text of {} bytes", text.len());
            return Err(self.problem(reason, format!("write 1 to {bytes_max} bytes")));
        }
        Ok(text.to_owned())
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Anything else; YAML 1.1's `yes`, `no`, `on` and `off` among it.
    pub fn boolean(&self) -> Result<bool, Problem> {
        self.one_of(&[("true", true), ("false", false)])
    }

    /// A whole number within a range.
    ///
    /// # Errors
    /// No number, or one outside.
    pub fn integer<T>(&self, range: RangeInclusive<T>) -> Result<T, Problem>
    where
        T: FromStr + PartialOrd + Display,
    {
        let fix = || format!("write a whole number from {} to {}", range.start(), range.end());
        match self.text()?.parse::<T>() {
            Ok(number) if range.contains(&number) => Ok(number),
            Ok(_) => Err(self.problem(format!("{} is out of range", self.name()), fix())),
            Err(_) => Err(self.problem(format!("{} is not such a number", self.name()), fix())),
        }
    }

    /// A plain decimal number as an integer at `scale`, within a range of such integers.
    ///
    /// # Errors
    /// No plain decimal, one with more decimals, or one outside.
    pub fn decimal(&self, scale: u8, range: RangeInclusive<i64>) -> Result<i64, Problem> {
        let print = |value| wickd_model::print_scaled(value, scale);
        let fix =
            || format!("write a number from {} to {}", print(*range.start()), print(*range.end()));
        match parse_scaled(self.text()?, scale) {
            Ok(number) if range.contains(&number) => Ok(number),
            Ok(_) => Err(self.problem(format!("{} is out of range", self.name()), fix())),
            Err(error) => Err(self.problem(format!("{} is {error}", self.name()), fix())),
        }
    }

    /// One of a few words.
    ///
    /// # Errors
    /// Another word; the fix names the nearest, or all.
    pub fn one_of<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Problem> {
        let text = self.text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let known = words.iter().map(|(word, _)| *word);
        Err(self.problem(format!("unknown value {}", self.name()), choose(text, known)))
    }

    /// Whatever has a reader of its own: names, versions.
    ///
    /// # Errors
    /// The type's own, with `fix` behind it.
    pub fn parsed<T>(&self, fix: &str) -> Result<T, Problem>
    where
        T: FromStr<Err: Display>,
    {
        self.text()?.parse().map_err(|error: T::Err| {
            let error = printable(error.to_string().as_bytes(), 2 * QUOTED_BYTES_MAX);
            self.problem(format!("{}: {error}", self.name()), fix)
        })
    }

    /// The items of a list of at most `items_max`.
    ///
    /// # Errors
    /// No list, or a longer one.
    pub fn list(&self, items_max: usize) -> Result<&[Node], Problem> {
        match &self.kind {
            NodeKind::List(items) if items.len() <= items_max => Ok(items),
            NodeKind::List(items) => Err(self.problem(
                format!("a list of {} items", items.len()),
                format!("keep it to {items_max}"),
            )),
            _ => {
                let reason = format!("{} where a list should stand", self.name());
                Err(self.problem(reason, "write `[a, b]`, or one `- item` a line"))
            }
        }
    }

    /// The entries of a map of at most `entries_max`.
    ///
    /// # Errors
    /// No map, or a larger one.
    pub fn map(&self, entries_max: usize) -> Result<&[(Key, Node)], Problem> {
        match &self.kind {
            NodeKind::Map(entries) if entries.len() <= entries_max => Ok(entries),
            NodeKind::Map(entries) => Err(self.problem(
                format!("a map of {} entries", entries.len()),
                format!("keep it to {entries_max}"),
            )),
            _ => {
                let reason = format!("{} where a map should stand", self.name());
                Err(self.problem(reason, "write `key: value`, one a line"))
            }
        }
    }
}

/// "did you mean", or the words there are.
pub(crate) fn choose<'w>(word: &str, known: impl Iterator<Item = &'w str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// A map whose keys are known: what is missing or unknown becomes a problem at once.
#[derive(Clone, Copy)]
pub struct Fields<'n> {
    node: &'n Node,
    entries: &'n [(Key, Node)],
    known: &'n [&'n str],
}

impl<'n> Fields<'n> {
    /// Opens a map, complaining of each key that is not `known`. `None` where it is no map.
    pub fn of(node: &'n Node, known: &'n [&'n str], problems: &mut Problems) -> Option<Self> {
        let entries = problems.keep(node.map(super::NODES_MAX))?;
        for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let reason = format!("unknown key `{}`", quoted(&key.text));
            problems.add(Problem::new(
                &key.place,
                reason,
                choose(&key.text, known.iter().copied()),
            ));
        }
        Some(Self { node, entries, known })
    }

    /// The value of a key; an empty one counts as unset.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        let (_, value) = self.entries.iter().find(|(known, _)| known.text == key)?;
        (value.kind != NodeKind::Null).then_some(value)
    }

    /// The value of a limit: where the key stands and has no value, that is a fault. An empty limit
    /// would be no limit, or the default, and nobody would have said so.
    pub fn limit(&self, key: &str, problems: &mut Problems) -> Option<&'n Node> {
        let value = self.get(key);
        let empty = self.entries.iter().find(|(known, _)| known.text == key && value.is_none());
        if let Some((known, _)) = empty {
            let reason = format!("`{key}` has no value");
            let fix = "write one (an amount may be `none`), or remove the key";
            problems.add(Problem::new(&known.place, reason, fix));
        }
        value
    }

    /// The value of a key that must be there.
    pub fn need(&self, key: &str, problems: &mut Problems) -> Option<&'n Node> {
        let value = self.get(key);
        // A misspelt key was told already; that it is missing under its right name says nothing new.
        let misspelt = |text: &str| {
            !self.known.contains(&text) && nearest(text, self.known.iter().copied()) == Some(key)
        };
        if value.is_none() && !self.entries.iter().any(|(other, _)| misspelt(&other.text)) {
            // An unset key has a place of its own; a missing one only its map's.
            let empty = self.entries.iter().find(|(known, _)| known.text == key);
            let place = empty.map_or(&self.node.place, |(known, _)| &known.place);
            let reason = format!("`{key}` is missing");
            problems.add(Problem::new(place, reason, format!("add `{key}: …`")));
        }
        value
    }

    /// Where the map starts.
    pub fn place(&self) -> &'n super::Place {
        &self.node.place
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn said<T>(outcome: Result<T, Problem>) -> String {
        outcome.err().map(|problem| problem.to_string()).unwrap_or_default()
    }

    #[test]
    fn each_reader_names_what_stands_there_and_what_may() {
        let node = |text: &str| parse(text, 99).unwrap();
        assert_eq!(node("12").integer(0u8..=20), Ok(12));
        assert!(said(node("300").integer(0u8..=20)).contains("from 0 to 20"));
        assert!(said(node("21").integer(0u8..=20)).contains("`21` is out of range"));
        assert!(said(node("1_000").integer(0u32..=2000)).contains("not such a number"));
        assert_eq!(node("0.25").decimal(4, 0..=10_000), Ok(2_500));
        assert!(said(node("0.00001").decimal(4, 0..=10_000)).contains("more than 4 decimals"));
        assert!(said(node("2").decimal(4, 0..=10_000)).contains("from 0.0000 to 1.0000"));
        assert!(said(node("yes").boolean()).contains("unknown value `yes`"));
        assert!(said(node("[a]").text()).contains("a list where a single value"));
        assert!(said(node("a").list(3)).contains("where a list should stand"));
        assert!(said(node("[a, b]").list(1)).contains("keep it to 1"));
        assert!(said(node("a: 1").list(3)).contains("a map where"));
    }

    #[test]
    fn unknown_and_missing_keys_are_told_together() {
        let text = "naem: x\nother: 1\nempty:\n";
        let (node, mut problems) = (parse(text, 99).unwrap(), Problems::default());
        let fields = Fields::of(&node, &["name", "world", "empty"], &mut problems).unwrap();
        // Told once, as a slip of the fingers.
        assert!(fields.need("name", &mut problems).is_none());
        assert!(fields.need("world", &mut problems).is_none());
        assert!(fields.need("empty", &mut problems).is_none());
        let told: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 1, column 1: unknown key `naem`; did you mean `name`?",
                "line 1, column 1: `world` is missing; add `world: …`",
                "line 2, column 1: unknown key `other`; write one of name, world, empty",
                "line 3, column 1: `empty` is missing; add `empty: …`",
            ]
        );
    }
}
