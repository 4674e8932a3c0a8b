//! Claims about feeds that plugins bring.

use std::path::Path;

use wickd_policy::net::Enforcement;

use crate::config::{Config, ConfigError};

/// A configuration of two instruments with these feeds and whatever else.
fn text(feeds: &str, more: &str) -> String {
    format!(
        "instruments:
  BTC-USDT: {{price_scale: 2, size_scale: 6}}
  ETH-USDT: {{venue: binance, price_scale: 2, size_scale: 4}}
feeds:
{feeds}{more}"
    )
}

const POLL: &str = "  - {name: poll, plugin: json-feed, instruments: [BTC-USDT]}\n";

/// The faults of it, each with its place.
fn faults(text: &str) -> Vec<String> {
    match Config::parse(text, Path::new("w.yaml"), None) {
        Err(ConfigError::Wrong { problems, .. }) => {
            problems.iter().map(|problem| format!("{problem:?}")).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_feed_of_a_plugin_is_read_whole_beside_a_walk() {
    let feeds = "  - name: poll
    plugin: json-feed@^0.1
    instruments: [BTC-USDT]
    stale_after_ms: 700
    config: {url: 'http://127.0.0.1:1/x'}
    limits: {cold_deadline_ms: 900}
    network: [{to: 'http://127.0.0.1:1', private: true}]
    network_mode: count
    restart: {max: 7}
  - {name: walk, synthetic: {instruments: [ETH-USDT]}}\n";
    let config = Config::parse(&text(feeds, "speed: recorded\n"), Path::new("w.yaml"), None);
    let plan = config.unwrap().plan;
    let feed = &plan.plugin_feeds[0];
    assert_eq!((feed.post.name.as_str(), feed.post.plugin.as_str()), ("poll", "json-feed"));
    assert_eq!((&feed.instruments[..], feed.stale_after_ms), (&[0][..], 700));
    assert_eq!((feed.post.settings.len(), feed.post.restart.restarts_max), (1, 7));
    assert_eq!(feed.post.network.enforcement, Enforcement::Count);
    assert_eq!((plan.plugin_feeds.len(), plan.feeds.len()), (1, 1));
}

#[test]
fn a_feed_of_a_plugin_may_stand_beside_a_venue_for_another_instrument() {
    let venues = "venues:\n  binance: {plugin: binance}\n";
    let plan = Config::parse(&text(POLL, venues), Path::new("w.yaml"), None).unwrap().plan;
    assert_eq!((plan.plugin_feeds.len(), plan.venues.len()), (1, 1));
}

#[test]
fn what_a_feed_of_a_plugin_cannot_be_is_told_with_its_place() {
    let walk = |of| format!("  - {{name: walk, synthetic: {{instruments: [{of}]}}}}\n");
    let replay = "  - {name: old, replay: {files: [x.csv], instrument: ETH-USDT}}\n";
    let venues = "venues:\n  binance: {plugin: binance}\n";
    let eth = "  - {name: poll, plugin: json-feed, instruments: [ETH-USDT]}\n";
    let again = POLL.replace("poll", "again");
    let named = "strategies:\n  - {name: poll, plugin: ear, instruments: [BTC-USDT]}\n";
    let utility = "utilities:\n  - {name: poll, plugin: alert-webhook}\n";
    let unknown = POLL.replace("instruments", "speed: 1, instruments");
    let table = [
        (
            text(&format!("{}{POLL}", walk("BTC-USDT")), ""),
            "`BTC-USDT` is fed by feed `walk` already",
        ),
        (
            text(&format!("{POLL}{}", walk("BTC-USDT")), ""),
            "`BTC-USDT` is fed by feed `walk` already",
        ),
        (text(&format!("{POLL}{again}"), ""), "`BTC-USDT` is fed by feed `poll` already"),
        (text(eth, venues), "`ETH-USDT` is fed by venue `binance` already"),
        (text(&format!("{POLL}{replay}"), ""), "`replay` and `plugin` do not go together"),
        (text(&format!("{POLL}{}", walk("ETH-USDT")), venues), "`feeds` and `venues`"),
        (text(POLL, "speed: max\n"), "no other speed than the present's"),
        (text(POLL, named), "`poll` is also the name of another"),
        (text(POLL, utility), "`poll` is also the name of another"),
        (text(&unknown, ""), "speed"),
        (text("  - {name: poll, plugin: json-feed}\n", ""), "instruments"),
        (text("  - {name: poll}\n", ""), "one of `replay:`, `synthetic:` and `plugin:`"),
    ];
    for (text, want) in table {
        let faults = faults(&text);
        assert!(faults.iter().any(|fault| fault.contains(want)), "{want}: {faults:#?}");
    }
    let clash = faults(&text(&format!("{}{POLL}", walk("BTC-USDT")), ""));
    assert_eq!(clash.len(), 1, "told once, at the instrument: {clash:#?}");
}
