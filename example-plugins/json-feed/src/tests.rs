#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use wickd_sdk::http::{Error, Response, answer_with, sent};
use wickd_sdk::testing::{Given, btc_usdt, out, runtime};

use super::*;

fn config() -> Config {
    Config {
        url: "https://prices.example.org/btc".into(),
        every_ms: 250,
        bid: "bid".into(),
        ask: "ask".into(),
        price: String::new(),
        time: String::new(),
        size: Decimal::parse("0.5").unwrap(),
    }
}

fn made(config: Config) -> JsonFeed {
    JsonFeed::new(config, vec![btc_usdt()]).unwrap_or_else(|issues| panic!("{issues:?}"))
}

fn answers(status: u16, body: &'static str) {
    answer_with(move |_| Ok(Response { status, headers: Vec::new(), body: body.into() }));
}

/// Prices and times of what one round gives.
fn round(feed: &mut JsonFeed) -> Result<Vec<String>, String> {
    let mut out = out();
    let wait = feed.run(&runtime(7), &mut out)?;
    assert_eq!(wait, Duration::from_millis(feed.config.every_ms.into()));
    let told = |given: &Given| match given {
        Given::Quote(of) => {
            format!("{} {}/{} x {}", of.at.ts_event, of.bid.0, of.ask.0, of.bid_qty.0)
        }
        Given::Trade(of) => format!("{} {} #{}", of.at.ts_event, of.price.0, of.trade_id),
    };
    Ok(out.given().iter().map(told).collect())
}

#[test]
fn an_answer_is_a_quote_whether_its_prices_are_numbers_or_texts() {
    let mut feed = made(config());
    answers(200, r#"{"bid": 39000.1, "ask": "39000.20"}"#);
    assert_eq!(round(&mut feed).unwrap(), ["7 3900010/3900020 x 500000"]);
    let sent = sent();
    assert_eq!((sent.len(), sent[0].method.as_str()), (1, "GET"));
    answers(200, r#"{"bid": 39000.109, "ask": 39000.111}"#);
    assert_eq!(round(&mut feed).unwrap(), ["7 3900010/3900012 x 500000"], "finer prices part");
}

#[test]
fn paths_lead_through_lists_and_objects_and_a_price_is_a_trade_once() {
    let (price, time) = ("data.0.last".into(), "data.1".into());
    let (bid, ask) = ("data.0.b".into(), "data.0.a".into());
    let mut feed = made(Config { price, time, bid, ask, ..config() });
    answers(200, r#"{"data": [{"b": 1, "a": 2, "last": 1.5}, 1600000000000]}"#);
    let ts = 1_600_000_000_000_000_000_u64;
    let quote = format!("{ts} 100/200 x 500000");
    assert_eq!(round(&mut feed).unwrap(), [quote.clone(), format!("{ts} 150 #1")]);
    assert_eq!(round(&mut feed).unwrap(), [quote], "the same trade is told once");
}

#[test]
fn what_is_no_price_is_an_error_that_says_where() {
    let mut feed = made(config());
    for (body, want) in [
        ("<html>", "not the JSON expected"),
        (r#"{"bid": 1}"#, "the answer has no `ask` of `ask`"),
        (r#"{"bid": "much", "ask": 2}"#, "`bid`: `much`"),
        (r#"{"bid": 2, "ask": 1}"#, "crossed"),
        (r#"{"bid": 0, "ask": 1}"#, "not above zero"),
    ] {
        answers(200, body);
        let error = round(&mut feed).unwrap_err();
        assert!(error.contains(want), "{body}: {error}");
    }
    answers(503, "");
    assert_eq!(round(&mut feed).unwrap_err(), "the server answers 503");
    answer_with(|_| Err(Error::Denied));
    assert!(round(&mut feed).unwrap_err().contains("not granted"));
}

#[test]
fn a_configuration_that_can_give_nothing_is_refused() {
    let refused = |config, instruments| JsonFeed::new(config, instruments).is_err();
    assert!(refused(Config { url: "ftp://x".into(), ..config() }, vec![btc_usdt()]));
    assert!(refused(Config { ask: String::new(), ..config() }, vec![btc_usdt()]));
    let (bid, ask) = (String::new(), String::new());
    assert!(refused(Config { bid, ask, ..config() }, vec![btc_usdt()]));
    assert!(refused(config(), Vec::new()) && refused(config(), vec![btc_usdt(), btc_usdt()]));
    let size = Decimal::parse("0.0000001").unwrap();
    assert!(refused(Config { size, ..config() }, vec![btc_usdt()]));
}
