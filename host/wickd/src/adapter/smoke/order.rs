//! One order that can only rest: placed, seen, taken back, gone.
//!
//! Comes in: a market's best prices and a size. Goes out: four steps, and nothing left at the venue.
//! Deliberately absent: any order that could fill while prices stay where they are.

use std::time::{Duration, Instant};

use wickd_engine::ProbeError;
use wickd_model::{InstrumentId, parse_scaled, print_scaled};
use wickd_sandbox::exchange::nouns::{
    Failure as Refusal, NewOrder, Operation, OrderKind, OrderRef, OrderReport, OrderStatus, Reply,
    Side, TimeInForce, Top,
};

use super::{ANSWER_MS, Bad, Run, Step};
use crate::adapter::bench::word_of;

/// How long an order may take to be seen, or to be gone.
const SEEN_MS: u64 = 10_000;
/// How often it is asked for.
const ASK_EVERY_MS: u64 = 250;
/// Share of the bid, in percent, at which the order rests: far from the market, and inside the bands
/// that venues draw around it.
const FAR_PERCENT: i64 = 80;

impl Run<'_> {
    /// One order that can only rest, far below the market: seen, taken back, gone.
    pub(super) fn trade(&mut self, id: InstrumentId, top: Top, size: &str) {
        let mut sent = None;
        self.step("order", |run| {
            let order = run.order(id, top, size)?;
            let outcome = run.probe.ask(&Operation::Create(order.clone()), ANSWER_MS);
            // Where no answer came it may rest all the same: it is looked for and taken back.
            let may_rest = match &outcome {
                Ok(_) | Err(ProbeError::Lost(_) | ProbeError::Fault(_)) => true,
                Err(ProbeError::Failure(refusal)) => matches!(refusal, Refusal::OutcomeUnknown(_)),
                Err(_) => false,
            };
            sent = may_rest.then(|| order.clone());
            outcome?;
            let instrument = run.instrument(id)?;
            let price = print_scaled(order.price, instrument.price_scale);
            let text =
                format!("buy {size} {} at {price}, as {}", instrument.symbol, order.client_id);
            Ok(((), text))
        });
        let Some(order) = sent else { return };
        let known = OrderRef {
            instrument: id,
            client_id: order.client_id.clone(),
            venue_id: String::new(),
        };
        let seen = self.step("order seen", |run| {
            let report = run.until(&known, |report| {
                report.is_some_and(|report| report.status == OrderStatus::Open)
            })?;
            let venue_id = report.map_or_else(String::new, |report| report.venue_id);
            let text = format!("open, the venue calls it {venue_id}");
            Ok((OrderRef { venue_id, ..known.clone() }, text))
        });
        let known = seen.unwrap_or(known);
        self.step("cancel", |run| {
            run.probe.ask(&Operation::Cancel(known.clone()), ANSWER_MS)?;
            Ok(((), "accepted".to_owned()))
        });
        self.step("order gone", |run| {
            let report = run.until(&known, |report| {
                report.is_none_or(|report| report.status == OrderStatus::Cancelled)
            })?;
            match report {
                Some(report) if report.filled != 0 => Err(Bad {
                    reason: format!("it was filled: {}", report.filled),
                    fix: "close the position by hand",
                }),
                _ => Ok(((), "nothing was filled".to_owned())),
            }
        });
    }

    fn order(&self, id: InstrumentId, top: Top, size: &str) -> Step<NewOrder> {
        let instrument = self.instrument(id)?;
        let fix = "give `--trade` a size the venue takes";
        let bad = |reason: String| Bad { reason, fix };
        let scaled = parse_scaled(size, instrument.size_scale)
            .map_err(|error| bad(format!("`{size}`: {error}")))?;
        let far = i128::from(top.bid) * i128::from(FAR_PERCENT) / 100;
        let step = i128::from(instrument.price_step.max(1));
        let price = i64::try_from(far / step * step).unwrap_or(0);
        let notional = instrument.notional(price, scaled).unwrap_or(0);
        let whole = scaled % instrument.qty_step.max(1) == 0;
        if scaled < instrument.min_qty.max(1) || !whole || notional < instrument.min_notional {
            let least = print_scaled(instrument.min_qty, instrument.size_scale);
            let worth = print_scaled(instrument.min_notional, wickd_model::CASH_SCALE);
            return Err(bad(format!("`{size}`: at least {least} and worth {worth} are taken")));
        }
        let now_ms = wickd_engine::WallClock::system().now_ns() / 1_000_000;
        Ok(NewOrder {
            // A house that no journal has; the time makes it the only one.
            client_id: self.probe.client_text(0, 0, now_ms),
            instrument: id,
            side: Side::Buy,
            kind: OrderKind::Limit,
            price,
            size: scaled,
            tif: TimeInForce::Gtc,
            post_only: true,
            reduce_only: false,
        })
    }

    /// Asks for an order until it stands so; none where the venue knows no such order.
    fn until(
        &mut self,
        known: &OrderRef,
        stands: impl Fn(Option<&OrderReport>) -> bool,
    ) -> Step<Option<OrderReport>> {
        let started = Instant::now();
        loop {
            let report = match self.probe.ask(&Operation::Order(known.clone()), ANSWER_MS) {
                Ok(Reply::Orders(reports)) => reports.into_iter().next(),
                Err(ProbeError::Failure(Refusal::NotFound(_))) => None,
                Ok(_) => None,
                Err(error) => return Err(error.into()),
            };
            if stands(report.as_ref()) {
                return Ok(report);
            }
            if started.elapsed() > Duration::from_millis(SEEN_MS) {
                let status = report.map_or("unknown".to_owned(), |it| word_of(it.status));
                let reason = format!("{} is {status} after {SEEN_MS} ms", known.client_id);
                return Err(Bad {
                    reason,
                    fix: "look for it at the venue, and take it back by hand",
                });
            }
            self.probe.hear(ASK_EVERY_MS)?;
        }
    }
}
