//! Declares parameters that cannot be: a default out of bounds, a range upside down, the same key
//! twice, a step of nothing. Expected: refused at intake, with every one of them named.

use wickd_rude::{Domain, IntRange, NumberRange, Rude, Spec, Value};

/// The guest.
pub struct SchemaLies;

impl Rude for SchemaLies {
    fn schema() -> Vec<Spec> {
        let integer = |key: &str, min, max, step, default| Spec {
            key: key.to_owned(),
            description: "A lie.".to_owned(),
            domain: Domain::Integer(IntRange { min, max, step }),
            default: Value::Integer(default),
        };
        let number = Spec {
            key: "text".to_owned(),
            description: "Another.".to_owned(),
            domain: Domain::Number(NumberRange {
                min: "NaN".to_owned(),
                max: "1e999".to_owned(),
                step: "-1".to_owned(),
            }),
            default: Value::Boolean(true),
        };
        vec![
            integer("beyond", 1, 10, 1, 11),
            integer("upside", 10, 1, 1, 5),
            integer("still", 1, 10, 0, 5),
            integer("beyond", 1, 10, 1, 5),
            integer("\u{1b}[31mred", 1, 10, 1, 5),
            number,
        ]
    }
}

wickd_rude::export!(SchemaLies);
