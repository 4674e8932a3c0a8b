//! Places in a reply: `result.0.bid`.
//!
//! Comes in: a JSON value and names between dots, numbers for items of lists. Goes out: what stands
//! there. Deliberately absent: searching; a place is exact.

use wickd_sdk::exchange::json::{Json, Malformed};

/// The value at a place; the whole where the place is empty.
pub(crate) fn at<'a>(whole: Json<'a>, place: &str) -> Result<Json<'a>, Malformed> {
    let words = place.split('.').filter(|word| !word.is_empty());
    words.clone().try_fold(whole, |value, word| {
        let found = match value.is_list() {
            true => word.parse().ok().and_then(|at: usize| value.list().ok()?.get(at).copied()),
            false => value.object().ok().and_then(|fields| fields.get(word)),
        };
        found.ok_or_else(|| Malformed(format!("`{word}` of `{place}` is missing")))
    })
}
