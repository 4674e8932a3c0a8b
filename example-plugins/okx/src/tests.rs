//! The acceptance list of an adapter: fixtures, capabilities, and bytes of any kind.

use wickd_sdk::Product;
use wickd_sdk::exchange::{ChannelKind, Operation, Range, Reply, Said};
use wickd_sdk::testing::{ExchangeTest, btc_market, channel};

use crate::Okx;

fn adapter() -> ExchangeTest<Okx> {
    let markets = [
        btc_market(0, "BTC-USDT", Product::Spot, "1"),
        btc_market(1, "BTC-USDT-SWAP", Product::Perpetual, "0.01"),
    ];
    ExchangeTest::new(&[], &markets).unwrap()
}

wickd_sdk::acceptance_tests!(Okx, adapter, 60);

#[test]
fn a_fill_has_one_number_in_a_reply_and_on_the_stream() {
    let mut adapter = adapter();
    let range = Range { instrument: 0, since: 0, limit: 10 };
    let asked = Operation::Fills(range);
    let reply = adapter.parse_ok(
        &asked,
        r#"{"code":"0","msg":"","data":[{"tradeId":"a7","ordId":"3","clOrdId":"w1","fillPx":"25000.01","fillSz":"0.0004","side":"buy","fee":"0","feeCcy":"BTC","ts":"1700000000149"}]}"#,
    );
    let Ok(Reply::Fills(replied)) = reply else { panic!("{reply:?}") };
    adapter.plan(&[channel(0, 0, ChannelKind::Account)]).unwrap();
    let said = adapter.frame(
        0,
        r#"{"arg":{"channel":"orders"},"data":[{"instId":"BTC-USDT","tradeId":"a7","ordId":"3","clOrdId":"w1","state":"filled","sz":"0.0004","accFillSz":"0.0004","fillPx":"25000.01","fillSz":"0.0004","side":"buy","fillFee":"0","fillFeeCcy":"BTC","fillTime":"1700000000149","uTime":"1700000000149"}]}"#,
    );
    let streamed = said.iter().find_map(|said| match said {
        Said::Fill(fill) => Some(fill),
        _ => None,
    });
    assert_eq!(streamed.map(|fill| &fill.trade_id), Some(&replied[0].trade_id));
}
