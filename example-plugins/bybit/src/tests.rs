//! The acceptance list of an adapter: fixtures, capabilities, and bytes of any kind.

use wickd_sdk::Product;
use wickd_sdk::exchange::{ChannelKind, Operation, Range, Reply, Said};
use wickd_sdk::testing::{ExchangeTest, btc_market, channel};

use crate::Bybit;

fn adapter() -> ExchangeTest<Bybit> {
    let markets = [
        btc_market(0, "BTCUSDT", Product::Spot, "1"),
        btc_market(1, "BTCUSDT", Product::Perpetual, "1"),
    ];
    ExchangeTest::new(&[], &markets).unwrap()
}

wickd_sdk::acceptance_tests!(Bybit, adapter, 60);

#[test]
fn a_fill_has_one_number_in_a_reply_and_on_the_stream() {
    let mut adapter = adapter();
    let range = Range { instrument: 0, since: 0, limit: 10 };
    let asked = Operation::Fills(range);
    let reply = adapter.parse_ok(
        &asked,
        r#"{"retCode":0,"retMsg":"OK","result":{"list":[{"execId":"e0cb-1","orderId":"3","orderLinkId":"w1","execPrice":"25000.01","execQty":"0.0004","execType":"Trade","side":"Buy","execFee":"0","feeCurrency":"BTC","execTime":"1700000000149"}]}}"#,
    );
    let Ok(Reply::Fills(replied)) = reply else { panic!("{reply:?}") };
    adapter.plan(&[channel(0, 0, ChannelKind::Account)]).unwrap();
    let said = adapter.frame(
        0,
        r#"{"topic":"execution","data":[{"category":"spot","symbol":"BTCUSDT","execId":"e0cb-1","orderId":"3","orderLinkId":"w1","execPrice":"25000.01","execQty":"0.0004","execType":"Trade","side":"Buy","execFee":"0","execTime":"1700000000149"}]}"#,
    );
    let streamed = said.iter().find_map(|said| match said {
        Said::Fill(fill) => Some(fill),
        _ => None,
    });
    assert_eq!(streamed.map(|fill| &fill.trade_id), Some(&replied[0].trade_id));
}
