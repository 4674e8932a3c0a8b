use proptest::prelude::*;

use super::*;
use crate::net::Host;
use crate::yaml::{NodeKind, parse};

/// The ten venues of the reference.
const TEN: &str = include_str!("ten.yaml");

const GOOD: &str = "endpoints: {rest: 'https://api.example.org/v1'}
credentials: [key, secret]
recipes:
  signed:
    endpoints: [rest]
    prehash: '<ts:ms><method><target><body>'
    mac: hmac-sha256
    form: hex
    headers: {X-KEY: '<key>', X-SIGN: '<signature>'}
    read: [GET /account]
    trade: [POST /orders, DELETE /orders/*]
buckets:
  weight: {shape: fixed, capacity: 100, window_ms: 1000, scope: ip, used_header: X-Used}
client_id: {length_max: 20, charset: a-z0-9-, prefix: w-}
";

fn read(yaml: &str) -> (VenueManifest, Vec<String>) {
    let (node, mut problems) = (parse(yaml, 1 << 16).unwrap(), Problems::default());
    let venue = Fields::of(&node, &VenueManifest::KEYS, &mut problems)
        .map(|fields| VenueManifest::read(&fields, &mut problems));
    let told = problems.into_sorted().iter().map(ToString::to_string).collect();
    (venue.unwrap_or_default(), told)
}

#[test]
fn the_ten_venues_are_expressible() {
    let NodeKind::Map(venues) = parse(TEN, 1 << 16).unwrap().kind else { panic!("no map") };
    assert_eq!(venues.len(), 10);
    for (name, node) in &venues {
        let mut problems = Problems::default();
        let fields = Fields::of(node, &VenueManifest::KEYS, &mut problems).unwrap();
        let venue = VenueManifest::read(&fields, &mut problems);
        let told: Vec<_> = problems.into_sorted().iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}: {told:#?}", name.text);
        assert!(!venue.recipes.is_empty() && venue.client_id.is_some(), "{}", name.text);
    }
}

#[test]
fn a_whole_venue_is_read() {
    let (venue, told) = read(GOOD);
    assert!(told.is_empty(), "{told:?}");
    let rest = venue.endpoint("rest").unwrap();
    assert_eq!(rest.origin.host, Host::Name("api.example.org".into()));
    assert_eq!((rest.origin.port, rest.base.as_str()), (443, "/v1"));
    let recipe = venue.recipe("signed").unwrap();
    assert_eq!(recipe.class("GET", "/account"), Some(PathClass::Read));
    assert_eq!(recipe.class("DELETE", "/orders/7"), Some(PathClass::Trade));
    for (method, path) in
        [("POST", "/account"), ("DELETE", "/orders/7/8"), ("DELETE", "/orders/"), ("GET", "/")]
    {
        assert_eq!(recipe.class(method, path), None, "{method} {path}");
    }
    assert_eq!(venue.buckets[0].used_header.as_deref(), Some("x-used"));
    let rule = venue.client_id.unwrap();
    assert!(rule.admits("w-12x7"));
    for id in ["", "w-", "12x7", "w-A", "w-\u{e9}", "w-0123456789012345678"] {
        assert!(!rule.admits(id), "{id}");
    }
}

#[test]
fn every_fault_of_a_venue_is_told_with_place_reason_and_fix() {
    let table = [
        ("https://api.example.org/v1", "https://me:pw@api.example.org", "userinfo"),
        ("https://api.example.org/v1", "https://api.example.org?x=1", "a query"),
        ("https://api.example.org/v1", "https://api.example.org/#x", "a fragment"),
        ("https://api.example.org/v1", "ftp://api.example.org", "another scheme"),
        ("{rest: 'https", "{Rest: 'https", "`Rest` is no name"),
        ("[key, secret]", "[key, key, secret]", "`key` is no name, or taken"),
        ("[key, secret]", "[key, secret, body]", "`body` is no name, or taken"),
        ("[key, secret]", "[key]", "`secret` keys the MAC and is no credential"),
        ("[rest]", "[rset]", "unknown value `rset`; did you mean `rest`?"),
        ("[rest]", "[]", "bound to no endpoint"),
        ("<method>", "<mehtod>", "nothing is called `<mehtod>` here; did you mean `method`?"),
        ("<method>", "<secret>", "nothing is called `<secret>` here"),
        ("<method>", "<signature>", "the signature would sign itself"),
        ("<method>", "<method", "nothing is called"),
        ("<ts:ms>", "<ts:ms+999999>", "nothing is called"),
        ("<ts:ms>", "<nonce+5>", "nothing is called"),
        ("<body>'", "<body>/with<key>draw'", "it names `withdraw`"),
        ("hmac-sha256", "md5", "unknown value `md5`"),
        ("<signature>'}", "x'}", "the signature goes nowhere"),
        ("X-KEY", "Host", "a header that is the host's"),
        ("X-KEY", "X KEY", "`X KEY` is no name here"),
        ("X-KEY", "x-sign", "is no name here"),
        ("'<key>'", "'<body>'", "a header that may hold a line end"),
        ("'<key>'", "\"a\\nb\"", "a header that may hold a line end"),
        ("    read:", "    frame: '{<signature>}'\n    read:", "a login and a request in one"),
        ("    read:", "    login: read\n    read:", "a login without a `frame`"),
        ("    read:", "    also: {x: '<body>'}\n    read:", "a second MAC over something"),
        ("    read:", "    also: {key: '<key>'}\n    read:", "`key` is no name here"),
        ("    read:", "    params: {s: '<signature>'}\n    read:", "before it is made"),
        ("GET /account", "GET account", "no plain path"),
        ("GET /account", "get /account", "another method"),
        ("GET /account", "GET /*", "no plain path"),
        ("GET /account", "GET /a/*/b", "no plain path"),
        ("GET /account", "GET /a?b=1", "no plain path"),
        ("shape: fixed", "shape: leaky", "unknown value `leaky`"),
        ("capacity: 100", "capacity: 0", "from 1 to 10000000"),
        ("scope: ip", "scpoe: ip", "did you mean `scope`?"),
        ("X-Used", "'X Used'", "no such name"),
        ("length_max: 20", "length_max: 65", "from 1 to 64"),
        ("charset: a-z0-9-", "charset: z-a", "runs backwards"),
        ("prefix: w-", "prefix: W-", "`prefix` is not made of `charset`"),
    ];
    for (from, to, want) in table {
        assert!(GOOD.contains(from), "{from}");
        let (_, told) = read(&GOOD.replacen(from, to, 1));
        let found = told.iter().any(|line| line.contains(want) && line.starts_with("line "));
        assert!(found, "{from} -> {to}: {told:#?}");
        assert!(told.iter().all(|line| !line.contains("pw@")), "{told:?}");
    }
}

#[test]
fn no_recipe_lists_a_way_for_money_to_leave() {
    for path in [
        "/sapi/v1/capital/withdraw/apply",
        "/sapi/v1/asset/transfer",
        "/sapi/v1/sub-account/universalTransfer",
        "/sapi/v1/futures/transfer",
        "/sapi/v1/giftcard/createCode",
        "/sapi/v1/pay/transactions",
        "/wapi/v3/x.html",
        "/api/v5/asset/withdrawal",
        "/api/v5/asset/transfer",
        "/v5/asset/transfer/inter-transfer",
        "/v5/asset/withdraw/create",
        "/v1/dw/withdraw/api/create",
        "/v1/dw/anything",
        "/v1/subuser/transfer",
        "/linear-swap-api/v1/swap_master_sub_transfer",
        "/api/v2/spot/wallet/withdrawal",
        "/api/v2/accounts/inner-transfer",
        "/api/v1/transfer-out",
        "/withdrawals",
        "/wallet/transfers",
        "/wallet/sub_account_transfers",
        "/api/v3/capital/withdraw",
        "/private/create-withdrawal",
        "/private/create-subaccount-transfer",
        "/v2/auth/w/withdraw",
        "/v2/auth/w/transfer",
        // The same in disguise.
        "/api/WithDraw",
        "/api/with-draw",
        "/api/with_draw",
        "/api/with/draw",
        "/api/w%69thdraw",
        "/api/w%2569thdraw",
        "/api/%77%69%74%68%64%72%61%77",
        "/api/sub.account",
        "/api/with\\u0064raw",
    ] {
        assert!(forbidden(path).is_some(), "{path}");
        let (venue, told) = read(&GOOD.replace("GET /account", &format!("GET {path}")));
        assert!(told.iter().any(|line| line.contains("moves money out")), "{path}: {told:?}");
        assert_eq!(venue.recipe("signed").and_then(|r| r.class("GET", path)), None, "{path}");
    }
    for harmless in ["/api/v3/account", "/payload", "/v5/order/create", "/spot/orders/t-7"] {
        assert_eq!(forbidden(harmless), None, "{harmless}");
    }
}

proptest! {
    #[test]
    fn no_venue_panics(from in 0usize..500, text in "[<>{}\\[\\]:, '\"a-z/*-]{0,12}") {
        let mut yaml = GOOD.to_owned();
        let from = from.min(yaml.len());
        yaml.replace_range(from..(from + text.len()).min(yaml.len()), &text);
        if let Ok(node) = parse(&yaml, 1 << 16) {
            let mut problems = Problems::default();
            if let Some(fields) = Fields::of(&node, &VenueManifest::KEYS, &mut problems) {
                VenueManifest::read(&fields, &mut problems);
            }
        }
    }

    #[test]
    fn a_forbidden_word_is_found_however_it_is_encoded(rounds in 0usize..4, upper: bool) {
        let mut text = if upper { "WITHDRAW".to_owned() } else { "withdraw".to_owned() };
        for _ in 0..rounds {
            let encode = |byte: u8| match byte {
                b'%' => "%25".to_owned(),
                byte if rounds == 1 => format!("%{byte:02x}"),
                byte => char::from(byte).to_string(),
            };
            text = text.bytes().map(encode).collect::<String>().replacen('i', "%69", 1);
        }
        prop_assert_eq!(forbidden(&format!("/a/{text}/b")), Some("withdraw"));
    }
}
