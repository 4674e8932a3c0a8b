//! Orders that were told as done, and fills of nobody's: so that each fill counts once, whoever tells of
//! it and however late.
//!
//! Comes in: what is done, fills that no open order takes. Goes out: whose a fill is.

use std::collections::{BTreeSet, VecDeque};

use wickd_model::{ClientId, Instrument, InstrumentId, Product};
use wickd_sandbox::exchange::nouns::{FillReport, Side};

use super::order::{Tracked, trade_number};
use crate::venue::holdings::{Fine, read, units};

/// Orders remembered: of the busiest account some minutes.
const DONE_MAX: usize = 1_024;
/// Fills remembered that were taken in without an order here.
const TAKEN_MAX: usize = 4_096;

/// Whose a fill is that no open order takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// It was told.
    Known,
    /// Of this order, which was told as done without it.
    Late(ClientId),
    /// Of no order that this run knows.
    Nobodys,
}

/// What is remembered.
#[derive(Default)]
pub(super) struct Done {
    orders: VecDeque<One>,
    taken: VecDeque<(InstrumentId, u64)>,
}

struct One {
    id: ClientId,
    text: String,
    venue_id: String,
    trades: BTreeSet<u64>,
}

impl Done {
    pub(super) fn push(&mut self, order: Tracked) {
        if self.orders.len() == DONE_MAX {
            self.orders.pop_front();
        }
        let Tracked { text, venue_id, trades, .. } = order;
        self.orders.push_back(One { id: order.order.id, text, venue_id, trades });
    }

    pub(super) fn whose(&self, fill: &FillReport) -> Whose {
        let number = trade_number(&fill.trade_id);
        if self.taken.contains(&(fill.instrument, number)) {
            return Whose::Known;
        }
        let of = |one: &&One| {
            let by_venue = !fill.venue_id.is_empty() && one.venue_id == fill.venue_id;
            !fill.client_id.is_empty() && one.text == fill.client_id || by_venue
        };
        match self.orders.iter().rfind(of) {
            Some(one) if one.trades.contains(&number) => Whose::Known,
            Some(one) => Whose::Late(one.id),
            None => Whose::Nobodys,
        }
    }

    pub(super) fn remember(&mut self, fill: &FillReport) {
        if self.taken.len() == TAKEN_MAX {
            self.taken.pop_front();
        }
        self.taken.push_back((fill.instrument, trade_number(&fill.trade_id)));
    }
}

/// What a fill of a spot market took of assets other than the one it is about: the quote asset where
/// something was bought, and the fee.
pub(super) fn paid(fill: &FillReport, of: &Instrument) -> Vec<(Product, String, Fine)> {
    if !matches!(of.product, Product::Spot | Product::Margin) {
        return Vec::new();
    }
    let down = u32::from(of.price_scale.min(of.size_scale));
    let wide = of.price_scale.max(of.size_scale);
    let value = units(1, wide).saturating_mul(Fine::from(fill.price) * Fine::from(fill.size))
        / 10i128.pow(down);
    let value = if fill.side == Side::Buy { value } else { -value };
    let mut paid = vec![(of.product, of.quote.clone(), value)];
    if let Some(fee) = read(&fill.fee).filter(|fee| *fee != 0 && fill.fee_asset != of.base) {
        paid.push((of.product, fill.fee_asset.clone(), fee));
    }
    paid
}
