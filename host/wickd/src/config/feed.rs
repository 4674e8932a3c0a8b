//! `feeds:`: where market data comes from where no venue gives it.
//!
//! Comes in: the list, each with `replay:`, `synthetic:` or `plugin:`. Goes out: plans of both sorts, those
//! of the past and those of the present. Deliberately absent: whether files and plugins exist.

use std::path::{Path, PathBuf};

use wickd_engine::market::{
    BAR_SECS_MAX, FeedKind, FeedPlan, FloatNoise, OnBrokenRow, ReplayPlan, SyntheticPlan, TimeUnit,
};
use wickd_engine::{PluginFeedPlan, SlotPlan, VenuePlan};
use wickd_model::{Instrument, SlotName};
use wickd_policy::yaml::{Fields, Node, NodeKind, Problem, Problems, quoted};

use super::market::{list, named};
use super::{House, path, post, set};

/// Most feeds, and most files of one.
const FEEDS_MAX: usize = 16;
const FILES_MAX: usize = 16;
/// Silence that makes a feed stale where nothing is set, in milliseconds.
const STALE_AFTER_MS: u64 = 5_000;
/// Longest silence that can be asked for, in milliseconds: a week, for daily bars over weekends.
const STALE_AFTER_MS_MAX: u64 = 7 * 86_400_000;
/// Latest start of a feed, in Unix seconds: the year 2200.
const STARTS_AT_S_MAX: u64 = 7_258_118_400;
/// Where a synthetic feed starts by default: the first second of 2021.
const SYNTHETIC_STARTS_AT_S: u64 = 1_609_459_200;
const NS_PER_S: u64 = 1_000_000_000;

/// Feeds of both sorts, each in their order.
#[derive(Default)]
pub(super) struct Feeds {
    /// Recordings and walks.
    pub(super) made: Vec<FeedPlan>,
    /// What plugins bring.
    pub(super) plugins: Vec<PluginFeedPlan>,
}

/// `feeds`: a list. Those of plugins are read last, so that whoever feeds an instrument already is
/// known.
pub(super) fn feeds(
    fields: &Fields<'_>,
    house: &House<'_>,
    slots: &[SlotPlan],
    base: &Path,
    problems: &mut Problems,
) -> Feeds {
    let instruments = house.instruments;
    let nodes = fields.get("feeds").map(|node| node.list(FEEDS_MAX));
    let nodes = nodes.and_then(|nodes| problems.keep(nodes)).unwrap_or_default();
    let (outside, made): (Vec<_>, Vec<_>) = nodes.iter().partition(|of| has(of, "plugin"));
    let mut feeds = Feeds::default();
    for node in &made {
        let Some(feed) = feed(node, instruments, base, problems) else { continue };
        fed_once(&feed, &feeds.made, fields, node, problems);
        if feeds.made.iter().any(|other| other.name == feed.name) {
            let reason = format!("two feeds are called `{}`", feed.name);
            problems.add(Problem::new(&node.place, reason, "rename one of them"));
        }
        feeds.made.push(feed);
    }
    if !outside.is_empty() {
        present(fields, &made, problems);
    }
    let mut fed = fed(fields, instruments, &feeds.made);
    for node in outside {
        let Some(feed) = plugin_feed(node, house, &mut fed, problems) else { continue };
        let name = &feed.post.name;
        let taken = feeds.made.iter().any(|of| of.name == name.as_str())
            || feeds.plugins.iter().any(|of| of.post.name == *name)
            || slots.iter().any(|of| of.name == *name);
        if taken {
            let reason = format!("`{name}` is also the name of another");
            problems.add(Problem::new(&node.place, reason, "rename one of them"));
        }
        feeds.plugins.push(feed);
    }
    feeds
}

/// Its instruments have no other source of prices. Files that are quotes and trades of one market belong
/// into one feed, which brings them into one order.
fn fed_once(
    feed: &FeedPlan,
    others: &[FeedPlan],
    fields: &Fields<'_>,
    node: &Node,
    problems: &mut Problems,
) {
    let mine: &[Instrument] = match &feed.kind {
        FeedKind::Replay(replay) => std::slice::from_ref(&replay.instrument),
        FeedKind::Synthetic(walk) => &walk.instruments,
    };
    let before = fed(fields, mine, others);
    for (instrument, who) in mine.iter().zip(before) {
        if let Some(who) = who {
            let reason = format!("`{}` is fed by {who} already", instrument.symbol);
            let fix = "remove it here or there; files of one market go under one feed's `files`";
            problems.add(Problem::new(&node.place, reason, fix));
        }
    }
}

/// Whatever a slot trades must be fed by somebody, or it would wait for ever.
pub(super) fn unfed(
    fields: &Fields<'_>,
    instruments: &[Instrument],
    feeds: &Feeds,
    slots: &[SlotPlan],
    problems: &mut Problems,
) {
    // Without any feed at all nothing is expected to move; and a feed that is wrong feeds nobody for
    // another reason.
    if !problems.is_empty() {
        return;
    }
    let Some(strategies) = fields
        .get("strategies")
        .filter(|_| fields.get("venues").is_some() || fields.get("feeds").is_some())
    else {
        return;
    };
    let fed = fed(fields, instruments, &feeds.made);
    let by_plugin = |id: u32| feeds.plugins.iter().any(|feed| feed.instruments.contains(&id));
    let nodes = strategies.list(usize::MAX).unwrap_or_default();
    for (place, slot) in slots.iter().enumerate() {
        for id in &slot.instruments {
            let is_fed = fed.get(*id as usize).is_none_or(Option::is_some) || by_plugin(*id);
            let Some(instrument) = instruments.get(*id as usize).filter(|_| !is_fed) else {
                continue;
            };
            let at = nodes.get(place).map_or(&strategies.place, |node| &node.place);
            let (name, symbol) = (&slot.name, &instrument.symbol);
            let reason = format!("`{name}` trades `{symbol}`, which no feed and no venue feeds");
            let fix = "name it under a feed, set its `venue:`, or take it from the strategy";
            problems.add(Problem::new(at, reason, fix));
        }
    }
}

/// Beside venues there may be the feeds of plugins, and no others.
pub(super) fn beside_venues(
    fields: &Fields<'_>,
    feeds: &Feeds,
    venues: &[VenuePlan],
    problems: &mut Problems,
) {
    let present = feeds.made.is_empty() && !feeds.plugins.is_empty();
    if let (false, false, Some(node)) = (venues.is_empty(), present, fields.get("feeds")) {
        let reason = "`feeds` and `venues` do not go together, unless plugins bring them: the others \
                      are the past, and a venue is the present";
        problems.add(Problem::new(&node.place, reason, "remove one of the two"));
    }
}

fn has(node: &Node, key: &str) -> bool {
    matches!(&node.kind, NodeKind::Map(entries) if entries.iter().any(|(of, _)| of.text == key))
}

/// What cannot stand beside a plugin's feed, which has no other time than now.
fn present(fields: &Fields<'_>, made: &[&Node], problems: &mut Problems) {
    let fix = "remove one of the two";
    for node in made.iter().filter(|of| has(of, "replay")) {
        let reason =
            "`replay` and `plugin` do not go together: one is the past, the other the present";
        problems.add(Problem::new(&node.place, reason, fix));
    }
    if let Some(speed) = fields.get("speed").filter(|of| !matches!(of.text(), Ok("recorded"))) {
        let reason = "a plugin's feed has no other speed than the present's";
        problems.add(Problem::new(&speed.place, reason, "write `recorded`, or remove it"));
    }
}

/// Who feeds an instrument already; by its place.
fn fed(fields: &Fields<'_>, instruments: &[Instrument], made: &[FeedPlan]) -> Vec<Option<String>> {
    let by_feed = |of: &Instrument| {
        made.iter().find(|feed| match &feed.kind {
            FeedKind::Replay(replay) => replay.instrument.id == of.id,
            FeedKind::Synthetic(walk) => walk.instruments.iter().any(|walked| walked.id == of.id),
        })
    };
    let venues = fields.get("venues");
    let who = |of: &Instrument| match by_feed(of) {
        Some(feed) => Some(format!("feed `{}`", feed.name)),
        None => venues
            .filter(|venues| has(venues, &of.venue))
            .map(|_| format!("venue `{}`", quoted(&of.venue))),
    };
    instruments.iter().map(who).collect()
}

/// A feed whose data a plugin brings; it is entered into `fed`.
fn plugin_feed(
    node: &Node,
    house: &House<'_>,
    fed: &mut [Option<String>],
    problems: &mut Problems,
) -> Option<PluginFeedPlan> {
    let known = [&post::KEYS[..], &["instruments", "stale_after_ms"]].concat();
    let of = Fields::of(node, &known, problems)?;
    let post = post::post(&of, "name it like `poll`", house.development, problems);
    let stale_after_ms = stale_after_ms(&of, problems);
    let listed = of.need("instruments", problems)?;
    let mine = list(listed, house.instruments, problems);
    let (post, nodes) = (post?, listed.list(usize::MAX).unwrap_or_default());
    for instrument in &mine {
        let Some(fed) = fed.get_mut(instrument.id as usize) else { continue };
        if let Some(who) = fed {
            let place = nodes.iter().find(|of| of.text().is_ok_and(|of| of == instrument.symbol));
            let place = place.map_or(&listed.place, |of| &of.place);
            let reason = format!("`{}` is fed by {who} already", instrument.symbol);
            let fix = "remove it here or there: an instrument has one source of prices";
            problems.add(Problem::new(place, reason, fix));
        }
        *fed = Some(format!("feed `{}`", post.name));
    }
    let instruments = mine.iter().map(|of| of.id).collect();
    Some(PluginFeedPlan { post, instruments, stale_after_ms })
}

fn stale_after_ms(of: &Fields<'_>, problems: &mut Problems) -> u64 {
    set(of, "stale_after_ms", STALE_AFTER_MS, problems, |n| n.integer(1..=STALE_AFTER_MS_MAX))
}

/// A feed of the daemon's own.
fn feed(
    node: &Node,
    instruments: &[Instrument],
    base: &Path,
    problems: &mut Problems,
) -> Option<FeedPlan> {
    let known = ["name", "stale_after_ms", "replay", "synthetic"];
    let of = Fields::of(node, &known, problems)?;
    let name = of.need("name", problems).map(|node| {
        // The rule of a slot's name: it reaches the same logs and labels.
        let rule = "name it like `binance-btc`";
        node.parsed::<SlotName>(rule).map(String::from)
    });
    let stale_after_ms = stale_after_ms(&of, problems);
    let kind = match (of.get("replay"), of.get("synthetic")) {
        (Some(node), None) => replay(node, instruments, base, problems).map(FeedKind::Replay),
        (None, Some(node)) => synthetic(node, instruments, problems).map(FeedKind::Synthetic),
        _ => {
            let reason = "a feed has one of `replay:`, `synthetic:` and `plugin:`";
            problems.add(Problem::new(&node.place, reason, "write one of the three"));
            None
        }
    };
    let name = name.and_then(|name| problems.keep(name))?;
    Some(FeedPlan { name, kind: kind?, stale_after_ms })
}

fn replay(
    node: &Node,
    instruments: &[Instrument],
    base: &Path,
    problems: &mut Problems,
) -> Option<ReplayPlan> {
    let known = [
        "files",
        "instrument",
        "bar_secs",
        "loop",
        "on_broken_row",
        "float_noise",
        "time_unit",
        "starts_at_s",
    ];
    let of = Fields::of(node, &known, problems)?;
    let files = of.need("files", problems).map(|node| {
        let mut files: Vec<PathBuf> = Vec::new();
        for node in node.list(FILES_MAX)? {
            let path = path(node, base)?;
            if files.contains(&path) {
                let reason = "this file stands here twice, so its rows would count twice";
                return Err(Problem::new(&node.place, reason, "keep one of the two"));
            }
            files.push(path);
        }
        match files.is_empty() {
            true => Err(Problem::new(&node.place, "`files` is empty", "name at least one file")),
            false => Ok(files),
        }
    });
    let files = files.and_then(|files| problems.keep(files));
    let instrument = of.need("instrument", problems).map(|node| named(node, instruments));
    let instrument = instrument.and_then(|instrument| problems.keep(instrument));
    let rows = [("stop", OnBrokenRow::Stop), ("skip", OnBrokenRow::Skip)];
    let noise = [("refuse", FloatNoise::Refuse), ("round", FloatNoise::Round)];
    let plan = ReplayPlan {
        bar_secs: set(&of, "bar_secs", 60, problems, |n| n.integer(1..=BAR_SECS_MAX)),
        looped: set(&of, "loop", false, problems, Node::boolean),
        on_broken_row: set(&of, "on_broken_row", OnBrokenRow::Stop, problems, |n| n.one_of(&rows)),
        float_noise: set(&of, "float_noise", FloatNoise::Refuse, problems, |n| n.one_of(&noise)),
        time_unit: set(&of, "time_unit", TimeUnit::Ns, problems, |n| n.one_of(&TimeUnit::NAMES)),
        starts_at: set(&of, "starts_at_s", None, problems, |n| starts_at(n).map(Some)),
        files: files?,
        instrument: instrument?,
    };
    Some(plan)
}

fn synthetic(
    node: &Node,
    instruments: &[Instrument],
    problems: &mut Problems,
) -> Option<SyntheticPlan> {
    let known = ["instruments", "ticks_per_s", "seed", "count", "starts_at_s"];
    let of = Fields::of(node, &known, problems)?;
    let walked = of.need("instruments", problems).map(|node| list(node, instruments, problems));
    let start = SYNTHETIC_STARTS_AT_S * NS_PER_S;
    Some(SyntheticPlan {
        ticks_per_s: set(&of, "ticks_per_s", 1_000, problems, |n| n.integer(1..=10_000_000)),
        seed: set(&of, "seed", 0, problems, |n| n.integer(0..=u64::MAX)),
        count: set(&of, "count", None, problems, |n| n.integer(1..=u64::MAX).map(Some)),
        starts_at: set(&of, "starts_at_s", start, problems, starts_at),
        instruments: walked?,
    })
}

fn starts_at(node: &Node) -> Result<u64, Problem> {
    Ok(node.integer(0..=STARTS_AT_S_MAX)? * NS_PER_S)
}
