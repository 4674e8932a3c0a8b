//! Submits orders with every number at its worst. Expected: none is taken, each has a code.

use wickd_rude::{OrderKind, OrderRequest, Rude, Side, Stamp, order, runtime, trading};

/// The guest.
pub struct WildOrders;

impl Rude for WildOrders {
    fn tick(at: Stamp) {
        let good = order(at.instrument, Side::Buy, 10_000);
        let mut taken = 0;
        for wild in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
            let sized = OrderRequest { size: wild, ..good };
            let priced = OrderRequest { kind: OrderKind::Limit, price: wild, ..good };
            let both = OrderRequest { size: wild, ..priced };
            taken +=
                [sized, priced, both].into_iter().filter(|o| trading::submit(*o).is_ok()).count();
        }
        for instrument in [u32::MAX, 1 << 31, 77] {
            let elsewhere = OrderRequest { instrument, ..good };
            taken += usize::from(trading::submit(elsewhere).is_ok());
            // Asking about what is not there must not hurt either.
            std::hint::black_box(trading::position_of(instrument).size);
        }
        runtime::metric("taken", taken as f64);
    }
}

wickd_rude::export!(WildOrders);
