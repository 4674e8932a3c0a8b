//! The journal held against the venue's own books.
//!
//! Comes in: the journal's records, the venue's truth as JSON. Goes out: what each of them counts, and
//! every order on which they differ. Deliberately absent: how either came about.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use wickd_model::{ClientId, Side, parse_scaled};
use wickd_store::Record;

/// The venue's truth, as far as it is compared.
#[derive(Deserialize)]
pub(super) struct Truth {
    orders: Vec<Held>,
}

#[derive(Deserialize)]
struct Held {
    client_id: String,
    side: String,
    filled: String,
    status: String,
    fills: Vec<serde::de::IgnoredAny>,
}

/// One side's count of the same thing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Count {
    pub(super) orders: u64,
    pub(super) open: u64,
    pub(super) fills: u64,
    /// Bought less sold, at the instrument's scale of sizes.
    pub(super) net: i64,
}

/// What the two say.
#[derive(Default, Debug)]
pub(super) struct Agreement {
    pub(super) venue: Count,
    pub(super) journal: Count,
    /// Orders that were journalled and refused before or by the venue: it holds none of them.
    pub(super) refused: u64,
    /// Client ids under which the venue holds more than one order.
    pub(super) doubled: u64,
    /// Orders that one side has open or filled and the other has not, in words.
    pub(super) differ: Vec<String>,
    /// Orders of which the journal knows the end, or that they rest at the venue too.
    pub(super) known: BTreeSet<String>,
}

impl Agreement {
    pub(super) fn holds(&self) -> bool {
        self.venue == self.journal && self.doubled == 0 && self.differ.is_empty()
    }

    /// Compares them order by order, sizes at `scale`.
    pub(super) fn of(journal: &[Record], truth: &Truth, scale: u8) -> Self {
        let mut this = Self::default();
        let mut mine = Mine::of(journal);
        let mut ids = BTreeSet::new();
        for held in &truth.orders {
            this.doubled += u64::from(!ids.insert(held.client_id.as_str()));
            let filled = parse_scaled(&held.filled, scale);
            let signed = filled.map_or(0, |size| if held.side == "buy" { size } else { -size });
            let is_open = matches!(held.status.as_str(), "new" | "partly-filled");
            this.venue.orders += 1;
            this.venue.open += u64::from(is_open);
            this.venue.fills += held.fills.len() as u64;
            this.venue.net += signed;
            let found = mine.0.iter_mut().find(|(id, _)| held.client_id.ends_with(&suffix(**id)));
            let Some((id, own)) = found else {
                this.differ.push(format!("{} is at the venue and in no journal", held.client_id));
                continue;
            };
            own.seen = true;
            this.journal.orders += 1;
            if filled != Ok(own.filled)
                || own.fills != held.fills.len() as u64
                || own.ended == is_open
            {
                this.differ.push(format!(
                    "order {id}: the venue has it {} with {} filled, the journal {} with {}",
                    held.status,
                    held.filled,
                    if own.ended { "ended" } else { "open" },
                    wickd_model::print_scaled(own.filled, scale)
                ));
            } else {
                this.known.insert(id.to_string());
            }
        }
        for (id, own) in &mine.0 {
            this.journal.open += u64::from(!own.ended);
            this.journal.fills += own.fills;
            this.journal.net += own.net;
            match (own.seen, own.ended && own.filled == 0) {
                (true, _) => {}
                (false, true) => {
                    this.refused += 1;
                    this.known.insert(id.to_string());
                }
                (false, false) => this.differ.push(format!("order {id} is unknown at the venue")),
            }
        }
        this
    }
}

/// What the journal knows of each order.
struct Mine(BTreeMap<ClientId, Own>);

#[derive(Default)]
struct Own {
    filled: i64,
    net: i64,
    fills: u64,
    ended: bool,
    seen: bool,
}

impl Mine {
    fn of(journal: &[Record]) -> Self {
        let mut orders: BTreeMap<ClientId, Own> = BTreeMap::new();
        for record in journal {
            match record {
                Record::Intent { order, .. } => {
                    orders.entry(order.id).or_default();
                }
                Record::Event(event) => {
                    let own = orders.entry(event.id).or_default();
                    own.filled += event.last_size;
                    own.net += match event.side {
                        Side::Buy => event.last_size,
                        Side::Sell => -event.last_size,
                    };
                    own.fills += u64::from(event.last_size > 0);
                    own.ended |= event.status.is_final();
                }
                Record::Cancel { .. }
                | Record::Adopted(_)
                | Record::Adjusted(_)
                | Record::Note { .. } => {}
            }
        }
        Self(orders)
    }
}

/// How a client id ends at the venue, whatever house it is of.
fn suffix(id: ClientId) -> String {
    let text = wickd_engine::client_text("", 0, 0, id.slot, id.intent);
    text.split_once('x').map_or(String::new(), |(_, rest)| format!("x{rest}"))
}
