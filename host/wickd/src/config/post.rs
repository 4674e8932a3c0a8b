//! What is said of any plugin of the I/O tier, utility or feed.
//!
//! Comes in: its entry. Goes out: a [`Post`]. Deliberately absent: what only one of the two has.

use wickd_engine::Post;
use wickd_policy::LimitsPatch;
use wickd_policy::net::{Enforcement, Grants};
use wickd_policy::yaml::{Fields, Problems};

use super::slot::{flatten, plugin, restart};
use super::{accept, set};

/// The keys of a post.
pub(super) const KEYS: [&str; 8] =
    ["name", "plugin", "accept", "config", "network", "network_mode", "limits", "restart"];

/// A post; `rule` says how it is named.
pub(super) fn post(
    of: &Fields<'_>,
    rule: &str,
    development: bool,
    problems: &mut Problems,
) -> Option<Post> {
    let name = of.need("name", problems).map(|node| node.parsed(rule));
    let name = name.and_then(|name| problems.keep(name));
    let plugin = of.need("plugin", problems).map(plugin);
    let plugin = plugin.and_then(|plugin| problems.keep(plugin));
    let mut settings = Vec::new();
    if let Some(node) = of.get("config") {
        flatten(node, "", &mut settings, problems);
    }
    let limits = of.get("limits").map(|node| LimitsPatch::read(node, problems)).unwrap_or_default();
    let (network, restart) = (network(of, problems), restart(of, problems));
    let (name, (plugin, range)) = (name?, plugin?);
    let reaches_out = !network.lines.is_empty() || network.enforcement == Enforcement::Count;
    let accept = accept::accept(of, reaches_out, development, problems);
    Some(Post { name, plugin, range, settings, accept, limits, network, restart })
}

/// `network` and `network_mode`: nothing where nothing is said.
fn network(of: &Fields<'_>, problems: &mut Problems) -> Grants {
    let modes = [("enforce", Enforcement::Enforce), ("count", Enforcement::Count)];
    let mode = set(of, "network_mode", Enforcement::Enforce, problems, |n| n.one_of(&modes));
    let granted = of.get("network").map(|node| Grants::read(node, mode, problems));
    granted.unwrap_or(Grants { enforcement: mode, lines: Vec::new() })
}
