//! The OKX dialect under `/api/v5` and `/ws/v5`.
//!
//! Comes in: requests. Goes out: the venue's envelope (`code`, `msg`, `data`) with a code of its own
//! on every item of a write, as www.okx.com/docs-v5 describes it. Deliberately absent: algo orders,
//! leverage, transfers, hedge mode, and the book's checksum (its sequence ids are the authority).

mod market;
mod orders;
mod streams;
mod trade;
mod words;

use hyper::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::auth;
use crate::engine::Product;
use crate::faults::Route;
use crate::hub::{Hub, View};
use crate::limits::Window;
use crate::server::{Call, Reply};
use crate::socket::Session;

/// A request's stamp may differ from the venue's clock by so much, in milliseconds.
const WINDOW_MS: i64 = 30_000;
/// The venue's windows are two seconds long.
const LIMIT_MS: i64 = 2_000;

/// A refusal of a whole request.
#[derive(Debug)]
pub(super) struct Fail {
    status: u16,
    code: u32,
    msg: String,
}

impl Fail {
    pub(super) fn new(code: u32, msg: impl Into<String>) -> Self {
        Self { status: 200, code, msg: msg.into() }
    }

    fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

/// `data`, with the code of the envelope around it.
pub(super) struct Data {
    code: u32,
    msg: &'static str,
    data: Value,
}

impl From<Value> for Data {
    fn from(data: Value) -> Self {
        Self { code: 0, msg: "", data }
    }
}

type Answer = Result<Data, Fail>;

/// The fields of a query or of one JSON object; all are text.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    fn of_query(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn of_object(object: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let fields = object.as_object().into_iter().flatten();
        Self(fields.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, value)| field == name && !value.is_empty())?;
        Some(&found.1)
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Fail> {
        let empty =
            || Fail::new(50014, format!("Parameter {name} cannot be empty.")).with_status(400);
        self.get(name).ok_or_else(empty)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Fail> {
        self.get(name).map(|text| text.parse().map_err(|_| wrong(name))).transpose()
    }

    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Fail> {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let parse =
            |text: &str| text.parse().ok().filter(|_| is_plain(text)).ok_or_else(|| wrong(name));
        self.get(name).map(parse).transpose()
    }

    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Fail> {
        let limit = self.number("limit")?.unwrap_or(default as i64);
        Ok(usize::try_from(limit.max(1)).unwrap_or(max).min(max))
    }

    pub(super) fn product(&self) -> Result<Product, Fail> {
        let unknown =
            || Fail::new(51001, "Instrument ID, Instrument ID code, or Spread ID doesn't exist.");
        words::product(self.need("instId")?).ok_or_else(unknown)
    }

    /// Whether a product passes `instType` and `instId`, where they are sent.
    pub(super) fn wants(&self, product: Product) -> bool {
        self.get("instType").is_none_or(|kind| kind == words::kind_of(product) || kind == "ANY")
            && self.get("instId").is_none_or(|id| id == words::instrument(product))
    }
}

pub(super) fn wrong(name: &str) -> Fail {
    Fail::new(51000, format!("Parameter {name} error"))
}

/// How a request is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pool {
    /// Per endpoint.
    Public,
    /// Per endpoint and account.
    Account,
    /// Per endpoint, account and instrument.
    Orders,
}

struct Endpoint {
    method: Method,
    path: &'static str,
    route: Route,
    pool: Pool,
    act: fn(&View<'_>, &Params, &Value) -> Answer,
}

const fn endpoint(
    method: Method,
    path: &'static str,
    route: Route,
    pool: Pool,
    act: fn(&View<'_>, &Params, &Value) -> Answer,
) -> Endpoint {
    Endpoint { method, path, route, pool, act }
}

use Pool::{Account, Orders, Public};
use Route::{Amend, Cancel, Create, Market, Query};

const ENDPOINTS: &[Endpoint] = &[
    endpoint(Method::GET, "/api/v5/public/time", Market, Public, market::time),
    endpoint(Method::GET, "/api/v5/public/instruments", Market, Public, market::instruments),
    endpoint(Method::GET, "/api/v5/public/funding-rate", Market, Public, market::funding_rate),
    endpoint(
        Method::GET,
        "/api/v5/public/funding-rate-history",
        Market,
        Public,
        market::funding_history,
    ),
    endpoint(Method::GET, "/api/v5/public/mark-price", Market, Public, market::mark_price),
    endpoint(Method::GET, "/api/v5/market/ticker", Market, Public, market::ticker),
    endpoint(Method::GET, "/api/v5/market/tickers", Market, Public, market::tickers),
    endpoint(Method::GET, "/api/v5/market/books", Market, Public, market::books),
    endpoint(Method::GET, "/api/v5/market/trades", Market, Public, market::trades),
    endpoint(Method::GET, "/api/v5/market/candles", Market, Public, market::candles),
    endpoint(Method::GET, "/api/v5/market/history-candles", Market, Public, market::candles),
    endpoint(Method::GET, "/api/v5/account/balance", Query, Account, trade::balance),
    endpoint(Method::GET, "/api/v5/account/positions", Query, Account, trade::positions),
    endpoint(Method::GET, "/api/v5/account/config", Query, Account, trade::config),
    endpoint(Method::POST, "/api/v5/trade/order", Create, Orders, trade::create),
    endpoint(Method::POST, "/api/v5/trade/batch-orders", Create, Orders, trade::create),
    endpoint(Method::POST, "/api/v5/trade/amend-order", Amend, Orders, trade::amend),
    endpoint(Method::POST, "/api/v5/trade/cancel-order", Cancel, Orders, trade::cancel),
    endpoint(Method::POST, "/api/v5/trade/cancel-batch-orders", Cancel, Orders, trade::cancel),
    endpoint(Method::GET, "/api/v5/trade/order", Query, Orders, trade::get),
    endpoint(Method::GET, "/api/v5/trade/orders-pending", Query, Orders, trade::pending),
    endpoint(Method::GET, "/api/v5/trade/orders-history", Query, Orders, trade::history),
    endpoint(Method::GET, "/api/v5/trade/fills", Query, Orders, trade::fills),
    endpoint(Method::GET, "/api/v5/trade/fills-history", Query, Account, trade::fills),
];

fn find(method: &Method, path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.method == *method && endpoint.path == path)
}

/// What a request is for.
pub(crate) fn route(method: &Method, path: &str) -> Option<Route> {
    find(method, path).map(|endpoint| endpoint.route)
}

/// The session behind a path.
pub(crate) fn session(path: &str) -> Option<Box<dyn Session>> {
    streams::session(path)
}

/// Answers a request.
pub(crate) fn answer(hub: &View<'_>, call: &Call) -> Reply {
    let Some(endpoint) = find(&call.method, &call.path) else { return Reply::new(404, "") };
    let answer = act(hub, endpoint, call);
    let (status, code, msg, data) = match answer {
        Ok(data) => (200, data.code, data.msg.to_owned(), data.data),
        Err(fail) => (fail.status, fail.code, fail.msg, json!([])),
    };
    Reply::new(status, json!({"code": code.to_string(), "msg": msg, "data": data}))
}

fn act(hub: &View<'_>, endpoint: &Endpoint, call: &Call) -> Answer {
    if endpoint.pool != Public {
        prove(hub, call)?;
    }
    let body = match call.body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&call.body)
            .map_err(|_| Fail::new(50002, "JSON syntax error").with_status(400))?,
    };
    let params = Params::of_query(&call.query);
    count(hub, endpoint, &params, &body)?;
    (endpoint.act)(hub, &params, &body)
}

/// Counts a request; a batch counts each of its items against the instrument.
fn count(hub: &Hub, endpoint: &Endpoint, params: &Params, body: &Value) -> Result<(), Fail> {
    let (now_ms, limits) = (hub.now_ms(), &hub.config.limits);
    let limit = match endpoint.pool {
        Public => limits.okx_public,
        Account => limits.okx_account,
        Orders => limits.okx_orders,
    };
    let items = body.as_array().map_or(1, |items| items.len().max(1)) as u64;
    let first = body.get(0).unwrap_or(body);
    let instrument = first["instId"].as_str().or(params.get("instId")).unwrap_or_default();
    let (verb, path) = (&endpoint.method, endpoint.path.trim_start_matches("/api/v5/"));
    let name = match endpoint.pool {
        Orders => format!(
            "okx {verb} {path} {}",
            words::product(instrument).map_or("", words::instrument)
        ),
        _ => format!("okx {verb} {path}"),
    };
    let charge =
        hub.meter(|meter| meter.charge(&name, Window::Rolling(LIMIT_MS), limit, items, now_ms));
    if charge.is_over {
        return Err(Fail::new(50011, "Too Many Requests").with_status(429));
    }
    Ok(())
}

/// Checks key, passphrase, clock and signature.
fn prove(hub: &Hub, call: &Call) -> Result<(), Fail> {
    let refuse = |code, msg: &str| Err(Fail::new(code, msg).with_status(401));
    for (name, code) in [
        ("OK-ACCESS-KEY", 50103),
        ("OK-ACCESS-PASSPHRASE", 50104),
        ("OK-ACCESS-SIGN", 50106),
        ("OK-ACCESS-TIMESTAMP", 50107),
    ] {
        if call.header(name).is_empty() {
            return refuse(code, &format!("Request header \"{name}\" cannot be empty."));
        }
    }
    if call.header("OK-ACCESS-KEY") != hub.config.key {
        return refuse(50111, "Invalid OK-ACCESS-KEY");
    }
    if call.header("OK-ACCESS-PASSPHRASE") != hub.config.passphrase {
        return refuse(50105, "Request header \"OK-ACCESS-PASSPHRASE\" incorrect.");
    }
    let stamp = call.header("OK-ACCESS-TIMESTAMP");
    let Some(stamp_ms) = words::stamp_ms(stamp) else {
        return refuse(50112, "Invalid OK-ACCESS-TIMESTAMP");
    };
    if (hub.now_ms() - stamp_ms).abs() > WINDOW_MS {
        return refuse(50102, "Timestamp request expired.");
    }
    let join = if call.query.is_empty() { "" } else { "?" };
    let head = format!("{stamp}{}{}{join}{}", call.method, call.path, call.query);
    let signed = auth::base64(&hub.config.secret, &[head.as_bytes(), &call.body[..]].concat());
    if call.header("OK-ACCESS-SIGN") != signed {
        return refuse(50113, "Invalid signature");
    }
    Ok(())
}
