//! One order: what the venue has said of it, and what is to be done about it next.
//!
//! Comes in: outcomes, reports, fills. Goes out: order events, the next operation and when it is due.
//! Deliberately absent: the other orders.

use std::collections::BTreeSet;

use wickd_model::{Cash, Order, OrderEvent, Reason, Stamp, Status, TsNs};
use wickd_sandbox::exchange::nouns::{
    Failure, FillReport, NewOrder, Operation, OrderRef, OrderReport, Reply,
};

use super::{NS_PER_MS, Outcome};
use crate::venue::convert;

/// How often what surely was not processed is sent again.
const SENDS_MAX: u32 = 3;
/// First wait before asking or sending again; doubled each time.
const RETRY_MS: u64 = 50;
/// Longest wait before asking again.
const RETRY_MAX_MS: u64 = 5_000;
/// How long a stream may take with what an answer has promised.
const STREAM_MS: u64 = 200;
/// How often an order that rests is compared with the venue, whatever the stream says.
const RECHECK_MS: u64 = 30_000;
/// Times a venue must deny an order before it is believed.
const ABSENT_MIN: u32 = 2;

/// What is known of one order.
pub(super) struct Tracked {
    pub(super) order: Order,
    pub(super) text: String,
    pub(super) venue_id: String,
    /// Last status told to the slot.
    pub(super) told: Status,
    /// Sum of the fills told.
    pub(super) filled: i64,
    pub(super) trades: BTreeSet<u64>,
    pub(super) stage: Stage,
    /// The venue has ended it, with this much filled in all.
    pub(super) closing: Option<(Status, Reason, i64)>,
    /// The venue counts more fills than were heard.
    pub(super) lacks_fills: bool,
    pub(super) cancel: Option<Reason>,
    /// Who has ever asked for it to be taken back.
    pub(super) asked: Option<Reason>,
    pub(super) last_sent: TsNs,
    pub(super) sends: u32,
    pub(super) absent: u32,
    pub(super) tries: u32,
    /// An operation about it is under way; the next one waits for its outcome.
    pub(super) busy: bool,
    pub(super) due: TsNs,
    pub(super) reduce_only: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It goes out, or goes out again.
    Send,
    /// Whether the venue has it is not known.
    Unknown,
    /// The venue has it.
    Live,
}

impl Tracked {
    pub(super) fn next_operation(&mut self, now: TsNs) -> Operation {
        let reference = OrderRef {
            instrument: self.order.request.instrument,
            client_id: self.text.clone(),
            venue_id: self.venue_id.clone(),
        };
        match self.stage {
            Stage::Send => {
                self.sends += 1;
                self.last_sent = now;
                let request = &self.order.request;
                Operation::Create(NewOrder {
                    client_id: self.text.clone(),
                    instrument: request.instrument,
                    side: convert::side(request.side),
                    kind: convert::kind(request.kind),
                    price: request.price,
                    size: request.size,
                    tif: convert::tif(request.tif),
                    post_only: request.post_only,
                    reduce_only: self.reduce_only,
                })
            }
            Stage::Unknown => Operation::Order(reference),
            Stage::Live if self.lacks_fills => Operation::OrderFills(reference),
            Stage::Live if self.cancel.is_some() && self.closing.is_none() => {
                Operation::Cancel(reference)
            }
            Stage::Live => Operation::Order(reference),
        }
    }

    pub(super) fn created(&mut self, outcome: Outcome, now: TsNs, out: &mut Vec<OrderEvent>) {
        match outcome {
            Outcome::Reply(Reply::Orders(reports)) if !reports.is_empty() => {
                reports.iter().for_each(|report| self.reported(report, now, out));
            }
            Outcome::Reply(Reply::Accepted(venue_id)) => {
                self.venue_id = venue_id;
                self.live(now + STREAM_MS * NS_PER_MS);
            }
            Outcome::Failure(Failure::Rejected(no)) => {
                self.tell(Status::Rejected, convert::reason(no.reason), now, out);
            }
            Outcome::Failure(Failure::Inexpressible(_) | Failure::Unsupported(_)) => {
                self.tell(Status::Rejected, Reason::VenueRule, now, out)
            }
            Outcome::Failure(Failure::Login(_) | Failure::Clock(_) | Failure::Banned(_)) => {
                self.tell(Status::Rejected, Reason::VenueFault, now, out);
            }
            Outcome::Unsent | Outcome::Failure(Failure::Unavailable(_)) => {
                self.again(0, now, out);
            }
            Outcome::Failure(Failure::RateLimited(wait_ms)) => self.again(wait_ms, now, out),
            // A reply without an order, an order that is there already, garbage, or nothing.
            Outcome::Reply(_) | Outcome::Failure(_) | Outcome::Lost => {
                self.stage = Stage::Unknown;
                self.tries = 0;
                self.due = now;
                self.tell(Status::Unknown, Reason::None, now, out);
            }
        }
    }

    /// Surely not processed: the same goes out again, a few times.
    pub(super) fn again(&mut self, wait_ms: u64, now: TsNs, out: &mut Vec<OrderEvent>) {
        let wait_ms = wait_ms.max(RETRY_MS << self.sends.min(6));
        if self.sends >= SENDS_MAX || wait_ms > RETRY_MAX_MS || self.cancel.is_some() {
            return self.tell(Status::Rejected, Reason::Host, now, out);
        }
        self.due = now + wait_ms * NS_PER_MS;
    }

    /// The venue knows no such order.
    pub(super) fn denied(&mut self, settle_ns: u64, now: TsNs, out: &mut Vec<OrderEvent>) {
        self.absent += 1;
        let settled = now >= self.last_sent + settle_ns;
        if self.absent < ABSENT_MIN || !settled {
            self.retry(now);
            // Not before the last moment at which it could still come.
            if !settled {
                self.due = self.due.max((self.last_sent + settle_ns).min(now + settle_ns));
            }
            return;
        }
        match self.filled {
            0 if self.venue_id.is_empty() => {
                self.tell(Status::Rejected, Reason::VenueFault, now, out);
            }
            // It was there, and the venue has forgotten it: nothing more can fill.
            _ => self.tell(Status::Cancelled, Reason::VenueFault, now, out),
        }
    }

    pub(super) fn cancelled(&mut self, outcome: &Outcome, now: TsNs) {
        match outcome {
            Outcome::Reply(_) => {
                self.cancel = None;
                self.due = now + STREAM_MS * NS_PER_MS;
            }
            // It may be done already: whatever it is, the order itself tells.
            Outcome::Failure(Failure::NotFound(_) | Failure::Rejected(_)) => {
                self.cancel = None;
                self.due = now;
            }
            // A cancel may be sent twice.
            _ => self.retry(now),
        }
    }

    pub(super) fn reported(&mut self, report: &OrderReport, now: TsNs, out: &mut Vec<OrderEvent>) {
        if self.told.is_final() {
            return;
        }
        if self.venue_id.is_empty() {
            self.venue_id.clone_from(&report.venue_id);
        }
        self.absent = 0;
        let status = convert::status(report.status);
        if status == Status::Unknown || status == Status::Pending {
            return self.live(now + STREAM_MS * NS_PER_MS);
        }
        self.live(now + RECHECK_MS * NS_PER_MS);
        if status.is_final() {
            let size = report.filled.max(self.filled);
            // A venue knows that the account asked for the end, and not who of it did.
            let reason = match (convert::reason(report.reason), self.asked) {
                (Reason::Requested, Some(asked)) => asked,
                (reason, _) => reason,
            };
            self.closing = Some((status, reason, size));
        }
        if report.filled > self.filled {
            self.lacks_fills = true;
            self.due = now + STREAM_MS * NS_PER_MS;
        }
        if !status.is_final() && self.filled == 0 {
            self.tell(Status::Open, Reason::None, now, out);
        }
        self.close(now, out);
    }

    /// A fill that was told already is nothing; one that cannot be is refused with the reason.
    pub(super) fn filled_by(
        &mut self,
        fill: &FillReport,
        fee: Cash,
        now: TsNs,
        out: &mut Vec<OrderEvent>,
    ) -> Result<(), &'static str> {
        let trade_id = trade_number(&fill.trade_id);
        if self.told.is_final() || self.trades.contains(&trade_id) {
            return Ok(());
        }
        let request = &self.order.request;
        if fill.size <= 0 || fill.price <= 0 || fill.trade_id.is_empty() {
            return Err("a fill without size, price or id");
        }
        if fill.instrument != request.instrument || fill.side != convert::side(request.side) {
            return Err("a fill of another market or side than the order's");
        }
        if fill.size > request.size - self.filled {
            return Err("fills of more than the order's size");
        }
        self.trades.insert(trade_id);
        if self.venue_id.is_empty() {
            self.venue_id.clone_from(&fill.venue_id);
        }
        self.live(now + RECHECK_MS * NS_PER_MS);
        self.filled += fill.size;
        let whole = self.filled == self.order.request.size;
        let status = if whole { Status::Filled } else { Status::PartlyFilled };
        self.told = status;
        let event = OrderEvent {
            last_price: fill.price,
            last_size: fill.size,
            fee,
            trade_id,
            ..self.event(status, Reason::None, now)
        };
        out.push(event);
        if self.closing.is_some_and(|(_, _, filled)| filled > self.filled) {
            self.due = now + STREAM_MS * NS_PER_MS;
        }
        self.close(now, out);
        Ok(())
    }

    /// Ends it where the venue has, and all fills it counted are told.
    pub(super) fn close(&mut self, now: TsNs, out: &mut Vec<OrderEvent>) {
        if let Some((status, reason, filled)) = self.closing
            && self.filled >= filled
            && !self.told.is_final()
        {
            self.tell(status, reason, now, out);
        }
    }

    pub(super) fn live(&mut self, due: TsNs) {
        self.stage = Stage::Live;
        self.tries = 0;
        // A cancel that waits goes out as soon as there is something to cancel.
        if self.cancel.is_none() && !self.lacks_fills {
            self.due = due;
        }
    }

    pub(super) fn retry(&mut self, now: TsNs) {
        let wait = (RETRY_MS << self.tries.min(10)).min(RETRY_MAX_MS);
        self.tries += 1;
        self.due = now + wait * NS_PER_MS;
    }

    pub(super) fn tell(
        &mut self,
        status: Status,
        reason: Reason,
        now: TsNs,
        out: &mut Vec<OrderEvent>,
    ) {
        if self.told != status {
            self.told = status;
            out.push(self.event(status, reason, now));
        }
    }

    pub(super) fn event(&self, status: Status, reason: Reason, now: TsNs) -> OrderEvent {
        let request = &self.order.request;
        OrderEvent {
            id: self.order.id,
            at: Stamp { instrument: request.instrument, seq: 0, ts_event: now, ts_init: now },
            side: request.side,
            status,
            reason,
            filled: self.filled,
            remaining: request.size - self.filled,
            last_price: 0,
            last_size: 0,
            fee: 0,
            trade_id: 0,
            reconciled: self.sends == 0,
        }
    }
}

/// A venue's id of a fill as a number: itself where it is one, else FNV-1a (Fowler, Noll, Vo) of it.
pub(super) fn trade_number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
    })
}
