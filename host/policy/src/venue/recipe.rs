//! How requests to a venue are signed, as its adapter declares it.
//!
//! Comes in: an entry of `recipes:`. Goes out: a [`Recipe`]: what is signed, with which MAC, where the
//! result goes, for which requests. Deliberately absent: keys and signing; a recipe is data, and
//! `wickd-egress` is its only interpreter.

use super::path::PathRule;
use super::template::{Part, Scope, Template, is_word};
use crate::yaml::{Fields, Node, Problem, Problems, quoted};

/// Most headers, parameters or second MACs of one recipe: HTX has four parameters, OKX four headers.
const PLACED_MAX: usize = 12;
/// Most paths of one class: Binance's adapter lists 40.
const PATHS_MAX: usize = 256;
/// Most endpoints of one recipe.
const ENDPOINTS_MAX: usize = 16;
const KEYS: [&str; 14] = [
    "endpoints",
    "prehash",
    "mac",
    "form",
    "secret",
    "also",
    "params",
    "headers",
    "signature_param",
    "body",
    "frame",
    "login",
    "read",
    "trade",
];
/// Headers that frame a message or name its receiver: never a recipe's.
const FRAMING: [&str; 11] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "cookie",
    "proxy-authorization",
    "keep-alive",
];

/// The hash under the MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA384.
    Sha384,
    /// HMAC-SHA512.
    Sha512,
}

/// How the MAC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathClass {
    /// It only reads.
    Read,
    /// It changes orders or settings.
    Trade,
}

/// One way to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// What requests call it.
    pub name: String,
    /// The endpoints it signs for; never empty.
    pub endpoints: Vec<String>,
    /// What is signed.
    pub prehash: Template,
    /// With which hash.
    pub mac: Mac,
    /// Written how.
    pub form: Form,
    /// The credential field that keys the MAC.
    pub secret: String,
    /// Further texts under the same MAC, by name.
    pub also: Vec<(String, Template)>,
    /// Query parameters added behind the plugin's own, in order, before signing.
    pub params: Vec<(String, Template)>,
    /// Headers sent.
    pub headers: Vec<(String, Template)>,
    /// The query parameter that carries the signature, last.
    pub signature_param: Option<String>,
    /// The JSON body sent around the plugin's.
    pub body: Option<Template>,
    /// The JSON message that logs a WebSocket in, instead of a request.
    pub frame: Option<Template>,
    /// What such a login allows.
    pub login: PathClass,
    read: Vec<PathRule>,
    trade: Vec<PathRule>,
}

impl Recipe {
    /// The class of a request, if it may be signed at all; `path` is below the endpoint.
    pub fn class(&self, method: &str, path: &str) -> Option<PathClass> {
        let covered = |rules: &[PathRule]| rules.iter().any(|rule| rule.covers(method, path));
        // A path in both classes trades.
        match (covered(&self.trade), covered(&self.read)) {
            (true, _) => Some(PathClass::Trade),
            (false, true) => Some(PathClass::Read),
            (false, false) => None,
        }
    }

    pub(super) fn read(
        name: String,
        node: &Node,
        endpoints: &[super::Endpoint],
        credentials: &[String],
        problems: &mut Problems,
    ) -> Option<Self> {
        let fields = Fields::of(node, &KEYS, problems)?;
        let secret = fields.get("secret").map_or(Ok("secret".to_owned()), |n| n.text_within(32));
        let secret = problems.keep(secret)?;
        if !credentials.contains(&secret) {
            let reason = format!("`{}` keys the MAC and is no credential", quoted(&secret));
            problems.add(Problem::new(fields.place(), reason, "add it to `credentials`"));
        }
        let open: Vec<_> = credentials.iter().filter(|field| **field != secret).cloned().collect();
        let scope = Scope { credentials: &open, also: &[] };
        let also = placed(&fields, "also", scope, problems);
        let names: Vec<_> = also.iter().map(|(name, _)| name.clone()).collect();
        let scope = Scope { credentials: &open, also: &names };
        let template = |key: &str, problems: &mut Problems| {
            fields.get(key).and_then(|node| problems.keep(Template::read(node, scope)))
        };
        let bound = fields.need("endpoints", problems).map(|node| {
            let items = node.list(ENDPOINTS_MAX)?;
            items.iter().map(|item| super::endpoint_name(item, endpoints)).collect()
        });
        let bound: Option<Vec<String>> = bound.and_then(|it| problems.keep(it));
        fields.need("prehash", problems);
        let macs = [
            ("hmac-sha256", Mac::Sha256),
            ("hmac-sha384", Mac::Sha384),
            ("hmac-sha512", Mac::Sha512),
        ];
        let mac = fields.need("mac", problems).map(|node| node.one_of(&macs));
        let forms = [("hex", Form::Hex), ("base64", Form::Base64)];
        let form = fields.need("form", problems).map(|node| node.one_of(&forms));
        let logins = [("read", PathClass::Read), ("trade", PathClass::Trade)];
        let login = fields.get("login").map(|node| node.one_of(&logins)).transpose();
        let param = fields.get("signature_param").map(super::header_name).transpose();
        let recipe = Self {
            name,
            prehash: template("prehash", problems)?,
            params: placed(&fields, "params", scope, problems),
            headers: placed(&fields, "headers", scope, problems),
            body: template("body", problems),
            frame: template("frame", problems),
            read: paths(&fields, "read", problems),
            trade: paths(&fields, "trade", problems),
            mac: mac.and_then(|it| problems.keep(it))?,
            form: form.and_then(|it| problems.keep(it))?,
            signature_param: problems.keep(param)?,
            login: problems.keep(login)?.unwrap_or(PathClass::Trade),
            endpoints: bound?,
            secret,
            also,
        };
        recipe.check(&fields, problems);
        Some(recipe)
    }

    /// What no single key shows.
    fn check(&self, fields: &Fields<'_>, problems: &mut Problems) {
        let mut fault = |key: &str, reason: &str, fix: &str| {
            let place = fields.get(key).map_or(fields.place(), |node| &node.place);
            problems.add(Problem::new(place, reason, fix));
        };
        let signature = |part: &Part| *part == Part::Signature;
        if self.endpoints.is_empty() {
            fault("endpoints", "bound to no endpoint", "name one of `endpoints`");
        }
        for (key, templates) in [("also", &self.also), ("params", &self.params)] {
            if templates.iter().any(|(_, template)| template.has(signature)) {
                fault(key, "the signature before it is made", "place it in headers, body or frame");
            }
        }
        if self.prehash.has(signature) {
            fault("prehash", "the signature would sign itself", "remove `<signature>`");
        }
        // A second MAC over anything a plugin chooses would sign whatever it likes.
        let fixed = |part: &Part| matches!(part, Part::Literal(_) | Part::Credential(_));
        if self.also.iter().any(|(_, template)| template.has(|part| !fixed(part))) {
            fault("also", "a second MAC over something that changes", "use credentials only");
        }
        for (name, template) in &self.headers {
            if FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
                fault("headers", "a header that is the host's", "remove it");
            }
            let whole = |part: &Part| match part {
                Part::Literal(text) => !text.bytes().all(|b| (0x20..0x7f).contains(&b)),
                Part::Body | Part::Payload | Part::PayloadSorted => true,
                Part::ParamsConcat | Part::QueryRaw => true,
                _ => false,
            };
            if template.has(whole) {
                fault("headers", "a header that may hold a line end", "place something shorter");
            }
        }
        let placed = self.signature_param.is_some()
            || self.headers.iter().any(|(_, template)| template.has(signature))
            || self.body.iter().chain(&self.frame).any(|template| template.has(signature));
        if !placed {
            fault(
                "prehash",
                "the signature goes nowhere",
                "place `<signature>`, or `signature_param`",
            );
        }
        let request = !self.headers.is_empty()
            || self.signature_param.is_some()
            || self.body.is_some()
            || !self.read.is_empty()
            || !self.trade.is_empty();
        match &self.frame {
            Some(_) if request => {
                fault("frame", "a login and a request in one", "write two recipes");
            }
            None if self.read.is_empty() && self.trade.is_empty() => {
                fault("endpoints", "no path to sign", "list some under `read` or `trade`");
            }
            None if fields.get("login").is_some() => {
                fault("login", "a login without a `frame`", "remove it, or add the frame");
            }
            _ => {}
        }
    }
}

fn placed(
    fields: &Fields<'_>,
    key: &str,
    scope: Scope<'_>,
    problems: &mut Problems,
) -> Vec<(String, Template)> {
    let entries = fields.get(key).map(|node| node.map(PLACED_MAX));
    let entries = entries.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
    let mut all: Vec<(String, Template)> = Vec::new();
    for (name, node) in entries {
        let token = !name.text.is_empty()
            && name.text.len() <= 64
            && name.text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let twice = all.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name.text));
        let taken =
            key == "also" && (is_word(&name.text) || scope.credentials.contains(&name.text));
        if !token || twice || taken {
            let reason = format!("`{}` is no name here", quoted(&name.text));
            problems.add(Problem::new(
                &name.place,
                reason,
                "use letters, digits, `-` and `_`, once",
            ));
        }
        if let Some(template) = problems.keep(Template::read(node, scope)) {
            all.push((name.text.clone(), template));
        }
    }
    all
}

fn paths(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Vec<PathRule> {
    let items = fields.get(key).map(|node| node.list(PATHS_MAX));
    let items = items.and_then(|outcome| problems.keep(outcome)).unwrap_or_default();
    items.iter().filter_map(|node| problems.keep(PathRule::read(node))).collect()
}
