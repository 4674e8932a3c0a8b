//! What a read finds of the orders: all of them, or what a read that lags finds.

use super::Rng;
use super::types::Order;

/// What a read finds of the orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sight {
    /// Orders younger than this are missed.
    lag_ms: i64,
    /// Of so many orders one is missed; 0 and 1 are every one.
    one_in: u32,
}

impl Sight {
    /// A read that lags so far behind, for one in so many orders.
    pub fn lagging(ms: u64, one_in: u32) -> Self {
        Self { lag_ms: i64::try_from(ms).unwrap_or(i64::MAX), one_in }
    }

    /// Whether an order is found at a time. Which ones are missed is a matter of their ids alone.
    pub fn shows(self, order: &Order, now_ms: i64) -> bool {
        now_ms - order.created_ms >= self.lag_ms
            || Rng::new(order.id).below(self.one_in.max(1)) != 0
    }
}
