//! Whether bytes may take a place, and what they ask for beyond those that hold it.
//!
//! A plugin is its bytes: their digest is its identity, and name, version and manifest are claims of
//! whoever wrote the file. Comes in: the operator's rule for a place, the bytes that hold it, and the
//! plugins that are there, the best one first. Goes out: which of them takes the place, and why the
//! others are held. Deliberately absent: files, and remembering.

use std::collections::BTreeSet;
use std::fmt;

use minisign_verify::{PublicKey, Signature};
use semver::Version;
use wickd_model::{Digest, Spec, printable};

use crate::{LimitsPatch, Manifest};

/// Digests listed for one place: a plugin, its inputs, and a few versions of each.
pub const LISTED_MAX: usize = 64;
/// Keys of one place.
pub const KEYS_MAX: usize = 16;
/// Longest signature file, in bytes: minisign's have 300, with two comments.
pub const SIGNATURE_BYTES_MAX: usize = 4 << 10;

/// Longest line about a parameter, in bytes.
const LINE_BYTES_MAX: usize = 256;

/// What the operator says of who may take a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accept {
    /// Whatever is there, the best version first.
    #[default]
    Any,
    /// The first that was there, and later what the operator approves.
    Pinned,
    /// These bytes and no others, as the configuration lists them.
    Listed(BTreeSet<Digest>),
    /// What one of these keys signed, as long as it is newer and asks for nothing more; and what the
    /// operator approves.
    Signed(Vec<SigningKey>),
}

/// A minisign public key, as `minisign -G` prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigningKey(String);

impl SigningKey {
    /// Reads the one line of base64 that stands in the file `minisign.pub`.
    pub fn parse(text: &str) -> Option<Self> {
        PublicKey::from_base64(text).ok().map(|_| Self(text.to_owned()))
    }

    /// Whether `signature`, the text of a `.minisig` file, is this key's over `bytes`.
    pub fn signed(&self, bytes: &[u8], signature: &str) -> bool {
        let Ok(key) = PublicKey::from_base64(&self.0) else { return false };
        let Ok(signature) = Signature::decode(signature) else { return false };
        // Signatures over the whole file, as minisign made them before 2015, are not taken.
        key.verify(bytes, &signature, false).is_ok()
    }
}

impl fmt::Display for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a plugin asks for, as lines that can be compared and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What it could use to harm: imports, endpoints, what is signed for it, where it may connect.
    pub rights: BTreeSet<String>,
    /// What else is of interest to whoever approves it: requirements, parameters, limits.
    pub other: BTreeSet<String>,
}

/// How one profile differs from another. Each list is sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Rights it has and the other has not.
    pub wider: Vec<String>,
    /// Rights it has not any more.
    pub narrower: Vec<String>,
    /// Everything else that it adds.
    pub added: Vec<String>,
    /// Everything else that it drops.
    pub dropped: Vec<String>,
}

impl Profile {
    /// What a plugin asks for: `imports` as its component has them, `specs` as it answered.
    pub fn of(
        manifest: &Manifest,
        imports: &[String],
        specs: &[Spec],
        lowered: &LimitsPatch,
    ) -> Self {
        let mut rights = manifest.declared.clone();
        rights.extend(imports.iter().map(|import| format!("import {import}")));
        rights.extend(manifest.network.lines().into_iter().map(|line| format!("network {line}")));
        rights.insert(format!("world {}", manifest.world.name()));
        let requires = manifest.requires.iter();
        let mut other: BTreeSet<String> =
            requires.map(|(name, range)| format!("requires {name} {range}")).collect();
        other.extend(specs.iter().map(|spec| {
            let line = format!("parameter {}: {} by default", spec.key, spec.default);
            printable(line.as_bytes(), LINE_BYTES_MAX)
        }));
        other.extend(lowered.lines().into_iter().map(|line| format!("limit {line}")));
        Self { rights, other }
    }

    /// What this one has beyond `holder`, and lacks; all of it where there is none.
    pub fn against(&self, holder: Option<&Self>) -> Difference {
        let none = Self::default();
        let holder = holder.unwrap_or(&none);
        let less = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        Difference {
            wider: less(&self.rights, &holder.rights),
            narrower: less(&holder.rights, &self.rights),
            added: less(&self.other, &holder.other),
            dropped: less(&holder.other, &self.other),
        }
    }
}

impl Difference {
    /// One line each, with what it is: `+` for more, `-` for less.
    pub fn lines(&self) -> Vec<String> {
        let sign = |sign: char, of: &[String]| -> Vec<String> {
            of.iter().map(|line| format!("{sign} {line}")).collect()
        };
        let parts = [('+', &self.wider), ('-', &self.narrower), ('+', &self.added)];
        let mut lines: Vec<_> = parts.iter().flat_map(|(of, lines)| sign(*of, lines)).collect();
        lines.extend(sign('-', &self.dropped));
        lines
    }
}

/// Bytes that would take a place.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// Their identity.
    pub digest: Digest,
    /// What they claim to be.
    pub version: &'c Version,
    /// What they ask for.
    pub profile: &'c Profile,
    /// The configured keys that have signed them.
    pub signers: &'c [SigningKey],
}

/// Bytes that were accepted for a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Their identity.
    pub digest: Digest,
    /// What they claimed to be; none where they were approved unseen.
    pub version: Option<Version>,
    /// What they asked for.
    pub profile: Option<Profile>,
}

/// Why bytes are held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Held {
    #[error("other bytes hold this place")]
    Other,
    #[error("its bytes are not among those that `accept` lists")]
    NotListed,
    #[error("no key of `accept` has signed it")]
    Unsigned,
    #[error("it is signed, and asks for more than what holds this place")]
    Wider,
    #[error("it is signed, and not newer than what holds this place")]
    NotNewer,
    #[error("the record of what was accepted cannot be read, so nothing is")]
    NoRecord,
}

/// What becomes of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Which candidate takes it.
    pub taken: Option<usize>,
    /// It was not accepted before, and is now: to be remembered.
    pub is_new: bool,
    /// Those that would have come first, and why they do not.
    pub held: Vec<(usize, Held)>,
}

/// Which of `candidates`, the best one first, takes the place. `pins` are what was accepted for it, the
/// latest last, without what has failed there. `may_pin` says whether everything that is there has been
/// seen, so that the first is also the best.
pub fn choose(
    accept: &Accept,
    pins: &[Pin],
    candidates: &[Candidate<'_>],
    may_pin: bool,
) -> Choice {
    let holder = pins.last();
    let mut choice = Choice::default();
    for (place, candidate) in candidates.iter().enumerate() {
        let verdict = match accept {
            Accept::Any => Ok(false),
            Accept::Listed(digests) => {
                if digests.contains(&candidate.digest) {
                    Ok(false)
                } else {
                    Err(Held::NotListed)
                }
            }
            Accept::Pinned => against(holder, candidate, None),
            Accept::Signed(keys) => against(holder, candidate, Some(keys)),
        };
        match verdict {
            Ok(is_new) if !is_new || may_pin => {
                (choice.taken, choice.is_new) = (Some(place), is_new);
                return choice;
            }
            // The first one there is not known yet.
            Ok(_) if holder.is_none() => return Choice::default(),
            Ok(_) => {}
            Err(held) => choice.held.push((place, held)),
        }
    }
    choice
}

/// Whether a candidate may take the place of `holder`, and whether that is new. `keys` may stand in for
/// the operator's word.
fn against(
    holder: Option<&Pin>,
    candidate: &Candidate<'_>,
    keys: Option<&Vec<SigningKey>>,
) -> Result<bool, Held> {
    if holder.is_some_and(|holder| holder.digest == candidate.digest) {
        return Ok(false);
    }
    let signed = keys.map(|keys| keys.iter().any(|key| candidate.signers.contains(key)));
    match (holder, signed) {
        (None, None | Some(true)) => Ok(true),
        (_, Some(false)) => Err(Held::Unsigned),
        (Some(_), None) => Err(Held::Other),
        (Some(holder), Some(true)) => {
            let wider = |known: &Profile| !candidate.profile.against(Some(known)).wider.is_empty();
            // What `+build` says is not part of the order of versions.
            let newer = |known: &Version| candidate.version.cmp_precedence(known).is_gt();
            match (&holder.profile, &holder.version) {
                (_, Some(version)) if !newer(version) => Err(Held::NotNewer),
                (Some(profile), Some(_)) if !wider(profile) => Ok(true),
                // What was approved unseen cannot be compared with.
                _ => Err(Held::Wider),
            }
        }
    }
}

#[cfg(test)]
mod tests;
