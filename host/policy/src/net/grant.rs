//! What an operator grants, and whether a request is among it.
//!
//! Comes in: a `network:` list and a target. Goes out: a [`Permit`] for exactly that target, or a
//! [`Denial`] whose text is the line to add. Deliberately absent: counting denials, and anything
//! implied: a grant opens one scheme, one host or its direct children, one port, and no more.

use core::net::IpAddr;
use std::fmt;

use wickd_model::{PluginName, printable};

use super::address::{Reach, classify};
use super::target::{Host, Origin, Scheme, Target};
use crate::yaml::{Fields, Node, NodeKind, Place, Problem, Problems, quoted};

/// Most grants of one plugin: an exchange needs two, an alert one.
const GRANTS_MAX: usize = 64;
/// Most methods or paths of one grant.
const ITEMS_MAX: usize = 32;
/// Longest path that a denial proposes to grant, in bytes; a longer one is granted by its host.
const PROPOSED_BYTES_MAX: usize = 256;
/// Longest target quoted in a denial, in bytes.
const QUOTED_BYTES_MAX: usize = 256;

/// The methods a request may have.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const KEYS: [&str; 4] = ["to", "methods", "paths", "private"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exact(Host),
    /// One label before this name.
    Below(String),
}

/// One line of a `network:` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    scheme: Scheme,
    host: Pattern,
    port: u16,
    /// Empty: any.
    methods: Vec<&'static str>,
    /// Whole leading segments; empty: any.
    paths: Vec<String>,
    reach: Reach,
    /// Where it stands.
    pub place: Place,
}

/// Whether what is not granted is stopped, or only counted to try a policy out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enforcement {
    /// Deny.
    #[default]
    Enforce,
    /// Allow, and say what would have been denied.
    Count,
}

/// What one plugin may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// What happens to the rest.
    pub enforcement: Enforcement,
    /// The lines.
    pub lines: Vec<Grant>,
}

/// Leave for one plugin to send one request to one target. Only [`Grants::decide`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    plugin: PluginName,
    target: Target,
    method: String,
    reach: Reach,
    counted: Option<Denial>,
}

/// Why a request does not go out. Its text is bounded and printable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin `{plugin}` may not {method} {target}: {reason}; {fix}")]
pub struct Denial {
    /// Who asked.
    pub plugin: PluginName,
    /// How.
    pub method: String,
    /// For what, without the query.
    pub target: String,
    /// Why not.
    pub reason: String,
    /// The exact line that would grant it, or why there is none.
    pub fix: String,
}

impl Grant {
    /// Reads a grant: an origin alone, or a map with `to`, `methods`, `paths` and `private`.
    pub fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let NodeKind::Map(_) = node.kind {
            let fields = Fields::of(node, &KEYS, problems)?;
            let to = fields.need("to", problems)?;
            let reach = fields.get("private").map(Node::boolean).transpose();
            let reach = match problems.keep(reach)?.unwrap_or_default() {
                true => Reach::Private,
                false => Reach::Public,
            };
            let methods = fields.get("methods").map(methods).transpose();
            let paths = fields.get("paths").map(paths).transpose();
            let origin = problems.keep(origin(to, reach));
            let (methods, paths) = (problems.keep(methods), problems.keep(paths));
            let (scheme, host, port) = origin?;
            let (methods, paths) = (methods?.unwrap_or_default(), paths?.unwrap_or_default());
            if scheme == Scheme::Tcp && !(methods.is_empty() && paths.is_empty()) {
                let reason = "`tcp` has neither methods nor paths, so none can be kept to";
                problems.add(Problem::new(&node.place, reason, "grant `https`, or remove them"));
                return None;
            }
            let place = node.place.clone();
            return Some(Self { scheme, host, port, methods, paths, reach, place });
        }
        let (scheme, host, port) = problems.keep(origin(node, Reach::Public))?;
        let (methods, paths, place) = (Vec::new(), Vec::new(), node.place.clone());
        Some(Self { scheme, host, port, methods, paths, reach: Reach::Public, place })
    }

    fn covers(&self, origin: &Origin) -> bool {
        let host = match (&self.host, &origin.host) {
            (Pattern::Exact(granted), asked) => granted == asked,
            (Pattern::Below(rest), Host::Name(asked)) => child_of(asked, rest),
            (Pattern::Below(_), Host::Address(_)) => false,
        };
        host && self.scheme == origin.scheme && self.port == origin.port
    }

    fn admits(&self, method: &str, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.contains(&method))
            && (self.paths.is_empty() || self.paths.iter().any(|prefix| below(prefix, path)))
    }

    /// Whether everything that `other` opens is opened by this line alone.
    fn includes(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (Pattern::Below(rest), Pattern::Exact(Host::Name(name))) => child_of(name, rest),
            (granted, asked) => granted == asked,
        };
        let methods = self.methods.is_empty()
            || !other.methods.is_empty()
                && other.methods.iter().all(|method| self.methods.contains(method));
        let paths = self.paths.is_empty()
            || !other.paths.is_empty()
                && other.paths.iter().all(|path| self.paths.iter().any(|of| below(of, path)));
        host && methods
            && paths
            && (self.scheme, self.port) == (other.scheme, other.port)
            && (self.reach == Reach::Private || other.reach == Reach::Public)
    }
}

/// As an operator writes it, without the dash before it.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match &self.host {
            Pattern::Exact(host) => host.to_string(),
            Pattern::Below(rest) => format!("*.{rest}"),
        };
        write!(f, "{{to: '{}://{host}:{}'", self.scheme.name(), self.port)?;
        if !self.methods.is_empty() {
            write!(f, ", methods: [{}]", self.methods.join(", "))?;
        }
        if !self.paths.is_empty() {
            let paths: Vec<_> = self.paths.iter().map(|path| quote(path)).collect();
            write!(f, ", paths: [{}]", paths.join(", "))?;
        }
        if self.reach == Reach::Private {
            f.write_str(", private: true")?;
        }
        f.write_str("}")
    }
}

/// Whether a path is a prefix's own, or lies below it by whole segments.
fn below(prefix: &str, path: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

/// Whether a name is one label before another.
fn child_of(name: &str, rest: &str) -> bool {
    name.split_once('.').is_some_and(|(_, after)| after == rest)
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn origin(node: &Node, reach: Reach) -> Result<(Scheme, Pattern, u16), Problem> {
    let text = node.text()?;
    let fault = |reason: String, fix: &str| Problem::new(&node.place, reason, fix);
    let (parsed, wildcard) = match text.split_once("://*.") {
        Some((scheme, rest)) => (format!("{scheme}://{rest}"), true),
        None => (text.to_owned(), false),
    };
    if parsed.contains('*') {
        let reason = format!("`{}`: a `*` that is not the whole first label", quoted(text));
        return Err(fault(reason, "write `*.rest` at the start of the host"));
    }
    let target = Target::parse(&parsed)
        // Its own text leaves userinfo out: a password may have been written there.
        .map_err(|error| fault(format!("`{}`: {}", error.url, error.reason), error.fix))?;
    if target.path() != "/" || target.query().is_some() {
        return Err(fault(format!("`{}` has a path", quoted(text)), "put it under `paths`"));
    }
    let origin = target.origin();
    // A grant that reads unlike what it grants would mislead the operator.
    let written = parsed.trim_end_matches('/');
    let plain = [origin.to_string(), format!("{}://{}", origin.scheme.name(), origin.authority())];
    if !plain.iter().any(|form| form == written) {
        let reason = format!("`{}` means `{origin}`", quoted(text));
        return Err(fault(reason, "write the form it means"));
    }
    let pattern = match (&origin.host, wildcard) {
        (Host::Name(name), true) if name.contains('.') && reach == Reach::Public => {
            Pattern::Below(name.clone())
        }
        (_, true) => {
            let reason = format!("`{}` is too wide", quoted(text));
            return Err(fault(reason, "a `*` stands before two labels or more, public ones"));
        }
        (host, false) => Pattern::Exact(host.clone()),
    };
    if let Pattern::Exact(Host::Address(address)) = &pattern
        && let class = classify(*address)
        && !reach.admits(class)
    {
        let reason = format!("{address} is a {class} address");
        let fix = match Reach::Private.admits(class) {
            true => "add `private: true` if you mean it",
            false => "remove it: no grant opens such an address",
        };
        return Err(fault(reason, fix));
    }
    Ok((origin.scheme, pattern, origin.port))
}

fn methods(node: &Node) -> Result<Vec<&'static str>, Problem> {
    let words = METHODS.map(|word| (word, word));
    node.list(ITEMS_MAX)?.iter().map(|item| item.one_of(&words)).collect()
}

fn paths(node: &Node) -> Result<Vec<String>, Problem> {
    let path = |item: &Node| {
        let text = item.text_within(super::target::PATH_BYTES_MAX)?;
        let fault = |reason: &str, fix: &str| {
            let reason = format!("`{}`: {reason}", quoted(&text));
            Problem::new(&item.place, reason, fix)
        };
        if !text.starts_with('/') || text.contains('?') {
            return Err(fault("no path", "start it with `/`, without a query"));
        }
        let target = Target::parse(&format!("https://a.example{text}"));
        let target = target.map_err(|error| fault(error.reason, error.fix))?;
        match target.path() == text {
            true => Ok(text.clone()),
            false => Err(fault("another spelling", &format!("write `{}`", quoted(target.path())))),
        }
    };
    node.list(ITEMS_MAX)?.iter().map(path).collect()
}

impl Grants {
    /// Reads a `network:` list; what is wrong goes to `problems` and is left out.
    pub fn read(node: &Node, enforcement: Enforcement, problems: &mut Problems) -> Self {
        let items = problems.keep(node.list(GRANTS_MAX)).unwrap_or_default();
        let lines = items.iter().filter_map(|item| Grant::read(item, problems)).collect();
        Self { enforcement, lines }
    }

    /// The requested lines that no single line here includes, as an operator would add them.
    pub fn lacking(&self, requested: &Self) -> Vec<String> {
        let lacks = |line: &&Grant| !self.lines.iter().any(|granted| granted.includes(line));
        requested.lines.iter().filter(lacks).map(|line| format!("- {line}")).collect()
    }

    /// Whether a line says this very name.
    pub(super) fn names(&self, host: &str) -> bool {
        let exact =
            |line: &Grant| matches!(&line.host, Pattern::Exact(Host::Name(name)) if name == host);
        self.lines.iter().any(exact)
    }

    /// Whether `plugin` may ask what a name's addresses are: any line that names the host lets it, for
    /// a lookup is what every request to it starts with.
    ///
    /// # Errors
    /// No line does. While denials are only counted the answer is `Ok` with the denial.
    pub fn decide_lookup(
        &self,
        plugin: &PluginName,
        host: &str,
    ) -> Result<Option<Denial>, Box<Denial>> {
        let named = |line: &Grant| match &line.host {
            Pattern::Exact(Host::Name(name)) => name == host,
            Pattern::Exact(Host::Address(_)) => false,
            Pattern::Below(rest) => child_of(host, rest),
        };
        if self.lines.iter().any(named) {
            return Ok(None);
        }
        let host = printable(host.as_bytes(), QUOTED_BYTES_MAX);
        let denial = Denial {
            plugin: plugin.clone(),
            method: "look up".to_owned(),
            reason: "no grant names it".to_owned(),
            fix: format!("add `- {{to: 'tcp://{host}:PORT'}}` under its `network`"),
            target: host,
        };
        match self.enforcement {
            Enforcement::Enforce => Err(Box::new(denial)),
            Enforcement::Count => Ok(Some(denial)),
        }
    }

    /// Whether `plugin` may send `method` to `target`; a WebSocket is opened by `GET`.
    ///
    /// # Errors
    /// It is not granted, or leads to an address that its grant does not reach. While denials are
    /// only counted, what is not granted still passes, but never beyond public addresses.
    pub fn decide(
        &self,
        plugin: &PluginName,
        target: &Target,
        method: &str,
    ) -> Result<Permit, Box<Denial>> {
        let covering = || self.lines.iter().filter(|line| line.covers(target.origin()));
        let granted = covering()
            .filter(|line| line.admits(method, target.path()))
            .map(|line| line.reach)
            .max_by_key(|reach| *reach == Reach::Private);
        let permit = Permit {
            plugin: plugin.clone(),
            target: target.clone(),
            method: printable(method.as_bytes(), 16),
            reach: granted.unwrap_or(Reach::Public),
            counted: None,
        };
        if let Host::Address(address) = target.origin().host {
            permit.check(address)?;
        }
        if granted.is_some() {
            return Ok(permit);
        }
        let reason = match covering().next() {
            Some(line) => {
                format!("the grant in line {} is for other methods or paths", line.place.line)
            }
            None => "it is not granted".to_owned(),
        };
        let denial = permit.denial(reason, Reach::Public);
        match self.enforcement {
            Enforcement::Enforce => Err(Box::new(denial)),
            Enforcement::Count => Ok(Permit { counted: Some(denial), ..permit }),
        }
    }
}

impl Permit {
    /// Who may.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// Where to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// How far the grant reaches.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// What would have been denied, had the grants been enforced.
    pub fn counted(&self) -> Option<&Denial> {
        self.counted.as_ref()
    }

    /// Whether this very address may be dialled for it.
    ///
    /// # Errors
    /// The address is of a class that the grant does not reach.
    pub fn check(&self, address: IpAddr) -> Result<(), Box<Denial>> {
        let class = classify(address);
        if self.reach.admits(class) {
            return Ok(());
        }
        let reason = format!("{address} is a {class} address");
        let denial = match Reach::Private.admits(class) {
            true => self.denial(reason, Reach::Private),
            false => Denial {
                fix: "no grant opens such an address".to_owned(),
                ..self.denial(reason, Reach::Public)
            },
        };
        Err(Box::new(denial))
    }

    fn denial(&self, reason: String, reach: Reach) -> Denial {
        let path = self.target.path();
        let mut line = format!("to: {}", quote(&self.target.origin().to_string()));
        if METHODS.contains(&self.method.as_str()) {
            line += &format!(", methods: [{}]", self.method);
        }
        if path.len() <= PROPOSED_BYTES_MAX && path != "/" {
            line += &format!(", paths: [{}]", quote(path));
        }
        if reach == Reach::Private {
            line += ", private: true";
        }
        Denial {
            plugin: self.plugin.clone(),
            method: self.method.clone(),
            target: printable(self.target.to_string().as_bytes(), QUOTED_BYTES_MAX),
            reason,
            fix: format!("add `- {{{line}}}` under its `network`"),
        }
    }
}
