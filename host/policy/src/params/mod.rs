//! Parameters: what a plugin declares, checked; what an operator sets, typed and bounded.
//!
//! Comes in: the specs a guest returned from `schema`, and the settings of a slot as text with their
//! places. Goes out: one value for each spec, in the specs' order, each inside its domain; or every
//! fault. Numbers are compared as exact decimals. Deliberately absent: floats, and calling the guest.

mod domain;

use wickd_model::{Domain, Entry, Issue, Spec};

use crate::nearest::nearest;
use crate::yaml::{Place, Problem, quoted};

/// Most parameters of a plugin: the largest real one seen in other hosts has about 80.
pub const SPECS_MAX: usize = 256;
/// Longest dotted key, in bytes.
const KEY_BYTES_MAX: usize = 128;
/// Longest description of a parameter, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 512;

/// One value the operator set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The dotted key.
    pub key: String,
    /// The scalar as written.
    pub value: String,
    /// Where the key stands.
    pub key_place: Place,
    /// Where the value stands.
    pub value_place: Place,
}

/// A plugin's specs after they passed their check; nothing else can be resolved against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema(Vec<Spec>);

impl Schema {
    /// Checks what a guest declared.
    ///
    /// # Errors
    /// Every fault of every spec. It is the plugin author who mends them.
    pub fn new(specs: Vec<Spec>) -> Result<Self, Vec<Issue>> {
        if specs.len() > SPECS_MAX {
            let message = format!("{} parameters where {SPECS_MAX} are the most", specs.len());
            return Err(vec![Issue { key: "schema".to_owned(), message }]);
        }
        let mut issues: Vec<Issue> = specs.iter().filter_map(fault).collect();
        let mut keys: Vec<&str> = specs.iter().map(|spec| spec.key.as_str()).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            if pair[0] == pair[1] {
                issues.push(issue(pair[1], "is declared twice"));
            }
        }
        // A value and a map cannot stand under one key.
        for key in &keys {
            let inner = format!("{key}.");
            if keys.iter().any(|other| other.starts_with(&inner)) {
                issues.push(issue(key, "is a value here and the start of another key"));
            }
        }
        if issues.is_empty() { Ok(Self(specs)) } else { Err(issues) }
    }

    /// The specs, in the plugin's order.
    pub fn specs(&self) -> &[Spec] {
        &self.0
    }

    /// Types and bounds every setting and fills in the defaults: one entry per spec, in their order.
    ///
    /// # Errors
    /// Every unknown key, every key set twice, every value outside its domain.
    pub fn resolve(&self, settings: &[Setting]) -> Result<Vec<Entry>, Vec<Problem>> {
        let mut problems: Vec<Problem> = settings
            .iter()
            .filter(|setting| !self.0.iter().any(|spec| spec.key == setting.key))
            .map(|setting| self.unknown(setting))
            .collect();
        let mut entries = Vec::with_capacity(self.0.len());
        for spec in &self.0 {
            let mut set = settings.iter().filter(|setting| setting.key == spec.key);
            let value = match set.next() {
                None => spec.default.clone(),
                Some(setting) => match domain::read(&spec.domain, &setting.value) {
                    Ok(value) => value,
                    Err(refusal) => {
                        let reason = format!("`{}`: {}", spec.key, refusal.reason);
                        problems.push(Problem::new(&setting.value_place, reason, refusal.fix));
                        continue;
                    }
                },
            };
            for again in set {
                let reason = format!("`{}` is set twice", spec.key);
                problems.push(Problem::new(&again.key_place, reason, "keep one of the two"));
            }
            // Equal values have one spelling, so that equal configurations have one hash.
            entries.push(Entry { key: spec.key.clone(), value: domain::canonical(value) });
        }
        if problems.is_empty() { Ok(entries) } else { Err(problems) }
    }

    fn unknown(&self, setting: &Setting) -> Problem {
        let known = self.0.iter().map(|spec| spec.key.as_str());
        let reason = format!("the plugin has no parameter `{}`", quoted(&setting.key));
        let fix = match (nearest(&setting.key, known), self.0.len()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, 0) => "remove it; the plugin has no parameters".to_owned(),
            // A long list would bury the sentence.
            (None, 1..=12) => {
                let known: Vec<_> = self.0.iter().map(|spec| spec.key.as_str()).collect();
                format!("it has: {}", known.join(", "))
            }
            (None, many) => format!("it has {many}; `wickd inspect` lists them"),
        };
        Problem::new(&setting.key_place, reason, fix)
    }
}

fn issue(key: &str, message: impl Into<String>) -> Issue {
    Issue { key: quoted(key), message: message.into() }
}

/// The first thing wrong with a spec on its own.
fn fault(spec: &Spec) -> Option<Issue> {
    let segment = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if spec.key.len() > KEY_BYTES_MAX || !spec.key.split('.').all(segment) {
        let rule = "a key is words of a-z, 0-9 and '_' with dots between, 128 bytes at most";
        return Some(issue(&spec.key, rule));
    }
    if spec.description.len() > DESCRIPTION_BYTES_MAX {
        let message = format!("its description is longer than {DESCRIPTION_BYTES_MAX} bytes");
        return Some(issue(&spec.key, message));
    }
    if let Err(message) = domain::check(&spec.domain) {
        return Some(issue(&spec.key, message));
    }
    let default = domain::admit(&spec.domain, &spec.default);
    default.err().map(|refusal| issue(&spec.key, format!("its default: {}", refusal.reason)))
}

/// What a value of the domain looks like, for `inspect` and for messages.
pub fn describe(domain: &Domain) -> String {
    domain::describe(domain)
}

#[cfg(test)]
mod tests;
