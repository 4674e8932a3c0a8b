//! `wickd codes`: every code that a notice can have.

use wickd_engine::{Event, Severity};

use crate::summary::table;
use crate::terminal::Terminal;

/// Every code, by the part of wickd it comes from.
pub(crate) fn show(terminal: &Terminal) {
    if terminal.json {
        return Event::codes().for_each(|code| terminal.line("code", code));
    }
    let mut rows = table(&["code", "severity", "from", "audit", "what it means"]);
    for code in Event::codes() {
        let severity = code.severity.map_or("its own", Severity::word);
        let audited = if code.audited { "kept" } else { "" };
        rows.add_row([code.code, severity, code.source, audited, code.meaning]);
    }
    terminal.page(&format!("{rows}\n"));
}
