//! What fails again and again, such as every write to a full disk: told when it begins, then each time
//! its count has doubled.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How often one thing has failed in a row.
#[derive(Debug, Default)]
pub(crate) struct Repeats(AtomicU64);

impl Repeats {
    /// It has failed once more; gives the count where it is to be told.
    pub(crate) fn again(&self) -> Option<u64> {
        let times = self.0.fetch_add(1, Relaxed).saturating_add(1);
        times.is_power_of_two().then_some(times)
    }

    /// It works.
    pub(crate) fn over(&self) {
        self.0.store(0, Relaxed);
    }
}

/// The count, for a sentence; nothing for the first time.
pub(crate) fn so_often(times: u64) -> String {
    if times > 1 { format!(", {times} times in a row by now") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_failures_in_a_row_are_told_ten_times_and_the_next_row_anew() {
        let repeats = Repeats::default();
        let told: Vec<_> = (0..1_000).filter_map(|_| repeats.again()).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
        repeats.over();
        assert_eq!(repeats.again(), Some(1));
        assert_eq!((so_often(1), so_often(4)), (String::new(), ", 4 times in a row by now".into()));
    }
}
