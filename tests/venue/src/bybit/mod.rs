//! The Bybit dialect under `/v5`: spot and linear perpetuals.
//!
//! Comes in: requests. Goes out: the venue's envelope (`retCode`, `retMsg`, `result`) as
//! bybit-exchange.github.io/docs/v5 describes it. Writes are only acknowledged; how they ended is
//! said on the order topic. Deliberately absent: inverse, options, batches, hedge mode, leverage.

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

/// The receive window where the client sends none, in milliseconds.
const WINDOW_MS: i64 = 5_000;
/// A timestamp may be ahead of the venue by less than this, in milliseconds.
const AHEAD_MS: i64 = 1_000;
/// The window of the limit per IP, in milliseconds.
const IP_MS: i64 = 5_000;

/// A refusal in the dialect's words.
#[derive(Debug)]
pub(super) struct Fail {
    code: u32,
    msg: String,
}

impl Fail {
    pub(super) fn new(code: u32, msg: impl Into<String>) -> Self {
        Self { code, msg: msg.into() }
    }
}

type Answer = Result<Value, Fail>;

/// The fields of a query or of a JSON body.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    fn of(call: &Call) -> Result<Self, Fail> {
        if call.method != Method::POST {
            return Ok(Self(form_urlencoded::parse(call.query.as_bytes()).into_owned().collect()));
        }
        let body: Value = serde_json::from_slice(&call.body)
            .map_err(|_| Fail::new(10001, "params error: the body is no JSON"))?;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields = body.as_object().into_iter().flatten();
        Ok(Self(fields.map(|(name, value)| (name.clone(), text(value))).collect()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, value)| field == name && !value.is_empty())?;
        Some(&found.1)
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Fail> {
        self.get(name).ok_or_else(|| wrong(name))
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
        let category = self.need("category")?;
        let known = Product::ALL.into_iter().find(|product| words::category(*product) == category);
        known.ok_or_else(|| wrong("category"))
    }

    /// The symbol, where one is sent: only one trades here.
    pub(super) fn symbol(&self) -> Result<Option<&str>, Fail> {
        match self.get("symbol") {
            Some(symbol) if symbol != words::SYMBOL => {
                Err(Fail::new(10001, "Not supported symbols"))
            }
            symbol => Ok(symbol),
        }
    }

    pub(super) fn need_symbol(&self) -> Result<Product, Fail> {
        self.need("symbol")?;
        self.symbol()?;
        self.product()
    }
}

pub(super) fn wrong(name: &str) -> Fail {
    Fail::new(10001, format!("params error: {name} invalid"))
}

struct Endpoint {
    method: Method,
    path: &'static str,
    route: Route,
    act: fn(&View<'_>, &Params) -> Answer,
}

const fn endpoint(
    method: Method,
    path: &'static str,
    route: Route,
    act: fn(&View<'_>, &Params) -> Answer,
) -> Endpoint {
    Endpoint { method, path, route, act }
}

use Route::{Amend, Cancel, Create, Market, Query};

const ENDPOINTS: &[Endpoint] = &[
    endpoint(Method::GET, "/v5/market/time", Market, market::time),
    endpoint(Method::GET, "/v5/market/instruments-info", Market, market::instruments),
    endpoint(Method::GET, "/v5/market/tickers", Market, market::tickers),
    endpoint(Method::GET, "/v5/market/orderbook", Market, market::orderbook),
    endpoint(Method::GET, "/v5/market/recent-trade", Market, market::trades),
    endpoint(Method::GET, "/v5/market/kline", Market, market::kline),
    endpoint(Method::GET, "/v5/market/funding/history", Market, market::funding_history),
    endpoint(Method::GET, "/v5/account/wallet-balance", Query, trade::wallet),
    endpoint(Method::GET, "/v5/position/list", Query, trade::positions),
    endpoint(Method::POST, "/v5/order/create", Create, trade::create),
    endpoint(Method::POST, "/v5/order/amend", Amend, trade::amend),
    endpoint(Method::POST, "/v5/order/cancel", Cancel, trade::cancel),
    endpoint(Method::POST, "/v5/order/cancel-all", Cancel, trade::cancel_all),
    endpoint(Method::GET, "/v5/order/realtime", Query, trade::realtime),
    endpoint(Method::GET, "/v5/order/history", Query, trade::history),
    endpoint(Method::GET, "/v5/execution/list", Query, trade::executions),
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
    if is_flooding(hub) {
        return Reply::new(403, "403, access too frequent. Please try again later.");
    }
    let mut headers = Vec::new();
    let answer = act(hub, endpoint, call, &mut headers);
    let (code, msg, result) = match answer {
        Ok(result) => (0, "OK".to_owned(), result),
        Err(fail) => (fail.code, fail.msg, json!({})),
    };
    let envelope = json!({"retCode": code, "retMsg": msg, "result": result, "retExtInfo": {},
        "time": hub.now_ms()});
    Reply { headers, ..Reply::new(200, envelope) }
}

fn act(
    hub: &View<'_>,
    endpoint: &Endpoint,
    call: &Call,
    headers: &mut Vec<(&'static str, String)>,
) -> Answer {
    if endpoint.route != Market {
        prove(hub, call)?;
    }
    let params = Params::of(call)?;
    if endpoint.route != Market {
        count(hub, endpoint, &params, headers)?;
    }
    (endpoint.act)(hub, &params)
}

/// Counts a request per IP; too many shut the IP out for minutes.
fn is_flooding(hub: &Hub) -> bool {
    let (name, now_ms, limits) = ("bybit ip", hub.now_ms(), &hub.config.limits);
    hub.meter(|meter| {
        if meter.banned(name, now_ms).is_some() {
            return true;
        }
        let charge = meter.charge(name, Window::Rolling(IP_MS), limits.bybit_ip, 1, now_ms);
        if charge.is_over {
            meter.ban(name, now_ms + limits.bybit_ban_ms);
        }
        charge.is_over
    })
}

/// Counts a private request per second, endpoint and, for writes, category.
fn count(
    hub: &Hub,
    endpoint: &Endpoint,
    params: &Params,
    headers: &mut Vec<(&'static str, String)>,
) -> Result<(), Fail> {
    let (now_ms, limits) = (hub.now_ms(), &hub.config.limits);
    let path = endpoint.path.trim_start_matches("/v5/");
    let (name, limit) = match (endpoint.method == Method::POST, params.product()) {
        (true, Ok(Product::Spot)) => (format!("bybit {path} spot"), limits.bybit_spot_orders),
        (true, _) => (format!("bybit {path} linear"), limits.bybit_linear_orders),
        (false, _) => (format!("bybit {path}"), limits.bybit_reads),
    };
    let charge = hub.meter(|meter| meter.charge(&name, Window::Fixed(1_000), limit, 1, now_ms));
    headers.push(("x-bapi-limit", limit.to_string()));
    headers.push(("x-bapi-limit-status", limit.saturating_sub(charge.used).to_string()));
    headers.push(("x-bapi-limit-reset-timestamp", (now_ms + charge.retry_after_ms).to_string()));
    if charge.is_over {
        return Err(Fail::new(10006, "Too many visits. Exceeded the API Rate Limit."));
    }
    Ok(())
}

/// Checks key, clock and signature.
fn prove(hub: &Hub, call: &Call) -> Result<(), Fail> {
    let key = call.header("X-BAPI-API-KEY");
    if key != hub.config.key {
        return Err(Fail::new(10003, "API key is invalid."));
    }
    let stamp = call.header("X-BAPI-TIMESTAMP");
    let window = call.header("X-BAPI-RECV-WINDOW");
    let window_ms = if window.is_empty() { Ok(WINDOW_MS) } else { window.parse() };
    let now_ms = hub.now_ms();
    let in_time = match (stamp.parse::<i64>(), window_ms) {
        (Ok(stamp_ms), Ok(window_ms)) => {
            now_ms.saturating_sub(window_ms) <= stamp_ms && stamp_ms < now_ms + AHEAD_MS
        }
        _ => return Err(wrong("X-BAPI-TIMESTAMP")),
    };
    if !in_time {
        let text = format!(
            "invalid request, please check your server timestamp or recv_window param. \
             req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]"
        );
        return Err(Fail::new(10002, text));
    }
    let head = format!("{stamp}{key}{window}");
    let payload = if call.method == Method::GET { call.query.as_bytes() } else { &call.body[..] };
    let signed = auth::hex(&hub.config.secret, &[head.as_bytes(), payload].concat());
    if call.header("X-BAPI-SIGN") != signed {
        return Err(Fail::new(
            10004,
            "error sign! please check your signature generation algorithm.",
        ));
    }
    Ok(())
}
