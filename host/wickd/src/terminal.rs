//! Where output goes: results to standard output, everything else to standard error.
//!
//! Comes in: results, notices, failures. Goes out: text for people or JSON lines. A reader that went
//! away is no error. Deliberately absent: the live display.

use std::io::{self, IsTerminal};

use miette::{GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::cli::{Color, LogFormat, Output};
use crate::exit::Failure;
use crate::printer::{self, Output::Error, Output::Standard};

/// Raised when a field of any JSON line changes its meaning or leaves.
const SCHEMA: u32 = 1;
/// Width of a page where no terminal says another.
pub(crate) const COLUMNS: u16 = 100;
/// Widths that a page keeps to, whatever a terminal says: below, tables fall apart; above, lines are hard
/// to follow.
const COLUMNS_RANGE: std::ops::RangeInclusive<u16> = 40..=160;
/// Rows of a terminal that does not say how many it has.
const ROWS: u16 = 24;

/// How something looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    /// Worth reading first.
    Bold,
    /// Only for those who look for it.
    Dim,
    /// As it should be.
    Good,
    /// Contained or refused.
    Odd,
    /// Somebody must act.
    Bad,
}

/// The two outputs of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// JSON lines instead of text.
    pub(crate) json: bool,
    /// No progress and no ordinary notices.
    pub(crate) quiet: bool,
    /// Log lines on standard error are JSON.
    pub(crate) log_json: bool,
    /// Somebody watches standard error, and may be shown moving things.
    pub(crate) live: bool,
    colors: bool,
    page_colors: bool,
}

impl Terminal {
    /// From the command line and the environment.
    pub(crate) fn new(output: Output) -> Self {
        let wants = |is_terminal: bool| match output.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        let is_terminal = io::stderr().is_terminal();
        Self {
            json: output.json,
            quiet: output.quiet,
            log_json: output.log_format == LogFormat::Json,
            live: is_terminal
                && !output.json
                && !output.quiet
                && output.log_format == LogFormat::Plain,
            colors: wants(is_terminal),
            page_colors: wants(io::stdout().is_terminal()),
        }
    }

    /// Text for standard error in a look.
    pub(crate) fn paint(&self, look: Look, text: &str) -> String {
        painted(self.colors, look, text)
    }

    /// Text for standard output in a look.
    pub(crate) fn paint_page(&self, look: Look, text: &str) -> String {
        painted(self.page_colors, look, text)
    }

    /// A result for people.
    pub(crate) fn page(&self, text: &str) {
        printer::print_result(Standard, self.json, text.as_bytes());
    }

    /// A result as one JSON line.
    pub(crate) fn line(&self, kind: &str, body: &impl Serialize) {
        printer::print_result(Standard, self.json, &json_line(kind, body));
    }

    /// An event as one JSON line; one of many, so that no reader is waited for.
    pub(crate) fn stream_line(&self, kind: &str, body: &impl Serialize) {
        printer::print(Standard, self.json, &json_line(kind, body));
    }

    /// An event for the log, as one JSON line on standard error.
    pub(crate) fn log_line(&self, kind: &str, body: &impl Serialize) {
        printer::print(Error, self.log_json, &json_line(kind, body));
    }

    /// A line for whoever watches.
    pub(crate) fn tell(&self, text: &str) {
        printer::print(Error, self.log_json, format!("{text}\n").as_bytes());
    }

    /// A failure, in full.
    pub(crate) fn fail(&self, failure: &Failure) {
        if self.json {
            return self.line("error", &failure.json());
        }
        let head = self.paint(Look::Bad, &format!("error[{}]", failure.exit.word()));
        self.tell(&format!("{head}: {}", failure.text));
        for cause in &failure.causes {
            self.tell(&format!("  caused by: {cause}"));
        }
        failure.problems.iter().for_each(|problem| self.tell(&self.excerpt(problem)));
        if let Some(hint) = &failure.hint {
            self.tell(&format!("  hint: {hint}"));
        }
    }

    /// A problem with the lines it stands in.
    pub(crate) fn excerpt(&self, problem: &dyn miette::Diagnostic) -> String {
        let theme = match self.colors {
            true => GraphicalTheme::unicode(),
            false => GraphicalTheme::unicode_nocolor(),
        };
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(screen_size().0.into());
        match handler.render_report(&mut text, problem) {
            Ok(()) => text.trim_end().to_owned(),
            Err(_) => format!("  {problem}"),
        }
    }
}

/// The width of pages on standard output.
pub(crate) fn page_width() -> u16 {
    let asked = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col);
    width(asked)
}

/// Width and height of what watches standard error.
pub(crate) fn screen_size() -> (u16, u16) {
    let asked = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let rows = asked.map(|size| size.ws_row).filter(|rows| *rows > 0).unwrap_or(ROWS);
    (width(asked.map(|size| size.ws_col)), rows)
}

fn width(asked: Option<u16>) -> u16 {
    let asked = asked.filter(|columns| *columns > 0);
    asked.map_or(COLUMNS, |of| of.clamp(*COLUMNS_RANGE.start(), *COLUMNS_RANGE.end()))
}

/// One JSON line with its kind and the schema.
fn json_line(kind: &str, body: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'l, T> {
        schema: u32,
        kind: &'l str,
        #[serde(flatten)]
        body: &'l T,
    }
    let mut text = serde_json::to_vec(&Line { schema: SCHEMA, kind, body }).unwrap_or_default();
    text.push(b'\n');
    text
}

fn painted(colors: bool, look: Look, text: &str) -> String {
    let code = match look {
        _ if !colors => return text.to_owned(),
        Look::Bold => "1",
        Look::Dim => "2",
        Look::Good => "32",
        Look::Odd => "33",
        Look::Bad => "31;1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
