//! The one interpreter of signing recipes.
//!
//! Comes in: a recipe, a credential slot, and the request a plugin wants. Goes out: a [`Request`]
//! or a [`Login`] that carries its signature, or a [`Refusal`]. The plugin chooses an endpoint by
//! name, a path that the recipe lists, a query and a body; the host builds the text that is signed, and
//! holds the whole message against its own catalogue and the order before it is anything but a draft.
//! Deliberately absent: any way to sign bytes, or to read a signature: this is no oracle.

mod fill;
mod refusal;
mod signer;
#[cfg(test)]
mod tests;

use wickd_model::printable;
use wickd_policy::net::{Target, TargetError};
use wickd_policy::venue::catalogue::Write;
use wickd_policy::venue::{Endpoint, Recipe, VenueManifest, forbidden_in_field, forbidden_in_path};
use zeroize::Zeroizing;

use crate::request::{Hidden, Request};
use crate::secret::Slot;
use fill::Fill;
pub use refusal::Refusal;
pub use signer::Signer;

/// Most query pairs of a plugin: a batch has about twenty.
const PAIRS_MAX: usize = 64;
/// Longest piece of a plugin's text in a refusal, in bytes.
const QUOTED_BYTES_MAX: usize = 96;

/// What a plugin wants signed.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The recipe's name.
    pub recipe: &'a str,
    /// The endpoint's name.
    pub endpoint: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// The path below the endpoint, starting with `/`.
    pub path: &'a str,
    /// Query pairs before percent-encoding; for a login, its arguments.
    pub query: &'a [(String, String)],
    /// Headers of its own.
    pub headers: &'a [(String, String)],
    /// The body's bytes.
    pub body: &'a [u8],
    /// The order it was asked to write; none where it was asked a question.
    pub order: Option<&'a Write>,
}

/// What changes from one request to the next, from the host's own sources.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The venue's time, in Unix milliseconds.
    pub venue_ms: u64,
    /// A number above every earlier one of the same key.
    pub nonce: u64,
    /// How long the request stays good, in milliseconds.
    pub recv_ms: u32,
}

/// A request that nobody signs, at an endpoint of the manifest: public data.
///
/// # Errors
/// No such endpoint, a path, query, body or header that is not plain, anything that moves money out, or
/// a header by which a recipe logs in.
pub fn unsigned(venue: &VenueManifest, draft: &Draft<'_>) -> Result<Request, Refusal> {
    let unknown = || Refusal::Unknown { what: "endpoint", name: quoted(draft.endpoint) };
    let endpoint = venue.endpoint(draft.endpoint).ok_or_else(unknown)?;
    unmoved(&format!("{}{}", endpoint.base, draft.path))?;
    unmoved_fields(draft.query)?;
    if let Ok(text) = std::str::from_utf8(draft.body)
        && let Some(fields) = wickd_policy::venue::catalogue::fields(text.as_bytes())
    {
        unmoved_fields(&fields)?;
    }
    let signs = |name: &str| {
        let mut own = venue.recipes.iter().flat_map(|recipe| &recipe.headers);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        is("authorization") || (!is("content-type") && own.any(|(own, _)| is(own)))
    };
    if let Some(place) = draft.headers.iter().position(|(name, _)| signs(name)) {
        return Err(Refusal::Header(place + 1));
    }
    if draft.query.len() > PAIRS_MAX {
        return Err(Refusal::Pair(PAIRS_MAX + 1));
    }
    let pair = |(name, value): &(String, String)| {
        format!("{}={}", fill::encoded(name), fill::encoded(value))
    };
    let query = draft.query.iter().map(pair).collect::<Vec<_>>().join("&");
    let path = format!("{}{}", endpoint.base, draft.path);
    let query = (!query.is_empty()).then_some(query.as_str());
    let target = Target::at(&endpoint.origin, &path, query)?;
    let mut headers = draft.headers.to_vec();
    let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !draft.body.is_empty() && !typed {
        headers.push(("Content-Type".to_owned(), content_type(draft.body).to_owned()));
    }
    Ok(Request::new(target, draft.method, &headers, draft.body.to_vec())?)
}

/// The request that opens a WebSocket at an endpoint; `query` is percent-encoded already.
///
/// # Errors
/// A path or query that is not plain.
pub fn upgrade(endpoint: &Endpoint, path: &str, query: Option<&str>) -> Result<Request, Refusal> {
    let path = format!("{}{path}", endpoint.base);
    let target = Target::at(&endpoint.origin, &path, query)?;
    Ok(Request::new(target, "GET", &[], Vec::new())?)
}

/// A request as its recipe makes it, before anybody has agreed to send it.
struct Assembled {
    target: Target,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The query as it is sent, the signature among it, before percent-encoding.
    pairs: Vec<(String, String)>,
    signature: Zeroizing<String>,
    sealed: Vec<Zeroizing<String>>,
    hidden: Hidden,
}

/// Fills a recipe in: the signature is made over exactly what would be sent.
fn assemble(
    recipe: &Recipe,
    endpoint: &Endpoint,
    slot: &Slot,
    draft: &Draft<'_>,
    moment: Moment,
) -> Result<Assembled, Refusal> {
    let (fill, target) = filled(recipe, endpoint, slot, draft, moment)?;
    let signature = fill.signature()?;
    let mut pairs: Vec<_> =
        fill.pairs.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    let target = match &recipe.signature_param {
        None => target,
        Some(name) => {
            let mut query = Zeroizing::new(fill.query.to_string());
            if !query.is_empty() {
                query.push('&');
            }
            *query += &format!("{name}={}", fill::encoded(&signature));
            pairs.push((name.clone(), signature.to_string()));
            Target::at(target.origin(), target.path(), Some(&query))?
        }
    };
    let body = match &recipe.body {
        Some(template) => fill.json(template, &signature)?.as_bytes().to_vec(),
        None => draft.body.to_vec(),
    };
    let mut headers = Vec::new();
    let typed = recipe.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !body.is_empty() && !typed {
        headers.push(("Content-Type".to_owned(), content_type(&body).to_owned()));
    }
    for (name, template) in &recipe.headers {
        headers.push((name.clone(), fill.text(template, &signature)?.to_string()));
    }
    let hidden = hidden(slot, &fill, &signature);
    let sealed = fill.also.clone();
    Ok(Assembled { target, headers, body, pairs, signature, sealed, hidden })
}

/// The values of a draft, and the target with everything but the signature.
fn filled<'a>(
    recipe: &'a Recipe,
    endpoint: &'a Endpoint,
    slot: &'a Slot,
    draft: &Draft<'a>,
    moment: Moment,
) -> Result<(Fill<'a>, Target), Refusal> {
    let own = |name: &str| {
        let params = recipe.params.iter().map(|(name, _)| name);
        params.chain(&recipe.signature_param).any(|own| own.eq_ignore_ascii_case(name))
    };
    let odd = draft.query.iter().position(|(name, _)| own(name) || name.is_empty());
    if let Some(index) = odd.or((draft.query.len() > PAIRS_MAX).then_some(PAIRS_MAX)) {
        return Err(Refusal::Pair(index + 1));
    }
    let path = whole_path(endpoint, draft.path);
    let fill = Fill::new(recipe, endpoint, slot, *draft, path, moment)?;
    let query = (!fill.query.is_empty()).then_some(fill.query.as_str());
    let target = Target::at(&endpoint.origin, &fill.path, query)?;
    // What is signed must be what is sent, to the byte.
    if target.path() != fill.path || target.query() != query {
        let (reason, fix) = ("it is written in another form than it is sent", "encode it");
        return Err(TargetError { url: quoted(&fill.path), reason, fix }.into());
    }
    Ok((fill, target))
}

fn whole_path(endpoint: &Endpoint, path: &str) -> String {
    match (path, endpoint.base.as_str()) {
        ("" | "/", "") => "/".to_owned(),
        ("" | "/", base) => base.to_owned(),
        (path, base) => format!("{base}{path}"),
    }
}

fn unmoved(path: &str) -> Result<(), Refusal> {
    match forbidden_in_path(path) {
        Some(word) => Err(Refusal::MoneyOut { place: quoted(path), word }),
        None => Ok(()),
    }
}

fn unmoved_fields(fields: &[(String, String)]) -> Result<(), Refusal> {
    for (name, value) in fields {
        if let Some(word) = forbidden_in_field(name, value) {
            return Err(Refusal::MoneyOut { place: quoted(&format!("{name}={value}")), word });
        }
    }
    Ok(())
}

fn hidden(slot: &Slot, fill: &Fill<'_>, signature: &str) -> Hidden {
    let mut hidden = Hidden::of(slot);
    fill.also.iter().for_each(|value| hidden.add(value));
    hidden.add(signature);
    hidden.add(&fill::encoded(signature));
    hidden
}

fn content_type(body: &[u8]) -> &'static str {
    match body.first() {
        Some(b'{' | b'[') => "application/json",
        _ => "application/x-www-form-urlencoded",
    }
}

fn quoted(text: &str) -> String {
    printable(text.as_bytes(), QUOTED_BYTES_MAX)
}
