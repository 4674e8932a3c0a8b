//! When the market may open: which files of the folders it still waits for.
//!
//! Comes in: what intake found at its first look, and what has become of each file since. Goes out:
//! the files that a configured thing may still need. A file counts until it is known whose plugin it
//! is; from then on only where a slot, an input, a venue, a feed or a utility names that plugin. So a
//! recording meets the same slots in every run, and a file that nobody uses holds up nobody. What is
//! deliberately absent: seating, and clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use wickd_model::{PluginName, TsNs};

use crate::wanted::Wanted;

/// What intake says of a file that was there at its first look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    /// These files are there.
    Found(Vec<PathBuf>),
    /// This one is a plugin of that name, and will be admitted or refused.
    Described { path: PathBuf, plugin: PluginName, requires: Vec<PluginName> },
    /// This one was admitted or refused, has gone, or does not come to rest.
    Done(PathBuf),
}

/// How far the opening is.
#[derive(Default)]
pub(crate) struct Opening {
    /// The slots have what there is for them; the market may start.
    pub(crate) supplied: bool,
    /// Everything that somebody may use has been read, so that the best of what is there is known.
    pub(crate) complete: bool,
    /// Since when it is waited.
    pub(crate) since_ns: TsNs,
    /// It was said for what.
    pub(crate) told: bool,
    found: bool,
    unread: BTreeMap<PathBuf, Option<PluginName>>,
    wanted: Wanted,
}

impl Opening {
    /// Begins to wait.
    pub(crate) fn since(since_ns: TsNs) -> Self {
        Self { since_ns, ..Self::default() }
    }

    /// Takes in what has become of a file.
    pub(crate) fn take(&mut self, reading: Reading) {
        match reading {
            Reading::Found(paths) => {
                self.found = true;
                self.unread.extend(paths.into_iter().map(|path| (path, None)));
            }
            Reading::Described { path, plugin, requires } => {
                self.wanted.require(&plugin, requires);
                // Only what was there at the start is waited for.
                if let Some(known) = self.unread.get_mut(&path) {
                    *known = Some(plugin);
                }
            }
            Reading::Done(path) => drop(self.unread.remove(&path)),
        }
    }

    /// The files that are waited for, given the plugins that the configuration names and those that
    /// slots miss. `None` while the folders have not been looked at.
    pub(crate) fn awaited(&mut self, named: BTreeSet<PluginName>) -> Option<Vec<PathBuf>> {
        self.wanted.rename(named);
        let wanted = self.wanted.all();
        let awaited = self
            .unread
            .iter()
            .filter(|(_, plugin)| plugin.as_ref().is_none_or(|plugin| wanted.contains(plugin)));
        self.found.then(|| awaited.map(|(path, _)| path.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PluginName {
        text.parse().unwrap()
    }

    fn described(path: &str, plugin: &str, requires: &[&str]) -> Reading {
        let requires = requires.iter().map(|text| name(text)).collect();
        Reading::Described { path: path.into(), plugin: name(plugin), requires }
    }

    fn awaited(opening: &mut Opening, named: &[&str]) -> Vec<String> {
        let named = named.iter().map(|text| name(text)).collect();
        let awaited = opening.awaited(named).expect("the folders have been looked at");
        awaited.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn nothing_is_known_before_the_first_look() {
        assert_eq!(Opening::since(0).awaited(BTreeSet::new()), None);
    }

    #[test]
    fn a_file_is_waited_for_until_it_is_known_that_nobody_uses_it() {
        let mut opening = Opening::since(0);
        opening.take(Reading::Found(vec!["a".into(), "b".into()]));
        assert_eq!(awaited(&mut opening, &["used"]), ["a", "b"]);
        opening.take(described("a", "unused", &[]));
        opening.take(described("b", "used", &[]));
        assert_eq!(awaited(&mut opening, &["used"]), ["b"]);
        opening.take(Reading::Done("b".into()));
        assert_eq!(awaited(&mut opening, &["used"]), [""; 0]);
    }

    #[test]
    fn inputs_of_inputs_are_waited_for_and_circles_end() {
        let mut opening = Opening::since(0);
        opening.take(Reading::Found(vec!["a".into(), "b".into(), "c".into()]));
        for reading in [
            described("a", "slot", &["signal"]),
            described("b", "signal", &["indicator"]),
            described("c", "indicator", &["signal"]),
            Reading::Done("a".into()),
        ] {
            opening.take(reading);
        }
        assert_eq!(awaited(&mut opening, &["slot"]), ["b", "c"]);
        assert_eq!(awaited(&mut opening, &[]), [""; 0]);
    }

    #[test]
    fn a_file_that_came_later_holds_up_nobody() {
        let mut opening = Opening::since(0);
        opening.take(Reading::Found(vec![]));
        opening.take(described("late", "used", &[]));
        assert_eq!(awaited(&mut opening, &["used"]), [""; 0]);
    }
}
