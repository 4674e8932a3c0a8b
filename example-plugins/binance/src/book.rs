//! Books that follow their deltas.
//!
//! Comes in: `depthUpdate` frames and snapshots. Goes out: a whole book, then its changes, or word
//! of a gap. Deliberately absent: the book itself; the host keeps it.
//!
//! The rules are those of the venue's pages on local order books. A snapshot has `lastUpdateId`; a
//! delta covers the updates `U` to `u`. Deltas up to the snapshot are dropped. The first one kept
//! must reach across it: `U <= lastUpdateId + 1 <= u` on spot, `U <= lastUpdateId <= u` on USD-M.
//! From then on each must follow its predecessor: `U == last u + 1` on spot, `pu == last u` on USD-M.

use wickd_sdk::exchange::json::{Malformed, Object};
use wickd_sdk::exchange::{
    BookDepth, ChannelKind, Levels, Market, Operation, Planned, Reply, Wire,
};
use wickd_sdk::{Product, State, TsNs};

use crate::{Binance, is_usdm, replies};

/// Levels of a snapshot: the dearest weight class but one.
const SNAPSHOT_LEVELS: u32 = 1_000;
/// Most deltas that wait for a snapshot: at ten a second, 25 s.
const WAITING_MAX: usize = 256;
/// A snapshot that has not come after so long is asked for again, in nanoseconds.
const PATIENCE_NS: u64 = 10_000_000_000;

/// A book that follows its deltas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, State)]
pub(crate) struct Synced {
    channel: u32,
    /// `u` of the last delta, or `lastUpdateId`.
    last: u64,
    /// No delta has followed the snapshot yet.
    fresh: bool,
}

/// Deltas that wait for their snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Buffer {
    channel: u32,
    /// When the snapshot was asked for; none where it was not, or came back as a failure.
    asked: Option<TsNs>,
    deltas: Vec<Delta>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Delta {
    /// `U` on spot, `pu` on USD-M: what must fit the predecessor.
    before: u64,
    first: u64,
    last: u64,
    ts_event: TsNs,
    levels: Levels,
}

impl Delta {
    fn read(market: &Market, frame: &Object<'_>) -> Result<Self, Malformed> {
        let (first, last) = (frame.whole("U")?, frame.whole("u")?);
        let (before, time) = match is_usdm(market.product) {
            true => (frame.whole("pu")?, "T"),
            false => (first.saturating_sub(1), "E"),
        };
        let levels = replies::levels(market, frame, ["b", "a"])?;
        Ok(Self { before, first, last, ts_event: frame.ms(time)?, levels })
    }

    /// Whether it is the next one.
    fn follows(&self, synced: &Synced, usdm: bool) -> bool {
        if !synced.fresh || self.before == synced.last {
            return self.before == synced.last;
        }
        let next = if usdm { synced.last } else { synced.last.saturating_add(1) };
        self.first <= next && next <= self.last
    }

    /// Whether everything it says is in the book already.
    fn is_old(&self, synced: &Synced, usdm: bool) -> bool {
        // USD-M's first delta may end exactly at the snapshot.
        if usdm && synced.fresh { self.last < synced.last } else { self.last <= synced.last }
    }
}

impl Binance {
    /// Forgets books whose channels are planned no more.
    pub(crate) fn forget_unplanned(&mut self) {
        let plan = &self.plan;
        let known = |channel| plan.iter().any(|planned| planned.channel.id == channel);
        self.synced.retain(|synced| known(synced.channel));
        self.buffers.retain(|buffer| known(buffer.channel));
    }

    /// Forgets the books of a socket that opened anew: what came between is not known.
    pub(crate) fn forget_books(&mut self, socket: u32) {
        let plan = &self.plan;
        let elsewhere = |channel| !plan.of(socket).any(|planned| planned.channel.id == channel);
        self.synced.retain(|synced| elsewhere(synced.channel));
        self.buffers.retain(|buffer| elsewhere(buffer.channel));
    }

    fn depth_channel(&self, instrument: u32) -> Option<u32> {
        let depth = |planned: &&Planned| {
            let channel = planned.channel;
            channel.instrument == instrument && channel.kind == ChannelKind::Depth
        };
        self.plan.iter().find(depth).map(|planned| planned.channel.id)
    }

    pub(crate) fn depth(
        &mut self,
        wire: &mut Wire,
        frame: &Object<'_>,
        product: Product,
    ) -> Result<(), Malformed> {
        let Some(market) = self.markets.named(&frame.text("s")?, |known| known == product) else {
            return Ok(());
        };
        let (instrument, usdm) = (market.instrument, is_usdm(product));
        let delta = Delta::read(market, frame)?;
        let Some(channel) = self.depth_channel(instrument) else { return Ok(()) };
        let Some(place) = self.synced.iter().position(|synced| synced.channel == channel) else {
            self.wait(wire, channel, instrument, delta);
            return Ok(());
        };
        let synced = &mut self.synced[place];
        if delta.is_old(synced, usdm) {
            return Ok(());
        }
        if !delta.follows(synced, usdm) {
            let why = format!("after {} came {}..{}", synced.last, delta.first, delta.last);
            wire.gap(channel, &why);
            self.synced.remove(place);
            self.wait(wire, channel, instrument, delta);
            return Ok(());
        }
        (synced.last, synced.fresh) = (delta.last, false);
        wire.levels(instrument, delta.ts_event, false, &delta.levels);
        Ok(())
    }

    /// Keeps a delta until the snapshot is there, and asks for one.
    fn wait(&mut self, wire: &mut Wire, channel: u32, instrument: u32, delta: Delta) {
        let place = self.buffers.iter().position(|buffer| buffer.channel == channel);
        let place = place.unwrap_or_else(|| {
            self.buffers.push(Buffer { channel, asked: None, deltas: Vec::new() });
            self.buffers.len() - 1
        });
        let buffer = &mut self.buffers[place];
        if buffer.deltas.len() == WAITING_MAX {
            // A snapshot that comes now will not reach across; the next one will.
            buffer.deltas.clear();
        }
        buffer.deltas.push(delta);
        let now = wire.now();
        if buffer.asked.is_none_or(|asked| now.saturating_sub(asked) >= PATIENCE_NS) {
            let asked = Operation::Book(BookDepth { instrument, levels: SNAPSHOT_LEVELS });
            buffer.asked = wire.fetch(&asked).then_some(now);
        }
    }

    /// A snapshot came, or none: `reply` is none where the request failed.
    pub(crate) fn on_snapshot(&mut self, wire: &mut Wire, instrument: u32, reply: Option<&Reply>) {
        let Some(channel) = self.depth_channel(instrument) else { return };
        let Some(place) = self.buffers.iter().position(|buffer| buffer.channel == channel) else {
            return; // Nobody waits: the operator asked for a book.
        };
        let Some(Reply::Book(book)) = reply else {
            self.buffers[place].asked = None;
            return;
        };
        let usdm = self.markets.get(instrument).is_ok_and(|market| is_usdm(market.product));
        let mut synced = Synced { channel, last: book.sequence, fresh: true };
        let mut buffer = self.buffers.swap_remove(place);
        buffer.deltas.retain(|delta| !delta.is_old(&synced, usdm));
        if buffer.deltas.first().is_some_and(|delta| !delta.follows(&synced, usdm)) {
            // The snapshot is older than the first delta: ask once more, keep what came.
            buffer.asked = None;
            self.buffers.push(buffer);
            return;
        }
        wire.levels(instrument, book.ts_event, true, &Levels::of(&book.bids, &book.asks));
        for delta in buffer.deltas {
            if !delta.follows(&synced, usdm) {
                let why = format!("after {} came {}..{}", synced.last, delta.first, delta.last);
                wire.gap(channel, &why);
                self.wait(wire, channel, instrument, delta);
                return;
            }
            (synced.last, synced.fresh) = (delta.last, false);
            wire.levels(instrument, delta.ts_event, false, &delta.levels);
        }
        self.synced.push(synced);
    }
}
