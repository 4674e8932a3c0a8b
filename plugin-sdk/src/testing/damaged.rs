//! Damaged answers: a row that cannot be read among good ones, and single values that are not what the
//! venue documents.
//!
//! Comes in: the recorded answers of an adapter's fixtures that list what an account owns and what can
//! be traded. Goes out: every damage that cost more than its row, or read as nothing without a word.
//! Deliberately absent: bytes that are no JSON; `throw` has them.

use std::path::Path;

use serde_json::{Value as Tree, json};

use super::ExchangeTest;
use super::fixtures::SetUp;
use crate::exchange::{Exchange, Failure, Operation, Reply, Said};

/// What is said of a list that lost a row.
const ROW_LOST: &str = "a row vanished";

/// An answer to a read of the account or of the listings.
#[derive(Clone, Debug)]
pub struct RecordedList {
    /// What its fixture says of it.
    pub what: String,
    operation: Operation,
    body: Tree,
}

/// One way in which a value differs from what the venue documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// It is `null`.
    Null,
    /// It is not there.
    Missing,
    /// It is an empty text.
    Empty,
    /// A text as a number or an object, a number as a text.
    Exchanged,
    /// Its text ends early.
    Truncated,
    /// A number with an exponent, of the same value.
    Exponent,
}

impl Damage {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Null, Self::Missing, Self::Empty, Self::Exchanged, Self::Truncated, Self::Exponent];
}

fn is_list(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Instruments(_)
            | Operation::Balances(_)
            | Operation::Positions(_)
            | Operation::OpenOrders(_)
            | Operation::OrderHistory(_)
            | Operation::Fills(_)
            | Operation::OrderFills(_)
    )
}

/// Every recorded answer to a read of the account or of the listings that the adapter takes.
///
/// # Panics
/// The folder `fixtures` cannot be read, or is not as `check_fixtures` wants it.
pub fn recorded_lists<E: Exchange>(plugin: impl AsRef<Path>) -> Vec<RecordedList> {
    let mut found = Vec::new();
    for entry in plugin.as_ref().join("fixtures").read_dir().expect("the folder is there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path());
        let tree: Tree =
            serde_json::from_str(&text.expect("the file can be read")).expect("a fixture is JSON");
        let cases = tree.as_array().cloned().unwrap_or_default();
        let steps = cases.into_iter().flat_map(|case| match case {
            Tree::Array(steps) => steps,
            step => vec![step],
        });
        found.extend(steps.filter_map(|step| {
            let operation = serde_json::from_value(step.get("operation")?.clone()).ok()?;
            let body = step.get("response")?.get("body")?.clone();
            let what = step.get("what").and_then(Tree::as_str).unwrap_or_default().to_owned();
            let reads = is_list(&operation) || matches!(operation, Operation::Order(_));
            (reads && (body.is_object() || body.is_array())).then_some(RecordedList {
                what,
                operation,
                body,
            })
        }));
    }
    let mut adapter = adapter::<E>(&plugin);
    found.retain(|list| parse(&mut adapter, list, &list.body).is_ok());
    found.sort_by_key(|list| list.body.to_string());
    found
}

/// The adapter as its fixtures set it up.
fn adapter<E: Exchange>(plugin: impl AsRef<Path>) -> ExchangeTest<E> {
    SetUp::read(plugin.as_ref()).adapter()
}

fn parse<E: Exchange>(
    adapter: &mut ExchangeTest<E>,
    list: &RecordedList,
    body: &Tree,
) -> Result<(Reply, Vec<Said>), Failure> {
    let reply = adapter.parse_ok(&list.operation, &body.to_string());
    let said = adapter.said();
    reply.map(|reply| (reply, said))
}

fn is_told(said: &[Said]) -> bool {
    said.iter().any(|said| matches!(said, Said::Unknown(_)))
}

/// Puts a row that cannot be read before the rows of every recorded list. Gives how many lists there
/// were of each operation, and what went wrong: rows that were lost, and broken ones that were not told.
pub fn check_broken_rows<E: Exchange>(
    plugin: impl AsRef<Path>,
) -> (std::collections::BTreeMap<&'static str, usize>, Vec<String>) {
    let (mut counts, mut faults) = (std::collections::BTreeMap::new(), Vec::new());
    let mut adapter = adapter::<E>(&plugin);
    for list in recorded_lists::<E>(&plugin).iter().filter(|list| is_list(&list.operation)) {
        let (whole, _) = parse(&mut adapter, list, &list.body).expect("it is taken as recorded");
        let Some(rows) = rows_of(&list.body, &whole) else { continue };
        *counts.entry(list.operation.name()).or_default() += 1;
        let Some(model) = telling_row(&mut adapter, list, &rows) else { continue };
        for broken in broken_rows(&model) {
            let mut body = list.body.clone();
            let at = body.pointer_mut(&rows).and_then(Tree::as_array_mut).expect("it was found");
            at.insert(0, broken.clone());
            let outcome = parse(&mut adapter, list, &body);
            let kept = outcome.as_ref().is_ok_and(|(reply, said)| *reply == whole && is_told(said));
            if !kept {
                faults.push(format!("{}: {broken}: {outcome:?}", list.operation.name()));
            }
        }
    }
    (counts, faults)
}

/// Where the rows of a reply stand in its body: the first list of as many objects as the reply has, or
/// more where some are of no interest.
fn rows_of(body: &Tree, reply: &Reply) -> Option<String> {
    let reply = serde_json::to_value(reply).ok()?;
    let count = reply.as_object()?.values().next()?.as_array()?.len();
    let mut found = Vec::new();
    lists(body, String::new(), &mut found);
    found.retain(|(_, rows)| count > 0 && *rows >= count);
    // The deepest: an account stands in a list of its own at some venues.
    found.into_iter().map(|(at, _)| at).max_by_key(|at| at.matches('/').count())
}

fn lists(tree: &Tree, at: String, into: &mut Vec<(String, usize)>) {
    match tree {
        Tree::Array(items) => {
            if items.iter().all(Tree::is_object) {
                into.push((at.clone(), items.len()));
            }
            // Lists within a row belong to the row, unless it is the only one.
            if let [only] = items.as_slice() {
                lists(only, format!("{at}/0"), into);
            }
        }
        Tree::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| *name != "filters") {
                lists(member, format!("{at}/{name}"), into);
            }
        }
        _ => {}
    }
}

/// The first row that makes one of the reply, and is not merely passed over.
fn telling_row<E: Exchange>(
    adapter: &mut ExchangeTest<E>,
    list: &RecordedList,
    rows: &str,
) -> Option<Tree> {
    let all = list.body.pointer(rows)?.as_array()?.clone();
    all.into_iter().find(|row| {
        let mut body = list.body.clone();
        if let Some(place) = body.pointer_mut(rows) {
            *place = json!([row]);
        }
        let reply = parse(adapter, list, &body).map(|(reply, _)| serde_json::to_value(reply));
        matches!(reply, Ok(Ok(reply)) if reply.as_object().is_some_and(|reply| {
            reply.values().all(|rows| rows.as_array().is_some_and(|rows| rows.len() == 1))
        }))
    })
}

/// Rows like this one whose values are `null`, missing, of another type, or cut short within their
/// numbers; and what is no row at all.
fn broken_rows(model: &Tree) -> Vec<Tree> {
    vec![
        each(model, &|_| Tree::Null),
        json!({}),
        each(model, &|old| json!([old])),
        each(model, &|old| match old.as_str() {
            Some(text) if text.parse::<f64>().is_ok() => json!(format!("{text}.")),
            _ => old.clone(),
        }),
        Tree::Null,
        json!(7),
    ]
}

/// A tree with every value in it replaced.
fn each(tree: &Tree, with: &dyn Fn(&Tree) -> Tree) -> Tree {
    match tree {
        Tree::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), each(value, with))).collect()
        }
        Tree::Array(items) => items.iter().map(|item| each(item, with)).collect(),
        value => with(value),
    }
}

/// Damages one value of a recorded answer and reads it. Gives what is wrong with what became of it:
/// a number that was something and now is nothing, without a word, or that changed with its spelling.
pub fn check_damage<E: Exchange>(
    plugin: impl AsRef<Path>,
    list: &RecordedList,
    pick: usize,
    damage: Damage,
) -> Option<String> {
    let mut places = Vec::new();
    leaves(&list.body, String::new(), &mut places);
    let at = places.get(pick % places.len().max(1))?;
    let mut body = list.body.clone();
    if !apply(&mut body, at, damage) {
        return None;
    }
    let mut adapter = adapter::<E>(&plugin);
    let (whole, _) = parse(&mut adapter, list, &list.body).ok()?;
    // A refusal says that it cannot be read, and so does a word of the adapter's.
    let (reply, said) = parse(&mut adapter, list, &body).ok()?;
    if is_told(&said) {
        return None;
    }
    let (old, new) = (serde_json::to_value(&whole).ok()?, serde_json::to_value(&reply).ok()?);
    let differs = damage == Damage::Exponent && !is_same(&old, &new);
    // A name that is cut short may be the name of another market, and a least value that is not written is
    // none.
    let is_name = damage == Damage::Truncated;
    let lost = vanished(&old, &new)
        .filter(|what| !(is_name && what.ends_with(ROW_LOST)))
        .filter(|what| !(damage == Damage::Missing && what.contains("min_notional")));
    (differs || lost.is_some())
        .then(|| format!("{:?} at {at} of {}: {lost:?}: {new}", damage, list.operation.name()))
}

/// Whether two replies are the same but for ids and words, which are texts and no numbers.
fn is_same(old: &Tree, new: &Tree) -> bool {
    match (old, new) {
        (Tree::Array(old), Tree::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_same(old, new))
        }
        (Tree::Object(old), Tree::Object(new)) => old.iter().all(|(name, value)| {
            let is_id = matches!(
                name.as_str(),
                "venue_id" | "client_id" | "trade_id" | "native" | "reason"
            );
            is_id || new.get(name).is_some_and(|other| is_same(value, other))
        }),
        (old, new) => old == new,
    }
}

fn leaves(tree: &Tree, at: String, into: &mut Vec<String>) {
    match tree {
        Tree::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| leaves(item, format!("{at}/{i}"), into));
        }
        Tree::Object(members) => {
            members.iter().for_each(|(name, item)| leaves(item, format!("{at}/{name}"), into));
        }
        _ => into.push(at),
    }
}

/// Damages the value at a place; false where this damage is none for it.
fn apply(body: &mut Tree, at: &str, damage: Damage) -> bool {
    if damage == Damage::Missing {
        let (parent, name) = at.rsplit_once('/').unwrap_or_default();
        let parent = body.pointer_mut(parent).and_then(Tree::as_object_mut);
        return parent.is_some_and(|members| members.remove(name).is_some());
    }
    let Some(value) = body.pointer_mut(at) else { return false };
    let text = value.as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let damaged = match damage {
        Damage::Null => Tree::Null,
        Damage::Empty => json!(""),
        Damage::Exchanged => match (&*value, number) {
            (Tree::String(_), Some(_)) => serde_json::from_str(&text).unwrap_or_default(),
            (Tree::String(_), None) => json!({"was": text}),
            _ => json!(text),
        },
        Damage::Truncated => {
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            // A number that ends early may be another number, and nobody can tell.
            if half.parse::<f64>().is_ok_and(|half| half == 0.0) {
                return false;
            }
            json!(half)
        }
        Damage::Exponent | Damage::Missing => match number.filter(|number| *number != 0.0) {
            Some(_) if !text.contains(['e', 'E']) => json!(with_exponent(&text)),
            _ => return false,
        },
    };
    let changed = *value != damaged;
    *value = damaged;
    changed
}

/// The same number without a point: `-12.50` becomes `-1250e-2`.
fn with_exponent(text: &str) -> String {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    format!("{}e-{decimals}", text.replace('.', ""))
}

/// The first number that was something and is nothing now. A fee whose asset is empty is marked as not
/// known, and times are not sizes.
fn vanished(old: &Tree, new: &Tree) -> Option<String> {
    match (old, new) {
        (Tree::Array(old), Tree::Array(new)) => {
            if old.len() != new.len() {
                return Some(ROW_LOST.to_owned());
            }
            old.iter().zip(new).find_map(|(old, new)| vanished(old, new))
        }
        (Tree::Object(old), Tree::Object(new)) => old.iter().find_map(|(name, value)| {
            let marked = name == "fee" && new.get("fee_asset") == Some(&json!(""));
            let other = new.get(name).filter(|_| !marked)?;
            vanished(value, other).map(|what| format!("{name}: {what}"))
        }),
        (old, new) => {
            let is_zero = |tree: &Tree| match tree {
                Tree::String(text) => text.parse::<f64>().is_ok_and(|number| number == 0.0),
                Tree::Number(number) => number.as_f64() == Some(0.0),
                _ => false,
            };
            let was_number = match old {
                Tree::String(text) => text.parse::<f64>().is_ok(),
                old => old.is_number(),
            };
            (was_number && !is_zero(old) && is_zero(new)).then(|| format!("{old} became {new}"))
        }
    }
}
