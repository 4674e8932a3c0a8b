//! Faults on demand: which fault the next matching request or message suffers.
//!
//! Comes in: rules (scripted counts or chances with a seed) and what is about to happen. Goes out:
//! at most one fault for it, and how many of each were done. Deliberately absent: doing them, which
//! is `server` and `socket`; the bytes of a damaged message are `damage`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::{Rng, Sight};

/// Rules that can stand at once.
const RULES_MAX: usize = 100;
/// A chance is out of so many.
const CHANCES: u32 = 1_000_000;

/// What a request or a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// Placing an order.
    Create,
    /// Changing an order.
    Amend,
    /// Taking an order back.
    Cancel,
    /// Private reads.
    Query,
    /// Public reads.
    Market,
    /// Listen keys.
    Session,
    /// Messages of a public socket.
    WsPublic,
    /// Messages of a private socket.
    WsPrivate,
}

impl Route {
    fn is_socket(self) -> bool {
        matches!(self, Self::WsPublic | Self::WsPrivate)
    }
}

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The venue does it, and the connection closes without a reply.
    DropReply,
    /// The connection closes before the venue has read the request.
    DropRequest,
    /// Another status than the true one.
    Status {
        /// The HTTP status.
        code: u16,
        /// Whether the venue did what was asked nevertheless.
        accepted: bool,
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after_s: Option<u64>,
        /// The body; by default a page of HTML, as a gateway sends it.
        #[serde(default)]
        body: Option<String>,
    },
    /// The bytes come in pieces.
    Slow {
        /// Bytes per piece.
        chunk_bytes: usize,
        /// Milliseconds between pieces.
        every_ms: u64,
    },
    /// Waits until the venue is told to go on, whether or not anybody still waits for the answer.
    Hold {
        /// Whether what was asked for is done before the wait, or only after it.
        done: bool,
    },
    /// Half of the body or of the frame, then the end of the connection.
    Cut,
    /// JSON that is none.
    Malformed,
    /// Numbers as numbers where text is usual.
    NumbersBare,
    /// Numbers as text where numbers are usual.
    NumbersQuoted,
    /// A status word nobody has heard of.
    UnknownEnum,
    /// Compressed, and said so or not. On a socket it is a binary frame, and saying so is not possible.
    Gzip {
        /// Whether `Content-Encoding` says so.
        announced: bool,
    },
    /// A private read does not find orders that are younger than this, in lists neither.
    Lag {
        /// Milliseconds since the order came; a very large number is a read that never finds it.
        ms: u64,
        /// Of so many orders only one is missed, the same one each time.
        #[serde(default = "every_one")]
        one_in: u32,
    },
    /// OKX and Bybit: an amendment is acknowledged, and the order stays as it was. OKX says so later, on
    /// its private channel; Bybit says nothing.
    AmendFailsLater,
    /// OKX: the answer is that the order is under cancellation already; it is gone soon after.
    AlreadyCancelling,
    /// The socket stays open and answers, but says nothing of the market or the account any more.
    Stale,
    /// One message is left out.
    Gap,
    /// One message comes after the next one.
    Reorder,
    /// One message comes twice.
    Double,
}

fn every_one() -> u32 {
    1
}

impl Fault {
    fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.get("kind").and_then(|kind| kind.as_str()).unwrap_or("fault").to_owned()
    }

    /// How a request is answered that suffers it; `None` where the fault is not in the answer's sense.
    pub(crate) fn treatment(&self) -> Option<Treatment> {
        let plain = Treatment::default();
        Some(match self {
            Self::Lag { ms, one_in } => Treatment { sight: Sight::lagging(*ms, *one_in), ..plain },
            Self::AmendFailsLater => Treatment { amend_fails: true, ..plain },
            Self::AlreadyCancelling => Treatment { cancel_pends: true, ..plain },
            _ => return None,
        })
    }

    /// Whether it can happen to this route at all.
    fn fits(&self, route: Route) -> bool {
        match self {
            Self::DropReply | Self::DropRequest | Self::Status { .. } | Self::Hold { .. } => {
                !route.is_socket()
            }
            Self::Lag { .. } => route == Route::Query,
            Self::AmendFailsLater => route == Route::Amend,
            Self::AlreadyCancelling => route == Route::Cancel,
            Self::Stale | Self::Gap | Self::Reorder | Self::Double => route.is_socket(),
            Self::Gzip { announced } => !(*announced && route.is_socket()),
            _ => true,
        }
    }
}

/// How one request is answered: honestly, by default.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Treatment {
    /// What it finds of the orders.
    pub sight: Sight,
    /// An amendment is acknowledged and fails afterwards.
    pub amend_fails: bool,
    /// A cancellation is said to be under way already.
    pub cancel_pends: bool,
}

/// When a fault happens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// To what.
    pub routes: Vec<Route>,
    /// Only where path, query or message contain this.
    #[serde(default)]
    pub contains: Option<String>,
    /// Matches that pass unharmed first.
    #[serde(default)]
    pub after: u32,
    /// How often; once where there is no chance, without end where there is one.
    #[serde(default)]
    pub times: Option<u32>,
    /// Out of a million; always where it is absent.
    #[serde(default)]
    pub chance_ppm: Option<u32>,
}

impl Rule {
    /// A fault that happens to the next match.
    pub fn once(fault: Fault, route: Route) -> Self {
        Self { fault, routes: vec![route], contains: None, after: 0, times: None, chance_ppm: None }
    }

    /// A fault that happens by chance, out of a million.
    pub fn random(fault: Fault, routes: &[Route], chance_ppm: u32) -> Self {
        let routes = routes.to_vec();
        Self { fault, routes, contains: None, after: 0, times: None, chance_ppm: Some(chance_ppm) }
    }

    /// Only where path, query or message contain this.
    pub fn containing(self, text: &str) -> Self {
        Self { contains: Some(text.to_owned()), ..self }
    }
}

/// What `POST /control/faults` takes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Forget the rules there are.
    pub clear: bool,
    /// Start the chances anew from this seed.
    pub seed: Option<u64>,
    /// Rules to add; the first that matches happens.
    pub rules: Vec<Rule>,
}

/// A rule that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum BadPlan {
    /// The fault cannot happen to the route.
    #[error("a `{0}` cannot happen to {1:?}; take another route")]
    Misfit(String, Route),
    /// There is no route in it.
    #[error("a rule needs at least one route")]
    NoRoute,
    /// A slow body without bytes or an empty body would never end.
    #[error("`chunk_bytes` must be at least 1")]
    NoBytes,
    /// No HTTP status.
    #[error("{0} is no HTTP status; give 200 to 599")]
    Status(u16),
    /// Too many rules.
    #[error("at most {RULES_MAX} rules; clear the old ones")]
    Full,
}

/// The rules and what they did.
#[derive(Debug)]
pub(crate) struct Faults {
    rng: Rng,
    rules: Vec<Rule>,
    done: BTreeMap<String, u64>,
}

impl Faults {
    /// No rules yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), rules: Vec::new(), done: BTreeMap::new() }
    }

    /// Takes a plan whole or not at all.
    ///
    /// # Errors
    /// A [`BadPlan`]; nothing has changed then.
    pub(crate) fn plan(&mut self, plan: Plan) -> Result<(), BadPlan> {
        let standing = if plan.clear { 0 } else { self.rules.len() };
        if standing + plan.rules.len() > RULES_MAX {
            return Err(BadPlan::Full);
        }
        for rule in &plan.rules {
            if rule.routes.is_empty() {
                return Err(BadPlan::NoRoute);
            }
            if let Some(route) = rule.routes.iter().find(|route| !rule.fault.fits(**route)) {
                return Err(BadPlan::Misfit(rule.fault.name(), *route));
            }
            match rule.fault {
                Fault::Slow { chunk_bytes: 0, .. } => return Err(BadPlan::NoBytes),
                Fault::Status { code, .. } if !(200..600).contains(&code) => {
                    return Err(BadPlan::Status(code));
                }
                _ => {}
            }
        }
        if plan.clear {
            self.rules.clear();
        }
        if let Some(seed) = plan.seed {
            self.rng = Rng::new(seed);
        }
        self.rules.extend(plan.rules);
        Ok(())
    }

    /// The fault that happens to this, if any: the first rule that matches.
    pub(crate) fn pick(&mut self, route: Route, texts: &[&str]) -> Option<Fault> {
        let found = self.rules.iter_mut().position(|rule| {
            let contains =
                |wanted: &String| texts.iter().any(|text| text.contains(wanted.as_str()));
            if !rule.routes.contains(&route) || !rule.contains.as_ref().is_none_or(contains) {
                return false;
            }
            if rule.after > 0 {
                rule.after -= 1;
                return false;
            }
            rule.chance_ppm.is_none_or(|chance_ppm| self.rng.below(CHANCES) < chance_ppm)
        })?;
        let rule = &mut self.rules[found];
        let fault = rule.fault.clone();
        let left = rule.times.or(rule.chance_ppm.is_none().then_some(1));
        match left {
            Some(0 | 1) => {
                self.rules.remove(found);
            }
            Some(left) => rule.times = Some(left - 1),
            None => {}
        }
        *self.done.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    /// How many of each fault were done.
    pub(crate) fn done(&self) -> &BTreeMap<String, u64> {
        &self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripted_fault_happens_once_to_its_route_and_a_chance_keeps_its_rate() {
        let mut faults = Faults::new(1);
        let rules = vec![Rule::once(Fault::DropReply, Route::Create).containing("order")];
        faults.plan(Plan { rules, ..Plan::default() }).unwrap();
        assert_eq!(faults.pick(Route::Cancel, &["order"]), None);
        assert_eq!(faults.pick(Route::Create, &["other"]), None);
        assert_eq!(faults.pick(Route::Create, &["/order"]), Some(Fault::DropReply));
        assert_eq!(faults.pick(Route::Create, &["/order"]), None);
        let rules = vec![Rule::random(Fault::Gap, &[Route::WsPublic], 250_000)];
        faults.plan(Plan { clear: true, seed: Some(2), rules }).unwrap();
        let hits = (0..10_000).filter(|_| faults.pick(Route::WsPublic, &[]).is_some()).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
    }

    #[test]
    fn a_plan_with_a_rule_that_cannot_happen_is_refused_whole() {
        let mut faults = Faults::new(1);
        let rules = vec![
            Rule::once(Fault::DropReply, Route::Create),
            Rule::once(Fault::DropReply, Route::WsPublic),
        ];
        assert!(matches!(faults.plan(Plan { rules, ..Plan::default() }), Err(BadPlan::Misfit(..))));
        assert_eq!(faults.pick(Route::Create, &[]), None);
        let unknown = r#"{"rules":[{"fault":{"kind":"gap"},"routes":["ws-public"],"tims":3}]}"#;
        assert!(serde_json::from_str::<Plan>(unknown).is_err());
    }
}
