//! Adapters that lie to the host about what they do, at a real venue's doors: each under a real adapter's
//! manifest, perhaps changed, and with one lie. Nothing that was not ordered reaches the venue, every lie
//! is told by code and with a fix, and the same adapter without a lie trades.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;

use daemon::Daemon;
use rig::{BINANCE, BYBIT, Dialect, OKX, Rig, manifest, patient, under_manifest};
use rust_decimal::Decimal;
use serde_json::Value;
use wickd_venue::Config;
use wickd_venue::engine::Order;

/// One adapter and its lie.
struct Case {
    /// The venue it stands at; its instrument and strategy are named by its number.
    name: &'static str,
    tries: &'static str,
    perpetual: bool,
    /// What its manifest claims otherwise: text for text.
    claims: Vec<(&'static str, &'static str)>,
    /// How it is told.
    code: &'static str,
    /// What stands in the line that tells it.
    says: &'static str,
}

fn lie(tries: &'static str, perpetual: bool, says: &'static str) -> Case {
    let (claims, code) = (Vec::new(), "request-breach");
    Case { name: tries, tries, perpetual, claims, code, says }
}

/// The lies that need no word of the manifest, at either product.
fn plain(perpetual: bool) -> Vec<Case> {
    let all = match perpetual {
        true => [
            ("size", "should be"),
            ("client-id", "should be"),
            ("limit", "should be"),
            ("symbol", "should be"),
            ("twice", "stands twice"),
            ("price", "should be"),
        ],
        false => [
            ("side", "should be"),
            ("extra", "no part of the order"),
            ("market", "should be"),
            ("cased", ""),
            ("size", "should be"),
            ("symbol", "should be"),
        ],
    };
    all.map(|(tries, says)| lie(tries, perpetual, says)).into()
}

/// The lies of a manifest: an order among what reads, another frame for the login, a secret in the open.
fn claimed(
    batch: &'static str,
    login: [(&'static str, &'static str); 3],
    secret: [Vec<(&'static str, &'static str)>; 2],
    perpetual: bool,
) -> Vec<Case> {
    let mut all = vec![
        // Every path that trades is claimed to read.
        Case { claims: vec![("    trade:\n", "")], ..lie("ask", perpetual, "asked a question") },
        Case {
            name: "ask-elsewhere",
            claims: vec![("    read:\n", batch)],
            code: "request-refused",
            ..lie("ask-elsewhere", perpetual, "no catalogue lists")
        },
        Case { code: "request-refused", ..lie("ask-money", perpetual, "names") },
    ];
    let frames = ["login-order", "login-more", "login-secret"].into_iter().zip(login);
    all.extend(frames.map(|(name, frame)| Case {
        name,
        claims: vec![frame],
        code: "socket-refused",
        ..lie("login", perpetual, "is no login of this venue")
    }));
    let secrets = ["secret-query", "secret-body"].into_iter().zip(secret);
    all.extend(secrets.map(|(name, claims)| Case {
        name,
        claims,
        ..lie("ask-secret", perpetual, "secret")
    }));
    all
}

/// Starts one daemon with an adapter for every case and one that does not lie; waits until each lie was
/// told and the honest one has traded.
fn nothing_moves(dialect: &Dialect, cases: &[Case], perpetual: bool) {
    let venue = Config { events_per_s: 100, limits: patient(), ..Config::default() };
    let rig = Rig::new(dialect, venue, &["trader", "maker"], "[]\n");
    let honest = Case { code: "", name: "honest", ..lie("nothing", perpetual, "") };
    let path = rig.stage.dir().join("wickd.yaml");
    let written = std::fs::read_to_string(&path).expect("it was written");
    let (mut instruments, mut venues, mut strategies) =
        (String::new(), String::new(), String::new());
    let within = |text: &str, from: &str, to: &str| -> String {
        let rest = text.split_once(from).map(|(_, rest)| rest).expect(from);
        rest.split_once(to).map(|(inside, _)| inside).expect(to).to_owned()
    };
    // Addresses and grants are those of the rig.
    let rest = within(&written, "    recv_window_ms: 2000\n", "strategies:");
    for (number, case) in cases.iter().chain([&honest]).enumerate() {
        let name = case.name;
        let mut text =
            manifest(dialect.adapter).replacen(dialect.adapter, &format!("impostor-{name}"), 1);
        for (from, to) in &case.claims {
            assert!(text.contains(from), "{name}: {from}");
            text = text.replacen(from, to, 1);
        }
        rig.stage.drop_bytes(&format!("{name}.wasm"), &under_manifest("impostor", &text));
        let product = if case.perpetual { "perpetual" } else { "spot" };
        instruments += &format!(
            "  BTC-USDT-N{number}: {{venue: {name}, product: {product}, price_scale: 2, size_scale: 5, min_qty: 0.00001}}\n"
        );
        venues += &format!(
            "  {name}:\n    plugin: impostor-{name}\n    catalogue: {adapter}\n    credentials: test\n    trade: true\n    risk: {{loss_day_max: none}}\n    config: {{dialect: {adapter}, perpetual: {perpetual}, tries: {tries}}}\n    recv_window_ms: 2000\n{rest}",
            adapter = dialect.adapter,
            perpetual = case.perpetual,
            tries = case.tries,
        );
        // Nobody orders more than this.
        let size = if name == "honest" { "0.001" } else { "0.003" };
        let rests = ["market", "price"].contains(&case.tries);
        let (plugin, config) = match rests {
            true => ("maker", format!("{{every: 4, patience: 10, size: {size}}}")),
            false => ("trader", format!("{{every: 4, size: {size}}}")),
        };
        strategies += &format!(
            "  - name: s{number}\n    plugin: {plugin}\n    instruments: [BTC-USDT-N{number}]\n    config: {config}\n    risk: {{orders_per_second: 1000}}\n"
        );
    }
    let head = written.split_once("instruments:").map(|(head, _)| head).expect("it has some");
    let text =
        format!("{head}instruments:\n{instruments}venues:\n{venues}strategies:\n{strategies}");
    std::fs::write(&path, text).expect("a temporary file");

    let mut daemon = Daemon::start(&rig.stage);
    let of = |line: &Value, name: &str| {
        line["text"].as_str().is_some_and(|text| text.starts_with(&format!("{name}: ")))
    };
    for case in cases {
        let number = daemon.wait_from(0, &format!("{}: {}", case.name, case.code), |line| {
            line["code"] == case.code && of(line, case.name) && line.to_string().contains(case.says)
        });
        let fix = daemon.said[number]["fix"].as_str().unwrap_or_default().to_owned();
        assert!(!fix.is_empty(), "{}", daemon.said[number]);
        if case.code == "request-breach" {
            daemon.wait_from(0, &format!("{} to be halted", case.name), |line| {
                line["code"] == "venue-halted"
                    && line["text"]
                        .as_str()
                        .is_some_and(|text| text.starts_with(&format!("{} ", case.name)))
            });
        }
    }
    let own = cases.len() + 1;
    rig.until("honest orders", |truth| {
        truth.orders.iter().any(|order| slot_of(order) == Some(own))
    });
    let (_, said) = daemon.terminate();
    // What arrived was ordered: by the honest one, or where the lie was no order's.
    let honest = |number: usize| number == cases.len() || cases[number].code != "request-breach";
    let slots: Vec<_> =
        (0..=cases.len()).filter(|number| honest(*number)).map(|number| number + 1).collect();
    for order in &rig.venue.truth().orders {
        let is_ordered = slot_of(order).is_some_and(|slot| slots.contains(&slot));
        assert!(is_ordered, "nobody ordered this: {order:?}");
        let sizes = [Decimal::new(1, 3), Decimal::new(3, 3)];
        assert!(sizes.contains(&order.qty), "nobody ordered so much: {order:?}");
    }
    for secret in ["secretsecret", "passwordpassword"] {
        assert!(said.iter().all(|line| !line.to_string().contains(secret)), "{secret} was told");
    }
}

/// The slot that an order's client id names.
fn slot_of(order: &Order) -> Option<usize> {
    let slot = order.client_id.rsplit('x').nth(1)?;
    usize::from_str_radix(slot, 36).ok()
}

#[test]
fn a_lying_adapter_moves_nothing_on_spot_at_binance() {
    binance(false);
}

#[test]
fn a_lying_adapter_moves_nothing_on_perpetuals_at_binance() {
    binance(true);
}

fn binance(perpetual: bool) {
    const FRAME: &str = "frame: '{\"id\":\"login\",\"method\":\"userDataStream.subscribe.signature\",\"params\":{\"apiKey\":\"<key>\",\"timestamp\":<ts:ms>,\"signature\":\"<signature>\"}}'";
    let claims = claimed(
        match perpetual {
            true => "    read:\n      - POST /fapi/v1/batchOrders\n",
            false => "    read:\n      - POST /api/v3/order/cancelReplace\n",
        },
        [
            (
                FRAME,
                "frame: '{\"id\":1,\"method\":\"order.place\",\"params\":{\"symbol\":\"BTCUSDT\",\"side\":\"SELL\",\"type\":\"MARKET\",\"quantity\":\"10\",\"apiKey\":\"<key>\",\"timestamp\":<ts:ms>,\"signature\":\"<signature>\"}}'",
            ),
            (
                FRAME,
                "frame: '{\"id\":\"login\",\"method\":\"userDataStream.subscribe.signature\",\"params\":{\"apiKey\":\"<key>\",\"timestamp\":<ts:ms>,\"quantity\":\"10\",\"signature\":\"<signature>\"}}'",
            ),
            (
                FRAME,
                "frame: '{\"id\":\"login\",\"method\":\"session.logon\",\"method\":\"order.place\",\"params\":{\"apiKey\":\"<key>\",\"timestamp\":<ts:ms>,\"signature\":\"<signature>\"}}'",
            ),
        ],
        [
            vec![
                ("    mac: hmac", "    secret: key\n    mac: hmac"),
                ("\"<recv>\"", "\"<secret>\""),
                ("X-MBX-APIKEY: \"<key>\"", "X-OTHER: \"1\""),
            ],
            vec![
                (
                    "    mac: hmac",
                    "    secret: key\n    body: '{\"x\":\"<secret>\"}'\n    mac: hmac",
                ),
                ("X-MBX-APIKEY: \"<key>\"", "X-OTHER: \"1\""),
            ],
        ],
        perpetual,
    );
    let cases: Vec<_> = plain(perpetual).into_iter().chain(claims).collect();
    nothing_moves(&BINANCE, &cases, perpetual);
}

#[test]
fn a_lying_adapter_moves_nothing_on_spot_at_okx() {
    okx(false);
}

#[test]
fn a_lying_adapter_moves_nothing_on_perpetuals_at_okx() {
    okx(true);
}

fn okx(perpetual: bool) {
    const FRAME: &str = "frame: '{\"op\":\"login\",\"args\":[{\"apiKey\":\"<key>\",\"passphrase\":\"<passphrase>\",\"timestamp\":\"<ts:s>\",\"sign\":\"<signature>\"}]}'";
    let claims = claimed(
        "    read:\n      - POST /api/v5/trade/batch-orders\n",
        [
            (
                FRAME,
                "frame: '{\"op\":\"order\",\"args\":[{\"apiKey\":\"<key>\",\"passphrase\":\"<passphrase>\",\"timestamp\":\"<ts:s>\",\"sign\":\"<signature>\"}]}'",
            ),
            (
                FRAME,
                "frame: '{\"op\":\"login\",\"args\":[{\"apiKey\":\"<key>\",\"passphrase\":\"<passphrase>\",\"timestamp\":\"<ts:s>\",\"sign\":\"<signature>\",\"sz\":\"10\"}]}'",
            ),
            (
                FRAME,
                "frame: '{\"op\":\"login\",\"args\":[{\"apiKey\":\"<passphrase>\",\"passphrase\":\"<key>\",\"timestamp\":\"<ts:s>\",\"sign\":\"<signature>\"}]}'",
            ),
        ],
        [
            vec![("    mac: hmac", "    params: {x: \"<passphrase>\"}\n    mac: hmac")],
            vec![("    mac: hmac", "    body: '{\"x\":\"<passphrase>\"}'\n    mac: hmac")],
        ],
        perpetual,
    );
    let mut cases: Vec<_> = plain(perpetual).into_iter().chain(claims).collect();
    if perpetual {
        // A contract a hundredth of the true one would make the order a hundredfold.
        cases[1] = lie("contract", true, "should be");
    }
    nothing_moves(&OKX, &cases, perpetual);
}

#[test]
fn a_lying_adapter_moves_nothing_on_spot_at_bybit() {
    bybit(false);
}

#[test]
fn a_lying_adapter_moves_nothing_on_perpetuals_at_bybit() {
    bybit(true);
}

fn bybit(perpetual: bool) {
    const FRAME: &str =
        "frame: '{\"op\":\"auth\",\"args\":[\"<key>\",<ts:ms+10000>,\"<signature>\"]}'";
    let claims = claimed(
        "    read:\n      - POST /v5/order/create-batch\n",
        [
            (
                FRAME,
                "frame: '{\"op\":\"order.create\",\"args\":[\"<key>\",<ts:ms+10000>,\"<signature>\"]}'",
            ),
            (
                FRAME,
                "frame: '{\"op\":\"auth\",\"args\":[\"<key>\",<ts:ms+10000>,\"<signature>\",{\"qty\":\"10\"}]}'",
            ),
            (FRAME, "frame: '{\"op\":\"auth\",\"args\":[\"<key>\",10,\"<signature>\"]}'"),
        ],
        [
            vec![
                ("    mac: hmac", "    secret: key\n    params: {x: \"<secret>\"}\n    mac: hmac"),
                ("<ts:ms><key>", "<ts:ms>"),
                ("X-BAPI-API-KEY: \"<key>\"", "X-OTHER: \"1\""),
            ],
            vec![
                (
                    "    mac: hmac",
                    "    secret: key\n    body: '{\"x\":\"<secret>\"}'\n    mac: hmac",
                ),
                ("<ts:ms><key>", "<ts:ms>"),
                ("X-BAPI-API-KEY: \"<key>\"", "X-OTHER: \"1\""),
            ],
        ],
        perpetual,
    );
    let cases: Vec<_> = plain(perpetual).into_iter().chain(claims).collect();
    nothing_moves(&BYBIT, &cases, perpetual);
}
