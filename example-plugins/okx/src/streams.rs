//! Sockets: public, business (bars) and private.
//!
//! Comes in: channels, frames. Goes out: planned sockets, subscriptions, events, books that follow
//! their deltas. Deliberately absent: the login, which is the host's, and the checksum of books: the
//! sequence says more.
//!
//! A book starts with `action: snapshot`. Each update names its predecessor in `prevSeqId`; an equal
//! `seqId` is a sign of life. Anything else is a gap, and a fresh subscription brings a snapshot.

use wickd_sdk::State;
use wickd_sdk::exchange::json::{Json, Malformed, Object};
use wickd_sdk::exchange::{Channel, ChannelKind, Failure, Market, Plan, Socket, Top, Wire, quoted};

use crate::{INTERVALS, Okx, account, is_perpetual, replies};

/// Most channels of one socket: 480 subscriptions an hour are allowed, reconnects included.
const TOPICS_MAX: usize = 100;
/// The venue closes a socket that is silent for 30 s; a text `ping` has it say `pong`.
const PING_MS: u32 = 15_000;
const IDLE_MS: u32 = 35_000;
/// What the private socket carries, for any product.
const PRIVATE: &str = r#"{"channel":"orders","instType":"ANY"},{"channel":"account"},{"channel":"positions","instType":"ANY"}"#;

/// A book that follows its deltas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, State)]
pub(crate) struct Synced {
    channel: u32,
    last: i64,
}

fn topic(channel: &Channel) -> Result<String, Failure> {
    Ok(match channel.kind {
        ChannelKind::Quotes => "bbo-tbt".to_owned(),
        ChannelKind::Depth => "books".to_owned(),
        ChannelKind::Trades => "trades".to_owned(),
        ChannelKind::Funding => "funding-rate".to_owned(),
        ChannelKind::Account => String::new(),
        ChannelKind::Bars => {
            let found = INTERVALS.iter().find(|(secs, _)| *secs == channel.detail);
            let none = || Failure::Inexpressible(format!("bars of {} seconds", channel.detail));
            format!("candle{}", found.ok_or_else(none)?.1)
        }
    })
}

fn argument(market: &Market, topic: &str) -> String {
    format!(r#"{{"channel":"{topic}","instId":{}}}"#, quoted(&market.native))
}

impl Okx {
    pub(crate) fn plan_streams(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        let (plan, sockets) = Plan::new(channels, TOPICS_MAX, |channel| {
            let market = self.markets.get(channel.instrument)?;
            if channel.kind == ChannelKind::Funding && !is_perpetual(market.product) {
                return Err(Failure::Inexpressible("funding of a spot market".to_owned()));
            }
            let (path, login) = match channel.kind {
                ChannelKind::Account => ("/private", "login"),
                ChannelKind::Bars => ("/business", ""),
                _ => ("/public", ""),
            };
            let socket = Socket {
                login: login.to_owned(),
                ping_ms: PING_MS,
                ..Socket::new("stream", path, IDLE_MS)
            };
            let topic = match channel.kind {
                ChannelKind::Account => String::new(),
                _ => argument(market, &topic(channel)?),
            };
            Ok((socket, topic))
        })?;
        self.synced.retain(|synced| plan.iter().any(|p| p.channel.id == synced.channel));
        self.plan = plan;
        Ok(sockets)
    }

    pub(crate) fn opened(&mut self, wire: &mut Wire, socket: u32) {
        let plan = &self.plan;
        self.synced.retain(|s| !plan.of(socket).any(|p| p.channel.id == s.channel));
        let topics: Vec<_> = self.plan.of(socket).map(|planned| planned.topic.as_str()).collect();
        // Private channels wait for the answer to the login.
        if !topics.iter().all(|topic| topic.is_empty()) {
            wire.send(socket, &format!(r#"{{"op":"subscribe","args":[{}]}}"#, topics.join(",")));
        }
    }

    pub(crate) fn read_frame(
        &mut self,
        wire: &mut Wire,
        socket: u32,
        frame: &[u8],
    ) -> Result<(), Malformed> {
        if frame == b"pong" {
            return Ok(());
        }
        let frame = Object::parse(frame)?;
        if let Some(event) = frame.get("event") {
            self.event(wire, socket, &event.text()?, &frame);
            return Ok(());
        }
        let argument = frame.object("arg")?;
        let (channel, rows) = (argument.text("channel")?, frame.list("data")?);
        let is_private = self.plan.of(socket).any(|p| p.channel.kind == ChannelKind::Account);
        if is_private {
            return account::events(&self.markets, wire, &channel, &rows).inspect_err(|why| {
                // A fill may hide in what cannot be read: the host has to ask.
                self.plan.stale(wire, socket, &why.0);
            });
        }
        let native = argument.text("instId")?;
        let Some(market) = self.markets.named(&native, |_| true).cloned() else { return Ok(()) };
        let market = &market;
        match channel.as_ref() {
            "bbo-tbt" => rows.iter().try_for_each(|row| {
                if let Some(top) = best(market, &row.object()?)? {
                    wire.quote(top);
                }
                Ok(())
            }),
            "books" => {
                let whole = frame.text("action")? == "snapshot";
                rows.iter()
                    .try_for_each(|row| self.book(wire, socket, market, whole, &row.object()?))
            }
            "trades" => rows.iter().try_for_each(|row| {
                wire.trade(replies::print(market, &row.object()?)?);
                Ok(())
            }),
            "funding-rate" => rows.iter().try_for_each(|row| {
                let funding = replies::funding(market, &row.object()?, wire.now())?;
                wire.funding(funding);
                Ok(())
            }),
            other => bars(wire, market, other, &rows),
        }
    }

    fn event(&self, wire: &mut Wire, socket: u32, event: &str, frame: &Object<'_>) {
        let (code, msg) = (frame.text_or_empty("code"), frame.text_or_empty("msg"));
        let why = format!("{code} {msg}");
        let named = frame.get("arg").and_then(|argument| argument.object().ok()).map(|argument| {
            (
                argument.text_or_empty("channel").into_owned(),
                argument.text_or_empty("instId").into_owned(),
            )
        });
        // An error names its channel only in its text.
        let named = named.or_else(|| {
            let word = |name: &str| {
                let rest = msg.split_once(name)?.1;
                rest.split([',', ' ']).next().map(str::to_owned)
            };
            Some((word("channel:")?, word("instId:").unwrap_or_default()))
        });
        let asked = named.as_ref().and_then(|(channel, native)| {
            let market = self.markets.named(native, |_| true)?;
            self.plan.topic(socket, &self::argument(market, channel))
        });
        match (event, asked) {
            ("login", _) => {
                wire.send(socket, &format!(r#"{{"op":"subscribe","args":[{PRIVATE}]}}"#));
            }
            ("subscribe", Some(planned)) => wire.subscribed(planned.channel.id),
            // The private socket's three confirmations: any of them shows that it is served.
            ("subscribe", None) => {
                let accounts = self.plan.of(socket).filter(|planned| planned.topic.is_empty());
                accounts.for_each(|planned| wire.subscribed(planned.channel.id));
            }
            ("error", Some(planned)) => wire.refused(planned.channel.id, &why),
            // A login, or a channel of the private socket: whoever trades has to know.
            ("error", None) if named.is_some() || is_login(&code) => {
                let accounts = self.plan.of(socket).filter(|planned| planned.topic.is_empty());
                accounts.for_each(|planned| wire.refused(planned.channel.id, &why));
                if named.is_some() {
                    wire.unknown(&why);
                }
            }
            // It names no channel, and the others go on.
            ("error", None) => wire.unknown(&why),
            // 64008: this server will restart.
            ("notice", _) => wire.reconnect(socket, &why),
            ("unsubscribe" | "channel-conn-count", _) => {}
            (other, _) => wire.unknown(&format!("event {other}")),
        }
    }

    fn book(
        &mut self,
        wire: &mut Wire,
        socket: u32,
        market: &Market,
        whole: bool,
        row: &Object<'_>,
    ) -> Result<(), Malformed> {
        let topic = argument(market, "books");
        let Some(channel) = self.plan.topic(socket, &topic).map(|p| p.channel.id) else {
            return Ok(());
        };
        let (before, last) = (row.need("prevSeqId")?.scaled(0)?, row.need("seqId")?.scaled(0)?);
        let levels = replies::levels(market, row)?;
        let ts_event = row.ms("ts")?;
        let place = self.synced.iter().position(|synced| synced.channel == channel);
        match place {
            Some(place) if whole => self.synced[place].last = last,
            None if whole => self.synced.push(Synced { channel, last }),
            Some(place) if self.synced[place].last == before => self.synced[place].last = last,
            // Waiting for the snapshot that a fresh subscription brings.
            None => return Ok(()),
            Some(place) => {
                let known = self.synced[place].last;
                if last == known {
                    return Ok(()); // Heard twice.
                }
                self.synced.swap_remove(place);
                wire.gap(channel, &format!("after {known} came {before}..{last}"));
                for op in ["unsubscribe", "subscribe"] {
                    wire.send(socket, &format!(r#"{{"op":"{op}","args":[{topic}]}}"#));
                }
                return Ok(());
            }
        }
        if whole || before != last {
            wire.levels(market.instrument, ts_event, whole, &levels);
        }
        Ok(())
    }
}

/// Whether an error is about the login.
fn is_login(code: &str) -> bool {
    matches!(
        code,
        "60001"
            | "60002"
            | "60003"
            | "60004"
            | "60005"
            | "60006"
            | "60007"
            | "60009"
            | "60011"
            | "60022"
            | "60023"
            | "60024"
            | "60026"
            | "60027"
            | "60032"
    )
}

/// The best level of each side; none where a side is empty.
fn best(market: &Market, row: &Object<'_>) -> Result<Option<Top>, Malformed> {
    let (bids, asks) = replies::levels(market, row)?.sides();
    let ([bid, ..], [ask, ..]) = (bids.as_slice(), asks.as_slice()) else {
        return Ok(None);
    };
    Ok(Some(Top {
        instrument: market.instrument,
        ts_event: row.ms("ts")?,
        bid: bid.price,
        ask: ask.price,
        bid_qty: bid.size,
        ask_qty: ask.size,
    }))
}

fn bars(
    wire: &mut Wire,
    market: &Market,
    channel: &str,
    rows: &[Json<'_>],
) -> Result<(), Malformed> {
    let name = channel.strip_prefix("candle");
    let step = name.and_then(|name| INTERVALS.iter().find(|(_, known)| *known == name));
    let Some((step_secs, _)) = step else {
        wire.unknown(&format!("channel {channel}"));
        return Ok(());
    };
    rows.iter().try_for_each(|row| {
        wire.bar(replies::candle(market, *step_secs, row)?);
        Ok(())
    })
}
