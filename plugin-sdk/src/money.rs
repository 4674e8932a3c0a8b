//! Exact money: prices, sizes and amounts as scaled integers that cannot be mixed up.
//!
//! Comes in: scaled integers from the host, decimal text from parameters. Goes out: the same,
//! exactly. Deliberately absent: floats, except where a function says `f64` in its name; those are
//! views for indicator maths and nothing turns them back into money.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use wickd_model::{CASH_SCALE, DecimalError, SCALE_MAX, parse_scaled, print_scaled};

/// Powers of ten up to [`SCALE_MAX`], exact in an `f64` and in an `i64`.
const POW10: [i64; SCALE_MAX as usize + 1] = {
    let mut table = [1; SCALE_MAX as usize + 1];
    let mut at = 1;
    while at < table.len() {
        table[at] = table[at - 1] * 10;
        at += 1;
    }
    table
};

/// `10^scale`; scales above [`SCALE_MAX`] do not occur and count as it.
pub(crate) fn pow10(scale: u8) -> i64 {
    POW10[usize::from(scale.min(SCALE_MAX))]
}

/// The nearest `f64` to `value * 10^-scale`: both operands are exact below 2^53.
pub(crate) fn to_f64(value: i64, scale: u8) -> f64 {
    value as f64 / pow10(scale) as f64
}

macro_rules! scaled {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        ///
        /// Sums and differences stop at the ends of `i64` instead of wrapping.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $type(
            /// The scaled integer.
            pub i64,
        );

        impl $type {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// `self * n`.
            pub fn times(self, n: i64) -> Self {
                Self(self.0.saturating_mul(n))
            }

            /// The distance from zero.
            pub fn abs(self) -> Self {
                Self(self.0.saturating_abs())
            }

            /// The greatest multiple of `step` that is not above this; itself where `step` is not
            /// positive.
            pub fn down_to(self, step: Self) -> Self {
                if step.0 <= 0 {
                    return self;
                }
                Self(self.0.saturating_sub(self.0.rem_euclid(step.0)))
            }

            /// The nearest multiple of `step`, halves upward; itself where `step` is not positive.
            pub fn nearest_to(self, step: Self) -> Self {
                if step.0 <= 0 {
                    return self;
                }
                let above = self.0.rem_euclid(step.0);
                let down = self.0.saturating_sub(above);
                Self(if above >= step.0 - above { down.saturating_add(step.0) } else { down })
            }
        }

        impl Add for $type {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }
        }
        impl Sub for $type {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }
        impl AddAssign for $type {
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl SubAssign for $type {
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }
        impl Neg for $type {
            type Output = Self;
            fn neg(self) -> Self {
                Self(self.0.saturating_neg())
            }
        }
    };
}

scaled!(
    /// A price: `10^-price_scale` of its instrument.
    Px
);
scaled!(
    /// A size in base units: `10^-size_scale` of its instrument. Negative in a short position.
    Qty
);
scaled!(
    /// An amount of the quote asset: `10^-8`.
    Cash
);

impl Cash {
    /// A view for indicator maths and metrics.
    pub fn to_f64(self) -> f64 {
        to_f64(self.0, CASH_SCALE)
    }
}

impl fmt::Display for Cash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_scaled(self.0, CASH_SCALE))
    }
}

/// An exact decimal number with no unit yet: a parameter, before an instrument gives it a scale.
///
/// Holds up to twelve decimals; equal numbers are equal however they were written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Decimal {
    units: i64,
    scale: u8,
}

impl Decimal {
    /// Reads plain decimal text: an optional minus, digits, at most one dot, no exponent.
    ///
    /// # Errors
    /// The text is something else, has more than twelve decimals, or does not fit an `i64`.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let decimals = text.split_once('.').map_or("", |(_, decimals)| decimals);
        let scale = decimals.trim_end_matches('0').len().min(SCALE_MAX.into()) as u8;
        Ok(Self { units: parse_scaled(text, scale)?, scale })
    }

    /// The integer at `scale`, rounded toward negative infinity; `None` where it leaves an `i64`.
    pub fn floor_at(self, scale: u8) -> Option<i64> {
        let scale = scale.min(SCALE_MAX);
        match scale.checked_sub(self.scale) {
            Some(more) => self.units.checked_mul(pow10(more)),
            None => Some(self.units.div_euclid(pow10(self.scale - scale))),
        }
    }

    /// `amount * self / 100`, rounded toward zero; `None` where it leaves an `i64`.
    pub fn percent_of(self, amount: i64) -> Option<i64> {
        let exact = i128::from(amount) * i128::from(self.units);
        i64::try_from(exact / (100 * i128::from(pow10(self.scale)))).ok()
    }

    /// True above zero.
    pub fn is_positive(self) -> bool {
        self.units > 0
    }

    /// A view for indicator maths.
    pub fn to_f64(self) -> f64 {
        to_f64(self.units, self.scale)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print_scaled(self.units, self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounding_goes_down_on_both_sides_of_zero() {
        assert_eq!(Qty(17).down_to(Qty(5)), Qty(15));
        assert_eq!(Qty(-17).down_to(Qty(5)), Qty(-20));
        assert_eq!(Px(17).nearest_to(Px(5)), Px(15));
        assert_eq!(Px(18).nearest_to(Px(5)), Px(20));
        assert_eq!(Px(15).nearest_to(Px(10)), Px(20));
        assert_eq!(Px(7).nearest_to(Px(0)), Px(7));
    }

    #[test]
    fn a_decimal_is_the_number_and_not_its_spelling() {
        assert_eq!(Decimal::parse("1.50"), Decimal::parse("1.5"));
        assert_eq!(Decimal::parse("0.01").unwrap().floor_at(6), Some(10_000));
        assert_eq!(Decimal::parse("-0.019").unwrap().floor_at(2), Some(-2));
        assert_eq!(Decimal::parse("0.05").unwrap().percent_of(3_950_000), Some(1_975));
        assert_eq!(Decimal::parse("12.340").unwrap().to_string(), "12.34");
        assert!(Decimal::parse("1e3").is_err());
        assert_eq!(Decimal::parse("9223372036854775807").unwrap().floor_at(1), None);
    }

    #[test]
    fn sums_stop_at_the_ends() {
        assert_eq!(Px(i64::MAX) + Px(1), Px(i64::MAX));
        assert_eq!(-Qty(i64::MIN), Qty(i64::MAX));
        assert_eq!(Qty(i64::MIN).down_to(Qty(3)), Qty(i64::MIN));
    }

    proptest! {
        #[test]
        fn rounding_lands_on_the_grid_within_one_step(
            value in -1i64 << 60..1 << 60,
            step in 1i64..1 << 40,
        ) {
            let (down, near) = (Px(value).down_to(Px(step)), Px(value).nearest_to(Px(step)));
            prop_assert_eq!(down.0 % step, 0);
            prop_assert!(down.0 <= value && value - down.0 < step);
            prop_assert_eq!(near.0 % step, 0);
            prop_assert!((near.0 - value).abs() * 2 <= step);
        }

        #[test]
        fn a_decimal_prints_what_it_reads(units: i32, scale in 0u8..=9) {
            let text = print_scaled(units.into(), scale);
            let decimal = Decimal::parse(&text).unwrap();
            prop_assert_eq!(decimal.floor_at(scale), Some(units.into()));
            prop_assert_eq!(Decimal::parse(&decimal.to_string()), Ok(decimal));
        }
    }
}
