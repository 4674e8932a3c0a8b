//! Orders on the wire: what a request asks for, how an order is shown, how a refusal is said.
//!
//! Comes in: parameters, orders, refusals. Goes out: engine nouns and JSON. Deliberately absent:
//! the engine itself.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{self, SYMBOL, number};
use super::{Fail, Params, rules};
use crate::engine::{Amount, Fill, Kind, NewOrder, Order, Product, Refusal, Side, Tif};
use crate::hub::Hub;

/// Longest client id.
const CLIENT_ID_MAX: usize = 36;

/// A refusal of the engine in the dialect's code and words.
pub(super) fn refused(product: Product, refusal: Refusal) -> Fail {
    let spot = product == Product::Spot;
    let (code, text) = match refusal {
        Refusal::Price | Refusal::Tick if spot => (-1013, "Filter failure: PRICE_FILTER"),
        Refusal::Qty | Refusal::Step if spot => (-1013, "Filter failure: LOT_SIZE"),
        Refusal::Notional if spot => (-1013, "Filter failure: NOTIONAL"),
        Refusal::Funds if spot => (-2010, "Account has insufficient balance for requested action."),
        Refusal::Duplicate if spot => (-2010, "Duplicate order sent."),
        Refusal::WouldTake if spot => (-2010, "Order would immediately match and take."),
        Refusal::Price => (-4001, "Price less than 0."),
        Refusal::Tick => (-4014, "Price not increased by tick size."),
        Refusal::Qty => (-4003, "Quantity less than or equal to zero."),
        Refusal::Step => (-4023, "Quantity not increased by step size."),
        Refusal::Notional => {
            (-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only).")
        }
        Refusal::Funds => (-2019, "Margin is insufficient."),
        Refusal::Duplicate => (-4116, "ClientOrderId is duplicated."),
        Refusal::WouldTake => (
            -5022,
            "Due to the order could not be executed as maker, the Post Only order will be rejected.",
        ),
        Refusal::NotReducing => (-2022, "ReduceOnly Order is rejected."),
        Refusal::Unknown | Refusal::Done => (-2011, "Unknown order sent."),
        Refusal::Unchanged => (-5027, "No need to modify the order."),
        Refusal::NoLiquidity => (-2010, "Market is closed."),
        Refusal::Full => (-1008, "Server is currently overloaded with other requests."),
    };
    Fail::new(code, text)
}

fn client_id(params: &Params, product: Product, hub: &Hub) -> Result<String, Fail> {
    let Some(client_id) = params.get("newClientOrderId") else { return Ok(hub.invent_id()) };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".:/_-".contains(&byte);
    if client_id.len() <= CLIENT_ID_MAX && client_id.bytes().all(legal) {
        return Ok(client_id.to_owned());
    }
    let text = "Illegal characters found in parameter 'newClientOrderId'; legal range is \
                '^[a-zA-Z0-9-_]{1,36}$'.";
    Err(if product == Product::Spot {
        Fail::new(-1100, text)
    } else {
        Fail::new(-4015, "Client order id is not valid.")
    })
}

pub(super) fn side(params: &Params) -> Result<Side, Fail> {
    match params.need("side")? {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(Fail::new(-1117, "Invalid side.")),
    }
}

/// The order that a request asks for.
pub(super) fn asked(hub: &Hub, product: Product, params: &Params) -> Result<NewOrder, Fail> {
    params.need_symbol()?;
    let side = side(params)?;
    let spot = product == Product::Spot;
    let not_needed =
        |name: &str| Fail::new(-1106, format!("Parameter '{name}' sent when not required."));
    let (kind, tif) = match params.need("type")? {
        "MARKET" => match params.get("timeInForce") {
            Some(_) if spot => return Err(not_needed("timeInForce")),
            _ => (Kind::Market, Tif::Ioc),
        },
        "LIMIT_MAKER" if spot => match params.get("timeInForce") {
            Some(_) => return Err(not_needed("timeInForce")),
            None => (Kind::Limit, Tif::PostOnly),
        },
        "LIMIT" => match params.need("timeInForce")? {
            "GTC" => (Kind::Limit, Tif::Gtc),
            "IOC" => (Kind::Limit, Tif::Ioc),
            "FOK" => (Kind::Limit, Tif::Fok),
            "GTX" if !spot => (Kind::Limit, Tif::PostOnly),
            _ => return Err(Fail::new(-1115, "Invalid timeInForce.")),
        },
        _ => return Err(Fail::new(-1116, "Invalid orderType.")),
    };
    let price = match kind {
        Kind::Limit => params.decimal("price")?.ok_or_else(|| super::malformed("price"))?,
        Kind::Market if params.get("price").is_some() => return Err(not_needed("price")),
        Kind::Market => Decimal::ZERO,
    };
    let quote = params.decimal("quoteOrderQty")?.filter(|_| spot && kind == Kind::Market);
    let amount = match (params.decimal("quantity")?, quote) {
        (Some(_), Some(_)) => return Err(not_needed("quoteOrderQty")),
        (Some(qty), None) => Amount::Base(qty),
        (None, Some(quote)) => Amount::Quote(quote),
        (None, None) => return Err(super::malformed("quantity")),
    };
    if let Some(side) = params.get("positionSide").filter(|side| !spot && *side != "BOTH") {
        let text = format!("Order's position side {side} does not match user's setting.");
        return Err(Fail::new(-4061, text));
    }
    rules::check(hub, product, params, (kind, side, price))?;
    Ok(NewOrder {
        client_id: client_id(params, product, hub)?,
        product,
        side,
        kind,
        tif,
        price,
        amount,
        reduce_only: !spot && params.get("reduceOnly") == Some("true"),
        refuse_taking_post_only: true,
        // Unique among the open orders only.
        client_id_reusable: true,
    })
}

/// An order as reads, and most writes, show it.
pub(super) fn order(order: &Order) -> Value {
    let product = order.product;
    let text = |value| number(product, value);
    let mut json = json!({"symbol": SYMBOL, "orderId": order.id, "clientOrderId": order.client_id,
        "price": text(order.price), "origQty": text(order.qty), "executedQty": text(order.filled),
        "status": words::status(order.status), "timeInForce": words::tif(order),
        "type": words::kind(order), "side": words::side(order.side), "time": order.created_ms,
        "updateTime": order.updated_ms});
    let more = match product {
        Product::Spot => json!({"orderListId": -1, "cummulativeQuoteQty": text(order.filled_quote),
            "stopPrice": "0.00000000", "icebergQty": "0.00000000", "isWorking": true,
            "workingTime": order.created_ms, "origQuoteOrderQty": "0.00000000",
            "selfTradePreventionMode": "EXPIRE_MAKER"}),
        Product::Perp => json!({"cumQuote": text(order.filled_quote), "cumQty": text(order.filled),
            "avgPrice": text(order.average()), "origType": words::kind(order),
            "reduceOnly": order.reduce_only, "closePosition": false, "positionSide": "BOTH",
            "stopPrice": "0", "workingType": "CONTRACT_PRICE", "priceProtect": false,
            "priceMatch": "NONE", "selfTradePreventionMode": "EXPIRE_MAKER", "goodTillDate": 0}),
    };
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    json
}

/// A spot order as its placing shows it, with its fills.
pub(super) fn placed(placed: &Order, response: &str) -> Value {
    let text = |value| number(placed.product, value);
    let transact_ms = placed.created_ms;
    if response == "ACK" {
        return json!({"symbol": SYMBOL, "orderId": placed.id, "orderListId": -1,
            "clientOrderId": placed.client_id, "transactTime": transact_ms});
    }
    let mut json = order(placed);
    json["transactTime"] = transact_ms.into();
    if response == "FULL" {
        let fill = |fill: &Fill| {
            json!({"price": text(fill.price), "qty": text(fill.qty), "commission": text(fill.fee),
                "commissionAsset": fill.fee_asset, "tradeId": fill.trade_id})
        };
        json["fills"] = placed.fills.iter().map(fill).collect();
    }
    json
}

/// A fill as the trade lists show it.
pub(super) fn trade(order: &Order, fill: &Fill) -> Value {
    let text = |value| number(order.product, value);
    let is_buyer = order.side == Side::Buy;
    let mut json = json!({"symbol": SYMBOL, "id": fill.trade_id, "orderId": order.id,
        "price": text(fill.price), "qty": text(fill.qty), "quoteQty": text(fill.price * fill.qty),
        "commission": text(fill.fee), "commissionAsset": fill.fee_asset, "time": fill.time_ms});
    let more = match order.product {
        Product::Spot => json!({"orderListId": -1, "isBuyer": is_buyer, "isMaker": fill.is_maker,
            "isBestMatch": true}),
        Product::Perp => json!({"buyer": is_buyer, "maker": fill.is_maker,
            "side": words::side(order.side), "positionSide": "BOTH", "marginAsset": "USDT",
            "realizedPnl": text(fill.realised)}),
    };
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    json
}
