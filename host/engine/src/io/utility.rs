//! One utility: what happens in the house, told to whoever listens.
//!
//! Comes in: bytes to run, happenings. Goes out: calls. Deliberately absent: who is in place and how it
//! comes back, which is the keeper's; what a call does outside, which is the sandbox's and egress's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use wickd_sandbox::io::{Happening, UtilityGuest};

use super::keeper::{Keeper, Parts, at};
use super::told::Counts;
use super::{Do, Inbox};
use crate::events::{Notice, SlotEvent};

/// How long a utility may work through what waits for it at the end, in milliseconds.
const LAST_WORDS_MS: u64 = 2_000;
/// Errors of a generation that are told; further ones are only counted.
const ERRORS_TOLD_MAX: u64 = 16;

/// One utility on its own thread.
pub(crate) struct Utility {
    keeper: Keeper<UtilityGuest>,
    inbox: Arc<Inbox>,
}

/// What woke the thread.
enum Woken {
    Told(Option<Do>),
    Heard(Happening),
    Due,
}

impl Utility {
    pub(crate) fn new(parts: Parts, inbox: Arc<Inbox>) -> Self {
        Self { keeper: Keeper::new(parts), inbox }
    }

    pub(crate) async fn run(mut self, mut orders: UnboundedReceiver<Do>) {
        let inbox = self.inbox.clone();
        loop {
            let (live, due) = (self.keeper.live.is_some(), self.keeper.due());
            let woken = tokio::select! {
                biased;
                order = orders.recv() => Woken::Told(order),
                () = at(due) => Woken::Due,
                happening = inbox.take(), if live => Woken::Heard(happening),
            };
            match woken {
                Woken::Told(None | Some(Do::Stop)) => return self.end().await,
                Woken::Told(Some(Do::Employ(plugin))) => {
                    self.keeper.employ(plugin).await;
                }
                Woken::Due => self.keeper.start().await,
                Woken::Heard(happening) => {
                    // A stop cuts a call short; anything else waits until it has returned.
                    let mut waiting = Vec::new();
                    let stopped = {
                        let mut call = std::pin::pin!(self.hear(&happening));
                        loop {
                            tokio::select! {
                                () = &mut call => break false,
                                order = orders.recv() => match order {
                                    Some(Do::Employ(plugin)) => waiting.push(plugin),
                                    None | Some(Do::Stop) => {
                                        let wait = Duration::from_millis(LAST_WORDS_MS);
                                        // What it had not done by then stays undone.
                                        let _ = timeout(wait, &mut call).await;
                                        break true;
                                    }
                                },
                            }
                        }
                    };
                    if stopped {
                        return self.end().await;
                    }
                    if let Some(plugin) = waiting.pop() {
                        self.keeper.employ(plugin).await;
                    }
                }
            }
        }
    }

    /// Hears what still waits, for as long as there is time.
    async fn end(mut self) {
        let inbox = self.inbox.clone();
        let last = async {
            while self.keeper.live.is_some()
                && let Some(happening) = inbox.try_take()
            {
                self.hear(&happening).await;
            }
        };
        // What was not heard by then is counted as dropped.
        let _ = timeout(Duration::from_millis(LAST_WORDS_MS), last).await;
    }

    /// Tells the live one.
    async fn hear(&mut self, happening: &Happening) {
        let keeper = &mut self.keeper;
        let now = keeper.parts.edges.clock.now_ns();
        let Some(guest) = &mut keeper.live else { return };
        guest.set_now(now);
        Counts::add(&keeper.parts.counts.heard);
        let answer = guest.on_event(happening).await;
        keeper.say_log();
        match answer {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                Counts::add(&keeper.parts.counts.errors);
                keeper.errors += 1;
                if keeper.errors <= ERRORS_TOLD_MAX {
                    let notice = Notice::of(SlotEvent::UtilityError { why });
                    keeper.parts.notices.publish(notice.slot(&keeper.parts.post.name));
                }
            }
            Err(fault) => keeper.failed(fault),
        }
    }
}
