//! What an adapter says while it reads, held against what it may.
//!
//! Comes in: its words, staged by the sandbox. Goes out: market events, news for the tracker, wishes; what
//! it may not is denied, named and counted. Deliberately absent: trust.

use wickd_model::{Event, FeedState, FeedStatus, InstrumentId, Quote, Trade, TsNs};
use wickd_sandbox::exchange::Said;
use wickd_sandbox::exchange::nouns::{Operation, OrderReport};

use super::requests::trades;
use super::{Connector, FETCHES_MAX, Purpose, stamp};
use crate::events::{Cause, Notice, RefusedEvent, VenueEvent};
use crate::intake::Plugin;
use crate::venue::book::Touch;
use crate::venue::ids::Whose;
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
            let what = flood("reported more than a call may; the rest was dropped");
            let cause = Cause { target: "events", what, times: dropped };
            self.denials.count(self.adapter.plugin(), cause);
        }
        let mut said = std::mem::take(&mut self.adapter.said);
        for said in said.drain(..) {
            self.hear(said, now);
        }
        if self.adapter.said.is_empty() {
            self.adapter.said = said;
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
                self.publish_market(Event::Trade(trade));
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
                self.deny(&target, RefusedEvent::Channel { why });
            }
            Said::Gap { channel, why } => self.gap(channel, &why, now),
            Said::Unknown(what) => {
                self.is_partial = true;
                self.deny("the venue", RefusedEvent::Unknown { what });
            }
            // What they say lags or is a part of the whole: the whole is asked for.
            Said::Balance(_) | Said::Holding(_) => self.compare_soon(now),
            // Bars are built by the host, from trades; a rate of funding has no subscriber.
            Said::Bar(_) | Said::Funding(_) | Said::Subscribed(_) => {}
        }
    }

    pub(super) fn ordered(&mut self, report: &OrderReport, now: TsNs) {
        if !self.tracker.report(report, now, &mut self.out) {
            self.foreign(&report.client_id);
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
        self.deny(&format!("channel {channel}"), RefusedEvent::Gap { why: why.to_owned() });
    }

    /// A message of the adapter's on a socket, within its share.
    pub(super) fn send_text(&mut self, socket: u32, text: String, now: TsNs) {
        if self.links.may_say(socket, now) {
            let _ = self.parts.wire.send(Do::Text { socket, text });
            return;
        }
        let Some(link) = self.links.get(socket) else {
            return self.deny("messages", flood("a message to a socket that is not planned"));
        };
        if link.state == LinkState::Open {
            let target = format!("messages to {}", link.plan.endpoint);
            self.deny(&target, flood("more messages in a second than any venue takes"));
            self.reopen(socket, "too many messages", now);
        }
    }

    /// A question of the adapter's own. Orders are nobody's but the strategies'.
    pub(super) fn fetch(&mut self, operation: Operation, now: TsNs) {
        if trades(&operation) {
            return self.deny("orders", RefusedEvent::AdapterOrder {});
        }
        let own = self.tickets.values().filter(|of| matches!(of.purpose, Purpose::Fetch)).count();
        if own >= FETCHES_MAX {
            let (what, fix) = ("more questions under way than it may have", "ask less often");
            return self.deny("questions", RefusedEvent::AdapterFlood { what, fix });
        }
        self.ask(operation, Purpose::Fetch, now);
    }

    /// Market data that cannot be: it reaches nobody.
    pub(super) fn unbelievable(&mut self, instrument: InstrumentId, what: &str) {
        let target = match self.parts.instruments.get(instrument as usize) {
            Some(known) if self.is_ours(instrument) => known.symbol.clone(),
            _ => format!("instrument {instrument}, which is not of this venue"),
        };
        let what = format!("{what} that cannot be: of another venue, crossed, or not above zero");
        let fix = "mend the adapter, or tell the venue";
        self.deny(&target, RefusedEvent::MarketData { what, fix });
    }

    /// News of an order that nobody here has. Those of this house that are done are told late or twice
    /// now and then.
    /// True where it is not this journal's. One of this journal that was never sent halts the venue.
    pub(super) fn foreign(&mut self, client_id: &str) -> bool {
        let prefix = self.client_ids.as_ref().map_or("", |rule| rule.prefix.as_str());
        let whose =
            client_id.strip_prefix(prefix).map_or(Whose::Foreign, |id| self.parts.ids.whose(id));
        match whose {
            Whose::Ours(id) => {
                let last = self.parts.last_intents.get(&id.slot).copied().unwrap_or(0);
                if id.intent > last {
                    self.halt(&format!("it has order {id}, which was never sent from here"));
                }
                false
            }
            Whose::Lost => {
                let order = client_id.to_owned();
                self.deny("orders", RefusedEvent::JournalOlder { order });
                self.halt("it has orders of this journal that the journal does not know");
                false
            }
            Whose::Foreign => {
                self.deny("orders", RefusedEvent::ForeignOrder {});
                true
            }
        }
    }

    /// A socket that never opened says so; one that was not allowed to says what it lacks.
    pub(super) fn not_open(&mut self, socket: u32, why: &str, refused: bool) {
        let Some(link) = self.links.get(socket) else { return };
        let target = format!("socket {} {}", link.plan.endpoint, link.plan.path);
        let (text, fix) = why.rsplit_once("; ").unwrap_or((why, "it is tried again"));
        if refused {
            let (why, fix) = (text.to_owned(), fix.to_owned());
            self.deny(&target, RefusedEvent::Socket { why, fix });
        } else if link.state == LinkState::Opening {
            self.deny(&target, RefusedEvent::SocketFailed { why: why.to_owned() });
        }
    }

    pub(super) fn deny(&mut self, target: &str, what: RefusedEvent) {
        self.denials.count(self.adapter.plugin(), Cause { target, what, times: 1 });
    }

    pub(super) fn is_ours(&self, instrument: InstrumentId) -> bool {
        self.parts.plan.instruments.contains(&instrument)
    }

    pub(super) fn speaks(&mut self, instrument: InstrumentId, now: TsNs) {
        if self.uncompared.is_empty() && self.links.spoke(instrument, now) {
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
        let Touch { bid, ask, bid_qty, ask_qty } = touch;
        self.tracker.fees.quoted(instrument, bid, ask);
        self.speaks(instrument, now);
        let at = stamp(instrument, ts_event, now);
        self.publish_market(Event::Quote(Quote { at, bid, ask, bid_qty, ask_qty }));
    }

    pub(super) fn feed(&mut self, instrument: InstrumentId, state: FeedState, now: TsNs) {
        self.publish(Event::Feed(FeedStatus { at: stamp(instrument, now, now), state }));
    }

    /// Prices leave once it is known what is owned.
    fn publish_market(&mut self, event: Event) {
        if self.uncompared.is_empty() {
            self.publish(event);
        }
    }

    /// Waits while the pump is behind: then the sockets are read more slowly, and nothing is dropped.
    pub(super) fn publish(&mut self, event: Event) {
        let _ = self.parts.market.send(event);
    }

    /// The venue's name, for an event.
    pub(super) fn name(&self) -> String {
        self.parts.plan.name.to_string()
    }

    pub(super) fn say(&self, event: impl Into<crate::events::Event>) {
        self.parts.notices.publish(Notice::of(event).venue(&self.parts.plan.name));
    }

    /// An event that is a plugin's too.
    pub(super) fn say_of(&self, event: VenueEvent, plugin: &Plugin) {
        let notice = Notice::of(event).venue(&self.parts.plan.name);
        self.parts.notices.publish(notice.plugin(plugin.label(), plugin.digest));
    }
}

fn flood(what: &'static str) -> RefusedEvent {
    RefusedEvent::AdapterFlood { what, fix: "mend the adapter" }
}
