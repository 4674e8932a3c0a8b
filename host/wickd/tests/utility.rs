//! Utilities while the daemon trades: what is granted works, everything else is refused, named and
//! counted, and a strategy beside them hears every tick.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod daemon;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use daemon::Daemon;
use serde_json::Value;
use wickd_tests::{Stage, component_bytes, relabel};

/// A server on loopback that remembers what it was asked.
struct Server {
    at: SocketAddr,
    log: Arc<Log>,
}

/// What a server was asked, and a bell for whoever waits for it.
#[derive(Default)]
struct Log {
    heard: Mutex<Vec<String>>,
    bell: Condvar,
}

impl Log {
    fn push(&self, request: String) {
        self.heard.lock().unwrap().push(request);
        self.bell.notify_all();
    }
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, log) = (listener.local_addr().unwrap(), Arc::<Log>::default());
        let shared = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let log = shared.clone();
                std::thread::spawn(move || {
                    // A client that goes away in the middle is what is tested.
                    let _ = serve(stream, &log);
                });
            }
        });
        Self { at, log }
    }

    fn heard(&self) -> Vec<String> {
        self.log.heard.lock().unwrap().clone()
    }

    /// Waits until something like this was asked.
    fn wait(&self, what: &str) {
        let heard = self.log.heard.lock().unwrap();
        let missing = |heard: &mut Vec<String>| !heard.iter().any(|of| of.contains(what));
        let limit = Duration::from_secs(120);
        let (_heard, late) = self.log.bell.wait_timeout_while(heard, limit, missing).unwrap();
        assert!(!late.timed_out(), "nobody said {what}");
    }
}

fn serve(mut stream: TcpStream, log: &Log) -> std::io::Result<()> {
    let mut peeked = [0; 2048];
    let length = stream.peek(&mut peeked)?;
    let head = String::from_utf8_lossy(&peeked[..length]).to_lowercase();
    if head.contains("upgrade: websocket") {
        log.push("websocket".to_owned());
        let opened = tokio_tungstenite::tungstenite::accept(stream);
        let mut socket = opened.map_err(std::io::Error::other)?;
        while socket.read().is_ok() {}
        return Ok(());
    }
    loop {
        let (mut head, mut byte) = (Vec::new(), [0; 1]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head.to_lowercase().split("content-length: ").nth(1).map_or(0, |rest| {
            rest.split("\r\n").next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
        });
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let line = head.lines().next().unwrap_or_default();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        log.push(format!("{line}\n{}", String::from_utf8_lossy(&body)));
        match path.as_str() {
            "/ok/endless" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                loop {
                    stream.write_all(&[b'x'; 65_536])?;
                }
            }
            "/ok/bomb" => {
                let mut packed =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                (0..64).try_for_each(|_| packed.write_all(&vec![0; 1 << 20]))?;
                let packed = packed.finish()?;
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                    packed.len()
                );
                stream.write_all(head.as_bytes())?;
                stream.write_all(&packed)?;
            }
            "/ok/slow" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx")?;
                // Held open until the client has had enough.
                let _ = stream.read(&mut byte)?;
            }
            "/ok/headers" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
                (0..10_000).try_for_each(|n| write!(stream, "x-{n}: 1\r\n"))?;
                stream.write_all(b"content-length: 0\r\n\r\n")?;
            }
            "/ok/redirect" => {
                stream.write_all(
                    b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
                )?;
            }
            _ => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?,
        }
        if head.contains("connection: close") {
            return Ok(());
        }
    }
}

const MARKET: &str = "folders: [plugins]
settle_ms: 1
development: true
rescan_ms: 200
speed: recorded
instruments:
  BTC-USDT: {price_scale: 2, size_scale: 6, min_qty: 0.00001, maker_fee: 0.001, taker_fee: 0.001}
feeds:
  - name: walk
    stale_after_ms: 60000
    synthetic: {instruments: [BTC-USDT], ticks_per_s: 2000, seed: 42, starts_at_s: 1600000000}
strategies:
  - {name: audit, plugin: auditor, instruments: [BTC-USDT]}
";

/// A stage with an auditor and these utilities.
fn stage(guests: &[&str], utilities: &str) -> Stage {
    let stage = Stage::new();
    let text = format!("{MARKET}utilities:\n{utilities}");
    std::fs::write(stage.dir().join("wickd.yaml"), text).unwrap();
    for guest in ["auditor"].iter().chain(guests) {
        stage.drop_guest(guest);
    }
    stage
}

/// An evil utility that makes one kind of attempt.
fn evil(attack: &str, server: &Server, other: &Server, more: &str) -> String {
    let (server, other) = (server.at, other.at);
    format!(
        "  - name: evil-{attack}
    plugin: evil-utility
    hears: {{notices: info}}
    config: {{attack: {attack}, server: '{server}', other: '{other}'}}
    restart: {{max: 0}}
    network:
      - {{to: 'http://{server}', methods: [GET, POST], paths: [/ok], private: true}}
      - {{to: 'ws://{server}', paths: [/ok], private: true}}
      - {{to: 'tcp://{server}', private: true}}
{more}"
    )
}

fn text<'v>(line: &'v Value, key: &str) -> &'v str {
    line[key].as_str().unwrap_or_default()
}

fn row<'s>(said: &'s [Value], name: &str) -> &'s Value {
    let summary = said.last().expect("it said something");
    let rows = summary["utilities"].as_array().expect("a list of utilities");
    rows.iter().find(|row| row["name"] == name).expect("it was configured")
}

/// What a guest logged, without what the granted server answered.
fn logged(said: &[Value], slot: &str) -> Vec<String> {
    let lines = said.iter().filter(|line| line["code"] == "plugin-log" && line["slot"] == slot);
    lines.map(|line| text(line, "text").to_owned()).collect()
}

#[test]
fn every_way_out_that_is_not_granted_is_refused_named_and_counted() {
    let (server, other) = (Server::start(), Server::start());
    let attacks = ["urls", "websockets", "sockets", "headers", "answers"];
    let all: String = attacks.iter().map(|attack| evil(attack, &server, &other, "")).collect();
    let stage = stage(&["evil-utility"], &all);
    let mut daemon = Daemon::start(&stage);
    for attack in attacks {
        let slot = format!("evil-{attack}");
        daemon.wait_from(0, &format!("the end of {slot}"), |line| {
            line["slot"] == slot && line["text"] == "done"
        });
    }
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}");
    for attack in attacks {
        let slot = format!("evil-{attack}");
        let logged = logged(&said, &slot);
        let passed: BTreeSet<_> = logged
            .iter()
            .filter_map(|line| line.strip_prefix("PASSED "))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        let honest = ["granted", "granted tcp", "answer redirect", "answer short"];
        assert!(passed.iter().all(|what| honest.contains(what)), "{slot}: {passed:?}");
        assert!(passed.contains("granted"), "{slot}: what is granted works: {logged:?}");
        // What the guest could not even write down as a request has not been an attempt.
        let malformed = ["Malformed", "InvalidInput"];
        let refused = logged.iter().filter(|line| {
            line.starts_with("refused ") && !malformed.iter().any(|word| line.contains(word))
        });
        let (refused, row) = (refused.count() as u64, row(&said, &slot));
        let counted = ["denied", "limited"].map(|key| row[key].as_u64().unwrap_or_default());
        assert!(counted[0] + counted[1] >= refused && refused > 0, "{row}: {logged:#?}");
        assert_eq!((&row["state"], &row["faults"]), (&"live".into(), &0.into()), "{row}");
        let named = said.iter().filter(|line| line["slot"] == slot);
        let named: Vec<_> =
            named.filter(|line| text(line, "code").starts_with("network-")).collect();
        assert!(!named.is_empty(), "{slot}");
        for line in named {
            assert!(text(line, "text").starts_with("plugin `evil-utility`"), "{line}");
            assert!(!text(line, "fix").is_empty(), "{line}");
            assert!(!line.to_string().contains("secret@"), "{line}");
        }
    }
    let line = said.iter().find(|line| {
        line["code"] == "network-denied"
            && text(line, "text").contains(&format!("{}/secret", server.at))
    });
    let fix = text(line.expect("it was named"), "fix");
    let want = format!(
        "{{to: 'http://{}', methods: [GET], paths: ['/secret'], private: true}}",
        server.at
    );
    assert!(fix.contains(&want), "{fix}");
    assert_eq!(other.heard(), Vec::<String>::new(), "nobody reached the other server");
    for heard in server.heard() {
        let path = heard.split(' ').nth(1).unwrap_or_default();
        assert!(heard == "websocket" || path.starts_with("/ok"), "{heard}");
    }
    let audit = stage.audit("audit");
    assert!(audit.is_clean() && audit.events > 0, "{audit:?}");
}

#[test]
fn one_that_hangs_floods_spins_or_panics_costs_itself_alone() {
    let (server, other) = (Server::start(), Server::start());
    let hasty = "    limits: {cold_deadline_ms: 2000, fuel_per_cold_call: 300000000}\n";
    let faults = [
        ("hang", "late", "cold_deadline_ms"),
        ("spin", "out-of-fuel", ""),
        ("panic", "panic", "as it meant to"),
        ("flood", "", "limits.resources"),
    ];
    let all: String = faults
        .iter()
        .map(|(attack, ..)| {
            let patience = "    limits: {cold_deadline_ms: 60000}\n";
            evil(attack, &server, &other, if *attack == "flood" { patience } else { hasty })
        })
        .collect();
    let stage = stage(&["evil-utility"], &all);
    let mut daemon = Daemon::start(&stage);
    for (attack, kind, said) in faults {
        let line = daemon.wait_slot(0, &format!("evil-{attack}"), "quarantined");
        let told = text(&line, "text");
        assert!(told.contains(kind) && told.contains(said), "{attack}: {line}");
    }
    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(70), "what was given up is told in the exit code: {status}");
    for (attack, ..) in faults {
        let row = row(&said, &format!("evil-{attack}"));
        assert_eq!((&row["state"], &row["faults"]), (&"quarantined".into(), &1.into()), "{row}");
    }
    let flood = logged(&said, "evil-flood");
    assert_eq!(flood, ["(in the call that failed) websockets: 8 open, 992 refused"]);
    let sockets = server.heard().iter().filter(|heard| *heard == "websocket").count();
    assert_eq!(sockets, 8, "as many as may be open at once");
    let row = row(&said, "evil-flood");
    assert_eq!(row["limited"], 992, "{row}");
    let audit = stage.audit("audit");
    assert!(audit.is_clean() && audit.events > 0, "{audit:?}");
}

#[test]
fn counting_lets_pass_names_and_counts_but_never_inside() {
    let (server, other) = (Server::start(), Server::start());
    let counts = "    network_mode: count\n    limits: {cold_deadline_ms: 20000}\n";
    let all = [evil("outside", &server, &other, counts), evil("sockets", &server, &other, counts)];
    let stage = stage(&["evil-utility"], &all.concat());
    let mut daemon = Daemon::start(&stage);
    for slot in ["evil-outside", "evil-sockets"] {
        daemon.wait_from(0, &format!("the end of {slot}"), |line| {
            line["slot"] == slot && line["text"] == "done"
        });
    }
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}");
    let counted = row(&said, "evil-sockets")["counted"].as_u64();
    assert!(counted > Some(0), "{:?}", row(&said, "evil-sockets"));
    let line = said.iter().find(|line| line["code"] == "network-counted").expect("it was named");
    assert!(text(line, "fix").starts_with("add `- "), "{line}");
    assert_eq!(other.heard(), Vec::<String>::new(), "loopback is never let pass");
}

#[test]
fn an_alert_arrives_and_the_next_build_takes_over() {
    let (server, nobody) = (Server::start(), Server::start());
    let url = format!("http://{}/ok/alert", server.at);
    let granted =
        format!("      - {{to: 'http://{}', methods: [POST], private: true}}\n", server.at);
    let of = |name: &str, url: &str, more: &str| {
        format!("  - name: {name}\n    plugin: alert-webhook\n    config: {{url: '{url}'}}\n{more}")
    };
    let hears = "    hears: {notices: info, fills: true, bars: [1]}\n";
    let utilities = [
        of("pager", &url, &format!("{hears}    network:\n{granted}")),
        of("mute", &format!("http://{}/ok", nobody.at), "    hears: {notices: warn}\n"),
    ];
    let stage = stage(&["alert-webhook"], &utilities.concat());
    let mut daemon = Daemon::start(&stage);
    daemon.wait_slot(0, "pager", "seated");
    let first = daemon.wait_slot(0, "pager", "seated");
    assert!(text(&first, "plugin").ends_with("0.1.0"), "{first}");
    // A refused file is a warning, and so an alert for both.
    stage.drop_bytes("rubbish.wasm", b"not a plugin");
    daemon.wait("plugin-refused");
    daemon.wait_slot(0, "mute", "network-denied");
    let from = daemon.said.len();
    stage.drop_bytes(
        "alert-webhook.wasm",
        &relabel(&component_bytes("alert-webhook"), "0.1.0", "0.2.0"),
    );
    daemon.wait_from(from, "the next build", |line| {
        line["slot"] == "pager"
            && line["code"] == "seated"
            && text(line, "plugin").ends_with("0.2.0")
    });
    server.wait("\"kind\":\"bar\"");
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}");
    let row_of = row(&said, "pager");
    assert_eq!((&row_of["errors"], &row_of["denied"]), (&0.into(), &0.into()), "{row_of}");
    assert_eq!(row_of["version"], "0.2.0");
    let posted: Vec<Value> = server
        .heard()
        .iter()
        .filter_map(|heard| heard.split_once('\n'))
        .inspect(|(line, _)| assert_eq!(*line, "POST /ok/alert HTTP/1.1"))
        .map(|(_, body)| serde_json::from_str(body).expect("whole JSON"))
        .collect();
    assert_eq!(posted.len() as u64, row_of["heard"].as_u64().unwrap_or_default());
    for (key, value) in [("code", "plugin-refused"), ("code", "market-open"), ("kind", "bar")] {
        assert!(posted.iter().any(|of| of[key] == value), "no {value} among {}", posted.len());
    }
    assert_eq!(nobody.heard(), Vec::<String>::new(), "nothing is granted to the other");
    assert!(row(&said, "mute")["denied"].as_u64() > Some(0));
}

#[test]
fn a_utility_whose_file_is_removed_is_unloaded_and_goes_on_when_it_is_back() {
    let (server, other) = (Server::start(), Server::start());
    let stage = stage(&["evil-utility"], &evil("quiet", &server, &other, ""));
    let mut daemon = Daemon::start(&stage);
    daemon.wait_slot(0, "evil-quiet", "seated");
    std::fs::remove_file(stage.dir().join("plugins/evil-utility.wasm")).expect("it was dropped");
    daemon.wait_slot(0, "evil-quiet", "stopped");
    let from = daemon.said.len();
    stage.drop_guest("evil-utility");
    daemon.wait_slot(from, "evil-quiet", "seated");
    let (status, _) = daemon.terminate();
    assert!(status.success(), "{status}");
}
