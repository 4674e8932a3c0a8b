//! A second generation beside the live one, and how state gets from one into the other.
//!
//! Comes in: two generations at the same event. Goes out: state that was carried, or why there was no
//! exchange of the two. Deliberately absent: which of them is live; that is the slot's.

use wickd_model::Fault;

use super::body::Body;
use super::message::{Accounts, Refusal, Role, Trial};

/// A second generation that hears what the live one hears.
pub(crate) struct Twin {
    pub(crate) body: Box<Body>,
    pub(crate) kind: Twinned,
    pub(crate) trial: Trial,
    /// Events left until the verdict.
    pub(crate) left: u32,
    /// Calls in which either decided something.
    pub(crate) compared: u64,
    /// Calls in which they decided differently.
    pub(crate) differed: u64,
    pub(crate) accounts: Accounts,
}

/// Why there is a twin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Twinned {
    /// A new generation in its shadow run.
    Candidate,
    /// The old generation, kept warm through the probation of the new one.
    Previous,
}

impl Twinned {
    /// The role of a twin that failed, for the report.
    pub(crate) fn role(self) -> Role {
        match self {
            Self::Candidate => Role::Candidate,
            Self::Previous => Role::Previous,
        }
    }
}

/// Why an offered candidate is not running.
pub(crate) enum Offered {
    /// The live generation failed while saving: the candidate without its state, and the dead.
    OldFailed(Box<Fault>, Box<Body>, Box<Body>),
    /// The candidate refused the state.
    Refused(String, Box<Body>),
    /// The candidate failed while restoring.
    NewFailed(Box<Fault>, Box<Body>),
}

/// Why there was no ordinary cut.
pub(crate) enum Refused {
    /// There is no candidate any more.
    Gone,
    /// It decided differently, and the slot wants agreement. The old one is live.
    Differs(Box<Twin>),
    /// It refused the state. The old one is live.
    State(String, Box<Twin>),
    /// It failed on the state. The old one is live.
    NewFailed(Box<Fault>, Box<Twin>),
    /// The old one failed on its way out. The new one is live.
    OldFailed { fault: Box<Fault>, dead: Box<Body>, accounts: Box<Accounts> },
}

impl Refused {
    /// For the report, where the old one stayed.
    pub(crate) fn as_refusal(&self) -> Option<Refusal> {
        match self {
            Self::Differs(twin) => {
                Some(Refusal::Differs { compared: twin.compared, differed: twin.differed })
            }
            Self::State(reason, _) => Some(Refusal::State(reason.clone())),
            Self::NewFailed(fault, _) => Some(Refusal::Failed(fault.clone())),
            Self::Gone | Self::OldFailed { .. } => None,
        }
    }
}

/// What came of carrying state over.
pub(super) enum Carry {
    Done(u64),
    OldFailed(Box<Fault>),
    NewFailed(Box<Fault>),
    Refused(String),
}

/// State from one generation into another, with its place in the count of events.
pub(super) fn carry(old: &mut Body, new: &mut Body) -> Carry {
    let state = match old.guest.save() {
        Ok(state) => state,
        Err(fault) => return Carry::OldFailed(fault),
    };
    match new.guest.restore(old.state_version, &state) {
        Ok(Ok(())) => {
            new.seq = old.seq;
            Carry::Done(state.len() as u64)
        }
        Ok(Err(reason)) => Carry::Refused(reason),
        Err(fault) => Carry::NewFailed(fault),
    }
}
