//! What a signal plugin may emit, and what it was refused.
//!
//! Comes in: a signal, the event time. Goes out: whether it is one of the plugin's own. Refusals are
//! counted where they happen; control reads the counts and tells them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wickd_model::{InstrumentId, Signal, TsNs};

/// Why a signal reaches nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unemitted {
    /// A strength or confidence outside 0 to 1, or no number.
    Number,
    /// Of an instrument that the plugin was not given.
    Instrument,
    /// Of an output that the plugin did not declare.
    Output,
    /// It expired before the event that it answers.
    Expired,
    /// The call had emitted its share.
    Share,
}

impl Unemitted {
    pub(crate) const ALL: [Self; 5] =
        [Self::Number, Self::Instrument, Self::Output, Self::Expired, Self::Share];

    /// As it is told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Number => "a strength or confidence that is no number from 0 to 1",
            Self::Instrument => "an instrument that is not its own",
            Self::Output => "an output that it did not declare",
            Self::Expired => "a time of expiry that is past",
            Self::Share => "more signals in one call than `limits.signals_per_call`",
        }
    }
}

/// Refused signals of one input, by reason.
#[derive(Default, Debug)]
pub(crate) struct Refusals([AtomicU64; Unemitted::ALL.len()]);

impl Refusals {
    pub(crate) fn count(&self, why: Unemitted) {
        self.0[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, why: Unemitted) -> u64 {
        self.0[why as usize].load(Ordering::Relaxed)
    }
}

/// What one instance may emit.
pub(crate) struct Emits {
    pub(crate) instrument: InstrumentId,
    pub(crate) outputs: u32,
    pub(crate) refusals: Arc<Refusals>,
}

impl Emits {
    /// Why a signal at event time `now` is none of its own.
    pub(crate) fn flaw(&self, signal: &Signal, now: TsNs) -> Option<Unemitted> {
        if signal.instrument != self.instrument {
            return Some(Unemitted::Instrument);
        }
        if signal.output >= self.outputs {
            return Some(Unemitted::Output);
        }
        (signal.valid_until < now).then_some(Unemitted::Expired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_model::Direction;

    #[test]
    fn a_signal_of_another_instrument_or_output_or_of_the_past_reaches_nobody() {
        let emits = Emits { instrument: 3, outputs: 2, refusals: Arc::default() };
        let signal = |instrument, output, valid_until| Signal {
            instrument,
            output,
            direction: Direction::Up,
            strength: 0.5,
            confidence: 0.5,
            valid_until,
        };
        assert_eq!(emits.flaw(&signal(3, 1, 100), 100), None);
        assert_eq!(emits.flaw(&signal(2, 1, 100), 100), Some(Unemitted::Instrument));
        assert_eq!(emits.flaw(&signal(3, 2, 100), 100), Some(Unemitted::Output));
        assert_eq!(emits.flaw(&signal(3, 1, 99), 100), Some(Unemitted::Expired));
    }
}
