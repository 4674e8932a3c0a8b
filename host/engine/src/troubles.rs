//! What went wrong in a run and its end does not show: kept for the summary and the exit code.
//!
//! Comes in: every notice. Goes out: one line for each thing that an operator has to act on. Deliberately
//! absent: slots, which the summary has anyway, and what was contained or denied as it should be.

use std::sync::{Arc, Mutex, PoisonError};

use crate::events::{Event, FeedEvent, Notice, OwnedEvent, RunEvent, Subscriber, VenueEvent};

/// Lines kept; each is about another code and subject, so more than a few are rare.
const LINES_MAX: usize = 64;

/// The lines so far.
#[derive(Default)]
pub(crate) struct Troubles(Mutex<Vec<Line>>);

struct Line {
    code: &'static str,
    subject: String,
    text: String,
}

impl Subscriber for Troubles {
    fn receive(&self, notice: &Arc<Notice>) {
        let subject = notice.subject();
        if let Event::OwnedEvent(OwnedEvent::Resumed { .. }) = &notice.event {
            return self
                .lines()
                .retain(|line| line.code != "venue-halted" || line.subject != subject);
        }
        if !spoils(&notice.event) {
            return;
        }
        let mut lines = self.lines();
        let known = lines.iter().any(|line| line.code == notice.code && line.subject == subject);
        if !known && lines.len() < LINES_MAX {
            let (code, subject, text) = (notice.code, subject.to_owned(), notice.text.clone());
            lines.push(Line { code, subject, text });
        }
    }
}

impl Troubles {
    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One sentence each, the earliest first.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = |line: &Line| match line.subject.as_str() {
            "" => line.text.clone(),
            subject => format!("{subject}: {}", line.text),
        };
        self.lines().iter().map(told).collect()
    }
}

/// Whether a run in which this happened did not go as it was configured to.
fn spoils(event: &Event) -> bool {
    match event {
        Event::FeedEvent(event) => matches!(event, FeedEvent::Failed { .. }),
        Event::OwnedEvent(event) => matches!(event, OwnedEvent::OrdersLeft { .. }),
        Event::VenueEvent(event) => matches!(event, VenueEvent::Halted { .. }),
        Event::RunEvent(event) => matches!(
            event,
            RunEvent::MarketFailed { .. }
                | RunEvent::StateMissing { .. }
                | RunEvent::StateDegraded { .. }
                | RunEvent::OrderDisputed { .. }
                | RunEvent::OrdersBlocked { .. }
                | RunEvent::JournalFailed { .. }
                | RunEvent::AuditFailed { .. }
        ),
        _ => false,
    }
}
