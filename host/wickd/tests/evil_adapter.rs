//! Adapters that want what is not their own, each at a venue of its own, beside a good one that trades:
//! every attempt is refused, named and counted, and the good one does not notice.
#![allow(clippy::expect_used, reason = "a test may fail")]

mod daemon;
#[path = "exchange/rig.rs"]
mod rig;
#[path = "exchange/rogue.rs"]
mod rogue;

use std::path::Path;

use daemon::Daemon;
use rig::{BINANCE, Rig};
use rogue::Rogue;
use serde_json::Value;
use wickd_store::Record;
use wickd_tests::{component_bytes, manifest_section, without_section};
use wickd_venue::Config;

/// Neither may ever be seen anywhere but in the file they stand in.
const KEY: &str = "thekeythekey";
const SECRET: &str = "secretsecretsecret";

/// What each evil venue's adapter does.
const DOES: [&str; 15] = [
    "requests",
    "sockets",
    "texts",
    "floods",
    "lies",
    "fills",
    "echo",
    "bodies",
    "huge-frame",
    "orders",
    "endless-plan",
    "loops",
    "traps-frame",
    "memory-bomb",
    "traps-parse",
];

const GOOD: &str = "  - name: good
    plugin: trader
    instruments: [BTC-USDT]
    config: {every: 40, size: 0.001}
    risk: {orders_per_second: 1000}
  - name: tape
    plugin: tape
    instruments: [BTC-USDT]
";

/// Code and target of what must be told; each with plugin, fix and count.
const TOLD: [(&str, &str, &str); 63] = [
    ("requests", "request-refused", "/../up"),
    ("requests", "request-refused", "/a/./dot"),
    ("requests", "request-refused", "encoded-up"),
    ("requests", "request-refused", "encoded-slash"),
    ("requests", "request-refused", "encoded-backslash"),
    ("requests", "request-refused", "slash: "),
    ("requests", "request-refused", "X-Injected"),
    ("requests", "request-refused", "null"),
    ("requests", "request-refused", "userinfo.example"),
    ("requests", "request-refused", "port.example"),
    ("requests", "request-refused", "no-slash"),
    ("requests", "request-refused", "frag"),
    ("requests", "request-refused", "/header-0"),
    ("requests", "request-refused", "/header-1"),
    ("requests", "request-refused", "/header-2"),
    ("requests", "request-refused", "/header-3"),
    ("requests", "request-refused", "/header-4"),
    ("requests", "request-refused", "/header-5"),
    ("requests", "request-refused", "/header-6"),
    ("requests", "request-refused", "/header-7"),
    ("requests", "request-refused", "/header-8"),
    ("requests", "request-refused", "/sapi/v1/capital/withdraw/apply: "),
    ("requests", "request-refused", "/v1/WithDraw: "),
    ("requests", "request-refused", "/v1/with-draw: "),
    ("requests", "request-refused", "/v1/w%69thdraw: "),
    ("requests", "request-refused", "/v1/w%2569thdraw: "),
    ("requests", "request-refused", "/v1/with/draw: "),
    ("requests", "request-refused", "/v1/asset/transfer: "),
    ("requests", "request-refused", "/v1/sub_account/move: "),
    ("requests", "request-refused", "/v1/WithDraw/signed"),
    ("requests", "request-refused", "/v1/w%2569thdraw/signed"),
    ("requests", "request-refused", "/v1/sub_account/move/signed"),
    ("requests", "request-refused", "GET nowhere /v1/unknown-endpoint"),
    ("requests", "request-refused", "GET far /v1/not-granted"),
    ("requests", "request-refused", "GET other /v1/echo"),
    ("requests", "request-refused", "/v1/unknown-recipe"),
    ("requests", "request-refused", "/v1/unlisted"),
    ("requests", "request-refused", "/v1/login-as-request"),
    ("requests", "request-refused", "POST rest /v1/order"),
    ("requests", "request-refused", "DELETE rest /v1/order"),
    ("requests", "request-refused", "GET rest /v1/echo"),
    ("requests", "request-refused", "/v1/unknown-bucket"),
    ("requests", "request-limited", "/v1/too-heavy"),
    ("sockets", "socket-refused", "/unknown-endpoint"),
    ("sockets", "socket-refused", "/../socket-up"),
    ("sockets", "socket-refused", "X-Injected"),
    ("sockets", "socket-refused", "userinfo.example"),
    ("sockets", "socket-refused", "far /not-granted"),
    ("sockets", "socket-refused", "/login-elsewhere"),
    ("sockets", "socket-refused", "/request-as-login"),
    ("sockets", "socket-refused", "/unknown-login"),
    ("sockets", "socket-refused", "/v1/withdraw"),
    ("texts", "socket-refused", "account /echo"),
    ("floods", "adapter-flood", "messages"),
    ("floods", "adapter-flood", "questions"),
    ("floods", "adapter-flood", "events"),
    ("lies", "market-data-refused", "a quote"),
    ("lies", "venue-order-foreign", "orders"),
    ("fills", "order-overfilled", "order"),
    ("bodies", "request-failed", "/gzip-bomb"),
    ("bodies", "request-failed", "/many-headers"),
    ("bodies", "request-failed", "/cut"),
    ("orders", "adapter-order-refused", "orders"),
];

/// The good venue's configuration with the evil ones beside it.
fn add_evil(rig: &Rig, rogue: &Rogue) {
    let path = rig.stage.dir().join("wickd.yaml");
    let mut text = std::fs::read_to_string(&path).expect("it was written");
    let (mut instruments, mut venues) = (String::new(), String::new());
    let at = rogue.addr;
    for (number, does) in DOES.iter().enumerate() {
        instruments += &format!(
            "  E{number}-USDT: {{venue: {does}, price_scale: 2, size_scale: 5, min_qty: 0.00001}}\n"
        );
        venues += &format!(
            "  {does}:
    plugin: evil-adapter
    config: {{does: {does}, symbol: E{number}-USDT}}
    credentials: evil
    signing:
      symbols: {{spot: <base>-<quote>}}
      headers: {{X-API-KEY: <key>}}
      signed: {{timestamp: <time>, signature: <signature>}}
      read: [GET /v1/echo, GET /v1/order]
      trade:
        - at: POST /v1/order
          does: create
          fields: {{market: <symbol>, side: '<side:buy|sell>', size: <size>, client: <client-id>}}
          market: {{}}
      logins:
        - frame: {{op: login, key: <key>, signature: <signature>}}
    trade: {trade}
{risk}    endpoints: {{rest: 'http://{at}', other: 'http://{at}', stream: 'ws://{at}', account: 'ws://{at}'}}
    network:
      - {{to: 'http://{at}', private: true}}
      - {{to: 'ws://{at}', private: true}}
",
            trade = *does == "fills",
            // A loss stop holds for orders that leave, and has to be said where they do.
            risk = if *does == "fills" { "    risk: {loss_day_max: none}\n" } else { "" },
        );
    }
    text = text.replacen("instruments:\n", &format!("instruments:\n{instruments}"), 1);
    text = text.replacen("venues:\n", &format!("venues:\n{venues}"), 1);
    text += "  - name: deceived
    plugin: trader
    instruments: [E5-USDT]
    config: {every: 2, size: 0.001}
    risk: {orders_per_second: 1000}
";
    std::fs::write(&path, text).expect("a temporary file");
    let slot = format!(
        "evil:\n  hosts: ['{at}']\n  allow: trade\n  fields: {{key: {KEY}, secret: {SECRET}}}\n"
    );
    let path = rig.stage.dir().join("credentials.yaml");
    let file = std::fs::OpenOptions::new().append(true).open(path);
    std::io::Write::write_all(&mut file.expect("it was written"), slot.as_bytes())
        .expect("a temporary file");
}

/// Everything that must not be read anywhere: keys, and every signature that was made with them.
fn secrets(rogue: &Rogue) -> Vec<String> {
    let seen = [rogue.heads(), rogue.texts()].concat().join("\n");
    let after = |mark: &str| -> Vec<String> {
        let signature = |rest: &str| rest.chars().take_while(char::is_ascii_hexdigit).collect();
        seen.split(mark).skip(1).map(signature).collect()
    };
    let made = [after("signature="), after("\"signature\":\"")].concat();
    let mut made: Vec<_> = made.into_iter().filter(|text: &String| text.len() == 64).collect();
    assert!(made.len() > 2, "signed requests and a login reached the server");
    made.extend([KEY.to_owned(), SECRET.to_owned()]);
    made
}

fn assert_nowhere(folder: &Path, secrets: &[String]) {
    for entry in std::fs::read_dir(folder).expect("a folder").map_while(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            assert_nowhere(&path, secrets);
        } else if path.file_name().is_some_and(|name| name != "credentials.yaml") {
            let bytes = std::fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            let found = secrets.iter().position(|secret| text.contains(secret.as_str()));
            assert!(found.is_none(), "{} holds secret {found:?}", path.display());
        }
    }
}

/// Waits for what the table says; each with plugin, fix and count.
fn wait_told(daemon: &mut Daemon) {
    let text = |line: &Value| line["text"].as_str().unwrap_or_default().to_owned();
    for (venue, code, target) in TOLD {
        let what = format!("{venue}: {code} of {target}");
        let fits = |line: &Value| {
            line["code"] == code
                && text(line).starts_with(&format!("{venue}: "))
                && text(line).contains(target)
        };
        let number = daemon.wait_from(0, &what, fits);
        let said = &daemon.said[number];
        let plugin = said["plugin"].as_str().unwrap_or_default();
        assert!(plugin.starts_with("evil-adapter"), "{said}");
        assert!(said["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{said}");
        assert!(said["detail"]["count"].as_u64() > Some(0), "{said}");
    }
    for venue in ["loops", "traps-frame", "traps-parse", "memory-bomb"] {
        let number = daemon.wait_from(0, &format!("{venue} to fail"), |line| {
            line["code"] == "adapter-failed" && text(line).contains(&format!("of {venue} failed"))
        });
        let said = &daemon.said[number];
        assert!(said["fix"].is_string() && said["plugin"].is_string(), "{said}");
        // Opened anew, more and more slowly, and failed again.
        daemon.wait_from(number + 1, &format!("{venue} to fail again"), |line| {
            line["code"] == "adapter-failed" && text(line).contains(&format!("of {venue} failed"))
        });
    }
    daemon.wait_from(0, "the flood of log lines", |line| {
        line["code"] == "log-dropped" && line["venue"] == "floods"
    });
    daemon.wait_from(0, "the endless plan", |line| {
        line["code"] == "adapter-failed"
            && text(line).contains("endless-plan")
            && text(line).contains("sockets, at most")
    });
    daemon.wait_from(0, "the huge frame", |line| {
        line["code"] == "socket-closed" && text(line).contains("a message passes")
    });
    daemon.wait_from(0, "the struck-out echo", |line| {
        line["code"] == "venue-unknown" && text(line).contains("****")
    });
}

#[test]
fn evil_adapters_get_nothing_and_the_good_one_does_not_notice() {
    let venue = Config { events_per_s: 1_000, ..Config::default() };
    let rig = Rig::new(&BINANCE, venue, &["trader", "tape", "evil-adapter"], GOOD);
    let rogue = Rogue::start();
    add_evil(&rig, &rogue);
    // One that lists a withdrawal among what is signed does not even come in.
    let bytes = without_section(&component_bytes("evil-adapter"), "wickd:manifest");
    let manifest = include_str!("../../../tests/guests/evil-adapter/plugin.yaml")
        .replace("GET /v1/echo", "POST /v1/with%64raw");
    rig.stage.drop_bytes("greedy.wasm", &manifest_section(&bytes, manifest.as_bytes()));
    let mut daemon = Daemon::start(&rig.stage);
    let refused = daemon.wait("plugin-refused");
    assert!(refused.to_string().contains("moves money out"), "{refused}");
    rig.until("orders of the good one", |truth| truth.orders.len() >= 10);
    wait_told(&mut daemon);
    let before = rig.venue.truth().orders.len();
    rig.until("more orders of the good one", |truth| truth.orders.len() >= before + 5);
    rig.venue.set_rate(0);
    rig.until("all orders to be done", |truth| {
        truth.orders.iter().all(|order| !order.status.is_open())
    });
    let (status, said) = daemon.terminate();
    // The venue that filled more than was asked for is halted to the end.
    assert_eq!(status.code(), Some(70), "{status}");
    let lines: Vec<_> = said.iter().map(ToString::to_string).collect();
    let tape = lines.iter().find(|line| line.contains("gaps=")).expect("the tape says");
    assert!(tape.contains("gaps=0 doubled=0"), "{tape}");
    for does in &DOES[..8] {
        let text = format!("{does}: in this run: ");
        let sum = |line: &Value| {
            line["code"] == "venue-counts"
                && line["text"].as_str().is_some_and(|told| told.starts_with(&text))
        };
        assert!(said.iter().any(sum), "{does} is summed up");
    }

    // What reached the other side.
    let ways = ["ithdraw", "%64raw", "order.place", "transfer", "X-Injected", "%2e%2e", "mine"];
    for seen in [rogue.heads(), rogue.texts()].concat() {
        let line = seen.lines().next().unwrap_or_default();
        let is_order = line.contains("/v1/order") && !line.starts_with("GET");
        assert!(!is_order || seen.starts_with("POST"), "nobody cancelled: {seen}");
        let bad = ways.iter().find(|way| seen.contains(**way));
        assert!(bad.is_none(), "{bad:?} got out: {seen}");
    }
    assert!(rogue.heads().iter().any(|head| head.starts_with("GET /v1/weightless")));

    let secrets = secrets(&rogue);
    for (line, secret) in lines.iter().flat_map(|line| secrets.iter().map(move |s| (line, s))) {
        assert!(!line.contains(secret.as_str()), "a secret was told: {line}");
    }
    assert_nowhere(rig.stage.dir(), &secrets);
    assert_fills_fit(&rig.journal());
}

/// No order was filled beyond its size, whatever its adapter said.
fn assert_fills_fit(journal: &[Record]) {
    let mut orders = std::collections::BTreeMap::new();
    for record in journal {
        match record {
            Record::Intent { order, .. } => {
                orders.insert(order.id, (order.request.size, 0));
            }
            Record::Event(event) => {
                assert!(event.last_size >= 0 && event.last_price >= 0, "{event:?}");
                let (size, filled) = orders.get_mut(&event.id).expect("an intent comes first");
                *filled += event.last_size;
                assert!(filled <= size, "{event:?}");
            }
            _ => {}
        }
    }
    assert!(!orders.is_empty());
}
