//! What an adapter says while it reads, held against what it may.
//!
//! Comes in: its words, staged by the sandbox. Goes out: market events, news for the tracker, wishes; what
//! it may not is denied, named and counted. Deliberately absent: trust.

use wickd_model::{Event, FeedState, FeedStatus, InstrumentId, Quote, Trade, TsNs};
use wickd_sandbox::exchange::Said;
use wickd_sandbox::exchange::nouns::{FillReport, Operation, OrderReport};

use super::{Connector, FETCHES_MAX, Purpose, stamp, trades};
use crate::denials::Attempt;
use crate::notice::{Notice, Severity};
use crate::venue::book::Touch;
use crate::venue::streams::LinkState;
use crate::venue::{Do, convert};

impl Connector {
    pub(super) fn call_adapter(
        &mut self,
        now: TsNs,
        call: impl Fn(
            &mut wickd_sandbox::exchange::ExchangeGuest,
        ) -> Result<(), Box<wickd_model::Fault>>,
    ) {
        // Whoever takes over from one that failed is told before the next input.
        if self.adapter.call(now, call).is_some() {
            self.said(now);
        }
    }

    pub(super) fn said(&mut self, now: TsNs) {
        let dropped = std::mem::take(&mut self.adapter.dropped);
        if dropped > 0 {
            let (text, fix) =
                ("said more than a call may; the rest was dropped", "mend the adapter");
            let attempt =
                Attempt { times: dropped, ..attempt("adapter-flood", "events", text, fix) };
            self.denials.count(self.adapter.plugin(), &attempt);
        }
        let mut said = std::mem::take(&mut self.adapter.said);
        for said in said.drain(..) {
            self.hear(said, now);
        }
        if self.adapter.said.is_empty() {
            self.adapter.said = said;
        }
        for (id, why) in std::mem::take(&mut self.tracker.impossible) {
            let fix = "mend the adapter; the order's own count decides";
            self.deny("fill-refused", Severity::Error, &format!("order {id}"), why, fix);
        }
        self.tell_all();
    }

    pub(super) fn hear(&mut self, said: Said, now: TsNs) {
        match said {
            Said::Quote(top) => {
                let touch = Touch {
                    bid: top.bid,
                    ask: top.ask,
                    bid_qty: top.bid_qty,
                    ask_qty: top.ask_qty,
                };
                self.quote(top.instrument, top.ts_event, touch, now);
            }
            Said::Levels { instrument, ts_event, snapshot, bids, words }
                if self.is_ours(instrument) =>
            {
                let book = self.books.entry(instrument).or_default();
                match book.apply(snapshot, bids, &words) {
                    Some(touch) => self.quote(instrument, ts_event, touch, now),
                    None => self.speaks(instrument, now),
                }
            }
            Said::Trade(print)
                if self.is_ours(print.instrument) && print.price > 0 && print.size > 0 =>
            {
                let trade = Trade {
                    at: stamp(print.instrument, print.ts_event, now),
                    price: print.price,
                    size: print.size,
                    aggressor: convert::aggressor(print.aggressor),
                    trade_id: print.trade_id,
                };
                self.publish(Event::Trade(trade));
            }
            Said::Levels { instrument, .. } => self.unbelievable(instrument, "levels"),
            Said::Trade(print) => self.unbelievable(print.instrument, "a trade"),
            Said::Order(report) => self.ordered(&report, now),
            Said::Fill(fill) => self.filled(&fill, now),
            Said::Send { socket, text } => self.send_text(socket, text, now),
            Said::Fetch(operation) => self.fetch(operation, now),
            Said::Reconnect { socket, why } => self.reconnect(socket, &why, now),
            Said::Refused { channel, why } => {
                let of = self.links.channel(channel).map(|c| c.instrument);
                let target = format!("channel {channel} of instrument {of:?}");
                let fix = "mend `streams:` or `instruments:` of the venue";
                self.deny("channel-refused", Severity::Error, &target, &why, fix);
            }
            Said::Gap { channel, why } => self.gap(channel, &why, now),
            Said::Unknown(what) => {
                let text = format!("said something its adapter does not know: {what}");
                let fix = "nothing to do, unless prices or orders are missing";
                self.deny("venue-unknown", Severity::Warn, "the venue", &text, fix);
            }
            // Bars are built by the host, from trades; the rest has no listener yet.
            _ => {}
        }
    }

    fn ordered(&mut self, report: &OrderReport, now: TsNs) {
        if !self.tracker.report(report, now, &mut self.out) {
            self.foreign(&report.client_id);
        }
    }

    fn filled(&mut self, fill: &FillReport, now: TsNs) {
        if !self.tracker.fill(fill, now, &mut self.out) {
            self.foreign(&fill.client_id);
        }
    }

    /// One that is not open is opened again in its own time.
    fn reconnect(&mut self, socket: u32, why: &str, now: TsNs) {
        if self.links.get(socket).is_some_and(|link| link.state == LinkState::Open) {
            self.reopen(socket, why, now);
        }
    }

    pub(super) fn gap(&mut self, channel: u32, why: &str, now: TsNs) {
        let Some(instrument) = self.links.channel(channel).map(|channel| channel.instrument) else {
            return;
        };
        if let Some(book) = self.books.get_mut(&instrument) {
            book.clear();
        }
        if self.links.broke(instrument) {
            self.feed(instrument, FeedState::Stale, now);
        }
        let text = format!("a gap: {why}");
        let target = format!("channel {channel}");
        self.deny("venue-gap", Severity::Warn, &target, &text, "a snapshot is fetched");
    }

    /// A message of the adapter's on a socket, within its share.
    pub(super) fn send_text(&mut self, socket: u32, text: String, now: TsNs) {
        if self.links.may_say(socket, now) {
            let _ = self.parts.wire.send(Do::Text { socket, text });
            return;
        }
        let Some(link) = self.links.get(socket) else {
            let (text, fix) = ("a message to a socket that is not planned", "mend the adapter");
            return self.deny("adapter-flood", Severity::Error, "messages", text, fix);
        };
        if link.state == LinkState::Open {
            let target = format!("messages to {}", link.plan.endpoint);
            let text = "more messages in a second than any venue takes";
            self.deny("adapter-flood", Severity::Error, &target, text, "mend the adapter");
            self.reopen(socket, "too many messages", now);
        }
    }

    /// A question of the adapter's own. Orders are nobody's but the strategies'.
    pub(super) fn fetch(&mut self, operation: Operation, now: TsNs) {
        if trades(&operation) {
            let (text, fix) = ("it asked for an order of its own", "let strategies decide");
            return self.deny("adapter-order-refused", Severity::Error, "orders", text, fix);
        }
        let own = self.tickets.values().filter(|of| matches!(of.purpose, Purpose::Fetch)).count();
        if own >= FETCHES_MAX {
            let text = "more questions under way than it may have";
            return self.deny(
                "adapter-flood",
                Severity::Error,
                "questions",
                text,
                "ask less often",
            );
        }
        self.ask(operation, Purpose::Fetch, now);
    }

    /// Market data that cannot be: it reaches nobody.
    pub(super) fn unbelievable(&mut self, instrument: InstrumentId, what: &str) {
        let target = match self.parts.instruments.get(instrument as usize) {
            Some(known) if self.is_ours(instrument) => known.symbol.clone(),
            _ => format!("instrument {instrument}, which is not of this venue"),
        };
        let text = format!("{what} that cannot be: of another venue, crossed, or not above zero");
        let fix = "mend the adapter, or tell the venue";
        self.deny("market-data-refused", Severity::Error, &target, &text, fix);
    }

    /// News of an order that nobody here has. Those of this house that are done are told late or twice
    /// now and then.
    pub(super) fn foreign(&mut self, client_id: &str) {
        let prefix = self.client_ids.as_ref().map_or("", |rule| rule.prefix.as_str());
        let own = format!("{prefix}w{}x", convert::base36(u64::from(self.parts.house)));
        if !client_id.starts_with(&own) {
            let text = "news of orders that are not this house's";
            let fix = "give the house an account of its own, if somebody else trades on this one";
            self.deny("venue-order-foreign", Severity::Warn, "orders", text, fix);
        }
    }

    /// A socket that never opened says so; one that was not allowed to says what it lacks.
    pub(super) fn not_open(&mut self, socket: u32, why: &str, refused: bool) {
        let Some(link) = self.links.get(socket) else { return };
        let target = format!("socket {} {}", link.plan.endpoint, link.plan.path);
        let (text, fix) = why.rsplit_once("; ").unwrap_or((why, "it is tried again"));
        if refused {
            self.deny("socket-refused", Severity::Error, &target, text, fix);
        } else if link.state == LinkState::Opening {
            self.deny("socket-failed", Severity::Warn, &target, why, "it is tried again");
        }
    }

    pub(super) fn deny(
        &mut self,
        code: &'static str,
        severity: Severity,
        target: &str,
        text: &str,
        fix: &str,
    ) {
        let attempt = Attempt { severity, ..attempt(code, target, text, fix) };
        self.denials.count(self.adapter.plugin(), &attempt);
    }

    pub(super) fn is_ours(&self, instrument: InstrumentId) -> bool {
        self.parts.plan.instruments.contains(&instrument)
    }

    pub(super) fn speaks(&mut self, instrument: InstrumentId, now: TsNs) {
        if self.links.spoke(instrument, now) {
            self.feed(instrument, FeedState::Live, now);
        }
    }

    pub(super) fn quote(
        &mut self,
        instrument: InstrumentId,
        ts_event: TsNs,
        touch: Touch,
        now: TsNs,
    ) {
        let sizes = touch.bid_qty >= 0 && touch.ask_qty >= 0;
        if !self.is_ours(instrument) || touch.bid <= 0 || touch.ask <= touch.bid || !sizes {
            return self.unbelievable(instrument, "a quote");
        }
        self.speaks(instrument, now);
        let Touch { bid, ask, bid_qty, ask_qty } = touch;
        let at = stamp(instrument, ts_event, now);
        self.publish(Event::Quote(Quote { at, bid, ask, bid_qty, ask_qty }));
    }

    pub(super) fn feed(&mut self, instrument: InstrumentId, state: FeedState, now: TsNs) {
        self.publish(Event::Feed(FeedStatus { at: stamp(instrument, now, now), state }));
    }

    /// Waits while the pump is behind: then the sockets are read more slowly, and nothing is dropped.
    pub(super) fn publish(&mut self, event: Event) {
        let _ = self.parts.market.send(event);
    }

    pub(super) fn say(&self, notice: Notice) {
        self.parts.notices.say(notice);
    }
}

fn attempt<'a>(code: &'static str, target: &'a str, text: &'a str, fix: &'a str) -> Attempt<'a> {
    Attempt { code, severity: Severity::Error, target, text, fix, times: 1 }
}
