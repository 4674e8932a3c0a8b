//! Balances, positions and listen keys.
//!
//! Comes in: proven requests. Goes out: the wallets as spot and USD-M show them. Deliberately
//! absent: leverage and margin modes, which never change here.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::words::{SYMBOL, number};
use super::{Answer, Fail, LISTEN_KEY_MS, Params};
use crate::auth;
use crate::engine::{Engine, LEVERAGE, Product, THIRD};
use crate::hub::View;

pub(super) fn spot(hub: &View<'_>, product: Product, _: &Params) -> Answer {
    let (account, rules) =
        hub.engine(|engine| (engine.account().clone(), engine.rules(product).clone()));
    let balances = account.spot.iter().map(|(asset, balance)| {
        json!({"asset": asset, "free": number(product, balance.free), "locked": number(product, balance.locked)})
    });
    let rate = |fee| number(product, fee);
    Ok(json!({"makerCommission": 10, "takerCommission": 10, "buyerCommission": 0,
        "sellerCommission": 0, "commissionRates": {"maker": rate(rules.maker_fee),
            "taker": rate(rules.taker_fee), "buyer": "0.00000000", "seller": "0.00000000"},
        "canTrade": true, "canWithdraw": false, "canDeposit": false, "brokered": false,
        "requireSelfTradePrevention": false, "preventSor": false, "accountType": "SPOT",
        "updateTime": hub.now_ms(), "balances": balances.collect::<Value>(),
        "permissions": ["SPOT"], "uid": 1}))
}

/// Wallet balance, unrealised profit and what is available, as text.
fn wallet(engine: &Engine) -> (String, String, String) {
    let text = |value| number(Product::Perp, value);
    let unrealised = engine.account().position.unrealised(engine.mark(Product::Perp));
    (text(engine.account().wallet), text(unrealised), text(engine.available()))
}

fn position(engine: &Engine, now_ms: i64) -> Value {
    let text = |value| number(Product::Perp, value);
    let (held, mark) = (&engine.account().position, engine.mark(Product::Perp));
    let margin = text(held.cost.abs() / Decimal::from(LEVERAGE));
    json!({"symbol": SYMBOL, "positionSide": "BOTH", "positionAmt": text(held.qty),
        "entryPrice": text(held.entry()), "breakEvenPrice": text(held.entry()), "markPrice": text(mark),
        "unRealizedProfit": text(held.unrealised(mark)), "unrealizedProfit": text(held.unrealised(mark)),
        "liquidationPrice": "0", "isolatedMargin": "0", "notional": text(held.qty * mark),
        "marginAsset": "USDT", "isolatedWallet": "0", "initialMargin": margin, "maintMargin": "0",
        "positionInitialMargin": margin, "openOrderInitialMargin": "0", "leverage": LEVERAGE.to_string(),
        "marginType": "cross", "adl": 0, "bidNotional": "0", "askNotional": "0", "updateTime": now_ms})
}

pub(super) fn perp(hub: &View<'_>, _: Product, _: &Params) -> Answer {
    let now_ms = hub.now_ms();
    hub.engine(|engine| {
        let (balance, unrealised, available) = wallet(engine);
        let held = &engine.account().position;
        let margin = engine.account().wallet + held.unrealised(engine.mark(Product::Perp));
        let margin = number(Product::Perp, margin);
        let positions =
            if held.qty.is_zero() { json!([]) } else { json!([position(engine, now_ms)]) };
        let initial = number(Product::Perp, held.cost.abs() / Decimal::from(LEVERAGE));
        Ok(json!({"totalInitialMargin": initial, "totalMaintMargin": "0",
            "totalPositionInitialMargin": initial, "totalOpenOrderInitialMargin": "0",
            "totalCrossWalletBalance": balance, "totalCrossUnPnl": unrealised,
            "maxWithdrawAmount": available, "totalWalletBalance": balance,
            "totalUnrealizedProfit": unrealised, "totalMarginBalance": margin,
            "availableBalance": available, "canTrade": true,
            "assets": [{"asset": "USDT", "walletBalance": balance, "unrealizedProfit": unrealised,
                "marginBalance": margin, "initialMargin": initial, "maintMargin": "0",
                "positionInitialMargin": initial, "openOrderInitialMargin": "0",
                "crossWalletBalance": balance, "crossUnPnl": unrealised,
                "maxWithdrawAmount": available, "availableBalance": available,
                "updateTime": now_ms}],
            "positions": positions}))
    })
}

pub(super) fn balance(hub: &View<'_>, _: Product, _: &Params) -> Answer {
    let now_ms = hub.now_ms();
    let (balance, unrealised, available) = hub.engine(|engine| wallet(engine));
    let third = number(Product::Perp, hub.engine(|engine| engine.account().wallet_third));
    Ok(json!([{"accountAlias": "wickd", "asset": "USDT", "balance": balance,
        "crossWalletBalance": balance, "crossUnPnl": unrealised, "availableBalance": available,
        "maxWithdrawAmount": available, "marginAvailable": true, "updateTime": now_ms},
        {"accountAlias": "wickd", "asset": THIRD, "balance": third, "crossWalletBalance": third,
        "crossUnPnl": "0", "availableBalance": third, "maxWithdrawAmount": third,
        "marginAvailable": true, "updateTime": now_ms}]))
}

/// Version 2 lists every symbol.
pub(super) fn every_position(hub: &View<'_>, _: Product, params: &Params) -> Answer {
    params.symbol()?;
    let now_ms = hub.now_ms();
    Ok(json!([hub.engine(|engine| position(engine, now_ms))]))
}

/// Version 3 lists only what is held.
pub(super) fn positions(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    if hub.engine(|engine| engine.account().position.qty.is_zero()) {
        return Ok(json!([]));
    }
    let mut all = every_position(hub, product, params)?;
    // Leverage and margin mode are the other endpoint's.
    for row in all.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        row.retain(|name, _| !matches!(name.as_str(), "leverage" | "marginType"));
    }
    Ok(all)
}

pub(super) fn dual(_: &View<'_>, _: Product, _: &Params) -> Answer {
    Ok(json!({"dualSidePosition": false}))
}

/// The venue gives the same key again while one lives, for another hour.
pub(super) fn new_listen_key(hub: &View<'_>, _: Product, _: &Params) -> Answer {
    let now_ms = hub.now_ms();
    let key = hub.listen_keys(|keys| {
        keys.retain(|_, ends_ms| *ends_ms > now_ms);
        let living = keys.keys().next().cloned();
        let key = living.unwrap_or_else(|| auth::hex(&hub.config.secret, &now_ms.to_be_bytes()));
        keys.insert(key.clone(), now_ms + LISTEN_KEY_MS);
        key
    });
    Ok(json!({"listenKey": key}))
}

pub(super) fn keep_listen_key(hub: &View<'_>, product: Product, params: &Params) -> Answer {
    let now_ms = hub.now_ms();
    let lives = hub.listen_keys(|keys| keys.values().any(|ends_ms| *ends_ms > now_ms));
    if lives {
        return new_listen_key(hub, product, params);
    }
    Err(Fail::new(-1125, "This listenKey does not exist."))
}

pub(super) fn end_listen_key(hub: &View<'_>, _: Product, _: &Params) -> Answer {
    hub.listen_keys(|keys| keys.clear());
    Ok(json!({}))
}
