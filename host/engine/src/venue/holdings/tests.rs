//! Comparisons against answers that are right, late, or of something that was done elsewhere.

use proptest::prelude::*;

use super::*;
use crate::orders::samples::instrument;

const MS: u64 = 1_000_000;
const LAG_MS: u64 = 20_000;
const UNASSIGNED: u32 = 9;
/// One step of the sample instrument: ten of its units.
const STEP: Fine = 10 * 1_000_000;

fn swap() -> Instrument {
    Instrument { id: 1, product: Product::Perpetual, ..instrument(0) }
}

fn holdings(owned: &[(u32, InstrumentId, Fine)]) -> Holdings {
    let owned = owned.iter().map(|(slot, id, amount)| ((*slot, *id), *amount)).collect();
    Holdings::new(vec![instrument(0), swap()], owned, UNASSIGNED, LAG_MS)
}

fn say(holdings: &mut Holdings, theirs: Fine, asked: TsNs) -> Verdict {
    let verdicts = holdings.answered(Product::Perpetual, asked, |_| Some(theirs));
    assert_eq!(verdicts.len(), 1, "only what was asked for");
    verdicts[0].1
}

#[test]
fn a_difference_stops_new_risk_at_once_and_is_told_once_it_was_seen_three_times() {
    let mut holdings = holdings(&[(1, 1, 6 * STEP)]);
    assert_eq!(holdings.passes(1), Passes::Reducing, "nobody has looked yet");
    assert_eq!(say(&mut holdings, 6 * STEP, 1), Verdict::Same);
    assert_eq!(holdings.passes(1), Passes::All);
    assert_eq!(say(&mut holdings, 0, 2), Verdict::AskAgain);
    assert_eq!(holdings.passes(1), Passes::Reducing);
    assert_eq!(say(&mut holdings, 0, 3), Verdict::AskAgain);
    assert_eq!(say(&mut holdings, 0, 4), Verdict::Differs(6 * STEP, 0));
    assert_eq!(say(&mut holdings, 0, 5), Verdict::Same, "it is told once");
    assert_eq!(
        say(&mut holdings, STEP, 6),
        Verdict::Differs(6 * STEP, STEP),
        "and when it changes"
    );
    assert_eq!(say(&mut holdings, 6 * STEP, 7), Verdict::Settled);
    assert_eq!(holdings.passes(1), Passes::All);
}

#[test]
fn an_answer_of_a_moment_within_the_lag_is_no_difference_and_one_of_before_is() {
    let mut holdings = holdings(&[(1, 1, 0)]);
    let at = 100_000 * MS;
    holdings.changed(1, 1, 5 * STEP, at);
    assert_eq!(say(&mut holdings, 0, at + LAG_MS * MS - 1), Verdict::Same, "a read that lags");
    assert_eq!(say(&mut holdings, 5 * STEP, at + 1), Verdict::Same);
    assert_eq!(say(&mut holdings, 0, at + LAG_MS * MS + 1), Verdict::AskAgain);
}

#[test]
fn what_was_there_before_anything_traded_is_found_and_later_it_is_a_difference() {
    let mut holdings = holdings(&[]);
    assert_eq!(say(&mut holdings, 20 * STEP, 1), Verdict::Found(20 * STEP));
    let of = holdings.adjustment((UNASSIGNED, 1), 20 * STEP, 0, Cause::Found).unwrap();
    holdings.adjusted(&of, 1);
    assert_eq!(say(&mut holdings, 20 * STEP, 2), Verdict::Same);
    assert_eq!(say(&mut holdings, 25 * STEP, 3), Verdict::AskAgain);
}

#[test]
fn slots_that_own_less_than_they_believe_wait_for_the_operators_word() {
    let mut holdings = holdings(&[(1, 1, 6 * STEP)]);
    say(&mut holdings, 6 * STEP, 1);
    // Somebody sells by hand what the slot has bought: the sum agrees, and the slot owns nothing.
    let of = holdings.adjustment((UNASSIGNED, 1), -6 * STEP, 0, Cause::Foreign).unwrap();
    holdings.adjusted(&of, 2);
    assert_eq!(say(&mut holdings, 0, 3), Verdict::Same);
    assert!(holdings.needs_word(1) && holdings.passes(1) == Passes::Reducing);
    for (slot, id, amount) in holdings.adoption(1, 1).unwrap() {
        let of = holdings.adjustment((slot, id), amount, 0, Cause::Adopted).unwrap();
        holdings.adjusted(&of, 4);
    }
    holdings.settle(1);
    assert_eq!((holdings.owned(1, 1), holdings.owned(UNASSIGNED, 1)), (0, 0));
    assert_eq!(say(&mut holdings, 0, 5), Verdict::Same);
    assert_eq!(holdings.passes(1), Passes::All);
}

#[test]
fn a_slot_that_sells_what_nobody_owns_disputes_nothing() {
    let mut holdings = holdings(&[(UNASSIGNED, 0, 100 * STEP), (1, 0, -2 * STEP)]);
    let verdicts = holdings.answered(Product::Spot, 1, |_| Some(98 * STEP));
    assert_eq!(verdicts.len(), 1);
    assert!(!holdings.needs_word(0) && holdings.passes(0) == Passes::All);
}

#[test]
fn what_cannot_be_asked_is_not_compared_and_what_cannot_be_read_is_not_zero() {
    let mut holdings = holdings(&[(1, 1, 6 * STEP)]);
    assert!(holdings.answered(Product::Perpetual, 1, |_| None).is_empty());
    assert_eq!(holdings.passes(1), Passes::Reducing);
    assert!(holdings.cannot_compare(Product::Perpetual));
    assert!(!holdings.cannot_compare(Product::Perpetual), "told once");
    assert_eq!(holdings.passes(1), Passes::All);
    assert_eq!(holdings.passes(0), Passes::Reducing, "the other product is another matter");
}

#[test]
fn markets_of_one_asset_are_compared_together() {
    let eur = Instrument { id: 2, quote: "EUR".to_owned(), ..instrument(0) };
    let owned = [((1, 0), 4 * STEP), ((2, 2), 3 * STEP)].into_iter().collect();
    let mut holdings = Holdings::new(vec![instrument(0), eur], owned, UNASSIGNED, LAG_MS);
    let verdicts = holdings.answered(Product::Spot, 1, |_| Some(7 * STEP));
    assert_eq!(verdicts, [(Key::Asset(Product::Spot, "BTC".to_owned()), Verdict::Same)]);
    assert_eq!((holdings.passes(0), holdings.passes(2)), (Passes::All, Passes::All));
}

proptest! {
    #[test]
    fn after_an_adoption_the_sum_is_the_venues_whoever_adopts(
        owned in prop::collection::vec((1u32..5, -50i128..50), 0..6), theirs in -80i128..80, into in 1u32..6,
    ) {
        let into = if into == 5 { UNASSIGNED } else { into };
        let owned: Vec<_> = owned.into_iter().map(|(slot, amount)| {
            let slot = if slot == 4 { UNASSIGNED } else { slot };
            (slot, 1, amount * STEP)
        }).collect();
        let mut holdings = holdings(&owned);
        let theirs = theirs * STEP;
        (0..3).for_each(|at| _ = say(&mut holdings, theirs, at));
        for (slot, id, amount) in holdings.adoption(into, 1).unwrap() {
            let of = holdings.adjustment((slot, id), amount, 0, Cause::Adopted).unwrap();
            holdings.adjusted(&of, 4);
        }
        let sum: Fine = (1..=9).map(|slot| holdings.owned(slot, 1)).sum();
        prop_assert_eq!(sum, theirs);
        prop_assert!(into == UNASSIGNED || holdings.owned(UNASSIGNED, 1) == 0);
        holdings.settle(1);
        prop_assert!(!matches!(say(&mut holdings, theirs, 5), Verdict::Differs(..) | Verdict::AskAgain));
    }

    #[test]
    fn fine_amounts_survive_text_and_scales(amount in -(1i128 << 80)..(1i128 << 80), scale in 0u8..=12) {
        prop_assert_eq!(read(&print(amount)), Some(amount));
        let amount = amount % units(i64::MAX / 4, scale) / 10_000 * 10_000;
        let (size, rest) = whole(amount, scale);
        prop_assert_eq!(units(size, scale) + units(rest, CASH_SCALE), amount);
    }

    #[test]
    fn no_text_of_a_balance_panics(text in ".{0,60}") {
        let _ = read(&text);
    }
}
