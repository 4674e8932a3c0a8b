//! One feed: called in rounds, each giving market data from outside.
//!
//! Comes in: bytes to run, the time. Goes out: rounds, and what they gave, to the outlet. Between two
//! rounds the next build takes over. Deliberately absent: who is in place and how it comes back, which
//! is the keeper's; what is market data, which is the outlet's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};
use wickd_sandbox::io::{FeedGuest, Round};

use super::Do;
use super::keeper::{Keeper, Parts, at};
use super::outlet::Outlet;
use super::told::Counts;
use crate::clock::WallClock;
use crate::intake::Plugin;

/// How often it is looked whether an instrument has gone stale, in milliseconds: the shortest silence
/// that can be asked for is of this order.
const LOOK_MS: u64 = 20;
/// Longest wait between two rounds, in milliseconds. A plugin that asks for more could not be told from
/// one that has stopped.
const WAIT_MS_MAX: u64 = 60_000;
/// Shortest wait, in milliseconds: other threads want the processor too.
const WAIT_MS_MIN: u64 = 1;
/// Wait after a round that ended with an error, in milliseconds: a server that is down is asked again
/// soon, and not hammered.
const ERROR_WAIT_MS: u64 = 1_000;
/// Events a feed gives in a millisecond on average; beyond it the next round comes later. A round's
/// share takes a second: one feed's flood must not fill the queue that it shares with the others.
const EVENTS_PER_MS_MAX: u64 = 10;
/// Fuel for which a feed rests a millisecond: about as long as it worked, so it has half a processor.
const FUEL_PER_REST_MS: u64 = 1_000_000;

/// One feed on its own thread.
pub(crate) struct Feed {
    keeper: Keeper<FeedGuest>,
    beside: Beside,
    /// When the live one has its next round.
    next: Option<Instant>,
    round: Round,
}

/// What goes on beside any call: the house gives orders, and instruments go stale.
struct Beside {
    outlet: Outlet,
    orders: UnboundedReceiver<Do>,
    clock: WallClock,
    /// The bytes ordered meanwhile. Of several builds only the last counts.
    ordered: Option<Option<Arc<Plugin>>>,
}

/// What woke the thread.
enum Woken {
    Told(Option<Do>),
    Due,
    Round,
    Look,
}

impl Feed {
    pub(crate) fn new(parts: Parts, outlet: Outlet, orders: UnboundedReceiver<Do>) -> Self {
        let beside = Beside { outlet, orders, clock: parts.edges.clock.clone(), ordered: None };
        Self { keeper: Keeper::new(parts), beside, next: None, round: Round::default() }
    }

    pub(crate) async fn run(mut self) {
        while self.turn().await.is_some() {
            let now = self.beside.clock.now_ns();
            if self.keeper.live.is_none() {
                self.next = None;
                self.beside.outlet.down(now);
            }
            self.beside.outlet.silence(now);
        }
        self.beside.outlet.sum_up();
    }

    /// Does whatever is next; `None` where the house ends.
    async fn turn(&mut self) -> Option<()> {
        let (due, next) = (self.keeper.due(), self.next);
        let woken = match self.beside.ordered.take() {
            Some(plugin) => Woken::Told(Some(Do::Employ(plugin))),
            None => tokio::select! {
                biased;
                order = self.beside.orders.recv() => Woken::Told(order),
                () = at(due) => Woken::Due,
                () = at(next) => Woken::Round,
                () = sleep(Duration::from_millis(LOOK_MS)) => Woken::Look,
            },
        };
        match woken {
            Woken::Told(None | Some(Do::Stop)) => return None,
            Woken::Told(Some(Do::Employ(plugin))) => {
                if self.beside.through(self.keeper.employ(plugin)).await? {
                    self.next = Some(Instant::now());
                }
            }
            Woken::Due => {
                self.beside.through(self.keeper.start()).await?;
                self.next = Some(Instant::now());
            }
            Woken::Round => self.round().await?,
            Woken::Look => {}
        }
        Some(())
    }

    /// One round; `None` where the house ends: what it would have given is not waited for.
    async fn round(&mut self) -> Option<()> {
        let Self { keeper, beside, next, round } = self;
        let Some(guest) = &mut keeper.live else { return Some(()) };
        guest.set_now(beside.clock.now_ns());
        Counts::add(&keeper.parts.counts.rounds);
        let answer = beside.through(guest.run(round)).await?;
        let fuel = guest.fuel_used();
        keeper.say_log();
        let (outlet, by) = (&mut beside.outlet, keeper.plugin.as_ref());
        let events = round.events.len() as u64;
        outlet.publish(round, by, beside.clock.now_ns());
        let asked_ms = match answer {
            Ok(Ok(asked_ms)) => u64::from(asked_ms),
            Ok(Err(why)) => {
                outlet.erred(&why, by);
                ERROR_WAIT_MS
            }
            Err(fault) => {
                keeper.failed(fault);
                return Some(());
            }
        };
        if asked_ms > WAIT_MS_MAX {
            outlet.waits_too_long(WAIT_MS_MAX, by);
        }
        *next = Some(Instant::now() + wait(asked_ms, events, fuel));
        Some(())
    }
}

impl Beside {
    /// Runs `work` to its end, and lives on meanwhile; `None` where the house ends.
    async fn through<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                order = self.orders.recv() => match order {
                    Some(Do::Employ(plugin)) => self.ordered = Some(plugin),
                    None | Some(Do::Stop) => return None,
                },
                () = sleep(Duration::from_millis(LOOK_MS)) => {
                    self.outlet.silence(self.clock.now_ns());
                }
            }
        }
    }
}

/// How long until the next round, after one that asked for so many milliseconds.
fn wait(asked_ms: u64, events: u64, fuel: u64) -> Duration {
    let rest_ms = fuel / FUEL_PER_REST_MS;
    let share_ms = events / EVENTS_PER_MS_MAX;
    let least_ms = WAIT_MS_MIN.max(rest_ms).max(share_ms);
    Duration::from_millis(asked_ms.max(least_ms).min(WAIT_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_waits_as_it_asks_within_what_is_fair_to_others() {
        let ms = |of: Duration| of.as_millis() as u64;
        assert_eq!(ms(wait(250, 3, 40_000)), 250);
        assert_eq!(ms(wait(0, 0, 0)), WAIT_MS_MIN);
        assert_eq!(ms(wait(0, 10_000, 0)), 1_000, "a round's share is a second's");
        assert_eq!(ms(wait(0, 1, 30_000_000)), 30, "it rests as long as it works");
        assert_eq!(ms(wait(u32::MAX.into(), 0, 0)), WAIT_MS_MAX);
        assert_eq!(ms(wait(0, 0, u64::MAX)), WAIT_MS_MAX);
    }
}
