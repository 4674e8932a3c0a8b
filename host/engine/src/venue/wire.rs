//! The wire: the thread that holds a venue's sockets.
//!
//! Comes in: what the connector wants done. Goes out: answers, frames, openings and closings, each as
//! an [`Input`]. A request's way: grants → the venue's limits → signature → sent, once. Deliberately
//! absent: retries, and any knowledge of what the bytes mean.

mod costs;
mod socket;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, channel};
use wickd_egress::Request;
use wickd_egress::dial::Resolve;
use wickd_egress::http::{Bounds, Http, HttpError};
use wickd_egress::limit::{Grant, Limiter};
use wickd_egress::secret::{SecretError, Slot, Slots};
use wickd_egress::sign::{self, Draft, Moment, Refusal, Signer};
use wickd_egress::tls::{Tls, TlsError};
use wickd_model::PluginName;
use wickd_policy::net::Grants;
use wickd_policy::venue::catalogue::Write;
use wickd_policy::venue::{Endpoint, VenueManifest};
use wickd_sandbox::exchange::nouns;

use super::{Answer, Do, Input, Subject, VenuePlan};
use crate::clock::WallClock;
use crate::edges::Edges;
use crate::plan::Credentials;
use costs::costs;
use socket::End;

/// The venue's clock was not read yet.
const OFFSET_UNKNOWN: i64 = i64::MIN;
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
    /// Somebody else could exchange the file.
    #[error("the credentials cannot be used")]
    Distrust(#[from] wickd_store::Distrust),
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

/// Why a request does not leave.
#[derive(Debug, thiserror::Error)]
enum Unsendable {
    #[error("it has no credentials; set `credentials:` of the venue")]
    NoCredentials,
    #[error(transparent)]
    Refusal(#[from] Refusal),
}

impl Unsendable {
    fn is_breach(&self) -> bool {
        matches!(self, Self::Refusal(refusal) if refusal.is_breach())
    }
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
    signer: Option<Signer>,
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
        let signer = slot.map(|slot| Signer::new(slot, &plan.signing, plan.trade));
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
            signer,
            http: Http::new(edges.names.clone(), tls.clone(), bounds),
            resolver: edges.names.clone(),
            tls,
            limiter: limiter.clone(),
            clock: edges.clock.clone(),
            offset_ms: AtomicI64::new(OFFSET_UNKNOWN),
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

/// What a venue's signer works with: its slot of the credentials; none where it signs nothing.
pub(crate) fn slot(plan: &VenuePlan, credentials: &Credentials) -> Result<Option<Slot>, WireError> {
    let Some(wanted) = &plan.credentials else { return Ok(None) };
    let slots = match credentials {
        Credentials::None => Slots::default(),
        Credentials::File(path) => {
            // A folder that others may write to is theirs to put another file into. That it is not
            // there at all is told better by whoever reads it.
            match wickd_store::trusted_path(path) {
                Err(distrust) if !distrust.is_absent() => return Err(distrust.into()),
                _ => Slots::from_file(path)?,
            }
        }
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
            Do::Request { ticket, request, wait_ms, of } => {
                let (shared, manifest) = (shared.clone(), manifest.clone());
                tokio::task::spawn_local(async move {
                    let answer = match manifest {
                        Some(manifest) => shared.request(&manifest, request, wait_ms, &of).await,
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

impl Shared {
    async fn request(
        &self,
        manifest: &Manifest,
        request: nouns::Request,
        wait_ms: u64,
        of: &Subject,
    ) -> Answer {
        let account = self.signer.as_ref().map_or("", |signer| signer.slot().name().as_str());
        let instrument = of.instrument.map(|id| format!("{account}/{id}"));
        let scopes = (account, instrument.as_deref().unwrap_or(account));
        let costs = match costs(&manifest.venue, &request, scopes) {
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
        let made = match self.made(manifest, &request, of.order.as_ref()) {
            Ok(made) => made,
            Err(why) if why.is_breach() => return Answer::Breach(why.to_string()),
            Err(why) => return Answer::Refused(why.to_string()),
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
        let method = method(request.method);
        match self.http.send(&permit, made).await {
            Ok(response) => {
                if let Some(signer) = self.signer.as_ref().filter(|_| response.status == 200) {
                    let (origin, path) = (destination.origin(), destination.path());
                    signer.answered(origin, method, path, &response.body);
                }
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

    /// The request as it leaves. Whatever an adapter writes, only an order's own request is signed for a
    /// path that trades, only if it says what the order says, and no answer brings a key back.
    fn made(
        &self,
        manifest: &Manifest,
        request: &nouns::Request,
        order: Option<&Write>,
    ) -> Result<Request, Unsendable> {
        let pairs = |pairs: &[nouns::Pair]| -> Vec<(String, String)> {
            pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect()
        };
        let (query, headers) = (pairs(&request.query), pairs(&request.headers));
        let draft = Draft {
            recipe: &request.recipe,
            endpoint: &request.endpoint,
            method: method(request.method),
            path: &request.path,
            query: &query,
            headers: &headers,
            body: request.body.as_bytes(),
            order,
        };
        if request.recipe.is_empty() {
            let mut made = sign::unsigned(&manifest.venue, &draft)?;
            if let Some(signer) = &self.signer {
                made.hide(signer.slot());
            }
            return Ok(made);
        }
        let signer = self.signer.as_ref().ok_or(Unsendable::NoCredentials)?;
        Ok(signer.sign(&manifest.venue, &draft, self.moment())?)
    }

    fn moment(&self) -> Moment {
        // A venue whose clock was read is told its own time, whatever this machine is set to.
        let venue_ms = match self.offset_ms.load(Ordering::Relaxed) {
            OFFSET_UNKNOWN => self.clock.machine_ns() / NS_PER_MS,
            offset_ms => (self.clock.now_ns() / NS_PER_MS).saturating_add_signed(offset_ms),
        };
        Moment {
            venue_ms,
            nonce: self.nonce.fetch_add(1, Ordering::Relaxed),
            recv_ms: self.recv_ms,
        }
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
