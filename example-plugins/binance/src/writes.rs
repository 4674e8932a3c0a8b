//! Orders in Binance's vocabulary.
//!
//! Comes in: an order as the contract has it. Goes out: the request that says exactly that, or why
//! the venue has no words for it. Deliberately absent: anything near enough.

use wickd_sdk::exchange::{Amendment, Failure, Market, Method, NewOrder, OrderRef, Request};
use wickd_sdk::{OrderKind, Side, TimeInForce};

use crate::is_usdm;

fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

fn words(tif: TimeInForce) -> &'static str {
    match tif {
        TimeInForce::Gtc => "GTC",
        TimeInForce::Ioc => "IOC",
        TimeInForce::Fok => "FOK",
    }
}

fn inexpressible(what: &str) -> Failure {
    Failure::Inexpressible(what.to_owned())
}

/// `POST order`: LIMIT, LIMIT_MAKER, GTX, IOC, FOK and MARKET, always by base size.
pub(crate) fn create(market: &Market, order: &NewOrder) -> Result<Request, Failure> {
    let usdm = is_usdm(market.product);
    if order.reduce_only && !usdm {
        return Err(inexpressible("reduce-only on spot"));
    }
    if order.post_only && (order.kind == OrderKind::Market || order.tif != TimeInForce::Gtc) {
        return Err(inexpressible("post-only that is not a resting limit order"));
    }
    if order.kind == OrderKind::Market && order.tif == TimeInForce::Fok {
        return Err(inexpressible("a market order that fills whole or not at all"));
    }
    let request = match usdm {
        true => Request::post("usdm", "/fapi/v1/order")
            .cost("usdm-orders-10s", 1)
            .cost("usdm-orders-1m", 1),
        false => Request::post("spot", "/api/v3/order")
            .cost("spot-weight", 1)
            .cost("spot-orders-10s", 1)
            .cost("spot-orders-1d", 1),
    };
    let request = request.query("symbol", &market.native).query("side", side(order.side));
    let request = match (order.kind, order.post_only) {
        (OrderKind::Market, _) => request.query("type", "MARKET"),
        (OrderKind::Limit, true) if usdm => {
            request.query("type", "LIMIT").query("timeInForce", "GTX")
        }
        (OrderKind::Limit, true) => request.query("type", "LIMIT_MAKER"),
        (OrderKind::Limit, false) => {
            request.query("type", "LIMIT").query("timeInForce", words(order.tif))
        }
    };
    let request = request.query("quantity", market.print_qty(order.size));
    let request = match order.kind {
        OrderKind::Market => request,
        OrderKind::Limit => request.query("price", market.print_px(order.price)),
    };
    let request = request.query_some("reduceOnly", if order.reduce_only { "true" } else { "" });
    let request = request.query("newClientOrderId", &order.client_id);
    Ok(request.query("newOrderRespType", "ACK").signed("sign"))
}

/// `PUT order`, which only USD-M has.
pub(crate) fn amend(market: &Market, change: &Amendment) -> Result<Request, Failure> {
    if !is_usdm(market.product) {
        let why = "amending a spot order: Binance only replaces it by another one";
        return Err(inexpressible(why));
    }
    let request = Request::new(Method::Put, "usdm", "/fapi/v1/order");
    Ok(named(request, market, &change.order)
        .query("side", side(change.side))
        .query("quantity", market.print_qty(change.size))
        .query("price", market.print_px(change.price))
        .signed("sign")
        .cost("usdm-weight", 1)
        .cost("usdm-orders-10s", 1)
        .cost("usdm-orders-1m", 1))
}

/// `DELETE order`.
pub(crate) fn cancel(market: &Market, order: &OrderRef) -> Result<Request, Failure> {
    let (endpoint, path, bucket) = match is_usdm(market.product) {
        true => ("usdm", "/fapi/v1/order", "usdm-weight"),
        false => ("spot", "/api/v3/order", "spot-weight"),
    };
    let request = Request::new(Method::Delete, endpoint, path);
    Ok(named(request, market, order).signed("sign").cost(bucket, 1))
}

/// An order by the host's own name for it, which is known before the venue answers.
pub(crate) fn named(request: Request, market: &Market, order: &OrderRef) -> Request {
    let request = request.query("symbol", &market.native);
    match order.client_id.is_empty() {
        true => request.query("orderId", &order.venue_id),
        false => request.query("origClientOrderId", &order.client_id),
    }
}
