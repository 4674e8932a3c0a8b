//! `strategies:`: the slots.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wickd_engine::lane::{OnFailure, Trial};
use wickd_engine::{RestartPlan, SlotPlan, StateWish};
use wickd_model::{
    CASH_SCALE, Digest, Instrument, Limits, LossStops, Mode, PluginName, Risk, SlotName,
};
use wickd_policy::params::{SPECS_MAX, Setting};
use wickd_policy::yaml::{Fields, Node, NodeKind, Problem, Problems};
use wickd_policy::{LimitsPatch, VersionReq};

use super::market::list;
use super::{House, accept, limit, set};

/// Most slots. Two thousand were measured at under 24 KB each.
const SLOTS_MAX: usize = 4_096;
/// How often a state is saved: what a crash costs is replayed from there.
const SNAPSHOT_EVERY_MS: u64 = 1_000;

const KEYS: [&str; 10] = [
    "name",
    "plugin",
    "accept",
    "instruments",
    "config",
    "limits",
    "risk",
    "on_failure",
    "restart",
    "swap",
];

pub(super) fn slots(
    fields: &Fields<'_>,
    house: &House<'_>,
    problems: &mut Problems,
) -> Vec<SlotPlan> {
    let nodes = fields.get("strategies").map(|node| node.list(SLOTS_MAX));
    let nodes = nodes.and_then(|nodes| problems.keep(nodes)).unwrap_or_default();
    let mut names = std::collections::BTreeSet::new();
    let mut slots = Vec::new();
    for node in nodes {
        let Some(slot) = slot(node, house, problems) else { continue };
        if slot.name.as_str() == wickd_engine::UNASSIGNED {
            let reason = format!("`{}` is what owns what no slot owns", slot.name);
            problems.add(Problem::new(&node.place, reason, "give the slot another name"));
        }
        if !names.insert(slot.name.clone()) {
            let reason = format!("two slots are called `{}`", slot.name);
            problems.add(Problem::new(&node.place, reason, "rename one of them"));
        }
        slots.push(slot);
    }
    slots
}

fn slot(node: &Node, house: &House<'_>, problems: &mut Problems) -> Option<SlotPlan> {
    let of = Fields::of(node, &KEYS, problems)?;
    let name = of.need("name", problems).map(|node| node.parsed("name it like `btc-momentum`"));
    let name = name.and_then(|name| problems.keep(name));
    let plugin = of.need("plugin", problems).map(plugin);
    let plugin = plugin.and_then(|plugin| problems.keep(plugin));
    let traded =
        of.need("instruments", problems).map(|node| list(node, house.instruments, problems));
    let mut settings = Vec::new();
    if let Some(node) = of.get("config") {
        flatten(node, "", &mut settings, problems);
    }
    let patch = of
        .limit("limits", problems)
        .map(|node| LimitsPatch::read(node, problems))
        .unwrap_or_default();
    let risk = risk(&of, problems);
    let on_failure = set(&of, "on_failure", OnFailure::Cancel, problems, |n| n.one_of(&POLICIES));
    let (restart, (trial, state, snapshot_every_ms)) =
        (restart(&of, problems), swap(&of, problems));
    let (name, (plugin, range), traded) = (name?, plugin?, traded?);
    let is_real = traded.iter().any(|instrument| house.is_real(instrument.id));
    let accept = accept::accept(&of, is_real, house.development, problems);
    // Where a line stands decides nothing.
    let decided: Vec<_> = traded.iter().map(|of| Instrument { id: 0, ..of.clone() }).collect();
    let decides = Decides {
        name: &name,
        plugin: &plugin,
        instruments: &decided,
        settings: settings.iter().map(|of| (of.key.as_str(), of.value.as_str())).collect(),
        limits: patch.over(*house.limits),
        risk: &risk,
        accounts: traded.iter().map(|instrument| house.account(instrument.id)).collect(),
    };
    Some(SlotPlan {
        config: decides.hash(),
        instruments: traded.iter().map(|instrument| instrument.id).collect(),
        accept,
        holds: Vec::new(),
        retired: false,
        limits: patch,
        name,
        plugin,
        range,
        settings,
        risk,
        on_failure,
        restart,
        trial,
        state,
        snapshot_every_ms,
    })
}

/// What may be done with orders and positions that nobody minds.
pub(super) const POLICIES: [(&str, OnFailure); 3] =
    [("keep", OnFailure::Keep), ("cancel", OnFailure::Cancel), ("flatten", OnFailure::Flatten)];

/// All that decides what the slot does besides the component's bytes: its hash stands beside each
/// order. Parameters that are not set here have the defaults in those bytes.
#[derive(Serialize)]
struct Decides<'c> {
    name: &'c SlotName,
    plugin: &'c PluginName,
    instruments: &'c [Instrument],
    settings: Vec<(&'c str, &'c str)>,
    limits: Limits,
    risk: &'c Risk,
    /// The stops of the account each instrument is traded on.
    accounts: Vec<LossStops>,
}

impl Decides<'_> {
    fn hash(&self) -> Digest {
        // Plain data with text keys always has a JSON form.
        let text = serde_json::to_vec(self).unwrap_or_default();
        Digest(Sha256::digest(text).into())
    }
}

/// `name`, or `name@range`; the newest version within the range is taken, any release without one.
pub(super) fn plugin(node: &Node) -> Result<(PluginName, VersionReq), Problem> {
    let text = node.text()?;
    let (name, range) = text.split_once('@').unwrap_or((text, "*"));
    let fix = "write a plugin's name, or `name@range` like `ema-cross@^1.2`";
    let wrong = |reason: String| Problem::new(&node.place, reason, fix);
    let name = name.parse().map_err(|error| wrong(format!("`plugin`: {error}")))?;
    let range = range.parse().map_err(|error| wrong(format!("`plugin`: the range: {error}")))?;
    Ok((name, range))
}

/// Nested maps as dotted keys, each with its place.
pub(super) fn flatten(
    node: &Node,
    prefix: &str,
    settings: &mut Vec<Setting>,
    problems: &mut Problems,
) {
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
    const KEYS: [&str; 10] = [
        "mode",
        "order_size_max",
        "order_notional_max",
        "position_notional_max",
        "orders_per_second",
        "open_orders_max",
        "price_band_bps",
        "loss_max",
        "drawdown_max",
        "loss_day_max",
    ];
    let standard = Risk::default();
    let opened = fields.limit("risk", problems);
    let opened = opened.and_then(|node| Fields::of(node, &KEYS, problems));
    let Some(of) = opened else { return standard };
    let modes = [("trade", Mode::Trade), ("reduce-only", Mode::ReduceOnly), ("halt", Mode::Halt)];
    let mut cash = |key, default| limit(&of, key, default, problems, amount);
    let order_size_max = cash("order_size_max", standard.order_size_max);
    let order_notional_max = cash("order_notional_max", standard.order_notional_max);
    let position_notional_max = cash("position_notional_max", standard.position_notional_max);
    let losses = losses(&of, problems);
    let mut count = |key, default, max| limit(&of, key, default, problems, |n| n.integer(1..=max));
    Risk {
        order_size_max,
        order_notional_max,
        position_notional_max,
        losses,
        orders_per_second: count("orders_per_second", standard.orders_per_second, 10_000),
        open_orders_max: count("open_orders_max", standard.open_orders_max, 10_000),
        price_band_bps: count("price_band_bps", standard.price_band_bps, 10_000),
        mode: limit(&of, "mode", standard.mode, problems, |n| n.one_of(&modes)),
    }
}

/// A decimal above zero at scale 8, or `none`.
fn amount(node: &Node) -> Result<Option<i64>, Problem> {
    match node.text()? {
        "none" => Ok(None),
        _ => node
            .decimal(CASH_SCALE, 1..=i64::MAX)
            .map(Some)
            .map_err(|problem| Problem { fix: format!("{}, or `none`", problem.fix), ..problem }),
    }
}

/// The loss stops among the options of a `risk` block.
fn losses(of: &Fields<'_>, problems: &mut Problems) -> LossStops {
    let mut stop = |key| limit(of, key, None, problems, amount);
    LossStops {
        loss_max: stop("loss_max"),
        drawdown_max: stop("drawdown_max"),
        loss_day_max: stop("loss_day_max"),
    }
}

/// `risk` of an account: the loss stops of all its slots together.
pub(super) fn account_risk(fields: &Fields<'_>, problems: &mut Problems) -> LossStops {
    const KEYS: [&str; 3] = ["loss_max", "drawdown_max", "loss_day_max"];
    let opened = fields.limit("risk", problems);
    let opened = opened.and_then(|node| Fields::of(node, &KEYS, problems));
    opened.map_or(LossStops::default(), |of| losses(&of, problems))
}

/// `restart`: the budget after which these bytes are quarantined.
pub(super) fn restart(fields: &Fields<'_>, problems: &mut Problems) -> RestartPlan {
    let known = ["max", "window_s", "backoff_ms", "backoff_max_ms"];
    let opened = fields.get("restart").and_then(|node| Fields::of(node, &known, problems));
    let standard = RestartPlan::default();
    let Some(of) = opened else { return standard };
    let window_s = standard.window_ms / 1_000;
    let backoff_ms =
        set(&of, "backoff_ms", standard.backoff_ms, problems, |n| n.integer(0..=600_000));
    let longest = standard.backoff_max_ms.max(backoff_ms);
    RestartPlan {
        restarts_max: set(&of, "max", standard.restarts_max, problems, |n| n.integer(0..=100)),
        window_ms: set(&of, "window_s", window_s, problems, |n| n.integer(1..=86_400)) * 1_000,
        backoff_ms,
        backoff_max_ms: set(&of, "backoff_max_ms", longest, problems, |n| {
            n.integer(backoff_ms..=3_600_000)
        }),
    }
}

/// `swap`: how a new version comes to trade, and how often its state is saved.
fn swap(fields: &Fields<'_>, problems: &mut Problems) -> (Trial, StateWish, u64) {
    let known = ["shadow_events", "probation_events", "agree", "state", "snapshot_every_ms"];
    let trial = Trial { shadow_events: 64, probation_events: 1_000, agree: false };
    let opened = fields.get("swap").and_then(|node| Fields::of(node, &known, problems));
    let Some(of) = opened else { return (trial, StateWish::Carry, SNAPSHOT_EVERY_MS) };
    let mut events = |key, default| set(&of, key, default, problems, |n| n.integer(0..=1_000_000));
    let trial = Trial {
        shadow_events: events("shadow_events", trial.shadow_events),
        probation_events: events("probation_events", trial.probation_events),
        agree: set(&of, "agree", trial.agree, problems, Node::boolean),
    };
    let every_ms =
        set(&of, "snapshot_every_ms", SNAPSHOT_EVERY_MS, problems, |n| n.integer(10..=3_600_000));
    let wishes = [("carry", StateWish::Carry), ("warm-up", StateWish::WarmUp)];
    let state = set(&of, "state", StateWish::Carry, problems, |n| n.one_of(&wishes));
    (trial, state, every_ms)
}
