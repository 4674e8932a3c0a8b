//! The adapter of a venue: one live instance, and the one before it while the new one is young.
//!
//! Comes in: plugins, calls. Goes out: answers and what the adapter said. A failed call goes to the
//! previous instance if there is one, else to a fresh one of the same bytes, as often as the restart
//! budget allows. Sockets and orders belong to the connector, so none of this touches them.
//! Deliberately absent: what the answers mean.

use std::collections::VecDeque;
use std::sync::Arc;

use wickd_model::{Fault, Instrument, Limits, TsNs};
use wickd_policy::params::Setting;
use wickd_sandbox::Runtime;
use wickd_sandbox::exchange::nouns::{Listing, Market};
use wickd_sandbox::exchange::{ExchangeGuest, Said};

use super::convert;
use crate::events::{self, Detail, Event, Notice, Notices, SlotEvent, VenueEvent};
use crate::intake::Plugin;

/// Calls after a swap during which the previous instance is kept.
const PROBATION_CALLS: u32 = 2_000;
/// Failures within a minute, or within so many calls, after which the bytes are given up. A socket that
/// is opened more and more slowly must not stretch them out for ever.
const FAULTS_MAX: usize = 5;
const WINDOW_CALLS: u64 = 1_000;
const WINDOW_NS: u64 = 60_000_000_000;

/// Why an adapter cannot be used.
#[derive(Debug)]
pub(crate) struct Unusable(pub(crate) String);

pub(crate) struct Instance {
    pub(crate) plugin: Arc<Plugin>,
    guest: ExchangeGuest,
    /// Log lines beyond its budget that were told.
    log_dropped: u64,
}

/// The adapters of one venue.
pub(crate) struct Adapter {
    runtime: Runtime,
    limits: Limits,
    settings: Vec<Setting>,
    notices: Notices,
    live: Option<Instance>,
    previous: Option<(Instance, u32)>,
    markets: Vec<Market>,
    /// When, and at which call.
    faults: VecDeque<(TsNs, u64)>,
    calls: u64,
    /// What the last call said.
    pub(crate) said: Vec<Said>,
    /// What the last call said beyond its share; that was dropped.
    pub(crate) dropped: u64,
    turn: Option<Turn>,
    venue: String,
}

/// Who is in place after a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// The one before, with its own mind: the sockets go on making sense.
    Back,
    /// A fresh instance of the same bytes: it knows its markets and nothing else.
    Fresh,
    /// Nobody.
    Gone,
}

impl Adapter {
    pub(crate) fn new(
        runtime: Runtime,
        limits: Limits,
        settings: Vec<Setting>,
        notices: Notices,
        venue: String,
    ) -> Self {
        Self {
            runtime,
            limits,
            settings,
            notices,
            live: None,
            previous: None,
            markets: Vec::new(),
            faults: VecDeque::new(),
            calls: 0,
            said: Vec::new(),
            dropped: 0,
            turn: None,
            venue,
        }
    }

    pub(crate) fn plugin(&self) -> Option<&Arc<Plugin>> {
        self.live.as_ref().map(|live| &live.plugin)
    }

    /// What the failures since the last look have led to.
    pub(crate) fn take_turn(&mut self) -> Option<Turn> {
        self.turn.take()
    }

    fn make(&self, plugin: &Arc<Plugin>) -> Result<Instance, Unusable> {
        let limits = plugin.limits(self.limits);
        let seed = crate::seed_of(&plugin.digest);
        let fault = |fault: Box<Fault>| Unusable(fault.to_string());
        let mut guest = ExchangeGuest::new(&self.runtime, &plugin.loaded, &limits, seed)
            .ok_or_else(|| Unusable("it is no exchange adapter".to_owned()))?
            .map_err(fault)?;
        let config = plugin.schema.resolve(&self.settings).map_err(|problems| {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            Unusable(format!("its parameters do not fit: {first}"))
        })?;
        guest.init(&config).map_err(fault)?.map_err(|issues| {
            let first = issues.first().map(|issue| format!("{}: {}", issue.key, issue.message));
            Unusable(first.unwrap_or_default())
        })?;
        if !self.markets.is_empty() {
            guest.bind(&self.markets).map_err(fault)?;
        }
        Ok(Instance { plugin: plugin.clone(), guest, log_dropped: 0 })
    }

    /// Puts an adapter in place; true where it took over the mind of an earlier one, so that what the
    /// sockets say goes on making sense.
    pub(crate) fn replace(&mut self, plugin: &Arc<Plugin>) -> Result<bool, Unusable> {
        let mut next = self.make(plugin)?;
        let fault = |fault: Box<Fault>| Unusable(fault.to_string());
        let mut carried = false;
        if let Some(old) = &mut self.live {
            // An old one that cannot save leaves a new one that starts afresh.
            let theirs = old.guest.state_version().unwrap_or(0);
            let ours = next.guest.state_version().map_err(fault)?;
            if theirs > 0
                && ours > 0
                && let Ok(state) = old.guest.save()
            {
                carried = next.guest.restore(theirs, &state).map_err(fault)?.is_ok();
            }
        }
        let old = self.live.replace(next);
        self.previous = old.filter(|_| carried).map(|old| (old, PROBATION_CALLS));
        self.faults.clear();
        self.turn = None;
        Ok(carried)
    }

    /// Nobody is in place any more; gives back who was.
    pub(crate) fn unload(&mut self) -> Option<Arc<Plugin>> {
        (self.previous, self.turn) = (None, None);
        self.live.take().map(|live| live.plugin)
    }

    /// Tells the live one its markets, and every later one.
    pub(crate) fn bind(&mut self, markets: Vec<Market>, now: TsNs) -> Option<()> {
        self.markets = markets;
        let markets = self.markets.clone();
        self.call(now, |guest| guest.bind(&markets))
    }

    /// Calls the live one. `None` where it failed and nobody could take over; what it said is in
    /// [`Self::said`] otherwise.
    pub(crate) fn call<R>(
        &mut self,
        now: TsNs,
        call: impl Fn(&mut ExchangeGuest) -> Result<R, Box<Fault>>,
    ) -> Option<R> {
        self.said.clear();
        self.calls += 1;
        loop {
            let live = self.live.as_mut()?;
            live.guest.set_now(now);
            let before = live.guest.dropped();
            match call(&mut live.guest) {
                Ok(answer) => {
                    live.guest.drain(&mut self.said);
                    self.dropped = live.guest.dropped() - before;
                    self.say_log();
                    self.grow_old();
                    return Some(answer);
                }
                Err(fault) => self.failed(fault, now)?,
            }
        }
    }

    /// What it logged is told in its own words.
    fn say_log(&mut self) {
        let Some(live) = &mut self.live else { return };
        let (lines, dropped) = live.guest.take_log();
        let (label, digest) = (live.plugin.label(), live.plugin.digest);
        let about = |notice: Notice| notice.venue(&self.venue).plugin(&label, digest);
        for line in lines {
            self.notices.publish(about(Notice::of(Event::log(line))));
        }
        let before = std::mem::replace(&mut live.log_dropped, dropped);
        if events::is_worth_telling(before, dropped) {
            let lines = dropped;
            self.notices.publish(about(Notice::of(SlotEvent::LogDropped { lines })));
        }
    }

    fn grow_old(&mut self) {
        if let Some((_, left)) = &mut self.previous {
            *left -= 1;
            if *left == 0 {
                self.previous = None;
            }
        }
    }

    /// Puts somebody else in place of one that failed; `None` where there is nobody.
    fn failed(&mut self, fault: Box<Fault>, now: TsNs) -> Option<()> {
        let dead = self.live.take()?;
        let venue = self.venue.clone();
        let event = VenueEvent::AdapterFailed { venue: venue.clone(), fault: fault.clone() };
        let about = |event: VenueEvent, plugin: &Plugin| {
            Notice::of(event).venue(&venue).plugin(plugin.label(), plugin.digest)
        };
        self.notices.publish(about(event, &dead.plugin).detail(Detail::Fault(fault)));
        if let Some((previous, _)) = self.previous.take() {
            let plugin = previous.plugin.label();
            let event = VenueEvent::AdapterRolledBack { venue: venue.clone(), plugin };
            self.notices.publish(about(event, &previous.plugin));
            self.live = Some(previous);
            self.turn = Some(Turn::Back);
            return Some(());
        }
        let calls = self.calls;
        self.faults.push_back((now, calls));
        self.faults.retain(|(at, call)| {
            now.saturating_sub(*at) < WINDOW_NS || calls - call < WINDOW_CALLS
        });
        if self.faults.len() > FAULTS_MAX {
            let event = VenueEvent::AdapterQuarantined { venue: venue.clone() };
            self.notices.publish(about(event, &dead.plugin));
            self.turn = Some(Turn::Gone);
            return None;
        }
        self.live = self.make(&dead.plugin).ok();
        self.turn = Some(if self.live.is_some() { Turn::Fresh } else { Turn::Gone });
        // Its call is not made again: the same bytes would only fail again.
        None
    }
}

/// Why an instrument is not a venue's market.
#[derive(Debug)]
pub(crate) enum Mismatch {
    /// The venue lists none.
    Unlisted,
    /// Its rules are others.
    Differs(String),
}

/// The listing that an instrument names, as a market.
///
/// # Errors
/// The venue does not list it, or under rules that the operator's do not fit.
pub(crate) fn matched(instrument: &Instrument, listings: &[Listing]) -> Result<Market, Mismatch> {
    let listing = listed(instrument, listings).ok_or(Mismatch::Unlisted)?;
    if let Some(wrong) = convert::disagreement(instrument, listing) {
        return Err(Mismatch::Differs(wrong));
    }
    Ok(market(instrument, listing.native.clone(), listing.contract_size.clone()))
}

/// The venue's listing of an instrument.
pub(crate) fn listed<'l>(instrument: &Instrument, listings: &'l [Listing]) -> Option<&'l Listing> {
    let product = convert::product(instrument.product);
    let symbol = format!("{}-{}", instrument.base, instrument.quote);
    listings.iter().find(|listing| listing.symbol == symbol && listing.product == product)
}

/// The market an instrument is, as the adapter is told.
pub(crate) fn market(instrument: &Instrument, native: String, contract_size: String) -> Market {
    Market {
        instrument: instrument.id,
        native,
        product: convert::product(instrument.product),
        base: instrument.base.clone(),
        quote: instrument.quote.clone(),
        price_scale: instrument.price_scale,
        size_scale: instrument.size_scale,
        contract_size,
    }
}
