//! A seeded market: quotes and trades around a random walk, in integers.
//!
//! Comes in: a [`SyntheticPlan`]. Goes out: events at an exact rate, the instruments in turn, the same
//! for the same plan on every machine. About one event in four is a trade at the bid or the ask, the
//! rest are quotes. Deliberately absent: realism. It feeds load tests and first steps; recorded data
//! is for strategies.
//!
//! Randomness is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
//! OOPSLA 2014): one multiplication-mixed counter, a fixed sequence for ever, no dependency.

use wickd_model::{Aggressor, Event, Instrument, InstrumentId, Quote, Stamp, Trade, TsNs};

use super::{FeedError, NS_PER_S};

/// Greatest rate, in events a second: beyond it two neighbours would be under 100 ns apart.
pub(super) const TICKS_PER_S_MAX: u32 = 10_000_000;
/// Where the walk starts, and between what it is kept, in price steps.
const STEPS_START: i64 = 1_000_000;
const STEPS_MIN: i64 = 500_000;
const STEPS_MAX: i64 = 2_000_000;
/// Largest size, in size steps above the least order.
const SIZE_STEPS_MAX: u64 = 1_000;

/// What a synthetic feed gives.
#[derive(Clone, Debug)]
pub struct SyntheticPlan {
    /// Of which instruments; they take turns.
    pub instruments: Vec<Instrument>,
    /// Events per second of event time, over all instruments: 1 to 10,000,000.
    pub ticks_per_s: u32,
    /// The same seed gives the same market.
    pub seed: u64,
    /// How many events in all; `None` never ends.
    pub count: Option<u64>,
    /// Event time of the first.
    pub starts_at: TsNs,
}

/// One instrument's walk.
struct Walk {
    instrument: InstrumentId,
    price_step: i64,
    qty_step: i64,
    min_qty: i64,
    /// The bid, in price steps.
    bid: i64,
    /// The ask, in price steps above the bid.
    spread: i64,
}

pub(super) struct Synthetic {
    walks: Vec<Walk>,
    turn: usize,
    random: u64,
    left: Option<u64>,
    made: u64,
    ts: TsNs,
    /// Whole nanoseconds between events, and what is left over per event in units of 1/rate.
    gap_ns: u64,
    gap_rest: u64,
    rest: u64,
    rate: u64,
}

impl Synthetic {
    pub(super) fn new(name: &str, plan: &SyntheticPlan) -> Result<Self, FeedError> {
        let wrong = |reason: String| FeedError::Plan { feed: name.to_owned(), reason };
        if plan.instruments.is_empty() {
            return Err(wrong("it has no instrument".to_owned()));
        }
        if !(1..=TICKS_PER_S_MAX).contains(&plan.ticks_per_s) {
            return Err(wrong(format!("its rate is not within 1 to {TICKS_PER_S_MAX} ticks/s")));
        }
        let walk = |instrument: &Instrument| {
            let greatest_price = instrument.price_step.checked_mul(STEPS_MAX + 2);
            let greatest_size = (instrument.qty_step.checked_mul(SIZE_STEPS_MAX as i64))
                .and_then(|size| size.checked_add(instrument.min_qty));
            let steps_positive = instrument.price_step > 0 && instrument.qty_step > 0;
            if greatest_price.is_none() || greatest_size.is_none() || !steps_positive {
                return Err(wrong(format!("the steps of {} are out of range", instrument.symbol)));
            }
            Ok(Walk {
                instrument: instrument.id,
                price_step: instrument.price_step,
                qty_step: instrument.qty_step,
                min_qty: instrument.min_qty.max(0),
                bid: STEPS_START,
                spread: 1,
            })
        };
        let rate = u64::from(plan.ticks_per_s);
        Ok(Self {
            walks: plan.instruments.iter().map(walk).collect::<Result<_, _>>()?,
            turn: 0,
            random: plan.seed,
            left: plan.count,
            made: 0,
            ts: plan.starts_at,
            gap_ns: NS_PER_S / rate,
            gap_rest: NS_PER_S % rate,
            rest: 0,
            rate,
        })
    }

    /// The next event, without allocating.
    pub(super) fn next(&mut self) -> Option<Event> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        let random = self.draw();
        let at = Stamp { instrument: 0, seq: 0, ts_event: self.ts, ts_init: self.ts };
        self.made += 1;
        self.ts = self.ts.checked_add(self.gap_ns)?;
        self.rest += self.gap_rest;
        if self.rest >= self.rate {
            self.rest -= self.rate;
            self.ts += 1;
        }
        let turn = self.turn;
        self.turn = if turn + 1 == self.walks.len() { 0 } else { turn + 1 };
        let walk = self.walks.get_mut(turn)?;
        Some(walk.step(random, at, self.made))
    }

    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Walk {
    /// Spends the bits of one draw: 0–1 kind, 2–3 move, 4 spread or side, 16–31 and 32–47 sizes.
    fn step(&mut self, random: u64, at: Stamp, made: u64) -> Event {
        let at = Stamp { instrument: self.instrument, ..at };
        let size = |bits: u64| {
            let steps = 1 + (bits & 0xffff) % SIZE_STEPS_MAX;
            // At most 1000 steps above the least, which `new` has checked to fit.
            self.min_qty - self.min_qty % self.qty_step + self.qty_step * steps as i64
        };
        let second = random >> 4 & 1 == 1;
        if random & 3 == 0 {
            let steps = if second { self.bid + self.spread } else { self.bid };
            return Event::Trade(Trade {
                at,
                price: steps * self.price_step,
                size: size(random >> 16),
                aggressor: if second { Aggressor::Buyer } else { Aggressor::Seller },
                trade_id: made,
            });
        }
        let (bid_qty, ask_qty) = (size(random >> 16), size(random >> 32));
        let step = [-1, 0, 0, 1][(random >> 2 & 3) as usize];
        self.bid = (self.bid + step).clamp(STEPS_MIN, STEPS_MAX);
        self.spread = 1 + i64::from(second);
        let (bid, ask) = (self.bid * self.price_step, (self.bid + self.spread) * self.price_step);
        Event::Quote(Quote { at, bid, ask, bid_qty, ask_qty })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::market::feed::tests::instrument;

    fn plan(instruments: u32, ticks_per_s: u32, seed: u64, count: Option<u64>) -> SyntheticPlan {
        let instruments = (0..instruments).map(instrument).collect();
        SyntheticPlan { instruments, ticks_per_s, seed, count, starts_at: 1_000 }
    }

    fn events(plan: &SyntheticPlan, most: usize) -> Vec<Event> {
        let mut feed = Synthetic::new("s", plan).unwrap();
        std::iter::from_fn(|| feed.next()).take(most).collect()
    }

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for seed 1234567, as published with the reference implementation.
        let mut feed = Synthetic::new("s", &plan(1, 1, 1_234_567, None)).unwrap();
        let drawn: Vec<_> = (0..3).map(|_| feed.draw()).collect();
        assert_eq!(drawn, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn the_same_seed_is_the_same_market_and_another_is_another() {
        let one = events(&plan(3, 1_000, 7, Some(5_000)), usize::MAX);
        assert_eq!(one, events(&plan(3, 1_000, 7, Some(5_000)), usize::MAX));
        assert_ne!(one, events(&plan(3, 1_000, 8, Some(5_000)), usize::MAX));
        assert_eq!(one.len(), 5_000);
        let trades = one.iter().filter(|event| matches!(event, Event::Trade(_))).count();
        assert!((1_000..1_500).contains(&trades), "{trades} trades of 5000 events");
    }

    #[test]
    fn a_plan_that_cannot_be_is_refused_with_the_feeds_name() {
        let mut steep = plan(1, 1, 0, None);
        steep.instruments[0].price_step = i64::MAX / 1_000;
        for plan in [plan(0, 1, 0, None), plan(1, 0, 0, None), plan(1, 10_000_001, 0, None), steep]
        {
            let told = Synthetic::new("s", &plan).err().map(|error| error.to_string());
            assert!(told.is_some_and(|told| told.contains("feed s")));
        }
    }

    proptest! {
        #[test]
        fn every_event_keeps_the_rules_of_its_instrument_and_its_exact_time(
            instruments in 1u32..4, rate in 1u32..=TICKS_PER_S_MAX, seed: u64,
        ) {
            let plan = plan(instruments, rate, seed, None);
            for (n, event) in events(&plan, 300).into_iter().enumerate() {
                let exact = n as u128 * 1_000_000_000 / u128::from(rate);
                prop_assert_eq!(u128::from(event.at().ts_event), 1_000 + exact);
                let of = &plan.instruments[n % instruments as usize];
                prop_assert_eq!(event.at().instrument, of.id);
                let (prices, sizes) = match event {
                    Event::Quote(q) => {
                        prop_assert!(q.bid < q.ask);
                        ([q.bid, q.ask], [q.bid_qty, q.ask_qty])
                    }
                    Event::Trade(t) => ([t.price; 2], [t.size; 2]),
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                };
                prop_assert!(prices.iter().all(|p| *p > 0 && p % of.price_step == 0));
                prop_assert!(sizes.iter().all(|s| *s >= of.min_qty && s % of.qty_step == 0));
            }
        }
    }
}
