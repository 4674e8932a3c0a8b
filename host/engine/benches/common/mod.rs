//! What the benches share: components, an instrument, and two things timed in turns.
#![allow(dead_code, reason = "each bench uses its part")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use wickd_model::{Instrument, Product};

/// A component that `.ci/guests` has built.
pub(crate) fn component(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let path = target.join(format!("guests/wasm32-wasip2/guest/{name}.wasm"));
    assert!(path.is_file(), "{} is missing: run .ci/guests", path.display());
    path
}

/// BTC-USDT as all benches trade it.
pub(crate) fn instrument() -> Instrument {
    Instrument {
        id: 0,
        epoch: 0,
        venue: "binance".into(),
        symbol: "BTC-USDT".into(),
        product: Product::Spot,
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        size_scale: 5,
        price_step: 1,
        qty_step: 1,
        min_qty: 1,
        min_notional: 0,
        maker_fee_ppm: 1_000,
        taker_fee_ppm: 1_000,
    }
}

/// A B B A, pair by pair, after one round that does not count.
pub(crate) fn pairs(
    pairs: usize,
    a: &mut dyn FnMut() -> Duration,
    b: &mut dyn FnMut() -> Duration,
) -> Vec<(Duration, Duration)> {
    a();
    b();
    let round = |_| {
        let (a1, b1, b2, a2) = (a(), b(), b(), a());
        [(a1, b1), (a2, b2)]
    };
    (0..pairs / 2).flat_map(round).collect()
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
