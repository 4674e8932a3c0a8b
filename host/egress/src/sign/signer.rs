//! A venue's signer: its credentials and what they may be used for.
//!
//! Comes in: drafts of an adapter, under its manifest. Goes out: requests and logins that the host itself
//! agrees with. The manifest can only narrow: what a request is, where a login's parts stand and which
//! fields carry an order, the host's catalogue and the operator say. A signer made without trade holds no
//! line that trades, so there is nothing to talk it into. Deliberately absent: the adapter's word.

use std::cell::RefCell;
use std::collections::BTreeMap;

use wickd_policy::net::{Host, Origin, classify};
use wickd_policy::venue::catalogue::{
    self, Amount, Catalogue, Class, Known, Order, Rights, Signing, Unsignable,
};
use wickd_policy::venue::{Endpoint, Part, PathClass, Recipe, Template, VenueManifest};

use super::{
    Assembled, Draft, Moment, Refusal, assemble, filled, hidden, quoted, unmoved, unmoved_fields,
    whole_path,
};
use crate::request::{Login, Request};
use crate::secret::Slot;

/// Longest argument of a login, in bytes: a channel or a market.
const ARGUMENT_BYTES_MAX: usize = 64;
/// Most contracts kept: OKX lists some thousand. What is more is not traded.
const CONTRACTS_MAX: usize = 20_000;

/// The signer of one venue.
pub struct Signer {
    slot: Slot,
    rights: Rights,
    /// Base units of one contract by market, as the venue itself told.
    contracts: RefCell<BTreeMap<String, Amount>>,
}

impl Signer {
    /// For these credentials, under the operator's words; without `trade`, or with credentials that only
    /// read, no line that trades is in it.
    pub fn new(slot: Slot, signing: &Signing, trade: bool) -> Self {
        let rights = Rights::new(signing);
        let rights = match trade && slot.allow() == PathClass::Trade {
            true => rights,
            false => rights.without_trade(),
        };
        Self { slot, rights, contracts: RefCell::default() }
    }

    /// Its credentials, to have them struck out of answers.
    pub fn slot(&self) -> &Slot {
        &self.slot
    }

    /// Takes in what a venue's answer tells of its contracts.
    pub fn answered(&self, origin: &Origin, method: &str, path: &str, body: &[u8]) {
        let tells = |catalogue: &&Catalogue| catalogue.tells_contracts(method, path);
        let Some(catalogue) = self.rights.catalogues(origin).find(tells) else { return };
        let mut contracts = self.contracts.borrow_mut();
        for (name, size) in catalogue.contract_sizes(method, path, body) {
            if contracts.len() < CONTRACTS_MAX || contracts.contains_key(&name) {
                contracts.insert(name, size);
            }
        }
    }

    /// Signs a request.
    ///
    /// # Errors
    /// Whatever the recipe, the slot, the catalogue or the order does not allow: see [`Refusal`].
    pub fn sign(
        &self,
        venue: &VenueManifest,
        draft: &Draft<'_>,
        moment: Moment,
    ) -> Result<Request, Refusal> {
        let (recipe, endpoint) = self.bound(venue, draft)?;
        if recipe.frame.is_some() {
            return Err(Refusal::Kind(recipe.name.clone()));
        }
        let claimed = recipe.class(draft.method, draft.path).ok_or_else(|| Refusal::Path {
            recipe: recipe.name.clone(),
            method: quoted(draft.method),
            path: quoted(draft.path),
        })?;
        let path = whole_path(endpoint, draft.path);
        let (method, path) = (draft.method, path.as_str());
        let class = self.rights.class(&endpoint.origin, method, path);
        let class = class.map_err(|why| self.unsignable(why, &endpoint.origin, method, path))?;
        let trades = claimed == PathClass::Trade || matches!(class, Class::Trade(..));
        if trades && !self.rights.trades() {
            return Err(self.withheld());
        }
        if trades && draft.order.is_none() {
            return Err(Refusal::Question { method: quoted(method), path: quoted(path) });
        }
        let own = |(name, value): &&(String, String)| {
            !name.eq_ignore_ascii_case("content-type") && !class.catalogue().may_set(name, value)
        };
        if let Some((name, _)) = draft.headers.iter().find(own) {
            return Err(Refusal::OwnHeader(quoted(name)));
        }
        self.keeps_secrets(recipe, Some(class.catalogue()))?;
        let made = assemble(recipe, endpoint, &self.slot, draft, moment)?;
        self.agrees(&class, path, draft, &made, moment)?;
        let own = draft.headers.iter().filter(|(name, _)| {
            !made.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
        });
        let headers: Vec<_> = made.headers.iter().chain(own).cloned().collect();
        let request = Request::new(made.target, method, &headers, made.body)?;
        // The copies that were checked are overwritten like the ones that are sent.
        let copies = headers.into_iter().chain(made.headers).chain(made.pairs);
        copies.for_each(|(_, value)| drop(zeroize::Zeroizing::new(value)));
        Ok(Request { hidden: made.hidden, ..request })
    }

    /// Holds the whole message against the catalogue and the order.
    fn agrees(
        &self,
        class: &Class<'_>,
        path: &str,
        draft: &Draft<'_>,
        made: &Assembled,
        moment: Moment,
    ) -> Result<(), Refusal> {
        let catalogue = class.catalogue();
        let mut fields = made.pairs.clone();
        fields.extend(catalogue::fields(&made.body).ok_or_else(|| match draft.order {
            Some(_) => Refusal::Contradicts(
                "a field of its body stands twice, or it is no JSON".to_owned(),
            ),
            None => Refusal::Json,
        })?);
        let symbols = draft.order.map(|write| catalogue.symbols(write)).unwrap_or_default();
        let contracts = self.contracts.borrow();
        let order = draft.order.map(|write| Order {
            write,
            symbols: &symbols,
            contract: symbols.iter().find_map(|symbol| contracts.get(symbol)).copied(),
        });
        let is_credential = |field: &str, text: &str| self.slot.field(field) == Some(text);
        let is_sealed = |text: &str| made.sealed.iter().any(|sealed| sealed.as_str() == text);
        let known = Known {
            is_credential: &is_credential,
            signature: &made.signature,
            is_sealed: &is_sealed,
            now_ms: moment.venue_ms,
            window_ms: moment.recv_ms,
            nonce: moment.nonce,
            name: catalogue.name_of(path),
            order,
        };
        let around = catalogue.surrounds(&made.headers, &fields, &known);
        around.map_err(Refusal::Surroundings)?;
        let own = catalogue.own_fields(fields);
        unmoved_fields(&own)?;
        match (class, draft.order) {
            (Class::Trade(_, lines), Some(write)) => {
                catalogue::agree(lines, write, path, &own, &known).map_err(Refusal::Contradicts)
            }
            _ => Ok(()),
        }
    }

    /// Signs the login of a WebSocket.
    ///
    /// # Errors
    /// As [`Self::sign`]; and the frame must be a login that the venue documents, member by member.
    pub fn login(
        &self,
        venue: &VenueManifest,
        draft: &Draft<'_>,
        moment: Moment,
    ) -> Result<Login, Refusal> {
        let (recipe, endpoint) = self.bound(venue, draft)?;
        let Some(frame) = recipe.frame.as_ref().filter(|_| endpoint.origin.scheme.is_socket())
        else {
            return Err(Refusal::Kind(recipe.name.clone()));
        };
        if recipe.login == PathClass::Trade && !self.rights.trades() {
            return Err(self.withheld());
        }
        for (name, value) in draft.query {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:@!".contains(&b);
            if !(1..=ARGUMENT_BYTES_MAX).contains(&value.len()) || !value.bytes().all(plain) {
                return Err(Refusal::Argument(quoted(name)));
            }
            unmoved(value)?;
        }
        self.keeps_secrets(recipe, None)?;
        // Arguments reach the frame by name only; they are not part of the query that is signed.
        let draft = &Draft { body: b"", ..*draft };
        let (fill, target) = filled(recipe, endpoint, &self.slot, draft, moment)?;
        let signature = fill.signature()?;
        let text = fill.json(frame, &signature)?;
        let is_credential = |field: &str, text: &str| self.slot.field(field) == Some(text);
        let known = Known {
            is_credential: &is_credential,
            signature: &signature,
            is_sealed: &|text| fill.also.iter().any(|sealed| sealed.as_str() == text),
            now_ms: moment.venue_ms,
            window_ms: moment.recv_ms,
            nonce: moment.nonce,
            name: "",
            order: None,
        };
        if self.rights.login(&endpoint.origin, &text, &known).is_none() {
            return Err(Refusal::Login(recipe.name.clone()));
        }
        let hidden = hidden(&self.slot, &fill, &signature);
        Ok(Login { target, frame: text, hidden })
    }

    fn withheld(&self) -> Refusal {
        match self.slot.allow() {
            PathClass::Read => Refusal::Class(self.slot.name().clone()),
            PathClass::Trade => Refusal::Withheld,
        }
    }

    fn unsignable(&self, why: Unsignable, origin: &Origin, method: &str, path: &str) -> Refusal {
        match why {
            Unsignable::Withheld => self.withheld(),
            Unsignable::Unlisted => Refusal::Unlisted {
                method: quoted(method),
                path: quoted(path),
                origin: origin.to_string(),
            },
        }
    }

    /// The recipe and endpoint of a draft, if these credentials may go there at all.
    pub(super) fn bound<'v>(
        &self,
        venue: &'v VenueManifest,
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
        if !self.slot.is_for(&endpoint.origin) {
            let (slot, origin) = (self.slot.name().clone(), endpoint.origin.to_string());
            return Err(Refusal::Host { slot, origin });
        }
        if !endpoint.origin.scheme.is_tls() && !on_this_machine(&endpoint.origin) {
            return Err(Refusal::Clear(endpoint.origin.to_string()));
        }
        unmoved(&format!("{}{}", endpoint.base, draft.path))?;
        Ok((recipe, endpoint))
    }

    /// A secret keys a MAC, is sealed under one, or stands in a header that the venue has for it. A
    /// frame's members are held against the venue's login one by one.
    fn keeps_secrets(&self, recipe: &Recipe, around: Option<&Catalogue>) -> Result<(), Refusal> {
        let name = || recipe.name.clone();
        if !self.slot.is_secret(&recipe.secret) {
            return Err(Refusal::OpenKey { recipe: name(), field: recipe.secret.clone() });
        }
        let secret_in = |template: &Template| {
            template.parts().iter().find_map(|part| match part {
                Part::Credential(field) if self.slot.is_secret(field) => Some(field.clone()),
                _ => None,
            })
        };
        let refused = |field: String, place| Err(Refusal::Secret { recipe: name(), field, place });
        if let Some(field) = secret_in(&recipe.prehash) {
            return refused(field, "text to sign");
        }
        if let Some(field) = recipe.params.iter().find_map(|(_, template)| secret_in(template)) {
            return refused(field, "query");
        }
        if let Some(field) = recipe.body.as_ref().and_then(secret_in) {
            return refused(field, "body");
        }
        for (header, template) in &recipe.headers {
            let Some(field) = secret_in(template) else { continue };
            let whole = template.parts().len() == 1;
            let has_place = around.is_some_and(|around| around.takes_in_header(header, &field));
            if !whole || !has_place {
                return refused(field, "headers");
            }
        }
        Ok(())
    }
}

fn on_this_machine(origin: &Origin) -> bool {
    use wickd_policy::net::AddressClass::Loopback;
    matches!(origin.host, Host::Address(address) if classify(address) == Loopback)
}
