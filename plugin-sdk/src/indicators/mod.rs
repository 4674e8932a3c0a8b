//! Streaming indicators: one number in, the latest value out, no allocation after `new`.
//!
//! Comes in: `f64` views of prices and sizes. Goes out: `f64` values for decisions. Deliberately
//! absent: money; an indicator says when to trade, never at what price or size to the last digit.
//!
//! All share four habits. `new` brings a period into 1 to [`PERIOD_MAX`]. `update` takes one finite
//! sample in O(1), or O(period) where its page says so. `ready` turns true with the sample that
//! completes the warm-up. `value` is 0 until then. Each is a state field and is saved bit for bit;
//! restoring it under another period is refused. Running sums are made anew each time their window
//! wraps, so rounding errors do not pile up.

mod average;
mod momentum;
mod range;
mod spread;
#[cfg(test)]
mod tests;
mod volume;
mod window;

pub use average::{Ema, Sma, Wma};
pub use momentum::{Cci, Macd, Roc, Rsi, Stochastic};
pub use range::{Atr, Highest, Lowest};
pub use spread::{Bollinger, StdDev};
pub use volume::{Obv, Vwap};
pub use window::{PERIOD_MAX, Window};
