//! Figures as people read them.
//!
//! Comes in: integers. Goes out: text. Money passes through [`print_scaled`] and keeps every digit.

use wickd_model::Amount;

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of time in the unit that leaves it one to three digits before the point.
pub(crate) fn span(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}

/// Bytes in binary units.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// An amount with the sign of a gain.
pub(crate) fn signed(amount: &Amount) -> String {
    let gain = amount.amount != "0" && !amount.amount.starts_with('-');
    format!("{}{amount}", if gain { "+" } else { "" })
}

/// `count` of a thing, in the singular for one.
pub(crate) fn count(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", grouped(count))
}

/// Unix nanoseconds as `2021-01-08 00:00:01.076`, UTC.
pub(crate) fn utc(ts_ns: u64) -> String {
    wickd_model::utc(ts_ns).replacen('T', " ", 1).trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let grouped = [0, 999, 1_000, 1_234_567, u64::MAX].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn an_amount_keeps_every_digit_and_names_its_currency() {
        let texts = [0, 1, -150_000_001].map(|cash| signed(&Amount::of(cash, "USDT")));
        assert_eq!(texts, ["0 USDT", "+0.00000001 USDT", "-1.50000001 USDT"]);
    }

    #[test]
    fn times_are_read_as_the_calendar_has_them() {
        let at = |s: u64, ms: u64| utc(s * 1_000_000_000 + ms * 1_000_000);
        assert_eq!(at(0, 0), "1970-01-01 00:00:00.000");
        assert_eq!(at(951_782_400, 0), "2000-02-29 00:00:00.000");
        assert_eq!(at(951_868_799, 999), "2000-02-29 23:59:59.999");
        assert_eq!(at(1_610_064_001, 76), "2021-01-08 00:00:01.076");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01 00:00:00.000");
    }

    #[test]
    fn spans_keep_a_readable_unit() {
        assert_eq!([span(7), span(1_500), span(2_340_000)], ["7 ns", "1.5 µs", "2.3 ms"]);
    }
}
