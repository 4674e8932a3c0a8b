//! Things that did not happen.
//!
//! Comes in: a market, an order. Goes out: quotes, trades, books, orders and fills, said as if they
//! had come from a venue. Deliberately absent: the truth, but for one quote that lets strategies act.

use wickd_sdk::exchange::{FillReport, Levels, NewOrder, OrderReport, Print, Top, Wire};
use wickd_sdk::{Aggressor, OrderReason, OrderStatus, Side};

/// A quote that could be.
pub(crate) fn honest(instrument: u32, now: u64) -> Top {
    Top { instrument, ts_event: now, bid: 10_000, ask: 10_001, bid_qty: 100_000, ask_qty: 100_000 }
}

/// Everything about a market that cannot be.
pub(crate) fn market(wire: &mut Wire, instrument: u32) {
    let now = wire.now();
    wire.quote(honest(instrument, now));
    let top = honest(instrument, now);
    for lie in [
        Top { ask: top.bid, ..top },
        Top { bid: top.ask + 1, ..top },
        Top { bid: -1, ..top },
        Top { bid: 0, ..top },
        Top { bid: i64::MIN, ask: i64::MAX, ..top },
        Top { bid_qty: -1, ..top },
        Top { ask_qty: i64::MIN, ..top },
        // Of a neighbour, and of nobody.
        Top { instrument: 0, ..top },
        Top { instrument: u32::MAX, ..top },
    ] {
        wire.quote(lie);
    }
    // These may be, as far as anybody can tell, and must overflow nothing.
    wire.quote(Top { ts_event: 0, ..top });
    wire.quote(Top { ts_event: u64::MAX, ..top });
    wire.quote(Top { ask: i64::MAX, bid_qty: i64::MAX, ask_qty: i64::MAX, ..top });
    let print = Print {
        instrument,
        ts_event: now,
        price: 10_000,
        size: 1,
        aggressor: Aggressor::Buyer,
        trade_id: 1,
    };
    for lie in [
        Print { price: 0, ..print },
        Print { price: -1, ..print },
        Print { size: 0, ..print },
        Print { size: i64::MIN, ..print },
        Print { instrument: 0, ..print },
        Print { price: i64::MAX, size: i64::MAX, ts_event: u64::MAX, ..print },
    ] {
        wire.trade(lie);
    }
    let levels = Levels::default();
    for instrument in 0..64 {
        wire.levels(1_000 + instrument, now, true, &levels);
    }
    foreign(wire, instrument, now);
}

/// News of orders of nobody here.
fn foreign(wire: &mut Wire, instrument: u32, now: u64) {
    let report = OrderReport {
        instrument,
        client_id: "somebody-elses".to_owned(),
        venue_id: "1".to_owned(),
        side: Side::Buy,
        status: OrderStatus::Filled,
        reason: OrderReason::None,
        filled: 1_000_000,
        remaining: 0,
        ts_event: now,
    };
    wire.order(&report);
    wire.fill(&FillReport {
        instrument,
        client_id: "somebody-elses".to_owned(),
        venue_id: "1".to_owned(),
        trade_id: "1".to_owned(),
        side: Side::Buy,
        price: 10_000,
        size: 1_000_000,
        fee: "0".to_owned(),
        fee_asset: "USDT".to_owned(),
        ts_event: now,
    });
}

/// Fills of a real order that cannot be; the order itself has none.
pub(crate) fn fills(wire: &mut Wire, order: &NewOrder, number: u64) {
    let fill = FillReport {
        instrument: order.instrument,
        client_id: order.client_id.clone(),
        venue_id: "77".to_owned(),
        trade_id: format!("trade-{number}"),
        side: order.side,
        price: 10_000,
        size: order.size,
        fee: "0".to_owned(),
        fee_asset: "USDT".to_owned(),
        ts_event: wire.now(),
    };
    let other = if order.side == Side::Buy { Side::Sell } else { Side::Buy };
    for lie in [
        FillReport { size: order.size + 1, ..fill.clone() },
        FillReport { size: i64::MAX, ..fill.clone() },
        FillReport { size: 0, ..fill.clone() },
        FillReport { size: -1, ..fill.clone() },
        FillReport { price: 0, ..fill.clone() },
        FillReport { price: i64::MIN, ..fill.clone() },
        FillReport { side: other, ..fill.clone() },
        FillReport { instrument: order.instrument + 1, ..fill.clone() },
        FillReport { trade_id: String::new(), ..fill.clone() },
        // Said once and once more under other names: beyond the order's size it is none.
        FillReport { size: order.size - 1, ..fill.clone() },
        FillReport { size: order.size - 1, trade_id: format!("other-{number}"), ..fill },
    ] {
        wire.fill(&lie);
    }
}
