//! Claims about parameters.

use proptest::prelude::*;
use wickd_model::Value;

use super::domain::{admit, duration_ms};
use super::*;

fn spec(key: &str, domain: Domain, default: Value) -> Spec {
    Spec { key: key.to_owned(), description: String::new(), domain, default }
}

fn number(min: &str, max: &str, step: &str) -> Domain {
    Domain::Number { min: min.into(), max: max.into(), step: step.into() }
}

fn hedge() -> Schema {
    let words = vec!["fast".to_owned(), "slow".to_owned()];
    let duration = Domain::Duration { min_ms: 100, max_ms: 60_000 };
    Schema::new(vec![
        spec("base_size", number("0.001", "10", "0.001"), Value::Number("0.010".into())),
        spec("bubble.enabled", Domain::Boolean, Value::Boolean(false)),
        spec("bubble.step_pct", number("0.1", "5", "0.1"), Value::Number("0.5".into())),
        spec("period", Domain::Integer { min: 2, max: 200, step: 2 }, Value::Integer(14)),
        spec("label", Domain::Text { bytes_max: 8 }, Value::Text(String::new())),
        spec("speed", Domain::Choice(words), Value::Choice("fast".into())),
        spec("pause", duration, Value::DurationMs(1_000)),
    ])
    .unwrap()
}

fn set(key: &str, value: &str) -> Setting {
    let place = |line, column| Place { line, column, bytes: 0..0 };
    let (key_place, value_place) = (place(7, 5), place(7, 15));
    Setting { key: key.into(), value: value.into(), key_place, value_place }
}

#[test]
fn the_result_is_complete_in_the_plugins_order_with_one_spelling() {
    let entries = hedge().resolve(&[set("pause", "2s"), set("base_size", "0.0200")]).unwrap();
    let told: Vec<_> = entries.iter().map(|e| format!("{}={}", e.key, e.value)).collect();
    assert_eq!(
        told,
        [
            "base_size=0.02",
            "bubble.enabled=false",
            "bubble.step_pct=0.5",
            "period=14",
            "label=",
            "speed=fast",
            "pause=2000ms"
        ]
    );
}

#[test]
fn each_refusal_names_place_reason_and_fix() {
    let table = [
        (
            "bubble.step_pc",
            "1",
            "line 7, column 5: the plugin has no parameter `bubble.step_pc`; did you mean `bubble.step_pct`?",
        ),
        (
            "zzz",
            "1",
            "line 7, column 5: the plugin has no parameter `zzz`; it has: base_size, bubble.enabled, bubble.step_pct, period, label, speed, pause",
        ),
        (
            "base_size",
            "0.0005",
            "line 7, column 15: `base_size`: `0.0005` is outside; write a number from 0.001 to 10 in steps of 0.001",
        ),
        (
            "base_size",
            "0.0015",
            "line 7, column 15: `base_size`: `0.0015` is between two steps; write a number from 0.001 to 10 in steps of 0.001",
        ),
        (
            "base_size",
            "1e-2",
            "line 7, column 15: `base_size`: `1e-2` is not a plain decimal number; write a number from 0.001 to 10 in steps of 0.001",
        ),
        (
            "bubble.enabled",
            "yes",
            "line 7, column 15: `bubble.enabled`: `yes` is not a boolean; write `true` or `false`",
        ),
        (
            "period",
            "15",
            "line 7, column 15: `period`: `15` is between two steps; write a whole number from 2 to 200 in steps of 2",
        ),
        (
            "period",
            "14.0",
            "line 7, column 15: `period`: `14.0` is not a whole number; write a whole number from 2 to 200 in steps of 2",
        ),
        (
            "label",
            "far too long",
            "line 7, column 15: `label`: a text of 12 bytes; write a text of at most 8 bytes",
        ),
        ("speed", "fsat", "line 7, column 15: `speed`: `fsat` is no choice; did you mean `fast`?"),
        (
            "pause",
            "2",
            "line 7, column 15: `pause`: `2` is not a duration; write a duration from 100ms to 1m, like `250ms`, `2s`, `1m`, `1h`",
        ),
        (
            "pause",
            "2h",
            "line 7, column 15: `pause`: `7200000ms` is outside; write a duration from 100ms to 1m, like `250ms`, `2s`, `1m`, `1h`",
        ),
    ];
    for (key, value, want) in table {
        let problems = hedge().resolve(&[set(key, value)]).unwrap_err();
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [want]);
    }
    let twice = hedge().resolve(&[set("period", "4"), set("period", "6")]).unwrap_err();
    assert!(twice[0].to_string().contains("set twice"));
    let both = hedge().resolve(&[set("x", "4"), set("period", "6000")]).unwrap_err();
    assert_eq!(both.len(), 2, "all faults come at once");
}

#[test]
fn a_text_parameter_takes_the_words_yaml_would_have_typed() {
    for text in ["no", "true", "1.50", "null"] {
        let entries = hedge().resolve(&[set("label", text)]).unwrap();
        assert_eq!(entries[4].value, Value::Text(text.to_owned()));
    }
}

#[test]
fn a_schema_no_value_could_satisfy_is_its_authors_fault() {
    let table = [
        (spec("Key", Domain::Boolean, Value::Boolean(true)), "a key is words"),
        (spec("a..b", Domain::Boolean, Value::Boolean(true)), "a key is words"),
        (spec(&"a".repeat(129), Domain::Boolean, Value::Boolean(true)), "128 bytes"),
        (spec("a", Domain::Boolean, Value::Integer(1)), "another type"),
        (spec("a", Domain::Integer { min: 2, max: 1, step: 0 }, Value::Integer(1)), "above"),
        (spec("a", Domain::Integer { min: 0, max: 9, step: -1 }, Value::Integer(1)), "negative"),
        (spec("a", Domain::Integer { min: 0, max: 9, step: 2 }, Value::Integer(1)), "two steps"),
        (spec("a", number("0", "1e9", "0"), Value::Number("1".into())), "no decimal"),
        (spec("a", number("0", "1", "0"), Value::Number("2".into())), "outside"),
        (spec("a", Domain::Choice(vec![]), Value::Choice("x".into())), "choices"),
        (spec("a", Domain::Choice(vec!["x".into(); 2]), Value::Choice("x".into())), "twice"),
        (spec("a", Domain::Choice(vec!["\u{1b}".into()]), Value::Choice("x".into())), "word"),
        (spec("a", Domain::Text { bytes_max: u32::MAX }, Value::Text("x".into())), "bytes"),
        (
            spec("a", Domain::Duration { min_ms: 0, max_ms: u64::MAX }, Value::DurationMs(1)),
            "ten years",
        ),
    ];
    for (spec, word) in table {
        let issues = Schema::new(vec![spec.clone()]).expect_err(word);
        assert!(issues[0].message.contains(word), "{spec:?} gave {}", issues[0]);
    }
    let flag = |key: &str| spec(key, Domain::Boolean, Value::Boolean(true));
    assert!(Schema::new(vec![flag("a"), flag("a")]).is_err());
    assert!(Schema::new(vec![flag("a"), flag("a.b")]).is_err());
    assert!(Schema::new((0..=SPECS_MAX).map(|n| flag(&format!("a{n}"))).collect()).is_err());
}

#[test]
fn durations_have_a_unit_and_do_not_overflow() {
    assert_eq!(duration_ms("250ms"), Some(250));
    assert_eq!(duration_ms("1h"), Some(3_600_000));
    for text in ["", "5", "ms", "-1s", "1.5s", "1 s", "99999999999999999h", "1é"] {
        assert_eq!(duration_ms(text), None, "{text:?}");
    }
}

fn any_domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        Just(Domain::Boolean),
        (any::<i64>(), any::<i64>(), any::<i64>()).prop_map(|(min, max, step)| Domain::Integer {
            min,
            max,
            step
        }),
        ("-?[0-9]{1,30}(\\.[0-9]{0,9})?", "-?[0-9]{1,30}", "[0-9]{1,3}(\\.[0-9]{1,9})?")
            .prop_map(|(min, max, step)| Domain::Number { min, max, step }),
        any::<u32>().prop_map(|bytes_max| Domain::Text { bytes_max }),
        prop::collection::vec("[a-z]{0,3}", 0..4).prop_map(Domain::Choice),
        (any::<u64>(), any::<u64>())
            .prop_map(|(min_ms, max_ms)| Domain::Duration { min_ms, max_ms }),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        "-?[0-9]{0,30}(\\.[0-9]{0,9})?".prop_map(Value::Number),
        "\\PC{0,8}".prop_map(Value::Text),
        "[a-z]{0,3}".prop_map(Value::Choice),
        any::<u64>().prop_map(Value::DurationMs),
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "-?[0-9]{1,30}(\\.[0-9]{1,30})?",
        "[0-9]{1,22}(ms|s|m|h)",
        "true|false|[a-z]{0,3}",
    ]
}

proptest! {
    #[test]
    fn what_is_resolved_lies_in_its_domain(
        domain in any_domain(), default in any_value(), text in any_text()
    ) {
        let specs = vec![spec("a", domain.clone(), default)];
        if let Ok(schema) = Schema::new(specs)
            && let Ok(entries) = schema.resolve(&[set("a", &text)])
        {
            prop_assert!(admit(&domain, &entries[0].value).is_ok(), "{:?}", entries[0]);
        }
    }

    #[test]
    fn a_whole_number_is_taken_exactly_when_it_is_on_the_grid(
        min in -1000i64..1000, span in 0i64..1000, step in 0i64..50, value in -1500i64..2500
    ) {
        let domain = Domain::Integer { min, max: min + span, step };
        let schema = Schema::new(vec![spec("a", domain, Value::Integer(min))]).unwrap();
        let inside = value >= min && value <= min + span && (step == 0 || (value - min) % step == 0);
        prop_assert_eq!(schema.resolve(&[set("a", &value.to_string())]).is_ok(), inside);
    }

    #[test]
    fn a_decimal_is_compared_as_the_integer_it_is(min in 0i64..1000, span in 0i64..1000, value in 0i64..2500) {
        let print = |value| wickd_model::print_scaled(value, 3);
        let domain = number(&print(min), &print(min + span), "0");
        let schema = Schema::new(vec![spec("a", domain, Value::Number(print(min)))]).unwrap();
        let inside = value >= min && value <= min + span;
        prop_assert_eq!(schema.resolve(&[set("a", &print(value))]).is_ok(), inside);
    }
}
