//! The columns of one row, and what is wrong in which of them.
//!
//! Comes in: the bytes of a row. Goes out: text and whole numbers, or a flaw with its place in the row.
//! Deliberately absent: layouts, files and lines.

use std::ops::Range;

use wickd_model::parse_scaled;

/// How many digits beyond the scale must be all 0 or all 9 to be a float's noise. A float's error is
/// some 10^-16 of the value, a wrong scale's is anything: a millionth of a unit tells them apart.
const NOISE_DIGITS: usize = 6;
/// What to do about most flaws.
pub(super) const FIX_ROW: &str = "mend the row, or set `on_broken_row: skip`";

/// A fault inside a row, before it has a file and a line.
pub(super) struct Flaw {
    /// Bytes of the row.
    pub(super) at: Range<usize>,
    pub(super) reason: String,
    pub(super) fix: &'static str,
}

/// One column of a row.
pub(super) struct Field<'r> {
    start: usize,
    pub(super) text: &'r [u8],
}

impl Field<'_> {
    pub(super) fn flaw(&self, reason: String, fix: &'static str) -> Flaw {
        Flaw { at: self.start..self.start + self.text.len(), reason, fix }
    }

    pub(super) fn utf8(&self) -> Result<&str, Flaw> {
        std::str::from_utf8(self.text).map_err(|_| self.flaw("not text".to_owned(), FIX_ROW))
    }

    pub(super) fn whole(&self, what: &str) -> Result<u64, Flaw> {
        let plain = self.text.iter().all(u8::is_ascii_digit);
        let number = self.utf8()?.parse().ok().filter(|_| plain);
        number.ok_or_else(|| self.flaw(format!("not {what}"), FIX_ROW))
    }
}

/// Splits a row; it must have so many columns, and no more.
pub(super) fn columns<const N: usize>(row: &[u8]) -> Result<[Field<'_>; N], Flaw> {
    let mut start = 0;
    let mut count = 0;
    let mut columns = std::array::from_fn(|_| Field { start: 0, text: &[] });
    for text in row.split(|byte| *byte == b',') {
        if let Some(column) = columns.get_mut(count) {
            *column = Field { start, text };
        }
        start += text.len() + 1;
        count += 1;
    }
    if count == N {
        return Ok(columns);
    }
    let reason = match row.is_empty() {
        true => "an empty row".to_owned(),
        false => format!("{count} columns where {N} must stand"),
    };
    Err(Flaw { at: 0..row.len(), reason, fix: FIX_ROW })
}

/// The decimal that a float stood for, where the digits beyond the scale are a float's noise.
pub(super) fn denoised(text: &str, scale: u8) -> Option<i64> {
    let dot = text.find('.')?;
    let cut = dot + 1 + usize::from(scale);
    let tail = text.get(cut..cut + NOISE_DIGITS)?.as_bytes();
    if !text.get(cut..)?.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = parse_scaled(text.get(..cut)?, scale).ok()?;
    let away = if text.starts_with('-') { -1 } else { 1 };
    match tail {
        _ if tail.iter().all(|digit| *digit == b'0') => Some(value),
        _ if tail.iter().all(|digit| *digit == b'9') => value.checked_add(away),
        _ => None,
    }
}
