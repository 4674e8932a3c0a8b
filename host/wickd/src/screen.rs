//! What an operator sees while it runs: a live page on a terminal, plain lines elsewhere, JSON lines
//! where asked for.
//!
//! Comes in: notices and the slots' gauges. Goes out: lines. Deliberately absent: the end of a run,
//! which is the summary's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use wickd_engine::events::FileEvent;
use wickd_engine::{Detail, Event, House, Notice, Severity, SlotShow};
use wickd_model::{Amount, Fault, printable};

use crate::config::Config;
use crate::figures::{grouped, signed, span, utc};
use crate::terminal::{Look, Terminal, screen_size};

/// Frames of a guest's backtrace shown with its fault.
const FRAMES_SHOWN: usize = 3;
/// Longest reason in a slot's line, in bytes.
const WHY_BYTES_MAX: usize = 48;
/// Rows of the terminal that are not slots': the head, what is hidden, and what was told last.
const ROWS_KEPT: u16 = 6;
/// How often the live page is drawn.
pub(crate) const REDRAW: Duration = Duration::from_millis(100);

/// Shows a running house.
pub(crate) struct Screen<'t> {
    terminal: &'t Terminal,
    /// For the lines of parameters that a plugin refuses.
    config: &'t Config,
    live: Option<Live>,
}

struct Live {
    pages: MultiProgress,
    head: ProgressBar,
    rows: Vec<ProgressBar>,
    /// What the screen has no room for, in one line.
    rest: Option<ProgressBar>,
    /// Files under way through intake.
    compiling: u32,
    last: (Instant, u64),
    rate: u64,
}

impl<'t> Screen<'t> {
    /// A screen for this house. `events` is how many market events there will be, where the feeds
    /// end: the progress of a replay.
    pub(crate) fn new(
        terminal: &'t Terminal,
        config: &'t Config,
        house: &House,
        events: Option<u64>,
    ) -> Self {
        let live = terminal.live.then(|| Live::start(house.slots.len(), events));
        Self { terminal, config, live }
    }

    /// Shows one notice.
    pub(crate) fn notice(&mut self, notice: &Notice) {
        if let Some(live) = &mut self.live {
            live.count_files(notice);
        }
        if self.terminal.json {
            return self.terminal.stream_line("notice", notice);
        }
        let routine = notice.severity <= Severity::Info;
        if self.terminal.log_json && !(routine && self.terminal.quiet) {
            return self.terminal.log_line("notice", notice);
        }
        if routine && (self.terminal.quiet || (self.live.is_some() && is_found(notice))) {
            return;
        }
        if let Some(Detail::Config(problems)) = &notice.detail {
            // The excerpts say it all, and better than the one line for machines.
            let text = "its `config:` does not fit the plugin:".to_owned();
            self.print(&self.line(&Notice { text, ..notice.clone() }));
            let wrong = self.config.wrong(problems.clone());
            let excerpts = wrong.places().iter().map(|place| self.terminal.excerpt(place));
            return excerpts.for_each(|excerpt| self.print(&excerpt));
        }
        self.print(&self.line(notice));
        if let Some(Detail::Fault(fault)) = &notice.detail {
            frames(fault).for_each(|frame| {
                self.print(&self.terminal.paint(Look::Dim, &format!("         {frame}")));
            });
        }
        if let Some(fix) = notice.fix.as_ref().filter(|_| !routine) {
            self.print(&format!("         hint: {fix}"));
        }
    }

    /// Draws the live page anew.
    pub(crate) fn refresh(&mut self, house: &House) {
        if let Some(live) = &mut self.live {
            live.refresh(house, self.terminal);
        }
    }

    /// Takes the live page away, before the summary.
    pub(crate) fn close(&mut self) {
        if let Some(live) = self.live.take() {
            live.rows.iter().chain(&live.rest).for_each(ProgressBar::finish_and_clear);
            live.head.finish_and_clear();
        }
    }

    /// A log keeps each notice on one line; a terminal shows it whole.
    fn print(&self, line: &str) {
        match &self.live {
            // A terminal that went away is no reason to stop.
            Some(live) if line.contains('\n') => drop(live.pages.println(line)),
            Some(live) => drop(live.pages.println(wrapped(line, screen_size().0.into()))),
            None => self.terminal.tell(line),
        }
    }

    fn line(&self, notice: &Notice) -> String {
        let (word, look) = match notice.severity {
            Severity::Debug => ("debug", Look::Dim),
            Severity::Info => ("info ", Look::Good),
            Severity::Warn => ("warn ", Look::Odd),
            Severity::Error => ("error", Look::Bad),
        };
        // On a terminal the day is known, and so is what speaks.
        let (time, source) = match self.live.is_some() {
            true => (utc(notice.at_ns)[11..19].to_owned(), ""),
            false => (wickd_model::utc(notice.at_ns), notice.source),
        };
        let mut line = format!("{} ", self.terminal.paint(Look::Dim, &time));
        line.push_str(&self.terminal.paint(look, word));
        if !source.is_empty() {
            line.push_str(&format!(" {source:<7}"));
        }
        // Where an admitted plugin lay matters to machines only; its name and version say what it is.
        let place = notice.place.as_ref().filter(|_| notice.plugin.is_none());
        // What is told of a venue names it; what its adapter logs does not.
        let is_log = matches!(notice.event, Event::Log { .. });
        let venue = notice.venue.as_ref().filter(|_| is_log);
        let about = [notice.slot.as_ref(), venue, notice.plugin.as_ref(), place];
        for part in about.into_iter().flatten() {
            line.push_str(&format!("  {}", self.terminal.paint(Look::Bold, part)));
        }
        line.push_str(&format!("  {}", notice.text));
        line
    }
}

/// Broken between words at a width, what follows set in. Escapes for colour take room
/// that is not seen, so a coloured line breaks a little early.
fn wrapped(line: &str, columns: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in line.split_inclusive(' ') {
        let width = word.chars().count();
        if column > 0 && column + width > columns {
            text.push_str("\n         ");
            column = 9;
        }
        text.push_str(word);
        column += width;
    }
    text
}

fn is_found(notice: &Notice) -> bool {
    matches!(notice.event, Event::FileEvent(FileEvent::Found { .. }))
}

/// The innermost frames, one per line.
pub(crate) fn frames(fault: &Fault) -> impl Iterator<Item = String> {
    fault.backtrace.iter().take(FRAMES_SHOWN).map(|frame| match &frame.place {
        Some(place) => format!("at {} ({place})", frame.function),
        None => format!("at {}", frame.function),
    })
}

impl Live {
    fn start(slots: usize, events: Option<u64>) -> Self {
        let pages = MultiProgress::new();
        let head = pages.add(events.map_or_else(ProgressBar::no_length, ProgressBar::new));
        let shape = match events {
            Some(_) => "{spinner} {bar:20} {wide_msg}",
            None => "{spinner} {wide_msg}",
        };
        // The templates are fixed; a wrong one would only cost the looks.
        let style = |shape: &str| {
            ProgressStyle::with_template(shape).unwrap_or_else(|_| ProgressStyle::default_spinner())
        };
        head.set_style(style(shape));
        let row = |_| {
            let row = pages.add(ProgressBar::no_length());
            // Cut at the width, because a row that breaks is never taken away again.
            row.set_style(style("{wide_msg}"));
            row
        };
        // The head, a line for what is hidden, and a few for what is told meanwhile.
        let room = usize::from(screen_size().1.saturating_sub(ROWS_KEPT)).max(1);
        let rows = (0..slots.min(room)).map(&row).collect();
        let rest = (slots > room).then(|| row(room));
        Self { pages, head, rows, rest, compiling: 0, last: (Instant::now(), 0), rate: 0 }
    }

    fn count_files(&mut self, notice: &Notice) {
        match &notice.event {
            Event::FileEvent(FileEvent::Found { .. }) => self.compiling += 1,
            Event::FileEvent(FileEvent::Admitted { .. } | FileEvent::PluginRefused { .. }) => {
                self.compiling = self.compiling.saturating_sub(1)
            }
            _ => {}
        }
    }

    fn refresh(&mut self, house: &House, terminal: &Terminal) {
        let (events, ts_event) = house.progress();
        let since = self.last.0.elapsed();
        if since >= Duration::from_secs(1) {
            self.rate = ((events - self.last.1) as f64 / since.as_secs_f64()) as u64;
            self.last = (Instant::now(), events);
        }
        self.head.set_position(events);
        let mut text = match events {
            0 => "market closed".to_owned(),
            _ => format!(
                "{} UTC  {} events  {}/s",
                utc(ts_event),
                grouped(events),
                grouped(self.rate)
            ),
        };
        if self.compiling > 0 {
            text.push_str(&format!("  checking and compiling {}", self.compiling));
        }
        self.head.set_message(text);
        self.head.tick();
        for (row, slot) in self.rows.iter().zip(&house.slots) {
            row.set_message(row_of(slot, terminal));
            row.tick();
        }
        if let Some(rest) = &self.rest {
            rest.set_message(hidden(&house.slots[self.rows.len()..]));
            rest.tick();
        }
    }
}

/// How the slots stand that there is no room for.
fn hidden(slots: &[SlotShow]) -> String {
    let mut states = BTreeMap::<&str, usize>::new();
    slots.iter().for_each(|slot| *states.entry(slot.standing().state).or_default() += 1);
    let each: Vec<_> = states.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("and {} more: {}; `wickd status` shows all", slots.len(), each.join(", "))
}

/// One slot in one line: generation, ticks, p50 and p99 of a call, fuel per tick, orders, fills, PnL.
fn row_of(slot: &SlotShow, terminal: &Terminal) -> String {
    let (standing, gauge) = (slot.standing(), &slot.gauge);
    let look = match standing.state {
        "live" => Look::Good,
        "quarantined" => Look::Bad,
        _ => Look::Odd,
    };
    let name = format!("{:<10}", slot.name.as_str());
    let state = terminal.paint(look, &format!("{:<11}", standing.state));
    let events = gauge.events.get();
    if events == 0 || gauge.generation.get() == 0 {
        return format!("{name} {state} {}", printable(standing.why.as_bytes(), WHY_BYTES_MAX));
    }
    format!(
        "{name} {state} g{:<2} {:>6} ticks {:>8} {:>8} {:>6} fuel {:>4} ord {:>4} fills {:>12}",
        gauge.generation.get(),
        grouped(events),
        span(gauge.call_ns.quantile_ns(0.5)),
        span(gauge.call_ns.quantile_ns(0.99)),
        grouped(gauge.fuel_total.get() / events),
        gauge.orders.get(),
        gauge.fills.get(),
        gauge
            .known_pnl()
            .map_or_else(|| "unknown".to_owned(), |pnl| signed(&Amount::of(pnl, &slot.currency))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_notice_is_broken_between_words_and_loses_none() {
        let line = "word ".repeat(60);
        for columns in [40, 100] {
            let wrapped = wrapped(&line, columns);
            let fits = |line: &str| line.chars().count() <= columns;
            assert!(wrapped.lines().all(fits), "{wrapped}");
            assert_eq!(wrapped.split_whitespace().count(), 60);
        }
    }
}
