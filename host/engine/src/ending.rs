//! Whether the engine is ending, and whether a thread of it ended before.
//!
//! Comes in: the begin of the end, and threads that have ended. Goes out: the first that did so early.
//! Deliberately absent: the threads themselves, whose handles are looked at where they are kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Shared by whoever may begin the end or notice that a thread is missing.
#[derive(Clone, Default)]
pub(crate) struct Ending(Arc<State>);

#[derive(Default)]
struct State {
    begun: AtomicBool,
    early: OnceLock<String>,
}

impl Ending {
    /// From now on threads end because they are told to.
    pub(crate) fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
    }

    /// Takes in a thread that was seen to have ended. Gives the one that was early, now or before.
    pub(crate) fn early(&self, ended: Option<String>) -> Option<String> {
        match ended.filter(|_| !self.0.begun.load(Ordering::Acquire)) {
            Some(ended) => Some(self.0.early.get_or_init(|| ended).clone()),
            None => self.0.early.get().cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_before_the_end_is_remembered_and_one_that_ends_in_it_is_not() {
        let ending = Ending::default();
        assert_eq!(ending.early(None), None);
        let other = ending.clone();
        assert_eq!(other.early(Some("pump".into())).as_deref(), Some("pump"));
        ending.begin();
        assert_eq!(ending.early(Some("control".into())).as_deref(), Some("pump"));
        let orderly = Ending::default();
        orderly.begin();
        assert_eq!(orderly.early(Some("control".into())), None);
    }
}
