//! `wickd config check`: whether a configuration can be run, without running it.
//!
//! Comes in: a configuration file. Goes out: its faults, or what it comes to. The heads of the data files
//! are read, credentials opened, and plugins that are there are configured as their places say. Deliberately
//! absent: events, and any way out.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wickd_engine::market::{FeedKind, FeedPlan, FloatNoise, Market, OnBrokenRow, Speed, TimeUnit};
use wickd_engine::{
    Credentials, HouseError, PaperMarket, Plan, PluginFeedPlan, Post, RestartPlan, SlotPlan,
    UtilityPlan, VenuePlan,
};
use wickd_model::{CASH_SCALE, Cash, InstrumentId, LossStops, print_scaled};
use wickd_policy::acceptance::Accept;
use wickd_policy::net::{Enforcement, Grants};
use wickd_policy::yaml::Problem;

use crate::check::{self, shown};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::figures::count;
use crate::terminal::Terminal;

/// Checks it.
pub(crate) fn check(terminal: &Terminal, path: &Path) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let plan = &config.plan;
    Market::open(plan.feeds.clone()).map_err(HouseError::Feed)?;
    for venue in &plan.venues {
        venue.try_credentials(&plan.credentials).map_err(HouseError::Venue)?;
    }
    folders_are_there(&config)?;
    let against = check::against_places(&config, |file| {
        if !terminal.json {
            terminal.tell(&format!("trying {}", shown(file)));
        }
    })?;
    if !against.is_empty() {
        let text = match against.len() {
            1 => "a plugin would not run as configured".to_owned(),
            more => format!("{more} plugins would not run as configured"),
        };
        let failure = Failure::new(Exit::BadConfig, text);
        let hint = "mend the `config:`, `limits:` or file named above";
        return Err(Failure { causes: against, ..failure }.hint(hint));
    }
    if terminal.json {
        terminal.line("config", &resolved(plan));
        return Ok(Exit::Ok);
    }
    let parts = [
        count(plan.instruments.len() as u64, "instrument"),
        count((plan.feeds.len() + plan.plugin_feeds.len()) as u64, "feed"),
        count(plan.slots.len() as u64, "slot"),
        count(plan.lanes.into(), "lane"),
    ];
    terminal.page(&format!("ok  {}: {}\n", shown(config.path()), parts.join(", ")));
    for slot in &plan.slots {
        let (name, plugin, range) = (&slot.name, &slot.plugin, &slot.range);
        terminal.page(&format!(
            "    {name:<16} {plugin} {range}  on {}\n",
            symbols(&slot.instruments, plan)
        ));
    }
    for feed in &plan.plugin_feeds {
        let Post { name, plugin, range, .. } = &feed.post;
        let symbols = symbols(&feed.instruments, plan);
        terminal.page(&format!("    {name:<16} {plugin} {range}  feeds {symbols}\n"));
    }
    for utility in &plan.utilities {
        let Post { name, plugin, range, .. } = &utility.post;
        terminal.page(&format!("    {name:<16} {plugin} {range}  listens\n"));
    }
    let folders: Vec<_> = plan.folders.iter().map(|of| shown(of)).collect();
    terminal.page(&format!("    plugins from     {}\n", folders.join(", ")));
    terminal.page(&format!("    state in         {}\n", shown(&plan.state_dir)));
    Ok(Exit::Ok)
}

/// Folders that the configuration names are there; those that stand for themselves may be missing.
fn folders_are_there(config: &Config) -> Result<(), Failure> {
    let missing = |(place, folder): (usize, &PathBuf)| {
        let place = config.folder_place(place)?;
        let (is_there, told) = match folder.metadata() {
            Ok(found) => (found.is_dir(), "is no folder".to_owned()),
            Err(error) => (false, error.to_string()),
        };
        let reason = format!("`{}`: {told}", shown(folder));
        (!is_there).then(|| Problem::new(&place, reason, "make it, or mend its name"))
    };
    let problems: Vec<_> = config.plan.folders.iter().enumerate().filter_map(missing).collect();
    if problems.is_empty() { Ok(()) } else { Err(config.wrong(problems).into()) }
}

fn symbols(of: &[InstrumentId], plan: &Plan) -> String {
    let symbol =
        |id: &InstrumentId| plan.instruments.get(*id as usize).map(|of| of.symbol.as_str());
    of.iter().filter_map(symbol).collect::<Vec<_>>().join(", ")
}

/// The configuration with every default, in its own words.
fn resolved(plan: &Plan) -> Value {
    json!({
        "state_dir": plan.state_dir,
        "folders": plan.folders,
        "settle_ms": plan.settle_ms,
        "rescan_ms": plan.rescan_ms,
        "lanes": plan.lanes,
        "speed": match plan.speed {
            Speed::Max => json!("max"),
            Speed::Times(times) => json!(times),
        },
        "disk_free_min_mb": plan.disk_free_min >> 20,
        "limits": plan.limits,
        "credentials": match &plan.credentials {
            Credentials::None => Value::Null,
            Credentials::File(path) => json!(path),
            Credentials::Systemd(_) => json!("systemd"),
        },
        "venues": plan.venues.iter().map(|of| venue(of, plan)).collect::<serde_json::Map<_, _>>(),
        "retired": plan.retired,
        "instruments": plan.instruments,
        "feeds": (plan.feeds.iter().map(feed))
            .chain(plan.plugin_feeds.iter().map(|of| plugin_feed(of, plan)))
            .collect::<Vec<_>>(),
        "paper": {
            "market": PaperMarket::NAMES.iter().find(|of| of.1 == plan.paper.market).map(|of| of.0),
            "latency_ms": plan.paper.latency_ms,
            "reject_ppm": plan.paper.reject_ppm,
            "participation_ppm": plan.paper.participation_ppm,
            "seed": plan.paper.seed,
            "funds": plan.paper.funds,
            "live_orders_max": plan.paper.live_orders_max,
            "risk": losses(&plan.paper_losses),
        },
        "utilities": plan.utilities.iter().map(|of| utility(of, plan)).collect::<Vec<_>>(),
        "strategies": plan.slots.iter().map(|of| slot(of, plan)).collect::<Vec<_>>(),
    })
}

fn feed(feed: &FeedPlan) -> Value {
    let kind = match &feed.kind {
        FeedKind::Replay(of) => json!({ "replay": {
            "files": of.files,
            "instrument": of.instrument.symbol,
            "bar_secs": of.bar_secs,
            "loop": of.looped,
            "on_broken_row": match of.on_broken_row {
                OnBrokenRow::Stop => "stop",
                OnBrokenRow::Skip => "skip",
            },
            "float_noise": match of.float_noise {
                FloatNoise::Refuse => "refuse",
                FloatNoise::Round => "round",
            },
            "time_unit": TimeUnit::NAMES.iter().find(|(_, unit)| *unit == of.time_unit).map(|of| of.0),
            "starts_at_ns": of.starts_at,
        }}),
        FeedKind::Synthetic(of) => json!({ "synthetic": {
            "instruments": of.instruments.iter().map(|of| &of.symbol).collect::<Vec<_>>(),
            "ticks_per_s": of.ticks_per_s,
            "seed": of.seed,
            "count": of.count,
            "starts_at_ns": of.starts_at,
        }}),
    };
    json!({ "name": feed.name, "stale_after_ms": feed.stale_after_ms, "from": kind })
}

/// A venue without anything that is secret.
fn venue(of: &VenuePlan, plan: &Plan) -> (String, Value) {
    let settings = of.settings.iter().map(|of| (of.key.clone(), json!(of.value)));
    let endpoints =
        of.endpoints.iter().map(|of| (of.name.clone(), json!(format!("{}{}", of.origin, of.base))));
    let streams =
        [("quotes", of.streams.quotes), ("depth", of.streams.depth), ("trades", of.streams.trades)];
    let value = json!({
        "plugin": of.plugin,
        "range": of.range.to_string(),
        "accept": accept(&of.accept),
        "config": settings.collect::<serde_json::Map<_, _>>(),
        "credentials": of.credentials,
        "trade": of.trade,
        "risk": losses(&of.losses),
        "open_orders_max": of.open_orders_max,
        "endpoints": endpoints.collect::<serde_json::Map<_, _>>(),
        "network": network(&of.network),
        "network_mode": network_mode(&of.network),
        "streams": streams.iter().filter(|of| of.1).map(|of| of.0).collect::<Vec<_>>(),
        "stale_after_ms": of.stale_after_ms,
        "recv_window_ms": of.recv_window_ms,
        "read_lag_ms": of.read_lag_ms,
        "instruments": of.instruments.iter()
            .filter_map(|id| plan.instruments.get(*id as usize))
            .map(|of| &of.symbol)
            .collect::<Vec<_>>(),
    });
    (of.name.clone(), value)
}

fn network(of: &Grants) -> Vec<String> {
    of.lines.iter().map(ToString::to_string).collect()
}

fn network_mode(of: &Grants) -> &'static str {
    match of.enforcement {
        Enforcement::Enforce => "enforce",
        Enforcement::Count => "count",
    }
}

fn losses(of: &LossStops) -> Value {
    let amount = |of: Option<Cash>| of.map(|of| print_scaled(of, CASH_SCALE));
    json!({
        "loss_max": amount(of.loss_max),
        "drawdown_max": amount(of.drawdown_max),
        "loss_day_max": amount(of.loss_day_max),
    })
}

fn plugin_feed(of: &PluginFeedPlan, plan: &Plan) -> Value {
    let mut value = post(&of.post, plan);
    value["instruments"] = json!(of.instruments);
    value["stale_after_ms"] = json!(of.stale_after_ms);
    value
}

fn utility(of: &UtilityPlan, plan: &Plan) -> Value {
    let mut value = post(&of.post, plan);
    value["hears"] =
        json!({ "notices": of.hears.notices, "fills": of.hears.fills, "bars": of.hears.bars });
    value["queue_max"] = json!(of.queue_max);
    value
}

/// What any plugin of the I/O tier has.
fn post(of: &Post, plan: &Plan) -> Value {
    let settings = of.settings.iter().map(|of| (of.key.clone(), json!(of.value)));
    json!({
        "name": of.name,
        "plugin": of.plugin,
        "range": of.range.to_string(),
        "accept": accept(&of.accept),
        "config": settings.collect::<serde_json::Map<_, _>>(),
        "network": network(&of.network),
        "network_mode": network_mode(&of.network),
        "limits": of.limits.over(plan.limits.for_io()),
        "restart": restart(&of.restart),
    })
}

/// Whose bytes a place takes, as it would be written.
fn accept(of: &Accept) -> Value {
    match of {
        Accept::Any => json!("any"),
        Accept::Pinned => json!("pinned"),
        Accept::Listed(digests) => json!({ "pinned": digests }),
        Accept::Signed(keys) => {
            json!({ "signed": keys.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
    }
}

fn restart(of: &RestartPlan) -> Value {
    json!({
        "max": of.restarts_max,
        "window_ms": of.window_ms,
        "backoff_ms": of.backoff_ms,
        "backoff_max_ms": of.backoff_max_ms,
    })
}

fn slot(slot: &SlotPlan, plan: &Plan) -> Value {
    let settings = slot.settings.iter().map(|of| (of.key.clone(), json!(of.value)));
    json!({
        "name": slot.name,
        "plugin": slot.plugin,
        "range": slot.range.to_string(),
        "accept": accept(&slot.accept),
        "instruments": slot.instruments,
        "config": settings.collect::<serde_json::Map<_, _>>(),
        "limits": slot.limits.over(plan.limits),
        "risk": slot.risk,
        "on_failure": slot.on_failure,
        "restart": restart(&slot.restart),
        "swap": {
            "shadow_events": slot.trial.shadow_events,
            "probation_events": slot.trial.probation_events,
            "agree": slot.trial.agree,
            "snapshot_every_ms": slot.snapshot_every_ms,
        },
        "digest": slot.config,
    })
}
