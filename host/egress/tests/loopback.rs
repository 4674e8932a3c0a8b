//! The way out against a server on loopback that misbehaves in every way a venue could.
//!
//! Comes in: a plain TCP listener and a script of bytes per connection. Goes out: that each trick is
//! stopped at its bound, and that what may have arrived is told from what has not. Deliberately
//! absent: TLS, and any wait on the wall clock but the bounds under test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop")]

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use wickd_egress::Request;
use wickd_egress::dial::{Resolve, Resolving};
use wickd_egress::http::{Bounds, Excess, Http, HttpError, Response};
use wickd_egress::socket::{Frame, Socket, SocketBounds, SocketError};
use wickd_egress::tls::Tls;
use wickd_policy::net::{Enforcement, Grants, Permit, Target};
use wickd_policy::yaml::{Problems, parse};

/// Small bounds, so that a test of a bound is short.
const BOUNDS: Bounds = Bounds {
    connect_ms: 1_000,
    total_ms: 30_000,
    header_bytes: 4_096,
    headers: 100,
    body_bytes: 65_536,
    in_flight: 2,
};

/// For the tests of time itself.
const SHORT: Bounds = Bounds { total_ms: 400, ..BOUNDS };

/// Answers names from a list, one list a question.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<Vec<&'static str>>>,
    asked: AtomicUsize,
}

impl Script {
    fn of(answers: &[&[&'static str]]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|answer| answer.to_vec()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Script {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().pop().unwrap_or_default();
        let parsed: Vec<IpAddr> = answer.iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { io::Result::Ok(parsed) })
    }
}

fn permit(grant: &str, url: &str, method: &str) -> Result<Permit, String> {
    let mut problems = Problems::default();
    let node = parse(&format!("[{grant}]"), 4_096).unwrap();
    let grants = Grants::read(&node, Enforcement::Enforce, &mut problems);
    assert!(problems.is_empty(), "{grant}: {:?}", problems.into_sorted());
    let target = Target::parse(url).unwrap();
    grants.decide(&"alerts".parse().unwrap(), &target, method).map_err(|d| d.to_string())
}

fn private(port: u16, scheme: &str, host: &str) -> String {
    format!("{{to: '{scheme}://{host}:{port}', private: true}}")
}

/// A server that takes connections for ever, each by the same script. What it read of each request
/// comes back through the channel.
async fn server<F, R>(script: F) -> (SocketAddr, mpsc::UnboundedReceiver<String>)
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, (heard, hear)) = (listener.local_addr().unwrap(), mpsc::unbounded_channel());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let _ = heard.send(String::from_utf8_lossy(&head).into_owned());
            script(stream).await;
        }
    });
    (address, hear)
}

fn http(resolver: Arc<dyn Resolve>, bounds: Bounds) -> Http {
    Http::new(resolver, Tls::new(&[]).expect("the machine has roots"), bounds)
}

async fn ask(address: SocketAddr, method: &str) -> Result<Response, HttpError> {
    ask_within(BOUNDS, address, method).await
}

async fn ask_within(
    bounds: Bounds,
    address: SocketAddr,
    method: &str,
) -> Result<Response, HttpError> {
    let url = format!("http://127.0.0.1:{}/v1?q=secretquery", address.port());
    let permit = permit(&private(address.port(), "http", "127.0.0.1"), &url, method).unwrap();
    let request = Request::new(Target::parse(&url).unwrap(), method, &[], Vec::new()).unwrap();
    http(Script::of(&[]), bounds).send(&permit, request).await
}

async fn answered(bytes: Vec<u8>) -> Result<Response, HttpError> {
    let bytes = Arc::new(bytes);
    let (address, _hear) = server(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await;
    let outcome = ask(address, "POST").await;
    if let Err(error) = &outcome {
        assert!(!error.to_string().contains("secretquery"), "{error}");
    }
    outcome
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let head = b"HTTP/1.1 201 Created\r\nX-Used: 7\r\nContent-Length: 2\r\n\r\n{}".to_vec();
    let response = answered(head).await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (201, b"{}".as_slice()));
    assert_eq!(response.header("x-used"), Some("7"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let (other, mut hear) = server(|_| async {}).await;
    let head = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{other}/\r\nContent-Length: 0\r\n\r\n"
    );
    let response = answered(head.into_bytes()).await.unwrap();
    assert_eq!(response.status, 307);
    assert!(hear.try_recv().is_err(), "the redirect was followed");
}

#[tokio::test]
async fn a_bomb_stops_at_the_bound_whatever_it_is_packed_in() {
    let zeros = vec![0; 8 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    deflate.write_all(&zeros).unwrap();
    for (name, packed) in [("gzip", gzip.finish().unwrap()), ("deflate", deflate.finish().unwrap())]
    {
        assert!(packed.len() < BOUNDS.body_bytes, "the packed form is within the bound");
        let head = format!("Content-Encoding: {name}\r\nContent-Length: {}\r\n\r\n", packed.len());
        let mut bytes = format!("HTTP/1.1 200 OK\r\n{head}").into_bytes();
        bytes.extend(packed);
        let error = answered(bytes).await.unwrap_err();
        assert!(
            matches!(error, HttpError::TooLarge { excess: Excess::Body, .. }),
            "{name}: {error}"
        );
    }
}

#[tokio::test]
async fn an_endless_body_stops_at_the_bound() {
    let (address, _hear) = server(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut open = stream.write_all(head).await.is_ok();
        while open {
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            open = stream.write_all(chunk.as_bytes()).await.is_ok();
        }
    })
    .await;
    let error = ask(address, "GET").await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { excess: Excess::Body, .. }), "{error}");
}

#[tokio::test]
async fn slow_headers_and_slow_bodies_run_out_of_time_and_are_lost() {
    for head in ["HTTP/1.1 200 OK\r\nX-A: ", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12"] {
        let (address, _hear) = server(move |mut stream| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            // The client gives up; the read then sees the end.
            let _ = stream.read_u8().await;
        })
        .await;
        let error = ask_within(SHORT, address, "POST").await.unwrap_err();
        assert!(matches!(&error, HttpError::Lost { .. }), "{error}");
        assert!(error.to_string().contains("too long"), "{error}");
    }
}

#[tokio::test]
async fn a_flood_of_headers_is_stopped_by_number_and_by_size() {
    let flood = |count: usize, bytes: usize| {
        let lines: String =
            (0..count).map(|n| format!("X-{n}: {}\r\n", "y".repeat(bytes))).collect();
        format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n").into_bytes()
    };
    for (count, bytes) in [(50_000, 1), (101, 1), (40, 200), (1, 2_000_000)] {
        let error = answered(flood(count, bytes)).await.unwrap_err();
        let stopped = matches!(error, HttpError::TooLarge { excess: Excess::Headers, .. });
        assert!(stopped, "{count} of {bytes}: {error}");
    }
    assert!(answered(flood(40, 20)).await.is_ok());
}

#[tokio::test]
async fn a_reply_dropped_after_the_request_was_read_is_lost() {
    let (address, mut hear) = server(|_| async {}).await;
    let error = ask(address, "POST").await.unwrap_err();
    assert!(matches!(&error, HttpError::Lost { .. }), "{error}");
    // Asked once: nothing here tries again by itself.
    assert!(hear.recv().await.unwrap().starts_with("POST /v1?q=secretquery HTTP/1.1\r\n"));
    assert!(hear.try_recv().is_err(), "it was sent twice");
}

#[tokio::test]
async fn a_refused_connection_is_unsent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(address, "POST").await.unwrap_err();
    assert!(matches!(&error, HttpError::Unsent { .. }), "{error}");
}

#[tokio::test]
async fn requests_beyond_the_bound_are_turned_away_and_not_queued() {
    let (address, mut hear) = server(|mut stream| async move {
        let _ = stream.read_u8().await;
    })
    .await;
    let url = format!("http://127.0.0.1:{}/v1", address.port());
    let permit = permit(&private(address.port(), "http", "127.0.0.1"), &url, "GET").unwrap();
    let way = http(Script::of(&[]), SHORT);
    let send = || {
        let request = Request::new(Target::parse(&url).unwrap(), "GET", &[], Vec::new()).unwrap();
        way.send(&permit, request)
    };
    // The first two wait for a server that says nothing; the third does not wait at all.
    let (first, second, third) = tokio::join!(send(), send(), send());
    assert!(matches!(third, Err(HttpError::Limit { in_flight: 2, .. })), "{third:?}");
    assert!(first.is_err() && second.is_err());
    assert!(hear.recv().await.is_some());
    assert!(matches!(send().await, Err(HttpError::Lost { .. })), "the turns came back");
}

#[tokio::test]
async fn garbage_for_an_answer_is_lost() {
    for garbage in [b"\x16\x03\x01".to_vec(), b"SSH-2.0-x\r\n\r\n".to_vec(), vec![0; 4_096]] {
        let error = answered(garbage).await.unwrap_err();
        assert!(matches!(&error, HttpError::Lost { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_turns_private_is_denied_at_the_next_dial() {
    let (address, _hear) = server(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .await;
    })
    .await;
    let url = format!("http://rebind.example:{}/", address.port());
    let request = || Request::new(Target::parse(&url).unwrap(), "GET", &[], Vec::new()).unwrap();
    let send = async |http: &Http, permit: &Permit| http.send(permit, request()).await;

    // With a grant for private addresses the first answer is dialled; metadata after it is not.
    let granted = permit(&private(address.port(), "http", "rebind.example"), &url, "GET").unwrap();
    let script = Script::of(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let way = http(script.clone(), BOUNDS);
    assert_eq!(send(&way, &granted).await.unwrap().status, 200);
    let error = send(&way, &granted).await.unwrap_err();
    assert!(matches!(&error, HttpError::Denied(d) if d.reason.contains("metadata")), "{error}");
    assert_eq!(script.asked.load(Ordering::SeqCst), 2, "each dial asks anew");

    // Without one, no private answer is, alone or among public ones.
    let public =
        permit(&format!("'http://rebind.example:{}'", address.port()), &url, "GET").unwrap();
    for answer in [["127.0.0.1"].as_slice(), &["8.8.8.8", "127.0.0.1"], &["::ffff:127.0.0.1"]] {
        let error = send(&http(Script::of(&[answer]), BOUNDS), &public).await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, HttpError::Denied(_)), "{told}");
        assert!(told.contains("alerts") && told.contains("private: true"), "{told}");
    }
    // A denial names the request at hand, also where the origin's connections are an earlier one's.
    let way = http(Script::of(&[&["127.0.0.1"], &["127.0.0.1"]]), BOUNDS);
    send(&way, &public).await.unwrap_err();
    let other = format!("{url}other");
    let second =
        permit(&format!("'http://rebind.example:{}'", address.port()), &other, "PUT").unwrap();
    let request = Request::new(Target::parse(&other).unwrap(), "PUT", &[], Vec::new()).unwrap();
    let told = way.send(&second, request).await.unwrap_err().to_string();
    assert!(told.contains("PUT") && told.contains("/other"), "{told}");
    let error = send(&http(Script::of(&[&[]]), BOUNDS), &public).await.unwrap_err();
    assert!(matches!(&error, HttpError::Unsent { .. }), "{error}");
}

#[tokio::test]
async fn a_permit_is_for_one_request_only() {
    let (address, mut hear) = server(|_| async {}).await;
    let (port, at) =
        (address.port(), |port: u16, path: &str| format!("http://127.0.0.1:{port}{path}"));
    let permit = permit(&private(port, "http", "127.0.0.1"), &at(port, "/v1"), "GET").unwrap();
    let way = http(Script::of(&[]), BOUNDS);
    for (url, method) in [
        (at(port, "/v2"), "GET"),
        (at(port, "/v1"), "POST"),
        (at(port ^ 1, "/v1"), "GET"),
        (format!("http://localhost:{port}/v1"), "GET"),
        (format!("ws://127.0.0.1:{port}/v1"), "GET"),
    ] {
        let request = Request::new(Target::parse(&url).unwrap(), method, &[], Vec::new()).unwrap();
        let error = way.send(&permit, request).await.unwrap_err();
        assert!(matches!(error, HttpError::Permit { .. }), "{url}: {error}");
    }
    assert!(hear.try_recv().is_err(), "something was sent");
}

/// Runs itself once more with a proxy in the environment, because a process cannot safely set its own.
#[test]
fn a_proxy_in_the_environment_is_ignored() {
    const INNER: &str = "WICKD_EGRESS_BEHIND_PROXY";
    if std::env::var_os(INNER).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(answered(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()));
        assert_eq!(response.unwrap().status, 204);
        return;
    }
    // Nothing listens there: a request through it would fail.
    let proxy = "http://127.0.0.1:1";
    let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", "a_proxy_in_the_environment_is_ignored", "--nocapture"]).env(INNER, "1");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    {
        inner.env(name, proxy);
    }
    for name in ["no_proxy", "NO_PROXY"] {
        inner.env_remove(name);
    }
    let output = inner.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

async fn socket<F, R>(bounds: SocketBounds, script: F) -> Result<Socket, SocketError>
where
    F: FnOnce(tokio_tungstenite::WebSocketStream<TcpStream>) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        if let Ok(stream) = tokio_tungstenite::accept_async(stream).await {
            script(stream).await;
        }
    });
    open(port, bounds).await
}

async fn open(port: u16, bounds: SocketBounds) -> Result<Socket, SocketError> {
    let url = format!("ws://127.0.0.1:{port}/ws");
    let permit = permit(&private(port, "ws", "127.0.0.1"), &url, "GET").unwrap();
    let request = Request::new(Target::parse(&url).unwrap(), "GET", &[], Vec::new()).unwrap();
    let tls = Tls::new(&[]).unwrap();
    Socket::open(Script::of(&[]).as_ref(), &tls, &permit, request, bounds).await
}

#[tokio::test]
async fn a_socket_carries_messages_answers_pings_and_tells_how_it_closed() {
    let mut socket = socket(SocketBounds::default(), |mut stream| async move {
        stream.send(Message::Ping(b"42".to_vec().into())).await.unwrap();
        let pong = stream.next().await.unwrap().unwrap();
        assert_eq!(pong, Message::Pong(b"42".to_vec().into()));
        stream.send(Message::text("after the pong")).await.unwrap();
        let heard = stream.next().await.unwrap().unwrap();
        stream.send(Message::binary(heard.into_data())).await.unwrap();
        let reason = "bye\u{1b}[2J".into();
        let frame = CloseFrame { code: CloseCode::Policy, reason };
        stream.send(Message::Close(Some(frame))).await.unwrap();
        // Held open until the other side has read the close.
        let _ = stream.next().await;
    })
    .await
    .unwrap();
    assert_eq!(socket.next().await.unwrap(), Frame::Beat);
    assert_eq!(socket.next().await.unwrap(), Frame::Text("after the pong".into()));
    socket.send_text("echo").await.unwrap();
    assert_eq!(socket.next().await.unwrap(), Frame::Binary(b"echo".to_vec()));
    let error = socket.next().await.unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, SocketError::Closed { code: 1008, .. }), "{told}");
    assert!(!told.contains('\u{1b}'), "{told:?}");
    assert!(socket.next().await.is_err());
}

#[tokio::test]
async fn a_message_past_the_bound_ends_the_socket() {
    let bounds = SocketBounds { frame_bytes: 1_000, message_bytes: 1_500, ..Default::default() };
    let mut socket = socket(bounds, |mut stream| async move {
        stream.send(Message::text("x".repeat(900))).await.unwrap();
        let _ = stream.send(Message::text("x".repeat(1_001))).await;
        let _ = stream.next().await;
    })
    .await
    .unwrap();
    assert!(matches!(socket.next().await, Ok(Frame::Text(text)) if text.len() == 900));
    assert!(matches!(socket.next().await, Err(SocketError::TooLarge(1_500))));
}

#[tokio::test]
async fn a_socket_does_not_open_on_a_flood_a_redirect_or_silence() {
    let flood = (0..70_000).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let upgrade =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for answer in [
        format!("{upgrade}{flood}\r\n"),
        format!("{upgrade}Sec-WebSocket-Accept: forged\r\n\r\n"),
        "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned(),
        String::new(),
    ] {
        let silent = answer.is_empty();
        let (address, _hear) = server(move |mut stream| {
            let answer = answer.clone();
            async move {
                let _ = stream.write_all(answer.as_bytes()).await;
                if silent {
                    let _ = stream.read_u8().await;
                }
            }
        })
        .await;
        let bounds = SocketBounds { connect_ms: 400, ..Default::default() };
        let outcome =
            tokio::time::timeout(Duration::from_secs(5), open(address.port(), bounds)).await;
        let error = outcome.expect("it gives up by itself").map(|_| ()).unwrap_err();
        assert!(matches!(error, SocketError::Open { .. }), "{error}");
    }
}
