//! `wickd audit`: what happened, read from the audit log while the daemon is down.
//!
//! Comes in: a state folder. Goes out: its last entries that fit. A running daemon has the log locked.

use serde_json::json;
use wickd_engine::Severity;
use wickd_store::AuditEntry;

use crate::cli::AuditArgs;
use crate::exit::{Exit, Failure};
use crate::figures::utc;
use crate::terminal::{Look, Terminal};

/// Shows the last entries that fit, the oldest first.
pub(crate) fn show(terminal: &Terminal, args: &AuditArgs) -> Result<Exit, Failure> {
    let folder = crate::journal::open(&args.state, "audit")?;
    let audit = folder.audit()?;
    let all = audit.tail(u64::MAX)?;
    let fitting: Vec<_> = all.iter().filter(|(_, entry)| fits(entry, args)).collect();
    let from = fitting.len().saturating_sub(usize::try_from(args.last).unwrap_or(usize::MAX));
    for (number, entry) in &fitting[from..] {
        if terminal.json {
            terminal.line("audit", &json!({ "number": number, "entry": entry }));
            continue;
        }
        let field = |name: &str| entry.detail[name].as_str().unwrap_or_default();
        let text = if field("text").is_empty() { field("cut") } else { field("text") };
        let severity = field("severity");
        let look = match severity {
            "error" => Look::Bad,
            "warn" => Look::Odd,
            _ => Look::Good,
        };
        let severity = terminal.paint_page(look, &format!("{severity:<5}"));
        let AuditEntry { ts_ns, kind, subject, .. } = entry;
        terminal.page(&format!("{} {severity} {kind:<18} {subject:<12} {text}\n", utc(*ts_ns)));
    }
    let dropped = audit.dropped()?;
    if dropped > 0 && !terminal.json {
        terminal.tell(&format!("{dropped} older entries have left the log to make room"));
    }
    Ok(Exit::Ok)
}

fn fits(entry: &AuditEntry, args: &AuditArgs) -> bool {
    let is = |wanted: &Option<String>, there: &str| wanted.as_ref().is_none_or(|it| it == there);
    let severe = match args.severity {
        None => true,
        Some(least) => entry.detail["severity"]
            .as_str()
            // An entry that was cut has lost its severity, and is shown rather than hidden.
            .and_then(Severity::of_word)
            .is_none_or(|severity| severity >= least.into()),
    };
    severe && is(&args.code, &entry.kind) && is(&args.about, &entry.subject)
}
