//! How Bybit writes categories, ids, states and numbers.
//!
//! Comes in: the engine's nouns. Goes out: the dialect's words. Deliberately absent: whole messages.

use rust_decimal::Decimal;

use crate::engine::{Kind, Levels, Order, Product, Side, Status, Tif};

/// The one symbol, the same in both categories.
pub(super) const SYMBOL: &str = "BTCUSDT";

pub(super) fn category(product: Product) -> &'static str {
    match product {
        Product::Spot => "spot",
        Product::Perp => "linear",
    }
}

/// As few decimals as there are.
pub(super) fn number(value: Decimal) -> String {
    value.round_dp(8).normalize().to_string()
}

pub(super) fn levels(levels: &Levels) -> Vec<[String; 2]> {
    levels.iter().map(|(price, qty)| [number(*price), number(*qty)]).collect()
}

/// A number as a UUID: the venue's ids are text of this form.
pub(super) fn uuid(product: Product, kind: u16, number: u64) -> String {
    let (high, low) = (number >> 48, number & 0xFFFF_FFFF_FFFF);
    format!("{high:08x}-{:04x}-4{kind:03x}-8000-{low:012x}", product as u16)
}

/// The number in a UUID of the same kind.
fn number_of(text: &str, kind: u16) -> Option<u64> {
    let low = u64::from_str_radix(text.get(24..)?, 16).ok()?;
    let number = (u64::from_str_radix(text.get(..8)?, 16).ok()? << 48) | low;
    Product::ALL.iter().any(|product| uuid(*product, kind, number) == text).then_some(number)
}

const ORDER: u16 = 1;
const TRADE: u16 = 2;
const PAYMENT: u16 = 3;

pub(super) fn order_id(order: &Order) -> String {
    uuid(order.product, ORDER, order.id)
}

pub(super) fn order_number(text: &str) -> Option<u64> {
    number_of(text, ORDER)
}

pub(super) fn trade_id(product: Product, id: u64) -> String {
    uuid(product, TRADE, id)
}

pub(super) fn payment_id(number: u64) -> String {
    uuid(Product::Perp, PAYMENT, number)
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

pub(super) fn status(order: &Order) -> &'static str {
    match order.status {
        Status::New => "New",
        Status::PartlyFilled => "PartiallyFilled",
        Status::Filled => "Filled",
        Status::Cancelled | Status::Expired | Status::ExpiredInMatch
            if order.product == Product::Spot && !order.filled.is_zero() =>
        {
            "PartiallyFilledCanceled"
        }
        Status::Cancelled | Status::Expired | Status::ExpiredInMatch => "Cancelled",
    }
}

pub(super) fn tif(order: &Order) -> &'static str {
    match order.tif {
        Tif::Gtc => "GTC",
        Tif::Ioc => "IOC",
        Tif::Fok => "FOK",
        Tif::PostOnly => "PostOnly",
    }
}

/// Why an order ended, and how: `rejectReason` and `cancelType`.
pub(super) fn reasons(order: &Order) -> (&'static str, &'static str) {
    match (order.status, order.tif) {
        (Status::Cancelled, Tif::PostOnly) if order.updated_ms == order.created_ms => {
            ("EC_PostOnlyWillTakeLiquidity", "UNKNOWN")
        }
        (Status::Cancelled, _) => ("EC_PerCancelRequest", "CancelByUser"),
        (Status::Expired, _) => ("EC_NoImmediateQtyToFill", "UNKNOWN"),
        (Status::ExpiredInMatch, _) => ("EC_SelfMatch", "CancelBySmp"),
        _ => ("EC_NoError", "UNKNOWN"),
    }
}

pub(super) fn kind(order: &Order) -> &'static str {
    if order.kind == Kind::Market { "Market" } else { "Limit" }
}

/// Minutes of an interval; `None` for one the venue does not have.
pub(super) fn minutes(interval: &str) -> Option<i64> {
    let known = ["1", "3", "5", "15", "30", "60", "120", "240", "360", "720"];
    if interval == "D" {
        return Some(1_440);
    }
    known.contains(&interval).then(|| interval.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_is_a_uuid_and_comes_back() {
        for number in [7_000_000_001, u64::MAX] {
            let text = uuid(Product::Perp, ORDER, number);
            assert_eq!(text.len(), 36);
            assert_eq!(order_number(&text), Some(number));
            assert_eq!(order_number(&trade_id(Product::Perp, number)), None);
        }
        assert_eq!(order_number("nothing"), None);
    }
}
