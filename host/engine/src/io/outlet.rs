//! The edge between a feed and the house: what it gives is told on as market data, or refused.
//!
//! Comes in: rounds, the time. Goes out: market events with the time of their arrival, each
//! instrument's changes of state, notices about what was refused. Deliberately absent: trust, and
//! waiting for anything but the pump.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use wickd_model::{Event, FeedState, FeedStatus, Instrument, InstrumentId, Stamp, TsNs};
use wickd_sandbox::io::{NotGiven, Round, Why};

use super::PluginFeedPlan;
use super::told::Counts;
use crate::denials::Denials;
use crate::events::{Cause, Notices, RefusedEvent};
use crate::intake::Plugin;
use crate::market::Watch;

const NS_PER_MS: u64 = 1_000_000;

/// One feed's way to the pump.
pub(crate) struct Outlet {
    market: SyncSender<Event>,
    ears: Vec<Ear>,
    denials: Denials,
    counts: Arc<Counts>,
}

/// One instrument as it is heard.
struct Ear {
    instrument: InstrumentId,
    symbol: String,
    watch: Watch,
}

impl Outlet {
    pub(crate) fn new(
        plan: &PluginFeedPlan,
        instruments: &[Instrument],
        market: SyncSender<Event>,
        counts: Arc<Counts>,
        notices: Notices,
    ) -> Self {
        let stale_after_ns = plan.stale_after_ms.saturating_mul(NS_PER_MS);
        let ear = |of: &Instrument| Ear {
            instrument: of.id,
            symbol: of.symbol.clone(),
            watch: Watch::new(stale_after_ns),
        };
        let ears = instruments.iter().map(ear).collect();
        Self { market, ears, denials: Denials::of_feed(&plan.post.name, notices), counts }
    }

    /// Tells a round on, and empties it. `by` gave it.
    pub(crate) fn publish(&mut self, round: &mut Round, by: Option<&Arc<Plugin>>, now: TsNs) {
        for refused in round.not_given.drain(..) {
            self.refuse(&refused, by);
        }
        for mut event in round.events.drain(..) {
            event.at_mut().ts_init = now;
            let instrument = event.at().instrument;
            let ear = self.ears.iter_mut().find(|ear| ear.instrument == instrument);
            // The sandbox lets no other pass.
            let Some(ear) = ear else { continue };
            if ear.watch.spoke(now) {
                self.tell(instrument, FeedState::Live, now);
            }
            Counts::add(&self.counts.given);
            self.send(event);
        }
    }

    /// The time has come to `now`: who has not spoken for too long is stale.
    pub(crate) fn silence(&mut self, now: TsNs) {
        for place in 0..self.ears.len() {
            let ear = &mut self.ears[place];
            if ear.watch.silence(now).is_some() {
                let instrument = ear.instrument;
                self.tell(instrument, FeedState::Stale, now);
            }
        }
    }

    /// Nobody gives data any more.
    pub(crate) fn down(&mut self, now: TsNs) {
        for place in 0..self.ears.len() {
            let ear = &mut self.ears[place];
            if ear.watch.lost().is_some() {
                let instrument = ear.instrument;
                self.tell(instrument, FeedState::Down, now);
            }
        }
    }

    /// A round ended with an error value.
    pub(crate) fn erred(&mut self, why: &str, by: Option<&Arc<Plugin>>) {
        Counts::add(&self.counts.errors);
        self.denials.count(by, Cause { target: why, what: RefusedEvent::FeedError {}, times: 1 });
    }

    /// It asks to be left alone for longer than a feed is.
    pub(crate) fn waits_too_long(&mut self, wait_ms_max: u64, by: Option<&Arc<Plugin>>) {
        let what = RefusedEvent::FeedWait { wait_ms_max };
        self.denials.count(by, Cause { target: "rounds", what, times: 1 });
    }

    /// The last word: all counts together.
    pub(crate) fn sum_up(&self) {
        self.denials.sum_up();
    }

    fn refuse(&mut self, refused: &NotGiven, by: Option<&Arc<Plugin>>) {
        let NotGiven { why, instrument, times } = *refused;
        self.counts.refused.fetch_add(times, std::sync::atomic::Ordering::Relaxed);
        let own = self.ears.iter().find(|ear| ear.instrument == instrument);
        let target = match own {
            Some(ear) => ear.symbol.clone(),
            None => format!("instrument {instrument}, which is not of this feed"),
        };
        let cannot = |what: &str| {
            let what = what.to_owned();
            RefusedEvent::MarketData { what, fix: "mend the plugin" }
        };
        let what = match why {
            Why::Foreign => cannot("market data that is not its to give"),
            Why::Quote => cannot("a quote that cannot be: crossed, or not above zero"),
            Why::Trade => cannot("a trade that cannot be: not above zero"),
            Why::Share => RefusedEvent::FeedFlood {},
        };
        self.denials.count(by, Cause { target: &target, what, times });
    }

    fn tell(&self, instrument: InstrumentId, state: FeedState, now: TsNs) {
        let at = Stamp { instrument, seq: 0, ts_event: now, ts_init: now };
        self.send(Event::Feed(FeedStatus { at, state }));
    }

    /// Waits while the pump is behind: then the outside is asked less often, and nothing is dropped.
    /// Where the pump has ended nobody hears.
    fn send(&self, event: Event) {
        let _ = self.market.send(event);
    }
}
