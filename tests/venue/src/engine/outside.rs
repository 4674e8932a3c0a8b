//! What happens to the account without an order of the client: transfers, liquidation,
//! auto-deleveraging, funding.
//!
//! Comes in: what a test wants to happen. Goes out: changed balances and positions, with the events
//! by which a venue tells them. Deliberately absent: any rule of when a venue would do it.

use rust_decimal::Decimal;

use super::*;

impl Engine {
    /// Moves so much of an asset into a wallet, or out of it where it is negative.
    ///
    /// # Errors
    /// [`Refusal::Funds`] where less is spendable, [`Refusal::Unknown`] for an asset that the
    /// perpetual wallet does not hold.
    pub fn transfer(
        &mut self,
        product: Product,
        asset: &str,
        amount: Decimal,
    ) -> Result<(), Refusal> {
        self.account.transfer(product, asset, amount)?;
        self.say_wallet(product, Cause::Transfer { asset: asset.to_owned(), amount });
        Ok(())
    }

    /// The venue closes so much of the position at the mark price.
    ///
    /// # Errors
    /// [`Refusal::Qty`] where there is less to close.
    pub fn liquidate(&mut self, qty: Decimal, origin: Origin) -> Result<Order, Refusal> {
        let product = Product::Perp;
        let held = self.account.position.qty;
        if qty <= Decimal::ZERO || qty > held.abs() {
            return Err(Refusal::Qty);
        }
        let side = if held.is_sign_positive() { Side::Sell } else { Side::Buy };
        let id = FIRST_ORDER_ID + self.orders.len() as u64;
        let order = Order {
            id,
            client_id: match origin {
                Origin::Client => return Err(Refusal::Unknown),
                Origin::Liquidation => format!("autoclose-{}{id}", self.now_ms),
                Origin::Adl => "adl_autoclose".to_owned(),
            },
            product,
            side,
            kind: Kind::Market,
            tif: Tif::Ioc,
            price: Decimal::ZERO,
            qty,
            filled: Decimal::ZERO,
            filled_quote: Decimal::ZERO,
            status: Status::New,
            reduce_only: true,
            created_ms: self.now_ms,
            updated_ms: self.now_ms,
            fills: Vec::new(),
            origin,
        };
        self.orders.insert(id, order.clone());
        self.events.push(Event::Order(Box::new(order), Execution::New));
        let price = self.mark(product);
        let trade_id = self.trade(product, price, qty, side);
        self.fill(id, trade_id, price, qty, false);
        self.orders.get(&id).cloned().ok_or(Refusal::Unknown)
    }

    /// Pays funding on the position: a positive rate is paid by who is long. Gives what the wallet
    /// received.
    pub fn pay_funding(&mut self, rate: Decimal) -> Decimal {
        let (qty, mark) = (self.account.position.qty, self.mark(Product::Perp));
        let amount = account::cut(-qty * mark * rate);
        self.account.wallet += amount;
        let number = self.payments.len() as u64 + 1;
        let paid = Payment { number, rate, qty, mark, amount, time_ms: self.now_ms };
        self.payments.push(paid.clone());
        self.events.push(Event::Funding(paid));
        self.say_wallet(Product::Perp, Cause::Funding(amount));
        amount
    }

    /// Says that an amendment of an order, acknowledged before, was not made.
    pub fn refuse_amendment(&mut self, id: u64) {
        if let Some(order) = self.orders.get(&id) {
            self.events.push(Event::Order(Box::new(order.clone()), Execution::AmendRefused));
        }
    }

    /// Says that the tokens of private sessions have ended.
    pub fn end_sessions(&mut self) {
        self.events.push(Event::SessionsEnded);
    }

    /// Every funding paid, oldest first.
    pub fn payments(&self) -> &[Payment] {
        &self.payments
    }

    /// From now on fees are paid in this.
    pub fn set_fees(&mut self, fees: Fees) {
        self.fees = fees;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{engine, limit};
    use super::*;

    #[test]
    fn a_liquidation_closes_the_position_at_the_mark_under_an_id_of_the_venues_own() {
        let mut engine = engine();
        engine.submit(limit("long", Product::Perp, Side::Buy, 26_000, "0.1")).unwrap();
        let tenth: Decimal = "0.1".parse().unwrap();
        assert_eq!(engine.liquidate(Decimal::ONE, Origin::Liquidation), Err(Refusal::Qty));
        let order = engine.liquidate(tenth, Origin::Liquidation).unwrap();
        assert!(order.client_id.starts_with("autoclose-") && order.side == Side::Sell);
        assert_eq!((order.status, engine.account().position.qty), (Status::Filled, Decimal::ZERO));
        let told = engine.take_events().into_iter().any(|event| {
            matches!(event, Event::Order(order, Execution::Calculated) if order.filled == tenth)
        });
        assert!(told);
    }

    #[test]
    fn fees_in_a_third_asset_leave_what_was_traded_whole() {
        let mut engine = engine();
        engine.set_fees(Fees::Third);
        let before = engine.account().clone();
        let bought = engine.submit(limit("b", Product::Spot, Side::Buy, 26_000, "0.1")).unwrap();
        assert!(bought.fills.iter().all(|fill| fill.fee_asset == THIRD && !fill.fee.is_zero()));
        let fees: Decimal = bought.fills.iter().map(|fill| fill.fee).sum();
        assert_eq!(engine.account().free("BTC"), before.free("BTC") + bought.filled);
        assert_eq!(engine.account().free(THIRD), before.free(THIRD) - fees);
        let wallet = engine.account().wallet_third;
        let bought = engine.submit(limit("p", Product::Perp, Side::Buy, 26_000, "0.1")).unwrap();
        let fees: Decimal = bought.fills.iter().map(|fill| fill.fee).sum();
        assert!(!fees.is_zero());
        assert_eq!(engine.account().wallet_third, wallet - fees);
    }

    #[test]
    fn funding_is_paid_by_who_is_long_and_received_by_who_is_short() {
        let mut engine = engine();
        engine.submit(limit("short", Product::Perp, Side::Sell, 24_000, "0.1")).unwrap();
        let wallet = engine.account().wallet;
        let got = engine.pay_funding("0.0001".parse().unwrap());
        assert!(got > Decimal::ZERO);
        assert_eq!(engine.account().wallet, wallet + got);
        assert_eq!(engine.payments().len(), 1);
    }
}
