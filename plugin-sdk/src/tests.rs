//! The derives, the encoding of states, and the border between calls and handlers.

use proptest::prelude::*;

use crate::bindings::strategy::wickd::plugin::params::{Domain, Spec};
use crate::params::schema;
use crate::prelude::{
    Aggressor, Choice, Context, Decimal, Duration, Indicator, Issue, Params, Px, Qty, Quote,
    Sample, Setup, State, Trade,
};
use crate::state::{Field, Reader, decode, encode};
use crate::testing::{IndicatorTest, START_NS, StrategyTest, btc_usdt};
use crate::{StateError, Value};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Choice, State)]
enum Pace {
    #[default]
    Slow,
    VeryFast,
}

#[derive(Params, Debug)]
struct Inner {
    /// A nested number,
    /// on two lines.
    ///
    /// Not this.
    #[param(default = "0.25", min = "0", max = "1", step = "0.05")]
    step_pct: Decimal,
}

#[derive(Params, Debug)]
struct Everything {
    #[param(default = true, description = "A switch.")]
    on: bool,
    #[param(default = -3, min = -5, max = 5, step = 2, description = "A number.")]
    count: i64,
    #[param(default = "x", max = 3, description = "A text.")]
    label: String,
    #[param(default = Pace::VeryFast, description = "A choice.")]
    pace: Pace,
    #[param(default = 500, min = 100, max = 1_000, description = "A duration.")]
    hold: Duration,
    #[param(nested)]
    bubble: Inner,
}

/// Records what it is told.
#[derive(State)]
#[state(version = 2, migrate = Witness::migrate)]
struct Witness {
    #[state(skip)]
    params: Everything,
    heard: Vec<u64>,
    sum: i64,
    pace: Pace,
}

impl Witness {
    /// Version 1 had only the sum.
    fn migrate(&mut self, version: u32, bytes: &[u8]) -> Result<(), StateError> {
        if version != 1 {
            return Err(StateError::Version { saved: version, ours: 2 });
        }
        let mut old = WitnessV1 { sum: 0 };
        old.restore(1, bytes)?;
        self.sum = old.sum;
        Ok(())
    }
}

#[derive(State)]
#[state(version = 1)]
struct WitnessV1 {
    sum: i64,
}

impl crate::Strategy for Witness {
    type Params = Everything;

    fn new(params: Everything, setup: &mut Setup) -> Result<Self, Vec<Issue>> {
        setup.quotes().trades().bars(60).bars(60).warm_up(7);
        Ok(Self { params, heard: Vec::new(), sum: 0, pace: Pace::Slow })
    }
    fn on_quote(&mut self, ctx: &mut Context, quote: &Quote) {
        self.heard.push(ctx.now());
        self.sum += quote.bid.0;
    }
    fn on_trade(&mut self, ctx: &mut Context, trade: &Trade) {
        self.heard.push(ctx.now());
        self.sum += trade.price.0;
        self.pace = Pace::VeryFast;
    }
}

fn witness() -> StrategyTest<Witness> {
    StrategyTest::new(&[], &[btc_usdt()]).unwrap()
}

#[test]
fn the_schema_has_every_field_with_its_bounds_and_dotted_keys() {
    let specs = schema::<Everything>();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(keys, ["on", "count", "label", "pace", "hold", "bubble.step_pct"]);
    let find = |key: &str| -> &Spec { specs.iter().find(|spec| spec.key == key).unwrap() };
    let Domain::Integer(range) = &find("count").domain else { panic!("{:?}", find("count")) };
    assert_eq!((range.min, range.max, range.step), (-5, 5, 2));
    assert_eq!(find("count").default, Value::Integer(-3));
    let Domain::Choice(words) = &find("pace").domain else { panic!("{:?}", find("pace")) };
    assert_eq!(words, &["slow", "very-fast"]);
    assert_eq!(find("pace").default, Value::Choice("very-fast".to_owned()));
    assert_eq!(find("bubble.step_pct").description, "A nested number, on two lines.");
    assert_eq!(find("hold").default, Value::DurationMs(500));
}

#[test]
fn the_struct_gets_what_was_set_and_defaults_for_the_rest() {
    let given = [("bubble.step_pct", Decimal::parse("0.5").unwrap().into()), ("on", false.into())];
    let test = StrategyTest::<Witness>::new(&given, &[btc_usdt()]).unwrap();
    let params = &test.strategy().params;
    assert_eq!((params.on, params.count, params.label.as_str()), (false, -3, "x"));
    assert_eq!((params.pace, params.hold), (Pace::VeryFast, Duration::from_millis(500)));
    assert_eq!(params.bubble.step_pct, Decimal::parse("0.5").unwrap());
    assert_eq!((&test.needs().bar_secs[..], test.needs().warm_up_events), (&[60][..], 7));
}

#[test]
fn every_wrong_key_is_named_in_one_answer() {
    let given = [
        ("count", 4.into()),
        ("label", Value::Text("long".to_owned())),
        ("bubble.step_pct", Decimal::parse("0.33").unwrap().into()),
        ("no_such", true.into()),
    ];
    let issues = StrategyTest::<Witness>::new(&given, &[btc_usdt()]).err().unwrap();
    let mut keys: Vec<_> = issues.iter().map(|issue| issue.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["bubble.step_pct", "count", "label", "no_such"]);
    let missing = crate::params::from_entries::<Everything>(&[]).unwrap_err();
    assert_eq!(missing.len(), 6);
}

#[test]
fn a_batch_reaches_the_same_handlers_with_the_same_event_times() {
    let (mut single, mut batch) = (witness(), witness());
    let mut words = Vec::new();
    for seq in 1..=50u64 {
        let (px, ts) = (3_940_000 + seq as i64, START_NS + seq * 1_000);
        let at = crate::Stamp { instrument: 0, seq, ts_event: ts, ts_init: ts };
        if seq % 3 == 0 {
            let (price, size, aggressor) = (Px(px), Qty(5), Aggressor::Seller);
            single.on_trade(&Trade { at, price, size, aggressor, trade_id: seq });
            words.extend([1 << 8 | 1, seq, ts, ts, px as u64, 5, seq, 0]);
        } else {
            let (bid, ask, qty) = (Px(px), Px(px + 1), Qty(5));
            single.on_quote(&Quote { at, bid, ask, bid_qty: qty, ask_qty: qty });
            words.extend([0, seq, ts, ts, px as u64, px as u64 + 1, 5, 5]);
        }
    }
    batch.on_batch(&words);
    assert_eq!(single.save(), batch.save());
    assert_eq!(batch.strategy().heard.last(), Some(&(START_NS + 50_000)));
}

#[test]
fn an_older_version_is_migrated_and_an_unknown_one_refused_with_both_numbers() {
    let mut test = witness();
    test.restore(1, &WitnessV1 { sum: 42 }.save()).unwrap();
    assert_eq!(test.strategy().sum, 42);
    let refusal = test.restore(9, &[]).unwrap_err();
    assert!(refusal.contains('9') && refusal.contains('2'), "{refusal}");
}

#[test]
fn a_refused_restore_leaves_the_state_as_it_was() {
    let mut test = witness();
    test.quote("39400.00", "39400.01");
    test.trade("39400.00", "1", Aggressor::Buyer);
    let before = test.save();
    let mut torn = before.clone();
    torn.pop();
    assert_eq!(test.restore(2, &torn), Err(StateError::Short.to_string()));
    torn.extend([0, 0, 0]);
    assert!(test.restore(2, &torn).is_err());
    assert_eq!(test.save(), before);
}

#[test]
fn other_fields_under_the_same_version_are_refused_and_not_misread() {
    #[derive(State)]
    #[state(version = 1)]
    struct Renamed {
        #[allow(dead_code, reason = "only its layout counts")]
        total: i64,
    }
    let mut other = Renamed { total: 0 };
    assert_eq!(other.restore(1, &WitnessV1 { sum: 42 }.save()), Err(StateError::Layout));
}

#[test]
fn a_stateless_plugin_saves_nothing_and_restores_nothing() {
    #[derive(State)]
    #[state(none)]
    struct Forgetful;
    impl Indicator for Forgetful {
        type Params = ();
        const OUTPUTS: &'static [(&'static str, &'static str)] = &[("one", "always one")];
        fn new((): ()) -> Result<Self, Vec<Issue>> {
            Ok(Self)
        }
        fn warm_up(&self) -> u32 {
            0
        }
        fn update(&mut self, _: &Sample) -> bool {
            true
        }
        fn value(&self, _: u32) -> f64 {
            1.0
        }
    }
    let mut test = IndicatorTest::<Forgetful>::new(&[]).unwrap();
    assert!(test.price(1.0));
    assert!(test.save().is_empty());
    assert!(test.restore(0, &[]).is_err());
    assert_eq!(test.restart().values(), [1.0]);
}

#[derive(Clone, PartialEq, Debug, Default, State)]
#[state(version = 1)]
struct Mixed {
    small: u8,
    signed: i64,
    unsigned: u64,
    exact: f64,
    maybe: Option<i32>,
    list: Vec<u16>,
    fixed: [i8; 3],
    text: String,
    price: Px,
    pace: Pace,
}

fn mixed() -> impl Strategy<Value = Mixed> {
    let numbers = (any::<u8>(), any::<i64>(), any::<u64>(), any::<u64>());
    let rest = (any::<Option<i32>>(), any::<Vec<u16>>(), any::<[i8; 3]>(), ".{0,9}", any::<bool>());
    (numbers, rest).prop_map(|((small, signed, unsigned, bits), rest)| {
        let (maybe, list, fixed, text, fast) = rest;
        let exact = f64::from_bits(bits);
        let pace = if fast { Pace::VeryFast } else { Pace::Slow };
        Mixed { small, signed, unsigned, exact, maybe, list, fixed, text, price: Px(signed), pace }
    })
}

proptest! {
    #[test]
    fn what_is_saved_is_read_back_bit_for_bit(state in mixed(), other in mixed()) {
        let saved = encode(&state);
        // Into a fresh one and over one with other contents: the same.
        for mut into in [Mixed::default(), other] {
            decode(&mut into, &saved).unwrap();
            prop_assert_eq!(encode(&into), saved.clone());
        }
    }

    #[test]
    fn no_torn_or_altered_bytes_panic(state in mixed(), cut: usize, place: usize, byte: u8) {
        let mut bytes = encode(&state);
        let place = place % bytes.len();
        bytes[place] = byte;
        let mut into = Mixed::default();
        let _ = decode(&mut into, &bytes);
        bytes.truncate(cut % bytes.len());
        prop_assert!(decode(&mut into, &bytes).is_err());
    }

    #[test]
    fn a_length_that_lies_costs_no_memory(len in 1_000u64..) {
        let mut bytes = Vec::new();
        len.write(&mut bytes);
        bytes.push(0);
        let mut list = Vec::<u64>::new();
        prop_assert!(list.read(&mut Reader::new(&bytes)).is_err());
        prop_assert_eq!(list.capacity(), 0);
    }

    #[test]
    fn a_number_has_one_spelling(bytes in prop::collection::vec(any::<u8>(), 1..12)) {
        let mut value = 0u64;
        let mut reader = Reader::new(&bytes);
        if value.read(&mut reader).is_ok() {
            let mut again = Vec::new();
            value.write(&mut again);
            prop_assert_eq!(&bytes[..again.len()], &again[..]);
        }
    }
}
