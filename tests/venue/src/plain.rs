//! A plain venue under `/v1`: spot by REST alone, without streams and without codes.
//!
//! Comes in: requests. Goes out: JSON in the plainest words, and a status that says the rest. Deliberately
//! absent: market orders, amendments, histories and sockets; whoever wants to know asks.

use hyper::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::auth;
use crate::engine::{Amount, Kind, NewOrder, Order, Product, Refusal, Side, Status, Tif};
use crate::faults::Route;
use crate::hub::{Hub, View};
use crate::server::{Call, Reply};

/// The one market.
const SYMBOL: &str = "BTC_USDT";
/// A request's stamp may differ from the venue's clock by so much, in milliseconds.
const WINDOW_MS: i64 = 30_000;
/// Levels of a book where the client does not say how many.
const DEPTH: usize = 20;

/// A status with its text.
struct Fail(u16, &'static str);

type Answer = Result<Value, Fail>;

/// What a request is for.
pub(crate) fn route(method: &Method, path: &str) -> Option<Route> {
    Some(match (method, path) {
        (&Method::GET, "/v1/instruments" | "/v1/ticker" | "/v1/book") => Route::Market,
        (&Method::GET, "/v1/balances" | "/v1/order" | "/v1/orders" | "/v1/fills") => Route::Query,
        (&Method::POST, "/v1/order") => Route::Create,
        (&Method::DELETE, "/v1/order") => Route::Cancel,
        _ => return None,
    })
}

/// Answers a request.
pub(crate) fn answer(hub: &View<'_>, call: &Call) -> Reply {
    let route = route(&call.method, &call.path);
    let proven = if route == Some(Route::Market) { Ok(()) } else { prove(hub, call) };
    let answer = proven.and_then(|()| match (route, call.path.as_str()) {
        (Some(Route::Create), _) => create(hub, call),
        (Some(Route::Cancel), _) => cancel(hub, &query(call)),
        (_, "/v1/instruments") => Ok(instruments(hub)),
        (_, "/v1/ticker") => ticker(hub),
        (_, "/v1/book") => Ok(book(hub, &query(call))),
        (_, "/v1/balances") => Ok(balances(hub)),
        (_, "/v1/order") => {
            let query = query(call);
            hub.engine(|engine| named(engine, &query).map(order)).ok_or(Fail(404, "no such order"))
        }
        (_, "/v1/orders") => Ok(hub.engine(|engine| {
            let open = engine.orders().filter(|order| order.status.is_open() && is_spot(order));
            open.map(order).collect()
        })),
        (_, "/v1/fills") => fills(hub, &query(call)),
        _ => Err(Fail(404, "no such path")),
    });
    match answer {
        Ok(value) => Reply::new(200, value),
        Err(Fail(status, text)) => Reply::new(status, json!({"error": text})),
    }
}

type Query = Vec<(String, String)>;

fn query(call: &Call) -> Query {
    form_urlencoded::parse(call.query.as_bytes()).into_owned().collect()
}

fn get<'q>(query: &'q Query, name: &str) -> Option<&'q str> {
    query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn is_spot(order: &Order) -> bool {
    order.product == Product::Spot
}

/// Checks key, clock and signature: over stamp, method, target and body.
fn prove(hub: &Hub, call: &Call) -> Result<(), Fail> {
    let stamp = call.header("X-API-TIMESTAMP");
    let in_time =
        stamp.parse::<i64>().is_ok_and(|stamp_ms| (hub.now_ms() - stamp_ms).abs() <= WINDOW_MS);
    let join = if call.query.is_empty() { "" } else { "?" };
    let head = format!("{stamp}{}{}{join}{}", call.method, call.path, call.query);
    let signed = auth::hex(&hub.config.secret, &[head.as_bytes(), &call.body[..]].concat());
    let is_proven = call.header("X-API-KEY") == hub.config.key
        && in_time
        && call.header("X-API-SIGNATURE") == signed;
    if is_proven { Ok(()) } else { Err(Fail(401, "key, time or signature")) }
}

fn number(value: Decimal) -> String {
    value.round_dp(8).normalize().to_string()
}

fn instruments(hub: &View<'_>) -> Value {
    let rules = hub.engine(|engine| engine.rules(Product::Spot).clone());
    let row = |symbol: &str, base: &str, status: &str| {
        json!({"symbol": symbol, "base": base, "quote": "USDT", "priceStep": number(rules.tick),
            "sizeStep": number(rules.step), "minSize": number(rules.step),
            "minNotional": number(rules.min_notional), "status": status})
    };
    json!([row(SYMBOL, "BTC", "trading"), row("OLD_USDT", "OLD", "halted")])
}

fn ticker(hub: &View<'_>) -> Answer {
    let quote = hub.engine(|engine| engine.quote(Product::Spot));
    let quote = quote.ok_or(Fail(503, "the book is empty"))?;
    Ok(json!({"bid": number(quote.bid), "ask": number(quote.ask), "bidSize": number(quote.bid_qty),
        "askSize": number(quote.ask_qty)}))
}

fn book(hub: &View<'_>, query: &Query) -> Value {
    let depth = get(query, "depth").and_then(|text| text.parse().ok()).unwrap_or(DEPTH);
    let (_, bids, asks) = hub.engine(|engine| engine.depth(Product::Spot, depth));
    let rows = |levels: Vec<(Decimal, Decimal)>| -> Value {
        levels.into_iter().map(|(price, qty)| json!([number(price), number(qty)])).collect()
    };
    json!({"bids": rows(bids), "asks": rows(asks)})
}

fn balances(hub: &View<'_>) -> Value {
    hub.engine(|engine| {
        let rows = engine.account().spot.iter().map(|(asset, held)| {
            json!({"asset": asset, "total": number(held.free + held.locked),
                "available": number(held.free)})
        });
        rows.collect()
    })
}

fn word(order: &Order) -> &'static str {
    match order.status {
        Status::New => "open",
        Status::PartlyFilled => "partly",
        Status::Filled => "filled",
        Status::Cancelled => "cancelled",
        Status::Expired | Status::ExpiredInMatch => "expired",
    }
}

fn side(side: Side) -> &'static str {
    if side == Side::Buy { "buy" } else { "sell" }
}

fn order(order: &Order) -> Value {
    json!({"id": order.id.to_string(), "clientId": order.client_id, "symbol": SYMBOL,
        "side": side(order.side), "price": number(order.price), "size": number(order.qty),
        "filled": number(order.filled), "status": word(order), "updated": order.updated_ms})
}

/// The order that `id` or `clientId` name.
fn named<'e>(engine: &'e crate::engine::Engine, query: &Query) -> Option<&'e Order> {
    let found = match (get(query, "id"), get(query, "clientId")) {
        (Some(id), _) => id.parse().ok().and_then(|id| engine.order(id)),
        (None, Some(client_id)) => engine.by_client_id(client_id),
        (None, None) => None,
    };
    found.filter(|order| is_spot(order))
}

fn fills(hub: &View<'_>, query: &Query) -> Answer {
    hub.engine(|engine| {
        let order = named(engine, query).ok_or(Fail(404, "no such order"))?;
        let row = |fill: &crate::engine::Fill| {
            json!({"id": fill.trade_id.to_string(), "orderId": order.id.to_string(),
                "clientId": order.client_id, "side": side(order.side), "price": number(fill.price),
                "size": number(fill.qty), "fee": number(fill.fee), "feeAsset": fill.fee_asset,
                "time": fill.time_ms})
        };
        Ok(order.fills.iter().map(row).collect())
    })
}

fn create(hub: &View<'_>, call: &Call) -> Answer {
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| Fail(400, "no JSON"))?;
    let text = |name: &str| body[name].as_str().ok_or(Fail(400, "a field is missing"));
    let decimal = |name: &str| text(name)?.parse().map_err(|_| Fail(400, "a number is none"));
    if text("symbol")? != SYMBOL {
        return Err(Fail(422, "no such market"));
    }
    let new = NewOrder {
        client_id: text("clientId")?.to_owned(),
        product: Product::Spot,
        side: match text("side")? {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            _ => return Err(Fail(400, "no side")),
        },
        kind: Kind::Limit,
        tif: match text("timeInForce")? {
            "GTC" => Tif::Gtc,
            "IOC" => Tif::Ioc,
            "FOK" => Tif::Fok,
            _ => return Err(Fail(400, "no time in force")),
        },
        price: decimal("price")?,
        amount: Amount::Base(decimal("size")?),
        reduce_only: false,
        refuse_taking_post_only: false,
        client_id_reusable: false,
    };
    match hub.engine(|engine| engine.submit(new)) {
        Ok(placed) => Ok(order(&placed)),
        Err(Refusal::Duplicate) => Err(Fail(409, "the client id is in use")),
        Err(_) => Err(Fail(422, "the order breaks a rule")),
    }
}

fn cancel(hub: &View<'_>, query: &Query) -> Answer {
    hub.engine(|engine| {
        let id = named(engine, query).map(|order| order.id).ok_or(Fail(404, "no such order"))?;
        engine.cancel(id).map(|done| order(&done)).map_err(|_| Fail(404, "the order is done"))
    })
}
