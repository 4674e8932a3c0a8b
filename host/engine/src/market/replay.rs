//! Recorded files played again as one feed.
//!
//! Comes in: a [`ReplayPlan`]. Goes out: the rows of its files merged by time; at equal times the file
//! listed first goes first. In a loop each lap is moved forward whole, so that its first event comes
//! [`LAP_GAP_NS`] after the last of the lap before: time never runs backwards. Trade ids repeat from
//! lap to lap. Files are streamed; at most one row of each is held. Deliberately absent: waiting.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use wickd_model::{Event, Instrument, TsNs};

use super::csv::{BrokenRow, FloatNoise, Layout, Meaning, RowError, Rows, TimeUnit};
use super::{Brings, FeedError, NS_PER_S};

/// Between the last event of a lap and the first of the next.
const LAP_GAP_NS: u64 = NS_PER_S;
/// Bytes read from a file at a time.
const READ_BYTES: usize = 64 << 10;
/// How many skipped rows are kept word by word; the others are counted.
const SKIPPED_KEPT: usize = 8;

/// What happens at a row that is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnBrokenRow {
    /// The feed ends there, with the row's place as its error.
    #[default]
    Stop,
    /// The row is left out and counted.
    Skip,
}

/// What a replay plays.
#[derive(Clone, Debug)]
pub struct ReplayPlan {
    /// The files; each one's header decides its layout.
    pub files: Vec<PathBuf>,
    /// The instrument of all of them.
    pub instrument: Instrument,
    /// Length of the bars in bar files, in seconds.
    pub bar_secs: u32,
    /// Start again behind the end, for ever.
    pub looped: bool,
    /// At a broken row.
    pub on_broken_row: OnBrokenRow,
    /// At numbers with a float's noise.
    pub float_noise: FloatNoise,
    /// The unit of the files' times.
    pub time_unit: TimeUnit,
    /// Event time of the first event; `None` leaves the recorded times as they are.
    pub starts_at: Option<TsNs>,
}

pub(super) struct Replay {
    plan: ReplayPlan,
    feed: String,
    files: Vec<Rows<BufReader<File>>>,
    /// The next row of each file, in recorded time.
    heads: Vec<Head>,
    /// Recorded times of the first and the latest event of this lap.
    lap: Option<(TsNs, TsNs)>,
    /// What is added to recorded times.
    shift_ns: i64,
    pub(super) laps: u64,
    pub(super) skipped: u64,
    pub(super) first_skipped: Vec<BrokenRow>,
    rounded_before: u64,
}

#[derive(Clone, Copy)]
enum Head {
    Unread,
    Row(Event),
    End,
}

impl Replay {
    /// Opens every file and reads its header.
    pub(super) fn open(name: &str, plan: ReplayPlan) -> Result<Self, FeedError> {
        if plan.files.is_empty() {
            let reason = "it has no file".to_owned();
            return Err(FeedError::Plan { feed: name.to_owned(), reason });
        }
        let mut replay = Self {
            feed: name.to_owned(),
            heads: vec![Head::Unread; plan.files.len()],
            plan,
            files: Vec::new(),
            lap: None,
            shift_ns: 0,
            laps: 0,
            skipped: 0,
            first_skipped: Vec::new(),
            rounded_before: 0,
        };
        replay.open_files()?;
        Ok(replay)
    }

    fn open_files(&mut self) -> Result<(), FeedError> {
        self.rounded_before = self.rounded();
        self.files.clear();
        let ReplayPlan { instrument, bar_secs, float_noise, time_unit, .. } = &self.plan;
        let meaning = Meaning::of(instrument, *bar_secs, *float_noise, *time_unit);
        for path in &self.plan.files {
            let open = |source| FeedError::Open { path: path.clone(), source };
            let file = BufReader::with_capacity(READ_BYTES, regular(path).map_err(open)?);
            let rows =
                Rows::open(file, &path.to_string_lossy(), meaning).map_err(
                    |error| match error {
                        RowError::Broken(row) => FeedError::Row(row),
                        RowError::Read(source) => FeedError::Read { path: path.clone(), source },
                    },
                )?;
            self.files.push(rows);
        }
        self.heads.fill(Head::Unread);
        self.lap = None;
        Ok(())
    }

    /// What its files bring.
    pub(super) fn brings(&self) -> Brings {
        let has = |layout| self.files.iter().any(|rows| rows.layout() == layout);
        Brings {
            feed: self.feed.clone(),
            instrument: self.plan.instrument.id,
            quotes: has(Layout::Quotes),
            trades: has(Layout::Trades),
            bar_secs: has(Layout::Bars).then_some(self.plan.bar_secs),
        }
    }

    /// Numbers taken in spite of a float's noise, over all laps.
    pub(super) fn rounded(&self) -> u64 {
        self.rounded_before + self.files.iter().map(|rows| rows.rounded).sum::<u64>()
    }

    /// The next event, in shifted time. After an error the feed is over.
    pub(super) fn next(&mut self) -> Result<Option<Event>, FeedError> {
        loop {
            if let Some(event) = self.next_recorded()? {
                return self.shifted(event).map(Some);
            }
            // A lap without a single event would go round for ever.
            let Some((first, last)) = self.lap.filter(|_| self.plan.looped) else {
                return Ok(None);
            };
            let lap_ns = (last - first).checked_add(LAP_GAP_NS);
            let shift_ns = lap_ns.and_then(|ns| self.shift_ns.checked_add_unsigned(ns));
            self.shift_ns = shift_ns.ok_or_else(|| self.beyond_time())?;
            self.laps += 1;
            self.open_files()?;
        }
    }

    /// The earliest of the files' next rows; among equals the first file's.
    fn next_recorded(&mut self) -> Result<Option<Event>, FeedError> {
        let mut earliest: Option<(usize, Event)> = None;
        for file in 0..self.heads.len() {
            if matches!(self.heads[file], Head::Unread) {
                self.heads[file] = self.read(file)?.map_or(Head::End, Head::Row);
            }
            if let Head::Row(event) = self.heads[file]
                && earliest.is_none_or(|(_, first)| event.at().ts_event < first.at().ts_event)
            {
                earliest = Some((file, event));
            }
        }
        Ok(earliest.map(|(file, event)| {
            self.heads[file] = Head::Unread;
            event
        }))
    }

    fn read(&mut self, file: usize) -> Result<Option<Event>, FeedError> {
        loop {
            match self.files[file].next() {
                Ok(event) => return Ok(event),
                Err(RowError::Read(source)) => {
                    return Err(FeedError::Read { path: self.plan.files[file].clone(), source });
                }
                Err(RowError::Broken(row)) if self.plan.on_broken_row == OnBrokenRow::Stop => {
                    return Err(FeedError::Row(row));
                }
                Err(RowError::Broken(row)) => {
                    self.skipped += 1;
                    if self.first_skipped.len() < SKIPPED_KEPT {
                        self.first_skipped.push(*row);
                    }
                }
            }
        }
    }

    fn shifted(&mut self, mut event: Event) -> Result<Event, FeedError> {
        let recorded = event.at().ts_event;
        if let (0, None, Some(start)) = (self.laps, self.lap, self.plan.starts_at) {
            let shift_ns = i64::try_from(i128::from(start) - i128::from(recorded));
            self.shift_ns = shift_ns.map_err(|_| self.beyond_time())?;
        }
        let first = self.lap.map_or(recorded, |(first, _)| first);
        self.lap = Some((first, recorded));
        if self.shift_ns == 0 {
            return Ok(event);
        }
        let shift =
            |ts: TsNs| ts.checked_add_signed(self.shift_ns).ok_or_else(|| self.beyond_time());
        let ts = shift(recorded)?;
        let at = event.at_mut();
        (at.ts_event, at.ts_init) = (ts, ts);
        if let Event::Bar(bar) = &mut event {
            bar.open_time = shift(bar.open_time)?;
        }
        Ok(event)
    }

    fn beyond_time(&self) -> FeedError {
        let reason = "its times leave what 64 bits of nanoseconds hold".to_owned();
        FeedError::Plan { feed: self.feed.clone(), reason }
    }
}

/// Opens a file. A pipe is none: whoever opens it waits for its other end, for ever perhaps.
fn regular(path: &Path) -> std::io::Result<File> {
    match path.metadata()?.is_file() {
        true => File::open(path),
        false => Err(std::io::Error::other("it is no regular file")),
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
