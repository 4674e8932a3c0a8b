//! How Binance writes sides, states and numbers.
//!
//! Comes in: the engine's nouns. Goes out: the dialect's words. Deliberately absent: whole messages.

use rust_decimal::Decimal;

use crate::engine::{Kind, Levels, Order, Origin, Product, Side, Status, Tif};

/// The one symbol, the same on spot and perpetuals.
pub(super) const SYMBOL: &str = "BTCUSDT";

/// Eight decimals on spot; on perpetuals as many as there are.
pub(super) fn number(product: Product, value: Decimal) -> String {
    match product {
        Product::Spot => format!("{:.8}", value.round_dp(8)),
        Product::Perp => value.round_dp(8).normalize().to_string(),
    }
}

pub(super) fn levels(product: Product, levels: &Levels) -> Vec<[String; 2]> {
    let pair = |(price, qty): &(Decimal, Decimal)| [number(product, *price), number(product, *qty)];
    levels.iter().map(pair).collect()
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::New => "NEW",
        Status::PartlyFilled => "PARTIALLY_FILLED",
        Status::Filled => "FILLED",
        Status::Cancelled => "CANCELED",
        Status::Expired => "EXPIRED",
        Status::ExpiredInMatch => "EXPIRED_IN_MATCH",
    }
}

pub(super) fn kind(order: &Order) -> &'static str {
    match (order.kind, order.tif, order.product) {
        _ if order.origin != Origin::Client => "LIQUIDATION",
        (Kind::Market, _, _) => "MARKET",
        (_, Tif::PostOnly, Product::Spot) => "LIMIT_MAKER",
        _ => "LIMIT",
    }
}

pub(super) fn tif(order: &Order) -> &'static str {
    match (order.tif, order.product) {
        (Tif::Gtc, _) | (Tif::PostOnly, Product::Spot) => "GTC",
        (Tif::PostOnly, Product::Perp) => "GTX",
        // A market order is immediate, but the venue writes its default.
        (Tif::Ioc, _) if order.kind == Kind::Market && order.origin == Origin::Client => "GTC",
        (Tif::Ioc, _) => "IOC",
        (Tif::Fok, _) => "FOK",
    }
}

/// Minutes of an interval; `None` for one the venue does not have.
pub(super) fn minutes(interval: &str) -> Option<i64> {
    let known = [
        ("1m", 1),
        ("3m", 3),
        ("5m", 5),
        ("15m", 15),
        ("30m", 30),
        ("1h", 60),
        ("2h", 120),
        ("4h", 240),
        ("6h", 360),
        ("8h", 480),
        ("12h", 720),
        ("1d", 1_440),
    ];
    known.into_iter().find(|(name, _)| *name == interval).map(|(_, minutes)| minutes)
}
