//! Whether numbers pass an adapter as they are.
//!
//! Comes in: requests, and recorded talk whose numbers are replaced by ones that no float holds. Goes
//! out: checks. A number may be refused, never changed. Deliberately absent: any arithmetic but exact.

use serde_json::Value as Tree;
use wickd_model::{parse_scaled, print_scaled};
use wickd_sandbox::exchange::nouns::{
    Market, NewOrder, Operation, OrderKind, Request, TimeInForce,
};

use super::bench::{Bench, Faulty, Live, tree, word_of};
use super::fixtures::{Case, Edit, Turn};
use super::probes::plain;
use super::report::Check;

/// The first integer that a binary float of 64 bits does not hold: 2^53 + 1.
const UNFLOATABLE: i64 = (1 << 53) + 1;
/// How near to it a value is that came through a float, or through one and a division.
const NEAR: u64 = 4_096;
/// Numbers replaced in one step of a case.
const TOKENS_MAX: usize = 6;
/// The fix of everything here.
const EXACT: &str = "read and print numbers as scaled integers; no `f64` on the way";

/// Plain decimal text as digits and a scale, without trailing zeros.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Exact {
    digits: i128,
    scale: u32,
}

impl Exact {
    fn new(mut digits: i128, mut scale: u32) -> Self {
        while scale > 0 && digits % 10 == 0 {
            (digits, scale) = (digits / 10, scale - 1);
        }
        Self { digits, scale }
    }

    fn read(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = text.len() <= 30 && !whole.is_empty() && is_plain(part);
        if !fits || !is_plain(whole.strip_prefix('-').unwrap_or(whole)) {
            return None;
        }
        let digits = format!("{whole}{part}").parse().ok()?;
        Some(Self::new(digits, u32::try_from(part.len()).ok()?))
    }

    fn times(self, other: Self) -> Option<Self> {
        Some(Self::new(self.digits.checked_mul(other.digits)?, self.scale + other.scale))
    }
}

/// The words of a text that could be numbers.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let apart = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_'));
    text.split(apart).filter(|word| !word.is_empty())
}

/// `1e-8`: an exponent where venues want digits.
fn is_exponent(word: &str) -> bool {
    let Some((digits, power)) = word.split_once(['e', 'E']) else { return false };
    let power = power.strip_prefix(['-', '+']).unwrap_or(power);
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_digits(power)
        && !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

fn said(request: &Request) -> Vec<&str> {
    let query = request.query.iter().flat_map(|pair| words(&pair.value));
    query.chain(words(&request.body)).collect()
}

/// Orders over the whole range of prices and sizes say exactly those, market buys in base units.
pub(super) fn out(live: &mut Live<'_>, markets: &[Market], check: &mut Check) -> Faulty<()> {
    let values = [1, 3, 10, 30, 7_000, 12_345_678_901, 100_000_000_000_000, UNFLOATABLE];
    for market in markets {
        let mut expressed = 0;
        // Unlike prices and sizes, so that one is never taken for the other.
        for (price, size) in values.into_iter().flat_map(|p| values.map(|s| (p * 11, s))) {
            for kind in [OrderKind::Limit, OrderKind::Market] {
                let tif =
                    if kind == OrderKind::Limit { TimeInForce::Gtc } else { TimeInForce::Ioc };
                let limit = if kind == OrderKind::Limit { price } else { 0 };
                let plain = plain(market, "wickd");
                let order = NewOrder { kind, tif, size, price: limit, ..plain };
                // What the venue cannot say is refused, and that is right.
                let Ok(request) = live.build(&Operation::Create(order.clone()))? else { continue };
                expressed += 1;
                holds(market, &order, &request, check);
            }
        }
        let place = format!("create on {} {}", market.native, word_of(market.product));
        let fix = "take orders at the scales of `setup.json`";
        check.hold(expressed > 0, &place, "no size of many can be expressed", fix);
    }
    Ok(())
}

fn holds(market: &Market, order: &NewOrder, request: &Request, check: &mut Check) {
    let NewOrder { kind, price, size, .. } = order;
    let words = said(request);
    let numbers: Vec<Exact> = words.iter().filter_map(|word| Exact::read(word)).collect();
    let exact = |value: i64, scale: u8| Exact::new(i128::from(value), u32::from(scale));
    let wanted = exact(*size, market.size_scale);
    let contract = Exact::read(&market.contract_size).unwrap_or(Exact { digits: 1, scale: 0 });
    let has_size = numbers.iter().any(|number| {
        *number == wanted || number.times(contract).is_some_and(|base| base == wanted)
    });
    let place = |what: &str, value: i64, scale: u8| {
        let (kind, value) = (word_of(kind), print_scaled(value, scale));
        format!("{kind} order on {}, {what} {value}", market.native)
    };
    let told = format!("the request says {}", words.join(" "));
    check.hold(has_size, &place("size", *size, market.size_scale), &told, EXACT);
    if *kind == OrderKind::Limit {
        let has_price = numbers.contains(&exact(*price, market.price_scale));
        check.hold(has_price, &place("price", *price, market.price_scale), &told, EXACT);
    }
    if let Some(word) = words.iter().find(|word| is_exponent(word)) {
        let reason = format!("it says `{word}`");
        check.wrong(place("size", *size, market.size_scale), reason, "print plain digits");
    }
}

/// Every recorded number that becomes a price or a size, replaced by one that no float holds, arrives
/// as that or is refused.
pub(super) fn read(
    bench: &Bench<'_>,
    cases: &[Case],
    check: &mut Check,
    mut each: impl FnMut(),
) -> Faulty<()> {
    let mut scales: Vec<u8> =
        bench.markets.iter().flat_map(|market| [market.price_scale, market.size_scale]).collect();
    scales.sort_unstable();
    scales.dedup();
    let mut arrived = 0_u64;
    for case in cases {
        each();
        let Ok(turns) = case.run(bench, None)? else { continue };
        for (at, (step, turn)) in case.steps.iter().zip(&turns).enumerate() {
            let Some(bytes) = step.bytes() else { continue };
            let text = String::from_utf8_lossy(&bytes);
            for (word, scale) in candidates(&text, &leaves(turn), &scales) {
                let other = print_scaled(UNFLOATABLE, scale);
                let edited = replaced(&text, word, &other).into_bytes();
                let edit = Edit { at, bytes: &[edited] };
                let Ok(turns) = case.run(bench, Some(&edit))? else { continue };
                let leaves = turns.get(at).map(leaves).unwrap_or_default();
                arrived += u64::from(leaves.contains(&UNFLOATABLE));
                let off = leaves
                    .iter()
                    .find(|leaf| **leaf != UNFLOATABLE && leaf.abs_diff(UNFLOATABLE) <= NEAR);
                let place = format!("{}, `{}`: {word} as {other}", case.place, step.what);
                let reason = format!("it became {}", off.map_or(0, |off| *off));
                check.hold(off.is_none(), &place, &reason, EXACT);
            }
        }
    }
    check.note = format!("{arrived} arrived");
    if arrived == 0 && check.wrong == 0 {
        check.wrong(
            "fixtures",
            "no number could be followed",
            "record answers and frames with prices",
        );
    }
    Ok(())
}

/// Every integer in what a step gave.
fn leaves(turn: &Turn) -> Vec<i64> {
    fn collect(tree: &Tree, into: &mut Vec<i64>) {
        match tree {
            Tree::Number(number) => into.extend(number.as_i64()),
            Tree::Array(items) => items.iter().for_each(|item| collect(item, into)),
            Tree::Object(members) => members.values().for_each(|item| collect(item, into)),
            _ => {}
        }
    }
    let mut into = Vec::new();
    if let Some(Ok(reply)) = &turn.parsed {
        collect(&tree(reply), &mut into);
    }
    collect(&tree(&turn.said), &mut into);
    into
}

/// The words that became one of these integers, with the scale they did it at.
fn candidates<'t>(text: &'t str, leaves: &[i64], scales: &[u8]) -> Vec<(&'t str, u8)> {
    let mut found: Vec<(&str, u8)> = Vec::new();
    for word in words(text).filter(|word| word.len() > 1) {
        let became = |scale: &&u8| {
            parse_scaled(word, **scale).is_ok_and(|value| value > 0 && leaves.contains(&value))
        };
        if let Some(scale) = scales.iter().find(became)
            && !found.iter().any(|(known, _)| *known == word)
            && found.len() < TOKENS_MAX
        {
            found.push((word, *scale));
        }
    }
    found
}

/// The text with a whole word replaced wherever it stands.
fn replaced(text: &str, word: &str, other: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    let mut out = String::with_capacity(text.len() + other.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let end = at + word.len();
        let before = rest[..at].chars().next_back().or(out.chars().next_back());
        let alone = !before.is_some_and(is_part) && !rest[end..].starts_with(is_part);
        out.push_str(&rest[..at]);
        out.push_str(if alone { other } else { word });
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_numbers_compare_by_value() {
        let read = |text| Exact::read(text).unwrap();
        assert_eq!(read("0.10"), read("0.1"));
        assert_eq!(read("3").times(read("0.01")), Some(read("0.03")));
        for none in ["", "1e5", "1.2.3", "-", "x", ".5", "1.-5"] {
            assert_eq!(Exact::read(none), None, "{none}");
        }
    }

    #[test]
    fn an_exponent_is_seen_and_a_word_is_not_one() {
        assert!(["1e-8", "1E8", "1.5e+3"].into_iter().all(is_exponent));
        assert!(!["1e", "wide8", "0.1", "GTE8", "e5"].into_iter().any(is_exponent));
    }

    #[test]
    fn only_whole_words_are_replaced() {
        assert_eq!(replaced("1.5,11.5,1.50,1.5", "1.5", "9"), "9,11.5,1.50,9");
    }

    #[test]
    fn the_number_is_one_that_a_float_loses() {
        assert_ne!(UNFLOATABLE as f64 as i64, UNFLOATABLE);
    }
}
