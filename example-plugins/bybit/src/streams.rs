//! Sockets: public spot, public linear, private.
//!
//! Comes in: channels, frames. Goes out: planned sockets, subscriptions, events, books that follow
//! their deltas. Deliberately absent: the login, which is the host's.
//!
//! A book starts with `type: snapshot`; the `u` of each delta is one more than the last. `u` of 1
//! means that the venue started anew, and is a whole book whatever its type. Anything else is a gap,
//! and a fresh subscription brings a snapshot. Best prices (`orderbook.1`) and tickers come as
//! changes too, so their last values are kept.

use wickd_sdk::State;
use wickd_sdk::exchange::json::{Malformed, Object};
use wickd_sdk::exchange::{
    Candle, Channel, ChannelKind, Failure, Funding, Level, Market, Plan, Planned, Socket, Top,
    Wire, quoted,
};

use crate::{Bybit, INTERVALS, account, category, interval, is_linear, replies};

/// Most topics of one socket: the venue's limit is 21,000 characters of arguments.
const TOPICS_MAX: usize = 200;
/// Most topics of one message: spot takes no more.
const ARGUMENTS_MAX: usize = 10;
/// The venue wants a ping every 20 s.
const PING_MS: u32 = 20_000;
const IDLE_MS: u32 = 50_000;
/// The number of a message that subscribes to a book once more.
const AGAIN: &str = "again";
/// What the private socket carries.
const PRIVATE: &str =
    r#"{"op":"subscribe","req_id":"account","args":["order","execution","wallet","position"]}"#;

/// A book that follows its deltas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, State)]
pub(crate) struct Synced {
    channel: u32,
    last: u64,
}

/// Best prices; zero where a side is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, State)]
pub(crate) struct Best {
    channel: u32,
    bid: i64,
    bid_qty: i64,
    ask: i64,
    ask_qty: i64,
}

/// What a ticker said of funding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, State)]
pub(crate) struct Rate {
    channel: u32,
    rate_ppm: i64,
    next: u64,
    interval_secs: u32,
}

fn topic(market: &Market, channel: &Channel) -> Result<String, Failure> {
    let name = &market.native;
    Ok(match channel.kind {
        ChannelKind::Quotes => format!("orderbook.1.{name}"),
        ChannelKind::Depth => format!("orderbook.50.{name}"),
        ChannelKind::Trades => format!("publicTrade.{name}"),
        ChannelKind::Bars => format!("kline.{}.{name}", interval(channel.detail)?),
        ChannelKind::Funding if is_linear(market.product) => format!("tickers.{name}"),
        ChannelKind::Funding => {
            return Err(Failure::Inexpressible("funding of a spot market".to_owned()));
        }
        ChannelKind::Account => String::new(),
    })
}

impl Bybit {
    pub(crate) fn plan_streams(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        let (plan, sockets) = Plan::new(channels, TOPICS_MAX, |channel| {
            let market = self.markets.get(channel.instrument)?;
            let (path, login) = match channel.kind {
                ChannelKind::Account => ("/private".to_owned(), "login"),
                _ => (format!("/public/{}", category(market.product)), ""),
            };
            let socket = Socket::new("stream", &path, IDLE_MS);
            let socket = Socket { login: login.to_owned(), ping_ms: PING_MS, ..socket };
            Ok((socket, topic(market, channel)?))
        })?;
        self.plan = plan;
        let planned: Vec<_> = self.plan.iter().map(|planned| planned.channel.id).collect();
        self.keep(|channel| planned.contains(&channel));
        Ok(sockets)
    }

    /// Forgets what deltas change, except of some channels.
    fn keep(&mut self, keeps: impl Fn(u32) -> bool) {
        self.synced.retain(|synced| keeps(synced.channel));
        self.tops.retain(|top| keeps(top.channel));
        self.rates.retain(|rate| keeps(rate.channel));
    }

    pub(crate) fn opened(&mut self, wire: &mut Wire, socket: u32) {
        let ours: Vec<_> = self.plan.of(socket).map(|planned| planned.channel.id).collect();
        self.keep(|channel| !ours.contains(&channel));
        for (number, some) in self.topics(socket).chunks(ARGUMENTS_MAX).enumerate() {
            let some = some.iter().map(|topic| quoted(topic)).collect::<Vec<_>>().join(",");
            let text = format!(r#"{{"op":"subscribe","req_id":"{number}","args":[{some}]}}"#);
            wire.send(socket, &text);
        }
    }

    /// What is subscribed on a socket, each topic once: asked for twice it makes the venue drop the whole
    /// message. Private topics wait for the answer to the login.
    fn topics(&self, socket: u32) -> Vec<&str> {
        let mut topics = Vec::new();
        for topic in self.plan.of(socket).map(|planned| planned.topic.as_str()) {
            if !topic.is_empty() && !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        topics
    }

    pub(crate) fn read_frame(
        &mut self,
        wire: &mut Wire,
        socket: u32,
        frame: &[u8],
    ) -> Result<(), Malformed> {
        let frame = Object::parse(frame)?;
        let Some(topic) = frame.get("topic") else {
            return self.answer(wire, socket, &frame);
        };
        let topic = topic.text()?;
        if self.plan.of(socket).any(|planned| planned.channel.kind == ChannelKind::Account) {
            let rows = frame.list("data");
            let read = rows.and_then(|rows| account::events(&self.markets, wire, &topic, &rows));
            return read.inspect_err(|why| {
                // A fill may hide in what cannot be read: the host has to ask.
                self.plan.stale(wire, socket, &why.0);
            });
        }
        let Some(planned) = self.plan.topic(socket, &topic).cloned() else {
            wire.unknown(&format!("topic {topic}"));
            return Ok(());
        };
        let Ok(market) = self.markets.get(planned.channel.instrument).cloned() else {
            return Ok(());
        };
        match planned.channel.kind {
            ChannelKind::Quotes => self.best(wire, &market, &planned, &frame),
            ChannelKind::Depth => self.book(wire, &market, &planned, &frame),
            ChannelKind::Funding => self.funding(wire, &market, &planned, &frame),
            ChannelKind::Trades => frame.list("data")?.into_iter().try_for_each(|row| {
                let names = ["T", "S", "v", "p", "i"];
                wire.trade(replies::print(&market, &row.object()?, names)?);
                Ok(())
            }),
            ChannelKind::Bars => frame
                .list("data")?
                .into_iter()
                .try_for_each(|row| bar(wire, &market, &row.object()?)),
            ChannelKind::Account => Ok(()),
        }
    }

    fn answer(&self, wire: &mut Wire, socket: u32, frame: &Object<'_>) -> Result<(), Malformed> {
        let op = frame.text("op")?;
        let done = frame.flag("success");
        match op.as_ref() {
            "ping" | "pong" | "unsubscribe" => {}
            "auth" if done => {
                wire.send(socket, PRIVATE);
            }
            // A book that lost its place could not be had anew on this socket.
            "subscribe" if frame.text_or_empty("req_id") == AGAIN => {
                if !done {
                    wire.reconnect(socket, &frame.text_or_empty("ret_msg"));
                }
            }
            "auth" | "subscribe" => {
                let asked = frame.text_or_empty("req_id").parse::<usize>().ok();
                let topics = self.topics(socket);
                let of_message = |planned: &&Planned| {
                    let place = topics.iter().position(|topic| *topic == planned.topic);
                    let message = place.map(|place| place / ARGUMENTS_MAX);
                    asked.is_none_or(|number| message == Some(number))
                };
                let why = frame.text_or_empty("ret_msg");
                for planned in self.plan.of(socket).filter(of_message) {
                    match done {
                        true => wire.subscribed(planned.channel.id),
                        false => wire.refused(planned.channel.id, &why),
                    }
                }
            }
            other => wire.unknown(&format!("answer to {other}")),
        }
        Ok(())
    }

    fn book(
        &mut self,
        wire: &mut Wire,
        market: &Market,
        planned: &Planned,
        frame: &Object<'_>,
    ) -> Result<(), Malformed> {
        let data = frame.object("data")?;
        let (last, channel) = (data.whole("u")?, planned.channel.id);
        let whole = frame.text("type")? == "snapshot" || last == 1;
        let levels = replies::levels(market, &data)?;
        let ts_event = frame.ms("ts")?;
        let place = self.synced.iter().position(|synced| synced.channel == channel);
        match place {
            Some(place) if whole => self.synced[place].last = last,
            None if whole => self.synced.push(Synced { channel, last }),
            // Waiting for the snapshot that a fresh subscription brings.
            None => return Ok(()),
            Some(place) => {
                let known = self.synced[place].last;
                if last <= known {
                    return Ok(()); // Heard before.
                }
                if known.checked_add(1) != Some(last) {
                    self.synced.swap_remove(place);
                    wire.gap(channel, &format!("after {known} came {last}"));
                    let topic = quoted(&planned.topic);
                    for op in ["unsubscribe", "subscribe"] {
                        let text =
                            format!(r#"{{"op":"{op}","req_id":"{AGAIN}","args":[{topic}]}}"#);
                        wire.send(planned.socket, &text);
                    }
                    return Ok(());
                }
                self.synced[place].last = last;
            }
        }
        wire.levels(market.instrument, ts_event, whole, &levels);
        Ok(())
    }

    fn best(
        &mut self,
        wire: &mut Wire,
        market: &Market,
        planned: &Planned,
        frame: &Object<'_>,
    ) -> Result<(), Malformed> {
        let channel = planned.channel.id;
        let (bids, asks) = replies::levels(market, &frame.object("data")?)?.sides();
        let (whole, ts_event) = (frame.text("type")? == "snapshot", frame.ms("ts")?);
        let place = self.tops.iter().position(|top| top.channel == channel);
        let place = match place {
            Some(place) => place,
            None if whole => {
                self.tops.push(Best { channel, ..Best::default() });
                self.tops.len() - 1
            }
            None => return Ok(()),
        };
        let top = &mut self.tops[place];
        if whole {
            *top = Best { channel, ..Best::default() };
        }
        (top.bid, top.bid_qty) = changed((top.bid, top.bid_qty), &bids);
        (top.ask, top.ask_qty) = changed((top.ask, top.ask_qty), &asks);
        if top.bid_qty > 0 && top.ask_qty > 0 {
            wire.quote(Top {
                instrument: market.instrument,
                ts_event,
                bid: top.bid,
                ask: top.ask,
                bid_qty: top.bid_qty,
                ask_qty: top.ask_qty,
            });
        }
        Ok(())
    }

    fn funding(
        &mut self,
        wire: &mut Wire,
        market: &Market,
        planned: &Planned,
        frame: &Object<'_>,
    ) -> Result<(), Malformed> {
        let (channel, data) = (planned.channel.id, frame.object("data")?);
        let ts_event = frame.ms("ts")?;
        let known = self.rates.iter().position(|rate| rate.channel == channel);
        let mut rate = known.map_or(Rate { channel, ..Rate::default() }, |at| self.rates[at]);
        let before = rate;
        let told = |name: &str| !data.text_or_empty(name).is_empty();
        if told("fundingRate") {
            rate.rate_ppm = data.millionths("fundingRate")?;
        }
        if told("nextFundingTime") {
            rate.next = data.ms("nextFundingTime")?;
        }
        rate.interval_secs = replies::interval_secs(&data)?.unwrap_or(rate.interval_secs);
        match known {
            // Tickers change for many reasons; only some concern funding.
            Some(_) if rate == before => return Ok(()),
            Some(place) => self.rates[place] = rate,
            // The first one must say it all.
            None if !told("fundingRate") => return Ok(()),
            None => self.rates.push(rate),
        }
        wire.funding(Funding {
            instrument: market.instrument,
            ts_event,
            rate_ppm: rate.rate_ppm,
            next: rate.next,
            interval_secs: rate.interval_secs,
        });
        Ok(())
    }
}

/// A side of one level after its changes: the level with a size counts, a deletion of the one there
/// empties it.
fn changed((price, size): (i64, i64), changes: &[Level]) -> (i64, i64) {
    if let Some(level) = changes.iter().find(|level| level.size > 0) {
        return (level.price, level.size);
    }
    let gone = changes.iter().any(|level| level.price == price);
    if gone { (0, 0) } else { (price, size) }
}

fn bar(wire: &mut Wire, market: &Market, row: &Object<'_>) -> Result<(), Malformed> {
    let name = row.text("interval")?;
    let Some((step_secs, _)) = INTERVALS.iter().find(|(_, known)| *known == name) else {
        wire.unknown(&format!("bars of {name}"));
        return Ok(());
    };
    wire.bar(Candle {
        instrument: market.instrument,
        step_secs: *step_secs,
        open_time: row.ms("start")?,
        close_time: row.ms("end")?,
        open: market.px(row, "open")?,
        high: market.px(row, "high")?,
        low: market.px(row, "low")?,
        close: market.px(row, "close")?,
        volume: market.qty(row, "volume")?,
        closed: row.flag("confirm"),
    });
    Ok(())
}
