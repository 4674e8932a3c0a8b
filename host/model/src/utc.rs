//! Times for people and machines to read.

use crate::TsNs;

/// Unix nanoseconds as `2021-01-08T00:00:01.076Z` (RFC 3339).
///
/// The date from days since the epoch is the algorithm `civil_from_days` of Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", for years after 1970.
pub fn utc(ts_ns: TsNs) -> String {
    let (days, ms) = (ts_ns / 86_400_000_000_000, ts_ns / 1_000_000 % 86_400_000);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let (second, ms) = (ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}
