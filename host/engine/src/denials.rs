//! What a venue, its adapter or a feed tried and did not get: counted, and told without becoming a
//! flood.
//!
//! Comes in: each attempt, with a stable code and what it was aimed at. Goes out: a notice for the
//! first of its kind, the second, the fourth and so on, each with the count so far; one with all
//! counts at the end. Deliberately absent: deciding what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use wickd_model::{SlotName, printable};

use crate::events::{Cause, Detail, Event, FeedEvent, Notice, Notices, VenueEvent};
use crate::intake::Plugin;

/// Targets told apart under one code; what is aimed at yet another one counts with the rest.
const TARGETS_MAX: usize = 64;
/// Longest target kept, in bytes.
const TARGET_BYTES_MAX: usize = 160;

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
    pub(crate) fn count(&mut self, plugin: Option<&Arc<Plugin>>, attempt: Cause<'_>) {
        let code = attempt.what.code().code;
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
        let who = (!self.is_slot).then(|| self.who.clone());
        let event = Event::Refused { who, target, what: attempt.what };
        let mut notice = self.about(event).detail(Detail::Count(count));
        if let Some(plugin) = plugin {
            notice = notice.plugin(plugin.label(), plugin.digest);
        }
        self.notices.publish(notice);
    }

    /// A feed is spoken of as a slot is.
    fn about(&self, event: impl Into<Event>) -> Notice {
        let notice = Notice::of(event);
        if self.is_slot { notice.slot(&self.who) } else { notice.venue(&self.who) }
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
        let (venue, counts) = (self.who.clone(), each.join(", "));
        let event = match self.is_slot {
            true => Event::from(FeedEvent::Counts { counts }),
            false => VenueEvent::Counts { venue, counts }.into(),
        };
        self.notices.publish(self.about(event).detail(Detail::Count(sums.values().sum())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::RefusedEvent;

    fn attempt(target: &str, times: u64) -> Cause<'_> {
        Cause { target, what: RefusedEvent::Request { why: "no".into(), fix: "yes".into() }, times }
    }

    #[test]
    fn a_flood_is_counted_in_full_and_told_as_it_doubles() {
        let (notices, told) = Notices::channel();
        let mut denials = Denials::new("evil".to_owned(), notices);
        (0..1_000).for_each(|_| denials.count(None, attempt("GET rest/x", 1)));
        denials.count(None, attempt("GET rest/y", 5_000));
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
        (0..10_000).for_each(|n| denials.count(None, attempt(&format!("GET rest/{n}"), 1)));
        assert!(denials.counts.len() <= TARGETS_MAX + 1);
        assert!(told.try_iter().count() < 100);
        assert_eq!(denials.counts.values().sum::<u64>(), 10_000);
    }
}
