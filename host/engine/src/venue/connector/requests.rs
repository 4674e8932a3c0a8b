//! Operations, from the wish to the outcome.
//!
//! Comes in: operations and why they are wanted. Goes out: requests to the wire, outcomes to whoever
//! wanted them. Deliberately absent: the bytes of either.

use wickd_model::TsNs;
use wickd_sandbox::exchange::nouns::{Failure, Operation, Reply};

use super::{
    ASK_WAIT_MS, Connector, NS_PER_MS, ORDER_WAIT_MS, Purpose, SESSION_EVERY_MS, Stage, Ticket,
};
use crate::events::{RefusedEvent, VenueEvent};
use crate::venue::tracker::Outcome;
use crate::venue::{Answer, Do, convert};

impl Connector {
    pub(super) fn ask(&mut self, operation: Operation, purpose: Purpose, now: TsNs) {
        let built = self.adapter.call(now, |guest| guest.build(&operation));
        let request = match built {
            Some(Ok(request)) => request,
            Some(Err(failure)) => {
                return self.came(&operation, purpose, Outcome::Failure(failure), now);
            }
            // A request that was never made was never sent.
            None => return self.came(&operation, purpose, Outcome::Unsent, now),
        };
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let create = matches!(operation, Operation::Create(_));
        let wait_ms = if create { ORDER_WAIT_MS } else { ASK_WAIT_MS };
        let of = convert::subject(&operation, &self.parts.instruments);
        let method = crate::venue::wire::method(request.method);
        let target = format!("{method} {} {}", request.endpoint, request.path);
        self.tickets.insert(ticket, Ticket { operation, purpose, sent: now, target });
        let _ = self.parts.wire.send(Do::Request { ticket, request, wait_ms, of });
    }

    pub(super) fn answered(&mut self, ticket: u64, answer: Answer, now: TsNs) {
        let Some(ticket) = self.tickets.remove(&ticket) else { return };
        let Ticket { operation, purpose, sent, target } = ticket;
        self.is_partial = false;
        let outcome = match answer {
            Answer::Response(response) => {
                let parsed = self.adapter.call(now, |guest| guest.parse(&operation, &response));
                self.said(now);
                match parsed {
                    Some(Ok(reply)) => Outcome::Reply(reply),
                    Some(Err(failure)) => Outcome::Failure(failure),
                    // It was answered, and nobody can say what.
                    None => Outcome::Lost,
                }
            }
            Answer::Unsent(why) => {
                self.say_failed(&purpose, &target, "was not sent", &why);
                Outcome::Unsent
            }
            Answer::Lost(why) => {
                self.say_failed(&purpose, &target, "got no answer", &why);
                Outcome::Lost
            }
            Answer::Refused(why) => {
                let (text, fix) = why.rsplit_once("; ").unwrap_or((&why, "mend the adapter"));
                let event = RefusedEvent::Request { why: text.to_owned(), fix: fix.to_owned() };
                self.deny(&target, event);
                Outcome::Failure(Failure::Inexpressible(why))
            }
            Answer::Breach(why) => {
                let (text, fix) = why.rsplit_once("; ").unwrap_or((&why, "replace the adapter"));
                let event = RefusedEvent::Breach { why: text.to_owned(), fix: fix.to_owned() };
                self.deny(&target, event);
                self.halt(&format!("its adapter is not to be believed: {text}"));
                Outcome::Failure(Failure::Inexpressible(why))
            }
            Answer::Limited(wait_ms) => {
                self.deny(&target, RefusedEvent::RequestLimited {});
                Outcome::Failure(Failure::RateLimited(wait_ms))
            }
        };
        if let (Purpose::Clock, Outcome::Reply(Reply::Time(venue))) = (&purpose, &outcome) {
            let ms = |ns: TsNs| ns / NS_PER_MS;
            if let Err(error) = self.offset.heard(ms(sent), ms(now), ms(*venue)) {
                self.deny("clock", RefusedEvent::Clock { why: error.to_string() });
            }
            let _ = self.parts.wire.send(Do::Offset(self.offset.offset_ms()));
            return;
        }
        self.came(&operation, purpose, outcome, now);
    }

    pub(super) fn say_failed(&mut self, purpose: &Purpose, target: &str, what: &str, why: &str) {
        if let Purpose::Order(id) = purpose {
            self.say(VenueEvent::OrderRequestFailed {
                venue: self.name(),
                order: *id,
                what: what.to_owned(),
                why: why.to_owned(),
            });
        } else {
            let (what, why) = (what.to_owned(), why.to_owned());
            self.deny(target, RefusedEvent::RequestFailed { what, why });
        }
    }

    /// The outcome of an operation, whoever wanted it.
    pub(super) fn came(
        &mut self,
        operation: &Operation,
        purpose: Purpose,
        outcome: Outcome,
        now: TsNs,
    ) {
        // Whatever was asked: without the venue's time nothing signed goes through again.
        if let Outcome::Failure(Failure::Clock(_)) = &outcome {
            self.clock_at = now;
        }
        if let Outcome::Failure(Failure::Banned(wait_ms)) = &outcome {
            self.deny("requests", RefusedEvent::Banned { wait_s: wait_ms / 1_000 });
            let _ = self.parts.wire.send(Do::Ban(*wait_ms));
        }
        match purpose {
            Purpose::Order(id) => {
                let mut out = std::mem::take(&mut self.out);
                self.tracker.settle(id, operation, outcome, now, &mut out);
                self.out = out;
                self.tell_all();
            }
            Purpose::Markets => match outcome {
                Outcome::Reply(Reply::Listings(listings)) => {
                    self.listings.extend(listings);
                    let waiting =
                        self.tickets.values().any(|of| matches!(of.purpose, Purpose::Markets));
                    if !waiting && self.stage == Stage::Asked {
                        self.listed(now);
                    }
                }
                other => {
                    self.start_again(&format!("no list of its markets: {}", short(&other)), now)
                }
            },
            Purpose::Session(socket) => match outcome {
                Outcome::Reply(Reply::Session(token)) => {
                    self.session_at = now + SESSION_EVERY_MS * NS_PER_MS;
                    self.sessions.insert(socket, token);
                    self.open(socket, now);
                }
                other => self.closed(socket, &format!("no session: {}", short(&other)), now),
            },
            Purpose::Compare(asked) => self.compared(operation, asked, outcome, now),
            Purpose::Resting => {
                if let Outcome::Reply(Reply::Orders(reports)) = outcome {
                    reports.iter().for_each(|report| self.ordered(report, now));
                    self.tell_all();
                }
            }
            Purpose::Clock | Purpose::Fetch => {}
        }
    }
}

/// Whether an operation may change an order.
pub(super) fn trades(operation: &Operation) -> bool {
    matches!(operation, Operation::Create(_) | Operation::Amend(_) | Operation::Cancel(_))
}

/// An outcome for people.
pub(super) fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unsent => "the request could not be sent".to_owned(),
        Outcome::Lost => "no answer".to_owned(),
        Outcome::Failure(failure) => wickd_model::printable(format!("{failure:?}").as_bytes(), 200),
        Outcome::Reply(_) => "an answer to something else".to_owned(),
    }
}
