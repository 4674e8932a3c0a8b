//! Decimal texts of a venue, compared exactly.

/// Most digits of an amount; more would not fit the arithmetic.
const DIGITS_MAX: usize = 30;

/// A decimal number: digits and how many of them stand behind the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    digits: i128,
    scale: u32,
}

impl Amount {
    /// Plain decimal text; no exponent, no space, no plus.
    pub fn read(text: &str) -> Option<Self> {
        let (negative, plain) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
        if whole.is_empty() || (plain.contains('.') && part.is_empty()) {
            return None;
        }
        let part = part.trim_end_matches('0');
        let all = format!("{whole}{part}");
        if all.len() > DIGITS_MAX || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits: i128 = all.parse().ok()?;
        let scale = u32::try_from(part.len()).ok()?;
        Some(Self { digits: if negative { -digits } else { digits }, scale })
    }

    /// `self × other`; none where it is too large to be an amount.
    pub fn times(self, other: Self) -> Option<Self> {
        let digits = self.digits.checked_mul(other.digits)?;
        Some(Self { digits, scale: self.scale + other.scale })
    }

    /// Above zero.
    pub fn is_positive(self) -> bool {
        self.digits > 0
    }

    fn equals(self, value: i64, scale: u8) -> bool {
        let (ours, theirs) = (i128::from(value), self.digits);
        let scale = u32::from(scale);
        let raised = |digits: i128, by: u32| {
            10i128.checked_pow(by).and_then(|power| digits.checked_mul(power))
        };
        match self.scale >= scale {
            true => raised(ours, self.scale - scale) == Some(theirs),
            false => raised(theirs, scale - self.scale) == Some(ours),
        }
    }
}

/// Whether a text is this number.
pub(super) fn is(text: &str, value: i64, scale: u8) -> bool {
    Amount::read(text).is_some_and(|amount| amount.equals(value, scale))
}

/// Whether a text is this number of base units, counted in contracts of `one`.
pub(super) fn is_contracts(text: &str, one: &Amount, value: i64, scale: u8) -> bool {
    let amount = Amount::read(text).and_then(|amount| amount.times(*one));
    amount.is_some_and(|amount| amount.equals(value, scale))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_itself_in_every_plain_form_and_in_no_other() {
        for text in ["0.02", "0.020", "0.02000000000000", "00.02"] {
            assert!(is(text, 2_000, 5), "{text}");
        }
        for text in
            ["0.2", "0.0200001", "2", "", ".02", "0.02.", "2e-2", "+0.02", " 0.02", "-0.02", "0,02"]
        {
            assert!(!is(text, 2_000, 5), "{text}");
        }
        let one = Amount::read("0.01").unwrap();
        assert!(is_contracts("2", &one, 2_000, 5) && is_contracts("2.0", &one, 2_000, 5));
        assert!(!is_contracts("0.02", &one, 2_000, 5) && !is_contracts("200", &one, 2_000, 5));
    }

    proptest! {
        #[test]
        fn what_the_host_prints_is_the_number_and_its_neighbours_are_not(
            value in 1i64..1_000_000_000_000, scale in 0u8..=8, zeros in 0usize..4
        ) {
            let mut text = wickd_model::print_scaled(value, scale);
            if text.contains('.') {
                text.push_str(&"0".repeat(zeros));
            }
            prop_assert!(is(&text, value, scale));
            prop_assert!(!is(&text, value + 1, scale) && !is(&text, value - 1, scale));
            prop_assert!(!is(&text, -value, scale));
        }
    }
}
