//! One value against one domain.

use rust_decimal::Decimal;
use wickd_model::{Domain, Value};

use crate::yaml::{choose, quoted};

/// Most words of a choice, and the longest, in bytes.
const CHOICES_MAX: usize = 64;
const CHOICE_BYTES_MAX: usize = 64;
/// Longest text a parameter may allow, in bytes.
const TEXT_BYTES_MAX: u32 = 64 << 10;
/// Longest decimal text, in bytes: 28 digits, a sign and a dot, with room for zeros.
const DECIMAL_BYTES_MAX: usize = 40;
/// Longest duration: ten years. Nothing a plugin waits for takes longer.
const DURATION_MS_MAX: u64 = 10 * 365 * 86_400_000;

/// Why a value is not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: String,
    pub(super) fix: String,
}

/// A domain that no value could satisfy, or whose bounds are no numbers, is its author's fault.
pub(super) fn check(domain: &Domain) -> Result<(), String> {
    match domain {
        Domain::Boolean => Ok(()),
        Domain::Integer { min, max, step } => {
            ordered(min, max)?;
            if *step < 0 { Err("its step is negative".to_owned()) } else { Ok(()) }
        }
        Domain::Number { min, max, step } => {
            let number = |text: &str| {
                decimal(text).ok_or_else(|| format!("`{}` is no decimal number", quoted(text)))
            };
            ordered(&number(min)?, &number(max)?)?;
            match number(step)? < Decimal::ZERO {
                true => Err("its step is negative".to_owned()),
                false => Ok(()),
            }
        }
        Domain::Text { bytes_max } if *bytes_max > TEXT_BYTES_MAX => {
            Err(format!("it allows {bytes_max} bytes where {TEXT_BYTES_MAX} are the most"))
        }
        Domain::Text { .. } => Ok(()),
        Domain::Choice(words) => choices(words),
        Domain::Duration { min_ms, max_ms } => {
            ordered(min_ms, max_ms)?;
            match *max_ms > DURATION_MS_MAX {
                true => Err("it allows more than ten years".to_owned()),
                false => Ok(()),
            }
        }
    }
}

fn ordered<T: PartialOrd + std::fmt::Display>(min: &T, max: &T) -> Result<(), String> {
    if min > max {
        Err(format!("its least value {min} is above its greatest {max}"))
    } else {
        Ok(())
    }
}

fn choices(words: &[String]) -> Result<(), String> {
    if words.is_empty() || words.len() > CHOICES_MAX {
        return Err(format!("it offers {} choices; 1 to {CHOICES_MAX} are allowed", words.len()));
    }
    for (place, word) in words.iter().enumerate() {
        let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic());
        if !plain || word.len() > CHOICE_BYTES_MAX {
            let rule = "is not a word of 1 to 64 visible ASCII characters";
            return Err(format!("its choice `{}` {rule}", quoted(word)));
        }
        if words[..place].contains(word) {
            return Err(format!("its choice `{word}` stands twice"));
        }
    }
    Ok(())
}

/// Reads what an operator wrote. The domain alone decides the type: `no` is a word where text is
/// asked for, and a mistake where a boolean is.
pub(super) fn read(domain: &Domain, text: &str) -> Result<Value, Refusal> {
    let wrong = |what: &str| Refusal {
        reason: format!("`{}` is not {what}", quoted(text)),
        fix: format!("write {}", describe(domain)),
    };
    let value = match domain {
        Domain::Boolean => Value::Boolean(text.parse().map_err(|_| wrong("a boolean"))?),
        Domain::Integer { .. } => {
            let plain = !text.starts_with('+');
            let number = text.parse().ok().filter(|_| plain);
            Value::Integer(number.ok_or_else(|| wrong("a whole number"))?)
        }
        Domain::Number { .. } => Value::Number(text.to_owned()),
        Domain::Text { .. } => Value::Text(text.to_owned()),
        Domain::Choice(_) => Value::Choice(text.to_owned()),
        Domain::Duration { .. } => {
            Value::DurationMs(duration_ms(text).ok_or_else(|| wrong("a duration"))?)
        }
    };
    admit(domain, &value).map(|()| value)
}

/// Whether a typed value lies in the domain.
pub(super) fn admit(domain: &Domain, value: &Value) -> Result<(), Refusal> {
    let refusal = |reason: String| Refusal { reason, fix: format!("write {}", describe(domain)) };
    let outside = || refusal(format!("`{}` is outside", quoted(&value.to_string())));
    let off_step = || refusal(format!("`{}` is between two steps", quoted(&value.to_string())));
    match (domain, value) {
        (Domain::Boolean, Value::Boolean(_)) => Ok(()),
        (Domain::Integer { min, max, step }, Value::Integer(number)) => {
            if number < min || number > max {
                return Err(outside());
            }
            let above = i128::from(*number) - i128::from(*min);
            match *step > 0 && above % i128::from(*step) != 0 {
                true => Err(off_step()),
                false => Ok(()),
            }
        }
        (Domain::Number { min, max, step }, Value::Number(text)) => {
            let number = decimal(text).ok_or_else(|| {
                refusal(format!("`{}` is not a plain decimal number", quoted(text)))
            })?;
            // `check` has read the bounds before; a domain that skipped it admits nothing.
            let (Some(min), Some(max), Some(step)) = (decimal(min), decimal(max), decimal(step))
            else {
                return Err(outside());
            };
            if number < min || number > max {
                return Err(outside());
            }
            if step.is_zero() {
                return Ok(());
            }
            let rest = number.checked_sub(min).and_then(|above| above.checked_rem(step));
            if rest.is_some_and(|rest| rest.is_zero()) { Ok(()) } else { Err(off_step()) }
        }
        (Domain::Text { bytes_max }, Value::Text(text)) => {
            match u32::try_from(text.len()).is_ok_and(|bytes| bytes <= *bytes_max) {
                true => Ok(()),
                false => Err(refusal(format!("a text of {} bytes", text.len()))),
            }
        }
        (Domain::Choice(words), Value::Choice(word)) => match words.contains(word) {
            true => Ok(()),
            false => Err(Refusal {
                reason: format!("`{}` is no choice", quoted(word)),
                fix: choose(word, words.iter().map(String::as_str)),
            }),
        },
        (Domain::Duration { min_ms, max_ms }, Value::DurationMs(ms)) => {
            if (min_ms..=max_ms).contains(&ms) { Ok(()) } else { Err(outside()) }
        }
        _ => Err(refusal("a value of another type".to_owned())),
    }
}

/// The one spelling of a value: a number without trailing zeros.
pub(super) fn canonical(value: Value) -> Value {
    match value {
        Value::Number(text) => {
            let number = decimal(&text).map(|number| number.normalize().to_string());
            Value::Number(number.unwrap_or(text))
        }
        other => other,
    }
}

/// What a value of the domain looks like.
pub(super) fn describe(domain: &Domain) -> String {
    match domain {
        Domain::Boolean => "`true` or `false`".to_owned(),
        Domain::Integer { min, max, step: 0 | 1 } => format!("a whole number from {min} to {max}"),
        Domain::Integer { min, max, step } => {
            format!("a whole number from {min} to {max} in steps of {step}")
        }
        Domain::Number { min, max, step } => {
            let (min, max) = (quoted(min), quoted(max));
            match decimal(step).is_none_or(|step| step.is_zero()) {
                true => format!("a number from {min} to {max}"),
                false => format!("a number from {min} to {max} in steps of {}", quoted(step)),
            }
        }
        Domain::Text { bytes_max } => format!("a text of at most {bytes_max} bytes"),
        Domain::Choice(words) => {
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            format!("one of {}", words.join(", "))
        }
        Domain::Duration { min_ms, max_ms } => {
            format!(
                "a duration from {} to {}, like `250ms`, `2s`, `1m`, `1h`",
                span(*min_ms),
                span(*max_ms)
            )
        }
    }
}

fn span(ms: u64) -> String {
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

/// Plain decimal text, exactly. `None` where it is anything else or has more digits than fit.
fn decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.ends_with(|c: char| c.is_ascii_digit());
    if !plain || text.len() > DECIMAL_BYTES_MAX {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

/// A whole number and a unit, in milliseconds.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let unit = match text.get(digits..)? {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit)
}
