//! What an adapter says it can do, held against what it does.
//!
//! Comes in: an adapter with markets of all its products. Goes out: every difference, in words.
//! Deliberately absent: whether what it does is right; fixtures say that.

use std::collections::BTreeSet;

use super::{ExchangeTest, response};
use crate::exchange::{
    Amendment, BarRange, BookDepth, Channel, ChannelKind, Description, Exchange, Failure, Market,
    NewOrder, Operation, OrderRef, Range,
};
use crate::{OrderKind, Product, Side, TimeInForce};

const PRODUCTS: [Product; 5] =
    [Product::Spot, Product::Margin, Product::Perpetual, Product::DatedFuture, Product::Option];
const CHANNELS: [ChannelKind; 6] = [
    ChannelKind::Quotes,
    ChannelKind::Depth,
    ChannelKind::Trades,
    ChannelKind::Bars,
    ChannelKind::Funding,
    ChannelKind::Account,
];

/// A plain order for a market: what the probes are made of.
fn order(market: &Market) -> NewOrder {
    NewOrder {
        client_id: "a1".to_owned(),
        instrument: market.instrument,
        side: Side::Buy,
        kind: OrderKind::Limit,
        price: 100,
        size: 100,
        tif: TimeInForce::Gtc,
        post_only: false,
        reduce_only: false,
    }
}

/// Every operation once, on one market.
fn operations(market: &Market, step_secs: u32) -> Vec<Operation> {
    let (instrument, product) = (market.instrument, market.product);
    let range = Range { instrument, since: 0, limit: 1 };
    let known = OrderRef { instrument, client_id: "a1".to_owned(), venue_id: "1".to_owned() };
    let change = Amendment { order: known.clone(), side: Side::Buy, price: 100, size: 100 };
    vec![
        Operation::ServerTime,
        Operation::Instruments(product),
        Operation::Ticker(instrument),
        Operation::Book(BookDepth { instrument, levels: 5 }),
        Operation::Trades(range),
        Operation::Bars(BarRange { range, step_secs }),
        Operation::FundingRate(instrument),
        Operation::FundingHistory(range),
        Operation::Balances(product),
        Operation::Positions(product),
        Operation::Create(order(market)),
        Operation::Amend(change),
        Operation::Cancel(known.clone()),
        Operation::Order(known.clone()),
        Operation::OpenOrders(instrument),
        Operation::OrderHistory(range),
        Operation::Fills(range),
        Operation::OrderFills(known),
        Operation::OpenSession(product),
        Operation::KeepSession("token".to_owned()),
    ]
}

/// Probes every operation, kind of channel and word of an order.
///
/// What is declared must work for one of the markets at least; what is not must be
/// [`Failure::Unsupported`] for operations, and an error for everything else.
pub fn check_capabilities<E: Exchange>(adapter: &mut ExchangeTest<E>) -> Vec<String> {
    let described = adapter.describe();
    let mut faults = operations_differ(adapter, &described);
    faults.extend(products_differ(adapter, &described));
    faults.extend(channels_differ(adapter, &described));
    faults.extend(words_differ(adapter, &described));
    faults
}

fn step_secs(described: &Description) -> u32 {
    described.bar_secs.first().copied().unwrap_or(60)
}

fn operations_differ<E: Exchange>(
    adapter: &mut ExchangeTest<E>,
    described: &Description,
) -> Vec<String> {
    let (markets, mut faults) = (adapter.markets(), Vec::new());
    let (mut built, mut known) = (BTreeSet::new(), BTreeSet::new());
    for operation in markets.all().iter().flat_map(|it| operations(it, step_secs(described))) {
        let (name, outcome) = (operation.name(), adapter.build(&operation));
        known.insert(name);
        let declared = described.operations.iter().any(|known| known == name);
        match outcome {
            Ok(_) if declared => {
                built.insert(name);
            }
            Ok(_) => faults.push(format!("{name} builds and is not declared")),
            Err(Failure::Unsupported(_)) if !declared => {}
            Err(other) if !declared => faults.push(format!("{name} is not declared: {other:?}")),
            Err(_) => {}
        }
    }
    for name in &described.operations {
        if !known.contains(name.as_str()) {
            faults.push(format!("{name} is no operation"));
        } else if !built.contains(name.as_str()) {
            faults.push(format!("{name} is declared and builds for no market"));
        }
    }
    faults
}

fn products_differ<E: Exchange>(
    adapter: &mut ExchangeTest<E>,
    described: &Description,
) -> Vec<String> {
    let (markets, mut faults) = (adapter.markets(), Vec::new());
    for product in PRODUCTS {
        let declared = described.products.contains(&product);
        let bound = markets.all().iter().any(|market| market.product == product);
        let lists = adapter.build(&Operation::Instruments(product)).is_ok();
        if lists && !declared || declared && !bound {
            faults.push(format!("{product:?}: declared {declared}, lists {lists}, bound {bound}"));
        }
    }
    faults
}

fn channels_differ<E: Exchange>(
    adapter: &mut ExchangeTest<E>,
    described: &Description,
) -> Vec<String> {
    let (markets, mut faults) = (adapter.markets(), Vec::new());
    for kind in CHANNELS {
        let detail = if kind == ChannelKind::Bars { step_secs(described) } else { 0 };
        let mut plans = |market: &Market| {
            let channel = Channel { id: 0, instrument: market.instrument, kind, detail };
            adapter.plan(&[channel]).is_ok()
        };
        let planned = markets.all().iter().filter(|market| plans(market)).count() > 0;
        let declared = described.channels.contains(&kind);
        if planned != declared {
            faults.push(format!("{kind:?}: planned is {planned}, declared is {declared}"));
        }
    }
    faults
}

/// A word of an order is said where it changes the request.
fn words_differ<E: Exchange>(
    adapter: &mut ExchangeTest<E>,
    described: &Description,
) -> Vec<String> {
    let (markets, mut faults) = (adapter.markets(), Vec::new());
    let plain = |market: &Market| order(market);
    let words = [
        ("post_only", described.post_only),
        ("reduce_only", described.reduce_only),
        ("ioc", described.ioc),
        ("fok", described.fok),
    ];
    for (name, declared) in words {
        let asked = |market: &Market| match name {
            "post_only" => NewOrder { post_only: true, ..plain(market) },
            "reduce_only" => NewOrder { reduce_only: true, ..plain(market) },
            "ioc" => NewOrder { tif: TimeInForce::Ioc, ..plain(market) },
            _ => NewOrder { tif: TimeInForce::Fok, ..plain(market) },
        };
        let mut says = |market: &Market| {
            let built = adapter.build(&Operation::Create(asked(market))).ok();
            built.is_some() && built != adapter.build(&Operation::Create(plain(market))).ok()
        };
        let said = markets.all().iter().filter(|market| says(market)).count() > 0;
        if said != declared {
            faults.push(format!("{name}: said is {said}, declared is {declared}"));
        }
    }
    faults
}

/// Hands bytes of any kind to everything that reads: every operation's `parse`, under several
/// statuses, and every socket of every kind of channel.
pub fn throw<E: Exchange>(adapter: &mut ExchangeTest<E>, bytes: &[u8]) {
    let described = adapter.describe();
    let markets = adapter.markets();
    let step_secs = step_secs(&described);
    let all = markets
        .all()
        .iter()
        .flat_map(|market| CHANNELS.map(|kind| (market.instrument, kind)).into_iter());
    let mut channels = Vec::new();
    for (instrument, kind) in all {
        let detail = if kind == ChannelKind::Bars { step_secs } else { 0 };
        let channel = Channel { id: channels.len() as u32, instrument, kind, detail };
        if adapter.plan(&[channel]).is_ok() {
            channels.push(channel);
        }
    }
    let sockets = adapter.plan(&channels).unwrap_or_default();
    for socket in 0..=sockets.len() as u32 {
        adapter.open(socket);
        adapter.frame(socket, bytes);
        adapter.idle(socket);
    }
    for operation in markets.all().iter().flat_map(|market| operations(market, step_secs)) {
        for status in [200, 400, 418, 503] {
            let mut answer = response(status, &[("Retry-After", "x")], "");
            answer.body = bytes.to_vec();
            let _ = adapter.parse(&operation, &answer);
        }
    }
    adapter.said();
}
