//! Money as scaled integers: exact in, exact out.
//!
//! A price or a size is an `i64` whose scale its instrument fixes. An amount of cash has a scale of
//! its own, the same for every asset. Nothing here touches a float.

use std::fmt;

use serde::Serialize;

/// The scale of [`Cash`]: eight decimals.
pub const CASH_SCALE: u8 = 8;
/// The largest scale of an instrument: `10^12` still leaves an `i64` six digits before the point.
pub const SCALE_MAX: u8 = 12;
/// Longest decimal text taken, in bytes: an `i64` with point and sign needs 21.
const TEXT_BYTES_MAX: usize = 40;

/// An amount of a quote asset, times `10^8`.
pub type Cash = i64;

/// Money as people and scripts read it: exact decimal text without trailing zeros, and what it is of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Amount {
    /// Decimal text.
    pub amount: String,
    /// The asset it is counted in.
    pub currency: String,
}

impl Amount {
    /// So much cash.
    pub fn of(cash: Cash, currency: &str) -> Self {
        let text = print_scaled(cash, CASH_SCALE);
        let amount = text.trim_end_matches('0').trim_end_matches('.').to_owned();
        Self { amount, currency: currency.to_owned() }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(format!("{} {}", self.amount, self.currency).trim_end())
    }
}

/// Why a decimal text is not a scaled integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecimalError {
    /// No digit at all.
    #[error("empty where a decimal number should stand")]
    Empty,
    /// Something other than a sign, digits and one dot.
    #[error("not a plain decimal number (digits and one dot, no exponent)")]
    Syntax,
    /// More decimals than the scale holds, and not all of them zero.
    #[error("more than {0} decimals")]
    Precision(u8),
    /// Outside what an `i64` holds at this scale.
    #[error("too large for {0} decimals")]
    Range(u8),
}

/// Reads plain decimal text as an integer at `scale`. Refuses exponents, spaces and hidden rounding.
pub fn parse_scaled(text: &str, scale: u8) -> Result<i64, DecimalError> {
    let scale = scale.min(SCALE_MAX);
    let (negative, digits) = match text.as_bytes() {
        [] => return Err(DecimalError::Empty),
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if digits.len() > TEXT_BYTES_MAX {
        return Err(DecimalError::Syntax);
    }
    let (mut value, mut decimals, mut seen_dot, mut seen_digit) = (0i128, 0u8, false, false);
    for &byte in digits {
        match byte {
            b'.' if !seen_dot => seen_dot = true,
            b'0'..=b'9' => {
                seen_digit = true;
                if seen_dot && decimals == scale {
                    if byte != b'0' {
                        return Err(DecimalError::Precision(scale));
                    }
                    continue;
                }
                decimals += u8::from(seen_dot);
                // 40 digits overflow an i128, so the range is checked on the way.
                value = value * 10 + i128::from(byte - b'0');
                if value > i128::from(i64::MAX) {
                    return Err(DecimalError::Range(scale));
                }
            }
            _ => return Err(DecimalError::Syntax),
        }
    }
    if !seen_digit {
        return Err(if seen_dot { DecimalError::Syntax } else { DecimalError::Empty });
    }
    value *= 10i128.pow(u32::from(scale - decimals));
    let value = i64::try_from(value).map_err(|_| DecimalError::Range(scale))?;
    Ok(if negative { -value } else { value })
}

/// Prints a scaled integer as plain decimal text with exactly `scale` decimals.
pub fn print_scaled(value: i64, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = value.unsigned_abs();
    if scale == 0 {
        return format!("{sign}{magnitude}");
    }
    let unit = 10u64.pow(u32::from(scale));
    format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = usize::from(scale))
}

/// `price × size` as [`Cash`], rounded toward zero; `None` where it leaves an `i64`.
pub fn notional(price: i64, size: i64, price_scale: u8, size_scale: u8) -> Option<Cash> {
    let exact = i128::from(price) * i128::from(size);
    let from = u32::from(price_scale) + u32::from(size_scale);
    let to = u32::from(CASH_SCALE);
    let cash = if from >= to {
        exact / 10i128.pow(from - to)
    } else {
        exact.checked_mul(10i128.pow(to - from))?
    };
    i64::try_from(cash).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_exact_decimal_text_with_its_currency() {
        let text = |cash| Amount::of(cash, "USDT").to_string();
        let texts = [-664_924_263, 0, 1, 150_000_000, i64::MIN].map(text);
        let wanted = ["-6.64924263", "0", "0.00000001", "1.5", "-92233720368.54775808"];
        assert_eq!(texts, wanted.map(|amount| format!("{amount} USDT")));
        let json = serde_json::to_value(Amount::of(-665_000_000, "USDT")).ok();
        assert_eq!(json, Some(serde_json::json!({ "amount": "-6.65", "currency": "USDT" })));
    }

    use proptest::prelude::*;

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for text in ["", "-", ".", "1e3", " 1", "1 ", "+1", "1.2.3", "NaN", "0x1", "1,5", "--1"] {
            assert!(parse_scaled(text, 4).is_err(), "{text:?} was taken");
        }
        assert_eq!(parse_scaled("1.23456", 4), Err(DecimalError::Precision(4)));
        assert_eq!(parse_scaled("1.23450000", 4), Ok(12_345));
        assert_eq!(parse_scaled("99999999999999999999", 0), Err(DecimalError::Range(0)));
        assert_eq!(parse_scaled(".5", 1), Ok(5));
        assert_eq!(parse_scaled("5.", 1), Ok(50));
    }

    #[test]
    fn a_notional_that_does_not_fit_is_none() {
        assert_eq!(notional(i64::MAX, i64::MAX, 2, 6), None);
        assert_eq!(notional(3_943_299, 3_100, 2, 6), Some(12_224_226_900));
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(value in -i64::MAX..i64::MAX, scale in 0u8..=SCALE_MAX) {
            prop_assert_eq!(parse_scaled(&print_scaled(value, scale), scale), Ok(value));
        }

        #[test]
        fn no_text_panics(text in ".{0,48}", scale in 0u8..=SCALE_MAX) {
            let _ = parse_scaled(&text, scale);
        }
    }
}
