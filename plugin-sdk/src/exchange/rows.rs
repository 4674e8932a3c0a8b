//! Lists of which single rows may be unreadable, and lists that come in pages.
//!
//! Comes in: rows, and how to read one. Goes out: what could be read; the rest is told. Deliberately
//! absent: a list of which no row can be read. That is no list, and never an empty one.

use super::json::{Json, Malformed};
use super::{Operation, OrderRef, Wire};

/// Pages of one list that are asked for after the first.
pub const PAGES_MAX: u32 = 50;
/// Stands between the venue's id and the place of a page in [`Page`].
const MARK: char = '\n';

/// Reads every row that can be read. `read` gives `None` for a row that is of no interest. How many
/// could not be read, and why the first could not, is told over the wire.
///
/// # Errors
/// There are rows, and none of them can be read.
pub fn readable<'a, T>(
    wire: &mut Wire,
    what: &str,
    rows: impl IntoIterator<Item = Json<'a>>,
    mut read: impl FnMut(Json<'a>) -> Result<Option<T>, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let (mut found, mut good, mut broken, mut first) = (Vec::new(), 0, 0, None);
    for row in rows {
        match read(row) {
            Ok(row) => {
                found.extend(row);
                good += 1;
            }
            Err(why) => {
                broken += 1;
                first.get_or_insert(why);
            }
        }
    }
    match first {
        Some(why) if good == 0 && broken == 1 => Err(why),
        Some(Malformed(why)) if good == 0 => {
            Err(Malformed(format!("none of {broken} {what} can be read: {why}")))
        }
        Some(Malformed(why)) => {
            let all = good + broken;
            wire.unknown(&format!(
                "{broken} of {all} {what} cannot be read and are left out: {why}"
            ));
            Ok(found)
        }
        None => Ok(found),
    }
}

/// Reads every row of a frame, also behind one that cannot be read.
///
/// # Errors
/// What is wrong with the first such row.
pub fn every<'a>(
    rows: impl IntoIterator<Item = Json<'a>>,
    mut read: impl FnMut(Json<'a>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut first = Ok(());
    for row in rows {
        first = first.and(read(row));
    }
    first
}

/// A page behind the first of a list of fills or orders. A list has more rows than one reply holds, and
/// an operation has no place for a cursor; so the adapter asks for the next page itself, under an
/// order's reference whose `venue-id` carries the cursor, and tells what the page holds over the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page<'a> {
    /// The venue's id of the order whose list it is; empty for a list of a whole market.
    pub venue_id: &'a str,
    /// How many pages came before.
    pub number: u32,
    /// Where it begins, in the venue's words.
    pub cursor: &'a str,
}

impl<'a> Page<'a> {
    /// The page that a reference stands for; `None` for a reference to an order.
    pub fn of(order: &'a OrderRef) -> Option<Self> {
        let mut parts = order.venue_id.splitn(3, MARK);
        let (venue_id, number, cursor) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { venue_id, number: number.parse().ok()?, cursor })
    }

    /// Asks for the page behind the one an operation gave: `list` makes an operation of a reference.
    /// Where there were [`PAGES_MAX`] already, or the venue repeats its cursor, that is told instead.
    pub fn next(wire: &mut Wire, list: fn(OrderRef) -> Operation, asked: &OrderRef, cursor: &str) {
        let page = Page::of(asked);
        let number = page.map_or(1, |page| page.number.saturating_add(1));
        let repeats = page.is_some_and(|page| page.cursor == cursor);
        if number > PAGES_MAX || repeats {
            let why = if repeats { "repeats itself" } else { "is longer" };
            wire.unknown(&format!("a list {why} after {number} pages: the rest is not read"));
            return;
        }
        let venue_id = page.map_or(asked.venue_id.as_str(), |page| page.venue_id);
        let venue_id = format!("{venue_id}{MARK}{number}{MARK}{cursor}");
        let page = OrderRef { venue_id, client_id: String::new(), ..*asked };
        if !wire.fetch(&list(page)) {
            wire.unknown("a further page of a list could not be asked for: the rest is not read");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Said;
    use crate::host::{self, World};

    fn told(work: impl FnOnce(&mut Wire)) -> Vec<Said> {
        let mut world = World::default();
        host::enter(&mut world, || work(&mut Wire::new()));
        world.said
    }

    fn numbers(wire: &mut Wire, json: &str) -> Result<Vec<u64>, Malformed> {
        let rows = Json::parse(json.as_bytes()).unwrap().list().unwrap();
        readable(wire, "numbers", rows, |row| row.whole().map(Some))
    }

    #[test]
    fn a_broken_row_costs_itself_and_is_told_and_a_list_of_nothing_else_is_no_list() {
        let said = told(|wire| {
            assert_eq!(numbers(wire, r#"[1,"x",null,4]"#), Ok(vec![1, 4]));
            assert_eq!(numbers(wire, "[]"), Ok(vec![]));
            assert!(numbers(wire, r#"["x"]"#).is_err());
            assert!(numbers(wire, r#"["x",{}]"#).is_err());
        });
        let [Said::Unknown(text)] = said.as_slice() else { panic!("{said:?}") };
        assert!(text.starts_with("2 of 4 numbers cannot be read and are left out: `x`"), "{text}");
    }

    #[test]
    fn pages_are_asked_one_after_the_other_until_there_are_too_many() {
        let order =
            OrderRef { instrument: 3, client_id: "w1".to_owned(), venue_id: "9".to_owned() };
        assert_eq!(Page::of(&order), None);
        let mut asked = order;
        for number in 1..=PAGES_MAX {
            let cursor = format!("c{number}");
            let said = told(|wire| Page::next(wire, Operation::OrderFills, &asked, &cursor));
            let [Said::Fetch(Operation::OrderFills(next))] = said.as_slice() else {
                panic!("{said:?}")
            };
            asked = next.clone();
            assert_eq!(Page::of(&asked), Some(Page { venue_id: "9", number, cursor: &cursor }));
            assert_eq!(asked.instrument, 3);
        }
        let said = told(|wire| Page::next(wire, Operation::OrderFills, &asked, "more"));
        assert!(matches!(said.as_slice(), [Said::Unknown(_)]), "{said:?}");
    }
}
