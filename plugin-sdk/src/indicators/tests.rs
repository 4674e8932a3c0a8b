//! Every indicator against values worked out by hand, against a naive recomputation, and through a
//! save and a restore.

use proptest::prelude::*;

use super::*;
use crate::StateError;
use crate::state::{Field, decode, encode};

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-7 * a.abs().max(b.abs()).max(1.0)
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

#[test]
fn averages_match_hand_worked_values() {
    let (mut sma, mut ema, mut wma) = (Sma::new(3), Ema::new(3), Wma::new(3));
    let feed = |x: f64, sma: &mut Sma, ema: &mut Ema, wma: &mut Wma| {
        sma.update(x);
        ema.update(x);
        wma.update(x);
    };
    for x in [2.0, 4.0] {
        feed(x, &mut sma, &mut ema, &mut wma);
        assert!(!sma.ready() && !ema.ready() && !wma.ready());
        assert_eq!((sma.value(), ema.value(), wma.value()), (0.0, 0.0, 0.0));
    }
    feed(9.0, &mut sma, &mut ema, &mut wma);
    // (2+4+9)/3; the same as the seed; (2*1+4*2+9*3)/6.
    assert!(near(sma.value(), 5.0) && near(ema.value(), 5.0) && near(wma.value(), 37.0 / 6.0));
    feed(1.0, &mut sma, &mut ema, &mut wma);
    // (4+9+1)/3; 5 + (1-5)/2; (4+18+3)/6.
    assert!(near(sma.value(), 14.0 / 3.0) && near(ema.value(), 3.0));
    assert!(near(wma.value(), 25.0 / 6.0));
}

#[test]
fn rises_alone_are_a_hundred_and_no_rounding_is_beyond_it() {
    for rise in (1..10_000).map(|cents| f64::from(cents) / 100.0) {
        let (mut rsi, mut stochastic) = (Rsi::new(1), Stochastic::new(1, 1));
        rsi.update(0.0);
        rsi.update(rise);
        stochastic.update(rise, 0.0, rise);
        assert_eq!((rsi.value(), stochastic.k()), (100.0, 100.0), "{rise}");
    }
}

#[test]
fn rsi_follows_wilder() {
    let mut rsi = Rsi::new(2);
    for x in [10.0, 12.0, 11.0] {
        rsi.update(x);
    }
    // Rises 2, 0: 1; falls 0, 1: 0.5.
    assert!(rsi.ready() && near(rsi.value(), 100.0 * 1.0 / 1.5));
    rsi.update(14.0);
    // up (1*1+3)/2 = 2; down (0.5*1+0)/2 = 0.25.
    assert!(near(rsi.value(), 100.0 * 2.0 / 2.25));
}

#[test]
fn macd_waits_for_its_signal_line() {
    let mut macd = Macd::new(1, 2, 2);
    for x in [1.0, 3.0] {
        macd.update(x);
        assert!(!macd.ready());
    }
    macd.update(6.0);
    // Slow: 2, then 2 + (6-2)*2/3; lines 1 and 4/3; signal their mean.
    assert!(macd.ready());
    assert!(near(macd.macd(), 4.0 / 3.0) && near(macd.signal(), 7.0 / 6.0));
    assert!(near(macd.histogram(), 1.0 / 6.0));
}

#[test]
fn bands_stand_two_population_deviations_out() {
    let mut bands = Bollinger::new(8, 2.0);
    for x in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] {
        bands.update(x);
    }
    // The textbook set: mean 5, population deviation 2.
    assert!(near(bands.middle(), 5.0) && near(bands.upper(), 9.0) && near(bands.lower(), 1.0));
    assert!(near(bands.width(), 1.6));
}

#[test]
fn ranges_and_oscillators_match_hand_worked_values() {
    let mut atr = Atr::new(2);
    atr.update(10.0, 8.0, 9.0);
    atr.update(13.0, 11.0, 12.0);
    // 2, then max(2, 4, 2).
    assert!(near(atr.value(), 3.0));
    atr.update(12.0, 7.0, 8.0);
    assert!(near(atr.value(), 4.0));

    let mut stochastic = Stochastic::new(2, 2);
    stochastic.update(10.0, 8.0, 9.0);
    stochastic.update(12.0, 9.0, 11.0);
    assert!(!stochastic.ready());
    stochastic.update(12.0, 10.0, 10.0);
    // 100*(11-8)/4, then 100*(10-9)/3.
    assert!(near(stochastic.k(), 100.0 / 3.0));
    assert!(near(stochastic.d(), (75.0 + 100.0 / 3.0) / 2.0));

    let mut roc = Roc::new(2);
    [50.0, 51.0, 55.0].into_iter().for_each(|x| roc.update(x));
    assert!(near(roc.value(), 10.0));

    let mut cci = Cci::new(3);
    for x in [1.0, 2.0, 6.0] {
        cci.update(x, x, x);
    }
    // Mean 3, mean deviation (2+1+3)/3 = 2.
    assert!(near(cci.value(), 3.0 / 0.03));
}

#[test]
fn volume_weighs() {
    let mut vwap = Vwap::new();
    vwap.update(100.0, 1.0);
    vwap.update(104.0, 3.0);
    assert!(near(vwap.value(), 103.0));
    vwap.reset();
    assert!(!vwap.ready());

    let mut obv = Obv::new();
    for (close, volume) in [(10.0, 5.0), (11.0, 2.0), (11.0, 9.0), (9.0, 4.0)] {
        obv.update(close, volume);
    }
    assert!(near(obv.value(), -2.0));
}

#[test]
fn a_state_under_another_period_is_refused() {
    let saved = encode(&Ema::new(12));
    assert_eq!(decode(&mut Ema::new(13), &saved), Err(StateError::Config("period")));
    let saved = encode(&Sma::new(12));
    assert_eq!(decode(&mut Sma::new(13), &saved), Err(StateError::Config("period")));
}

/// Saves `old`, restores it into `new`, and expects them to be one.
fn carried<T: Field + PartialEq + std::fmt::Debug>(old: &T, mut new: T) -> T {
    decode(&mut new, &encode(old)).unwrap();
    assert_eq!(&new, old);
    new
}

fn prices() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((3_900_000i64..4_000_000).prop_map(|x| x as f64 / 100.0), 30..200)
}

proptest! {
    #[test]
    fn windows_equal_their_naive_recomputation(x in prices(), n in 1u32..25) {
        let (mut sma, mut wma, mut dev) = (Sma::new(n), Wma::new(n), StdDev::new(n));
        let (mut high, mut low, mut roc) = (Highest::new(n), Lowest::new(n), Roc::new(n));
        let n = n as usize;
        for at in 0..x.len() {
            sma.update(x[at]);
            wma.update(x[at]);
            dev.update(x[at]);
            high.update(x[at]);
            low.update(x[at]);
            roc.update(x[at]);
            prop_assert_eq!(sma.ready(), at + 1 >= n);
            prop_assert_eq!(roc.ready(), at >= n);
            if roc.ready() {
                prop_assert!(near(roc.value(), 100.0 * (x[at] / x[at - n] - 1.0)));
            }
            if at + 1 < n {
                continue;
            }
            let w = &x[at + 1 - n..=at];
            prop_assert!(near(sma.value(), mean(w)));
            let weights = (n * (n + 1) / 2) as f64;
            let weighted: f64 = w.iter().zip(1u32..).map(|(x, k)| x * f64::from(k)).sum();
            prop_assert!(near(wma.value(), weighted / weights));
            let variance = mean(&w.iter().map(|x| (x - mean(w)).powi(2)).collect::<Vec<_>>());
            prop_assert!((dev.value() - variance.sqrt()).abs() < 1e-4);
            prop_assert_eq!(high.value(), w.iter().copied().fold(f64::MIN, f64::max));
            prop_assert_eq!(low.value(), w.iter().copied().fold(f64::MAX, f64::min));
        }
    }

    #[test]
    fn oscillators_stay_in_their_range(x in prices(), n in 1u32..25) {
        let (mut rsi, mut stochastic) = (Rsi::new(n), Stochastic::new(n, 3));
        let (mut atr, mut bands) = (Atr::new(n), Bollinger::new(n, 2.0));
        for &x in &x {
            rsi.update(x);
            stochastic.update(x + 1.0, x - 1.0, x);
            atr.update(x + 1.0, x - 1.0, x);
            bands.update(x);
            prop_assert!((0.0..=100.0).contains(&rsi.value()));
            prop_assert!((0.0..=100.0).contains(&stochastic.k()));
            prop_assert!((0.0..=100.0 + 1e-9).contains(&stochastic.d()));
            prop_assert!(!atr.ready() || atr.value() >= 2.0 - 1e-9);
            prop_assert!(bands.lower() <= bands.middle() && bands.middle() <= bands.upper());
        }
    }

    #[test]
    fn a_carried_indicator_goes_on_bit_for_bit(x in prices(), n in 1u32..25, cut in 0usize..30) {
        let mut a = (Sma::new(n), Ema::new(n), Wma::new(n), StdDev::new(n), Rsi::new(n),
            Atr::new(n));
        let mut b = (Macd::new(n, n + 3, 4), Stochastic::new(n, 3), Roc::new(n), Cci::new(n));
        let mut c = (Highest::new(n), Lowest::new(n), Vwap::new(), Obv::new(),
            Bollinger::new(n, 2.0));
        let run = |x: f64,
                   a: &mut (Sma, Ema, Wma, StdDev, Rsi, Atr),
                   b: &mut (Macd, Stochastic, Roc, Cci),
                   c: &mut (Highest, Lowest, Vwap, Obv, Bollinger)| {
            a.0.update(x);
            a.1.update(x);
            a.2.update(x);
            a.3.update(x);
            a.4.update(x);
            a.5.update(x + 1.0, x - 1.0, x);
            b.0.update(x);
            b.1.update(x + 1.0, x - 1.0, x);
            b.2.update(x);
            b.3.update(x + 1.0, x - 1.0, x);
            c.0.update(x);
            c.1.update(x);
            c.2.update(x, 2.0);
            c.3.update(x, 2.0);
            c.4.update(x);
        };
        x[..cut].iter().for_each(|&x| run(x, &mut a, &mut b, &mut c));
        let mut a2 = (carried(&a.0, Sma::new(n)), carried(&a.1, Ema::new(n)),
            carried(&a.2, Wma::new(n)), carried(&a.3, StdDev::new(n)),
            carried(&a.4, Rsi::new(n)), carried(&a.5, Atr::new(n)));
        let mut b2 = (carried(&b.0, Macd::new(n, n + 3, 4)), carried(&b.1, Stochastic::new(n, 3)),
            carried(&b.2, Roc::new(n)), carried(&b.3, Cci::new(n)));
        let mut c2 = (carried(&c.0, Highest::new(n)), carried(&c.1, Lowest::new(n)),
            carried(&c.2, Vwap::new()), carried(&c.3, Obv::new()),
            carried(&c.4, Bollinger::new(n, 2.0)));
        x[cut..].iter().for_each(|&x| run(x, &mut a, &mut b, &mut c));
        x[cut..].iter().for_each(|&x| run(x, &mut a2, &mut b2, &mut c2));
        prop_assert_eq!(a, a2);
        prop_assert_eq!(b, b2);
        prop_assert_eq!(c, c2);
    }

    #[test]
    fn no_bytes_panic_a_restore(bytes: Vec<u8>, n in 1u32..25) {
        let mut whole = encode(&StdDev::new(n))[..8].to_vec();
        whole.extend(bytes);
        let _ = decode(&mut StdDev::new(n), &whole);
    }
}
