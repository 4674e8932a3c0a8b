//! What a plugin of the I/O tier may reach: what it requests, as far as it is granted.
//!
//! Comes in: the manifest's `network:` and the operator's. Goes out: decisions that pass both.
//! Deliberately absent: the sidecar; it belongs to the file and not to the operator's grants.

use wickd_model::PluginName;

use super::grant::{Denial, Enforcement, Grants, Permit};
use super::target::Target;
use crate::yaml::{Node, NodeKind, Problems};

/// What a manifest says where the author cannot know the host, because it is a parameter.
const AS_GRANTED: &str = "as-granted";

/// What a manifest requests under `network`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// These lines and no more.
    Lines(Grants),
    /// Whatever the operator grants: `network: as-granted`.
    AsGranted,
}

impl Default for Requested {
    fn default() -> Self {
        Self::Lines(Grants::default())
    }
}

impl Requested {
    /// Reads the list, or the word; what is wrong goes to `problems` and is left out.
    pub fn read(node: &Node, problems: &mut Problems) -> Self {
        match &node.kind {
            NodeKind::Scalar(text) if text == AS_GRANTED => Self::AsGranted,
            _ => Self::Lines(Grants::read(node, Enforcement::Enforce, problems)),
        }
    }

    /// The lines as they would be written; the word alone where it is that.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Lines(grants) => grants.lines.iter().map(ToString::to_string).collect(),
            Self::AsGranted => vec![AS_GRANTED.to_owned()],
        }
    }

    /// The lines that `granted` lacks, as an operator would add them.
    pub fn lacked_by(&self, granted: &Grants) -> Vec<String> {
        match self {
            Self::Lines(requested) => granted.lacking(requested),
            Self::AsGranted => Vec::new(),
        }
    }
}

/// Requested ∩ granted, for one plugin.
#[derive(Clone, Debug)]
pub struct Rights {
    plugin: PluginName,
    requested: Grants,
    granted: Grants,
}

impl Rights {
    /// The rights of `plugin`. What the operator lets pass and counts is let pass and counted also
    /// where the plugin does not request it.
    pub fn new(plugin: PluginName, requested: &Requested, granted: Grants) -> Self {
        let requested = match requested {
            Requested::Lines(lines) => Grants { enforcement: granted.enforcement, ..lines.clone() },
            Requested::AsGranted => granted.clone(),
        };
        Self { plugin, requested, granted }
    }

    /// Nothing at all.
    pub fn none(plugin: PluginName) -> Self {
        Self { plugin, requested: Grants::default(), granted: Grants::default() }
    }

    /// Whose they are.
    pub fn plugin(&self) -> &PluginName {
        &self.plugin
    }

    /// Whether the operator granted this very name, and not only a wildcard.
    pub fn names(&self, host: &str) -> bool {
        self.granted.names(host)
    }

    /// Whether a request may be sent, as [`Grants::decide`].
    ///
    /// # Errors
    /// It is not granted, or not requested.
    pub fn decide(&self, target: &Target, method: &str) -> Result<Permit, Box<Denial>> {
        // What the operator would have to add is told first; what the author would, second.
        let permit = self.granted.decide(&self.plugin, target, method)?;
        let requested = self.requested.decide(&self.plugin, target, method).map_err(theirs)?;
        match (permit.counted(), requested.counted()) {
            (None, Some(_)) => Ok(requested),
            _ => Ok(permit),
        }
    }

    /// Whether a name may be looked up, as [`Grants::decide_lookup`].
    ///
    /// # Errors
    /// It is not granted, or not requested.
    pub fn decide_lookup(&self, host: &str) -> Result<Option<Denial>, Box<Denial>> {
        let granted = self.granted.decide_lookup(&self.plugin, host)?;
        let requested = self.requested.decide_lookup(&self.plugin, host).map_err(theirs)?;
        Ok(granted.or(requested))
    }
}

/// A denial for want of a request.
fn theirs(mut denial: Box<Denial>) -> Box<Denial> {
    denial.reason = format!("its manifest does not request it: {}", denial.reason);
    denial.fix = format!("{} in its own plugin.yaml, and build it again", denial.fix);
    denial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Problems, parse};

    fn grants(yaml: &str, enforcement: Enforcement) -> Grants {
        let mut problems = Problems::default();
        let grants = Grants::read(&parse(yaml, 999).unwrap(), enforcement, &mut problems);
        assert!(problems.is_empty(), "{:?}", problems.into_sorted());
        grants
    }

    fn rights(requested: &str, granted: &str, enforcement: Enforcement) -> Rights {
        let requested = Requested::Lines(grants(requested, Enforcement::Enforce));
        Rights::new("alert".parse().unwrap(), &requested, grants(granted, enforcement))
    }

    const ONE: &str = "[{to: 'https://a.example', methods: [POST], paths: [/hook]}]";
    const TWO: &str = "['https://a.example', 'tcp://b.example:5']";

    #[test]
    fn what_passes_is_both_requested_and_granted() {
        let target = |text: &str| Target::parse(text).unwrap();
        for (requested, granted) in [(ONE, TWO), (TWO, ONE)] {
            let rights = rights(requested, granted, Enforcement::Enforce);
            assert!(rights.decide(&target("https://a.example/hook/1"), "POST").is_ok());
            assert!(rights.decide(&target("https://a.example/hook"), "GET").is_err());
            assert!(rights.decide(&target("https://a.example/other"), "POST").is_err());
            assert!(rights.decide(&target("tcp://b.example:5"), "CONNECT").is_err());
            assert!(rights.decide_lookup("a.example").is_ok());
            assert!(rights.decide_lookup("b.example").is_err());
        }
        let told = rights(ONE, TWO, Enforcement::Enforce).decide_lookup("b.example").unwrap_err();
        assert!(told.to_string().contains("in its own plugin.yaml"), "{told}");
        let none = Rights::none("alert".parse().unwrap());
        assert!(none.decide(&target("https://a.example/hook"), "POST").is_err());
    }

    #[test]
    fn a_plugin_whose_host_is_a_parameter_gets_what_is_granted_and_no_more() {
        let mut problems = Problems::default();
        let requested = Requested::read(&parse("as-granted", 99).unwrap(), &mut problems);
        assert!(problems.is_empty() && requested == Requested::AsGranted);
        assert!(requested.lacked_by(&Grants::default()).is_empty());
        let rights =
            Rights::new("alert".parse().unwrap(), &requested, grants(ONE, Enforcement::Enforce));
        let target = |text: &str| Target::parse(text).unwrap();
        assert!(rights.decide(&target("https://a.example/hook"), "POST").is_ok());
        assert!(rights.decide(&target("https://b.example/hook"), "POST").is_err());
        Requested::read(&parse("anything", 99).unwrap(), &mut problems);
        assert!(!problems.is_empty());
    }

    #[test]
    fn counting_lets_pass_and_says_so_wherever_it_is_missing() {
        for (requested, granted) in [("[]", TWO), (TWO, "[]")] {
            let rights = rights(requested, granted, Enforcement::Count);
            let target = Target::parse("tcp://b.example:5").unwrap();
            assert!(rights.decide(&target, "CONNECT").unwrap().counted().is_some());
            assert!(rights.decide_lookup("b.example").unwrap().is_some());
            let inside = Target::parse("tcp://127.0.0.1:5").unwrap();
            assert!(rights.decide(&inside, "CONNECT").is_err(), "never beyond public addresses");
        }
    }

    #[test]
    fn each_requested_line_that_is_not_granted_is_named_as_it_would_be_written() {
        let requested = grants(
            "['https://a.example', {to: 'wss://x.b.example', paths: [/s]}, {to: 'http://127.0.0.1:8', private: true}]",
            Enforcement::Enforce,
        );
        let granted = grants(
            "[{to: 'https://a.example', methods: [GET]}, 'wss://*.b.example']",
            Enforcement::Enforce,
        );
        assert_eq!(
            granted.lacking(&requested),
            ["- {to: 'https://a.example:443'}", "- {to: 'http://127.0.0.1:8', private: true}"]
        );
        // What is told can be written down, and then nothing is lacking.
        let lines = granted.lacking(&requested).join("\n");
        let added = grants(&lines, Enforcement::Enforce);
        assert!(
            added.lacking(&Grants { lines: added.lines.clone(), ..requested.clone() }).is_empty()
        );
        let all = Grants { lines: [granted.lines, added.lines].concat(), ..requested.clone() };
        assert_eq!(all.lacking(&requested), Vec::<String>::new());
    }
}
