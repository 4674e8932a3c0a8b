//! `utilities:`: what hears of it all and may call out.

use wickd_engine::market::BAR_SECS_MAX;
use wickd_engine::{Hears, Severity, UtilityPlan};
use wickd_policy::LimitsPatch;
use wickd_policy::net::{Enforcement, Grants};
use wickd_policy::yaml::{Fields, Node, Problem, Problems};

use super::set;
use super::slot::{flatten, plugin, restart};

/// Most utilities: each has a thread.
const UTILITIES_MAX: usize = 16;
/// Lengths of bars one of them hears.
const BARS_MAX: usize = 8;
/// Events that wait for a utility where nothing is set: minutes of notices, seconds of fills.
const QUEUE_MAX: usize = 1_024;
/// The most that can be asked for: some tens of megabytes.
const QUEUE_MAX_MAX: usize = 65_536;

const KEYS: [&str; 9] = [
    "name",
    "plugin",
    "config",
    "hears",
    "network",
    "network_mode",
    "queue_max",
    "limits",
    "restart",
];

/// `utilities`: a list. Two with one name, or one with a slot's, could not be told apart.
pub(super) fn utilities(
    fields: &Fields<'_>,
    slots: &[wickd_engine::SlotPlan],
    problems: &mut Problems,
) -> Vec<UtilityPlan> {
    let nodes = fields.get("utilities").map(|node| node.list(UTILITIES_MAX));
    let nodes = nodes.and_then(|nodes| problems.keep(nodes)).unwrap_or_default();
    let mut utilities: Vec<UtilityPlan> = Vec::new();
    for node in nodes {
        let Some(utility) = utility(node, problems) else { continue };
        let name = &utility.name;
        if utilities.iter().any(|of| of.name == *name) || slots.iter().any(|of| of.name == *name) {
            let reason = format!("`{name}` is also the name of another");
            problems.add(Problem::new(&node.place, reason, "rename one of them"));
        }
        utilities.push(utility);
    }
    utilities
}

fn utility(node: &Node, problems: &mut Problems) -> Option<UtilityPlan> {
    let of = Fields::of(node, &KEYS, problems)?;
    let name = of.need("name", problems).map(|node| node.parsed("name it like `pager`"));
    let name = name.and_then(|name| problems.keep(name));
    let plugin = of.need("plugin", problems).map(plugin);
    let plugin = plugin.and_then(|plugin| problems.keep(plugin));
    let mut settings = Vec::new();
    if let Some(node) = of.get("config") {
        flatten(node, "", &mut settings, problems);
    }
    let limits = of.get("limits").map(|node| LimitsPatch::read(node, problems)).unwrap_or_default();
    let (hears, network) = (hears(&of, problems), network(&of, problems));
    let queue_max =
        set(&of, "queue_max", QUEUE_MAX, problems, |node| node.integer(1..=QUEUE_MAX_MAX));
    let restart = restart(&of, problems);
    let (name, (plugin, range)) = (name?, plugin?);
    Some(UtilityPlan { name, plugin, range, settings, limits, network, hears, queue_max, restart })
}

/// `network` and `network_mode`: nothing where nothing is said.
fn network(of: &Fields<'_>, problems: &mut Problems) -> Grants {
    let modes = [("enforce", Enforcement::Enforce), ("count", Enforcement::Count)];
    let mode = set(of, "network_mode", Enforcement::Enforce, problems, |n| n.one_of(&modes));
    let granted = of.get("network").map(|node| Grants::read(node, mode, problems));
    granted.unwrap_or(Grants { enforcement: mode, lines: Vec::new() })
}

/// `hears`: notices from `warn` up where nothing is said.
fn hears(of: &Fields<'_>, problems: &mut Problems) -> Hears {
    const KEYS: [&str; 3] = ["notices", "fills", "bars"];
    let standard = Hears { notices: Some(Severity::Warn), fills: false, bars: Vec::new() };
    let opened = of.get("hears").and_then(|node| Fields::of(node, &KEYS, problems));
    let Some(of) = opened else { return standard };
    let severities = [
        ("none", None),
        ("info", Some(Severity::Info)),
        ("warn", Some(Severity::Warn)),
        ("error", Some(Severity::Error)),
    ];
    Hears {
        notices: set(&of, "notices", None, problems, |node| node.one_of(&severities)),
        fills: set(&of, "fills", false, problems, Node::boolean),
        bars: set(&of, "bars", Vec::new(), problems, |node| {
            node.list(BARS_MAX)?.iter().map(|secs| secs.integer(1..=BAR_SECS_MAX)).collect()
        }),
    }
}
