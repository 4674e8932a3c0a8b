//! Events of shared inputs: indicators and signals.

use wickd_model::Fault;

use super::events;

events! {
    /// Of an indicator or a signal that slots share.
    "input" InputEvent {
        /// A shared input has a new generation.
        Swapped {} = "input-swapped", kept [Info], "the shared input has a new generation";
        /// A shared input does not get a generation from these bytes.
        Refused { why: String } = "input-refused", [Warn], why.as_str(),
            fix: "mend the plugin; the input goes on with what it had";
        /// A shared input was unloaded, because its file was removed.
        Unloaded { readers: String } = "input-unloaded", [Warn],
            format!("its file was removed: {readers} read no values of it"),
            fix: "put the file back, or drop a build that fits";
        /// Signals were refused, so that they reached nobody.
        SignalsRefused { count: u64, why: &'static str } = "signal-refused", [Warn],
            format!("{count} of its signals reached nobody: {why}"),
            fix: "mend the plugin: it may emit what it declared, for its own instrument";
        /// A shared input does not take the state that was saved, and is warmed up instead.
        StateRefused { why: String } = "input-state-refused", [Warn],
            format!("it does not take its saved state ({why}), and is warmed up with past events"),
            fix: "let `restore` accept the older version";
        /// A shared input failed, and starts again after a wait.
        Failed { fault: Box<Fault>, wait_ms: u64 } = "input-failed", [Warn],
            format!("{fault}; again in {wait_ms} ms"), fix: fault.kind.hint();
        /// A shared input has failed too often, and its readers have no values.
        Quarantined { fault: Box<Fault> } = "input-quarantined", [Error],
            format!("{fault}; quarantined, its readers have no values"), fix: fault.kind.hint();
    }
}
