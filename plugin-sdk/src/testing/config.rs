//! The host's part in a configuration: defaults filled in, bounds held.
//!
//! Comes in: a schema and what a test sets. Goes out: complete entries, or issues. Deliberately
//! absent: files.

use crate::bindings::strategy::wickd::plugin::params::{Domain, Entry, Issue, Spec, Value};
use crate::money::Decimal;

/// Decimals at which numbers are compared.
const COMPARE_SCALE: u8 = 9;

/// Every key of the schema with its value: the one given, or the default.
pub(super) fn complete(schema: &[Spec], given: &[(&str, Value)]) -> Result<Vec<Entry>, Vec<Issue>> {
    let mut issues = Vec::new();
    let mut issue = |key: &str, message: String| issues.push(Issue { key: key.into(), message });
    for (key, _) in given {
        if !schema.iter().any(|spec| spec.key == *key) {
            issue(key, "is no parameter of this plugin".to_owned());
        }
    }
    let entries = schema.iter().map(|spec| {
        let set = given.iter().find(|(key, _)| *key == spec.key);
        let value = set.map_or(&spec.default, |(_, value)| value);
        if !fits(&spec.domain, value) {
            issue(&spec.key, format!("{value:?} is not in {:?}", spec.domain));
        }
        Entry { key: spec.key.clone(), value: value.clone() }
    });
    let entries: Vec<_> = entries.collect();
    if issues.is_empty() { Ok(entries) } else { Err(issues) }
}

fn fits(domain: &Domain, value: &Value) -> bool {
    match (domain, value) {
        (Domain::Boolean, Value::Boolean(_)) => true,
        (Domain::Integer(range), Value::Integer(value)) => {
            on_grid(*value, range.min, range.max, range.step)
        }
        (Domain::Number(range), Value::Number(value)) => {
            let [Some(value), Some(min), Some(max), Some(step)] =
                [value, &range.min, &range.max, &range.step].map(|text| units(text))
            else {
                return false;
            };
            on_grid(value, min, max, step)
        }
        (Domain::Text(bytes_max), Value::Text(text)) => text.len() <= *bytes_max as usize,
        (Domain::Choice(words), Value::Choice(word)) => words.contains(word),
        (Domain::Duration(range), Value::DurationMs(ms)) => {
            (range.min_ms..=range.max_ms).contains(ms)
        }
        _ => false,
    }
}

fn on_grid(value: i64, min: i64, max: i64, step: i64) -> bool {
    let above = i128::from(value) - i128::from(min);
    (min..=max).contains(&value) && step > 0 && above % i128::from(step) == 0
}

fn units(text: &str) -> Option<i64> {
    Decimal::parse(text).ok()?.floor_at(COMPARE_SCALE)
}
