//! Streams: market data by subscription, user data by listen key (USD-M) or by the spot ws-api.
//!
//! Comes in: clients' messages and the engine's events. Goes out: the venue's stream messages.
//! Deliberately absent: partial-book streams, bars of other than one minute (silent when asked for),
//! and orders over ws-api.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{self, SYMBOL, number};
use super::{Params, in_time};
use crate::auth;
use crate::engine::{
    Account, Candle, Cause, Depth, Event, Execution, Funding, MINUTE_MS, Order, Product, Quote,
    Side, THIRD, Trade,
};
use crate::faults::Route;
use crate::hub::Hub;
use crate::socket::{Said, Session};

/// Streams of one connection: the smaller of the venue's two bounds.
const STREAMS_MAX: usize = 200;

/// What a public socket serves. Each address of the perpetuals has its own streams since the split
/// of 2026-03; asking at the wrong one is acknowledged, and nothing ever comes.
const SPOT: &[&str] = &["trade", "aggTrade", "bookTicker", "depth", "kline", "ticker"];
const PERP_PUBLIC: &[&str] = &["bookTicker", "depth"];
const PERP_MARKET: &[&str] = &["aggTrade", "markPrice", "kline", "ticker"];

/// The session behind a path; streams can stand in the path or in the query.
pub(super) fn session(hub: &Hub, path: &str, query: &str) -> Option<Box<dyn Session>> {
    if path == "/ws-api/v3" {
        return Some(Box::new(SpotUser { is_subscribed: false }));
    }
    let params = Params::of(query, "");
    let (product, serves, rest) = [
        ("/public", Product::Perp, PERP_PUBLIC),
        ("/market", Product::Perp, PERP_MARKET),
        ("/private", Product::Perp, &[]),
        ("", Product::Spot, SPOT),
    ]
    .into_iter()
    .find_map(|(prefix, product, serves)| Some((product, serves, path.strip_prefix(prefix)?)))?;
    let (is_combined, listed) = match rest {
        "/ws" => (false, ""),
        "/stream" => (true, ""),
        _ => (false, rest.strip_prefix("/ws/")?),
    };
    if path.starts_with("/private") {
        let key = params.get("listenKey").unwrap_or(listed).to_owned();
        let now_ms = hub.now_ms();
        let lives = hub.listen_keys(|keys| keys.get(&key).is_some_and(|ends_ms| *ends_ms > now_ms));
        return lives.then(|| Box::new(PerpUser { key, is_over: false }) as Box<dyn Session>);
    }
    let listed = if is_combined { params.get("streams").unwrap_or_default() } else { listed };
    let streams = listed.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Some(Box::new(Public { product, serves, is_combined, streams }))
}

/// Market data of one product.
struct Public {
    product: Product,
    serves: &'static [&'static str],
    is_combined: bool,
    streams: BTreeSet<String>,
}

impl Public {
    /// The subscribed names of a topic, where this address serves it: only of the symbol there is.
    fn names(&self, topic: &str) -> Vec<&String> {
        let of_topic = |name: &&String| {
            name.split_once('@').is_some_and(|(symbol, stream)| {
                let (of, detail) = split(stream);
                symbol == "btcusdt" && of == topic && is_served(topic, detail)
            })
        };
        if self.serves.contains(&topic) {
            self.streams.iter().filter(of_topic).collect()
        } else {
            Vec::new()
        }
    }

    fn say(&self, topic: &str, data: impl Fn() -> Value) -> Vec<String> {
        let names = self.names(topic);
        let wrap = |name: &&String| match self.is_combined {
            true => json!({"stream": name, "data": data()}).to_string(),
            false => data().to_string(),
        };
        names.iter().map(wrap).collect()
    }
}

/// Whether a name has the form of a stream. More the venue does not look at: a symbol that nobody knows,
/// or a topic that is served elsewhere, is acknowledged, and nothing ever comes.
fn is_well_formed(name: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_@!".contains(&b))
    };
    name.split_once('@').is_some_and(|(symbol, stream)| word(symbol) && word(stream))
}

/// Whether a topic comes in this variant.
fn is_served(topic: &str, detail: &str) -> bool {
    match topic {
        "kline" => detail == "1m",
        "depth" => matches!(detail, "" | "100ms"),
        "markPrice" => matches!(detail, "" | "1s"),
        _ => detail.is_empty(),
    }
}

/// Topic and detail of a stream: `depth@100ms`, `kline_1m`.
fn split(stream: &str) -> (&str, &str) {
    stream.split_once(['@', '_']).unwrap_or((stream, ""))
}

impl Session for Public {
    fn route(&self) -> Route {
        Route::WsPublic
    }

    fn messages_per_s(&self) -> u64 {
        if self.product == Product::Spot { 5 } else { 10 }
    }

    fn hear(&mut self, _: &Hub, text: &str) -> Said {
        let Ok(asked) = serde_json::from_str::<Value>(text) else {
            return Said::one(json!({"error": {"code": 3, "msg": "Invalid JSON: expected value"}}));
        };
        let id = &asked["id"];
        let refuse = |msg: &str| {
            Said::one(
                json!({"error": {"code": 2, "msg": format!("Invalid request: {msg}")}, "id": id}),
            )
        };
        let names = asked["params"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
        let Some(names) = names else { return refuse("params must be text") };
        match asked["method"].as_str() {
            Some("SUBSCRIBE") => {
                if !names.iter().all(|name| is_well_formed(name)) {
                    return refuse("invalid stream");
                }
                if self.streams.len() + names.len() > STREAMS_MAX {
                    return refuse("too many streams");
                }
                self.streams.extend(names.into_iter().map(str::to_owned));
                Said::one(json!({"result": null, "id": id}))
            }
            Some("UNSUBSCRIBE") => {
                names.iter().for_each(|name| {
                    self.streams.remove(*name);
                });
                Said::one(json!({"result": null, "id": id}))
            }
            Some("LIST_SUBSCRIPTIONS") => Said::one(json!({"result": self.streams, "id": id})),
            _ => refuse("unknown method"),
        }
    }

    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String> {
        match event {
            Event::Trade(trade) if trade.product == self.product => {
                let mut said = self.say("trade", || public_trade(trade, false));
                said.extend(self.say("aggTrade", || public_trade(trade, true)));
                said
            }
            Event::Quote(quote) if quote.product == self.product => {
                self.say("bookTicker", || book_ticker(quote))
            }
            Event::Depth(depth) if depth.product == self.product => {
                self.say("depth", || difference(depth))
            }
            Event::Candle(product, candle, closed) if *product == self.product => {
                let now_ms = hub.now_ms();
                let mut said = self.say("kline", || kline(*product, candle, *closed, now_ms));
                if !self.names("ticker").is_empty() {
                    let day = hub.engine(|engine| engine.day(*product));
                    said.extend(self.say("ticker", || day_ticker(*product, &day, now_ms)));
                }
                said
            }
            Event::Mark(mark, at_ms) if self.product == Product::Perp => {
                self.say("markPrice", || mark_price(*mark, *at_ms))
            }
            _ => Vec::new(),
        }
    }
}

fn public_trade(trade: &Trade, aggregate: bool) -> Value {
    let text = |value| number(trade.product, value);
    let mut json = json!({"e": "trade", "E": trade.time_ms, "s": SYMBOL, "p": text(trade.price),
        "q": text(trade.qty), "T": trade.time_ms, "m": trade.taker == Side::Sell});
    if trade.product == Product::Spot {
        json["M"] = true.into();
    }
    if aggregate {
        json["e"] = "aggTrade".into();
        for name in ["a", "f", "l"] {
            json[name] = trade.id.into();
        }
    } else {
        json["t"] = trade.id.into();
    }
    json
}

fn book_ticker(quote: &Quote) -> Value {
    let text = |value| number(quote.product, value);
    let mut json = json!({"u": quote.update_id, "s": SYMBOL, "b": text(quote.bid),
        "B": text(quote.bid_qty), "a": text(quote.ask), "A": text(quote.ask_qty)});
    if quote.product == Product::Perp {
        json["e"] = "bookTicker".into();
        json["E"] = quote.time_ms.into();
        json["T"] = quote.time_ms.into();
    }
    json
}

fn difference(depth: &Depth) -> Value {
    let mut json = json!({"e": "depthUpdate", "E": depth.time_ms, "s": SYMBOL, "U": depth.first,
        "u": depth.last, "b": words::levels(depth.product, &depth.bids),
        "a": words::levels(depth.product, &depth.asks)});
    if depth.product == Product::Perp {
        json["T"] = depth.time_ms.into();
        json["pu"] = depth.previous.into();
    }
    json
}

fn kline(product: Product, candle: &Candle, closed: bool, now_ms: i64) -> Value {
    let text = |value| number(product, value);
    json!({"e": "kline", "E": now_ms, "s": SYMBOL, "k": {"t": candle.open_ms,
        "T": candle.open_ms + MINUTE_MS - 1, "s": SYMBOL, "i": "1m", "f": -1, "L": -1,
        "o": text(candle.open), "c": text(candle.close), "h": text(candle.high), "l": text(candle.low),
        "v": text(candle.volume), "n": candle.trades, "x": closed, "q": text(candle.turnover),
        "V": text(candle.taker_buy), "Q": text(candle.taker_buy * candle.close), "B": "0"}})
}

fn day_ticker(product: Product, day: &Candle, now_ms: i64) -> Value {
    let text = |value| number(product, value);
    let change = day.close - day.open;
    let percent = (change * Decimal::ONE_HUNDRED).checked_div(day.open).unwrap_or_default();
    json!({"e": "24hrTicker", "E": now_ms, "s": SYMBOL, "p": text(change),
        "P": percent.round_dp(3).to_string(), "c": text(day.close), "o": text(day.open),
        "h": text(day.high), "l": text(day.low), "v": text(day.volume), "q": text(day.turnover),
        "O": day.open_ms, "C": now_ms, "n": day.trades})
}

fn mark_price(mark: Decimal, at_ms: i64) -> Value {
    let mark = number(Product::Perp, mark);
    json!({"e": "markPriceUpdate", "E": at_ms, "s": SYMBOL, "p": mark, "i": mark, "P": mark,
        "r": format!("{:.8}", Funding::RATE), "T": Funding::next_ms(at_ms)})
}

/// Spot user data: subscribed over ws-api with a signature, wrapped events.
struct SpotUser {
    is_subscribed: bool,
}

impl Session for SpotUser {
    fn route(&self) -> Route {
        Route::WsPrivate
    }

    fn messages_per_s(&self) -> u64 {
        5
    }

    fn hear(&mut self, hub: &Hub, text: &str) -> Said {
        let asked: Value = serde_json::from_str(text).unwrap_or_default();
        let answer = match asked["method"].as_str() {
            Some("ping") => Ok(json!({})),
            Some("time") => Ok(json!({"serverTime": hub.now_ms()})),
            Some("userDataStream.subscribe.signature") => prove(hub, &asked["params"]).map(|()| {
                self.is_subscribed = true;
                json!({"subscriptionId": 0})
            }),
            Some("userDataStream.unsubscribe") => {
                self.is_subscribed = false;
                Ok(json!({}))
            }
            _ => Err((-1100, "Invalid method.".to_owned())),
        };
        Said::one(match answer {
            Ok(result) => json!({"id": asked["id"], "status": 200, "result": result}),
            Err((code, msg)) => {
                let status = if code == -2015 { 401 } else { 400 };
                json!({"id": asked["id"], "status": status, "error": {"code": code, "msg": msg}})
            }
        })
    }

    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String> {
        let event = match event {
            _ if !self.is_subscribed => None,
            Event::Order(order, execution) if order.product == Product::Spot => {
                Some(execution_report(order, *execution))
            }
            Event::Wallet(Product::Spot, account, cause) => {
                let position = account_position(account, hub.now_ms());
                if let Cause::Transfer { asset, amount } = cause {
                    return vec![
                        wrap(position),
                        wrap(balance_update(asset, *amount, hub.now_ms())),
                    ];
                }
                Some(position)
            }
            _ => None,
        };
        event.map(wrap).into_iter().collect()
    }
}

fn wrap(event: Value) -> String {
    json!({"subscriptionId": 0, "event": event}).to_string()
}

/// The signature over the other parameters, sorted by name and joined as a query.
fn prove(hub: &Hub, params: &Value) -> Result<(), (i32, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = params.as_object().into_iter().flatten();
    let mut fields: Vec<(String, String)> =
        fields.map(|(name, value)| (name.clone(), text(value))).collect();
    fields.sort();
    let find =
        |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    if find("apiKey").as_deref() != Some(&hub.config.key) {
        return Err((-2015, "Invalid API-key, IP, or permissions for action.".to_owned()));
    }
    in_time(hub.now_ms(), &Params(fields.clone())).map_err(|fail| (fail.code, fail.msg))?;
    let signed = fields.iter().filter(|(name, _)| name != "signature");
    let signed: Vec<String> = signed.map(|(name, value)| format!("{name}={value}")).collect();
    if find("signature") != Some(auth::hex(&hub.config.secret, signed.join("&").as_bytes())) {
        return Err((-1022, "Signature for this request is not valid.".to_owned()));
    }
    Ok(())
}

fn executed(execution: Execution, spot: bool) -> &'static str {
    match execution {
        Execution::New => "NEW",
        Execution::Trade => "TRADE",
        Execution::Calculated => "CALCULATED",
        Execution::Amended | Execution::AmendRefused if spot => "REPLACED",
        Execution::Amended | Execution::AmendRefused => "AMENDMENT",
        Execution::Cancelled => "CANCELED",
        Execution::Expired => "EXPIRED",
    }
}

fn execution_report(order: &Order, execution: Execution) -> Value {
    let text = |value| number(Product::Spot, value);
    let fill = order.fills.last().filter(|_| execution == Execution::Trade);
    let last =
        |value: fn(&crate::engine::Fill) -> Decimal| text(fill.map(value).unwrap_or_default());
    // A cancellation has an id of its own; the order's moves to `C`.
    let is_cancel = execution == Execution::Cancelled;
    let client_id = if is_cancel { format!("c{}", order.id) } else { order.client_id.clone() };
    let original = if is_cancel { order.client_id.as_str() } else { "" };
    json!({"e": "executionReport", "E": order.updated_ms, "s": SYMBOL, "c": client_id,
        "S": words::side(order.side), "o": words::kind(order), "f": words::tif(order),
        "q": text(order.qty), "p": text(order.price), "P": "0.00000000", "F": "0.00000000", "g": -1,
        "C": original, "x": executed(execution, true), "X": words::status(order.status), "r": "NONE",
        "i": order.id, "l": last(|fill| fill.qty), "z": text(order.filled), "L": last(|fill| fill.price),
        "n": last(|fill| fill.fee), "N": fill.map(|fill| &fill.fee_asset), "T": order.updated_ms,
        "t": fill.map_or(-1, |fill| i64::try_from(fill.trade_id).unwrap_or(-1)), "I": order.id,
        "w": order.status.is_open() && execution != Execution::Trade, "m": fill.is_some_and(|fill| fill.is_maker),
        "M": false, "O": order.created_ms, "Z": text(order.filled_quote),
        "Y": last(|fill| fill.price * fill.qty), "Q": "0.00000000", "W": order.created_ms,
        "V": "EXPIRE_MAKER"})
}

fn account_position(account: &Account, now_ms: i64) -> Value {
    let text = |value| number(Product::Spot, value);
    let balances = account.spot.iter().map(
        |(asset, balance)| json!({"a": asset, "f": text(balance.free), "l": text(balance.locked)}),
    );
    json!({"e": "outboundAccountPosition", "E": now_ms, "u": now_ms, "B": balances.collect::<Value>()})
}

/// A deposit, a withdrawal or a transfer.
fn balance_update(asset: &str, amount: Decimal, now_ms: i64) -> Value {
    json!({"e": "balanceUpdate", "E": now_ms, "a": asset, "d": number(Product::Spot, amount),
        "T": now_ms})
}

/// USD-M user data: whoever has the listen key hears it until the key ends. Then one event says so, and
/// nothing comes any more on a socket that stays open.
struct PerpUser {
    key: String,
    is_over: bool,
}

impl PerpUser {
    /// The event of the key's end, once; its time is a text.
    fn end(&mut self, hub: &Hub) -> Vec<String> {
        let now_ms = hub.now_ms();
        let lives = |ends_ms: &i64| *ends_ms > now_ms;
        if self.is_over || hub.listen_keys(|keys| keys.get(&self.key).is_some_and(lives)) {
            return Vec::new();
        }
        self.is_over = true;
        let event =
            json!({"e": "listenKeyExpired", "E": now_ms.to_string(), "listenKey": self.key});
        vec![event.to_string()]
    }
}

impl Session for PerpUser {
    fn route(&self) -> Route {
        Route::WsPrivate
    }

    fn messages_per_s(&self) -> u64 {
        10
    }

    fn hear(&mut self, _: &Hub, text: &str) -> Said {
        let asked: Value = serde_json::from_str(text).unwrap_or_default();
        Said::one(
            json!({"error": {"code": 2, "msg": "Invalid request: nothing to subscribe here"}, "id": asked["id"]}),
        )
    }

    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String> {
        if self.is_over || matches!(event, Event::SessionsEnded) {
            return self.end(hub);
        }
        let said = match event {
            Event::Order(order, execution) if order.product == Product::Perp => {
                let update = order_update(order, *execution);
                if *execution == Execution::Trade {
                    return vec![trade_lite(order).to_string(), update.to_string()];
                }
                Some(update)
            }
            Event::Wallet(Product::Perp, account, cause) => {
                Some(account_update(account, cause, hub.now_ms()))
            }
            _ => None,
        };
        said.map(|said| said.to_string()).into_iter().collect()
    }

    fn remind(&mut self, hub: &Hub) -> Vec<String> {
        self.end(hub)
    }
}

/// A fill in short, said before the order's own event; it has no fee.
fn trade_lite(order: &Order) -> Value {
    let text = |value| number(Product::Perp, value);
    let Some(fill) = order.fills.last() else { return json!({}) };
    json!({"e": "TRADE_LITE", "E": order.updated_ms, "T": order.updated_ms, "s": SYMBOL,
        "q": text(order.qty), "p": text(order.price), "m": fill.is_maker, "c": order.client_id,
        "S": words::side(order.side), "L": text(fill.price), "l": text(fill.qty),
        "t": fill.trade_id, "i": order.id})
}

fn order_update(order: &Order, execution: Execution) -> Value {
    let text = |value| number(Product::Perp, value);
    let fill = order.fills.last().filter(|_| execution.is_fill());
    let last =
        |value: fn(&crate::engine::Fill) -> Decimal| text(fill.map(value).unwrap_or_default());
    let mut detail = json!({"s": SYMBOL, "c": order.client_id, "S": words::side(order.side),
        "o": words::kind(order), "f": words::tif(order), "q": text(order.qty), "p": text(order.price),
        "ap": text(order.average()), "sp": "0", "x": executed(execution, false),
        "X": words::status(order.status), "i": order.id, "l": last(|fill| fill.qty),
        "z": text(order.filled), "L": last(|fill| fill.price), "T": order.updated_ms,
        "t": fill.map_or(0, |fill| fill.trade_id), "b": "0", "a": "0",
        "m": fill.is_some_and(|fill| fill.is_maker), "R": order.reduce_only, "wt": "CONTRACT_PRICE",
        "ot": words::kind(order), "ps": "BOTH", "cp": false, "rp": last(|fill| fill.realised),
        "pP": false, "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0});
    if let Some(fill) = fill {
        detail["n"] = text(fill.fee).into();
        detail["N"] = fill.fee_asset.clone().into();
    }
    json!({"e": "ORDER_TRADE_UPDATE", "E": order.updated_ms, "T": order.updated_ms, "o": detail})
}

fn account_update(account: &Account, cause: &Cause, now_ms: i64) -> Value {
    let text = |value| number(Product::Perp, value);
    let held = &account.position;
    let position = json!([{"s": SYMBOL, "pa": text(held.qty), "ep": text(held.entry()),
        "bep": text(held.entry()), "cr": text(held.realised), "up": "0", "mt": "cross", "iw": "0",
        "ps": "BOTH"}]);
    // Only an order moves the position; funding of a cross margin position does not repeat it.
    let (reason, change, positions) = match cause {
        Cause::Order => ("ORDER", Decimal::ZERO, position),
        Cause::Transfer { amount, .. } if amount.is_sign_negative() => {
            ("WITHDRAW", *amount, json!([]))
        }
        Cause::Transfer { amount, .. } => ("DEPOSIT", *amount, json!([])),
        Cause::Funding(amount) => ("FUNDING_FEE", *amount, json!([])),
    };
    let balance = |asset: &str, held: Decimal, change: Decimal| json!({"a": asset, "wb": text(held), "cw": text(held), "bc": text(change)});
    let third = matches!(cause, Cause::Transfer { asset, .. } if asset == THIRD);
    let balances = match third {
        true => json!([balance(THIRD, account.wallet_third, change)]),
        false => json!([balance("USDT", account.wallet, change)]),
    };
    json!({"e": "ACCOUNT_UPDATE", "E": now_ms, "T": now_ms,
        "a": {"m": reason, "B": balances, "P": positions}})
}
