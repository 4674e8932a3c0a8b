//! The market maker and the crowd: a ladder around a price that walks, and takers who hit it.
//!
//! Comes in: a seed. Goes out: one market event per step, through the same matching as any order,
//! so resting orders of the account are filled when price and queue say so, in parts too.
//! Deliberately absent: any model of a real market.

use rust_decimal::Decimal;

use super::*;

/// Levels per side.
const LEVELS: i64 = 20;
/// The walk turns back this far from where it began, in ladder gaps.
const WALK_MAX_GAPS: i64 = 8_000;

/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, the same numbers on every machine.
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound; zero for a bound of zero.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }
}

/// The ladder of one product.
#[derive(Debug)]
pub(super) struct Maker {
    rng: Rng,
    gap: Decimal,
    start: Decimal,
    mid: Decimal,
}

impl Maker {
    pub(super) fn new(product: Product, seed: u64) -> Self {
        let start = Decimal::from(25_000);
        let gap = Decimal::new(5, 1);
        Self { rng: Rng::new(seed.wrapping_mul(2) + product as u64), gap, start, mid: start }
    }

    pub(super) fn mid(&self) -> Decimal {
        self.mid
    }

    /// Prices of the ladder, best first.
    fn ladder(&self, side: Side) -> Vec<Decimal> {
        (1..=LEVELS).map(|level| self.mid - side.sign() * self.gap * Decimal::from(level)).collect()
    }

    /// A size between one and `steps` steps.
    fn size(&mut self, step: Decimal, steps: u32) -> Decimal {
        step * Decimal::from(1 + self.rng.below(steps))
    }

    fn walk(&mut self) {
        let bound = self.gap * Decimal::from(WALK_MAX_GAPS);
        let up = match self.mid - self.start {
            drift if drift >= bound => false,
            drift if drift <= -bound => true,
            _ => self.rng.below(2) == 0,
        };
        self.mid += if up { self.gap } else { -self.gap };
    }
}

impl Engine {
    /// One market event: a trade, a changed level, or a step of the price.
    pub fn step(&mut self) {
        let product = Product::ALL[self.markets[0].maker.rng.below(2) as usize];
        let market = self.market_mut(product);
        let rng = &mut market.maker.rng;
        match rng.below(10) {
            0..5 => {
                let side = if rng.below(2) == 0 { Side::Buy } else { Side::Sell };
                let qty = market.maker.size(market.rules.step, 400);
                self.sweep(product, side, None, qty, None);
            }
            5..8 => {
                let side = if rng.below(2) == 0 { Side::Buy } else { Side::Sell };
                let prices = market.book.maker_prices(side);
                let chosen = rng.below(u32::try_from(prices.len()).unwrap_or(0)) as usize;
                let qty = market.maker.size(market.rules.step, 20_000);
                if let Some(price) = prices.get(chosen) {
                    market.book.set(side, *price, None, qty);
                }
            }
            _ => {
                market.maker.walk();
                self.requote(product);
            }
        }
        self.say_quote(product);
    }

    /// Moves the market to a price; the account's orders on the way are filled.
    ///
    /// # Errors
    /// [`Refusal::Price`] where the ladder would not stay above zero, [`Refusal::Tick`] off the tick.
    pub fn move_to(&mut self, product: Product, price: Decimal) -> Result<(), Refusal> {
        let market = self.market_mut(product);
        if !(price % market.rules.tick).is_zero() {
            return Err(Refusal::Tick);
        }
        if price <= market.maker.gap * Decimal::from(LEVELS + 1) {
            return Err(Refusal::Price);
        }
        market.maker.mid = price;
        market.maker.start = price;
        self.requote(product);
        self.say_quote(product);
        Ok(())
    }

    /// Makes the ladder what it should be around the price.
    pub(super) fn requote(&mut self, product: Product) {
        for side in [Side::Buy, Side::Sell] {
            let market = self.market_mut(product);
            let wanted = market.maker.ladder(side);
            for price in market.book.maker_prices(side) {
                if !wanted.contains(&price) {
                    market.book.set(side, price, None, Decimal::ZERO);
                }
            }
        }
        for side in [Side::Buy, Side::Sell] {
            let market = self.market(product);
            let (wanted, resting) = (market.maker.ladder(side), market.book.maker_prices(side));
            for price in wanted.into_iter().filter(|price| !resting.contains(price)) {
                let market = self.market_mut(product);
                let qty = market.maker.size(market.rules.step, 20_000);
                let left = self.sweep(product, side, Some(price), qty, None);
                if left > Decimal::ZERO {
                    let resting = Resting { owner: None, qty: left };
                    self.market_mut(product).book.rest(side, price, resting);
                }
            }
        }
    }
}
