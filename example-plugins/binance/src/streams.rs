//! Sockets: which streams they carry, and what comes back on them.
//!
//! Comes in: channels, frames. Goes out: planned sockets, subscriptions, events. Deliberately
//! absent: pings; the venue pings on the protocol's level and the host answers.

use wickd_sdk::Product;
use wickd_sdk::exchange::json::{Malformed, Object};
use wickd_sdk::exchange::{
    Candle, Channel, ChannelKind, Failure, Market, Plan, Socket, Wire, quoted,
};

use crate::{Binance, account, interval, is_usdm, replies};

/// Most streams of one socket: USD-M closes a socket with more.
const STREAMS_MAX: usize = 200;
/// A socket of spot without any frame for this long is dead: the venue pings every 20 s.
const SPOT_IDLE_MS: u32 = 60_000;
/// A socket of USD-M without any frame for this long is dead: the venue pings every 3 min.
const USDM_IDLE_MS: u32 = 240_000;

/// The socket that carries a kind of channel.
fn socket(market: &Market, kind: ChannelKind) -> Socket {
    match (is_usdm(market.product), kind) {
        (false, ChannelKind::Account) => Socket {
            login: "login".to_owned(),
            ..Socket::new("spot-account", "/ws-api/v3", SPOT_IDLE_MS)
        },
        (false, _) => Socket::new("spot-stream", "/ws", SPOT_IDLE_MS),
        (true, ChannelKind::Account) => Socket {
            session: Some(Product::Perpetual),
            ..Socket::new("usdm-private", "/ws?listenKey={session}", USDM_IDLE_MS)
        },
        (true, ChannelKind::Quotes | ChannelKind::Depth) => {
            Socket::new("usdm-public", "/ws", USDM_IDLE_MS)
        }
        (true, _) => Socket::new("usdm-market", "/ws", USDM_IDLE_MS),
    }
}

fn stream(market: &Market, channel: &Channel) -> Result<String, Failure> {
    let symbol = market.native.to_lowercase();
    let usdm = is_usdm(market.product);
    Ok(match channel.kind {
        ChannelKind::Quotes => format!("{symbol}@bookTicker"),
        ChannelKind::Depth => format!("{symbol}@depth@100ms"),
        // Not `@trade`: replies number trades as this stream does.
        ChannelKind::Trades => format!("{symbol}@aggTrade"),
        ChannelKind::Bars => format!("{symbol}@kline_{}", interval(channel.detail)?),
        ChannelKind::Funding if usdm => format!("{symbol}@markPrice@1s"),
        ChannelKind::Funding => {
            return Err(Failure::Inexpressible("funding of a spot market".to_owned()));
        }
        ChannelKind::Account => String::new(),
    })
}

impl Binance {
    pub(crate) fn plan_streams(&mut self, channels: &[Channel]) -> Result<Vec<Socket>, Failure> {
        let (plan, sockets) = Plan::new(channels, STREAMS_MAX, |channel| {
            let market = self.markets.get(channel.instrument)?;
            Ok((socket(market, channel.kind), stream(market, channel)?))
        })?;
        self.plan = plan;
        self.forget_unplanned();
        Ok(sockets)
    }

    /// Subscribes to everything of a socket in one message: five messages a second are allowed.
    pub(crate) fn subscribe(&mut self, wire: &mut Wire, socket: u32) {
        self.forget_books(socket);
        let streams = self.plan.of(socket).filter(|planned| !planned.topic.is_empty());
        let streams: Vec<_> = streams.map(|planned| quoted(&planned.topic)).collect();
        if streams.is_empty() {
            // The listen key in the address is the subscription; spot's login is answered.
            for planned in self.plan.of(socket) {
                if self.markets.get(planned.channel.instrument).is_ok_and(|m| is_usdm(m.product)) {
                    wire.subscribed(planned.channel.id);
                }
            }
            return;
        }
        let params = streams.join(",");
        let text = format!(r#"{{"method":"SUBSCRIBE","params":[{params}],"id":{}}}"#, socket + 1);
        wire.send(socket, &text);
    }

    pub(crate) fn read_frame(
        &mut self,
        wire: &mut Wire,
        socket: u32,
        frame: &[u8],
    ) -> Result<(), Malformed> {
        let frame = Object::parse(frame)?;
        if let Some(event) = frame.get("event") {
            return self.account_event(wire, socket, &event.object()?);
        }
        let Some(kind) = frame.get("e") else {
            return match frame.get("u") {
                // Spot's best prices have no name.
                Some(_) => self.quote(wire, &frame, Product::Spot),
                None => self.answer(wire, socket, &frame),
            };
        };
        let first = self.plan.of(socket).next();
        let market = first.and_then(|planned| self.markets.get(planned.channel.instrument).ok());
        let Some(product) = market.map(|market| market.product) else {
            return Err(Malformed("a frame on a socket that was not planned".to_owned()));
        };
        match kind.text()?.as_ref() {
            "bookTicker" => self.quote(wire, &frame, product),
            "depthUpdate" => self.depth(wire, &frame, product),
            "aggTrade" => self.trade(wire, &frame, product),
            "kline" => self.bar(wire, &frame, product),
            "markPriceUpdate" => {
                let Some(market) = self.market(&frame, product)? else { return Ok(()) };
                wire.funding(replies::funding(market, &frame, ["r", "E", "T"])?);
                Ok(())
            }
            _ => self.account_event(wire, socket, &frame),
        }
    }

    fn market(&self, frame: &Object<'_>, product: Product) -> Result<Option<&Market>, Malformed> {
        Ok(self.markets.named(&frame.text("s")?, |known| known == product))
    }

    fn quote(
        &self,
        wire: &mut Wire,
        frame: &Object<'_>,
        product: Product,
    ) -> Result<(), Malformed> {
        let Some(market) = self.market(frame, product)? else { return Ok(()) };
        let ts_event = if frame.get("T").is_some() { frame.ms("T")? } else { wire.now() };
        wire.quote(replies::best(market, frame, ["b", "a", "B", "A"], ts_event)?);
        Ok(())
    }

    fn trade(
        &self,
        wire: &mut Wire,
        frame: &Object<'_>,
        product: Product,
    ) -> Result<(), Malformed> {
        let Some(market) = self.market(frame, product)? else { return Ok(()) };
        wire.trade(replies::print(market, frame)?);
        Ok(())
    }

    fn bar(&self, wire: &mut Wire, frame: &Object<'_>, product: Product) -> Result<(), Malformed> {
        let Some(market) = self.market(frame, product)? else { return Ok(()) };
        let bar = frame.object("k")?;
        let name = bar.text("i")?;
        let Some((step_secs, _)) = crate::INTERVALS.iter().find(|(_, known)| *known == name) else {
            wire.unknown(&format!("bars of {name}"));
            return Ok(());
        };
        wire.bar(Candle {
            instrument: market.instrument,
            step_secs: *step_secs,
            open_time: bar.ms("t")?,
            close_time: bar.ms("T")?,
            open: market.px(&bar, "o")?,
            high: market.px(&bar, "h")?,
            low: market.px(&bar, "l")?,
            close: market.px(&bar, "c")?,
            volume: market.qty(&bar, "v")?,
            closed: bar.flag("x"),
        });
        Ok(())
    }

    fn account_event(
        &self,
        wire: &mut Wire,
        socket: u32,
        event: &Object<'_>,
    ) -> Result<(), Malformed> {
        match event.text("e")?.as_ref() {
            // The session is over; a new socket gets a new one.
            "listenKeyExpired" | "eventStreamTerminated" => {
                wire.reconnect(socket, "the venue ended the session");
                Ok(())
            }
            "serverShutdown" => {
                wire.reconnect(socket, "the venue restarts this server");
                Ok(())
            }
            _ => account::event(&self.markets, wire, event).inspect_err(|why| {
                // A fill may hide in what cannot be read: the host has to ask.
                self.plan.stale(wire, socket, &why.0);
            }),
        }
    }

    /// The answer to a subscription or to the login.
    fn answer(&self, wire: &mut Wire, socket: u32, frame: &Object<'_>) -> Result<(), Malformed> {
        let of_socket = self.plan.of(socket);
        let error = match frame.get("error") {
            Some(error) => {
                let error = error.object()?;
                Some(format!("{} {}", error.text_or_empty("code"), error.text_or_empty("msg")))
            }
            None if frame.get("code").is_some() => {
                Some(format!("{} {}", frame.text_or_empty("code"), frame.text_or_empty("msg")))
            }
            None => None,
        };
        frame.need("id")?;
        match error {
            Some(why) => of_socket.for_each(|planned| wire.refused(planned.channel.id, &why)),
            None => of_socket.for_each(|planned| wire.subscribed(planned.channel.id)),
        }
        Ok(())
    }
}
