//! Rate limits as the venue counts them.
//!
//! Comes in: a charge on a named bucket and the venue's time. Goes out: how much of the window is
//! used, whether it is over, bans, and for a test the most that was ever used. Deliberately absent:
//! any smoothing. A fixed window starts on the wall clock, a rolling one forgets request by request.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Requests a rolling window remembers; far above any limit, so only a flood meets it.
const ROLLING_MAX: usize = 100_000;

/// What each dialect allows. The defaults are the venues' own, without VIP levels.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Binance spot, weight per wall-clock minute and IP.
    pub binance_spot_weight: u64,
    /// Binance USD-M, weight per wall-clock minute and IP.
    pub binance_perp_weight: u64,
    /// Binance spot, orders per wall-clock ten seconds and account.
    pub binance_spot_orders: u64,
    /// Binance spot, orders per wall-clock day and account.
    pub binance_spot_orders_day: u64,
    /// Binance USD-M, orders per wall-clock ten seconds and account.
    pub binance_perp_orders: u64,
    /// Binance USD-M, orders per wall-clock minute and account.
    pub binance_perp_orders_minute: u64,
    /// Binance, requests answered 429 within a window before the 418.
    pub binance_strikes: u64,
    /// Binance, length of the 418 ban in milliseconds.
    pub binance_ban_ms: i64,
    /// OKX, public requests per rolling two seconds and endpoint.
    pub okx_public: u64,
    /// OKX, balance and position reads per rolling two seconds and endpoint.
    pub okx_account: u64,
    /// OKX, requests per rolling two seconds on every order endpoint, and instrument for writes.
    pub okx_orders: u64,
    /// Bybit, requests per rolling five seconds and IP.
    pub bybit_ip: u64,
    /// Bybit, length of the ban that follows, in milliseconds.
    pub bybit_ban_ms: i64,
    /// Bybit spot, writes per second and endpoint.
    pub bybit_spot_orders: u64,
    /// Bybit linear, writes per second and endpoint.
    pub bybit_linear_orders: u64,
    /// Bybit, private reads per second and endpoint.
    pub bybit_reads: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            binance_spot_weight: 6_000,
            binance_perp_weight: 2_400,
            binance_spot_orders: 100,
            binance_spot_orders_day: 200_000,
            binance_perp_orders: 300,
            binance_perp_orders_minute: 1_200,
            binance_strikes: 5,
            binance_ban_ms: 120_000,
            okx_public: 20,
            okx_account: 10,
            okx_orders: 60,
            bybit_ip: 600,
            bybit_ban_ms: 600_000,
            bybit_spot_orders: 20,
            bybit_linear_orders: 10,
            bybit_reads: 50,
        }
    }
}

/// When a window forgets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Window {
    /// At every whole multiple of so many milliseconds of the venue's clock.
    Fixed(i64),
    /// Each request after so many milliseconds.
    Rolling(i64),
}

/// What a charge came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Charge {
    /// Used in this window, with this charge.
    pub used: u64,
    /// The limit it was held against.
    pub limit: u64,
    /// Whether that is more than the limit.
    pub is_over: bool,
    /// How often this window was over, with this charge.
    pub strikes: u64,
    /// Until there is room again, in milliseconds.
    pub retry_after_ms: i64,
}

/// The most a bucket ever held, for a test.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The limit.
    pub limit: u64,
    /// The most ever used within one window, refused requests included.
    pub used_max: u64,
    /// Requests that were refused.
    pub violations: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    window: i64,
    used: u64,
    strikes: u64,
    log: VecDeque<(i64, u64)>,
    usage: Usage,
}

/// Every bucket of the venue.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    buckets: BTreeMap<String, Bucket>,
    bans: BTreeMap<String, i64>,
}

impl Meter {
    /// Charges a bucket. A fixed window counts refused requests too, a rolling one does not.
    pub(crate) fn charge(
        &mut self,
        name: &str,
        window: Window,
        limit: u64,
        weight: u64,
        now_ms: i64,
    ) -> Charge {
        let bucket = self.buckets.entry(name.to_owned()).or_default();
        let retry_after_ms = match window {
            Window::Fixed(width_ms) => {
                let number = now_ms.div_euclid(width_ms);
                if number != bucket.window {
                    (bucket.window, bucket.used, bucket.strikes) = (number, 0, 0);
                }
                (number + 1) * width_ms - now_ms
            }
            Window::Rolling(width_ms) => {
                while let Some((_, old)) =
                    bucket.log.front().filter(|(at_ms, _)| now_ms - at_ms >= width_ms)
                {
                    bucket.used -= old;
                    bucket.log.pop_front();
                }
                bucket.log.front().map_or(width_ms, |(at_ms, _)| width_ms - (now_ms - at_ms))
            }
        };
        let used = bucket.used + weight;
        let is_over = used > limit || bucket.log.len() >= ROLLING_MAX;
        match window {
            Window::Fixed(_) => bucket.used = used,
            Window::Rolling(_) if is_over => {}
            Window::Rolling(_) => {
                bucket.used = used;
                bucket.log.push_back((now_ms, weight));
            }
        }
        bucket.strikes += u64::from(is_over);
        bucket.usage.limit = limit;
        bucket.usage.used_max = bucket.usage.used_max.max(used);
        bucket.usage.violations += u64::from(is_over);
        Charge { used, limit, is_over, strikes: bucket.strikes, retry_after_ms }
    }

    /// Shuts somebody out until a time.
    pub(crate) fn ban(&mut self, who: &str, until_ms: i64) {
        self.bans.insert(who.to_owned(), until_ms);
    }

    /// Until when somebody is shut out; every request meanwhile is a violation.
    pub(crate) fn banned(&mut self, who: &str, now_ms: i64) -> Option<i64> {
        let until_ms = self.bans.get(who).copied().filter(|until_ms| now_ms < *until_ms)?;
        self.buckets.entry(format!("{who} while banned")).or_default().usage.violations += 1;
        Some(until_ms)
    }

    /// The most each bucket ever held.
    pub(crate) fn usage(&self) -> BTreeMap<String, Usage> {
        self.buckets.iter().map(|(name, bucket)| (name.clone(), bucket.usage.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_window_is_empty_again_when_its_time_is_over() {
        let mut meter = Meter::default();
        for window in [Window::Fixed(1_000), Window::Rolling(1_000)] {
            let name = format!("{window:?}");
            let mut ask = |now_ms| meter.charge(&name, window, 10, 10, now_ms);
            assert!(!ask(5_000).is_over);
            let refused = ask(5_999);
            assert!(refused.is_over);
            assert_eq!(refused.retry_after_ms, 1, "{window:?}");
            assert!(!ask(6_000).is_over, "{window:?}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_never_exceeds_the_limit_in_any_window_of_its_shape(
            waits in proptest::collection::vec((0_i64..300, 1_u64..4), 1..200),
        ) {
            let mut meter = Meter::default();
            let mut now_ms = 1_000_000;
            let (mut rolling, mut fixed) = (Vec::new(), Vec::new());
            for (wait_ms, weight) in waits {
                now_ms += wait_ms;
                if !meter.charge("r", Window::Rolling(1_000), 10, weight, now_ms).is_over {
                    rolling.push((now_ms, weight));
                }
                if !meter.charge("f", Window::Fixed(1_000), 10, weight, now_ms).is_over {
                    fixed.push((now_ms / 1_000, weight));
                }
            }
            for (at_ms, _) in &rolling {
                let inside = rolling.iter().filter(|(other, _)| (0..1_000).contains(&(other - at_ms)));
                prop_assert!(inside.map(|(_, weight)| weight).sum::<u64>() <= 10);
            }
            for (window, _) in &fixed {
                let inside = fixed.iter().filter(|(other, _)| other == window);
                prop_assert!(inside.map(|(_, weight)| weight).sum::<u64>() <= 10);
            }
        }
    }
}
