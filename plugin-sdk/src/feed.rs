//! Feeds: the outside in, quotes and trades out.
//!
//! Comes in: the calls of the `feed` world. Goes out: the same calls on a [`Feed`]. Deliberately
//! absent: threads; a feed works in rounds, and what it holds open stays open between them.

use std::marker::PhantomData;
use std::time::Duration;

use crate::bindings::feed::exports::wickd::plugin::feed_api as api;
use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Spec};
use crate::bindings::strategy::wickd::plugin::types as wit;
use crate::context::Runtime;
use crate::host;
use crate::market::{Aggressor, Instrument, InstrumentId, TsNs};
use crate::money::{Px, Qty};
use crate::params::{self, Params};
use crate::seat::Seated;

/// Where a feed's data goes.
pub struct Out(imp::Out);

impl Out {
    /// Gives the top of a book; false where the numbers make no sense, the instrument is not the
    /// feed's, or the round gave its share.
    pub fn quote(
        &mut self,
        instrument: InstrumentId,
        ts_event: TsNs,
        (bid, bid_qty): (Px, Qty),
        (ask, ask_qty): (Px, Qty),
    ) -> bool {
        self.0.quote(wit::Quote {
            at: stamp(instrument, ts_event),
            bid: bid.0,
            ask: ask.0,
            bid_qty: bid_qty.0,
            ask_qty: ask_qty.0,
        })
    }

    /// Gives a trade; false as for [`quote`](Self::quote).
    pub fn trade(
        &mut self,
        instrument: InstrumentId,
        ts_event: TsNs,
        price: Px,
        size: Qty,
        (aggressor, trade_id): (Aggressor, u64),
    ) -> bool {
        let at = stamp(instrument, ts_event);
        self.0.trade(wit::Trade { at, price: price.0, size: size.0, aggressor, trade_id })
    }
}

fn stamp(instrument: InstrumentId, ts_event: TsNs) -> wit::Stamp {
    wit::Stamp { instrument, seq: 0, ts_event, ts_init: ts_event }
}

#[cfg(target_arch = "wasm32")]
mod imp {
    use crate::bindings::feed::wickd::plugin::giving;
    use crate::bindings::strategy::wickd::plugin::types::{Quote, Trade};

    /// To the host.
    pub(super) struct Out;

    impl Out {
        pub(super) fn new() -> Self {
            Self
        }
        pub(super) fn quote(&mut self, quote: Quote) -> bool {
            giving::give_quote(quote)
        }
        pub(super) fn trade(&mut self, trade: Trade) -> bool {
            giving::give_trade(trade)
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use crate::bindings::strategy::wickd::plugin::types::{Quote, Trade};
    use crate::testing::Given;

    /// Into a list, for a plugin's own tests. What makes no sense is refused as the host refuses it.
    #[derive(Default)]
    pub(super) struct Out(pub(super) Vec<Given>);

    impl Out {
        pub(super) fn new() -> Self {
            Self::default()
        }
        pub(super) fn quote(&mut self, quote: Quote) -> bool {
            let sizes = quote.bid_qty >= 0 && quote.ask_qty >= 0;
            let sound = quote.bid > 0 && quote.ask > quote.bid && sizes;
            sound.then(|| self.0.push(Given::Quote(quote.into()))).is_some()
        }
        pub(super) fn trade(&mut self, trade: Trade) -> bool {
            let sound = trade.price > 0 && trade.size > 0;
            sound.then(|| self.0.push(Given::Trade(trade.into()))).is_some()
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Out {
    /// Native tests: one that keeps what it is given.
    pub(crate) fn keeping() -> Self {
        Self(imp::Out::new())
    }

    /// Native tests: what it was given since the last look.
    pub fn given(&mut self) -> Vec<crate::testing::Given> {
        std::mem::take(&mut self.0.0)
    }
}

/// A source of market data outside the house.
pub trait Feed: Sized {
    /// What an operator can set.
    type Params: Params;

    /// Makes the feed for the instruments it gives data for.
    ///
    /// # Errors
    /// What is wrong with which parameter; [`issue`](crate::issue) makes one.
    fn new(params: Self::Params, instruments: Vec<Instrument>) -> Result<Self, Vec<Issue>>;

    /// One round: waits for the network as it needs to, gives what there is, and says how long until
    /// the next.
    ///
    /// # Errors
    /// What went wrong outside; told and counted, and the next round comes all the same.
    fn run(&mut self, ctx: &Runtime, out: &mut Out) -> Result<Duration, String>;
}

/// A feed in its seat.
#[doc(hidden)]
pub struct Session<F>(F);

/// The exports of a component whose feed is `F`; named by `export_feed!`.
#[doc(hidden)]
pub struct FeedGuest<F>(PhantomData<F>);

impl<F: Feed + Seated<Session = Session<F>>> api::Guest for FeedGuest<F> {
    fn schema() -> Vec<Spec> {
        params::schema::<F::Params>()
    }
    fn init(config: Vec<Entry>, instruments: Vec<wit::Instrument>) -> Result<(), Vec<Issue>> {
        let instruments = instruments.into_iter().map(Into::into).collect();
        F::sit(Session(F::new(params::from_entries(&config)?, instruments)?));
        Ok(())
    }
    fn run() -> Result<u32, String> {
        let (ctx, mut out) = (Runtime::at(host::now()), Out(imp::Out::new()));
        let next =
            F::lend(|session| session.0.run(&ctx, &mut out)).ok_or("run came before init")??;
        Ok(u32::try_from(next.as_millis()).unwrap_or(u32::MAX))
    }
}
