//! What is wrong with a configuration, for people and for `--json`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, NamedSource, SourceSpan};
use wickd_model::printable;
use wickd_policy::yaml::Problem;

use super::PATH_BYTES_MAX;
use super::mask::masked;

/// Why a configuration was not taken.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    #[diagnostic(help("name the file with `--config`, or create it"))]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file says something that cannot be.
    #[error("{} {} wrong in {file}", problems.len(), if problems.len() == 1 { "thing is" } else { "things are" })]
    Wrong {
        /// Which file.
        file: String,
        /// Everything that is wrong, by place; at least one.
        #[related]
        problems: Vec<ConfigProblem>,
    },
}

/// One thing wrong in a configuration.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{file}:{line}:{column}: {reason}")]
pub(crate) struct ConfigProblem {
    /// Which file.
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: u32,
    /// Counted from 1, in characters.
    pub(crate) column: u32,
    /// What is wrong.
    pub(crate) reason: String,
    /// What to change.
    #[help]
    pub(crate) fix: String,
    #[source_code]
    excerpt: NamedSource<Arc<str>>,
    #[label]
    span: SourceSpan,
}

impl ConfigError {
    /// Everything that is wrong, by place; nothing where the file could not be read.
    pub(crate) fn places(&self) -> &[ConfigProblem] {
        match self {
            Self::Read { .. } => &[],
            Self::Wrong { problems, .. } => problems,
        }
    }

    /// Problems of a text with their excerpts.
    pub(super) fn wrong(path: &Path, text: &str, problems: Vec<Problem>) -> Self {
        let file = printable(path.as_os_str().as_encoded_bytes(), PATH_BYTES_MAX);
        let text: Arc<str> = masked(text).into();
        let problem = |problem: Problem| ConfigProblem {
            file: file.clone(),
            line: problem.place.line,
            column: problem.place.column,
            reason: problem.reason,
            fix: problem.fix,
            excerpt: NamedSource::new(&file, Arc::clone(&text)),
            span: problem.place.bytes.into(),
        };
        Self::Wrong { problems: problems.into_iter().map(problem).collect(), file: file.clone() }
    }
}

/// A file's text, of which at most one byte more than `bytes_max` is read: enough to see that it is
/// too long.
pub(super) fn read_bounded(path: &Path, bytes_max: usize) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}
