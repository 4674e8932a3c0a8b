//! The sockets of a venue and what flows over them.
//!
//! Comes in: the adapter's plan, openings, closings, data, the time. Goes out: what to open, when to
//! ping, and each instrument's state. Connected is not flowing: a socket whose quotes have stopped is
//! opened anew even while it answers pings. Deliberately absent: bytes.

use wickd_egress::backoff::Backoff;
use wickd_model::{FeedState, InstrumentId, TsNs};
use wickd_sandbox::exchange::nouns::{Channel, ChannelKind, Product, Socket};

use crate::market::Watch;

const NS_PER_MS: u64 = 1_000_000;
/// A socket that does not come up in this time is tried again.
const OPEN_MS_MAX: u64 = 15_000;
/// Stale for so many times `stale_after_ms`: the socket is opened anew.
const STALE_REOPENS: u64 = 2;
/// Shortest time between two calls that keep a socket alive: a beat that is a poll needs no more.
const PING_MS_MIN: u32 = 100;
/// Messages an adapter may send on one socket in a second: venues take about ten, and cut off others.
const TEXTS_PER_S_MAX: u32 = 100;

/// One socket.
pub(crate) struct Link {
    pub(crate) plan: Socket,
    /// Counts its openings.
    pub(crate) epoch: u32,
    pub(crate) state: LinkState,
    backoff: Backoff,
    opened_at: TsNs,
    heard_at: TsNs,
    ping_at: TsNs,
    /// Messages sent since.
    texts: (TsNs, u32),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LinkState {
    /// To be opened at this time.
    Down(TsNs),
    /// The wire was asked to open it.
    Opening,
    Open,
}

/// One instrument as it is heard.
pub(crate) struct Ear {
    pub(crate) instrument: InstrumentId,
    watch: Watch,
    spoke_at: TsNs,
}

/// What the clock has brought about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Open this socket.
    Open(u32),
    /// Time to keep it alive.
    Ping(u32),
    /// It is silent, or what it carries is: close it and open it again.
    Reopen(u32, &'static str),
    /// An instrument changed its state.
    State(InstrumentId, FeedState),
}

/// All sockets of a venue.
pub(crate) struct Links {
    pub(crate) links: Vec<Link>,
    ears: Vec<Ear>,
    pub(crate) channels: Vec<Channel>,
    stale_after_ns: u64,
}

impl Links {
    pub(crate) fn new(instruments: &[InstrumentId], stale_after_ms: u64) -> Self {
        let stale_after_ns = stale_after_ms * NS_PER_MS;
        let ear = |id: &InstrumentId| Ear {
            instrument: *id,
            watch: Watch::new(stale_after_ns),
            spoke_at: 0,
        };
        let ears = instruments.iter().map(ear).collect();
        Self { links: Vec::new(), ears, channels: Vec::new(), stale_after_ns }
    }

    /// Takes a plan in. Sockets that are planned alike stay open; gives the ones to close.
    pub(crate) fn plan(
        &mut self,
        channels: Vec<Channel>,
        sockets: Vec<Socket>,
        now: TsNs,
    ) -> Vec<u32> {
        self.channels = channels;
        let same = self.links.len() == sockets.len()
            && self.links.iter().zip(&sockets).all(|(link, plan)| link.plan == *plan);
        if same {
            return Vec::new();
        }
        let close = (0..self.links.len() as u32).collect();
        // Epochs go on, so that what comes late from an old socket is known as such.
        let epoch = self.links.iter().map(|link| link.epoch).max().unwrap_or(0) + 1;
        let link = |plan| Link {
            plan,
            epoch,
            state: LinkState::Down(now),
            backoff: Backoff::default(),
            opened_at: 0,
            heard_at: 0,
            ping_at: TsNs::MAX,
            texts: (0, 0),
        };
        self.links = sockets.into_iter().map(link).collect();
        close
    }

    /// Whether something of this opening of this socket is to be heard.
    pub(crate) fn is_current(&self, socket: u32, epoch: u32) -> bool {
        self.links.get(socket as usize).is_some_and(|link| link.epoch == epoch)
    }

    pub(crate) fn get(&self, socket: u32) -> Option<&Link> {
        self.links.get(socket as usize)
    }

    pub(crate) fn opening(&mut self, socket: u32, now: TsNs) -> u32 {
        let Some(link) = self.links.get_mut(socket as usize) else { return 0 };
        link.epoch += 1;
        (link.state, link.opened_at) = (LinkState::Opening, now);
        link.epoch
    }

    /// Counts a message on an open socket; false where it is not open, or had its share.
    pub(crate) fn may_say(&mut self, socket: u32, now: TsNs) -> bool {
        let link = self.links.get_mut(socket as usize);
        let Some(link) = link.filter(|link| link.state == LinkState::Open) else { return false };
        if now.saturating_sub(link.texts.0) >= 1_000 * NS_PER_MS {
            link.texts = (now, 0);
        }
        link.texts.1 += 1;
        link.texts.1 <= TEXTS_PER_S_MAX
    }

    pub(crate) fn opened(&mut self, socket: u32, now: TsNs) {
        let Some(link) = self.links.get_mut(socket as usize) else { return };
        (link.state, link.opened_at, link.heard_at) = (LinkState::Open, now, now);
        link.ping_at = ping_at(&link.plan, now);
    }

    /// It is closed: the instruments it carried are down, and it is opened again after a while.
    pub(crate) fn closed(&mut self, socket: u32, now: TsNs, random: u64) -> Vec<InstrumentId> {
        let Some(link) = self.links.get_mut(socket as usize) else { return Vec::new() };
        let lived_ms = match link.state {
            LinkState::Open => now.saturating_sub(link.opened_at) / NS_PER_MS,
            _ => 0,
        };
        let wait_ms = link.backoff.failed(lived_ms, random);
        link.state = LinkState::Down(now + wait_ms * NS_PER_MS);
        link.ping_at = TsNs::MAX;
        let carried: Vec<InstrumentId> = carried(&self.channels, &link.plan).collect();
        let lost = |ear: &&mut Ear| carried.contains(&ear.instrument);
        let mut down = Vec::new();
        for ear in self.ears.iter_mut().filter(lost) {
            if ear.watch.lost().is_some() {
                down.push(ear.instrument);
            }
        }
        down
    }

    /// Bytes came over it.
    pub(crate) fn heard(&mut self, socket: u32, now: TsNs) {
        if let Some(link) = self.links.get_mut(socket as usize) {
            link.heard_at = now;
        }
    }

    /// Prices of an instrument came: true where that made it live.
    pub(crate) fn spoke(&mut self, instrument: InstrumentId, now: TsNs) -> bool {
        let ear = self.ears.iter_mut().find(|ear| ear.instrument == instrument);
        ear.is_some_and(|ear| {
            ear.spoke_at = now;
            ear.watch.spoke(now)
        })
    }

    /// Its sequence is broken: it is stale until prices come again.
    pub(crate) fn broke(&mut self, instrument: InstrumentId) -> bool {
        let ear = self.ears.iter_mut().find(|ear| ear.instrument == instrument);
        ear.is_some_and(|ear| ear.watch.lost().is_some())
    }

    /// All channels of the plan.
    pub(crate) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Which instrument a channel is of.
    pub(crate) fn channel(&self, id: u32) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    /// The product whose session token this socket needs.
    pub(crate) fn session(&self, socket: u32) -> Option<Product> {
        self.get(socket).and_then(|link| link.plan.session)
    }

    /// Everything the clock has brought about by `now`.
    pub(crate) fn due(&mut self, now: TsNs, into: &mut Vec<Due>) {
        for (socket, link) in (0..).zip(&mut self.links) {
            match link.state {
                LinkState::Down(at) if at <= now => into.push(Due::Open(socket)),
                LinkState::Opening if now > link.opened_at + OPEN_MS_MAX * NS_PER_MS => {
                    into.push(Due::Reopen(socket, "it did not open in time"));
                }
                LinkState::Open => {
                    let idle_ns = u64::from(link.plan.idle_ms) * NS_PER_MS;
                    if idle_ns > 0 && now > link.heard_at + idle_ns {
                        into.push(Due::Reopen(socket, "nothing came over it"));
                    } else if now >= link.ping_at {
                        link.ping_at = ping_at(&link.plan, now);
                        into.push(Due::Ping(socket));
                    }
                }
                _ => {}
            }
        }
        for ear in &mut self.ears {
            if ear.watch.silence(now).is_some() {
                into.push(Due::State(ear.instrument, FeedState::Stale));
            }
            if ear.watch.state() == FeedState::Live {
                continue;
            }
            // Stale, broken, or never heard since the socket opened: all the same to who waits.
            let patience = self.stale_after_ns.saturating_mul(STALE_REOPENS);
            let carrying = (0..).zip(&self.links).find(|(_, link)| {
                link.state == LinkState::Open
                    && now > link.opened_at.max(ear.spoke_at).saturating_add(patience)
                    && prices(&self.channels, &link.plan).any(|id| id == ear.instrument)
            });
            if let Some((socket, _)) = carrying {
                into.push(Due::Reopen(socket, "it is connected, and no prices flow"));
            }
        }
    }

    /// When [`Self::due`] has something to say at the latest.
    pub(crate) fn next_due(&self) -> Option<TsNs> {
        let links = self.links.iter().map(|link| match link.state {
            LinkState::Down(at) => at,
            LinkState::Opening => link.opened_at + OPEN_MS_MAX * NS_PER_MS + 1,
            LinkState::Open => {
                let idle_ns = u64::from(link.plan.idle_ms) * NS_PER_MS;
                let dead = if idle_ns > 0 { link.heard_at + idle_ns + 1 } else { TsNs::MAX };
                dead.min(link.ping_at)
            }
        });
        let live = |ear: &&Ear| ear.watch.state() == FeedState::Live;
        let ears = self.ears.iter().filter(live);
        let ears = ears.map(|ear| ear.spoke_at.saturating_add(self.stale_after_ns) + 1);
        links.chain(ears).min()
    }
}

fn ping_at(plan: &Socket, now: TsNs) -> TsNs {
    match plan.ping_ms {
        0 => TsNs::MAX,
        ms => now + u64::from(ms.max(PING_MS_MIN)) * NS_PER_MS,
    }
}

fn carried<'c>(
    channels: &'c [Channel],
    plan: &'c Socket,
) -> impl Iterator<Item = InstrumentId> + 'c {
    let on = move |channel: &&Channel| plan.channels.contains(&channel.id);
    let account = |channel: &&Channel| channel.kind != ChannelKind::Account;
    channels.iter().filter(on).filter(account).map(|channel| channel.instrument)
}

fn prices<'c>(
    channels: &'c [Channel],
    plan: &'c Socket,
) -> impl Iterator<Item = InstrumentId> + 'c {
    let on = move |channel: &&Channel| plan.channels.contains(&channel.id);
    let priced =
        |channel: &&Channel| matches!(channel.kind, ChannelKind::Quotes | ChannelKind::Depth);
    channels.iter().filter(on).filter(priced).map(|channel| channel.instrument)
}
