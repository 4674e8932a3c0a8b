//! How OKX writes instruments, sizes, states and numbers.
//!
//! Comes in: the engine's nouns. Goes out: the dialect's words; a perpetual's sizes in contracts of
//! 0.01 BTC. Deliberately absent: whole messages.

use rust_decimal::Decimal;

use crate::engine::{Kind, Levels, Order, Product, Side, Status, Tif};

/// BTC in one contract of the perpetual.
pub(super) const CONTRACT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);

pub(super) fn instrument(product: Product) -> &'static str {
    match product {
        Product::Spot => "BTC-USDT",
        Product::Perp => "BTC-USDT-SWAP",
    }
}

pub(super) fn kind_of(product: Product) -> &'static str {
    match product {
        Product::Spot => "SPOT",
        Product::Perp => "SWAP",
    }
}

pub(super) fn product(instrument_id: &str) -> Option<Product> {
    Product::ALL.into_iter().find(|product| instrument(*product) == instrument_id)
}

/// As few decimals as there are.
pub(super) fn number(value: Decimal) -> String {
    value.round_dp(8).normalize().to_string()
}

/// BTC as the venue's size.
pub(super) fn size(product: Product, qty: Decimal) -> String {
    number(if product == Product::Perp { qty / CONTRACT } else { qty })
}

/// The venue's size as BTC.
pub(super) fn qty(product: Product, size: Decimal) -> Decimal {
    if product == Product::Perp { size * CONTRACT } else { size }
}

pub(super) fn levels(product: Product, levels: &Levels) -> Vec<[String; 4]> {
    let row = |(price, qty): &(Decimal, Decimal)| {
        let orders = if qty.is_zero() { "0" } else { "1" };
        [number(*price), size(product, *qty), "0".to_owned(), orders.to_owned()]
    };
    levels.iter().map(row).collect()
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

pub(super) fn state(status: Status) -> &'static str {
    match status {
        Status::New => "live",
        Status::PartlyFilled => "partially_filled",
        Status::Filled => "filled",
        Status::Cancelled | Status::Expired | Status::ExpiredInMatch => "canceled",
    }
}

pub(super) fn order_type(order: &Order) -> &'static str {
    match (order.kind, order.tif) {
        (Kind::Market, _) => "market",
        (_, Tif::Gtc) => "limit",
        (_, Tif::PostOnly) => "post_only",
        (_, Tif::Ioc) => "ioc",
        (_, Tif::Fok) => "fok",
    }
}

/// Minutes of a bar; `None` for one the venue does not have.
pub(super) fn minutes(bar: &str) -> Option<i64> {
    let known = [
        ("1m", 1),
        ("3m", 3),
        ("5m", 5),
        ("15m", 15),
        ("30m", 30),
        ("1H", 60),
        ("2H", 120),
        ("4H", 240),
        ("1Dutc", 1_440),
    ];
    known.into_iter().find(|(name, _)| *name == bar).map(|(_, minutes)| minutes)
}

/// UTC milliseconds as ISO 8601 with milliseconds, the form in which requests are stamped; `None`
/// for any other form. Days by the civil-from-days inverse (Hinnant, "chrono-compatible low-level
/// date algorithms").
pub(super) fn stamp_ms(text: &str) -> Option<i64> {
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let shape = "0000-00-00T00:00:00.000Z";
    let fits =
        |(is, shall): (u8, u8)| if shall == b'0' { is.is_ascii_digit() } else { is == shall };
    if text.len() != shape.len() || !text.bytes().zip(shape.bytes()).all(fits) {
        return None;
    }
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let shifted = if month <= 2 { year - 1 } else { year };
    let era_year = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = era_year * 365 + era_year / 4 - era_year / 100 + day_of_year;
    let days = shifted.div_euclid(400) * 146_097 + day_of_era - 719_468;
    let seconds = part(11..13)? * 3_600 + part(14..16)? * 60 + part(17..19)?;
    Some((days * 86_400 + seconds) * 1_000 + part(20..23)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_stamps_are_read_to_the_millisecond() {
        assert_eq!(stamp_ms("2023-11-14T22:13:20.000Z"), Some(1_700_000_000_000));
        assert_eq!(stamp_ms("2020-02-29T00:00:00.001Z"), Some(1_582_934_400_001));
        assert_eq!(stamp_ms("1970-01-01T00:00:00.000Z"), Some(0));
        for wrong in ["2023-11-14T22:13:20Z", "2023-11-14 22:13:20.000Z", "", "1700000000000"] {
            assert_eq!(stamp_ms(wrong), None, "{wrong}");
        }
    }
}
