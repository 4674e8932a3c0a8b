//! Which plugins are there, and in which order a place would take them.
//!
//! Comes in: admitted plugins, files that have gone or moved. Goes out: those of a name within a range,
//! the best one first: the newest version, then the folder that comes first, then the one admitted
//! last, because a file copied over itself is a new build of the same version. A plugin whose file has
//! other bytes by now comes behind all of these, for as long as somebody has it: it is what a place
//! that does not take the new bytes goes on with. Deliberately absent: instances, and whether a place
//! may take a plugin.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::VersionReq;
use wickd_model::{Digest, PluginName};

use crate::intake::Plugin;

/// Files whose plugins are kept, as many as the watcher takes of two full folders.
const FILES_MAX: usize = 1024;

/// One plugin of one file.
struct Entry {
    path: PathBuf,
    plugin: Arc<Plugin>,
    /// The file has other bytes by now.
    is_former: bool,
}

/// The plugins that are there.
#[derive(Default)]
pub(crate) struct Registry {
    entries: Vec<Entry>,
    /// Bytes that hold a place and are kept whatever their file has.
    pub(crate) kept: BTreeSet<Digest>,
}

impl Registry {
    /// An empty one that will keep these bytes.
    pub(crate) fn keeping(kept: BTreeSet<Digest>) -> Self {
        Self { kept, ..Self::default() }
    }

    /// Takes a plugin in, in front of an earlier one from the same file. Gives back the file of an
    /// equal version of other bytes and the same rank, which it hides.
    pub(crate) fn add(&mut self, plugin: Arc<Plugin>) -> Result<Option<String>, usize> {
        let path = plugin.path.clone();
        self.entries.retain(|of| of.path != path || of.plugin.digest != plugin.digest);
        self.entries.iter_mut().filter(|of| of.path == path).for_each(|of| of.is_former = true);
        // Nobody else has it, so nobody can go on with it.
        let kept = &self.kept;
        self.entries.retain(|of| {
            let is_used = Arc::strong_count(&of.plugin) > 1 || kept.contains(&of.plugin.digest);
            !of.is_former || is_used
        });
        if self.entries.iter().filter(|of| !of.is_former).count() == FILES_MAX {
            return Err(FILES_MAX);
        }
        let hides = self.entries.iter().find(|of| {
            !of.is_former
                && of.plugin.manifest.name == plugin.manifest.name
                && of.plugin.manifest.version == plugin.manifest.version
                && of.plugin.digest != plugin.digest
                && of.plugin.rank == plugin.rank
        });
        let hidden = hides.map(|of| of.path.display().to_string());
        self.entries.push(Entry { path, plugin, is_former: false });
        Ok(hidden)
    }

    /// Forgets everything that came from a file; gives back what is now nowhere.
    pub(crate) fn remove(&mut self, path: &Path) -> Vec<Arc<Plugin>> {
        let mut gone = Vec::new();
        self.entries.retain(|of| {
            let from_it = of.path == path;
            if from_it {
                gone.push(of.plugin.clone());
            }
            !from_it
        });
        gone.retain(|plugin| !self.has(&plugin.digest));
        gone
    }

    /// A file has another name.
    pub(crate) fn moved(&mut self, from: &Path, to: &Path) {
        self.entries.iter_mut().filter(|of| of.path == from).for_each(|of| of.path = to.to_owned());
    }

    /// Whether these bytes are, or were, in a file that is still there.
    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.entries.iter().any(|of| of.plugin.digest == *digest)
    }

    /// Those of a name within a range, the best one first.
    pub(crate) fn fitting(&self, name: &PluginName, range: &VersionReq) -> Vec<&Arc<Plugin>> {
        let fits = |of: &&Entry| {
            of.plugin.manifest.name == *name && range.matches(&of.plugin.manifest.version)
        };
        let mut found: Vec<(usize, &Entry)> =
            self.entries.iter().filter(fits).enumerate().collect();
        found.sort_by_key(|(place, of)| {
            let manifest = &of.plugin.manifest;
            (of.is_former, Reverse(&manifest.version), of.plugin.rank, Reverse(*place))
        });
        found.into_iter().map(|(_, of)| &of.plugin).collect()
    }

    /// These bytes, wherever they came from.
    pub(crate) fn by_digest(&self, digest: &Digest) -> Option<&Arc<Plugin>> {
        self.entries.iter().map(|of| &of.plugin).find(|plugin| plugin.digest == *digest)
    }

    /// The versions of a name that are there, for messages.
    pub(crate) fn versions(&self, name: &PluginName) -> String {
        let mut found: Vec<_> = self
            .all()
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

    /// Those that files have now.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.entries.iter().filter(|of| !of.is_former).map(|of| &of.plugin)
    }
}
