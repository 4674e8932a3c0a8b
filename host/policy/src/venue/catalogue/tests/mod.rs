//! The catalogue against what was found in the documentation of the ten venues, and against what moves money.

mod logins;

use proptest::prelude::*;
use wickd_model::Side;

use super::*;
use crate::net::Target;
use crate::venue::forbidden_in_path;

/// Requests that move money out, change keys, lend, convert or give away, one or more for each venue.
const NEVER: [&str; 44] = [
    "POST /sapi/v1/capital/withdraw/apply",
    "POST /sapi/v1/asset/transfer",
    "POST /sapi/v1/sub-account/universalTransfer",
    "POST /sapi/v1/giftcard/createCode",
    "POST /sapi/v1/convert/acceptQuote",
    "POST /sapi/v1/loan/borrow",
    "POST /sapi/v2/loan/flexible/borrow",
    "POST /sapi/v1/simple-earn/flexible/subscribe",
    "POST /sapi/v1/staking/purchase",
    "POST /sapi/v1/c2c/orderMatch/listUserOrderHistory",
    "POST /sapi/v1/sub-account/subAccountApi/ipRestriction",
    "POST /api/v5/asset/withdrawal",
    "POST /api/v5/asset/convert/trade",
    "POST /api/v5/rfq/create-rfq",
    "POST /api/v5/rfq/execute-quote",
    "POST /api/v5/finance/savings/purchase-redempt",
    "POST /api/v5/finance/staking-defi/purchase",
    "POST /api/v5/users/subaccount/modify-apikey",
    "POST /v5/asset/withdraw/create",
    "POST /v5/asset/transfer/inter-transfer",
    "POST /v5/p2p/order/finish",
    "POST /v5/p2p/item/create",
    "POST /v5/user/update-api",
    "POST /v5/user/create-sub-api",
    "POST /v5/broker/award/distribute-award",
    "POST /v5/crypto-loan/borrow",
    "POST /v5/earn/place-order",
    "POST /v1/dw/withdraw/api/create",
    "POST /v2/sub-user/api-key-generation",
    "POST /api/v2/spot/wallet/withdrawal",
    "POST /api/v2/convert/trade",
    "POST /api/v2/earn/savings/subscribe",
    "POST /api/v1/sub/api-key",
    "POST /api/v2/sub/user/created",
    "POST /api/v3/accounts/universal-transfer",
    "POST /api/v1/earn/orders",
    "POST /api/v4/withdrawals",
    "POST /api/v4/loan/multi_collateral/orders",
    "POST /api/v4/earn/uni/lends",
    "POST /api/v3/capital/withdraw",
    "POST /exchange/v1/private/create-withdrawal",
    "POST /v2/auth/w/withdraw",
    "POST /v2/auth/w/token",
    "POST /v2/auth/w/funding/offer/submit",
];

fn order() -> Write {
    Write {
        does: Does::Create,
        product: Product::Perpetual,
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        price_scale: 2,
        size_scale: 5,
        side: Side::Buy,
        shape: Shape::Limit,
        reduce_only: false,
        price: 2_500_050,
        size: 2_000,
        client_id: "wab1x0x7".to_owned(),
        venue_id: String::new(),
    }
}

fn rights(name: &str) -> Rights {
    Rights::new(&Signing { catalogue: Catalogue::named(name).cloned(), own: Catalogue::default() })
}

fn origin(url: &str) -> Origin {
    Target::parse(url).unwrap().origin().clone()
}

fn local() -> Origin {
    origin("http://127.0.0.1:9")
}

/// Holds a request at a test address against an order.
fn held(
    name: &str,
    (method, path): (&str, &str),
    fields: &[(&str, &str)],
    write: &Write,
) -> Result<(), String> {
    held_by(&rights(name), (method, path), fields, write)
}

fn held_by(
    rights: &Rights,
    (method, path): (&str, &str),
    fields: &[(&str, &str)],
    write: &Write,
) -> Result<(), String> {
    let class = rights.class(&local(), method, path).map_err(|why| format!("{why:?}"))?;
    let Class::Trade(catalogue, lines) = class else { return Err("it reads".to_owned()) };
    let symbols = catalogue.symbols(write);
    let order = Order { write, symbols: &symbols, contract: Amount::read("0.01") };
    let known = Known {
        is_credential: &|_, _| false,
        signature: "",
        is_sealed: &|_| false,
        now_ms: 0,
        window_ms: 0,
        nonce: 0,
        name: "",
        order: Some(order),
    };
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let fields: Vec<_> = fields.iter().map(own).collect();
    agree(&lines, write, path, &fields, &known)
}

type Case = (&'static str, (&'static str, &'static str), Vec<(&'static str, &'static str)>);

/// The order above as each venue's own documents write it.
fn honest() -> Vec<Case> {
    vec![
        (
            "binance",
            ("POST", "/fapi/v1/order"),
            vec![
                ("symbol", "BTCUSDT"),
                ("side", "BUY"),
                ("type", "LIMIT"),
                ("timeInForce", "GTC"),
                ("quantity", "0.02"),
                ("price", "25000.5"),
                ("newClientOrderId", "wab1x0x7"),
                ("newOrderRespType", "ACK"),
            ],
        ),
        (
            "okx",
            ("POST", "/api/v5/trade/order"),
            vec![
                ("instId", "BTC-USDT-SWAP"),
                ("tdMode", "cross"),
                ("side", "buy"),
                ("ordType", "limit"),
                ("px", "25000.50"),
                ("sz", "2"),
                ("clOrdId", "wab1x0x7"),
            ],
        ),
        (
            "bybit",
            ("POST", "/v5/order/create"),
            vec![
                ("category", "linear"),
                ("symbol", "BTCUSDT"),
                ("side", "Buy"),
                ("orderType", "Limit"),
                ("qty", "0.02000"),
                ("price", "25000.5"),
                ("timeInForce", "GTC"),
                ("orderLinkId", "wab1x0x7"),
            ],
        ),
        (
            "htx",
            ("POST", "/v5/trade/order"),
            vec![
                ("contract_code", "BTC-USDT"),
                ("margin_mode", "cross"),
                ("side", "buy"),
                ("volume", "2"),
                ("type", "limit"),
                ("time_in_force", "gtc"),
                ("price", "25000.5"),
                ("client_order_id", "wab1x0x7"),
            ],
        ),
        (
            "bitget",
            ("POST", "/api/v2/mix/order/place-order"),
            vec![
                ("symbol", "BTCUSDT"),
                ("productType", "USDT-FUTURES"),
                ("marginMode", "crossed"),
                ("marginCoin", "USDT"),
                ("side", "buy"),
                ("orderType", "limit"),
                ("force", "GTC"),
                ("price", "25000.5"),
                ("size", "0.02"),
                ("clientOid", "wab1x0x7"),
            ],
        ),
        (
            "kucoin",
            ("POST", "/api/v1/orders"),
            vec![
                ("clientOid", "wab1x0x7"),
                ("side", "buy"),
                ("symbol", "XBTUSDTM"),
                ("type", "limit"),
                ("size", "2"),
                ("price", "25000.5"),
                ("leverage", "1"),
            ],
        ),
        (
            "gate",
            ("POST", "/api/v4/futures/usdt/orders"),
            vec![
                ("contract", "BTC_USDT"),
                ("size", "2"),
                ("price", "25000.5"),
                ("tif", "gtc"),
                ("text", "wab1x0x7"),
            ],
        ),
        (
            "mexc",
            ("POST", "/api/v1/private/order/create"),
            vec![
                ("symbol", "BTC_USDT"),
                ("side", "1"),
                ("openType", "2"),
                ("vol", "2"),
                ("type", "1"),
                ("price", "25000.5"),
                ("externalOid", "wab1x0x7"),
            ],
        ),
        (
            "cryptocom",
            ("POST", "/exchange/v1/private/create-order"),
            vec![
                ("params.instrument_name", "BTCUSDT-PERP"),
                ("params.side", "BUY"),
                ("params.quantity", "0.02"),
                ("params.price", "25000.5"),
                ("params.type", "LIMIT"),
                ("params.client_oid", "wab1x0x7"),
            ],
        ),
        (
            "bitfinex",
            ("POST", "/v2/auth/w/order/submit"),
            vec![
                ("symbol", "tBTCF0:USTF0"),
                ("amount", "0.02"),
                ("price", "25000.5"),
                ("type", "LIMIT"),
                ("flags", "0"),
                ("cid", "wab1x0x7"),
            ],
        ),
    ]
}

#[test]
fn the_data_of_every_venue_is_read_without_a_fault() {
    for (name, text) in DATA {
        let (node, mut problems) =
            (parse(&worded(text, |_| None), BYTES_MAX).unwrap(), Problems::default());
        let read = Catalogue::read(name, &node, &mut problems);
        let told: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
        assert!(told.is_empty() && read.is_some(), "{name}: {told:#?}");
        let known = Catalogue::named(name).unwrap();
        assert!(!known.reads.is_empty() && !known.writes.is_empty(), "{name}");
    }
    assert_eq!(Catalogue::names().count(), KNOWN.len());
}

#[test]
fn nothing_that_moves_money_out_or_changes_keys_is_in_any_catalogue_or_may_be_written_into_one() {
    for line in NEVER {
        let (method, path) = line.split_once(' ').unwrap();
        assert!(forbidden_in_path(path).is_some(), "{path}");
        for (name, _) in DATA {
            let class = rights(name).class(&local(), method, path).map(|_| ());
            assert_eq!(class, Err(Unsignable::Unlisted), "{name}: {line}");
        }
        let mut problems = Problems::default();
        let text = format!("read: ['{line}']");
        Catalogue::read("own", &parse(&text, 1 << 10).unwrap(), &mut problems);
        let told = problems.into_sorted().first().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains("nothing that moves money out"), "{line}: {told}");
    }
}

#[test]
fn a_path_that_trades_trades_whatever_a_line_of_the_operators_calls_it() {
    let mut problems = Problems::default();
    let node = parse("read: ['POST /fapi/v1/order', 'GET /fapi/v1/mine']", 1 << 10).unwrap();
    let own = Catalogue::read("own", &node, &mut problems).unwrap();
    let signing = Signing { catalogue: Catalogue::named("binance").cloned(), own };
    let rights = Rights::new(&signing);
    let class =
        |rights: &Rights, method: &str, path: &str| match rights.class(&local(), method, path) {
            Ok(Class::Read(_)) => "read",
            Ok(Class::Trade(..)) => "trade",
            Err(Unsignable::Withheld) => "withheld",
            Err(Unsignable::Unlisted) => "unlisted",
        };
    assert_eq!(class(&rights, "POST", "/fapi/v1/order"), "trade");
    assert_eq!(class(&rights, "GET", "/fapi/v1/mine"), "read");
    for odd in [
        "/fapi/v1/order/",
        "/fapi//v1/order",
        "/FAPI/v1/order",
        "/fapi/v1/../v1/order",
        "/fapi/v1/%6frder",
    ] {
        assert_eq!(class(&rights, "POST", odd), "unlisted", "{odd}");
    }
    let less = rights.without_trade();
    assert_eq!(class(&less, "POST", "/fapi/v1/order"), "withheld");
    assert_eq!(class(&less, "GET", "/fapi/v1/order"), "read");
    assert!(!less.trades());
}

#[test]
fn the_address_says_which_venue_it_is_and_the_operators_word_only_where_the_host_knows_none() {
    let rights = rights("okx");
    let class = |url: &str, method, path| rights.class(&origin(url), method, path).is_ok();
    assert!(class("https://api.binance.com", "POST", "/api/v3/order"));
    assert!(!class("https://api.binance.com", "POST", "/api/v5/trade/order"));
    assert!(class("http://127.0.0.1:9", "POST", "/api/v5/trade/order"));
    assert!(!class("https://api.binance.com.evil.example", "POST", "/api/v3/order"));
}

#[test]
fn the_order_itself_agrees_with_its_request_at_every_venue() {
    for (name, at, fields) in honest() {
        assert_eq!(held(name, at, &fields, &order()), Ok(()), "{name}");
    }
}

#[test]
fn a_request_that_says_anything_else_than_the_order_is_refused_by_field() {
    for (name, at, fields) in honest() {
        // Each field by itself: another value, left out, doubled.
        for place in 0..fields.len() {
            let field = fields[place].0;
            for other in ["10", "0.2", "0.020001", "SELL", "sell", "Sell", "MARKET", "ETHUSDT", ""]
            {
                let mut odd = fields.clone();
                odd[place].1 = other;
                let told = held(name, at, &odd, &order());
                assert!(told.is_err(), "{name}: {field} = {other}");
            }
            let mut odd = fields.clone();
            odd.push(fields[place]);
            assert!(held(name, at, &odd, &order()).is_err(), "{name}: {field} twice");
            let mut odd = fields.clone();
            odd.remove(place);
            let optional = ["newOrderRespType", "leverage", "tif"].contains(&field);
            assert_eq!(held(name, at, &odd, &order()).is_ok(), optional, "{name}: no {field}");
        }
        // And one that is no part of it.
        for extra in
            ["quoteOrderQty", "stopPrice", "leverage_", "sz2", "attachAlgoOrds.0.sz", "iceberg"]
        {
            let mut odd = fields.clone();
            odd.push((extra, "10"));
            let told = held(name, at, &odd, &order()).unwrap_err();
            assert!(told.contains(extra) && told.contains("no part of the order"), "{told}");
        }
        // The same request for another order.
        let base = order();
        for other in [
            Write { size: base.size + 1, ..base.clone() },
            Write { price: base.price - 1, ..base.clone() },
            Write { side: Side::Sell, ..base.clone() },
            Write { shape: Shape::Market, price: 0, ..base.clone() },
            Write { shape: Shape::Ioc, ..base.clone() },
            Write { shape: Shape::PostOnly, ..base.clone() },
            Write { reduce_only: true, ..base.clone() },
            Write { client_id: "wab1x0x8".to_owned(), ..base.clone() },
            Write { base: "ETH".to_owned(), ..base.clone() },
            Write { does: Does::Cancel, ..base.clone() },
        ] {
            assert!(held(name, at, &fields, &other).is_err(), "{name}: {other:?}");
        }
    }
}

#[test]
fn sizes_in_contracts_are_those_that_the_venue_itself_has_told() {
    let okx = Catalogue::named("okx").unwrap();
    let body = br#"{"code":"0","data":[{"instId":"BTC-USDT","ctVal":"","ctMult":""},
        {"instId":"BTC-USDT-SWAP","ctVal":"0.01","ctMult":"1"},{"instId":"X","ctVal":"-1","ctMult":"1"}]}"#;
    let path = "/api/v5/public/instruments";
    let sizes = okx.contract_sizes("GET", path, body);
    assert_eq!(sizes, [("BTC-USDT-SWAP".to_owned(), Amount::read("0.01").unwrap())]);
    assert!(okx.contract_sizes("GET", "/api/v5/market/ticker", body).is_empty());
    assert!(okx.contract_sizes("GET", path, b"<html>").is_empty());
    let gate = Catalogue::named("gate").unwrap();
    let body = br#"[{"name":"BTC_USDT","quanto_multiplier":"0.0001"}]"#;
    assert_eq!(gate.contract_sizes("GET", "/api/v4/futures/usdt/contracts", body).len(), 1);
}

#[test]
fn a_plain_venue_is_spoken_to_in_the_operators_words() {
    let setting = |key: &str, value: &str| Setting {
        key: key.to_owned(),
        value: value.to_owned(),
        key_place: Default::default(),
        value_place: Default::default(),
    };
    let settings = [
        setting("market.symbol", "pair"),
        setting("order.client_id", "cid"),
        setting("order.buy", "BID"),
        // Anything but a plain word is none.
        setting("order.size", "a|b<size>"),
    ];
    let own = Catalogue::in_words("generic-rest", &settings).unwrap();
    let write = Write { product: Product::Spot, ..order() };
    let rights = Rights::new(&Signing { catalogue: Some(own), ..Signing::default() });
    let at = ("POST", "/v1/order");
    let fields = [
        ("pair", "BTC_USDT"),
        ("cid", "wab1x0x7"),
        ("side", "BID"),
        ("size", "0.02"),
        ("price", "25000.50"),
        ("timeInForce", "GTC"),
    ];
    assert_eq!(held_by(&rights, at, &fields, &write), Ok(()));
    let told = held("generic-rest", at, &fields, &write).unwrap_err();
    assert!(told.contains("`symbol` is missing"), "{told}");
}

#[test]
fn a_line_that_leaves_a_part_of_the_order_to_the_adapter_is_no_line() {
    let whole = "trade: [{at: POST /v1/order, does: create, fields: {s: <symbol>, d: '<side:b|s>', q: <size>, i: <client-id>}, limit: {p: <price>}}]";
    let told = |text: &str| {
        let mut problems = Problems::default();
        Catalogue::read("own", &parse(text, 1 << 12).unwrap(), &mut problems);
        problems.into_sorted().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(told(whole).is_empty(), "{:?}", told(whole));
    for (part, want) in [
        ("s: <symbol>, ", "the market"),
        ("d: '<side:b|s>', ", "the side"),
        ("q: <size>, ", "the size"),
        (", i: <client-id>", "the client id"),
        ("p: <price>", "the price"),
        (", limit: {p: <price>}", "what kind of order"),
    ] {
        let told = told(&whole.replace(part, ""));
        assert!(told.iter().any(|line| line.contains(want)), "{part}: {told:?}");
    }
}

proptest! {
    #[test]
    fn no_line_of_an_operator_panics(text in "[<>a-z/|: {}\\[\\]'?*-]{0,60}") {
        for key in ["read", "trade", "logins", "headers", "signed", "symbols", "contracts"] {
            if let Ok(node) = parse(&format!("{key}: {text}"), 1 << 10) {
                Catalogue::read("own", &node, &mut Problems::default());
            }
        }
    }
}
