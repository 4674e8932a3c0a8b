//! `wickd config check`: whether a configuration can be run, without running it.
//!
//! Comes in: a configuration file. Goes out: its faults, or what it comes to. The heads of the data
//! files are read. Deliberately absent: plugins; their parameters are checked when they are there.

use std::path::Path;

use serde_json::{Value, json};
use wickd_engine::market::{FeedKind, FeedPlan, FloatNoise, Market, OnBrokenRow, Speed, TimeUnit};
use wickd_engine::{HouseError, Plan, PluginFeedPlan, Post, RestartPlan, SlotPlan, UtilityPlan};
use wickd_model::InstrumentId;
use wickd_policy::acceptance::Accept;
use wickd_policy::net::Enforcement;

use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::figures::count;
use crate::terminal::Terminal;

/// Checks it.
pub(crate) fn check(terminal: &Terminal, path: &Path) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let plan = &config.plan;
    Market::open(plan.feeds.clone()).map_err(HouseError::Feed)?;
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
    terminal.page(&format!("ok  {}: {}\n", config.path().display(), parts.join(", ")));
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
    let folders: Vec<_> = plan.folders.iter().map(|of| of.display().to_string()).collect();
    terminal.page(&format!("    plugins from     {}\n", folders.join(", ")));
    terminal.page(&format!("    state in         {}\n", plan.state_dir.display()));
    Ok(Exit::Ok)
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
        "limits": plan.limits,
        "instruments": plan.instruments,
        "feeds": (plan.feeds.iter().map(feed))
            .chain(plan.plugin_feeds.iter().map(|of| plugin_feed(of, plan)))
            .collect::<Vec<_>>(),
        "paper": {
            "latency_ms": plan.paper.latency_ms,
            "reject_ppm": plan.paper.reject_ppm,
            "participation_ppm": plan.paper.participation_ppm,
            "seed": plan.paper.seed,
            "funds": plan.paper.funds,
            "live_orders_max": plan.paper.live_orders_max,
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
        "network": of.network.lines.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "network_mode": match of.network.enforcement {
            Enforcement::Enforce => "enforce",
            Enforcement::Count => "count",
        },
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
