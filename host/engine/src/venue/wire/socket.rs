//! One WebSocket of a venue, from the first byte to its end.
//!
//! Comes in: a planned socket and the texts for it. Goes out: its opening and frames as [`Input`]s, and how
//! it ended. What a venue counts by connection is counted here: a text waits for its turn while frames
//! are read on.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;
use wickd_egress::limit::{Cost, Grant};
use wickd_egress::sign::{self, Draft};
use wickd_egress::socket::{Frame, Socket, SocketBounds, SocketError};
use wickd_policy::venue::Bucket;
use wickd_sandbox::exchange::nouns;

use super::costs::messages;
use super::{Input, Manifest, NS_PER_MS, Shared, Unsendable};

/// How long a text may wait for the venue's limits, in milliseconds; a socket with more to say than that
/// is opened anew, more and more slowly.
const MESSAGE_WAIT_MS: u64 = 30_000;

/// How a socket came to its end.
pub(super) enum End {
    /// It broke, was closed, or did not open.
    Closed(String),
    /// The house did not let it open, or go on.
    Refused(String),
}

impl From<SocketError> for End {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Denied(_) | SocketError::Permit(_) | SocketError::Text(_) => {
                Self::Refused(error.to_string())
            }
            error => Self::Closed(error.to_string()),
        }
    }
}

impl Shared {
    /// Runs one socket to its end; says why it ended.
    pub(super) async fn socket(
        &self,
        manifest: &Manifest,
        (socket, epoch): (u32, u32),
        plan: &nouns::Socket,
        path: &str,
        mut texts: Receiver<String>,
    ) -> End {
        let mut open = match self.opened(manifest, plan, path).await {
            Ok(open) => open,
            Err(end) => return end,
        };
        if self.inputs.send(Input::Opened { socket, epoch }).is_err() {
            return End::Closed(String::new());
        }
        let limits = messages(&manifest.venue, &plan.endpoint);
        // The connection of this opening, for limits that count by it.
        let connection = format!("{socket}/{epoch}");
        let mut held: Option<(String, Instant)> = None;
        loop {
            let due = held.as_ref().map(|(_, due)| *due);
            let frame = tokio::select! {
                text = texts.recv(), if held.is_none() => match text {
                    None => return End::Closed("the house closed it".to_owned()),
                    Some(text) => {
                        match self.when(&limits, &connection) {
                            Some(due) => held = Some((text, due)),
                            None => {
                                let why = "more messages than the venue takes on one connection";
                                return End::Closed(why.to_owned());
                            }
                        }
                        continue;
                    }
                },
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    let Some((text, _)) = held.take() else { continue };
                    match open.send_text(&text).await {
                        Ok(()) => continue,
                        Err(error) => return error.into(),
                    }
                }
                frame = open.next() => frame,
            };
            let bytes = match frame {
                Ok(Frame::Text(text)) => text.into_bytes(),
                Ok(Frame::Binary(bytes)) => bytes,
                Ok(Frame::Beat) => {
                    if self.inputs.send(Input::Beat { socket, epoch }).is_err() {
                        return End::Closed(String::new());
                    }
                    continue;
                }
                Err(error) => return error.into(),
            };
            let at = self.clock.now_ns();
            if self.inputs.send(Input::Frame { socket, epoch, bytes, at }).is_err() {
                return End::Closed(String::new());
            }
        }
    }

    /// When a message may go out on a connection; none where that is too far away.
    fn when(&self, limits: &[&Bucket], connection: &str) -> Option<Instant> {
        let cost = limits.iter().map(|bucket| Cost { bucket, scope: connection, weight: 1 });
        let costs: Vec<Cost<'_>> = cost.collect();
        let now = self.clock.now_ns();
        match self.limiter.reserve(&self.venue, &costs, now, MESSAGE_WAIT_MS * NS_PER_MS) {
            Grant::Now => Some(Instant::now()),
            Grant::At(at) => Some(Instant::now() + Duration::from_nanos(at - now)),
            Grant::Refused(_) => None,
        }
    }

    async fn opened(
        &self,
        manifest: &Manifest,
        plan: &nouns::Socket,
        path: &str,
    ) -> Result<Socket, End> {
        let refused = |error: &dyn std::fmt::Display| End::Refused(error.to_string());
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let endpoint = manifest.venue.endpoint(&plan.endpoint);
        let endpoint = endpoint.ok_or_else(|| {
            refused(&"the manifest has no such endpoint; add it, or name another")
        })?;
        let request = sign::upgrade(endpoint, path, query).map_err(|error| refused(&error))?;
        let destination = request.destination().map_err(|error| refused(&error))?;
        let permit = self.grants.decide(&manifest.plugin, &destination, "GET");
        let permit = permit.map_err(|denial| refused(&denial))?;
        let login = match plan.login.is_empty() {
            true => None,
            false => {
                let signer =
                    self.signer.as_ref().ok_or_else(|| refused(&Unsendable::NoCredentials))?;
                let draft = Draft {
                    recipe: &plan.login,
                    endpoint: &plan.endpoint,
                    method: "GET",
                    path,
                    query: &[],
                    headers: &[],
                    body: b"",
                    order: None,
                };
                let login = signer.login(&manifest.venue, &draft, self.moment());
                Some(login.map_err(|error| refused(&error))?)
            }
        };
        let bounds = SocketBounds::default();
        let opening = Socket::open(self.resolver.as_ref(), &self.tls, &permit, request, bounds);
        let mut socket = opening.await?;
        if let Some(signer) = &self.signer {
            socket.hide(signer.slot());
        }
        if let Some(login) = login {
            socket.login(login).await?;
        }
        Ok(socket)
    }
}
