//! The listening side: one thread, one small runtime, the routes.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Part, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use serde::Deserialize;
use serde_json::json;
use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};
use tokio::sync::oneshot;
use wickd_engine::{EngineHandle, Refused, Unanswered};
use wickd_model::Digest;

use crate::exit::{Exit, Failure};

/// Longest body taken: every request is a handful of names and numbers.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Wait after the kernel refused an accept (no descriptor left), before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The API while it runs; dropping it ends it and removes the socket.
pub(crate) struct Server {
    path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Listens in a state folder that this process has locked.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub(crate) fn start(state: &Path, engine: EngineHandle) -> Result<Self, Failure> {
        let path = super::socket(state);
        let failed = |error: &std::io::Error| {
            Failure::of(Exit::CannotWrite, format!("cannot listen at {}", path.display()), error)
                .hint("check the state folder's owner and mode")
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let listener = {
            let _inside = runtime.enter();
            listen(state, &path).map_err(|error| failed(&error))?
        };
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    // It only ends by an error of the listener, which retries by itself.
                    _ = axum::serve(Own(listener), routes(engine)) => {}
                    _ = stopped => {}
                }
            });
            // A question under way has its own deadline; the end of the run is its answer.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("api".into())
            .spawn(serve)
            .map_err(|error| failed(&error))?;
        Ok(Self { path, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // One that stays is replaced by the next run.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Binds. Whatever stands there is of an earlier run, because the folder's lock is ours.
fn listen(state: &Path, path: &Path) -> std::io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // An address has room for 108 bytes and a path for 4,096: the folder's descriptor is short.
    let folder = File::open(state)?;
    let short = format!("/proc/self/fd/{}/wickd.sock", folder.as_raw_fd());
    let listener = UnixListener::bind(short)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes only connections of this user and of root.
struct Own(UnixListener);

impl Listener for Own {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) => {
                    let mine = rustix::process::geteuid().as_raw();
                    let uid = stream.peer_cred().map(|peer| peer.uid());
                    if uid.is_ok_and(|uid| uid == mine || uid == 0) {
                        return (stream, address);
                    }
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

fn routes(engine: EngineHandle) -> axum::Router {
    axum::Router::new()
        .route("/v1/slots", get(slots))
        .route("/v1/held", get(held))
        .route("/v1/approve", post(approve))
        .route("/v1/positions", get(positions))
        .route("/v1/venues/{venue}/positions", get(venue_positions))
        .route("/v1/positions/adopt", post(adopt))
        .route("/v1/positions/close", post(close))
        .route("/v1/venues/resume", post(resume))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(engine)
}

async fn slots(State(engine): State<EngineHandle>) -> Response {
    answer(engine, |engine| engine.slots()).await
}

async fn held(State(engine): State<EngineHandle>) -> Response {
    answer(engine, |engine| engine.held()).await
}

/// Which bytes, for which place.
#[derive(serde::Deserialize)]
struct Approval {
    place: String,
    digest: Digest,
}

async fn approve(State(engine): State<EngineHandle>, body: Bytes) -> Response {
    let Ok(Approval { place, digest }) = serde_json::from_slice(&body) else {
        return problem(StatusCode::BAD_REQUEST, "bad-request", "send a place and a digest");
    };
    match tokio::task::spawn_blocking(move || engine.approve(place, digest)).await {
        Ok(Ok(Ok(text))) => Json(json!({ "text": text })).into_response(),
        Ok(Ok(Err(error))) => problem(StatusCode::CONFLICT, "not-approved", &error.to_string()),
        Ok(Err(error)) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "unanswered", &error.to_string())
        }
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "unexpected", "the question failed"),
    }
}

/// Whose position of what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfOwner {
    slot: String,
    instrument: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AVenue {
    venue: String,
}

async fn positions(State(engine): State<EngineHandle>) -> Response {
    told(engine, |engine| engine.owned(None)).await
}

async fn venue_positions(
    State(engine): State<EngineHandle>,
    Part(venue): Part<String>,
) -> Response {
    told(engine, move |engine| engine.owned(Some(venue))).await
}

async fn adopt(State(engine): State<EngineHandle>, body: Bytes) -> Response {
    let Ok(OfOwner { slot, instrument }) = serde_json::from_slice(&body) else { return owner() };
    told(engine, move |engine| engine.adopt(slot, instrument)).await
}

async fn close(State(engine): State<EngineHandle>, body: Bytes) -> Response {
    let Ok(OfOwner { slot, instrument }) = serde_json::from_slice(&body) else { return owner() };
    told(engine, move |engine| engine.close(slot, instrument)).await
}

async fn resume(State(engine): State<EngineHandle>, body: Bytes) -> Response {
    let Ok(AVenue { venue }) = serde_json::from_slice(&body) else {
        return problem(StatusCode::BAD_REQUEST, "bad-request", "send a venue");
    };
    told(engine, move |engine| engine.resume(venue)).await
}

fn owner() -> Response {
    problem(StatusCode::BAD_REQUEST, "bad-request", "send a slot and an instrument")
}

/// As [`answer`], for what may be refused.
async fn told<T: serde::Serialize + Send + 'static>(
    engine: EngineHandle,
    question: impl FnOnce(&EngineHandle) -> Result<T, Refused> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || question(&engine)).await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(Refused::No(text, fix))) => {
            let body = json!({ "code": "refused", "text": text, "fix": fix });
            (StatusCode::CONFLICT, Json(body)).into_response()
        }
        Ok(Err(Refused::Unanswered(error))) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "unanswered", &error.to_string())
        }
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "unexpected", "the question failed"),
    }
}

/// Asks on a thread that may wait, and gives the answer as JSON.
async fn answer<T: serde::Serialize + Send + 'static>(
    engine: EngineHandle,
    question: impl FnOnce(&EngineHandle) -> Result<T, Unanswered> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || question(&engine)).await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(error)) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "unanswered", &error.to_string())
        }
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "unexpected", "the question failed"),
    }
}

/// A refusal: a stable code and one sentence.
fn problem(status: StatusCode, code: &'static str, text: &str) -> Response {
    (status, Json(json!({ "code": code, "text": text }))).into_response()
}
