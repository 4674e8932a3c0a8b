//! The last market events of a lane, for warming up whoever has no state to start from.

use wickd_model::Event;

/// Events kept: at 72 bytes each this stays within a core's second-level cache.
pub const HISTORY_EVENTS: usize = 16_384;

/// A ring that overwrites its oldest.
pub(crate) struct History {
    events: Vec<Event>,
    next: usize,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { events: Vec::with_capacity(HISTORY_EVENTS), next: 0 }
    }

    /// Forgets everything: what comes next does not follow on it.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.next = 0;
    }

    #[inline]
    pub(crate) fn push(&mut self, event: &Event) {
        if self.events.len() < HISTORY_EVENTS {
            self.events.push(*event);
            return;
        }
        self.events[self.next] = *event;
        self.next = (self.next + 1) % HISTORY_EVENTS;
    }

    /// Fills `into` with the latest events, oldest first, as many as its capacity holds.
    pub(crate) fn copy_latest(&self, into: &mut Vec<Event>) {
        into.clear();
        let skip = self.events.len().saturating_sub(into.capacity());
        into.extend(self.iter().skip(skip));
    }

    /// The events after `seq`, oldest first; `None` where some of them are gone already.
    pub(crate) fn since(&self, seq: u64) -> Option<impl Iterator<Item = &Event>> {
        let oldest = self.iter().next()?.at().seq;
        (oldest <= seq + 1).then(|| self.iter().skip_while(move |event| event.at().seq <= seq))
    }

    /// The events kept, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Event> {
        let (late, early) = self.events.split_at(self.next);
        early.iter().chain(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wickd_model::{FeedState, FeedStatus, Stamp};

    fn event(seq: u64) -> Event {
        let at = Stamp { seq, ..Stamp::default() };
        Event::Feed(FeedStatus { at, state: FeedState::Live })
    }

    #[test]
    fn what_is_gone_is_said_to_be_gone() {
        let mut history = History::new();
        let last = HISTORY_EVENTS as u64 + 10;
        (1..=last).for_each(|seq| history.push(&event(seq)));
        assert!(history.since(9).is_none());
        let seqs: Vec<_> = history.since(last - 3).unwrap().map(|event| event.at().seq).collect();
        assert_eq!(seqs, [last - 2, last - 1, last]);
        let mut latest = Vec::with_capacity(5);
        history.copy_latest(&mut latest);
        assert_eq!(latest.first().map(|event| event.at().seq), Some(last - 4));
    }
}
