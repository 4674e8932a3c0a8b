//! WebSocket connections: a dialect's session in the middle, faults on what it says.
//!
//! Comes in: an upgraded connection, the client's frames, the engine's events. Goes out: what the
//! session says, harmed as the plan says. Deliberately absent: what any message means.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::header::SEC_WEBSOCKET_KEY;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::engine::{Event, Rng};
use crate::faults::{Fault, Route};
use crate::hub::Hub;
use crate::limits::{Meter, Window};
use crate::server::{HttpResponse, switching};
use crate::{binance, bybit, damage, okx};

/// Bytes of a client's message.
const MESSAGE_MAX: usize = 64 * 1024;
/// Messages that are made of waiting events before they are sent.
const EVENTS_AT_ONCE_MAX: usize = 64;
/// Pings without a pong before the venue hangs up.
const PINGS_MISSED_MAX: u32 = 3;

/// What a session answers to a client's message.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub texts: Vec<String>,
    /// Hang up after that.
    pub close: bool,
}

impl Said {
    pub(crate) fn one(text: impl ToString) -> Self {
        Self { texts: vec![text.to_string()], close: false }
    }

    pub(crate) fn last(text: impl ToString) -> Self {
        Self { texts: vec![text.to_string()], close: true }
    }
}

/// One dialect's side of a connection.
pub(crate) trait Session: Send {
    /// Whether its messages are public or private, for the faults.
    fn route(&self) -> Route;
    /// Messages a client may send per rolling second.
    fn messages_per_s(&self) -> u64;
    /// Answers a client's message.
    fn hear(&mut self, hub: &Hub, text: &str) -> Said;
    /// What the client is to hear of an event.
    fn tell(&mut self, hub: &Hub, event: &Event) -> Vec<String>;
    /// What the client is to hear without an event; asked with every ping.
    fn remind(&mut self, _hub: &Hub) -> Vec<String> {
        Vec::new()
    }
    /// Two messages as one, where the venue may put their rows together.
    fn join(&self, _first: &str, _second: &str) -> Option<String> {
        None
    }
}

/// The session behind a path; `None` where there is none.
pub(crate) fn session(hub: &Hub, path: &str, query: &str) -> Option<Box<dyn Session>> {
    // Binance takes streams in the path, so `/ws/v5/…` would be one of them.
    okx::session(path)
        .or_else(|| bybit::session(path))
        .or_else(|| binance::session(hub, path, query))
}

/// Answers the handshake and runs the session once the connection is upgraded.
pub(crate) fn upgrade(
    hub: Arc<Hub>,
    request: &mut hyper::Request<Incoming>,
    session: Box<dyn Session>,
) -> HttpResponse {
    let key = request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let upgrade = hyper::upgrade::on(request);
    // Events count from the handshake on, so that nothing falls between it and the first read.
    let events = hub.listen();
    tokio::spawn(async move {
        // A client that left during the handshake needs no session.
        let Ok(upgraded) = upgrade.await else { return };
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(MESSAGE_MAX);
        config.max_frame_size = Some(MESSAGE_MAX);
        let stream = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let line = Line { socket, held: None, is_stale: false };
        // Its end, good or bad, is the client's to notice.
        let _ = run(line, &hub, session, events).await;
    });
    switching(&key.unwrap_or_default())
}

/// A connection, with what the faults remember about it.
struct Line {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    held: Option<String>,
    is_stale: bool,
}

async fn run(
    mut line: Line,
    hub: &Hub,
    mut session: Box<dyn Session>,
    mut events: broadcast::Receiver<Arc<Event>>,
) -> Result<(), Error> {
    let mut hang_ups = hub.hang_ups();
    let mut ping = tokio::time::interval(Duration::from_millis(hub.config.ping_ms.max(1)));
    ping.tick().await;
    let mut meter = Meter::default();
    let mut unanswered = 0;
    let mut rng = Rng::new(hub.config.seed);
    loop {
        tokio::select! {
            // The market comes last, or a fast one would starve the rest.
            biased;
            _ = hang_ups.changed() => return line.close(CloseCode::Restart, "restart").await,
            message = line.socket.next() => {
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Pong(_))) => { unanswered = 0; continue }
                    Some(Ok(Message::Ping(_))) => { line.socket.flush().await?; continue }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                    Some(Ok(_)) => continue,
                };
                let limit = session.messages_per_s();
                if meter.charge("", Window::Rolling(1_000), limit, 1, hub.now_ms()).is_over {
                    hub.meter(|meter| meter.charge("ws messages", Window::Rolling(1_000), 0, 1, hub.now_ms()));
                    return line.close(CloseCode::Policy, "Too many requests").await;
                }
                let said = session.hear(hub, &text);
                for text in said.texts {
                    line.socket.send(Message::text(text)).await?;
                }
                if said.close {
                    return line.close(CloseCode::Policy, "").await;
                }
            }
            _ = ping.tick() => {
                if unanswered >= PINGS_MISSED_MAX {
                    return line.close(CloseCode::Policy, "disconnected").await;
                }
                unanswered += 1;
                line.socket.send(Message::Ping(hub.now_ms().to_string().into())).await?;
                for text in session.remind(hub) {
                    line.deliver(hub, session.route(), text).await?;
                }
            }
            event = events.recv() => match event {
                Ok(event) => {
                    let texts = told(hub, &mut *session, &mut events, &event);
                    for text in joined(&*session, &mut rng, texts) {
                        line.deliver(hub, session.route(), text).await?;
                    }
                }
                Err(RecvError::Lagged(_)) => return line.close(CloseCode::Policy, "slow reader").await,
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

/// What is said of an event, and of those that wait behind it.
fn told(
    hub: &Hub,
    session: &mut dyn Session,
    events: &mut broadcast::Receiver<Arc<Event>>,
    event: &Event,
) -> Vec<String> {
    let mut texts = session.tell(hub, event);
    // Behind by more than the channel holds is told by the next read only: it is left to it.
    while texts.len() < EVENTS_AT_ONCE_MAX
        && !events.is_empty()
        && events.len() < EVENTS_AT_ONCE_MAX
    {
        let Ok(event) = events.try_recv() else { break };
        texts.extend(session.tell(hub, &event));
    }
    texts
}

/// Neighbours as one message where the venue may send them so, and a coin says that it does.
fn joined(session: &dyn Session, rng: &mut Rng, texts: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(texts.len());
    for text in texts {
        let both = joined.last().and_then(|last| session.join(last, &text));
        match (both.filter(|_| rng.below(2) == 0), joined.last_mut()) {
            (Some(both), Some(last)) => *last = both,
            _ => joined.push(text),
        }
    }
    joined
}

/// Two messages with the same `names` whose `data` is a list, as one with the rows of both.
pub(crate) fn join_rows(names: &[&str], first: &str, second: &str) -> Option<String> {
    let mut first: Value = serde_json::from_str(first).ok()?;
    let mut second: Value = serde_json::from_str(second).ok()?;
    let alike = names.iter().all(|name| first.get(name) == second.get(name));
    let (rows, more) = (first.get_mut("data")?.as_array_mut()?, second.get_mut("data")?);
    rows.append(more.as_array_mut().filter(|_| alike)?);
    Some(first.to_string())
}

impl Line {
    async fn close(&mut self, code: CloseCode, reason: &'static str) -> Result<(), Error> {
        self.socket.close(Some(CloseFrame { code, reason: reason.into() })).await
    }

    /// Sends a message, or what the plan makes of it.
    async fn deliver(&mut self, hub: &Hub, route: Route, text: String) -> Result<(), Error> {
        if self.is_stale {
            return Ok(());
        }
        let before = self.held.take();
        match hub.faults(|faults| faults.pick(route, &[&text])) {
            Some(Fault::Gap) => {}
            Some(Fault::Stale) => self.is_stale = true,
            Some(Fault::Double) => {
                self.socket.feed(Message::text(text.clone())).await?;
                self.socket.send(Message::text(text)).await?;
            }
            Some(Fault::Reorder) if before.is_none() => self.held = Some(text),
            Some(Fault::Malformed) => self.send(damage::malformed(&text)).await?,
            Some(Fault::NumbersBare) => self.send(damage::numbers_bare(&text)).await?,
            Some(Fault::NumbersQuoted) => self.send(damage::numbers_quoted(&text)).await?,
            Some(Fault::UnknownEnum) => self.send(damage::unknown_enum(&text)).await?,
            Some(Fault::Gzip { .. }) => {
                let bytes = damage::gzip(text.as_bytes());
                self.socket.send(Message::binary(bytes)).await?;
            }
            Some(Fault::Cut) => {
                let frame = text_frame(&text);
                self.raw(&frame[..frame.len() / 2]).await?;
                return Err(Error::ConnectionClosed);
            }
            Some(Fault::Slow { chunk_bytes, every_ms }) => {
                for piece in text_frame(&text).chunks(chunk_bytes) {
                    self.raw(piece).await?;
                    tokio::time::sleep(Duration::from_millis(every_ms)).await;
                }
            }
            // `Faults::plan` lets no other fault onto a socket; a second reordering at once is none.
            Some(_) | None => self.send(text).await?,
        }
        match before {
            Some(before) => self.send(before).await,
            None => Ok(()),
        }
    }

    async fn send(&mut self, text: String) -> Result<(), Error> {
        self.socket.send(Message::text(text)).await
    }

    /// Bytes past the frame layer.
    async fn raw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.socket.flush().await?;
        self.socket.get_mut().write_all(bytes).await?;
        Ok(self.socket.get_mut().flush().await?)
    }
}

/// An unmasked text frame, as a server sends it (RFC 6455 §5.2).
fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        short @ 0..126 => frame.push(short as u8),
        medium @ 126..0x1_0000 => {
            frame.push(126);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(text.as_bytes());
    frame
}
