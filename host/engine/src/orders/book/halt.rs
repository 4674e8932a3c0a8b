//! The book's part in loss stops: when a day begins, and which orders a stop takes back.
//!
//! Comes in: the day, and what an earlier run wrote of it. Goes out: stops that were reached, cancels
//! that are staged. Deliberately absent: the stops themselves.

use wickd_model::{Cash, InstrumentId, Reason, Side};

use super::{Book, Joint, Reached};

/// Which day it is for a book; 0 until the lane has said so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Day {
    pub(super) number: u64,
    /// The lane has said which day it is.
    pub(super) said: bool,
    /// It has begun, and that is to be written down.
    news: bool,
}

impl Book {
    /// After `begin` of a restart: what the lines were worth when day `number` began, as an earlier
    /// run has written it. Where that is still the day, what was lost today counts on.
    pub(crate) fn restore_day(&mut self, number: u64, worth: &[(InstrumentId, Cash)]) {
        for line in &mut self.lines {
            let known = worth.iter().find(|(id, _)| *id == line.instrument.id);
            line.day_start = known.map_or(0, |(_, worth)| *worth);
            line.day_known = true;
        }
        (self.day.number, self.day.news) = (number, false);
    }

    /// The lane has come to this day of event time; called before its first event.
    pub(crate) fn day_begins(&mut self, number: u64) {
        self.day.said = true;
        if number > self.day.number {
            self.day.number = number;
            self.watch.day_begins();
            for line in &mut self.lines {
                line.day_known = line.began;
                line.day_start = line.worth;
                self.day.news |= line.began;
            }
        }
        self.carry();
        // What an earlier run lost today may be too much already.
        if self.lines.iter().any(|line| line.began) {
            self.mark();
        }
    }

    /// The first price of this run for some lines: their loss counts from here.
    #[cold]
    pub(super) fn lines_begin(&mut self) {
        for line in self.lines.iter_mut().filter(|line| !line.began && line.is_current()) {
            (line.began, line.start) = (true, line.worth);
            self.day.news |= !line.day_known;
            line.day_known = true;
        }
        self.carry();
    }

    /// Once for each line, when both the day and its start are known.
    fn carry(&mut self) {
        for place in 0..self.lines.len() {
            let line = &mut self.lines[place];
            if self.day.said && line.began && !std::mem::replace(&mut line.carried, true) {
                let before = line.start.saturating_sub(line.day_start);
                let shares = self.shares.iter().filter(|share| share.has_line(place));
                shares.for_each(|share| share.carry(before));
            }
        }
    }

    /// Whether a stop was reached or a day has begun that nobody has heard of.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.watch.has_news() || (self.day.news && self.day.said)
    }

    /// The stop that was reached; once.
    pub(crate) fn take_stop(&mut self) -> Option<Reached> {
        self.watch.take_news()
    }

    /// The day that has begun, with what the lines were worth, where a stop counts days; once.
    pub(crate) fn take_day(&mut self) -> Option<(u64, Vec<(InstrumentId, Cash)>)> {
        let counts = self.risk.losses.loss_day_max.is_some()
            || self.shares.iter().any(|share| share.joint.counts_days());
        if !self.day.said || !std::mem::take(&mut self.day.news) {
            return None;
        }
        let worth = |line: &super::Line| (line.instrument.id, line.day_start);
        let known = self.lines.iter().filter(|line| line.day_known);
        counts.then(|| (self.day.number, known.map(worth).collect()))
    }

    /// Stages a cancel of every open order that could bring a position further from zero, or past it:
    /// what the gate would not let in while a stop holds. Of orders that reduce, the oldest stay as
    /// far as there is something to reduce. `account`: only of its instruments.
    pub(crate) fn stage_cancel_increasing(&mut self, reason: Reason, account: Option<&Joint>) {
        for place in 0..self.lines.len() {
            let mine = |account| {
                self.shares.iter().any(|share| {
                    std::ptr::eq(share.joint.as_ref(), account) && share.has_line(place)
                })
            };
            if account.is_some_and(|account| !mine(account)) {
                continue;
            }
            let (instrument, held) = (self.lines[place].instrument.id, self.lines[place].size);
            for side in [Side::Buy, Side::Sell] {
                // Negative where the side only adds.
                let mut left = -i128::from(side.sign()) * i128::from(held);
                for open in &mut self.orders {
                    let request = &open.order.request;
                    let other = (request.instrument, request.side) != (instrument, side);
                    if other || open.cancelling {
                        continue;
                    }
                    let remaining = i128::from(open.remaining());
                    if remaining <= left {
                        left -= remaining;
                    } else {
                        open.cancelling = true;
                        self.staged.push((open.order.id.intent, Some(reason)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
