//! Questions to a running engine, and changes of it.
//!
//! A question is a function that control's thread runs between two of its own steps, so it sees and
//! changes one consistent state and nothing needs a lock. The tick path knows nothing of it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, sync_channel};
use std::time::Duration;

use serde::Serialize;
use wickd_model::{Amount, Deny, Digest};

use crate::control::{Control, HeldPlugin, NotApproved, SlotControl, ToControl};

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

/// A slot as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct SlotStatus {
    /// The slot's name.
    pub name: String,
    /// The plugin it is configured for.
    pub plugin: String,
    /// Version of the live generation; empty before the first one.
    pub version: String,
    /// Bytes of the live generation.
    pub digest: Option<Digest>,
    /// The state in one word.
    pub state: &'static str,
    /// Why it is in that state, where there is something to say.
    pub why: String,
    /// Number of the live generation; 0 where there is none.
    pub generation: u64,
    /// Market events delivered.
    pub events: u64,
    /// Intents committed: orders and cancels.
    pub intents: u64,
    /// Intents the gate denied.
    pub denials: u64,
    /// The code of the last one.
    pub last_denial: Option<&'static str>,
    /// Fills received.
    pub fills: u64,
    /// Faults of its plugin.
    pub faults: u64,
    /// Realised and unrealised profit and loss after fees.
    pub pnl: Amount,
    /// The gauges its plugin has set.
    pub metrics: BTreeMap<String, f64>,
}

impl EngineHandle {
    pub(crate) fn new(mail: Sender<ToControl>) -> Self {
        Self { mail }
    }

    /// Every slot, in the order of the configuration.
    ///
    /// # Errors
    /// No answer came.
    pub fn slots(&self) -> Result<Vec<SlotStatus>, Unanswered> {
        self.ask(|control| control.slots.iter().map(slot_status).collect())
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

fn slot_status(slot: &SlotControl) -> SlotStatus {
    let standing = slot.standing();
    let gauge = &slot.gauge;
    SlotStatus {
        name: slot.plan.name.to_string(),
        plugin: slot.plan.plugin.to_string(),
        version: standing.version,
        digest: standing.digest,
        state: standing.state,
        why: standing.why,
        generation: gauge.generation.get(),
        events: gauge.events.get(),
        intents: gauge.intents.get(),
        denials: gauge.denials.get(),
        last_denial: gauge.last_denial().map(Deny::code),
        fills: gauge.fills.get(),
        faults: gauge.faults.get(),
        pnl: Amount::of(gauge.pnl.load(Ordering::Relaxed), &slot.currency),
        metrics: standing.metrics,
    }
}
