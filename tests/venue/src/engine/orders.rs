//! What the account may ask of the engine: submit, amend, cancel.
//!
//! Comes in: [`NewOrder`]s and ids. Goes out: the order as it stands afterwards, or a [`Refusal`]
//! that changed nothing. Deliberately absent: the words in which a dialect says either.

use rust_decimal::Decimal;

use super::*;

impl Engine {
    /// Takes an order: checks it, matches what crosses, rests or ends what is left.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing has changed then.
    pub fn submit(&mut self, new: NewOrder) -> Result<Order, Refusal> {
        self.check_client_id(&new)?;
        let qty = self.base_qty(&new)?;
        self.check_filters(new.product, new.kind, new.price, qty, new.reduce_only)?;
        if new.reduce_only && self.account.reducible(new.side).is_zero() {
            return Err(Refusal::NotReducing);
        }
        let takes = new.kind == Kind::Limit && self.would_take(new.product, new.side, new.price);
        if new.tif == Tif::PostOnly && takes && new.refuse_taking_post_only {
            return Err(Refusal::WouldTake);
        }
        let order = Order {
            id: FIRST_ORDER_ID + self.orders.len() as u64,
            client_id: new.client_id,
            product: new.product,
            side: new.side,
            kind: new.kind,
            tif: new.tif,
            price: new.price,
            qty,
            filled: Decimal::ZERO,
            filled_quote: Decimal::ZERO,
            status: Status::New,
            reduce_only: new.reduce_only,
            created_ms: self.now_ms,
            updated_ms: self.now_ms,
            fills: Vec::new(),
            origin: Origin::Client,
        };
        self.fund(&order)?;
        let id = order.id;
        self.by_client_id.insert(order.client_id.clone(), id);
        self.orders.insert(id, order.clone());
        self.events.push(Event::Order(Box::new(order.clone()), Execution::New));
        if order.product == Product::Spot && order.kind == Kind::Limit {
            self.say_wallet(Product::Spot, Cause::Order);
        }
        if order.tif == Tif::PostOnly && takes {
            self.close(id, Status::Cancelled);
        } else {
            self.enter(id);
        }
        self.say_quote(order.product);
        self.orders.get(&id).cloned().ok_or(Refusal::Unknown)
    }

    fn check_client_id(&self, new: &NewOrder) -> Result<(), Refusal> {
        if self.orders.len() >= ORDERS_MAX {
            return Err(Refusal::Full);
        }
        match self.by_client_id(&new.client_id) {
            Some(old) if old.status.is_open() || !new.client_id_reusable => Err(Refusal::Duplicate),
            _ => Ok(()),
        }
    }

    /// The size in BTC; an amount in USDT is spent along the book and cut to the step.
    fn base_qty(&self, new: &NewOrder) -> Result<Decimal, Refusal> {
        let mut budget = match new.amount {
            Amount::Base(qty) => return Ok(qty),
            Amount::Quote(budget) => budget,
        };
        let market = self.market(new.product);
        let mut qty = Decimal::ZERO;
        for (price, level) in market.book.levels(new.side.other(), usize::MAX) {
            let here = level.min(budget / price);
            qty += here;
            budget -= here * price;
            if here < level {
                break;
            }
        }
        Ok(qty - qty % market.rules.step)
    }

    fn check_filters(
        &self,
        product: Product,
        kind: Kind,
        price: Decimal,
        qty: Decimal,
        reduce_only: bool,
    ) -> Result<(), Refusal> {
        let rules = self.rules(product);
        if qty < rules.step || qty > rules.max_qty {
            return Err(Refusal::Qty);
        }
        if !(qty % rules.step).is_zero() {
            return Err(Refusal::Step);
        }
        if kind == Kind::Limit && price <= Decimal::ZERO {
            return Err(Refusal::Price);
        }
        if kind == Kind::Limit && !(price % rules.tick).is_zero() {
            return Err(Refusal::Tick);
        }
        let at = if kind == Kind::Limit { price } else { self.mark(product) };
        if at * qty < rules.min_notional && !reduce_only {
            return Err(Refusal::Notional);
        }
        Ok(())
    }

    fn would_take(&self, product: Product, side: Side, price: Decimal) -> bool {
        self.market(product).book.best(side.other()).is_some_and(|best| match side {
            Side::Buy => price >= best,
            Side::Sell => price <= best,
        })
    }

    /// How much would be filled at once within a limit, and what it costs.
    fn takeable(&self, order: &Order) -> (Decimal, Decimal) {
        let (mut qty, mut cost) = (Decimal::ZERO, Decimal::ZERO);
        for (price, level) in self.market(order.product).book.levels(order.side.other(), usize::MAX)
        {
            let within = order.kind == Kind::Market
                || if order.side == Side::Buy {
                    price <= order.price
                } else {
                    price >= order.price
                };
            if !within || qty == order.rest() {
                break;
            }
            let here = level.min(order.rest() - qty);
            qty += here;
            cost += here * price;
        }
        (qty, cost)
    }

    /// Makes sure that the account can pay, and locks what a spot limit order holds.
    fn fund(&mut self, order: &Order) -> Result<(), Refusal> {
        let enough = match (order.product, order.kind, order.side) {
            (Product::Spot, Kind::Limit, _) => self.account.lock(order),
            (Product::Spot, Kind::Market, Side::Sell) => self.account.free("BTC") >= order.qty,
            (Product::Spot, Kind::Market, Side::Buy) => {
                self.account.free("USDT") >= self.takeable(order).1
            }
            (Product::Perp, kind, _) => {
                let at = if kind == Kind::Limit { order.price } else { self.mark(Product::Perp) };
                let needed = at * order.rest() / Decimal::from(LEVERAGE);
                order.reduce_only || needed <= self.available()
            }
        };
        if enough { Ok(()) } else { Err(Refusal::Funds) }
    }

    /// Matches an accepted order and rests or ends what is left of it.
    fn enter(&mut self, id: u64) {
        let Some(order) = self.orders.get(&id).cloned() else { return };
        let limit = (order.kind == Kind::Limit).then_some(order.price);
        if order.tif == Tif::Fok && self.takeable(&order).0 < order.rest() {
            return self.close(id, Status::Expired);
        }
        let wanted = order.rest().min(self.may_fill(id));
        let left = self.sweep(order.product, order.side, limit, wanted, Some(id));
        let left = left + (order.rest() - wanted);
        if left.is_zero() {
            return;
        }
        let rests = order.kind == Kind::Limit && matches!(order.tif, Tif::Gtc | Tif::PostOnly);
        if rests {
            let resting = Resting { owner: Some(id), qty: left };
            self.market_mut(order.product).book.rest(order.side, order.price, resting);
        } else {
            self.close(id, Status::Expired);
        }
    }

    /// Takes an order back.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] and [`Refusal::Done`].
    pub fn cancel(&mut self, id: u64) -> Result<Order, Refusal> {
        let order = self.orders.get(&id).ok_or(Refusal::Unknown)?;
        if !order.status.is_open() {
            return Err(Refusal::Done);
        }
        let product = order.product;
        self.close(id, Status::Cancelled);
        self.say_quote(product);
        self.orders.get(&id).cloned().ok_or(Refusal::Unknown)
    }

    /// Changes price and whole size of a resting order, which goes to the end of its queue.
    ///
    /// # Errors
    /// A [`Refusal`]; the order rests unchanged then.
    pub fn amend(&mut self, id: u64, price: Decimal, qty: Decimal) -> Result<Order, Refusal> {
        let old = self.orders.get(&id).ok_or(Refusal::Unknown)?.clone();
        if !old.status.is_open() {
            return Err(Refusal::Done);
        }
        if old.price == price && old.qty == qty {
            return Err(Refusal::Unchanged);
        }
        self.check_filters(old.product, old.kind, price, qty, old.reduce_only)?;
        if qty <= old.filled {
            return Err(Refusal::Qty);
        }
        if old.tif == Tif::PostOnly && self.would_take(old.product, old.side, price) {
            return Err(Refusal::WouldTake);
        }
        let new = Order { price, qty, updated_ms: self.now_ms, ..old.clone() };
        self.refund(&old, &new)?;
        self.market_mut(old.product).book.set(old.side, old.price, Some(id), Decimal::ZERO);
        self.orders.insert(id, new.clone());
        self.events.push(Event::Order(Box::new(new), Execution::Amended));
        self.enter(id);
        self.say_quote(old.product);
        self.orders.get(&id).cloned().ok_or(Refusal::Unknown)
    }

    /// Exchanges what an order holds for what its amendment needs, or leaves all as it was.
    fn refund(&mut self, old: &Order, new: &Order) -> Result<(), Refusal> {
        match old.product {
            Product::Spot => {
                self.account.unlock(old);
                if self.account.lock(new) {
                    return Ok(());
                }
                // What was just given back is there to be taken again.
                self.account.lock(old);
                Err(Refusal::Funds)
            }
            Product::Perp => {
                let more = new.price * new.rest() - old.price * old.rest();
                let enough = more / Decimal::from(LEVERAGE) <= self.available();
                if enough || old.reduce_only { Ok(()) } else { Err(Refusal::Funds) }
            }
        }
    }

    /// Somebody takes so much of a resting order at its own price, whoever else is before it.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::Done`], and [`Refusal::Qty`] where there is less to take.
    pub fn fill_order(&mut self, id: u64, qty: Decimal) -> Result<Order, Refusal> {
        let order = self.orders.get(&id).ok_or(Refusal::Unknown)?.clone();
        if !order.status.is_open() {
            return Err(Refusal::Done);
        }
        if qty <= Decimal::ZERO || qty > order.rest() || qty > self.may_fill(id) {
            return Err(Refusal::Qty);
        }
        let book = &mut self.market_mut(order.product).book;
        book.set(order.side, order.price, Some(id), order.rest() - qty);
        let trade_id = self.trade(order.product, order.price, qty, order.side.other());
        self.fill(id, trade_id, order.price, qty, true);
        self.say_quote(order.product);
        self.orders.get(&id).cloned().ok_or(Refusal::Unknown)
    }
}
