//! What a test may ask of the venue over HTTP, on the same port.
//!
//! Comes in: `/control/…` requests with JSON bodies. Goes out: what the library's methods of the
//! same names return. Deliberately absent: authentication; who can reach loopback here may do this.
//!
//! `GET` truth, limits, faults, clock · `POST` faults ([`Plan`]), clock `{skew_ms}`, rate
//! `{events_per_s}`, pause, step `{events}`, fill `{client_id, qty}`, move `{product, price}`, order
//! `{product, side, qty, price?, client_id?}`, transfer `{product, asset, amount}`, liquidate `{qty,
//! origin}`, funding `{rate}`, fees `{fees}`, expire-keys, release, restart-books, disconnect.

use hyper::Method;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::{Amount, Fees, Kind, NewOrder, Origin, Product, Refusal, Side, Tif};
use crate::faults::Plan;
use crate::hub::Hub;
use crate::server::{Call, Reply};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    skew_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    events_per_s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    events: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fill {
    client_id: String,
    qty: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    product: Product,
    price: Decimal,
}

/// An order by hand: a market order where it has no price.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    product: Product,
    side: Side,
    qty: Decimal,
    price: Option<Decimal>,
    client_id: Option<String>,
}

impl ByHand {
    fn order(self, hub: &Hub) -> NewOrder {
        NewOrder {
            client_id: self.client_id.unwrap_or_else(|| hub.invent_id()),
            product: self.product,
            side: self.side,
            kind: if self.price.is_some() { Kind::Limit } else { Kind::Market },
            tif: if self.price.is_some() { Tif::Gtc } else { Tif::Ioc },
            price: self.price.unwrap_or_default(),
            amount: Amount::Base(self.qty),
            reduce_only: false,
            refuse_taking_post_only: true,
            client_id_reusable: true,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    product: Product,
    asset: String,
    amount: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Liquidation {
    qty: Decimal,
    origin: Origin,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Funding {
    rate: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeAsset {
    fees: Fees,
}

fn parse<'a, T: Deserialize<'a>>(call: &'a Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| format!("{}: {error}", call.path))
}

fn value(of: impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(of).map_err(|error| error.to_string())
}

pub(crate) fn answer(hub: &Hub, call: &Call) -> Reply {
    match act(hub, call) {
        Ok(Value::Null) => Reply::new(404, json!({"error": "no such control"})),
        Ok(value) => Reply::new(200, value),
        Err(error) => Reply::new(400, json!({"error": error})),
    }
}

fn text(refusal: Refusal) -> String {
    refusal.to_string()
}

fn act(hub: &Hub, call: &Call) -> Result<Value, String> {
    let done = Ok(json!({"ok": true}));
    let topic = call.path.trim_start_matches("/control/");
    match (call.method == Method::POST, topic) {
        (false, "truth") => value(hub.engine(|engine| engine.truth())),
        (false, "limits") => value(hub.meter(|meter| meter.usage())),
        (false, "faults") => value(hub.faults(|faults| faults.done().clone())),
        (false, "clock") => Ok(json!({"now_ms": hub.now_ms()})),
        (true, "faults") => {
            let plan: Plan = parse(call)?;
            hub.faults(|faults| faults.plan(plan)).map_err(|error| error.to_string())?;
            done
        }
        (true, "clock") => {
            hub.set_skew(parse::<Clock>(call)?.skew_ms);
            done
        }
        (true, "rate") => {
            hub.set_rate(parse::<Rate>(call)?.events_per_s);
            done
        }
        (true, "pause") => {
            hub.set_rate(0);
            done
        }
        (true, "step") => {
            hub.step(parse::<Step>(call)?.events);
            done
        }
        (true, "fill") => {
            let Fill { client_id, qty } = parse(call)?;
            value(hub.fill(&client_id, qty).map_err(text)?)
        }
        (true, "move") => {
            let Move { product, price } = parse(call)?;
            hub.engine(|engine| engine.move_to(product, price)).map_err(text)?;
            done
        }
        (true, "order" | "transfer" | "liquidate" | "funding" | "fees") => {
            outside(hub, call, topic)
        }
        (true, "release") => {
            hub.release();
            done
        }
        (true, "expire-keys") => {
            hub.expire_keys();
            done
        }
        (true, "restart-books") => {
            hub.engine(|engine| engine.restart_books());
            done
        }
        (true, "disconnect") => {
            hub.disconnect();
            done
        }
        _ => Ok(Value::Null),
    }
}

/// What happens to the account past the client.
fn outside(hub: &Hub, call: &Call, topic: &str) -> Result<Value, String> {
    match topic {
        "order" => {
            let new = parse::<ByHand>(call)?.order(hub);
            value(hub.engine(|engine| engine.submit(new)).map_err(text)?)
        }
        "transfer" => {
            let Transfer { product, asset, amount } = parse(call)?;
            hub.engine(|engine| engine.transfer(product, &asset, amount)).map_err(text)?;
            Ok(json!({"ok": true}))
        }
        "liquidate" => {
            let Liquidation { qty, origin } = parse(call)?;
            value(hub.engine(|engine| engine.liquidate(qty, origin)).map_err(text)?)
        }
        "funding" => {
            let Funding { rate } = parse(call)?;
            Ok(json!({"received": hub.engine(|engine| engine.pay_funding(rate))}))
        }
        _ => {
            let FeeAsset { fees } = parse(call)?;
            hub.engine(|engine| engine.set_fees(fees));
            Ok(json!({"ok": true}))
        }
    }
}
