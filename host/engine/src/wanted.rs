//! Which plugins somebody uses.
//!
//! Comes in: names from the configuration, and what plugins require of each other. Goes out: whether a
//! plugin is used by anybody. Deliberately absent: versions, and whether the plugin is there.

use std::collections::{BTreeMap, BTreeSet};

use wickd_model::PluginName;

/// The plugins that somebody uses: those that are named, and what they require.
#[derive(Clone, Default)]
pub(crate) struct Wanted {
    named: BTreeSet<PluginName>,
    requires: BTreeMap<PluginName, BTreeSet<PluginName>>,
}

impl Wanted {
    /// Wants these by name.
    pub(crate) fn named(named: BTreeSet<PluginName>) -> Self {
        Self { named, ..Self::default() }
    }

    /// Wants these by name now, and no others.
    pub(crate) fn rename(&mut self, named: BTreeSet<PluginName>) {
        self.named = named;
    }

    /// Takes in what a plugin requires.
    pub(crate) fn require(&mut self, plugin: &PluginName, requires: Vec<PluginName>) {
        self.requires.entry(plugin.clone()).or_default().extend(requires);
    }

    /// Whether it is named, or required by one that is wanted.
    pub(crate) fn contains(&self, plugin: &PluginName) -> bool {
        self.all().contains(plugin)
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeSet<&PluginName> {
        let mut wanted = BTreeSet::new();
        let mut next: Vec<&PluginName> = self.named.iter().collect();
        while let Some(plugin) = next.pop() {
            if wanted.insert(plugin) {
                next.extend(self.requires.get(plugin).into_iter().flatten());
            }
        }
        wanted
    }
}
