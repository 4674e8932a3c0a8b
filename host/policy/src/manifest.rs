//! What a plugin says of itself, and what its operator may say otherwise.
//!
//! Comes in: the YAML of the embedded manifest, and perhaps of a `plugin.yaml` beside the file. Goes
//! out: a [`Manifest`], or every fault with its place. The manifest is the author's, so all its texts
//! are bounded and made printable here, once. Deliberately absent: reading files and sections.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use wickd_model::{PluginName, World, printable};

use crate::limits::LimitsPatch;
use crate::net::Requested;
use crate::venue::VenueManifest;
use crate::yaml::{Fields, Node, NodeKind, Problem, Problems, parse};

/// Largest manifest or sidecar, in bytes: a long one has 2,000.
pub const MANIFEST_BYTES_MAX: usize = 64 << 10;
/// Longest description, in bytes: a paragraph.
const DESCRIPTION_BYTES_MAX: usize = 512;
/// Longest other text, in bytes: an author, a licence expression, an address.
const LINE_BYTES_MAX: usize = 128;
/// Longest line of what a venue's adapter declares, in bytes: a prehash with its headers.
const DECLARED_BYTES_MAX: usize = 512;
/// Most authors named.
const AUTHORS_MAX: usize = 16;
/// Most plugins required: a strategy has at most 16 inputs.
const REQUIRES_MAX: usize = 32;
/// The key in `requires` that means the host itself.
pub const HOST: &str = "wickd";
/// Names that no plugin has.
const RESERVED: [&str; 8] = [HOST, "unassigned", "host", "engine", "paper", "all", "any", "none"];
/// Greatest number in a version: a date and an hour, written as one.
const VERSION_NUMBER_MAX: u64 = 9_999_999_999;

const KEYS: [&str; 14] = [
    "name",
    "version",
    "world",
    "description",
    "license",
    "authors",
    "homepage",
    "requires",
    // Of the I/O tier only.
    "network",
    // Of exchange adapters only.
    "endpoints",
    "credentials",
    "recipes",
    "buckets",
    "client_id",
];
const SIDECAR_KEYS: [&str; 10] = [
    "name",
    "version",
    "world",
    "description",
    "license",
    "authors",
    "homepage",
    "requires",
    "limits",
    "network",
];

/// Which plugins, in which versions. `wickd` is the house.
pub type Requires = BTreeMap<PluginName, VersionReq>;

/// A plugin's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What it is called.
    pub name: PluginName,
    /// Its author's count of changes.
    pub version: Version,
    /// What it exports.
    pub world: World,
    /// One sentence for people.
    pub description: String,
    /// An SPDX expression.
    pub license: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Where it lives on the web.
    pub homepage: Option<String>,
    /// What must be there for it to work.
    pub requires: Requires,
    /// What an exchange adapter declares of its venue; none for every other world.
    pub venue: Option<VenueManifest>,
    /// The same declaration as lines `key: value`, to compare one build's with another's.
    pub declared: BTreeSet<String>,
    /// What a plugin of the I/O tier requests to reach; empty for every other world.
    pub network: Requested,
}

/// Why a manifest or a sidecar was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(.0))]
pub struct ManifestError(
    /// Every fault, by place; at least one.
    pub Vec<Problem>,
);

fn told(problems: &[Problem]) -> String {
    match problems {
        [] => "nothing".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

impl Manifest {
    /// Reads an embedded manifest.
    ///
    /// # Errors
    /// Every fault of the text: not YAML, an unknown or missing key, a value out of its bounds.
    pub fn parse(yaml: &str) -> Result<Self, ManifestError> {
        let node =
            parse(yaml, MANIFEST_BYTES_MAX).map_err(|problem| ManifestError(vec![problem]))?;
        Self::of(&node)
    }

    /// Reads a manifest whose text another process has parsed.
    ///
    /// # Errors
    /// An unknown or missing key, a value out of its bounds.
    pub fn of(node: &Node) -> Result<Self, ManifestError> {
        let mut problems = Problems::default();
        let manifest = read(node, &mut problems);
        match manifest {
            Some(manifest) if problems.is_empty() => Ok(manifest),
            _ => Err(ManifestError(problems.into_sorted())),
        }
    }

    /// Lays a sidecar over the embedded manifest: its description, further `requires`, its limits.
    ///
    /// A range in the sidecar holds besides the embedded one, so it can only narrow. Whatever else
    /// the sidecar repeats must agree.
    ///
    /// # Errors
    /// Every fault of the text, and every value that contradicts the embedded manifest, with both.
    pub fn with_sidecar(mut self, yaml: &str) -> Result<(Self, LimitsPatch), ManifestError> {
        let node =
            parse(yaml, MANIFEST_BYTES_MAX).map_err(|problem| ManifestError(vec![problem]))?;
        let mut problems = Problems::default();
        let mut limits = LimitsPatch::default();
        if let Some(fields) = Fields::of(&node, &SIDECAR_KEYS, &mut problems) {
            self.agree(&fields, &mut problems);
            if let Some(node) = fields.get("description") {
                let text = problems.keep(line(node, DESCRIPTION_BYTES_MAX));
                self.description = text.unwrap_or(self.description);
            }
            for (name, range) in requires(&fields, &mut problems) {
                self.requires.entry(name).or_default().comparators.extend(range.comparators);
            }
            if let Some(node) = fields.get("limits") {
                limits = LimitsPatch::read(node, &mut problems);
            }
        }
        match problems.is_empty() {
            true => Ok((self, limits)),
            false => Err(ManifestError(problems.into_sorted())),
        }
    }

    /// The plugin that a sidecar names, if it names one: several components may share a folder and its
    /// `plugin.yaml`, which is then that one's alone.
    pub fn named_in(sidecar: &str) -> Option<PluginName> {
        let node = parse(sidecar, MANIFEST_BYTES_MAX).ok()?;
        let mut entries = node.map(SIDECAR_KEYS.len()).ok()?.iter();
        let (_, name) = entries.find(|(key, _)| key.text == "name")?;
        name.text().ok()?.parse().ok()
    }

    fn agree(&self, fields: &Fields<'_>, problems: &mut Problems) {
        let embedded = [
            ("name", self.name.to_string()),
            ("version", self.version.to_string()),
            ("world", self.world.name().to_owned()),
            ("license", self.license.clone()),
            ("homepage", self.homepage.clone().unwrap_or_default()),
        ];
        for (key, embedded) in embedded {
            let Some(node) = fields.get(key) else { continue };
            let Some(text) = problems.keep(line(node, LINE_BYTES_MAX)) else { continue };
            if text != embedded {
                let reason = format!("`{key}` is `{text}` here and `{embedded}` in the component");
                problems.add(Problem::new(&node.place, reason, format!("remove `{key}`")));
            }
        }
        if let Some(node) = fields.get("network")
            && Requested::read(node, problems).lines() != self.network.lines()
        {
            let reason = "`network` is for the component to request, and it requests otherwise";
            let fix = "remove it; what is granted stands in the configuration";
            problems.add(Problem::new(&node.place, reason, fix));
        }
        if let Some(node) = fields.get("authors")
            && let Some(authors) = problems.keep(authors(node))
            && authors != self.authors
        {
            let reason = "`authors` differ from those in the component";
            problems.add(Problem::new(&node.place, reason, "remove `authors`"));
        }
    }
}

fn read(node: &Node, problems: &mut Problems) -> Option<Manifest> {
    let fields = Fields::of(node, &KEYS, problems)?;
    let mut need = |key| fields.need(key, problems);
    let (name, version, world) = (need("name"), need("version"), need("world"));
    let (description, license) = (need("description"), need("license"));
    let name = name.map(|node| node.parsed("name it like `ema-cross`"));
    let version = version.map(|node| node.parsed("write a version like `1.2.0`"));
    let worlds = World::ALL.map(|world| (world.name(), world));
    let world = world.map(|node| node.one_of(&worlds));
    let description = description.map(|node| line(node, DESCRIPTION_BYTES_MAX));
    let license = license.map(|node| line(node, LINE_BYTES_MAX));
    let authors = fields.get("authors").map(authors).transpose();
    let homepage = fields.get("homepage").map(homepage).transpose();
    // Every one is kept before any `?`, so that all faults are told.
    let name = name.and_then(|it| problems.keep(it));
    let name = name.filter(|name| not_reserved(name, &fields, problems));
    let version = version.and_then(|it| problems.keep(it));
    let version = version.filter(|version| plausible(version, &fields, problems));
    let world = world.and_then(|it| problems.keep(it));
    let description = description.and_then(|it| problems.keep(it));
    let license = license.and_then(|it| problems.keep(it));
    let authors = problems.keep(authors);
    let homepage = problems.keep(homepage);
    let requires = requires(&fields, problems);
    let venue = venue(&fields, world, problems);
    let network = network(&fields, world, problems);
    let mut declared = BTreeSet::new();
    for key in VenueManifest::KEYS {
        fields.get(key).into_iter().for_each(|node| flatten(key, node, &mut declared));
    }
    Some(Manifest {
        name: name?,
        version: version?,
        world: world?,
        description: description?,
        license: license?,
        authors: authors?.unwrap_or_default(),
        homepage: homepage?,
        requires,
        venue,
        declared,
        network,
    })
}

/// Every scalar below a node with the keys that lead to it.
fn flatten(prefix: &str, node: &Node, lines: &mut BTreeSet<String>) {
    match &node.kind {
        NodeKind::Null => {}
        NodeKind::Scalar(text) => {
            let line = format!("{prefix}: {text}");
            lines.insert(printable(line.as_bytes(), DECLARED_BYTES_MAX));
        }
        NodeKind::List(nodes) => nodes.iter().for_each(|node| flatten(prefix, node, lines)),
        NodeKind::Map(entries) => {
            for (key, node) in entries {
                flatten(&format!("{prefix}.{}", key.text), node, lines);
            }
        }
    }
}

/// No plugin is called what the host calls itself, or what owns orders without one.
fn not_reserved(name: &PluginName, fields: &Fields<'_>, problems: &mut Problems) -> bool {
    let free = !RESERVED.contains(&name.as_str());
    if let (false, Some(node)) = (free, fields.get("name")) {
        let reason = format!("`{name}` is a word of wickd's own");
        problems.add(Problem::new(&node.place, reason, "give the plugin another name"));
    }
    free
}

/// A version counts an author's changes; one that no successor can pass counts nothing.
fn plausible(version: &Version, fields: &Fields<'_>, problems: &mut Problems) -> bool {
    let numbers = [version.major, version.minor, version.patch];
    let plausible = numbers.iter().all(|number| *number <= VERSION_NUMBER_MAX)
        && version.to_string().len() <= LINE_BYTES_MAX;
    if let (false, Some(node)) = (plausible, fields.get("version")) {
        let reason =
            format!("a number of the version is beyond {VERSION_NUMBER_MAX}, or it is long");
        problems.add(Problem::new(&node.place, reason, "write a version like `1.2.0`"));
    }
    plausible
}

/// What it requests to reach. In the manifest of any other world that would request nothing, so it is
/// a fault there.
fn network(fields: &Fields<'_>, world: Option<World>, problems: &mut Problems) -> Requested {
    let Some(node) = fields.get("network") else { return Requested::default() };
    if world.is_some_and(|world| !world.calls_out()) {
        let reason = "only a feed or a utility requests `network`";
        problems.add(Problem::new(&node.place, reason, "remove it"));
    }
    Requested::read(node, problems)
}

/// The keys of an exchange adapter; in any other manifest they would grant nothing, so they are a
/// fault there.
fn venue(
    fields: &Fields<'_>,
    world: Option<World>,
    problems: &mut Problems,
) -> Option<VenueManifest> {
    if world == Some(World::Exchange) {
        return Some(VenueManifest::read(fields, problems));
    }
    for node in VenueManifest::KEYS.iter().filter_map(|key| fields.get(key)) {
        let reason = "only a manifest of `world: exchange` has this key";
        problems.add(Problem::new(&node.place, reason, "remove it"));
    }
    None
}

/// A text of one line that may be shown anywhere.
fn line(node: &Node, bytes_max: usize) -> Result<String, Problem> {
    let text = node.text_within(bytes_max)?;
    Ok(printable(text.trim_end().as_bytes(), bytes_max))
}

fn authors(node: &Node) -> Result<Vec<String>, Problem> {
    node.list(AUTHORS_MAX)?.iter().map(|node| line(node, LINE_BYTES_MAX)).collect()
}

fn homepage(node: &Node) -> Result<String, Problem> {
    let text = line(node, LINE_BYTES_MAX)?;
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(text);
    }
    let reason = format!("`{}` is not a web address", crate::yaml::quoted(&text));
    Err(Problem::new(&node.place, reason, "start it with `https://`"))
}

fn requires(fields: &Fields<'_>, problems: &mut Problems) -> Requires {
    let mut all = Requires::new();
    let entries = fields.get("requires").map(|node| node.map(REQUIRES_MAX));
    let entries = entries.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
    for (key, node) in entries {
        let name = key.text.parse::<PluginName>().map_err(|error| {
            let reason = format!("`{}`: {error}", crate::yaml::quoted(&key.text));
            Problem::new(&key.place, reason, "name a plugin, or `wickd` for the host")
        });
        let range = node.parsed::<VersionReq>("write a range like `^1.2`, `>=1.2, <3` or `*`");
        if let (Some(name), Some(range)) = (problems.keep(name), problems.keep(range)) {
            all.insert(name, range);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "name: ema-cross
version: 1.2.0
world: strategy
description: Follows two averages.
license: Apache-2.0
authors: [Ada <ada@example.org>]
homepage: https://example.org/ema
requires:
  wickd: '>=0.1'
  rsi: ^1
";

    #[test]
    fn names_of_the_hosts_own_and_versions_that_nothing_can_follow_are_refused() {
        for name in RESERVED {
            let told = refused(&GOOD.replace("name: ema-cross", &format!("name: {name}")));
            assert!(told.iter().any(|of| of.contains("wickd's own")), "{name}: {told:?}");
        }
        for version in
            ["18446744073709551615.0.0", "1.99999999999.0", &format!("1.0.0-{}", "a".repeat(200))]
        {
            let told = refused(&GOOD.replace("1.2.0", version));
            assert!(told.iter().any(|of| of.contains("version")), "{version}: {told:?}");
        }
        assert!(Manifest::parse(&GOOD.replace("1.2.0", "20261128.0.1-rc.1+build")).is_ok());
    }

    fn refused(yaml: &str) -> Vec<String> {
        let problems = Manifest::parse(yaml).expect_err(yaml).0;
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_whole_manifest_is_read() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.world), ("ema-cross", World::Strategy));
        assert_eq!(manifest.version, Version::new(1, 2, 0));
        assert_eq!(manifest.authors, ["Ada <ada@example.org>"]);
        assert!(manifest.requires[&"rsi".parse().unwrap()].matches(&Version::new(1, 9, 0)));
    }

    #[test]
    fn every_fault_is_told_in_one_sentence_with_place_reason_and_fix() {
        let table = [
            (
                "version: 1.2.0",
                "verison: 1.2.0",
                "line 2, column 1: unknown key `verison`; did you mean `version`?",
            ),
            (
                "name: ema-cross",
                "name: Ema",
                "line 1, column 7: `Ema`: a plugin name is 1 to 64 of a-z, 0-9 and '-', starting with a letter; name it like `ema-cross`",
            ),
            (
                "1.2.0",
                "1.2",
                "line 2, column 10: `1.2`: unexpected end of input while parsing minor version number; write a version like `1.2.0`",
            ),
            (
                "world: strategy",
                "world: stratgy",
                "line 3, column 8: unknown value `stratgy`; did you mean `strategy`?",
            ),
            (
                "https://example.org/ema",
                "javascript:1",
                "line 7, column 11: `javascript:1` is not a web address; start it with `https://`",
            ),
            (
                "rsi: ^1",
                "rsi: one",
                "line 10, column 8: `one`: unexpected character 'o' while parsing major version number; write a range like `^1.2`, `>=1.2, <3` or `*`",
            ),
            (
                "rsi: ^1",
                "../rsi: ^1",
                "line 10, column 3: `../rsi`: a plugin name is 1 to 64 of a-z, 0-9 and '-', starting with a letter; name a plugin, or `wickd` for the host",
            ),
            (
                "[Ada <ada@example.org>]",
                "Ada",
                "line 6, column 10: `Ada` where a list should stand; write `[a, b]`, or one `- item` a line",
            ),
        ];
        for (from, to, want) in table {
            let told = refused(&GOOD.replace(from, to));
            assert_eq!(told[0], want);
        }
    }

    #[test]
    fn all_faults_come_at_once() {
        let told = refused("name: A\nwolrd: signal\n");
        assert_eq!(told.len(), 5, "{told:?}");
        let error = Manifest::parse("name: A\nwolrd: signal\n").unwrap_err().to_string();
        assert!(error.ends_with("(and 4 more)"), "{error}");
    }

    #[test]
    fn an_authors_escape_sequences_do_not_reach_anybody() {
        let yaml = GOOD.replace("Follows two averages.", "\"\\e[2J\\u202Eevil\"");
        let manifest = Manifest::parse(&yaml).unwrap();
        assert_eq!(manifest.description, "\\u{1b}[2J\\u{202e}evil");
    }

    #[test]
    fn a_sidecar_overrides_what_an_operator_may() {
        let manifest = Manifest::parse(GOOD).unwrap();
        let sidecar = "name: ema-cross\ndescription: Ours.\nrequires: {rsi: '<1.5'}\nlimits: {deadline_ms: 3}";
        let (merged, limits) = manifest.with_sidecar(sidecar).unwrap();
        let range = &merged.requires[&"rsi".parse().unwrap()];
        assert_eq!(merged.description, "Ours.");
        assert!(range.matches(&Version::new(1, 4, 0)) && !range.matches(&Version::new(1, 6, 0)));
        assert!(!range.matches(&Version::new(0, 4, 0)), "the embedded range still holds");
        assert_eq!(limits.over(Default::default()).deadline_ms, 3);
        // The whole manifest copied beside the file says nothing new.
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!(
            manifest.clone().with_sidecar(GOOD.split("requires").next().unwrap()),
            Ok((manifest, LimitsPatch::default()))
        );
    }

    #[test]
    fn a_sidecar_that_contradicts_is_refused_with_both_values() {
        let manifest = Manifest::parse(GOOD).unwrap();
        let error = manifest.with_sidecar("version: 2.0.0\nworld: signal\n").unwrap_err();
        let told: Vec<_> = error.0.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 1, column 10: `version` is `2.0.0` here and `1.2.0` in the component; remove `version`",
                "line 2, column 8: `world` is `signal` here and `strategy` in the component; remove `world`",
            ]
        );
    }

    #[test]
    fn a_sidecar_cannot_widen_what_the_component_requests() {
        let good = GOOD.replace("world: strategy", "world: utility");
        let text = format!("{good}network: ['https://hooks.example.org']\n");
        let manifest = Manifest::parse(&text).unwrap();
        assert_eq!(manifest.network.lines().len(), 1);
        assert!(manifest.clone().with_sidecar("network: ['https://hooks.example.org']").is_ok());
        for wider in ["network: ['https://evil.example.org']", "network: ['https://*.example.org']"]
        {
            let told = manifest.clone().with_sidecar(wider).unwrap_err().to_string();
            assert!(told.contains("for the component to request"), "{told}");
        }
        let told = refused(&text.replace("utility", "strategy"));
        assert!(told[0].contains("only a feed or a utility requests `network`"), "{told:?}");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_refusal_says_something(text in "\\PC{0,40}(\n\\PC{0,40}){0,6}") {
            if let Err(error) = Manifest::parse(&text) {
                prop_assert!(!error.0.is_empty());
            }
        }

        #[test]
        fn a_cut_or_altered_manifest_never_panics(at in 0usize..220, with in "[-:?&*!#|>{}'\"\\t\n~0]{0,3}") {
            let mut text = GOOD.to_owned();
            text.replace_range(at.min(text.len())..(at + 2).min(text.len()), &with);
            let _ = Manifest::parse(&text);
        }
    }
}
