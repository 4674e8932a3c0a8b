//! Lines that a guest has logged or printed.

use serde::{Deserialize, Serialize};

use crate::TsNs;

/// How much a line matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the cases are the field's own words")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// One line of a guest, bounded and printable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// Event time.
    pub ts_ns: TsNs,
    /// How much it matters.
    pub level: Level,
    /// Its orders were muted: it was catching up with the past, or in its shadow run.
    pub muted: bool,
    /// What it says.
    pub text: String,
}
