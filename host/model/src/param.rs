//! Typed parameters: what a plugin declares and what an operator sets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A parameter's value. Numbers are decimal text: exact, and the same in every language.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the cases are the WIT variant's")]
pub enum Value {
    Boolean(bool),
    Integer(i64),
    Number(String),
    Text(String),
    Choice(String),
    DurationMs(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Number(text) | Self::Text(text) | Self::Choice(text) => f.write_str(text),
            Self::DurationMs(ms) => write!(f, "{ms}ms"),
        }
    }
}

/// What values a parameter takes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the cases are the WIT variant's")]
pub enum Domain {
    Boolean,
    Integer { min: i64, max: i64, step: i64 },
    Number { min: String, max: String, step: String },
    Text { bytes_max: u32 },
    Choice(Vec<String>),
    Duration { min_ms: u64, max_ms: u64 },
}

/// A declared parameter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// Dotted key.
    pub key: String,
    /// One sentence for people.
    pub description: String,
    /// What it takes.
    pub domain: Domain,
    /// What it is where nothing is set.
    pub default: Value,
}

/// A set parameter.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Dotted key.
    pub key: String,
    /// Its value.
    pub value: Value,
}

/// One thing wrong with one key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Issue {
    /// Which key.
    pub key: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.message)
    }
}
