//! Orders, executions, wallet and position on the wire.
//!
//! Comes in: parameters and the engine's nouns. Goes out: engine nouns and JSON. Deliberately
//! absent: the engine's doings.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{self, SYMBOL, number};
use super::{Fail, Params, wrong};
use crate::engine::{
    Account, Amount, Fill, Kind, LEVERAGE, NewOrder, Order, Origin, Payment, Product, Refusal,
    Side, THIRD, Tif,
};
use crate::hub::{Hub, INVENTED};

/// Longest client id.
const CLIENT_ID_MAX: usize = 36;

/// A refusal of the engine in the category's code and words.
pub(super) fn refused(product: Product, refusal: Refusal) -> Fail {
    let spot = product == Product::Spot;
    let (code, text) = match refusal {
        Refusal::Price | Refusal::Tick if spot => (170134, "Order price has too many decimals."),
        Refusal::Step if spot => (170137, "Order quantity has too many decimals."),
        Refusal::Qty if spot => (170136, "Order quantity exceeded lower limit."),
        Refusal::Notional if spot => (170140, "Order value exceeded lower limit."),
        Refusal::Funds if spot => (170131, "Insufficient balance."),
        Refusal::Duplicate if spot => (170141, "Duplicate clientOrderId"),
        Refusal::Unknown | Refusal::Done if spot => (170213, "Order does not exist."),
        Refusal::Price | Refusal::Tick => (10001, "params error: price invalid"),
        Refusal::Qty | Refusal::Step => (10001, "Qty invalid"),
        Refusal::Notional => (110094, "Order does not meet minimum order value 5USDT"),
        Refusal::Funds => (110007, "ab not enough for new order"),
        Refusal::Duplicate => (110072, "OrderLinkedID is duplicate"),
        Refusal::NotReducing => {
            (110017, "current position is zero, cannot fix reduce-only order qty")
        }
        Refusal::Unknown | Refusal::Done => (110001, "order not exists or too late to cancel"),
        Refusal::Unchanged => (
            10001,
            "The order remains unchanged as the parameters entered match the existing ones.",
        ),
        Refusal::WouldTake => (170218, "The LIMIT-MAKER order is rejected due to invalid price."),
        Refusal::NoLiquidity => (110012, "Insufficient available balance."),
        Refusal::Full => (10016, "Server error."),
    };
    Fail::new(code, text)
}

/// The order that a body asks for.
pub(super) fn asked(hub: &Hub, params: &Params) -> Result<NewOrder, Fail> {
    let product = params.need_symbol()?;
    let spot = product == Product::Spot;
    let side = match params.need("side")? {
        "Buy" => Side::Buy,
        "Sell" => Side::Sell,
        _ => return Err(wrong("side")),
    };
    let (kind, price) = match params.need("orderType")? {
        "Market" => (Kind::Market, Decimal::ZERO),
        "Limit" => (Kind::Limit, params.decimal("price")?.ok_or_else(|| wrong("price"))?),
        _ => return Err(wrong("orderType")),
    };
    let tif = match (kind, params.get("timeInForce").unwrap_or("GTC")) {
        (Kind::Market, _) => Tif::Ioc,
        (_, "GTC") => Tif::Gtc,
        (_, "IOC") => Tif::Ioc,
        (_, "FOK") => Tif::Fok,
        (_, "PostOnly") => Tif::PostOnly,
        _ => return Err(wrong("timeInForce")),
    };
    if params.get("positionIdx").is_some_and(|index| index != "0") {
        return Err(Fail::new(10001, "position idx not match position mode"));
    }
    let qty = params.decimal("qty")?.ok_or_else(|| wrong("qty"))?;
    // A spot market buy is for so much of the quote coin, unless it says otherwise.
    let is_quote = match params.get("marketUnit") {
        _ if !spot || kind == Kind::Limit => false,
        Some("baseCoin") => false,
        Some("quoteCoin") => true,
        None => side == Side::Buy,
        Some(_) => return Err(wrong("marketUnit")),
    };
    check_band(hub, product, (kind, side, price))?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    let client_id = match params.get("orderLinkId") {
        None => hub.invent_id(),
        Some(id) if id.len() <= CLIENT_ID_MAX && id.bytes().all(legal) => id.to_owned(),
        Some(_) => return Err(wrong("orderLinkId")),
    };
    Ok(NewOrder {
        client_id,
        product,
        side,
        kind,
        tif,
        price,
        amount: if is_quote { Amount::Quote(qty) } else { Amount::Base(qty) },
        reduce_only: !spot && params.get("reduceOnly") == Some("true"),
        refuse_taking_post_only: false,
        client_id_reusable: false,
    })
}

/// How far a buy may lie above the mark price, and a sell below it, in percent of it.
const BAND: [i64; 2] = [105, 95];

/// Holds a limit price against the category's price limit.
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
    Err(match (product, side) {
        (Product::Perp, _) => Fail::new(110003, "Order price exceeds the allowable range."),
        (Product::Spot, Side::Buy) => {
            Fail::new(170193, format!("Buy order price cannot be higher than {}.", number(most)))
        }
        (Product::Spot, Side::Sell) => {
            Fail::new(170194, format!("Sell order price cannot be lower than {}.", number(least)))
        }
    })
}

/// A client id as shown: empty where the client sent none.
pub(super) fn client_id(order: &Order) -> &str {
    if order.client_id.starts_with(INVENTED) || order.origin != Origin::Client {
        ""
    } else {
        &order.client_id
    }
}

/// An order as the reads show it; the topic adds the category.
pub(super) fn order(order: &Order) -> Value {
    let (reject, cancel) = words::reasons(order);
    let created = match order.origin {
        Origin::Client => "CreateByUser",
        Origin::Liquidation => "CreateByLiq",
        Origin::Adl => "CreateByAdl_PassThrough",
    };
    let fee: Decimal = order.fills.iter().map(|fill| fill.fee).sum();
    let open = order.status.is_open();
    let leaves = if open { order.rest() } else { Decimal::ZERO };
    let average = if order.filled.is_zero() { String::new() } else { number(order.average()) };
    let mut json = json!({"orderId": words::order_id(order), "orderLinkId": client_id(order), "blockTradeId": "",
        "symbol": SYMBOL, "price": number(order.price), "qty": number(order.qty),
        "side": words::side(order.side), "isLeverage": "0", "positionIdx": 0,
        "orderStatus": words::status(order), "createType": created, "cancelType": cancel,
        "rejectReason": reject, "avgPrice": average, "leavesQty": number(leaves),
        "leavesValue": number(leaves * order.price), "cumExecQty": number(order.filled),
        "cumExecValue": number(order.filled_quote), "cumExecFee": number(fee),
        "timeInForce": words::tif(order), "orderType": words::kind(order), "stopOrderType": "",
        "triggerPrice": "", "reduceOnly": order.reduce_only, "closeOnTrigger": false,
        "marketUnit": "", "smpType": "None", "createdTime": order.created_ms.to_string(),
        "updatedTime": order.updated_ms.to_string()});
    // Only orders of a contract have a mode of their stops; clients tell the categories apart by it.
    if order.product == Product::Perp {
        json["tpslMode"] = "UNKNOWN".into();
    }
    json
}

/// A fill as the execution list and topic show it.
pub(super) fn execution(order: &Order, fill: &Fill) -> Value {
    let kind = match order.origin {
        Origin::Client => "Trade",
        Origin::Liquidation => "BustTrade",
        Origin::Adl => "AdlTrade",
    };
    let rate = crate::engine::Rules::of(order.product);
    let rate = if fill.is_maker { rate.maker_fee } else { rate.taker_fee };
    json!({"symbol": SYMBOL, "orderId": words::order_id(order), "orderLinkId": client_id(order),
        "side": words::side(order.side), "orderPrice": number(order.price),
        "orderQty": number(order.qty), "orderType": words::kind(order), "stopOrderType": "UNKNOWN",
        "execFee": number(fill.fee), "feeCurrency": fill.fee_asset, "feeRate": number(rate),
        "execId": words::trade_id(order.product, fill.trade_id), "execPrice": number(fill.price),
        "execQty": number(fill.qty), "execType": kind, "execValue": number(fill.price * fill.qty),
        "execPnl": number(fill.realised), "execTime": fill.time_ms.to_string(),
        "isMaker": fill.is_maker, "seq": fill.trade_id})
}

/// Funding as the execution list and topic show it: no order of the client, and a fee that is
/// negative where it was received.
pub(super) fn funding(paid: &Payment) -> Value {
    let side = if paid.qty.is_sign_negative() { Side::Sell } else { Side::Buy };
    let id = words::payment_id(paid.number);
    json!({"symbol": SYMBOL, "orderId": id, "orderLinkId": "", "side": words::side(side),
        "orderPrice": "0", "orderQty": "0", "orderType": "UNKNOWN", "stopOrderType": "UNKNOWN",
        "execFee": number(-paid.amount), "feeCurrency": "USDT", "feeRate": number(paid.rate),
        "execId": id, "execPrice": number(paid.mark), "execQty": number(paid.qty.abs()),
        "execType": "Funding", "execValue": number(paid.qty.abs() * paid.mark), "execPnl": "0",
        "execTime": paid.time_ms.to_string(), "isMaker": false, "seq": paid.number})
}

/// The unified account: both wallets in one.
pub(super) fn wallet(account: &Account, available: Decimal, mark: Decimal) -> Value {
    let unrealised = account.position.unrealised(mark);
    let mut total = Decimal::ZERO;
    let coin = |(asset, balance): (&String, &crate::engine::Balance)| {
        let is_quote = asset == "USDT";
        let (more, upl) = match asset.as_str() {
            THIRD => (account.wallet_third, Decimal::ZERO),
            _ if is_quote => (account.wallet, unrealised),
            _ => Default::default(),
        };
        let held = balance.free + balance.locked + more;
        let value = if is_quote { held + upl } else { held * mark };
        total += value;
        json!({"coin": asset, "equity": number(held + upl), "walletBalance": number(held),
            "usdValue": number(value), "locked": number(balance.locked), "unrealisedPnl": number(upl),
            "borrowAmount": "0", "availableToWithdraw": ""})
    };
    let coins: Vec<Value> = account.spot.iter().map(coin).collect();
    json!({"accountType": "UNIFIED", "totalEquity": number(total), "totalWalletBalance": number(total),
        "totalAvailableBalance": number(available + account.free("USDT")), "coin": coins})
}

/// The position; a flat one has no side.
pub(super) fn position(account: &Account, mark: Decimal, now_ms: i64) -> Value {
    let held = &account.position;
    let side = match held.qty {
        qty if qty.is_zero() => "",
        qty if qty.is_sign_negative() => "Sell",
        _ => "Buy",
    };
    json!({"positionIdx": 0, "symbol": SYMBOL, "side": side, "size": number(held.qty.abs()),
        "avgPrice": number(held.entry()), "entryPrice": number(held.entry()),
        "positionValue": number(held.cost.abs()), "leverage": LEVERAGE.to_string(),
        "markPrice": number(mark), "liqPrice": "", "unrealisedPnl": number(held.unrealised(mark)),
        "cumRealisedPnl": number(held.realised), "positionStatus": "Normal", "tradeMode": 0,
        "createdTime": now_ms.to_string(), "updatedTime": now_ms.to_string()})
}
