//! Submits a thousand orders in a tick, about as many as a call's fuel pays for. Expected: the gate takes a call's share and denies the
//! rest with a code; the slot lives.

use wickd_rude::{Rude, Side, Stamp, order, trading};

/// Orders of one tick.
const ORDERS: u32 = 1_000;

/// The guest.
pub struct OrderFlood;

impl Rude for OrderFlood {
    fn tick(at: Stamp) {
        for _ in 0..ORDERS {
            let answer = trading::submit(order(at.instrument, Side::Buy, 10_000));
            std::hint::black_box(answer.is_ok());
        }
    }
}

wickd_rude::export!(OrderFlood);
