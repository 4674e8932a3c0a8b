//! Events of slots, and of the feeds and utilities that are supervised as slots are.

use wickd_model::Fault;

use super::events;
use crate::lane::{Accounts, Overuse, Role};

/// What has gone live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Installed {
    /// A generation of a strategy.
    Generation {
        /// Its number.
        number: u32,
        /// With the state that was saved.
        restored: bool,
    },
    /// A feed or utility, and what it is there for.
    Io(&'static str),
}

events! {
    /// Of a slot, a feed or a utility.
    "slot" SlotEvent {
        /// A generation is live in a slot that had none, or in a feed or utility.
        Seated { installed: Installed } = "seated", kept [Info], match installed {
            Installed::Generation { number, restored: true } => {
                format!("generation {number} is live with its saved state")
            }
            Installed::Generation { number, .. } => format!("generation {number} is live afresh"),
            Installed::Io(does) => (*does).to_owned(),
        };
        /// A new generation has taken over between two events, and is on probation.
        Swapped { accounts: Accounts } = "swapped", kept [Info], {
            let carried = match accounts.state_bytes {
                Some(bytes) => format!("{bytes} bytes of state carried"),
                None => format!("warmed up with {} events", accounts.warm_up_events),
            };
            format!(
                "swapped to generation {} after event {}: gap {:.1} µs, 0 lost, {carried}",
                accounts.generation,
                accounts.cut_seq,
                accounts.gap_ns as f64 / 1e3,
            )
        };
        /// A new generation has passed its probation.
        SwapKept { generation: u32 } = "swap-kept", kept [Info],
            format!("generation {generation} stays: probation is over");
        /// The previous generation is live again.
        RolledBack { to: String, why: &'static str } = "rolled-back", [Warn],
            format!("back to {to}: {why}");
        /// There is no generation to return to.
        RollbackRefused {} = "rollback-refused", [Warn], "there is no other version to return to",
            fix: "drop the older build into a watched folder";
        /// A candidate did not go live.
        CandidateRefused { why: String, fix: &'static str } = "candidate-refused", [Warn],
            why.as_str(), fix: *fix;
        /// A generation could not be made from a plugin; whatever runs goes on.
        GenerationRefused { why: String, fix: &'static str } = "generation-refused", [Warn],
            why.as_str(), fix: *fix;
        /// A slot has nothing to run.
        Waits { why: String, fix: String } = "slot-waits", [Warn],
            format!("waits {why}"), fix: fix.as_str();
        /// A slot wants data of the market that its feed does not bring.
        WantUnmet {
            who: String, symbol: String, want: String, feed: String, brings: String, fix: String
        } = "want-unmet", [Warn],
            format!(
                "{who} wants {want} of {symbol}, and will hear none: feed `{feed}` brings {brings}"
            ), fix: fix.as_str();
        /// The live generation failed in a call.
        PluginFailed { fault: Box<Fault>, seq: u64 } = "plugin-failed", [Warn],
            format!("{fault}, at event {seq}"), fix: fault.kind.hint();
        /// A candidate failed in its shadow run; the live generation goes on.
        CandidateFailed { fault: Box<Fault>, seq: u64 } = "candidate-failed", [Warn],
            format!("{fault}, at event {seq}"), fix: fault.kind.hint();
        /// The previous generation failed while it was kept warm; there is no way back to it.
        PreviousFailed { fault: Box<Fault>, seq: u64 } = "previous-failed", [Warn],
            format!("{fault}, at event {seq}"), fix: fault.kind.hint();
        /// A feed or utility failed, and starts again after a wait.
        IoFailed { fault: Box<Fault>, fix: &'static str, wait_ms: u64 } = "io-failed", [Error],
            format!("{fault}; it starts again in {wait_ms} ms"), fix: *fix;
        /// A feed or utility cannot be made from this plugin.
        IoRefused { why: String, fix: String } = "io-refused", [Error], why.as_str(),
            fix: fix.as_str();
        /// A slot, feed or utility has failed too often, and is not tried again with these bytes.
        Quarantined { why: String } = "quarantined", [Error], format!("quarantined: {why}"),
            fix: "drop a mended build; these bytes are not tried again";
        /// A slot, feed or utility was unloaded, because its file is gone.
        Stopped {} = "stopped", kept [Info], "unloaded: its file was removed";
        /// A plugin refuses its parameters, or they do not fit it.
        ConfigRefused { why: String } = "config-refused", [Error], why.as_str(),
            fix: "mend its `config:`";
        /// A slot has used more than its share of its lane, and gets nothing more in this second.
        Late { over: Overuse } = "slot-late", [Warn],
            format!("{}; it gets no more events in this second", over.in_words()),
            fix: "do less for each event, or raise `limits.fuel_per_second`";
        /// A slot has done so again, and gets nothing for a while.
        Muted { over: Overuse } = "slot-muted", [Warn],
            format!("{}; it gets no events for 10 s of event time", over.in_words()),
            fix: "do less for each event, or raise `limits.fuel_per_second`";
        /// A plugin does not take the state that was saved, and starts without it.
        StateRefused { why: String } = "state-refused", [Warn],
            format!(
                "it does not take the saved state ({why}), so it starts without it and is warmed up \
                 with past events"
            ),
            fix: "write a `migrate` for the older state version";
        /// A new version does not take the state of the one before, and starts without it.
        StateLeftBehind { why: String } = "state-left-behind", [Warn],
            format!(
                "it does not take the state of the one before ({why}): the state is left behind, and \
                 it is warmed up with past events instead, as `swap.state: warm-up` says"
            ),
            fix: "write a `migrate` for the older state version, to carry it";
        /// A saved state was damaged, and was set aside.
        StateDamaged { why: String } = "state-damaged", [Warn],
            format!("a damaged state was set aside: {why}"), fix: "check the disk";
        /// A state could not be written.
        SnapshotFailed { why: String, times: u64 } = "snapshot-failed", [Error],
            format!("its state was not written{}: {why}", crate::repeats::so_often(*times)),
            fix: "free the disk";
        /// A slot traded on paper and is to trade at a venue, or the other way round.
        Mixed { slot: u32, live: bool } = "slot-mixed", [Error], {
            let (was, is) = if *live { ("paper", "a venue") } else { ("a venue", "paper") };
            format!(
                "slot {slot} traded on {was} before and is to trade on {is} now: its positions \
                 would be neither"
            )
        }, fix: "give the slot another name; until then it does not trade";
        /// A plugin logged more than it may, and lines were dropped.
        LogDropped { lines: u64 } = "log-dropped", [Warn],
            format!("{lines} log lines were dropped so far: over its budget"),
            fix: "log less, or raise `limits.log_bytes_per_second` or `limits.log_bytes_per_day`";
        /// A plugin requests more of the network than it is granted.
        NetworkLacking { plugin: String, held: bool, lacking: String, post: String } =
            "network-lacking", [Warn], {
            let what = match held {
                true => "is held, for it requests more than it is granted; the old one goes on",
                false => "requests more than it is granted",
            };
            format!("{plugin} {what}: {lacking}")
        }, fix: format!("add under `network` of `{post}`: {lacking}");
        /// A way out to the network was denied, because nothing grants it.
        NetworkDenied { what: String, fix: String } = "network-denied", [Warn],
            what.as_str(), fix: fix.as_str();
        /// A way out to the network would be denied, if `count` were `enforce`.
        NetworkCounted { what: String, fix: String } = "network-counted", [Warn],
            what.as_str(), fix: fix.as_str();
        /// A way out to the network was beyond a limit.
        NetworkLimited { what: String, fix: String } = "network-limited", [Warn],
            what.as_str(), fix: fix.as_str();
        /// A utility answered an event with an error.
        UtilityError { why: String } = "utility-error", [Warn],
            format!("it could not handle an event: {why}"), fix: "see what it reaches";
    }
}

impl SlotEvent {
    /// A generation's failure in the role it had.
    pub(crate) fn failed(role: Role, fault: Box<Fault>, seq: u64) -> Self {
        match role {
            Role::Live => Self::PluginFailed { fault, seq },
            Role::Candidate => Self::CandidateFailed { fault, seq },
            Role::Previous => Self::PreviousFailed { fault, seq },
        }
    }
}
