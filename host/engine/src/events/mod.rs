//! Everything that can happen and is worth telling, as types.
//!
//! A family of events is one `events!` table: each variant has its fields, and beside them its stable
//! code, its severity, its sentence and what would mend it. Nothing else in the host spells a code.
//! What happened goes in as an [`Event`]; subscribers receive it as a [`Notice`], which is the event
//! rendered, with its time and what it is about.

mod audit;
mod bus;
mod feed;
mod file;
mod input;
mod notice;
mod owned;
mod refused;
mod risk;
mod run;
mod slot;
mod state;
mod venue;

use serde::Serialize;
use wickd_model::{Level, LogLine};

pub(crate) use audit::{AuditQueue, AuditWriter};
pub use bus::Subscription;
pub(crate) use bus::{Notices, Subscriber};
pub use feed::FeedEvent;
pub use file::FileEvent;
pub use input::InputEvent;
pub use notice::{Detail, Notice};
pub use owned::OwnedEvent;
pub(crate) use refused::Cause;
pub use refused::RefusedEvent;
pub use risk::RiskEvent;
pub use run::RunEvent;
pub use slot::{Installed, SlotEvent};
pub use state::StateEvent;
pub use venue::VenueEvent;

/// How much an event matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Of use to whoever looks closely: only plugins' own lines are that quiet.
    Debug,
    /// Something went as it should.
    Info,
    /// Something was refused or contained; wickd goes on as it was.
    Warn,
    /// The operator must act.
    Error,
}

impl Severity {
    const WORDS: [(Self, &'static str); 4] = [
        (Self::Debug, "debug"),
        (Self::Info, "info"),
        (Self::Warn, "warn"),
        (Self::Error, "error"),
    ];

    /// As it is printed.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize].1
    }

    /// From how it is printed.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(severity, _)| *severity)
    }
}

/// One row of the table of codes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Code {
    /// Stable: scripts and utilities match on it.
    pub code: &'static str,
    /// `None` for a plugin's own line, which brings its level.
    pub severity: Option<Severity>,
    /// Which part of wickd it comes from.
    pub source: &'static str,
    /// Whether the audit log keeps it.
    pub audited: bool,
    /// What happened, for people.
    pub meaning: &'static str,
}

/// Defines a family of events. Each row is
/// `Variant { field: Type } = "stable-code", Severity, text, fix: what would mend it;`, where text and
/// fix are expressions over the fields. `kept` before the severity has the audit log keep an
/// [`Severity::Info`]; warnings and errors are kept anyway.
macro_rules! events {
    (
        $(#[$about:meta])*
        $source:literal $family:ident {
            $(
                #[doc = $meaning:literal]
                $name:ident { $( $field:ident: $kind:ty ),* $(,)? } =
                    $code:literal, $($kept:ident)? [$severity:ident], $text:expr $(, fix: $fix:expr)?;
            )*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug)]
        #[allow(missing_docs, reason = "fields are named for what they hold")]
        pub enum $family {
            $( #[doc = $meaning] $name { $( $field: $kind ),* }, )*
        }

        impl $family {
            pub(super) const CODES: &'static [$crate::events::Code] = &[$(
                $crate::events::Code {
                    code: $code,
                    severity: Some($crate::events::Severity::$severity),
                    source: $source,
                    audited: !matches!(
                        $crate::events::Severity::$severity,
                        $crate::events::Severity::Info
                    ) $( || stringify!($kept).len() > 0 )?,
                    meaning: $meaning.trim_ascii(),
                },
            )*];

            /// The place of its row in `CODES`.
            fn row(&self) -> usize {
                #[derive(Clone, Copy)]
                enum Row { $( $name, )* }
                (match self { $( Self::$name { .. } => Row::$name, )* }) as usize
            }

            pub(crate) fn code(&self) -> &'static $crate::events::Code {
                &Self::CODES[self.row()]
            }

            #[allow(unused_variables, reason = "not every field is spoken of")]
            pub(super) fn text(&self) -> String {
                match self { $( Self::$name { $( $field ),* } => String::from($text), )* }
            }

            #[allow(unused_variables, reason = "not every field is spoken of")]
            pub(super) fn fix(&self) -> Option<String> {
                match self {
                    $( Self::$name { $( $field ),* } => events!(@fix $($fix)?), )*
                }
            }
        }
    };
    (@fix) => { None };
    (@fix $fix:expr) => { Some(String::from($fix)) };
}
use events;

/// Everything that can happen, by what it happens to.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is the family of its name")]
pub enum Event {
    RunEvent(RunEvent),
    FileEvent(FileEvent),
    SlotEvent(SlotEvent),
    InputEvent(InputEvent),
    VenueEvent(VenueEvent),
    FeedEvent(FeedEvent),
    RiskEvent(RiskEvent),
    OwnedEvent(OwnedEvent),
    StateEvent(StateEvent),
    /// Something was refused, again and again perhaps.
    Refused {
        /// Whose it was, where the notice does not name a slot.
        who: Option<String>,
        /// What it was aimed at.
        target: String,
        /// What was refused.
        what: RefusedEvent,
    },
    /// A line that a plugin has logged.
    Log {
        /// Its own level.
        level: Level,
        /// Bounded and escaped.
        text: String,
        /// When it was logged.
        during: During,
    },
}

macro_rules! families {
    ($($family:ident),*) => {$(
        impl From<$family> for Event {
            fn from(event: $family) -> Self {
                Self::$family(event)
            }
        }
    )*};
}
families!(
    RunEvent, FileEvent, SlotEvent, InputEvent, VenueEvent, FeedEvent, RiskEvent, OwnedEvent,
    StateEvent
);

/// When a plugin has logged a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum During {
    /// In a call whose orders count.
    Live,
    /// While its orders were muted: it was catching up with the past, or in its shadow run.
    Muted,
    /// In the call that failed.
    FailedCall,
}

/// Whether a count that was `before` and is `now` is worth telling: at first, and as it grows tenfold.
pub(crate) fn is_worth_telling(before: u64, now: u64) -> bool {
    now > before && (before == 0 || now.ilog10() > before.ilog10())
}

/// The row of plugins' own lines, which have no family: their severity is theirs.
const LOG: Code = Code {
    code: "plugin-log",
    severity: None,
    source: "plugin",
    audited: false,
    meaning: "A line that a plugin has logged, at its own level.",
};

impl Event {
    /// A plugin's line from a call that returned.
    pub(crate) fn log(line: LogLine) -> Self {
        let during = if line.muted { During::Muted } else { During::Live };
        Self::Log { level: line.level, text: line.text, during }
    }

    /// Every code there is, by family.
    pub fn codes() -> impl Iterator<Item = &'static Code> {
        [
            RunEvent::CODES,
            FileEvent::CODES,
            SlotEvent::CODES,
            InputEvent::CODES,
            VenueEvent::CODES,
            FeedEvent::CODES,
            RiskEvent::CODES,
            OwnedEvent::CODES,
            StateEvent::CODES,
            RefusedEvent::CODES,
            std::slice::from_ref(&LOG),
        ]
        .into_iter()
        .flatten()
    }

    /// Its row in the table.
    pub fn code(&self) -> &'static Code {
        match self {
            Self::RunEvent(event) => event.code(),
            Self::FileEvent(event) => event.code(),
            Self::SlotEvent(event) => event.code(),
            Self::InputEvent(event) => event.code(),
            Self::VenueEvent(event) => event.code(),
            Self::FeedEvent(event) => event.code(),
            Self::RiskEvent(event) => event.code(),
            Self::OwnedEvent(event) => event.code(),
            Self::StateEvent(event) => event.code(),
            Self::Refused { what, .. } => what.code(),
            Self::Log { .. } => &LOG,
        }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Log { level: Level::Debug, .. } => Severity::Debug,
            Self::Log { level: Level::Info, .. } => Severity::Info,
            Self::Log { level: Level::Warn, .. } => Severity::Warn,
            Self::Log { level: Level::Error, .. } => Severity::Error,
            // Only a log line's row has no severity.
            other => other.code().severity.unwrap_or(Severity::Info),
        }
    }

    /// One sentence.
    pub fn text(&self) -> String {
        match self {
            Self::RunEvent(event) => event.text(),
            Self::FileEvent(event) => event.text(),
            Self::SlotEvent(event) => event.text(),
            Self::InputEvent(event) => event.text(),
            Self::VenueEvent(event) => event.text(),
            Self::FeedEvent(event) => event.text(),
            Self::RiskEvent(event) => event.text(),
            Self::OwnedEvent(event) => event.text(),
            Self::StateEvent(event) => event.text(),
            Self::Refused { who: Some(who), target, what } => {
                format!("{who}: {target}: {}", what.text())
            }
            Self::Refused { who: None, target, what } => format!("{target}: {}", what.text()),
            Self::Log { text, during: During::Live, .. } => text.clone(),
            Self::Log { text, during: During::Muted, .. } => format!("(orders muted) {text}"),
            Self::Log { text, during: During::FailedCall, .. } => {
                format!("(in the call that failed) {text}")
            }
        }
    }

    /// What would mend it.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::RunEvent(event) => event.fix(),
            Self::FileEvent(event) => event.fix(),
            Self::SlotEvent(event) => event.fix(),
            Self::InputEvent(event) => event.fix(),
            Self::VenueEvent(event) => event.fix(),
            Self::FeedEvent(event) => event.fix(),
            Self::RiskEvent(event) => event.fix(),
            Self::OwnedEvent(event) => event.fix(),
            Self::StateEvent(event) => event.fix(),
            Self::Refused { what, .. } => what.fix(),
            Self::Log { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_given_once_and_says_what_it_means() {
        let mut seen = BTreeSet::new();
        for code in Event::codes() {
            assert!(seen.insert(code.code), "{} is given twice", code.code);
            assert!(code.meaning.ends_with('.'), "{}: {}", code.code, code.meaning);
            let plain = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(code.code.chars().all(plain), "{}", code.code);
        }
        assert!(seen.len() > 60, "{}", seen.len());
    }

    #[test]
    fn a_line_of_a_plugin_keeps_its_level() {
        let severity =
            |level| Event::Log { level, text: String::new(), during: During::Live }.severity();
        assert_eq!(severity(Level::Error), Severity::Error);
        assert_eq!(severity(Level::Debug), Severity::Debug);
    }
}
