//! Orders, fills, balances and positions on the wire.
//!
//! Comes in: parameters and the engine's nouns. Goes out: engine nouns and JSON. Deliberately
//! absent: the engine's doings.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{self, number, size};
use super::{Fail, Params, wrong};
use crate::engine::{
    Account, Amount, Execution, Fill, Kind, LEVERAGE, NewOrder, Order, Origin, Product, Refusal,
    Side, Status, THIRD, Tif,
};
use crate::hub::{Hub, INVENTED};

/// Longest client id; only letters and digits, so that a UUID with dashes fails.
const CLIENT_ID_MAX: usize = 32;

/// A refusal of the engine as an item's code and words.
pub(super) fn refused(refusal: Refusal) -> Fail {
    let (code, text) = match refusal {
        Refusal::Price | Refusal::Tick => (51000, "Parameter px error"),
        Refusal::Qty | Refusal::Notional => {
            (51020, "Your order should meet or exceed the minimum order amount.")
        }
        Refusal::Step => (51121, "Order quantity must be a multiple of the lot size."),
        Refusal::Funds => (51008, "Order failed. Insufficient USDT balance in account."),
        Refusal::Duplicate => (51016, "Client order ID already exists."),
        Refusal::WouldTake => (51018, "Post-only order would take."),
        Refusal::NotReducing => (
            51169,
            "Order failed because you don't have any positions in this direction to reduce.",
        ),
        Refusal::Unknown => (51400, "Cancellation failed as the order does not exist."),
        Refusal::Done => (51400, "Cancellation failed as the order has been filled or canceled."),
        Refusal::Unchanged => (51516, "Order modification failed as nothing would change."),
        Refusal::NoLiquidity => (51059, "The current phase does not support this operation."),
        Refusal::Full => (50026, "System error. Try again later."),
    };
    Fail::new(code, text)
}

/// The order that an object asks for.
pub(super) fn asked(hub: &Hub, params: &Params) -> Result<NewOrder, Fail> {
    let product = params.product()?;
    let spot = product == Product::Spot;
    let side = match params.need("side")? {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        _ => return Err(wrong("side")),
    };
    match (spot, params.need("tdMode")?) {
        (true, "cash") | (false, "cross") => {}
        _ => return Err(wrong("tdMode")),
    }
    if params.get("posSide").is_some_and(|side| side != "net") {
        return Err(wrong("posSide"));
    }
    let (kind, tif) = match params.need("ordType")? {
        "market" => (Kind::Market, Tif::Ioc),
        "optimal_limit_ioc" if !spot => (Kind::Market, Tif::Ioc),
        "limit" => (Kind::Limit, Tif::Gtc),
        "post_only" => (Kind::Limit, Tif::PostOnly),
        "ioc" => (Kind::Limit, Tif::Ioc),
        "fok" => (Kind::Limit, Tif::Fok),
        _ => return Err(wrong("ordType")),
    };
    let price = match kind {
        Kind::Limit => params.decimal("px")?.ok_or_else(|| wrong("px"))?,
        Kind::Market => Decimal::ZERO,
    };
    let wanted = params.decimal("sz")?.ok_or_else(|| wrong("sz"))?;
    // A spot market buy is for so much of the quote asset, unless it says otherwise.
    let is_quote = match params.get("tgtCcy") {
        _ if !spot || kind == Kind::Limit => false,
        Some("base_ccy") => false,
        Some("quote_ccy") => true,
        None => side == Side::Buy,
        Some(_) => return Err(wrong("tgtCcy")),
    };
    let amount =
        if is_quote { Amount::Quote(wanted) } else { Amount::Base(words::qty(product, wanted)) };
    check_band(hub, product, (kind, side, price))?;
    let client_id = match params.get("clOrdId") {
        None => hub.invent_id(),
        Some(id)
            if id.len() <= CLIENT_ID_MAX && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            id.to_owned()
        }
        Some(_) => return Err(wrong("clOrdId")),
    };
    Ok(NewOrder {
        client_id,
        product,
        side,
        kind,
        tif,
        price,
        amount,
        reduce_only: !spot && params.get("reduceOnly") == Some("true"),
        refuse_taking_post_only: false,
        client_id_reusable: false,
    })
}

/// How far a buy may lie above the mark price, and a sell below it, in percent of it.
const BAND: [i64; 2] = [105, 95];

/// Holds a limit price against the venue's price limit.
fn check_band(
    hub: &Hub,
    product: Product,
    (kind, side, price): (Kind, Side, Decimal),
) -> Result<(), Fail> {
    let mark = hub.engine(|engine| engine.mark(product));
    let [most, least] = BAND.map(|of| mark * Decimal::from(of) / Decimal::ONE_HUNDRED);
    let beyond = if side == Side::Buy { price > most } else { price < least };
    if kind == Kind::Market || !beyond {
        return Ok(());
    }
    let (most, least) = (number(most), number(least));
    Err(match (product, side) {
        (Product::Perp, _) => Fail::new(
            51006,
            format!(
                "Order price is not within the price limit (max buy price: {most} min sell price: \
                 {least})"
            ),
        ),
        (Product::Spot, Side::Buy) => {
            Fail::new(51137, format!("The highest price limit for buy orders is {most}"))
        }
        (Product::Spot, Side::Sell) => {
            Fail::new(51138, format!("The lowest price limit for sell orders is {least}"))
        }
    })
}

/// A client id as shown: empty where the client sent none.
fn client_id(order: &Order) -> &str {
    if order.client_id.starts_with(INVENTED) || order.origin != Origin::Client {
        ""
    } else {
        &order.client_id
    }
}

/// An order as reads and the channel show it; the channel names the fill that made the message.
pub(super) fn order(order: &Order, execution: Option<Execution>) -> Value {
    let product = order.product;
    let fee: Decimal = order.fills.iter().map(|fill| fill.fee).sum();
    let realised: Decimal = order.fills.iter().map(|fill| fill.realised).sum();
    let fee_asset = order.fills.first().map_or("", |fill| fill.fee_asset.as_str());
    let is_fill = execution.is_none_or(Execution::is_fill);
    let category = match order.origin {
        Origin::Client => "normal",
        Origin::Liquidation => "full_liquidation",
        Origin::Adl => "adl",
    };
    let last = order.fills.last().filter(|_| is_fill);
    let of = |value: fn(&Fill) -> String| last.map_or_else(String::new, value);
    let average = if order.filled.is_zero() { String::new() } else { number(order.average()) };
    let price = if order.kind == Kind::Limit { number(order.price) } else { String::new() };
    let source = match order.status {
        Status::Cancelled if order.tif == Tif::PostOnly && order.updated_ms == order.created_ms => {
            "31"
        }
        Status::Cancelled => "1",
        Status::Expired => "14",
        Status::ExpiredInMatch => "18",
        _ => "",
    };
    let mut json = json!({"instType": words::kind_of(product), "instId": words::instrument(product),
        "ordId": order.id.to_string(), "clOrdId": client_id(order), "tag": "", "px": price,
        "sz": size(product, order.qty), "ordType": words::order_type(order),
        "side": words::side(order.side), "posSide": "net",
        "tdMode": if product == Product::Spot { "cash" } else { "cross" },
        "tgtCcy": if product == Product::Spot { "base_ccy" } else { "" },
        "accFillSz": size(product, order.filled), "avgPx": average,
        "tradeId": of(|fill| fill.trade_id.to_string()), "fillPx": of(|fill| number(fill.price)),
        "fillSz": last.map_or_else(|| "0".to_owned(), |fill| size(product, fill.qty)),
        "fillTime": of(|fill| fill.time_ms.to_string()), "state": words::state(order.status),
        "lever": if product == Product::Spot { "" } else { "20" }, "fee": number(-fee),
        "feeCcy": fee_asset, "rebate": "0", "rebateCcy": fee_asset, "pnl": number(realised),
        "category": category, "reduceOnly": order.reduce_only.to_string(), "cancelSource": source,
        "cTime": order.created_ms.to_string(), "uTime": order.updated_ms.to_string()});
    if execution.is_some() {
        json["fillFee"] = number(last.map_or(Decimal::ZERO, |fill| -fill.fee)).into();
        json["fillFeeCcy"] = last.map_or("", |fill| fill.fee_asset.as_str()).into();
        json["execType"] = last.map_or("", |fill| if fill.is_maker { "M" } else { "T" }).into();
        let (result, code, msg) = match execution {
            Some(Execution::Amended) => ("0", "0", ""),
            Some(Execution::AmendRefused) => {
                ("-1", "51511", "Order modification failed as the order would take.")
            }
            _ => ("", "0", ""),
        };
        json["amendResult"] = result.into();
        json["code"] = code.into();
        json["msg"] = msg.into();
    }
    json
}

/// A fill as the fill lists show it.
pub(super) fn fill(order: &Order, fill: &Fill) -> Value {
    let product = order.product;
    json!({"instType": words::kind_of(product), "instId": words::instrument(product),
        "tradeId": fill.trade_id.to_string(), "ordId": order.id.to_string(),
        "clOrdId": client_id(order), "billId": format!("{}{}", order.id, fill.trade_id), "tag": "",
        "fillPx": number(fill.price), "fillSz": size(product, fill.qty), "side": words::side(order.side),
        "posSide": "net", "execType": if fill.is_maker { "M" } else { "T" }, "feeCcy": fill.fee_asset,
        "fee": number(-fill.fee), "fillPnl": number(fill.realised), "ts": fill.time_ms.to_string(),
        "fillTime": fill.time_ms.to_string()})
}

/// The unified account: both wallets in one.
pub(super) fn balance(account: &Account, available: Decimal, mark: Decimal, now_ms: i64) -> Value {
    let unrealised = account.position.unrealised(mark);
    let mut total = Decimal::ZERO;
    let detail = |(asset, balance): (&String, &crate::engine::Balance)| {
        let is_quote = asset == "USDT";
        let (wallet, spendable, upl) = match asset.as_str() {
            THIRD => (account.wallet_third, account.wallet_third, Decimal::ZERO),
            _ if is_quote => (account.wallet, available, unrealised),
            _ => Default::default(),
        };
        let cash = balance.free + balance.locked + wallet;
        total += if is_quote { cash + upl } else { cash * mark };
        json!({"ccy": asset, "eq": number(cash + upl), "cashBal": number(cash), "upl": number(upl),
            "availBal": number(balance.free + spendable), "availEq": number(balance.free + spendable),
            "frozenBal": number(cash - balance.free - spendable), "ordFrozen": number(balance.locked),
            "uTime": now_ms.to_string()})
    };
    let details: Vec<Value> = account.spot.iter().map(detail).collect();
    json!({"totalEq": number(total), "adjEq": "", "details": details, "uTime": now_ms.to_string()})
}

/// The position; a client of the channel hears of a flat one too, with size zero.
pub(super) fn position(account: &Account, mark: Decimal, now_ms: i64) -> Value {
    let held = &account.position;
    let average = if held.qty.is_zero() { String::new() } else { number(held.entry()) };
    json!({"instType": "SWAP", "instId": words::instrument(Product::Perp), "mgnMode": "cross",
        "posId": "1", "posSide": "net", "pos": size(Product::Perp, held.qty), "avgPx": average,
        "upl": number(held.unrealised(mark)), "realizedPnl": number(held.realised),
        "lever": LEVERAGE.to_string(), "liqPx": "", "markPx": number(mark), "ccy": "USDT",
        "notionalUsd": number(held.qty.abs() * mark), "cTime": now_ms.to_string(),
        "uTime": now_ms.to_string()})
}
