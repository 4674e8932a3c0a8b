//! What one venue's signer may sign: the host's catalogue and the operator's lines, less what is
//! withheld.

use super::Catalogue;
use super::leaf::Known;
use super::pattern::Pattern;
use super::write::{Write, WriteLine};
use crate::net::Origin;
use crate::venue::PathClass;

/// What the operator said of signing at a venue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signing {
    /// The catalogue that holds at an address the host does not know.
    pub catalogue: Option<Catalogue>,
    /// Lines of the operator's own.
    pub own: Catalogue,
}

/// Why a request is not signed, whatever its recipe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsignable {
    /// Nobody vouches for the path.
    Unlisted,
    /// It trades, and this signer was made without trade.
    Withheld,
}

/// What a request is.
#[derive(Clone, Debug)]
pub enum Class<'r> {
    /// It only reads.
    Read(&'r Catalogue),
    /// It changes an order; the lines of which one must agree with it.
    Trade(&'r Catalogue, Vec<&'r WriteLine>),
}

/// The lines a signer holds.
#[derive(Clone, Debug)]
pub struct Rights {
    own: Catalogue,
    named: Option<Catalogue>,
    /// The host's own, by their addresses.
    known: Vec<Catalogue>,
    trades: bool,
    withheld: Vec<Pattern>,
}

impl Rights {
    /// Everything the operator's words allow.
    pub fn new(signing: &Signing) -> Self {
        let named = signing.catalogue.clone();
        let known = super::KNOWN.iter().filter(|of| !of.hosts.is_empty()).cloned().collect();
        Self { own: signing.own.clone(), named, known, trades: true, withheld: Vec::new() }
    }

    /// The same without any line that trades: nothing is left to sign an order with.
    pub fn without_trade(mut self) -> Self {
        self.trades = false;
        let named = self.named.iter_mut();
        for catalogue in self.known.iter_mut().chain(named).chain([&mut self.own]) {
            self.withheld.extend(catalogue.writes.drain(..).map(|line| line.at));
            catalogue.logins.retain(|line| line.class == PathClass::Read);
        }
        self
    }

    /// Whether it may sign anything that trades.
    pub fn trades(&self) -> bool {
        self.trades
    }

    /// The operator's lines first, then the catalogue of the address; where the host does not know the
    /// address, the one the operator named.
    fn of(&self, origin: &Origin) -> impl Iterator<Item = &Catalogue> {
        let at = Catalogue::at(origin);
        let known = at.and_then(|at| self.known.iter().find(|of| of.name == at.name));
        std::iter::once(&self.own).chain(if at.is_some() { known } else { self.named.as_ref() })
    }

    /// The class of a request.
    ///
    /// # Errors
    /// It is in no list, or in one that is withheld.
    pub fn class(
        &self,
        origin: &Origin,
        method: &str,
        path: &str,
    ) -> Result<Class<'_>, Unsignable> {
        // Whatever an operator's line calls it, what trades trades.
        for catalogue in self.of(origin) {
            let covers = |line: &&WriteLine| line.at.covers(method, path);
            let lines: Vec<_> = catalogue.writes.iter().filter(covers).collect();
            if !lines.is_empty() {
                return Ok(Class::Trade(self.surroundings(origin, catalogue), lines));
            }
        }
        if self.withheld.iter().any(|line| line.covers(method, path)) {
            return Err(Unsignable::Withheld);
        }
        let reads =
            |catalogue: &&Catalogue| catalogue.reads.iter().any(|line| line.covers(method, path));
        let found = self.of(origin).find(reads).ok_or(Unsignable::Unlisted)?;
        Ok(Class::Read(self.surroundings(origin, found)))
    }

    /// An operator's line at a venue the host knows stands amid what that venue knows.
    fn surroundings<'r>(&'r self, origin: &Origin, found: &'r Catalogue) -> &'r Catalogue {
        let says_none = found.headers.is_empty() && found.signed.is_empty();
        match says_none {
            true => self.of(origin).last().unwrap_or(found),
            false => found,
        }
    }

    /// Whether a text is a login of the venue at this address and nothing else; its class.
    pub fn login(&self, origin: &Origin, text: &str, known: &Known<'_>) -> Option<PathClass> {
        let mut lines = self.of(origin).flat_map(|catalogue| &catalogue.logins);
        lines.find(|line| line.admits(text, known)).map(|line| line.class)
    }

    /// The lists of one address, for what an answer tells.
    pub fn catalogues(&self, origin: &Origin) -> impl Iterator<Item = &Catalogue> {
        self.of(origin)
    }
}

impl Class<'_> {
    /// The venue's knowledge around it.
    pub fn catalogue(&self) -> &Catalogue {
        match self {
            Self::Read(catalogue) | Self::Trade(catalogue, _) => catalogue,
        }
    }
}

/// Holds a request against the order it is for: one of the lines of its path must agree.
///
/// # Errors
/// What disagrees, for people.
pub fn agree(
    lines: &[&WriteLine],
    write: &Write,
    path: &str,
    fields: &[(String, String)],
    known: &Known<'_>,
) -> Result<(), String> {
    let mut why = format!("the path is not for this: {:?} on {}", write.does, write.product.name());
    for line in lines.iter().filter(|line| line.is_for(write)) {
        match line.agree(path, fields, known) {
            Ok(()) => return Ok(()),
            Err(text) => why = text,
        }
    }
    Err(why)
}
