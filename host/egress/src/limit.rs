//! One count of what was sent, for the whole daemon, so that ten strategies share a venue's limits.
//!
//! Comes in: the buckets a request costs, their weights, and the time. Goes out: now, at a time that
//! is booked for it, or not before a time. Then what the venue said: its own counts, 429, a ban.
//! Deliberately absent: the clock and sleeping; times are Unix nanoseconds on the venue's clock, and
//! must not run backwards.
//!
//! A rolling window holds for every window wherever it starts, also for what is booked ahead: a
//! bucket's bookings never go back in time, and each counts until it is a whole window old.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wickd_policy::venue::{Bucket, Shape};

/// Most counters kept: ten venues, twenty buckets, twenty instruments. Idle ones go first.
const COUNTERS_MAX: usize = 4_096;
/// Most bookings in one window; a venue that allows more is held to this, which no host sends.
const BOOKINGS_MAX: usize = 100_000;
/// Rounds of looking for a time that suits all buckets of one request; each round only moves later.
const ROUNDS_MAX: usize = 64;
/// Longest pause taken from a venue's word, in seconds: Binance bans for three days at most.
const PAUSE_S_MAX: u64 = 7 * 86_400;
const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// What one request takes out of one bucket.
#[derive(Clone, Copy, Debug)]
pub struct Cost<'a> {
    /// Which bucket.
    pub bucket: &'a Bucket,
    /// Whose count: the account, the instrument, the connection; empty for the machine's address.
    pub scope: &'a str,
    /// How much.
    pub weight: u32,
}

/// When a request may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Now; it is counted.
    Now,
    /// At this time; it is counted for then.
    At(u64),
    /// Not within the patience given, not before this time; nothing is counted. `u64::MAX` where the
    /// request alone is more than a bucket holds.
    Refused(u64),
}

/// Venue, bucket and scope.
type Key = (String, String, String);

/// Every counter of the daemon.
#[derive(Debug)]
pub struct Limiter {
    slack_ns: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counters: BTreeMap<Key, Counter>,
    /// Until when a venue takes nothing at all.
    banned: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Counter {
    /// Time and weight, by time; for a token bucket empty.
    booked: VecDeque<(u64, u64)>,
    /// The weight of all of them.
    sum: u64,
    /// When a token bucket will be full again.
    full_ns: u64,
    /// Nothing goes before.
    paused_ns: u64,
    /// From then on it says nothing that a new one would not.
    done_ns: u64,
}

/// A bucket's numbers.
#[derive(Clone, Copy)]
struct Rule {
    shape: Shape,
    capacity: u64,
    window_ns: u64,
    slack_ns: u64,
}

impl Rule {
    /// The start of the fixed window that a time is in.
    fn start(&self, at: u64) -> u64 {
        at - at % self.window_ns
    }

    /// What one unit of a token bucket takes to come back, rounded up: never faster than the venue.
    fn per_unit_ns(&self) -> u64 {
        self.window_ns.div_ceil(self.capacity)
    }

    /// A fixed window too short to keep clear of its edges is kept as a rolling one.
    fn shape(&self) -> Shape {
        match self.shape {
            Shape::Fixed if self.window_ns < 4 * self.slack_ns => Shape::Rolling,
            shape => shape,
        }
    }
}

impl Limiter {
    /// A limiter for a network where two requests may come to lie up to `slack_ms` nearer together,
    /// or a venue's clock may be off by as much.
    pub fn new(slack_ms: u32) -> Self {
        Self { slack_ns: u64::from(slack_ms) * NS_PER_MS, state: Mutex::default() }
    }

    /// Books one request: all its costs, or none.
    pub fn reserve(&self, venue: &str, costs: &[Cost<'_>], now_ns: u64, wait_max_ns: u64) -> Grant {
        let mut state = self.state();
        let mut at = now_ns.max(state.banned.get(venue).copied().unwrap_or(0));
        if at - now_ns > wait_max_ns {
            return Grant::Refused(at);
        }
        for round in 0..=ROUNDS_MAX {
            let before = at;
            for cost in costs {
                let rule = self.rule(cost.bucket);
                if u64::from(cost.weight) > rule.capacity {
                    return Grant::Refused(u64::MAX);
                }
                let Some(counter) = state.counter(venue, cost, now_ns) else {
                    return Grant::Refused(now_ns.saturating_add(rule.window_ns));
                };
                at = at.max(counter.earliest(rule, u64::from(cost.weight), at));
            }
            if at == before {
                break;
            }
            if round == ROUNDS_MAX {
                return Grant::Refused(at);
            }
        }
        if at - now_ns > wait_max_ns {
            return Grant::Refused(at);
        }
        for cost in costs {
            let rule = self.rule(cost.bucket);
            // Nothing weighs nothing; the counter is there, because its time was just asked for.
            if let Some(counter) = state.counter(venue, cost, now_ns).filter(|_| cost.weight > 0) {
                counter.book(rule, u64::from(cost.weight), at, now_ns);
            }
        }
        if at == now_ns { Grant::Now } else { Grant::At(at) }
    }

    /// Takes in what the venue said with a response to a request of these costs: its own counts, and
    /// on 429 or 418 how long to stay away. `header` looks a response header up by its lower-case name.
    pub fn heard<'h>(
        &self,
        venue: &str,
        costs: &[Cost<'_>],
        status: u16,
        header: impl Fn(&str) -> Option<&'h str>,
        now_ns: u64,
    ) {
        let mut state = self.state();
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let asked = header("retry-after").and_then(number).map(|s| s.min(PAUSE_S_MAX) * NS_PER_S);
        for cost in costs {
            let rule = self.rule(cost.bucket);
            let used = cost.bucket.used_header.as_deref().and_then(&header).and_then(number);
            let Some(counter) = state.counter(venue, cost, now_ns) else { continue };
            if let Some(used) = used {
                counter.raise(rule, used, now_ns);
            }
            if status == 429 {
                let until = now_ns.saturating_add(asked.unwrap_or(rule.window_ns));
                counter.pause(until);
            }
        }
        if status == 418 {
            // A ban without a term: Binance's shortest is two minutes.
            state.ban(venue, now_ns.saturating_add(asked.unwrap_or(120 * NS_PER_S)));
        } else if status == 429 && costs.is_empty() {
            state.ban(venue, now_ns.saturating_add(asked.unwrap_or(NS_PER_S)));
        }
    }

    /// Stops a venue for so long, at most seven days: for bans told otherwise than by 418.
    pub fn ban(&self, venue: &str, wait_ms: u64, now_ns: u64) {
        let wait_ms = wait_ms.min(PAUSE_S_MAX * 1_000);
        self.state().ban(venue, now_ns.saturating_add(wait_ms.saturating_mul(NS_PER_MS)));
    }

    fn rule(&self, bucket: &Bucket) -> Rule {
        Rule {
            shape: bucket.shape,
            capacity: u64::from(bucket.capacity).min(BOOKINGS_MAX as u64).max(1),
            window_ns: u64::from(bucket.window_ms).max(1) * NS_PER_MS,
            slack_ns: self.slack_ns,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic between two counts leaves at worst one booking too many.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ban(&mut self, venue: &str, until_ns: u64) {
        let until = self.banned.entry(venue.to_owned()).or_default();
        *until = until_ns.max(*until);
    }

    /// None where all counters are in use: a plugin made up scopes.
    fn counter(&mut self, venue: &str, cost: &Cost<'_>, now_ns: u64) -> Option<&mut Counter> {
        let key = (venue.to_owned(), cost.bucket.name.clone(), cost.scope.to_owned());
        if self.counters.len() >= COUNTERS_MAX && !self.counters.contains_key(&key) {
            self.counters.retain(|_, counter| counter.done_ns > now_ns);
            if self.counters.len() >= COUNTERS_MAX {
                return None;
            }
        }
        Some(self.counters.entry(key).or_default())
    }
}

impl Counter {
    fn pause(&mut self, until_ns: u64) {
        self.paused_ns = self.paused_ns.max(until_ns);
        self.done_ns = self.done_ns.max(until_ns);
    }

    /// The first time from `at` on at which `weight` more is within the rule.
    fn earliest(&self, rule: Rule, weight: u64, at: u64) -> u64 {
        let at = at.max(self.paused_ns);
        match rule.shape() {
            Shape::Token => {
                // Full again at `full_ns` means that much is missing now.
                let room = (rule.capacity - weight) * rule.per_unit_ns();
                at.max(self.full_ns.saturating_sub(room))
            }
            Shape::Rolling => {
                let at = at.max(self.booked.back().map_or(0, |(last, _)| *last));
                let mut sum = self.sum;
                // Bookings leave from the front; the first time by which enough of them have.
                for (booked, gone) in &self.booked {
                    let leaves = booked.saturating_add(rule.window_ns + rule.slack_ns + 1);
                    if leaves <= at {
                        sum -= gone;
                    } else if sum + weight <= rule.capacity {
                        return at;
                    } else {
                        sum -= gone;
                        if sum + weight <= rule.capacity {
                            return leaves;
                        }
                    }
                }
                at
            }
            Shape::Fixed => {
                let mut at = at.max(self.booked.back().map_or(0, |(last, _)| *last));
                let start = rule.start(at);
                let inside = self.booked.iter().filter(|(booked, _)| rule.start(*booked) == start);
                if inside.map(|(_, weight)| weight).sum::<u64>() + weight > rule.capacity {
                    at = start.saturating_add(rule.window_ns);
                }
                // Near an edge nobody knows in which window the venue will count it.
                let start = rule.start(at);
                let end = start.saturating_add(rule.window_ns);
                match at >= end.saturating_sub(rule.slack_ns) {
                    true => end.saturating_add(rule.slack_ns),
                    false => at.max(start.saturating_add(rule.slack_ns)),
                }
            }
        }
    }

    fn book(&mut self, rule: Rule, weight: u64, at: u64, now_ns: u64) {
        self.done_ns = self.done_ns.max(at.saturating_add(2 * (rule.window_ns + rule.slack_ns)));
        if rule.shape() == Shape::Token {
            self.full_ns = self.full_ns.max(at).saturating_add(weight * rule.per_unit_ns());
            return;
        }
        self.forget(rule, now_ns);
        self.booked.push_back((at, weight));
        self.sum += weight;
    }

    /// The venue counts `used` by now: what it has more than we is booked too.
    fn raise(&mut self, rule: Rule, used: u64, now_ns: u64) {
        let used = used.min(rule.capacity);
        self.done_ns =
            self.done_ns.max(now_ns.saturating_add(2 * (rule.window_ns + rule.slack_ns)));
        if rule.shape() == Shape::Token {
            self.full_ns = self.full_ns.max(now_ns.saturating_add(used * rule.per_unit_ns()));
            return;
        }
        self.forget(rule, now_ns);
        let from = match rule.shape() {
            Shape::Fixed => rule.start(now_ns),
            _ => now_ns.saturating_sub(rule.window_ns),
        };
        let ours: u64 =
            self.booked.iter().filter(|(at, _)| (from..=now_ns).contains(at)).map(|b| b.1).sum();
        let more = used.saturating_sub(ours);
        if more > 0 {
            let place = self.booked.partition_point(|(at, _)| *at <= now_ns);
            self.booked.insert(place, (now_ns, more));
            self.sum += more;
        }
    }

    fn forget(&mut self, rule: Rule, now_ns: u64) {
        let kept = rule.window_ns + rule.slack_ns;
        while let Some((at, weight)) = self.booked.front().copied() {
            if at.saturating_add(kept) >= now_ns {
                break;
            }
            self.booked.pop_front();
            self.sum -= weight;
        }
    }
}

#[cfg(test)]
mod tests;
