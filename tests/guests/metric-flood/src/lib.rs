//! Sets a hundred gauges. Expected: the first 32 names are kept, the slot lives.

use std::cell::Cell;

use wickd_rude::{Rude, Stamp, runtime};

/// Different names.
const NAMES: u32 = 100;

thread_local! {
    static SET: Cell<bool> = const { Cell::new(false) };
}

/// The guest.
pub struct MetricFlood;

impl Rude for MetricFlood {
    fn tick(_: Stamp) {
        if !SET.replace(true) {
            (0..NAMES).for_each(|name| runtime::metric(&format!("gauge-{name}"), f64::from(name)));
        }
        runtime::metric("not-a-number", f64::NAN);
    }
}

wickd_rude::export!(MetricFlood);
