//! Buys until it holds something, and sells all of it in `stop`. Expected: it sees there what it holds,
//! and the order leaves.

use std::cell::Cell;

use wickd_rude::{InstrumentId, Level, Rude, Side, Stamp, order, runtime, trading};

/// A tenth of a coin.
const SIZE: i64 = 100_000;

thread_local! {
    static TRADED: Cell<Option<InstrumentId>> = const { Cell::new(None) };
}

/// The guest.
pub struct LastWord;

impl Rude for LastWord {
    fn tick(at: Stamp) {
        if TRADED.get().is_none() && trading::submit(order(at.instrument, Side::Buy, SIZE)).is_ok()
        {
            TRADED.set(Some(at.instrument));
        }
    }

    fn stop() {
        let Some(instrument) = TRADED.get() else { return };
        let held = trading::position_of(instrument).size;
        let sold = trading::submit(order(instrument, Side::Sell, held));
        runtime::log(Level::Info, &format!("holds {held} at the end, sells {sold:?}"));
    }
}

wickd_rude::export!(LastWord);
