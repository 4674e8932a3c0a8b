//! The WebSocket import, over egress's sockets.
//!
//! Comes in: a URL, headers, messages. Goes out: messages within bounds, or how it ended.
//! Deliberately absent: reconnecting, which is the guest's to decide.

use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use wasmtime::component::Resource;
use wickd_egress::Request;
use wickd_egress::socket::{Frame, Socket, SocketBounds, SocketError};
use wickd_model::printable;

use super::Io;
use super::outside::{Outside, RefusedKind, SOCKETS_MAX};
use crate::bindings::utility::wickd::plugin::websocket::{
    Failure, Header, Host, HostConnection, Message,
};
use crate::cell::Cell;

/// Longest wait for one message, in milliseconds.
const RECEIVE_MS_MAX: u64 = 20_000;
/// Longest explanation handed to a guest, in bytes.
const WHY_BYTES_MAX: usize = 512;

/// What one socket may take: a message must fit into what a call hands over.
const BOUNDS: SocketBounds = SocketBounds {
    connect_ms: 5_000,
    send_ms: 5_000,
    frame_bytes: 1 << 20,
    message_bytes: 1 << 20,
};

/// An open connection, and its place among those the plugin may have.
pub struct Connection {
    socket: Socket,
    _place: OwnedSemaphorePermit,
}

impl Host for Cell<Io> {}

impl HostConnection for Cell<Io> {
    async fn connect(
        &mut self,
        url: String,
        headers: Vec<Header>,
    ) -> wasmtime::Result<Result<Resource<Connection>, Failure>> {
        let outside = self.host.outside.clone();
        Ok(match open(&outside, &url, headers).await {
            Ok(connection) => Ok(self.table.push(connection)?),
            Err(failure) => Err(failure),
        })
    }

    async fn send(
        &mut self,
        connection: Resource<Connection>,
        message: Message,
    ) -> wasmtime::Result<Result<(), Failure>> {
        let socket = &mut self.table.get_mut(&connection)?.socket;
        let sent = match &message {
            Message::Text(text) => socket.send_text(text).await,
            Message::Binary(bytes) => socket.send_binary(bytes).await,
        };
        Ok(sent.map_err(|error| Failure::Closed(error.to_string())))
    }

    async fn receive(
        &mut self,
        connection: Resource<Connection>,
        wait_ms: u32,
    ) -> wasmtime::Result<Result<Option<Message>, Failure>> {
        let until = Duration::from_millis(u64::from(wait_ms).min(RECEIVE_MS_MAX));
        let started = Instant::now();
        let outside = self.host.outside.clone();
        let socket = &mut self.table.get_mut(&connection)?.socket;
        loop {
            let left = until.saturating_sub(started.elapsed());
            match timeout(left, socket.next()).await {
                Err(_) => return Ok(Ok(None)),
                Ok(Ok(Frame::Beat)) => {}
                Ok(Ok(Frame::Text(text))) => return Ok(Ok(Some(Message::Text(text)))),
                Ok(Ok(Frame::Binary(bytes))) => return Ok(Ok(Some(Message::Binary(bytes)))),
                Ok(Err(error)) => {
                    if matches!(error, SocketError::TooLarge(_)) {
                        let what = error.to_string();
                        outside.tell(RefusedKind::Limited, &what, "subscribe to less");
                    }
                    return Ok(Err(Failure::Closed(error.to_string())));
                }
            }
        }
    }

    async fn close(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        // The other side may have gone first.
        let _ = self.table.get_mut(&connection)?.socket.close().await;
        Ok(())
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

async fn open(outside: &Outside, url: &str, headers: Vec<Header>) -> Result<Connection, Failure> {
    let short = |text: String| printable(text.as_bytes(), WHY_BYTES_MAX);
    let permit = outside.permit(url, "GET").map_err(|why| Failure::Denied(short(why)))?;
    let Ok(place) = outside.sockets.clone().try_acquire_owned() else {
        let what = format!("it has {SOCKETS_MAX} WebSockets open");
        outside.tell(RefusedKind::Limited, &what, "close one before opening another");
        return Err(Failure::TooMany(SOCKETS_MAX as u32));
    };
    let headers: Vec<_> = headers.into_iter().map(|of| (of.name, of.value)).collect();
    let request = Request::new(permit.target().clone(), "GET", &headers, Vec::new());
    let request = request.map_err(|error| {
        let what = format!("a WebSocket is refused: {error}");
        outside.tell(RefusedKind::Denied, &what, "mend the plugin");
        Failure::Denied(short(error.to_string()))
    })?;
    let ways = outside.ways().ok_or_else(|| Failure::Denied("there is no way out".to_owned()))?;
    let opening = Socket::open(ways.resolver.as_ref(), &ways.tls, &permit, request, BOUNDS);
    match opening.await {
        Ok(socket) => Ok(Connection { socket, _place: place }),
        Err(SocketError::Denied(denial)) => {
            outside.denied(&denial);
            Err(Failure::Denied(short(denial.to_string())))
        }
        Err(error @ SocketError::Permit(_)) => {
            let what = format!("a WebSocket is refused: {error}");
            outside.tell(RefusedKind::Denied, &what, "start the URL with `wss://` or `ws://`");
            Err(Failure::Denied(short(error.to_string())))
        }
        Err(error) => Err(Failure::Unreachable(short(error.to_string()))),
    }
}
