//! Private reads and writes.
//!
//! Comes in: proven requests. Goes out: what the engine did, item by item. Deliberately absent:
//! anything but HTTP 200 for an item that failed; that is the dialect's way.

use serde_json::{Value, json};

use super::orders::{self, refused};
use super::{Answer, Data, Fail, Params};
use crate::engine::{Engine, Fill, Order, Product, Refusal, Status};
use crate::hub::View;

/// Items of one batch.
const BATCH_MAX: usize = 20;

/// Does something for one object or each of a list, and answers item by item.
fn each(hub: &View<'_>, body: &Value, act: impl Fn(&Params) -> Result<Order, Fail>) -> Answer {
    let one = std::slice::from_ref(body);
    let items = body.as_array().map_or(one, Vec::as_slice);
    if items.is_empty() || items.len() > BATCH_MAX || !items.iter().all(Value::is_object) {
        return Err(Fail::new(50002, "JSON syntax error").with_status(400));
    }
    let mut failed = 0;
    let now_ms = hub.now_ms().to_string();
    let mut answer = |item: &Value| {
        let params = Params::of_object(item);
        let sent = |name: &str| params.get(name).unwrap_or_default().to_owned();
        match act(&params) {
            Ok(order) => {
                json!({"ordId": order.id.to_string(), "clOrdId": sent("clOrdId"), "tag": "",
                "reqId": sent("reqId"), "ts": now_ms, "sCode": "0", "sMsg": ""})
            }
            Err(fail) => {
                failed += 1;
                json!({"ordId": sent("ordId"), "clOrdId": sent("clOrdId"), "tag": "",
                    "reqId": sent("reqId"), "ts": now_ms, "sCode": fail.code.to_string(), "sMsg": fail.msg})
            }
        }
    };
    let data = items.iter().map(&mut answer).collect();
    let (code, msg) = match failed {
        0 => (0, ""),
        some if some < items.len() => (2, "Bulk operation partially succeeded."),
        _ => (1, "All operations failed"),
    };
    Ok(Data { code, msg, data })
}

pub(super) fn create(hub: &View<'_>, _: &Params, body: &Value) -> Answer {
    each(hub, body, |params| {
        let new = orders::asked(hub, params)?;
        hub.engine(|engine| engine.submit(new)).map_err(refused)
    })
}

/// The order that `ordId` or `clOrdId` name.
fn named<'a>(
    engine: &'a Engine,
    product: Product,
    params: &Params,
) -> Result<Option<&'a Order>, Fail> {
    let order = match (params.number("ordId")?, params.get("clOrdId")) {
        (Some(id), _) => u64::try_from(id).ok().and_then(|id| engine.order(id)),
        (None, Some(client_id)) => engine.by_client_id(client_id),
        (None, None) => {
            return Err(Fail::new(51000, "Either parameter ordId or clOrdId is required"));
        }
    };
    Ok(order.filter(|order| order.product == product))
}

/// Why an order that is done is not cancelled or amended: by how it was done.
fn done(order: &Order, [cancelled, filled]: [u32; 2]) -> Fail {
    match order.status {
        Status::Filled => Fail::new(filled, "The order is already completed."),
        _ => Fail::new(cancelled, "The order is already canceled."),
    }
}

pub(super) fn cancel(hub: &View<'_>, _: &Params, body: &Value) -> Answer {
    each(hub, body, |params| {
        let product = params.product()?;
        let cancelled = hub.engine(|engine| {
            let order = named(engine, product, params)?.ok_or(refused(Refusal::Unknown))?;
            if !order.status.is_open() {
                return Err(done(order, [51401, 51402]));
            }
            let id = order.id;
            engine.cancel(id).map_err(refused)
        });
        if hub.treatment.cancel_pends {
            let text = "Cancellation failed as the order is already in canceling status.";
            return cancelled.and(Err(Fail::new(51410, text)));
        }
        cancelled
    })
}

pub(super) fn amend(hub: &View<'_>, _: &Params, body: &Value) -> Answer {
    let gone = || Fail::new(51503, "Order modification failed as the order does not exist.");
    each(hub, body, |params| {
        let product = params.product()?;
        let (price, size) = (params.decimal("newPx")?, params.decimal("newSz")?);
        hub.engine(|engine| {
            let order = named(engine, product, params)?.ok_or_else(gone)?;
            if !order.status.is_open() {
                return Err(done(order, [51509, 51510]));
            }
            let qty = size.map_or(order.qty, |size| super::words::qty(product, size));
            let (id, price) = (order.id, price.unwrap_or(order.price));
            if hub.treatment.amend_fails {
                let order = order.clone();
                engine.refuse_amendment(id);
                return Ok(order);
            }
            engine.amend(id, price, qty).map_err(refused)
        })
    })
}

pub(super) fn get(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let product = params.product()?;
    let found = hub.engine(|engine| {
        named(engine, product, params).map(|order| order.map(|order| orders::order(order, None)))
    })?;
    found.map(|order| json!([order]).into()).ok_or_else(|| Fail::new(51603, "Order does not exist"))
}

/// Newest first; `after` asks for older ids than one, `before` for newer ones.
fn page(params: &Params, default: usize) -> Result<(impl Fn(u64) -> bool, usize), Fail> {
    let (after, before) = (params.number("after")?, params.number("before")?);
    let wants = move |id: u64| {
        let id = i64::try_from(id).unwrap_or(i64::MAX);
        after.is_none_or(|after| id < after) && before.is_none_or(|before| id > before)
    };
    Ok((wants, params.limit(default, 100)?))
}

fn listed(hub: &View<'_>, params: &Params, fits: impl Fn(&Order) -> bool) -> Answer {
    let (wants, limit) = page(params, 100)?;
    let data: Value = hub.engine(|engine| {
        let found = engine.orders().rev();
        let found =
            found.filter(|order| fits(order) && wants(order.id) && params.wants(order.product));
        found.take(limit).map(|order| orders::order(order, None)).collect()
    });
    Ok(data.into())
}

pub(super) fn pending(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    listed(hub, params, |order| order.status.is_open())
}

pub(super) fn history(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    params.need("instType")?;
    listed(hub, params, |order| !order.status.is_open())
}

pub(super) fn fills(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let order_id = params.number("ordId")?.and_then(|id| u64::try_from(id).ok());
    let (wants, limit) = page(params, 100)?;
    let data: Value = hub.engine(|engine| {
        let of_order = |order: &&Order| {
            params.wants(order.product) && order_id.is_none_or(|id| order.id == id)
        };
        let mut found: Vec<(&Order, &Fill)> = engine
            .orders()
            .filter(of_order)
            .flat_map(|order| order.fills.iter().map(move |fill| (order, fill)))
            .collect();
        found.sort_by_key(|(order, fill)| (fill.time_ms, order.id, fill.trade_id));
        let found = found.into_iter().rev().filter(|(order, fill)| wants(bill_id(order, fill)));
        found.take(limit).map(|(order, fill)| orders::fill(order, fill)).collect()
    });
    Ok(data.into())
}

/// The id by which fills are paged, the same as the `billId` they show.
fn bill_id(order: &Order, fill: &Fill) -> u64 {
    format!("{}{}", order.id, fill.trade_id).parse().unwrap_or(u64::MAX)
}

pub(super) fn balance(hub: &View<'_>, _: &Params, _: &Value) -> Answer {
    let data = hub.engine(|engine| {
        let mark = engine.mark(Product::Perp);
        orders::balance(engine.account(), engine.available(), mark, engine.now_ms)
    });
    Ok(json!([data]).into())
}

pub(super) fn positions(hub: &View<'_>, params: &Params, _: &Value) -> Answer {
    let data = hub.engine(|engine| {
        let is_there = params.wants(Product::Perp) && !engine.account().position.qty.is_zero();
        let mark = engine.mark(Product::Perp);
        is_there.then(|| orders::position(engine.account(), mark, engine.now_ms))
    });
    Ok(data.into_iter().collect::<Value>().into())
}

pub(super) fn config(_: &View<'_>, _: &Params, _: &Value) -> Answer {
    Ok(json!([{"uid": "1", "acctLv": "2", "posMode": "net_mode", "autoLoan": false, "level": "Lv1"}]).into())
}
