//! Requests over HTTP, one at a time, answered within bounds.
//!
//! Comes in: a permit and the request it is for. Goes out: a bounded [`Response`], or an error that
//! says whether the request may have arrived. Each plugin has an [`Http`] of its own, so that no two
//! share a connection or a session ticket. Deliberately absent: redirects, proxies, cookies, HTTP/2,
//! and retries: who asked knows what may be asked twice.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, retry};
use tokio::sync::Semaphore;
use wickd_policy::net::{Denial, Host, Origin, Permit, Reach};

use crate::dial::{self, DialError, Resolve};
use crate::request::Request;
use crate::tls::Tls;

/// Most origins whose connections are kept; beyond it all are closed and dialled anew when needed.
const ORIGINS_MAX: usize = 32;
/// Idle connections kept per origin.
const IDLE_MAX: usize = 8;
/// Longest an idle connection is kept, in milliseconds: shorter than the venues' own 60 seconds.
const IDLE_MS_MAX: u64 = 30_000;

/// What one answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// To connect and shake hands, in milliseconds.
    pub connect_ms: u64,
    /// From start to the last byte, in milliseconds.
    pub total_ms: u64,
    /// Of all response headers together, in bytes.
    pub header_bytes: usize,
    /// In number of response headers.
    pub headers: usize,
    /// Of the body after decompression, in bytes.
    pub body_bytes: usize,
    /// Requests of one plugin at once.
    pub in_flight: usize,
}

impl Default for Bounds {
    /// The largest honest answer is Binance's `exchangeInfo`, 4 MiB; the slowest is a few seconds.
    fn default() -> Self {
        Self {
            connect_ms: 3_000,
            total_ms: 10_000,
            header_bytes: 32 << 10,
            headers: 100,
            body_bytes: 16 << 20,
            in_flight: 16,
        }
    }
}

/// An answer. Keys and signatures of its request are struck out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Decompressed.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that lower-case name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// What an answer had too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Headers.
    Headers,
    /// Body.
    Body,
}

/// Why there is no answer. Its text holds neither query nor headers.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// It is not granted; nothing was sent.
    #[error(transparent)]
    Denied(#[from] Box<Denial>),
    /// The permit is for another request; nothing was sent.
    #[error("the permit is for {permitted}, not for {target}")]
    Permit {
        /// What was decided.
        permitted: String,
        /// What was asked.
        target: String,
    },
    /// The plugin has as many requests on their way as it may; nothing was sent.
    #[error("{target}: not sent: {in_flight} requests are on their way already; wait for one")]
    Limit {
        /// Without the query.
        target: String,
        /// The bound.
        in_flight: usize,
    },
    /// No byte of the request left: it is safe to try again.
    #[error("{target}: not sent: {reason}")]
    Unsent {
        /// Without the query.
        target: String,
        /// Why.
        reason: String,
    },
    /// It may have arrived, and its outcome is unknown: ask before doing it again.
    #[error("{target}: no whole answer: {reason}; whether it took effect is unknown")]
    Lost {
        /// Without the query.
        target: String,
        /// Why.
        reason: String,
    },
    /// It was answered with more than is read; whether it took effect is unknown.
    #[error(
        "{target}: the answer's {excess:?} pass {limit} bytes; whether it took effect is unknown"
    )]
    TooLarge {
        /// Without the query.
        target: String,
        /// Of what.
        excess: Excess,
        /// The bound.
        limit: usize,
    },
}

/// One plugin's way to HTTP servers.
pub struct Http {
    resolver: Arc<dyn Resolve>,
    tls: Tls,
    bounds: Bounds,
    turns: Semaphore,
    clients: Mutex<BTreeMap<(String, Origin, bool), Client>>,
}

impl Http {
    /// A way with its own connections.
    pub fn new(resolver: Arc<dyn Resolve>, tls: Tls, bounds: Bounds) -> Self {
        let turns = Semaphore::new(bounds.in_flight);
        Self { resolver, tls, bounds, turns, clients: Mutex::default() }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// See [`HttpError`]. Dropping the future leaves the outcome unknown.
    pub async fn send(&self, permit: &Permit, request: Request) -> Result<Response, HttpError> {
        let target = &request.target;
        let same = permit.target().origin() == target.origin()
            && permit.target().path() == target.path()
            && permit.method() == request.method
            && target.origin().scheme.is_http();
        if !same {
            let permitted = format!("{} {}", permit.method(), permit.target());
            return Err(HttpError::Permit { permitted, target: target.to_string() });
        }
        let Ok(_turn) = self.turns.try_acquire() else {
            let in_flight = self.bounds.in_flight;
            return Err(HttpError::Limit { target: target.to_string(), in_flight });
        };
        // A literal address never meets the resolver.
        if let Host::Address(address) = target.origin().host {
            permit.check(address)?;
        }
        let unsent = |reason: &str| HttpError::Unsent {
            target: target.to_string(),
            reason: reason.to_owned(),
        };
        let client = self.client(permit).map_err(|_| unsent("no client could be built"))?;
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|_| unsent("the method is none"))?;
        let mut sending = client.request(method, target.url());
        for (name, value) in &request.headers {
            sending = sending.header(name.as_str(), value.as_str());
        }
        if !request.body.is_empty() {
            sending = sending.body(request.body.to_vec());
        }
        let answer = sending.send().await.map_err(|error| self.classed(permit, &error))?;
        self.read(permit, &request, answer).await
    }

    async fn read(
        &self,
        permit: &Permit,
        request: &Request,
        mut answer: reqwest::Response,
    ) -> Result<Response, HttpError> {
        let target = &request.target;
        let too_large =
            |excess, limit| HttpError::TooLarge { target: target.to_string(), excess, limit };
        let headers = answer.headers();
        let bytes: usize =
            headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > self.bounds.header_bytes {
            return Err(too_large(Excess::Headers, self.bounds.header_bytes));
        }
        let strike = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            request.hidden.strike(&mut bytes);
            bytes
        };
        let named =
            |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
                (name.as_str().to_owned(), strike(value.as_bytes()))
            };
        let headers: Vec<_> = headers.iter().map(named).collect();
        let status = answer.status().as_u16();
        let mut body = Vec::new();
        // Counted after decompression, piece by piece: a bomb stops at the bound.
        while let Some(piece) =
            answer.chunk().await.map_err(|error| self.classed(permit, &error))?
        {
            if piece.len() > self.bounds.body_bytes - body.len() {
                return Err(too_large(Excess::Body, self.bounds.body_bytes));
            }
            body.extend_from_slice(&piece);
        }
        request.hidden.strike(&mut body);
        Ok(Response { status, headers, body })
    }

    /// The client for a permit's origin and reach. Each is made for one origin, so that its resolver
    /// checks addresses for exactly the grant that is used.
    fn client(&self, permit: &Permit) -> Result<Client, reqwest::Error> {
        let origin = permit.target().origin().clone();
        let key = (permit.plugin().to_string(), origin, permit.reach() == Reach::Private);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls.own())
            .dns_resolver(Checked { resolver: self.resolver.clone(), permit: permit.clone() })
            .redirect(Policy::none())
            .retry(retry::never())
            .no_proxy()
            .http1_only()
            .http1_max_headers(self.bounds.headers)
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_millis(self.bounds.connect_ms))
            .timeout(Duration::from_millis(self.bounds.total_ms))
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_idle_timeout(Duration::from_millis(IDLE_MS_MAX))
            .build()?;
        if clients.len() >= ORIGINS_MAX {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn classed(&self, permit: &Permit, error: &reqwest::Error) -> HttpError {
        let mut source = error.source();
        let (mut reason, mut flood) = (String::new(), false);
        while let Some(cause) = source {
            if let Some(DialError::Denied { address, denial }) = cause.downcast_ref() {
                // The connections of an origin are shared: the denial is told for this request.
                let own = permit.check(*address).err();
                return HttpError::Denied(own.unwrap_or_else(|| denial.clone()));
            }
            flood |=
                cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large);
            // The innermost cause is the one worth telling. None of them holds the URL.
            reason = wickd_model::printable(cause.to_string().as_bytes(), 160);
            source = cause.source();
        }
        let target = permit.target().to_string();
        if flood {
            let limit = self.bounds.header_bytes;
            return HttpError::TooLarge { target, excess: Excess::Headers, limit };
        }
        if reason.is_empty() {
            reason = "the connection broke".to_owned();
        }
        if error.is_timeout() {
            reason = "it took too long".to_owned();
        }
        match error.is_connect() || error.is_builder() {
            true => HttpError::Unsent { target, reason },
            false => HttpError::Lost { target, reason },
        }
    }
}

/// The resolver of one client: what it returns was checked for that client's origin.
struct Checked {
    resolver: Arc<dyn Resolve>,
    permit: Permit,
}

impl reqwest::dns::Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, permit) = (self.resolver.clone(), self.permit.clone());
        Box::pin(async move {
            let host = permit.target().origin().host.to_string();
            if name.as_str() != host {
                return Err(Box::from(DialError::Name(host)));
            }
            let addresses = dial::addresses(resolver.as_ref(), &permit).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
