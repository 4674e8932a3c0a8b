//! How many names a wildcard grant lets a plugin make up.
//!
//! A grant of `*.example.org` opens every name below it, and the name itself is read by whoever answers
//! for the domain: a plugin could spell out what it knows, a few dozen letters a question. Comes in:
//! names that only a wildcard, or counting, lets pass. Goes out: whether one more may be asked for.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a name counts.
const WINDOW: Duration = Duration::from_secs(86_400);

/// The names of a day. It outlives the instances of a plugin, whose failures must not renew it.
#[derive(Default)]
pub struct NewNames(Mutex<Day>);

#[derive(Default)]
struct Day {
    began: Option<Instant>,
    names: BTreeSet<String>,
}

impl NewNames {
    /// Whether a name is among the first `most` of its day.
    pub(crate) fn admit(&self, name: &str, most: u32, now: Instant) -> bool {
        let mut day = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if day.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            *day = Day { began: Some(now), names: BTreeSet::new() };
        }
        if day.names.contains(name) {
            return true;
        }
        let room = (day.names.len() as u64) < u64::from(most);
        if room {
            day.names.insert(name.to_owned());
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_so_many_new_names_and_known_ones_go_on() {
        let (names, start) = (NewNames::default(), Instant::now());
        let asked = |from: u32, to: u32, now: Instant| {
            let name = |number: u32| format!("x{number}.example.org");
            (from..to).filter(|number| names.admit(&name(*number), 3, now)).count()
        };
        assert_eq!(asked(0, 5_000, start), 3);
        assert_eq!(asked(0, 5_000, start + WINDOW - Duration::from_secs(1)), 3, "the same three");
        assert_eq!(asked(100, 5_000, start + WINDOW), 3);
    }
}
