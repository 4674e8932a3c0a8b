//! `wickd.yaml`: everything an operator can say, checked as a whole before anything starts.
//!
//! Comes in: one YAML file and, for the default folders, `XDG_DATA_HOME`. Goes out: a [`Config`] whose
//! plan every option has its value, or every fault of the file at once, each with line, column,
//! excerpt, reason and fix. Relative paths are relative to the file. Deliberately absent: the plugins'
//! own parameters, which are checked against the plugin's schema once it is there (their places are
//! kept until then), and whether files and folders exist.

mod accept;
mod error;
mod feed;
mod market;
mod mask;
mod post;
mod slot;
mod utility;
mod venue;

use std::path::{Path, PathBuf};

use wickd_engine::lane::OnFailure;
use wickd_engine::market::Speed;
use wickd_engine::{PaperConfig, PaperMarket, Plan, SlotPlan, VenuePlan};
use wickd_model::{CASH_SCALE, Instrument, InstrumentId, Limits, LossStops};
use wickd_policy::LimitsPatch;
use wickd_policy::yaml::{Fields, Node, NodeKind, Place, Problem, Problems, parse, quoted};

pub(crate) use error::{ConfigError, ConfigProblem};

/// Largest configuration, in bytes: a thousand slots need about 500,000.
const CONFIG_BYTES_MAX: usize = 4 << 20;
/// Most watched folders.
const FOLDERS_MAX: usize = 16;
/// Longest path, in bytes: Linux takes no longer one.
const PATH_BYTES_MAX: usize = 4096;

const KEYS: [&str; 17] = [
    "development",
    "state_dir",
    "disk_free_min_mb",
    "folders",
    "settle_ms",
    "rescan_ms",
    "lanes",
    "speed",
    "limits",
    "instruments",
    "feeds",
    "venues",
    "credentials",
    "paper",
    "strategies",
    "retired",
    "utilities",
];

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Every option with its value. The compile worker is not an option: `plan.compiler` is `None`
    /// here, and the command that runs the plan says who compiles.
    pub(crate) plan: Plan,
    /// Where it was read, for what turns out wrong later.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// The file cannot be read, or everything that is wrong in it.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let text = error::read_bounded(path, CONFIG_BYTES_MAX).map_err(read)?;
        let data_home = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
            std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"))
        });
        Self::parse(&text, path, data_home.as_deref())
    }

    /// Checks a configuration's text. `path` is where it came from; `data_home` the user's own
    /// folder of data, where there is one.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub(crate) fn parse(
        text: &str,
        path: &Path,
        data_home: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let wrong = |problems| ConfigError::wrong(path, text, problems);
        let node = parse(text, CONFIG_BYTES_MAX).map_err(|problem| wrong(vec![problem]))?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut problems = Problems::default();
        match read(&node, base, data_home, &mut problems) {
            Some(plan) if problems.is_empty() => {
                Ok(Self { plan, path: path.to_owned(), text: text.to_owned() })
            }
            _ => Err(wrong(problems.into_sorted())),
        }
    }

    /// Where the configuration names the folder in this place; none where it leaves folders out.
    pub(crate) fn folder_place(&self, number: usize) -> Option<Place> {
        let NodeKind::Map(entries) = parse(&self.text, CONFIG_BYTES_MAX).ok()?.kind else {
            return None;
        };
        let (_, node) = entries.into_iter().find(|(key, _)| key.text == "folders")?;
        Some(node.list(FOLDERS_MAX).ok()?.get(number)?.place.clone())
    }

    /// What turned out wrong once a plugin's schema was there, with the lines of this file.
    pub(crate) fn wrong(&self, problems: Vec<Problem>) -> ConfigError {
        ConfigError::wrong(&self.path, &self.text, problems)
    }

    /// The file it was read from.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The options. `state_dir`, `folders` and the files of feeds are relative to `base`.
fn read(node: &Node, base: &Path, home: Option<&Path>, problems: &mut Problems) -> Option<Plan> {
    let fields = Fields::of(node, &KEYS, problems)?;
    let patch = fields.get("limits").map(|node| LimitsPatch::read(node, problems));
    let limits = patch.unwrap_or_default().over(Limits::default());
    let instruments = market::instruments(&fields, problems);
    let development = set(&fields, "development", false, problems, Node::boolean);
    let venues = venue::venues(&fields, &instruments, development, problems);
    let (paper, paper_losses) = paper(&fields, problems);
    let house = House {
        instruments: &instruments,
        limits: &limits,
        paper_losses,
        venues: &venues,
        development,
    };
    let slots = slot::slots(&fields, &house, problems);
    check_room(&fields, &paper, &slots, problems);
    let feeds = feed::feeds(&fields, &house, &slots, base, problems);
    feed::beside_venues(&fields, &feeds, &venues, problems);
    feed::unfed(&fields, &instruments, &feeds, &slots, problems);
    beside_venues(&fields, &venues, problems);
    Some(Plan {
        state_dir: set(&fields, "state_dir", base.join("state"), problems, |n| path(n, base)),
        // A day of the busiest journal, before it hurts; in MB.
        degraded: false,
        disk_free_min: set(&fields, "disk_free_min_mb", 2_048, problems, |n| {
            n.integer(0..=1_000_000_000)
        }) << 20,
        folders: folders(&fields, base, home, problems),
        // How long a file must not change before it is read.
        settle_ms: set(&fields, "settle_ms", 300, problems, |n| n.integer(0..=60_000)),
        // How often folders are listed for what events missed.
        rescan_ms: set(&fields, "rescan_ms", 5_000, problems, |n| n.integer(100..=3_600_000)),
        lanes: set(&fields, "lanes", 1, problems, |n| n.integer(1..=8)),
        reader: None,
        // One for all feeds, because they share one event time.
        speed: set(&fields, "speed", Speed::RECORDED, problems, speed),
        limits,
        venues,
        credentials: venue::credentials(&fields, base, problems),
        utilities: utility::utilities(&fields, &slots, &feeds.plugins, development, problems),
        feeds: feeds.made,
        plugin_feeds: feeds.plugins,
        configured: (0..).zip(&instruments).map(|(id, _)| id).collect(),
        instruments,
        paper,
        paper_losses,
        slots,
        // Their line may be missing by mistake, so what they have is left alone unless told otherwise.
        retired: set(&fields, "retired", OnFailure::Keep, problems, |n| n.one_of(&slot::POLICIES)),
    })
}

/// What a slot's configuration is read against.
struct House<'h> {
    instruments: &'h [Instrument],
    limits: &'h Limits,
    paper_losses: LossStops,
    venues: &'h [VenuePlan],
    /// Any bytes take any place.
    development: bool,
}

impl House<'_> {
    /// The loss stops of the account that an instrument is traded on.
    fn account(&self, id: InstrumentId) -> LossStops {
        let trades = |venue: &&VenuePlan| venue.trade && venue.instruments.contains(&id);
        self.venues.iter().find(trades).map_or(self.paper_losses, |venue| venue.losses)
    }

    /// Whether orders for it leave for real.
    fn is_real(&self, id: InstrumentId) -> bool {
        self.venues.iter().any(|venue| venue.trade && venue.instruments.contains(&id))
    }
}

/// `folders`: of two files for one plugin version the earlier folder's counts. Default `plugins`,
/// `$XDG_DATA_HOME/wickd/plugins` and `/usr/share/wickd/plugins`.
fn folders(
    fields: &Fields<'_>,
    base: &Path,
    home: Option<&Path>,
    problems: &mut Problems,
) -> Vec<PathBuf> {
    let mut standard = vec![base.join("plugins")];
    standard.extend(home.map(|home| home.join("wickd/plugins")));
    standard.push(PathBuf::from("/usr/share/wickd/plugins"));
    set(fields, "folders", standard, problems, |node| {
        node.list(FOLDERS_MAX)?.iter().map(|node| path(node, base)).collect()
    })
}

/// A path of the configuration, relative to the configuration's own folder.
fn path(node: &Node, base: &Path) -> Result<PathBuf, Problem> {
    let text = node.text_within(PATH_BYTES_MAX)?;
    if text.starts_with('~') || text.contains('$') {
        let reason =
            format!("`{}` is taken as it stands: `~` and `$` mean nothing here", quoted(&text));
        return Err(Problem::new(&node.place, reason, "write the whole path"));
    }
    Ok(base.join(text))
}

/// A venue's time is the present, which has one speed.
fn beside_venues(fields: &Fields<'_>, venues: &[VenuePlan], problems: &mut Problems) {
    let speed = fields.get("speed").filter(|of| !matches!(of.text(), Ok("recorded")));
    if let Some(speed) = speed.filter(|_| !venues.is_empty()) {
        let reason = "a venue has no other speed than the present's";
        problems.add(Problem::new(&speed.place, reason, "write `recorded`, or remove it"));
    }
}

fn speed(node: &Node) -> Result<Speed, Problem> {
    match node.text()? {
        "recorded" => Ok(Speed::RECORDED),
        "max" => Ok(Speed::Max),
        _ => node.integer(1..=1_000_000).map(Speed::Times).map_err(|problem| Problem {
            fix: "write `recorded`, `max`, or a whole factor from 1 to 1000000".to_owned(),
            ..problem
        }),
    }
}

/// `paper`: the built-in venue, and the loss stops of all that trade there.
fn paper(fields: &Fields<'_>, problems: &mut Problems) -> (PaperConfig, LossStops) {
    const KEYS: [&str; 8] = [
        "market",
        "latency_ms",
        "reject_ppm",
        "participation_ppm",
        "seed",
        "funds",
        "live_orders_max",
        "risk",
    ];
    let standard = PaperConfig::default();
    let opened = fields.get("paper").and_then(|node| Fields::of(node, &KEYS, problems));
    let losses = opened.as_ref().map(|of| slot::account_risk(of, problems)).unwrap_or_default();
    let paper = opened.as_ref().map_or(standard, |of| PaperConfig {
        market: set(of, "market", standard.market, problems, |n| n.one_of(&PaperMarket::NAMES)),
        latency_ms: set(of, "latency_ms", standard.latency_ms, problems, |n| n.integer(0..=60_000)),
        reject_ppm: set(of, "reject_ppm", standard.reject_ppm, problems, |n| {
            n.integer(0..=1_000_000)
        }),
        participation_ppm: set(
            of,
            "participation_ppm",
            standard.participation_ppm,
            problems,
            |n| n.integer(1..=1_000_000),
        ),
        seed: set(of, "seed", standard.seed, problems, |n| n.integer(0..=u64::MAX)),
        funds: set(of, "funds", standard.funds, problems, |n| {
            n.decimal(CASH_SCALE, 0..=i64::MAX).map(Some)
        }),
        live_orders_max: set(of, "live_orders_max", standard.live_orders_max, problems, |n| {
            n.integer(1..=1_000_000)
        }),
    });
    (paper, losses)
}

/// Whether the paper venue takes in all that the slots may have open.
fn check_room(
    fields: &Fields<'_>,
    paper: &PaperConfig,
    slots: &[SlotPlan],
    problems: &mut Problems,
) {
    let needed: u64 = slots.iter().map(|slot| u64::from(slot.risk.open_orders_max)).sum();
    if needed > u64::from(paper.live_orders_max) {
        let reason = format!(
            "the slots may have {needed} orders open, and the venue takes {}",
            paper.live_orders_max
        );
        let fix = "raise `paper.live_orders_max`, or lower the slots' `risk.open_orders_max`";
        let place = fields.get("paper").map_or(fields.place(), |node| &node.place);
        problems.add(Problem::new(place, reason, fix));
    }
}

/// The value of an option, or its default where it is unset or wrong; a fault names the key.
fn set<T>(
    fields: &Fields<'_>,
    key: &str,
    default: T,
    problems: &mut Problems,
    read: impl FnOnce(&Node) -> Result<T, Problem>,
) -> T {
    let node = fields.get(key);
    read_or(node, key, default, problems, read)
}

/// The same for a limit, which may be left out and not left empty.
fn limit<T>(
    fields: &Fields<'_>,
    key: &str,
    default: T,
    problems: &mut Problems,
    read: impl FnOnce(&Node) -> Result<T, Problem>,
) -> T {
    let node = fields.limit(key, problems);
    read_or(node, key, default, problems, read)
}

fn read_or<T>(
    node: Option<&Node>,
    key: &str,
    default: T,
    problems: &mut Problems,
    read: impl FnOnce(&Node) -> Result<T, Problem>,
) -> T {
    let named =
        |problem: Problem| Problem { reason: format!("`{key}`: {}", problem.reason), ..problem };
    let value = node.map(|node| read(node).map_err(named));
    value.and_then(|outcome| problems.keep(outcome)).unwrap_or(default)
}

#[cfg(test)]
mod feed_tests;
#[cfg(test)]
mod tests;
