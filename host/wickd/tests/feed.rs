//! Feeds while the daemon trades: a strategy hears what the outside says and how it is; what cannot be
//! reaches nobody, and a strategy beside them hears every tick.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod daemon;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use daemon::Daemon;
use serde_json::Value;
use wickd_tests::{Stage, component_bytes, relabel};

/// A server on loopback with a price that rises by a cent each time it is told.
struct Prices {
    at: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// It takes connections and says nothing.
    is_away: bool,
    /// The bids told so far, in cents.
    told: Vec<i64>,
}

impl Prices {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that goes away is no fault of the server.
                let _ = serve(stream, &shared);
            }
        });
        Self { at, state }
    }

    fn be_away(&self, is_away: bool) {
        self.state.lock().unwrap().is_away = is_away;
    }

    fn told(&self) -> Vec<i64> {
        self.state.lock().unwrap().told.clone()
    }
}

/// One request, one answer.
fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let mut state = state.lock().unwrap();
    if state.is_away {
        return Ok(());
    }
    let bid = 200_000 + state.told.len() as i64;
    let cents = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    let body = format!(
        r#"{{"of": [{{"bid": {}, "ask": "{}"}}], "last": "{}"}}"#,
        cents(bid),
        cents(bid + 2),
        cents(bid + 1)
    );
    let head =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes())?;
    state.told.push(bid);
    Ok(())
}

/// A feed of ETH-USDT that asks this server, as far as it is granted.
fn poll(prices: &Prices, stale_after_ms: u32, network: &str) -> String {
    format!(
        "  - name: poll
    plugin: json-feed
    instruments: [ETH-USDT]
    stale_after_ms: {stale_after_ms}
    config: {{url: 'http://{}/price', every_ms: 20, bid: of.0.bid, ask: of.0.ask, price: last}}
{network}",
        prices.at
    )
}

fn granted(prices: &Prices) -> String {
    let to = format!("http://{}", prices.at);
    format!(
        "    network:\n      - {{to: '{to}', methods: [GET], paths: [/price], private: true}}\n"
    )
}

const EAR: &str = "  - {name: ear, plugin: ear, instruments: [ETH-USDT], config: {prices: true}}\n";

/// A stage with a walk and its auditor, these feeds beside it, and these strategies.
fn stage(guests: &[&str], instruments: &str, feeds: &str, strategies: &str) -> Stage {
    let stage = Stage::new();
    let text = format!(
        "folders: [plugins]
settle_ms: 1
development: true
rescan_ms: 200
instruments:
  BTC-USDT: {{price_scale: 2, size_scale: 6}}
{instruments}feeds:
  - name: walk
    stale_after_ms: 600000
    synthetic: {{instruments: [BTC-USDT], ticks_per_s: 2000, seed: 42}}
{feeds}strategies:
  - {{name: audit, plugin: auditor, instruments: [BTC-USDT]}}
{strategies}"
    );
    std::fs::write(stage.dir().join("wickd.yaml"), text).unwrap();
    for guest in ["auditor"].iter().chain(guests) {
        stage.drop_guest(guest);
    }
    stage
}

/// A stage where json-feed polls and an ear listens.
fn polled(feed: &str) -> Stage {
    let instruments = "  ETH-USDT: {price_scale: 2, size_scale: 4}\n";
    stage(&["json-feed", "ear"], instruments, feed, EAR)
}

fn text<'v>(line: &'v Value, key: &str) -> &'v str {
    line[key].as_str().unwrap_or_default()
}

fn row<'s>(said: &'s [Value], kind: &str, name: &str) -> &'s Value {
    let summary = said.last().expect("it said something");
    let rows = summary[kind].as_array().expect("a list of rows");
    rows.iter().find(|row| row["name"] == name).expect("it was configured")
}

fn logged<'v>(said: &'v [Value], slot: &str) -> Vec<&'v str> {
    let lines = said.iter().filter(|line| line["code"] == "plugin-log" && line["slot"] == slot);
    lines.map(|line| text(line, "text")).collect()
}

/// Waits until the ear has said this after line `from`.
fn hear(daemon: &mut Daemon, from: usize, word: &str) -> usize {
    daemon.wait_from(from, word, |line| line["slot"] == "ear" && text(line, "text") == word)
}

/// The numbers of what the ear heard of one kind, in order.
fn heard(said: &[Value], kind: &str) -> Vec<i64> {
    let words = logged(said, "ear").into_iter().filter_map(|line| line.strip_prefix(kind));
    words.map(|of| of.split('/').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn a_strategy_hears_every_price_in_order_and_the_next_build_takes_over_between_two() {
    let prices = Prices::start();
    let stage = polled(&poll(&prices, 600_000, &granted(&prices)));
    let mut daemon = Daemon::start(&stage);
    hear(&mut daemon, 0, "heard Live");
    hear(&mut daemon, 0, "heard 20 quotes");
    let bytes = relabel(&component_bytes("json-feed"), "0.1.0", "0.2.0");
    stage.drop_bytes("json-feed.wasm", &bytes);
    let next = daemon.wait_from(0, "the next build", |line| {
        let seated = line["slot"] == "poll" && line["code"] == "seated";
        seated && text(line, "plugin").ends_with("0.2.0")
    });
    let flowed = prices.told().len();
    let enough = flowed - flowed % 10 + 30;
    hear(&mut daemon, next, &format!("heard {enough} quotes"));
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}");
    let (told, quotes, trades) = (prices.told(), heard(&said, "quote "), heard(&said, "trade "));
    assert!(quotes.len() >= enough && quotes == told[..quotes.len()], "{told:?}\n{quotes:?}");
    let lasts: Vec<_> = quotes.iter().map(|bid| bid + 1).collect();
    assert_eq!(trades, lasts[..trades.len()], "a new price is a trade");
    let states: Vec<_> = logged(&said, "ear")
        .into_iter()
        .filter(|line| ["heard Live", "heard Stale", "heard Down"].contains(line))
        .collect();
    assert_eq!(states, ["heard Live"], "a change of builds is no silence");
    let row = row(&said, "feeds", "poll");
    assert_eq!((&row["state"], &row["version"]), (&"live".into(), &"0.2.0".into()), "{row}");
    let clean = ["refused", "errors", "faults", "denied"].map(|key| row[key].as_u64());
    assert_eq!(clean, [Some(0); 4], "{row}");
    assert!(row["given"].as_u64() >= Some((quotes.len() + trades.len()) as u64), "{row}");
    let audit = stage.audit("audit");
    assert!(audit.is_clean() && audit.events > 0, "{audit:?}");
}

#[test]
fn who_listens_is_told_when_the_outside_is_gone_is_back_and_when_the_plugin_is_removed() {
    let prices = Prices::start();
    let stage = polled(&poll(&prices, 300, &granted(&prices)));
    let mut daemon = Daemon::start(&stage);
    hear(&mut daemon, 0, "heard Live");
    let from = daemon.said.len();
    prices.be_away(true);
    let stale = hear(&mut daemon, from, "heard Stale");
    let error = daemon.wait_slot(0, "poll", "feed-error");
    assert_eq!(text(&error, "severity"), "warn", "{error}");
    let from = daemon.said.len().max(stale);
    prices.be_away(false);
    hear(&mut daemon, from, "heard Live");
    std::fs::remove_file(stage.dir().join("plugins/json-feed.wasm")).unwrap();
    let from = daemon.said.len();
    hear(&mut daemon, from, "heard Down");
    stage.drop_guest("json-feed");
    hear(&mut daemon, from, "heard Live");
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}");
    let row = row(&said, "feeds", "poll");
    assert!(row["errors"].as_u64() > Some(0) && row["faults"] == 0, "{row}");
    let quotes = heard(&said, "quote ");
    assert!(quotes.windows(2).all(|pair| pair[0] < pair[1]), "{quotes:?}");
}

#[test]
fn without_a_grant_it_reaches_nothing_and_nobody_hears_that_it_lives() {
    let prices = Prices::start();
    let stage = polled(&poll(&prices, 600_000, ""));
    let mut daemon = Daemon::start(&stage);
    let denied = daemon.wait_slot(0, "poll", "network-denied");
    let line =
        format!("{{to: 'http://{}', methods: [GET], paths: ['/price'], private: true}}", prices.at);
    assert!(text(&denied, "fix").contains(&line), "{denied}");
    daemon.wait_from(0, "a second round", |line| {
        line["code"] == "feed-error" && line["detail"]["count"].as_u64() >= Some(2)
    });
    let (status, said) = daemon.terminate();
    assert!(status.success(), "{status}");
    let row_of = row(&said, "feeds", "poll");
    assert!(row_of["denied"].as_u64() >= Some(2) && row_of["given"] == 0, "{row_of}");
    assert_eq!(row(&said, "slots", "ear")["events"], 0);
    assert_eq!(prices.told(), Vec::<i64>::new());
}

#[test]
fn who_listens_hears_each_failure_and_each_return_until_the_bytes_are_quarantined() {
    let feed = "  - name: evil
    plugin: evil-feed
    instruments: [ETH-USDT]
    stale_after_ms: 600000
    config: {attack: flaky}
    limits: {cold_deadline_ms: 120000}
    restart: {max: 1, window_s: 3600, backoff_ms: 1}\n";
    let instruments = "  ETH-USDT: {price_scale: 2, size_scale: 4}\n";
    let stage = stage(&["evil-feed", "ear"], instruments, feed, EAR);
    let mut daemon = Daemon::start(&stage);
    let fault = daemon.wait_slot(0, "evil", "io-failed");
    assert!(text(&fault, "text").contains("it starts again"), "{fault}");
    daemon.wait_slot(0, "evil", "quarantined");
    // The listener's words come after those of the market.
    let first = hear(&mut daemon, 0, "heard Down");
    let second = hear(&mut daemon, first + 1, "heard Down");
    let bytes = relabel(&component_bytes("evil-feed"), "0.1.0", "0.2.0");
    stage.drop_bytes("evil-feed.wasm", &bytes);
    hear(&mut daemon, second + 1, "heard Live");
    let (status, said) = daemon.terminate();
    // The next build is as flaky: at this moment it gives prices, or waits to start again.
    assert!(matches!(status.code(), Some(0 | 70)), "{status}");
    let words = logged(&said, "ear")
        .into_iter()
        .filter(|line| ["heard Live", "heard Stale", "heard Down", "quote 100/101"].contains(line));
    let life = ["heard Live", "quote 100/101", "quote 100/101", "quote 100/101", "heard Down"];
    let twice: Vec<_> = words.take(2 * life.len()).collect();
    assert_eq!(twice, [life, life].concat(), "a round that fails has given nothing");
    let row = row(&said, "feeds", "evil");
    assert!(row["faults"].as_u64() >= Some(2) && row["version"] == "0.2.0", "{row}");
}

/// Attack, the notice about it, what the notice names. Each has an instrument and a listener of its own.
const ATTACKS: [(&str, &str, &str); 10] = [
    ("foreign", "market-data-refused", "which is not of this feed"),
    ("crossed", "market-data-refused", "crossed"),
    ("locked", "market-data-refused", "crossed"),
    ("zero", "market-data-refused", "a trade that cannot be"),
    ("flood", "feed-flood", "more than a round may"),
    ("errors", "feed-error", "a round ended with this error"),
    ("sleeps", "feed-wait", "60000 ms"),
    ("spin", "quarantined", "out-of-fuel"),
    ("panic", "quarantined", "as it meant to"),
    ("hang", "quarantined", "late"),
];

fn evil_stage() -> Stage {
    let (mut instruments, mut feeds, mut strategies) = Default::default();
    for (place, (attack, ..)) in ATTACKS.iter().enumerate() {
        instruments = format!("{instruments}  E{place}-USDT: {{price_scale: 2, size_scale: 4}}\n");
        // One that ends by itself must not end by its deadline on a busy machine.
        let hasty = match *attack {
            "hang" => "{cold_deadline_ms: 2000}",
            "spin" => "{cold_deadline_ms: 120000, fuel_per_cold_call: 300000000}",
            _ => "{cold_deadline_ms: 120000}",
        };
        feeds = format!(
            "{feeds}  - name: evil-{attack}
    plugin: evil-feed
    instruments: [E{place}-USDT]
    stale_after_ms: 600000
    config: {{attack: {attack}}}
    limits: {hasty}
    restart: {{max: 0}}\n"
        );
        strategies = format!(
            "{strategies}  - {{name: hears-{attack}, plugin: auditor, instruments: [E{place}-USDT]}}\n"
        );
    }
    let flood = ATTACKS.iter().position(|(attack, ..)| *attack == "flood").unwrap();
    strategies =
        format!("{strategies}  - {{name: ear, plugin: ear, instruments: [E{flood}-USDT]}}\n");
    stage(&["evil-feed", "ear"], &instruments, &feeds, &strategies)
}

#[test]
fn what_cannot_be_reaches_nobody_and_who_will_not_stop_is_stopped() {
    let stage = evil_stage();
    let mut daemon = Daemon::start(&stage);
    for (attack, code, names) in ATTACKS {
        let slot = format!("evil-{attack}");
        let what = format!("`{code}` of {slot} with {names}");
        let told = daemon.wait_from(0, &what, |line| {
            line["slot"] == slot && line["code"] == code && text(line, "text").contains(names)
        });
        let line = &daemon.said[told];
        assert!(text(line, "plugin").starts_with("evil-feed"), "{line}");
        assert!(!text(line, "fix").is_empty(), "{line}");
        assert!(
            text(line, "text").len() < 1_000 && !text(line, "text").contains('\u{1b}'),
            "{line}"
        );
    }
    // By then the market has been open for a while: the healthy one takes turns with the flood.
    hear(&mut daemon, 0, "heard 100 quotes");
    let (status, said) = daemon.terminate();
    assert_eq!(status.code(), Some(70), "what was given up is told in the exit code: {status}");
    for (attack, code, _) in ATTACKS {
        let (slot, ear) = (format!("evil-{attack}"), format!("hears-{attack}"));
        let (of, heard) = (row(&said, "feeds", &slot), row(&said, "slots", &ear));
        let number = |key: &str| of[key].as_u64().unwrap();
        if code == "quarantined" {
            assert_eq!((&of["state"], number("faults")), (&"quarantined".into(), 1), "{of}");
        } else {
            assert_eq!((&of["state"], number("faults")), (&"live".into(), 0), "{of}");
        }
        if attack == "flood" {
            let audit = stage.audit(&ear);
            assert!(audit.is_clean() && audit.events > 0, "{audit:?}");
            // A round takes its share and no more.
            assert!(number("given") >= 10_000 && number("refused") >= 40_000, "{of}");
            continue;
        }
        assert_eq!((number("given"), &heard["events"]), (0, &0.into()), "{of} {heard}");
        let refused = ["foreign", "crossed", "locked", "zero"].contains(&attack);
        assert_eq!(number("refused") > 0, refused, "{of}");
        assert_eq!(number("errors") > 0, attack == "errors", "{of}");
        if refused {
            let taken = logged(&said, &slot);
            assert!(taken.iter().all(|line| *line == "taken 0"), "{taken:?}");
        }
    }
    let audit = stage.audit("audit");
    assert!(audit.is_clean() && audit.events > 0, "{audit:?}");
}
