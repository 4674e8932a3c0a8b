//! `venues:` and `credentials:`.

use std::path::Path;

use wickd_engine::{Credentials, Streams, VenuePlan};
use wickd_model::{Instrument, PluginName, SlotName};
use wickd_policy::net::{Enforcement, Grants};
use wickd_policy::params::Setting;
use wickd_policy::venue::Endpoint;
use wickd_policy::venue::catalogue::{Catalogue, Signing};
use wickd_policy::yaml::{Fields, Key, Node, Problem, Problems, quoted};

use super::slot::{account_risk, flatten, plugin};
use super::{PATH_BYTES_MAX, accept, limit, path, set};

/// Most venues: each has two threads.
const VENUES_MAX: usize = 16;
/// Most endpoints with another address.
const ENDPOINTS_MAX: usize = 16;
/// Most kinds of streams.
const STREAMS_MAX: usize = 3;
/// Longest silence of quotes that can be asked for: an hour, for markets that hardly trade.
const STALE_AFTER_MS_MAX: u64 = 3_600_000;
/// Binance takes no longer window.
const RECV_WINDOW_MS_MAX: u64 = 60_000;

/// Reads of Binance lag by seconds, of nobody known by more than this.
const READ_LAG_MS_MAX: u64 = 120_000;

/// More keys than `risk` of a venue has.
const RISK_KEYS_MAX: usize = 64;

const KEYS: [&str; 16] = [
    "plugin",
    "accept",
    "config",
    "credentials",
    "catalogue",
    "signing",
    "trade",
    "risk",
    "open_orders_max",
    "endpoints",
    "network",
    "network_mode",
    "streams",
    "stale_after_ms",
    "recv_window_ms",
    "read_lag_ms",
];

/// `venues`: a map from the name that instruments use to what connects there.
pub(super) fn venues(
    fields: &Fields<'_>,
    instruments: &[Instrument],
    development: bool,
    problems: &mut Problems,
) -> Vec<VenuePlan> {
    let Some(node) = fields.get("venues") else { return Vec::new() };
    let entries = problems.keep(node.map(VENUES_MAX)).unwrap_or_default();
    let venue = |(key, node): &(Key, Node)| venue(key, node, instruments, development, problems);
    entries.iter().filter_map(venue).collect()
}

fn venue(
    key: &Key,
    node: &Node,
    instruments: &[Instrument],
    development: bool,
    problems: &mut Problems,
) -> Option<VenuePlan> {
    let of = Fields::of(node, &KEYS, problems)?;
    let name = key.text.parse::<SlotName>().map(|name| name.to_string()).map_err(|error| {
        let reason = format!("`{}`: {error}", quoted(&key.text));
        Problem::new(&key.place, reason, "name it like `binance`, as instruments do")
    });
    let name = problems.keep(name);
    let mine: Vec<_> = instruments
        .iter()
        .filter(|instrument| instrument.venue == key.text)
        .map(|instrument| instrument.id)
        .collect();
    if mine.is_empty() {
        let reason = format!("no instrument is of venue `{}`", quoted(&key.text));
        problems.add(Problem::new(&key.place, reason, "set `venue:` of an instrument to it"));
    }
    let plugin = of.need("plugin", problems).map(plugin);
    let plugin = plugin.and_then(|plugin| problems.keep(plugin));
    let mut settings = Vec::new();
    if let Some(node) = of.get("config") {
        flatten(node, "", &mut settings, problems);
    }
    let text = |node: &Node| node.text_within(64).map(Some);
    let credentials = set(&of, "credentials", None, problems, text);
    let signing = signing(&of, plugin.as_ref().map(|(plugin, _)| plugin), &settings, problems);
    let trade = set(&of, "trade", false, problems, Node::boolean);
    if let (true, None, Some(node)) = (trade, &credentials, of.get("trade")) {
        let reason = "orders cannot be signed without `credentials`";
        problems.add(Problem::new(&node.place, reason, "name a slot of the credentials file"));
    }
    let losses = account_risk(&of, problems);
    let risk = of.get("risk").and_then(|node| node.map(RISK_KEYS_MAX).ok()).unwrap_or_default();
    let is_said = risk.iter().any(|(key, _)| key.text == "loss_day_max");
    if let (true, false, Some(node)) = (trade, is_said, of.get("trade")) {
        let reason =
            "orders leave for real, and nobody has said what the account may lose in a day";
        let fix = "write `risk: {loss_day_max: 100}` beside it, an amount or `none`";
        problems.add(Problem::new(&node.place, reason, fix));
    }
    if let (false, Some(node)) = (trade, of.get("risk")) {
        let reason = "`risk` holds for orders that leave, and without `trade: true` none does";
        let fix = "set `trade: true`, or write it under `paper:`";
        problems.add(Problem::new(&node.place, reason, fix));
    }
    let modes = [("enforce", Enforcement::Enforce), ("count", Enforcement::Count)];
    let mode = set(&of, "network_mode", Enforcement::Enforce, problems, |n| n.one_of(&modes));
    let network = of.get("network").map(|node| Grants::read(node, mode, problems));
    let standard = Streams { quotes: true, depth: false, trades: true };
    let (name, (plugin, range)) = (name?, plugin?);
    // It reaches the venue, and often signs there.
    let accept = accept::accept(&of, true, development, problems);
    Some(VenuePlan {
        name,
        plugin,
        range,
        accept,
        settings,
        endpoints: endpoints(&of, problems),
        network: network.unwrap_or(Grants { enforcement: mode, lines: Vec::new() }),
        credentials,
        signing,
        trade,
        losses,
        // Binance takes 200 of a symbol; a strategy has at most 32 by default.
        open_orders_max: limit(&of, "open_orders_max", 200, problems, |n| n.integer(1..=10_000)),
        streams: set(&of, "streams", standard, problems, streams),
        stale_after_ms: set(&of, "stale_after_ms", 10_000, problems, |n| {
            n.integer(100..=STALE_AFTER_MS_MAX)
        }),
        recv_window_ms: set(&of, "recv_window_ms", 5_000, problems, |n| {
            n.integer(10..=RECV_WINDOW_MS_MAX)
        }),
        // Binance's orders were read 15 s late.
        read_lag_ms: set(&of, "read_lag_ms", 20_000, problems, |n| n.integer(0..=READ_LAG_MS_MAX)),
        instruments: mine,
    })
}

/// What the venue's signer may sign. At an address that the host knows, that says which venue it is;
/// elsewhere the operator does, by `catalogue:` or by the adapter they chose. Lines under `signing:` are
/// added to it.
fn signing(
    of: &Fields<'_>,
    plugin: Option<&PluginName>,
    settings: &[Setting],
    problems: &mut Problems,
) -> Signing {
    let names: Vec<_> = Catalogue::names().map(|name| (name, name)).collect();
    let by_plugin = plugin.map(PluginName::as_str).filter(|name| Catalogue::named(name).is_some());
    let name = match of.get("catalogue") {
        None => by_plugin,
        Some(node) => problems.keep(node.one_of(&names)),
    };
    let catalogue = name.and_then(|name| Catalogue::in_words(name, settings));
    let own = of.get("signing").and_then(|node| Catalogue::read("signing", node, problems));
    Signing { catalogue, own: own.unwrap_or_default() }
}

/// Other addresses for the adapter's endpoints; each still needs its grant.
fn endpoints(of: &Fields<'_>, problems: &mut Problems) -> Vec<Endpoint> {
    let entries = of.get("endpoints").map(|node| node.map(ENDPOINTS_MAX));
    let entries = entries.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
    let read = |(key, node): &(Key, Node)| problems.keep(Endpoint::read(&key.text, node));
    entries.iter().filter_map(read).collect()
}

fn streams(node: &Node) -> Result<Streams, Problem> {
    let mut streams = Streams { quotes: false, depth: false, trades: false };
    for node in node.list(STREAMS_MAX)? {
        match node.one_of(&[("quotes", 0), ("depth", 1), ("trades", 2)])? {
            0 => streams.quotes = true,
            1 => streams.depth = true,
            _ => streams.trades = true,
        }
    }
    if streams.quotes && streams.depth {
        let reason = "`quotes` and `depth` both make quotes, and would contradict each other";
        return Err(Problem::new(&node.place, reason, "keep one of the two"));
    }
    if !streams.quotes && !streams.depth {
        let reason = "without `quotes` or `depth` no order has a price to be held against";
        return Err(Problem::new(&node.place, reason, "add `quotes`"));
    }
    Ok(streams)
}

/// `credentials`: a file that only its owner may read, or `systemd`.
pub(super) fn credentials(
    fields: &Fields<'_>,
    base: &Path,
    problems: &mut Problems,
) -> Credentials {
    set(fields, "credentials", Credentials::None, problems, |node| {
        match node.text_within(PATH_BYTES_MAX)?.as_str() {
            "systemd" => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                Some(folder) => Ok(Credentials::Systemd(folder.into())),
                None => Err(Problem::new(
                    &node.place,
                    "systemd has handed over no credentials",
                    "set `LoadCredential=wickd-credentials:…` in the unit, or name a file",
                )),
            },
            _ => path(node, base).map(Credentials::File),
        }
    })
}
