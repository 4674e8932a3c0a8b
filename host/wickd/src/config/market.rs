//! `instruments:` and `feeds:`.

use std::path::Path;

use wickd_engine::market::{
    BAR_SECS_MAX, FeedKind, FeedPlan, FloatNoise, OnBrokenRow, ReplayPlan, SyntheticPlan,
};
use wickd_model::{CASH_SCALE, Instrument, Product, SCALE_MAX, SlotName};
use wickd_policy::nearest;
use wickd_policy::yaml::{Fields, Key, Node, Problem, Problems, quoted};

use super::{PATH_BYTES_MAX, set};

/// Most instruments.
const INSTRUMENTS_MAX: usize = 256;
/// Most feeds, and most files of one.
const FEEDS_MAX: usize = 16;
const FILES_MAX: usize = 16;
/// Longest symbol and venue, in bytes.
const SYMBOL_BYTES_MAX: usize = 32;
/// Highest fee, as a share of the value at six decimals: a tenth.
const FEE_PPM_MAX: i64 = 100_000;
/// Decimals of a fee: millionths.
const FEE_SCALE: u8 = 6;
/// Longest silence that can be asked for, in milliseconds: a week, for daily bars over weekends.
const STALE_AFTER_MS_MAX: u64 = 7 * 86_400_000;
/// Latest start of a feed, in Unix seconds: the year 2200.
const STARTS_AT_S_MAX: u64 = 7_258_118_400;
/// Where a synthetic feed starts by default: the first second of 2021.
const SYNTHETIC_STARTS_AT_S: u64 = 1_609_459_200;
const NS_PER_S: u64 = 1_000_000_000;

const INSTRUMENT_KEYS: [&str; 10] = [
    "venue",
    "product",
    "price_scale",
    "size_scale",
    "price_step",
    "qty_step",
    "min_qty",
    "min_notional",
    "maker_fee",
    "taker_fee",
];

/// `instruments`: a map from symbol to rules. Faulty ones stay in, so that what names them is not
/// told as a fault of its own.
pub(super) fn instruments(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Instrument> {
    let Some(node) = fields.need("instruments", problems) else { return Vec::new() };
    let Some(entries) = problems.keep(node.map(INSTRUMENTS_MAX)) else { return Vec::new() };
    if entries.is_empty() {
        problems.add(Problem::new(
            &node.place,
            "`instruments` is empty",
            "add one like `BTC-USDT:`",
        ));
    }
    let each = (0..).zip(entries);
    each.map(|(id, (key, node))| instrument(id, key, node, problems)).collect()
}

fn instrument(id: u32, key: &Key, node: &Node, problems: &mut Problems) -> Instrument {
    let (base, quote) = problems.keep(symbol(key)).unwrap_or_default();
    let opened = Fields::of(node, &INSTRUMENT_KEYS, problems);
    let scale = |key: &str, problems: &mut Problems| {
        let node = opened.and_then(|of| of.need(key, problems));
        // Wrong, it is told once: steps and sizes are then read with room enough.
        node.and_then(|node| problems.keep(node.integer(0..=SCALE_MAX))).unwrap_or(6)
    };
    let (price_scale, size_scale) = (scale("price_scale", problems), scale("size_scale", problems));
    // Without its fields an instrument has the rules that an empty map would give it.
    let mut number = |key, scale, default, range: std::ops::RangeInclusive<i64>| {
        opened.map_or(default, |of| set(&of, key, default, problems, |n| n.decimal(scale, range)))
    };
    let price_step = number("price_step", price_scale, 1, 1..=i64::MAX / 4_000_000);
    let qty_step = number("qty_step", size_scale, 1, 1..=i64::MAX / 4_000_000);
    let min_qty = number("min_qty", size_scale, qty_step, 0..=i64::MAX / 2);
    let min_notional = number("min_notional", CASH_SCALE, 0, 0..=i64::MAX);
    let maker_fee = number("maker_fee", FEE_SCALE, 1_000, 0..=FEE_PPM_MAX);
    let taker_fee = number("taker_fee", FEE_SCALE, 1_000, 0..=FEE_PPM_MAX);
    if min_qty % qty_step != 0 {
        let reason = "`min_qty` lies between two steps of `qty_step`";
        let place = opened.and_then(|of| of.get("min_qty")).map_or(&node.place, |node| &node.place);
        problems.add(Problem::new(place, reason, "make it a multiple of `qty_step`"));
    }
    let venue = opened.map(|of| {
        let read = |node: &Node| node.text_within(SYMBOL_BYTES_MAX);
        set(&of, "venue", "paper".to_owned(), problems, read)
    });
    let product = opened.map(|of| {
        set(&of, "product", Product::Spot, problems, |node| node.one_of(&Product::NAMES))
    });
    Instrument {
        id,
        epoch: 1,
        venue: venue.unwrap_or_default(),
        symbol: key.text.clone(),
        product: product.unwrap_or_default(),
        base,
        quote,
        price_scale,
        size_scale,
        price_step,
        qty_step,
        min_qty,
        min_notional,
        // Their range fits.
        maker_fee_ppm: maker_fee.unsigned_abs() as u32,
        taker_fee_ppm: taker_fee.unsigned_abs() as u32,
    }
}

/// `BASE-QUOTE`, each of letters and digits; `BASE-QUOTE-WORD` where one market needs two names.
fn symbol(key: &Key) -> Result<(String, String), Problem> {
    let part = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let parts: Vec<&str> = key.text.split('-').collect();
    match parts[..] {
        [base, quote] | [base, quote, _]
            if parts.iter().all(|of| part(of)) && key.text.len() <= SYMBOL_BYTES_MAX =>
        {
            Ok((base.to_owned(), quote.to_owned()))
        }
        _ => {
            let reason = format!("`{}` is not a symbol", quoted(&key.text));
            Err(Problem::new(&key.place, reason, "write it like `BTC-USDT`, 32 bytes at most"))
        }
    }
}

/// The instrument a node names.
pub(super) fn named(node: &Node, instruments: &[Instrument]) -> Result<Instrument, Problem> {
    let symbol = node.text()?;
    let found = instruments.iter().find(|instrument| instrument.symbol == symbol);
    found.cloned().ok_or_else(|| {
        let fix = match nearest(symbol, instruments.iter().map(|of| of.symbol.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it under `instruments:`".to_owned(),
        };
        Problem::new(&node.place, format!("no instrument `{}`", quoted(symbol)), fix)
    })
}

/// `feeds`: a list, each with either `replay` or `synthetic`.
pub(super) fn feeds(
    fields: &Fields<'_>,
    instruments: &[Instrument],
    base: &Path,
    problems: &mut Problems,
) -> Vec<FeedPlan> {
    let nodes = fields.get("feeds").map(|node| node.list(FEEDS_MAX));
    let nodes = nodes.and_then(|nodes| problems.keep(nodes)).unwrap_or_default();
    let mut feeds: Vec<FeedPlan> = Vec::new();
    for node in nodes {
        let Some(feed) = feed(node, instruments, base, problems) else { continue };
        if feeds.iter().any(|other| other.name == feed.name) {
            let reason = format!("two feeds are called `{}`", feed.name);
            problems.add(Problem::new(&node.place, reason, "rename one of them"));
        }
        feeds.push(feed);
    }
    feeds
}

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
    let stale_after_ms =
        set(&of, "stale_after_ms", 5_000, problems, |n| n.integer(1..=STALE_AFTER_MS_MAX));
    let kind = match (of.get("replay"), of.get("synthetic")) {
        (Some(node), None) => replay(node, instruments, base, problems).map(FeedKind::Replay),
        (None, Some(node)) => synthetic(node, instruments, problems).map(FeedKind::Synthetic),
        _ => {
            let reason = "a feed has either `replay:` or `synthetic:`";
            problems.add(Problem::new(&node.place, reason, "write one of the two"));
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
    let known =
        ["files", "instrument", "bar_secs", "loop", "on_broken_row", "float_noise", "starts_at_s"];
    let of = Fields::of(node, &known, problems)?;
    let files = of.need("files", problems).map(|node| {
        let path = |node: &Node| Ok(base.join(node.text_within(PATH_BYTES_MAX)?));
        let files: Vec<_> = node.list(FILES_MAX)?.iter().map(path).collect::<Result<_, _>>()?;
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

/// A list of symbols, at least one, none twice; faulty ones are told and left out.
pub(super) fn list(
    node: &Node,
    instruments: &[Instrument],
    problems: &mut Problems,
) -> Vec<Instrument> {
    let Some(nodes) = problems.keep(node.list(INSTRUMENTS_MAX)) else { return Vec::new() };
    if nodes.is_empty() {
        problems.add(Problem::new(&node.place, "no instrument", "name one like `[BTC-USDT]`"));
    }
    let mut found: Vec<Instrument> = Vec::new();
    for node in nodes {
        let Some(instrument) = problems.keep(named(node, instruments)) else { continue };
        if found.iter().any(|other| other.id == instrument.id) {
            let reason = format!("`{}` stands twice", instrument.symbol);
            problems.add(Problem::new(&node.place, reason, "keep one of the two"));
        }
        found.push(instrument);
    }
    found
}
