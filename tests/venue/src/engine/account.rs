//! The one account: a spot wallet with free and locked balances, a perpetual wallet with a position.
//!
//! Comes in: what an order locks, what a fill pays. Goes out: balances that always add up, realised
//! profit exact to eight decimals. Deliberately absent: liquidation, funding payments and hedge
//! mode; no test of a client needs them from its venue.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::types::{Fill, Kind, Order, Rules, Side};

/// Initial margin is the notional divided by this.
pub const LEVERAGE: u32 = 20;
/// Decimals of money on the wire; fees are cut to it.
const MONEY_SCALE: u32 = 8;

/// One asset of the spot wallet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Spendable.
    pub free: Decimal,
    /// Held by resting orders.
    pub locked: Decimal,
}

/// The position in the perpetual, one-way mode.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    /// In BTC, negative when short.
    pub qty: Decimal,
    /// What the open position cost, in USDT, with the sign of `qty`.
    pub cost: Decimal,
    /// Realised profit before fees, in USDT.
    pub realised: Decimal,
}

impl Position {
    /// Average entry price; zero when flat.
    pub fn entry(&self) -> Decimal {
        self.cost.checked_div(self.qty).unwrap_or_default().round_dp(MONEY_SCALE)
    }

    /// Profit not yet realised at a mark price, in USDT.
    pub fn unrealised(&self, mark: Decimal) -> Decimal {
        self.qty * mark - self.cost
    }

    /// Takes a trade in and returns the profit it realises. The part of the cost that leaves is cut
    /// to eight decimals and the rest stays, so that no fraction is lost over many fills.
    fn trade(&mut self, side: Side, price: Decimal, qty: Decimal) -> Decimal {
        let signed = side.sign() * qty;
        let reduces =
            !self.qty.is_zero() && (self.qty.is_sign_negative() != signed.is_sign_negative());
        if !reduces {
            self.qty += signed;
            self.cost += signed * price;
            return Decimal::ZERO;
        }
        let closing = qty.min(self.qty.abs());
        let part = if closing == self.qty.abs() {
            self.cost
        } else {
            (self.cost * closing / self.qty.abs()).round_dp(MONEY_SCALE)
        };
        let proceeds = -side.sign() * closing * price;
        let profit = proceeds - part;
        self.qty += side.sign() * closing;
        self.cost -= part;
        self.realised += profit;
        let opening = qty - closing;
        self.qty += side.sign() * opening;
        self.cost += side.sign() * opening * price;
        profit
    }
}

/// Everything the account owns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The spot wallet by asset.
    pub spot: BTreeMap<String, Balance>,
    /// Balance of the perpetual wallet, in USDT, with realised profit and fees.
    pub wallet: Decimal,
    /// The position in the perpetual.
    pub position: Position,
}

impl Account {
    /// An account with so much of each.
    pub(super) fn new(base: Decimal, quote: Decimal, wallet: Decimal) -> Self {
        let balance = |free| Balance { free, locked: Decimal::ZERO };
        let spot =
            [("BTC", base), ("USDT", quote)].map(|(asset, of)| (asset.to_owned(), balance(of)));
        Self { spot: spot.into(), wallet, position: Position::default() }
    }

    /// Spendable of a spot asset.
    pub fn free(&self, asset: &str) -> Decimal {
        self.spot.get(asset).map_or(Decimal::ZERO, |balance| balance.free)
    }

    fn balance(&mut self, asset: &str) -> &mut Balance {
        self.spot.entry(asset.to_owned()).or_default()
    }

    /// What a resting spot order holds, and of which asset.
    fn held(order: &Order, qty: Decimal) -> (&'static str, Decimal) {
        match order.side {
            Side::Buy => ("USDT", order.price * qty),
            Side::Sell => ("BTC", qty),
        }
    }

    /// Locks what the rest of a spot limit order needs; `false` and unchanged when there is too little.
    pub(super) fn lock(&mut self, order: &Order) -> bool {
        let (asset, needed) = Self::held(order, order.rest());
        let balance = self.balance(asset);
        let enough = balance.free >= needed;
        if enough {
            balance.free -= needed;
            balance.locked += needed;
        }
        enough
    }

    /// Gives back what the rest of a spot limit order held.
    pub(super) fn unlock(&mut self, order: &Order) {
        let (asset, held) = Self::held(order, order.rest());
        let balance = self.balance(asset);
        balance.locked -= held;
        balance.free += held;
    }

    /// Pays a spot fill and returns the fee and its asset.
    pub(super) fn pay_spot(
        &mut self,
        order: &Order,
        price: Decimal,
        qty: Decimal,
        rate: Decimal,
    ) -> (Decimal, &'static str) {
        let (gives, given, gets, got) = match order.side {
            Side::Buy => ("USDT", price * qty, "BTC", qty),
            Side::Sell => ("BTC", qty, "USDT", price * qty),
        };
        let (_, held) = Self::held(order, qty);
        let balance = self.balance(gives);
        match order.kind {
            Kind::Market => balance.free -= given,
            Kind::Limit => {
                balance.locked -= held;
                balance.free += held - given;
            }
        }
        let fee = (got * rate).trunc_with_scale(MONEY_SCALE);
        self.balance(gets).free += got - fee;
        (fee, gets)
    }

    /// Books a fill of the perpetual and returns the fee in USDT and the profit realised.
    pub(super) fn pay_perp(
        &mut self,
        side: Side,
        price: Decimal,
        qty: Decimal,
        rate: Decimal,
    ) -> (Decimal, Decimal) {
        let fee = (price * qty * rate).trunc_with_scale(MONEY_SCALE);
        let realised = self.position.trade(side, price, qty);
        self.wallet += realised - fee;
        (fee, realised)
    }

    /// What a perpetual order may still use, given what open orders hold: USDT.
    pub(super) fn available(&self, open_notional: Decimal, mark: Decimal) -> Decimal {
        let used = (self.position.cost.abs() + open_notional) / Decimal::from(LEVERAGE);
        (self.wallet + self.position.unrealised(mark).min(Decimal::ZERO) - used)
            .round_dp(MONEY_SCALE)
    }

    /// The rate that applies to a fill.
    pub(super) fn rate(rules: &Rules, is_maker: bool) -> Decimal {
        if is_maker { rules.maker_fee } else { rules.taker_fee }
    }

    /// The largest size by which an order of this side would still reduce.
    pub(super) fn reducible(&self, side: Side) -> Decimal {
        (-side.sign() * self.position.qty).max(Decimal::ZERO)
    }
}

/// A fill of so much; the fee is filled in by whoever pays it.
pub(super) fn fill(
    trade_id: u64,
    price: Decimal,
    qty: Decimal,
    is_maker: bool,
    time_ms: i64,
) -> Fill {
    Fill {
        trade_id,
        price,
        qty,
        fee: Decimal::ZERO,
        fee_asset: "USDT".to_owned(),
        is_maker,
        realised: Decimal::ZERO,
        time_ms,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_that_returns_to_flat_has_realised_its_whole_cash_flow(
            trades in proptest::collection::vec((any::<bool>(), 1_i64..100_000, 1_i64..50), 1..60),
        ) {
            let mut position = Position::default();
            let (mut cash, mut held) = (Decimal::ZERO, Decimal::ZERO);
            for (is_buy, price, qty) in trades {
                let side = if is_buy { Side::Buy } else { Side::Sell };
                let (price, qty) = (Decimal::new(price, 1), Decimal::new(qty, 3));
                position.trade(side, price, qty);
                cash -= side.sign() * qty * price;
                held += side.sign() * qty;
                prop_assert_eq!(position.qty, held);
                prop_assert_eq!(position.realised - position.cost, cash);
            }
            let side = if held.is_sign_negative() { Side::Buy } else { Side::Sell };
            if !held.is_zero() {
                position.trade(side, Decimal::ONE, held.abs());
                cash += held;
            }
            prop_assert_eq!(position.cost, Decimal::ZERO);
            prop_assert_eq!(position.realised, cash);
        }
    }
}
