//! Volume spikes: a bucket of time that trades several times what the ones before it did.
//!
//! Comes in: trades of one instrument. Goes out: one signal a spike, with the direction the price
//! took in the bucket. Deliberately absent: who was the aggressor; venues do not all say.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may fail"))]

use wickd_sdk::indicators::StdDev;
use wickd_sdk::prelude::*;

/// What an operator can set.
#[derive(Params)]
pub struct Config {
    /// How long one bucket is, in milliseconds.
    #[param(default = 1_000, min = 100, max = 3_600_000)]
    bucket: Duration,
    /// How many closed buckets a new one is held against.
    #[param(default = 10, min = 2, max = 1000)]
    baseline: u32,
    /// How many times the average of the baseline is a spike.
    #[param(default = "3", min = "1.1", max = "100", step = "0.1")]
    factor: Decimal,
    /// How long the signal is valid, in milliseconds.
    #[param(default = 3_000, min = 100, max = 3_600_000)]
    hold: Duration,
}

/// The signal.
#[derive(State)]
#[state(version = 1)]
pub struct VolumeSpike {
    #[state(skip)]
    instrument: Instrument,
    #[state(skip)]
    bucket_ns: u64,
    #[state(skip)]
    baseline_buckets: u64,
    #[state(skip)]
    factor: f64,
    #[state(skip)]
    hold_ns: u64,
    baseline: StdDev,
    /// Number of the open bucket since 1970; 0 before the first trade.
    bucket: u64,
    volume: f64,
    opened: Px,
    /// The open bucket has spoken.
    spoken: bool,
}

impl Signal for VolumeSpike {
    type Params = Config;
    const OUTPUTS: &'static [&'static str] = &["spike"];

    fn new(params: Config, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        let instrument = setup.instrument()?;
        setup.trades().warm_up(params.baseline.saturating_mul(50));
        Ok(Self {
            instrument,
            bucket_ns: params.bucket.as_nanos() as u64,
            baseline_buckets: params.baseline.into(),
            factor: params.factor.to_f64(),
            hold_ns: params.hold.as_nanos() as u64,
            baseline: StdDev::new(params.baseline),
            bucket: 0,
            volume: 0.0,
            opened: Px::ZERO,
            spoken: false,
        })
    }

    fn on_trade(&mut self, ctx: &mut SignalContext, trade: &Trade) {
        self.roll(trade.at.ts_event / self.bucket_ns, trade.price);
        self.volume += self.instrument.qty_f64(trade.size);
        let usual = self.baseline.mean();
        if self.spoken || usual <= 0.0 || self.volume < usual * self.factor {
            return;
        }
        let direction = match trade.price.cmp(&self.opened) {
            std::cmp::Ordering::Less => Direction::Down,
            std::cmp::Ordering::Equal => Direction::Flat,
            std::cmp::Ordering::Greater => Direction::Up,
        };
        self.spoken = ctx.emit(Emission {
            instrument: self.instrument.id,
            output: 0,
            direction,
            // 0 at the usual volume, nearing 1 far above it.
            strength: 1.0 - usual / self.volume,
            // A baseline that swings widely says little; a steady one says much.
            confidence: usual / (usual + self.baseline.value()),
            valid_until: ctx.now() + self.hold_ns,
        });
    }
}

impl VolumeSpike {
    /// Closes the open bucket, and the empty ones after it, where `bucket` is a later one.
    fn roll(&mut self, bucket: u64, price: Px) {
        if bucket <= self.bucket {
            return;
        }
        if self.bucket != 0 {
            self.baseline.update(self.volume);
            // More empty buckets than the baseline is long leave nothing but zeros in it.
            let empty = (bucket - self.bucket - 1).min(self.baseline_buckets);
            (0..empty).for_each(|_| self.baseline.update(0.0));
        }
        (self.bucket, self.volume, self.opened, self.spoken) = (bucket, 0.0, price, false);
    }
}

wickd_sdk::export_signal!(VolumeSpike);

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_sdk::testing::{SignalTest, btc_usdt, recorded_btc_usdt};

    fn steady(test: &mut SignalTest<VolumeSpike>) {
        // Ten trades a bucket, 0.1 each, for twelve buckets.
        for _ in 0..120 {
            test.trade("39400.00", "0.1", Aggressor::Seller);
        }
    }

    #[test]
    fn a_bucket_far_above_its_baseline_speaks_once() {
        let mut test = SignalTest::<VolumeSpike>::new(&[], &[btc_usdt()]).unwrap();
        steady(&mut test);
        assert_eq!(test.emitted(), []);
        test.trade("39410.00", "5", Aggressor::Seller);
        test.trade("39420.00", "5", Aggressor::Seller);
        let [spike] = test.emitted() else { panic!("{:?}", test.emitted()) };
        assert_eq!((spike.direction, spike.output), (Direction::Up, 0));
        assert!(spike.strength > 0.7 && spike.strength < 1.0, "{spike:?}");
        assert!(spike.confidence > 0.9 && spike.confidence <= 1.0, "{spike:?}");
    }

    #[test]
    fn the_recorded_market_has_a_few_spikes_and_a_swap_changes_none() {
        let new = || SignalTest::<VolumeSpike>::new(&[], &[btc_usdt()]).unwrap();
        let (mut whole, mut swapped) = (new(), new());
        for (at, event) in recorded_btc_usdt().iter().enumerate() {
            whole.replay(event);
            swapped.replay(event);
            if at % 500 == 123 {
                swapped = swapped.restart();
            }
        }
        assert!((1..=10).contains(&whole.emitted().len()), "{:?}", whole.emitted());
        assert_eq!(whole.emitted(), swapped.emitted());
        assert!(whole.emitted().iter().any(|spike| spike.direction == Direction::Down));
    }

    #[test]
    fn a_long_silence_costs_no_more_than_the_baseline() {
        let mut test = SignalTest::<VolumeSpike>::new(&[], &[btc_usdt()]).unwrap();
        steady(&mut test);
        let at = wickd_sdk::Stamp { instrument: 0, seq: 999, ts_event: u64::MAX / 2, ts_init: 0 };
        let (price, size, aggressor) = (Px(3_940_000), Qty(1), Aggressor::None);
        test.on_trade(&Trade { at, price, size, aggressor, trade_id: 1 });
        assert_eq!(test.emitted(), []);
    }
}
