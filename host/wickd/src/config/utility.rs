//! `utilities:`: what hears of it all and may call out.

use wickd_engine::market::BAR_SECS_MAX;
use wickd_engine::{Hears, PluginFeedPlan, Severity, SlotPlan, UtilityPlan};
use wickd_policy::yaml::{Fields, Node, Problem, Problems};

use super::{post, set};

/// Most utilities: each has a thread.
const UTILITIES_MAX: usize = 16;
/// Lengths of bars one of them hears.
const BARS_MAX: usize = 8;
/// Events that wait for a utility where nothing is set: minutes of notices, seconds of fills.
const QUEUE_MAX: usize = 1_024;
/// The most that can be asked for: some tens of megabytes.
const QUEUE_MAX_MAX: usize = 65_536;

/// `utilities`: a list. Two with one name, or one with a slot's or a feed's, could not be told apart.
pub(super) fn utilities(
    fields: &Fields<'_>,
    slots: &[SlotPlan],
    feeds: &[PluginFeedPlan],
    development: bool,
    problems: &mut Problems,
) -> Vec<UtilityPlan> {
    let nodes = fields.get("utilities").map(|node| node.list(UTILITIES_MAX));
    let nodes = nodes.and_then(|nodes| problems.keep(nodes)).unwrap_or_default();
    let mut utilities: Vec<UtilityPlan> = Vec::new();
    for node in nodes {
        let Some(utility) = utility(node, development, problems) else { continue };
        let name = &utility.post.name;
        let mut others = (utilities.iter().map(|of| &of.post.name))
            .chain(slots.iter().map(|of| &of.name))
            .chain(feeds.iter().map(|of| &of.post.name));
        if others.any(|other| other == name) {
            let reason = format!("`{name}` is also the name of another");
            problems.add(Problem::new(&node.place, reason, "rename one of them"));
        }
        utilities.push(utility);
    }
    utilities
}

fn utility(node: &Node, development: bool, problems: &mut Problems) -> Option<UtilityPlan> {
    let known = [&post::KEYS[..], &["hears", "queue_max"]].concat();
    let of = Fields::of(node, &known, problems)?;
    let post = post::post(&of, "name it like `pager`", development, problems);
    let hears = hears(&of, problems);
    let queue_max =
        set(&of, "queue_max", QUEUE_MAX, problems, |node| node.integer(1..=QUEUE_MAX_MAX));
    Some(UtilityPlan { post: post?, hears, queue_max })
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
