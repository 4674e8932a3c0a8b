//! `wickd.yaml`: everything an operator can say, checked as a whole before anything starts.
//!
//! Comes in: one YAML file and, for the default folders, `XDG_DATA_HOME`. Goes out: a [`Config`] in
//! which every option has its value, or every fault of the file at once, each with line, column,
//! excerpt, reason and fix. Relative paths are relative to the file. Deliberately absent: the plugins'
//! own parameters, which are checked against the plugin's schema once it is there (their places are
//! kept until then), and whether files and folders exist.

mod error;
mod market;
mod slot;

use std::path::{Path, PathBuf};

use wickd_engine::market::{FeedPlan, Speed};
use wickd_model::{CASH_SCALE, Cash, Instrument, Limits};
use wickd_policy::LimitsPatch;
use wickd_policy::yaml::{Fields, Node, Problem, Problems, parse};

pub use error::{ConfigError, ConfigProblem};
pub use slot::{OnFailure, PluginRef, Restart, SlotConfig, Swap};

/// Largest configuration, in bytes: a thousand slots need about 500,000.
const CONFIG_BYTES_MAX: usize = 4 << 20;
/// Most watched folders.
const FOLDERS_MAX: usize = 16;
/// Longest path, in bytes: Linux takes no longer one.
const PATH_BYTES_MAX: usize = 4096;

const KEYS: [&str; 13] = [
    "state_dir",
    "folders",
    "settle_ms",
    "rescan_ms",
    "lanes",
    "compile_threads",
    "speed",
    "limits",
    "instruments",
    "feeds",
    "paper",
    "strategies",
    "log",
];

/// The whole configuration, every option with its value.
#[derive(Clone, Debug)]
pub struct Config {
    /// `state_dir`: journal, snapshots, shelf and compile cache. Default `state`.
    pub state_dir: PathBuf,
    /// `folders`: watched for plugins; of two files for one plugin version the earlier folder's
    /// counts. Default `plugins`, `$XDG_DATA_HOME/wickd/plugins` and `/usr/share/wickd/plugins`.
    pub folders: Vec<PathBuf>,
    /// `settle_ms`: how long a file must not change before it is read. 0 to 60,000; default 300.
    pub settle_ms: u64,
    /// `rescan_ms`: how often folders are listed for what events missed. 100 to 3,600,000;
    /// default 5,000.
    pub rescan_ms: u64,
    /// `lanes`: threads that run slots. 1 to 8; default 1.
    pub lanes: usize,
    /// `compile_threads`: threads that compile components, off the tick path. 1 to 8; default 1.
    pub compile_threads: usize,
    /// `speed`: `recorded`, `max`, or a factor from 1 to 1,000,000. One for all feeds, because they
    /// share one event time. Default `recorded`.
    pub speed: Speed,
    /// `limits`: of every slot, unless its plugin's sidecar or the slot itself says otherwise.
    pub limits: Limits,
    /// `instruments`: at least one; an instrument's id is its place here.
    pub instruments: Vec<Instrument>,
    /// `feeds`: in their order, which decides among events of equal time.
    pub feeds: Vec<FeedPlan>,
    /// `paper`: the built-in venue.
    pub paper: Paper,
    /// `strategies`: the slots.
    pub slots: Vec<SlotConfig>,
    /// `log`: what is written to standard error.
    pub log: Log,
    /// Where all this was read, for what turns out wrong later.
    path: PathBuf,
    text: String,
}

/// How the paper venue behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paper {
    /// `latency_ms` of event time, to the venue and back again. 0 to 60,000; default 50.
    pub latency_ms: u32,
    /// `reject_ppm`: millionths of orders it fails to take. 0 to 1,000,000; default 0.
    pub reject_ppm: u32,
    /// `participation_ppm`: millionths of a shown or printed size that our orders may have. 1 to
    /// 1,000,000; default all.
    pub participation_ppm: u32,
    /// `seed` of its choices. Default 0.
    pub seed: u64,
    /// `funds`: cash of each slot for each instrument, a decimal; without it no account runs short.
    pub funds: Option<Cash>,
    /// `live_orders_max`: orders under way and resting at once. 1 to 1,000,000; default 4,096. Not
    /// below the sum of the slots' `risk.open_orders_max`.
    pub live_orders_max: u32,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// `level`: error, warn, info, debug or trace. Default info.
    pub level: LogLevel,
    /// `format`: human or json. Default human.
    pub format: LogFormat,
}

/// The least weight of what is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the cases are the usual words")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the cases are the usual words")]
pub enum LogFormat {
    Human,
    Json,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// The file cannot be read, or everything that is wrong in it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
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
    pub fn parse(text: &str, path: &Path, data_home: Option<&Path>) -> Result<Self, ConfigError> {
        let wrong = |problems| ConfigError::wrong(path, text, problems);
        let node = parse(text, CONFIG_BYTES_MAX).map_err(|problem| wrong(vec![problem]))?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut problems = Problems::default();
        let config = read(&node, base, data_home, &mut problems);
        match config {
            Some(config) if problems.is_empty() => {
                Ok(Self { path: path.to_owned(), text: text.to_owned(), ..config })
            }
            _ => Err(wrong(problems.into_sorted())),
        }
    }

    /// What turned out wrong once a plugin's schema was there, with the lines of this file.
    pub fn wrong(&self, problems: Vec<Problem>) -> ConfigError {
        ConfigError::wrong(&self.path, &self.text, problems)
    }
}

fn read(node: &Node, base: &Path, home: Option<&Path>, problems: &mut Problems) -> Option<Config> {
    let fields = Fields::of(node, &KEYS, problems)?;
    let path = |node: &Node| Ok(base.join(node.text_within(PATH_BYTES_MAX)?));
    let limits = fields.get("limits").map(|node| LimitsPatch::read(node, problems));
    let instruments = market::instruments(&fields, problems);
    let slots = slot::slots(&fields, &instruments, problems);
    let paper = paper(&fields, &slots, problems);
    Some(Config {
        state_dir: set(&fields, "state_dir", base.join("state"), problems, path),
        folders: folders(&fields, base, home, problems),
        settle_ms: set(&fields, "settle_ms", 300, problems, |n| n.integer(0..=60_000)),
        rescan_ms: set(&fields, "rescan_ms", 5_000, problems, |n| n.integer(100..=3_600_000)),
        lanes: set(&fields, "lanes", 1, problems, |n| n.integer(1..=8)),
        compile_threads: set(&fields, "compile_threads", 1, problems, |n| n.integer(1..=8)),
        speed: set(&fields, "speed", Speed::RECORDED, problems, speed),
        limits: limits.unwrap_or_default().over(Limits::default()),
        feeds: market::feeds(&fields, &instruments, base, problems),
        instruments,
        paper,
        slots,
        log: log(&fields, problems),
        path: PathBuf::new(),
        text: String::new(),
    })
}

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
        let path = |node: &Node| Ok(base.join(node.text_within(PATH_BYTES_MAX)?));
        node.list(FOLDERS_MAX)?.iter().map(path).collect()
    })
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

fn paper(fields: &Fields<'_>, slots: &[SlotConfig], problems: &mut Problems) -> Paper {
    const KEYS: [&str; 6] =
        ["latency_ms", "reject_ppm", "participation_ppm", "seed", "funds", "live_orders_max"];
    let standard = Paper {
        latency_ms: 50,
        reject_ppm: 0,
        participation_ppm: 1_000_000,
        seed: 0,
        funds: None,
        live_orders_max: 4_096,
    };
    let opened = fields.get("paper").and_then(|node| Fields::of(node, &KEYS, problems));
    let paper = opened.map_or(standard, |of| Paper {
        latency_ms: set(&of, "latency_ms", 50, problems, |n| n.integer(0..=60_000)),
        reject_ppm: set(&of, "reject_ppm", 0, problems, |n| n.integer(0..=1_000_000)),
        participation_ppm: set(&of, "participation_ppm", 1_000_000, problems, |n| {
            n.integer(1..=1_000_000)
        }),
        seed: set(&of, "seed", 0, problems, |n| n.integer(0..=u64::MAX)),
        funds: set(&of, "funds", None, problems, |n| n.decimal(CASH_SCALE, 0..=i64::MAX).map(Some)),
        live_orders_max: set(&of, "live_orders_max", 4_096, problems, |n| n.integer(1..=1_000_000)),
    });
    let needed: u64 = slots.iter().map(|slot| u64::from(slot.risk.open_orders_max)).sum();
    if needed > u64::from(paper.live_orders_max) {
        let reason = format!(
            "the slots may have {needed} orders open, and the venue takes {}",
            paper.live_orders_max
        );
        let fix = "raise `paper.live_orders_max`, or lower the slots' `risk.open_orders_max`";
        let place = opened.as_ref().map_or(fields.place(), Fields::place);
        problems.add(Problem::new(place, reason, fix));
    }
    paper
}

fn log(fields: &Fields<'_>, problems: &mut Problems) -> Log {
    let standard = Log { level: LogLevel::Info, format: LogFormat::Human };
    let opened =
        fields.get("log").and_then(|node| Fields::of(node, &["level", "format"], problems));
    let levels = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ];
    let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
    opened.map_or(standard, |of| Log {
        level: set(&of, "level", standard.level, problems, |n| n.one_of(&levels)),
        format: set(&of, "format", standard.format, problems, |n| n.one_of(&formats)),
    })
}

/// The value of an option, or its default where it is unset or wrong; a fault names the key.
fn set<T>(
    fields: &Fields<'_>,
    key: &str,
    default: T,
    problems: &mut Problems,
    read: impl FnOnce(&Node) -> Result<T, Problem>,
) -> T {
    let named =
        |problem: Problem| Problem { reason: format!("`{key}`: {}", problem.reason), ..problem };
    let value = fields.get(key).map(|node| read(node).map_err(named));
    value.and_then(|outcome| problems.keep(outcome)).unwrap_or(default)
}

#[cfg(test)]
mod tests;
