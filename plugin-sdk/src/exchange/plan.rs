//! Which channel runs on which socket.
//!
//! Comes in: channels, and for each the socket it wants and the name the venue has for it. Goes out:
//! sockets with their channels, the same for the same channels. A plan is part of an adapter's state:
//! a successor takes over the sockets that are open, as they were planned. Deliberately absent:
//! subscribing; every venue has its own words for it.

use super::{Channel, ChannelKind, Failure, Socket, Wire};
use crate::state::{Field, Reader, StateError, fingerprint};

/// Kinds of channels by their number in a state.
const KINDS: [ChannelKind; 6] = [
    ChannelKind::Quotes,
    ChannelKind::Depth,
    ChannelKind::Trades,
    ChannelKind::Bars,
    ChannelKind::Funding,
    ChannelKind::Account,
];

/// A channel with its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Planned {
    /// The place of its socket in the plan.
    pub socket: u32,
    /// What the host asked for.
    pub channel: Channel,
    /// What the venue calls it; empty where nothing is subscribed.
    pub topic: String,
}

/// All channels with their places.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan(Vec<Planned>);

impl Plan {
    /// Lays channels onto sockets, at most `topics_max` on one. `place` says which socket a channel
    /// wants (its list of channels is empty) and its topic.
    ///
    /// # Errors
    /// Whatever `place` says.
    pub fn new(
        channels: &[Channel],
        topics_max: usize,
        mut place: impl FnMut(&Channel) -> Result<(Socket, String), Failure>,
    ) -> Result<(Self, Vec<Socket>), Failure> {
        let (mut sockets, mut planned) = (Vec::<Socket>::new(), Vec::new());
        for channel in channels {
            let (wanted, topic) = place(channel)?;
            let fits = |socket: &Socket| {
                socket.endpoint == wanted.endpoint
                    && socket.path == wanted.path
                    && socket.channels.len() < topics_max
            };
            let at = sockets.iter().position(fits).unwrap_or(sockets.len());
            if at == sockets.len() {
                sockets.push(wanted);
            }
            sockets[at].channels.push(channel.id);
            planned.push(Planned { socket: at as u32, channel: *channel, topic });
        }
        Ok((Self(planned), sockets))
    }

    /// All channels.
    pub fn iter(&self) -> impl Iterator<Item = &Planned> {
        self.0.iter()
    }

    /// The channels of a socket.
    pub fn of(&self, socket: u32) -> impl Iterator<Item = &Planned> {
        self.0.iter().filter(move |planned| planned.socket == socket)
    }

    /// The channel of a topic on a socket.
    pub fn topic(&self, socket: u32, topic: &str) -> Option<&Planned> {
        self.of(socket).find(|planned| planned.topic == topic)
    }

    /// Marks every channel of a socket as stale: what could not be read may have been any of them.
    pub fn stale(&self, wire: &mut Wire, socket: u32, why: &str) {
        self.of(socket).for_each(|planned| wire.gap(planned.channel.id, why));
    }
}

impl Default for Planned {
    fn default() -> Self {
        let channel = Channel { id: 0, instrument: 0, kind: ChannelKind::Quotes, detail: 0 };
        Self { socket: 0, channel, topic: String::new() }
    }
}

impl Field for Planned {
    const LAYOUT: u64 = fingerprint("planned: socket, id, instrument, kind, detail, topic");

    fn write(&self, to: &mut Vec<u8>) {
        let kind = KINDS.iter().position(|kind| *kind == self.channel.kind).unwrap_or_default();
        let channel = self.channel;
        let numbers = [self.socket, channel.id, channel.instrument, kind as u32, channel.detail];
        numbers.iter().for_each(|number| number.write(to));
        self.topic.write(to);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        let mut numbers = [0u32; 5];
        numbers.iter_mut().try_for_each(|number| number.read(from))?;
        let [socket, id, instrument, kind, detail] = numbers;
        let kind = KINDS.get(kind as usize).copied().ok_or(StateError::Value("channel kind"))?;
        (self.socket, self.channel) = (socket, Channel { id, instrument, kind, detail });
        self.topic.read(from)
    }
}

impl Field for Plan {
    const LAYOUT: u64 = <Vec<Planned> as Field>::LAYOUT;

    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Result<(), StateError> {
        self.0.read(from)
    }
}

impl Socket {
    /// A socket without login, session and pings.
    pub fn new(endpoint: &str, path: &str, idle_ms: u32) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            path: path.to_owned(),
            login: String::new(),
            session: None,
            channels: Vec::new(),
            ping_ms: 0,
            idle_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(channels: &[Channel], topics_max: usize) -> (Plan, Vec<Socket>) {
        let place = |channel: &Channel| {
            let path = if channel.kind == ChannelKind::Account { "/private" } else { "/public" };
            Ok((Socket::new("stream", path, 1), format!("t{}", channel.id)))
        };
        Plan::new(channels, topics_max, place).unwrap()
    }

    #[test]
    fn sockets_are_shared_until_they_are_full() {
        let channels: Vec<_> = (0u32..)
            .zip(KINDS)
            .map(|(id, kind)| Channel { id, instrument: 0, kind, detail: id })
            .collect();
        let (plan, sockets) = planned(&channels, 3);
        let carried: Vec<_> = sockets.iter().map(|socket| socket.channels.clone()).collect();
        assert_eq!(carried, [vec![0, 1, 2], vec![3, 4], vec![5]]);
        assert_eq!(plan.topic(1, "t4").unwrap().channel.id, 4);
        assert!(plan.topic(0, "t4").is_none());
    }

    #[test]
    fn a_plan_comes_back_from_a_state_and_other_bytes_do_not_become_one() {
        let channels = KINDS.map(|kind| Channel { id: 7, instrument: 1, kind, detail: 60 });
        let (plan, _) = planned(&channels, 2);
        let mut bytes = Vec::new();
        plan.write(&mut bytes);
        let mut back = Plan::default();
        back.read(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(back, plan);
        assert!(back.read(&mut Reader::new(&bytes[..bytes.len() - 1])).is_err());
        assert_eq!(
            back.read(&mut Reader::new(&[1, 0, 0, 0, 9, 0, 0])),
            Err(StateError::Value("channel kind"))
        );
    }
}
