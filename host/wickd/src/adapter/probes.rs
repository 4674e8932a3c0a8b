//! What an adapter says it can do, held against what it does; what its requests name, held against
//! its manifest.
//!
//! Comes in: an instance with markets. Goes out: checks. Deliberately absent: whether a request is the
//! right one; recorded ones say that.

use std::collections::BTreeSet;

use wickd_policy::venue::{PathClass, VenueManifest, forbidden};
use wickd_sandbox::exchange::nouns::{
    Amendment, BarRange, BookDepth, Channel, ChannelKind, Description, Failure, Market, NewOrder,
    Operation, OrderKind, OrderRef, Product, Range, Request, Response, Side, TimeInForce,
};

use super::bench::{Faulty, Live, word_of};
use super::fixtures::word;
use super::report::Check;

const PRODUCTS: [Product; 5] =
    [Product::Spot, Product::Margin, Product::Perpetual, Product::DatedFuture, Product::Option];
pub(super) const CHANNELS: [ChannelKind; 6] = [
    ChannelKind::Quotes,
    ChannelKind::Depth,
    ChannelKind::Trades,
    ChannelKind::Bars,
    ChannelKind::Funding,
    ChannelKind::Account,
];
/// The fix of whatever `describe` says wrongly.
const DESCRIBE: &str = "correct `describe`, or write what it declares";

/// A plain limit order: what probes are made of.
pub(super) fn plain(market: &Market, client_id: &str) -> NewOrder {
    NewOrder {
        client_id: client_id.to_owned(),
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
pub(super) fn operations(market: &Market, step_secs: u32) -> Vec<Operation> {
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
        Operation::Create(plain(market, "a1")),
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

/// The name of an operation, as `describe` lists it.
pub(super) fn name(operation: &Operation) -> &'static str {
    match operation {
        Operation::ServerTime => "server-time",
        Operation::Instruments(_) => "instruments",
        Operation::Ticker(_) => "ticker",
        Operation::Book(_) => "book",
        Operation::Trades(_) => "trades",
        Operation::Bars(_) => "bars",
        Operation::FundingRate(_) => "funding-rate",
        Operation::FundingHistory(_) => "funding-history",
        Operation::Balances(_) => "balances",
        Operation::Positions(_) => "positions",
        Operation::Create(_) => "create",
        Operation::Amend(_) => "amend",
        Operation::Cancel(_) => "cancel",
        Operation::Order(_) => "order",
        Operation::OpenOrders(_) => "open-orders",
        Operation::OrderHistory(_) => "order-history",
        Operation::Fills(_) => "fills",
        Operation::OrderFills(_) => "order-fills",
        Operation::OpenSession(_) => "open-session",
        Operation::KeepSession(_) => "keep-session",
    }
}

/// Whether an operation changes what the venue holds.
pub(super) fn writes(operation: &Operation) -> bool {
    matches!(operation, Operation::Create(_) | Operation::Amend(_) | Operation::Cancel(_))
}

/// Whether nobody but the account's owner may ask it.
fn is_private(operation: &Operation) -> bool {
    writes(operation)
        || matches!(
            operation,
            Operation::Balances(_)
                | Operation::Positions(_)
                | Operation::Order(_)
                | Operation::OpenOrders(_)
                | Operation::OrderHistory(_)
                | Operation::Fills(_)
                | Operation::OrderFills(_)
        )
}

/// The step of the bars that are asked for.
/// What the engine asks for before and after every order: without one of these none ever leaves.
const NEEDED: [&str; 4] = ["instruments", "cancel", "order", "order-fills"];

/// An adapter that declares orders has everything without which the engine never sends one.
pub(super) fn trades(described: &Description, check: &mut Check) {
    if !described.operations.iter().any(|known| known == "create") {
        return;
    }
    let fix = "write it, or do not declare `create`";
    for needed in NEEDED {
        let is_there = described.operations.iter().any(|known| known == needed);
        let reason = format!("orders are declared and `{needed}` is not: none is ever sent");
        check.hold(is_there, "`describe`", &reason, fix);
    }
    let has = |kind: ChannelKind| described.channels.contains(&kind);
    let prices = has(ChannelKind::Quotes) || has(ChannelKind::Depth);
    let reason = "orders are declared, and neither quotes nor books: nothing is decided on";
    check.hold(prices, "`describe`", reason, fix);
    let reason = "orders are declared and the account's channel is not: no plan is made with it";
    check.hold(has(ChannelKind::Account), "`describe`", reason, fix);
}

pub(super) fn step_secs(described: &Description) -> u32 {
    described.bar_secs.first().copied().unwrap_or(60)
}

/// Every channel there is for these markets that is declared, numbered.
pub(super) fn channels(markets: &[Market], described: &Description) -> Vec<Channel> {
    let kinds = || CHANNELS.into_iter().filter(|kind| described.channels.contains(kind));
    let all = markets.iter().flat_map(|market| kinds().map(|kind| (market.instrument, kind)));
    (0..).zip(all).map(|(id, (instrument, kind))| one(id, instrument, kind, described)).collect()
}

fn one(id: u32, instrument: u32, kind: ChannelKind, described: &Description) -> Channel {
    let detail = if kind == ChannelKind::Bars { step_secs(described) } else { 0 };
    Channel { id, instrument, kind, detail }
}

/// Probes every operation, product, kind of channel and word of an order: what is declared works for
/// one market at least, what is not is refused, operations as `unsupported`.
pub(super) fn describe(
    live: &mut Live<'_>,
    markets: &[Market],
    described: &Description,
    check: &mut Check,
) -> Faulty<()> {
    operations_differ(live, markets, described, check)?;
    for product in PRODUCTS {
        let declared = described.products.contains(&product);
        let bound = markets.iter().any(|market| market.product == product);
        let lists = live.build(&Operation::Instruments(product))?.is_ok();
        let place = word_of(product);
        check.hold(!lists || declared, &place, "it is listed and not declared", DESCRIBE);
        let fix = "add a market of it to `setup.json`";
        check.hold(!declared || bound, &place, "it is declared and no fixture trades it", fix);
    }
    for kind in CHANNELS {
        let mut planned = false;
        for market in markets {
            planned |= live.plan(&[one(0, market.instrument, kind, described)])?.is_ok();
        }
        let declared = described.channels.contains(&kind);
        let reason = format!("planned is {planned}, declared is {declared}");
        check.hold(planned == declared, &format!("channel {}", word_of(kind)), &reason, DESCRIBE);
    }
    words_differ(live, markets, described, check)
}

fn operations_differ(
    live: &mut Live<'_>,
    markets: &[Market],
    described: &Description,
    check: &mut Check,
) -> Faulty<()> {
    let (mut built, mut known) = (BTreeSet::new(), BTreeSet::new());
    for market in markets {
        for operation in operations(market, step_secs(described)) {
            let (name, outcome) = (name(&operation), live.build(&operation)?);
            known.insert(name);
            let declared = described.operations.iter().any(|known| known == name);
            let place = format!("{name} on {} {}", market.native, word_of(market.product));
            let reason = match &outcome {
                Ok(_) if declared => {
                    built.insert(name);
                    ""
                }
                Ok(_) => "it builds and is not declared",
                Err(Failure::Unsupported(_)) => "",
                Err(_) if declared => "",
                Err(_) => "it is not declared, and its refusal is not `unsupported`",
            };
            check.hold(reason.is_empty(), &place, reason, DESCRIBE);
        }
    }
    for name in &described.operations {
        let reason = match (known.contains(name.as_str()), built.contains(name.as_str())) {
            (false, _) => "it is declared and is no operation",
            (true, false) => "it is declared and builds for no market",
            (true, true) => "",
        };
        check.hold(reason.is_empty(), name, reason, DESCRIBE);
    }
    Ok(())
}

/// A word of an order is said where it changes the request.
fn words_differ(
    live: &mut Live<'_>,
    markets: &[Market],
    described: &Description,
    check: &mut Check,
) -> Faulty<()> {
    let words = [
        ("post-only", described.post_only),
        ("reduce-only", described.reduce_only),
        ("ioc", described.ioc),
        ("fok", described.fok),
    ];
    for (word, declared) in words {
        let mut said = false;
        for market in markets {
            let plain = plain(market, "a1");
            let asked = match word {
                "post-only" => NewOrder { post_only: true, ..plain.clone() },
                "reduce-only" => NewOrder { reduce_only: true, ..plain.clone() },
                "ioc" => NewOrder { tif: TimeInForce::Ioc, ..plain.clone() },
                _ => NewOrder { tif: TimeInForce::Fok, ..plain.clone() },
            };
            let asked = live.build(&Operation::Create(asked))?.ok();
            let plain = live.build(&Operation::Create(plain))?.ok();
            said |= asked.is_some() && asked != plain;
        }
        let reason = format!("said is {said}, declared is {declared}");
        check.hold(said == declared, word, &reason, DESCRIBE);
    }
    Ok(())
}

/// Holds a request against the manifest: endpoint, path, recipe with its class, buckets.
pub(super) fn declared(
    manifest: &VenueManifest,
    operation: &Operation,
    request: &Request,
    check: &mut Check,
) {
    check.tried();
    let place = format!("{} at {} {}", name(operation), word(request.method), request.path);
    let edit = "declare it in `plugin.yaml`, or name what is there";
    let endpoint = manifest.endpoint(&request.endpoint);
    if endpoint.is_none_or(|endpoint| endpoint.origin.scheme.is_socket()) {
        check.wrong(&place, format!("`{}` is no HTTP endpoint", request.endpoint), edit);
    }
    if !request.path.starts_with('/') || request.path.contains(['?', '#', '%', '\\']) {
        let fix = "put the query into `query`; paths are plain";
        check.wrong(&place, "its path is no plain path", fix);
    }
    if let Some(word) = forbidden(&request.path) {
        check.wrong(&place, format!("its path names `{word}`"), "nothing moves money out");
    }
    for cost in &request.costs {
        let bucket = manifest.buckets.iter().find(|bucket| bucket.name == cost.bucket);
        match bucket {
            None => check.wrong(&place, format!("there is no bucket `{}`", cost.bucket), edit),
            Some(bucket) if cost.weight == 0 || cost.weight > bucket.capacity => {
                let reason = format!(
                    "it takes {} of the {} in `{}`",
                    cost.weight, bucket.capacity, cost.bucket
                );
                check.wrong(&place, reason, "correct the weight");
            }
            Some(_) => {}
        }
    }
    let counted =
        |bucket: &wickd_policy::venue::Bucket| bucket.endpoints.contains(&request.endpoint);
    if request.costs.is_empty() && !manifest.buckets.iter().any(counted) {
        check.wrong(&place, "nothing counts it against the venue's limits", edit);
    }
}

/// Holds what a request is signed with against what it is for.
pub(super) fn signed(
    manifest: &VenueManifest,
    operation: &Operation,
    request: &Request,
    check: &mut Check,
) {
    let place = format!("{} at {} {}", name(operation), word(request.method), request.path);
    if request.recipe.is_empty() {
        let reason = "only the account's owner may ask this, and it is not signed";
        let fix = "name a recipe in the request";
        return check.hold(!is_private(operation), &place, reason, fix);
    }
    check.tried();
    let Some(recipe) = manifest.recipe(&request.recipe) else {
        let reason = format!("there is no recipe `{}`", request.recipe);
        return check.wrong(&place, reason, "declare it under `recipes:`");
    };
    if !recipe.endpoints.contains(&request.endpoint) {
        let reason = format!("`{}` does not sign for `{}`", recipe.name, request.endpoint);
        check.wrong(&place, reason, "add the endpoint to the recipe");
    }
    let wanted = if writes(operation) { PathClass::Trade } else { PathClass::Read };
    let class = recipe.class(word(request.method), &request.path);
    if class != Some(wanted) {
        let class = class.map_or("no class".to_owned(), |class| format!("class {class:?}"));
        let reason = format!("its path is of {class} of `{}`, not {wanted:?}", recipe.name);
        check.wrong(&place, reason, "list it in the recipe's class for what it does");
    }
}

/// A write whose answer says nothing may have been done: it is `outcome-unknown`, never a definite no.
pub(super) fn unclear(
    live: &mut Live<'_>,
    markets: &[Market],
    described: &Description,
    check: &mut Check,
) -> Faulty<()> {
    let answers: [(u16, &str); 7] = [
        (200, ""),
        (200, "{"),
        (200, "<html>ok</html>"),
        (500, "<html>error</html>"),
        (502, "<html>bad gateway</html>"),
        (504, ""),
        (504, "<html>timeout</html>"),
    ];
    let all = markets.iter().flat_map(|market| operations(market, step_secs(described)));
    for operation in all.filter(writes) {
        if live.build(&operation)?.is_err() {
            continue;
        }
        for (status, body) in answers {
            let response = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
            let outcome = live.parse(&operation, &response)?;
            let holds = matches!(outcome, Err(Failure::OutcomeUnknown(_)));
            let place = format!("{} answered {status} `{body}`", name(&operation));
            let reason = format!("it is read as {outcome:?}");
            check.hold(holds, &place, &reason, "read it as `outcome-unknown`");
        }
    }
    Ok(())
}
