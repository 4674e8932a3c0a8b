//! A line about a request that trades: where in it each part of the order stands.
//!
//! Comes in: the line, the fields of a request as it would leave, the order it is for. Goes out: that
//! they agree, or the first field that does not. Deliberately absent: near enough.

use wickd_model::{Product, Side, printable};

use super::leaf::{Known, Leaf};
use super::pattern::Pattern;
use crate::yaml::{Fields, Node, Problem, Problems, quoted};

/// Most fields of one line.
const FIELDS_MAX: usize = 32;
/// Longest piece of an adapter's text in a message, in bytes.
const QUOTED_BYTES_MAX: usize = 64;
const KEYS: [&str; 11] =
    ["at", "product", "does", "fields", "limit", "post", "ioc", "fok", "market", "reduce", "may"];

/// What a request does to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It sends one.
    Create,
    /// It changes price or size of one.
    Amend,
    /// It takes one back.
    Cancel,
}

/// How an order is priced and how long it rests, as venues have words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Rests until it is taken back.
    Limit,
    /// The same, and never takes.
    PostOnly,
    /// Immediate or cancel.
    Ioc,
    /// Fill or kill.
    Fok,
    /// At whatever price.
    Market,
}

/// The order that a request is for, as the host journalled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// What is to be done.
    pub does: Does,
    /// The kind of market.
    pub product: Product,
    /// Base asset, as the operator wrote it.
    pub base: String,
    /// Quote asset, as the operator wrote it.
    pub quote: String,
    /// Decimals of `price`.
    pub price_scale: u8,
    /// Decimals of `size`.
    pub size_scale: u8,
    /// Buy or sell.
    pub side: Side,
    /// Pricing and rest.
    pub shape: Shape,
    /// It may only reduce the position.
    pub reduce_only: bool,
    /// Scaled; 0 for a market order.
    pub price: i64,
    /// Scaled.
    pub size: i64,
    /// The host's own id.
    pub client_id: String,
    /// The venue's; empty until it told one.
    pub venue_id: String,
}

/// One field, perhaps under one of several names.
type Field = (Vec<String>, Leaf);

/// A line about a request that trades.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteLine {
    pub(super) at: Pattern,
    pub(super) does: Does,
    product: Option<Product>,
    fields: Vec<Field>,
    /// By shape; none where the venue cannot say it.
    shapes: [Option<Vec<Field>>; 5],
    reduce: Option<Vec<Field>>,
    may: Vec<Field>,
}

impl WriteLine {
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let of = Fields::of(node, &KEYS, problems)?;
        let at = of.need("at", problems).map(Pattern::read);
        let does = [("create", Does::Create), ("amend", Does::Amend), ("cancel", Does::Cancel)];
        let does = of.need("does", problems).map(|node| node.one_of(&does));
        let product = of.get("product").map(|node| node.one_of(&Product::NAMES)).transpose();
        let mut read = |key: &str| of.get(key).map(|node| fields(node, problems));
        let shapes = ["limit", "post", "ioc", "fok", "market"].map(&mut read);
        let (own, reduce, may) = (read("fields"), read("reduce"), read("may"));
        let line = Self {
            at: problems.keep(at?)?,
            does: problems.keep(does?)?,
            product: problems.keep(product)?,
            fields: own.unwrap_or_default(),
            shapes,
            reduce,
            may: may.unwrap_or_default(),
        };
        problems.keep(line.is_whole(node))?;
        Some(line)
    }

    /// A line that leaves a part of the order unsaid would let an adapter choose it.
    fn is_whole(&self, node: &Node) -> Result<(), Problem> {
        let has = |fields: &[Field], wanted: &[Leaf]| {
            let inside = |leaf: &Leaf| wanted.iter().any(|of| same_place(of, leaf));
            fields.iter().any(|(_, leaf)| inside(leaf)) || self.at.leaves().any(inside)
        };
        let sizes = [Leaf::Size, Leaf::SignedSize, Leaf::Contracts, Leaf::SignedContracts];
        let signed = [Leaf::SignedSize, Leaf::SignedContracts];
        let side = [Leaf::Side(String::new(), String::new())];
        let lacks = |what: &str| {
            let reason = format!("the line does not say where {what} stands");
            let fix = "add the field with its place, like `quantity: <size>`";
            Err(Problem::new(&node.place, reason, fix))
        };
        if self.does != Does::Create {
            let ids = [Leaf::ClientId, Leaf::OrderId];
            return if has(&self.fields, &ids) { Ok(()) } else { lacks("the order's id") };
        }
        for (place, shape) in self.shapes.iter().enumerate() {
            let Some(shape) = shape else { continue };
            let all = [self.fields.clone(), shape.clone()].concat();
            if !has(&all, &[Leaf::Symbol]) {
                return lacks("the market");
            }
            if !has(&all, &sizes) {
                return lacks("the size");
            }
            if !has(&all, &side) && !has(&all, &signed) {
                return lacks("the side");
            }
            if !has(&all, &[Leaf::ClientId]) {
                return lacks("the client id");
            }
            if place != Shape::Market as usize && !has(&all, &[Leaf::Price]) {
                return lacks("the price");
            }
        }
        match self.shapes.iter().any(Option::is_some) {
            true => Ok(()),
            false => lacks("what kind of order it is"),
        }
    }

    /// Whether it is for this kind of order.
    pub(super) fn is_for(&self, write: &Write) -> bool {
        self.does == write.does && self.product.is_none_or(|product| product == write.product)
    }

    /// Holds the fields of a request against the order; `Err` names the first that disagrees.
    pub(super) fn agree(
        &self,
        path: &str,
        fields: &[(String, String)],
        known: &Known<'_>,
    ) -> Result<(), String> {
        let Some(order) = known.order else { return Err("there is no order".to_owned()) };
        if let Some((leaf, part)) = self.at.contradicts(path, known) {
            return Err(told(part, "the path", leaf, known));
        }
        let expected = self.expected(order.write)?;
        for (names, leaf) in &expected {
            let named = |(name, _): &&(String, String)| names.contains(name);
            let mut found = fields.iter().filter(named);
            match (found.next(), found.next()) {
                (Some((name, text)), None) if leaf.admits(text, known) => {
                    let _ = name;
                }
                (Some((name, text)), None) => {
                    return Err(told(text, &format!("`{name}`"), leaf, known));
                }
                (None, _) => {
                    let wanted = leaf.wanted(known.order.as_ref());
                    return Err(format!(
                        "`{}` is missing and should be {wanted}",
                        names.join("` or `")
                    ));
                }
                _ => return Err(format!("`{}` stands twice", names.join("` or `"))),
            }
        }
        let is_expected = |name: &String| expected.iter().any(|(names, _)| names.contains(name));
        for (place, (name, text)) in fields.iter().enumerate().filter(|(_, of)| !is_expected(&of.0))
        {
            let may = self.may.iter().find(|(names, _)| names.contains(name));
            let once = fields[..place].iter().all(|(earlier, _)| earlier != name);
            if !once || !may.is_some_and(|(_, leaf)| leaf.admits(text, known)) {
                let (name, text) = (shown(name), shown(text));
                return Err(format!("`{name}` is `{text}`, which is no part of the order"));
            }
        }
        Ok(())
    }

    /// Every field the request must have; a later one replaces an earlier one of its name.
    fn expected(&self, write: &Write) -> Result<Vec<Field>, String> {
        let mut all = self.fields.clone();
        let mut lay = |fields: &Vec<Field>| {
            for field in fields {
                all.retain(|(names, _)| !names.iter().any(|name| field.0.contains(name)));
                all.push(field.clone());
            }
        };
        if write.does == Does::Create {
            let Some(shape) = &self.shapes[write.shape as usize] else {
                return Err(format!("the venue has no words for {:?} orders", write.shape));
            };
            lay(shape);
            match (&self.reduce, write.reduce_only) {
                (Some(reduce), true) => lay(reduce),
                (None, true) => return Err("the venue has no reduce-only here".to_owned()),
                _ => {}
            }
        }
        Ok(all)
    }
}

fn same_place(a: &Leaf, b: &Leaf) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

fn shown(text: &str) -> String {
    printable(text.as_bytes(), QUOTED_BYTES_MAX)
}

fn told(text: &str, place: &str, leaf: &Leaf, known: &Known<'_>) -> String {
    format!("{place} is `{}` and should be {}", shown(text), leaf.wanted(known.order.as_ref()))
}

/// A map from a name, or several with `|` between, to what may stand there.
pub(super) fn fields(node: &Node, problems: &mut Problems) -> Vec<Field> {
    let entries = problems.keep(node.map(FIELDS_MAX)).unwrap_or_default();
    let mut all: Vec<Field> = Vec::new();
    for (key, node) in entries {
        let names: Vec<String> = key.text.split('|').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            let reason = format!("`{}` is no name of a field", quoted(&key.text));
            problems.add(Problem::new(&key.place, reason, "write a name, or `one|other`"));
        }
        all.extend(problems.keep(Leaf::read(node)).map(|leaf| (names, leaf)));
    }
    all
}
