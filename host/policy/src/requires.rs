//! What needs what: semver ranges between plugins and the house.
//!
//! Comes in: a plugin's manifest, the house's version, the plugins that are there. Goes out: the
//! versions it will use, or every unmet requirement. Deliberately absent: choosing to wait; a plugin
//! whose requirement comes later is simply offered again.

use semver::{Version, VersionReq};
use wickd_model::PluginName;

use crate::manifest::{HOST, Manifest};

/// Why a requirement is not met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum Unmet {
    /// No such plugin.
    #[error("{who} needs `{needs}` {range}, which is not there; drop it into a watched folder")]
    Missing { who: String, needs: PluginName, range: VersionReq },
    /// Other versions of it.
    #[error("{who} needs `{needs}` {range}, and there is {there}; add a version that fits")]
    Version { who: String, needs: PluginName, range: VersionReq, there: String },
    /// The house itself.
    #[error("{who} needs wickd {range}, and this is {host}; update the one or the other")]
    Host { who: String, range: VersionReq, host: Version },
    /// It would need itself.
    #[error("{who} needs itself: {path}; remove one of these `requires`")]
    Cycle { who: String, path: String },
}

/// For each requirement the newest version that satisfies it, in the order of the names.
///
/// # Errors
/// Every requirement that nothing satisfies, and every circle.
pub fn resolve<'m>(
    subject: &Manifest,
    host: &Version,
    loaded: &[&'m Manifest],
) -> Result<Vec<&'m Manifest>, Vec<Unmet>> {
    let who = format!("{} {}", subject.name, subject.version);
    let (mut picked, mut unmet) = (Vec::new(), Vec::new());
    for (needs, range) in &subject.requires {
        let (who, range) = (who.clone(), range.clone());
        if needs.as_str() == HOST {
            if !range.matches(host) {
                unmet.push(Unmet::Host { who, range, host: host.clone() });
            }
            continue;
        }
        if let Some(path) = circle(&subject.name, needs, &range, loaded) {
            unmet.push(Unmet::Cycle { who, path });
            continue;
        }
        match newest(needs, &range, loaded) {
            Some(found) => picked.push(found),
            None => unmet.push(unsatisfied(who, needs, range, loaded)),
        }
    }
    if unmet.is_empty() { Ok(picked) } else { Err(unmet) }
}

/// The newest of `loaded` with this name within the range.
pub fn newest<'m>(
    name: &PluginName,
    range: &VersionReq,
    loaded: &[&'m Manifest],
) -> Option<&'m Manifest> {
    let fits = loaded.iter().filter(|m| m.name == *name && range.matches(&m.version));
    fits.max_by(|a, b| a.version.cmp(&b.version)).copied()
}

fn unsatisfied(who: String, needs: &PluginName, range: VersionReq, loaded: &[&Manifest]) -> Unmet {
    let mut there: Vec<_> =
        loaded.iter().filter(|m| m.name == *needs).map(|m| &m.version).collect();
    there.sort();
    let needs = needs.clone();
    if there.is_empty() {
        return Unmet::Missing { who, needs, range };
    }
    let there = there.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Unmet::Version { who, needs, range, there }
}

/// The way from `first` back to `subject` over the versions that would be picked, as text.
fn circle(
    subject: &PluginName,
    first: &PluginName,
    range: &VersionReq,
    loaded: &[&Manifest],
) -> Option<String> {
    let mut seen: Vec<&PluginName> = Vec::new();
    let mut open = vec![(vec![subject.as_str(), first.as_str()], first, range)];
    while let Some((path, name, range)) = open.pop() {
        if name == subject {
            return Some(path.join(" → "));
        }
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let next = newest(name, range, loaded).into_iter().flat_map(|m| &m.requires);
        for (needs, range) in next {
            let path = path.iter().copied().chain([needs.as_str()]).collect();
            open.push((path, needs, range));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str, version: &str, requires: &str) -> Manifest {
        Manifest::parse(&format!(
            "name: {name}\nversion: {version}\nworld: signal\ndescription: x\nlicense: MIT\n\
             requires: {{{requires}}}"
        ))
        .unwrap()
    }

    fn outcome(subject: &Manifest, loaded: &[&Manifest]) -> Result<Vec<String>, Vec<String>> {
        match resolve(subject, &Version::new(0, 1, 0), loaded) {
            Ok(picked) => Ok(picked.iter().map(|m| format!("{}@{}", m.name, m.version)).collect()),
            Err(unmet) => Err(unmet.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn the_newest_version_within_the_range_is_taken() {
        let all = ["1.0.0", "1.10.0", "1.9.0", "2.0.0", "1.11.0-rc.1"];
        let all = all.map(|version| plugin("rsi", version, ""));
        let subject = plugin("s", "1.0.0", "rsi: ^1, wickd: '>=0.1'");
        assert_eq!(
            outcome(&subject, &all.iter().collect::<Vec<_>>()),
            Ok(vec!["rsi@1.10.0".into()])
        );
    }

    #[test]
    fn an_unmet_requirement_names_who_needs_what_and_what_there_is() {
        let subject = plugin("s", "1.0.0", "macd: '*', rsi: ^1, wickd: ^9");
        let (old, new) = (plugin("rsi", "0.9.0", ""), plugin("rsi", "2.0.0", ""));
        assert_eq!(
            outcome(&subject, &[&new, &old]),
            Err(vec![
                "s 1.0.0 needs `macd` *, which is not there; drop it into a watched folder".into(),
                "s 1.0.0 needs `rsi` ^1, and there is 0.9.0, 2.0.0; add a version that fits".into(),
                "s 1.0.0 needs wickd ^9, and this is 0.1.0; update the one or the other".into(),
            ])
        );
    }

    #[test]
    fn a_circle_is_told_as_the_way_round() {
        let (b, c) = (plugin("b", "1.0.0", "c: '*'"), plugin("c", "1.0.0", "a: '*'"));
        let (told, own) = (plugin("a", "2.0.0", "b: '*'"), plugin("a", "1.0.0", "a: '*'"));
        assert_eq!(
            outcome(&told, &[&b, &c]),
            Err(vec!["a 2.0.0 needs itself: a → b → c → a; remove one of these `requires`".into()])
        );
        assert!(outcome(&own, &[&own]).unwrap_err()[0].contains("a → a"));
    }
}
