//! What a connector is made of, and what it plans from that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use wickd_model::{Event, Instrument, InstrumentId, IntentId, Limits, Order, OrderEvent, Reason};
use wickd_sandbox::Runtime;
use wickd_sandbox::exchange::nouns::{Channel, ChannelKind};

use crate::clock::WallClock;
use crate::events::Notices;
use crate::orders::Clearance;
use crate::venue::holdings::Fine;
use crate::venue::ids::ClientIds;
use crate::venue::{Do, Input, NewsTap, VenuePlan};

/// An order of an earlier run that was not done when it ended.
pub(crate) struct Taken {
    pub(crate) order: Order,
    pub(crate) heard: Vec<OrderEvent>,
    pub(crate) cancel: Option<Reason>,
    /// The journal's epoch it was sent in.
    pub(crate) epoch: u32,
}

/// What a connector is made of.
pub(crate) struct Parts {
    pub(crate) plan: VenuePlan,
    pub(crate) runtime: Runtime,
    pub(crate) limits: Limits,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) clock: WallClock,
    pub(crate) notices: Notices,
    pub(crate) inputs: Receiver<Input>,
    pub(crate) wire: tokio::sync::mpsc::UnboundedSender<Do>,
    pub(crate) market: SyncSender<Event>,
    /// By lane.
    pub(crate) news: Vec<NewsTap>,
    /// Which lane a slot is on.
    pub(crate) lanes: BTreeMap<u32, usize>,
    /// Makes the client ids of this run unlike those of any other.
    pub(crate) ids: ClientIds,
    pub(crate) taken: Vec<Taken>,
    /// By instrument: exactly one slot of the house trades it.
    pub(crate) sole: Vec<bool>,
    /// By instrument: what it lets pass, for the gates.
    pub(crate) clearances: Vec<Arc<Clearance>>,
    /// Names of slots, by number.
    pub(crate) slots: BTreeMap<u32, String>,
    /// The number of the slot that owns what no other owns.
    pub(crate) unassigned: u32,
    /// What the journal adds up to, by slot and instrument.
    pub(crate) owned: BTreeMap<(u32, InstrumentId), Fine>,
    /// The last number that each slot has ever given an order.
    pub(crate) last_intents: BTreeMap<u32, IntentId>,
    /// For the jitter of reconnections.
    pub(crate) random: Box<dyn FnMut() -> u64 + Send>,
}

/// The channels of these instruments: what is streamed of each, and the account of each product.
pub(crate) fn channels(
    plan: &VenuePlan,
    all: &[Instrument],
    instruments: &[InstrumentId],
) -> Vec<Channel> {
    let mut channels = Vec::new();
    let mut add = |instrument, kind| {
        let id = channels.len() as u32;
        channels.push(Channel { id, instrument, kind, detail: 0 });
    };
    for instrument in instruments {
        let wanted = [
            (plan.streams.quotes, ChannelKind::Quotes),
            (plan.streams.depth, ChannelKind::Depth),
            (plan.streams.trades, ChannelKind::Trades),
        ];
        for (_, kind) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
            add(*instrument, kind);
        }
    }
    // One account channel a product: fills of all its markets come over it.
    let mut told = Vec::new();
    for instrument in instruments.iter().filter(|_| plan.credentials.is_some()) {
        let product = all[*instrument as usize].product;
        if !told.contains(&product) {
            told.push(product);
            add(*instrument, ChannelKind::Account);
        }
    }
    channels
}
