//! The Binance dialect: spot under `/api/v3`, USD-M perpetuals under `/fapi`.
//!
//! Comes in: requests. Goes out: the venue's JSON, codes, weights and headers, as
//! developers.binance.com describes them. Deliberately absent: margin, COIN-M, options, conditional
//! orders, and the batch endpoints.

mod account;
mod market;
mod orders;
mod private;
mod rules;
mod streams;
mod users;
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

/// `recvWindow` where the client sends none, and its largest value, in milliseconds.
const WINDOW_MS: i64 = 5_000;
const WINDOW_MAX_MS: i64 = 60_000;
/// A timestamp may be ahead of the venue by less than this, in milliseconds.
const AHEAD_MS: i64 = 1_000;
/// How long a listen key lives, in milliseconds.
pub(super) const LISTEN_KEY_MS: i64 = 3_600_000;

/// A refusal in the dialect's words.
#[derive(Debug)]
pub(super) struct Fail {
    status: u16,
    code: i32,
    msg: String,
    data: Value,
}

impl Fail {
    pub(super) fn new(code: i32, msg: impl Into<String>) -> Self {
        Self { status: 400, code, msg: msg.into(), data: Value::Null }
    }

    fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn json(&self) -> Value {
        let mut json = json!({"code": self.code, "msg": self.msg});
        if !self.data.is_null() {
            json["data"] = self.data.clone();
        }
        json
    }
}

type Answer = Result<Value, Fail>;

/// Query and form fields, in the order in which they were sent.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    fn of(query: &str, body: &str) -> Self {
        let fields =
            |text: &str| form_urlencoded::parse(text.as_bytes()).into_owned().collect::<Vec<_>>();
        Self([fields(query), fields(body)].concat())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(field, value)| field == name && !value.is_empty())?;
        Some(&found.1)
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Fail> {
        self.get(name).ok_or_else(|| malformed(name))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Fail> {
        let parse = |text: &str| text.parse().map_err(|_| malformed(name));
        self.get(name).map(parse).transpose()
    }

    /// Plain decimal digits; an exponent is refused, as the venue refuses it.
    pub(super) fn decimal(&self, name: &str) -> Result<Option<Decimal>, Fail> {
        let plain = r"'^([0-9]{1,20})(\.[0-9]{1,20})?$'";
        let parse = |text: &str| {
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            let illegal = || {
                format!("Illegal characters found in parameter '{name}'; legal range is {plain}.")
            };
            text.parse::<Decimal>()
                .ok()
                .filter(|_| is_plain)
                .ok_or_else(|| Fail::new(-1100, illegal()))
        };
        self.get(name).map(parse).transpose()
    }

    /// The page size: at least one, at most `max`.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Fail> {
        let limit = self.number("limit")?.unwrap_or(default as i64);
        Ok(usize::try_from(limit.max(1)).unwrap_or(max).min(max))
    }

    /// The symbol, where one is sent: only one trades here.
    pub(super) fn symbol(&self) -> Result<Option<&str>, Fail> {
        match self.get("symbol") {
            Some(symbol) if symbol != words::SYMBOL => Err(Fail::new(-1121, "Invalid symbol.")),
            symbol => Ok(symbol),
        }
    }

    pub(super) fn need_symbol(&self) -> Result<(), Fail> {
        self.need("symbol")?;
        self.symbol().map(drop)
    }
}

fn malformed(name: &str) -> Fail {
    let text = "was not sent, was empty/null, or malformed.";
    Fail::new(-1102, format!("Mandatory parameter '{name}' {text}"))
}

/// What a request must prove.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Nothing,
    Key,
    Signature,
}

/// One method on one path.
struct Endpoint {
    method: Method,
    path: &'static str,
    product: Product,
    route: Route,
    proof: Proof,
    /// Weight without regard to parameters; see [`weight`].
    weight: u64,
    act: fn(&View<'_>, Product, &Params) -> Answer,
}

const fn endpoint(
    method: Method,
    path: &'static str,
    product: Product,
    route: Route,
    proof: Proof,
    weight: u64,
    act: fn(&View<'_>, Product, &Params) -> Answer,
) -> Endpoint {
    Endpoint { method, path, product, route, proof, weight, act }
}

use Product::{Perp, Spot};
use Proof::{Key, Nothing, Signature};
use Route::{Amend, Cancel, Create, Market, Query};

/// Every endpoint, with the weights of the venue's documentation.
const ENDPOINTS: &[Endpoint] = &[
    endpoint(Method::GET, "/api/v3/time", Spot, Market, Nothing, 1, market::time),
    endpoint(Method::GET, "/api/v3/ping", Spot, Market, Nothing, 1, market::ping),
    endpoint(Method::GET, "/api/v3/exchangeInfo", Spot, Market, Nothing, 20, market::info),
    endpoint(Method::GET, "/api/v3/depth", Spot, Market, Nothing, 5, market::depth),
    endpoint(Method::GET, "/api/v3/trades", Spot, Market, Nothing, 25, market::trades),
    endpoint(Method::GET, "/api/v3/aggTrades", Spot, Market, Nothing, 4, market::agg_trades),
    endpoint(Method::GET, "/api/v3/klines", Spot, Market, Nothing, 2, market::klines),
    endpoint(
        Method::GET,
        "/api/v3/ticker/bookTicker",
        Spot,
        Market,
        Nothing,
        2,
        market::book_ticker,
    ),
    endpoint(Method::GET, "/api/v3/ticker/24hr", Spot, Market, Nothing, 2, market::day_ticker),
    endpoint(Method::GET, "/api/v3/account", Spot, Query, Signature, 20, account::spot),
    endpoint(Method::POST, "/api/v3/order", Spot, Create, Signature, 1, private::create),
    endpoint(Method::GET, "/api/v3/order", Spot, Query, Signature, 4, private::get),
    endpoint(Method::DELETE, "/api/v3/order", Spot, Cancel, Signature, 1, private::cancel),
    endpoint(
        Method::POST,
        "/api/v3/order/cancelReplace",
        Spot,
        Amend,
        Signature,
        1,
        private::replace,
    ),
    endpoint(Method::GET, "/api/v3/openOrders", Spot, Query, Signature, 6, private::open),
    endpoint(Method::DELETE, "/api/v3/openOrders", Spot, Cancel, Signature, 1, private::cancel_all),
    endpoint(Method::GET, "/api/v3/allOrders", Spot, Query, Signature, 20, private::all),
    endpoint(Method::GET, "/api/v3/myTrades", Spot, Query, Signature, 20, private::trades),
    endpoint(Method::GET, "/fapi/v1/time", Perp, Market, Nothing, 1, market::time),
    endpoint(Method::GET, "/fapi/v1/ping", Perp, Market, Nothing, 1, market::ping),
    endpoint(Method::GET, "/fapi/v1/exchangeInfo", Perp, Market, Nothing, 1, market::info),
    endpoint(Method::GET, "/fapi/v1/depth", Perp, Market, Nothing, 2, market::depth),
    endpoint(Method::GET, "/fapi/v1/trades", Perp, Market, Nothing, 5, market::trades),
    endpoint(Method::GET, "/fapi/v1/aggTrades", Perp, Market, Nothing, 20, market::agg_trades),
    endpoint(Method::GET, "/fapi/v1/klines", Perp, Market, Nothing, 1, market::klines),
    endpoint(
        Method::GET,
        "/fapi/v1/ticker/bookTicker",
        Perp,
        Market,
        Nothing,
        2,
        market::book_ticker,
    ),
    endpoint(Method::GET, "/fapi/v1/ticker/24hr", Perp, Market, Nothing, 1, market::day_ticker),
    endpoint(Method::GET, "/fapi/v1/premiumIndex", Perp, Market, Nothing, 1, market::premium_index),
    endpoint(Method::GET, "/fapi/v1/fundingRate", Perp, Market, Nothing, 1, market::funding_rate),
    endpoint(Method::GET, "/fapi/v1/fundingInfo", Perp, Market, Nothing, 1, market::funding_info),
    endpoint(Method::GET, "/fapi/v2/account", Perp, Query, Signature, 5, account::perp),
    endpoint(Method::GET, "/fapi/v3/account", Perp, Query, Signature, 5, account::perp),
    endpoint(Method::GET, "/fapi/v2/balance", Perp, Query, Signature, 5, account::balance),
    endpoint(Method::GET, "/fapi/v3/balance", Perp, Query, Signature, 5, account::balance),
    endpoint(
        Method::GET,
        "/fapi/v2/positionRisk",
        Perp,
        Query,
        Signature,
        5,
        account::every_position,
    ),
    endpoint(Method::GET, "/fapi/v3/positionRisk", Perp, Query, Signature, 5, account::positions),
    endpoint(Method::GET, "/fapi/v1/positionSide/dual", Perp, Query, Signature, 30, account::dual),
    endpoint(Method::POST, "/fapi/v1/order", Perp, Create, Signature, 0, private::create),
    endpoint(Method::GET, "/fapi/v1/order", Perp, Query, Signature, 1, private::get),
    endpoint(Method::PUT, "/fapi/v1/order", Perp, Amend, Signature, 1, private::amend),
    endpoint(Method::DELETE, "/fapi/v1/order", Perp, Cancel, Signature, 1, private::cancel),
    endpoint(Method::GET, "/fapi/v1/openOrders", Perp, Query, Signature, 1, private::open),
    endpoint(
        Method::DELETE,
        "/fapi/v1/allOpenOrders",
        Perp,
        Cancel,
        Signature,
        1,
        private::cancel_all,
    ),
    endpoint(Method::GET, "/fapi/v1/allOrders", Perp, Query, Signature, 5, private::all),
    endpoint(Method::GET, "/fapi/v1/userTrades", Perp, Query, Signature, 5, private::trades),
    endpoint(
        Method::POST,
        "/fapi/v1/listenKey",
        Perp,
        Route::Session,
        Key,
        1,
        account::new_listen_key,
    ),
    endpoint(
        Method::PUT,
        "/fapi/v1/listenKey",
        Perp,
        Route::Session,
        Key,
        1,
        account::keep_listen_key,
    ),
    endpoint(
        Method::DELETE,
        "/fapi/v1/listenKey",
        Perp,
        Route::Session,
        Key,
        1,
        account::end_listen_key,
    ),
];

fn find(method: &Method, path: &str) -> Option<&'static Endpoint> {
    ENDPOINTS.iter().find(|endpoint| endpoint.method == *method && endpoint.path == path)
}

/// What a request is for.
pub(crate) fn route(method: &Method, path: &str) -> Option<Route> {
    find(method, path).map(|endpoint| endpoint.route)
}

/// The session behind a path.
pub(crate) fn session(hub: &Hub, path: &str, query: &str) -> Option<Box<dyn Session>> {
    streams::session(hub, path, query)
}

/// The weight of the first step that holds a page size.
fn step(limit: i64, steps: &[(i64, u64)], above: u64) -> u64 {
    steps.iter().find(|(most, _)| limit <= *most).map_or(above, |(_, weight)| *weight)
}

/// What a request weighs, where its parameters matter.
fn weight(endpoint: &Endpoint, params: &Params) -> u64 {
    let limit = params.number("limit").ok().flatten();
    let has_symbol = params.get("symbol").is_some();
    match (endpoint.path, endpoint.product) {
        ("/api/v3/depth", _) => {
            step(limit.unwrap_or(100), &[(100, 5), (500, 25), (1_000, 50)], 250)
        }
        ("/fapi/v1/depth", _) => step(limit.unwrap_or(500), &[(50, 2), (100, 5), (500, 10)], 20),
        ("/fapi/v1/klines", _) => step(limit.unwrap_or(500), &[(99, 1), (499, 2), (1_000, 5)], 10),
        ("/api/v3/openOrders" | "/api/v3/ticker/24hr", _)
            if !has_symbol && endpoint.method == Method::GET =>
        {
            80
        }
        ("/fapi/v1/openOrders" | "/fapi/v1/ticker/24hr", _) if !has_symbol => 40,
        ("/api/v3/ticker/bookTicker", _) if !has_symbol => 4,
        ("/fapi/v1/ticker/bookTicker", _) if !has_symbol => 5,
        ("/fapi/v1/premiumIndex", _) if !has_symbol => 10,
        _ => endpoint.weight,
    }
}

/// Answers a request, counted against the limits, with the venue's headers.
pub(crate) fn answer(hub: &View<'_>, call: &Call) -> Reply {
    let Some(endpoint) = find(&call.method, &call.path) else { return Reply::new(404, "") };
    let params = Params::of(&call.query, call.body_text());
    let mut headers = Vec::new();
    let counted = count(hub, endpoint, &params, &mut headers);
    let answer = counted
        .and_then(|()| prove(hub, endpoint, call, &params))
        .and_then(|()| rules::all_read(endpoint.path, &params))
        .and_then(|()| count_order(hub, endpoint, &mut headers))
        .and_then(|()| (endpoint.act)(hub, endpoint.product, &params));
    let mut reply = match answer {
        Ok(value) => Reply::new(200, value),
        Err(fail) => Reply::new(fail.status, fail.json()),
    };
    reply.headers = headers;
    reply
}

/// Counts the weight: 429 over the limit, 418 for who goes on.
fn count(
    hub: &Hub,
    endpoint: &Endpoint,
    params: &Params,
    headers: &mut Vec<(&'static str, String)>,
) -> Result<(), Fail> {
    let (now_ms, limits) = (hub.now_ms(), &hub.config.limits);
    let (name, limit) = match endpoint.product {
        Spot => ("binance spot weight", limits.binance_spot_weight),
        Perp => ("binance perp weight", limits.binance_perp_weight),
    };
    let banned = |until_ms: i64, headers: &mut Vec<(&'static str, String)>| {
        headers.push(("retry-after", seconds(until_ms - now_ms)));
        let text = format!(
            "Way too much request weight used; IP banned until {until_ms}. Please use WebSocket \
             Streams for live updates to avoid bans."
        );
        Err(Fail::new(-1003, text).with_status(418))
    };
    if let Some(until_ms) = hub.meter(|meter| meter.banned(name, now_ms)) {
        return banned(until_ms, headers);
    }
    let weight = weight(endpoint, params);
    let charge =
        hub.meter(|meter| meter.charge(name, Window::Fixed(60_000), limit, weight, now_ms));
    headers.push(("x-mbx-used-weight", charge.used.to_string()));
    headers.push(("x-mbx-used-weight-1m", charge.used.to_string()));
    if charge.is_over && charge.strikes > limits.binance_strikes {
        let until_ms = now_ms + limits.binance_ban_ms;
        hub.meter(|meter| meter.ban(name, until_ms));
        return banned(until_ms, headers);
    }
    if charge.is_over {
        headers.push(("retry-after", seconds(charge.retry_after_ms)));
        let text = format!(
            "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. \
             Please use WebSocket Streams for live updates to avoid polling the API."
        );
        return Err(Fail::new(-1003, text).with_status(429));
    }
    Ok(())
}

/// Counts an order against the account's limits.
fn count_order(
    hub: &Hub,
    endpoint: &Endpoint,
    headers: &mut Vec<(&'static str, String)>,
) -> Result<(), Fail> {
    let places = endpoint.route == Create || endpoint.route == Amend;
    if !places {
        return Ok(());
    }
    let (now_ms, limits) = (hub.now_ms(), &hub.config.limits);
    let windows: &[_] = match endpoint.product {
        Spot => &[
            ("binance spot orders", "x-mbx-order-count-10s", 10, limits.binance_spot_orders),
            (
                "binance spot orders 1d",
                "x-mbx-order-count-1d",
                86_400,
                limits.binance_spot_orders_day,
            ),
        ],
        Perp => &[
            ("binance perp orders", "x-mbx-order-count-10s", 10, limits.binance_perp_orders),
            (
                "binance perp orders 1m",
                "x-mbx-order-count-1m",
                60,
                limits.binance_perp_orders_minute,
            ),
        ],
    };
    for (name, header, width_s, limit) in windows {
        let window = Window::Fixed(width_s * 1_000);
        let charge = hub.meter(|meter| meter.charge(name, window, *limit, 1, now_ms));
        headers.push((header, charge.used.to_string()));
        if charge.is_over {
            headers.push(("retry-after", seconds(charge.retry_after_ms)));
            let text = format!(
                "Too many new orders; current limit is {limit} orders per {width_s} SECOND."
            );
            return Err(Fail::new(-1015, text).with_status(429));
        }
    }
    Ok(())
}

/// Whole seconds, rounded up.
fn seconds(ms: i64) -> String {
    ((ms + 999) / 1_000).to_string()
}

/// Checks key, clock and signature, in the venue's order.
fn prove(hub: &Hub, endpoint: &Endpoint, call: &Call, params: &Params) -> Result<(), Fail> {
    if endpoint.proof == Nothing {
        return Ok(());
    }
    match call.header("x-mbx-apikey") {
        "" => return Err(Fail::new(-2014, "API-key format invalid.").with_status(401)),
        key if key != hub.config.key => {
            let text = "Invalid API-key, IP, or permissions for action.";
            return Err(Fail::new(-2015, text).with_status(401));
        }
        _ => {}
    }
    if endpoint.proof == Key {
        return Ok(());
    }
    in_time(hub.now_ms(), params)?;
    let signature = params.need("signature")?;
    let signed = auth::hex(&hub.config.secret, &signed_bytes(&call.query, call.body_text()));
    if signature != signed {
        return Err(Fail::new(-1022, "Signature for this request is not valid."));
    }
    Ok(())
}

/// Query and body as they were sent, joined by nothing, without the signature itself.
fn signed_bytes(query: &str, body: &str) -> Vec<u8> {
    let without = |text: &str| {
        let kept: Vec<_> =
            text.split('&').filter(|field| !field.starts_with("signature=")).collect();
        kept.join("&")
    };
    (without(query) + &without(body)).into_bytes()
}

/// Whether the request's clock is within its window of the venue's.
pub(super) fn in_time(now_ms: i64, params: &Params) -> Result<(), Fail> {
    let timestamp_ms = params.number("timestamp")?.ok_or_else(|| malformed("timestamp"))?;
    let window_ms = params.number("recvWindow")?.unwrap_or(WINDOW_MS);
    if window_ms > WINDOW_MAX_MS {
        return Err(Fail::new(-1131, "recvWindow must be less than 60000."));
    }
    if timestamp_ms >= now_ms + AHEAD_MS {
        let text = "Timestamp for this request was 1000ms ahead of the server's time.";
        return Err(Fail::new(-1021, text));
    }
    if now_ms - timestamp_ms > window_ms {
        let text = "Timestamp for this request is outside of the recvWindow.";
        return Err(Fail::new(-1021, text));
    }
    Ok(())
}
