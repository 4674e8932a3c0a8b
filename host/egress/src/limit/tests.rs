use super::*;
use proptest::prelude::*;
use wickd_policy::venue::Scope;

const FOREVER: u64 = u64::MAX;

fn bucket(shape: Shape, capacity: u32, window_ms: u32) -> Bucket {
    let (name, used_header) = ("b".to_owned(), Some("used".to_owned()));
    let endpoints = Vec::new();
    Bucket { name, shape, capacity, window_ms, scope: Scope::Ip, used_header, endpoints }
}

fn cost(bucket: &Bucket, weight: u32) -> Cost<'_> {
    Cost { bucket, scope: "", weight }
}

fn when(grant: Grant, now: u64) -> u64 {
    match grant {
        Grant::Now => now,
        Grant::At(at) => at,
        Grant::Refused(until) => panic!("refused until {until}"),
    }
}

#[test]
fn a_burst_passes_and_the_next_waits_a_whole_window() {
    let (limiter, rolling) = (Limiter::new(0), bucket(Shape::Rolling, 2, 1));
    let reserve = |now| limiter.reserve("v", &[cost(&rolling, 1)], now, FOREVER);
    assert_eq!((reserve(10), reserve(20)), (Grant::Now, Grant::Now));
    assert_eq!((reserve(30), reserve(30)), (Grant::At(1_000_011), Grant::At(1_000_021)));
    assert_eq!(reserve(5_000_000), Grant::Now);
}

#[test]
fn a_token_bucket_saves_a_pause_and_a_fixed_window_starts_anew() {
    let (limiter, token) = (Limiter::new(0), bucket(Shape::Token, 4, 1));
    let reserve = |weight, now| limiter.reserve("v", &[cost(&token, weight)], now, FOREVER);
    assert_eq!((reserve(4, 0), reserve(1, 0)), (Grant::Now, Grant::At(250_000)));
    assert_eq!(reserve(3, 1_250_000), Grant::Now);
    let (limiter, fixed) = (Limiter::new(0), bucket(Shape::Fixed, 2, 1));
    let reserve = |now| limiter.reserve("v", &[cost(&fixed, 2)], now, FOREVER);
    assert_eq!((reserve(999_999), reserve(999_999)), (Grant::Now, Grant::At(1_000_000)));
}

#[test]
fn a_request_takes_all_its_costs_or_none() {
    let (limiter, narrow) = (Limiter::new(0), bucket(Shape::Rolling, 1, 1_000));
    let wide = Bucket { name: "wide".into(), ..bucket(Shape::Rolling, 2, 10) };
    let both = [cost(&narrow, 1), cost(&wide, 1)];
    assert_eq!(limiter.reserve("v", &both, 0, 0), Grant::Now);
    assert_eq!(limiter.reserve("v", &both, 5, 0), Grant::Refused(1_000_000_001));
    // The refused one left nothing in the wide bucket, and scopes and venues count apart.
    assert_eq!(limiter.reserve("v", &[cost(&wide, 1)], 5, 0), Grant::Now);
    assert_eq!(limiter.reserve("w", &both, 5, 0), Grant::Now);
    let other = Cost { scope: "BTC", ..cost(&narrow, 1) };
    assert_eq!(limiter.reserve("v", &[other], 5, 0), Grant::Now);
    assert_eq!(limiter.reserve("v", &[cost(&wide, 3)], 5, FOREVER), Grant::Refused(u64::MAX));
}

#[test]
fn the_venues_own_count_raises_ours_and_never_lowers_it() {
    for shape in [Shape::Rolling, Shape::Fixed, Shape::Token] {
        let (limiter, bucket) = (Limiter::new(0), bucket(shape, 10, 1_000));
        let costs = [cost(&bucket, 1)];
        assert_eq!(limiter.reserve("v", &costs, 0, 0), Grant::Now);
        let heard = |used| {
            limiter.heard("v", &costs, 200, |name| (name == "used").then_some(used), 1);
        };
        heard("9");
        heard("3");
        heard("rubbish");
        assert_eq!(limiter.reserve("v", &costs, 2, 0), Grant::Now, "{shape:?}");
        let next = limiter.reserve("v", &costs, 3, 0);
        assert!(matches!(next, Grant::Refused(at) if at > 3), "{shape:?}: {next:?}");
    }
}

#[test]
fn a_429_pauses_its_buckets_and_a_418_stops_the_venue() {
    let (limiter, one) = (Limiter::new(0), bucket(Shape::Rolling, 9, 1_000));
    let two = Bucket { name: "two".into(), ..one.clone() };
    let (one, two) = ([cost(&one, 1)], [cost(&two, 1)]);
    let after = |name: &str| (name == "retry-after").then_some("2");
    limiter.heard("v", &one, 429, after, 0);
    assert_eq!(limiter.reserve("v", &one, 5, 0), Grant::Refused(2 * NS_PER_S));
    assert_eq!(limiter.reserve("v", &two, 5, 0), Grant::Now);
    limiter.heard("v", &one, 429, |_| None, 3 * NS_PER_S);
    assert_eq!(limiter.reserve("v", &one, 3 * NS_PER_S, 0), Grant::Refused(4 * NS_PER_S));
    limiter.heard("v", &[], 418, |_| Some("99999999999"), 0);
    let week = PAUSE_S_MAX * NS_PER_S;
    assert_eq!(limiter.reserve("v", &two, 5, 0), Grant::Refused(week));
    assert_eq!(limiter.reserve("w", &two, 5, 0), Grant::Now);
    limiter.ban("w", 50, 0);
    limiter.ban("w", 40, 0);
    assert_eq!(limiter.reserve("w", &two, 6, 9), Grant::Refused(50 * NS_PER_MS));
}

#[test]
fn scopes_that_a_plugin_makes_up_are_bounded_and_forgotten() {
    let (limiter, bucket) = (Limiter::new(0), bucket(Shape::Rolling, 1, 1));
    let reserve = |scope: usize, now| {
        let scope = scope.to_string();
        limiter.reserve("v", &[Cost { scope: &scope, ..cost(&bucket, 1) }], now, 0)
    };
    assert!((0..COUNTERS_MAX).all(|scope| reserve(scope, 0) == Grant::Now));
    assert_eq!(reserve(COUNTERS_MAX, 1), Grant::Refused(1_000_001));
    assert_eq!(reserve(COUNTERS_MAX, 10_000_000), Grant::Now);
    limiter.ban("v", u64::MAX, 0);
    assert_eq!(reserve(0, 10_000_000), Grant::Refused(PAUSE_S_MAX * NS_PER_S));
}

/// The most weight in any window (t - window, t], as a venue that rolls would count.
fn worst(sent: &[(u64, u64)], window_ns: u64) -> u64 {
    let within = |end: u64| {
        sent.iter().filter(move |(at, _)| *at <= end && at.saturating_add(window_ns) > end)
    };
    sent.iter().map(|(end, _)| within(*end).map(|(_, w)| w).sum()).max().unwrap_or(0)
}

proptest! {
    #[test]
    fn no_schedule_breaks_a_rolling_window(
        capacity in 1u32..20,
        window_ms in 1u32..50,
        slack_ms in 0u32..5,
        requests in prop::collection::vec((0u64..20_000_000, 1u32..8, 0u32..5), 1..120),
    ) {
        let limiter = Limiter::new(slack_ms);
        let first = bucket(Shape::Rolling, capacity, window_ms);
        let second = Bucket { name: "c".into(), ..bucket(Shape::Rolling, 7, 2 * window_ms) };
        let (mut now, mut sent, mut sent_second) = (0u64, Vec::new(), Vec::new());
        for (step, weight, mode) in requests {
            now += step;
            let mut costs = vec![cost(&first, weight)];
            if mode == 0 {
                costs.push(cost(&second, 1));
            }
            if mode == 1 {
                limiter.heard("v", &costs, 200, |_| Some("3"), now);
            }
            let patience = if mode == 2 { 0 } else { FOREVER };
            let grant = limiter.reserve("v", &costs, now, patience);
            if let Grant::Refused(_) = grant {
                prop_assert!(weight > capacity || mode == 2);
                continue;
            }
            sent.push((when(grant, now), u64::from(weight)));
            if mode == 0 {
                sent_second.push((when(grant, now), 1));
            }
        }
        let ns = |ms: u32| u64::from(ms) * NS_PER_MS;
        prop_assert!(worst(&sent, ns(window_ms + slack_ms)) <= u64::from(capacity));
        prop_assert!(worst(&sent_second, ns(2 * window_ms + slack_ms)) <= 7);
    }

    #[test]
    fn no_schedule_breaks_a_fixed_window_even_when_the_clock_is_off(
        capacity in 1u32..20,
        requests in prop::collection::vec((0u64..3_000_000, 1u32..8), 1..120),
        off in -1_000_000i64..=999_999,
    ) {
        let (limiter, fixed) = (Limiter::new(1), bucket(Shape::Fixed, capacity, 10));
        let (mut now, mut counts) = (0u64, BTreeMap::<u64, u64>::new());
        for (step, weight) in requests {
            now += step;
            let grant = limiter.reserve("v", &[cost(&fixed, weight)], now, FOREVER);
            if let Grant::Now | Grant::At(_) = grant {
                let seen = when(grant, now).saturating_add_signed(off);
                *counts.entry(seen / 10_000_000).or_default() += u64::from(weight);
            }
        }
        prop_assert!(counts.values().all(|count| *count <= u64::from(capacity)), "{counts:?}");
    }

    #[test]
    fn a_token_bucket_gives_no_more_than_its_rate_and_one_burst(
        capacity in 1u32..20,
        requests in prop::collection::vec((0u64..3_000_000, 1u32..8), 1..120),
    ) {
        let (limiter, token) = (Limiter::new(0), bucket(Shape::Token, capacity, 10));
        let (mut now, mut sent) = (0u64, Vec::new());
        for (step, weight) in requests {
            now += step;
            let grant = limiter.reserve("v", &[cost(&token, weight)], now, FOREVER);
            if let Grant::Now | Grant::At(_) = grant {
                sent.push((when(grant, now), u64::from(weight)));
            }
        }
        sent.sort();
        for (index, (from, _)) in sent.iter().enumerate() {
            let mut sum = 0;
            for (at, weight) in &sent[index..] {
                sum += weight;
                let refilled = (at - from) * u64::from(capacity) / 10_000_000;
                prop_assert!(sum <= u64::from(capacity) + refilled + 1);
            }
        }
    }
}
