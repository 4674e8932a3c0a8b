//! What the host knows of a venue's signed messages: its paths and their class, the places of an order
//! in a request, the frames of its logins.
//!
//! Comes in: the data of ten venues, and the operator's own lines in the same form. Goes out: a
//! [`Catalogue`], which says what a request is, whatever an adapter calls it. It is a list of what is
//! allowed: what moves money out or changes keys stands in none, and the reader refuses a line that
//! would. Deliberately absent: how a message is signed, which is the adapter's recipe, and the order
//! itself.

mod amount;
mod json;
mod leaf;
mod login;
mod pattern;
mod rights;
#[cfg(test)]
mod tests;
mod write;

use std::sync::LazyLock;

use wickd_model::{Product, printable};

pub use amount::Amount;
pub use json::fields;
pub use leaf::{Known, Order};
pub use pattern::Pattern;
pub use rights::{Class, Rights, Signing, Unsignable, agree};
pub use write::{Does, Shape, Write, WriteLine};

use json::Json;
use leaf::Leaf;
use login::LoginLine;

use crate::net::Origin;
use crate::params::Setting;
use crate::yaml::{Fields, Node, Problem, Problems, parse, quoted};

/// Most bytes of one venue's data.
const BYTES_MAX: usize = 64 << 10;
/// Most lines of a kind; Binance has the most, about thirty.
const LINES_MAX: usize = 128;
/// Longest list of the ways in which a venue writes its markets, in bytes.
const SYMBOL_FORMS_BYTES_MAX: usize = 256;
const KEYS: [&str; 10] = [
    "hosts",
    "symbols",
    "assets",
    "headers",
    "signed",
    "name_below",
    "read",
    "trade",
    "logins",
    "contracts",
];

/// The venues the host knows, by the name operators use.
const DATA: [(&str, &str); 11] = [
    ("binance", include_str!("data/binance.yaml")),
    ("okx", include_str!("data/okx.yaml")),
    ("bybit", include_str!("data/bybit.yaml")),
    ("htx", include_str!("data/htx.yaml")),
    ("bitget", include_str!("data/bitget.yaml")),
    ("kucoin", include_str!("data/kucoin.yaml")),
    ("gate", include_str!("data/gate.yaml")),
    ("mexc", include_str!("data/mexc.yaml")),
    ("cryptocom", include_str!("data/cryptocom.yaml")),
    ("bitfinex", include_str!("data/bitfinex.yaml")),
    ("generic-rest", include_str!("data/generic-rest.yaml")),
];

static KNOWN: LazyLock<Vec<Catalogue>> = LazyLock::new(|| {
    // The data is part of the program; a test reads every line of it.
    let read = |(name, text): &(&str, &str)| {
        let node = parse(&worded(text, |_| None), BYTES_MAX).ok()?;
        let mut problems = Problems::default();
        Catalogue::read(name, &node, &mut problems).filter(|_| problems.is_empty())
    };
    DATA.iter().filter_map(read).collect()
});

/// A text in which `$(key=default)` stands for a word of the operator's; only plain words are taken.
fn worded(text: &str, word: impl Fn(&str) -> Option<String>) -> String {
    let plain = |word: &String| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        !word.is_empty() && word.bytes().all(fits)
    };
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("$(") {
        out.push_str(before);
        let Some((place, after)) = after.split_once(')') else { break };
        let (key, default) = place.split_once('=').unwrap_or((place, place));
        out.push_str(&word(key).filter(plain).unwrap_or_else(|| default.to_owned()));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What is known of one venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    name: String,
    /// Host names at which this venue is, and no other.
    hosts: Vec<String>,
    /// How it writes a market, by kind and perhaps quote asset.
    symbols: Vec<(Product, Option<String>, Vec<String>)>,
    /// Assets that it names otherwise, everywhere or, like `perpetual-BTC`, in one kind of market.
    assets: Vec<(String, String)>,
    headers: Vec<(String, Leaf)>,
    /// Fields that sign a request, in query or body.
    signed: Vec<(Vec<String>, Leaf)>,
    /// The part of a path above what JSON-RPC repeats in the body.
    name_below: String,
    reads: Vec<Pattern>,
    writes: Vec<WriteLine>,
    logins: Vec<LoginLine>,
    contracts: Vec<ContractList>,
}

/// Where a venue tells the size of its contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ContractList {
    at: Pattern,
    /// Members down to the list.
    rows: Vec<String>,
    name: String,
    /// Members whose product is the size.
    size: Vec<String>,
}

impl Catalogue {
    /// The host's own of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|catalogue| catalogue.name == name)
    }

    /// The same in the words that the operator gave the adapter as parameters, where it is spoken in them.
    pub fn in_words(name: &str, settings: &[Setting]) -> Option<Self> {
        let (_, text) = DATA.iter().find(|(known, _)| *known == name)?;
        let word = |key: &str| {
            let set = settings.iter().find(|setting| setting.key == key);
            set.map(|setting| setting.value.clone())
        };
        let node = parse(&worded(text, word), BYTES_MAX).ok()?;
        Self::read(name, &node, &mut Problems::default())
    }

    /// The host's own of the venue at this address.
    pub fn at(origin: &Origin) -> Option<&'static Self> {
        let crate::net::Host::Name(host) = &origin.host else { return None };
        KNOWN.iter().find(|catalogue| catalogue.hosts.contains(host))
    }

    /// Every name, for whoever may choose.
    pub fn names() -> impl Iterator<Item = &'static str> {
        DATA.iter().map(|(name, _)| *name)
    }

    /// Reads the data of a venue, or the operator's lines under `signing:`.
    pub fn read(name: &str, node: &Node, problems: &mut Problems) -> Option<Self> {
        let of = Fields::of(node, &KEYS, problems)?;
        let texts = |key: &str, problems: &mut Problems| -> Vec<String> {
            let list = of.get(key).map(|node| node.list(LINES_MAX));
            let list = list.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
            list.iter().filter_map(|node| problems.keep(node.text_within(128))).collect()
        };
        let lines = |key: &str, problems: &mut Problems| {
            let list = of.get(key).map(|node| node.list(LINES_MAX));
            list.and_then(|outcome| problems.keep(outcome)).unwrap_or_default()
        };
        let hosts = texts("hosts", problems);
        let reads = lines("read", problems).iter();
        let reads = reads.filter_map(|node| problems.keep(Pattern::read(node))).collect();
        let writes = lines("trade", problems).iter();
        let writes = writes.filter_map(|node| WriteLine::read(node, problems)).collect();
        let logins = lines("logins", problems).iter();
        let logins = logins.filter_map(|node| LoginLine::read(node, problems)).collect();
        let contracts = lines("contracts", problems).iter();
        let contracts = contracts.filter_map(|node| ContractList::read(node, problems)).collect();
        let mut fields =
            |key: &str| of.get(key).map(|node| write::fields(node, problems)).unwrap_or_default();
        let header = |(names, leaf): (Vec<String>, Leaf)| (names.join("|").to_lowercase(), leaf);
        let headers = fields("headers").into_iter().map(header).collect();
        let signed = fields("signed");
        let below = of.get("name_below").map(|node| node.text_within(128));
        let catalogue = Self {
            name: name.to_owned(),
            hosts,
            symbols: symbols(&of, problems),
            assets: assets(&of, problems),
            headers,
            signed,
            name_below: below.and_then(|text| problems.keep(text)).unwrap_or_default(),
            reads,
            writes,
            logins,
            contracts,
        };
        let places = catalogue.headers.iter().map(|(_, leaf)| leaf);
        if places.chain(catalogue.signed.iter().map(|(_, leaf)| leaf)).any(Leaf::is_of_order) {
            let reason = "a part of the order in `headers` or `signed`";
            problems.add(Problem::new(of.place(), reason, "write it in a line of `trade`"));
        }
        Some(catalogue)
    }

    /// What the operator calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every way this venue writes an order's market.
    pub fn symbols(&self, write: &Write) -> Vec<String> {
        let asset = |own: &str| -> String {
            let here = format!("{}-{own}", write.product.name());
            let other = self.assets.iter().find(|(known, _)| known == own || *known == here);
            other.map_or(own, |(_, other)| other).to_owned()
        };
        let (base, quote) = (asset(&write.base), asset(&write.quote));
        let of_quote = |quote: Option<&str>| {
            let fits = |of: &&(Product, Option<String>, Vec<String>)| {
                of.0 == write.product && of.1.as_deref() == quote
            };
            self.symbols.iter().find(fits)
        };
        let forms = of_quote(Some(&write.quote)).or_else(|| of_quote(None));
        let fill = |form: &String| {
            let form = form.replace("<base-lower>", &base.to_lowercase());
            let form = form.replace("<quote-lower>", &quote.to_lowercase());
            form.replace("<base>", &base).replace("<quote>", &quote)
        };
        forms.map(|(_, _, forms)| forms.iter().map(fill).collect()).unwrap_or_default()
    }

    /// What of a path JSON-RPC repeats in the body.
    pub fn name_of<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(self.name_below.as_str()).unwrap_or(path).trim_start_matches('/')
    }

    /// A header that an adapter may set itself beside a signature: one of fixed words.
    pub fn may_set(&self, name: &str, value: &str) -> bool {
        let name = name.to_lowercase();
        let fixed = |(known, leaf): &(String, Leaf)| match leaf {
            Leaf::Words(words) => *known == name && words.iter().any(|word| word == value),
            _ => false,
        };
        self.headers.iter().any(fixed)
    }

    /// Whether a credential may stand in this header.
    pub fn takes_in_header(&self, name: &str, field: &str) -> bool {
        let name = name.to_lowercase();
        self.headers.iter().any(|(known, leaf)| {
            *known == name && matches!(leaf, Leaf::Credential(own) if own == field)
        })
    }

    /// Holds what surrounds any signed request against what the venue knows.
    ///
    /// # Errors
    /// The first header or field that is another, in words.
    pub fn surrounds(
        &self,
        headers: &[(String, String)],
        fields: &[(String, String)],
        known: &Known<'_>,
    ) -> Result<(), String> {
        for (name, value) in headers {
            let lower = name.to_lowercase();
            let line = self.headers.iter().find(|(known, _)| *known == lower);
            let is_type = lower == "content-type";
            match line {
                Some((_, leaf)) if leaf.admits(value, known) => {}
                Some((_, leaf)) => {
                    let wanted = leaf.wanted(None);
                    return Err(format!("header `{}` should be {wanted}", shown(name)));
                }
                None if is_type => {}
                None => return Err(format!("header `{}` is not known to sign here", shown(name))),
            }
        }
        for (names, leaf) in &self.signed {
            let mut found = fields.iter().filter(|(name, _)| names.contains(name));
            match (found.next(), found.next()) {
                (None, _) => {}
                (Some((_, text)), None) if leaf.admits(text, known) => {}
                _ => {
                    let wanted = leaf.wanted(None);
                    return Err(format!("`{}` should be {wanted}, once", names.join("|")));
                }
            }
        }
        Ok(())
    }

    /// The fields of a request that do not sign it.
    pub fn own_fields(&self, fields: Vec<(String, String)>) -> Vec<(String, String)> {
        let signs = |name: &String| self.signed.iter().any(|(names, _)| names.contains(name));
        fields.into_iter().filter(|(name, _)| !signs(name)).collect()
    }

    /// The sizes of contracts in a venue's answer to a request, by market.
    pub fn contract_sizes(&self, method: &str, path: &str, body: &[u8]) -> Vec<(String, Amount)> {
        let list = self.contracts.iter().find(|list| list.at.covers(method, path));
        list.map(|list| list.sizes(body)).unwrap_or_default()
    }

    /// Whether an answer to such a request tells the sizes of contracts.
    pub fn tells_contracts(&self, method: &str, path: &str) -> bool {
        self.contracts.iter().any(|list| list.at.covers(method, path))
    }
}

impl ContractList {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let of = Fields::of(node, &["at", "rows", "name", "size"], problems)?;
        let at = of.need("at", problems).map(Pattern::read);
        let text = |key: &str, problems: &mut Problems| {
            let text = of.need(key, problems).map(|node| node.text_within(64));
            text.and_then(|text| problems.keep(text))
        };
        let split = |text: String, by| text.split(by).map(str::to_owned).collect();
        let at = at.and_then(|at| problems.keep(at));
        let rows = of.get("rows").map(|node| node.text_within(64)).transpose();
        let rows = problems.keep(rows)?.map(|rows| split(rows, '.')).unwrap_or_default();
        let (name, size) = (text("name", problems), text("size", problems));
        Some(Self { at: at?, rows, name: name?, size: split(size?, '*') })
    }

    fn sizes(&self, body: &[u8]) -> Vec<(String, Amount)> {
        let json = Json::parse(body);
        let rows = json
            .as_ref()
            .and_then(|json| self.rows.iter().try_fold(json, |json, member| json.get(member)));
        let Some(Json::List(rows)) = rows else { return Vec::new() };
        let row = |row: &Json| {
            let name = row.get(&self.name)?.text()?.to_owned();
            let one = |member: &String| row.get(member)?.text().and_then(Amount::read);
            let mut parts = self.size.iter().map(one);
            let first = parts.next()??;
            let size = parts.try_fold(first, |size, part| size.times(part?))?;
            size.is_positive().then_some((name, size))
        };
        rows.iter().filter_map(row).collect()
    }
}

fn shown(text: &str) -> String {
    printable(text.as_bytes(), 64)
}

/// `spot` or `perpetual-USDC` to one or several forms.
fn symbols(
    of: &Fields<'_>,
    problems: &mut Problems,
) -> Vec<(Product, Option<String>, Vec<String>)> {
    let entries = of.get("symbols").map(|node| node.map(LINES_MAX));
    let entries = entries.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
    let mut all = Vec::new();
    for (key, node) in entries {
        let products = Product::NAMES.iter();
        let mut found = products.filter_map(|(name, product)| {
            let rest = key.text.strip_prefix(name)?;
            match rest.strip_prefix('-') {
                _ if rest.is_empty() => Some((*product, None)),
                Some(quote) if !quote.is_empty() => Some((*product, Some(quote.to_owned()))),
                _ => None,
            }
        });
        let Some((product, quote)) = found.next() else {
            let reason = format!("`{}` is no kind of market", quoted(&key.text));
            problems.add(Problem::new(&key.place, reason, "write `spot`, or `perpetual-USDC`"));
            continue;
        };
        let Some(text) = problems.keep(node.text_within(SYMBOL_FORMS_BYTES_MAX)) else { continue };
        all.push((product, quote, text.split('|').map(str::to_owned).collect()));
    }
    all
}

fn assets(of: &Fields<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let entries = of.get("assets").map(|node| node.map(LINES_MAX));
    let entries = entries.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
    let pair = |(key, node): &(crate::yaml::Key, Node)| {
        problems.keep(node.text_within(16)).map(|other| (key.text.clone(), other))
    };
    entries.iter().filter_map(pair).collect()
}
