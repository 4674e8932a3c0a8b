//! One CSV file of market facts, row by row.
//!
//! Comes in: text in one of the three layouts; the header decides which. Goes out: events in the file's
//! order, or the exact place of what is wrong. A row is held to the layout strictly: every column,
//! plain decimal text, prices above zero, a book that is not crossed, time that does not run backwards.
//! Deliberately absent: quoting, other separators, compression, and floats: text becomes a scaled
//! integer directly.

use std::io::{self, BufRead, Read};

use wickd_model::{
    Aggressor, Bar, DecimalError, Event, Instrument, Quote, Stamp, Trade, TsNs, parse_scaled,
    printable,
};

use super::NS_PER_S;
use column::{FIX_ROW, Field, Flaw, columns, denoised};

mod column;

/// Longest row, in bytes: the longest layout with the longest numbers needs about 200.
const ROW_BYTES_MAX: usize = 512;
/// Longest piece of a file quoted in a message, in bytes.
const QUOTED_BYTES_MAX: usize = 48;
/// The years between which a recording's times are taken for what they are, in Unix seconds.
const Y2000_S: u64 = 946_684_800;
const Y2100_S: u64 = 4_102_444_800;
/// Trade ids remembered: what was delivered twice stands close together.
const TRADE_IDS_KEPT: usize = 256;
/// What to do about a number that has too many decimals.
const FIX_NOISE: &str =
    "check the instrument's scales; if a float wrote it, set `float_noise: round`";

/// What the rows of a file are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Top of book.
    Quotes,
    /// Trades.
    Trades,
    /// Closed bars.
    Bars,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Quotes, Self::Trades, Self::Bars];

    /// The first line of such a file.
    pub fn header(self) -> &'static str {
        match self {
            Self::Quotes => "ts_ns,bid,ask,bid_size,ask_size",
            Self::Trades => "ts_ns,price,size,aggressor,trade_id",
            Self::Bars => "open_time_ns,open,high,low,close,volume",
        }
    }
}

/// What to do with a number that has more decimals than its instrument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FloatNoise {
    /// The row is broken.
    #[default]
    Refuse,
    /// Where a float left its mark (`0.00031099999999999997`), the decimal it stood for is taken and
    /// counted. Any other excess of decimals is still broken.
    Round,
}

/// The unit of a file's times.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TimeUnit {
    /// Unix seconds.
    S,
    /// Unix milliseconds.
    Ms,
    /// Unix microseconds.
    Us,
    /// Unix nanoseconds.
    #[default]
    Ns,
}

impl TimeUnit {
    /// All of them, as a configuration names them.
    pub const NAMES: [(&str, Self); 4] =
        [("s", Self::S), ("ms", Self::Ms), ("us", Self::Us), ("ns", Self::Ns)];

    fn in_ns(self) -> u64 {
        match self {
            Self::S => NS_PER_S,
            Self::Ms => 1_000_000,
            Self::Us => 1_000,
            Self::Ns => 1,
        }
    }

    /// The unit in which `number` is a time between 2000 and 2100: no two units share one.
    fn guess(number: u64) -> Option<(&'static str, Self)> {
        Self::NAMES.into_iter().find(|(_, unit)| {
            let seconds = number / (NS_PER_S / unit.in_ns());
            (Y2000_S..Y2100_S).contains(&seconds)
        })
    }
}

/// A row that is not what its layout says.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason} (`{text}`); {fix}")]
pub struct BrokenRow {
    /// The file as configured, printable.
    pub file: String,
    /// Counted from 1; the header is line 1.
    pub line: u64,
    /// Counted from 1, in bytes.
    pub column: usize,
    /// What stands there, bounded and printable.
    pub text: String,
    /// Why it is wrong.
    pub reason: String,
    /// What to do.
    pub fix: &'static str,
}

/// Why no row came.
#[derive(Debug)]
pub(super) enum RowError {
    Broken(Box<BrokenRow>),
    Read(io::Error),
}

/// What the rows mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meaning {
    pub(super) instrument: u32,
    pub(super) price_scale: u8,
    pub(super) size_scale: u8,
    pub(super) bar_secs: u32,
    pub(super) float_noise: FloatNoise,
    pub(super) time_unit: TimeUnit,
}

impl Meaning {
    pub(super) fn of(
        instrument: &Instrument,
        bar_secs: u32,
        float_noise: FloatNoise,
        time_unit: TimeUnit,
    ) -> Self {
        Self {
            instrument: instrument.id,
            price_scale: instrument.price_scale,
            size_scale: instrument.size_scale,
            bar_secs,
            float_noise,
            time_unit,
        }
    }
}

/// The rows of one file.
pub(super) struct Rows<R> {
    input: R,
    file: String,
    layout: Layout,
    meaning: Meaning,
    row: Vec<u8>,
    line: u64,
    ts_last: TsNs,
    /// Ids of the last trades, in a ring.
    trade_ids: Vec<u64>,
    trades: usize,
    /// Numbers taken in spite of a float's noise.
    pub(super) rounded: u64,
}

impl<R: BufRead> Rows<R> {
    /// Reads the header.
    pub(super) fn open(input: R, file: &str, meaning: Meaning) -> Result<Self, RowError> {
        let file = printable(file.as_bytes(), 256);
        let mut rows = Self {
            input,
            file,
            layout: Layout::Quotes,
            meaning,
            row: Vec::with_capacity(ROW_BYTES_MAX + 1),
            line: 0,
            ts_last: 0,
            trade_ids: Vec::new(),
            trades: 0,
            rounded: 0,
        };
        let is_empty = !rows.fill()?;
        rows.line = rows.line.max(1);
        let header = rows.row.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&rows.row);
        match Layout::ALL.into_iter().find(|layout| layout.header().as_bytes() == header) {
            Some(layout) => rows.layout = layout,
            None => {
                let known = Layout::ALL.map(Layout::header).join("`, `");
                let flaw = Flaw {
                    at: 0..rows.row.len(),
                    reason: match is_empty {
                        true => format!("the file is empty; its header must be one of `{known}`"),
                        false => format!("no known header; it must be one of `{known}`"),
                    },
                    fix: "write the header as the first line",
                };
                return Err(rows.broken(&flaw));
            }
        }
        Ok(rows)
    }

    /// What its header says that its rows are.
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// The next event, `None` at the end. After a broken row the next call goes on behind it.
    pub(super) fn next(&mut self) -> Result<Option<Event>, RowError> {
        if !self.fill()? {
            return Ok(None);
        }
        match self.event() {
            Ok(event) => {
                self.ts_last = event.at().ts_event;
                Ok(Some(event))
            }
            Err(flaw) => Err(self.broken(&flaw)),
        }
    }

    /// Takes the next line into `row`, without its end. False at the end of the file.
    fn fill(&mut self) -> Result<bool, RowError> {
        self.row.clear();
        let mut limited = (&mut self.input).take(ROW_BYTES_MAX as u64 + 1);
        limited.read_until(b'\n', &mut self.row).map_err(RowError::Read)?;
        if self.row.is_empty() {
            return Ok(false);
        }
        self.line += 1;
        if self.row.last() == Some(&b'\n') {
            self.row.pop();
        } else if self.row.len() > ROW_BYTES_MAX {
            self.pass_line().map_err(RowError::Read)?;
            let reason = format!("a row of more than {ROW_BYTES_MAX} bytes");
            return Err(self.broken(&Flaw { at: 0..ROW_BYTES_MAX, reason, fix: FIX_ROW }));
        } else if self.line > 1 {
            // `250` and the first two digits of `2500` look alike: only the end of the line tells.
            let reason = "the file ends within this row".to_owned();
            let fix = "fetch the file again; if the row is whole, end it with a newline";
            return Err(self.broken(&Flaw { at: 0..self.row.len(), reason, fix }));
        }
        if self.row.last() == Some(&b'\r') {
            self.row.pop();
        }
        Ok(true)
    }

    /// Passes over the rest of a line that is too long, without holding it.
    fn pass_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    fn broken(&self, flaw: &Flaw) -> RowError {
        let text = self.row.get(flaw.at.clone()).unwrap_or_default();
        RowError::Broken(Box::new(BrokenRow {
            file: self.file.clone(),
            line: self.line,
            column: flaw.at.start + 1,
            text: printable(text, QUOTED_BYTES_MAX),
            reason: flaw.reason.clone(),
            fix: flaw.fix,
        }))
    }

    fn event(&mut self) -> Result<Event, Flaw> {
        let row = std::mem::take(&mut self.row);
        let outcome = match self.layout {
            Layout::Quotes => self.quote(&row),
            Layout::Trades => self.trade(&row),
            Layout::Bars => self.bar(&row),
        };
        self.row = row;
        outcome
    }

    fn quote(&mut self, row: &[u8]) -> Result<Event, Flaw> {
        let [ts, bid, ask, bid_qty, ask_qty] = columns(row)?;
        let at = self.stamp(self.time(&ts)?, &ts)?;
        let quote = Quote {
            at,
            bid: self.price(&bid)?,
            ask: self.price(&ask)?,
            bid_qty: self.size(&bid_qty, 0)?,
            ask_qty: self.size(&ask_qty, 0)?,
        };
        if quote.bid > quote.ask {
            return Err(bid.flaw("the bid is above the ask".to_owned(), FIX_ROW));
        }
        Ok(Event::Quote(quote))
    }

    fn trade(&mut self, row: &[u8]) -> Result<Event, Flaw> {
        let [ts, price, size, aggressor, trade_id] = columns(row)?;
        let at = self.stamp(self.time(&ts)?, &ts)?;
        let id = trade_id.whole("a trade id")?;
        if id != 0 && self.trade_ids.contains(&id) {
            let reason = format!("trade {id} stands in this file a second time");
            return Err(trade_id.flaw(reason, "remove it, or set `on_broken_row: skip`"));
        }
        let trade = Trade {
            at,
            price: self.price(&price)?,
            size: self.size(&size, 1)?,
            aggressor: match aggressor.text {
                b"buy" => Aggressor::Buyer,
                b"sell" => Aggressor::Seller,
                b"none" | b"" => Aggressor::None,
                _ => {
                    let reason = "the aggressor is neither buy, sell nor none".to_owned();
                    return Err(aggressor.flaw(reason, FIX_ROW));
                }
            },
            trade_id: id,
        };
        self.remember(id);
        Ok(Event::Trade(trade))
    }

    fn remember(&mut self, id: u64) {
        match self.trade_ids.get_mut(self.trades % TRADE_IDS_KEPT) {
            Some(oldest) => *oldest = id,
            None => self.trade_ids.push(id),
        }
        self.trades += 1;
    }

    fn bar(&mut self, row: &[u8]) -> Result<Event, Flaw> {
        let [open_time, open, high, low, close, volume] = columns(row)?;
        let step_ns = u64::from(self.meaning.bar_secs) * NS_PER_S;
        let opened = self.time(&open_time)?;
        if step_ns == 0 || opened % step_ns != 0 {
            let reason = format!("no bar of {} s opens then", self.meaning.bar_secs);
            return Err(open_time.flaw(reason, "set `bar_secs` to the length of the file's bars"));
        }
        // A bar is known when it closes; before, it would be a look into the future.
        let closed = opened.checked_add(step_ns).ok_or_else(|| {
            open_time.flaw("the bar would close after the end of time".to_owned(), FIX_ROW)
        })?;
        let at = self.stamp(closed, &open_time)?;
        let bar = Bar {
            at,
            step_secs: self.meaning.bar_secs,
            open_time: opened,
            open: self.price(&open)?,
            high: self.price(&high)?,
            low: self.price(&low)?,
            close: self.price(&close)?,
            volume: self.size(&volume, 0)?,
            trades: 0,
        };
        if bar.high < bar.open.max(bar.close) || bar.low > bar.open.min(bar.close) {
            let reason = "open or close lies outside low to high".to_owned();
            return Err(high.flaw(reason, FIX_ROW));
        }
        Ok(Event::Bar(bar))
    }

    fn time(&self, field: &Field<'_>) -> Result<TsNs, Flaw> {
        let unit = self.meaning.time_unit;
        let number = field.whole("a time as a whole number")?;
        match TimeUnit::guess(number) {
            Some((name, guess)) if guess != unit => Err(field.flaw(
                "the time is in another unit than `time_unit` says".to_owned(),
                match name {
                    "s" => "set `time_unit: s`",
                    "ms" => "set `time_unit: ms`",
                    "us" => "set `time_unit: us`",
                    _ => "set `time_unit: ns`",
                },
            )),
            _ => number.checked_mul(unit.in_ns()).ok_or_else(|| {
                field.flaw("a time after the year 2554".to_owned(), "check `time_unit`")
            }),
        }
    }

    /// The stamp of a row; `seq` is given later, by the stream.
    fn stamp(&self, ts: TsNs, field: &Field<'_>) -> Result<Stamp, Flaw> {
        if ts < self.ts_last {
            let reason = "time runs backwards: the row before is later".to_owned();
            return Err(field.flaw(reason, "sort the file by time, or set `on_broken_row: skip`"));
        }
        Ok(Stamp { instrument: self.meaning.instrument, seq: 0, ts_event: ts, ts_init: ts })
    }

    fn price(&mut self, field: &Field<'_>) -> Result<i64, Flaw> {
        match self.number(field, self.meaning.price_scale)? {
            price if price > 0 => Ok(price),
            _ => Err(field.flaw("a price must be above zero".to_owned(), FIX_ROW)),
        }
    }

    fn size(&mut self, field: &Field<'_>, least: i64) -> Result<i64, Flaw> {
        match self.number(field, self.meaning.size_scale)? {
            size if size >= least => Ok(size),
            _ => Err(field.flaw(format!("a size below {least}"), FIX_ROW)),
        }
    }

    fn number(&mut self, field: &Field<'_>, scale: u8) -> Result<i64, Flaw> {
        let text = field.utf8()?;
        match parse_scaled(text, scale) {
            Ok(value) => Ok(value),
            Err(DecimalError::Precision(_)) if self.meaning.float_noise == FloatNoise::Round => {
                let value = denoised(text, scale);
                self.rounded += u64::from(value.is_some());
                value.ok_or_else(|| {
                    let reason = format!("more than {scale} decimals, and no float's noise");
                    field.flaw(reason, "check the instrument's scales")
                })
            }
            Err(error @ DecimalError::Precision(_)) => {
                Err(field.flaw(error.to_string(), FIX_NOISE))
            }
            Err(error) => Err(field.flaw(error.to_string(), FIX_ROW)),
        }
    }
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
