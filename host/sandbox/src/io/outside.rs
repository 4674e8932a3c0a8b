//! One plugin's way outside: every request, lookup and socket of it is decided here.
//!
//! Comes in: what the guest asks for, through `wasi:http`, `wasi:sockets` and the WebSocket import.
//! Goes out: permits for egress, and each refusal, told once at the place where it happened.
//! Deliberately absent: sending; that is egress's, and for raw sockets wasmtime's, to exactly the
//! address that was checked here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use wickd_egress::dial::Resolve;
use wickd_egress::http::{Bounds, Http};
use wickd_egress::tls::Tls;
use wickd_model::PluginName;
use wickd_policy::net::{Denial, Host, Permit, Rights, Target, TargetError};

use super::quota::NewNames;

/// Open WebSockets of one plugin.
pub(crate) const SOCKETS_MAX: usize = 8;
/// Bytes of answers that a plugin holds and has not dropped, over all its requests.
pub(crate) const HELD_BYTES_MAX: usize = 16 << 20;
/// Addresses whose names are remembered; beyond it all are forgotten and looked up again.
const NAMES_MAX: usize = 1_024;

/// What a utility's or feed's request may take: it talks to webhooks and quotes, not to archives.
const BOUNDS: Bounds = Bounds {
    connect_ms: 3_000,
    total_ms: 10_000,
    header_bytes: 32 << 10,
    headers: 100,
    body_bytes: 4 << 20,
    in_flight: 16,
};

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedKind {
    /// It was not granted, and nothing left.
    Denied,
    /// It was not granted, and went out because denials are only counted.
    Counted,
    /// It was granted, and met a bound.
    Limited,
}

/// One attempt that did not simply pass. Both texts are bounded and printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What became of it.
    pub kind: RefusedKind,
    /// Who wanted what, and why not.
    pub text: String,
    /// The line to add, or what else to do.
    pub fix: String,
}

/// What egress is reached with.
pub(crate) struct Ways {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Tls,
    pub(crate) http: Http,
}

/// The way of one plugin.
pub struct Outside {
    rights: Rights,
    ways: Option<Ways>,
    /// What it has made up of names today, and how many it may.
    new_names: Arc<NewNames>,
    new_names_max: u32,
    told: Box<dyn Fn(Refused) + Send + Sync>,
    /// The names each address was given for: a raw socket has no name of its own to be judged by.
    names: Mutex<BTreeMap<IpAddr, BTreeSet<String>>>,
    pub(crate) sockets: Arc<Semaphore>,
    pub(crate) held: Arc<Semaphore>,
}

impl Outside {
    /// A way for what `rights` allow, with connections of its own, and at most `new_names_max` names a
    /// day where no grant says them. `told` hears every refusal, on the thread where it happens.
    pub fn new(
        rights: Rights,
        (new_names, new_names_max): (Arc<NewNames>, u32),
        resolver: Arc<dyn Resolve>,
        tls: Tls,
        told: impl Fn(Refused) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let http = Http::new(resolver.clone(), tls.clone(), BOUNDS);
        let ways = Some(Ways { resolver, tls, http });
        Self::with(rights, (new_names, new_names_max), ways, Box::new(told))
    }

    /// No way at all: for asking a plugin its parameters.
    pub fn shut(plugin: PluginName) -> Arc<Self> {
        Self::with(Rights::none(plugin), (Arc::default(), 0), None, Box::new(|_| {}))
    }

    fn with(
        rights: Rights,
        (new_names, new_names_max): (Arc<NewNames>, u32),
        ways: Option<Ways>,
        told: Box<dyn Fn(Refused) + Send + Sync>,
    ) -> Arc<Self> {
        let sockets = Arc::new(Semaphore::new(SOCKETS_MAX));
        let held = Arc::new(Semaphore::new(HELD_BYTES_MAX));
        let names = Mutex::default();
        Arc::new(Self { rights, ways, new_names, new_names_max, told, names, sockets, held })
    }

    pub(crate) fn ways(&self) -> Option<&Ways> {
        self.ways.as_ref()
    }

    /// Tells a denial.
    pub(crate) fn denied(&self, denial: &Denial) {
        self.tell_denial(RefusedKind::Denied, denial);
    }

    fn tell_denial(&self, kind: RefusedKind, denial: &Denial) {
        let Denial { plugin, method, target, reason, fix } = denial;
        let text = format!("plugin `{plugin}` may not {method} {target}: {reason}");
        (self.told)(Refused { kind, text, fix: fix.clone() });
    }

    /// Tells anything else.
    pub(crate) fn tell(&self, kind: RefusedKind, what: &str, fix: &str) {
        let text = format!("plugin `{}`: {what}", self.rights.plugin());
        (self.told)(Refused { kind, text, fix: fix.to_owned() });
    }

    fn odd(&self, error: &TargetError) {
        let what = format!("`{}` is refused: {}", error.url, error.reason);
        self.tell(RefusedKind::Denied, &what, error.fix);
    }

    /// Leave for one request; `Err` carries the text of the denial, which was told.
    pub(crate) fn permit(&self, url: &str, method: &str) -> Result<Permit, String> {
        let target = Target::parse(url).map_err(|error| {
            self.odd(&error);
            error.to_string()
        })?;
        let permit = self.rights.decide(&target, method).map_err(|denial| {
            self.denied(&denial);
            denial.to_string()
        })?;
        if let Host::Name(name) = &target.origin().host
            && !self.may_name(name)
        {
            return Err(self.too_many_names());
        }
        if let Some(denial) = permit.counted() {
            self.tell_denial(RefusedKind::Counted, denial);
        }
        Ok(permit)
    }

    /// Whether a grant says this name, or it is one of the few that need not be said.
    fn may_name(&self, name: &str) -> bool {
        let may = self.rights.names(name)
            || self.new_names.admit(name, self.new_names_max, Instant::now());
        if !may {
            // Without the name, so that it is told once.
            let fix = "grant the names themselves, or raise `limits.new_names_per_day`";
            self.tell(RefusedKind::Denied, &self.too_many_names(), fix);
        }
        may
    }

    fn too_many_names(&self) -> String {
        format!(
            "more than {} new names in a day through a wildcard grant: each could carry data out",
            self.new_names_max
        )
    }

    /// The host a lookup is for, if it may be made. `None` was told.
    pub(crate) fn may_look_up(&self, name: &str) -> Option<Host> {
        // The same reader as for URLs, so that one name has one meaning.
        let bare_v6 = name.parse::<std::net::Ipv6Addr>().is_ok();
        let name = if bare_v6 { format!("[{name}]") } else { name.to_owned() };
        let host = match Target::parse(&format!("tcp://{name}:1")) {
            Ok(target) => target.origin().host.clone(),
            Err(error) => {
                self.odd(&error);
                return None;
            }
        };
        let Host::Name(text) = &host else { return Some(host) };
        let decided = self.rights.decide_lookup(text);
        if decided.is_ok() && !self.may_name(text) {
            return None;
        }
        match decided {
            Ok(None) => Some(host),
            Ok(Some(denial)) => {
                self.tell_denial(RefusedKind::Counted, &denial);
                Some(host)
            }
            Err(denial) => {
                self.denied(&denial);
                None
            }
        }
    }

    /// Remembers what a name's addresses are.
    pub(crate) fn resolved(&self, name: &str, addresses: &[IpAddr]) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() + addresses.len() > NAMES_MAX {
            names.clear();
        }
        for address in addresses {
            names.entry(address.to_canonical()).or_default().insert(name.to_owned());
        }
    }

    /// Whether a raw connection to this address may be made: by its own grant, or by that of a name
    /// the plugin has looked up to it; and the address must be within that grant's reach.
    pub(crate) fn may_connect(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let names = names.get(&ip).cloned().unwrap_or_default();
        let hosts = names.into_iter().map(Host::Name).chain([Host::Address(ip)]);
        let mut first = None;
        let mut counted = None;
        for host in hosts {
            let text = format!("tcp://{host}:{}", address.port());
            let Ok(target) = Target::parse(&text) else { continue };
            let permit = self.rights.decide(&target, "CONNECT");
            match permit.and_then(|permit| permit.check(ip).map(|()| permit)) {
                Ok(permit) => match permit.counted() {
                    None => return true,
                    Some(denial) => counted = Some(denial.clone()),
                },
                Err(denial) => {
                    first.get_or_insert(denial);
                }
            }
        }
        match (counted, first) {
            (Some(denial), _) => {
                self.tell_denial(RefusedKind::Counted, &denial);
                true
            }
            (None, Some(denial)) => {
                self.denied(&denial);
                false
            }
            (None, None) => self.never("connect to", address),
        }
    }

    /// What nobody may; always false.
    pub(crate) fn never(&self, what: &str, address: SocketAddr) -> bool {
        let text = format!("it may not {what} {address}");
        self.tell(
            RefusedKind::Denied,
            &text,
            "no grant opens that; connect by TCP, HTTP or WebSocket",
        );
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_policy::net::{Enforcement, Grants, Requested};
    use wickd_policy::yaml::{Problems, parse};

    /// A way for these grants that leads nowhere, and what it told.
    fn outside(
        granted: &str,
        enforcement: Enforcement,
    ) -> (Arc<Outside>, Arc<Mutex<Vec<Refused>>>) {
        let mut problems = Problems::default();
        let granted = Grants::read(&parse(granted, 999).unwrap(), enforcement, &mut problems);
        assert!(problems.is_empty());
        let told = Arc::<Mutex<Vec<Refused>>>::default();
        let heard = told.clone();
        let rights = Rights::new("alert".parse().unwrap(), &Requested::AsGranted, granted);
        let tell = move |refused| heard.lock().unwrap().push(refused);
        (Outside::with(rights, (Arc::default(), 4), None, Box::new(tell)), told)
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[test]
    fn a_name_that_turns_private_leads_nowhere() {
        let (outside, told) = outside("['tcp://db.example.org:5432']", Enforcement::Enforce);
        assert!(!outside.may_connect(at("8.8.8.8:5432")), "before it was looked up");
        assert!(outside.may_look_up("db.example.org").is_some());
        outside.resolved("db.example.org", &["8.8.8.8".parse().unwrap()]);
        assert!(outside.may_connect(at("8.8.8.8:5432")));
        assert!(!outside.may_connect(at("8.8.8.8:5433")), "another port");
        assert!(!outside.may_connect(at("10.0.0.1:5432")), "not the name's");
        outside.resolved("db.example.org", &["10.0.0.1".parse().unwrap()]);
        assert!(!outside.may_connect(at("10.0.0.1:5432")), "the name's, and private");
        outside.resolved("db.example.org", &["169.254.169.254".parse().unwrap()]);
        assert!(!outside.may_connect(at("169.254.169.254:5432")));
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 5);
        assert!(told.iter().all(|refused| refused.kind == RefusedKind::Denied));
        assert!(told[3].text.contains("db.example.org"), "{:?}", told[3]);
    }

    #[test]
    fn a_name_that_nobody_granted_is_not_asked_for() {
        let (outside, told) = outside("['https://*.example.org']", Enforcement::Enforce);
        for name in ["a.example.org", "A.Example.ORG", "127.0.0.1", "::1"] {
            assert!(outside.may_look_up(name).is_some(), "{name}");
        }
        for name in [
            "evil.example",
            "a.b.example.org",
            "example.org",
            "a.example.org.",
            "a@b",
            "",
            "a.exаmple.org",
        ] {
            assert!(outside.may_look_up(name).is_none(), "{name}");
        }
        assert_eq!(told.lock().unwrap().len(), 7);
    }

    #[test]
    fn a_wildcard_is_no_letter_box() {
        let grants = "['https://*.example.org', 'https://named.example.org']";
        let (outside, told) = outside(grants, Enforcement::Enforce);
        let asked = (0..5_000)
            .filter(|number| match number % 2 {
                0 => outside.may_look_up(&format!("a{number}.example.org")).is_some(),
                _ => outside.permit(&format!("https://b{number}.example.org/"), "GET").is_ok(),
            })
            .count();
        assert_eq!(asked, 4);
        assert!(outside.permit("https://named.example.org/", "GET").is_ok(), "that one is said");
        assert!(outside.may_look_up("named.example.org").is_some());
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 4_996, "each is counted");
        assert!(told.iter().all(|refused| refused == &told[0]), "and told as one");
    }

    #[test]
    fn counting_passes_public_addresses_alone() {
        let (outside, told) = outside("[]", Enforcement::Count);
        assert!(outside.may_connect(at("8.8.8.8:53")));
        assert!(!outside.may_connect(at("127.0.0.1:53")));
        assert!(!outside.may_connect(at("[::ffff:10.0.0.1]:53")));
        assert!(outside.permit("https://a.example/", "GET").is_ok());
        assert!(outside.permit("https://169.254.169.254/", "GET").is_err());
        let kinds: Vec<_> = told.lock().unwrap().iter().map(|refused| refused.kind).collect();
        use RefusedKind::{Counted, Denied};
        assert_eq!(kinds, [Counted, Denied, Denied, Counted, Denied]);
    }
}
