//! Sockets: opened, kept alive, closed, opened again.
//!
//! Comes in: what the clock and the wire say of them. Goes out: what the wire is to do, and feed states.
//! Deliberately absent: when any of it is due, which is `streams`.

use wickd_model::{FeedState, TsNs};
use wickd_sandbox::exchange::nouns::Operation;

use super::{Connector, Purpose};
use crate::events::VenueEvent;
use crate::venue::Do;
use crate::venue::streams::{Due, LinkState};

impl Connector {
    pub(super) fn link_due(&mut self, due: Due, now: TsNs) {
        match due {
            Due::Open(socket) => match self.links.session(socket) {
                Some(product) => {
                    // The state says that it is under way; a late token finds it so.
                    self.links.opening(socket, now);
                    self.ask(Operation::OpenSession(product), Purpose::Session(socket), now);
                }
                None => self.open(socket, now),
            },
            Due::Ping(socket) => {
                self.call_adapter(now, |guest| guest.on_idle(socket));
            }
            Due::Reopen(socket, why) => self.reopen(socket, why, now),
            Due::State(instrument, state) => self.feed(instrument, state, now),
        }
    }

    pub(super) fn open(&mut self, socket: u32, now: TsNs) {
        let epoch = self.links.opening(socket, now);
        let Some(link) = self.links.get(socket) else { return };
        if link.plan.endpoint.is_empty() {
            // A beat: nothing to dial, only `on-idle` at its pace.
            self.links.opened(socket, now);
            return self.call_adapter(now, |guest| guest.on_open(socket));
        }
        let token = self.sessions.get(&socket).map_or("", String::as_str);
        let path = link.plan.path.replace("{session}", token);
        let plan = link.plan.clone();
        let _ = self.parts.wire.send(Do::Open { socket, epoch, plan, path });
    }

    pub(super) fn reopen(&mut self, socket: u32, why: &str, now: TsNs) {
        let _ = self.parts.wire.send(Do::Close { socket });
        self.closed(socket, why, now);
    }

    pub(super) fn closed(&mut self, socket: u32, why: &str, now: TsNs) {
        let Some(link) = self.links.get(socket) else { return };
        let endpoint = link.plan.endpoint.clone();
        let was_open = link.state == LinkState::Open;
        let random = (self.parts.random)();
        for instrument in self.links.closed(socket, now, random) {
            self.books.remove(&instrument);
            self.feed(instrument, FeedState::Down, now);
        }
        if was_open {
            self.tracker.ask_all(now);
            self.compare_soon(now);
            let (venue, why) = (self.name(), why.to_owned());
            self.say(VenueEvent::SocketClosed { venue, endpoint, why });
        }
    }
}
