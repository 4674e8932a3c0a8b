//! How a command ends: the exit codes, and one form for every failure.
//!
//! Comes in: whatever went wrong. Goes out: a code that scripts can rely on, one sentence, its
//! causes and a hint, for people or as one JSON object. Deliberately absent: the wording of the
//! errors themselves, which is their crates'.

use std::error::Error;
use std::process::ExitCode;

use serde::Serialize;
use wickd_engine::HouseError;
use wickd_model::printable;
use wickd_store::StoreError;

use crate::config::{ConfigError, ConfigProblem};

/// Longest sentence of a failure: one with a path of the greatest length in it.
const TEXT_BYTES_MAX: usize = 8 << 10;

/// Every way a command ends. The numbers are stable; from 64 on they are those of `sysexits.h`
/// where it has a fitting one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// It did what was asked.
    Ok = 0,
    /// Something nobody foresaw.
    Unexpected = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration, or a file it names, is wrong.
    BadConfig = 64,
    /// A plugin was refused, or an adapter does not hold its acceptance list.
    BadPlugin = 65,
    /// A file or folder named on the command line is not there.
    NoInput = 66,
    /// No daemon runs on that state folder.
    NotRunning = 68,
    /// A venue did not do what it was asked.
    VenueFailed = 69,
    /// It ran and ended in order, and something of it did not go as it was configured to.
    Troubled = 70,
    /// The system does not allow what every run needs.
    UnfitSystem = 71,
    /// Something cannot be written.
    CannotWrite = 73,
    /// What is on disk cannot be read back, or journal and venue contradict each other.
    Damaged = 74,
    /// Another wickd has the state folder.
    InUse = 75,
    /// The daemon refused what it was asked.
    Refused = 77,
    /// A second signal came before the graceful stop was over.
    Interrupted = 130,
}

/// Code, its number, and what it means, for `--help`.
const TABLE: [(Exit, &str, &str); 15] = [
    (Exit::Ok, "ok", "it did what was asked; also when the reader of its output went away"),
    (Exit::Unexpected, "unexpected", "something nobody foresaw"),
    (Exit::Usage, "usage", "the command line is wrong"),
    (Exit::BadConfig, "bad-config", "the configuration, or a file it names, is wrong"),
    (Exit::BadPlugin, "bad-plugin", "a plugin was refused, or fails its checks"),
    (Exit::NoInput, "no-input", "a file or folder on the command line is not there"),
    (Exit::NotRunning, "not-running", "no wickd runs on that state folder"),
    (Exit::VenueFailed, "venue-failed", "a venue did not do what it was asked"),
    (Exit::Troubled, "troubled", "the run ended with a broken feed, a failed slot or orders left"),
    (Exit::UnfitSystem, "unfit-system", "the system forbids what every run needs"),
    (Exit::CannotWrite, "cannot-write", "something cannot be written"),
    (Exit::Damaged, "damaged", "the state cannot be read back, or contradicts the venue"),
    (Exit::InUse, "in-use", "another wickd has the state folder"),
    (Exit::Refused, "refused", "the running wickd refused what it was asked"),
    (Exit::Interrupted, "interrupted", "a second signal cut the graceful stop short"),
];

impl Exit {
    /// The stable word.
    pub(crate) fn word(self) -> &'static str {
        TABLE.iter().find(|row| row.0 == self).map_or("unexpected", |row| row.1)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// The table for the end of `--help`.
pub(crate) fn help() -> String {
    let rows = TABLE
        .iter()
        .map(|(exit, word, meaning)| format!("  {:>3}  {word:<13} {meaning}\n", *exit as u8));
    format!("Exit codes:\n{}", rows.collect::<String>().trim_end())
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How it ends.
    pub(crate) exit: Exit,
    /// One sentence.
    pub(crate) text: String,
    /// What lies behind it, the nearest first.
    pub(crate) causes: Vec<String>,
    /// What would mend it.
    pub(crate) hint: Option<String>,
    /// Places in the configuration.
    pub(crate) problems: Vec<ConfigProblem>,
}

impl Failure {
    /// A failure without a cause.
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: clean(text), causes: Vec::new(), hint: None, problems: Vec::new() }
    }

    /// A failure behind which `error` stands.
    pub(crate) fn of(exit: Exit, text: impl Into<String>, error: &dyn Error) -> Self {
        Self { causes: chain(error), ..Self::new(exit, text) }
    }

    /// With what would mend it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(clean(hint)), ..self }
    }

    /// As one JSON object.
    pub(crate) fn json(&self) -> serde_json::Value {
        #[derive(Serialize)]
        struct Line<'f> {
            file: &'f str,
            line: u32,
            column: u32,
            reason: &'f str,
            fix: &'f str,
        }
        let line = |of: &'_ ConfigProblem| {
            let ConfigProblem { file, line, column, reason, fix, .. } = of;
            serde_json::to_value(Line { file, line: *line, column: *column, reason, fix })
                .unwrap_or_default()
        };
        serde_json::json!({
            "code": self.exit.word(),
            "exit": self.exit as u8,
            "text": self.text,
            "causes": self.causes,
            "hint": self.hint,
            "problems": self.problems.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

/// Names of files stand in what is told, and whoever chose one may have put anything into it.
fn clean(text: impl Into<String>) -> String {
    printable(text.into().as_bytes(), TEXT_BYTES_MAX)
}

fn chain(error: &dyn Error) -> Vec<String> {
    let mut causes = vec![clean(error.to_string())];
    let mut source = error.source();
    while let Some(error) = source {
        causes.push(clean(error.to_string()));
        source = error.source();
    }
    causes
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let text = error.to_string();
        match error {
            ConfigError::Read { source, .. } => {
                let hint = "name the file with `--config`; `deploy/wickd.yaml` is an example";
                Failure::of(Exit::BadConfig, text, &source).hint(hint)
            }
            ConfigError::Wrong { problems, .. } => {
                Failure { problems, ..Failure::new(Exit::BadConfig, text) }
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let (exit, hint) = match error {
            StoreError::InUse { .. } => (Exit::InUse, "stop that wickd first"),
            StoreError::Io { .. } => (Exit::CannotWrite, "check the folder's owner and mode"),
            _ => (Exit::Damaged, "keep a copy of the state folder before you change anything"),
        };
        let text = error.to_string();
        let causes = error.source().map(chain).unwrap_or_default();
        Failure { causes, ..Failure::new(exit, text).hint(hint) }
    }
}

impl From<wickd_engine::Unfit> for Failure {
    fn from(unfit: wickd_engine::Unfit) -> Self {
        Failure::new(Exit::UnfitSystem, unfit.reason).hint(unfit.fix)
    }
}

impl From<HouseError> for Failure {
    fn from(error: HouseError) -> Self {
        let text = error.to_string();
        match error {
            HouseError::State(source) => {
                let under = Failure::from(source);
                let causes = [vec![under.text], under.causes].concat();
                let hint = under.hint.unwrap_or_default();
                let hint = match under.exit {
                    Exit::InUse => hint,
                    _ => format!("{hint}; `--degraded` starts without orders"),
                };
                Failure { text, causes, ..Failure::new(under.exit, "") }.hint(hint)
            }
            HouseError::Recover(source) => Failure::of(Exit::Damaged, text, &source)
                .hint("look with `wickd journal verify`; no order is sent until it is settled"),
            HouseError::Unnumbered(_) => Failure::new(Exit::Damaged, text).hint(
                "write a configuration whose `instruments:` are those of that version in their order, and \
                 run `wickd journal migrate --config IT` once",
            ),
            HouseError::Feed(source) => {
                Failure::of(Exit::BadConfig, text, &source).hint("mend it under `feeds:`")
            }
            HouseError::Venue(source) => Failure::of(Exit::BadConfig, text, &source)
                .hint("mend `credentials:` or `venues:`; the file must be its owner's alone"),
            HouseError::Runtime(source) => Failure::of(Exit::Unexpected, text, &source),
            HouseError::Thread(source) => Failure::of(Exit::Unexpected, text, &source)
                .hint("raise the limit of processes (`ulimit -u`)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_the_help_with_a_number_of_its_own() {
        let help = help();
        let mut numbers: Vec<u8> = TABLE.iter().map(|row| row.0 as u8).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), TABLE.len());
        for (exit, word, _) in TABLE {
            assert!(help.contains(&format!("{:>3}  {word}", exit as u8)), "{help}");
        }
    }

    #[test]
    fn a_folder_in_use_is_told_apart_from_one_that_cannot_be_written() {
        let in_use = StoreError::InUse { dir: "s".into(), pid: "7".into() };
        let failure = Failure::from(HouseError::State(in_use));
        assert_eq!(failure.exit, Exit::InUse);
        assert!(failure.causes[0].contains("process 7"), "{failure:?}");
    }
}
