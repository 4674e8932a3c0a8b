//! How a guest failed, told so that its author can mend it and its operator can judge it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::LogLine;

/// The kinds of failure the house tells apart. The codes are stable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The guest panicked, aborted or ran into `unreachable`.
    Panic,
    /// The call used up its fuel.
    OutOfFuel,
    /// The call passed its wall-clock deadline.
    Late,
    /// It used more than its share of a second of its lane.
    OverShare,
    /// The guest asked for more memory, tables, instances or handles than it may have.
    Memory,
    /// The guest's stack ran over.
    Stack,
    /// Any other trap: division by zero, a bad pointer, a bad index.
    Trap,
    /// A value crossed the border that must not: too large, not a number, out of range.
    BadValue,
    /// The host itself panicked while serving the call.
    Host,
}

impl FaultKind {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::OutOfFuel => "out-of-fuel",
            Self::Late => "late",
            Self::OverShare => "over-share",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Trap => "trap",
            Self::BadValue => "bad-value",
            Self::Host => "host",
        }
    }

    /// What would mend it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Panic => "the panic text and the backtrace name the place in the plugin",
            Self::OutOfFuel => "mend the loop, or raise the limit the message names",
            Self::Late => "do less in one call, or raise the limit the message names",
            Self::OverShare => "do less for each event, or raise `limits.fuel_per_second`",
            Self::Memory => "free what is no longer used, or raise the limit the message names",
            Self::Stack => "the recursion has no end, or is too deep for the guest stack",
            Self::Trap => "the backtrace names the place in the plugin",
            Self::BadValue => "the message names the value and its bound",
            Self::Host => "this is a fault of wickd; please report it with the log",
        }
    }
}

/// One frame of a guest's backtrace, already bounded and printable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Demangled function name, or `?`.
    pub function: String,
    /// Source place where the component carries debug information.
    pub place: Option<String>,
}

/// One failed call. Every text in it is bounded and printable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// Which entry of the guest was running: `on-quote`, `init`, …
    pub call: String,
    /// One sentence from the engine.
    pub message: String,
    /// What the guest wrote while it panicked.
    pub panic_text: Option<String>,
    /// What it logged and printed in the call, which no other report carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// Innermost first.
    pub backtrace: Vec<Frame>,
    /// Fuel used by the call.
    pub fuel_used: u64,
    /// Fuel the call had.
    pub fuel_limit: u64,
    /// Linear memory of the instance.
    pub memory_bytes: u64,
    /// The most it may have.
    pub memory_limit_bytes: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: {}", self.kind.code(), self.call, self.message)?;
        match &self.panic_text {
            Some(text) => write!(f, " ({text})"),
            None => Ok(()),
        }
    }
}
