//! Utilities: what happens in the house in, calls to the outside out.
//!
//! Comes in: the calls of the `utility` world. Goes out: the same calls on a [`Utility`].
//! Deliberately absent: state that is carried from one build to the next, and orders.

use std::marker::PhantomData;

use crate::bindings::strategy::wickd::plugin::params::{Entry, Issue, Spec};
use crate::bindings::strategy::wickd::plugin::types as wit;
use crate::bindings::utility::exports::wickd::plugin::utility_api as api;
use crate::bindings::utility::wickd::plugin::happenings;
use crate::context::Runtime;
use crate::host;
use crate::market::{Bar, Instrument, OrderEvent};
use crate::params::{self, Params};
use crate::seat::Seated;

pub use happenings::{Notice, Severity};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Something the house said.
    Notice(Notice),
    /// A fill of a slot, durable in the journal.
    Fill {
        /// Whose.
        slot: String,
        /// Which.
        event: OrderEvent,
    },
    /// A bar closed.
    Bar(Bar),
}

/// A plugin that hears what happens and may call out: alerts, log formats, monitoring, analytics.
///
/// Its calls may wait: for [`http`](crate::http), for a [`websocket`](crate::websocket), for
/// `std::net`, as far as its manifest requests and the operator grants.
pub trait Utility: Sized {
    /// What an operator can set.
    type Params: Params;

    /// Makes the utility.
    ///
    /// # Errors
    /// What is wrong with which parameter; [`issue`](crate::issue) makes one.
    fn new(params: Self::Params, instruments: Vec<Instrument>) -> Result<Self, Vec<Issue>>;

    /// One event of the kinds the operator lets it hear.
    ///
    /// # Errors
    /// Why it could make nothing of it; told and counted, and the event does not come again.
    fn on_event(&mut self, ctx: &Runtime, event: &Happening) -> Result<(), String>;
}

/// A utility in its seat.
#[doc(hidden)]
pub struct Session<U>(U);

/// The exports of a component whose utility is `U`; named by `export_utility!`.
#[doc(hidden)]
pub struct UtilityGuest<U>(PhantomData<U>);

impl<U: Utility + Seated<Session = Session<U>>> api::Guest for UtilityGuest<U> {
    fn schema() -> Vec<Spec> {
        params::schema::<U::Params>()
    }
    fn init(config: Vec<Entry>, instruments: Vec<wit::Instrument>) -> Result<(), Vec<Issue>> {
        let instruments = instruments.into_iter().map(Into::into).collect();
        U::sit(Session(U::new(params::from_entries(&config)?, instruments)?));
        Ok(())
    }
    fn on_event(event: happenings::Happening) -> Result<(), String> {
        let event = match event {
            happenings::Happening::Notice(notice) => Happening::Notice(notice),
            happenings::Happening::Fill(fill) => {
                Happening::Fill { slot: fill.slot, event: fill.event.into() }
            }
            happenings::Happening::Bar(bar) => Happening::Bar(bar.into()),
        };
        let ctx = Runtime::at(host::now());
        U::lend(|session| session.0.on_event(&ctx, &event)).unwrap_or(Ok(()))
    }
}
