//! Requests that read.
//!
//! Comes in: an operation. Goes out: its request with its weight. Deliberately absent: orders.

use wickd_sdk::Product;
use wickd_sdk::exchange::{
    BookDepth, Failure, Market, Markets, Method, Operation, Page, Range, Request,
};

use crate::{interval, is_usdm, writes};

/// Most rows of trades, bars, orders and fills that the venue sends at once.
pub(crate) const ROWS_MAX: u32 = 1_000;
/// Depths that spot serves, with their weights.
const SPOT_DEPTHS: [(u32, u32); 4] = [(100, 5), (500, 25), (1_000, 50), (5_000, 250)];
/// Depths that USD-M serves, with their weights.
const USDM_DEPTHS: [(u32, u32); 7] =
    [(5, 2), (10, 2), (20, 2), (50, 2), (100, 5), (500, 10), (1_000, 20)];
/// Bars that USD-M sends, with their weights.
const USDM_BARS: [(u32, u32); 3] = [(99, 1), (499, 2), (1_000, 5)];

/// A path on one of the two interfaces, and what it costs there.
struct Way {
    spot: (&'static str, u32),
    usdm: (&'static str, u32),
}

impl Way {
    fn request(&self, product: Product) -> Request {
        let ((path, weight), endpoint, bucket) = match is_usdm(product) {
            true => (self.usdm, "usdm", "usdm-weight"),
            false => (self.spot, "spot", "spot-weight"),
        };
        Request::get(endpoint, path).cost(bucket, weight)
    }

    fn of(&self, market: &Market) -> Request {
        self.request(market.product).query("symbol", &market.native)
    }
}

pub(crate) fn build(markets: &Markets, operation: &Operation) -> Result<Request, Failure> {
    match operation {
        // One clock: both interfaces tell the same time.
        Operation::ServerTime => Ok(Request::get("spot", "/api/v3/time").cost("spot-weight", 1)),
        Operation::Instruments(product) => instruments(*product),
        Operation::Ticker(instrument) => {
            let way = Way {
                spot: ("/api/v3/ticker/bookTicker", 2),
                usdm: ("/fapi/v1/ticker/bookTicker", 2),
            };
            Ok(way.of(markets.get(*instrument)?))
        }
        Operation::Book(asked) => Ok(book(markets.get(asked.instrument)?, asked)),
        Operation::Trades(range) => {
            let way = Way { spot: ("/api/v3/aggTrades", 4), usdm: ("/fapi/v1/aggTrades", 20) };
            Ok(ranged(way.of(markets.get(range.instrument)?), range))
        }
        Operation::Bars(bars) => {
            let market = markets.get(bars.range.instrument)?;
            let (_, weight) = least(&USDM_BARS, bars.range.limit);
            let way = Way { spot: ("/api/v3/klines", 2), usdm: ("/fapi/v1/klines", weight) };
            Ok(ranged(way.of(market).query("interval", interval(bars.step_secs)?), &bars.range))
        }
        Operation::FundingRate(instrument) => {
            let market = perpetual(markets.get(*instrument)?)?;
            let request = Request::get("usdm", "/fapi/v1/premiumIndex").cost("usdm-weight", 1);
            Ok(request.query("symbol", &market.native))
        }
        Operation::FundingHistory(range) => {
            let market = perpetual(markets.get(range.instrument)?)?;
            let request = Request::get("usdm", "/fapi/v1/fundingRate").cost("usdm-funding", 1);
            Ok(ranged(request.query("symbol", &market.native), range))
        }
        private => private_read(markets, private),
    }
}

fn private_read(markets: &Markets, operation: &Operation) -> Result<Request, Failure> {
    let request = match operation {
        Operation::Balances(Product::Spot) => Request::get("spot", "/api/v3/account")
            .query("omitZeroBalances", "true")
            .cost("spot-weight", 20),
        Operation::Balances(Product::Perpetual) => {
            Request::get("usdm", "/fapi/v3/balance").cost("usdm-weight", 5)
        }
        Operation::Positions(Product::Perpetual) => {
            Request::get("usdm", "/fapi/v3/positionRisk").cost("usdm-weight", 5)
        }
        Operation::Order(order) => {
            let way = Way { spot: ("/api/v3/order", 4), usdm: ("/fapi/v1/order", 1) };
            let market = markets.get(order.instrument)?;
            writes::named(way.request(market.product), market, order)
        }
        Operation::OpenOrders(instrument) => {
            let way = Way { spot: ("/api/v3/openOrders", 6), usdm: ("/fapi/v1/openOrders", 1) };
            way.of(markets.get(*instrument)?)
        }
        Operation::OrderHistory(range) => {
            let way = Way { spot: ("/api/v3/allOrders", 20), usdm: ("/fapi/v1/allOrders", 5) };
            ranged(way.of(markets.get(range.instrument)?), range)
        }
        Operation::Fills(range) => {
            let way = Way { spot: ("/api/v3/myTrades", 20), usdm: ("/fapi/v1/userTrades", 5) };
            ranged(way.of(markets.get(range.instrument)?), range)
        }
        Operation::OrderFills(order) => {
            let way = Way { spot: ("/api/v3/myTrades", 20), usdm: ("/fapi/v1/userTrades", 5) };
            let request = way.of(markets.get(order.instrument)?).query("limit", ROWS_MAX);
            match Page::of(order) {
                None => request.query("orderId", &order.venue_id),
                Some(page) => {
                    request.query_some("orderId", page.venue_id).query("fromId", page.cursor)
                }
            }
        }
        Operation::OpenSession(Product::Perpetual) => {
            Request::post("usdm", "/fapi/v1/listenKey").cost("usdm-weight", 1)
        }
        // The key in the header says which session; the token is not sent.
        Operation::KeepSession(_) => {
            Request::new(Method::Put, "usdm", "/fapi/v1/listenKey").cost("usdm-weight", 1)
        }
        Operation::OpenSession(Product::Spot) => {
            let why = "a session on spot: its account stream logs in by a signed message";
            return Err(Failure::Inexpressible(why.to_owned()));
        }
        Operation::Positions(Product::Spot) => {
            return Err(Failure::Inexpressible("positions on spot: ask for balances".to_owned()));
        }
        other => return Err(other.unsupported()),
    };
    Ok(request.signed("sign"))
}

fn instruments(product: Product) -> Result<Request, Failure> {
    match product {
        // Permission sets are half of the reply and say nothing a listing carries.
        Product::Spot => Ok(Request::get("spot", "/api/v3/exchangeInfo")
            .query("showPermissionSets", "false")
            .cost("spot-weight", 20)),
        Product::Perpetual => {
            Ok(Request::get("usdm", "/fapi/v1/exchangeInfo").cost("usdm-weight", 1))
        }
        other => Err(Operation::Instruments(other).unsupported()),
    }
}

fn book(market: &Market, asked: &BookDepth) -> Request {
    let depths: &[_] = if is_usdm(market.product) { &USDM_DEPTHS } else { &SPOT_DEPTHS };
    let (limit, weight) = least(depths, asked.levels);
    let way = Way { spot: ("/api/v3/depth", weight), usdm: ("/fapi/v1/depth", weight) };
    way.of(market).query("limit", limit)
}

/// The first entry that is enough, or the last one.
fn least(table: &[(u32, u32)], wanted: u32) -> (u32, u32) {
    let enough = table.iter().find(|(size, _)| *size >= wanted);
    enough.or(table.last()).copied().unwrap_or((wanted, 1))
}

fn perpetual(market: &Market) -> Result<&Market, Failure> {
    let none = || Failure::Inexpressible(format!("funding of {}, which is spot", market.native));
    is_usdm(market.product).then_some(market).ok_or_else(none)
}

fn ranged(request: Request, range: &Range) -> Request {
    let since_ms = range.since / 1_000_000;
    let since = if range.since == 0 { String::new() } else { since_ms.to_string() };
    request.query_some("startTime", &since).query("limit", range.limit.clamp(1, ROWS_MAX))
}
