//! The acceptance list of an adapter: fixtures, capabilities, and bytes of any kind.

use wickd_sdk::Product;
use wickd_sdk::testing::{ExchangeTest, btc_market};

use crate::GenericRest;

fn adapter() -> ExchangeTest<GenericRest> {
    let markets = [btc_market(0, "BTCUSDT", Product::Spot, "1")];
    ExchangeTest::new(&[], &markets).unwrap()
}

wickd_sdk::acceptance_tests!(GenericRest, adapter, 20);
