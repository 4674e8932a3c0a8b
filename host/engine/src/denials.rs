//! What a venue, its adapter or a feed tried and did not get: counted, and told without becoming a
//! flood.
//!
//! Comes in: each attempt, with a stable code and what it was aimed at. Goes out: a notice for the
//! first of its kind, the second, the fourth and so on, each with the count so far; one with all
//! counts at the end. Deliberately absent: deciding what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use wickd_model::{SlotName, printable};

use crate::intake::Plugin;
use crate::notice::{Detail, Notice, Notices, Severity};

/// Targets told apart under one code; what is aimed at yet another one counts with the rest.
const TARGETS_MAX: usize = 64;
/// Longest target kept, in bytes.
const TARGET_BYTES_MAX: usize = 160;

/// One thing that was tried.
pub(crate) struct Attempt<'a> {
    /// Stable: scripts match on it.
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    /// What it was aimed at.
    pub(crate) target: &'a str,
    /// One sentence.
    pub(crate) text: &'a str,
    /// What would mend it.
    pub(crate) fix: &'a str,
    /// How often, at once.
    pub(crate) times: u64,
}

/// All attempts of one venue or one feed.
pub(crate) struct Denials {
    who: String,
    /// A feed is spoken of as a slot is.
    is_slot: bool,
    notices: Notices,
    counts: BTreeMap<(&'static str, String), u64>,
}

impl Denials {
    pub(crate) fn new(venue: String, notices: Notices) -> Self {
        Self { who: venue, is_slot: false, notices, counts: BTreeMap::new() }
    }

    pub(crate) fn of_feed(feed: &SlotName, notices: Notices) -> Self {
        Self { is_slot: true, ..Self::new(feed.to_string(), notices) }
    }

    /// Counts it, and tells of it where its count has doubled.
    pub(crate) fn count(&mut self, plugin: Option<&Arc<Plugin>>, attempt: &Attempt<'_>) {
        let code = attempt.code;
        let mut key = (code, printable(attempt.target.as_bytes(), TARGET_BYTES_MAX));
        let under = self.counts.range((code, String::new())..).take_while(|(key, _)| key.0 == code);
        if !self.counts.contains_key(&key) && under.count() >= TARGETS_MAX {
            key.1 = "others".to_owned();
        }
        let target = key.1.clone();
        let count = self.counts.entry(key).or_default();
        let before = *count;
        *count = before.saturating_add(attempt.times);
        let count = *count;
        if attempt.times == 0 || before.checked_ilog2() == count.checked_ilog2() {
            return;
        }
        let text = format!("{}{target}: {}", self.head(), attempt.text);
        let mut notice = Notice::new(attempt.severity, code, text).detail(Detail::Count(count));
        if self.is_slot {
            notice = notice.slot(&self.who);
        }
        if !attempt.fix.is_empty() {
            notice = notice.fix(attempt.fix);
        }
        if let Some(plugin) = plugin {
            notice = notice.plugin(plugin.label(), plugin.digest);
        }
        self.notices.say(notice);
    }

    /// A notice about a slot names it anyway.
    fn head(&self) -> String {
        if self.is_slot { String::new() } else { format!("{}: ", self.who) }
    }

    /// Tells of all of them together, where there were any.
    pub(crate) fn sum_up(&self) {
        let mut sums: BTreeMap<&'static str, u64> = BTreeMap::new();
        for ((code, _), count) in &self.counts {
            *sums.entry(code).or_default() += count;
        }
        if sums.is_empty() {
            return;
        }
        let each: Vec<_> = sums.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let text = format!("{}in this run: {}", self.head(), each.join(", "));
        let all = Detail::Count(sums.values().sum());
        self.notices.say(match self.is_slot {
            true => Notice::info("feed-counts", text).slot(&self.who).detail(all),
            false => Notice::info("venue-counts", text).detail(all),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(target: &str, times: u64) -> Attempt<'_> {
        let (code, severity) = ("request-refused", Severity::Error);
        Attempt { code, severity, target, text: "no", fix: "yes", times }
    }

    #[test]
    fn a_flood_is_counted_in_full_and_told_as_it_doubles() {
        let (notices, told) = Notices::channel();
        let mut denials = Denials::new("evil".to_owned(), notices);
        (0..1_000).for_each(|_| denials.count(None, &attempt("GET rest/x", 1)));
        denials.count(None, &attempt("GET rest/y", 5_000));
        denials.sum_up();
        let told: Vec<_> = told.try_iter().collect();
        // 1, 2, 4, … 512; then one for the other target; then the sum.
        assert_eq!(told.len(), 10 + 1 + 1);
        assert_eq!(told[0].text, "evil: GET rest/x: no");
        assert_eq!(told[11].text, "evil: in this run: request-refused 6000");
    }

    #[test]
    fn made_up_targets_share_one_count() {
        let (notices, told) = Notices::channel();
        let mut denials = Denials::new("evil".to_owned(), notices);
        (0..10_000).for_each(|n| denials.count(None, &attempt(&format!("GET rest/{n}"), 1)));
        assert!(denials.counts.len() <= TARGETS_MAX + 1);
        assert!(told.try_iter().count() < 100);
        assert_eq!(denials.counts.values().sum::<u64>(), 10_000);
    }
}
