//! Declares ten thousand parameters. Expected: refused at intake.

use wickd_rude::{Domain, Rude, Spec, Value};

/// Parameters.
const SPECS: u32 = 10_000;

/// The guest.
pub struct SchemaFlood;

impl Rude for SchemaFlood {
    fn schema() -> Vec<Spec> {
        let spec = |number: u32| Spec {
            key: format!("key_{number}"),
            description: "One of too many.".to_owned(),
            domain: Domain::Boolean,
            default: Value::Boolean(false),
        };
        (0..SPECS).map(spec).collect()
    }
}

wickd_rude::export!(SchemaFlood);
