//! What an adapter's examination found.
//!
//! Comes in: checks with what they tried and what they found. Goes out: a table of at most 100
//! columns, or JSON lines. Deliberately absent: the examination.

use serde::Serialize;

use crate::figures::{count, grouped};
use crate::summary::table;
use crate::terminal::{Look, Terminal, page_width};

/// Findings of one check that are kept; a broken adapter breaks the same thing a thousand times.
const FINDINGS_MAX: usize = 6;
/// Longest reason shown, in bytes: two values of a fixture side by side.
const REASON_BYTES_MAX: usize = 600;

/// One thing that is wrong.
#[derive(Serialize, Debug)]
pub(super) struct Finding {
    /// Where: a fixture's file and case, an operation, a socket.
    pub(super) place: String,
    /// What is wrong there.
    pub(super) reason: String,
    /// What would mend it.
    pub(super) fix: String,
}

/// One line of the acceptance list.
#[derive(Debug)]
pub(super) struct Check {
    /// Stable: scripts match on it.
    pub(super) name: &'static str,
    /// What is promised.
    pub(super) claim: &'static str,
    /// How many cases were tried.
    pub(super) tried: u64,
    /// What was wrong, the first ones.
    pub(super) findings: Vec<Finding>,
    /// How many were wrong in all.
    pub(super) wrong: u64,
    /// Figures worth a word beside the claim.
    pub(super) note: String,
}

impl Check {
    pub(super) fn new(name: &'static str, claim: &'static str) -> Self {
        Self { name, claim, tried: 0, findings: Vec::new(), wrong: 0, note: String::new() }
    }

    /// One case tried.
    pub(super) fn tried(&mut self) {
        self.tried += 1;
    }

    /// Something wrong with the case that was tried last.
    pub(super) fn wrong(
        &mut self,
        place: impl Into<String>,
        reason: impl AsRef<str>,
        fix: impl Into<String>,
    ) {
        let place = place.into();
        let reason = wickd_model::printable(reason.as_ref().as_bytes(), REASON_BYTES_MAX);
        if self.findings.iter().any(|known| known.place == place && known.reason == reason) {
            return;
        }
        self.wrong += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { place, reason, fix: fix.into() });
        }
    }

    /// A case that was tried, and holds or not.
    pub(super) fn hold(&mut self, holds: bool, place: &str, reason: &str, fix: &str) {
        self.tried();
        if !holds {
            self.wrong(place, reason, fix);
        }
    }

    /// A check that never came to try anything proves nothing.
    pub(super) fn needs_cases(&mut self, fix: &str) {
        if self.tried == 0 {
            self.wrong("fixtures", "there is nothing to try it on", fix);
        }
    }

    fn holds(&self) -> bool {
        self.wrong == 0
    }
}

/// Shows the checks; true where all of them hold.
pub(super) fn show(terminal: &Terminal, label: &str, checks: &[Check]) -> bool {
    let failed = checks.iter().filter(|check| !check.holds()).count();
    if terminal.json {
        as_lines(terminal, label, checks, failed);
    } else {
        terminal.page(&as_page(terminal, label, checks, failed));
    }
    failed == 0
}

fn as_lines(terminal: &Terminal, label: &str, checks: &[Check], failed: usize) {
    #[derive(Serialize)]
    struct Line<'c> {
        check: &'c str,
        claim: &'c str,
        ok: bool,
        tried: u64,
        wrong: u64,
        note: &'c str,
        findings: &'c [Finding],
    }
    for check in checks {
        let Check { name, claim, tried, findings, wrong, note } = check;
        let (ok, check) = (check.holds(), *name);
        let line = Line { check, claim, ok, tried: *tried, wrong: *wrong, note, findings };
        terminal.line("check", &line);
    }
    let body = serde_json::json!({
        "plugin": label, "ok": failed == 0, "checks": checks.len(), "failed": failed,
    });
    terminal.line("adapter-test", &body);
}

fn as_page(terminal: &Terminal, label: &str, checks: &[Check], failed: usize) -> String {
    let mut rows = table(&["", "check", "cases", "what holds"]);
    rows.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(page_width());
    for check in checks {
        let word = match (check.holds(), check.tried) {
            (false, _) => "FAILED",
            // Nothing was tried, so nothing is claimed.
            (true, 0) => "none",
            (true, _) => "ok",
        };
        let note = if check.note.is_empty() { String::new() } else { format!(" ({})", check.note) };
        let claim = format!("{}{note}", check.claim);
        rows.add_row([word, check.name, &grouped(check.tried), &claim]);
    }
    if let Some(cases) = rows.column_mut(2) {
        cases.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    let mut page = String::new();
    for line in rows.lines() {
        let line = line.trim_end();
        // Painted once laid out: escapes would count as columns.
        let painted = match line.trim_start() {
            rest if rest.starts_with("ok ") => {
                line.replacen("ok", &terminal.paint_page(Look::Good, "ok"), 1)
            }
            rest if rest.starts_with("FAILED ") => {
                line.replacen("FAILED", &terminal.paint_page(Look::Bad, "FAILED"), 1)
            }
            _ => line.to_owned(),
        };
        page.push_str(&format!("{painted}\n"));
    }
    for check in checks.iter().filter(|check| !check.holds()) {
        page.push_str(&findings(terminal, check));
    }
    let tried = count(checks.iter().map(|check| check.tried).sum(), "case");
    page.push_str(&match failed {
        0 => format!("\n{label} holds all {} checks, {tried}.\n", checks.len()),
        _ => format!("\n{label} fails {failed} of {} checks, {tried}.\n", checks.len()),
    });
    page
}

fn findings(terminal: &Terminal, check: &Check) -> String {
    let mut text = format!("\n{}\n", terminal.paint_page(Look::Bold, check.name));
    for Finding { place, reason, fix } in &check.findings {
        text.push_str(&folded(&format!("{place}: {reason}"), " ", "   "));
        text.push_str(&folded(&format!("fix: {fix}"), "   ", "        "));
    }
    let more = check.wrong.saturating_sub(check.findings.len() as u64);
    if more > 0 {
        text.push_str(&format!(" and {} more\n", grouped(more)));
    }
    text
}

/// Broken at the width of a page: between words, and inside one that is longer than a line.
pub(super) fn folded(text: &str, first: &str, rest: &str) -> String {
    let (mut folded, mut line) = (String::new(), first.to_owned());
    let width = usize::from(page_width());
    let mut empty = true;
    for word in text.split_whitespace() {
        let mut word = word;
        let used = line.chars().count() + usize::from(!empty);
        if !empty && used + word.chars().count() > width {
            folded.push_str(&format!("{line}\n"));
            (line, empty) = (rest.to_owned(), true);
        }
        if !empty {
            line.push(' ');
        }
        while line.chars().count() + word.chars().count() > width {
            let room = width - line.chars().count();
            let cut = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
            folded.push_str(&format!("{line}{}\n", &word[..cut]));
            (line, word) = (rest.to_owned(), &word[cut..]);
        }
        line.push_str(word);
        empty = false;
    }
    folded.push_str(&format!("{line}\n"));
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_folded_fits_a_page_and_keeps_every_character() {
        let long = "x".repeat(350);
        for text in [format!("a {long} b {long}"), "word ".repeat(90), "é ".repeat(120) + &long] {
            let folded = folded(&text, " ", "   ");
            assert!(folded.lines().all(|line| line.chars().count() <= 100), "{folded}");
            let plain = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(plain(&folded), plain(&text));
        }
    }
}
