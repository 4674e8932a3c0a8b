//! A `limits:` map: some of a plugin's limits, set over whatever stands below.
//!
//! Comes in: a node. Goes out: the limits it names, checked against their ranges. The layers are the
//! defaults, the configuration's `limits:` and the slot's, each over the one before. A sidecar's, which
//! belongs to a file and not to the operator's configuration, only lower what comes of them.
//! Deliberately absent: enforcing.

use serde::Deserialize;
use serde::de::value::{Error, MapDeserializer};
use wickd_model::Limits;

use crate::yaml::{Fields, Node, Problem, Problems};

/// The limits one layer sets, each within its range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsPatch(Vec<(&'static str, u64)>);

impl LimitsPatch {
    /// Reads a map of limits; what is wrong goes to `problems` and is left out.
    pub fn read(node: &Node, problems: &mut Problems) -> Self {
        let rows = Limits::default().rows();
        let names: Vec<_> = rows.iter().map(|row| row.0).collect();
        let Some(fields) = Fields::of(node, &names, problems) else { return Self::default() };
        let mut set = Vec::new();
        for (name, _, min, default, max) in rows {
            let Some(node) = fields.limit(name, problems) else { continue };
            let outcome = node.integer(min..=max).map_err(|problem| Problem {
                reason: format!("`{name}`: {}", problem.reason),
                fix: format!("{} (the default is {default})", problem.fix),
                ..problem
            });
            set.extend(problems.keep(outcome).map(|value| (name, value)));
        }
        Self(set)
    }

    /// `base` with this layer's limits over it.
    pub fn over(&self, base: Limits) -> Limits {
        let rows = base.rows().into_iter().map(|(name, value, ..)| {
            let set = self.0.iter().find(|(known, _)| *known == name);
            (name, set.map_or(value, |(_, value)| *value))
        });
        build(rows, base)
    }

    /// `base`, where this layer only lowers.
    pub fn lower(&self, base: Limits) -> Limits {
        let rows = base.rows().into_iter().map(|(name, value, ..)| {
            let set = self.0.iter().find(|(known, _)| *known == name);
            (name, set.map_or(value, |(_, set)| value.min(*set)))
        });
        build(rows, base)
    }

    /// Both layers as one that lowers as far as either.
    pub fn and(mut self, other: &Self) -> Self {
        for (name, value) in &other.0 {
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, own)) => *own = (*own).min(*value),
                None => self.0.push((name, *value)),
            }
        }
        self
    }

    /// What it asks for beyond `base`: name, what it asks for, what there is.
    pub fn beyond(&self, base: Limits) -> Vec<(&'static str, u64, u64)> {
        let rows = base.rows();
        let there = |name| rows.iter().find(|row| row.0 == name).map(|row| row.1);
        let beyond = |(name, asked): &(&'static str, u64)| {
            there(*name).filter(|there| there < asked).map(|there| (*name, *asked, there))
        };
        self.0.iter().filter_map(beyond).collect()
    }

    /// A layer of these values; a name that is no limit is left out, a value out of range brought in.
    pub fn of<'n>(values: impl Iterator<Item = (&'n str, u64)>) -> Self {
        let rows = Limits::default().rows();
        let known = |(name, value): (&str, u64)| {
            let row = rows.iter().find(|row| row.0 == name)?;
            Some((row.0, value.clamp(row.2, row.4)))
        };
        Self(values.filter_map(known).collect())
    }

    /// What it sets.
    pub fn values(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().copied()
    }

    /// As a line of YAML would set it; empty where it sets nothing.
    pub fn lines(&self) -> Vec<String> {
        self.0.iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }
}

/// Names and ranges come from `Limits` itself, so reading them back cannot fail.
fn build(rows: impl Iterator<Item = (&'static str, u64)>, base: Limits) -> Limits {
    Limits::deserialize(MapDeserializer::<_, Error>::new(rows)).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    #[test]
    fn a_layer_changes_what_it_names_and_nothing_else() {
        let mut problems = Problems::default();
        let node = parse("deadline_ms: 25\nmemory_bytes: 4294967296", 99).unwrap();
        let limits = LimitsPatch::read(&node, &mut problems).over(Limits::default());
        assert!(problems.is_empty());
        let want = Limits { deadline_ms: 25, memory_bytes: 1 << 32, ..Limits::default() };
        assert_eq!(limits, want);
    }

    #[test]
    fn the_ends_of_every_range_survive_the_way_through_text() {
        for (name, _, min, _, max) in Limits::default().rows() {
            for value in [min, max] {
                let mut problems = Problems::default();
                let node = parse(&format!("{name}: {value}"), 99).unwrap();
                let limits = LimitsPatch::read(&node, &mut problems).over(Limits::default());
                let row = limits.rows().into_iter().find(|row| row.0 == name);
                assert_eq!(row.map(|row| row.1), Some(value), "{name}");
                assert!(problems.is_empty());
            }
        }
    }

    #[test]
    fn a_layer_that_may_only_lower_raises_nothing() {
        let patch =
            |text: &str| LimitsPatch::read(&parse(text, 99).unwrap(), &mut Problems::default());
        let base = Limits::default();
        let both = patch("{deadline_ms: 5, memory_bytes: 4294967296}")
            .and(&patch("{deadline_ms: 7, tables: 2}"));
        let want = Limits { deadline_ms: 5, tables: 2, ..base };
        assert_eq!(both.lower(base), want);
        assert_eq!(both.beyond(base), [("memory_bytes", 1 << 32, base.memory_bytes)]);
        for (name, _, min, _, max) in base.rows() {
            for (value, lowered) in [(min, true), (max, false)] {
                let of = |limits: Limits| limits.rows().into_iter().find(|row| row.0 == name);
                let text = format!("{name}: {value}");
                let got = of(patch(&text).lower(base)).unwrap().1;
                assert_eq!(got, if lowered { min } else { of(base).unwrap().1 }, "{name}");
            }
        }
    }

    #[test]
    fn a_limit_out_of_range_names_range_and_default() {
        let mut problems = Problems::default();
        let node = parse("deadline_ms: 0\nfuel: 3", 99).unwrap();
        assert_eq!(LimitsPatch::read(&node, &mut problems), LimitsPatch::default());
        let told = problems.into_sorted();
        assert_eq!(
            told[0].to_string(),
            "line 1, column 14: `deadline_ms`: `0` is out of range; write a whole number from 1 to \
             10000 (the default is 10)"
        );
        assert!(told[1].reason.contains("unknown key `fuel`"));
    }
}
