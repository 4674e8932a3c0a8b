//! What an adapter says while it reads.
//!
//! Comes in: parsed events. Goes out: the imports of the contract, staged by the host. Deliberately
//! absent: sockets; a send is a wish, and counts only if the call returns normally.

use super::{Balance, Candle, FillReport, Funding, Holding, Operation, OrderReport, Print, Top};
use crate::host::{self, wire};
use crate::{InstrumentId, Level, TsNs};

/// Longest text of a reason or of something unknown that is passed on, in bytes.
const WORDS_BYTES_MAX: usize = 256;

/// The host, for the length of a call.
pub struct Wire(());

impl Wire {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// When the frame or reply in hand arrived. For events whose venue does not date them.
    pub fn now(&self) -> TsNs {
        host::now()
    }

    /// Writes a line to the log, as far as the host's limits let it.
    pub fn log(&self, level: Level, message: &str) {
        host::log(level, message);
    }

    /// Sends text on an open socket; false where the call sent its share.
    pub fn send(&mut self, socket: u32, text: &str) -> bool {
        wire::send(socket, text)
    }

    /// Asks for an operation, whose reply comes to `parse`; false where too many are asked.
    pub fn fetch(&mut self, operation: &Operation) -> bool {
        wire::fetch(operation)
    }

    /// Has the socket closed and opened again.
    pub fn reconnect(&mut self, socket: u32, why: &str) {
        wire::reconnect(socket, cut(why));
    }

    /// The venue confirmed a channel.
    pub fn subscribed(&mut self, channel: u32) {
        wire::subscribed(channel);
    }

    /// The venue will not serve a channel.
    pub fn refused(&mut self, channel: u32, why: &str) {
        wire::refused(channel, cut(why));
    }

    /// Sequence numbers do not fit; the channel is stale until its next snapshot.
    pub fn gap(&mut self, channel: u32, why: &str) {
        wire::gap(channel, cut(why));
    }

    /// The top of a book.
    pub fn quote(&mut self, top: Top) {
        wire::quote(top);
    }

    /// A public trade.
    pub fn trade(&mut self, print: Print) {
        wire::trade(print);
    }

    /// A bar, closed or growing.
    pub fn bar(&mut self, candle: Candle) {
        wire::bar(candle);
    }

    /// A whole book, or changes of it.
    pub fn levels(
        &mut self,
        instrument: InstrumentId,
        ts_event: TsNs,
        snapshot: bool,
        levels: &Levels,
    ) {
        wire::levels(instrument, ts_event, snapshot, levels.bids, &levels.words);
    }

    /// A funding rate.
    pub fn funding(&mut self, funding: Funding) {
        wire::funding_rate(funding);
    }

    /// What became of an order.
    pub fn order(&mut self, report: &OrderReport) {
        wire::order(report);
    }

    /// A fill of one of the account's orders.
    pub fn fill(&mut self, report: &FillReport) {
        wire::fill(report);
    }

    /// A balance of the account.
    pub fn balance(&mut self, balance: &Balance) {
        wire::balance_of(balance);
    }

    /// A position of the account.
    pub fn holding(&mut self, holding: Holding) {
        wire::holding_of(holding);
    }

    /// Something this adapter does not know.
    pub fn unknown(&mut self, what: &str) {
        wire::unknown(cut(what));
    }
}

/// Prices and sizes in a row: bids first, then asks. Size zero deletes a level.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Levels {
    bids: u32,
    words: Vec<i64>,
}

impl Levels {
    /// Reads both sides. Each `side` pushes price and size of its levels.
    ///
    /// # Errors
    /// Whatever a side says.
    pub fn read<E>(
        bids: impl FnOnce(&mut Vec<i64>) -> Result<(), E>,
        asks: impl FnOnce(&mut Vec<i64>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut words = Vec::with_capacity(64);
        bids(&mut words)?;
        let count = words.len() / 2;
        asks(&mut words)?;
        Ok(Self { bids: count as u32, words })
    }

    /// The levels of a reply.
    pub fn of(bids: &[super::Level], asks: &[super::Level]) -> Self {
        let words = bids.iter().chain(asks).flat_map(|level| [level.price, level.size]).collect();
        Self { bids: bids.len() as u32, words }
    }

    /// The levels of a book, for a reply.
    pub fn sides(&self) -> (Vec<super::Level>, Vec<super::Level>) {
        let (bids, asks) = self.words.split_at((self.bids as usize * 2).min(self.words.len()));
        let side = |words: &[i64]| {
            let (pairs, _) = words.as_chunks::<2>();
            pairs.iter().map(|[price, size]| super::Level { price: *price, size: *size }).collect()
        };
        (side(bids), side(asks))
    }
}

/// As much of a text as is passed on.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(WORDS_BYTES_MAX)]
}
