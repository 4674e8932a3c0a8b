//! Private reads and writes.
//!
//! Comes in: proven requests. Goes out: acknowledgements of writes, lists for reads. Deliberately
//! absent: the outcome of a write; the order topic and the reads tell it.

use serde_json::{Value, json};

use super::orders::{self, refused};
use super::words::{self, category};
use super::{Answer, Fail, Params, wrong};
use crate::engine::{Engine, Fill, Order, Product, Refusal};
use crate::hub::View;

fn acknowledged(order: &Order) -> Value {
    json!({"orderId": words::order_id(order), "orderLinkId": orders::client_id(order)})
}

pub(super) fn create(hub: &View<'_>, params: &Params) -> Answer {
    let new = orders::asked(hub, params)?;
    let product = new.product;
    let order = hub.engine(|engine| engine.submit(new));
    order.map(|order| acknowledged(&order)).map_err(|refusal| refused(product, refusal))
}

/// The order that `orderId` or `orderLinkId` name.
fn named<'a>(
    engine: &'a Engine,
    product: Product,
    params: &Params,
) -> Result<Option<&'a Order>, Fail> {
    let order = match (params.get("orderId"), params.get("orderLinkId")) {
        (Some(id), _) => words::order_number(id).and_then(|id| engine.order(id)),
        (None, Some(client_id)) => engine.by_client_id(client_id),
        (None, None) => return Err(wrong("orderId")),
    };
    Ok(order.filter(|order| order.product == product))
}

pub(super) fn cancel(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.need_symbol()?;
    hub.engine(|engine| {
        let id = named(engine, product, params)?.map(|order| order.id);
        let order = id.ok_or(Refusal::Unknown).and_then(|id| engine.cancel(id));
        order.map(|order| acknowledged(&order)).map_err(|refusal| refused(product, refusal))
    })
}

pub(super) fn cancel_all(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.product()?;
    params.symbol()?;
    hub.engine(|engine| {
        let is_open = |order: &&Order| order.product == product && order.status.is_open();
        let ids: Vec<u64> = engine.orders().filter(is_open).map(|order| order.id).collect();
        let done = ids.into_iter().filter_map(|id| engine.cancel(id).ok());
        Ok(json!({"list": done.map(|order| acknowledged(&order)).collect::<Value>(), "success": "1"}))
    })
}

pub(super) fn amend(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.need_symbol()?;
    let (price, qty) = (params.decimal("price")?, params.decimal("qty")?);
    hub.engine(|engine| {
        let order = named(engine, product, params)?.ok_or(refused(product, Refusal::Unknown))?;
        let (id, price, qty) = (order.id, price.unwrap_or(order.price), qty.unwrap_or(order.qty));
        if hub.treatment.amend_fails && order.status.is_open() {
            let acknowledgement = acknowledged(order);
            engine.refuse_amendment(id);
            return Ok(acknowledgement);
        }
        let order = engine.amend(id, price, qty);
        order.map(|order| acknowledged(&order)).map_err(|refusal| refused(product, refusal))
    })
}

/// The place in a cursor that came back.
fn place(cursor: &str) -> Option<usize> {
    cursor.strip_prefix("page_token=")?.strip_suffix('&')?.parse().ok()
}

/// A page of rows, newest first, with the cursor of the next one: the number of rows before it.
fn page(params: &Params, product: Product, rows: Vec<Value>, default: usize, max: usize) -> Answer {
    let skipped = match params.get("cursor") {
        Some(cursor) => place(cursor).ok_or_else(|| wrong("cursor"))?,
        None => 0,
    };
    let limit = params.limit(default, max)?;
    let next = skipped.saturating_add(limit);
    // As the venue writes it: ready to stand in a query.
    let cursor = if next < rows.len() { format!("page_token%3D{next}%26") } else { String::new() };
    let list: Value = rows.into_iter().skip(skipped).take(limit).collect();
    Ok(json!({"category": category(product), "list": list, "nextPageCursor": cursor}))
}

/// Closed orders that `realtime` still knows.
const RECENT: usize = 500;

/// Open orders; with an id or `openOnly=1` also recently closed ones.
pub(super) fn realtime(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.product()?;
    params.symbol()?;
    if params.get("symbol").is_none()
        && params.get("settleCoin").is_none()
        && product == Product::Perp
    {
        return Err(Fail::new(10001, "params error: symbol or settleCoin required"));
    }
    let has_id = params.get("orderId").is_some() || params.get("orderLinkId").is_some();
    let closed = params.get("openOnly") == Some("1");
    let rows = hub.engine(|engine| {
        if has_id {
            return Ok(named(engine, product, params)?.map(orders::order).into_iter().collect());
        }
        let found = engine.orders().rev().filter(|order| order.product == product);
        let found = found.filter(|order| order.status.is_open() != closed);
        Ok(found.take(if closed { RECENT } else { usize::MAX }).map(orders::order).collect())
    })?;
    page(params, product, rows, 20, 50)
}

/// Closed orders.
pub(super) fn history(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.product()?;
    params.symbol()?;
    let has_id = params.get("orderId").is_some() || params.get("orderLinkId").is_some();
    let rows = hub.engine(|engine| {
        let one =
            if has_id { Some(named(engine, product, params)?.map(|order| order.id)) } else { None };
        let found = engine.orders().rev().filter(|order| {
            order.product == product
                && !order.status.is_open()
                && one.is_none_or(|one| one == Some(order.id))
        });
        Ok(found.map(orders::order).collect())
    })?;
    page(params, product, rows, 20, 50)
}

pub(super) fn executions(hub: &View<'_>, params: &Params) -> Answer {
    let product = params.product()?;
    params.symbol()?;
    let has_id = params.get("orderId").is_some() || params.get("orderLinkId").is_some();
    let (start_ms, end_ms) = (params.number("startTime")?, params.number("endTime")?);
    let kind = params.get("execType");
    let rows = hub.engine(|engine| {
        let one =
            if has_id { Some(named(engine, product, params)?.map(|order| order.id)) } else { None };
        let wants = |order: &&Order| {
            order.product == product && one.is_none_or(|one| one == Some(order.id))
        };
        let in_time = |fill: &Fill| {
            start_ms.is_none_or(|start| fill.time_ms >= start)
                && end_ms.is_none_or(|end| fill.time_ms <= end)
        };
        let mut found: Vec<(&Order, &Fill)> = engine
            .orders()
            .filter(wants)
            .flat_map(|order| order.fills.iter().map(move |fill| (order, fill)))
            .filter(|(_, fill)| in_time(fill))
            .collect();
        found.sort_by_key(|(_, fill)| std::cmp::Reverse(fill.trade_id));
        let fills = found.into_iter().map(|(order, fill)| orders::execution(order, fill));
        // Funding stands among the fills, as an execution of another kind.
        let is_listed = !has_id && product == Product::Perp;
        let paid = engine.payments().iter().rev().filter(|_| is_listed).map(orders::funding);
        let rows = paid.chain(fills);
        Ok(rows.filter(|row| kind.is_none_or(|kind| row["execType"] == kind)).collect())
    })?;
    page(params, product, rows, 50, 100)
}

pub(super) fn wallet(hub: &View<'_>, params: &Params) -> Answer {
    if params.need("accountType")? != "UNIFIED" {
        return Err(Fail::new(10001, "accountType only support UNIFIED."));
    }
    let wallet = hub.engine(|engine| {
        orders::wallet(engine.account(), engine.available(), engine.mark(Product::Perp))
    });
    Ok(json!({"list": [wallet]}))
}

/// With a symbol a flat position is listed too, with a settle coin only what is held.
pub(super) fn positions(hub: &View<'_>, params: &Params) -> Answer {
    if params.product()? != Product::Perp {
        return Err(wrong("category"));
    }
    let by_symbol = params.symbol()?.is_some();
    if !by_symbol && params.get("settleCoin").is_none() {
        return Err(Fail::new(10001, "params error: symbol or settleCoin required"));
    }
    let position = hub.engine(|engine| {
        let listed = by_symbol || !engine.account().position.qty.is_zero();
        let mark = engine.mark(Product::Perp);
        listed.then(|| orders::position(engine.account(), mark, engine.now_ms))
    });
    let list: Value = position.into_iter().collect();
    Ok(json!({"category": "linear", "list": list, "nextPageCursor": ""}))
}
