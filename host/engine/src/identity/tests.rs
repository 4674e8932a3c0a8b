//! Configurations edited at random between runs: what is held stays what it is.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wickd_model::{
    Kind, Order, OrderEvent, OrderRequest, Product, Reason, Side, Stamp, Status, Tif,
};
use wickd_store::Provenance;

use super::*;

fn line(symbol: &str, price_scale: u8, size_scale: u8) -> Instrument {
    Instrument {
        id: 0,
        epoch: 1,
        venue: "paper".into(),
        symbol: symbol.into(),
        product: Product::Spot,
        base: String::new(),
        quote: String::new(),
        price_scale,
        size_scale,
        price_step: 1,
        qty_step: 1,
        min_qty: 0,
        min_notional: 0,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
    }
}

fn plan(lines: &[Instrument], slots: &[(&str, &[u32])]) -> Plan {
    let mut plan = Plan::empty();
    let placed = |(place, of): (u32, &Instrument)| Instrument { id: place, ..of.clone() };
    plan.instruments = (0..).zip(lines).map(placed).collect();
    for (name, instruments) in slots {
        let slot = SlotPlan::retired(name.parse().unwrap(), Vec::new(), plan.retired);
        plan.slots.extend(slot.map(|slot| SlotPlan {
            instruments: instruments.to_vec(),
            retired: false,
            ..slot
        }));
    }
    plan
}

fn order(slot: u32, intent: u64, instrument: u32, side: Side, price: i64, size: i64) -> Record {
    let request = OrderRequest {
        instrument,
        side,
        kind: Kind::Limit,
        price,
        size,
        tif: Tif::Gtc,
        post_only: false,
        reduce_only: false,
        tag: 0,
    };
    let id = ClientId { slot, intent };
    let order = Order { id, request, ts_event: 1, seq: 1, generation: 1 };
    let digest = wickd_model::Digest([0; 32]);
    Record::Intent {
        order,
        by: Provenance { component: digest, config: digest, live: false, epoch: 0 },
    }
}

fn fill(slot: u32, intent: u64, instrument: u32, side: Side, price: i64, size: i64) -> Record {
    Record::Event(OrderEvent {
        id: ClientId { slot, intent },
        at: Stamp { instrument, ..Stamp::default() },
        side,
        status: Status::Filled,
        reason: Reason::None,
        filled: size,
        remaining: 0,
        last_price: price,
        last_size: size,
        fee: 0,
        trade_id: intent,
        fee_base: 0,
        reconciled: false,
    })
}

fn bought(instrument: u32, size: i64) -> History {
    let journal = vec![
        order(1, 1, instrument, Side::Buy, 100, size),
        fill(1, 1, instrument, Side::Buy, 100, size),
    ];
    History { journal, ..History::default() }
}

fn known(lines: &[Instrument]) -> Vec<Instrument> {
    (0..).zip(lines).map(|(id, of)| Instrument { id, ..of.clone() }).collect()
}

fn slots(names: &[&str]) -> BTreeMap<SlotName, u32> {
    (1..).zip(names).map(|(key, name)| (name.parse().unwrap(), key)).collect()
}

#[test]
fn a_line_that_moves_keeps_its_number_and_what_is_held_of_it() {
    let (btc, eth, sol) = (line("BTC-USDT", 2, 6), line("ETH-USDT", 2, 4), line("SOL-USDT", 2, 3));
    let before = known(&[btc.clone(), eth.clone()]);
    for lines in [vec![eth.clone(), btc.clone()], vec![sol, btc, eth]] {
        let place = lines.iter().position(|of| of.symbol == "ETH-USDT").unwrap() as u32;
        let plan = plan(&lines, &[("tell", &[place])]);
        let found = resolve(plan, before.clone(), slots(&["tell"]), bought(1, 5_000));
        assert_eq!(found.plan.slots[0].instruments, [1]);
        assert_eq!(found.plan.slots[0].holds, [] as [u32; 0]);
        assert_eq!(found.holdings[&(1, 1)].size, 5_000);
        assert!(found.conflicts.is_empty() && found.plan.slots.len() == 1);
        let numbered = |of: &Instrument| found.plan.instruments[of.id as usize].symbol == of.symbol;
        assert!(found.plan.instruments.iter().all(numbered));
    }
}

#[test]
fn a_wider_scale_converts_what_is_held_and_a_narrower_one_that_does_not_fit_is_a_conflict() {
    let before = known(&[line("ETH-USDT", 2, 4)]);
    let with = |price_scale, size_scale, size| {
        let plan = plan(&[line("ETH-USDT", price_scale, size_scale)], &[("tell", &[0])]);
        resolve(plan, before.clone(), slots(&["tell"]), bought(0, size))
    };
    let wider = with(3, 6, 5_000);
    assert_eq!((wider.holdings[&(1, 1)].size, wider.plan.slots[0].instruments[0]), (500_000, 1));
    assert_eq!(wider.converted, [(0, 1)]);
    assert!(!wider.holdings.contains_key(&(1, 0)));
    let exact = with(2, 1, 5_000);
    assert_eq!((exact.holdings[&(1, 1)].size, exact.conflicts.len()), (5, 0));
    let lossy = with(2, 1, 5_001);
    assert_eq!((lossy.conflicts[0].number, lossy.conflicts[0].line.size_scale), (0, 1));
    assert_eq!((lossy.holdings[&(1, 0)].size, lossy.plan.slots[0].instruments[0]), (5_001, 0));
    assert_eq!(lossy.plan.instruments[0].size_scale, 4, "the journal's scales go on");
}

#[test]
fn what_no_line_has_any_more_is_retired_with_what_it_holds() {
    let before = known(&[line("BTC-USDT", 2, 6), line("ETH-USDT", 2, 4)]);
    let renamed = plan(&before, &[("momentum", &[1])]);
    let found = resolve(renamed, before.clone(), slots(&["tell"]), bought(1, 5_000));
    let (new, old) = (&found.plan.slots[0], &found.plan.slots[1]);
    assert!(!new.retired && new.holds.is_empty());
    assert!(old.retired && old.name.as_str() == "tell" && old.holds == [1]);
    // The slot stays, its instrument goes.
    let dropped = plan(&before[..1], &[("tell", &[0])]);
    let found = resolve(dropped, before.clone(), slots(&["tell"]), bought(1, 5_000));
    assert_eq!((found.plan.slots.len(), &found.plan.slots[0].holds[..]), (1, &[1][..]));
    assert!(!found.plan.configured.contains(&1) && found.plan.instruments[1].symbol == "ETH-USDT");
    // Nothing held, nothing open: nothing is retired.
    let mut closed = bought(1, 5_000);
    closed
        .journal
        .extend([order(1, 2, 1, Side::Sell, 9, 5_000), fill(1, 2, 1, Side::Sell, 9, 5_000)]);
    let found = resolve(plan(&before, &[("momentum", &[1])]), before, slots(&["tell"]), closed);
    assert_eq!(found.plan.slots.len(), 1);
}

/// What every slot holds by the name of slot and symbol, in units of the widest scale.
fn truth(found: &Resolved) -> BTreeMap<(String, String), (i128, u32)> {
    let mut all = BTreeMap::new();
    for ((key, id), held) in found.holdings.iter().filter(|(_, held)| held.matters()) {
        let name = found.slots.iter().find(|(_, number)| *number == key).unwrap().0;
        let of = &found.plan.instruments[*id as usize];
        let wide = i128::from(held.size) * 10i128.pow(u32::from(8 - of.size_scale));
        let entry: &mut (i128, u32) = all.entry((name.to_string(), of.symbol.clone())).or_default();
        *entry = (entry.0 + wide, entry.1 + held.open);
    }
    all
}

const SYMBOLS: [&str; 4] = ["A-X", "B-X", "C-X", "D-X"];
const NAMES: [&str; 3] = ["one", "two", "three"];

#[derive(Clone, Debug)]
struct Run {
    /// Which symbols, in which order, with which scales.
    lines: Vec<(usize, u8, u8)>,
    /// Which slots are there.
    names: Vec<usize>,
    /// What they do: slot, line, price, size, bought, filled.
    trades: Vec<(usize, usize, i64, i64, bool, bool)>,
}

fn a_run() -> impl Strategy<Value = Run> {
    let symbols = prop::sample::subsequence(vec![0usize, 1, 2, 3], 1..=4).prop_shuffle();
    let scales = prop::collection::vec((0u8..4, 0u8..5), 4);
    let names = prop::sample::subsequence(vec![0usize, 1, 2], 1..=3).prop_shuffle();
    let trade = (0usize..3, 0usize..4, 1i64..1_000, 1i64..100_000, any::<bool>(), any::<bool>());
    (symbols, scales, names, prop::collection::vec(trade, 0..4)).prop_map(
        |(symbols, scales, names, trades)| Run {
            lines: symbols.into_iter().zip(scales).map(|(at, (p, s))| (at, p, s)).collect(),
            names,
            trades,
        },
    )
}

/// How many sequences of runs are tried: enough for every build, or as many as `WICKD_EDITS` says.
fn sequences() -> u32 {
    std::env::var("WICKD_EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(256)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(sequences()))]

    #[test]
    fn whatever_is_edited_between_runs_positions_and_orders_stay_the_venues_or_are_in_conflict(
        runs in prop::collection::vec(a_run(), 1..8),
    ) {
        let (mut numbers, mut names) = (Vec::new(), BTreeMap::<SlotName, u32>::new());
        let mut journal = Vec::new();
        let mut expected: BTreeMap<(String, String), (i128, u32)> = BTreeMap::new();
        let mut intent = 0;
        for run in &runs {
            let lines: Vec<_> =
                run.lines.iter().map(|(at, p, s)| line(SYMBOLS[*at], *p, *s)).collect();
            let places: Vec<u32> = (0..lines.len() as u32).collect();
            let own: Vec<_> = run.names.iter().map(|at| (NAMES[*at], &places[..])).collect();
            for (name, _) in &own {
                let next = names.len() as u32 + 1;
                names.entry(name.parse().unwrap()).or_insert(next);
            }
            let history = History { journal: std::mem::take(&mut journal), ..History::default() };
            let before = history.journal.clone();
            let found = resolve(plan(&lines, &own), numbers, names.clone(), history);
            prop_assert_eq!(&truth(&found), &expected);
            // The numbers that were given stand for the same as ever.
            let resolved = &found.plan;
            for (number, of) in (0..).zip(&resolved.instruments) {
                prop_assert_eq!(number, of.id);
            }
            // Nobody trades what is in conflict; the rest trades as the lines say.
            journal = before;
            for (at, place, price, size, buys, fills) in &run.trades {
                let name = NAMES[run.names[at % run.names.len()]];
                let id = resolved.slots[at % run.names.len()].instruments[place % lines.len()];
                if found.conflicts.iter().any(|of| of.number == id) {
                    continue;
                }
                let (key, side) = (names[&name.parse::<SlotName>().unwrap()],
                    if *buys { Side::Buy } else { Side::Sell });
                intent += 1;
                journal.push(order(key, intent, id, side, *price, *size));
                let of = &resolved.instruments[id as usize];
                prop_assert!(lines.iter().any(|line| line.is_market(of) && line.has_scales(of)));
                let entry = expected.entry((name.to_owned(), of.symbol.clone())).or_default();
                if *fills {
                    journal.push(fill(key, intent, id, side, *price, *size));
                    let wide = i128::from(*size) * 10i128.pow(u32::from(8 - of.size_scale));
                    entry.0 += i128::from(side.sign()) * wide;
                } else {
                    entry.1 += 1;
                }
            }
            expected.retain(|_, (size, open)| *size != 0 || *open > 0);
            numbers = found.plan.instruments;
        }
    }
}
