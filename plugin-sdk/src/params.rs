//! Typed parameters: the schema an operator sees, and the struct an author gets.
//!
//! Comes in: a struct with `#[derive(Params)]`, and the entries of a slot's configuration. Goes
//! out: `Spec`s, or the filled struct. Deliberately absent: the bounds check; the host makes it
//! before a plugin sees a value, and the test harness makes it in the host's place.

use std::convert::Infallible;
use std::time::Duration;

use crate::bindings::strategy::wickd::plugin::params::{
    Domain, DurationRange, Entry, IntRange, Issue, NumberRange, Spec, Value,
};
use crate::money::Decimal;

/// A struct of parameters. Derive it.
pub trait Params: Sized {
    /// Appends the spec of every field, keys behind `prefix`.
    fn specs(prefix: &str, to: &mut Vec<Spec>);

    /// Reads every field; `None` where an issue was added.
    fn read(prefix: &str, entries: &[Entry], issues: &mut Vec<Issue>) -> Option<Self>;
}

/// A plugin without parameters.
impl Params for () {
    fn specs(_: &str, _: &mut Vec<Spec>) {}
    fn read(_: &str, _: &[Entry], _: &mut Vec<Issue>) -> Option<Self> {
        Some(())
    }
}

/// The schema of a plugin.
pub fn schema<P: Params>() -> Vec<Spec> {
    let mut specs = Vec::new();
    P::specs("", &mut specs);
    specs
}

/// Builds the parameters from a complete configuration.
///
/// # Errors
/// One issue per key that is missing or of another type.
pub fn from_entries<P: Params>(entries: &[Entry]) -> Result<P, Vec<Issue>> {
    let mut issues = Vec::new();
    P::read("", entries, &mut issues).ok_or(issues)
}

/// The attributes of one field. A kind that has no use for one gives it a type without values, so
/// that writing it is a compile error.
pub struct Attributes<P: Param> {
    /// Where nothing is set.
    pub default: P::Default,
    /// The least value.
    pub min: Option<P::Min>,
    /// The greatest value; of a text, its greatest length in bytes.
    pub max: Option<P::Max>,
    /// The grid, counted from `min`.
    pub step: Option<P::Step>,
}

/// A type one parameter can have.
pub trait Param: Sized {
    /// How its default is written.
    type Default;
    /// How its least value is written.
    type Min;
    /// How its greatest value is written.
    type Max;
    /// How its grid is written.
    type Step;
    /// The kind, for messages, with its article.
    const KIND: &'static str;

    /// Domain and default.
    fn domain(attributes: Attributes<Self>) -> (Domain, Value);

    /// The value; `None` where it is of another kind.
    fn from_value(value: &Value) -> Option<Self>;
}

/// One spec; called by the derive.
#[doc(hidden)]
pub fn spec<P: Param>(prefix: &str, key: &str, text: &str, attributes: Attributes<P>) -> Spec {
    let (domain, default) = P::domain(attributes);
    Spec { key: format!("{prefix}{key}"), description: text.to_owned(), domain, default }
}

/// One field; called by the derive.
#[doc(hidden)]
pub fn field<P: Param>(
    prefix: &str,
    key: &str,
    entries: &[Entry],
    issues: &mut Vec<Issue>,
) -> Option<P> {
    let key = format!("{prefix}{key}");
    let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
        issues.push(Issue { key, message: format!("is missing; it takes {}", P::KIND) });
        return None;
    };
    let value = P::from_value(&entry.value);
    if value.is_none() {
        issues.push(Issue { key, message: format!("takes {}", P::KIND) });
    }
    value
}

impl Param for bool {
    type Default = bool;
    type Min = Infallible;
    type Max = Infallible;
    type Step = Infallible;
    const KIND: &'static str = "true or false";

    fn domain(attributes: Attributes<Self>) -> (Domain, Value) {
        (Domain::Boolean, Value::Boolean(attributes.default))
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }
}

macro_rules! integer {
    ($($type:ty)*) => {$(
        impl Param for $type {
            type Default = $type;
            type Min = $type;
            type Max = $type;
            type Step = $type;
            const KIND: &'static str = "a whole number";

            fn domain(attributes: Attributes<Self>) -> (Domain, Value) {
                let range = IntRange {
                    min: attributes.min.unwrap_or(<$type>::MIN).into(),
                    max: attributes.max.unwrap_or(<$type>::MAX).into(),
                    step: attributes.step.unwrap_or(1).into(),
                };
                (Domain::Integer(range), Value::Integer(attributes.default.into()))
            }
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Integer(value) => Self::try_from(*value).ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integer!(u32 i64);

/// Written as text, for no float is exact: `default = "0.01"`. Without bounds it runs from zero to
/// a thousand million in steps of `10^-8`.
impl Param for Decimal {
    type Default = &'static str;
    type Min = &'static str;
    type Max = &'static str;
    type Step = &'static str;
    const KIND: &'static str = "a decimal number";

    fn domain(attributes: Attributes<Self>) -> (Domain, Value) {
        let range = NumberRange {
            min: attributes.min.unwrap_or("0").to_owned(),
            max: attributes.max.unwrap_or("1000000000").to_owned(),
            step: attributes.step.unwrap_or("0.00000001").to_owned(),
        };
        (Domain::Number(range), Value::Number(attributes.default.to_owned()))
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(text) => Self::parse(text).ok(),
            _ => None,
        }
    }
}

/// `max` is the greatest length in bytes; 256 where it is not given.
impl Param for String {
    type Default = &'static str;
    type Min = Infallible;
    type Max = u32;
    type Step = Infallible;
    const KIND: &'static str = "a text";

    fn domain(attributes: Attributes<Self>) -> (Domain, Value) {
        let default = Value::Text(attributes.default.to_owned());
        (Domain::Text(attributes.max.unwrap_or(256)), default)
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// Written in milliseconds. Without bounds it runs from zero to a day.
impl Param for Duration {
    type Default = u64;
    type Min = u64;
    type Max = u64;
    type Step = Infallible;
    const KIND: &'static str = "a duration";

    fn domain(attributes: Attributes<Self>) -> (Domain, Value) {
        let range = DurationRange {
            min_ms: attributes.min.unwrap_or(0),
            max_ms: attributes.max.unwrap_or(86_400_000),
        };
        (Domain::Duration(range), Value::DurationMs(attributes.default))
    }
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::DurationMs(ms) => Some(Self::from_millis(*ms)),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        Self::Number(value.to_string())
    }
}
impl From<Duration> for Value {
    fn from(value: Duration) -> Self {
        Self::DurationMs(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }
}
