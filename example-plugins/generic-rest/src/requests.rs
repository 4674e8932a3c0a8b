//! Requests in the words of the parameters.
//!
//! Comes in: an operation. Goes out: its request. Deliberately absent: market orders, post-only and
//! reduce-only; plain venues differ too much in what they mean by them.

use wickd_sdk::exchange::{Body, Failure, Markets, Method, NewOrder, Operation, OrderRef, Request};
use wickd_sdk::{OrderKind, Product, Side, TimeInForce};

use crate::Config;

/// The signed paths, as the manifest lists them.
const BALANCES: &str = "/v1/balances";
const ORDER: &str = "/v1/order";
const ORDERS: &str = "/v1/orders";
const FILLS: &str = "/v1/fills";

pub(crate) fn build(
    markets: &Markets,
    config: &Config,
    operation: &Operation,
) -> Result<Request, Failure> {
    let public = &config.market;
    let market = |instrument: u32| markets.get(instrument);
    let request = match operation {
        Operation::Instruments(Product::Spot) => Request::get("rest", &config.listing.path),
        Operation::Ticker(instrument) => Request::get("rest", &public.ticker_path)
            .query(&public.symbol, &market(*instrument)?.native),
        Operation::Book(asked) => {
            let request = Request::get("rest", &public.book_path)
                .query(&public.symbol, &market(asked.instrument)?.native);
            if public.depth.is_empty() {
                request
            } else {
                request.query(&public.depth, asked.levels)
            }
        }
        Operation::Balances(Product::Spot) => Request::get("rest", BALANCES).signed("sign"),
        Operation::Create(order) => create(markets, config, order)?,
        Operation::Cancel(order) => {
            named(Request::new(Method::Delete, "rest", ORDER), markets, config, order)?
        }
        Operation::Order(order) => named(Request::get("rest", ORDER), markets, config, order)?,
        Operation::OpenOrders(instrument) => Request::get("rest", ORDERS)
            .query(&public.symbol, &market(*instrument)?.native)
            .signed("sign"),
        Operation::OrderFills(order) => named(Request::get("rest", FILLS), markets, config, order)?,
        other => return Err(other.unsupported()),
    };
    Ok(request.cost("requests", 1))
}

fn create(markets: &Markets, config: &Config, order: &NewOrder) -> Result<Request, Failure> {
    let market = markets.get(order.instrument)?;
    if order.kind == OrderKind::Market || order.post_only || order.reduce_only {
        let why = "anything but a limit order: what else the venue takes is not described";
        return Err(Failure::Inexpressible(why.to_owned()));
    }
    let words = &config.order;
    let body = Body::new()
        .text(&config.market.symbol, &market.native)
        .text(&words.client_id, &order.client_id)
        .text(&words.side, if order.side == Side::Buy { &words.buy } else { &words.sell })
        .text(&words.price, &market.print_px(order.price))
        .text(&words.size, &market.print_qty(order.size))
        .text(
            &words.tif,
            match order.tif {
                TimeInForce::Gtc => "GTC",
                TimeInForce::Ioc => "IOC",
                TimeInForce::Fok => "FOK",
            },
        );
    Ok(Request::post("rest", ORDER).json(body).signed("sign"))
}

fn named(
    request: Request,
    markets: &Markets,
    config: &Config,
    order: &OrderRef,
) -> Result<Request, Failure> {
    let (words, by_client) = (&config.order, !order.client_id.is_empty());
    Ok(request
        .query(&config.market.symbol, &markets.get(order.instrument)?.native)
        .query_some(&words.client_id, &order.client_id)
        .query_some(&words.id, if by_client { "" } else { &order.venue_id })
        .signed("sign"))
}
