//! One order: what the venue has said of it, and what is to be done about it next.
//!
//! Comes in: outcomes, reports, fills. Goes out: order events, the next operation and when it is due.
//! Deliberately absent: the other orders.

use std::collections::BTreeSet;

use wickd_model::{Order, OrderEvent, Reason, Stamp, Status, TsNs};
use wickd_sandbox::exchange::nouns::{
    Failure, FillReport, NewOrder, Operation, OrderRef, OrderReport, Reply,
};

use super::search::Search;
use super::{NS_PER_MS, Outcome, Trouble, Windows};
use crate::venue::convert;
use crate::venue::fees::Fee;

/// How often what surely was not processed is sent again.
const SENDS_MAX: u32 = 3;
/// First wait before asking or sending again; doubled each time.
const RETRY_MS: u64 = 50;
/// Longest wait before asking again.
const RETRY_MAX_MS: u64 = 5_000;
/// Longest wait before an order that no read shows is looked for again. There is no last time.
const MISSING_AGAIN_MAX_MS: u64 = 60_000;
/// How long a stream may take with what an answer has promised.
const STREAM_MS: u64 = 200;
/// How often an order that rests is compared with the venue, whatever the stream says.
const RECHECK_MS: u64 = 30_000;
/// Rounds of a search that must find nothing before an order that the venue never confirmed is
/// believed to be absent.
const ROUNDS_MIN: u32 = 2;
/// First wait before a cancel that was refused, or changed nothing, is sent again; doubled each time.
const CANCEL_AGAIN_MS: u64 = 500;
/// Longest wait before a cancel is sent again. There is no last time: the order rests.
const CANCEL_AGAIN_MAX_MS: u64 = 30_000;
/// Doublings of the wait for fills that an answer has promised and the venue does not list yet.
const FILLS_DOUBLINGS_MAX: u32 = 5;

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
    /// A cancel was answered: what the order itself says decides whether another one goes out.
    pub(super) look_first: bool,
    pub(super) cancel_tries: u32,
    /// The venue has said that it has it, or had it: its silence is no end.
    pub(super) confirmed: bool,
    pub(super) last_sent: TsNs,
    pub(super) sends: u32,
    pub(super) search: Search,
    pub(super) tries: u32,
    /// Answers without a fill that the venue has counted.
    pub(super) fills_asked: u32,
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
            _ if self.wants_cancel() => Operation::Cancel(reference),
            Stage::Unknown => self.search.operation(reference, self.order.ts_event, now),
            Stage::Live if self.lacks_fills => Operation::OrderFills(reference),
            Stage::Live => Operation::Order(reference),
        }
    }

    fn wants_cancel(&self) -> bool {
        let may_rest = self.confirmed && self.closing.is_none();
        may_rest && self.cancel.is_some() && !self.look_first
    }

    pub(super) fn created(&mut self, outcome: Outcome, now: TsNs, out: &mut Vec<OrderEvent>) {
        match outcome {
            Outcome::Reply(Reply::Orders(reports)) if !reports.is_empty() => {
                reports.iter().for_each(|report| self.reported(report, now, out));
            }
            Outcome::Reply(Reply::Accepted(venue_id)) => {
                self.venue_id = venue_id;
                self.confirmed = true;
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

    /// The venue's answer is without this order; true where a round of the search for one that it had
    /// confirmed is over. Such an order is never given up: it stays unknown until the venue says what
    /// became of it.
    pub(super) fn missed(
        &mut self,
        windows: Windows,
        now: TsNs,
        out: &mut Vec<OrderEvent>,
    ) -> bool {
        if self.confirmed && now < self.last_sent + windows.lag_ns {
            // Reads may not have come as far as the order yet.
            self.retry(now);
            return false;
        }
        self.stage = Stage::Unknown;
        if !self.search.missed(!self.venue_id.is_empty()) {
            self.due = now;
            return false;
        }
        // From when on no request can be accepted any more, and every read would show it.
        let settled = self.last_sent + windows.settle_ns;
        let certain = settled + windows.lag_ns;
        let enough = self.search.rounds >= ROUNDS_MIN && self.search.began >= certain;
        if !self.confirmed && enough {
            self.tell(Status::Rejected, Reason::VenueFault, now, out);
            return false;
        }
        self.tell(Status::Unknown, Reason::None, now, out);
        // A cancel may still reach what no read shows.
        self.look_first = false;
        if self.confirmed {
            self.wait(now, MISSING_AGAIN_MAX_MS);
        } else if now < settled {
            self.due = settled;
        } else {
            self.wait(now, RETRY_MAX_MS);
            self.due = if now < certain { self.due.min(certain) } else { self.due };
        }
        self.confirmed
    }

    /// What came of a cancel; says why where the venue has refused it.
    pub(super) fn cancelled(&mut self, outcome: &Outcome, now: TsNs) -> Option<String> {
        match outcome {
            Outcome::Reply(_) => {
                self.look_first = true;
                self.due = now + STREAM_MS * NS_PER_MS;
                None
            }
            // It may be done already: whatever it is, the order itself tells.
            Outcome::Failure(Failure::NotFound(_)) => {
                (self.look_first, self.due) = (true, now);
                None
            }
            Outcome::Failure(Failure::Rejected(no)) => {
                (self.look_first, self.due) = (true, now);
                Some(format!("{} {}", no.code, no.message))
            }
            Outcome::Failure(failure) => {
                self.cancel_again(now);
                if let Failure::RateLimited(wait_ms) | Failure::Banned(wait_ms) = failure {
                    self.due = self.due.max(now.saturating_add(wait_ms.saturating_mul(NS_PER_MS)));
                }
                Some(format!("{failure:?}"))
            }
            // A cancel may be sent twice.
            Outcome::Unsent | Outcome::Lost => {
                self.cancel_again(now);
                None
            }
        }
    }

    /// It rests still: the cancel goes out again after a while.
    fn cancel_again(&mut self, now: TsNs) {
        let wait_ms = (CANCEL_AGAIN_MS << self.cancel_tries.min(10)).min(CANCEL_AGAIN_MAX_MS);
        self.cancel_tries += 1;
        self.look_first = false;
        self.due = now + wait_ms * NS_PER_MS;
    }

    pub(super) fn reported(&mut self, report: &OrderReport, now: TsNs, out: &mut Vec<OrderEvent>) {
        if self.told.is_final() {
            return;
        }
        if self.venue_id.is_empty() {
            self.venue_id.clone_from(&report.venue_id);
        }
        self.confirmed = true;
        let status = convert::status(report.status);
        let is_known = status != Status::Unknown && status != Status::Pending;
        self.live(now + if is_known { RECHECK_MS } else { STREAM_MS } * NS_PER_MS);
        if !status.is_final() && self.look_first {
            self.cancel_again(now);
        }
        if !is_known {
            return;
        }
        // More than the order is the venue's fault, and told as such: no fills will ever add up to it.
        let counted = report.filled.min(self.order.request.size);
        if status.is_final() {
            let size = counted.max(self.filled);
            // A venue knows that the account asked for the end, and not who of it did.
            let reason = match (convert::reason(report.reason), self.asked) {
                (Reason::Requested, Some(asked)) => asked,
                (reason, _) => reason,
            };
            self.closing = Some((status, reason, size));
        }
        if counted > self.filled {
            self.lacks_fills = true;
            let doublings = self.fills_asked.min(FILLS_DOUBLINGS_MAX);
            self.due = now + (STREAM_MS << doublings) * NS_PER_MS;
        }
        if !status.is_final() {
            let partly = self.filled > 0;
            let status = if partly { Status::PartlyFilled } else { Status::Open };
            self.tell(status, Reason::None, now, out);
        }
        self.close(now, out);
    }

    /// A fill that was told already is nothing; one that cannot be is refused with the reason.
    pub(super) fn filled_by(
        &mut self,
        fill: &FillReport,
        fee: Fee,
        now: TsNs,
        out: &mut Vec<OrderEvent>,
    ) -> Result<(), Trouble> {
        let trade_id = trade_number(&fill.trade_id);
        if self.told.is_final() || self.trades.contains(&trade_id) {
            return Ok(());
        }
        let request = &self.order.request;
        if fill.size <= 0 || fill.price <= 0 || fill.trade_id.is_empty() {
            return Err(Trouble::Impossible("a fill without size, price or id"));
        }
        if fill.instrument != request.instrument || fill.side != convert::side(request.side) {
            return Err(Trouble::Impossible("a fill of another market or side than the order's"));
        }
        if fill.size > request.size - self.filled {
            return Err(Trouble::Overfilled);
        }
        self.trades.insert(trade_id);
        (self.confirmed, self.fills_asked) = (true, 0);
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
            fee: fee.quote,
            fee_base: fee.base,
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
        (self.tries, self.search) = (0, Search::default());
        // A cancel that waits goes out as soon as there is something to cancel.
        if self.cancel.is_none() && !self.lacks_fills {
            self.due = due;
        }
    }

    pub(super) fn retry(&mut self, now: TsNs) {
        self.wait(now, RETRY_MAX_MS);
    }

    fn wait(&mut self, now: TsNs, most_ms: u64) {
        let wait = (RETRY_MS << self.tries.min(16)).min(most_ms);
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
            fee_base: 0,
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
