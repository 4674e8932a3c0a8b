//! A generation's share of its lane: the work of one second of event time, and what follows from more.
//!
//! Work is fuel and time is event time, so a replay judges exactly as the live run did. The first
//! second above the share ends early for the slot: it hears nothing more until the next one. The
//! second such second mutes it for longer, and the third is the end of these bytes.

use wickd_model::{Fault, FaultKind, Limits, TsNs};

const SECOND_NS: u64 = 1_000_000_000;
/// How long the second strike mutes, in nanoseconds of event time: long enough that its neighbours
/// have caught up, short enough that an honest plugin in a wild minute trades on.
const MUTED_NS: u64 = 10 * SECOND_NS;
/// After this long without a strike the earlier ones are forgotten.
const FORGOTTEN_NS: u64 = 60 * SECOND_NS;
/// Strikes within that time after which the bytes are given up.
const STRIKES_MAX: u32 = 3;

/// What a second above the share leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strike {
    /// Nothing more is heard in this second.
    Late,
    /// Nothing is heard for [`MUTED_NS`].
    Muted,
    /// These bytes are given up.
    Last,
}

/// What it did with its second when it was struck.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overuse {
    /// What follows.
    pub strike: Strike,
    /// Fuel used in the second so far.
    pub used: u64,
    /// What it may use.
    pub most: u64,
    /// In how many calls.
    pub calls: u32,
}

impl Overuse {
    /// How much it was, for people.
    pub(crate) fn in_words(&self) -> String {
        format!(
            "used {} fuel of its lane in {} calls of one second of event time, where its share is {}",
            self.used, self.calls, self.most
        )
    }

    /// The failure, where it comes to that.
    #[cold]
    pub(crate) fn fault(&self, limits: &Limits, memory_bytes: u64) -> Box<Fault> {
        let most = limits.fuel_per_second;
        let message = format!(
            "{} fuel in {} calls of one second of event time; `limits.fuel_per_second` is {most}",
            self.used, self.calls
        );
        Box::new(Fault {
            kind: FaultKind::OverShare,
            call: "lane".to_owned(),
            message,
            panic_text: None,
            backtrace: Vec::new(),
            log: Vec::new(),
            fuel_used: self.used,
            fuel_limit: self.most,
            memory_bytes,
            memory_limit_bytes: limits.memory_bytes,
        })
    }
}

/// One generation's use of its lane.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    most: u64,
    used: u64,
    calls: u32,
    /// Where the second in progress ends.
    ends: TsNs,
    muted: bool,
    muted_until: TsNs,
    strikes: u32,
    /// When it was struck last, in the second that it was.
    struck: TsNs,
}

impl Share {
    pub(crate) fn new(most: u64) -> Self {
        let (used, calls, ends, strikes) = (0, 0, 0, 0);
        Self { most, used, calls, ends, muted: false, muted_until: 0, strikes, struck: 0 }
    }

    /// Whether it may be called at this event time.
    #[inline]
    pub(crate) fn admits(&mut self, now: TsNs) -> bool {
        if now >= self.ends {
            self.begin_second(now);
        }
        !self.muted
    }

    /// A call has used this much; true where that is more than the share.
    #[inline]
    pub(crate) fn spend(&mut self, fuel: u64) -> bool {
        self.used = self.used.saturating_add(fuel);
        self.calls = self.calls.wrapping_add(1);
        self.used > self.most
    }

    #[cold]
    fn begin_second(&mut self, now: TsNs) {
        self.ends = (now / SECOND_NS + 1).saturating_mul(SECOND_NS);
        (self.used, self.calls) = (0, 0);
        self.muted = now < self.muted_until;
        if now.saturating_sub(self.struck) >= FORGOTTEN_NS {
            self.strikes = 0;
        }
    }

    /// After `spend` said so: what follows, once a second.
    #[cold]
    pub(crate) fn strike(&mut self, now: TsNs) -> Option<Overuse> {
        if self.strikes > 0 && self.struck / SECOND_NS == now / SECOND_NS {
            return None;
        }
        (self.strikes, self.struck, self.muted) = (self.strikes + 1, now, true);
        let (strike, until) = match self.strikes {
            1 => (Strike::Late, self.ends),
            2..STRIKES_MAX => (Strike::Muted, now.saturating_add(MUTED_NS)),
            _ => (Strike::Last, TsNs::MAX),
        };
        self.muted_until = self.muted_until.max(until);
        Some(Overuse { strike, used: self.used, most: self.most, calls: self.calls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Calls of this much fuel each millisecond, where they are admitted.
    fn strikes(share: &mut Share, fuel: u64, ms: std::ops::Range<u64>) -> Vec<(u64, Strike)> {
        let mut struck = Vec::new();
        for ms in ms {
            let now = ms * 1_000_000;
            if share.admits(now) && share.spend(fuel) {
                struck.extend(share.strike(now).map(|of| (ms, of.strike)));
            }
        }
        struck
    }

    #[test]
    fn who_goes_on_above_its_share_is_late_then_muted_then_given_up() {
        let mut share = Share::new(1_000);
        let struck = strikes(&mut share, 10, 0..60_000);
        // A hundred calls fit into each second.
        assert_eq!(struck, [(100, Strike::Late), (1_100, Strike::Muted), (12_100, Strike::Last)]);
        assert!(!share.admits(u64::MAX - 1), "never again");
    }

    #[test]
    fn one_wild_second_an_hour_is_never_more_than_late() {
        let mut share = Share::new(1_000);
        for hour in 0..50 {
            let from = hour * 3_600_000;
            assert_eq!(strikes(&mut share, 10, from..from + 500), [(from + 100, Strike::Late)]);
            assert!(share.admits((from + 1_000) * 1_000_000), "the next second is its own");
        }
    }

    proptest! {
        #[test]
        fn no_second_holds_more_than_the_share_and_one_call(
            calls in prop::collection::vec((0u64..400, 0u64..2_000), 1..400),
        ) {
            let (mut share, mut now, mut used, mut second) = (Share::new(5_000), 0, 0, 0);
            for (gap_ms, fuel) in calls {
                now += gap_ms * 1_000_000;
                if now / SECOND_NS != second {
                    (second, used) = (now / SECOND_NS, 0);
                }
                if share.admits(now) {
                    prop_assert!(used <= 5_000, "called again after {used}");
                    used += fuel;
                    if share.spend(fuel) {
                        share.strike(now);
                    }
                }
            }
        }
    }
}
