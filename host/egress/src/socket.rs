//! A WebSocket, read frame by frame within bounds.
//!
//! Comes in: a permit, headers, messages to send. Goes out: messages, pongs already answered, and how
//! it ended. A message is read only when it is asked for, so a slow reader slows its venue and fills no
//! queue. Deliberately absent: reconnecting, keep-alive messages of a venue's own making, and
//! permessage-deflate, which would decompress without a bound.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wickd_model::printable;
use wickd_policy::net::{Denial, Host, Permit};
use zeroize::Zeroizing;

use crate::dial::{self, DialError, Resolve};
use crate::message;
use crate::request::{Hidden, Login, Request};
use crate::secret::Slot;
use crate::tls::Tls;

/// Most bytes waiting to be sent: a venue that does not read gets no more.
const UNSENT_BYTES_MAX: usize = 1 << 20;
/// Bytes read at once.
const READ_BYTES: usize = 16 << 10;
/// Longest reason of a close told on, in bytes (RFC 6455 allows 123).
const REASON_BYTES_MAX: usize = 123;

/// What one socket may take.
#[derive(Clone, Copy, Debug)]
pub struct SocketBounds {
    /// To connect, shake hands and upgrade, in milliseconds.
    pub connect_ms: u64,
    /// To send one message, in milliseconds.
    pub send_ms: u64,
    /// Of one frame, in bytes.
    pub frame_bytes: usize,
    /// Of one message, in bytes.
    pub message_bytes: usize,
}

impl Default for SocketBounds {
    /// The largest honest message is a book snapshot of some hundred KiB.
    fn default() -> Self {
        let (frame_bytes, message_bytes) = (1 << 20, 4 << 20);
        Self { connect_ms: 5_000, send_ms: 5_000, frame_bytes, message_bytes }
    }
}

/// One message of the venue's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A protocol ping, already answered, or a pong: the connection is alive.
    Beat,
}

/// Why a socket does not open, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// It is not granted.
    #[error(transparent)]
    Denied(#[from] Box<Denial>),
    /// The permit is not for opening this socket.
    #[error("the permit is for {0}, not for this socket")]
    Permit(String),
    /// A text that a logged-in socket does not carry; nothing was sent.
    #[error(
        "not sent on a logged-in socket: {0}; send orders as requests, and only words about streams here"
    )]
    Text(&'static str),
    /// It did not open.
    #[error("{target} did not open: {reason}")]
    Open {
        /// Without the query.
        target: String,
        /// Why.
        reason: String,
    },
    /// The venue closed it.
    #[error("closed by the other side with code {code}: {reason}")]
    Closed {
        /// As in RFC 6455 §7.4; 1005 where none was given, 1006 where it just ended.
        code: u16,
        /// The other side's text, bounded and printable.
        reason: String,
    },
    /// A message larger than is read; the socket is of no more use.
    #[error("a message passes {0} bytes")]
    TooLarge(usize),
    /// It broke, or the other side does not keep to the protocol.
    #[error("the socket broke: {0}")]
    Broken(String),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
    target: wickd_policy::net::Target,
    bounds: SocketBounds,
    hidden: Hidden,
    logged_in: bool,
}

impl Socket {
    /// Dials, shakes hands and upgrades. The request is a `GET` of the permit's target without a body.
    ///
    /// # Errors
    /// Denied, or not open within the time.
    pub async fn open(
        resolver: &dyn Resolve,
        tls: &Tls,
        permit: &Permit,
        request: Request,
        bounds: SocketBounds,
    ) -> Result<Self, SocketError> {
        let (target, asked) = (&request.target, permit.target());
        let same = asked.origin() == target.origin() && asked.path() == target.path();
        let opens = permit.method() == "GET" && request.method == "GET" && request.body.is_empty();
        if !same || !opens || !target.origin().scheme.is_socket() {
            return Err(SocketError::Permit(asked.to_string()));
        }
        let wait = Duration::from_millis(bounds.connect_ms);
        let opening = timeout(wait, upgrade(resolver, tls, permit, &request, bounds)).await;
        let late = || SocketError::Open {
            target: asked.to_string(),
            reason: format!("not within {} ms", bounds.connect_ms),
        };
        let stream = opening.unwrap_or_else(|_| Err(late()))?;
        let (target, hidden) = (request.target, request.hidden);
        Ok(Self { stream, target, bounds, hidden, logged_in: false })
    }

    /// The next message. Dropping the future loses none.
    ///
    /// # Errors
    /// How it ended.
    pub async fn next(&mut self) -> Result<Frame, SocketError> {
        let ended = || SocketError::Closed { code: 1006, reason: "the stream ended".to_owned() };
        let message = match self.stream.next().await {
            None => return Err(ended()),
            Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => return Err(ended()),
            Some(message) => message.map_err(|error| self.broken(&error))?,
        };
        match message {
            Message::Text(text) => {
                let mut bytes = text.as_bytes().to_vec();
                self.hidden.strike(&mut bytes);
                let text = String::from_utf8(bytes);
                text.map(Frame::Text).map_err(|_| SocketError::Broken("not UTF-8".to_owned()))
            }
            Message::Binary(bytes) => {
                let mut bytes = bytes.to_vec();
                self.hidden.strike(&mut bytes);
                Ok(Frame::Binary(bytes))
            }
            Message::Ping(_) => {
                // The answer is queued with the ping; it leaves now and not with the next message.
                let wait = Duration::from_millis(self.bounds.send_ms);
                let flushed = timeout(wait, self.stream.flush()).await;
                flushed.map_err(|_| self.late())?.map_err(|error| self.broken(&error))?;
                Ok(Frame::Beat)
            }
            Message::Pong(_) | Message::Frame(_) => Ok(Frame::Beat),
            Message::Close(frame) => Err(closed(frame)),
        }
    }

    /// Sends a text; after a login only one about streams.
    ///
    /// # Errors
    /// [`SocketError::Text`], or it broke, or the other side does not read.
    pub async fn send_text(&mut self, text: &str) -> Result<(), SocketError> {
        if let (true, Some(reason)) = (self.logged_in, message::refused(text)) {
            return Err(SocketError::Text(reason));
        }
        self.send(Message::text(text)).await
    }

    /// Sends bytes; after a login none, because nobody here could say what they are for.
    ///
    /// # Errors
    /// As [`Socket::send_text`].
    pub async fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SocketError> {
        if self.logged_in {
            return Err(SocketError::Text("it is binary"));
        }
        self.send(Message::binary(bytes.to_vec())).await
    }

    /// Sends a protocol ping.
    ///
    /// # Errors
    /// As [`Socket::send_text`].
    pub async fn ping(&mut self) -> Result<(), SocketError> {
        self.send(Message::Ping(Vec::new().into())).await
    }

    /// Sends a login that was signed for this socket's own address; from then on its key and signature
    /// are struck out of what comes back.
    ///
    /// # Errors
    /// It was signed for another socket, or as [`Socket::send_text`].
    pub async fn login(&mut self, login: Login) -> Result<(), SocketError> {
        let (own, signed) = (&self.target, &login.target);
        if own.origin() != signed.origin() || own.path() != signed.path() {
            return Err(SocketError::Permit(signed.to_string()));
        }
        self.hidden.extend(&login.hidden);
        let frame: Zeroizing<String> = login.frame;
        self.logged_in = true;
        self.send(Message::text(frame.as_str())).await
    }

    /// Has a slot's keys struck out of what comes, whoever logged in.
    pub fn hide(&mut self, slot: &Slot) {
        self.hidden.extend(&Hidden::of(slot));
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// As [`Socket::send_text`].
    pub async fn close(&mut self) -> Result<(), SocketError> {
        self.send(Message::Close(None)).await
    }

    async fn send(&mut self, message: Message) -> Result<(), SocketError> {
        let wait = Duration::from_millis(self.bounds.send_ms);
        let sent = timeout(wait, self.stream.send(message)).await;
        sent.map_err(|_| self.late())?.map_err(|error| self.broken(&error))
    }

    fn late(&self) -> SocketError {
        SocketError::Broken(format!("nothing could be sent in {} ms", self.bounds.send_ms))
    }

    fn broken(&self, error: &Error) -> SocketError {
        match error {
            Error::Capacity(_) => SocketError::TooLarge(self.bounds.message_bytes),
            error => SocketError::Broken(printable(error.to_string().as_bytes(), 160)),
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> SocketError {
    let (code, reason) = match frame {
        Some(frame) => {
            let reason = printable(frame.reason.as_bytes(), REASON_BYTES_MAX);
            (frame.code.into(), reason)
        }
        None => (1005, "no reason given".to_owned()),
    };
    SocketError::Closed { code, reason }
}

async fn upgrade(
    resolver: &dyn Resolve,
    tls: &Tls,
    permit: &Permit,
    request: &Request,
    bounds: SocketBounds,
) -> Result<WebSocketStream<Box<dyn Stream>>, SocketError> {
    let origin = permit.target().origin();
    let failed = |reason: String| SocketError::Open {
        target: permit.target().to_string(),
        reason: printable(reason.as_bytes(), 160),
    };
    let wait = Duration::from_millis(bounds.connect_ms);
    let tcp = dial::connect(resolver, permit, wait).await.map_err(|error| match error {
        DialError::Denied { denial, .. } => SocketError::Denied(denial),
        error => failed(error.to_string()),
    })?;
    let stream: Box<dyn Stream> = match origin.scheme.is_tls() {
        false => Box::new(tcp),
        true => {
            let name = match &origin.host {
                Host::Name(name) => ServerName::try_from(name.clone()),
                Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
            };
            let name = name.map_err(|error| failed(error.to_string()))?;
            let connector = TlsConnector::from(Arc::new(tls.own()));
            let tls = connector.connect(name, tcp).await;
            Box::new(tls.map_err(|error| failed(error.to_string()))?)
        }
    };
    let mut upgrade =
        request.target.url().into_client_request().map_err(|e| failed(e.to_string()))?;
    for (name, value) in &request.headers {
        let pair = HeaderName::from_bytes(name.as_bytes()).ok();
        let pair = pair.zip(HeaderValue::from_str(value).ok());
        let (name, value) = pair.ok_or_else(|| failed("an odd header".to_owned()))?;
        // The upgrade's own headers were made above and are not the plugin's to replace.
        if upgrade.headers().contains_key(&name) {
            return Err(failed("a header that is the upgrade's own".to_owned()));
        }
        upgrade.headers_mut().append(name, value);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(UNSENT_BYTES_MAX)
        .max_frame_size(Some(bounds.frame_bytes))
        .max_message_size(Some(bounds.message_bytes));
    let opened = client_async_with_config(upgrade, stream, Some(config)).await;
    let (stream, _) = opened.map_err(|error| failed(error.to_string()))?;
    Ok(stream)
}
