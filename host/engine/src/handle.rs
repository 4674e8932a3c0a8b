//! Questions to a running engine, and changes of it.
//!
//! A question is a function that control's thread runs between two of its own steps, so it sees and
//! changes one consistent state and nothing needs a lock. The tick path knows nothing of it.

use std::sync::mpsc::{Sender, sync_channel};
use std::time::Duration;

use wickd_model::Digest;

use crate::control::{Control, HeldPlugin, NotApproved, ToControl};
use crate::summary::{SlotSummary, show};

/// How long a question waits for its answer: control's longest step is starting an instance.
pub const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Asks a running engine. Cheap to clone; any number of threads may ask.
#[derive(Clone)]
pub struct EngineHandle {
    mail: Sender<ToControl>,
}

/// A question that got no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unanswered {
    /// The run is over.
    #[error("the run is over")]
    Ended,
    /// Control was busy for longer than [`ANSWER_WAIT`]. A change that was asked for may still
    /// happen: ask how things stand before you ask for it again.
    #[error("no answer within {} s", ANSWER_WAIT.as_secs())]
    Late,
}

impl EngineHandle {
    pub(crate) fn new(mail: Sender<ToControl>) -> Self {
        Self { mail }
    }

    /// Every slot, in the order of the configuration.
    ///
    /// # Errors
    /// No answer came.
    pub fn slots(&self) -> Result<Vec<SlotSummary>, Unanswered> {
        self.ask(|control| control.slots.iter().map(show).collect())
    }

    /// Plugins that would have a place and are held.
    ///
    /// # Errors
    /// No answer came.
    pub fn held(&self) -> Result<Vec<HeldPlugin>, Unanswered> {
        self.ask(|control| control.acceptance.held())
    }

    /// Accepts bytes for a place, which may be named without its kind.
    ///
    /// # Errors
    /// No answer came.
    pub fn approve(
        &self,
        place: String,
        digest: Digest,
    ) -> Result<Result<String, NotApproved>, Unanswered> {
        self.ask(move |control| control.approve(&place, digest))
    }

    /// Runs `question` on control's thread and waits for what it gives back.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Control) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        let (reply, answer) = sync_channel(1);
        let question = Box::new(move |control: &mut Control| {
            // Whoever asked may have given up; then nobody needs the answer.
            let _ = reply.send(question(control));
        });
        self.mail.send(ToControl::Ask(question)).map_err(|_| Unanswered::Ended)?;
        answer.recv_timeout(ANSWER_WAIT).map_err(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => Unanswered::Late,
            std::sync::mpsc::RecvTimeoutError::Disconnected => Unanswered::Ended,
        })
    }
}
