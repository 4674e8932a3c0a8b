//! The nouns of `wit/exchange.wit` and the nouns of the house, one into the other.

use wickd_model::{
    Aggressor, Instrument, InstrumentId, Kind, Product, Reason, Side, Status, Tif, parse_scaled,
};
use wickd_policy::venue::catalogue::{Does, Shape, Write};
use wickd_sandbox::exchange::nouns::{self, Operation};

use super::Subject;

pub(super) fn side(side: Side) -> nouns::Side {
    match side {
        Side::Buy => nouns::Side::Buy,
        Side::Sell => nouns::Side::Sell,
    }
}

pub(super) fn kind(kind: Kind) -> nouns::OrderKind {
    match kind {
        Kind::Market => nouns::OrderKind::Market,
        Kind::Limit => nouns::OrderKind::Limit,
    }
}

pub(super) fn tif(tif: Tif) -> nouns::TimeInForce {
    match tif {
        Tif::Gtc => nouns::TimeInForce::Gtc,
        Tif::Ioc => nouns::TimeInForce::Ioc,
        Tif::Fok => nouns::TimeInForce::Fok,
    }
}

pub(super) fn product(product: Product) -> nouns::Product {
    match product {
        Product::Spot => nouns::Product::Spot,
        Product::Margin => nouns::Product::Margin,
        Product::Perpetual => nouns::Product::Perpetual,
        Product::DatedFuture => nouns::Product::DatedFuture,
        Product::Option => nouns::Product::Option,
    }
}

/// The other way round.
pub(super) fn of_product(product: nouns::Product) -> Product {
    match product {
        nouns::Product::Spot => Product::Spot,
        nouns::Product::Margin => Product::Margin,
        nouns::Product::Perpetual => Product::Perpetual,
        nouns::Product::DatedFuture => Product::DatedFuture,
        nouns::Product::Option => Product::Option,
    }
}

pub(super) fn status(status: nouns::OrderStatus) -> Status {
    match status {
        nouns::OrderStatus::Pending => Status::Pending,
        nouns::OrderStatus::Open => Status::Open,
        nouns::OrderStatus::PartlyFilled => Status::PartlyFilled,
        nouns::OrderStatus::Filled => Status::Filled,
        nouns::OrderStatus::Cancelled => Status::Cancelled,
        nouns::OrderStatus::Rejected => Status::Rejected,
        nouns::OrderStatus::Expired => Status::Expired,
        nouns::OrderStatus::Unknown => Status::Unknown,
    }
}

pub(super) fn reason(reason: nouns::OrderReason) -> Reason {
    match reason {
        nouns::OrderReason::None => Reason::None,
        nouns::OrderReason::Requested => Reason::Requested,
        nouns::OrderReason::Host => Reason::Host,
        nouns::OrderReason::VenueRule => Reason::VenueRule,
        nouns::OrderReason::InsufficientFunds => Reason::InsufficientFunds,
        nouns::OrderReason::WouldTake => Reason::WouldTake,
        nouns::OrderReason::Unfilled => Reason::Unfilled,
        nouns::OrderReason::VenueFault => Reason::VenueFault,
    }
}

pub(super) fn aggressor(aggressor: nouns::Aggressor) -> Aggressor {
    match aggressor {
        nouns::Aggressor::Buyer => Aggressor::Buyer,
        nouns::Aggressor::Seller => Aggressor::Seller,
        nouns::Aggressor::None => Aggressor::None,
    }
}

/// What a request for an operation is about; the order as the host has it, for whoever signs.
pub(super) fn subject(operation: &Operation, instruments: &[Instrument]) -> Subject {
    let instrument = |id: InstrumentId| instruments.get(id as usize);
    let write = |does, id, client_id: &str, venue_id: &str| {
        instrument(id).map(|of| Write {
            does,
            product: of.product,
            base: of.base.clone(),
            quote: of.quote.clone(),
            price_scale: of.price_scale,
            size_scale: of.size_scale,
            side: Side::Buy,
            shape: Shape::Limit,
            reduce_only: false,
            price: 0,
            size: 0,
            client_id: client_id.to_owned(),
            venue_id: venue_id.to_owned(),
        })
    };
    let order = match operation {
        Operation::Create(new) => {
            write(Does::Create, new.instrument, &new.client_id, "").map(|write| Write {
                side: own_side(new.side),
                shape: shape(new),
                reduce_only: new.reduce_only,
                price: new.price,
                size: new.size,
                ..write
            })
        }
        Operation::Amend(change) => {
            let of = &change.order;
            write(Does::Amend, of.instrument, &of.client_id, &of.venue_id).map(|write| Write {
                side: own_side(change.side),
                price: change.price,
                size: change.size,
                ..write
            })
        }
        Operation::Cancel(of) => write(Does::Cancel, of.instrument, &of.client_id, &of.venue_id),
        _ => None,
    };
    Subject { order, instrument: instrument_of(operation) }
}

fn own_side(side: nouns::Side) -> Side {
    match side {
        nouns::Side::Buy => Side::Buy,
        nouns::Side::Sell => Side::Sell,
    }
}

fn shape(new: &nouns::NewOrder) -> Shape {
    match (new.kind, new.tif) {
        (nouns::OrderKind::Market, _) => Shape::Market,
        (_, nouns::TimeInForce::Ioc) => Shape::Ioc,
        (_, nouns::TimeInForce::Fok) => Shape::Fok,
        (_, nouns::TimeInForce::Gtc) if new.post_only => Shape::PostOnly,
        (_, nouns::TimeInForce::Gtc) => Shape::Limit,
    }
}

fn instrument_of(operation: &Operation) -> Option<InstrumentId> {
    match operation {
        Operation::Create(new) => Some(new.instrument),
        Operation::Amend(change) => Some(change.order.instrument),
        Operation::Cancel(of) | Operation::Order(of) | Operation::OrderFills(of) => {
            Some(of.instrument)
        }
        Operation::Ticker(id) | Operation::FundingRate(id) | Operation::OpenOrders(id) => Some(*id),
        Operation::Book(of) => Some(of.instrument),
        Operation::Bars(of) => Some(of.range.instrument),
        Operation::Trades(of)
        | Operation::FundingHistory(of)
        | Operation::OrderHistory(of)
        | Operation::Fills(of) => Some(of.instrument),
        _ => None,
    }
}

/// Where the operator's rules of an instrument are looser than the venue's; finer ones than the
/// venue's would be refused order by order.
pub(super) fn disagreement(instrument: &Instrument, listing: &nouns::Listing) -> Option<String> {
    if !listing.tradable {
        return Some("it is suspended or delisted".to_owned());
    }
    let rules = [
        ("price_step", instrument.price_step, instrument.price_scale, &listing.price_step),
        ("qty_step", instrument.qty_step, instrument.size_scale, &listing.size_step),
    ];
    for (name, ours, scale, theirs) in rules {
        let Ok(step) = parse_scaled(theirs, scale) else {
            return Some(format!("the venue's {name} is {theirs}, finer than the scale {scale}"));
        };
        if step > 0 && ours % step != 0 {
            let ours = wickd_model::print_scaled(ours, scale);
            return Some(format!("`{name}` is {ours} here and {theirs} at the venue"));
        }
    }
    let theirs = parse_scaled(&listing.min_size, instrument.size_scale).unwrap_or(0);
    (instrument.min_qty < theirs).then(|| {
        let ours = wickd_model::print_scaled(instrument.min_qty, instrument.size_scale);
        format!("`min_qty` is {ours} here and {} at the venue", listing.min_size)
    })
}

/// A number in digits and lower-case letters: short, and taken by every venue.
pub(super) fn base36(number: u64) -> String {
    let mut digits = Vec::new();
    let mut rest = number;
    loop {
        let digit = char::from_digit((rest % 36) as u32, 36).unwrap_or('0');
        digits.push(digit);
        rest /= 36;
        if rest == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
