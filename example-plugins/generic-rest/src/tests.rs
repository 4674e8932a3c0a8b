//! The acceptance list of an adapter: fixtures, capabilities, and bytes of any kind.

use proptest::prelude::*;
use wickd_sdk::Product;
use wickd_sdk::testing::{
    ExchangeTest, btc_market, check_capabilities, check_fixtures, recorded, throw,
};

use crate::GenericRest;

const PLUGIN: &str = env!("CARGO_MANIFEST_DIR");

fn adapter() -> ExchangeTest<GenericRest> {
    let markets = [btc_market(0, "BTCUSDT", Product::Spot, "1")];
    ExchangeTest::new(&[], &markets).unwrap()
}

#[test]
fn every_fixture_holds() {
    let checked = check_fixtures::<GenericRest>(PLUGIN);
    assert!(checked.cases > 20, "{}", checked.cases);
    assert!(checked.faults.is_empty(), "{}", checked.faults.join("\n"));
}

#[test]
fn it_does_what_it_says_it_can_and_nothing_else() {
    assert_eq!(check_capabilities(&mut adapter()), Vec::<String>::new());
}

#[test]
fn every_recorded_byte_string_is_read_by_every_reader_without_a_panic() {
    let mut adapter = adapter();
    let all = recorded(PLUGIN);
    assert!(!all.is_empty());
    all.iter().for_each(|bytes| throw(&mut adapter, bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damaged_bytes_do_not_panic(
        pick: prop::sample::Index,
        at: prop::sample::Index,
        with in prop::collection::vec(any::<u8>(), 0..4),
        cut in 0usize..8,
    ) {
        let all = recorded(PLUGIN);
        let mut bytes = pick.get(&all).clone();
        let at = at.index(bytes.len());
        bytes.splice(at..(at + cut).min(bytes.len()), with);
        throw(&mut adapter(), &bytes);
    }

    #[test]
    fn any_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        throw(&mut adapter(), &bytes);
    }
}
