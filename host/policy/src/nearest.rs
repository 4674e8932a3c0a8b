//! "Did you mean": the known word nearest to an unknown one.
//!
//! Comes in: a word and the words that would have been right. Goes out: the one worth suggesting, or
//! none. Deliberately absent: ranking by meaning.

/// Longest word compared, in bytes: names are at most 64, and the cost is quadratic.
const WORD_BYTES_MAX: usize = 64;

/// The known word within a third of its length in edits, the nearest first, then the earliest.
pub fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= WORD_BYTES_MAX)
        .map(|candidate| (edits(word.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(edits, candidate)| *edits <= candidate.len().div_ceil(3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, substitutions, neighbours swapped.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_recognised_and_another_word_is_not() {
        let known = ["name", "version", "world"];
        assert_eq!(nearest("verison", known), Some("version"));
        assert_eq!(nearest("nam", known), Some("name"));
        assert_eq!(nearest("wrold", known), Some("world"));
        assert_eq!(nearest("licence_text", known), None);
        assert_eq!(nearest(&"v".repeat(99), known), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(edits(b"ab", b"ba"), 1);
        assert_eq!(edits(b"", b"abc"), 3);
        assert_eq!(edits(b"same", b"same"), 0);
    }
}
