//! Several feeds as one market.
//!
//! Comes in: [`FeedPlan`]s. Goes out: every event of every feed ordered by event time, at equal times by
//! the feeds' order in the configuration, numbered from 1 without a gap; and each feed's changes of
//! state, once per instrument of the feed, as events between them: live before its first event, stale
//! and live around a silence, down behind its last. A feed that fails says why once, goes down, and
//! leaves the others as they are.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use wickd_model::{Event, FeedState, FeedStatus, InstrumentId, Stamp, TsNs};

use super::csv::BrokenRow;
use super::replay::{Replay, ReplayPlan};
use super::synthetic::{Synthetic, SyntheticPlan};
use super::watch::Watch;
use super::{Brings, NS_PER_MS, NS_PER_S};

/// A feed as the operator configured it.
#[derive(Clone, Debug)]
pub struct FeedPlan {
    /// What the operator calls it.
    pub name: String,
    /// Where its events come from.
    pub kind: FeedKind,
    /// Silence, in milliseconds of event time, after which it is stale. A replay of nothing but bars is
    /// silent from one bar to the next, so for it this is never less than twice a bar's length.
    pub stale_after_ms: u64,
}

/// Where a feed's events come from.
#[derive(Clone, Debug)]
pub enum FeedKind {
    /// Recorded files.
    Replay(ReplayPlan),
    /// A seeded random walk.
    Synthetic(SyntheticPlan),
}

/// Why a feed could not start, or ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The plan itself cannot be.
    #[error("feed {feed}: {reason}; change it under `feeds:`")]
    Plan {
        /// Which feed.
        feed: String,
        /// Why not.
        reason: String,
    },
    /// A file that cannot be opened.
    #[error("cannot open the market data {}; check the path under `feeds:`", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that cannot be read on.
    #[error("cannot read on in the market data {}; check the disk", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A row that is not what its layout says.
    #[error(transparent)]
    Row(Box<BrokenRow>),
}

/// What a feed did so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedReport {
    /// Which feed.
    pub name: String,
    /// How it is.
    pub state: FeedState,
    /// Market events given; its own status events are not counted.
    pub events: u64,
    /// Times a looped replay started again.
    pub laps: u64,
    /// Broken rows left out.
    pub skipped: u64,
    /// The first of them.
    pub first_skipped: Vec<BrokenRow>,
    /// Numbers taken in spite of a float's noise.
    pub rounded: u64,
}

/// All feeds as one stream. An error ends only the feed it names: the iterator goes on.
pub struct Market {
    feeds: Vec<Feed>,
    /// The next event of each feed.
    heads: Vec<Head>,
    seq: u64,
    brings: Vec<Brings>,
}

#[derive(Clone, Copy)]
enum Head {
    Unread,
    Event(Event),
    End,
}

impl Market {
    /// Opens every feed, in the order in which they go first at equal times.
    ///
    /// # Errors
    /// The first plan that cannot be, file that cannot be opened or header that is unknown.
    pub fn open(plans: Vec<FeedPlan>) -> Result<Self, FeedError> {
        let feeds = plans.into_iter().map(Feed::open).collect::<Result<Vec<_>, _>>()?;
        let brings = feeds.iter().filter_map(Feed::brings).collect();
        Ok(Self { heads: vec![Head::Unread; feeds.len()], feeds, seq: 0, brings })
    }

    /// What its recordings bring.
    pub(crate) fn brings(&self) -> &[Brings] {
        &self.brings
    }

    /// What each feed did so far, in their order.
    pub fn reports(&self) -> Vec<FeedReport> {
        self.feeds.iter().map(Feed::report).collect()
    }
}

impl Iterator for Market {
    type Item = Result<Event, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        // A feed that is alone has nobody to wait for, and an event is long enough that each move
        // of it shows at a hundred thousand a second.
        let next = match &mut self.feeds[..] {
            [only] => only.next(),
            _ => self.earliest(),
        };
        let mut event = match next {
            Ok(event) => event?,
            Err(error) => return Some(Err(error)),
        };
        self.seq += 1;
        event.at_mut().seq = self.seq;
        Some(Ok(event))
    }
}

impl Market {
    /// The earliest of the feeds' next events; among equals the first feed's.
    fn earliest(&mut self) -> Result<Option<Event>, FeedError> {
        let mut earliest: Option<(usize, TsNs)> = None;
        for (index, (feed, head)) in self.feeds.iter_mut().zip(&mut self.heads).enumerate() {
            if matches!(head, Head::Unread) {
                *head = feed.next()?.map_or(Head::End, Head::Event);
            }
            if let Head::Event(event) = head
                && earliest.is_none_or(|(_, first)| event.at().ts_event < first)
            {
                earliest = Some((index, event.at().ts_event));
            }
        }
        let Some((index, _)) = earliest else { return Ok(None) };
        match std::mem::replace(&mut self.heads[index], Head::Unread) {
            Head::Event(event) => Ok(Some(event)),
            Head::Unread | Head::End => Ok(None),
        }
    }
}

enum Source {
    Replay(Box<Replay>),
    Synthetic(Synthetic),
    Over,
}

/// One feed with its states told between its events.
struct Feed {
    name: String,
    source: Source,
    instruments: Vec<InstrumentId>,
    watch: Watch,
    /// What comes before the next event is read: at most two states for each instrument and one event.
    waiting: VecDeque<Event>,
    events: u64,
    /// The replay's accounts outlive the replay.
    accounts: Accounts,
}

#[derive(Clone, Default)]
struct Accounts {
    laps: u64,
    skipped: u64,
    first_skipped: Vec<BrokenRow>,
    rounded: u64,
}

impl Feed {
    fn open(plan: FeedPlan) -> Result<Self, FeedError> {
        let (source, instruments): (_, Vec<InstrumentId>) = match plan.kind {
            FeedKind::Replay(replay) => {
                let instruments = vec![replay.instrument.id];
                (Source::Replay(Box::new(Replay::open(&plan.name, replay)?)), instruments)
            }
            FeedKind::Synthetic(synthetic) => {
                let instruments = synthetic.instruments.iter().map(|of| of.id).collect();
                (Source::Synthetic(Synthetic::new(&plan.name, &synthetic)?), instruments)
            }
        };
        let mut feed = Self {
            name: plan.name,
            source,
            waiting: VecDeque::with_capacity(2 * instruments.len() + 1),
            instruments,
            watch: Watch::new(0),
            events: 0,
            accounts: Accounts::default(),
        };
        let ordinary_s = feed.brings().map_or(0, |brings| brings.ordinary_silence_secs());
        let stale_after_ns = plan.stale_after_ms.saturating_mul(NS_PER_MS);
        feed.watch = Watch::new(stale_after_ns.max(ordinary_s.saturating_mul(NS_PER_S)));
        Ok(feed)
    }

    /// What its files bring, if it has any.
    fn brings(&self) -> Option<Brings> {
        match &self.source {
            Source::Replay(replay) => Some(replay.brings()),
            Source::Synthetic(_) | Source::Over => None,
        }
    }

    fn next(&mut self) -> Result<Option<Event>, FeedError> {
        if let Some(event) = self.waiting.pop_front() {
            return Ok(Some(event));
        }
        let read = match &mut self.source {
            Source::Replay(replay) => replay.next(),
            Source::Synthetic(synthetic) => Ok(synthetic.next()),
            Source::Over => return Ok(None),
        };
        match read {
            Ok(Some(event)) => Ok(Some(self.told_first(event))),
            Ok(None) => {
                self.close();
                Ok(self.waiting.pop_front())
            }
            Err(error) => {
                self.close();
                Err(error)
            }
        }
    }

    /// The event, or the first of the states that must be told before it.
    fn told_first(&mut self, event: Event) -> Event {
        self.events += 1;
        let now = event.at().ts_event;
        if let Some(due) = self.watch.silence(now) {
            self.tell(FeedState::Stale, due);
        }
        if self.watch.spoke(now) {
            self.tell(FeedState::Live, now);
        }
        match self.waiting.pop_front() {
            None => event,
            Some(first) => {
                self.waiting.push_back(event);
                first
            }
        }
    }

    fn close(&mut self) {
        self.accounts = self.accounts();
        self.source = Source::Over;
        if let Some(last) = self.watch.lost() {
            self.tell(FeedState::Down, last);
        }
    }

    fn tell(&mut self, state: FeedState, ts: TsNs) {
        for instrument in &self.instruments {
            let at = Stamp { instrument: *instrument, seq: 0, ts_event: ts, ts_init: ts };
            self.waiting.push_back(Event::Feed(FeedStatus { at, state }));
        }
    }

    fn accounts(&self) -> Accounts {
        match &self.source {
            Source::Replay(replay) => Accounts {
                laps: replay.laps,
                skipped: replay.skipped,
                first_skipped: replay.first_skipped.clone(),
                rounded: replay.rounded(),
            },
            Source::Synthetic(_) | Source::Over => self.accounts.clone(),
        }
    }

    fn report(&self) -> FeedReport {
        let Accounts { laps, skipped, first_skipped, rounded } = self.accounts();
        let (name, state) = (self.name.clone(), self.watch.state());
        FeedReport { name, state, events: self.events, laps, skipped, first_skipped, rounded }
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
pub(super) mod tests;
