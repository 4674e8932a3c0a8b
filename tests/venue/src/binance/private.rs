//! Placing, changing, taking back and reading orders.
//!
//! Comes in: proven requests. Goes out: what the engine did, as each product shows it. Deliberately
//! absent: batches and conditional orders.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::orders::{self, refused};
use super::{Answer, Fail, Params};
use crate::engine::{Engine, Fill, Order, Product, Refusal, Status};
use crate::hub::View;

pub(super) fn create(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    let new = orders::asked(hub, product, params)?;
    let placed =
        hub.engine(|engine| engine.submit(new)).map_err(|refusal| refused(product, refusal))?;
    let response = params.get("newOrderRespType");
    Ok(match product {
        Product::Spot => orders::placed(&placed, response.unwrap_or("FULL")),
        Product::Perp if response == Some("RESULT") => orders::order(&placed),
        // The default answer of USD-M is only an acknowledgement: it says NEW whatever was filled.
        Product::Perp => orders::order(&Order {
            status: Status::New,
            filled: Decimal::ZERO,
            filled_quote: Decimal::ZERO,
            ..placed
        }),
    })
}

/// The order that `orderId` or `origClientOrderId` name.
fn named<'a>(
    engine: &'a Engine,
    product: Product,
    params: &Params,
) -> Result<Option<&'a Order>, Fail> {
    let order = match (params.number("orderId")?, params.get("origClientOrderId")) {
        (Some(id), _) => u64::try_from(id).ok().and_then(|id| engine.order(id)),
        (None, Some(client_id)) => engine.by_client_id(client_id),
        (None, None) => {
            let text =
                "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!";
            return Err(Fail::new(-1102, text));
        }
    };
    Ok(order.filter(|order| order.product == product))
}

pub(super) fn get(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let found =
        hub.engine(|engine| named(engine, product, params).map(|order| order.map(orders::order)))?;
    found.ok_or_else(|| Fail::new(-2013, "Order does not exist."))
}

fn cancel_one(hub: &View<'_>, product: Product, params: &Params) -> Result<Order, Fail> {
    hub.engine(|engine| {
        let id = named(engine, product, params)?.map(|order| order.id);
        id.ok_or(Refusal::Unknown)
            .and_then(|id| engine.cancel(id))
            .map_err(|refusal| refused(product, refusal))
    })
}

/// A cancelled order as spot shows it: `clientOrderId` is the cancellation's own.
fn cancelled(hub: &View<'_>, order: &Order) -> Value {
    let mut json = orders::order(order);
    if order.product == Product::Spot {
        json["origClientOrderId"] = order.client_id.clone().into();
        json["clientOrderId"] = hub.invent_id().into();
        json["transactTime"] = order.updated_ms.into();
    }
    json
}

pub(super) fn cancel(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    cancel_one(hub, product, params).map(|order| cancelled(hub, &order))
}

pub(super) fn cancel_all(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let done: Vec<Order> = hub.engine(|engine| {
        let is_open = |order: &&Order| order.product == product && order.status.is_open();
        let ids: Vec<u64> = engine.orders().filter(is_open).map(|order| order.id).collect();
        ids.into_iter().filter_map(|id| engine.cancel(id).ok()).collect()
    });
    match product {
        Product::Spot if done.is_empty() => Err(Fail::new(-2011, "Unknown order sent.")),
        Product::Spot => Ok(done.iter().map(|order| cancelled(hub, order)).collect()),
        Product::Perp => {
            Ok(json!({"code": 200, "msg": "The operation of cancel all open order is done."}))
        }
    }
}

pub(super) fn amend(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let side = orders::side(params)?;
    let price = params.decimal("price")?.ok_or_else(|| super::malformed("price"))?;
    let qty = params.decimal("quantity")?.ok_or_else(|| super::malformed("quantity"))?;
    hub.engine(|engine| {
        let order = named(engine, product, params)?.filter(|order| order.status.is_open());
        let order = order.ok_or_else(|| Fail::new(-2013, "Order does not exist."))?;
        if order.side != side {
            return Err(Fail::new(-1117, "Invalid side."));
        }
        let id = order.id;
        engine.amend(id, price, qty).map_err(|refusal| refused(product, refusal))
    })
    .map(|order| orders::order(&order))
}

/// Spot's way to amend: cancel, then place. The two halves can end differently.
pub(super) fn replace(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    let goes_on = match params.need("cancelReplaceMode")? {
        "STOP_ON_FAILURE" => false,
        "ALLOW_FAILURE" => true,
        _ => return Err(super::malformed("cancelReplaceMode")),
    };
    let new = orders::asked(hub, product, params)?;
    let by_id =
        |(from, to): (&str, &str)| params.get(from).map(|value| (to.to_owned(), value.to_owned()));
    let names = [("cancelOrderId", "orderId"), ("cancelOrigClientOrderId", "origClientOrderId")];
    let old = Params(names.into_iter().filter_map(by_id).collect());
    let cancel = cancel_one(hub, product, &old).map(|order| cancelled(hub, &order));
    let place = (cancel.is_ok() || goes_on).then(|| {
        let placed =
            hub.engine(|engine| engine.submit(new)).map_err(|refusal| refused(product, refusal));
        placed.map(|order| orders::placed(&order, params.get("newOrderRespType").unwrap_or("FULL")))
    });
    let result = |ok: bool| if ok { "SUCCESS" } else { "FAILURE" };
    let (cancel_ok, place_ok) = (cancel.is_ok(), place.as_ref().map(Result::is_ok));
    let json = |half: Answer| half.unwrap_or_else(|fail| fail.json());
    let data = json!({"cancelResult": result(cancel_ok),
        "newOrderResult": place_ok.map_or("NOT_ATTEMPTED", result), "cancelResponse": json(cancel),
        "newOrderResponse": place.map(json)});
    match (cancel_ok, place_ok) {
        (true, Some(true)) => Ok(data),
        (false, Some(false) | None) => {
            Err(Fail { data, ..Fail::new(-2022, "Order cancel-replace failed.") })
        }
        _ => {
            let fail = Fail::new(-2021, "Order cancel-replace partially failed.").with_status(409);
            Err(Fail { data, ..fail })
        }
    }
}

pub(super) fn open(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.symbol()?;
    hub.engine(|engine| {
        let open =
            engine.orders().filter(|order| order.product == product && order.status.is_open());
        Ok(open.map(orders::order).collect())
    })
}

/// A page of a list that is ordered by id: from an id on, or the newest.
fn page<T>(mut list: Vec<T>, starts: bool, limit: usize) -> Vec<T> {
    let skipped = if starts { 0 } else { list.len().saturating_sub(limit) };
    list.drain(..skipped);
    list.truncate(limit);
    list
}

pub(super) fn all(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let (from, limit) = (params.number("orderId")?, params.limit(500, 1_000)?);
    let (start_ms, end_ms) = (params.number("startTime")?, params.number("endTime")?);
    hub.engine(|engine| {
        let wanted = |order: &&Order| {
            order.product == product
                && from.is_none_or(|from| i64::try_from(order.id).is_ok_and(|id| id >= from))
                && start_ms.is_none_or(|start| order.created_ms >= start)
                && end_ms.is_none_or(|end| order.created_ms <= end)
        };
        let found = engine.orders().filter(wanted).collect();
        let starts = from.is_some() || start_ms.is_some();
        Ok(page(found, starts, limit).into_iter().map(orders::order).collect())
    })
}

pub(super) fn trades(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    params.need_symbol()?;
    let (from, limit) = (params.number("fromId")?, params.limit(500, 1_000)?);
    let order_id = params.number("orderId")?;
    let (start_ms, end_ms) = (params.number("startTime")?, params.number("endTime")?);
    hub.engine(|engine| {
        let of_order = |order: &&Order| {
            order.product == product
                && order_id
                    .is_none_or(|wanted| i64::try_from(order.id).is_ok_and(|id| id == wanted))
        };
        let wanted = |(_, fill): &(&Order, &Fill)| {
            from.is_none_or(|from| i64::try_from(fill.trade_id).is_ok_and(|id| id >= from))
                && start_ms.is_none_or(|start| fill.time_ms >= start)
                && end_ms.is_none_or(|end| fill.time_ms <= end)
        };
        let orders = engine.orders().filter(of_order);
        let mut found: Vec<(&Order, &Fill)> = orders
            .flat_map(|order| order.fills.iter().map(move |fill| (order, fill)))
            .filter(wanted)
            .collect();
        found.sort_by_key(|(_, fill)| fill.trade_id);
        let page = page(found, from.is_some() || start_ms.is_some(), limit).into_iter();
        Ok(page.map(|(order, fill)| orders::trade(order, fill)).collect())
    })
}
