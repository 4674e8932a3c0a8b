//! The one interpreter of signing recipes.
//!
//! Comes in: a recipe, a credential slot, and the request a plugin wants. Goes out: a [`Request`]
//! or a [`Login`] that carries its signature, or a [`Refusal`]. The plugin chooses an endpoint by
//! name, a path that the recipe lists, a query and a body; the host builds the text that is signed.
//! Deliberately absent: any way to sign bytes, or to read a signature: this is no oracle.

mod fill;
#[cfg(test)]
mod tests;

use wickd_model::{SlotName, printable};
use wickd_policy::net::{Host, Origin, Target, TargetError, classify};
use wickd_policy::venue::{Endpoint, PathClass, Recipe, VenueManifest, forbidden};
use zeroize::Zeroizing;

use crate::request::{Hidden, Login, Request, RequestError};
use crate::secret::Slot;
use fill::Fill;

/// Most query pairs of a plugin: a batch has about twenty.
const PAIRS_MAX: usize = 64;
/// Longest piece of a plugin's text in a refusal, in bytes.
const QUOTED_BYTES_MAX: usize = 96;
/// Longest argument of a login, in bytes: a channel or a market.
const ARGUMENT_BYTES_MAX: usize = 64;

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
    /// The body's bytes.
    pub body: &'a [u8],
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

/// Why nothing is signed. Holds no credential and no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing of that name in the manifest.
    #[error("the manifest has no {what} `{name}`; add it, or name another")]
    Unknown {
        /// Recipe or endpoint.
        what: &'static str,
        /// As asked for.
        name: String,
    },
    /// The recipe is for other endpoints.
    #[error("recipe `{recipe}` is not bound to endpoint `{endpoint}`; sign with one that is")]
    Endpoint {
        /// The recipe.
        recipe: String,
        /// As asked for.
        endpoint: String,
    },
    /// The operator's credentials are for other hosts.
    #[error(
        "credentials `{slot}` are not for {origin}; add it to their `hosts` if it is the venue"
    )]
    Host {
        /// The slot.
        slot: SlotName,
        /// Where they would have gone.
        origin: String,
    },
    /// Keys do not travel in the clear.
    #[error("{0} is not encrypted; use https or wss")]
    Clear(String),
    /// Money would leave.
    #[error("`{path}` names `{word}`; nothing that moves money out is ever signed")]
    MoneyOut {
        /// As asked for.
        path: String,
        /// What was found.
        word: &'static str,
    },
    /// The recipe does not list it.
    #[error("recipe `{recipe}` lists no `{method} {path}`; add it under `read` or `trade`")]
    Path {
        /// The recipe.
        recipe: String,
        /// As asked for.
        method: String,
        /// As asked for.
        path: String,
    },
    /// The operator allows reading only.
    #[error("credentials `{0}` allow `read` and this trades; set `allow: trade` if you mean it")]
    Class(SlotName),
    /// The slot lacks a field.
    #[error("credentials `{slot}` have no `{field}`; add it to their `fields`")]
    Field {
        /// The slot.
        slot: SlotName,
        /// As the manifest calls it.
        field: String,
    },
    /// A header by which somebody logs in; without the venue's signer it would be another's account.
    #[error("header {0} logs in, and that is the recipe's; remove it, or name a recipe")]
    Header(usize),
    /// A query pair that the recipe adds by itself.
    #[error("query parameter {0} is the recipe's to add, or too many; remove it")]
    Pair(usize),
    /// What stands inside JSON is not JSON, or not of the form that can be signed.
    #[error(
        "the body is not JSON that this recipe can sign; write an object of texts and integers"
    )]
    Json,
    /// An argument of a login that is missing or odd.
    #[error("argument `{0}` is missing or odd; write 1 to 64 of letters, digits and `._-:@!`")]
    Argument(String),
    /// The recipe logs in where a request was asked for, or the other way round.
    #[error("recipe `{0}` is for the other of requests and logins")]
    Kind(String),
    /// The path or query is not plain.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The request cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Signs a request.
///
/// # Errors
/// Whatever the recipe, the slot or the house does not allow: see [`Refusal`].
pub fn sign(
    venue: &VenueManifest,
    slot: &Slot,
    draft: &Draft<'_>,
    moment: Moment,
) -> Result<Request, Refusal> {
    let (recipe, endpoint) = bound(venue, slot, draft)?;
    if recipe.frame.is_some() {
        return Err(Refusal::Kind(recipe.name.clone()));
    }
    let class = recipe.class(draft.method, draft.path).ok_or_else(|| Refusal::Path {
        recipe: recipe.name.clone(),
        method: quoted(draft.method),
        path: quoted(draft.path),
    })?;
    allowed(slot, class)?;
    let (fill, target) = filled(recipe, endpoint, slot, draft, moment)?;
    let signature = fill.signature()?;
    let target = match &recipe.signature_param {
        None => target,
        Some(name) => {
            let mut query = Zeroizing::new(fill.query.to_string());
            if !query.is_empty() {
                query.push('&');
            }
            *query += &format!("{name}={}", fill::encoded(&signature));
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
    let request = Request::new(target, draft.method, &headers, body)?;
    // The copies that were checked are overwritten like the ones that are sent.
    headers.into_iter().for_each(|(_, value)| drop(Zeroizing::new(value)));
    Ok(Request { hidden, ..request })
}

/// A request that nobody signs, at an endpoint of the manifest: public data.
///
/// # Errors
/// No such endpoint, a path, query or header that is not plain, a path that moves money out, or a
/// header by which a recipe logs in.
pub fn unsigned(
    venue: &VenueManifest,
    draft: &Draft<'_>,
    headers: &[(String, String)],
) -> Result<Request, Refusal> {
    let unknown = || Refusal::Unknown { what: "endpoint", name: quoted(draft.endpoint) };
    let endpoint = venue.endpoint(draft.endpoint).ok_or_else(unknown)?;
    unmoved(&format!("{}{}", endpoint.base, draft.path))?;
    let signs = |name: &str| {
        let mut own = venue.recipes.iter().flat_map(|recipe| &recipe.headers);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        is("authorization") || (!is("content-type") && own.any(|(own, _)| is(own)))
    };
    if let Some(place) = headers.iter().position(|(name, _)| signs(name)) {
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
    let mut headers = headers.to_vec();
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

/// Signs the login of a WebSocket.
///
/// # Errors
/// As [`sign`].
pub fn login(
    venue: &VenueManifest,
    slot: &Slot,
    draft: &Draft<'_>,
    moment: Moment,
) -> Result<Login, Refusal> {
    let (recipe, endpoint) = bound(venue, slot, draft)?;
    let Some(frame) = recipe.frame.as_ref().filter(|_| endpoint.origin.scheme.is_socket()) else {
        return Err(Refusal::Kind(recipe.name.clone()));
    };
    allowed(slot, recipe.login)?;
    for (name, value) in draft.query {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:@!".contains(&b);
        if !(1..=ARGUMENT_BYTES_MAX).contains(&value.len()) || !value.bytes().all(plain) {
            return Err(Refusal::Argument(quoted(name)));
        }
        unmoved(value)?;
    }
    // Arguments reach the frame by name only; they are not part of the query that is signed.
    let (fill, target) = filled(recipe, endpoint, slot, &Draft { body: b"", ..*draft }, moment)?;
    let signature = fill.signature()?;
    let hidden = hidden(slot, &fill, &signature);
    Ok(Login { target, frame: fill.json(frame, &signature)?, hidden })
}

/// The recipe and endpoint of a draft, if these credentials may go there at all.
fn bound<'v>(
    venue: &'v VenueManifest,
    slot: &Slot,
    draft: &Draft<'_>,
) -> Result<(&'v Recipe, &'v Endpoint), Refusal> {
    let unknown = |what, name: &str| Refusal::Unknown { what, name: quoted(name) };
    let recipe = venue.recipe(draft.recipe).ok_or_else(|| unknown("recipe", draft.recipe))?;
    let endpoint =
        venue.endpoint(draft.endpoint).ok_or_else(|| unknown("endpoint", draft.endpoint))?;
    if !recipe.endpoints.contains(&endpoint.name) {
        let (recipe, endpoint) = (recipe.name.clone(), endpoint.name.clone());
        return Err(Refusal::Endpoint { recipe, endpoint });
    }
    if !slot.is_for(&endpoint.origin) {
        let (slot, origin) = (slot.name().clone(), endpoint.origin.to_string());
        return Err(Refusal::Host { slot, origin });
    }
    if !endpoint.origin.scheme.is_tls() && !on_this_machine(&endpoint.origin) {
        return Err(Refusal::Clear(endpoint.origin.to_string()));
    }
    unmoved(&format!("{}{}", endpoint.base, draft.path))?;
    Ok((recipe, endpoint))
}

fn on_this_machine(origin: &Origin) -> bool {
    use wickd_policy::net::AddressClass::Loopback;
    matches!(origin.host, Host::Address(address) if classify(address) == Loopback)
}

fn unmoved(text: &str) -> Result<(), Refusal> {
    match forbidden(text) {
        Some(word) => Err(Refusal::MoneyOut { path: quoted(text), word }),
        None => Ok(()),
    }
}

fn allowed(slot: &Slot, class: PathClass) -> Result<(), Refusal> {
    match class <= slot.allow() {
        true => Ok(()),
        false => Err(Refusal::Class(slot.name().clone())),
    }
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
    let path = match (draft.path, endpoint.base.as_str()) {
        ("" | "/", "") => "/".to_owned(),
        ("" | "/", base) => base.to_owned(),
        (path, base) => format!("{base}{path}"),
    };
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
