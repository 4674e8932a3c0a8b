//! Signatures that others have published or computed.

use super::*;

type Vector = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    (&'static str, &'static str, u64),
    &'static str,
    &'static str,
);

/// Venue, recipe, endpoint, method, path, query, body; key, secret, time; where the result is, result.
#[rustfmt::skip]
const VECTORS: [Vector; 31] = [
    // Published, or from third parties' own tests.
    ("binance", "documented", "rest", "POST", "/api/v3/order", "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1", "", ("k", "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j", 1_499_827_319_559), "?signature", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    ("gate", "signed", "rest", "GET", "/futures/orders", "contract=BTC_USD&status=finished&limit=50", "", ("k", "secret", 1_541_993_715_000), "SIGN", "55f84ea195d6fe57ce62464daaa7c3c02fa9d1dde954e4c898289c9a2407a3d6fb3faf24deff16790d726b66ac9f74526668b13bd01029199cc4fcc522418b8a"),
    ("gate", "signed", "rest", "POST", "/futures/orders", "", r#"{"contract":"BTC_USD","type":"limit","size":100,"price":6800,"time_in_force":"gtc"}"#, ("k", "secret", 1_541_993_715_000), "SIGN", "eae42da914a590ddf727473aff25fc87d50b64783941061f47a3fdb92742541fc4c2c14017581b4199a1418d54471c269c03a38d788d802e2c306c37636389f0"),
    ("okx", "signed", "rest", "GET", "/api/v5/account/balance", "", "", ("k", "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO", 1_607_418_537_715), "OK-ACCESS-SIGN", "PJ61e1nb2F2Qd7D8SPiaIcx2gjdELc+o0ygzre9z33k="),
    ("bybit", "signed", "rest", "GET", "/v5/position/list", "category=linear&symbol=BTCUSDT", "", ("test_api_key", "test_secret", T), "X-BAPI-SIGN", "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7"),
    ("bybit", "login-now", "private", "", "", "", "", ("k", "test_secret", T), "{", "bacffe7500499eb829bb58c45d36d1b3e5ac67c14eaeba91df5e99ccee013925"),
    // Synthetic.
    ("binance", "signed", "rest", "POST", "/api/v3/order", "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.001&price=25000", "", ("key", "secretsecret", T), "?signature", "a96f3aed09e6662388d9a0342a1d953434a196cb63c3ef46a33de29f6d425a04"),
    ("okx", "signed", "rest", "POST", "/api/v5/trade/order", "", r#"{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"limit","px":"25000","sz":"0.001"}"#, ("key", "secretsecret", T), "OK-ACCESS-SIGN", "/+ehaCZiGh4Y5/wpISCoOgwNSxWWkhEzrV4Es5bOyZk="),
    ("okx", "signed", "rest", "GET", "/api/v5/account/balance", "ccy=USDT", "", ("key", "secretsecret", T), "OK-ACCESS-SIGN", "iWNnmEJAf44H9vQ4Md/7JrxC4XWHzqtamoVCX2coJmY="),
    ("okx", "login", "private", "", "", "", "", ("key", "secretsecret", T), "{", "mKpVzoo3Xr8MCo7nkBiqYDBHHy2c9IA3M0nV1T25dEU="),
    ("bybit", "signed", "rest", "POST", "/v5/order/create", "", r#"{"category":"spot","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.001","price":"25000"}"#, ("key", "secretsecret", T), "X-BAPI-SIGN", "c1783004180d3b7bc7fb896125cfabce6f99a178ba60a9e36e28d687e12be10e"),
    ("bybit", "signed", "rest", "GET", "/v5/account/wallet-balance", "accountType=UNIFIED", "", ("key", "secretsecret", T), "X-BAPI-SIGN", "43e2b7f0e775e6968592a09e4a1654bb0b95179fd1c3713d7d4dcec2485ece94"),
    ("bybit", "login", "private", "", "", "", "", ("key", "secretsecret", T), "{", "608fae6ce2f9cda7d3c3dfc11e4a0dfbb3372b1216a6fc1033444266c17a8ead"),
    ("htx", "signed", "rest", "GET", "/v1/account/accounts", "", "", ("key", "secretsecret", T), "?Signature", "3AmVsJpx8MH5ndlqK1yewA0VG08LoNRUImLGqLMk7D8="),
    ("htx", "login", "private", "", "", "", "", ("key", "secretsecret", T), "{", "hhP/LLms50FnFq9Zi6mP9sy90ywKsd08z9B53woknz4="),
    ("bitget", "signed", "rest", "POST", "/api/v2/spot/trade/place-order", "", r#"{"symbol":"BTCUSDT","side":"buy","orderType":"limit","force":"gtc","price":"25000","size":"0.001"}"#, ("key", "secretsecret", T), "ACCESS-SIGN", "uFGNsX9btmvrr72UhDcgYfOHCvxzPDQPln3qe3xSmmo="),
    ("bitget", "signed", "rest", "GET", "/api/v2/spot/account/assets", "coin=USDT", "", ("key", "secretsecret", T), "ACCESS-SIGN", "/Z3gRLiBpNvHGXDWj50J6KTT5LVMEs0VWKa36W9bl/M="),
    ("bitget", "login", "private", "", "", "", "", ("key", "secretsecret", T), "{", "NH0etvqZrbJV95ETK8htuUaCYc520Nn0sTUDYjkofCE="),
    ("kucoin", "signed", "rest", "POST", "/api/v1/hf/orders", "", r#"{"clientOid":"c1","side":"buy","symbol":"BTC-USDT","type":"limit","price":"25000","size":"0.001"}"#, ("key", "secretsecret", T), "KC-API-SIGN", "5q0uFwAPNhmiMCahzRvTgO4dNGcN7JPRooTgSbb4SEM="),
    ("kucoin", "signed", "rest", "POST", "/api/v1/hf/orders", "", "", ("key", "secretsecret", T), "KC-API-PASSPHRASE", "83BSnDgvVG77/EMM4JKOwnmF2++4sF+VMRXPHSOlxDo="),
    ("gate", "signed", "rest", "GET", "/spot/accounts", "currency=USDT", "", ("key", "secretsecret", T), "SIGN", "82c64b08e80fee63323c00eab78c87b79ee5ea16b3f2709080f78fa440a55542f6c3fc6b7448fbff350f9ff0a8eb1380b29b93c21c04190c9260a40d1a0d902d"),
    ("gate", "signed", "rest", "POST", "/spot/orders", "", r#"{"currency_pair":"BTC_USDT","type":"limit","account":"spot","side":"buy","amount":"0.001","price":"25000"}"#, ("key", "secretsecret", T), "SIGN", "b6787d8a617177b71e0dc87319c53762b1f300a530f9c79145420ed2f98a0983f4ecefeaed6b47ecdeb8620d457c095e202707c7f8f18dc917b29c88053bc3db"),
    ("gate", "subscribe", "stream", "", "", "channel=spot.orders&market=BTC_USDT", "", ("key", "secretsecret", T), "{", "de8774749974b19b0074a8c70633a0030eed0fe76f60610b1a62aed6fa3921c7cd9bc84f1c8772998b913f50998b77a806715c1a9b405d1846193e8972730ae0"),
    ("mexc", "signed", "rest", "POST", "/api/v3/order", "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.001&price=25000", "", ("key", "secretsecret", T), "?signature", "c968b4048389af529e6ccdef9d4d760c4dd33314f7ef378f7eade4ae551e8b07"),
    ("mexc", "perps", "perps", "POST", "/api/v1/private/order/create", "", r#"{"symbol":"BTC_USDT","vol":1,"type":1,"openType":2,"price":25000,"side":1}"#, ("key", "secretsecret", T), "Signature", "e91dc4179b7706e6bdafdee776f3ffde7f7c79d15cd636ff8d3e61c24da1e287"),
    ("cryptocom", "signed", "rest", "POST", "/private/create-order", "", r#"{"type":"LIMIT","instrument_name":"BTC_USDT","price":"25000","quantity":"0.001","side":"BUY"}"#, ("key", "secretsecret", T), "{", "d3ed706b0af4d7da9d969e3b5fe8df1ffcc62ec32574091bfc1a294f2eee5b45"),
    ("cryptocom", "login", "user", "", "", "", "", ("key", "secretsecret", T), "{", "3a00973c29bf966796d26a540102dc0a8bdfa6598fbb0953cf131fe48d8dc835"),
    ("bitfinex", "signed", "rest", "POST", "/v2/auth/w/order/submit", "", r#"{"type":"EXCHANGE LIMIT","symbol":"tBTCUST","amount":"0.001","price":"25000"}"#, ("key", "secretsecret", T), "bfx-signature", "47ac64d425e571479d329ff34c256a0c867916916986a5cb1bc4326a84f3d83a562b4044a2f43dfdb25f7a51ce1f6be3"),
    ("bitfinex", "login", "stream", "", "", "", "", ("key", "secretsecret", T), "{", "386f51bf23ab140ea3e2d227dd631b74e6b435e24c5eb513053e8ec7d7c9d35199f4f29369b72daa795694b56f1bd6ad"),
    // The same through the other endpoint a recipe is bound to.
    ("kucoin", "signed", "futures", "POST", "/api/v1/hf/orders", "", r#"{"clientOid":"c1","side":"buy","symbol":"BTC-USDT","type":"limit","price":"25000","size":"0.001"}"#, ("key", "secretsecret", T), "KC-API-SIGN", "5q0uFwAPNhmiMCahzRvTgO4dNGcN7JPRooTgSbb4SEM="),
    ("htx", "signed", "rest", "POST", "/v1/order/orders/place", "", r#"{"account-id":"1"}"#, ("key", "secretsecret", T), "Content-Type", "application/json"),
];

#[test]
fn every_vector_comes_out_of_its_recipe() {
    for (name, recipe, endpoint, method, path, query, body, (key, secret, ms), at, want) in VECTORS
    {
        let (venue, query) = (venue(name), pairs(query));
        let slot = slot_for(&venue, key, secret, "trade");
        let body = body.as_bytes();
        let (headers, order) = (&[], None);
        let draft = Draft { recipe, endpoint, method, path, query: &query, headers, body, order };
        let moment = Moment { venue_ms: ms, nonce: ms, recv_ms: 5_000 };
        let signer = signer(name, slot);
        let found = if method.is_empty() {
            signer.login(&venue, &draft, moment).unwrap().frame.to_string()
        } else {
            let (recipe, endpoint) = signer.bound(&venue, &draft).unwrap();
            let request = assemble(recipe, endpoint, signer.slot(), &draft, moment).unwrap();
            let header = |name: &str| {
                let found = request.headers.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            match (at.strip_prefix('?'), at) {
                (Some(param), _) => {
                    let query = request.target.query().unwrap_or_default();
                    let (before, last) = query.rsplit_once('&').unwrap();
                    assert!(!before.contains(&format!("{param}=")), "{name}: not once");
                    let value = last.strip_prefix(&format!("{param}=")).unwrap();
                    value.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=")
                }
                (_, "{") => String::from_utf8(request.body.clone()).unwrap(),
                (_, at) => header(at),
            }
        };
        match at {
            "{" => assert!(found.contains(&format!("\"{want}\"")), "{name} {recipe}: {found}"),
            _ => assert_eq!(found, want, "{name} {recipe} {method}"),
        }
    }
}
