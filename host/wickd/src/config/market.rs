//! `instruments:`.

use wickd_model::{CASH_SCALE, Instrument, Product, SCALE_MAX};
use wickd_policy::nearest;
use wickd_policy::yaml::{Fields, Key, Node, Problem, Problems, quoted};

use super::set;

/// Most instruments.
const INSTRUMENTS_MAX: usize = 256;
/// Longest symbol and venue, in bytes.
const SYMBOL_BYTES_MAX: usize = 32;
/// Highest fee, as a share of the value at six decimals: a tenth.
const FEE_PPM_MAX: i64 = 100_000;
/// Decimals of a fee: millionths.
const FEE_SCALE: u8 = 6;

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
