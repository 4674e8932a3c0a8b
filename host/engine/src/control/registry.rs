//! Which plugins are there, and which of them a slot or an input gets.
//!
//! Comes in: admitted plugins, files that have gone. Goes out: the newest version within a range.
//! Among equal versions the folder that comes first wins, then the one admitted last: a file copied
//! over itself is a new build of the same version. Deliberately absent: instances.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use semver::VersionReq;
use wickd_model::{Digest, PluginName};

use crate::intake::Plugin;

/// Plugins kept: far more than a desk runs.
const PLUGINS_MAX: usize = 1024;

/// The plugins that are there.
#[derive(Default)]
pub(crate) struct Registry {
    plugins: Vec<Arc<Plugin>>,
}

impl Registry {
    /// Takes a plugin in, in place of an earlier one from the same file. Gives back the label of an
    /// equal version from another file of the same rank, which it hides.
    pub(crate) fn add(&mut self, plugin: Arc<Plugin>) -> Result<Option<String>, usize> {
        self.plugins.retain(|known| known.path != plugin.path);
        if self.plugins.len() == PLUGINS_MAX {
            return Err(PLUGINS_MAX);
        }
        let hides = self.plugins.iter().find(|known| {
            known.manifest.name == plugin.manifest.name
                && known.manifest.version == plugin.manifest.version
                && known.digest != plugin.digest
                && known.rank == plugin.rank
        });
        let hidden = hides.map(|known| known.path.display().to_string());
        self.plugins.push(plugin);
        Ok(hidden)
    }

    /// Forgets the plugin from a file.
    pub(crate) fn remove(&mut self, path: &Path) -> Option<Arc<Plugin>> {
        let place = self.plugins.iter().position(|plugin| plugin.path == path)?;
        Some(self.plugins.remove(place))
    }

    /// The best of a name within a range, leaving out the barred ones.
    pub(crate) fn best(
        &self,
        name: &PluginName,
        range: &VersionReq,
        barred: &BTreeSet<Digest>,
    ) -> Option<Arc<Plugin>> {
        let fits = self.plugins.iter().enumerate().filter(|(_, plugin)| {
            plugin.manifest.name == *name
                && range.matches(&plugin.manifest.version)
                && !barred.contains(&plugin.digest)
        });
        let best = fits.max_by_key(|(place, plugin)| {
            (&plugin.manifest.version, std::cmp::Reverse(plugin.rank), *place)
        });
        best.map(|(_, plugin)| plugin.clone())
    }

    /// The versions of a name that are there, for messages.
    pub(crate) fn versions(&self, name: &PluginName) -> String {
        let mut found: Vec<_> = self
            .plugins
            .iter()
            .filter(|plugin| plugin.manifest.name == *name)
            .map(|plugin| plugin.manifest.version.clone())
            .collect();
        found.sort();
        found.dedup();
        match found.is_empty() {
            true => "none".to_owned(),
            false => found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }
    }

    /// All of them, by name and version.
    pub(crate) fn all(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }
}
