//! What an account is told: by a listen key (USD-M), or over the spot ws-api.
//!
//! Comes in: a subscription with its proof, and the engine's events. Goes out: the venue's account
//! messages. Deliberately absent: orders over ws-api.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{self, SYMBOL, number};
use super::{Params, in_time};
use crate::auth;
use crate::engine::{Account, Cause, Event, Execution, Order, Product, THIRD};
use crate::faults::Route;
use crate::hub::Hub;
use crate::socket::{Said, Session};

/// Spot user data: subscribed over ws-api with a signature, wrapped events.
#[derive(Default)]
pub(super) struct SpotUser {
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
pub(super) struct PerpUser {
    key: String,
    is_over: bool,
}

impl PerpUser {
    pub(super) fn new(key: String) -> Self {
        Self { key, is_over: false }
    }

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
