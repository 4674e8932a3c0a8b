//! What an exchange adapter's manifest declares beside the common keys.
//!
//! Comes in: the nodes of `endpoints`, `credentials`, `recipes`, `buckets` and `client_id`. Goes out:
//! a [`VenueManifest`], or every fault with place, reason and fix. An adapter names endpoints and
//! credential fields; it never names a host in a request, and never sees a credential. Deliberately
//! absent: the grants for its endpoints and the credentials themselves; both are the operator's.

mod bucket;
pub mod catalogue;
mod client_id;
mod path;
mod recipe;
mod template;

#[cfg(test)]
mod tests;

pub use bucket::{Bucket, Scope, Shape};
pub use client_id::ClientIdRule;
pub use path::{PathRule, forbidden, forbidden_in_field, forbidden_in_path};
pub use recipe::{Form, Mac, PathClass, Recipe};
pub use template::{Part, Template, TimeForm};

use crate::net::{Origin, Target};
use crate::yaml::{Fields, Key, Node, Problem, Problems, quoted};

/// Most endpoints: Binance has seven.
const ENDPOINTS_MAX: usize = 16;
/// Most credential fields: a key, a secret, a passphrase, an account.
const CREDENTIALS_MAX: usize = 8;
/// Most recipes: HTX has four.
const RECIPES_MAX: usize = 16;
/// Most rate limits: OKX has about twenty.
const BUCKETS_MAX: usize = 64;
/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 32;
/// Longest header name, in bytes.
const HEADER_BYTES_MAX: usize = 64;

/// A base address of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What requests call it.
    pub name: String,
    /// Scheme, host and port.
    pub origin: Origin,
    /// The path every request starts with: empty, or `/…` without a last `/`.
    pub base: String,
}

impl Endpoint {
    /// Reads a base URL: the adapter's own, or an operator's in its place.
    ///
    /// # Errors
    /// Anything but scheme, host, port and a fixed path.
    pub fn read(name: &str, node: &Node) -> Result<Self, Problem> {
        let text = node.text()?;
        let fault = |reason: &str, fix: &str| {
            Problem::new(&node.place, format!("`{}`: {reason}", quoted(text)), fix)
        };
        // The text is quoted after the reason is known: userinfo stays out of messages.
        let target = Target::parse(text).map_err(|error| {
            Problem::new(&node.place, format!("`{}`: {}", error.url, error.reason), error.fix)
        })?;
        if text.contains('?') {
            return Err(fault("a query", "remove `?` and what follows"));
        }
        let base = target.path().trim_end_matches('/').to_owned();
        Ok(Self { name: name.to_owned(), origin: target.origin().clone(), base })
    }
}

/// What an adapter declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueManifest {
    /// Where the venue is.
    pub endpoints: Vec<Endpoint>,
    /// The names of the fields of its credentials.
    pub credentials: Vec<String>,
    /// How requests are signed.
    pub recipes: Vec<Recipe>,
    /// How often they may be sent.
    pub buckets: Vec<Bucket>,
    /// The form of a client order id; none where the venue takes none.
    pub client_id: Option<ClientIdRule>,
}

impl VenueManifest {
    /// The keys it reads, for whoever opens the map.
    pub const KEYS: [&'static str; 5] =
        ["endpoints", "credentials", "recipes", "buckets", "client_id"];

    /// Reads its keys from an open map; what is wrong goes to `problems` and is left out.
    pub fn read(fields: &Fields<'_>, problems: &mut Problems) -> Self {
        let mut venue = Self::default();
        fields.need("endpoints", problems);
        for (name, node) in entries(fields, "endpoints", ENDPOINTS_MAX, problems) {
            venue.endpoints.extend(problems.keep(Endpoint::read(&name, node)));
        }
        let credentials = fields.get("credentials").map(|node| node.list(CREDENTIALS_MAX));
        let credentials =
            credentials.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
        for node in credentials {
            let Some(field) = problems.keep(node.text_within(NAME_BYTES_MAX)) else { continue };
            if !is_name(&field) || template::is_word(&field) || venue.credentials.contains(&field) {
                problems.add(not_a_name(&field, &node.place));
            }
            venue.credentials.push(field);
        }
        for (name, node) in entries(fields, "recipes", RECIPES_MAX, problems) {
            let (endpoints, credentials) = (&venue.endpoints, &venue.credentials);
            let recipe = Recipe::read(name, node, endpoints, credentials, problems);
            venue.recipes.extend(recipe);
        }
        for (name, node) in entries(fields, "buckets", BUCKETS_MAX, problems) {
            venue.buckets.extend(Bucket::read(name, node, &venue.endpoints, problems));
        }
        let client_id = fields.get("client_id");
        venue.client_id = client_id.and_then(|node| ClientIdRule::read(node, problems));
        venue
    }

    /// The endpoint of that name.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// The recipe of that name.
    pub fn recipe(&self, name: &str) -> Option<&Recipe> {
        self.recipes.iter().find(|recipe| recipe.name == name)
    }
}

/// The entries of a map whose keys are names; an odd name is told and its entry left out.
fn entries<'n>(
    fields: &Fields<'n>,
    key: &str,
    entries_max: usize,
    problems: &mut Problems,
) -> Vec<(String, &'n Node)> {
    let all = fields.get(key).map(|node| node.map(entries_max));
    let all = all.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
    let named = |(key, node): &'n (Key, Node)| match is_name(&key.text) {
        true => Some((key.text.clone(), node)),
        false => {
            problems.add(not_a_name(&key.text, &key.place));
            None
        }
    };
    all.iter().filter_map(named).collect()
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn not_a_name(text: &str, place: &crate::yaml::Place) -> Problem {
    let reason = format!("`{}` is no name, or taken", quoted(text));
    Problem::new(
        place,
        reason,
        "use 1 to 32 of a-z, 0-9, `-` and `_`, starting with a letter, once",
    )
}

fn endpoint_name(node: &Node, endpoints: &[Endpoint]) -> Result<String, Problem> {
    let words: Vec<_> = endpoints.iter().map(|e| (e.name.as_str(), e.name.as_str())).collect();
    node.one_of(&words).map(str::to_owned)
}

fn header_name(node: &Node) -> Result<String, Problem> {
    let text = node.text_within(HEADER_BYTES_MAX)?;
    match text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        true => Ok(text),
        false => {
            let reason = format!("`{}` is no such name", quoted(&text));
            Err(Problem::new(&node.place, reason, "use letters, digits, `-` and `_`"))
        }
    }
}
