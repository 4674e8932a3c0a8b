//! The wire: the thread that holds a venue's sockets.
//!
//! Comes in: what the connector wants done. Goes out: answers, frames, openings and closings, each as
//! an [`Input`]. A request's way: grants → the venue's limits → signature → sent, once. Deliberately
//! absent: retries, and any knowledge of what the bytes mean.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel};
use wickd_egress::Request;
use wickd_egress::dial::Resolve;
use wickd_egress::http::{Bounds, Http, HttpError};
use wickd_egress::limit::{Cost, Grant, Limiter};
use wickd_egress::secret::{SecretError, Slot, Slots};
use wickd_egress::sign::{self, Draft, Moment};
use wickd_egress::socket::{Frame, Socket, SocketBounds, SocketError};
use wickd_egress::tls::{Tls, TlsError};
use wickd_model::PluginName;
use wickd_policy::net::Grants;
use wickd_policy::venue::{Endpoint, PathClass, Scope, VenueManifest};
use wickd_sandbox::exchange::nouns;

use super::{Answer, Do, Input, VenuePlan};
use crate::clock::WallClock;
use crate::edges::Edges;
use crate::plan::Credentials;

const NS_PER_MS: u64 = 1_000_000;
/// Messages waiting to be sent on one socket; a socket that takes no more is closed.
const TEXTS_MAX: usize = 256;
/// Requests under way at once; what is more waits here, and its time runs.
const REQUESTS_MAX: usize = 64;

/// A venue's wire does not start.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No trust.
    #[error("no secure connection is possible")]
    Tls(#[from] TlsError),
    /// No keys.
    #[error("the credentials cannot be used")]
    Secret(#[from] SecretError),
    /// A slot that is not there.
    #[error("venue {venue}: no credentials `{slot}`; the file has: {there}")]
    NoSlot {
        /// Which venue.
        venue: String,
        /// What was asked for.
        slot: String,
        /// What there is.
        there: String,
    },
    /// No thread.
    #[error("a thread does not start")]
    Thread(#[source] std::io::Error),
}

/// A running wire.
pub(crate) struct Wire {
    pub(crate) orders: UnboundedSender<Do>,
    pub(crate) thread: JoinHandle<()>,
}

/// What every task of a wire shares. All of them run on its one thread.
struct Shared {
    venue: String,
    grants: Grants,
    endpoints: Vec<Endpoint>,
    slot: Option<Slot>,
    http: Http,
    resolver: Arc<dyn Resolve>,
    tls: Tls,
    limiter: Arc<Limiter>,
    clock: WallClock,
    offset_ms: AtomicI64,
    nonce: AtomicU64,
    recv_ms: u32,
    inputs: SyncSender<Input>,
    busy: tokio::sync::Semaphore,
}

/// The manifest of the adapter in place, with the operator's addresses.
struct Manifest {
    plugin: PluginName,
    venue: VenueManifest,
}

impl Wire {
    /// Starts the thread of one venue.
    ///
    /// # Errors
    /// Trust, keys or a thread are missing.
    pub(crate) fn start(
        plan: &VenuePlan,
        credentials: &Credentials,
        inputs: SyncSender<Input>,
        edges: &Edges,
        limiter: &Arc<Limiter>,
    ) -> Result<Self, WireError> {
        let tls = Tls::new(&[])?;
        let slot = slot(plan, credentials)?;
        // They wait here and not there, where one too many would be refused.
        let bounds = Bounds { in_flight: REQUESTS_MAX, ..Bounds::default() };
        // Bounded by who fills it: a request an open order (`open_orders_max`) or a fetch, texts and
        // openings as many as the connector lets an adapter have. It must not wait: the connector
        // takes the answers that make room.
        let (orders, heard) = tokio::sync::mpsc::unbounded_channel();
        let shared = Shared {
            venue: plan.name.clone(),
            grants: plan.network.clone(),
            endpoints: plan.endpoints.clone(),
            slot,
            http: Http::new(edges.names.clone(), tls.clone(), bounds),
            resolver: edges.names.clone(),
            tls,
            limiter: limiter.clone(),
            clock: edges.clock.clone(),
            offset_ms: AtomicI64::new(0),
            nonce: AtomicU64::new(edges.clock.now_ns() / NS_PER_MS),
            recv_ms: u32::try_from(plan.recv_window_ms).unwrap_or(u32::MAX),
            inputs,
            busy: tokio::sync::Semaphore::new(REQUESTS_MAX),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(WireError::Thread)?;
        let thread = std::thread::Builder::new()
            .name(format!("wire-{}", plan.name))
            .spawn(move || {
                tokio::task::LocalSet::new().block_on(&runtime, serve(Rc::new(shared), heard));
            })
            .map_err(WireError::Thread)?;
        Ok(Self { orders, thread })
    }
}

fn slot(plan: &VenuePlan, credentials: &Credentials) -> Result<Option<Slot>, WireError> {
    let Some(wanted) = &plan.credentials else { return Ok(None) };
    let slots = match credentials {
        Credentials::None => Slots::default(),
        Credentials::File(path) => Slots::from_file(path)?,
        Credentials::Systemd(folder) => Slots::from_systemd(folder)?,
    };
    let there: Vec<_> = slots.names().map(ToString::to_string).collect();
    let found = wanted.parse().ok().and_then(|name| slots.take(&name));
    found.map(Some).ok_or_else(|| WireError::NoSlot {
        venue: plan.name.clone(),
        slot: wanted.clone(),
        there: if there.is_empty() { "none".to_owned() } else { there.join(", ") },
    })
}

async fn serve(shared: Rc<Shared>, mut orders: UnboundedReceiver<Do>) {
    let mut manifest: Option<Rc<Manifest>> = None;
    let mut sockets: BTreeMap<u32, Sender<String>> = BTreeMap::new();
    while let Some(order) = orders.recv().await {
        match order {
            Do::Manifest(plugin) => {
                let venue = plugin.manifest.venue.clone().unwrap_or_default();
                let plugin = plugin.manifest.name.clone();
                let venue = readdressed(venue, &shared.endpoints);
                manifest = Some(Rc::new(Manifest { plugin, venue }));
            }
            Do::Request { ticket, request, wait_ms, trades } => {
                let (shared, manifest) = (shared.clone(), manifest.clone());
                tokio::task::spawn_local(async move {
                    let answer = match manifest {
                        Some(manifest) => shared.request(&manifest, request, wait_ms, trades).await,
                        None => Answer::Refused("there is no adapter".to_owned()),
                    };
                    // A connector that has ended needs no answer.
                    let _ = shared.inputs.send(Input::Answer(ticket, answer));
                });
            }
            Do::Open { socket, epoch, plan, path } => {
                let (texts, waiting) = channel(TEXTS_MAX);
                // An earlier one of this number ends with its sender.
                sockets.insert(socket, texts);
                let (shared, manifest) = (shared.clone(), manifest.clone());
                tokio::task::spawn_local(async move {
                    let end = match manifest {
                        Some(manifest) => {
                            shared.socket(&manifest, (socket, epoch), &plan, &path, waiting).await
                        }
                        None => End::Closed("there is no adapter".to_owned()),
                    };
                    let (why, refused) = match end {
                        End::Closed(why) => (why, false),
                        End::Refused(why) => (why, true),
                    };
                    let _ = shared.inputs.send(Input::Closed { socket, epoch, why, refused });
                });
            }
            Do::Text { socket, text } => {
                let taken = sockets.get(&socket).is_some_and(|texts| texts.try_send(text).is_ok());
                if !taken {
                    sockets.remove(&socket);
                }
            }
            Do::Close { socket } => {
                sockets.remove(&socket);
            }
            Do::Offset(ms) => shared.offset_ms.store(ms, Ordering::Relaxed),
            Do::Ban(wait_ms) => {
                shared.limiter.ban(&shared.venue, wait_ms, shared.clock.now_ns());
            }
            Do::Stop => return,
        }
    }
}

/// The manifest with the operator's addresses in place of its own.
fn readdressed(mut venue: VenueManifest, others: &[Endpoint]) -> VenueManifest {
    for endpoint in &mut venue.endpoints {
        if let Some(other) = others.iter().find(|other| other.name == endpoint.name) {
            *endpoint = other.clone();
        }
    }
    venue
}

/// How a socket came to its end.
enum End {
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
    async fn request(
        &self,
        manifest: &Manifest,
        request: nouns::Request,
        wait_ms: u64,
        trades: bool,
    ) -> Answer {
        let costs = match self.costs(manifest, &request) {
            Ok(costs) => costs,
            Err(why) => return Answer::Refused(why),
        };
        // One request at a time is decided on, so that none overtakes another at the limits.
        let Ok(_busy) = self.busy.acquire().await else {
            return Answer::Unsent("the wire has ended".to_owned());
        };
        let now = self.clock.now_ns();
        match self.limiter.reserve(&self.venue, &costs, now, wait_ms * NS_PER_MS) {
            Grant::Now => {}
            Grant::At(at) => tokio::time::sleep(Duration::from_nanos(at - now)).await,
            Grant::Refused(at) => return Answer::Limited(at.saturating_sub(now) / NS_PER_MS),
        }
        // Signed only now: what waited for its turn must not be old when it leaves.
        let made = match self.made(manifest, &request, trades) {
            Ok(made) => made,
            Err(why) => return Answer::Refused(why),
        };
        let destination = match made.destination() {
            Ok(destination) => destination,
            Err(error) => return Answer::Refused(error.to_string()),
        };
        let decided = self.grants.decide(&manifest.plugin, &destination, made.method());
        let permit = match decided {
            Ok(permit) => permit,
            Err(denial) => return Answer::Refused(denial.to_string()),
        };
        match self.http.send(&permit, made).await {
            Ok(response) => {
                let now = self.clock.now_ns();
                let header = |name: &str| response.header(name);
                self.limiter.heard(&self.venue, &costs, response.status, header, now);
                let pair = |(name, value): &(String, Vec<u8>)| nouns::Pair {
                    name: name.clone(),
                    value: String::from_utf8_lossy(value).into_owned(),
                };
                Answer::Response(nouns::Response {
                    status: response.status,
                    headers: response.headers.iter().map(pair).collect(),
                    body: response.body,
                })
            }
            Err(error @ (HttpError::Unsent { .. } | HttpError::Limit { .. })) => {
                Answer::Unsent(error.to_string())
            }
            Err(error @ (HttpError::Denied(_) | HttpError::Permit { .. })) => {
                Answer::Refused(error.to_string())
            }
            Err(error) => Answer::Lost(error.to_string()),
        }
    }

    /// What the request takes out of which bucket: what the adapter says, and never less than one out
    /// of each bucket that counts this machine's address at this endpoint.
    fn costs<'m>(
        &'m self,
        manifest: &'m Manifest,
        request: &nouns::Request,
    ) -> Result<Vec<Cost<'m>>, String> {
        let mut costs: Vec<Cost<'m>> = Vec::new();
        for cost in &request.costs {
            let found = manifest.venue.buckets.iter().find(|bucket| bucket.name == cost.bucket);
            let Some(bucket) = found else {
                let name = wickd_model::printable(cost.bucket.as_bytes(), 64);
                return Err(format!(
                    "the manifest has no bucket `{name}`; add it, or name another"
                ));
            };
            let scope = match bucket.scope {
                Scope::Ip => "",
                _ => self.slot.as_ref().map_or("", |slot| slot.name().as_str()),
            };
            costs.push(Cost { bucket, scope, weight: cost.weight.max(1) });
        }
        for bucket in &manifest.venue.buckets {
            let counts = bucket.scope == Scope::Ip && bucket.endpoints.contains(&request.endpoint);
            if counts && !costs.iter().any(|cost| cost.bucket.name == bucket.name) {
                costs.push(Cost { bucket, scope: "", weight: 1 });
            }
        }
        Ok(costs)
    }

    /// The request as it leaves. Whatever an adapter writes, only an order's own request is signed for a
    /// path that trades, and no answer brings a key back.
    fn made(
        &self,
        manifest: &Manifest,
        request: &nouns::Request,
        trades: bool,
    ) -> Result<Request, String> {
        let pairs = |pairs: &[nouns::Pair]| -> Vec<(String, String)> {
            pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect()
        };
        let query = pairs(&request.query);
        let draft = Draft {
            recipe: &request.recipe,
            endpoint: &request.endpoint,
            method: method(request.method),
            path: &request.path,
            query: &query,
            body: request.body.as_bytes(),
        };
        if request.recipe.is_empty() {
            let headers = pairs(&request.headers);
            let made = sign::unsigned(&manifest.venue, &draft, &headers);
            let mut made = made.map_err(|error| error.to_string())?;
            if let Some(slot) = &self.slot {
                made.hide(slot);
            }
            return Ok(made);
        }
        let typed = |pair: &&nouns::Pair| !pair.name.eq_ignore_ascii_case("content-type");
        if let Some(pair) = request.headers.iter().find(typed) {
            let name = wickd_model::printable(pair.name.as_bytes(), 64);
            return Err(format!("header `{name}` of a signed request is the recipe's; remove it"));
        }
        let class = manifest.venue.recipe(&request.recipe);
        let class = class.and_then(|recipe| recipe.class(draft.method, draft.path));
        if class == Some(PathClass::Trade) && !trades {
            return Err("it was asked a question, and this path trades; build it for orders only"
                .to_owned());
        }
        let Some(slot) = &self.slot else {
            return Err("it has no credentials; set `credentials:` of the venue".to_owned());
        };
        sign::sign(&manifest.venue, slot, &draft, self.moment()).map_err(|e| e.to_string())
    }

    fn moment(&self) -> Moment {
        let now_ms = self.clock.now_ns() / NS_PER_MS;
        Moment {
            venue_ms: now_ms.saturating_add_signed(self.offset_ms.load(Ordering::Relaxed)),
            nonce: self.nonce.fetch_add(1, Ordering::Relaxed),
            recv_ms: self.recv_ms,
        }
    }

    /// Runs one socket to its end; says why it ended.
    async fn socket(
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
        loop {
            let frame = tokio::select! {
                text = texts.recv() => match text {
                    None => return End::Closed("the house closed it".to_owned()),
                    Some(text) => match open.send_text(&text).await {
                        Ok(()) => continue,
                        Err(error) => return error.into(),
                    },
                },
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
                let slot = self.slot.as_ref().ok_or_else(|| {
                    refused(&"it has no credentials; set `credentials:` of the venue")
                })?;
                let draft = Draft {
                    recipe: &plan.login,
                    endpoint: &plan.endpoint,
                    method: "GET",
                    path,
                    query: &[],
                    body: b"",
                };
                let login = sign::login(&manifest.venue, slot, &draft, self.moment());
                Some(login.map_err(|error| refused(&error))?)
            }
        };
        let bounds = SocketBounds::default();
        let opening = Socket::open(self.resolver.as_ref(), &self.tls, &permit, request, bounds);
        let mut socket = opening.await?;
        if let Some(slot) = &self.slot {
            socket.hide(slot);
        }
        if let Some(login) = login {
            socket.login(login).await?;
        }
        Ok(socket)
    }
}

/// As HTTP writes it.
pub(super) fn method(method: nouns::Method) -> &'static str {
    match method {
        nouns::Method::Get => "GET",
        nouns::Method::Post => "POST",
        nouns::Method::Put => "PUT",
        nouns::Method::Delete => "DELETE",
        nouns::Method::Patch => "PATCH",
    }
}
