//! Claims about configurations.

use super::*;
use wickd_engine::RestartPlan;
use wickd_engine::lane::{OnFailure, Trial};
use wickd_engine::market::{FeedKind, FloatNoise};
use wickd_model::{LossStops, Mode, Risk};
use wickd_policy::VersionReq;

/// Every option once, none at its default.
const WHOLE: &str = "\
state_dir: /var/lib/wickd
folders: [drop, /opt/plugins]
settle_ms: 50
rescan_ms: 1000
lanes: 2
speed: 25
limits: {deadline_ms: 20}
instruments:
  BTC-USDT:
    venue: binance
    price_scale: 2
    size_scale: 6
    price_step: 0.01
    qty_step: 0.00001
    min_qty: 0.0001
    min_notional: 10.5
    maker_fee: 0.0002
    taker_fee: 0.0004
  ETH-USDT: {price_scale: 2, size_scale: 4}
feeds:
  - name: recorded
    stale_after_ms: 900
    replay:
      files: [data/quotes.csv, data/trades.csv]
      instrument: BTC-USDT
      bar_secs: 30
      loop: true
      on_broken_row: skip
      float_noise: round
      starts_at_s: 5
  - name: walk
    synthetic: {instruments: [ETH-USDT], ticks_per_s: 7, seed: 8, count: 9, starts_at_s: 10}
paper:
  latency_ms: 5
  reject_ppm: 6
  participation_ppm: 7
  seed: 8
  funds: 1000.5
  live_orders_max: 99
  market: shared
  risk: {loss_day_max: 40, drawdown_max: none}
strategies:
  - name: hedge
    plugin: hedge-v2@^1.2
    instruments: [ETH-USDT, BTC-USDT]
    config:
      base_size: 0.010
      bubble:
        enabled: true
        step_pct: 0.5
    limits: {fuel_per_call: 5000}
    risk:
      mode: reduce-only
      order_size_max: 1.5
      order_notional_max: none
      position_notional_max: 200
      orders_per_second: 3
      open_orders_max: 4
      price_band_bps: 5
      loss_max: 6.5
      drawdown_max: 7
      loss_day_max: 3.25
    on_failure: flatten
    restart: {max: 1, window_s: 2, backoff_ms: 3, backoff_max_ms: 4}
    swap: {shadow_events: 1, probation_events: 2, agree: true, snapshot_every_ms: 30}
";

fn load(text: &str) -> Result<Config, Vec<String>> {
    let home = Path::new("/home/ada/.local/share");
    match Config::parse(text, Path::new("/etc/wickd/wickd.yaml"), Some(home)) {
        Ok(config) => Ok(config),
        Err(ConfigError::Wrong { problems, .. }) => {
            Err(problems.iter().map(|problem| format!("{problem}; {}", problem.fix)).collect())
        }
        Err(error) => Err(vec![error.to_string()]),
    }
}

const LEAST: &str = "instruments:\n  BTC-USDT: {price_scale: 2, size_scale: 6}\n";

#[test]
fn every_option_reaches_the_configuration() {
    let config = load(WHOLE).unwrap().plan;
    assert_eq!(config.state_dir, Path::new("/var/lib/wickd"));
    assert_eq!(config.folders, [Path::new("/etc/wickd/drop"), Path::new("/opt/plugins")]);
    assert_eq!((config.settle_ms, config.rescan_ms), (50, 1_000));
    assert_eq!((config.lanes, config.speed), (2, Speed::Times(25)));
    assert_eq!(config.limits, Limits { deadline_ms: 20, ..Limits::default() });
    let btc = &config.instruments[0];
    assert_eq!(
        (btc.id, btc.venue.as_str(), btc.base.as_str(), btc.quote.as_str()),
        (0, "binance", "BTC", "USDT")
    );
    assert_eq!((btc.price_step, btc.qty_step, btc.min_qty), (1, 10, 100));
    assert_eq!((btc.min_notional, btc.maker_fee_ppm, btc.taker_fee_ppm), (1_050_000_000, 200, 400));
    let FeedKind::Replay(replay) = &config.feeds[0].kind else { panic!("no replay") };
    assert_eq!((config.feeds[0].name.as_str(), config.feeds[0].stale_after_ms), ("recorded", 900));
    assert_eq!(replay.files[1], Path::new("/etc/wickd/data/trades.csv"));
    assert_eq!((replay.bar_secs, replay.looped, replay.float_noise), (30, true, FloatNoise::Round));
    assert_eq!((replay.instrument.id, replay.starts_at), (0, Some(5_000_000_000)));
    let FeedKind::Synthetic(walk) = &config.feeds[1].kind else { panic!("no walk") };
    assert_eq!((walk.instruments[0].id, walk.ticks_per_s, walk.seed), (1, 7, 8));
    assert_eq!((walk.count, walk.starts_at), (Some(9), 10_000_000_000));
    let paper = PaperConfig {
        latency_ms: 5,
        reject_ppm: 6,
        participation_ppm: 7,
        seed: 8,
        funds: Some(100_050_000_000),
        live_orders_max: 99,
        market: PaperMarket::Shared,
    };
    assert_eq!(config.paper, paper);
    let losses = LossStops { loss_day_max: Some(4_000_000_000), ..LossStops::default() };
    assert_eq!(config.paper_losses, losses);
}

#[test]
fn every_option_of_a_slot_reaches_it() {
    let slot = load(WHOLE).unwrap().plan.slots.remove(0);
    assert_eq!((slot.name.as_str(), slot.plugin.as_str()), ("hedge", "hedge-v2"));
    assert!(slot.range.matches(&wickd_policy::Version::new(1, 9, 0)));
    assert!(!slot.range.matches(&wickd_policy::Version::new(2, 0, 0)));
    assert_eq!(slot.instruments, [1, 0], "in the slot's order");
    let settings: Vec<_> =
        slot.settings.iter().map(|s| (s.key.as_str(), s.value.as_str())).collect();
    assert_eq!(
        settings,
        [("base_size", "0.010"), ("bubble.enabled", "true"), ("bubble.step_pct", "0.5")]
    );
    let place = &slot.settings[2].value_place;
    assert_eq!((place.line, place.column), (50, 19));
    assert_eq!(slot.limits.over(Limits::default()).fuel_per_call, 5_000);
    let risk = Risk {
        mode: Mode::ReduceOnly,
        order_size_max: Some(150_000_000),
        order_notional_max: None,
        position_notional_max: Some(20_000_000_000),
        orders_per_second: 3,
        open_orders_max: 4,
        price_band_bps: 5,
        losses: LossStops {
            loss_max: Some(650_000_000),
            drawdown_max: Some(700_000_000),
            loss_day_max: Some(325_000_000),
        },
    };
    assert_eq!((slot.risk, slot.on_failure), (risk, OnFailure::Flatten));
    let restart =
        RestartPlan { restarts_max: 1, window_ms: 2_000, backoff_ms: 3, backoff_max_ms: 4 };
    let trial = Trial { shadow_events: 1, probation_events: 2, agree: true };
    assert_eq!((slot.restart, slot.trial, slot.snapshot_every_ms), (restart, trial, 30));
}

#[test]
fn the_least_configuration_has_every_default() {
    let config = load(LEAST).unwrap().plan;
    assert_eq!(config.state_dir, Path::new("/etc/wickd/state"));
    let folders =
        ["/etc/wickd/plugins", "/home/ada/.local/share/wickd/plugins", "/usr/share/wickd/plugins"];
    assert_eq!(config.folders, folders.map(PathBuf::from));
    assert_eq!(
        (config.speed, config.lanes, config.limits),
        (Speed::RECORDED, 1, Limits::default())
    );
    assert!(config.slots.is_empty() && config.feeds.is_empty(), "the house starts empty");
    assert_eq!(config.instruments[0].min_qty, 1);
    let slot = "strategies: [{name: a, plugin: b, instruments: [BTC-USDT]}]\n";
    let slot = load(&format!("{LEAST}{slot}")).unwrap().plan.slots.remove(0);
    assert_eq!((slot.risk, slot.on_failure), (Risk::default(), OnFailure::Cancel));
    assert_eq!((slot.range, slot.restart), (VersionReq::STAR, RestartPlan::default()));
}

#[test]
fn each_fault_is_told_at_its_place_with_reason_and_fix() {
    let table = [
        (
            "lanes: 2",
            "lanes: 9",
            "5:8: `lanes`: `9` is out of range; write a whole number from 1 to 8",
        ),
        ("lanes: 2", "lane: 2", "5:1: unknown key `lane`; did you mean `lanes`?"),
        (
            "speed: 25",
            "speed: fast",
            "6:8: `speed`: `fast` is not such a number; write `recorded`, `max`, or a whole factor from 1 to 1000000",
        ),
        (
            "{deadline_ms: 20}",
            "{deadline: 20}",
            "7:10: unknown key `deadline`; did you mean `deadline_ms`?",
        ),
        (
            "  ETH-USDT: {",
            "  ETHUSDT: {price_scale: 1, size_scale: 1}\n  ETH-USDT: {",
            "19:3: `ETHUSDT` is not a symbol; write it like `BTC-USDT`, 32 bytes at most",
        ),
        (
            "price_scale: 2\n",
            "price_scale: 13\n",
            "11:18: `13` is out of range; write a whole number from 0 to 12",
        ),
        (
            "price_step: 0.01\n",
            "price_step: 0.001\n",
            "13:17: `price_step`: `0.001` is more than 2 decimals; write a number from 0.01 to 23058430092.13",
        ),
        (
            "min_qty: 0.0001\n",
            "min_qty: 0.000015\n",
            "15:14: `min_qty` lies between two steps of `qty_step`; make it a multiple of `qty_step`",
        ),
        (
            "maker_fee: 0.0002",
            "maker_fee: 0.2",
            "17:16: `maker_fee`: `0.2` is out of range; write a number from 0.000000 to 0.100000",
        ),
        (
            "instrument: BTC-USDT",
            "instrument: BTC-USD",
            "25:19: no instrument `BTC-USD`; did you mean `BTC-USDT`?",
        ),
        ("loop: true", "loop: yes", "27:13: `loop`: unknown value `yes`; write one of true, false"),
        (
            "on_broken_row: skip",
            "on_broken_row: skp",
            "28:22: `on_broken_row`: unknown value `skp`; did you mean `skip`?",
        ),
        (
            "files: [data/quotes.csv, data/trades.csv]",
            "files: []",
            "24:14: `files` is empty; name at least one file",
        ),
        (
            "    synthetic: {",
            "    replay: {files: [a], instrument: ETH-USDT}\n    synthetic: {",
            "31:5: a feed has one of `replay:`, `synthetic:` and `plugin:`; write one of the three",
        ),
        (
            "name: walk",
            "name: recorded",
            "31:5: two feeds are called `recorded`; rename one of them",
        ),
        (
            "live_orders_max: 99",
            "live_orders_max: 3",
            "34:3: the slots may have 4 orders open, and the venue takes 3; raise `paper.live_orders_max`, or lower the slots' `risk.open_orders_max`",
        ),
        (
            "plugin: hedge-v2@^1.2",
            "plugin: hedge-v2@one",
            "44:13: `plugin`: the range: unexpected character 'o' while parsing major version number; write a plugin's name, or `name@range` like `ema-cross@^1.2`",
        ),
        ("    plugin: hedge-v2@^1.2\n", "", "43:5: `plugin` is missing; add `plugin: …`"),
        (
            "[ETH-USDT, BTC-USDT]",
            "[ETH-USDT, ETH-USDT]",
            "45:29: `ETH-USDT` stands twice; keep one of the two",
        ),
        (
            "step_pct: 0.5",
            "step_pct: [0.5]",
            "50:19: a parameter is one value, not a list or nothing; write one value, or remove the key",
        ),
        (
            "order_size_max: 1.5",
            "order_size_max: lots",
            "54:23: `order_size_max`: `lots` is not a plain decimal number (digits and one dot, no exponent); write a number from 0.00000001 to 92233720368.54775807, or `none`",
        ),
        (
            "loss_day_max: 3.25",
            "loss_day_max: 0",
            "62:21: `loss_day_max`: `0` is out of range; write a number from 0.00000001 to 92233720368.54775807, or `none`",
        ),
        (
            "loss_day_max: 40",
            "loss_daily_max: 40",
            "41:10: unknown key `loss_daily_max`; did you mean `loss_day_max`?",
        ),
        (
            "mode: reduce-only",
            "mode: reduce",
            "53:13: `mode`: unknown value `reduce`; write one of trade, reduce-only, halt",
        ),
        (
            "backoff_max_ms: 4",
            "backoff_max_ms: 2",
            "64:67: `backoff_max_ms`: `2` is out of range; write a whole number from 3 to 3600000",
        ),
        (
            "on_failure: flatten",
            "on_failure: flatten\n    on_failure: keep",
            "64:5: duplicate mapping key: on_failure not allowed here; keep one of the two",
        ),
    ];
    for (from, to, want) in table {
        let text = WHOLE.replacen(from, to, 1);
        assert_ne!(text, WHOLE, "{from} does not stand there");
        let told = load(&text).expect_err(want);
        assert_eq!(told, [format!("/etc/wickd/wickd.yaml:{want}")], "{to}");
    }
}

#[test]
fn all_faults_come_at_once_by_place() {
    let told = load("lanes: 0\nspede: 1\ninstruments:\nfeeds: {}\npaper: loud\n").unwrap_err();
    let places: Vec<_> = told.iter().map(|t| &t["/etc/wickd/wickd.yaml:".len()..][..3]).collect();
    assert_eq!(places, ["1:8", "2:1", "3:1", "4:8", "5:8"], "{told:#?}");
}

#[test]
fn a_fault_shows_its_line() {
    let path = Path::new("wickd.yaml");
    let error = Config::parse("lanes: 0\ninstruments: 5\n", path, None).unwrap_err();
    let mut page = String::new();
    let handler = miette::NarratableReportHandler::new();
    handler.render_report(&mut page, &error).unwrap();
    assert!(page.contains("lanes: 0") && page.contains("from 1 to 8"), "{page}");
    assert!(error.to_string().contains("2 things are wrong in wickd.yaml"));
}

#[test]
fn a_setting_that_its_plugin_refuses_is_told_at_its_line() {
    let config = load(WHOLE).unwrap();
    let schema = wickd_policy::params::Schema::new(Vec::new()).unwrap();
    let problems = schema.resolve(&config.plan.slots[0].settings).unwrap_err();
    let ConfigError::Wrong { problems, .. } = config.wrong(problems) else { panic!("read") };
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let place = "/etc/wickd/wickd.yaml:47:7: the plugin has no parameter `base_size`";
    assert_eq!((told.len(), told[0].as_str()), (3, place));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nowhere/wickd.yaml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the configuration /nowhere/wickd.yaml");
}

#[test]
fn the_hash_changes_with_whatever_decides_and_with_nothing_else() {
    let hash = |text: &str| load(text).unwrap().plan.slots[0].config;
    let base = hash(WHOLE);
    assert_eq!(base, hash(&format!("# a remark\n{WHOLE}")));
    assert_eq!(base, hash(&WHOLE.replacen("settle_ms: 50", "settle_ms: 51", 1)));
    for (from, to) in [
        ("name: hedge", "name: other"),
        ("base_size: 0.010", "base_size: 0.02"),
        ("loss_max: 6.5", "loss_max: 6.6"),
        ("loss_day_max: 3.25", "loss_day_max: 3.5"),
        ("loss_day_max: 40", "loss_day_max: 41"),
        ("taker_fee: 0.0004", "taker_fee: 0.0005"),
        ("deadline_ms: 20", "deadline_ms: 21"),
    ] {
        assert_ne!(base, hash(&WHOLE.replacen(from, to, 1)), "{from}");
    }
}

#[test]
fn what_is_shipped_as_a_configuration_is_one() {
    let readme = include_str!("../../../../README.md");
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let shipped = [
        (include_str!("../../../../deploy/wickd.yaml"), 4),
        (include_str!("../../../../deploy/live.yaml"), 1),
        (include_str!("../demo/wickd.yaml"), 4),
        (example, 1),
    ];
    for (text, slots) in shipped {
        assert_eq!(load(text).map(|config| config.plan.slots.len()), Ok(slots), "{text}");
    }
}

/// A configuration with one venue whose keys are `extra`.
fn venue(extra: &str) -> String {
    format!(
        "instruments:
  BTC-USDT: {{venue: binance, price_scale: 2, size_scale: 5}}
venues:
  binance:
    plugin: binance
{extra}"
    )
}

#[test]
fn a_venue_is_read_whole_and_trades_only_where_it_says_so() {
    let text = venue(
        "    credentials: main
    trade: true
    risk: {loss_max: 100, loss_day_max: 20}
    streams: [depth, trades]
    endpoints: {spot: 'http://127.0.0.1:1'}
    network: [{to: 'http://127.0.0.1:1', private: true}]\n",
    );
    let config = Config::parse(&text, Path::new("w.yaml"), None).unwrap();
    let venue = &config.plan.venues[0];
    assert_eq!((venue.name.as_str(), venue.trade), ("binance", true));
    assert_eq!(venue.instruments, [0]);
    let catalogue = venue.signing.catalogue.as_ref().map(|of| of.name());
    assert_eq!(catalogue, Some("binance"), "by the adapter chosen");
    assert!(venue.streams.depth && !venue.streams.quotes);
    let cash = |units: i64| Some(units * 100_000_000);
    let losses = LossStops { loss_max: cash(100), loss_day_max: cash(20), drawdown_max: None };
    assert_eq!((venue.losses, config.plan.paper_losses), (losses, LossStops::default()));
    let config = Config::parse(&self::venue(""), Path::new("w.yaml"), None).unwrap();
    assert!(!config.plan.venues[0].trade && config.plan.venues[0].network.lines.is_empty());
}

#[test]
fn what_a_venue_cannot_be_is_told_with_its_place() {
    let table = [
        ("    trade: true\n", "orders cannot be signed without `credentials`"),
        ("    trade: true\n    credentials: main\n", "may lose in a day"),
        ("    trade: true\n    credentials: main\n    risk: {loss_max: 5}\n", "may lose in a day"),
        ("    risk: {loss_max: 5}\n", "without `trade: true` none does"),
        ("    risk: {position_max: 5}\n", "unknown key `position_max`"),
        ("    streams: [trades]\n", "without `quotes` or `depth`"),
        ("    streams: [quotes, depth]\n", "would contradict each other"),
        ("    endpoints: {spot: 'ftp://a'}\n", "ftp"),
        ("    network: ['https://user:pw@a.example']\n", "`https://…@a.example`: userinfo"),
        ("    tarde: true\n", "did you mean `trade`?"),
        ("    recv_window_ms: 0\n", "recv_window_ms"),
        ("    catalogue: binanec\n", "did you mean `binance`?"),
        ("    signing: {read: ['POST /sapi/v1/asset/transfer']}\n", "nothing that moves money out"),
        (
            "    signing: {trade: [{at: POST /v1/order, does: create}]}\n",
            "what kind of order it is",
        ),
    ];
    for (extra, want) in table {
        let error = Config::parse(&venue(extra), Path::new("w.yaml"), None).unwrap_err();
        let ConfigError::Wrong { problems, .. } = &error else { panic!("{error}") };
        let told: Vec<_> = problems.iter().map(|problem| format!("{problem:?}")).collect();
        assert!(told.iter().any(|text| text.contains(want)), "{extra}: {told:#?}");
    }
    let both = format!("{}feeds: []\n", venue(""));
    assert!(Config::parse(&both, Path::new("w.yaml"), None).is_err());
}

#[test]
fn a_limit_that_is_left_empty_is_no_limit_that_anybody_has_set() {
    let slot = "instruments:
  BTC-USDT: {price_scale: 2, size_scale: 5}
strategies:
  - name: a
    plugin: b
    instruments: [BTC-USDT]\n";
    let keys = [
        "loss_max",
        "drawdown_max",
        "loss_day_max",
        "order_size_max",
        "order_notional_max",
        "position_notional_max",
        "orders_per_second",
        "open_orders_max",
        "price_band_bps",
        "mode",
    ];
    let mut wrong = Vec::new();
    for empty in ["", "~", "null", "# ${LIMIT}"] {
        let of_slot = keys.iter().map(|key| (*key, format!("    risk:\n      {key}: {empty}\n")));
        let whole = [
            ("risk", format!("    risk: {empty}\n")),
            ("limits", format!("    limits: {empty}\n")),
        ];
        let deadline = ("deadline_ms", format!("    limits:\n      deadline_ms: {empty}\n"));
        for (key, extra) in of_slot.chain(whole).chain([deadline]) {
            wrong.push((key, format!("{slot}{extra}")));
        }
        for key in ["loss_max", "drawdown_max", "loss_day_max"] {
            let losses = ["loss_max", "drawdown_max", "loss_day_max"].map(|name| {
                format!("      {name}: {}\n", if name == key { empty } else { "none" })
            });
            let losses = losses.concat();
            let account = format!("    credentials: main\n    trade: true\n    risk:\n{losses}");
            wrong.push((key, venue(&account)));
        }
        wrong.push(("open_orders_max", venue(&format!("    open_orders_max: {empty}\n"))));
    }
    for (key, text) in wrong {
        let error = Config::parse(&text, Path::new("w.yaml"), None).unwrap_err();
        let ConfigError::Wrong { problems, .. } = &error else { panic!("{error}") };
        let told: Vec<_> = problems.iter().map(|problem| format!("{problem:?}")).collect();
        let want = format!("`{key}` has no value");
        assert!(told.iter().any(|line| line.contains(&want)), "{key}: {told:#?}\n{text}");
    }
}
