//! What a venue lets pass of one instrument: shared by the connector, which knows, and the gates, which
//! ask.
//!
//! Comes in: the connector's judgement and the venue's least sizes. Goes out: both, to gates on any
//! lane. Everything is an atomic, and nothing waits. Traded on paper, an instrument is always free.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI64, AtomicU8};

use wickd_model::{Cash, Deny};

/// Which orders pass.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[repr(u8)]
pub(crate) enum Passes {
    /// All that the gate's own rules let pass.
    #[default]
    All,
    /// Only those that reduce: what is owned there is in doubt.
    Reducing,
    /// None; cancels go on.
    Nothing,
}

/// One instrument at its venue.
#[derive(Debug, Default)]
pub(crate) struct Clearance {
    passes: AtomicU8,
    min_qty: AtomicI64,
    min_notional: AtomicI64,
}

impl Clearance {
    pub(crate) fn set(&self, passes: Passes) {
        self.passes.store(passes as u8, Relaxed);
    }

    /// The venue's own least size and value, where they are more than the operator's.
    pub(crate) fn set_least(&self, min_qty: i64, min_notional: Cash) {
        self.min_qty.store(min_qty, Relaxed);
        self.min_notional.store(min_notional, Relaxed);
    }

    pub(crate) fn passes(&self) -> Passes {
        match self.passes.load(Relaxed) {
            0 => Passes::All,
            1 => Passes::Reducing,
            _ => Passes::Nothing,
        }
    }

    /// Under which code an order that increases is denied now.
    pub(crate) fn deny(&self) -> Option<Deny> {
        (self.passes() >= Passes::Reducing).then_some(Deny::PositionDiffers)
    }

    pub(crate) fn min_qty(&self) -> i64 {
        self.min_qty.load(Relaxed)
    }

    pub(crate) fn min_notional(&self) -> Cash {
        self.min_notional.load(Relaxed)
    }
}
