//! The sockets: one public per category, one private after authentication.
//!
//! Comes in: clients' messages and the engine's events. Goes out: topic messages. Deliberately
//! absent: orders over a socket, and books deeper than the whole (which is under fifty levels a
//! side unless the account rests far away from the market).

use serde_json::{Value, json};

use super::market::{marks, merge, ticker};
use super::orders;
use super::words::{self, SYMBOL, category, number};
use crate::auth;
use crate::engine::{Candle, Depth, Event, Execution, MINUTE_MS, Product, Quote, Trade};
use crate::faults::Route;
use crate::hub::Hub;
use crate::socket::{Said, Session, join_rows};

/// Topics of one spot subscription message.
const SPOT_ARGS_MAX: usize = 10;
/// Topics of one connection.
const TOPICS_MAX: usize = 200;

/// The session behind a path.
pub(super) fn session(path: &str) -> Option<Box<dyn Session>> {
    Some(match path {
        "/v5/public/spot" => Box::new(Public { product: Product::Spot, topics: Vec::new() }),
        "/v5/public/linear" => Box::new(Public { product: Product::Perp, topics: Vec::new() }),
        "/v5/private" => Box::new(Private { is_proven: false, topics: Vec::new() }),
        _ => return None,
    })
}

fn answer(op: &str, asked: &Value, success: bool, text: &str) -> Value {
    json!({"success": success, "ret_msg": text, "conn_id": "1", "req_id": id(asked), "op": op})
}

/// The client's number of its message, as it came; empty where there is none.
fn id(asked: &Value) -> Value {
    asked.get("req_id").cloned().unwrap_or_else(|| "".into())
}

/// The first topic that a subscription asks for a second time: its whole batch is void then.
fn repeated(names: &[String], is_there: impl Fn(&str) -> bool) -> Option<&String> {
    let twice = |at: usize, name: &String| names[..at].contains(name);
    let found = names.iter().enumerate().find(|(at, name)| is_there(name) || twice(*at, name));
    found.map(|(_, name)| name)
}

fn already(op: &str, asked: &Value, name: &str) -> Said {
    Said::one(answer(op, asked, false, &format!("error:already subscribed,topic:{name}")))
}

/// The topics of a request; `None` where they are not all text.
fn args(asked: &Value) -> Option<Vec<String>> {
    let args = asked["args"].as_array()?.iter();
    args.map(|arg| arg.as_str().map(str::to_owned)).collect()
}

/// A topic, and from which update its book goes on.
struct Topic {
    name: String,
    from: u64,
}

struct Public {
    product: Product,
    topics: Vec<Topic>,
}

impl Public {
    fn is_known(name: &str) -> bool {
        let topics = [
            "orderbook.1.",
            "orderbook.50.",
            "orderbook.200.",
            "publicTrade.",
            "tickers.",
            "kline.1.",
        ];
        topics.iter().any(|topic| name.strip_prefix(topic) == Some(SYMBOL))
    }

    /// Begins a topic, with the state there is.
    fn begin(&mut self, hub: &Hub, name: String) -> Option<String> {
        let (product, now_ms) = (self.product, hub.now_ms());
        let mut from = 0;
        let first = if name.starts_with("orderbook.1.") {
            hub.engine(|engine| engine.quote(product)).map(|quote| top(&quote))
        } else if name.starts_with("orderbook.") {
            let (count, last, bids, asks) = hub.engine(|engine| engine.snapshot(product));
            from = last;
            Some(
                json!({"s": SYMBOL, "b": words::levels(&bids), "a": words::levels(&asks), "u": count,
                "seq": last}),
            )
        } else if name.starts_with("tickers.") {
            Some(hub.engine(|engine| ticker(engine, product)))
        } else {
            None
        };
        let text = first.map(|data| message(&name, "snapshot", now_ms, data));
        self.topics.push(Topic { name, from });
        text
    }

    /// What a topic says of an event: its type and data.
    fn say(&self, hub: &Hub, topic: &Topic, event: &Event) -> Option<(&'static str, Value)> {
        let of = |product: &Product| *product == self.product;
        match (topic.name.split('.').next()?, event) {
            ("orderbook", Event::Quote(quote)) if topic.name.starts_with("orderbook.1.") => {
                of(&quote.product).then(|| ("snapshot", top(quote)))
            }
            ("orderbook", Event::Depth(depth)) if !topic.name.starts_with("orderbook.1.") => {
                let goes_on = of(&depth.product) && depth.last > topic.from;
                // The number 1 is a restart, and what it brings is a snapshot whatever the type says.
                goes_on.then(|| {
                    (if depth.number == 1 { "snapshot" } else { "delta" }, difference(depth))
                })
            }
            ("publicTrade", Event::Trade(trade)) if of(&trade.product) => {
                Some(("snapshot", public_trade(trade)))
            }
            ("kline", Event::Candle(product, candle, closed)) if of(product) => {
                Some(("snapshot", kline(candle, *closed, hub.now_ms())))
            }
            ("tickers", Event::Candle(Product::Spot, _, false))
                if self.product == Product::Spot =>
            {
                Some(("snapshot", hub.engine(|engine| ticker(engine, Product::Spot))))
            }
            ("tickers", Event::Quote(quote))
                if of(&quote.product) && self.product == Product::Perp =>
            {
                Some(("delta", best(quote)))
            }
            ("tickers", Event::Mark(price, at_ms)) if self.product == Product::Perp => {
                Some(("delta", marks(*price, *at_ms)))
            }
            _ => None,
        }
    }
}

impl Session for Public {
    fn route(&self) -> Route {
        Route::WsPublic
    }

    fn messages_per_s(&self) -> u64 {
        20
    }

    fn hear(&mut self, hub: &Hub, text: &str) -> Said {
        let asked: Value = serde_json::from_str(text).unwrap_or_default();
        let op = asked["op"].as_str().unwrap_or_default();
        match (op, args(&asked)) {
            ("ping", _) => Said::one(answer("ping", &asked, true, "pong")),
            ("subscribe", Some(names)) => {
                let too_many = self.product == Product::Spot && names.len() > SPOT_ARGS_MAX
                    || self.topics.len() + names.len() > TOPICS_MAX;
                if too_many {
                    return Said::one(answer(op, &asked, false, "args size >10"));
                }
                if let Some(name) = names.iter().find(|name| !Self::is_known(name)) {
                    let text = format!("error:handler not found,topic:{name}");
                    return Said::one(answer(op, &asked, false, &text));
                }
                let is_there = |name: &str| self.topics.iter().any(|topic| topic.name == name);
                if let Some(name) = repeated(&names, is_there) {
                    return already(op, &asked, name);
                }
                let mut texts = vec![answer(op, &asked, true, "").to_string()];
                texts.extend(names.into_iter().filter_map(|name| self.begin(hub, name)));
                Said { texts, close: false }
            }
            ("unsubscribe", Some(names)) => {
                self.topics.retain(|topic| !names.contains(&topic.name));
                Said::one(answer(op, &asked, true, ""))
            }
            _ => Said::one(answer(op, &asked, false, "error:invalid request")),
        }
    }

    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String> {
        let told = self.topics.iter().filter_map(|topic| {
            let (kind, data) = self.say(hub, topic, event)?;
            Some(message(&topic.name, kind, hub.now_ms(), data))
        });
        told.collect()
    }

    fn join(&self, first: &str, second: &str) -> Option<String> {
        let may = first.contains("\"topic\":\"publicTrade.");
        may.then(|| join_rows(&["topic"], first, second)).flatten()
    }
}

fn message(topic: &str, kind: &str, now_ms: i64, data: Value) -> String {
    json!({"topic": topic, "type": kind, "ts": now_ms, "cts": now_ms, "data": data}).to_string()
}

fn top(quote: &Quote) -> Value {
    json!({"s": SYMBOL, "b": words::levels(&vec![(quote.bid, quote.bid_qty)]),
        "a": words::levels(&vec![(quote.ask, quote.ask_qty)]), "u": quote.update_id, "seq": quote.update_id})
}

fn best(quote: &Quote) -> Value {
    json!({"symbol": SYMBOL, "bid1Price": number(quote.bid), "bid1Size": number(quote.bid_qty),
        "ask1Price": number(quote.ask), "ask1Size": number(quote.ask_qty)})
}

fn difference(depth: &Depth) -> Value {
    json!({"s": SYMBOL, "b": words::levels(&depth.bids), "a": words::levels(&depth.asks),
        "u": depth.number, "seq": depth.last})
}

fn public_trade(trade: &Trade) -> Value {
    json!([{"T": trade.time_ms, "s": SYMBOL, "S": words::side(trade.taker), "v": number(trade.qty),
        "p": number(trade.price), "L": "ZeroPlusTick", "i": words::trade_id(trade.product, trade.id),
        "BT": false, "seq": trade.id}])
}

fn kline(candle: &Candle, closed: bool, now_ms: i64) -> Value {
    json!([{"start": candle.open_ms, "end": candle.open_ms + MINUTE_MS - 1, "interval": "1",
        "open": number(candle.open), "close": number(candle.close), "high": number(candle.high),
        "low": number(candle.low), "volume": number(candle.volume),
        "turnover": number(candle.turnover), "confirm": closed, "timestamp": now_ms}])
}

struct Private {
    is_proven: bool,
    topics: Vec<String>,
}

impl Private {
    fn prove(&mut self, hub: &Hub, asked: &Value) -> Said {
        let args = &asked["args"];
        let expires = args[1].as_i64().or_else(|| args[1].as_str()?.parse().ok());
        let signed = auth::hex(
            &hub.config.secret,
            format!("GET/realtime{}", expires.unwrap_or_default()).as_bytes(),
        );
        let is_in_time = expires.is_some_and(|expires| expires > hub.now_ms());
        self.is_proven =
            args[0] == hub.config.key.as_str() && is_in_time && args[2] == signed.as_str();
        let text = if is_in_time { "" } else { "Params Error" };
        let said = answer("auth", asked, self.is_proven, text);
        if self.is_proven { Said::one(said) } else { Said::last(said) }
    }
}

impl Session for Private {
    fn route(&self) -> Route {
        Route::WsPrivate
    }

    fn messages_per_s(&self) -> u64 {
        20
    }

    fn hear(&mut self, hub: &Hub, text: &str) -> Said {
        let asked: Value = serde_json::from_str(text).unwrap_or_default();
        let op = asked["op"].as_str().unwrap_or_default();
        match (op, args(&asked)) {
            ("ping", _) => {
                let now = hub.now_ms().to_string();
                Said::one(
                    json!({"req_id": id(&asked), "op": "pong", "args": [now], "conn_id": "1"}),
                )
            }
            ("auth", _) => self.prove(hub, &asked),
            ("subscribe", _) if !self.is_proven => {
                Said::one(answer(op, &asked, false, "Request not authorized"))
            }
            ("subscribe", Some(names)) => {
                let known = ["order", "execution", "wallet", "position"];
                if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
                    let text = format!("error:handler not found,topic:{name}");
                    return Said::one(answer(op, &asked, false, &text));
                }
                let is_there = |name: &str| self.topics.iter().any(|topic| topic == name);
                if let Some(name) = repeated(&names, is_there) {
                    return already(op, &asked, name);
                }
                self.topics.extend(names);
                Said::one(answer(op, &asked, true, ""))
            }
            ("unsubscribe", Some(names)) => {
                self.topics.retain(|topic| !names.contains(topic));
                Said::one(answer(op, &asked, true, ""))
            }
            _ => Said::one(answer(op, &asked, false, "error:invalid request")),
        }
    }

    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String> {
        let mut said = Vec::new();
        let mut say = |topic: &str, product: Option<Product>, mut data: Value| {
            if !self.topics.iter().any(|subscribed| subscribed == topic) {
                return;
            }
            if let Some(product) = product {
                merge(&mut data, json!({"category": category(product)}));
            }
            let message = json!({"id": format!("{}-{topic}", hub.now_ms()), "topic": topic,
                "creationTime": hub.now_ms(), "data": [data]});
            said.push(message.to_string());
        };
        match event {
            Event::Order(_, Execution::AmendRefused) => {}
            Event::Order(order, execution) => {
                let fill = order.fills.last().filter(|_| execution.is_fill());
                if let Some(fill) = fill {
                    say("execution", Some(order.product), orders::execution(order, fill));
                }
                say("order", Some(order.product), orders::order(order));
            }
            Event::Funding(paid) => {
                say("execution", Some(Product::Perp), orders::funding(paid));
            }
            Event::Wallet(product, account, _) => {
                let (available, mark) =
                    hub.engine(|engine| (engine.available(), engine.mark(Product::Perp)));
                if *product == Product::Perp {
                    let position = orders::position(account, mark, hub.now_ms());
                    say("position", Some(Product::Perp), position);
                }
                say("wallet", None, orders::wallet(account, available, mark));
            }
            _ => {}
        }
        said
    }

    fn join(&self, first: &str, second: &str) -> Option<String> {
        // Rows of both categories may stand in one message.
        join_rows(&["topic"], first, second)
    }
}
