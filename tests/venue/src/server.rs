//! HTTP: from a connection to a dialect's answer, through the faults.
//!
//! Comes in: bytes on a TCP connection. Goes out: a dialect's [`Reply`], whole or harmed as the
//! plan says, or an upgraded connection for `socket`. Deliberately absent: TLS and HTTP/2; the
//! venue lives on loopback.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::faults::{Fault, Route, Treatment};
use crate::hub::{Hub, View};
use crate::{binance, bybit, control, damage, okx, plain, socket};

/// Bytes of a request's body; the largest honest one is a few hundred.
const BODY_MAX: usize = 64 * 1024;

/// A request as a dialect sees it.
pub(crate) struct Call {
    pub method: Method,
    pub path: String,
    /// As sent, without the question mark.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    /// A header's text; empty where it is absent or no text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text; empty where it is none.
    pub(crate) fn body_text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

/// An answer as a dialect gives it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl ToString) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }
}

type Body = UnsyncBoxBody<Bytes, Broken>;

/// The connection is to end here.
#[derive(Debug, thiserror::Error)]
#[error("the plan ends this connection")]
pub(crate) struct Broken;

/// Takes connections for ever.
pub(crate) async fn listen(hub: Arc<Hub>, listener: TcpListener) {
    loop {
        // A failed accept is one client's affair; the next one may do better.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let hub = Arc::clone(&hub);
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(Arc::clone(&hub), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            // An error here is a client that left, or a fault that was asked for.
            let _ = connection.await;
        });
    }
}

async fn serve(hub: Arc<Hub>, mut request: Request<Incoming>) -> Result<Response<Body>, Broken> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    if request.headers().contains_key(header::SEC_WEBSOCKET_KEY) {
        return Ok(match socket::session(&hub, &path, &query) {
            Some(session) => socket::upgrade(hub, &mut request, session),
            None => whole(Reply::new(404, "no such socket")),
        });
    }
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(whole(Reply::new(413, "the body is too large"))),
    };
    let call = Call { method: parts.method, path, query, headers: parts.headers, body };
    if call.path.starts_with("/control/") {
        return Ok(whole(control::answer(&hub, &call)));
    }
    let dialect = Dialect::of(&call.path);
    let route = dialect.and_then(|dialect| dialect.route(&call));
    let (Some(dialect), Some(route)) = (dialect, route) else {
        return Ok(whole(Reply::new(404, r#"{"code":-1,"msg":"no such path"}"#)));
    };
    let texts = [call.path.as_str(), call.query.as_str(), call.body_text()];
    let fault = hub.faults(|faults| faults.pick(route, &texts));
    match fault {
        Some(Fault::DropRequest) => Err(Broken),
        Some(Fault::Status { code, accepted, retry_after_s, body }) => {
            if accepted {
                dialect.answer(&hub, &call, Treatment::default());
            }
            let page = "<html><body><h1>Bad gateway</h1></body></html>".to_owned();
            let mut reply = Reply::new(code, body.unwrap_or(page));
            let after = retry_after_s.map(|seconds| ("retry-after", seconds.to_string()));
            reply.headers.extend(after);
            Ok(whole(reply))
        }
        Some(Fault::Hold { done }) => hold(hub, dialect, call, done).await,
        fault => {
            let treatment = fault.as_ref().and_then(Fault::treatment).unwrap_or_default();
            harm(dialect.answer(&hub, &call, treatment), fault)
        }
    }
}

/// Answers when the venue is told to go on. A client that has left by then changes nothing.
async fn hold(
    hub: Arc<Hub>,
    dialect: Dialect,
    call: Call,
    done: bool,
) -> Result<Response<Body>, Broken> {
    let held = tokio::spawn(async move {
        let answer = || dialect.answer(&hub, &call, Treatment::default());
        let early = done.then(answer);
        hub.wait_for_release().await;
        early.unwrap_or_else(answer)
    });
    held.await.map(whole).map_err(|_| Broken)
}

/// Which venue a path belongs to.
#[derive(Clone, Copy)]
enum Dialect {
    Binance,
    Okx,
    Bybit,
    Plain,
}

impl Dialect {
    fn of(path: &str) -> Option<Self> {
        [
            ("/api/v5/", Self::Okx),
            ("/v5/", Self::Bybit),
            ("/api/v3/", Self::Binance),
            ("/fapi/", Self::Binance),
            ("/v1/", Self::Plain),
        ]
        .into_iter()
        .find_map(|(prefix, dialect)| path.starts_with(prefix).then_some(dialect))
    }

    fn route(self, call: &Call) -> Option<Route> {
        match self {
            Self::Binance => binance::route(&call.method, &call.path),
            Self::Okx => okx::route(&call.method, &call.path),
            Self::Bybit => bybit::route(&call.method, &call.path),
            Self::Plain => plain::route(&call.method, &call.path),
        }
    }

    fn answer(self, hub: &Hub, call: &Call, treatment: Treatment) -> Reply {
        let view = View::new(hub, treatment);
        match self {
            Self::Binance => binance::answer(&view, call),
            Self::Okx => okx::answer(&view, call),
            Self::Bybit => bybit::answer(&view, call),
            Self::Plain => plain::answer(&view, call),
        }
    }
}

/// The answer with the fault that the plan has for it.
fn harm(mut reply: Reply, fault: Option<Fault>) -> Result<Response<Body>, Broken> {
    match fault {
        None => {}
        Some(Fault::DropReply) => return Err(Broken),
        Some(Fault::Malformed) => reply.body = damage::malformed(&reply.body),
        Some(Fault::NumbersBare) => reply.body = damage::numbers_bare(&reply.body),
        Some(Fault::NumbersQuoted) => reply.body = damage::numbers_quoted(&reply.body),
        Some(Fault::UnknownEnum) => reply.body = damage::unknown_enum(&reply.body),
        Some(Fault::Gzip { announced }) => {
            let bytes = damage::gzip(reply.body.as_bytes());
            if announced {
                reply.headers.push(("content-encoding", "gzip".to_owned()));
            }
            return Ok(response(&reply, Full::new(bytes.into()).map_err(never).boxed_unsync()));
        }
        Some(Fault::Cut) => return Ok(cut(&reply)),
        Some(Fault::Slow { chunk_bytes, every_ms }) => {
            return Ok(slow(&reply, chunk_bytes, every_ms));
        }
        // `Faults::plan` lets no other fault onto a request, and `serve` did the rest.
        Some(_) => {}
    }
    Ok(whole(reply))
}

fn never(error: Infallible) -> Broken {
    match error {}
}

pub(crate) fn whole(mut reply: Reply) -> Response<Body> {
    let body = Full::new(std::mem::take(&mut reply.body).into()).map_err(never).boxed_unsync();
    response(&reply, body)
}

/// Says how long the body is, sends half of it, and hangs up.
fn cut(reply: &Reply) -> Response<Body> {
    let bytes = Bytes::copy_from_slice(reply.body.as_bytes());
    let half = bytes.slice(..bytes.len() / 2);
    let parts = futures_util::stream::iter([Ok(Frame::data(half)), Err(Broken)]);
    // The first half has to be on its way before the end of the connection overtakes it.
    let parts = futures_util::StreamExt::then(parts, |part| async move {
        if part.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        part
    });
    let mut response = response(reply, StreamBody::new(parts).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    response
}

/// Sends the body in pieces with a pause after each.
fn slow(reply: &Reply, chunk_bytes: usize, every_ms: u64) -> Response<Body> {
    let bytes = Bytes::copy_from_slice(reply.body.as_bytes());
    let pieces = futures_util::stream::unfold(bytes, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        let piece = left.split_to(chunk_bytes.min(left.len()));
        tokio::time::sleep(Duration::from_millis(every_ms)).await;
        Some((Ok::<_, Broken>(Frame::data(piece)), left))
    });
    response(reply, StreamBody::new(pieces).boxed_unsync())
}

fn response(reply: &Reply, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    for (name, value) in &reply.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The `101` that begins a WebSocket.
pub(crate) fn switching(accept: &str) -> Response<Body> {
    let mut response = whole(Reply::new(101, ""));
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

pub(crate) type HttpResponse = Response<Body>;
