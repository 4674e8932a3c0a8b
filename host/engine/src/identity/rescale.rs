//! Amounts under one pair of scales, written under another: exact, or not at all.

use wickd_model::{Adjustment, CASH_SCALE, Instrument, InstrumentId, Order, OrderEvent};
use wickd_store::{Carried, Note, PaperCarried, Record, VenueRecord};

use super::History;

/// From one number of an instrument to another of the same market.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rescale {
    /// The number it has now.
    pub(crate) to: InstrumentId,
    /// Decimals that prices gain; fewer than none are lost.
    price: i32,
    /// Decimals that sizes gain.
    size: i32,
    /// Decimals of sizes from now on.
    size_scale: u8,
}

impl Rescale {
    pub(crate) fn new(from: &Instrument, to: &Instrument) -> Self {
        Self {
            to: to.id,
            price: i32::from(to.price_scale) - i32::from(from.price_scale),
            size: i32::from(to.size_scale) - i32::from(from.size_scale),
            size_scale: to.size_scale,
        }
    }

    fn price(&self, price: i64) -> Option<i64> {
        shift(price.into(), self.price).and_then(|price| i64::try_from(price).ok())
    }

    fn size(&self, size: i64) -> Option<i64> {
        shift(size.into(), self.size).and_then(|size| i64::try_from(size).ok())
    }

    fn order(&self, order: &Order) -> Option<Order> {
        let mut order = *order;
        order.request.instrument = self.to;
        order.request.price = self.price(order.request.price)?;
        order.request.size = self.size(order.request.size)?;
        Some(order)
    }

    fn event(&self, event: &OrderEvent) -> Option<OrderEvent> {
        let mut event = *event;
        event.at.instrument = self.to;
        event.filled = self.size(event.filled)?;
        event.remaining = self.size(event.remaining)?;
        event.last_size = self.size(event.last_size)?;
        event.last_price = self.price(event.last_price)?;
        Some(event)
    }

    fn position(&self, held: &Carried) -> Option<Carried> {
        let both = self.price + self.size;
        // Finer sizes may have whole units of what was beside the position.
        let unit = 10i64.pow(u32::from(CASH_SCALE.saturating_sub(self.size_scale)));
        let (whole, rest) = match self.size {
            1.. => (held.rest.div_euclid(unit), held.rest.rem_euclid(unit)),
            _ => (0, held.rest),
        };
        Some(Carried {
            instrument: self.to,
            size: self.size(held.size)?.checked_add(whole)?,
            rest,
            uncosted: self.size(held.uncosted)?,
            cost: shift(held.cost, both)?,
            realised: shift(held.realised, both)?,
            known: shift(held.known, self.price)?,
            ..*held
        })
    }
}

/// `value` with so many decimals more; `None` where one that is not 0 would be lost, or it does not fit.
fn shift(value: i128, decimals: i32) -> Option<i128> {
    let factor = 10i128.checked_pow(decimals.unsigned_abs())?;
    match decimals {
        0.. => value.checked_mul(factor),
        _ => (value % factor == 0).then(|| value / factor),
    }
}

/// The history with every amount of number `from` under its new number; `None` where one is not exact.
pub(super) fn rescaled(history: &History, from: InstrumentId, by: &Rescale) -> Option<History> {
    let positions = history.positions.iter();
    let positions =
        positions.map(|of| if of.instrument == from { by.position(of) } else { Some(*of) });
    let paper = history.paper.iter().map(|of| match of.instrument == from {
        true => Some(PaperCarried { instrument: by.to, size: by.size(of.size)?, ..*of }),
        false => Some(*of),
    });
    let truth = history.truth.iter().map(|record| match record {
        VenueRecord::Order(order) if order.request.instrument == from => {
            by.order(order).map(VenueRecord::Order)
        }
        VenueRecord::Event(event) if event.at.instrument == from => {
            by.event(event).map(VenueRecord::Event)
        }
        VenueRecord::Order(_) | VenueRecord::Event(_) => Some(*record),
    });
    Some(History {
        positions: positions.collect::<Option<_>>()?,
        paper: paper.collect::<Option<_>>()?,
        journal: history
            .journal
            .iter()
            .map(|record| rescaled_record(record, from, by))
            .collect::<Option<_>>()?,
        truth: truth.collect::<Option<_>>()?,
        intents: history.intents.clone(),
        traded: history
            .traded
            .iter()
            .map(|(slot, id, live)| (*slot, if *id == from { by.to } else { *id }, *live))
            .collect(),
        trade_id: history.trade_id,
    })
}

fn rescaled_record(record: &Record, from: InstrumentId, by: &Rescale) -> Option<Record> {
    Some(match record {
        Record::Intent { order, by: decided } if order.request.instrument == from => {
            Record::Intent { order: by.order(order)?, by: *decided }
        }
        Record::Adopted(order) if order.request.instrument == from => {
            Record::Adopted(by.order(order)?)
        }
        Record::Adjusted(of) if of.instrument == from => Record::Adjusted(Adjustment {
            instrument: by.to,
            size: by.size(of.size)?,
            price: by.price(of.price)?,
            ..*of
        }),
        Record::Event(event) if event.at.instrument == from => Record::Event(by.event(event)?),
        Record::Note {
            slot,
            generation,
            ts_event,
            note: Note::DayBegan { day, instrument, worth },
        } if *instrument == from => {
            let note = Note::DayBegan { day: *day, instrument: by.to, worth: *worth };
            Record::Note { slot: *slot, generation: *generation, ts_event: *ts_event, note }
        }
        Record::Intent { .. }
        | Record::Adopted(_)
        | Record::Event(_)
        | Record::Cancel { .. }
        | Record::Adjusted(_)
        | Record::Note { .. } => *record,
    })
}
