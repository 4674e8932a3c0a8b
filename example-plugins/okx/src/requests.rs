//! Requests in OKX's vocabulary.
//!
//! Comes in: an operation. Goes out: its request with its cost, or why the venue has no words for
//! it. Sizes of perpetuals go out in contracts. Deliberately absent: anything near enough.

use wickd_sdk::exchange::{
    BarRange, Body, Failure, Market, Markets, NewOrder, Operation, OrderRef, Page, Pair, Range,
    Request,
};
use wickd_sdk::{InstrumentId, OrderKind, Product, Side, TimeInForce};

use crate::{Config, INTERVALS, MarginMode, is_perpetual, kind};

const MS_NS: u64 = 1_000_000;
/// Most rows of most lists.
pub(crate) const ROWS_MAX: u32 = 100;
/// Most public trades, bars of the present, and levels of a book.
const TRADES_MAX: u32 = 500;
const BARS_MAX: u32 = 300;
const LEVELS_MAX: u32 = 400;

pub(crate) fn build(
    markets: &Markets,
    config: &Config,
    operation: &Operation,
) -> Result<Request, Failure> {
    let request = match operation {
        Operation::ServerTime => return Ok(read("public/time", "time")),
        Operation::Instruments(Product::Spot | Product::Perpetual)
        | Operation::Ticker(_)
        | Operation::Book(_)
        | Operation::Trades(_)
        | Operation::Bars(_)
        | Operation::FundingRate(_)
        | Operation::FundingHistory(_) => return public(markets, operation),
        Operation::Create(order) => create(markets.get(order.instrument)?, config, order)?,
        Operation::Amend(change) => {
            let market = markets.get(change.order.instrument)?;
            let body = named_body(Body::new(), market, &change.order)
                .text("newSz", &market.print_contracts(change.size)?)
                .text("newPx", &market.print_px(change.price));
            write("trade/amend-order", "amend").json(body)
        }
        Operation::Cancel(order) => {
            let body = named_body(Body::new(), markets.get(order.instrument)?, order);
            write("trade/cancel-order", "cancel").json(body)
        }
        Operation::Balances(Product::Spot | Product::Perpetual) => {
            read("account/balance", "balance")
        }
        Operation::Positions(Product::Perpetual) => {
            read("account/positions", "positions").query("instType", "SWAP")
        }
        Operation::Positions(Product::Spot) => {
            return Err(Failure::Inexpressible("positions on spot: ask for balances".to_owned()));
        }
        Operation::Order(order) => match Page::of(order) {
            Some(page) => order_page(markets.get(order.instrument)?, page.cursor),
            None => order_read(markets.get(order.instrument)?, order),
        },
        Operation::OpenOrders(instrument) => of(pending(), markets.get(*instrument)?),
        Operation::OrderHistory(range) => {
            let market = markets.get(range.instrument)?;
            since(of(history(), market), range)
        }
        Operation::Fills(range) => since(of(fills(), markets.get(range.instrument)?), range),
        Operation::OrderFills(order) => {
            let request = of(fills(), markets.get(order.instrument)?);
            match Page::of(order) {
                None => request.query("ordId", &order.venue_id),
                Some(page) => turned(request.query_some("ordId", page.venue_id), page.cursor),
            }
        }
        other => return Err(other.unsupported()),
    };
    let mut request = request.signed("sign");
    if config.demo {
        let name = "x-simulated-trading".to_owned();
        request.headers.push(Pair { name, value: "1".to_owned() });
    }
    Ok(request)
}

/// Stands in a cursor for the list of open orders.
pub(crate) const PENDING: &str = "pending";

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

/// The cursor of a later page: what the list is of, and the id before which the page begins.
pub(crate) fn after_cursor(known: &str, id: &str) -> String {
    let list = known.split_once('/').map_or(known, |(list, _)| list);
    format!("{list}/{id}")
}

/// A page of a list: `begin` where the list has one, and `after`, which means older than.
fn turned(request: Request, cursor: &str) -> Request {
    let (list, after) = cursor.split_once('/').unwrap_or((cursor, ""));
    let begin = if matches!(list, PENDING | "0") { "" } else { list };
    request.query_some("begin", begin).query_some("after", after).query("limit", ROWS_MAX)
}

/// A later page of open orders, or of their history.
fn order_page(market: &Market, cursor: &str) -> Request {
    let list = if cursor.starts_with(PENDING) { pending() } else { history() };
    turned(of(list, market), cursor)
}

fn order_read(market: &Market, order: &OrderRef) -> Request {
    read("trade/order", "order")
        .query("instId", &market.native)
        .query_some("clOrdId", &order.client_id)
        .query_some("ordId", if order.client_id.is_empty() { &order.venue_id } else { "" })
}

fn pending() -> Request {
    read("trade/orders-pending", "orders-pending")
}

fn history() -> Request {
    read("trade/orders-history", "orders-history")
}

/// Three months of fills; `trade/fills` has three days.
fn fills() -> Request {
    read("trade/fills-history", "fills")
}

fn read(path: &str, bucket: &str) -> Request {
    Request::get("rest", &format!("/api/v5/{path}")).cost(bucket, 1)
}

fn write(path: &str, bucket: &str) -> Request {
    Request::post("rest", &format!("/api/v5/{path}")).cost(bucket, 1)
}

fn of(request: Request, market: &Market) -> Request {
    request.query("instType", kind(market.product)).query("instId", &market.native)
}

fn since(request: Request, range: &Range) -> Request {
    let begin = range.since / MS_NS;
    let begin = if begin == 0 { String::new() } else { begin.to_string() };
    request.query_some("begin", &begin).query("limit", range.limit.clamp(1, ROWS_MAX))
}

fn public(markets: &Markets, operation: &Operation) -> Result<Request, Failure> {
    Ok(match operation {
        Operation::Instruments(product) => {
            read("public/instruments", "instruments").query("instType", kind(*product))
        }
        Operation::Ticker(instrument) => {
            read("market/ticker", "ticker").query("instId", &markets.get(*instrument)?.native)
        }
        Operation::Book(asked) => read("market/books", "books")
            .query("instId", &markets.get(asked.instrument)?.native)
            .query("sz", asked.levels.clamp(1, LEVELS_MAX)),
        Operation::Trades(range) => read("market/trades", "trades")
            .query("instId", &markets.get(range.instrument)?.native)
            .query("limit", range.limit.clamp(1, TRADES_MAX)),
        Operation::Bars(bars) => bar_request(markets.get(bars.range.instrument)?, bars)?,
        Operation::FundingRate(instrument) => {
            let market = perpetual(markets.get(*instrument)?)?;
            read("public/funding-rate", "funding").query("instId", &market.native)
        }
        Operation::FundingHistory(range) => {
            let market = perpetual(markets.get(range.instrument)?)?;
            let request = read("public/funding-rate-history", "funding-history");
            // `before` means newer than, itself left out.
            let newer = (range.since / MS_NS).saturating_sub(1);
            let newer = if range.since == 0 { String::new() } else { newer.to_string() };
            request
                .query("instId", &market.native)
                .query_some("before", &newer)
                .query("limit", range.limit.clamp(1, ROWS_MAX))
        }
        other => return Err(other.unsupported()),
    })
}

fn bar_request(market: &Market, bars: &BarRange) -> Result<Request, Failure> {
    let found = INTERVALS.iter().find(|(secs, _)| *secs == bars.step_secs);
    let none = || Failure::Inexpressible(format!("bars of {} seconds", bars.step_secs));
    let (_, name) = found.ok_or_else(none)?;
    let named =
        |path, bucket| read(path, bucket).query("instId", &market.native).query("bar", name);
    if bars.range.since == 0 {
        let limit = bars.range.limit.clamp(1, BARS_MAX);
        return Ok(named("market/candles", "candles").query("limit", limit));
    }
    // Newest first: without an upper end the latest would come, not those behind `since`.
    let limit = bars.range.limit.clamp(1, ROWS_MAX);
    let from = bars.range.since / MS_NS;
    let to = from.saturating_add(u64::from(limit) * u64::from(bars.step_secs) * 1_000);
    Ok(named("market/history-candles", "history-candles")
        .query("before", from.saturating_sub(1))
        .query("after", to)
        .query("limit", limit))
}

fn perpetual(market: &Market) -> Result<&Market, Failure> {
    let none = || Failure::Inexpressible(format!("funding of {}, which is spot", market.native));
    is_perpetual(market.product).then_some(market).ok_or_else(none)
}

fn named_body(body: Body, market: &Market, order: &OrderRef) -> Body {
    let body = body.text("instId", &market.native);
    match order.client_id.is_empty() {
        true => body.text("ordId", &order.venue_id),
        false => body.text("clOrdId", &order.client_id),
    }
}

fn create(market: &Market, config: &Config, order: &NewOrder) -> Result<Request, Failure> {
    let inexpressible = |what: &str| Err(Failure::Inexpressible(what.to_owned()));
    let perpetual = is_perpetual(market.product);
    if order.reduce_only && !perpetual {
        return inexpressible("reduce-only on spot");
    }
    if order.post_only && (order.kind == OrderKind::Market || order.tif != TimeInForce::Gtc) {
        return inexpressible("post-only that is not a resting limit order");
    }
    // Time in force, post-only and market are one word here.
    let word = match (order.kind, order.tif) {
        (OrderKind::Market, TimeInForce::Fok) => {
            return inexpressible("a market order that fills whole or not at all");
        }
        // A plain market order of perpetuals may rest at a price limit.
        (OrderKind::Market, TimeInForce::Ioc) if perpetual => "optimal_limit_ioc",
        (OrderKind::Market, _) => "market",
        (OrderKind::Limit, TimeInForce::Ioc) => "ioc",
        (OrderKind::Limit, TimeInForce::Fok) => "fok",
        (OrderKind::Limit, TimeInForce::Gtc) if order.post_only => "post_only",
        (OrderKind::Limit, TimeInForce::Gtc) => "limit",
    };
    let mode = match (perpetual, config.margin_mode) {
        (false, _) => "cash",
        (true, MarginMode::Cross) => "cross",
        (true, MarginMode::Isolated) => "isolated",
    };
    let is_market = order.kind == OrderKind::Market;
    let price = if is_market { String::new() } else { market.print_px(order.price) };
    // A market buy would count in the quote asset.
    let counted = if is_market && !perpetual { "base_ccy" } else { "" };
    let body = Body::new()
        .text("instId", &market.native)
        .text("tdMode", mode)
        .text("side", if order.side == Side::Buy { "buy" } else { "sell" })
        .text("ordType", word)
        .text_some("px", &price)
        .text("sz", &market.print_contracts(order.size)?)
        .text_some("tgtCcy", counted)
        .text("clOrdId", &order.client_id);
    let body = if order.reduce_only { body.flag("reduceOnly", true) } else { body };
    Ok(write("trade/order", "create").json(body))
}
