//! What only Binance checks: the precision of numbers, price bands, and parameters nobody reads.
//!
//! Comes in: parameters of a request. Goes out: nothing, or the refusal in the venue's code. Deliberately
//! absent: what every venue checks; that is the engine's.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::number;
use super::{Fail, Params};
use crate::engine::{Kind, Product, Side};
use crate::hub::Hub;

/// Spot: how far from the average a price may lie, by side, in percent of it: least and most.
const SPOT_BUY: (i64, i64) = (20, 120);
const SPOT_SELL: (i64, i64) = (80, 500);
/// USD-M: how far a buy may lie above the mark price, and a sell below it, in percent of it.
const PERP_MOST: i64 = 105;
const PERP_LEAST: i64 = 95;

fn percent(of: Decimal, percent: i64) -> Decimal {
    of * Decimal::from(percent) / Decimal::ONE_HUNDRED
}

/// The filters of an instrument that tell of these bands.
pub(super) fn filters(product: Product) -> Vec<Value> {
    let times = |percent: i64| Decimal::new(percent, 2).normalize().to_string();
    match product {
        Product::Spot => vec![json!({"filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": times(SPOT_BUY.1), "bidMultiplierDown": times(SPOT_BUY.0),
            "askMultiplierUp": times(SPOT_SELL.1), "askMultiplierDown": times(SPOT_SELL.0),
            "avgPriceMins": 5})],
        Product::Perp => vec![json!({"filterType": "PERCENT_PRICE", "multiplierUp": "1.0500",
            "multiplierDown": "0.9500", "multiplierDecimal": "4"})],
    }
}

/// Holds an order's numbers against precision and bands.
pub(super) fn check(
    hub: &Hub,
    product: Product,
    params: &Params,
    (kind, side, price): (Kind, Side, Decimal),
) -> Result<(), Fail> {
    // `pricePrecision` and `quantityPrecision` of USD-M; every asset of spot has eight decimals.
    let most = if product == Product::Spot { [8, 8] } else { [2, 3] };
    for (name, most) in ["price", "quantity"].into_iter().zip(most) {
        if params.decimal(name)?.is_some_and(|value| value.normalize().scale() > most) {
            let text = "Precision is over the maximum defined for this asset.";
            return Err(Fail::new(-1111, text));
        }
    }
    if kind == Kind::Market || price <= Decimal::ZERO {
        return Ok(());
    }
    let mark = hub.engine(|engine| engine.mark(product));
    match (product, side) {
        (Product::Spot, side) => {
            let (least, most) = if side == Side::Buy { SPOT_BUY } else { SPOT_SELL };
            if price < percent(mark, least) || price > percent(mark, most) {
                return Err(Fail::new(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"));
            }
        }
        (Product::Perp, Side::Buy) if price > percent(mark, PERP_MOST) => {
            let most = number(product, percent(mark, PERP_MOST));
            return Err(Fail::new(-4016, format!("Limit price can't be higher than {most}.")));
        }
        (Product::Perp, Side::Sell) if price < percent(mark, PERP_LEAST) => {
            let least = number(product, percent(mark, PERP_LEAST));
            return Err(Fail::new(-4024, format!("Limit price can't be lower than {least}.")));
        }
        _ => {}
    }
    Ok(())
}

/// Parameters of spot by path; what every signed request may have is not repeated.
const READ: &[(&str, &[&str])] = &[
    ("/api/v3/time", &[]),
    ("/api/v3/ping", &[]),
    (
        "/api/v3/exchangeInfo",
        &["symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"],
    ),
    ("/api/v3/depth", &["symbol", "limit", "symbolStatus"]),
    ("/api/v3/trades", &["symbol", "limit"]),
    ("/api/v3/aggTrades", &["symbol", "fromId", "startTime", "endTime", "limit"]),
    ("/api/v3/klines", &["symbol", "interval", "startTime", "endTime", "timeZone", "limit"]),
    ("/api/v3/ticker/bookTicker", &["symbol", "symbols", "symbolStatus"]),
    ("/api/v3/ticker/24hr", &["symbol", "symbols", "type", "symbolStatus"]),
    ("/api/v3/account", &["omitZeroBalances"]),
    (
        "/api/v3/order",
        &[
            "symbol",
            "side",
            "type",
            "timeInForce",
            "quantity",
            "quoteOrderQty",
            "price",
            "newClientOrderId",
            "strategyId",
            "strategyType",
            "stopPrice",
            "trailingDelta",
            "icebergQty",
            "newOrderRespType",
            "selfTradePreventionMode",
            "orderId",
            "origClientOrderId",
            "cancelRestrictions",
        ],
    ),
    (
        "/api/v3/order/cancelReplace",
        &[
            "symbol",
            "side",
            "type",
            "cancelReplaceMode",
            "timeInForce",
            "quantity",
            "quoteOrderQty",
            "price",
            "cancelNewClientOrderId",
            "cancelOrigClientOrderId",
            "cancelOrderId",
            "newClientOrderId",
            "strategyId",
            "strategyType",
            "stopPrice",
            "trailingDelta",
            "icebergQty",
            "newOrderRespType",
            "selfTradePreventionMode",
            "cancelRestrictions",
            "orderRateLimitExceededMode",
        ],
    ),
    ("/api/v3/openOrders", &["symbol"]),
    ("/api/v3/allOrders", &["symbol", "orderId", "startTime", "endTime", "limit"]),
    ("/api/v3/myTrades", &["symbol", "orderId", "startTime", "endTime", "fromId", "limit"]),
];

/// Refuses parameters that spot does not read.
pub(super) fn all_read(path: &str, params: &Params) -> Result<(), Fail> {
    let Some((_, read)) = READ.iter().find(|(known, _)| *known == path) else { return Ok(()) };
    let signed = ["timestamp", "recvWindow", "signature"];
    let is_read = |name: &&str| read.contains(name) || signed.contains(name);
    let (sent, read) = (params.names().count(), params.names().filter(is_read).count());
    if read == sent {
        return Ok(());
    }
    let text = format!(
        "Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
    );
    Err(Fail::new(-1104, text))
}
