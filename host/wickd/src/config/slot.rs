//! `strategies:`: the slots.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wickd_model::{
    CASH_SCALE, Digest, Entry, Instrument, InstrumentId, Limits, Mode, PluginName, Risk, SlotName,
};
use wickd_policy::params::{SPECS_MAX, Setting};
use wickd_policy::yaml::{Fields, Node, NodeKind, Problem, Problems};
use wickd_policy::{LimitsPatch, Version, VersionReq};

use super::market::list;
use super::set;

/// Most slots. Two thousand were measured at under 24 KB each.
const SLOTS_MAX: usize = 4_096;

const KEYS: [&str; 9] =
    ["name", "plugin", "instruments", "config", "limits", "risk", "on_failure", "restart", "swap"];

/// A configured place for a plugin.
#[derive(Clone, Debug)]
pub struct SlotConfig {
    /// `name`: unique.
    pub name: SlotName,
    /// `plugin`: `name`, or `name@range`.
    pub plugin: PluginRef,
    /// `instruments`: by symbol; at least one.
    pub instruments: Vec<InstrumentId>,
    /// `config`: nested maps as dotted keys, in the file's order, still as text: the plugin's schema
    /// types them.
    pub settings: Vec<Setting>,
    /// `limits`: over the configuration's and the sidecar's.
    pub limits: LimitsPatch,
    /// `risk`: what its orders must keep.
    pub risk: Risk,
    /// `on_failure`: what happens to its open orders when it is stopped or quarantined. Default
    /// cancel.
    pub on_failure: OnFailure,
    /// `restart`: how often a failed instance is started again.
    pub restart: Restart,
    /// `swap`: how a new version comes to trade.
    pub swap: Swap,
}

/// Which plugin, in which versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginRef {
    /// Its name.
    pub name: PluginName,
    /// The newest version within this range is taken; `*` where none was given.
    pub range: VersionReq,
}

impl PluginRef {
    /// Whether a plugin of this name and version may fill the slot. `*` takes pre-releases as well.
    pub fn takes(&self, name: &PluginName, version: &Version) -> bool {
        self.name == *name && (self.range == VersionReq::STAR || self.range.matches(version))
    }
}

/// What happens to a failed slot's open orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They stay.
    Keep,
    /// They are cancelled.
    Cancel,
    /// They are cancelled, and the positions closed at the market.
    Flatten,
}

/// The restart budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// `max`: restarts within the window before the digest is quarantined. 0 to 100; default 3.
    pub max: u32,
    /// `window_s`. 1 to 86,400; default 600.
    pub window_s: u32,
    /// `backoff_ms`: before the first restart; doubled for each further one. 0 to 600,000;
    /// default 500.
    pub backoff_ms: u64,
    /// `backoff_max_ms`: never longer. `backoff_ms` to 3,600,000; default 30,000, or `backoff_ms`
    /// where that is longer.
    pub backoff_max_ms: u64,
}

/// How a new version comes to trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// `shadow_events`: live events it handles beside the old one, orders muted. 0 to 1,000,000;
    /// default 64.
    pub shadow_events: u64,
    /// `probation_events`: events after the swap within which a fault brings the old one back. 0 to
    /// 1,000,000; default 1,000.
    pub probation_events: u64,
    /// `snapshot_every_ms` of event time: how often its state is saved. 10 to 3,600,000; default
    /// 1,000.
    pub snapshot_every_ms: u64,
}

impl SlotConfig {
    /// SHA-256 of all that decides what the slot does besides the component's bytes: its name,
    /// instruments, resolved parameters, effective limits and risk. It stands beside each order.
    ///
    /// # Errors
    /// None that can be met: every part is plain data.
    pub fn hash(
        &self,
        instruments: &[Instrument],
        params: &[Entry],
        limits: &Limits,
    ) -> Result<Digest, serde_json::Error> {
        #[derive(Serialize)]
        struct Decides<'c> {
            name: &'c SlotName,
            instruments: Vec<&'c Instrument>,
            params: &'c [Entry],
            limits: &'c Limits,
            risk: &'c Risk,
        }
        let own = instruments.iter().filter(|of| self.instruments.contains(&of.id));
        let decides = Decides {
            name: &self.name,
            instruments: own.collect(),
            params,
            limits,
            risk: &self.risk,
        };
        let text = serde_json::to_vec(&decides)?;
        Ok(Digest(Sha256::digest(text).into()))
    }
}

pub(super) fn slots(
    fields: &Fields<'_>,
    instruments: &[Instrument],
    problems: &mut Problems,
) -> Vec<SlotConfig> {
    let nodes = fields.get("strategies").map(|node| node.list(SLOTS_MAX));
    let nodes = nodes.and_then(|nodes| problems.keep(nodes)).unwrap_or_default();
    let mut names = std::collections::BTreeSet::new();
    let mut slots = Vec::new();
    for node in nodes {
        let Some(slot) = slot(node, instruments, problems) else { continue };
        if !names.insert(slot.name.clone()) {
            let reason = format!("two slots are called `{}`", slot.name);
            problems.add(Problem::new(&node.place, reason, "rename one of them"));
        }
        slots.push(slot);
    }
    slots
}

fn slot(node: &Node, instruments: &[Instrument], problems: &mut Problems) -> Option<SlotConfig> {
    let of = Fields::of(node, &KEYS, problems)?;
    let name = of.need("name", problems).map(|node| node.parsed("name it like `btc-momentum`"));
    let name = name.and_then(|name| problems.keep(name));
    let plugin = of.need("plugin", problems).map(plugin);
    let plugin = plugin.and_then(|plugin| problems.keep(plugin));
    let traded = of.need("instruments", problems).map(|node| list(node, instruments, problems));
    let mut settings = Vec::new();
    if let Some(node) = of.get("config") {
        flatten(node, "", &mut settings, problems);
    }
    let limits = of.get("limits").map(|node| LimitsPatch::read(node, problems));
    let failures =
        [("keep", OnFailure::Keep), ("cancel", OnFailure::Cancel), ("flatten", OnFailure::Flatten)];
    let risk = risk(&of, problems);
    let on_failure = set(&of, "on_failure", OnFailure::Cancel, problems, |n| n.one_of(&failures));
    let (restart, swap) = (restart(&of, problems), swap(&of, problems));
    Some(SlotConfig {
        name: name?,
        plugin: plugin?,
        instruments: traded?.iter().map(|instrument| instrument.id).collect(),
        settings,
        limits: limits.unwrap_or_default(),
        risk,
        on_failure,
        restart,
        swap,
    })
}

fn plugin(node: &Node) -> Result<PluginRef, Problem> {
    let text = node.text()?;
    let (name, range) = text.split_once('@').unwrap_or((text, "*"));
    let fix = "write a plugin's name, or `name@range` like `ema-cross@^1.2`";
    let wrong = |reason: String| Problem::new(&node.place, reason, fix);
    Ok(PluginRef {
        name: name.parse().map_err(|error| wrong(format!("`plugin`: {error}")))?,
        range: range.parse().map_err(|error| wrong(format!("`plugin`: the range: {error}")))?,
    })
}

/// Nested maps as dotted keys, each with its place.
fn flatten(node: &Node, prefix: &str, settings: &mut Vec<Setting>, problems: &mut Problems) {
    let Some(entries) = problems.keep(node.map(SPECS_MAX)) else { return };
    for (key, node) in entries {
        let path =
            if prefix.is_empty() { key.text.clone() } else { format!("{prefix}.{}", key.text) };
        match &node.kind {
            NodeKind::Map(_) => flatten(node, &path, settings, problems),
            NodeKind::Scalar(value) if settings.len() < SPECS_MAX => settings.push(Setting {
                key: path,
                value: value.clone(),
                key_place: key.place.clone(),
                value_place: node.place.clone(),
            }),
            NodeKind::Scalar(_) => {
                let reason = format!("more than {SPECS_MAX} parameters");
                problems.add(Problem::new(&key.place, reason, "no plugin has so many"));
                return;
            }
            NodeKind::List(_) | NodeKind::Null => {
                let reason = "a parameter is one value, not a list or nothing";
                problems.add(Problem::new(
                    &node.place,
                    reason,
                    "write one value, or remove the key",
                ));
            }
        }
    }
}

fn risk(fields: &Fields<'_>, problems: &mut Problems) -> Risk {
    const KEYS: [&str; 9] = [
        "mode",
        "order_size_max",
        "order_notional_max",
        "position_notional_max",
        "orders_per_second",
        "open_orders_max",
        "price_band_bps",
        "loss_max",
        "drawdown_max",
    ];
    let standard = Risk::default();
    let opened = fields.get("risk").and_then(|node| Fields::of(node, &KEYS, problems));
    let Some(of) = opened else { return standard };
    let modes = [("trade", Mode::Trade), ("reduce-only", Mode::ReduceOnly), ("halt", Mode::Halt)];
    // A decimal above zero at scale 8, or `none`.
    let amount = |node: &Node| match node.text()? {
        "none" => Ok(None),
        _ => node
            .decimal(CASH_SCALE, 1..=i64::MAX)
            .map(Some)
            .map_err(|problem| Problem { fix: format!("{}, or `none`", problem.fix), ..problem }),
    };
    let mut cash = |key, default| set(&of, key, default, problems, amount);
    let order_size_max = cash("order_size_max", standard.order_size_max);
    let order_notional_max = cash("order_notional_max", standard.order_notional_max);
    let position_notional_max = cash("position_notional_max", standard.position_notional_max);
    let loss_max = cash("loss_max", standard.loss_max);
    let drawdown_max = cash("drawdown_max", standard.drawdown_max);
    let mut count = |key, default, max| set(&of, key, default, problems, |n| n.integer(1..=max));
    Risk {
        order_size_max,
        order_notional_max,
        position_notional_max,
        loss_max,
        drawdown_max,
        orders_per_second: count("orders_per_second", standard.orders_per_second, 10_000),
        open_orders_max: count("open_orders_max", standard.open_orders_max, 10_000),
        price_band_bps: count("price_band_bps", standard.price_band_bps, 10_000),
        mode: set(&of, "mode", standard.mode, problems, |n| n.one_of(&modes)),
    }
}

fn restart(fields: &Fields<'_>, problems: &mut Problems) -> Restart {
    const BACKOFF_MAX_MS: u64 = 30_000;
    let known = ["max", "window_s", "backoff_ms", "backoff_max_ms"];
    let opened = fields.get("restart").and_then(|node| Fields::of(node, &known, problems));
    let standard =
        Restart { max: 3, window_s: 600, backoff_ms: 500, backoff_max_ms: BACKOFF_MAX_MS };
    let Some(of) = opened else { return standard };
    let backoff_ms = set(&of, "backoff_ms", 500, problems, |n| n.integer(0..=600_000));
    let longest = BACKOFF_MAX_MS.max(backoff_ms);
    Restart {
        max: set(&of, "max", standard.max, problems, |n| n.integer(0..=100)),
        window_s: set(&of, "window_s", standard.window_s, problems, |n| n.integer(1..=86_400)),
        backoff_ms,
        backoff_max_ms: set(&of, "backoff_max_ms", longest, problems, |n| {
            n.integer(backoff_ms..=3_600_000)
        }),
    }
}

fn swap(fields: &Fields<'_>, problems: &mut Problems) -> Swap {
    let known = ["shadow_events", "probation_events", "snapshot_every_ms"];
    let standard = Swap { shadow_events: 64, probation_events: 1_000, snapshot_every_ms: 1_000 };
    let opened = fields.get("swap").and_then(|node| Fields::of(node, &known, problems));
    opened.map_or(standard, |of| Swap {
        shadow_events: set(&of, "shadow_events", 64, problems, |n| n.integer(0..=1_000_000)),
        probation_events: set(&of, "probation_events", 1_000, problems, |n| {
            n.integer(0..=1_000_000)
        }),
        snapshot_every_ms: set(&of, "snapshot_every_ms", 1_000, problems, |n| {
            n.integer(10..=3_600_000)
        }),
    })
}
