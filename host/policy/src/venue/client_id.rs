//! What a venue takes as a client order id.
//!
//! Comes in: `client_id:`. Goes out: a rule that a text can be held against. Deliberately absent:
//! making ids; they are the host's.

use std::collections::BTreeSet;

use crate::yaml::{Fields, Node, Problem, Problems};

/// Longest client id any venue takes, in bytes: HTX takes 64.
const LENGTH_MAX: u8 = 64;
/// Longest description of a character set, in bytes.
const CHARSET_BYTES_MAX: usize = 128;
const KEYS: [&str; 3] = ["length_max", "charset", "prefix"];

/// The form of a client order id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdRule {
    /// Longest, in bytes, the prefix counted.
    pub length_max: u8,
    charset: BTreeSet<char>,
    /// What each starts with.
    pub prefix: String,
}

impl ClientIdRule {
    pub(super) fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let fields = Fields::of(node, &KEYS, problems)?;
        let length = fields.need("length_max", problems).map(|n| n.integer(1..=LENGTH_MAX));
        let charset = fields.need("charset", problems).map(charset);
        let prefix = fields.get("prefix").map(|node| node.text_within(8)).transpose();
        let length_max = length.and_then(|it| problems.keep(it));
        let charset = charset.and_then(|it| problems.keep(it));
        let rule = Self {
            prefix: problems.keep(prefix)?.unwrap_or_default(),
            length_max: length_max?,
            charset: charset?,
        };
        if !rule.prefix.chars().all(|c| rule.charset.contains(&c)) {
            let fix = "add its characters to `charset`";
            problems.add(Problem::new(&node.place, "`prefix` is not made of `charset`", fix));
        }
        Some(rule)
    }

    /// Whether the venue takes this id as it is.
    pub fn admits(&self, id: &str) -> bool {
        id.len() <= usize::from(self.length_max)
            && id.len() > self.prefix.len()
            && id.starts_with(&self.prefix)
            && id.chars().all(|c| self.charset.contains(&c))
    }
}

/// Characters and ranges as inside the brackets of a regular expression: `.A-Z:/a-z0-9_-`.
fn charset(node: &Node) -> Result<BTreeSet<char>, Problem> {
    let text = node.text_within(CHARSET_BYTES_MAX)?;
    let fault = |reason: &str| {
        Problem::new(&node.place, reason, "write it like `A-Za-z0-9_-`, a `-` itself at the end")
    };
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(fault("a character that no venue takes"));
    }
    let chars: Vec<char> = text.chars().collect();
    let mut set = BTreeSet::new();
    let mut at = 0;
    while at < chars.len() {
        match chars[at..] {
            [from, '-', to, ..] => {
                if from > to {
                    return Err(fault("a range that runs backwards"));
                }
                set.extend(from..=to);
                at += 3;
            }
            [one, ..] => {
                set.insert(one);
                at += 1;
            }
            [] => break,
        }
    }
    Ok(set)
}
