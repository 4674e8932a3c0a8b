//! The three sockets: public, business (bars), private after a login.
//!
//! Comes in: clients' messages and the engine's events. Goes out: channel messages. Deliberately
//! absent: the 30 s idle limit and the 480 messages an hour; a test cannot wait for either.

use serde_json::{Value, json};

use super::words;
use super::{market, orders};
use crate::auth;
use crate::engine::{Depth, Event, Order, Product, Quote};
use crate::faults::Route;
use crate::hub::Hub;
use crate::socket::{Said, Session, join_rows};

/// Subscriptions of one connection.
const CHANNELS_MAX: usize = 240;
/// A login's stamp may differ from the venue's clock by so much, in milliseconds.
const LOGIN_MS: i64 = 30_000;

/// The session behind a path.
pub(super) fn session(path: &str) -> Option<Box<dyn Session>> {
    let channels: &[&str] = match path {
        "/ws/v5/public" => &["books", "bbo-tbt", "tickers", "trades", "funding-rate", "mark-price"],
        "/ws/v5/business" => &["candle1m"],
        "/ws/v5/private" => &["orders", "account", "positions"],
        _ => return None,
    };
    let is_private = path == "/ws/v5/private";
    Some(Box::new(Okx { channels, is_private, is_logged_in: false, subscribed: Vec::new() }))
}

/// One subscription: the argument it was made with, from where its book goes on, and what its numbers
/// are behind the engine's: after a reset of the sequence they begin anew.
struct Subscription {
    arg: Value,
    from: u64,
    behind: u64,
    last: u64,
    is_quiet: bool,
}

struct Okx {
    channels: &'static [&'static str],
    is_private: bool,
    is_logged_in: bool,
    subscribed: Vec<Subscription>,
}

/// An error names its channel in the text, and nowhere else.
fn fail(code: u32, msg: &str) -> Said {
    Said::one(json!({"event": "error", "code": code.to_string(), "msg": msg, "connId": "1"}))
}

/// An answer with the number that the client gave its message.
fn numbered(mut answer: Value, asked: &Value) -> String {
    if let Some(id) = asked.get("id") {
        answer["id"] = id.clone();
    }
    answer.to_string()
}

impl Session for Okx {
    fn route(&self) -> Route {
        if self.is_private { Route::WsPrivate } else { Route::WsPublic }
    }

    fn messages_per_s(&self) -> u64 {
        20
    }

    fn hear(&mut self, hub: &Hub, text: &str) -> Said {
        if text == "ping" {
            return Said::one("pong");
        }
        let Ok(asked) = serde_json::from_str::<Value>(text) else {
            return fail(60012, &format!("Invalid request: {text}"));
        };
        let args = asked["args"].as_array().map(Vec::as_slice).unwrap_or_default();
        match asked["op"].as_str() {
            Some("login") => self.log_in(hub, &args.first().cloned().unwrap_or_default()),
            Some("subscribe" | "unsubscribe") if self.is_private && !self.is_logged_in => {
                fail(60011, "Please log in")
            }
            Some("subscribe") => {
                let texts =
                    args.iter().flat_map(|arg| self.subscribe(hub, &asked, arg).texts).collect();
                Said { texts, close: false }
            }
            Some("unsubscribe") => {
                self.subscribed.retain(|subscription| !args.contains(&subscription.arg));
                let done = |arg| {
                    numbered(json!({"event": "unsubscribe", "arg": arg, "connId": "1"}), &asked)
                };
                Said { texts: args.iter().map(done).collect(), close: false }
            }
            _ => fail(60012, &format!("Invalid request: {text}")),
        }
    }

    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String> {
        let told = self.subscribed.iter_mut().filter_map(|subscription| {
            let (action, data) = say(hub, subscription, event)?;
            let mut message = json!({"arg": subscription.arg, "data": [data]});
            if let Some(action) = action {
                message["action"] = action.into();
            }
            Some(message.to_string())
        });
        told.collect()
    }

    fn join(&self, first: &str, second: &str) -> Option<String> {
        let rows = ["\"channel\":\"orders\"", "\"channel\":\"trades\""];
        let may = rows.iter().any(|channel| first.contains(channel));
        may.then(|| join_rows(&["arg"], first, second)).flatten()
    }
}

impl Okx {
    fn log_in(&mut self, hub: &Hub, arg: &Value) -> Said {
        let text = |name: &str| arg[name].as_str().unwrap_or_default();
        // The vendor's own client sends a number.
        let stamp = match &arg["timestamp"] {
            Value::Number(number) => number.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        };
        let stamp_ms = stamp.parse::<i64>().map(|seconds| seconds.saturating_mul(1_000));
        let signed =
            auth::base64(&hub.config.secret, format!("{stamp}GET/users/self/verify").as_bytes());
        let (code, msg) = if text("apiKey") != hub.config.key {
            (60005, "Invalid apiKey")
        } else if text("passphrase") != hub.config.passphrase {
            (60024, "Wrong passphrase")
        } else if !stamp_ms.is_ok_and(|stamp_ms| (hub.now_ms() - stamp_ms).abs() <= LOGIN_MS) {
            (60006, "Timestamp request expired")
        } else if text("sign") != signed {
            (60007, "Invalid sign")
        } else if !self.is_private {
            (60009, "Login failed.")
        } else {
            self.is_logged_in = true;
            return Said::one(json!({"event": "login", "code": "0", "msg": "", "connId": "1"}));
        };
        Said::last(json!({"event": "error", "code": code.to_string(), "msg": msg, "connId": "1"}))
    }

    /// Acknowledges, and begins with the state there is.
    fn subscribe(&mut self, hub: &Hub, asked: &Value, arg: &Value) -> Said {
        let channel = arg["channel"].as_str().unwrap_or_default();
        let product = arg["instId"].as_str().map(words::product);
        let unknown = match channel {
            "account" => false,
            "orders" | "positions" => {
                !matches!(arg["instType"].as_str(), Some("ANY" | "SPOT" | "SWAP"))
                    || product == Some(None)
            }
            "funding-rate" => product != Some(Some(Product::Perp)),
            _ => !matches!(product, Some(Some(_))),
        };
        if unknown || !self.channels.contains(&channel) {
            let of = match (arg["instId"].as_str(), arg["instType"].as_str()) {
                (Some(id), _) => format!(",instId:{id}"),
                (None, Some(kind)) => format!(",instType:{kind}"),
                (None, None) => String::new(),
            };
            let text = format!(
                "Wrong URL or channel:{channel}{of} doesn't exist. Please use the correct URL, \
                 channel and parameters referring to API document."
            );
            return fail(60018, &text);
        }
        if self.subscribed.len() >= CHANNELS_MAX {
            return fail(60012, "Too many channels");
        }
        self.subscribed.retain(|subscription| subscription.arg != *arg);
        let done = json!({"event": "subscribe", "arg": arg, "connId": "1"});
        let mut texts = vec![numbered(done, asked)];
        let mut from = 0;
        let first = match (channel, product.flatten()) {
            ("books", Some(product)) => {
                let (_, update_id, bids, asks) = hub.engine(|engine| engine.snapshot(product));
                from = update_id;
                Some(
                    json!({"asks": words::levels(product, &asks), "bids": words::levels(product, &bids),
                    "ts": hub.now_ms().to_string(), "seqId": update_id, "prevSeqId": -1}),
                )
            }
            ("account", _) => Some(hub.engine(|engine| {
                let mark = engine.mark(Product::Perp);
                orders::balance(engine.account(), engine.available(), mark, engine.now_ms)
            })),
            ("positions", _) => Some(hub.engine(|engine| {
                orders::position(engine.account(), engine.mark(Product::Perp), engine.now_ms)
            })),
            ("funding-rate", _) => Some(market::funding(hub.now_ms())),
            ("tickers", Some(product)) => {
                Some(hub.engine(|engine| market::ticker_of(engine, product)))
            }
            _ => None,
        };
        texts.extend(first.map(|data| {
            let mut message = json!({"arg": arg, "data": [data]});
            if channel == "books" {
                message["action"] = "snapshot".into();
            }
            message.to_string()
        }));
        let (arg, last) = (arg.clone(), from);
        self.subscribed.push(Subscription { arg, from, behind: 0, last, is_quiet: false });
        Said { texts, close: false }
    }
}

/// What a subscription says of an event: an action, where the channel has one, and the data.
fn say(
    hub: &Hub,
    subscription: &mut Subscription,
    event: &Event,
) -> Option<(Option<&'static str>, Value)> {
    if let Some(update) = book(subscription, event) {
        return Some((Some("update"), update));
    }
    let arg = &subscription.arg;
    let of = |product: Product| arg["instId"] == words::instrument(product);
    let data = match (arg["channel"].as_str()?, event) {
        ("bbo-tbt", Event::Quote(quote)) if of(quote.product) => top(quote),
        ("trades", Event::Trade(trade)) if of(trade.product) => market::trade(trade),
        ("tickers", Event::Candle(product, _, false)) if of(*product) => {
            hub.engine(|engine| market::ticker_of(engine, *product))
        }
        ("candle1m", Event::Candle(product, candle, closed)) if of(*product) => {
            market::row(*product, candle, *closed)
        }
        ("funding-rate", Event::Mark(_, at_ms)) => market::funding(*at_ms),
        ("mark-price", Event::Mark(price, at_ms)) if of(Product::Perp) => {
            market::mark(Product::Perp, *price, *at_ms)
        }
        ("orders", Event::Order(order, execution)) if wants(arg, order) => {
            orders::order(order, Some(*execution))
        }
        ("account", Event::Wallet(_, account, _)) => {
            let (available, mark) =
                hub.engine(|engine| (engine.available(), engine.mark(Product::Perp)));
            orders::balance(account, available, mark, hub.now_ms())
        }
        ("positions", Event::Wallet(Product::Perp, account, _)) => {
            let mark = hub.engine(|engine| engine.mark(Product::Perp));
            orders::position(account, mark, hub.now_ms())
        }
        _ => return None,
    };
    Some((None, data))
}

fn wants(arg: &Value, order: &Order) -> bool {
    let kind = arg["instType"].as_str().unwrap_or_default();
    let id = arg["instId"].as_str();
    (kind == "ANY" || kind == words::kind_of(order.product))
        && id.is_none_or(|id| id == words::instrument(order.product))
}

/// What a book's subscription says of an event: a difference; or, where a second went by without one, a
/// sign of life, whose number is the one before. When the books begin anew (the difference has the
/// number 1) so do these numbers, below the one before.
fn book(subscription: &mut Subscription, event: &Event) -> Option<Value> {
    if subscription.arg["channel"] != "books" {
        return None;
    }
    match event {
        Event::Depth(depth)
            if subscription.arg["instId"] == words::instrument(depth.product)
                && depth.last > subscription.from =>
        {
            let before = depth.previous.saturating_sub(subscription.behind);
            if depth.number == 1 {
                subscription.behind = depth.last.saturating_sub(1);
            }
            subscription.last = depth.last - subscription.behind;
            subscription.is_quiet = false;
            Some(difference(depth, before, subscription.last))
        }
        Event::Mark(_, at_ms) => {
            let (was_quiet, last) = (subscription.is_quiet, subscription.last);
            subscription.is_quiet = true;
            was_quiet.then(|| {
                json!({"asks": [], "bids": [], "ts": at_ms.to_string(), "seqId": last,
                    "prevSeqId": last})
            })
        }
        _ => None,
    }
}

fn difference(depth: &Depth, before: u64, last: u64) -> Value {
    json!({"asks": words::levels(depth.product, &depth.asks), "bids": words::levels(depth.product, &depth.bids),
        "ts": depth.time_ms.to_string(), "seqId": last, "prevSeqId": before})
}

fn top(quote: &Quote) -> Value {
    let levels = |price, qty| words::levels(quote.product, &vec![(price, qty)]);
    json!({"asks": levels(quote.ask, quote.ask_qty), "bids": levels(quote.bid, quote.bid_qty),
        "ts": quote.time_ms.to_string(), "seqId": quote.update_id})
}
