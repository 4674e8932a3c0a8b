//! Requests in Bybit's vocabulary.
//!
//! Comes in: an operation. Goes out: its request with its cost, or why the venue has no words for
//! it. Deliberately absent: anything near enough.

use wickd_sdk::exchange::{
    Body, Failure, Market, Markets, NewOrder, Operation, OrderRef, Page, Range, Request,
};
use wickd_sdk::{InstrumentId, OrderKind, Product, Side, TimeInForce};

use crate::{category, interval, is_linear};

const MS_NS: u64 = 1_000_000;
const HOUR_MS: u64 = 3_600_000;
/// Most rows of the venue's lists.
const LISTINGS_MAX: u32 = 1_000;
const BARS_MAX: u32 = 1_000;
const FUNDING_MAX: u32 = 200;
/// Most hours between two payments of funding.
const FUNDING_HOURS: u32 = 8;
const ORDERS_MAX: u32 = 50;
const FILLS_MAX: u32 = 100;
const POSITIONS_MAX: u32 = 200;

pub(crate) fn build(
    markets: &Markets,
    settle_coin: &str,
    operation: &Operation,
) -> Result<Request, Failure> {
    let market = |instrument: u32| markets.get(instrument);
    Ok(match operation {
        Operation::ServerTime => get("market/time"),
        Operation::Instruments(product @ (Product::Spot | Product::Perpetual)) => {
            let request = get("market/instruments-info").query("category", category(*product));
            // Spot comes whole, and takes no limit.
            if is_linear(*product) { request.query("limit", LISTINGS_MAX) } else { request }
        }
        Operation::Ticker(instrument) => of(get("market/tickers"), market(*instrument)?),
        Operation::Book(asked) => {
            let market = market(asked.instrument)?;
            let most = if is_linear(market.product) { 500 } else { 200 };
            of(get("market/orderbook"), market).query("limit", asked.levels.clamp(1, most))
        }
        Operation::Trades(range) => {
            let market = market(range.instrument)?;
            let most = if is_linear(market.product) { 1_000 } else { 60 };
            of(get("market/recent-trade"), market).query("limit", range.limit.clamp(1, most))
        }
        Operation::Bars(bars) => {
            let request = of(get("market/kline"), market(bars.range.instrument)?);
            let request = request.query("interval", interval(bars.step_secs)?);
            let step_ms = u64::from(bars.step_secs) * 1_000;
            within(request, &bars.range, BARS_MAX, step_ms, ["start", "end"])
        }
        Operation::FundingRate(instrument) => {
            of(get("market/tickers"), perpetual(market(*instrument)?)?)
        }
        Operation::FundingHistory(range) => {
            let request = of(get("market/funding/history"), perpetual(market(range.instrument)?)?);
            // Funding is paid every eight hours, and nowhere more often than every hour: so many
            // periods never hold more rows than a page, and no row of theirs is cut off.
            let periods = range.limit.clamp(1, FUNDING_MAX / FUNDING_HOURS);
            let window_ms = u64::from(periods * FUNDING_HOURS) * HOUR_MS;
            let (from, request) = (range.since / MS_NS, request.query("limit", FUNDING_MAX));
            match from {
                0 => request,
                from => request
                    .query("startTime", from)
                    .query("endTime", from.saturating_add(window_ms - 1)),
            }
        }
        private => return private_request(markets, settle_coin, private),
    })
}

fn private_request(
    markets: &Markets,
    settle_coin: &str,
    operation: &Operation,
) -> Result<Request, Failure> {
    let request = match operation {
        Operation::Balances(Product::Spot | Product::Perpetual) => {
            read("account/wallet-balance").query("accountType", "UNIFIED")
        }
        Operation::Positions(Product::Perpetual) => read("position/list")
            .query("category", "linear")
            .query("settleCoin", settle_coin)
            .query("limit", POSITIONS_MAX),
        Operation::Positions(Product::Spot) => {
            return Err(Failure::Inexpressible("positions on spot: ask for balances".to_owned()));
        }
        Operation::Create(order) => create(markets.get(order.instrument)?, order)?,
        Operation::Amend(change) => {
            let market = markets.get(change.order.instrument)?;
            let body = named(market, &change.order)
                .text("qty", &market.print_qty(change.size))
                .text("price", &market.print_px(change.price));
            post(market, "amend").json(body)
        }
        Operation::Cancel(order) => {
            let market = markets.get(order.instrument)?;
            post(market, "cancel").json(named(market, order))
        }
        Operation::Order(order) => match Page::of(order) {
            Some(page) => order_page(markets.get(order.instrument)?, page.cursor),
            None => {
                let by_client = !order.client_id.is_empty();
                of(read("order/realtime"), markets.get(order.instrument)?)
                    .query_some("orderLinkId", &order.client_id)
                    .query_some("orderId", if by_client { "" } else { &order.venue_id })
            }
        },
        Operation::OpenOrders(instrument) => open(markets.get(*instrument)?),
        Operation::OrderHistory(range) => {
            from(history(markets.get(range.instrument)?), range, ORDERS_MAX)
        }
        Operation::Fills(range) => {
            from(of(read("execution/list"), markets.get(range.instrument)?), range, FILLS_MAX)
        }
        Operation::OrderFills(order) => {
            let request = of(read("execution/list"), markets.get(order.instrument)?);
            match Page::of(order) {
                None => request.query("orderId", &order.venue_id).query("limit", FILLS_MAX),
                Some(page) => {
                    let request = request.query_some("orderId", page.venue_id);
                    turned(request, page.cursor).query("limit", FILLS_MAX)
                }
            }
        }
        other => return Err(other.unsupported()),
    };
    Ok(request.signed("sign"))
}

/// Stands in a cursor for the list of open orders.
pub(crate) const OPEN: &str = "open";

/// What a list is of, as a reference: what the first page's successors are asked under. Its cursor has
/// no place yet.
pub(crate) fn list_of(instrument: InstrumentId, cursor: &str) -> OrderRef {
    let venue_id = format!("\n0\n{cursor}");
    OrderRef { instrument, client_id: String::new(), venue_id }
}

/// The cursor of a list since a time: its beginning, in milliseconds.
pub(crate) fn since_cursor(range: &Range) -> String {
    (range.since / MS_NS).to_string()
}

/// The cursor of a later page: what the list is of, and the venue's own cursor.
pub(crate) fn next_cursor(known: &str, cursor: &str) -> String {
    let list = known.split_once('/').map_or(known, |(list, _)| list);
    format!("{list}/{}", unescaped(cursor))
}

/// A cursor without its percent signs: the venue writes it ready to stand in a query, and the host
/// writes queries itself.
fn unescaped(cursor: &str) -> String {
    let mut parts = cursor.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match code.filter(u8::is_ascii) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&part[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    plain
}

/// A page of a list. The venue wants the parameters of the first page again.
fn turned(request: Request, cursor: &str) -> Request {
    let (list, cursor) = cursor.split_once('/').unwrap_or((cursor, ""));
    let start = if matches!(list, OPEN | "0") { "" } else { list };
    request.query_some("startTime", start).query_some("cursor", cursor)
}

/// A later page of open orders, or of their history.
fn order_page(market: &Market, cursor: &str) -> Request {
    match cursor.starts_with(OPEN) {
        true => turned(open(market), cursor),
        false => turned(history(market), cursor).query("limit", ORDERS_MAX),
    }
}

fn open(market: &Market) -> Request {
    of(read("order/realtime"), market).query("openOnly", 0).query("limit", ORDERS_MAX)
}

fn history(market: &Market) -> Request {
    of(read("order/history"), market)
}

fn read(path: &str) -> Request {
    get(path).cost("private", 1)
}

fn get(path: &str) -> Request {
    Request::get("rest", &format!("/v5/{path}")).cost("all", 1)
}

fn post(market: &Market, verb: &str) -> Request {
    let bucket = format!("{verb}-{}", category(market.product));
    Request::post("rest", &format!("/v5/order/{verb}")).cost("all", 1).cost(&bucket, 1)
}

fn of(request: Request, market: &Market) -> Request {
    request.query("category", category(market.product)).query("symbol", &market.native)
}

fn from(request: Request, range: &Range, most: u32) -> Request {
    let start = range.since / MS_NS;
    let start = if start == 0 { String::new() } else { start.to_string() };
    request.query_some("startTime", &start).query("limit", range.limit.clamp(1, most))
}

/// A list that comes newest first: without an end the newest would come, not those behind `since`.
fn within(
    request: Request,
    range: &Range,
    most: u32,
    step_ms: u64,
    [start, end]: [&str; 2],
) -> Request {
    let limit = range.limit.clamp(1, most);
    let from = range.since / MS_NS;
    let request = match from {
        0 => request,
        from => {
            let to = from.saturating_add(u64::from(limit) * step_ms - 1);
            request.query(start, from).query(end, to)
        }
    };
    request.query("limit", limit)
}

fn perpetual(market: &Market) -> Result<&Market, Failure> {
    let none = || Failure::Inexpressible(format!("funding of {}, which is spot", market.native));
    is_linear(market.product).then_some(market).ok_or_else(none)
}

fn named(market: &Market, order: &OrderRef) -> Body {
    let body =
        Body::new().text("category", category(market.product)).text("symbol", &market.native);
    match order.client_id.is_empty() {
        true => body.text("orderId", &order.venue_id),
        false => body.text("orderLinkId", &order.client_id),
    }
}

fn create(market: &Market, order: &NewOrder) -> Result<Request, Failure> {
    let inexpressible = |what: &str| Err(Failure::Inexpressible(what.to_owned()));
    let linear = is_linear(market.product);
    if order.reduce_only && !linear {
        return inexpressible("reduce-only on spot");
    }
    if order.post_only && (order.kind == OrderKind::Market || order.tif != TimeInForce::Gtc) {
        return inexpressible("post-only that is not a resting limit order");
    }
    let tif = match (order.kind, order.tif) {
        (OrderKind::Market, TimeInForce::Fok) => {
            return inexpressible("a market order that fills whole or not at all");
        }
        (OrderKind::Market, _) => "IOC",
        (OrderKind::Limit, TimeInForce::Gtc) if order.post_only => "PostOnly",
        (OrderKind::Limit, TimeInForce::Gtc) => "GTC",
        (OrderKind::Limit, TimeInForce::Ioc) => "IOC",
        (OrderKind::Limit, TimeInForce::Fok) => "FOK",
    };
    let is_market = order.kind == OrderKind::Market;
    let price = if is_market { String::new() } else { market.print_px(order.price) };
    // A market buy would count in the quote asset.
    let unit = if is_market && !linear { "baseCoin" } else { "" };
    let body = Body::new()
        .text("category", category(market.product))
        .text("symbol", &market.native)
        .text("side", if order.side == Side::Buy { "Buy" } else { "Sell" })
        .text("orderType", if is_market { "Market" } else { "Limit" })
        .text("qty", &market.print_qty(order.size))
        .text_some("price", &price)
        .text("timeInForce", tif)
        .text_some("marketUnit", unit)
        .text("orderLinkId", &order.client_id);
    let body = if order.reduce_only { body.flag("reduceOnly", true) } else { body };
    Ok(post(market, "create").json(body))
}
