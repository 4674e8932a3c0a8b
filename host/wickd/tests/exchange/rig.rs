//! The daemon on one side, a venue on the other, a socket between them.
//!
//! Comes in: a dialect and what the strategies are to do. Goes out: a running [`Venue`] and the
//! configuration that reaches it. Deliberately absent: assertions.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use wickd_model::{ClientId, OrderEvent, print_scaled};
use wickd_store::{Folder, Record};
use wickd_tests::Stage;
use wickd_venue::engine::{Order, Truth};
use wickd_venue::{Config, Venue};

use crate::daemon::Daemon;

/// How long anything may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(240);
/// Decimals of a size in these tests.
const SIZE_SCALE: u8 = 5;

/// A dialect: the adapter's name and the addresses of its endpoints at the test venue.
pub(crate) struct Dialect {
    pub(crate) adapter: &'static str,
    endpoints: &'static [(&'static str, &'static str)],
    fields: &'static str,
}

pub(crate) const BINANCE: Dialect = Dialect {
    adapter: "binance",
    endpoints: &[
        ("spot", "http://{}"),
        ("spot-stream", "ws://{}"),
        ("spot-account", "ws://{}"),
        ("usdm", "http://{}"),
        ("usdm-public", "ws://{}/public"),
        ("usdm-market", "ws://{}/market"),
        ("usdm-private", "ws://{}/private"),
    ],
    fields: "{key: key, secret: secretsecret}",
};

pub(crate) const OKX: Dialect = Dialect {
    adapter: "okx",
    endpoints: &[("rest", "http://{}"), ("stream", "ws://{}/ws/v5")],
    fields: "{key: key, secret: secretsecret, passphrase: password}",
};

pub(crate) const BYBIT: Dialect = Dialect {
    adapter: "bybit",
    endpoints: &[("rest", "http://{}"), ("stream", "ws://{}/v5")],
    fields: "{key: key, secret: secretsecret}",
};

pub(crate) const PLAIN: Dialect = Dialect {
    adapter: "generic-rest",
    endpoints: &[("rest", "http://{}")],
    fields: "{key: key, secret: secretsecret}",
};

/// A venue with a daemon's folder beside it.
pub(crate) struct Rig {
    pub(crate) stage: Stage,
    pub(crate) venue: Venue,
}

impl Rig {
    /// A venue of this dialect, and a folder with its adapter and these guests.
    pub(crate) fn new(dialect: &Dialect, venue: Config, guests: &[&str], strategies: &str) -> Self {
        let stage = Stage::new();
        let venue = Venue::start(venue).expect("a port on this machine");
        let rig = Self { stage, venue };
        guests.iter().chain([&dialect.adapter]).for_each(|name| {
            rig.stage.drop_guest(name);
        });
        rig.write_credentials(dialect);
        rig.configure(dialect, strategies);
        rig
    }

    fn write_credentials(&self, dialect: &Dialect) {
        let text = format!(
            "test:\n  hosts: ['{}']\n  allow: trade\n  fields: {}\n",
            self.venue.addr(),
            dialect.fields
        );
        let path = self.stage.dir().join("credentials.yaml");
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
        std::io::Write::write_all(&mut file.expect("a temporary file"), text.as_bytes())
            .expect("a temporary file");
    }

    /// Writes the configuration anew.
    pub(crate) fn configure(&self, dialect: &Dialect, strategies: &str) {
        let at = self.venue.addr().to_string();
        let endpoints: Vec<_> = dialect
            .endpoints
            .iter()
            .map(|(name, url)| format!("      {name}: {}", url.replace("{}", &at)))
            .collect();
        let text = format!(
            "folders: [plugins]
settle_ms: 1
development: true
rescan_ms: 200
credentials: credentials.yaml
instruments:
  BTC-USDT:
    venue: {venue}
    price_scale: 2
    size_scale: {SIZE_SCALE}
    min_qty: 0.00001
    min_notional: 5
venues:
  {venue}:
    plugin: {venue}
    credentials: test
    trade: true
    risk: {{loss_day_max: none}}
    recv_window_ms: 2000
    read_lag_ms: 1000
    stale_after_ms: 2000
    endpoints:
{}
    network:
      - {{to: 'http://{at}', private: true}}
      - {{to: 'ws://{at}', private: true}}
strategies:
{strategies}",
            endpoints.join("\n"),
            venue = dialect.adapter,
        );
        std::fs::write(self.stage.dir().join("wickd.yaml"), text).expect("a temporary file");
    }

    /// Changes the configuration; `from` must be there.
    pub(crate) fn amend(&self, from: &str, to: &str) {
        let path = self.stage.dir().join("wickd.yaml");
        let text = std::fs::read_to_string(&path).expect("it was written");
        assert!(text.contains(from), "no `{from}` in {text}");
        std::fs::write(path, text.replacen(from, to, 1)).expect("a temporary file");
    }

    /// Waits until the venue's truth fits.
    pub(crate) fn until(&self, what: &str, fits: impl Fn(&Truth) -> bool) -> Truth {
        let started = Instant::now();
        loop {
            let truth = self.venue.truth();
            if fits(&truth) {
                return truth;
            }
            assert!(
                started.elapsed() < DEADLINE,
                "waited in vain for {what}: {:?}",
                truth.orders.len()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the daemon, and has another one find out how it stands with every order: what was under
    /// way at the end of a run is known after the next start. Gives what the first one said.
    pub(crate) fn settle(&self, daemon: Daemon) -> Vec<serde_json::Value> {
        self.venue.set_rate(0);
        let (status, said) = daemon.terminate();
        assert_ended(status, &said);
        let mut next = Daemon::start(&self.stage);
        next.wait("orders-settled");
        let (status, last) = next.terminate();
        assert_ended(status, &last);
        said
    }

    /// What the journal knows, read after the daemon has ended.
    pub(crate) fn journal(&self) -> Vec<Record> {
        let folder = Folder::open(&self.stage.dir().join("state")).expect("the daemon has ended");
        folder.journal().expect("the journal opens").replay().expect("it is whole")
    }

    /// How each order of the journal stands, here and at the venue.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let (journal, truth) = (self.journal(), self.venue.truth());
        let mut standings: BTreeMap<ClientId, Standing> = BTreeMap::new();
        for record in journal {
            match record {
                Record::Intent { order, by } => {
                    assert!(by.live, "{} was traded on paper", order.id);
                    let (slot, intent) = (u64::from(order.id.slot), order.id.intent);
                    let suffix = format!("x{}x{}", base36(slot), base36(intent));
                    let held = truth.orders.iter().find(|held| held.client_id.ends_with(&suffix));
                    let held = held.cloned();
                    let (events, is_cancelled) = (Vec::new(), false);
                    standings
                        .insert(order.id, Standing { id: order.id, events, is_cancelled, held });
                }
                Record::Event(event) => {
                    let standing = standings.get_mut(&event.id).expect("an intent comes first");
                    standing.events.push(event);
                }
                Record::Cancel { id, .. } => {
                    standings.get_mut(&id).expect("an intent comes first").is_cancelled = true;
                }
                _ => {}
            }
        }
        standings.into_values().collect()
    }

    /// Holds the journal against the venue's truth: each order at most once, each fill exactly once,
    /// each end known. Gives how many orders the venue has.
    pub(crate) fn assert_agreed(&self) -> usize {
        let (standings, truth) = (self.standings(), self.venue.truth());
        assert!(truth.doubled().is_empty(), "sent twice: {:?}", truth.doubled());
        let mut seen = 0;
        for standing in &standings {
            match &standing.held {
                Some(held) => {
                    seen += 1;
                    assert_eq!(standing.filled(), held.filled, "fills: {standing:#?}");
                    assert_eq!(standing.is_ended(), !held.status.is_open(), "end: {standing:#?}");
                }
                None => {
                    assert_eq!(standing.filled(), Decimal::ZERO, "never there: {standing:#?}");
                    assert!(standing.is_ended(), "open here, unknown at the venue: {standing:#?}");
                }
            }
        }
        assert_eq!(seen, truth.orders.len(), "the venue has orders that nobody journalled");
        seen
    }
}

/// One order: what the journal heard of it, and what the venue has.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) id: ClientId,
    pub(crate) events: Vec<OrderEvent>,
    /// Whether the journal has asked for it back.
    pub(crate) is_cancelled: bool,
    pub(crate) held: Option<Order>,
}

impl Standing {
    /// The sum of its fills here, in base units.
    pub(crate) fn filled(&self) -> Decimal {
        let filled = self.events.iter().map(|event| event.last_size).sum();
        print_scaled(filled, SIZE_SCALE).parse().expect("a decimal")
    }

    /// Whether its end is known here.
    pub(crate) fn is_ended(&self) -> bool {
        self.events.iter().any(|event| event.status.is_final())
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.push(char::from_digit((number % 36) as u32, 36).expect("below 36"));
        number /= 36;
    }
    digits.into_iter().rev().collect()
}

/// The manifest of an example plugin.
pub(crate) fn manifest(adapter: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-plugins");
    let manifest = std::fs::read_to_string(root.join(adapter).join("plugin.yaml"));
    manifest.expect("an example has a manifest")
}

/// Another component under an adapter's manifest, as a later version of it.
pub(crate) fn disguised(component: &str, adapter: &str, version: &str) -> Vec<u8> {
    let manifest = manifest(adapter).replacen("version: 0.1.0", &format!("version: {version}"), 1);
    under_manifest(component, &manifest)
}

/// The adapter with room for a test's haste in its rate limits; the venue of the test must have it too.
pub(crate) fn hasty(adapter: &str) -> Vec<u8> {
    let faster = |line: &str| match line.trim_start().starts_with("capacity:") {
        true => format!("{} 90000", line.split_inclusive(':').next().unwrap_or_default()),
        false => line.to_owned(),
    };
    let manifest: Vec<_> = manifest(adapter).lines().map(faster).collect();
    under_manifest(adapter, &manifest.join("\n"))
}

/// A component under another manifest.
pub(crate) fn under_manifest(component: &str, manifest: &str) -> Vec<u8> {
    let bytes = wickd_tests::component_bytes(component);
    let without = wickd_tests::without_section(&bytes, "wickd:manifest");
    wickd_tests::manifest_section(&without, manifest.as_bytes())
}

/// A venue that counts nothing.
pub(crate) fn patient() -> wickd_venue::Limits {
    let most = 1_000_000_000;
    wickd_venue::Limits {
        binance_spot_weight: most,
        binance_perp_weight: most,
        binance_spot_orders: most,
        binance_perp_orders: most,
        binance_perp_orders_minute: most,
        okx_public: most,
        okx_account: most,
        okx_orders: most,
        bybit_ip: most,
        bybit_spot_orders: most,
        bybit_linear_orders: most,
        bybit_reads: most,
        ..wickd_venue::Limits::default()
    }
}

/// It ended in order; what it may have left is orders whose cancels the venue was slow to confirm.
fn assert_ended(status: std::process::ExitStatus, said: &[serde_json::Value]) {
    let last = said.last().expect("it said something");
    let troubles = last["troubles"].as_array().cloned().unwrap_or_default();
    let slow = |of: &serde_json::Value| of.to_string().contains("have not confirmed the cancels");
    let expected = if troubles.is_empty() { 0 } else { 70 };
    assert_eq!(status.code(), Some(expected), "{last}");
    assert!(troubles.iter().all(slow), "{troubles:#?}");
}
