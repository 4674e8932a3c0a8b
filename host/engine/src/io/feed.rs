//! One feed: called in rounds, each giving market data from outside.
//!
//! Comes in: bytes to run, the time. Goes out: rounds, and what they gave, to the outlet. Between two
//! rounds the next build takes over. Deliberately absent: who is in place and how it comes back, which
//! is the keeper's; what is market data, which is the outlet's.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};
use wickd_sandbox::io::{FeedGuest, Round};

use super::Do;
use super::keeper::{Keeper, Parts, at};
use super::outlet::Outlet;
use super::told::Counts;

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
    outlet: Outlet,
    /// When the live one has its next round.
    next: Option<Instant>,
    round: Round,
}

/// What woke the thread.
enum Woken {
    Told(Option<Do>),
    Due,
    Round,
    Look,
}

impl Feed {
    pub(crate) fn new(parts: Parts, outlet: Outlet) -> Self {
        Self { keeper: Keeper::new(parts), outlet, next: None, round: Round::default() }
    }

    pub(crate) async fn run(mut self, mut orders: UnboundedReceiver<Do>) {
        loop {
            let (due, next) = (self.keeper.due(), self.next);
            let woken = tokio::select! {
                biased;
                order = orders.recv() => Woken::Told(order),
                () = at(due) => Woken::Due,
                () = at(next) => Woken::Round,
                () = sleep(Duration::from_millis(LOOK_MS)) => Woken::Look,
            };
            match woken {
                Woken::Told(None | Some(Do::Stop)) => break,
                Woken::Told(Some(Do::Employ(plugin))) => {
                    if self.keeper.employ(plugin).await {
                        self.next = Some(Instant::now());
                    }
                }
                Woken::Due => {
                    self.keeper.start().await;
                    self.next = Some(Instant::now());
                }
                Woken::Round => {
                    if self.round(&mut orders).await {
                        break;
                    }
                }
                Woken::Look => {}
            }
            let now = self.keeper.parts.edges.clock.now_ns();
            if self.keeper.live.is_none() {
                self.next = None;
                self.outlet.down(now);
            }
            self.outlet.silence(now);
        }
        self.outlet.sum_up();
    }

    /// One round. True where the house ends: what the round would have given is not waited for.
    async fn round(&mut self, orders: &mut UnboundedReceiver<Do>) -> bool {
        let Self { keeper, outlet, next, round } = self;
        let clock = keeper.parts.edges.clock.clone();
        let Some(guest) = &mut keeper.live else { return false };
        guest.set_now(clock.now_ns());
        Counts::add(&keeper.parts.counts.rounds);
        let mut waiting = Vec::new();
        let answer = {
            let mut call = std::pin::pin!(guest.run(round));
            loop {
                tokio::select! {
                    biased;
                    answer = &mut call => break answer,
                    order = orders.recv() => match order {
                        Some(Do::Employ(plugin)) => waiting.push(plugin),
                        None | Some(Do::Stop) => return true,
                    },
                    () = sleep(Duration::from_millis(LOOK_MS)) => outlet.silence(clock.now_ns()),
                }
            }
        };
        let fuel = guest.fuel_used();
        keeper.say_log();
        let (by, events) = (keeper.plugin.as_ref(), round.events.len() as u64);
        outlet.publish(round, by, clock.now_ns());
        let asked = match answer {
            Ok(Ok(asked)) => asked.into(),
            Ok(Err(why)) => {
                outlet.erred(&why, by);
                ERROR_WAIT_MS
            }
            Err(fault) => {
                keeper.failed(fault);
                0
            }
        };
        if asked > WAIT_MS_MAX {
            outlet.waits_too_long(WAIT_MS_MAX, keeper.plugin.as_ref());
        }
        *next = Some(Instant::now() + wait(asked, events, fuel));
        // Of several builds that came meanwhile only the last counts.
        if let Some(plugin) = waiting.pop()
            && keeper.employ(plugin).await
        {
            *next = Some(Instant::now());
        }
        false
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
