//! The acceptance list of an adapter: fixtures, capabilities, and bytes of any kind.

use wickd_sdk::Product;
use wickd_sdk::exchange::{ChannelKind, Operation, Range, Reply, Said};
use wickd_sdk::testing::{ExchangeTest, btc_market, channel};

use crate::Binance;

fn adapter() -> ExchangeTest<Binance> {
    let markets = [
        btc_market(0, "BTCUSDT", Product::Spot, "1"),
        btc_market(1, "BTCUSDT", Product::Perpetual, "1"),
    ];
    ExchangeTest::new(&[], &markets).unwrap()
}

wickd_sdk::acceptance_tests!(Binance, adapter, 90);

#[test]
fn a_fill_has_one_number_in_a_reply_and_on_the_stream() {
    let mut adapter = adapter();
    let range = Range { instrument: 0, since: 0, limit: 10 };
    let asked = Operation::Fills(range);
    let reply = adapter.parse_ok(
        &asked,
        r#"[{"id":777,"orderId":28,"price":"25000.01","qty":"0.0004","commission":"0","commissionAsset":"BNB","time":1700000000149,"isBuyer":true}]"#,
    );
    let Ok(Reply::Fills(replied)) = reply else { panic!("{reply:?}") };
    adapter.plan(&[channel(0, 0, ChannelKind::Account)]).unwrap();
    let said = adapter.frame(
        0,
        r#"{"event":{"e":"executionReport","s":"BTCUSDT","c":"w-1","S":"BUY","f":"GTC","q":"0.001","C":"","x":"TRADE","X":"PARTIALLY_FILLED","i":28,"l":"0.0004","z":"0.0004","L":"25000.01","n":"0","N":"BNB","T":1700000000149,"t":777}}"#,
    );
    let streamed = said.iter().find_map(|said| match said {
        Said::Fill(fill) => Some(fill),
        _ => None,
    });
    assert_eq!(streamed.map(|fill| &fill.trade_id), Some(&replied[0].trade_id));
}
