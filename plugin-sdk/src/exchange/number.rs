//! Exact numbers: the text of a venue as a scaled integer and back.
//!
//! Comes in: number tokens and decimal texts, with or without an exponent. Goes out: integers at an
//! instrument's scale, and plain decimal text that never has an exponent. Deliberately absent:
//! floats; no digit passes through one.

use wickd_model::{DecimalError, SCALE_MAX};

use crate::Side;

/// Furthest an exponent may move the point, in digits; no asset has more than 18 decimals.
const EXPONENT_MAX: i32 = 40;
/// Longest number read, in bytes: 38 digits, a point, a sign and an exponent, twice over.
const TEXT_BYTES_MAX: usize = 96;
/// Digits that surely fit a `u64`, and an `i64`.
const FAST_DIGITS_MAX: usize = 18;

/// What happens to digits that a scale does not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rounding {
    /// They are an error, unless they are zeros.
    Exact,
    /// Toward negative infinity.
    Down,
    /// Toward positive infinity.
    Up,
    /// Toward zero.
    ToZero,
}

impl Rounding {
    /// The direction in which a limit price is never worse than asked: a buy pays less, a sell gets
    /// more.
    pub fn away_from_risk(side: Side) -> Self {
        match side {
            Side::Buy => Self::Down,
            Side::Sell => Self::Up,
        }
    }
}

/// `units * 10^-scale`, without trailing zeros behind the point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exact {
    units: i128,
    scale: u32,
}

impl Exact {
    /// One.
    pub const ONE: Self = Self { units: 1, scale: 0 };

    /// Reads a number as JSON or a venue writes it: `0.10`, `-3`, `1e-8`, `2.5E+3`.
    ///
    /// # Errors
    /// It is no such number, or has more than 38 digits.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        if text.is_empty() {
            return Err(DecimalError::Empty);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(DecimalError::Syntax);
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let exponent: i32 = exponent.parse().map_err(|_| DecimalError::Syntax)?;
                (mantissa, exponent)
            }
            None => (text, 0),
        };
        if exponent.abs() > EXPONENT_MAX {
            return Err(DecimalError::Range(SCALE_MAX));
        }
        let (units, decimals) = digits(mantissa)?;
        let scale = decimals - exponent;
        let moved = 10i128.pow(scale.min(0).unsigned_abs().min(38));
        let units = units.checked_mul(moved).filter(|_| scale >= -38);
        let units = units.ok_or(DecimalError::Range(SCALE_MAX))?;
        Ok(Self { units, scale: scale.max(0).unsigned_abs() }.trimmed())
    }

    /// An integer at a scale.
    pub fn new(units: i64, scale: u8) -> Self {
        Self { units: units.into(), scale: scale.into() }.trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.units % 10 == 0 {
            self = Self { units: self.units / 10, scale: self.scale - 1 };
        }
        self
    }

    /// The sum; `None` where it has more than 38 digits.
    pub fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let at = |part: Self| part.units.checked_mul(10i128.checked_pow(scale - part.scale)?);
        Some(Self { units: at(self)?.checked_add(at(other)?)?, scale }.trimmed())
    }

    /// The product; `None` where it has more than 38 digits.
    pub fn times(self, other: Self) -> Option<Self> {
        let units = self.units.checked_mul(other.units)?;
        Some(Self { units, scale: self.scale + other.scale }.trimmed())
    }

    /// The quotient; `None` where it does not end within twelve decimals, or has no end at all.
    pub fn over(self, other: Self) -> Option<Self> {
        let up = 10i128.checked_pow(u32::from(SCALE_MAX) + other.scale)?;
        let down = 10i128.checked_pow(self.scale)?.checked_mul(other.units)?;
        let (above, below) = (self.units.checked_mul(up)?, down);
        let exact = below != 0 && above % below == 0;
        exact.then(|| Self { units: above / below, scale: SCALE_MAX.into() }.trimmed())
    }

    /// The integer at a scale.
    ///
    /// # Errors
    /// Digits would be lost and `rounding` is [`Rounding::Exact`], or it leaves an `i64`.
    pub fn at(self, scale: u8, rounding: Rounding) -> Result<i64, DecimalError> {
        let range = DecimalError::Range(scale);
        let units = match u32::from(scale).checked_sub(self.scale) {
            Some(more) => {
                let moved = 10i128.checked_pow(more).and_then(|m| self.units.checked_mul(m));
                moved.ok_or(range)?
            }
            None => {
                // Beyond 38 digits every quotient is zero with a rest.
                let unit = 10i128.checked_pow(self.scale - u32::from(scale)).unwrap_or(i128::MAX);
                let (down, rest) = (self.units.div_euclid(unit), self.units.rem_euclid(unit));
                let up = down + i128::from(rest != 0);
                match rounding {
                    Rounding::Exact if rest != 0 => return Err(DecimalError::Precision(scale)),
                    Rounding::Exact | Rounding::Down => down,
                    Rounding::Up => up,
                    Rounding::ToZero => {
                        if self.units < 0 {
                            up
                        } else {
                            down
                        }
                    }
                }
            }
        };
        i64::try_from(units).map_err(|_| range)
    }

    /// Plain decimal text without exponent and without idle zeros.
    pub fn text(self) -> String {
        let sign = if self.units < 0 { "-" } else { "" };
        let mut digits = self.units.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if scale == 0 {
            return format!("{sign}{digits}");
        }
        if digits.len() <= scale {
            digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
        }
        let (whole, decimals) = digits.split_at(digits.len() - scale);
        format!("{sign}{whole}.{decimals}")
    }

    /// Whether it is zero.
    pub fn is_zero(self) -> bool {
        self.units == 0
    }

    /// True above zero.
    pub fn is_positive(self) -> bool {
        self.units > 0
    }
}

impl std::ops::Neg for Exact {
    type Output = Self;

    fn neg(self) -> Self {
        Self { units: -self.units, ..self }
    }
}

/// The digits of a number without exponent as an integer, and how many of them are decimals.
fn digits(text: &str) -> Result<(i128, i32), DecimalError> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    // A number that ends with its point was cut short.
    if text.ends_with('.') {
        return Err(DecimalError::Syntax);
    }
    let (mut units, mut decimals, mut zeros, mut any, mut dot) = (0i128, 0, 0, false, false);
    for byte in text.bytes() {
        match byte {
            b'.' if !dot => dot = true,
            // Zeros at the very end of the decimals are not counted as digits.
            b'0' if dot => (zeros, any) = (zeros + 1, true),
            b'0'..=b'9' => {
                for digit in std::iter::repeat_n(0, zeros).chain([byte - b'0']) {
                    let next = units.checked_mul(10).and_then(|u| u.checked_add(digit.into()));
                    units = next.ok_or(DecimalError::Range(SCALE_MAX))?;
                    decimals += i32::from(dot);
                }
                (zeros, any) = (0, true);
            }
            _ => return Err(DecimalError::Syntax),
        }
    }
    if !any {
        return Err(DecimalError::Syntax);
    }
    Ok((if negative { -units } else { units }, decimals))
}

/// A number token as an integer at a scale.
///
/// # Errors
/// It is no number, digits would be lost, or it leaves an `i64`.
pub fn scaled(text: &str, scale: u8) -> Result<i64, DecimalError> {
    match fast(text.as_bytes(), scale) {
        Some(units) => Ok(units),
        None => Exact::parse(text)?.at(scale, Rounding::Exact),
    }
}

/// The way of nearly every price: few digits, no sign, no exponent, nothing lost.
fn fast(text: &[u8], scale: u8) -> Option<i64> {
    if text.len() > FAST_DIGITS_MAX {
        return None;
    }
    let mut units = 0i64;
    let mut take = |digits: &[u8]| {
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            units = units * 10 + i64::from(digit);
        }
        Some(digits.len())
    };
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, rest) = text.split_at(whole);
    let decimals = match rest {
        [] => rest,
        [b'.', decimals @ ..] if !decimals.is_empty() => decimals,
        _ => return None,
    };
    let (kept, lost) = decimals.split_at(decimals.len().min(scale.into()));
    let read = take(whole)? + take(kept)?;
    if (whole.is_empty() && decimals.is_empty()) || lost.iter().any(|byte| *byte != b'0') {
        return None;
    }
    let missing = usize::from(scale) - kept.len();
    // So few digits fit, whatever they are.
    (read + missing <= FAST_DIGITS_MAX).then(|| units * crate::money::pow10(missing as u8))
}

/// A scaled integer as plain decimal text without idle zeros.
pub fn print(units: i64, scale: u8) -> String {
    Exact::new(units, scale).text()
}

/// The number of a trade: a venue's own where it is one, a hash of its text otherwise.
///
/// The hash is FNV-1a, 64 bits (RFC 9923), over the text's bytes; it is stable for ever, so that a
/// trade heard twice has one number.
pub fn trade_id(text: &str) -> u64 {
    let own = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    own.unwrap_or_else(|| {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_read_without_a_float() {
        for (text, scale, want) in [
            ("0.1", 1, 1),
            ("0.30000000000000004", 17, 30_000_000_000_000_004),
            ("1e-8", 8, 1),
            ("1E+2", 2, 10_000),
            ("-2.50", 1, -25),
            ("25000.00000000", 2, 2_500_000),
            (".5", 1, 5),
        ] {
            let scale: u8 = scale;
            if scale <= SCALE_MAX {
                assert_eq!(scaled(text, scale), Ok(want), "{text}");
            }
            assert_eq!(Exact::parse(text).unwrap().at(scale, Rounding::Exact), Ok(want), "{text}");
        }
        for text in [
            "", "NaN", "Infinity", "-", ".", "1e", "1e999", "--1", "+1", "1 ", "0x1", "1.2.3",
            "25.",
        ] {
            assert!(scaled(text, 4).is_err(), "{text:?} was taken");
        }
        assert_eq!(scaled("1.23456", 4), Err(DecimalError::Precision(4)));
    }

    #[test]
    fn nothing_is_written_with_an_exponent() {
        assert_eq!(print(1, 8), "0.00000001");
        assert_eq!(print(-1_050, 2), "-10.5");
        assert_eq!(print(2_500_000, 2), "25000");
        assert_eq!(Exact::parse("1e-18").unwrap().text(), "0.000000000000000001");
        let balance = "123456789.123456789012345678";
        assert_eq!(Exact::parse(balance).unwrap().text(), balance);
    }

    #[test]
    fn contracts_and_base_units_convert_exactly_or_not_at_all() {
        let [size, contract] = ["0.015", "0.01"].map(|text| Exact::parse(text).unwrap());
        assert_eq!(size.over(contract).unwrap().text(), "1.5");
        assert_eq!(size.over(contract).unwrap().times(contract), Some(size));
        assert_eq!(Exact::ONE.over(Exact::parse("3").unwrap()), None);
        assert_eq!(Exact::ONE.over(Exact::parse("0").unwrap()), None);
    }

    #[test]
    fn rounding_goes_where_it_says() {
        let at = |text: &str, rounding| Exact::parse(text).unwrap().at(1, rounding).unwrap();
        assert_eq!(at("1.25", Rounding::away_from_risk(Side::Buy)), 12);
        assert_eq!(at("1.25", Rounding::away_from_risk(Side::Sell)), 13);
        assert_eq!((at("-1.25", Rounding::ToZero), at("-1.25", Rounding::Down)), (-12, -13));
    }

    #[test]
    fn a_trade_keeps_its_number_and_a_text_gets_one_for_ever() {
        assert_eq!(trade_id("42"), 42);
        assert_eq!(trade_id("a"), 0xaf63_dc4c_8601_ec8c, "the published vector of FNV-1a");
        assert_ne!(trade_id("+42"), 42);
    }

    proptest! {
        #[test]
        fn printing_and_reading_are_inverse(units: i64, scale in 0u8..=SCALE_MAX) {
            let text = print(units, scale);
            prop_assert_eq!(scaled(&text, scale), Ok(units));
            prop_assert!(!text.contains(['e', 'E']));
        }

        #[test]
        fn the_fast_way_and_the_general_one_agree(text in "-?[0-9]{0,14}(\\.[0-9]{0,10})?(e-?[0-9])?", scale in 0u8..=SCALE_MAX) {
            let general = Exact::parse(&text).and_then(|exact| exact.at(scale, Rounding::Exact));
            prop_assert_eq!(scaled(&text, scale), general);
        }

        #[test]
        fn an_exponent_is_only_another_spelling(units in 0i64..1 << 40, scale in 0u8..=9) {
            prop_assert_eq!(scaled(&format!("{units}e-{scale}"), scale), Ok(units));
        }

        #[test]
        fn no_text_panics(text in ".{0,120}", scale: u8) {
            let _ = scaled(&text, scale);
            let _ = trade_id(&text);
        }
    }
}
