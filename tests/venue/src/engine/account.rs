//! The one account: a spot wallet with free and locked balances, a perpetual wallet with a position.
//!
//! Comes in: what an order locks, what a fill pays. Goes out: balances that always add up, realised
//! profit exact to eight decimals. Deliberately absent: hedge
//! mode, and any rule of when a position is liquidated.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::types::{Fees, Fill, Kind, Order, Product, Refusal, Rules, Side};

/// Initial margin is the notional divided by this.
pub const LEVERAGE: u32 = 20;
/// Decimals of money on the wire; fees are cut to it.
const MONEY_SCALE: u32 = 8;

/// The asset that pays fees where neither side of the trade does.
pub const THIRD: &str = "BNB";
/// Its price in USDT.
pub(super) const THIRD_PRICE: Decimal = Decimal::from_parts(250, 0, 0, false, 0);
/// How much of it each wallet starts with.
const THIRD_HELD: Decimal = Decimal::from_parts(1_000, 0, 0, false, 0);

/// Cut to the decimals of money.
pub(super) fn cut(amount: Decimal) -> Decimal {
    amount.trunc_with_scale(MONEY_SCALE)
}

/// What a fill of the perpetual cost and brought.
pub(super) struct Paid {
    pub fee: Decimal,
    pub asset: &'static str,
    pub realised: Decimal,
}

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
    /// What the perpetual wallet holds of [`THIRD`].
    pub wallet_third: Decimal,
    /// The position in the perpetual.
    pub position: Position,
}

impl Account {
    /// An account with so much of each.
    pub(super) fn new(base: Decimal, quote: Decimal, wallet: Decimal) -> Self {
        let balance = |free| Balance { free, locked: Decimal::ZERO };
        let spot = [("BTC", base), ("USDT", quote), (THIRD, THIRD_HELD)]
            .map(|(asset, of)| (asset.to_owned(), balance(of)));
        let position = Position::default();
        Self { spot: spot.into(), wallet, wallet_third: THIRD_HELD, position }
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
        fees: Fees,
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
        self.balance(gets).free += got;
        let (fee, asset) = match fees {
            Fees::Received => (cut(got * rate), gets),
            Fees::Third => (cut(price * qty * rate / THIRD_PRICE), THIRD),
        };
        self.balance(asset).free -= fee;
        (fee, asset)
    }

    /// Books a fill of the perpetual.
    pub(super) fn pay_perp(
        &mut self,
        side: Side,
        price: Decimal,
        qty: Decimal,
        rate: Decimal,
        fees: Fees,
    ) -> Paid {
        let realised = self.position.trade(side, price, qty);
        self.wallet += realised;
        let fee = price * qty * rate;
        match fees {
            Fees::Received => {
                let fee = cut(fee);
                self.wallet -= fee;
                Paid { fee, asset: "USDT", realised }
            }
            Fees::Third => {
                let fee = cut(fee / THIRD_PRICE);
                self.wallet_third -= fee;
                Paid { fee, asset: THIRD, realised }
            }
        }
    }

    /// Moves so much of an asset into a wallet, or out of it where it is negative.
    pub(super) fn transfer(
        &mut self,
        product: Product,
        asset: &str,
        amount: Decimal,
    ) -> Result<(), Refusal> {
        let held = match (product, asset) {
            (Product::Spot, _) => &mut self.balance(asset).free,
            (Product::Perp, "USDT") => &mut self.wallet,
            (Product::Perp, THIRD) => &mut self.wallet_third,
            (Product::Perp, _) => return Err(Refusal::Unknown),
        };
        if *held + amount < Decimal::ZERO {
            return Err(Refusal::Funds);
        }
        *held += amount;
        Ok(())
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
